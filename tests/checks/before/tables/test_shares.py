"""Columns of a target that share a loss: one without a share is a fault where it could be learned, and else is not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.before.tables.shares import columns_of_targets

SQUARES = nn.MSELoss()


def crops(draw: Any, n: int = 400) -> tuple[Tensor, Tensor]:
    """Inputs, and two columns that they tell, each with a standard deviation near 1."""
    X = draw(n, 5)
    return X, torch.stack([X[:, 0].sin() + 0.5 * X[:, 1], X[:, 2].abs() - 0.8 + 0.6 * X[:, 3]], 1)


@pytest.mark.slow
@pytest.mark.parametrize("loss", [SQUARES, lambda o, t: (o - t).square().sum(1).mean()])
def test_a_column_without_a_share(loss: Any, one: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = crops(draw)
    y = y * torch.tensor([900.0, 0.03])
    module = net(5, 64, 2)
    found = one(columns_of_targets, module, loss, (X, y), adam(module))
    assert (found.code, found.level) == ("unscaled-target", "fault")
    variance = y.double().var(0, unbiased=False)
    assert found.evidence["share"] == pytest.approx(float(variance[1] / variance.sum()), rel=0.5, abs=1e-7)
    assert found.evidence["column"] == found.where.column == 1
    assert found.evidence["r2_scaled"] > 0.3 > found.evidence["r2_as_is"]
    assert (found.remedy.object, found.remedy.argument) == ("target", "standardize")


def test_columns_of_like_scale_are_right(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = crops(draw)
    for scale in ([1.0, 1.0], [1000.0, 1000.0], [10.0, 0.3], [1e-3, 0.05]):
        module = net(5, 32, 2)
        assert not ask(columns_of_targets, module, SQUARES, (X, y * torch.tensor(scale)), adam(module))


def test_a_loss_that_weighs_its_columns_is_right(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = crops(draw)
    scale = torch.tensor([900.0, 0.03])
    losses = [lambda o, t: ((o - t) / scale).square().mean(), lambda o, t: functional.huber_loss(o / scale, t / scale)]
    for loss in losses:
        module = net(5, 32, 2)
        assert not ask(columns_of_targets, module, loss, (X, y * scale), adam(module))


def test_columns_that_hardly_vary_or_are_flags_are_not_asked_about(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = crops(draw)
    for second in (torch.full((400, 1), 0.1), (y[:, 1:] > 0).float() * 0.01, 1 + 1e-7 * y[:, 1:]):
        module = net(5, 32, 2)
        assert not ask(columns_of_targets, module, SQUARES, (X, torch.cat([900 * y[:, :1], second], 1)), adam(module))


@pytest.mark.slow
def test_what_no_scale_would_help_is_at_most_a_note(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X, y = crops(draw)
    noise = 0.03 * draw(400, 1)  # that nothing foretells
    module = net(5, 32, 2)
    found = ask(columns_of_targets, module, SQUARES, (X, torch.cat([900 * y[:, :1], noise], 1)), adam(module))
    assert [each.level for each in found] == ["note"]


@pytest.mark.slow
def test_principal_components_are_at_most_a_note(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X = draw(400, 4)
    parts = torch.linalg.svd(X - X.mean(0), full_matrices=False)[0] * torch.tensor([300.0, 20.0, 2.0, 0.1])
    module = net(4, 32, 4)
    assert all(each.level == "note" for each in ask(columns_of_targets, module, SQUARES, (X, parts), adam(module)))


def test_pictures_and_many_columns_are_not_asked_about(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X = draw(400, 12) * torch.logspace(0, -4, 12)  # an autoencoder of raw columns
    module = net(12, 6, 12)
    assert not ask(columns_of_targets, module, SQUARES, (X, X), adam(module))
    module = net(5, 8, last=nn.Unflatten(1, (2, 4)))
    assert not ask(columns_of_targets, module, SQUARES, (X[:, :5], X[:, :8].reshape(-1, 2, 4)), adam(module))
    y = (X[:, 0] > 0).long()
    module = net(12, 2)
    assert not ask(columns_of_targets, module, nn.CrossEntropyLoss(), (X, y), adam(module))
