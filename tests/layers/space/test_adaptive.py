"""AdaptivePool: the places of its windows against their formula, sizes above and below that of the input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import AdaptivePool, Input


def by_formula(x: np.ndarray, size: tuple[int, ...], kind: str) -> np.ndarray:
    """Window by window, axis by axis."""
    y = np.empty((*x.shape[:2], *size))
    for place in np.ndindex(*size):
        spans = (
            slice(math.floor(i * n / o), math.ceil((i + 1) * n / o))
            for i, n, o in zip(place, x.shape[2:], size, strict=True)
        )
        window = x[(slice(None), slice(None), *spans)].reshape(*x.shape[:2], -1)
        y[(slice(None), slice(None), *place)] = window.mean(-1) if kind == "avg" else window.max(-1)
    return y


@settings(max_examples=40)
@given(
    space=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    data=st.data(),
    kind=st.sampled_from(["avg", "max"]),
)
def test_windows_are_those_of_the_formula(space: list[int], data: st.DataObject, kind: str) -> None:
    size = tuple(data.draw(st.integers(1, 9)) for _ in space)
    x = torch.randn(2, 3, *space, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = (Input(3, *space) >> AdaptivePool(size, kind)).build()(x)
    np.testing.assert_allclose(y.numpy(), by_formula(x.numpy(), size, kind), atol=1e-12)


def test_one_size_is_for_all_axes() -> None:
    assert (Input(2, 9, 5) >> AdaptivePool(4)).output_shape == (2, 4, 4)
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal((Input(1, 3, 4) >> AdaptivePool((3, 4))).build()(x), x)


def test_the_module_is_torchs_own_and_takes_other_sizes() -> None:
    module = (Input(2, 9, 5) >> AdaptivePool(4)).build()
    assert type(module.adaptivepool1) is torch.nn.AdaptiveAvgPool2d
    assert module(torch.zeros(1, 2, 20, 3)).shape == (1, 2, 4, 4)


def test_shapes_that_it_cannot_take() -> None:
    with pytest.raises(
        JoinError, match=r"AdaptivePool\(4\): expected an input \(channels, \*space\).*got shape \(5,\)"
    ):
        Input(5) >> AdaptivePool(4)
    with pytest.raises(JoinError, match=r"an input with 2 space axes, as its size \(4, 4\) says, got shape \(2, 9\)"):
        Input(2, 9) >> AdaptivePool((4, 4))


def test_options_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match=r"AdaptivePool\(size\): expected an integer >= 1 .*, got 0"):
        AdaptivePool(0)
    with pytest.raises(InvalidParameter, match=r"AdaptivePool\(kind\): expected 'avg' or 'max', got 'mean'"):
        AdaptivePool(2, "mean")
