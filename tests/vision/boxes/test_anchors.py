"""Anchors: the layout by hand and by loops; clusters by hand and by their properties."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import anchor_grid, box_iou, cluster_anchors
from netwright.vision.boxes.anchors import shape_iou

NINE = [(10, 12), (12, 10), (11, 11), (50, 40), (52, 44), (48, 38), (100, 200), (110, 190), (90, 210)]


def test_the_layout_by_hand() -> None:
    found = anchor_grid((4, 4), (64, 64), (32, 64), (0.5, 1, 2))
    assert found.shape == (96, 4)
    first = [(-23, -11, 23, 11), (-45, -23, 45, 23), (-16, -16, 16, 16)]
    first += [(-32, -32, 32, 32), (-11, -23, 11, 23), (-23, -45, 23, 45)]
    assert found[:6].tolist() == [list(box) for box in first]
    np.testing.assert_array_equal(found[6:12], np.add(found[:6], [16, 0, 16, 0]))
    np.testing.assert_array_equal(found[24:30], np.add(found[:6], [0, 16, 0, 16]))


def test_several_maps_by_loops() -> None:
    maps, sizes, ratios = [(3, 5), (2, 2)], [(16, 20), (50,)], (0.5, 3)
    expected = []
    for (height, width), some in zip(maps, sizes, strict=True):
        for row, column, ratio, size in itertools.product(range(height), range(width), ratios, some):
            x, y = column * (100 // width), row * (60 // height)
            w, h = size / ratio**0.5, size * ratio**0.5
            expected.append([x + round(-w / 2), y + round(-h / 2), x + round(w / 2), y + round(h / 2)])
    np.testing.assert_array_equal(anchor_grid(maps, (60, 100), sizes, ratios), expected)
    each = anchor_grid(maps, (60, 100), sizes, [ratios, ratios], like=torch.zeros(1, dtype=torch.float32))
    assert each.dtype == torch.float32
    np.testing.assert_array_equal(each.numpy(), expected)


def test_grids_that_cannot_be_are_named() -> None:
    with pytest.raises(
        InvalidParameter, match=r"anchor_grid\(sizes\): expected numbers for each map, got 2 for 1 maps"
    ):
        anchor_grid((4, 4), (64, 64), [(32,), (64,)], (1,))
    with pytest.raises(InvalidParameter, match=r"anchor_grid\(aspect_ratios\): expected numbers > 0"):
        anchor_grid((4, 4), (64, 64), (32,), (0,))
    with pytest.raises(InvalidParameter, match=r"anchor_grid\(feature_sizes\): expected \(height, width\), at most"):
        anchor_grid((4, 128), (64, 64), (32,), (1,))


def test_clusters_by_hand() -> None:
    found = cluster_anchors(NINE, 3, random_state=0)
    np.testing.assert_allclose(found.anchors, [[11, 11], [50, 122 / 3], [100, 200]])
    assert found.average_iou == pytest.approx(0.9086181797, abs=5e-11)
    assert found.recall == 1
    assert found.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert cluster_anchors(NINE, 3, threshold=0.9, random_state=0).recall == np.mean(
        shape_iou(np.array(NINE, float), found.anchors).max(1) > 0.9
    )


def test_boxes_and_shapes_and_tensors() -> None:
    shapes = np.array(NINE, np.float64)
    corner = np.random.default_rng(0).integers(0, 50, (9, 2))
    boxes = np.concatenate([corner, corner + shapes], 1)
    expected = cluster_anchors(NINE, 3, random_state=0)
    np.testing.assert_array_equal(cluster_anchors(boxes, 3, random_state=1).anchors, expected.anchors)
    found = cluster_anchors(torch.tensor(boxes, dtype=torch.float32), 3, random_state=1)
    assert found.anchors.dtype == torch.float32
    assert cluster_anchors(NINE, 3, metric="euclidean", random_state=0).average_iou == expected.average_iou
    [same, again] = (cluster_anchors(NINE, 4, restarts=1, random_state=5).anchors for _ in range(2))
    np.testing.assert_array_equal(same, again)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=3, max_size=20), st.integers(1, 3))
def test_anchors_are_the_means_of_their_clusters(shapes: Any, k: int) -> None:
    shapes = [*shapes, (1, 1), (60, 1), (1, 60)]
    found = cluster_anchors(shapes, k, random_state=0)
    rows = np.array(shapes, np.float64)
    assert (np.diff(found.anchors.prod(1)) >= 0).all()
    iou = shape_iou(rows, found.anchors)
    assert found.average_iou == pytest.approx(iou.max(1).mean())
    assert found.average_iou >= shape_iou(rows, rows.mean(0)[None]).mean() - 0.1
    if k == 1:
        np.testing.assert_allclose(found.anchors, [rows.mean(0)])


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=5))
def test_the_iou_of_shapes_is_that_of_boxes_on_one_corner(shapes: Any) -> None:
    rows = np.array(shapes, np.float64)
    boxes = np.concatenate([np.zeros_like(rows), rows], 1)
    np.testing.assert_allclose(shape_iou(rows, rows), box_iou(boxes, boxes))


def test_clusters_find_groups_that_euclid_misses() -> None:
    rng = np.random.default_rng(0)
    small = np.concatenate([rng.normal((8, 24), 1, (40, 2)), rng.normal((24, 8), 1, (40, 2))])
    large = rng.normal(300, 60, (40, 2))
    shapes = np.concatenate([small, large])
    iou = cluster_anchors(shapes, 3, random_state=0)
    euclid = cluster_anchors(shapes, 3, metric="euclidean", random_state=0)
    assert iou.average_iou > euclid.average_iou + 0.1
    assert iou.recall > euclid.recall


def test_clusters_that_cannot_be_are_named() -> None:
    with pytest.raises(InvalidData, match=r"expected at least k = 4 different shapes, got 3\. Use a smaller k"):
        cluster_anchors([(1, 2), (1, 2), (2, 1), (3, 3)], 4)
    with pytest.raises(InvalidData, match=r"cluster_anchors\(boxes\), row 1: expected a width and a height > 0"):
        cluster_anchors([(1, 2), (0, 2)], 1)
    with pytest.raises(InvalidData, match=r"expected shape \(n, 4\) or \(n, 2\), got shape \(1, 3\)"):
        cluster_anchors([(1, 2, 3)], 1)
    with pytest.raises(InvalidParameter, match=r"cluster_anchors\(metric\)"):
        cluster_anchors(NINE, 2, metric="manhattan")
