"""Penalties against NumPy and autograd; the projection row by row; sums that keep their parts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.losses import Penalty, PenaltySum, l1, l2, maxnorm

NET = l1(0.1) + l2(0.3)
ALL = [l1(0.25), l1(0), l2(0.5), l2(1.5, biases=True), maxnorm(2), NET, NET + maxnorm(0.5, biases=True)]


def test_the_numbers(draw: Any) -> None:
    theta = draw(4, 3)
    w = theta.numpy()
    assert float(l1(0.25).penalty(theta)) == pytest.approx(0.25 * np.abs(w).sum())
    assert float(l2(0.5).penalty(theta)) == pytest.approx(0.5 * 0.5 * (w**2).sum())
    assert float(maxnorm(0.1).penalty(theta)) == 0
    assert float(NET.penalty(theta)) == pytest.approx(0.1 * np.abs(w).sum() + 0.15 * (w**2).sum())


@pytest.mark.parametrize("penalty", ALL, ids=repr)
@pytest.mark.parametrize("shape", [(7,), (4, 3), (2, 3, 2, 2), ()])
def test_the_gradient_is_that_of_autograd(penalty: Penalty, shape: tuple[int, ...], draw: Any) -> None:
    theta = torch.nn.Parameter(draw(*shape))
    with torch.no_grad():
        theta.view(-1)[0] = 0.0  # where abs has a corner
    (expected,) = torch.autograd.grad(penalty.penalty(theta), theta)
    before = draw(*shape)
    gradient = before.clone()
    penalty.add_gradient_(theta, gradient)
    torch.testing.assert_close(gradient, before + expected)
    assert not gradient.requires_grad
    if penalty.penalty(theta) != 0 and "l1" not in repr(penalty):
        assert torch.autograd.gradcheck(penalty.penalty, theta)


def test_the_gradient_of_l1_away_from_zero(draw: Any) -> None:
    assert torch.autograd.gradcheck(NET.penalty, draw(4, 3).requires_grad_())


def test_one_vector_or_its_pieces_are_the_same(draw: Any) -> None:
    theta, gradient = draw(10), draw(10)
    pieces = gradient.clone()
    NET.add_gradient_(theta, gradient)
    for start, stop in ((0, 6), (6, 10)):
        NET.add_gradient_(theta[start:stop].view(2, -1), pieces[start:stop].view(2, -1))
    torch.testing.assert_close(gradient, pieces, rtol=0, atol=0)


@pytest.mark.parametrize("penalty", [l1(0.1), l2(0.1), NET], ids=repr)
def test_a_gradient_of_another_shape(penalty: Penalty) -> None:
    with pytest.raises(
        InvalidData, match=r"add_gradient_\(gradient\): expected the shape \(3,\) of theta, got \(2, 3\)\."
    ):
        penalty.add_gradient_(torch.zeros(3), torch.zeros(2, 3))


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 2, 2), (5, 3, 4)])
def test_rows_above_the_limit_are_scaled_to_it(shape: tuple[int, ...], draw: Any) -> None:
    weight = torch.nn.Parameter(draw(*shape))
    with torch.no_grad():
        weight[0] *= 1e-3
        weight[1] = 0.0
    rows = weight.detach().reshape(5, -1).numpy().copy()
    norms = np.linalg.norm(rows, axis=1)
    limit = float(np.sort(norms)[2] * 1.01)
    maxnorm(limit).project_(weight)
    expected = rows * np.minimum(1, limit / np.maximum(norms, 1e-30))[:, None]
    np.testing.assert_allclose(weight.detach().reshape(5, -1).numpy(), expected)
    within = norms <= limit
    assert within.sum() == 3
    assert np.array_equal(weight.detach().reshape(5, -1).numpy()[within], rows[within]), "bit by bit"


def test_a_channels_last_weight_is_changed_in_place(draw: Any) -> None:
    plain = draw(4, 3, 2, 2)
    weight = plain.clone().to(memory_format=torch.channels_last)
    maxnorm(0.5).project_(weight)
    maxnorm(0.5).project_(plain)
    torch.testing.assert_close(weight, plain)
    torch.testing.assert_close(weight.flatten(1).norm(dim=1), torch.full((4,), 0.5, dtype=torch.float64))


def test_biases_are_rows_by_themselves() -> None:
    bias = torch.tensor([-3.0, 0.5, 2.0])
    maxnorm(1, biases=True).project_(bias)
    assert bias.tolist() == [-1.0, 0.5, 1.0]


@settings(max_examples=50)
@given(st.lists(st.floats(-100, 100, width=32), min_size=4, max_size=4), st.floats(2**-10, 100, width=32))
def test_no_row_is_above_the_limit_in_single_precision(numbers: list[float], limit: float) -> None:
    weight = torch.tensor(numbers).reshape(2, 2)
    before = weight.clone()
    maxnorm(limit).project_(weight)
    assert weight.norm(dim=1).max() <= limit * (1 + 1e-6)
    kept = before.norm(dim=1) <= limit
    assert torch.equal(weight[kept], before[kept])


@pytest.mark.parametrize("penalty", [l1(0.1), l2(0.1), NET], ids=repr)
def test_only_maxnorm_projects(penalty: Penalty) -> None:
    weight = torch.full((2, 2), 9.0)
    penalty.project_(weight)
    assert not penalty.projects
    assert weight.tolist() == [[9.0, 9.0], [9.0, 9.0]]


def test_a_sum_does_what_its_parts_do() -> None:
    both = l2(0.1) + maxnorm(1)
    weight = torch.tensor([[3.0, 4.0]])
    both.project_(weight)
    assert both.projects
    assert maxnorm(1).projects
    torch.testing.assert_close(weight, torch.tensor([[0.6, 0.8]]))


def test_sums_flatten_and_compare_by_value() -> None:
    a, b, c = l1(0.1), l2(0.2, biases=True), maxnorm(3)
    assert (a + b) + c == a + (b + c) == PenaltySum((a, PenaltySum([b, c])))
    assert ((a + b) + c).parts() == (a, b, c)
    assert hash(a + b) == hash(l1(0.1) + l2(0.2, biases=True))
    assert a + b != a + l2(0.2)
    assert a.parts() == (a,)
    assert c.parts() == (c,)


def test_parts_that_differ_in_their_biases(draw: Any) -> None:
    penalty = l1(0.5) + l2(0.25, biases=True)
    assert [part.biases for part in penalty.parts()] == [False, True]
    assert penalty.biases
    assert not NET.biases
    theta, gradient, weights = draw(10), torch.zeros(10, dtype=torch.float64), 6
    for part in penalty.parts():
        stop = None if part.biases else weights
        part.add_gradient_(theta[:stop], gradient[:stop])
    expected = 0.25 * theta.numpy()
    expected[:weights] += 0.5 * np.sign(theta[:weights].numpy())
    np.testing.assert_allclose(gradient.numpy(), expected)


@pytest.mark.parametrize("penalty", ALL, ids=repr)
def test_a_penalty_is_a_value(penalty: Penalty) -> None:
    assert from_json(json.loads(json.dumps(to_json(penalty)))) == penalty
    assert eval(repr(penalty), {"l1": l1, "l2": l2, "maxnorm": maxnorm}) == penalty


def test_the_repr_is_the_call() -> None:
    assert repr(l1(0.1) + l2(0.01, biases=True) + maxnorm(3)) == "l1(0.1) + l2(0.01, biases=True) + maxnorm(3)"


def test_only_penalties_are_added() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        l1(0.1) + 1  # type: ignore[operator]
    with pytest.raises(
        InvalidParameter, match=r"PenaltySum\(addends\): .* each a penalty such as l2\(1e-4\), got \(\)"
    ):
        PenaltySum(())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: l1(-1), r"l1\(strength\): expected a number in \[0, inf\), got -1"),
        (lambda: l2("a"), r"l2\(strength\): expected a number in \[0, inf\), got 'a'"),
        (lambda: l2(0.1, biases=1), r"l2\(biases\): expected True or False, got 1"),
        (lambda: maxnorm(0), r"maxnorm\(limit\): expected a number in \(0, inf\), got 0"),
    ],
)
def test_options_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        make()
