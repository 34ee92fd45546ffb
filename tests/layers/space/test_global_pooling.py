"""Pooling over space and over time against NumPy; what stands behind a sequence's length never enters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.layers import GlobalPool, Input, ReLU, TimePool

KINDS = ["max", "avg", "sum", "l2", "last"]
REDUCE: dict[str, Any] = {
    "avg": np.mean,
    "max": np.max,
    "sum": np.sum,
    "l2": lambda x, axis: np.sqrt((x**2).sum(axis)),
    "last": lambda x, axis: x.take(-1, axis),
}


def with_lengths(layer: Any, x: torch.Tensor, lengths: Any) -> torch.Tensor:
    given = torch.as_tensor(lengths).reshape(-1, 1)
    return ((Input(x.shape[1:]) | Input(1)) >> layer).build()(x, given)


@pytest.mark.parametrize("space", [(5,), (4, 3), (2, 3, 2)])
@pytest.mark.parametrize("kind", ["avg", "max", "sum", "l2"])
def test_over_space(kind: str, space: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, *space))
    assert (Input(3, *space) >> GlobalPool(kind)).output_shape == (3,)
    got = (Input(3, *space) >> GlobalPool(kind)).build()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, REDUCE[kind](x, axis=tuple(range(2, x.ndim))), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_over_time(kind: str) -> None:
    x = np.random.default_rng(0).normal(size=(4, 6, 3)) - 5
    assert (Input(6, 3) >> TimePool(kind)).output_shape == (3,)
    got = (Input(6, 3) >> TimePool(kind)).build()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, REDUCE[kind](x, axis=1), rtol=1e-12)


@pytest.mark.parametrize("layer", [GlobalPool("l2"), TimePool("l2")])
def test_the_gradient_of_the_norm_of_zeros_is_zero(layer: GlobalPool | TimePool) -> None:
    x = torch.zeros(2, 3, 4, requires_grad=True)
    (Input(3, 4) >> layer).build()(x).sum().backward()
    assert x.grad is not None
    assert (x.grad == 0).all()


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    padding=st.sampled_from([0.0, 7.0, float("nan"), float("inf"), -float("inf")]),
    more=st.integers(0, 3),
    seed=st.integers(0, 1000),
)
def test_over_valid_steps(kind: str, lengths: list[int], padding: float, more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [rng.normal(size=(n, 2)) - 3 for n in lengths]
    x = torch.full((len(rows), 6 + more, 2), padding, dtype=torch.float64)
    for row, values in zip(x, rows, strict=True):
        row[: len(values)] = torch.from_numpy(values)
    x.requires_grad_()
    got = with_lengths(TimePool(kind, lengths=True), x, lengths)
    wanted = [REDUCE[kind](values, axis=0) if len(values) else np.zeros(2) for values in rows]
    np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=1e-12)
    got.sum().backward()
    assert x.grad is not None
    for grad, n in zip(x.grad, lengths, strict=True):
        assert (grad[n:] == 0).all()
        assert grad[:n].isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_valid_is_not_hidden(kind: str) -> None:
    x = torch.ones(1, 3, 1)
    x[0, 1] = torch.nan
    assert with_lengths(TimePool(kind, lengths=True), x, [2]).isnan().all()


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.float32, torch.bfloat16])
def test_lengths_of_any_type(dtype: torch.dtype) -> None:
    x = torch.arange(6.0).reshape(2, 3, 1)
    assert with_lengths(TimePool("last", True), x, torch.tensor([1, 3], dtype=dtype)).flatten().tolist() == [0, 5]


@pytest.mark.parametrize(
    ("bad", "text"), [(-1, "-1"), (4, "4"), (1.5, "1.5"), (float("nan"), "nan"), (float("inf"), "inf")]
)
def test_the_first_bad_length_is_named(bad: float, text: str) -> None:
    wanted = (
        rf"TimePool\(lengths=True\), length: expected an integer from 0 to 3, got {text} in sample 1 of the batch\. A"
    )
    with pytest.raises(InvalidData, match=wanted):
        with_lengths(TimePool(lengths=True), torch.zeros(3, 3, 2), [3, bad, -7])


def test_no_rows_and_no_values_are_not_looked_at() -> None:
    module = ((Input(3, 2) | Input(1)) >> TimePool("avg", True)).build()
    assert module(torch.empty(0, 3, 2), torch.empty(0, 1)).shape == (0, 2)
    assert module(torch.empty(5, 3, 2, device="meta"), torch.empty(5, 1, device="meta")).shape == (5, 2)


def test_in_a_network() -> None:
    network = (Input(6, 3) | Input(1)) >> TimePool("avg", lengths=True) >> ReLU(4)
    assert network.input_shape == ((6, 3), (1,))
    assert network.output_shape == (4,)
    assert network.summary().parameters == 16


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Input(3, 4, 5) >> TimePool(),
            r"timepool1: TimePool\(\): expected an input \(steps, features\), got shape \(3, 4, 5\)\. Put Reshape",
        ),
        (lambda: Input(4) >> TimePool(), r"expected an input \(steps, features\), got shape \(4,\)"),
        (
            lambda: Input(3, 4) >> TimePool(lengths=True),
            r"TimePool\(lengths=True\): expected two inputs, a sequence \(steps, features\) and its length \(1,\), "
            r"got shape \(3, 4\)\. Put it behind both: \(Input\(steps, features\) \| Input\(1\)\) >> TimePool",
        ),
        (lambda: (Input(3, 4) | Input(2)) >> TimePool("avg", True), r"got shape \(\(3, 4\), \(2,\)\)"),
        (lambda: (Input(4) | Input(1)) >> TimePool("avg", True), r"got shape \(\(4,\), \(1,\)\)"),
        (lambda: (Input(3, 4) | Input(1)) >> TimePool(), r"TimePool\(\): expected one input"),
        (lambda: Input(3) >> GlobalPool(), r"GlobalPool\(\): expected an input \(channels, \*space\) of rank 2 to 4"),
    ],
)
def test_joins_that_cannot_work(make: Any, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: GlobalPool("mean"), r"GlobalPool\(kind\): expected 'avg' or 'max' or 'sum' or 'l2', got 'mean'"),
        (lambda: GlobalPool("Avg"), r"GlobalPool\(kind\): .*, got 'Avg'\. Did you mean 'avg'"),
        (
            lambda: TimePool("first"),
            r"TimePool\(kind\): expected 'max' or 'avg' or 'sum' or 'l2' or 'last', got 'first'",
        ),
        (lambda: TimePool(lengths=1), r"TimePool\(lengths\): expected True or False, got 1"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
