"""Mean average precision beside pycocotools: seconds of whole calls, and whether all figures are the same.

    python benchmarks/vision/metrics.py [--images 200] [--targets 8] [--detections 16] [--classes 5] [--repeats 5]

Both sides begin with the same Python lists of arrays and end with the twelve COCO figures: here one call; there the
annotations as dicts, two indices, ``evaluate``, ``accumulate`` and ``summarize``, its prints thrown away. Runs
alternate, the least time of each counts. The compilation of the kernels, once per machine, is measured apart.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from netwright.vision.metrics.average_precision import mean_average_precision

FIGURES = "map map_50 map_75 map_small map_medium map_large mar_1 mar_10 mar_100 mar_small mar_medium mar_large"
Images = list[dict[str, Any]]


def images(count: int, targets: int, detections: int, classes: int) -> tuple[Images, Images]:
    """Random true boxes, and detections near them or anywhere."""
    rng = np.random.default_rng(0)
    found, there = [], []
    for _ in range(count):
        corner, side = rng.integers(0, 400, (targets, 2)), rng.integers(8, 200, (targets, 2))
        boxes, labels = np.hstack([corner, corner + side]).astype(float), rng.integers(0, classes, targets)
        near = rng.integers(0, targets, detections)
        moved = boxes[near] + np.tile(rng.integers(-12, 12, (detections, 2)), 2)
        guess = np.where(rng.random(detections) < 0.8, labels[near], rng.integers(0, classes, detections))
        there.append({"boxes": boxes, "labels": labels})
        found.append({"boxes": moved, "labels": guess, "scores": rng.random(detections)})
    return found, there


def ours(found: Images, there: Images) -> list[float]:
    """The twelve figures by netwright."""
    figures = mean_average_precision(found, there).figures
    return [figures[name] for name in FIGURES.split()]


def theirs(found: Images, there: Images) -> list[float]:
    """The twelve figures by pycocotools."""
    kinds = sorted({int(label) for each in [*found, *there] for label in each["labels"]})
    names = [{"id": index} for index in range(len(there))]
    sides = []
    for given in (there, found):
        rows: list[dict[str, Any]] = []
        for image, each in enumerate(given):
            scores = each.get("scores", np.ones(len(each["boxes"]))).tolist()
            for box, label, score in zip(each["boxes"].tolist(), each["labels"].tolist(), scores, strict=True):
                size = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
                which = {"image_id": image, "category_id": label, "id": len(rows) + 1, "score": score}
                rows.append({**which, "bbox": size, "area": size[2] * size[3], "iscrowd": 0})
        side = COCO()
        side.dataset = {"images": names, "annotations": rows, "categories": [{"id": kind} for kind in kinds]}
        side.createIndex()
        sides.append(side)
    made = COCOeval(*sides, "bbox")
    made.evaluate()
    made.accumulate()
    made.summarize()
    return np.where(made.stats == -1, np.nan, made.stats).tolist()


def seconds(call: Callable[[Images, Images], list[float]], found: Images, there: Images) -> tuple[float, list[float]]:
    """Of one call, with what it gives."""
    with contextlib.redirect_stdout(io.StringIO()):
        begin = time.perf_counter()
        figures = call(found, there)
        return time.perf_counter() - begin, figures


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"images": 200, "targets": 8, "detections": 16, "classes": 5, "repeats": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    first, _ = seconds(ours, *images(2, 2, 2, 1))
    given = images(options.images, options.targets, options.detections, options.classes)
    runs = [(seconds(ours, *given), seconds(theirs, *given)) for _ in range(options.repeats)]
    here, other = (min(run[side][0] for run in runs) for side in (0, 1))
    apart = np.nanmax(np.abs(np.subtract(runs[0][0][1], runs[0][1][1])))
    print(f"{options.images} images, {options.targets} true boxes and {options.detections} detections each\n")
    print("| library | seconds | ratio |\n|--|--:|--:|")
    print(f"| netwright | {here:.4f} | 1 |\n| pycocotools | {other:.4f} | {other / here:.1f} |")
    print(f"\nFirst call with compilation, or its cache: {first:.2f} s. Largest difference of a figure: {apart:.1e}.")


if __name__ == "__main__":
    main()
