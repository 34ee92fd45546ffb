"""The classifier of images: probabilities, labels of any kind, one contract with detectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidData
from netwright.vision.single.image_classifier import ClassNetwork, ImageClassifier
from netwright.vision.single.labels import read_labels

SMALL = nw.models.darknet(8, (1, 1), stride=2, headless=True)


def made(**options: Any) -> ImageClassifier:
    given = {"size": 64, "batch_size": 8, "random_state": 0, "optimizer": "AdamW(0.005)", **options}
    return ImageClassifier(SMALL, **given)


@pytest.fixture
def shapes(scenes: Any) -> Any:
    images, targets = scenes(33, 0, 34)
    return images[1:], [{"labels": target["labels"]} for target in targets[1:]]


def test_one_contract_with_detectors(shapes: Any) -> None:
    images, targets = shapes
    images[3] = np.pad(images[3], ((0, 0), (0, 20), (0, 0)))
    classifier = made(epochs=6).fit(images, targets)
    found = classifier.predict(images)
    assert found[3]["boxes"].tolist() == [[0, 0, 84, 64]]
    assert all(one["boxes"].shape == (1, 4) and one["labels"].shape == one["scores"].shape == (1,) for one in found)
    chances = classifier.predict_proba(images)
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose([one["scores"][0] for one in found], chances.max(1))
    told = classifier.classify(images)
    assert told.tolist() == [one["labels"][0] for one in found] == classifier.classes_[chances.argmax(1)].tolist()
    true = [target["labels"][0] for target in targets]
    assert classifier.score(images, targets) == classifier.score(images, np.array(true)) == np.mean(told == true)
    boxes = [{"boxes": one["boxes"], "labels": target["labels"]} for one, target in zip(found, targets, strict=True)]
    assert nw.vision.mean_average_precision(found, boxes).map > 0.9


def test_labels_alone_and_in_dicts_are_the_same(shapes: Any) -> None:
    images, targets = shapes
    one, other = (made(epochs=1).fit(images, y) for y in (targets, [target["labels"][0] for target in targets]))
    np.testing.assert_array_equal(one.predict_proba(images), other.predict_proba(images))


def test_the_network_and_its_loss_are_those_of_the_header(shapes: Any) -> None:
    network = ClassNetwork(SMALL, 3, 0).eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = network(images).numpy()
        maps = network.features((images - 0.45) / 0.25)[0].numpy()
        weight, bias = network.head.weight.numpy(), network.head.bias.numpy()
    assert maps.shape[2:] == (8, 8)
    wanted = maps.reshape(2, maps.shape[1], -1).mean(2) @ weight.T + bias
    np.testing.assert_allclose(logits, wanted, atol=1e-6)
    loss = made()._objective()(torch.from_numpy(logits), torch.tensor([2, 0]))
    p = np.exp(wanted) / np.exp(wanted).sum(1, keepdims=True)
    assert float(loss) == pytest.approx(-np.log(p[[0, 1], [2, 0]]).mean(), rel=1e-5)


def test_labels_of_any_kind(shapes: Any, tmp_path: Path) -> None:
    images, targets = shapes
    names = {"disc": (1, "round"), "square": 7}
    classifier = made(epochs=1).fit(images, [names[target["labels"][0]] for target in targets])
    assert classifier.classes_.tolist() == [7, (1, "round")]
    classifier.save(tmp_path / "model.nw")
    assert nw.load(tmp_path / "model.nw").classes_.tolist() == [7, (1, "round")]
    numbers = made(epochs=1).fit(images, np.arange(32) % 3)
    assert numbers.predict_proba(images[:4]).shape == (4, 3)


@pytest.mark.slow
def test_the_checks_of_classifiers_are_asked(scenes: Any) -> None:
    """The classes alone are the target of the loss: mixed up, they are found out."""
    images, targets = scenes(101, 0, 102)
    true = [target["labels"][0] for target in targets[1:]]
    assert "labels-unrelated" not in {finding.code for finding in made().check(images[1:], true).findings}
    wrong = np.random.default_rng(0).permutation(true)
    assert "labels-unrelated" in {finding.code for finding in made().check(images[1:], wrong).findings}


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ({"labels": ["a", "b"]}, "image 1, labels: expected one label, got 2"),
        ({"labels": []}, "image 1, labels: expected one label, got 0"),
        ({"boxes": []}, "image 1, labels: expected one label, got 0"),
        ({"labels": 3}, "image 1, labels: expected a list"),
        (None, "image 1: expected a label, got None"),
        (float("nan"), "image 1: expected a label, got nan"),
        ([1, 2], r"image 1: expected a label that hashes, got \[1, 2\]"),
    ],
)
def test_labels_that_cannot_be_are_named(label: Any, text: str) -> None:
    with pytest.raises(InvalidData, match=text):
        read_labels(["a", label], 2, "y")


def test_other_data_that_cannot_be(shapes: Any) -> None:
    images, targets = shapes
    with pytest.raises(InvalidData, match="at least two classes, got only 'disc'"):
        made().fit(images[:2], ["disc", "disc"])
    with pytest.raises(InvalidData, match=r"ImageClassifier\(validation\), targets, image 1: expected a label of"):
        made(validation=(images[:2], ["disc", "bird"])).fit(images, targets)
    with pytest.raises(InvalidData, match="a list of labels, one an image, got 'disc'"):
        made().fit(images, "disc")
