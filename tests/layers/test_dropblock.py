"""DropBlock: whole blocks, the share, the mean, the shape."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import DropBlock, Input
from netwright.layers.dropblock import gamma, spread


def train(layer: DropBlock, x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return (Input(x.shape[1:]) >> layer).build().train()(x)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), rank=st.integers(1, 3), seed=st.integers(0, 1000))
def test_blocks_are_whole(data: Any, rank: int, seed: int) -> None:
    """Against a loop over the seeds; blocks of odd and even size, other heights than widths."""
    size = tuple(data.draw(st.integers(1, 4)) for _ in range(rank))
    places = tuple(data.draw(st.integers(1, 4)) for _ in range(rank))
    seeds = np.random.default_rng(seed).random((2, 3, *places)) < 0.2
    wanted = np.zeros((2, 3, *(n + b - 1 for n, b in zip(places, size, strict=True))), bool)
    for sample, channel, *at in np.argwhere(seeds):
        wanted[(sample, channel, *(slice(a, a + b) for a, b in zip(at, size, strict=True)))] = True
    np.testing.assert_array_equal(spread(torch.from_numpy(seeds), size).numpy(), wanted)


@pytest.mark.parametrize(
    ("size", "space"),
    [(3, (12, 9)), (4, (12, 9)), ((2, 5), (9, 12)), (4, (30,)), (2, (5, 6, 7)), (1, (8, 8)), (8, (8, 8))],
)
def test_share_mean_and_shape(size: Any, space: tuple[int, ...]) -> None:
    x = torch.ones(64, 64, *space)
    y = train(DropBlock(0.1, size), x)
    assert y.shape == x.shape
    block = size if isinstance(size, tuple) else (size,) * len(space)
    # a place is kept when none of the seeds is there whose blocks hold it
    reach = [np.convolve(np.ones(h - b + 1), np.ones(b)) for h, b in zip(space, block, strict=True)]
    kept = (1 - gamma(0.1, block, space)) ** functools.reduce(np.multiply.outer, reach)
    share = (y == 0).double().mean().item()
    assert share == pytest.approx(1 - kept.mean(), abs=0.006)
    assert share < 0.106
    assert y.mean().item() == pytest.approx(1, abs=1e-5)
    assert len(y.unique()) == 2  # one scale for the batch


@pytest.mark.parametrize("size", [1, 4, 5])
def test_blocks_of_any_size_keep_the_mean_of_any_input(size: int) -> None:
    x = torch.randn(256, 16, 14, 14, generator=torch.Generator().manual_seed(1)) + 2
    assert train(DropBlock(0.2, size), x).mean().item() == pytest.approx(x.mean().item(), abs=0.02)


def test_a_block_as_large_as_the_map_drops_whole_channels() -> None:
    y = train(DropBlock(0.3, 5), torch.ones(100, 50, 5, 5)).flatten(2)
    assert torch.equal(y.amin(2), y.amax(2))
    assert (y[:, :, 0] == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_where_all_is_dropped_the_result_is_zero() -> None:
    seen = [train(DropBlock(0.9, 3), torch.ones(1, 1, 3, 3), seed) for seed in range(20)]
    assert any((y == 0).all() for y in seen)
    assert all(y.isfinite().all() for y in seen)


def test_what_is_dropped_may_be_no_number() -> None:
    x = torch.full((4, 4, 6, 6), torch.nan)
    y = train(DropBlock(0.3, 2), x)
    assert (y == 0).any()
    assert y[y != 0].isnan().all()


@pytest.mark.parametrize("layer", [DropBlock(0.5, 3), DropBlock(0.0, 3)])
def test_nothing_in_eval_mode_or_with_nothing_to_drop(layer: DropBlock) -> None:
    x = torch.randn(3, 2, 5, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal((Input(2, 5, 6) >> layer).build().train(layer.p == 0)(x), x)


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            DropBlock(0.1, 7),
            (4, 5, 6),
            r"dropblock1: DropBlock\(0\.1, 7\): expected space axes of at least \(7, 7\), the size of a block, "
            r"got shape \(4, 5, 6\)\. Use blocks of at most \(5, 6\)\.",
        ),
        (DropBlock(0.1, 7), (4, 5, 5), r"Use blocks of at most 5\."),
        (DropBlock(0.1, (2, 2)), (4, 9), r"expected an input with 2 space axes, as its size \(2, 2\) says"),
        (DropBlock(0.1, 2), (4,), r"expected an input \(channels, \*space\) of rank 2 to 4, got shape \(4,\)"),
    ],
)
def test_joins_that_cannot_work(layer: DropBlock, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(shape) >> layer


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: DropBlock(1.0, 3), r"DropBlock\(p\): expected a number in \[0, 1\), got 1\.0"),
        (lambda: DropBlock(0.1, 0), r"DropBlock\(size\): expected an integer >= 1 or a tuple .*, got 0"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
