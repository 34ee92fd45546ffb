"""Mosaics and the layouts of images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData
from netwright.plots.mosaic import columns_for, images_of, in_unit_range, mosaic, opaque

RNG = np.random.default_rng(1)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.sampled_from([(), (3,)]))
def test_every_tile_is_in_its_place_and_the_rest_is_empty(
    n: int, height: int, width: int, columns: int, rest: tuple[int, ...]
) -> None:
    tiles = np.arange(n * height * width * (3 if rest else 1), dtype=float).reshape(n, height, width, *rest)
    large = mosaic(tiles, columns)
    for i in range(n):
        y, x = (i // columns) * (height + 1), (i % columns) * (width + 1)
        assert np.array_equal(large[y : y + height, x : x + width], tiles[i])
    assert np.isfinite(large).sum() == tiles.size


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 40), st.floats(0.3, 10.0))
def test_the_number_of_columns_is_possible(count: int, height: int, width: int, aspect: float) -> None:
    assert 1 <= columns_for(count, height, width, aspect) <= count


@pytest.mark.parametrize("count", [16, 25, 32, 64, 96, 128])
def test_square_counts_leave_no_place_empty(count: int) -> None:
    assert count % columns_for(count, 5, 5, 1.5) == 0


def test_colours_are_transparent_where_nothing_is() -> None:
    rgba = opaque(mosaic(np.full((2, 1, 1, 3), 0.25), 2))
    assert rgba.tolist() == [[[0.25, 0.25, 0.25, 1.0], [0.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 1.0]]]


GRAY, RGB = RNG.random((4, 5, 6)), RNG.random((4, 5, 6, 3))


@pytest.mark.parametrize(
    ("X", "shape", "expected"),
    [
        (GRAY, None, GRAY),
        (GRAY[:, None], None, GRAY),
        (GRAY[..., None], None, GRAY),
        (GRAY.reshape(4, 30), (5, 6), GRAY),
        (torch.tensor(GRAY), None, GRAY),
        (GRAY.tolist(), None, GRAY),
        (RGB, None, RGB),
        (np.moveaxis(RGB, -1, 1), None, RGB),
        (np.moveaxis(RGB, -1, 1).reshape(4, 90), (3, 5, 6), RGB),
        (RGB.reshape(4, 90), (5, 6, 3), RGB),
    ],
)
def test_all_usual_layouts_of_images(X: Any, shape: Any, expected: np.ndarray) -> None:
    assert np.array_equal(images_of("f", X, shape), expected)


@pytest.mark.parametrize(
    ("X", "shape", "match"),
    [
        (np.zeros((4, 30)), None, r"got an array of shape \(4, 30\) .* Give shape=\(height, width\)"),
        (np.zeros((4, 30)), (5, 5), r"with shape=\(5, 5\)"),
        (np.zeros((4, 2, 5, 5)), None, r"f\(X\): expected images"),
        (np.zeros((0, 5, 5)), None, r"shape \(0, 5, 5\)"),
        (np.full((1, 2, 2), "a"), None, "type <U1"),
        (3, None, r"shape \(\)"),
    ],
)
def test_what_is_no_image(X: Any, shape: Any, match: str) -> None:
    with pytest.raises(InvalidData, match=match):
        images_of("f", X, shape)


def test_images_are_scaled_together_when_they_must_be() -> None:
    assert in_unit_range(np.array([[[0, 255]]], dtype=np.uint8)).tolist() == [[[0.0, 1.0]]]
    assert in_unit_range(np.array([[[0.25, 0.5]]])).tolist() == [[[0.25, 0.5]]]
    assert in_unit_range(np.array([[[-1.0, 3.0]], [[0.0, 1.0]]])).tolist() == [[[0.0, 1.0]], [[0.25, 0.5]]]
    assert in_unit_range(np.array([[[7.0, 7.0]]])).tolist() == [[[0.0, 0.0]]]
    assert in_unit_range(np.array([[[0.5, np.nan]]])).tolist() == [[[0.5, 0.0]]]
