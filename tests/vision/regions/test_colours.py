"""Colour spaces against other implementations."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from netwright.vision.regions.colours import SPACES, to_gray, to_hsv, to_lab

RGB = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(float)
RGB[0, :8] = [[v, v, v] for v in (0, 1, 10, 128, 254, 255, 9, 8)]


def test_hsv_is_that_of_the_standard_library() -> None:
    wanted = [[255 * np.array(colorsys.rgb_to_hsv(*(pixel / 255))) for pixel in row] for row in RGB]
    np.testing.assert_allclose(to_hsv(RGB), wanted, atol=1e-9)


def test_lab_is_that_of_another_library() -> None:
    color = pytest.importorskip("skimage.color")
    np.testing.assert_allclose(to_lab(RGB), color.rgb2lab(RGB / 255) * [2.55, 1, 1] + [0, 128, 128], atol=0.01)


def test_gray_and_the_range_of_all_spaces() -> None:
    np.testing.assert_allclose(to_gray(np.full((1, 1, 3), 77.0)), [[[77.0]]])
    for convert in SPACES.values():
        assert convert(RGB).min() > -1e-6
        assert convert(RGB).max() < 255 + 1e-6
