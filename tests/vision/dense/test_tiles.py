"""Tiles that overlap: they cover all, and a network that sees one pixel gives what it gives for the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.vision.dense.tiles import blended, tiles_of


@pytest.mark.parametrize("size", [(5, 5), (32, 70), (33, 64), (100, 31)])
@pytest.mark.parametrize("overlap", [0, 5, 31])
def test_tiles_cover_the_image_and_have_one_size(size: tuple[int, int], overlap: int) -> None:
    covered = np.zeros(size, int)
    for rows, columns in tiles_of(size, 32, overlap):
        covered[rows, columns] += 1
        assert (rows.stop - rows.start, columns.stop - columns.start) == (min(32, size[0]), min(32, size[1]))
    assert covered.min() >= 1


def test_a_network_of_single_pixels_does_not_see_the_tiles() -> None:
    image = torch.rand(1, 3, 50, 71, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(4, 3, 1, 1, generator=torch.Generator().manual_seed(1))
    whole = torch.nn.functional.conv2d(image, weights).softmax(1)
    tiled = blended(image, lambda x: torch.nn.functional.conv2d(x, weights).softmax(1), 32, 8)
    torch.testing.assert_close(tiled, whole)
    torch.testing.assert_close(tiled.sum(1), torch.ones(1, 50, 71))


def test_answers_are_the_weighted_mean_over_tiles() -> None:
    image = torch.rand(1, 3, 20, 26, generator=torch.Generator().manual_seed(0))
    total, weights = np.zeros((20, 26)), np.zeros((20, 26))
    for rows, columns in tiles_of((20, 26), 16, 4):
        mean = float(image[0, :, rows, columns].mean())
        for i in range(16):
            for j in range(16):
                w = min(i + 1, 16 - i, 4) * min(j + 1, 16 - j, 4)
                total[rows.start + i, columns.start + j] += w * mean
                weights[rows.start + i, columns.start + j] += w
    made = blended(image, lambda x: x.mean().expand(1, 1, *x.shape[2:]), 16, 4)
    np.testing.assert_allclose(made[0, 0], total / weights, rtol=1e-5)
