"""Losses against their equations in NumPy, penalties against gradients by hand, both by finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.vision.generative.losses import KINDS, accuracy, discriminator_loss, generator_loss
from netwright.vision.generative.penalty import gradient_penalty, r1_penalty

DRAW = torch.Generator().manual_seed(0)
REAL = torch.randn(7, generator=DRAW, dtype=torch.float64) * 2
FAKE = torch.randn(5, generator=DRAW, dtype=torch.float64) * 2


def by_hand(kind: str, r: Any, f: Any, s: float) -> tuple[float, float]:
    """The table of the module, in NumPy; s is the smoothing."""

    def sigma(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    if kind in ("original", "minimax"):
        d = np.mean(-(1 - s) * np.log(sigma(r)) - s * np.log(sigma(-r))) - np.mean(np.log(sigma(-f)))
        return d, np.mean(-np.log(sigma(f))) if kind == "original" else np.mean(np.log(1 - sigma(f)))
    if kind == "least-squares":
        return (np.mean((r - (1 - s)) ** 2) + np.mean(f**2)) / 2, np.mean((f - 1) ** 2) / 2
    if kind == "wasserstein":
        return f.mean() - r.mean(), -f.mean()
    return np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(), -f.mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_losses_are_their_equations(kind: str, smoothing: float) -> None:
    d, g = by_hand(kind, REAL.numpy(), FAKE.numpy(), smoothing)
    assert discriminator_loss(kind, REAL, FAKE, smoothing).item() == pytest.approx(d, abs=1e-12)
    assert generator_loss(kind, FAKE).item() == pytest.approx(g, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_have_right_gradients_and_stay_finite(kind: str) -> None:
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda r, f: discriminator_loss(kind, r, f, 0.1), (real, fake))
    assert torch.autograd.gradcheck(lambda f: generator_loss(kind, f), (fake,))
    far = torch.tensor([1e4, -1e4])
    assert torch.isfinite(discriminator_loss(kind, far, far))
    assert torch.isfinite(generator_loss(kind, far))


def test_the_saturating_gradient_vanishes_and_the_other_does_not() -> None:
    sure = torch.full((1,), -20.0, requires_grad=True)
    (saturating,) = torch.autograd.grad(generator_loss("minimax", sure), sure)
    (other,) = torch.autograd.grad(generator_loss("original", sure), sure)
    assert abs(saturating.item()) < 1e-8
    assert other.item() == pytest.approx(-1)


def test_accuracy_has_its_own_line_for_each_loss() -> None:
    real, fake = torch.tensor([0.7, 0.4]), torch.tensor([0.3, 0.6])
    assert accuracy("original", real, fake).item() == 0.5
    assert accuracy("least-squares", real, fake).item() == 0.5
    assert accuracy("wasserstein", real + 100, fake + 90).item() == 1.0


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="Did you mean 'hinge'"):
        discriminator_loss("hing", REAL, FAKE)
    with pytest.raises(InvalidParameter, match="of one shape"):
        gradient_penalty(lambda x: x.sum(1), torch.zeros(3, 2), torch.zeros(4, 2))


@pytest.mark.parametrize("shape", [(3,), (3, 2), (1, 3, 2)])
def test_the_penalty_of_a_linear_critic_of_norm_3_is_40(shape: tuple[int, ...]) -> None:
    w = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    w = 3 * w / w.norm()

    def critic(x: torch.Tensor) -> torch.Tensor:
        return (x * w).flatten(1).sum(1)

    real, fake = torch.zeros(6, *shape, dtype=torch.float64), torch.ones(6, *shape, dtype=torch.float64)
    alpha = torch.linspace(0, 1, 6, dtype=torch.float64)
    assert gradient_penalty(critic, real, fake, alpha=alpha).item() == pytest.approx(40, abs=1e-10)
    assert r1_penalty(critic, real, weight=2.0).item() == pytest.approx(9, abs=1e-10)


def test_each_sample_has_a_place_of_its_own() -> None:
    seen = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach())
        return x.square().flatten(1).sum(1) / 2  # its gradient is x

    real, fake = torch.zeros(4, 2, 2, dtype=torch.float64), torch.ones(4, 2, 2, dtype=torch.float64)
    alpha = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64)
    found = gradient_penalty(critic, real, fake, weight=1.0, alpha=alpha)
    assert torch.equal(seen[0][:, 0, 0], 1 - alpha)
    norms = 2 * (1 - alpha)  # of four equal numbers
    assert found.item() == pytest.approx(float((norms - 1).square().mean()))


@pytest.mark.touches_rng  # gradgradcheck draws from torch's global state
def test_penalties_have_right_gradients_for_the_critic() -> None:
    real, fake = (torch.randn(5, 3, generator=DRAW, dtype=torch.float64) for _ in range(2))
    alpha = torch.rand(5, generator=DRAW, dtype=torch.float64)
    w = torch.randn(3, 4, generator=DRAW, dtype=torch.float64, requires_grad=True)

    def of(weight: torch.Tensor, r1: bool) -> torch.Tensor:
        def critic(x: torch.Tensor) -> torch.Tensor:
            return torch.tanh(x @ weight).sum(1)

        return r1_penalty(critic, real) if r1 else gradient_penalty(critic, real, fake, alpha=alpha)

    for r1 in (True, False):
        assert torch.autograd.gradcheck(lambda weight, r1=r1: of(weight, r1), (w,))
        assert torch.autograd.gradgradcheck(lambda weight, r1=r1: of(weight, r1), (w,))


def test_a_critic_without_slope_has_a_finite_gradient() -> None:
    w = torch.zeros(3, requires_grad=True)
    found = gradient_penalty(lambda x: x @ w, torch.zeros(4, 3), torch.ones(4, 3), alpha=torch.ones(4))
    found.backward()  # type: ignore[no-untyped-call]
    assert found.item() == 10
    assert w.grad is not None
    assert torch.isfinite(w.grad).all()
