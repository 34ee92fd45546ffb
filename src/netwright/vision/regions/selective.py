"""`selective_search`: boxes that may hold objects, of regions that are united step by step.

The regions of `segment_graph` are the leaves of a tree: the two neighbours that are most alike are united, again and
again, until one region is left. Every region of the tree gives a box. For regions r and q, im the whole image:

    colour    sum_i min(c_r^i, c_q^i)                          c: histogram of 25 bins a channel, sum 1
    texture   sum_i min(t_r^i, t_q^i)                          t: of max(0, cos(a) I_x + sin(a) I_y), a = 0, 45 ... 315
                                                               degrees, 10 bins each a channel; I_x, I_y: Gaussian
                                                               derivatives of width 1
    size      1 - (|r| + |q|) / |im|                           small regions first
    fill      1 - (|box(r and q)| - |r| - |q|) / |im|          those that fit into each other
    s(r, q)   the sum of the measures asked for

Colour spaces, scales and sums of measures are varied, and all trees give boxes. A tree's region i from its root, root
1, gets the place u i, u uniform in [0, 1); boxes go by place, the smallest first, and each box is given once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, check, integer, nothing, number, satisfies
from netwright.vision.compiled import kernels
from netwright.vision.regions.colours import SPACES
from netwright.vision.regions.graph import LEAST, SCALE, SIGMA, edges_of, grown, read_pixels

COLOUR_BINS, TEXTURE_BINS, DIRECTIONS = 25, 10, 8
BITS = {"c": 1, "t": 2, "s": 4, "f": 8}  # as in `kernels`


def _list_of(text: str, accepts: Any) -> Constraint:
    return satisfies(
        text, lambda item: isinstance(item, (tuple, list)) and len(item) > 0 and all(accepts(each) for each in item)
    )


_SCALES = SCALE | _list_of("several of them", SCALE.accepts)
_COLORS = _list_of(f"some of {', '.join(SPACES)}", lambda name: name in SPACES)
_MEASURES = _list_of(
    'letters such as "ctsf": colour, texture, size, fill',
    lambda name: isinstance(name, str) and 0 < len(name) == len(set(name)) and set(name) <= set(BITS),
)
_COUNT = integer(1)
_SIDE = number(0)


def selective_search(
    image: Any,
    *,
    scale: Any = (50.0, 100.0),
    sigma: float = 0.8,
    min_size: int | None = None,
    colors: Sequence[str] = ("hsv", "lab"),
    measures: Sequence[str] = ("ctsf", "tsf"),
    min_side: float = 0.0,
    max_regions: int = 2000,
    random_state: Any = 0,
) -> NDArray[np.float32]:
    """Boxes that may hold objects, those of large regions rather first.

    Parameters
    ----------
    image : uint8 (height, width, 3) or (height, width), or floats from 0 to 255: an array or a tensor.
    scale : of the first regions, see `segment_graph`, or several.
    sigma : width of the Gaussian that smooths the image before it is cut, in pixels.
    min_size : the fewest pixels of a first region; None for as many as the scale.
    colors : spaces in which regions are found: of "rgb", "gray", "hsv", "lab".
    measures : which measures are summed, for one tree each: letters of "ctsf".
    min_side : pixels; boxes with a shorter side are left out.
    max_regions : the most boxes.
    random_state : seed of the order.

    Shapes
    ------
    (height, width, 3) -> (n, 4), float32, x1, y1, x2, y2 within the image, no two equal

    Raises
    ------
    InvalidData : another shape, values that are not finite. InvalidParameter : an option that cannot be.

    Notes
    -----
    The standard options are the fast ones of the paper: 8 trees.

    Examples
    --------
    >>> image = np.zeros((60, 60, 3), np.uint8)
    >>> image[10:40, 20:50] = 200, 60, 60
    >>> [20, 10, 50, 40] in selective_search(image).tolist()
    True

    References
    ----------
    Uijlings, van de Sande, Gevers, Smeulders, *Selective search for object recognition*, 2013.
    """
    pixels = read_pixels("selective_search(image)", image)
    if pixels.shape[2] not in (1, 3):
        got = f"{pixels.shape[2]}"
        raise InvalidData(problem("selective_search(image)", "1 channel, or 3: red, green, blue", got))
    for name, value, constraint in (
        ("scale", scale, _SCALES),
        ("sigma", sigma, SIGMA),
        ("min_size", min_size, LEAST | nothing),
        ("colors", colors, _COLORS),
        ("measures", measures, _MEASURES),
        ("min_side", min_side, _SIDE),
        ("max_regions", max_regions, _COUNT),
        ("random_state", random_state, RANDOM_STATE),
    ):
        check(f"selective_search({name})", value, constraint)
    scales = [float(each) for each in (scale if isinstance(scale, (tuple, list)) else [scale])]
    rgb = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    trees = [
        boxes
        for color in colors
        for boxes in _trees(SPACES[color](rgb), scales, float(sigma), min_size, [_bits(each) for each in measures])
    ]
    return _ordered(trees, float(min_side), max_regions, derive(to_seed(random_state), "regions"))


def _trees(
    pixels: NDArray[np.float64], scales: list[float], sigma: float, least: int | None, measures: list[int]
) -> Iterator[NDArray[np.int32]]:
    """The boxes of the trees in one colour space, leaves first and the root last."""
    edges = edges_of(pixels, sigma)
    hues, grains = colour_bins(pixels), texture_bins(pixels)
    for scale in scales:
        labels = grown(edges, pixels.shape[:2], scale, round(scale) if least is None else least)
        n = int(labels.max()) + 1
        pairs = np.stack(np.divmod(np.unique(kernels("regions").neighbours(labels, n)), n), 1)
        boxes, sizes, *tables = tables_of(labels, n, hues, grains)
        for which in measures:
            kernels("regions").group(pairs.copy(), n, boxes, sizes, *tables, which)
            yield boxes.copy()


def tables_of(labels: NDArray[np.int32], n: int, hues: NDArray[np.uint8], grains: NDArray[np.uint8]) -> list[Any]:
    """Boxes, pixels and histograms of regions, with room for those that they make: 2 n - 1 rows.

    Parameters
    ----------
    labels : (height, width). n : how many regions. hues, grains : bins of the pixels.
    """
    boxes, sizes = kernels("regions").boxes_of(labels, n)
    colour = kernels("regions").histograms(hues, labels, n, COLOUR_BINS)
    texture = kernels("regions").histograms(grains, labels, n, TEXTURE_BINS)
    found = [np.concatenate([part, np.zeros((n - 1, *part.shape[1:]), part.dtype)]) for part in (boxes, sizes)]
    found += [np.concatenate([part, np.zeros_like(part[1:])]) for part in (colour, texture)]
    found[1][-1] = labels.size
    return found


def colour_bins(pixels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The bins of the values of all pixels: (height, width, channels).

    Parameters
    ----------
    pixels : from 0 to 255.
    """
    return np.clip(pixels * (COLOUR_BINS / 256), 0, COLOUR_BINS - 1).astype(np.uint8)


def texture_bins(pixels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The bins of the slopes in eight directions, from 0 to the steepest of a channel: (height, width, 8 channels).

    Parameters
    ----------
    pixels : (height, width, channels).
    """
    small = pixels.astype(np.float32)
    along = [gaussian_filter1d(gaussian_filter1d(small, 1.0, axis=1 - k), 1.0, axis=k, order=1) for k in (1, 0)]
    steepest = np.hypot(*along).max((0, 1))
    dx, dy = (part * (TEXTURE_BINS / np.where(steepest > 0, steepest, 1)) for part in along)
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    slopes = [np.float32(np.cos(a)) * dx + np.float32(np.sin(a)) * dy for a in angles]
    return np.clip(np.concatenate(slopes, 2), 0, TEXTURE_BINS - 1).astype(np.uint8)


def _ordered(trees: list[NDArray[np.int32]], min_side: float, most: int, seed: int) -> NDArray[np.float32]:
    """The boxes of all trees, each once, by random places of which those of large regions are smaller."""
    boxes = np.concatenate(trees)
    levels = np.concatenate([np.arange(len(tree), 0, -1) for tree in trees])
    places = np.random.default_rng(seed).random(len(boxes)) * levels
    boxes = boxes[np.argsort(places, kind="stable")]
    boxes = boxes[(boxes[:, 2:] - boxes[:, :2] >= min_side).all(1)]
    first = np.sort(np.unique(boxes, axis=0, return_index=True)[1])
    return boxes[first[:most]].astype(np.float32)


def _bits(letters: str) -> int:
    return reduce(lambda total, letter: total | BITS[letter], letters, 0)
