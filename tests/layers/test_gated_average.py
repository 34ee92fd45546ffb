"""Gated averages against NumPy: of a bag of vectors, and of branches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.layers import GatedAverage, Input, Normal, ReLU, Softmax

RNG = np.random.default_rng(0)


def bag(x: np.ndarray, w: np.ndarray, b: float, normalize: bool) -> np.ndarray:
    """One sample, (steps, features)."""
    g = 1 / (1 + np.exp(-(x @ w + b)))
    total = (g[:, None] * x).sum(0)
    return total / g.sum() if normalize and len(x) else total


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    normalize=st.booleans(),
    padding=st.sampled_from([0.0, 9.0, float("nan"), float("inf")]),
    seed=st.integers(0, 1000),
)
def test_a_bag_of_vectors(lengths: list[int], normalize: bool, padding: float, seed: int) -> None:
    layer = GatedAverage(normalize=normalize, lengths=True, weight=Normal(std=1.0), bias=0.3)
    module = ((Input(5, 3) | Input(1)) >> layer).build(seed).double()
    linear = module.body.gatedaverage1.linear
    rows = [np.random.default_rng(seed).normal(size=(n, 3)) for n in lengths]
    x = torch.full((len(rows), 5, 3), padding, dtype=torch.float64)
    for row, values in zip(x, rows, strict=True):
        row[: len(values)] = torch.from_numpy(values)
    x.requires_grad_()
    y = module(x, torch.tensor(lengths)[:, None])
    w, b = linear.weight.detach().numpy()[0], linear.bias.item()
    wanted = [bag(values, w, b, normalize) for values in rows]
    np.testing.assert_allclose(y.detach().numpy(), wanted, rtol=1e-9, atol=1e-12)
    y.sum().backward()
    assert x.grad is not None
    assert all((grad[n:] == 0).all() and grad.isfinite().all() for grad, n in zip(x.grad, lengths, strict=True))
    assert linear.weight.grad.isfinite().all()


@pytest.mark.parametrize("normalize", [True, False])
def test_all_steps_without_lengths(normalize: bool) -> None:
    module = (Input(5, 3) >> GatedAverage(normalize=normalize, bias=0.3)).build(1).double()
    linear = module.gatedaverage1.linear
    x = RNG.normal(size=(4, 5, 3))
    wanted = [bag(one, linear.weight.detach().numpy()[0], linear.bias.item(), normalize) for one in x]
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-12)


def test_the_order_of_the_vectors_does_not_matter() -> None:
    module = (Input(6, 3) >> GatedAverage()).build().double()
    x = torch.from_numpy(RNG.normal(size=(2, 6, 3)))
    torch.testing.assert_close(module(x), module(x[:, torch.tensor([3, 1, 5, 0, 2, 4])]))


def test_gates_too_small_to_be_numbers() -> None:
    """sigmoid(-1000) is 0 in any precision; the average is nevertheless that of the largest gates."""
    module = (Input(3, 1) >> GatedAverage(weight=-1.0, bias=-1000.0)).build()
    x = torch.tensor([[[0.0], [0.0], [50.0]]], requires_grad=True)
    assert module(x).item() == pytest.approx(0, abs=1e-6)
    assert (Input(3, 1) >> GatedAverage(weight=0.0, bias=-1000.0)).build()(x).item() == pytest.approx(50 / 3)


@pytest.mark.parametrize("gate", [0, 1, 2])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("shape", [(4,), (3, 2, 2)])
def test_branches(gate: int, normalize: bool, shape: tuple[int, ...]) -> None:
    g, xs = RNG.random((5, 2)), [RNG.normal(size=(5, *shape)) for _ in range(2)]
    inputs = [*xs[:gate], g, *xs[gate:]]
    network = Input(inputs[0].shape[1:]) | Input(inputs[1].shape[1:]) | Input(inputs[2].shape[1:])
    network = network >> GatedAverage(gate, normalize)
    assert network.output_shape == shape
    weights = g / g.sum(1, keepdims=True) if normalize else g
    wanted = sum(weights[:, i].reshape(5, *[1] * len(shape)) * x for i, x in enumerate(xs))
    got = network.build()(*map(torch.from_numpy, inputs)).numpy()
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_gates_of_zero_give_zero() -> None:
    module = ((Input(2) | Input(3) | Input(3)) >> GatedAverage(0)).build()
    gates = torch.zeros(1, 2, requires_grad=True)
    y = module(gates, torch.ones(1, 3), torch.ones(1, 3))
    y.sum().backward()
    assert (y == 0).all()
    assert gates.grad is not None
    assert gates.grad.isfinite().all()


def test_softmax_gates_are_normalised_already() -> None:
    branches = Softmax(2) | ReLU(5) | ReLU(5)
    one, two = ((Input(8) >> branches >> GatedAverage(0, normalize)).build(3) for normalize in (True, False))
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one(x), two(x))


def test_which_inputs_it_takes() -> None:
    assert not GatedAverage().merges
    assert GatedAverage(lengths=True).merges
    assert GatedAverage(0).merges
    assert (Input(20, 16) >> GatedAverage()).summary().parameters == 17
    assert (Input(20, 16) >> GatedAverage(bias=False)).summary().parameters == 16


def test_a_bad_length_is_named() -> None:
    module = ((Input(4, 2) | Input(1)) >> GatedAverage(lengths=True)).build()
    text = r"GatedAverage\(lengths=True\), length: expected an integer from 0 to 4, got 5 in sample 1 of the batch"
    with pytest.raises(InvalidData, match=text):
        module(torch.zeros(2, 4, 2), torch.tensor([[0.0], [5.0]]))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Input(4) >> GatedAverage(),
            r"GatedAverage\(\): expected an input \(steps, features\), got shape \(4,\)",
        ),
        (lambda: (Input(3, 4) | Input(2)) >> GatedAverage(lengths=True), r"expected two inputs, a sequence"),
        (
            lambda: Input(4) >> GatedAverage(0),
            r"GatedAverage\(0\): expected at least 2 inputs, of which number 0 \(from 0\) is the gate, "
            r"got shape \(4,\)\. Put it behind branches",
        ),
        (lambda: (Input(2) | Input(3)) >> GatedAverage(2), r"expected at least 3 inputs, of which number 2"),
        (
            lambda: (Input(2) | Input(3) | Input(4)) >> GatedAverage(0),
            r"expected inputs of one shape beside the gate, number 0 \(from 0\), got shape \(\(2,\), \(3,\), \(4,\)\)",
        ),
        (
            lambda: (Input(3) | Input(4) | Input(4)) >> GatedAverage(0),
            r"expected a gate \(2,\) as input 0 \(from 0\), one for each other input, "
            r"got shape \(\(3,\), \(4,\), \(4,\)\)\. End its branch in Softmax\(2\) or Sigmoid\(2\)\.",
        ),
    ],
)
def test_joins_that_cannot_work(make: Any, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: GatedAverage(-1), r"GatedAverage\(gate\): expected an integer >= 0 or None, got -1"),
        (
            lambda: GatedAverage(0, lengths=True),
            r"GatedAverage\(lengths\): expected False with a gate, got lengths=True\. It",
        ),
        (lambda: GatedAverage(0, bias=False), r"GatedAverage\(bias\): expected True with a gate, got bias=False"),
        (lambda: GatedAverage(0, weight=1.0), r"GatedAverage\(weight\): expected .* with a gate, got weight=Constant"),
        (lambda: GatedAverage(normalize=1), r"GatedAverage\(normalize\): expected True or False, got 1"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
