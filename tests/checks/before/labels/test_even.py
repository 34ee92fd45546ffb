"""Questions to labels: are classes of even number, or is their difference evened out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

from netwright.checks.before.labels import even

CROSS, LOGITS, SQUARES = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()


def uneven(n: int, few: int) -> Any:
    """Labels of which so few are 1."""
    return (torch.arange(n) < few).long()


def test_a_class_that_is_hardly_there(one: Any, net: Any, draw: Any) -> None:
    y = uneven(400, 5)
    found = one(even, net(4, 2), CROSS, (draw(400, 4), y))
    assert (found.code, found.level) == ("class-imbalance", "fault")
    assert found.evidence == {"ratio": pytest.approx(395 / 5), "smallest_class": 1}
    assert (found.remedy.object, found.remedy.argument) == ("loss", "class_weights")
    weights = [400 / (2 * int(count)) for count in y.bincount()]
    assert found.remedy.value == pytest.approx(weights, abs=1e-3)


def test_one_output_of_logits(one: Any, net: Any, draw: Any) -> None:
    found = one(even, net(4, 1), LOGITS, (draw(400, 4), uneven(400, 5)[:, None].float()))
    assert (found.code, found.level, found.evidence["ratio"]) == ("class-imbalance", "fault", pytest.approx(79))


def test_one_output_of_probabilities(one: Any, net: Any, draw: Any) -> None:
    module = net(4, 1, last=nn.Sigmoid())
    assert one(even, module, nn.BCELoss(), (draw(400, 4), uneven(400, 5)[:, None].float())).level == "fault"


def test_whole_labels_that_the_loss_makes_real(one: Any, net: Any, draw: Any) -> None:
    loss = lambda z, t: functional.binary_cross_entropy_with_logits(z[:, 0], t.float())  # noqa: E731
    found = one(even, net(4, 1), loss, (draw(400, 4), uneven(400, 5)))
    assert (found.code, found.level, found.evidence["ratio"]) == ("class-imbalance", "fault", pytest.approx(79))


def test_a_loss_of_which_nothing_is_known_is_at_most_a_note(one: Any, net: Any, draw: Any) -> None:
    margin = lambda z, t: (1 - z[:, 0] * (2 * t - 1)).relu().square().mean()  # noqa: E731
    assert one(even, net(4, 1), margin, (draw(400, 4), uneven(400, 5))).level == "note"


def test_a_moderate_difference_is_a_note(one: Any, net: Any, draw: Any) -> None:
    found = one(even, net(4, 2), CROSS, (draw(400, 4), uneven(400, 25)))
    assert (found.code, found.level) == ("class-imbalance", "note")
    assert found.evidence["ratio"] == pytest.approx(15)


def test_one_class_alone(one: Any, net: Any, draw: Any) -> None:
    found = one(even, net(4, 2), CROSS, (draw(40, 4), torch.ones(40, dtype=torch.long)))
    assert (found.code, found.level) == ("class-imbalance", "fault")
    assert found.evidence == {"classes": 1}
    assert "are 1" in found.seen


def test_what_evens_classes_out_is_right(ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(400, 4), uneven(400, 5)
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 79.0]))
    assert not ask(even, net(4, 2), weighted, (X, y))
    assert not ask(even, net(4, 2), lambda z, t: functional.cross_entropy(z, t, weighted.weight), (X, y))
    positive = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([79.0]))
    assert not ask(even, net(4, 1), positive, (X, y[:, None].float()))
    sampler = WeightedRandomSampler(torch.where(y == 1, 79.0, 1.0).tolist(), 400)
    assert not ask(even, net(4, 2), CROSS, DataLoader(TensorDataset(X, y), batch_size=40, sampler=sampler))
    assert not ask(even, net(4, 2), CROSS, (X, y), imbalanced=True)


def test_classes_of_like_size_are_right(ask: Any, net: Any, draw: Any) -> None:
    assert not ask(even, net(4, 2), CROSS, (draw(400, 4), uneven(400, 100)))
    assert not ask(even, net(4, 1), SQUARES, (draw(400, 4), uneven(400, 5)[:, None].float()))


def test_of_a_part_of_the_rows_a_small_class_may_be_small_by_chance(context: Any, net: Any, draw: Any) -> None:
    X, y = draw(500, 4), (torch.arange(500) < 22).long()
    program = context(net(4, 2), CROSS, (X, y))
    assert [each.level for each in even(program)] == ["fault"]
    program.data.complete = False
    assert [each.level for each in even(program)] == ["note"]
