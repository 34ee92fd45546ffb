"""Places for the tabs that carry labels: at their boxes, inside the image, and off each other where there is room.

A tab is tried at the upper left corner of its box, above it; inside; below; the same at the right side; and further
down inside of the box. Each place is pushed into the image. The cost of a place is the share of the tab that covers
other tabs, then that which covers edges of other boxes, then how far down the list it stands; the cheapest is taken,
box by box, those with the least room first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TAB, EDGE, RANK = 1.0, 0.15, 0.02  # costs: of all of a tab covered, of its middle line on edges, of each place


def place_tabs(
    boxes: NDArray[np.float64], tabs: Sequence[tuple[float, float]], size: tuple[int, int], line: float
) -> NDArray[np.float64]:
    """The upper left corners of tabs.

    Parameters
    ----------
    boxes : (n, 4), within the image.
    tabs : (width, height) of each, at most that of the image.
    size : (height, width) of the image.
    line : the width of the lines of boxes.

    Shapes
    ------
    (n, 2): x, y

    Examples
    --------
    >>> place_tabs(np.array([[10.0, 20.0, 50.0, 60.0]]), [(30.0, 8.0)], (80, 80), 2.0).tolist()
    [[9.0, 11.0]]
    """
    n = len(boxes)
    found = np.zeros((n, 2))
    taken = np.zeros((0, 4))
    sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) if n else np.zeros(0)
    for i in np.argsort(sides, kind="stable").tolist():
        width, height = tabs[i]
        corners = _candidates(boxes[i], width, height, line)
        corners = np.clip(corners, 0, [max(size[1] - width, 0), max(size[0] - height, 0)])
        frames = np.hstack([corners, corners + np.array([width, height])])
        others = np.delete(boxes, i, axis=0)
        cost = TAB * covered(frames, taken).sum(axis=1) + RANK * np.arange(len(corners))
        cost += EDGE * np.minimum(_crossed(frames, others, line), 1)
        best = int(cost.argmin())
        found[i] = corners[best]
        taken = np.vstack([taken, frames[best]])
    return found


def covered(frames: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of each frame that each other one covers.

    Parameters
    ----------
    frames : (k, 4). others : (m, 4).

    Shapes
    ------
    (k, m)

    Examples
    --------
    >>> covered(np.array([[0.0, 0.0, 4.0, 2.0]]), np.array([[3.0, 0.0, 9.0, 2.0]]))
    array([[0.25]])
    """
    low = np.maximum(frames[:, None, :2], others[None, :, :2])
    high = np.minimum(frames[:, None, 2:], others[None, :, 2:])
    area = (frames[:, 2:] - frames[:, :2]).prod(axis=1)
    shared: NDArray[np.float64] = np.clip(high - low, 0, None).prod(axis=2) / np.maximum(area, 1e-9)[:, None]
    return shared


def _candidates(box: NDArray[np.float64], width: float, height: float, line: float) -> NDArray[np.float64]:
    """Places of a tab, the best first."""
    half = line / 2
    left, right = box[0] - half, box[2] + half - width
    above, top = box[1] - half - height, box[1] - half
    bottom, below = box[3] + half - height, box[3] + half
    rows = [(left, above), (left, top), (left, below), (right, above), (right, top), (left, bottom), (right, below)]
    deeper = np.arange(top + height, max(bottom, top) + 1e-9, height)[:6]
    rows += [(right, bottom), *((left, y) for y in deeper), *((right, y) for y in deeper)]
    return np.array(rows)


def _crossed(frames: NDArray[np.float64], boxes: NDArray[np.float64], line: float) -> NDArray[np.float64]:
    """The share of each frame on which edges of boxes lie."""
    if not len(boxes):
        return np.zeros(len(frames))
    half = line / 2
    x1, y1, x2, y2 = boxes.T
    low_x, high_x, low_y, high_y = x1 - half, x2 + half, y1 - half, y2 + half
    edges = [
        (low_x, low_y, high_x, y1 + half),
        (low_x, y2 - half, high_x, high_y),
        (low_x, low_y, x1 + half, high_y),
        (x2 - half, low_y, high_x, high_y),
    ]
    strips = np.concatenate([np.stack(edge, axis=1) for edge in edges])
    total: NDArray[np.float64] = covered(frames, strips).sum(axis=1)
    return total
