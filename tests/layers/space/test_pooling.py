"""Pooling against loops over windows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import AvgPool, Input, L2Pool, MaxPool

Pool = MaxPool | AvgPool | L2Pool
KINDS = [
    (MaxPool, lambda v: v.max(1)),
    (AvgPool, lambda v: v.mean(1)),
    (L2Pool, lambda v: np.sqrt((v**2).sum(1))),
]


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
    ((2, 7, 9), 3, 2, "valid", False, (0, 0), (3, 4)),  # overlapping
    ((2, 8, 6), 3, 2, "valid", True, (0, 0), (4, 3)),  # overlapping, the last window hangs over
    ((2, 8, 6), 3, 2, 1, True, (1, 1), (5, 4)),
    ((1, 4, 5, 6), (2, 1, 3), None, "valid", False, (0, 0, 0), (2, 5, 2)),
    ((1, 4, 5, 6), 3, 2, "same", False, (0, 1, 0), (2, 3, 3)),
    ((2, 2, 5, 6), 3, 2, 1, False, (1, 1, 1), (1, 3, 3)),  # smaller than the window without its padding
    ((2, 2, 5, 6), 3, 2, 1, True, (1, 1, 1), (2, 3, 4)),
    ((2, 2, 5, 1), (3, 2, 3), (2, 3, 1), (1, 1, 1), True, (1, 1, 1), (2, 2, 1)),
    ((2, 5, 2, 2), 3, 2, "same", False, (1, 0, 0), (3, 1, 1)),
    ((2, 2, 4, 1), 4, 1, "same", False, (1, 1, 1), (2, 4, 1)),
    ((2, 2, 5, 6), 3, 2, "valid", True, (0, 0, 0), (1, 2, 3)),
]


@pytest.mark.parametrize(("shape", "size", "stride", "padding", "ceil", "first", "places"), CASES)
@pytest.mark.parametrize(("kind", "reduce"), KINDS)
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


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("space", "size", "stride", "padding"), [((2, 5, 6), 3, 2, 1), ((1, 2, 7), (3, 4, 2), 1, 1)])
def test_small_volumes_are_averaged_as_torch_averages_an_axis(
    space: Any, size: Any, stride: Any, padding: Any, ceil: bool
) -> None:
    """Also with padding that counts: a window is a product, and so torch's pool of one axis does it, axis by axis."""
    for counted in (False, True):
        x = torch.randn(2, 3, *space, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        wanted = x
        for axis, f in zip((2, 3, 4), size if isinstance(size, tuple) else (size,) * 3, strict=True):
            pool = torch.nn.AvgPool1d(f, stride, padding, ceil_mode=ceil, count_include_pad=counted)
            line = wanted.movedim(axis, -1)
            wanted = pool(line.flatten(1, -2)).unflatten(1, line.shape[1:-1]).movedim(-1, axis)
        network = Input(3, *space) >> AvgPool(size, stride, padding, ceil, count_padding=counted)
        torch.testing.assert_close(network.build()(x), wanted)


def test_small_volumes_are_seen_as_windows() -> None:
    network = Input(1, 2, 9, 9) >> AvgPool(3, 2, 1) >> L2Pool((1, 3, 3), 1, (0, 1, 1))
    assert [row.receptive_field for row in network.summary().rows[1:]] == [(3, 3, 3), (3, 7, 7)]
    assert [row.how.kernel for row in network.summary().rows[1:]] == ["3x3x3/2 p1", "1x3x3 p0x1x1"]
    assert "3x3x3/2 p1, ceil_mode=False" in repr(network.build())
    assert type((Input(1, 3, 3, 3) >> AvgPool(3, 2, 1)).build().avgpool1) is torch.nn.AvgPool3d


def test_windowed_pools_are_torchs_own() -> None:
    for layer, kind in ((MaxPool(3, 2, "same"), torch.nn.MaxPool2d), (AvgPool(2, padding="same"), torch.nn.AvgPool2d)):
        [pool] = (Input(3, 8, 7) >> layer).build().children()
        assert type(pool) is kind


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_l2_is_torchs_where_torch_has_it(rank: int) -> None:
    x = torch.randn(2, 3, *[7] * rank, generator=torch.Generator().manual_seed(0))
    kind = {1: torch.nn.LPPool1d, 2: torch.nn.LPPool2d, 3: torch.nn.LPPool3d}[rank]
    torch.testing.assert_close((Input(x.shape[1:]) >> L2Pool(3, 2)).build()(x), kind(2, 3, 2)(x))


@pytest.mark.parametrize("space", [(6,), (4, 6), (2, 4, 6)])
def test_the_gradient_of_a_window_of_zeros_is_zero(space: tuple[int, ...]) -> None:
    module = (Input(1, *space) >> L2Pool(2)).build().double()
    x = torch.randn(1, 1, *space, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[..., :2] = 0  # all windows that begin there
    x.requires_grad_()
    module(x).sum().backward()
    assert x.grad is not None
    assert (x.grad[..., :2] == 0).all()
    assert x.grad[..., 2:].abs().min() > 0
    assert (module(x)[..., 0] == 0).all()


def test_l2_shows_what_is_no_number_and_holds_what_half_precision_does_not() -> None:
    module = (Input(1, 2) >> L2Pool(2)).build()
    assert module(torch.tensor([[[torch.nan, 1.0]]])).isnan().all()
    assert module(torch.tensor([[[300.0, 400.0]]], dtype=torch.float16)).item() == 500


@pytest.mark.parametrize("kind", [MaxPool, AvgPool, L2Pool])
def test_exact(kind: type[Pool]) -> None:
    assert (Input(1, 7, 9) >> kind(3, 2, exact=True)).output_shape == (1, 3, 4)
    assert (Input(1, 8) >> kind(3, 2, "same", exact=True)).output_shape == (1, 4)
    assert (Input(1, 8) >> kind(4, 2, 1, exact=True)).output_shape == (1, 4)
    with pytest.raises(JoinError, match=r"expected windows that leave no place over.*got shape \(1, 7, 8\)"):
        Input(1, 7, 8) >> kind(3, 2, exact=True)
    text = rf"{kind.__name__}\(exact\): expected False with ceil=True, got exact=True, ceil=True\. A last window"
    with pytest.raises(InvalidParameter, match=text):
        kind(3, 2, ceil=True, exact=True)


@pytest.mark.parametrize("kind", [MaxPool, AvgPool, L2Pool])
def test_a_window_that_does_not_fit(kind: type[Pool]) -> None:
    with pytest.raises(JoinError, match=r"expected space axes of at least \(5,\), got shape \(2, 4\)"):
        Input(2, 4) >> kind(5)


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
        (lambda: L2Pool(3, padding=2), r"L2Pool\(padding\): expected at most half the size, got padding 2 for size 3"),
        (
            lambda: L2Pool(2, padding=((0, 1),)),
            r"L2Pool\(padding\): expected 'valid' or 'same' or .*, got \(\(0, 1\),\)",
        ),
        (lambda: L2Pool(2, exact=1), r"L2Pool\(exact\): expected True or False, got 1"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


@pytest.mark.parametrize(("ours", "theirs"), [(MaxPool, torch.nn.MaxPool1d), (AvgPool, torch.nn.AvgPool1d)])
def test_ceil_takes_what_torch_takes(ours: Any, theirs: Any) -> None:
    """With ceil a first window may hang over the end: of size 3 and stride 2 one fits on 2 places, none on 1."""
    for size, stride, padding, places in itertools.product((1, 2, 3, 4), (1, 2, 3, 4), (0, 1, 2), (1, 2, 3, 4, 5)):
        if 2 * padding > size:
            continue
        try:
            expected = tuple(theirs(size, stride, padding, ceil_mode=True)(torch.zeros(1, 2, places)).shape[1:])
        except RuntimeError:
            with pytest.raises(JoinError):
                Input(2, places) >> ours(size, stride, padding, ceil=True)
        else:
            assert (Input(2, places) >> ours(size, stride, padding, ceil=True)).output_shape == expected
