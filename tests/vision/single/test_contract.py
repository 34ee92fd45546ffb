"""What all estimators with one answer an image do: they learn, come again the same, are saved, and name bad input."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.single.image_classifier import ImageClassifier
from netwright.vision.single.landmarks import LandmarkDetector
from netwright.vision.single.localizer import Localizer

SMALL = nw.models.darknet(8, (1, 1), stride=2, headless=True)
OPTIONS: dict[Any, dict[str, Any]] = {
    Localizer: {"epochs": 16, "scales": 1},
    LandmarkDetector: {"epochs": 12, "scales": 1},
    ImageClassifier: {"epochs": 12},
}
each = pytest.mark.parametrize("kind", list(OPTIONS))
KEYS = {
    Localizer: {"boxes", "labels", "scores"},
    LandmarkDetector: {"points", "visibility", "scores"},
    ImageClassifier: {"boxes", "labels", "scores"},
}


def made(kind: Any, **options: Any) -> Any:
    given = {"size": 64, "batch_size": 8, "random_state": 0, "optimizer": "AdamW(0.005)", **OPTIONS[kind], **options}
    return kind(SMALL, **given)


@pytest.fixture(scope="module")
def data(scenes: Any, dots: Any) -> Any:
    """Images and targets of each kind, by number and seed."""

    def of(kind: Any, n: int = 64, seed: int = 0) -> Any:
        if kind is LandmarkDetector:
            return dots(n, seed)
        if kind is Localizer:
            return scenes(n, seed)
        images, targets = scenes(n, seed, n + 1)
        return images[1:], [target["labels"][0] for target in targets[1:]]

    return of


@pytest.fixture(scope="module")
def fitted(data: Any) -> dict[Any, Any]:
    return {kind: made(kind).fit(*data(kind)) for kind in OPTIONS}


def same(one: Any, other: Any) -> bool:
    return all(np.array_equal(a[key], b[key]) for a, b in zip(one, other, strict=True) for key in a)


@each
def test_it_learns(kind: Any, fitted: Any, data: Any) -> None:
    assert fitted[kind].score(*data(kind, 40, 1)) > 0.85
    losses = fitted[kind].loss_curve_
    assert losses[-1] < 0.5 * losses[0]


@each
def test_what_it_gives(kind: Any, fitted: Any, data: Any) -> None:
    images = data(kind)[0][:20]
    found = fitted[kind].predict(images)
    assert len(found) == 20
    for one in found:
        assert set(one) == KEYS[kind]
        assert ((one["scores"] >= 0) & (one["scores"] <= 1)).all()
    (alone,) = fitted[kind].predict(images[7:8])
    for key in KEYS[kind] - {"labels"}:
        np.testing.assert_allclose(alone[key], found[7][key], rtol=1e-4, atol=1e-3)


@each
def test_files_are_as_good_as_arrays(kind: Any, fitted: Any, data: Any, tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image")
    images = data(kind)[0][:3]
    files = [tmp_path / f"{i}.png" for i in range(3)]
    for image, file in zip(images, files, strict=True):
        image_module.fromarray(image).save(file)
    assert same(fitted[kind].predict(files), fitted[kind].predict(images))


@each
def test_the_same_seed_gives_the_same(kind: Any, data: Any) -> None:
    images, targets = data(kind, 17)
    one, other = (made(kind, epochs=1, augment="Flip(), Shift(2)").fit(images, targets) for _ in range(2))
    for a, b in zip(one.module_.parameters(), other.module_.parameters(), strict=True):
        assert torch.equal(a, b)
    plain = made(kind, epochs=1).fit(images, targets)
    assert plain.loss_curve_ != one.loss_curve_


@each
def test_it_comes_back_from_a_file_and_a_pickle(kind: Any, fitted: Any, data: Any, tmp_path: Path) -> None:
    fitted[kind].save(tmp_path / "model.nw")
    images, targets = data(kind)
    wanted = fitted[kind].predict(images[:5])
    for again in (nw.load(tmp_path / "model.nw"), pickle.loads(pickle.dumps(fitted[kind]))):
        assert same(again.predict(images[:5]), wanted)
        assert again.score(images, targets) == fitted[kind].score(images, targets)
        assert again.n_iter_ == fitted[kind].n_iter_
    assert clone(fitted[kind]).get_params()["size"] == 64


@each
def test_a_run_that_was_cut_goes_on_with_the_same_bits(kind: Any, data: Any, tmp_path: Path) -> None:
    images, targets = data(kind, 17)
    whole = made(kind, epochs=3).fit(images, targets)
    with pytest.raises(RuntimeError, match="cut"):
        made(kind, epochs=3, checkpoint=tmp_path, callbacks=[_cut]).fit(images, targets)
    seen: list[int] = []
    went_on = made(kind, epochs=3, checkpoint=tmp_path, callbacks=[lambda run: seen.append(run.epoch)])
    went_on.fit(images, targets)
    assert 0 < len(seen) < 3
    assert same(went_on.predict(images), whole.predict(images))


def _cut(run: Any) -> None:
    if len(run.history) == 2:
        raise RuntimeError("cut")


@each
def test_a_right_fit_has_no_fault(kind: Any, fitted: Any) -> None:
    assert not fitted[kind].diagnosis_.findings


@pytest.mark.slow
@each
def test_it_is_examined_beforehand(kind: Any, data: Any) -> None:
    found = made(kind).check(*data(kind))
    assert not [finding for finding in found.findings if finding.level == "fault"]
    assert not [finding for finding in found.findings if "ended in" in str(finding)]


@pytest.mark.slow
@each
def test_held_out_images_are_scored_as_score_does(kind: Any, data: Any) -> None:
    images, targets = data(kind)
    held = data(kind, 13, 2)
    estimator = made(kind, epochs=4, validation=held).fit(images, targets)
    assert len(estimator.history_["validation_loss"]) == 4
    assert estimator.score(*held) == pytest.approx(estimator.history_["validation_score"][-1], abs=1e-6)
    shared = made(kind, epochs=1, validation=0.25, patience=1).fit(images[:20], targets[:20])
    assert np.isfinite(shared.history_["validation_loss"]).all()


@each
def test_images_of_any_size(kind: Any, data: Any) -> None:
    images, targets = data(kind, 9)
    images[1] = np.pad(images[1], ((0, 0), (0, 30), (0, 0)))
    images[2] = np.pad(images[2], ((0, 7), (0, 0), (0, 0)))
    found = made(kind, epochs=1).fit(images, targets).predict([*images, np.zeros((1, 300), np.uint8)])
    assert len(found) == len(images) + 1


@each
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"size": 8}, "size.*an integer >= 32"),
        ({"optimizer": nw.optim.LevenbergMarquardt()}, "a rule that updates batch by batch"),
        ({"augment": nw.vision.Mosaic()}, "augmentations of images alone"),
        ({"validation": 2}, "validation"),
        ({"epochs": 0}, "epochs"),
    ],
)
def test_options_that_cannot_be(kind: Any, options: dict[str, Any], text: str, data: Any) -> None:
    with pytest.raises(InvalidParameter, match=text):
        made(kind, **options).fit(*data(kind, 9))


@each
def test_data_that_cannot_be(kind: Any, data: Any) -> None:
    images, targets = data(kind, 9)
    with pytest.raises(InvalidData, match="one an image, got 1"):
        made(kind).fit(images, targets[:1])
    with pytest.raises(InvalidData, match="at least one image, got none"):
        made(kind).fit([], [])
    with pytest.raises(InvalidData, match="image 1: expected uint8"):
        made(kind).fit([images[0], np.zeros((4, 4)), *images[2:]], targets)
    with pytest.raises(NotFittedError):
        made(kind).predict(images)


@each
def test_a_fit_that_fails_leaves_what_was_fitted(kind: Any, fitted: Any, data: Any) -> None:
    images, targets = data(kind, 9)
    wanted = fitted[kind].predict(images)
    with pytest.raises(InvalidData):
        fitted[kind].fit(images, targets[:1])
    assert same(fitted[kind].predict(images), wanted)
