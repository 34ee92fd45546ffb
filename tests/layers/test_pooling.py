"""Pooling against loops over windows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.layers import AvgPool, GlobalPool, Input, MaxPool

Pool = MaxPool | AvgPool


def run(layer: Any, x: np.ndarray) -> np.ndarray:
    return (Input(x.shape[1:]) >> layer).build().double()(torch.from_numpy(x)).numpy()


def by_loops(x: np.ndarray, size: Any, stride: Any, first: Any, places: Any, reduce: Callable) -> np.ndarray:
    """Reduce the values of x that lie in the window of each place, all channels of one sample at once."""
    out = np.empty((x.shape[0], *places))
    for place in itertools.product(*map(range, places)):
        low = [p * s - f for p, s, f in zip(place, stride, first, strict=True)]
        there = tuple(slice(max(a, 0), max(a + k, 0)) for a, k in zip(low, size, strict=True))
        values = x[(slice(None), *there)].reshape(x.shape[0], -1)
        out[(slice(None), *place)] = reduce(values)
    return out


CASES = [
    # shape, size, stride, padding, ceil, start, places
    ((2, 7), 2, None, "valid", False, (0,), (3,)),
    ((2, 7), 2, None, "valid", True, (0,), (4,)),
    ((2, 7), 3, 2, "same", False, (1,), (4,)),
    ((2, 8), 3, 2, "same", False, (0,), (4,)),
    ((2, 7), 2, 1, "same", False, (0,), (7,)),
    ((2, 7), 2, 3, "same", False, (0,), (3,)),
    ((2, 7), 4, 1, "same", False, (1,), (7,)),
    ((2, 7), 3, 1, 1, False, (1,), (7,)),
    ((2, 6, 5), 2, None, "valid", False, (0, 0), (3, 2)),
    ((2, 6, 5), (3, 2), (2, 1), "same", False, (0, 0), (3, 5)),
    ((2, 6, 5), 3, 2, (1, 0), False, (1, 0), (3, 2)),
    ((2, 5, 5), 2, 2, "valid", True, (0, 0), (3, 3)),
    ((1, 4, 5, 6), (2, 1, 3), None, "valid", False, (0, 0, 0), (2, 5, 2)),
    ((1, 4, 5, 6), 3, 2, "same", False, (0, 1, 0), (2, 3, 3)),
]


@pytest.mark.parametrize(("shape", "size", "stride", "padding", "ceil", "first", "places"), CASES)
@pytest.mark.parametrize(("kind", "reduce"), [(MaxPool, lambda v: v.max(1)), (AvgPool, lambda v: v.mean(1))])
def test_windows(
    kind: type[Pool], reduce: Any, shape: Any, size: Any, stride: Any, padding: Any, ceil: bool, first: Any, places: Any
) -> None:
    layer = kind(size, stride, padding, ceil)
    x = np.random.default_rng(0).normal(size=(2, *shape)) - 3  # below zero: a padding of zeros would be the largest
    sizes = size if isinstance(size, tuple) else (size,) * len(places)
    strides = sizes if stride is None else stride if isinstance(stride, tuple) else (stride,) * len(places)
    wanted = np.stack([by_loops(one, sizes, strides, first, places, reduce) for one in x])
    assert (Input(shape) >> layer).output_shape == wanted.shape[1:]
    np.testing.assert_allclose(run(layer, x), wanted, rtol=1e-12)


@pytest.mark.parametrize(("padding", "pads"), [("same", (0, 1)), (1, (1, 1)), ("valid", (0, 0))])
def test_padding_enters_the_mean_when_asked(padding: Any, pads: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 8))
    padded = np.pad(x, ((0, 0), (0, 0), pads, pads))
    places = (padded.shape[-1] - 3) // 2 + 1
    wanted = np.stack([by_loops(one, (3, 3), (2, 2), (0, 0), (places, places), lambda v: v.mean(1)) for one in padded])
    np.testing.assert_allclose(run(AvgPool(3, 2, padding, count_padding=True), x), wanted, rtol=1e-12)


def test_windowed_pools_are_torchs_own() -> None:
    for layer, kind in ((MaxPool(3, 2, "same"), torch.nn.MaxPool2d), (AvgPool(2, padding="same"), torch.nn.AvgPool2d)):
        [pool] = (Input(3, 8, 7) >> layer).build().children()
        assert type(pool) is kind


@pytest.mark.parametrize("space", [(5,), (4, 3), (2, 3, 2)])
@pytest.mark.parametrize(("kind", "reduce"), [("avg", np.mean), ("max", np.max), ("sum", np.sum)])
def test_global(kind: str, reduce: Any, space: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, *space))
    assert (Input(3, *space) >> GlobalPool(kind)).output_shape == (3,)
    np.testing.assert_allclose(run(GlobalPool(kind), x), reduce(x, axis=tuple(range(2, x.ndim))), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: MaxPool(0), r"MaxPool\(size\): expected an integer >= 1 or a tuple .*, got 0"),
        (lambda: MaxPool(2, 0), r"MaxPool\(stride\): expected .* or None, got 0"),
        (
            lambda: MaxPool(3, padding=2),
            r"MaxPool\(padding\): expected at most half the size, got padding 2 for size 3",
        ),
        (
            lambda: AvgPool((4, 2), padding=(2, 2)),
            r"AvgPool\(padding\): expected at most half the size, got padding \(2, 2\)",
        ),
        (lambda: AvgPool((4, 2), padding=2), r"AvgPool\(padding\): expected at most half the size, got padding 2"),
        (
            lambda: AvgPool(3, padding=(1, 2)),
            r"AvgPool\(padding\): expected at most half the size, got padding \(1, 2\)",
        ),
        (lambda: MaxPool(2, padding="full"), r"MaxPool\(padding\): expected 'valid' or 'same' or .*, got 'full'"),
        (lambda: MaxPool(2, ceil=1), r"MaxPool\(ceil\): expected True or False, got 1"),
        (lambda: GlobalPool("mean"), r"GlobalPool\(kind\): expected 'avg' or 'max' or 'sum', got 'mean'"),
        (lambda: GlobalPool("Avg"), r"GlobalPool\(kind\): .*, got 'Avg'\. Did you mean 'avg'"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
