"""The loss of the best constant answer, against closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional


def entropy(counts: Any) -> float:
    """-sum p log p, in nats."""
    p = np.asarray(counts, dtype=float) / np.sum(counts)
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def labels(*counts: int) -> Any:
    """So many labels of each class, mixed."""
    y = torch.cat([torch.full((count,), k) for k, count in enumerate(counts)])
    return y[torch.randperm(len(y), generator=torch.Generator().manual_seed(1))]


@pytest.mark.parametrize("counts", [(40, 40), (70, 20, 10), (5, 5, 5, 5, 5, 5, 5, 5, 5, 5), (99, 1)], ids=str)
def test_cross_entropy_is_the_entropy_of_the_classes(counts: Any, context: Any, net: Any, draw: Any) -> None:
    y = labels(*counts)
    program = context(net(4, len(counts)), nn.CrossEntropyLoss(), (draw(len(y), 4), y))
    assert program.prior == pytest.approx(entropy(counts), rel=5e-3)


def test_likelihood_is_the_entropy_too(context: Any, net: Any, draw: Any) -> None:
    module = net(4, 3, last=nn.LogSoftmax(1))
    assert context(module, nn.NLLLoss(), (draw(100, 4), labels(70, 20, 10))).prior == pytest.approx(
        entropy((70, 20, 10)), rel=1e-3
    )


def test_weights_and_sums_are_in_it(context: Any, net: Any, draw: Any) -> None:
    y, X = labels(70, 20, 10), draw(100, 4)
    weights = torch.tensor([1.0, 2.0, 5.0])
    program = context(net(4, 3), nn.CrossEntropyLoss(weight=weights), (X, y))
    assert program.prior == pytest.approx(entropy((70, 40, 50)), rel=1e-3)
    program = context(net(4, 3), nn.CrossEntropyLoss(reduction="sum"), (X, y))
    assert program.prior == pytest.approx(100 * entropy((70, 20, 10)), rel=1e-3)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.02])
def test_one_output_has_the_entropy_of_two_classes(share: float, context: Any, net: Any, draw: Any) -> None:
    y = labels(round(200 * (1 - share)), round(200 * share)).float()[:, None]
    X, expected = draw(200, 4), entropy((1 - share, share))
    assert context(net(4, 1), nn.BCEWithLogitsLoss(), (X, y)).prior == pytest.approx(expected, rel=1e-3)
    module = net(4, 1, last=nn.Sigmoid())
    assert context(module, nn.BCELoss(), (X, y)).prior == pytest.approx(expected, rel=1e-3)


def test_several_labels_have_the_mean_of_their_entropies(context: Any, net: Any, draw: Any) -> None:
    y = (draw(200, 3) > torch.tensor([0.0, 0.5, 1.2])).float()
    expected = np.mean([entropy((200 - k, k)) for k in y.sum(0).tolist()])
    assert context(net(4, 3), nn.BCEWithLogitsLoss(), (draw(200, 4), y)).prior == pytest.approx(expected, 1e-3)


def test_squares_have_the_variance(context: Any, net: Any, draw: Any) -> None:
    X, y = draw(200, 4), 7 + 3 * draw(200, 2) * torch.tensor([1.0, 4.0])
    expected = y.double().numpy().var(0).mean()
    assert context(net(4, 2), nn.MSELoss(), (X, y)).prior == pytest.approx(expected, rel=1e-4)
    total = context(net(4, 2), nn.MSELoss(reduction="sum"), (X, y)).prior
    assert total == pytest.approx(400 * expected, rel=1e-4)


def test_absolute_differences_have_the_deviation_from_the_median(context: Any, net: Any, draw: Any) -> None:
    X, y = draw(201, 4), draw(201, 1).exp()
    expected = abs(y.double().numpy() - np.median(y.double().numpy())).mean()
    assert context(net(4, 1), nn.L1Loss(), (X, y)).prior == pytest.approx(expected, rel=1e-4)


def test_quantiles_have_the_loss_at_the_quantile(context: Any, net: Any, draw: Any) -> None:
    X, y = draw(401, 4), draw(401, 1)
    loss = lambda z, t: torch.maximum(0.9 * (t - z), 0.1 * (z - t)).mean()  # noqa: E731
    expected = float(loss(y.quantile(0.9), y))
    assert context(net(4, 1), loss, (X, y)).prior == pytest.approx(expected, rel=1e-4)
    assert expected < 0.6 * float(loss(y.median(), y))


def test_whole_numbers_under_squares_have_the_variance(context: Any, net: Any, draw: Any) -> None:
    y = torch.arange(100) % 5 + 20
    program = context(net(4, 1), lambda z, t: functional.mse_loss(z[:, 0], t.float()), (draw(100, 4), y))
    assert program.prior == pytest.approx(2.0, rel=1e-4)


def test_shares_have_the_divergence_from_their_mean(context: Any, net: Any, draw: Any) -> None:
    X, shares = draw(200, 4), draw(200, 3).softmax(1)
    mean = shares.mean(0)
    entropy_of_mean = -float((mean * mean.log()).sum())
    program = context(net(4, 3, last=nn.Softmax(1)), lambda p, t: -(t * p.log()).sum(1).mean(), (X, shares))
    assert program.kind == "probabilities"
    assert program.prior == pytest.approx(entropy_of_mean, rel=1e-3)
    program = context(net(4, 3, last=nn.LogSoftmax(1)), nn.KLDivLoss(reduction="batchmean"), (X, shares))
    assert program.kind == "unknown"
    rows = float((shares * shares.log()).sum(1).mean())
    assert program.prior == pytest.approx(entropy_of_mean + rows, rel=1e-3)


def test_an_unknown_loss_keeps_to_what_the_network_can_say(context: Any, net: Any, draw: Any) -> None:
    X, y = draw(200, 4), (draw(200, 1) > 0.5).float()
    overlap = lambda p, t: 1 - 2 * (p * t).sum() / (p.square() + t).sum()  # noqa: E731
    found = context(net(4, 1, last=nn.Sigmoid()), overlap, (X, y)).prior
    best = min(float(overlap(torch.full_like(y, p), y)) for p in torch.linspace(0.01, 1, 100).tolist())
    assert found == pytest.approx(best, abs=1e-3)
    counts = torch.arange(200.0)[:, None] % 7
    loss = nn.PoissonNLLLoss(log_input=False)
    found = context(net(4, 1, last=nn.Softplus()), loss, (X, counts)).prior
    mean = counts.mean()
    assert found == pytest.approx(float(mean - mean * mean.log()), rel=1e-3)


def test_where_a_constant_is_perfect_there_is_no_figure(context: Any, net: Any, draw: Any) -> None:
    centre = lambda z, t: (z - 1).square().mean()  # noqa: E731
    assert math.isnan(context(net(4, 3), centre, (draw(40, 4), torch.zeros(40, dtype=torch.long))).prior)


def test_an_unknown_loss_is_minimised(context: Any, net: Any, draw: Any) -> None:
    y = torch.poisson(torch.full((200, 1), 4.0), generator=torch.Generator().manual_seed(3))
    mean = float(y.mean())
    program = context(net(4, 1), nn.PoissonNLLLoss(), (draw(200, 4), y))
    assert program.prior == pytest.approx(mean - mean * math.log(mean), rel=1e-3)  # e^z - y z at z = log mean


def test_steps_and_pixels(context: Any, formula: Any, draw: Any) -> None:
    y = torch.where(draw(40, 6) > 0.5, 1, 0)
    counts = y.flatten().bincount().tolist()
    module = formula(lambda m, x: m.o(x), o=nn.Linear(3, 2))
    loss = lambda z, t: functional.cross_entropy(z.flatten(0, 1), t.flatten())  # noqa: E731
    found = context(module, loss, (draw(40, 6, 3), y)).prior
    assert found <= entropy(counts) + 1e-3  # a constant for each step of a row is a little better
    per_step = np.mean(
        [
            entropy((y[:, k] == 0).sum().item() * np.array([1, 0]) + np.array([0, (y[:, k] == 1).sum().item()]))
            for k in range(6)
        ]
    )
    assert found == pytest.approx(per_step, rel=1e-2)


@pytest.mark.parametrize(
    "loss",
    [lambda z, t: z.argmax(1).float().mean(), lambda z, t: z.undefined, lambda z, t: functional.mse_loss(z[0], z[1])],
    ids=["flat", "raises", "of two rows"],
)
def test_losses_of_all_kinds_give_a_number_or_none(loss: Any, context: Any, net: Any, draw: Any) -> None:
    assert isinstance(context(net(4, 3), loss, (draw(40, 4), torch.arange(40) % 3)).prior, float)


def test_where_there_is_no_constant(context: Any, net: Any, formula: Any, draw: Any) -> None:
    X, y = draw(40, 4), draw(40, 1)
    pair = formula(lambda m, x: (m.a(x), m.a(x)), a=nn.Linear(4, 1))
    assert math.isnan(context(pair, lambda z, t: functional.mse_loss(z[0], t), (X, y)).prior)
    y[3] = torch.nan
    assert math.isnan(context(net(4, 1), nn.MSELoss(), (X, y)).prior)
    several = context(net(4, 1), lambda z, t: functional.mse_loss(z, t["y"]), (X, {"y": X[:, :1]}))
    assert math.isnan(several.prior)


def test_weights_of_the_loss_get_no_gradient(context: Any, net: Any, draw: Any) -> None:
    scale = torch.ones(3, requires_grad=True)
    program = context(net(4, 3), lambda z, t: functional.cross_entropy(z * scale, t), (draw(40, 4), labels(20, 10, 10)))
    assert program.prior > 0
    assert scale.grad is None
