"""Labels that disagree with their neighbours: wrong ones, and classes that overlap, which are right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from netwright.checks.before.labels import agreeing, even, related

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


def blobs(n: int, k: int) -> tuple[Any, Any]:
    """Rows in k heaps that are far apart, and the number of the heap."""
    generator = torch.Generator().manual_seed(5)
    y = torch.arange(n) % k
    return 8 * functional.one_hot(y, k).float() + torch.randn(n, k, generator=generator), y


def test_an_eighth_of_the_labels_is_wrong(one: Any, net: Any) -> None:
    X, right = blobs(300, 4)
    generator = torch.Generator().manual_seed(9)
    drawn = torch.randint(1, 4, (300,), generator=generator)
    y = torch.where(torch.rand(300, generator=generator) < 0.12, (right + drawn) % 4, right)
    share = float((y != right).double().mean())
    found = one(agreeing, net(4, 4), CROSS, (X, y))
    assert (found.code, found.level) == ("noisy-labels", "fault")
    assert found.evidence["share"] == pytest.approx(share, abs=0.04)
    assert found.evidence["agreement"] == pytest.approx(1 - share, abs=0.02)
    wrong = set(torch.where(y != right)[0].tolist())
    assert set(found.evidence["rows"]) <= wrong
    assert found.where.row in wrong


def test_clean_labels_agree(ask: Any, net: Any, draw: Any, classes: Any) -> None:
    X, y = blobs(300, 4)
    assert not ask(agreeing, net(4, 4), CROSS, (X, y))
    near = torch.arange(300) % 50 == 0  # one in fifty is what data have
    assert not ask(agreeing, net(4, 4), CROSS, (X, torch.where(near, (y + 1) % 4, y)))
    X = draw(300, 4)
    assert not ask(agreeing, net(4, 3), CROSS, (X, classes(X)))


def test_labels_by_chance_are_not_called_wrong(ask: Any, net: Any, draw: Any) -> None:
    y = torch.randint(0, 2, (300,), generator=torch.Generator().manual_seed(2))
    assert not ask(agreeing, net(4, 2), CROSS, (draw(300, 4), y))
    assert not ask(agreeing, net(4, 1), SQUARES, (draw(300, 4), y[:, None].float()))


def mixed(seed: int, n: int, *shares: float) -> Any:
    """Numbers from 0, drawn with these shares."""
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(torch.tensor(shares), n, replacement=True, generator=generator)


@pytest.mark.parametrize("seed", range(3))
def test_a_share_of_one_class_is_given_to_another(seed: int, one: Any, net: Any) -> None:
    X, right = blobs(600, 5)
    y = torch.where((right == 1) & (mixed(seed, 600, 0.7, 0.3) == 1), 4, right)
    found = one(agreeing, net(5, 5), CROSS, (X, y))
    assert (found.code, found.level) == ("noisy-labels", "fault")
    assert (found.evidence["label"], found.evidence["like"], found.evidence["pairs"]) == (4, 1, 1)
    assert found.evidence["share"] == pytest.approx(float((y != right)[right == 1].double().mean()), abs=0.02)
    assert set(found.evidence["rows"]) <= set(torch.where(y != right)[0].tolist())
    assert found.where.row == found.evidence["rows"][0]
    assert "labelled 4" in found.seen


def test_a_share_of_each_class_is_given_to_the_next(one: Any, net: Any) -> None:
    X, right = blobs(600, 5)
    y = torch.where(mixed(1, 600, 0.75, 0.25) == 1, (right + 1) % 5, right)
    assert one(agreeing, net(5, 5), CROSS, (X, y)).level == "fault"


def test_two_classes_that_one_way_look_alike_are_at_most_a_note(one: Any, net: Any) -> None:
    X, right = blobs(600, 2)  # of those who look healthy some are ill
    y = torch.where((right == 0) & (mixed(1, 600, 0.8, 0.2) == 1), 1, right)
    assert one(agreeing, net(2, 2), CROSS, (X, y)).level == "note"


def test_grades_and_rare_classes_are_not_called_wrong(ask: Any, net: Any) -> None:
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        X = torch.randn(500, 5, generator=generator)
        for noise in (0.5, 1.5):
            hidden = X[:, 0] + noise * torch.randn(500, generator=generator)
            at = hidden.quantile(torch.tensor([0.73, 0.8, 0.95, 0.98]))
            assert not ask(agreeing, net(5, 5), CROSS, (X, torch.bucketize(hidden, at)))
        counts = torch.poisson((0.8 * X[:, 0] - 1).exp(), generator=generator).long().clamp(max=4)
        assert not ask(agreeing, net(5, 5), CROSS, (X, counts))
        assert not ask(agreeing, net(5, 3), CROSS, (X, mixed(seed, 500, 0.8, 0.1, 0.1)))


def test_two_labels_of_three_that_can_be_foretold_are_at_most_a_note(ask: Any, net: Any) -> None:
    for seed in range(4):
        for k in (2, 3, 5):
            X, best = blobs(600, k)
            other = (best + 1 + mixed(seed + 9, 600, *[1.0] * (k - 1))) % k
            y = torch.where(mixed(seed, 600, 0.65, 0.35) == 1, other, best)
            assert all(each.level == "note" for each in ask(agreeing, net(k, k), CROSS, (X, y)))


@pytest.mark.parametrize("share", [0.25, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_labels_of_many_classes_by_chance_inside_of_their_territories(
    share: float, seed: int, one: Any, net: Any
) -> None:
    X, right = blobs(700, 10)
    drawn = torch.randint(1, 10, (700,), generator=torch.Generator().manual_seed(seed + 20))
    y = torch.where(mixed(seed, 700, 1 - share, share) == 1, (right + drawn) % 10, right)
    found = one(agreeing, net(10, 10), CROSS, (X, y))
    assert (found.code, found.level) == ("noisy-labels", "fault")
    assert found.evidence["share"] > 0.25 * share
    assert set(found.evidence["rows"]) <= set(torch.where(y != right)[0].tolist())


def test_many_classes_that_overlap_are_not_called_wrong(ask: Any, net: Any) -> None:
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        y = torch.arange(800) % 10
        for spread in (0.5, 1.0, 2.0):
            X = torch.randn(10, 6, generator=generator)[y] + spread * torch.randn(800, 6, generator=generator)
            assert not ask(agreeing, net(6, 10), CROSS, (X, y))
        X = torch.randn(800, 2, generator=generator)  # a likely class in each direction, and those next to it
        turn = torch.arange(10) * 2 * torch.pi / 10
        for sure in (1.5, 4.0):
            chances = (sure * X @ torch.stack([turn.cos(), turn.sin()])).softmax(1)
            labels = torch.multinomial(chances, 1, generator=generator)[:, 0]
            assert not ask(agreeing, net(2, 10), CROSS, (X, labels))


def test_targets_that_are_fewer_than_rows_are_not_judged(context: Any, net: Any, draw: Any) -> None:
    program = context(net(6, 3), CROSS, (draw(300, 6), torch.arange(300) % 3))
    program.data.whole.target = torch.arange(9) % 3
    assert not list(agreeing(program))
    assert not list(related(program))


def test_rows_that_nothing_tells_apart_are_at_most_a_note(one: Any, net: Any) -> None:
    place = torch.arange(600) % 4
    y = torch.where(mixed(2, 600, 0.88, 0.12) == 1, (place + 1 + mixed(3, 600, 1.0, 1.0, 1.0)) % 4, place)
    assert one(agreeing, net(4, 4), CROSS, (8 * functional.one_hot(place, 4).float(), y)).level == "note"


def test_classes_that_grow_rarer_one_by_one_are_at_most_a_note(ask: Any, net: Any, draw: Any) -> None:
    counts = [200, 120, 70, 40, 25, 15, 9, 5]
    tail = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    apart = torch.cat([torch.full((count,), label) for label, count in enumerate([150, 140, 160, 4])])
    for y, level in ((tail, "note"), (apart, "fault")):
        found = ask(even, net(4, 8), nn.CrossEntropyLoss(), (draw(len(y), 4), y))
        assert [(each.code, each.level) for each in found] == [("class-imbalance", level)]
