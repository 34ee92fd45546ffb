"""Whether held-out rows on another scale are wrongly scaled or other rows, and whether parts were scaled apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.split import scales_alike
from netwright.checks.before.tables.scaling import of_its_own, told

SQUARES = nn.MSELoss()
N = 400


def loads(part: Tensor) -> Tensor:
    return (part[:, :1].sin() + 0.3 * part[:, 1:2]) - 1.5


@pytest.fixture
def later() -> tuple[Tensor, Tensor]:
    """Rows of real numbers, and later ones that are quieter."""
    draw = torch.Generator().manual_seed(3)
    first = 10 * torch.rand(N, 5, generator=draw)
    return first, 4 + 3 * torch.rand(N // 2, 5, generator=draw)


def squeezed(part: Tensor, by: Tensor) -> Tensor:
    return (part - by.amin(0)) / (by.amax(0) - by.amin(0))


def standard(part: Tensor, by: Tensor) -> Tensor:
    return (part - by.mean(0)) / by.std(0)


@pytest.mark.parametrize("scale", [squeezed, standard], ids=["between 0 and 1", "standardised"])
def test_later_rows_that_are_quieter_are_right(scale: Any, ask: Any, net: Any, later: Any) -> None:
    train, held = ((scale(part, later[0]), loads(part)) for part in later)
    found = ask(scales_alike, net(5, 1), SQUARES, train, validation=held)
    assert [each.level for each in found] == ["note"]
    assert found[0].remedy is None
    assert found[0].evidence["factor"] > 2


@pytest.mark.parametrize("scale", [squeezed, standard], ids=["between 0 and 1", "standardised"])
def test_a_scaler_for_each_part(scale: Any, one: Any, net: Any, later: Any) -> None:
    train, held = ((scale(part, part), loads(part)) for part in later)
    found = one(scales_alike, net(5, 1), SQUARES, train, validation=held)
    assert (found.code, found.level) == ("scaler-mismatch", "fault")
    assert found.evidence["held_out"] < 0.5 * found.evidence["own"]
    assert "each part was scaled by itself" in found.seen


def test_a_scaler_for_each_part_that_does_no_harm_is_a_note(one: Any, net: Any, later: Any) -> None:
    rows = later[0]
    parts = rows[:300], rows[300:]
    train, held = ((standard(part, part), loads(part)) for part in parts)
    assert one(scales_alike, net(5, 1), SQUARES, train, validation=held).level == "note"


def test_one_scaler_leaves_no_mark(context: Any, net: Any, later: Any) -> None:
    rows = later[0]
    for scale in (squeezed, standard):
        train, held = (
            (scale(rows[:300], rows[:300]), loads(rows[:300])),
            (scale(rows[300:], rows[:300]), loads(rows[300:])),
        )
        assert not of_its_own(context(net(5, 1), SQUARES, train, validation=held))
        both = scale(rows, rows)
        train, held = (both[:300], loads(rows[:300])), (both[300:], loads(rows[300:]))
        assert not of_its_own(context(net(5, 1), SQUARES, train, validation=held))


def test_ends_that_columns_have_by_nature_are_no_mark(context: Any, net: Any, later: Any) -> None:
    rows = later[0]
    grades = (rows / 2).round() / 5  # from 0 to 1 in steps
    cut = (standard(rows, rows)).clamp(-1, 1)  # ends that many rows meet
    few = torch.cat([squeezed(rows[:, :2], rows[:, :2]), rows[:, 2:]], 1)
    for table in (grades, cut, few):
        train, held = (table[:300], loads(rows[:300])), (table[300:], loads(rows[300:]))
        assert not of_its_own(context(net(5, 1), SQUARES, train, validation=held))
    same = standard(rows, rows)
    given = (same, loads(rows))
    assert not of_its_own(context(net(5, 1), SQUARES, given, validation=given))  # rows in both parts


def test_classes_tell_of_a_wrong_scale(one: Any, net: Any, later: Any) -> None:
    rows = later[0]
    labels = (rows[:, 0] > 5).long() + (rows[:, 1] > 7).long()
    X = standard(rows, rows)
    found = one(scales_alike, net(5, 3), nn.CrossEntropyLoss(), (X[:300], labels[:300]), validation=(
        X[300:] / 4 + 0.5, labels[300:]))  # fmt: skip
    assert (found.code, found.level) == ("scaler-mismatch", "fault")
    assert "with the scale of training" in found.seen


def test_what_is_told(context: Any, net: Any, later: Any) -> None:
    train, held = ((standard(part, later[0]), loads(part)) for part in later)
    found = told(context(net(5, 1), SQUARES, train, validation=held))
    assert found.others
    assert not found.wrongly_scaled
    assert found.own > found.as_is > found.scaled
    assert told(context(net(5, 1), SQUARES, train)) is None
    assert (
        told(context(net(5, 1), SQUARES, (train[0], train[1][:, 0]), validation=(held[0], (held[1], held[1])))) is None
    )


def test_where_nothing_is_told_only_much_is_a_fault(one: Any, net: Any, later: Any, draw: Any) -> None:
    X, y = standard(later[0], later[0]), draw(N, 1)
    for factor, level in ((3, "note"), (50, "fault")):
        held = X[:200].roll(1, 0) / factor, y[:200]
        assert one(scales_alike, net(5, 1), SQUARES, (X, y), validation=held).level == level
