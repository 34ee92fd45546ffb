"""Boxes: milliseconds for the IoU of 5,000 x 5,000 boxes and for the suppression of 10,000, one thread.

    OMP_NUM_THREADS=1 python benchmarks/vision/boxes.py [--runs 9]

IoU is computed in float32, beside the same equations in plain torch, whole matrices at a time. Its limit is the memory:
the result has 100 MB, and the row "limit" is the time to fill an array of that size with one number.

Suppression at three thresholds, beside the usual loop in NumPy (take the best, compare it with all that are left).
The boxes are spread over a plane ("sparse": most are kept), drawn around 100 points ("dense": most go), or have sides
of up to half the plane ("large": each meets many others). Both must keep the same boxes, or nothing is printed. The
limit is reading the boxes and scores once, 400 kB: less than 0.1 ms, so it is the comparisons that cost.

Each figure is the least of some runs after a warm-up, in CPU seconds, so that neighbours on the machine do not enter;
the last column is the other's time over netwright's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from netwright.vision import box_iou, nms

PAIRS, BOXES = 5_000, 10_000


def drawn(kind: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 4) and scores (n,)."""
    rng = np.random.default_rng(0)
    if kind == "dense":
        group = rng.integers(0, 100, n)
        corner = (rng.random((100, 2)) * 1000)[group] + rng.normal(size=(n, 2)) * 5
        side = (50 + rng.random((100, 2)) * 50)[group] + rng.normal(size=(n, 2)) * 5
    else:
        large = kind == "large"
        corner, side = rng.random((n, 2)) * (500 if large else 1000), rng.random((n, 2)) * (500 if large else 100)
    return np.concatenate([corner, corner + side], 1), rng.random(n)


def plain_iou(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """IoU over whole matrices."""
    low, high = torch.maximum(a[:, None, :2], b[:, :2]), torch.minimum(a[:, None, 2:], b[:, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    area = [(boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (a, b)]
    return shared / (area[0][:, None] + area[1] - shared)


def plain_nms(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """The best box, then what is left of the others."""
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)
    areas = (x2 - x1) * (y2 - y1)
    left, kept = np.argsort(-scores, kind="stable"), []
    while left.size:
        first, left = left[0], left[1:]
        kept.append(first)
        width = np.maximum(np.minimum(x2[first], x2[left]) - np.maximum(x1[first], x1[left]), 0)
        height = np.maximum(np.minimum(y2[first], y2[left]) - np.maximum(y1[first], y1[left]), 0)
        shared = width * height
        left = left[shared / (areas[first] + areas[left] - shared) <= threshold]
    return np.array(kept)


def least(job: Callable[[], Any], runs: int) -> float:
    """CPU milliseconds."""
    job()
    figures = []
    for _ in range(runs):
        begin = time.process_time()
        job()
        figures.append(time.process_time() - begin)
    return min(figures) * 1e3


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    torch.set_num_threads(1)
    print(f"{torch.get_num_threads()} thread\n\n| IoU, {PAIRS} x {PAIRS} | ms | ratio |\n|---|---|---|")
    boxes = torch.tensor(drawn("sparse", PAIRS)[0], dtype=torch.float32)
    torch.testing.assert_close(box_iou(boxes, boxes), plain_iou(boxes, boxes))
    ours = least(lambda: box_iou(boxes, boxes), runs)
    limit = least(lambda: np.full((PAIRS, PAIRS), 1, np.float32), runs)
    plain = least(lambda: plain_iou(boxes, boxes), min(runs, 3))
    moved = (PAIRS * PAIRS + 8 * PAIRS) * 4 / 1e6
    for label, figure in (("netwright", ours), (f"limit: {moved:.0f} MB", limit), ("plain torch", plain)):
        print(f"| {label} | {figure:.1f} | {figure / ours:.1f} |", flush=True)
    print(f"\n| boxes, {BOXES} | threshold | kept | netwright, ms | NumPy, ms | ratio |\n|---|---|---|---|---|---|")
    for kind in ("sparse", "dense", "large"):
        rows, scores = drawn(kind, BOXES)
        for threshold in (0.3, 0.5, 0.7):
            kept = nms(rows, scores, threshold)
            np.testing.assert_array_equal(kept, plain_nms(rows, scores, threshold))
            figures = [least(lambda: nms(rows, scores, threshold), runs)]  # noqa: B023
            figures.append(least(lambda: plain_nms(rows, scores, threshold), 1))  # noqa: B023
            row = f"| {kind} | {threshold} | {len(kept)} | {figures[0]:.1f} | {figures[1]:.0f} "
            print(f"{row}| {figures[1] / figures[0]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
