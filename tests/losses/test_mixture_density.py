"""The likelihood of mixtures against SciPy, its gradient, and how it is steered."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.losses import MSE, MixtureDensity

KINDS = [(1, 1), (1, 3), (2, 1), (4, 1), (3, 2)]
CENTRES = {(2, 1): ((-1.0,), (2.0,)), (3, 2): ((-1.0, 0.5), (0.0, 0.0), (1.0, 2.0))}


def by_hand(loss: MixtureDensity, z: np.ndarray, t: np.ndarray) -> np.ndarray:
    """-log p(t) as the equations say."""
    k, m = loss.components, loss.outputs
    a, b, c = np.split(z, [loss.width - 2 * k * m, loss.width - k * m], axis=1)
    weights = np.exp(a) / np.exp(a).sum(1, keepdims=True) if k > 1 else np.ones((len(z), 1))
    means = b.reshape(-1, k, m) + (0.0 if loss.centres is None else np.array(loss.centres))
    deviations = loss.floor + (1 - loss.floor) * np.log1p(np.exp(c + np.log(np.e - 1))).reshape(-1, k, m)
    density = [
        sum(
            w * multivariate_normal(mu, np.diag(s**2)).pdf(row)
            for w, mu, s in zip(weights[i], means[i], deviations[i], strict=True)
        )
        for i, row in enumerate(t)
    ]
    return -np.log(density)


@pytest.mark.parametrize("kind", KINDS)
def test_scipy(kind: tuple[int, int], draw: Any) -> None:
    loss = MixtureDensity(*kind, floor=0.01, centres=CENTRES.get(kind))
    z, t = draw(12, loss.width), draw(12, kind[1])
    np.testing.assert_allclose(loss.terms(z, t).numpy(), by_hand(loss, z.numpy(), t.numpy()), rtol=1e-10)
    torch.testing.assert_close(loss(z, t), loss.terms(z, t).mean())
    weight = draw(12).abs()
    torch.testing.assert_close(loss(z, t, weight), (weight * loss.terms(z, t)).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient(kind: tuple[int, int], draw: Any) -> None:
    loss = MixtureDensity(*kind, centres=CENTRES.get(kind))
    z, t = draw(5, loss.width).requires_grad_(), draw(5, kind[1])
    assert torch.autograd.gradcheck(lambda z: loss(z, t), z)
    assert torch.autograd.gradcheck(lambda z: loss.terms(z, t), z)


def test_outputs_of_zero_are_standard_normal_at_the_centres() -> None:
    loss = MixtureDensity(2, centres=((-1.0,), (3.0,)))
    weights, means, deviations = loss.read(torch.zeros(1, loss.width, dtype=torch.float64))
    np.testing.assert_allclose(weights.exp(), [[0.5, 0.5]])
    np.testing.assert_allclose(means[0, :, 0], [-1, 3])
    np.testing.assert_allclose(deviations, 1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", [(1, 1), (5, 1), (5, 3)])
@pytest.mark.parametrize("far", [1e2, 1e4, 1e6])
def test_far_outliers_have_finite_gradients(dtype: torch.dtype, kind: tuple[int, int], far: float, draw: Any) -> None:
    loss = MixtureDensity(*kind)
    for raw in (0.0, -50.0):  # deviations of 1, and on the floor
        z = draw(3, loss.width).to(dtype)
        z[:, -kind[0] * kind[1] :] += raw
        z.requires_grad_()
        value = loss(z, torch.full((3, kind[1]), far, dtype=dtype))
        value.backward()
        assert torch.isfinite(value)
        assert z.grad is not None
        assert z.grad.isfinite().all()
        assert (z.grad[:, -2 * kind[0] * kind[1] :].abs().sum(1) > 0).all(), "it is still drawn there"


def test_the_floor_bounds_the_density() -> None:
    for floor in (0.001, 0.2):
        loss = MixtureDensity(floor=floor)
        z = torch.tensor([[0.0, -1e4]])
        assert float(loss(z, torch.zeros(1, 1))) == pytest.approx(-norm(0, floor).logpdf(0.0), rel=1e-5)


def test_far_apart_components_do_not_underflow(draw: Any) -> None:
    loss = MixtureDensity(2, centres=((-1e3,), (1e3,)))
    expected = -(np.log(0.5) + norm(0, 1).logpdf(0.0))
    assert float(loss(torch.zeros(1, loss.width), torch.full((1, 1), 1e3))) == pytest.approx(expected, rel=1e-6)
    logs = norm([[-1e3, 1e3]], 1).logpdf(40.0) + np.log(0.5)
    assert float(loss(torch.zeros(1, loss.width).double(), torch.full((1, 1), 40.0).double())) == pytest.approx(
        -logsumexp(logs)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_beta_leaves_the_value_alone(kind: tuple[int, int], draw: Any) -> None:
    plain, steered = MixtureDensity(*kind), MixtureDensity(*kind, beta=0.5)
    z, t = draw(8, plain.width).requires_grad_(), draw(8, kind[1])
    torch.testing.assert_close(steered.terms(z, t), plain.terms(z, t))
    with torch.no_grad():
        torch.testing.assert_close(steered(z, t), plain(z, t))


def test_beta_of_one_component_is_the_papers(draw: Any) -> None:
    """The gradient of mean of sg(sigma^(2 beta)) (1/2 z^2 + log sigma), per number."""
    loss = MixtureDensity(outputs=2, beta=0.5)
    z, t = draw(6, 4).requires_grad_(), draw(6, 2)
    (ours,) = torch.autograd.grad(loss(z, t), z)
    _, means, deviations = loss.read(z)
    means, deviations = means[:, 0], deviations[:, 0]
    paper = (deviations.detach() * (0.5 * ((t - means) / deviations) ** 2 + deviations.log())).sum(1).mean()
    torch.testing.assert_close(ours, torch.autograd.grad(paper, z)[0])


def test_with_beta_one_means_learn_as_by_squared_error(draw: Any) -> None:
    loss = MixtureDensity(beta=1.0)
    z, t = draw(6, 2).requires_grad_(), draw(6, 1)
    (ours,) = torch.autograd.grad(loss(z, t), z)
    (squares,) = torch.autograd.grad(0.5 * MSE()(z[:, :1], t), z)
    torch.testing.assert_close(ours[:, 0], squares[:, 0])


def test_beta_zero_of_a_mixture_has_the_gradient_of_the_likelihood(draw: Any) -> None:
    plain, tiny = MixtureDensity(3), MixtureDensity(3, beta=1e-12)  # not 0, so that it goes the other way
    z, t = draw(6, 9).requires_grad_(), draw(6, 1)
    (a,), (b,) = (torch.autograd.grad(loss(z, t), z) for loss in (plain, tiny))
    torch.testing.assert_close(a, b)


def test_it_is_a_value() -> None:
    loss = MixtureDensity(2, 1, 0.01, ((0.5,), (1.5,)), beta=0.25)
    assert from_json(json.loads(json.dumps(to_json(loss)))) == loss
    assert eval(repr(loss)) == loss


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"components": 0}, r"MixtureDensity\(components\): expected an integer >= 1, got 0"),
        ({"floor": 0.0}, r"MixtureDensity\(floor\): expected a number in \(0, 1\), got 0"),
        ({"beta": 2}, r"MixtureDensity\(beta\): expected a number in \[0, 1\], got 2"),
        ({"components": 2, "centres": ((1.0,),)}, r"\(centres\): expected 2 tuples of 1 numbers, got 1 of \[1\]"),
        ({"centres": ((1.0, 2.0),)}, r"\(centres\): expected 1 tuples of 1 numbers, got 1 of \[2\]"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        MixtureDensity(**options)


def test_shapes_and_values_that_cannot_be() -> None:
    loss = MixtureDensity(2)
    with pytest.raises(InvalidData, match=r"outputs \(n, 6\) and targets \(n, 1\), got \(4, 5\) and \(4, 1\)"):
        loss(torch.zeros(4, 5), torch.zeros(4, 1))
    with pytest.raises(InvalidData, match=r"got \(4, 6\) and \(4,\)"):
        loss(torch.zeros(4, 6), torch.zeros(4))
    with pytest.raises(InvalidData, match=r"expected finite numbers, got nan in row 1"):
        loss.check_target((6,), torch.tensor([[0.0], [torch.nan]]))
    with pytest.raises(InvalidParameter, match=r"MixtureDensity\(link\): expected a network that ends in Linear"):
        loss(torch.zeros(4, 6), torch.zeros(4, 1), None, "sigmoid")
