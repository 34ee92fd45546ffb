"""Whether the class weights of a loss stand with the wrong classes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks import check
from netwright.checks.before.weighing import weights_in_order, weights_of

CROSS = nn.CrossEntropyLoss
COUNTS = (200, 60, 20)


def labels(*counts: int) -> Tensor:
    y = torch.cat([torch.full((count,), place) for place, count in enumerate(counts)])
    return y[torch.randperm(len(y), generator=torch.Generator().manual_seed(0))]


def inverse(*counts: int) -> Tensor:
    return sum(counts) / (len(counts) * torch.tensor(counts, dtype=torch.float32))


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0), (2, 0, 1)], ids=str)
def test_weights_in_a_wrong_order(order: tuple[int, ...], one: Any, ask: Any, net: Any, draw: Any) -> None:
    X, y, weights = draw(280, 4), labels(*COUNTS), inverse(*COUNTS)
    found = one(weights_in_order, net(4, 3), CROSS(weight=weights[list(order)]), (X, y))
    assert (found.code, found.level) == ("class-imbalance", "fault")
    assert found.evidence["counts"] == list(COUNTS)
    assert found.remedy.value == pytest.approx(weights.tolist(), abs=1e-3)
    assert not ask(weights_in_order, net(4, 3), CROSS(weight=weights), (X, y))


def test_weights_that_are_the_frequencies(one: Any, ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(280, 4), labels(*COUNTS)
    found = one(weights_in_order, net(4, 3), CROSS(weight=1 / inverse(*COUNTS)), (X, y))
    assert (found.code, found.level) == ("class-imbalance", "fault")
    assert "which has 200 rows, 10 times as much as class 2, which has 20: its weights grow" in found.seen
    assert found.remedy.value == pytest.approx(inverse(*COUNTS).tolist(), abs=1e-3)
    assert not ask(weights_in_order, net(4, 3), CROSS(weight=torch.tensor([3.0, 2.0, 1.0])), (X, y))  # a cost


def test_two_classes_swapped(one: Any, ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(300, 4), labels(275, 25)
    weights = torch.tensor([1 / 0.0816, 1 / 0.9184])  # of all rows, of which these are some
    last = nn.LogSoftmax(1)
    found = one(weights_in_order, net(4, 2, last=last), nn.NLLLoss(weights), (X, y))
    assert "weighs class 0, which has 275 rows, 11.3 times as much as class 1" in found.seen
    assert not ask(weights_in_order, net(4, 2, last=last), nn.NLLLoss(weights.flip(0)), (X, y))
    assert [each.code for each in check(net(4, 2, last=last), nn.NLLLoss(weights), None, (X, y)).faults] == [
        "class-imbalance"
    ]


def test_one_output(one: Any, ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(300, 4), labels(270, 30).float()[:, None]
    swapped = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(30 / 270))
    assert one(weights_in_order, net(4, 1), swapped, (X, y)).level == "fault"
    assert not ask(weights_in_order, net(4, 1), nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9.0)), (X, y))


def test_classes_of_steps(one: Any, ask: Any, draw: Any) -> None:
    X, y = draw(40, 3, 7), labels(*COUNTS).view(40, 7)
    for weights, wrong in ((inverse(*COUNTS), False), (inverse(*COUNTS).flip(0), True)):
        found = ask(weights_in_order, nn.Conv1d(3, 3, 1), CROSS(weight=weights), (X, y))
        assert bool(found) == wrong


def test_other_weights_may_have_their_reasons(ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(280, 4), labels(*COUNTS)
    for weights in ([1.0, 1.0, 1.0], [40.0, 1.0, 1.0], [5.0, 1.0, 1.0], [1.0, 3.0, 9.0]):
        assert not ask(weights_in_order, net(4, 3), CROSS(weight=torch.tensor(weights)), (X, y))
    roots = inverse(*COUNTS).sqrt()
    assert not ask(weights_in_order, net(4, 3), CROSS(weight=roots), (X, y))
    assert not ask(weights_in_order, net(4, 3), CROSS(weight=inverse(100, 90, 90).flip(0)), (X, labels(100, 90, 90)))


def test_losses_that_have_no_class_weights(ask: Any, context: Any, net: Any, draw: Any) -> None:
    X, y = draw(280, 4), labels(*COUNTS)

    def shifted(z: Tensor, t: Tensor) -> Tensor:
        return functional.cross_entropy(z + (torch.tensor(COUNTS) / 280).log(), t)

    for loss in (CROSS(label_smoothing=0.1), shifted, nn.MultiMarginLoss()):
        assert not ask(weights_in_order, net(4, 3), loss, (X, y))
    assert not ask(weights_in_order, net(4, 1), nn.MSELoss(), (X, y.float()[:, None]))
    program = context(net(4, 3), CROSS(weight=inverse(*COUNTS)), (X, y))
    told = weights_of(program, torch.arange(3))
    assert (told / told[0]).tolist() == pytest.approx((inverse(*COUNTS) / inverse(*COUNTS)[0]).tolist(), rel=1e-4)
