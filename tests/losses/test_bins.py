"""The cross-entropy of bins against torch's and the equations, in both forms, with and without smoothing."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import norm

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.losses import Bins

SHARES = (0.1, 0.2, 0.3, 0.25, 0.15)
PLACES = torch.tensor([[0.5], [3.999], [-2.0], [77.0], [2.0], [4.2]], dtype=torch.float64)
LIES_IN = torch.tensor([0, 3, 0, 4, 2, 4])


def test_the_softmax_form_is_torchs_cross_entropy(draw: Any) -> None:
    z = draw(6, 5)
    expected = torch.nn.functional.cross_entropy(z, LIES_IN, reduction="none")
    torch.testing.assert_close(Bins(5).terms(z, PLACES), expected)
    shifted = torch.nn.functional.cross_entropy(z + torch.tensor(SHARES).log().double(), LIES_IN, reduction="none")
    torch.testing.assert_close(Bins(5, SHARES).terms(z, PLACES), shifted, rtol=1e-6, atol=1e-7)


def test_the_ordinal_form_is_the_mean_of_yes_or_no_questions(draw: Any) -> None:
    loss, z = Bins(5, SHARES, "ordinal"), draw(6, 4)
    begin = logit(np.cumsum(SHARES[::-1])[::-1][1:])  # 0.9, 0.7, 0.4, 0.15: the third is next to the median
    step = np.log1p(np.exp(z.numpy() + np.log(np.e - 1)))
    a = np.zeros((6, 4))
    a[:, 2] = begin[2] + z[:, 2]
    a[:, 3] = a[:, 2] - (begin[2] - begin[3]) * step[:, 3]
    a[:, 1] = a[:, 2] + (begin[1] - begin[2]) * step[:, 1]
    a[:, 0] = a[:, 1] + (begin[0] - begin[1]) * step[:, 0]
    above = LIES_IN.numpy()[:, None] >= np.arange(1, 5)
    expected = -np.where(above, np.log(expit(a)), np.log(expit(-a))).mean(1)
    np.testing.assert_allclose(loss.terms(z, PLACES), expected)
    p = np.concatenate([np.ones((6, 1)), expit(a), np.zeros((6, 1))], axis=1)
    np.testing.assert_allclose(loss.probabilities(z), -np.diff(p, axis=1), atol=1e-12)


@pytest.mark.parametrize("form", ["softmax", "ordinal"])
def test_outputs_of_zero_are_the_shares(form: str) -> None:
    for shares in (SHARES, None):
        loss = Bins(5, shares, form)
        p = loss.probabilities(torch.zeros(2, loss.width, dtype=torch.float64))
        np.testing.assert_allclose(p, np.tile(shares or [0.2] * 5, (2, 1)), rtol=1e-9)


@pytest.mark.parametrize("form", ["softmax", "ordinal"])
@given(outputs=st.lists(st.floats(-50, 50), min_size=4, max_size=4), bins=st.integers(2, 5))
def test_probabilities_sum_to_one_and_those_above_edges_fall(form: str, outputs: list[float], bins: int) -> None:
    loss = Bins(bins, None, form)
    z = torch.tensor([[*outputs, 0.0][: loss.width]], dtype=torch.float64)
    p = loss.probabilities(z)
    assert p.shape == (1, bins)
    assert bool((p >= 0).all())
    assert float(p.sum()) == pytest.approx(1)
    above = p.flip(1).cumsum(1).flip(1)
    assert bool((above.diff(dim=1) <= 1e-12).all())


def test_two_bins_are_one_question(draw: Any) -> None:
    loss, z = Bins(2, None, "ordinal"), draw(3, 1)
    assert loss.width == 1
    torch.testing.assert_close(loss.probabilities(z)[:, 1:], z.sigmoid())


@pytest.mark.parametrize("form", ["softmax", "ordinal"])
@pytest.mark.parametrize("smooth", [0.0, 0.75])
def test_the_gradient(form: str, smooth: float, draw: Any) -> None:
    loss = Bins(5, SHARES, form, smooth)
    z = draw(6, loss.width).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, PLACES), z)
    far = (1e4 * draw(6, loss.width)).float().requires_grad_()
    loss(far, PLACES).backward()
    assert far.grad is not None
    assert far.grad.isfinite().all()


def test_smoothing_spreads_a_target_as_a_normal_distribution() -> None:
    loss = Bins(5, smooth=0.75)
    t = loss.targets_of(torch.tensor([[2.5], [0.0], [9.0]], dtype=torch.float64)).numpy()
    np.testing.assert_allclose(t.sum(1), 1)
    for row, place in zip(t, (2.5, 0.0, 5.0), strict=True):
        inside = np.diff(norm(place, 0.75).cdf(np.arange(6)))
        np.testing.assert_allclose(row, inside / inside.sum())
    np.testing.assert_allclose(t[0], t[0][::-1])
    np.testing.assert_array_equal(Bins(5).targets_of(PLACES).argmax(1), LIES_IN)


def test_a_single_bin_has_nothing_to_learn(draw: Any) -> None:
    for form in ("softmax", "ordinal"):
        loss, z = Bins(1, None, form), draw(4, 1).requires_grad_()
        value = loss(z, draw(4, 1))
        value.backward()
        assert float(value.detach()) == 0
        torch.testing.assert_close(loss.probabilities(z.detach()), torch.ones(4, 1, dtype=torch.float64))


def test_it_is_a_value() -> None:
    loss = Bins(5, SHARES, "ordinal", 0.5)
    assert from_json(json.loads(json.dumps(to_json(loss)))) == loss
    assert eval(repr(loss)) == loss


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 0}, r"Bins\(bins\): expected an integer >= 1, got 0"),
        ({"bins": 3, "shares": (0.5, 0.5)}, r"Bins\(shares\): expected 3 numbers, got \(0\.5, 0\.5\)"),
        ({"shares": (0.0, 1.0)}, r"Bins\(shares\): expected None or a tuple"),
        ({"form": "soft"}, r"Bins\(form\): .* got 'soft'\. Did you mean 'softmax'\?"),
        ({"smooth": -1}, r"Bins\(smooth\): expected a number in \[0, inf\), got -1"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        Bins(**options)


def test_shapes_that_cannot_be() -> None:
    with pytest.raises(InvalidData, match=r"outputs \(n, 4\) and targets \(n, 1\), got \(3, 5\) and \(3, 1\)"):
        Bins(5, form="ordinal")(torch.zeros(3, 5), torch.zeros(3, 1))
    with pytest.raises(InvalidParameter, match=r"Bins\(link\): expected a network that ends in Linear"):
        Bins(5)(torch.zeros(3, 5), torch.zeros(3, 1), None, "softmax")
