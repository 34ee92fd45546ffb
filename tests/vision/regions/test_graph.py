"""Regions of `segment_graph`: those of another library and of the paper's steps, and what holds for all images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision import segment_graph
from netwright.vision.regions.graph import rising


def noisy(seed: int, size: tuple[int, ...] = (30, 41, 3)) -> Any:
    """Noise on two blocks."""
    draw = np.random.default_rng(seed)
    image = draw.random(size)
    image[5:20, 8:30] += 0.6
    image[18:, :15] -= 0.4
    return image * 120


def by_hand(image: Any, scale: float, sigma: float, least: int) -> Any:
    """The steps of the paper, region by region, as sets of pixels."""
    smooth = np.stack(
        [ndimage.gaussian_filter(channel, sigma) for channel in np.moveaxis(image, 2, 0).astype(float)], 2
    )
    height, width, _ = image.shape
    edges = [
        (float(np.sqrt(((smooth[y, x] - smooth[y + dy, x + dx]) ** 2).sum())), (y, x), (y + dy, x + dx))
        for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1))
        for y in range(height)
        for x in range(width)
        if y + dy < height and 0 <= x + dx < width
    ]
    edges.sort(key=lambda edge: edge[0])
    regions = {(y, x): [{(y, x)}, 0.0] for y in range(height) for x in range(width)}

    def join(p: Any, q: Any, weight: float) -> None:
        made = [regions[p][0] | regions[q][0], weight]
        regions.update(dict.fromkeys(made[0], made))

    for weight, p, q in edges:
        (c, inner_c), (d, inner_d) = regions[p], regions[q]
        if c is not d and weight <= min(inner_c + scale / len(c), inner_d + scale / len(d)):
            join(p, q, weight)
    for weight, p, q in edges:
        if regions[p][0] is not regions[q][0] and min(len(regions[p][0]), len(regions[q][0])) < least:
            join(p, q, weight)
    numbers: dict[int, int] = {}
    labels = [[numbers.setdefault(id(regions[y, x]), len(numbers)) for x in range(width)] for y in range(height)]
    return np.array(labels)


OPTIONS = [(100, 0.8, 20), (30, 0.5, 1), (400, 1.5, 40), (60, 0, 7)]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_steps_of_the_paper(options: Any, channels: int) -> None:
    image = noisy(channels, (30, 41, channels))
    np.testing.assert_array_equal(segment_graph(image, *options), by_hand(image, *options))


@pytest.mark.parametrize("options", OPTIONS)
def test_equal_weights_are_taken_in_order(options: Any) -> None:
    image = np.random.default_rng(0).integers(0, 3, (20, 25, 3)) * 60
    assert len(np.unique(segment_graph(image, options[0], 0, options[2]))) > 1
    np.testing.assert_array_equal(
        segment_graph(image.astype(np.uint8), options[0], 0, options[2]), by_hand(image, options[0], 0, options[2])
    )


@pytest.mark.parametrize("options", OPTIONS)
def test_the_regions_of_another_library(options: Any) -> None:
    segmentation = pytest.importorskip("skimage.segmentation")
    for seed in range(5):
        image = np.clip(noisy(seed) / 255 + 0.2, 0, 1)
        scale, sigma, least = options
        wanted = segmentation.felzenszwalb(image, scale=scale, sigma=sigma, min_size=least)
        np.testing.assert_array_equal(segment_graph(image, scale / 255, sigma, least), wanted)


def test_regions_are_whole_and_not_too_small() -> None:
    for seed, least in ((0, 1), (1, 15), (2, 60)):
        regions = segment_graph(noisy(seed), 40, 0.8, least)
        numbers, first, sizes = np.unique(regions, return_index=True, return_counts=True)
        assert numbers.tolist() == list(range(len(numbers)))
        assert (np.diff(first) > 0).all()
        assert sizes.min() >= least
        for number in numbers:
            assert ndimage.label(regions == number, np.ones((3, 3)))[1] == 1


def test_brightness_does_not_matter_and_units_go_along() -> None:
    image = noisy(3)
    wanted = segment_graph(image, 80)
    np.testing.assert_array_equal(
        segment_graph(image[:, ::-1].copy() * 2, 160), segment_graph(image[:, ::-1].copy(), 80)
    )
    np.testing.assert_array_equal(segment_graph(torch.from_numpy(image), 80), wanted)
    np.testing.assert_array_equal(segment_graph(image[:, :, 0], 80), segment_graph(image[:, :, :1], 80))
    assert segment_graph(image, 5000).max() < wanted.max()
    assert segment_graph(np.zeros((1, 1))).tolist() == [[0]]
    assert not segment_graph(np.full((9, 7), 3.0)).any()


def test_numbers_rise_and_equal_ones_keep_their_order() -> None:
    numbers = np.abs(np.random.default_rng(0).normal(size=5000)).round(2)
    numbers[:50] = 0
    np.testing.assert_array_equal(rising(numbers), np.argsort(numbers, kind="stable"))


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (np.zeros((2, 3, 4, 5)), r"numbers of shape \(height, width, 3\)"),
        (np.zeros((0, 4)), "got float64 of shape"),
        (np.array([["a"]]), "got <U1"),
        (np.array([[0, np.nan]]), r"pixel \(0, 1\).*finite"),
    ],
)
def test_images_that_cannot_be(image: Any, text: str) -> None:
    with pytest.raises(InvalidData, match=text):
        segment_graph(image)


@pytest.mark.parametrize("options", [{"scale": 0}, {"sigma": -1}, {"min_size": 0}])
def test_options_that_cannot_be(options: Any) -> None:
    with pytest.raises(InvalidParameter, match=next(iter(options))):
        segment_graph(np.zeros((4, 4)), **options)
