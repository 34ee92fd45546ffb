"""What people do first: defaults on few images, targets with faults, labels of all kinds, single images."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.report import write_report
from netwright.vision import YOLO, FasterRCNN, FastRCNN, ImageClassifier, LandmarkDetector

SMALL = nw.models.darknet(8, (1, 1), stride=2, headless=True)
DRAW = np.random.default_rng(0)


def squares(n: int) -> tuple[list[Any], list[Any]]:
    """Pictures with one square of 20 pixels each."""
    images, targets = [], []
    for x, y in DRAW.integers(0, 40, (n, 2)).tolist():
        image = np.full((64, 64, 3), 30, np.uint8)
        image[y : y + 20, x : x + 20] = (250, 80, 40)
        images.append(image)
        targets.append({"boxes": [[x, y, x + 20, y + 20]], "labels": ["square"]})
    return images, targets


IMAGES, TARGETS = squares(8)


def small(**options: Any) -> YOLO:
    given: dict[str, Any] = {"size": 64, "scales": 1, "anchors": 1, "epochs": 2, "batch_size": 4, "random_state": 0}
    return YOLO(SMALL, **{**given, **options})


@pytest.fixture(scope="module")
def fitted() -> YOLO:
    return small().fit(IMAGES, TARGETS)


@pytest.mark.parametrize("kind", [YOLO, FasterRCNN])
@pytest.mark.parametrize("n", [1, 8])
def test_defaults_train_on_boxes_of_one_shape(kind: Any, n: int) -> None:
    detector = kind(size=64, epochs=1, random_state=0).fit(IMAGES[:n], TARGETS[:n])
    assert np.isclose(detector.anchors_, 20).all(axis=-1).any()  # the shape itself is among them
    assert len(detector.predict(IMAGES)) == 8


def test_numbers_of_numpy_are_numbers() -> None:
    one, other = small(anchors=np.int64(1), size=np.int64(64)), small()
    np.testing.assert_array_equal(one.fit(IMAGES, TARGETS).anchors_, other.fit(IMAGES, TARGETS).anchors_)


def test_score_leaves_out_what_fit_leaves_out(fitted: YOLO) -> None:
    bad = copy.deepcopy(TARGETS)
    bad[0] = {"boxes": [[30, 30, 10, 10], *bad[0]["boxes"]], "labels": ["square", "square"]}
    with pytest.warns(UserWarning, match=r"YOLO\.score\(targets\): 1 of 9 boxes left out: 1 reversed"):
        assert fitted.score(IMAGES, bad) == fitted.score(IMAGES, TARGETS)
    with pytest.warns(UserWarning, match=r"YOLO\(validation\), targets: 1 of 9 boxes left out"):
        held = small(validation=(IMAGES, bad)).fit(IMAGES, TARGETS)
    assert held.dropped_ == {"reversed": 1}


def test_score_counts_crowds_as_the_metric_does(fitted: YOLO) -> None:
    crowd = [{**target, "iscrowd": [i % 2]} for i, target in enumerate(TARGETS)]
    found = fitted.predict(IMAGES, score_threshold=0.01)
    assert fitted.score(IMAGES, crowd) == nw.vision.mean_average_precision(found, crowd, iou_thresholds=[0.5]).map


@pytest.mark.parametrize("labels", [(None, "a"), (("a", ("b", 1)), 7), (True, 2.5), (b"x", frozenset({1}))])
def test_labels_of_any_kind(labels: Any, tmp_path: Any) -> None:
    targets = [{**target, "labels": [labels[i % 2]]} for i, target in enumerate(TARGETS)]
    detector = small(score_threshold=0.0).fit(IMAGES, targets)
    assert set(detector.classes_.tolist()) == set(labels)
    found = detector.predict(IMAGES)
    assert {label for each in found for label in each["labels"].tolist()} == set(labels)
    assert 0 <= detector.score(IMAGES, targets) <= 1
    one = found[0]
    assert len(nw.vision.batched_nms(one["boxes"], one["scores"], one["labels"], 0.5))
    if isinstance(labels[0], bytes):
        with pytest.raises(InvalidParameter, match=r"save: expected labels that a file can hold: texts, numbers, None"):
            detector.save(tmp_path / "a.nw")
        return
    detector.save(tmp_path / "a.nw")
    assert nw.load(tmp_path / "a.nw").classes_.tolist() == detector.classes_.tolist()


def test_one_image_is_put_in_a_list(fitted: YOLO) -> None:
    with pytest.raises(InvalidData, match=r"got one array of shape \(64, 64, 3\)\. Put a single image in a list"):
        fitted.predict(IMAGES[0])
    assert len(fitted.predict(np.stack(IMAGES))) == 8
    assert len(fitted.predict(np.stack(IMAGES)[..., 0])) == 8  # gray
    assert fitted.predict([]) == []


def test_options_of_a_prediction_are_looked_at(fitted: YOLO) -> None:
    with pytest.raises(InvalidParameter, match=r"YOLO\.predict\(score_threshold\)"):
        fitted.predict(IMAGES, score_threshold=2)
    with pytest.raises(InvalidParameter, match=r"YOLO\.predict\(max_detections\)"):
        fitted.predict(IMAGES, max_detections=0)


def test_augmentations_as_a_list_of_texts() -> None:
    one, other = small(augment=["Flip()", "Color()"]), small(augment="Flip(), Color()")
    assert one.fit(IMAGES, TARGETS).loss_curve_ == other.fit(IMAGES, TARGETS).loss_curve_


def test_a_rate_that_warms_up_is_not_too_low() -> None:
    found = small(epochs=100, batch_size=2).check(IMAGES, TARGETS)
    assert "lr-too-low" not in {finding.code for finding in found.findings}


def test_reports(tmp_path: Any) -> None:
    detector = FastRCNN(SMALL, size=64, scales=1, epochs=1, max_proposals=20, random_state=0).fit(IMAGES, TARGETS)
    write_report(detector, tmp_path / "fast.html")
    assert "Fast R-CNN" in (tmp_path / "fast.html").read_text(encoding="utf-8")
    kinds = [f"{i % 2}" for i in range(8)]
    points = [{"points": [target["boxes"][0][:2]]} for target in TARGETS]
    for other in (
        ImageClassifier(SMALL, size=64, epochs=1, random_state=0).fit(IMAGES, kinds),
        LandmarkDetector(SMALL, size=64, epochs=1, random_state=0).fit(IMAGES, points),
    ):
        with pytest.raises(InvalidParameter, match="expected a fitted classifier, regressor, tagger or detector"):
            write_report(other, tmp_path / "none.html")


def test_nothing_else_is_said(fitted: YOLO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.predict(IMAGES)
        fitted.score(IMAGES, TARGETS)
