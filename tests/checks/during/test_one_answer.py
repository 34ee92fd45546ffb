"""A network that ends by giving one answer for almost every row."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks import watch


def run(loss: Any, X: Tensor, y: Tensor, rate: float = 0.05) -> Any:
    """The diagnosis of a short run of a linear network."""
    net = nn.Linear(X.shape[1], 3)
    optimizer = torch.optim.Adam(net.parameters(), rate)
    with watch(net, optimizer, loss, imbalanced=True) as watching:
        for rows in [*torch.randperm(len(X)).split(40)] * 20:
            optimizer.zero_grad()
            loss(net(X[rows]), y[rows]).backward()
            optimizer.step()
    return watching.diagnosis


def levels(diagnosis: Any) -> list[str]:
    """The levels of what is found of collapse, consequences included."""
    found = [each for one in diagnosis.findings for each in (one, *one.consequences)]
    return [each.level for each in found if each.code == "collapse"]


def test_a_weight_with_a_few_zeros_too_many(draw: Any) -> None:
    X = draw(400, 4)
    y = torch.bucketize(X[:, 0] + 1.5 * draw(400), torch.tensor([-0.6, 0.6]))
    found = run(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1.0, 1e4])), X, y)
    assert levels(found) == ["fault"]


def test_the_commonest_class_where_little_can_be_foretold(draw: Any) -> None:
    X = draw(400, 4)
    y = torch.bucketize(X[:, 0] + 1.5 * draw(400), torch.tensor([1.9, 3.0]))
    assert levels(run(nn.CrossEntropyLoss(), X, y)) in ([], ["note"])


def test_answers_of_every_class_are_right(draw: Any, classes: Any) -> None:
    X = draw(400, 4)
    assert levels(run(nn.CrossEntropyLoss(), X, classes(X))) == []
