"""Boxes of `selective_search`: those of a search written out pair by pair, and what holds for all images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import box_iou, segment_graph, selective_search


def picture(seed: int = 0, size: tuple[int, int] = (60, 80)) -> Any:
    """Blocks of colour with some noise."""
    draw = np.random.default_rng(seed)
    image = draw.integers(0, 60, (*size, 3))
    for _ in range(8):
        y, x = draw.integers(0, size[0] - 15), draw.integers(0, size[1] - 15)
        image[y : y + draw.integers(8, 25), x : x + draw.integers(8, 30)] += draw.integers(0, 190, 3)
    return np.clip(image, 0, 255).astype(np.uint8)


def histogram(values: Any, bins: int, high: Any) -> Any:
    """Of each column, one after the other; the sum is 1."""
    counts = [np.histogram(np.clip(v, 0, h * (1 - 1e-9)), bins, (0, h))[0] for v, h in zip(values.T, high, strict=True)]
    return np.concatenate(counts) / values.size


def slopes(image: Any) -> tuple[Any, Any]:
    """Slopes in eight directions, (height, width, 24), and the largest of each column."""
    dx, dy = (
        np.stack([ndimage.gaussian_filter(c, 1.0, order=o) for c in np.moveaxis(image, 2, 0)], 2)
        for o in ((0, 1), (1, 0))
    )
    steepest = np.hypot(dx, dy).max((0, 1))
    angles = np.deg2rad(np.arange(0, 360, 45))
    return np.concatenate([np.cos(a) * dx + np.sin(a) * dy for a in angles], 2), np.tile(steepest, 8)


def box_of(pixels: Any) -> tuple[int, ...]:
    ys, xs = pixels.nonzero()
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


def by_hand(image: Any, scale: float, measures: str) -> list[tuple[int, ...]]:
    """The boxes of one tree, leaves first; regions are masks, and all is computed anew for every pair."""
    labels = segment_graph(image, scale, 0.8, round(scale))
    image = image.astype(float)
    grains, steepest = slopes(image)
    masks = [labels == k for k in range(labels.max() + 1)]
    live, found = list(range(len(masks))), [box_of(mask) for mask in masks]

    def alike(a: Any, b: Any) -> float:
        x1, y1, x2, y2 = box_of(a | b)
        both = a.sum() + b.sum()
        parts = {
            "c": np.minimum(*(histogram(image[m], 25, [256] * 3) for m in (a, b))).sum(),
            "t": np.minimum(*(histogram(grains[m], 10, steepest) for m in (a, b))).sum(),
            "s": 1 - both / labels.size,
            "f": 1 - ((x2 - x1) * (y2 - y1) - both) / labels.size,
        }
        return float(sum(parts[letter] for letter in measures))

    def touch(a: Any, b: Any) -> bool:
        return bool((ndimage.binary_dilation(a, np.ones((3, 3))) & b).any())

    while len(live) > 1:
        pairs = [(p, q) for i, p in enumerate(live) for q in live[:i] if touch(masks[p], masks[q])]
        p, q = max(pairs, key=lambda pair: alike(masks[pair[0]], masks[pair[1]]))
        masks.append(masks[p] | masks[q])
        found.append(box_of(masks[-1]))
        live = [k for k in live if k not in (p, q)] + [len(masks) - 1]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("measures", ["c", "t", "s", "f", "ctsf"])
def test_the_tree_of_a_search_written_out(measures: str) -> None:
    image = picture(1, (40, 50))
    wanted = by_hand(image, 60, measures)
    assert len(wanted) > 12
    found = selective_search(image, scale=60, colors=["rgb"], measures=[measures])
    assert {tuple(row) for row in found.astype(int).tolist()} == {tuple(map(int, row)) for row in wanted}


def test_boxes_lie_inside_and_none_comes_twice() -> None:
    boxes = selective_search(picture())
    assert boxes.dtype == np.float32
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= [80, 60]).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert [0, 0, 80, 60] in boxes.tolist()


def test_the_order_is_drawn_from_the_seed_and_nothing_else() -> None:
    image = picture()
    one, again, other = (selective_search(image, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert {tuple(row) for row in one} == {tuple(row) for row in other}
    np.testing.assert_array_equal(selective_search(image, max_regions=20), one[:20])
    large = (one[:, 2:] - one[:, :2]).min(1) >= 12
    np.testing.assert_array_equal(selective_search(image, min_side=12), one[large])


def test_large_regions_rather_come_first() -> None:
    places = []
    for seed in range(20):
        boxes = selective_search(picture(seed), random_state=seed).tolist()
        places.append(boxes.index([0, 0, 80, 60]) / len(boxes))
    assert np.mean(places) < 0.15


def test_objects_that_stand_out_are_found() -> None:
    for seed in range(5):
        draw = np.random.default_rng(seed)
        image = draw.integers(0, 50, (64, 64, 3), dtype=np.uint8)
        x, y = draw.integers(2, 40, 2)
        image[y : y + 20, x : x + 18] = draw.integers(120, 256, 3)
        assert box_iou([[x, y, x + 18, y + 20]], selective_search(image)).max() > 0.9


def test_gray_images_and_images_of_one_colour() -> None:
    gray = picture()[:, :, 0]
    np.testing.assert_array_equal(selective_search(gray), selective_search(np.repeat(gray[:, :, None], 3, 2)))
    np.testing.assert_array_equal(selective_search(np.full((9, 7, 3), 80, np.uint8)), [[0, 0, 7, 9]])


def test_images_that_cannot_be() -> None:
    with pytest.raises(InvalidData, match=r"1 channel, or 3.*got 4"):
        selective_search(np.zeros((5, 5, 4)))


@pytest.mark.parametrize(
    "options",
    [
        {"scale": ()},
        {"scale": (50, -1)},
        {"colors": ["cmyk"]},
        {"measures": ["ctx"]},
        {"measures": ["cc"]},
        {"min_size": 0},
        {"min_side": -1},
        {"max_regions": 0},
    ],
)
def test_options_that_cannot_be(options: Any) -> None:
    with pytest.raises(InvalidParameter, match=next(iter(options))):
        selective_search(np.zeros((4, 4)), **options)
