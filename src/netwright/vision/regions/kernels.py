"""Compiled loops over pixels and regions: differences of neighbours, growing, tables of regions, grouping."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

COLOUR, TEXTURE, SIZE, FILL = 1, 2, 4, 8  # bits of the measures of similarity


@numba.njit(cache=True, nogil=True)
def differences(pixels: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """The distances of all neighbours, to the right, below, and below on both sides, and the numbers of both pixels.

    Parameters
    ----------
    pixels : (height, width, channels).
    """
    height, width, channels = pixels.shape
    most = 4 * height * width
    weights, one, other = np.empty(most), np.empty(most, np.int32), np.empty(most, np.int32)
    count = 0
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        for y in range(height - down):
            for x in range(max(0, -right), width - max(0, right)):
                total = 0.0
                for c in range(channels):
                    gap = pixels[y + down, x + right, c] - pixels[y, x, c]
                    total += gap * gap
                weights[count] = math.sqrt(total)
                one[count], other[count] = y * width + x, (y + down) * width + x + right
                count += 1
    return weights[:count], one[:count], other[:count]


@numba.njit(cache=True, nogil=True)
def root_of(parents: NDArray[np.int32], place: int) -> int:
    """The first pixel of the region of a pixel; the way to it is halved."""
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place


@numba.njit(cache=True, nogil=True)
def grow(
    weights: NDArray[np.float64], one: NDArray[np.int32], other: NDArray[np.int32], n: int, scale: float, least: int
) -> NDArray[np.int32]:
    """Labels 0, 1... of n pixels, by their first pixels, after joining neighbours in the order given.

    Parameters
    ----------
    weights : of pairs, rising. one, other : pixels of each pair. n : pixels. scale : k of the threshold.
    least : pixels of a region.
    """
    parents, sizes, within = np.empty(n, np.int32), np.empty(n, np.int32), np.zeros(n)
    for place in range(n):
        parents[place], sizes[place] = place, 1
    for pair in range(2 * len(weights)):  # a second time for regions that are too small
        small, edge = pair >= len(weights), pair % len(weights)
        a, b = root_of(parents, one[edge]), root_of(parents, other[edge])
        if a == b:
            continue
        if small:
            joined = sizes[a] < least or sizes[b] < least
        else:
            joined = weights[edge] <= min(within[a] + scale / sizes[a], within[b] + scale / sizes[b])
        if joined:
            a, b = min(a, b), max(a, b)
            parents[b] = a
            sizes[a] += sizes[b]
            within[a] = weights[edge]
    labels, count = np.empty(n, np.int32), 0
    for place in range(n):
        first = root_of(parents, place)
        if first == place:
            labels[place] = count
            count += 1
        else:
            labels[place] = labels[first]
    return labels


@numba.njit(cache=True, nogil=True)
def boxes_of(labels: NDArray[np.int32], n: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Boxes x1, y1, x2, y2 and pixels of n regions: (n, 4), (n,).

    Parameters
    ----------
    labels : (height, width). n : how many regions.
    """
    height, width = labels.shape
    boxes, sizes = np.zeros((n, 4), np.int32), np.zeros(n, np.int32)
    for k in range(n):
        boxes[k, 0], boxes[k, 1] = width, height
    for y in range(height):
        for x in range(width):
            k = labels[y, x]
            boxes[k, 0], boxes[k, 1] = min(boxes[k, 0], x), min(boxes[k, 1], y)
            boxes[k, 2], boxes[k, 3] = max(boxes[k, 2], x + 1), max(boxes[k, 3], y + 1)
            sizes[k] += 1
    return boxes, sizes


@numba.njit(cache=True, nogil=True)
def histograms(bins: NDArray[np.uint8], labels: NDArray[np.int32], n: int, count: int) -> NDArray[np.float32]:
    """The histograms of n regions, channel after channel, that sum to 1: (n, channels count).

    Parameters
    ----------
    bins : (height, width, channels), the bin of each value. labels : (height, width). n : how many regions.
    count : bins of a channel.
    """
    height, width, channels = bins.shape
    found, totals = np.zeros((n, channels * count), np.float32), np.zeros(n, np.float32)
    for y in range(height):
        for x in range(width):
            k = labels[y, x]
            totals[k] += channels
            for c in range(channels):
                found[k, c * count + bins[y, x, c]] += 1
    for k in range(n):
        for i in range(channels * count):
            found[k, i] /= totals[k]
    return found


@numba.njit(cache=True, nogil=True)
def neighbours(labels: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Pairs of regions that touch at a side or a corner, as first n + second; a pair may come again.

    Parameters
    ----------
    labels : (height, width). n : how many regions.
    """
    height, width = labels.shape
    found, count, last = np.empty(4 * height * width, np.int64), 0, np.int64(-1)
    for y in range(height):
        for x in range(width):
            a = labels[y, x]
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                if y + down < height and 0 <= x + right < width:
                    b = labels[y + down, x + right]
                    pair = np.int64(min(a, b)) * n + max(a, b)
                    if a != b and pair != last:
                        found[count], last = pair, pair
                        count += 1
    return found[:count]


@numba.njit(cache=True, nogil=True)
def common(tables: NDArray[np.float32], a: int, b: int) -> float:
    """What two histograms have in common.

    Parameters
    ----------
    tables : histograms, (n, bins). a, b : which two.
    """
    total = 0.0
    for i in range(tables.shape[1]):
        total += min(tables[a, i], tables[b, i])
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def likeness(
    a: int, b: int, boxes: NDArray[Any], sizes: NDArray[Any], hues: NDArray[Any], grains: NDArray[Any], which: int
) -> float:
    """How much two regions belong together, the sum of the measures asked for.

    Parameters
    ----------
    a, b : the regions. boxes, sizes, hues, grains : of all regions; the last row is of the whole image.
    which : bits of the measures.
    """
    whole, found = sizes[-1], 0.0
    if which & COLOUR:
        found += common(hues, a, b)
    if which & TEXTURE:
        found += common(grains, a, b)
    if which & SIZE:
        found += 1 - (sizes[a] + sizes[b]) / whole
    if which & FILL:
        wide = max(boxes[a, 2], boxes[b, 2]) - min(boxes[a, 0], boxes[b, 0])
        high = max(boxes[a, 3], boxes[b, 3]) - min(boxes[a, 1], boxes[b, 1])
        found += 1 - (wide * high - sizes[a] - sizes[b]) / whole
    return found


@numba.njit(cache=True, nogil=True)
def unite(
    a: int, b: int, new: int, boxes: NDArray[Any], sizes: NDArray[Any], hues: NDArray[Any], grains: NDArray[Any]
) -> None:
    """Write the region that two regions make into a row of the tables.

    Parameters
    ----------
    a, b : the regions. new : the row. boxes, sizes, hues, grains : of all regions.
    """
    for i in range(2):
        boxes[new, i] = min(boxes[a, i], boxes[b, i])
        boxes[new, 2 + i] = max(boxes[a, 2 + i], boxes[b, 2 + i])
    sizes[new] = sizes[a] + sizes[b]
    share = np.float32(sizes[a] / sizes[new])
    rest = np.float32(1) - share
    for i in range(hues.shape[1]):
        hues[new, i] = share * hues[a, i] + rest * hues[b, i]
    for i in range(grains.shape[1]):
        grains[new, i] = share * grains[a, i] + rest * grains[b, i]


@numba.njit(cache=True, nogil=True)
def group(
    pairs: NDArray[np.int64],
    n: int,
    boxes: NDArray[Any],
    sizes: NDArray[Any],
    hues: NDArray[Any],
    grains: NDArray[Any],
    which: int,
) -> None:
    """Unite the two neighbours that are most alike until one region is left; the tables are filled.

    Parameters
    ----------
    pairs : neighbours among the first regions, (m, 2); written over. n : how many regions there are at first.
    boxes, sizes, hues, grains : tables of 2 n - 1 rows, the first n of them filled, and the sizes' last.
    which : bits of the measures.
    """
    live, count = pairs, len(pairs)
    alike, met = np.empty(count), np.zeros(2 * n, np.int64)
    for i in range(count):
        alike[i] = likeness(live[i, 0], live[i, 1], boxes, sizes, hues, grains, which)
    for new in range(n, 2 * n - 1):
        best = 0
        for i in range(1, count):
            if alike[i] > alike[best]:
                best = i
        a, b, kept = live[best, 0], live[best, 1], 0
        unite(a, b, new, boxes, sizes, hues, grains)
        for i in range(count):
            first, second = live[i, 0], live[i, 1]
            before, behind = (first == a) | (first == b), (second == a) | (second == b)
            old, far = before or behind, second if before else first
            if (before and behind) or (old and met[far] == new):
                continue
            if old:
                met[far] = new
                alike[kept] = likeness(far, new, boxes, sizes, hues, grains, which)
                live[kept, 0], live[kept, 1] = far, new
            else:
                alike[kept], live[kept, 0], live[kept, 1] = alike[i], first, second
            kept += 1
        count = kept
