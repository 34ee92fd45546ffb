"""Reports of detectors: figures against those of the metrics, what is drawn in pictures, files and their faults."""

from __future__ import annotations

import base64
import html
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.plots.detection import PREDICTED
from netwright.report import DetectionEvaluation, evaluate_detections, write_report
from netwright.report.detection.evaluation import HEAVY, SIDE, WORST, WRONG, jpeg
from netwright.report.detection.pictures import LOST, caption, picture

Image = pytest.importorskip("PIL.Image")
HOSTILE = "<script>alert(1)</script>"
TINY = "Conv(8, 3, 2, 1) >> ReLU() >> Conv(16, 3, 2, 1) >> ReLU()"
DRAW = np.random.default_rng(0)


def images(n: int, side: int = 64) -> list[Any]:
    return [DRAW.integers(0, 255, (side, side + 8, 3), dtype=np.uint8) for _ in range(n)]


def boxes(n: int, side: int = 64) -> np.ndarray:
    low = DRAW.uniform(0, side / 2, (n, 2))
    return np.hstack([low, low + DRAW.uniform(8, side / 2, (n, 2))])


@pytest.fixture(scope="module")
def detector() -> Any:
    made = nw.vision.YOLO(TINY, size=64, scales=1, anchors=1, epochs=2, batch_size=4, validation=0.3, random_state=0)
    return made.fit(images(8), [{"boxes": boxes(2), "labels": ["cat", HOSTILE]} for _ in range(8)])


@pytest.fixture(scope="module")
def evaluation(detector: Any) -> DetectionEvaluation:
    """Random detections, some of which are true boxes that were moved a little."""
    targets, found = [], []
    for i in range(12):
        there = boxes(i % 4)
        labels = DRAW.choice(["cat", HOSTILE, "owl"], len(there)).tolist()
        targets.append({"boxes": there, "labels": labels, "difficult": DRAW.random(len(there)) < 0.1})
        near = np.sort((there + DRAW.normal(0, 3, there.shape)).reshape(-1, 2, 2), axis=1).reshape(-1, 4)
        known = [k for k, label in enumerate(labels) if label != "owl"]
        names = [*(labels[k] for k in known), "cat", HOSTILE]
        said = np.vstack([near[known], boxes(2)])
        found.append({"boxes": said, "labels": names, "scores": DRAW.uniform(0.05, 1, len(said))})
    targets[1]["boxes"] = [*np.asarray(targets[1]["boxes"]).tolist(), [5, 5, 5, 9]]
    targets[1]["labels"] = [*targets[1]["labels"], "cat"]
    targets[1]["difficult"] = [*targets[1]["difficult"], False]
    return evaluate_detections(detector, images(12), targets, found=found, files=[f"{i} & <b>.png" for i in range(12)])


def page_of(path: Path) -> tuple[str, str]:
    """The page, and the words in it."""
    text = path.read_text(encoding="utf-8")
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", text, flags=re.DOTALL)
    return text, " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_an_evaluation_is_that_of_the_metrics(evaluation: DetectionEvaluation) -> None:
    assert evaluation.dropped == {"without an area": 1}
    assert evaluation.classes == (HOSTILE, "cat", "owl")
    wanted = nw.vision.mean_average_precision(evaluation.predictions, evaluation.targets)
    assert evaluation.scores.figures == wanted.figures
    assert evaluation.scores.targets == wanted.targets
    badness = np.zeros(12)
    account = nw.vision.detection_account(evaluation.predictions, evaluation.targets, score_threshold=0.25)
    for each in account.predictions:
        if each.verdict not in ("correct", "ignored"):
            badness[each.image] += each.score
    for missed in account.of("missed"):
        badness[missed.image] += 0.5
    np.testing.assert_allclose(evaluation.badness, badness)
    assert evaluation.shown.tolist() == np.argsort(-badness, kind="stable")[:WORST].tolist()
    assert len(evaluation.pictures) == WORST


def test_it_finds_itself_what_it_is_not_told(detector: Any) -> None:
    some, targets = images(3), [{"boxes": boxes(1), "labels": ["cat"]} for _ in range(3)]
    made = evaluate_detections(detector, some, targets)
    for one, other in zip(made.predictions, detector.predict(some, score_threshold=0.01), strict=True):
        np.testing.assert_allclose(one["boxes"], other["boxes"])
        np.testing.assert_allclose(one["scores"], other["scores"])
    assert made.files == ("image 0", "image 1", "image 2")
    assert made.threshold == 0.25
    with pytest.raises(InvalidParameter, match="a fitted detector"):
        evaluate_detections(nw.Classifier(), some, targets)
    with pytest.raises(InvalidData, match="at least one object"):
        evaluate_detections(detector, some, [{"boxes": [], "labels": []}] * 3)


def test_an_evaluation_comes_back_from_its_file(evaluation: DetectionEvaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path / "evaluation.nw")
    again = DetectionEvaluation.load(tmp_path / "evaluation.nw")
    assert (again.classes, again.files, again.dropped) == (evaluation.classes, evaluation.files, evaluation.dropped)
    assert (again.pictures, again.threshold) == (evaluation.pictures, evaluation.threshold)
    for name in ("true", "found"):
        for column, array in getattr(evaluation, name).items():
            np.testing.assert_array_equal(getattr(again, name)[column], array)
    assert str(again.account) == str(evaluation.account)


@pytest.mark.parametrize("fault", ["kind", "codes", "sizes", "order", "shown", "shape"])
def test_a_file_that_is_damaged(evaluation: DetectionEvaluation, tmp_path: Path, fault: str) -> None:
    path = tmp_path / "evaluation.nw"
    if fault == "kind":
        storage.write(path, "evaluation", {}, {})
    else:
        found, changes = dict(evaluation.found), {}
        if fault == "codes":
            found["codes"] = found["codes"] + 3
        elif fault == "order":
            found["image"] = found["image"][::-1].copy()
        elif fault == "shape":
            found["boxes"] = found["boxes"][1:]
        else:
            changes = {"sizes": evaluation.sizes[1:]} if fault == "sizes" else {"shown": evaluation.shown + 12}
        replace(evaluation, found=found, **changes).save(path)
    with pytest.raises(CorruptFile):
        DetectionEvaluation.load(path)


def test_pictures_have_a_line_for_each_box(evaluation: DetectionEvaluation) -> None:
    for place, image in enumerate(evaluation.shown.tolist()):
        svg = picture(evaluation, place)
        found = [each for each in evaluation.account.predictions if each.image == image]
        there = [each for each in evaluation.account.targets if each.image == image]
        missed = [each for each in there if each.verdict == "missed"]
        for verdict in ("correct", *WRONG):
            lines = re.findall(rf'<rect x="[^>]*stroke="{PREDICTED[verdict]}"[^>]*pointer-events', svg)
            assert len(lines) == sum(each.verdict == verdict for each in found)
        assert svg.count("stroke-dasharray") == len(there)
        assert len(re.findall(rf'stroke="{LOST}"', svg)) == len(missed)
        wrong = [each for each in found if each.verdict in WRONG]
        assert svg.count("<text ") == len(wrong) + len(missed)
        scale = SIDE / 72
        for each in missed:
            x1, y1, x2, y2 = scale * evaluation.targets[image]["boxes"][each.row]
            assert f'x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}" stroke="{LOST}"' in svg
        said = html.unescape(re.sub("<[^>]*>", "", caption(evaluation, image)))
        right, asked = (sum(each.verdict in kinds for each in there) for kinds in (("found",), ("found", "missed")))
        assert said.startswith(f"{image} & <b>.png: {right} of {asked} object")
        for each in sorted(wrong, key=lambda each: -each.score)[:1]:
            assert f"{each.label} {each.score:.2f}" in said
        assert (f"{len(missed)} missed" in said.lower()) == bool(missed)


def test_pictures_are_small_files() -> None:
    large = DRAW.integers(0, 255, (900, 1600, 3), dtype=np.uint8)
    content = jpeg(large)
    assert Image.open(io.BytesIO(content)).size == (640, 360)
    smooth = np.repeat(np.repeat(images(1)[0], 10, 0), 10, 1)
    assert len(jpeg(smooth)) <= HEAVY
    assert Image.open(io.BytesIO(jpeg(images(1)[0]))).size == (72, 64)


def test_the_page_shows_the_run(detector: Any, evaluation: DetectionEvaluation, tmp_path: Path) -> None:
    run = {
        "data": {"source": f"/somewhere/{HOSTILE[8:]}pets", "split": {"training": 8}, "counts": {HOSTILE: 8, "cat": 8}},
        "dropped": {"test": {"without an area": 1}, "training": {}},
    }
    write_report(detector, tmp_path / "report.html", test=evaluation, run=run)
    text, words = page_of(tmp_path / "report.html")
    assert "<script" not in text
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    scores, account = evaluation.scores, evaluation.account
    assert f"test mAP@0.5 {scores.map_50:.3f} 12 images held out" in words
    assert f"mAP@[.5:.95] {scores.map:.3f}" in words
    found, missed = len(account.of("found")), len(account.of("missed"))
    assert f"{found} of {found + missed}" in words
    assert "YOLO for 2 classes" in words
    assert "trained on 8 images for 2 epochs" in words
    for name in ("Precision over recall", "Errors by kind and class", "Training curves", "The backbone as a diagram"):
        assert f'aria-label="{name}"' in text
    order = ["Test images: precision", "What is wrong", "The worst images", "Training", "Network", "Data", "Settings"]
    places = [words.index(name) for name in order]
    assert places == sorted(places)
    for label in scores.classes:
        figures = scores.ap(label=label, iou=0.5), scores.ap(label=label, iou=0.75), scores.ap(label=label)
        cells = [f"{figure:.3f}" for figure in figures]
        counts = scores.targets[scores.classes.index(label)]
        assert f"{label} {counts} {' '.join(cells)}" in words
    assert "boxes left out, test 1 without an area" in words
    shown = re.findall(r"data:image/jpeg;base64,([^\"]+)", text)
    assert [base64.b64decode(each) for each in shown] == list(evaluation.pictures)
    total = sum(part.numel() for part in detector.module_.parameters())
    assert f"parameters {total:,}" in words


@pytest.mark.slow
def test_a_page_without_test_images_and_one_without_errors(detector: Any, tmp_path: Path) -> None:
    write_report(detector, tmp_path / "alone.html", title="Pets")
    _, words = page_of(tmp_path / "alone.html")
    assert "Pets" in words
    assert "The worst images" not in words
    targets = [{"boxes": boxes(1), "labels": ["cat"]} for _ in range(2)]
    found = [{**target, "scores": [0.9]} for target in targets]
    right = evaluate_detections(detector, images(2), targets, found=found)
    assert right.scores.map == 1.0
    write_report(detector, tmp_path / "right.html", test=right)
    assert "Nothing is wrong in the test images." in page_of(tmp_path / "right.html")[1]
    write_report(detector, tmp_path / "pair.html", test=(images(2), targets))
    assert "test mAP@0.5" in page_of(tmp_path / "pair.html")[1]
