"""Regions: by hand, and against the loops of the definition over places and bins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import roi_align, roi_pool

SQUARE = np.arange(16.0).reshape(1, 1, 4, 4)


def bilinear(plane: np.ndarray, y: float, x: float) -> float:
    """One value of a map between its places, as torchvision's kernel reads it."""
    height, width = plane.shape
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = min(max(y, 0.0), height - 1), min(max(x, 0.0), width - 1)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    dy, dx = y - y0, x - x0
    top = (1 - dx) * plane[y0, x0] + dx * plane[y0, x1]
    return float((1 - dy) * top + dy * ((1 - dx) * plane[y1, x0] + dx * plane[y1, x1]))


def aligned_by_loops(maps: Any, rois: Any, size: Any, scale: float, ratio: int, aligned: bool) -> np.ndarray:
    found = np.zeros((len(rois), maps.shape[1], *size))
    for k, (image, *roi) in enumerate(rois):
        x1, y1, x2, y2 = (side * scale - (0.5 if aligned else 0) for side in roi)
        h, w = (y2 - y1, x2 - x1) if aligned else (max(y2 - y1, 1), max(x2 - x1, 1))
        ny = ratio if ratio > 0 else max(math.ceil(h / size[0]), 0)
        nx = ratio if ratio > 0 else max(math.ceil(w / size[1]), 0)
        for c, p, q in np.ndindex(found.shape[1:]):
            total = 0.0
            for i, j in np.ndindex(ny, nx):
                y, x = y1 + (p + (i + 0.5) / ny) * h / size[0], x1 + (q + (j + 0.5) / nx) * w / size[1]
                total += bilinear(maps[int(image), c], y, x)
            found[k, c, p, q] = total / max(ny * nx, 1)
    return found


def pooled_by_loops(maps: Any, rois: Any, size: Any, scale: float) -> np.ndarray:
    found = np.zeros((len(rois), maps.shape[1], *size))
    away = lambda value: int(math.copysign(math.floor(abs(value) + 0.5), value))  # noqa: E731
    for k, (image, *roi) in enumerate(rois):
        x1, y1, x2, y2 = (away(side * scale) for side in roi)
        h, w = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
        for c, p, q in np.ndindex(found.shape[1:]):
            rows = range(max(y1 + p * h // size[0], 0), min(y1 - (-(p + 1) * h // size[0]), maps.shape[2]))
            columns = range(max(x1 + q * w // size[1], 0), min(x1 - (-(q + 1) * w // size[1]), maps.shape[3]))
            values = [maps[int(image), c, y, x] for y in rows for x in columns]
            found[k, c, p, q] = max(values) if values else 0
    return found


def draw(seed: int, count: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Maps of three images, and regions in no order of images, some outside, one empty, one reversed."""
    rng = np.random.default_rng(seed)
    corner, side = rng.uniform(-8, 30, (count, 2)), rng.uniform(0.1, 30, (count, 2))
    rois = np.concatenate([rng.integers(0, 3, (count, 1)), corner, corner + side], 1)
    rois[0, 1:] = [100, 100, 120, 130]
    rois[1, 3:] = rois[1, 1:3]
    rois[2, 1:] = [9, 9, 4, 5]
    return rng.normal(size=(3, 2, 7, 9)), rois


@pytest.mark.parametrize(
    ("aligned", "expected"), [(False, [3.75, 5.25, 9.75, 11.25]), (True, [1.5625, 3.0, 7.3125, 8.75])]
)
def test_by_hand(aligned: bool, expected: list[float]) -> None:
    found = roi_align(SQUARE, [[[0, 0, 3, 3]]], 2, 1.0, 2, aligned)
    assert found.ravel().tolist() == expected
    assert roi_align(SQUARE, [[0, 0, 0, 3, 3]], 2, 1.0, 2, aligned).ravel().tolist() == expected
    assert (
        roi_align(torch.tensor(SQUARE).float(), torch.tensor([[0.0, 0, 0, 3, 3]]), 2, 1.0, 2, aligned).dtype
        == torch.float32
    )


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("ratio", [-1, 0, 1, 2, 3])
@pytest.mark.parametrize(("size", "scale"), [((2, 3), 0.25), ((3, 1), 0.5), ((1, 2), 1.0)])
def test_means_are_as_by_loops(aligned: bool, ratio: int, size: tuple[int, int], scale: float) -> None:
    maps, rois = draw(ratio + 1)
    found = roi_align(maps, rois, size, scale, ratio, aligned)
    np.testing.assert_allclose(found, aligned_by_loops(maps, rois, size, scale, ratio, aligned), atol=1e-12)
    assert (found[0] == 0).all()


@pytest.mark.parametrize(("size", "scale"), [((2, 3), 0.25), ((3, 1), 0.5), ((1, 2), 1.0), ((7, 7), 0.3)])
def test_maxima_are_as_by_loops(size: tuple[int, int], scale: float) -> None:
    maps, rois = draw(5)
    found = roi_pool(maps, rois, size, scale)
    np.testing.assert_array_equal(found, pooled_by_loops(maps, rois, size, scale))
    assert (found[0] == 0).all()


def test_lists_and_tables_are_one() -> None:
    maps, rois = draw(3)
    each = [rois[rois[:, 0] == image, 1:] for image in range(3)]
    table = np.concatenate([np.insert(rows, 0, image, axis=1) for image, rows in enumerate(each)])
    for pool in (roi_align, roi_pool):
        np.testing.assert_array_equal(pool(maps, each, 2, 0.5), pool(maps, table, 2, 0.5))
        one = pool(maps, [[], each[1].tolist(), torch.zeros(0, 4)], 2, 0.5)
        np.testing.assert_array_equal(one, pool(maps, table[table[:, 0] == 1], 2, 0.5))


def test_many_regions_are_pooled_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, rois = draw(4)
    whole = roi_align(maps, rois, 2, 0.5)
    monkeypatch.setattr("netwright.vision.boxes.pooling.BLOCK", 1)
    np.testing.assert_allclose(roi_align(maps, rois, 2, 0.5), whole, atol=1e-14)


@pytest.mark.parametrize("pool", [roi_align, roi_pool])
def test_no_regions(pool: Any) -> None:
    maps = torch.ones(2, 3, 4, 4, requires_grad=True)
    for none in ([[], []], torch.zeros(0, 5), [torch.zeros(0, 4)] * 2):
        found = pool(maps, none, (2, 5))
        assert found.shape == (0, 3, 2, 5)
        found.sum().backward()
    assert maps.grad is not None
    assert pool(np.ones((0, 3, 4, 4)), [], 2).shape == (0, 3, 2, 2)


def test_gradients() -> None:
    maps, rois = draw(6, 5)
    x = torch.tensor(maps[:, :, :4, :5], requires_grad=True)
    table = torch.tensor(rois)
    for ratio, aligned in ((2, False), (-1, True)):
        assert torch.autograd.gradcheck(lambda x, r=ratio, a=aligned: roi_align(x, table, 2, 0.2, r, a), (x,))
    assert torch.autograd.gradcheck(lambda x: roi_pool(x, table, 2, 0.2), (x,))
    inside = torch.tensor([[0.31, 0.52, 2.83, 2.24], [0.13, 0.94, 3.21, 2.75]], dtype=torch.float64, requires_grad=True)
    one = x.detach()[:1]
    assert torch.autograd.gradcheck(lambda boxes: roi_align(one, [boxes], 2, 1.0, 2, True), (inside,))


@pytest.mark.parametrize(
    ("maps", "boxes", "message"),
    [
        (
            SQUARE[0],
            [[[0, 0, 1, 1]]],
            r"roi_align\(input\): expected shape \(n, channels, H, W\), got shape \(1, 4, 4\)",
        ),
        (SQUARE, [[[0, 0, 1, 1]]] * 2, r"expected a list for each of 1 images, got 2 lists\. Give an empty list"),
        (SQUARE, [[1, 0, 0, 1, 1]], r"roi_align\(boxes\), row 0: expected an image 0 ... 0, got 1"),
        (SQUARE, np.array([[0.5, 0, 0, 1, 1]]), "row 0: expected an image"),
        (SQUARE, np.zeros((1, 4)), r"shape \(k, 5\), or a list of \(l, 4\) for each image, got shape \(1, 4\)"),
        (SQUARE, [[[0, 0, 1, np.nan]]], r"roi_align\(boxes\)\[0\], row 0: expected finite"),
        (SQUARE, np.array([[0, 0, 0, 1, np.inf]]), r"roi_align\(boxes\), row 0: expected finite"),
    ],
)
def test_what_cannot_be_is_named(maps: Any, boxes: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        roi_align(maps, boxes, 2)


def test_options_that_cannot_be_are_named() -> None:
    with pytest.raises(InvalidParameter, match=r"roi_pool\(output_size\)"):
        roi_pool(SQUARE, [[[0, 0, 1, 1]]], 0)
    with pytest.raises(InvalidParameter, match=r"roi_align\(spatial_scale\)"):
        roi_align(SQUARE, [[[0, 0, 1, 1]]], 2, 0)
