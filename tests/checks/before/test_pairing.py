"""Rows and their own targets, labels without a part in the loss, and losses without a floor."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.before.pairing import floor, narrow, paired, silent_labels

SQUARES = nn.MSELoss()


def likelihood(z: Tensor, t: Tensor) -> Tensor:
    return functional.gaussian_nll_loss(z[:, 0], t, z[:, 1].exp())


def pairs(z: Tensor, t: Tensor) -> Tensor:
    """Logistic loss of all pairs: the higher target is to have the higher output."""
    z, t = z.flatten(), t.flatten()
    return functional.softplus(-(z[:, None] - z) * (t[:, None] - t).sign()).mean()


def test_errors_that_cancel(one: Any, net: Any, draw: Any) -> None:
    found = one(paired, net(4, 1), lambda z, t: (z - t).mean() ** 2, (draw(40, 4), draw(40, 1)))
    assert (found.code, found.level) == ("wrong-loss", "fault")
    found = one(paired, net(4, 3), lambda z, t: (z.mean(0) - t.mean(0)).abs().sum(), (draw(40, 4), draw(40, 3)))
    assert found.code == "wrong-loss"


def test_a_column_that_meets_a_row_inside_a_loss(one: Any, net: Any, draw: Any) -> None:
    def crossed(z: Tensor, t: Tensor) -> Tensor:
        mean, log_variance = z[:, :1], z[:, 1:]
        return (log_variance + (t - mean).square() / log_variance.exp()).mean()

    found = one(paired, net(4, 2), crossed, (draw(40, 4), draw(40)))
    assert (found.code, found.level) == ("broadcast", "fault")
    assert "(32, 32)" in found.seen
    assert found.remedy.value == [1]


@pytest.mark.parametrize(
    ("width", "loss", "target"),
    [
        (1, SQUARES, torch.randn(40, 1)),
        (3, nn.CrossEntropyLoss(), torch.arange(40) % 3),
        (2, likelihood, torch.randn(40)),
        (1, pairs, torch.randn(40, 1)),
        (
            1,
            lambda z, t: 1 - 2 * (z.sigmoid() * t).sum() / (z.sigmoid().sum() + t.sum()),
            (torch.randn(40, 1) > 0).float(),
        ),
        (1, lambda z, t: -torch.corrcoef(torch.cat([z, t], 1).T)[0, 1], torch.randn(40, 1)),
        (2, nn.TripletMarginLoss(), None),
        (3, lambda z, t: z.square().mean(), torch.randn(40, 1)),
        (1, SQUARES, torch.ones(40, 1)),
        (1, lambda z, t: (z[t.isfinite()] - t[t.isfinite()]).square().mean(), torch.tensor([[1.0], [torch.nan]] * 20)),
    ],
    ids=[
        "squares",
        "classes",
        "likelihood",
        "pairs",
        "dice",
        "correlation",
        "triplets",
        "no target",
        "one target",
        "gaps",
    ],
)
def test_losses_that_pair_rows_with_targets(
    width: int, loss: Any, target: Tensor | None, ask: Any, net: Any, draw: Any
) -> None:
    assert not ask(paired, net(4, width), loss, (draw(40, 4), draw(40, 2) if target is None else target))


def test_one_output_for_two_targets(one: Any, ask: Any, net: Any, draw: Any) -> None:
    X, both = draw(40, 4), draw(40, 2)
    found = one(narrow, net(4, 8, 1), SQUARES, (X, both))
    assert (found.code, found.level) == ("broadcast", "fault")
    assert (found.remedy.argument, found.remedy.value) == ("width", 2)
    assert not ask(narrow, net(4, 8, 2), SQUARES, (X, both))
    assert not ask(narrow, net(4, 8, 1), SQUARES, (X, both[:, :1]))
    quantiles = lambda z, t: torch.maximum(0.9 * (t - z), 0.1 * (z - t)).mean()  # noqa: E731
    assert not ask(narrow, net(4, 8, 3), quantiles, (X, both[:, :1]))
    first = lambda z, t: (t[:, 1:] * (z - t[:, :1]).square()).mean()  # noqa: E731
    assert not ask(narrow, net(4, 8, 1), first, (X, both)), "the second column is a weight"


def test_a_label_that_has_no_part(one: Any, ask: Any, net: Any, draw: Any) -> None:
    X, labels = draw(40, 4), (draw(40, 1) > 0).float()
    hinge = lambda z, t: (1 - z * t).relu().mean()  # noqa: E731
    found = one(silent_labels, net(4, 1), hinge, (X, labels))
    assert (found.code, found.level) == ("label-range", "fault")
    assert (found.remedy.argument, found.remedy.value) == ("map", [-1.0, 1.0])
    assert not ask(silent_labels, net(4, 1), hinge, (X, 2 * labels - 1))
    assert not ask(silent_labels, net(4, 1), nn.BCEWithLogitsLoss(), (X, labels))
    assert not ask(silent_labels, net(4, 1), lambda z, t: (-z * (2 * t - 1)).exp().mean(), (X, labels))


def test_a_loss_without_a_floor(one: Any, ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(40, 4), draw(40)
    found = one(floor, net(4, 2), lambda z, t: -likelihood(z, t), (X, y))
    assert (found.code, found.level) == ("loss-sign", "fault")
    assert (found.remedy.argument, found.remedy.value) == ("sign", -1)
    assert not ask(floor, net(4, 2), likelihood, (X, y))
    assert not ask(floor, net(4, 1), pairs, (X, y[:, None]))
    assert not ask(floor, net(4, 1), lambda z, t: (z * t).mean(), (X, y[:, None])), "a critic goes either way"
    assert not ask(floor, net(4, 1), lambda z, t: -torch.tanh(z * t).mean(), (X, y[:, None]))


def test_a_reward_has_no_floor_and_is_right(ask: Any, net: Any, draw: Any) -> None:
    module = net(4, 2)
    climbing = torch.optim.SGD(module.parameters(), lr=0.1, maximize=True)
    assert not ask(floor, module, lambda z, t: -likelihood(z, t), (draw(40, 4), draw(40)), climbing)


def test_targets_far_away_are_paired_too(ask: Any, net: Any, draw: Any) -> None:
    far = 2e5 + 10 * draw(40, 1)
    assert not ask(paired, net(4, 1), SQUARES, (draw(40, 4), far))
    assert not ask(paired, net(4, 1), nn.PoissonNLLLoss(), (draw(40, 4), torch.arange(40.0))), (
        "shapes are another question"
    )


def cox(z: Tensor, t: Tensor) -> Tensor:
    z = z.squeeze(1)
    order = t[:, 0].argsort(descending=True)
    z, seen = z[order], t[order, 1]
    return -((z - z.logcumsumexp(0)) * seen).sum() / seen.sum().clamp(min=1)


def weibull(z: Tensor, t: Tensor) -> Tensor:
    z = z.squeeze(1)
    return (t[:, 0] / z.exp() + t[:, 1] * z).mean()


def weighted(z: Tensor, t: Tensor) -> Tensor:
    return (t[:, 1] * (z.squeeze(1) - t[:, 0]) ** 2).mean()


def product(z: Tensor, t: Tensor) -> Tensor:
    return (z - t.prod(1, keepdim=True)).square().mean()


@pytest.mark.parametrize("loss", [cox, weibull, weighted, product])
def test_columns_of_a_target_that_mean_different_things(loss: Any, ask: Any, net: Any, draw: Any) -> None:
    X = draw(200, 5)
    target = torch.stack([draw(200).abs() + 0.1, (draw(200) > -0.5).float()], 1)
    assert not ask(narrow, net(5, 8, 1), loss, (X, target))


def test_labels_that_meet_in_a_sum_have_a_part(ask: Any, net: Any, draw: Any) -> None:
    dice = lambda z, t: 1 - 2 * (z.sigmoid() * t).sum() / (z.sigmoid().sum() + t.sum())  # noqa: E731
    for width in (1, 3):
        labels = (draw(40, width) > 0).float()
        assert not ask(silent_labels, net(4, width), dice, (draw(40, 4), labels))


def test_logarithms_of_probabilities_stay_such(ask: Any, formula: Any, draw: Any) -> None:
    """The loss of an alignment is a likelihood only of rows that add up to 1."""
    spoken = torch.randint(1, 5, (40, 3), generator=torch.Generator().manual_seed(0))
    align = nn.CTCLoss()
    module = formula(lambda m, x: m.o(x).log_softmax(-1), o=nn.Linear(6, 5))

    def loss(z: Tensor, t: Tensor) -> Tensor:
        lengths = torch.full((len(z),), 12), torch.full((len(z),), 3)
        return align(z.transpose(0, 1), t, *lengths)

    assert not ask(floor, module, loss, (draw(40, 12, 6), spoken))
