"""Estimators of images, embeddings and samples as ONNX files, in batches of 1, 2 and 9."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from netwright import vision
from netwright.core.errors import InvalidParameter

DRAW = np.random.default_rng(0)
CORNERS = DRAW.integers(6, 40, (9, 2))
LABELS = [f"kind {place % 2}" for place in range(9)]
TINY: dict[str, Any] = {"size": 64, "epochs": 1, "batch_size": 4, "random_state": 0}
ROWS = DRAW.normal(500, 30, (40, 5)).astype(np.float32)
PEOPLE = [f"p{place % 5}" for place in range(40)]
FACES = DRAW.integers(0, 256, (40, 9, 8), dtype=np.uint8)
Exported = Callable[..., Any]


def photographs() -> list[NDArray[np.uint8]]:
    """A square on each, 64 x 64: nothing is scaled and nothing is beside them."""
    images = [np.full((64, 64, 3), 30, np.uint8) for _ in CORNERS]
    for image, (x, y) in zip(images, CORNERS, strict=True):
        image[y : y + 20, x : x + 20] = (250, 80, 40)
    return images


IMAGES = photographs()


def batches(images: list[NDArray[np.uint8]] = IMAGES) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The first 1, 2 and 9 images, as a graph takes them."""
    for n in (1, 2, 9):
        yield n, np.stack(images[:n]).transpose(0, 3, 1, 2)


def near(found: Any, wanted: Any, scale: float = 1.0) -> None:
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * scale)


def test_segmenter(exported: Exported) -> None:
    masks = [3 * (image[..., 0] > 100).astype(int) + 4 for image in IMAGES]
    seg = vision.Segmenter(**TINY).fit(IMAGES, masks)
    file = exported(seg)
    wide = [np.concatenate([image[:32], image[32:], image[:32]], axis=0) for image in IMAGES]
    for size, images in ((64, IMAGES), (96, wide)):
        seg.set_params(size=size)
        for n, pixels in batches(images):
            found = file(images=pixels)
            near(found["probabilities"], np.stack(seg.predict_proba(images[:n])).transpose(0, 3, 1, 2))
            assert (np.array(file.known["classes"])[found["index"]] == np.stack(seg.predict(images[:n]))).all()
    assert file.known["classes"] == [4, 7]
    assert file.known["inputs"][0]["shape"] == ["batch", 3, "32*height", "32*width"]
    assert file.known["canvas"] == {"gray": 114, "multiple": 32, "size": 64}


def test_landmarks(exported: Exported) -> None:
    points = [{"points": [corner, corner + 5]} for corner in CORNERS]
    landmarks = vision.LandmarkDetector(**TINY).fit(IMAGES, points)
    file = exported(landmarks)
    for n, pixels in batches():
        found, wanted = file(images=pixels), landmarks.predict(IMAGES[:n])
        near(found["points"], np.stack([each["points"] for each in wanted]), 64)
        near(found["visibility"], np.stack([each["visibility"] for each in wanted]))


def test_localizer(exported: Exported) -> None:
    pairs = zip(CORNERS, LABELS, strict=True)
    boxes = [{"boxes": [[x, y, x + 20, y + 20]], "labels": [label]} for (x, y), label in pairs]
    localizer = vision.Localizer(**TINY).fit(IMAGES, boxes)
    file = exported(localizer)
    for n, pixels in batches():
        found, wanted = file(images=pixels), localizer.predict(IMAGES[:n], score_threshold=0)
        near(found["box"], np.stack([each["boxes"][0] for each in wanted]), 64)
        near(found["score"], np.stack([each["scores"][0] for each in wanted]))
        assert [file.known["classes"][place] for place in found["index"]] == [each["labels"][0] for each in wanted]


@pytest.mark.parametrize("options", [{"scales": 1, "anchors": 1}, {"anchors": 2, "assignment": "best"}])
def test_detectors(options: dict[str, Any], exported: Exported) -> None:
    targets = [
        {"boxes": [[x, y, x + 20, y + 20]], "labels": [label]} for (x, y), label in zip(CORNERS, LABELS, strict=True)
    ]
    yolo = vision.YOLO(**{**TINY, "epochs": 8}, augment=None, score_threshold=0.01, **options).fit(IMAGES, targets)
    file = exported(yolo)
    wide = [np.concatenate([image, image], axis=1) for image in IMAGES]
    count = 0
    for size, images in ((64, IMAGES), (128, wide)):
        yolo.set_params(size=size)
        for n, pixels in batches(images):
            found = file(images=pixels)
            for row, wanted in enumerate(yolo.predict(images[:n])):
                kept = suppressed(*(found[name][row] for name in ("boxes", "scores", "index")), file.known)
                near(found["boxes"][row][kept], wanted["boxes"], size)
                near(found["scores"][row][kept], wanted["scores"])
                assert [file.known["classes"][k] for k in found["index"][row][kept]] == list(wanted["labels"])
                count += len(kept)
    assert count > 100


def suppressed(boxes: Any, scores: Any, index: Any, known: Any) -> list[int]:
    """What a program does with the candidates of an image, after the file's figures alone."""
    kept: list[int] = []
    for at in np.argsort(-scores, kind="stable"):
        same = [k for k in kept if index[k] == index[at]]
        sides = np.minimum(boxes[at, 2:], boxes[same, 2:]) - np.maximum(boxes[at, :2], boxes[same, :2])
        inner = sides.clip(0).prod(1)
        areas = [(part[..., 2:] - part[..., :2]).prod(-1) for part in (boxes[at], boxes[same])]
        if scores[at] >= known["score_threshold"] and (inner <= known["iou_threshold"] * (sum(areas) - inner)).all():
            kept.append(int(at))
    return kept[: known["max_detections"]]


# embeddings


def seen(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Samples as a network gets them."""
    found: NDArray[np.float32] = samples[:, None] / np.float32(255) if samples.dtype == np.uint8 else samples
    return found


EMBEDDERS: dict[str, tuple[Any, NDArray[Any]]] = {
    "rows": (vision.TripletNetwork(embedding_dim=4, epochs=1, random_state=0), ROWS),
    "mirror": (vision.TripletNetwork(loss="arcface", mirror=True, embedding_dim=4, epochs=1, random_state=0), FACES),
    "not normalized": (
        vision.TripletNetwork(distance="sqeuclidean", normalize=False, mirror=True, epochs=1, random_state=0),
        FACES,
    ),
    "contrastive": (vision.SiameseNetwork(epochs=1, random_state=0), ROWS),
    "head": (vision.SiameseNetwork(head="binary", epochs=1, random_state=0), ROWS),
    "several": (
        vision.EmbeddingEnsemble([vision.TripletNetwork(embedding_dim=d, epochs=1) for d in (3, 5)], random_state=0),
        ROWS,
    ),
}


@pytest.mark.parametrize("name", EMBEDDERS)
def test_embedders(name: str, exported: Exported) -> None:
    embedder, X = EMBEDDERS[name]
    file = exported(embedder.fit(X, PEOPLE))
    for n in (1, 2, 9):
        wanted = embedder.transform(X[:n])
        near(file(X=seen(X[:n]))["embedding"], wanted, max(1, np.abs(wanted).max()))
    if name == "head":  # which is told, as it looks at two samples
        a, b = (embedder.transform(some).astype(float) for some in (X[:9], X[9:18]))
        z = file.known["head"]["bias"] + np.abs(a - b) @ file.known["head"]["weight"]
        near(1 / (1 + np.exp(-z)), embedder.similarity(X[:9], X[9:18]))


@pytest.mark.parametrize("name", ["not normalized", "head", "several"])
def test_verifiers(name: str, exported: Exported) -> None:
    embedder, X = EMBEDDERS[name]
    verifier = vision.Verifier(far=0.1).fit(embedder.fit(X, PEOPLE), X, PEOPLE)
    file = exported(verifier)
    for n in (1, 2, 9):
        found, wanted = file(X1=seen(X[:n]), X2=seen(X[9 : 9 + n])), verifier.score_pairs(X[:n], X[9 : 9 + n])
        near(found["similarity"], wanted, max(1, np.abs(wanted).max()))
        clear = np.abs(wanted - verifier.threshold_) > 1e-5
        assert (found["accepted"] == verifier.predict(X[:n], X[9 : 9 + n]))[clear].all()
    assert file.known["threshold"] == verifier.threshold_


@pytest.mark.parametrize(("name", "strangers"), [("rows", True), ("not normalized", False), ("head", True)])
def test_recognizers(name: str, strangers: bool, exported: Exported) -> None:
    embedder, X = EMBEDDERS[name]
    embedder.fit(X, PEOPLE)
    people = vision.Recognizer(embedder, unknown="?").enrol(X[[0, 1, 5, 2, 6, 10]], ["a", "b", "a", "c", "b", "a"])
    if strangers:
        people.set_params(threshold=float(np.median([row[0][1] for row in people.top_k(X, 1)])))
    file = exported(people)
    assert file.known["names"] == people.names_
    for n in (1, 2, 9):
        found = file(X=seen(X[20 : 20 + n]))
        wanted = [dict(row) for row in people.top_k(X[20 : 20 + n], 3)]
        scores = np.array([[row[label] for label in people.names_] for row in wanted])
        near(found["similarities"], scores, max(1, np.abs(scores).max()))
        assert [[*people.names_, "?"][place] for place in found["index"]] == people.predict(X[20 : 20 + n]).tolist()


def test_what_stands_on_no_network_is_refused(exported: Exported) -> None:
    from sklearn.preprocessing import StandardScaler

    verifier = vision.Verifier(far=0.1).fit(StandardScaler().fit(ROWS), ROWS, PEOPLE)
    with pytest.raises(
        InvalidParameter, match=r"Verifier\.export: expected an embedder that is one graph, got Standard"
    ):
        exported(verifier)
    cohort = vision.ScoreNormalizer(EMBEDDERS["rows"][0].fit(ROWS, PEOPLE)).fit(ROWS)
    with pytest.raises(InvalidParameter, match="got ScoreNormalizer"):
        exported(vision.Recognizer(cohort).enrol(ROWS[:2], ["a", "b"]))
    sizes = [vision.TripletNetwork(size=size, epochs=1) for size in (8, 9)]
    with pytest.raises(InvalidParameter, match="other sizes"):
        exported(vision.EmbeddingEnsemble(sizes, random_state=0).fit(FACES, PEOPLE))


# samples


FORMS: dict[str, NDArray[Any]] = {
    "rows": np.concatenate([ROWS, np.full((40, 1), 7, np.float32)], axis=1),  # the last column is constant
    "gray bytes": FACES,
    "last": DRAW.random((12, 9, 8, 3)).astype(np.float32),
    "first": DRAW.random((12, 3, 8, 9)).astype(np.float32),
}


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("Autoencoder", "rows"),
        ("Autoencoder", "last"),
        ("VariationalAutoencoder", "gray bytes"),
        ("VariationalAutoencoder", "first"),
    ],
)
def test_autoencoders(kind: str, form: str, exported: Exported) -> None:
    X = FORMS[form]
    coder = getattr(vision, kind)(latent=3, epochs=2, random_state=0).fit(X)
    file = exported(coder)
    for n in (1, 2, 9):
        found, wanted = file(X=X[:n]), coder.reconstruct(X[:n])
        near(found["code"], coder.transform(X[:n]))
        same_samples(found["reconstruction"], wanted)


@pytest.mark.parametrize(("form", "labels"), [("rows", True), ("gray bytes", False), ("last", True)])
def test_generators(form: str, labels: bool, exported: Exported) -> None:
    X = FORMS[form]
    y = [PEOPLE[row] for row in range(len(X))] if labels else None
    gan = vision.GAN(steps=2, batch_size=4, random_state=0).fit(X, y)
    file = exported(gan)
    for n in (1, 2, 9):
        inputs = {"noise": torch.randn(n, gan.latent_, generator=torch.Generator().manual_seed(5)).numpy()}
        if labels:
            inputs["index"] = np.arange(n) % len(file.known["classes"])
        same_samples(file(**inputs)["samples"], gan.sample(n, random_state=5))


def same_samples(found: NDArray[Any], wanted: NDArray[Any]) -> None:
    """Numbers to 1e-5 of their size; of bytes all but those that lie between two."""
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if found.dtype == np.uint8:
        apart = np.abs(found.astype(int) - wanted)
        assert apart.max() <= 1
        assert apart.mean() < 1e-3
    else:
        near(found, wanted, max(1, np.abs(wanted).max()))


def test_steps_are_of_sequences(exported: Exported) -> None:
    coder = vision.Autoencoder(latent=2, epochs=1, random_state=0).fit(ROWS)
    with pytest.raises(
        InvalidParameter, match=r"Autoencoder\.export\(steps\): expected None, for there are none, got 3"
    ):
        exported(coder, steps=3)
