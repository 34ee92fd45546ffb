"""What every detector does: it learns, finds in the image's own pixels, comes again the same, is saved and examined."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.rcnn.fast import FastRCNN
from netwright.vision.rcnn.faster import FasterRCNN
from netwright.vision.rcnn.rcnn import RCNN
from netwright.vision.yolo.estimator import YOLO


def scenes(n: int, seed: int = 0, size: tuple[int, int] = (64, 64), most: int = 2) -> tuple[list[Any], list[Any]]:
    """n pictures with up to `most` shapes each, and their targets."""
    draw = np.random.default_rng(seed)
    images, targets = [], []
    for _ in range(n):
        height, width = size
        image = draw.integers(0, 50, (height, width, 3), dtype=np.uint8)
        boxes: list[list[int]] = []
        labels = []
        for _ in range(int(draw.integers(1, most + 1))):
            side = int(draw.integers(14, 26))
            x, y = int(draw.integers(0, width - side)), int(draw.integers(0, height - side))
            if any(x < b[2] and b[0] < x + side and y < b[3] and b[1] < y + side for b in boxes):
                continue
            disc = bool(draw.integers(2))
            yy, xx = np.mgrid[:side, :side] - (side - 1) / 2
            inside = yy**2 + xx**2 <= (side / 2) ** 2 if disc else np.ones((side, side), bool)
            image[y : y + side, x : x + side][inside] = (240, 60, 60) if disc else (60, 90, 240)
            boxes.append([x, y, x + side, y + side])
            labels.append("disc" if disc else "square")
        images.append(image)
        targets.append({"boxes": boxes, "labels": labels})
    return images, targets


SMALL = nw.models.darknet(8, (1, 1), stride=2, headless=True)
OPTIONS: dict[Any, dict[str, Any]] = {
    YOLO: {"optimizer": "AdamW(0.01)", "epochs": 12, "scales": 1, "anchors": 1},
    FasterRCNN: {"optimizer": "AdamW(0.004)", "epochs": 10, "scales": 1, "anchors": 1},
    FastRCNN: {"optimizer": "AdamW(0.004)", "epochs": 4, "scales": 1, "max_proposals": 60, "augment": None},
    RCNN: {
        "optimizer": "AdamW(0.004)",
        "epochs": 3,
        "max_proposals": 60,
        "augment": None,
        "crop": 16,
        "context": 1,
        "classifier": "softmax",  # what is told after an epoch; machines have tests of their own
        "ridge": None,
    },
}
each = pytest.mark.parametrize("kind", list(OPTIONS))
IMAGES, TARGETS = scenes(64)


def made(kind: Any, **options: Any) -> Any:
    return kind(SMALL, size=64, batch_size=8, random_state=0, **{**OPTIONS[kind], **options})


@pytest.fixture(scope="module")
def fitted() -> dict[Any, Any]:
    return {kind: made(kind).fit(IMAGES, TARGETS) for kind in OPTIONS}


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(a[key], b[key]) for a, b in zip(one, other, strict=True) for key in a)


@pytest.mark.slow
@each
def test_it_learns(kind: Any, fitted: Any) -> None:
    others = scenes(30, seed=1)
    assert fitted[kind].score(*others) > 0.7
    assert list(fitted[kind].classes_) == ["disc", "square"]
    assert fitted[kind].history_["train_loss"][-1] < 0.6 * fitted[kind].history_["train_loss"][0]


@each
def test_what_it_finds(kind: Any, fitted: Any) -> None:
    found = fitted[kind].predict(IMAGES, score_threshold=0.05)
    assert len(found) == len(IMAGES)
    for one in found:
        assert set(one) == {"boxes", "labels", "scores"}
        assert one["boxes"].shape == (len(one["labels"]), 4)
        assert (one["boxes"][:, 2:] >= one["boxes"][:, :2]).all()
        assert (one["boxes"] >= 0).all()
        assert (one["boxes"] <= 64).all()
        assert (np.diff(one["scores"]) <= 0).all()
        assert ((one["scores"] >= 0.05) & (one["scores"] <= 1)).all()
        assert set(one["labels"]) <= {"disc", "square"}
    assert max(len(one["scores"]) for one in fitted[kind].predict(IMAGES, score_threshold=0, max_detections=3)) == 3


@each
def test_images_of_any_size_and_boxes_in_their_own_pixels(kind: Any, fitted: Any) -> None:
    """A picture twice as large has the same objects at twice the place; other shapes come in between."""
    twice = np.kron(IMAGES[0], np.ones((2, 2, 1), np.uint8))
    wide = np.zeros((32, 128, 3), np.uint8)
    small, other, large = fitted[kind].predict([IMAGES[0], wide, twice])
    assert len(small["boxes"])
    assert (np.diag(nw.vision.box_iou(large["boxes"], 2 * small["boxes"])) > 0.85).all()
    assert (large["labels"] == small["labels"]).all()
    assert other["boxes"].shape[1] == 4
    alone = fitted[kind].predict([twice])[0]
    np.testing.assert_allclose(alone["boxes"], large["boxes"], atol=1e-3)


@each
def test_files_are_as_good_as_arrays(kind: Any, fitted: Any, tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image")
    for i in range(3):
        image_module.fromarray(IMAGES[i]).save(tmp_path / f"{i}.png")
    files = [tmp_path / f"{i}.png" for i in range(3)]
    assert same(fitted[kind].predict(files), fitted[kind].predict(IMAGES[:3]))


@each
def test_the_same_seed_gives_the_same_detector(kind: Any) -> None:
    one, other = (made(kind, epochs=1).fit(IMAGES[:16], TARGETS[:16]) for _ in range(2))
    for a, b in zip(one.module_.parameters(), other.module_.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.slow
@each
def test_it_comes_back_from_a_file_and_a_pickle(kind: Any, fitted: Any, tmp_path: Path) -> None:
    fitted[kind].save(tmp_path / "model.nw")
    wanted = fitted[kind].predict(IMAGES[:5], score_threshold=0.01)
    for again in (nw.load(tmp_path / "model.nw"), pickle.loads(pickle.dumps(fitted[kind]))):
        assert same(again.predict(IMAGES[:5], score_threshold=0.01), wanted)
        assert again.n_iter_ == fitted[kind].n_iter_
    assert clone(fitted[kind]).get_params()["size"] == 64


@each
def test_a_right_fit_has_no_fault(kind: Any, fitted: Any) -> None:
    assert not [finding for finding in fitted[kind].diagnosis_.findings if finding.level == "fault"]


@pytest.mark.slow
@each
def test_it_is_examined_beforehand(kind: Any) -> None:
    found = made(kind).check(IMAGES[:16], TARGETS[:16])
    assert not [finding for finding in found.findings if finding.level == "fault"]


@pytest.mark.slow
@each
def test_held_out_images_are_scored_as_the_average_precision_says(kind: Any) -> None:
    held = scenes(12, seed=2)
    detector = made(kind, epochs=3, validation=held).fit(IMAGES, TARGETS)
    told = detector.history_["validation_score"]
    assert len(told) == 3
    assert detector.score(*held) == pytest.approx(told[-1], abs=1e-6)
    shared = made(kind, epochs=1, validation=0.25).fit(IMAGES[:16], TARGETS[:16])
    assert np.isfinite(shared.history_["validation_loss"]).all()


@pytest.mark.slow
@each
def test_labels_of_any_kind(kind: Any, tmp_path: Path) -> None:
    names = {"disc": (1, "round"), "square": 7}
    targets = [{**t, "labels": [names[label] for label in t["labels"]]} for t in TARGETS[:16]]
    detector = made(kind, epochs=1).fit(IMAGES[:16], targets)
    assert detector.classes_.tolist() == [7, (1, "round")]
    detector.save(tmp_path / "model.nw")
    assert nw.load(tmp_path / "model.nw").classes_.tolist() == [7, (1, "round")]


@pytest.mark.slow
@each
def test_bad_boxes_empty_images_and_objects_that_are_not_asked_for(kind: Any) -> None:
    targets = [
        {
            "boxes": [*t["boxes"], [5, 5, 5, 9]],
            "labels": [*t["labels"], "disc"],
            "difficult": [0] * len(t["labels"]) + [1],
        }
        for t in TARGETS[:14]
    ]
    targets += [{"boxes": [], "labels": []}, {"boxes": [[4, 4, 20, 20]], "labels": ["disc"], "difficult": [1]}]
    with pytest.warns(UserWarning, match="14 of .* boxes left out: 14 without an area"):
        detector = made(kind, epochs=1).fit(IMAGES[:16], targets)
    assert detector.dropped_ == {"without an area": 14}
    assert np.isfinite(detector.loss_curve_).all()
    with pytest.raises(InvalidData, match=r"image 0, boxes, row .* without an area"):
        made(kind, bad_boxes="error").fit(IMAGES[:16], targets)


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"size": 8}, "size.*an integer >= 32"),
    ({"scales": 4}, "scales"),
    ({"scales": 3, "backbone": nw.models.darknet(8, (0,), stride=1)}, "maps at 3 strides, got 1 in|maps at 3"),
    ({"anchors": 0}, "anchors"),
    ({"anchors": [[3, -1]]}, "anchors"),
    ({"anchors": 10000}, "anchors.*as the boxes have"),
    ({"optimizer": nw.optim.LevenbergMarquardt()}, "a rule that updates batch by batch"),
    ({"score_threshold": 2}, "score_threshold"),
    ({"proposals": "rpn"}, "proposals.*a function: image -> boxes"),
    ({"pooling": "mean"}, "pooling"),
    ({"crop": 30}, "crop.*a multiple of the stride of .*, 8, got 30"),
    ({"crop": 16, "context": 8}, "context.*less than half of crop=16"),
    ({"svm_cost": 0}, "svm_cost"),
]


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [(kind, *row) for kind in OPTIONS for row in IMPOSSIBLE if set(row[0]) <= set(kind().get_params())],
)
def test_options_that_cannot_be(kind: Any, options: dict[str, Any], text: str) -> None:
    given = {"backbone": SMALL, "size": 64, **OPTIONS[kind], **options}
    with pytest.raises(InvalidParameter, match=text):
        kind(**given).fit(IMAGES, TARGETS)


@each
def test_data_that_cannot_be(kind: Any) -> None:
    with pytest.raises(InvalidData, match="expected 2, one an image, got 1"):
        made(kind).fit(IMAGES[:2], TARGETS[:1])
    with pytest.raises(InvalidData, match=r"at least one object in all images, got none"):
        made(kind).fit(IMAGES[:1], [{"boxes": [], "labels": []}])
    with pytest.raises(
        InvalidData, match=r"validation.*image 0, row 0: expected a label of the images that are trained on, got 'bird'"
    ):
        made(kind, validation=(IMAGES[:1], [{"boxes": [[0, 0, 9, 9]], "labels": ["bird"]}])).fit(IMAGES, TARGETS)
    with pytest.raises(NotFittedError):
        made(kind).predict(IMAGES[:1])


@each
def test_a_fit_that_fails_leaves_what_was_fitted(kind: Any, fitted: Any) -> None:
    wanted = fitted[kind].predict(IMAGES[:2])
    with pytest.raises(InvalidData), warnings.catch_warnings():
        fitted[kind].fit(IMAGES[:2], TARGETS[:1])
    assert same(fitted[kind].predict(IMAGES[:2]), wanted)


@pytest.mark.slow
@each
def test_a_fit_that_is_cut_goes_on_to_the_same_detector(kind: Any, tmp_path: Path) -> None:
    whole = made(kind, epochs=3).fit(IMAGES[:16], TARGETS[:16])

    def cut(run: Any) -> None:
        if run.epoch == 2:
            raise RuntimeError("cut")

    options = {"epochs": 3, "checkpoint": tmp_path / "run"}
    with pytest.raises(RuntimeError, match="cut"):
        made(kind, **options, callbacks=[cut]).fit(IMAGES[:16], TARGETS[:16])
    again = made(kind, **options).fit(IMAGES[:16], TARGETS[:16])
    assert len(again.history_) == 3
    for a, b in zip(whole.module_.parameters(), again.module_.parameters(), strict=True):
        assert torch.equal(a, b)
