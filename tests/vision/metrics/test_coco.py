"""Every figure beside pycocotools', over random images with crowds, ties, empty images and boxes of all sizes."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from netwright.vision.metrics.average_precision import mean_average_precision

coco = pytest.importorskip("pycocotools.coco")
cocoeval = pytest.importorskip("pycocotools.cocoeval")
NAMES = "map map_50 map_75 map_small map_medium map_large mar_1 mar_10 mar_100 mar_small mar_medium mar_large"
Images = list[dict[str, Any]]


def random_case(rng: np.random.Generator) -> tuple[Images, Images]:
    """A few images; corners on a grid of quarters, so that both libraries compute with the same numbers."""
    classes = int(rng.integers(1, 12))
    predictions, targets = [], []
    for _ in range(rng.integers(1, 7)):
        n, extra = rng.choice([0, 1, 3, 8]), rng.choice([0, 0, 2, 6])
        corner = rng.integers(0, 800, (n, 2)) / 4
        side = rng.choice([2, 30, 40, 90, 120, 300], (n, 1)) + rng.integers(0, 24, (n, 2)) / 4
        boxes, labels = np.hstack([corner, corner + side]), rng.integers(0, classes, n)
        targets.append({"boxes": boxes, "labels": labels, "iscrowd": rng.random(n) < rng.choice([0, 0.3])})
        if rng.random() < 0.5:
            targets[-1]["area"] = side.prod(axis=1) * rng.integers(1, 9, n) / 8
        near = np.repeat(np.arange(n), rng.integers(0, 4, n))
        spread = np.floor(rng.normal(scale=side[near] / rng.choice([10, 40]), size=(len(near), 2)) * 4) / 4
        shifted = boxes[near] + np.tile(spread, 2)
        far = rng.integers(0, 800, (extra, 2)) / 4
        far = np.hstack([far, far + rng.integers(0, 400, (extra, 2)) / 4])
        guess = np.where(rng.random(len(near)) < 0.8, labels[near], rng.integers(0, classes, len(near)))
        found = np.vstack([shifted, far])
        scores = rng.integers(0, rng.choice([5, 1000]), len(found)) / 1024
        predictions.append({"boxes": found, "labels": [*guess, *rng.integers(0, classes, extra)], "scores": scores})
    return predictions, targets


def theirs(predictions: Images, targets: Images, limits: list[int], classes: tuple[Any, ...]) -> Any:
    """pycocotools' evaluation of the same images."""
    truth, found = [], []
    for image, (there, here) in enumerate(zip(targets, predictions, strict=True)):
        for row, box in enumerate(np.asarray(there["boxes"]).reshape(-1, 4)):
            size = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            area = there["area"][row] if "area" in there else size[2] * size[3]
            which = {"image_id": image, "category_id": int(there["labels"][row]), "id": len(truth) + 1}
            truth.append({**which, "bbox": size, "area": area, "iscrowd": int(there["iscrowd"][row])})
        for row, box in enumerate(np.asarray(here["boxes"]).reshape(-1, 4)):
            size = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            which = {"image_id": image, "category_id": int(here["labels"][row]), "score": float(here["scores"][row])}
            found.append({**which, "bbox": size, "area": size[2] * size[3], "id": len(found) + 1, "iscrowd": 0})
    kinds = [{"id": int(label)} for label in classes]
    images = [{"id": image} for image in range(len(targets))]
    with contextlib.redirect_stdout(io.StringIO()):
        first, second = coco.COCO(), coco.COCO()
        first.dataset = {"images": images, "annotations": truth, "categories": kinds}
        second.dataset = {"images": images, "annotations": found, "categories": kinds}
        first.createIndex()
        second.createIndex()
        made = cocoeval.COCOeval(first, second, "bbox")
        made.params.maxDets = limits
        made.evaluate()
        made.accumulate()
        if limits[2] == 100:
            made.summarize()
    return made


def same(ours: Any, other: Any) -> None:
    """Equal, where -1 is NaN."""
    np.testing.assert_allclose(ours, np.where(np.asarray(other) == -1, np.nan, other), rtol=0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 20))])
def test_all_figures_are_those_of_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for case in range(25):
        predictions, targets = random_case(rng)
        limits = [1, 10, 100] if case % 2 else [1, 2, 4]
        found = mean_average_precision(predictions, targets, max_detections=limits)
        other = theirs(predictions, targets, limits, found.classes)
        same(found.precision, other.eval["precision"])
        same(found.recall, other.eval["recall"])
        reached = np.isfinite(found.scores)
        np.testing.assert_array_equal(found.scores[reached], other.eval["scores"][reached])
        assert not found.precision[~reached & np.isfinite(found.precision)].any()
        if limits[2] == 100:
            same([found.figures[name] for name in NAMES.split()], other.stats)


def test_cases_have_what_is_hard() -> None:
    """The random cases are worth something only if all of this occurs in them."""
    rng = np.random.default_rng(0)
    cases = [random_case(rng) for _ in range(200)]
    images = [pair for found, there in cases for pair in zip(found, there, strict=True)]
    assert any(len(there["boxes"]) == 0 < len(found["boxes"]) for found, there in images)
    assert any(len(found["boxes"]) == 0 < len(there["boxes"]) for found, there in images)
    assert any(len(found["boxes"]) == len(there["boxes"]) == 0 for found, there in images)
    assert any(there["iscrowd"].any() for _, there in images)
    assert any(len(np.unique(found["scores"])) < len(found["scores"]) for found, _ in images)
    scores = [mean_average_precision(*case) for case in cases]
    for name in ("map_small", "map_medium", "map_large"):
        figures = np.array([each.figures[name] for each in scores])
        assert np.isnan(figures).any()
        assert (figures > 0.1).any()
    assert any(0 in each.targets and sum(each.targets) for each in scores)
