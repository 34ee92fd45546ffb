"""Every public estimator, small and fitted in seconds, with what it is asked: what can be saved is saved from here.

`EXAMPLES` has one entry for every kind of file that an estimator writes, `NETWORKS` those of networks. A classical
network enters by its example for the contract, ``tests/contract/classical/<family>.py``.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import netwright as nw
from netwright import classical, estimators, sequence, vision
from netwright.layers import Input, ReLU, Softmax

CLASSICAL = Path(__file__).parents[1] / "contract" / "classical"
ANSWERS = ("predict", "predict_proba", "decision_function", "transform", "score_samples", "predict_input", "energy")
SHORT: dict[str, Any] = {"epochs": 2, "random_state": 0}
SEEN: dict[str, Any] = {**SHORT, "epochs": 1, "size": 32, "batch_size": 4, "optimizer": "AdamW(0.005)"}


@dataclass(frozen=True)
class Example:
    """A fitted estimator by what makes it, and its questions by method, each with the arguments."""

    fitted: Callable[[], Any]
    questions: dict[str, tuple[Any, ...]] = field(default_factory=dict)


def rows(n: int = 24, columns: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, columns)).round(3)


X, NEW = rows(), rows(4, seed=1)
CLASS = np.where(X[:, 0] > 0, "a", "b")
NUMBER = (X[:, 0] + 2 * X[:, 1]).round(3)
PEOPLE = np.repeat(["ann", "bob", "cy"], 8)
FACES = np.repeat(rows(3, 6, 2), 8, 0) + 0.1 * rows(24, 6, 3)
LENGTHS = [3, 5, 1, 4, 2, 6, 3, 5]
SERIES = [rows(n, 2, n).astype(np.float32) for n in LENGTHS]
WORDS = [["walk", "run", "b", "Über"][n % 4 : n % 4 + 2] + ["a"] * (n % 3) for n in LENGTHS]
TAGS = [["X" if len(word) > 2 else "Y" for word in words] for words in WORDS]
TEXTS = ["a good film", "a bad film", "good", "bad", "very good", "very bad", "not bad", "not good"]
TOLD = np.array(["yes", "no"] * 4)


def scenes(n: int = 8, side: int = 32) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Images with one bright square each; their boxes, points and masks."""
    draw, images, boxes, points, masks = np.random.default_rng(0), [], [], [], []
    for number in range(n):
        image, mask = draw.integers(0, 50, (side, side, 3), dtype=np.uint8), np.zeros((side, side), int)
        x, y = (int(place) for place in draw.integers(2, side - 14, 2))
        image[y : y + 12, x : x + 12], mask[y : y + 12, x : x + 12] = (240, 60, 20 * number), 1
        images.append(image)
        boxes.append({"boxes": [[x, y, x + 12, y + 12]], "labels": ["even" if number % 2 else "odd"]})
        points.append({"points": np.array([[x, y], [x + 12, y + 12]], float)})
        masks.append(mask)
    return images, boxes, points, masks


IMAGES, BOXES, POINTS, MASKS = scenes()
ASKED = [IMAGES[0][:16, :16], IMAGES[1][8:24, 8:24]]


def small() -> str:
    """A network for images, a hundred weights, with two strides."""
    return "Conv(2, 3, 2, padding=1) >> BatchNorm() >> ReLU() >> Conv(4, 3, 2, padding=1) >> ReLU()"


def detector(kind: str, **options: Any) -> Callable[[], Any]:
    return lambda: getattr(vision, kind)(small(), **SEEN, **options).fit(IMAGES, BOXES)


def embedder(seed: int = 0) -> Any:
    made = vision.TripletNetwork("Linear(4)", embedding_dim=3, epochs=2, random_state=seed)
    return made.fit(FACES.astype(np.float32), PEOPLE)


def calibrated() -> Any:
    held = estimators.Classifier("ReLU(4) >> Softmax(2)", **SHORT).fit(X, CLASS)
    return nw.calibrate(held, X, CLASS)


SUPERVISED = {
    "Classifier": Example(
        lambda: nw.Classifier("ReLU(4) >> Softmax(2)", **SHORT).fit(X, CLASS),
        {"predict": (NEW,), "predict_proba": (NEW,)},
    ),
    "Regressor": Example(lambda: nw.Regressor("Tanh(4) >> Linear(1)", **SHORT).fit(X, NUMBER), {"predict": (NEW,)}),
    "QuantileRegressor": Example(lambda: nw.QuantileRegressor("Tanh(4)", **SHORT).fit(X, NUMBER), {"predict": (NEW,)}),
    "BinnedRegressor": Example(lambda: nw.BinnedRegressor("Tanh(4)", **SHORT).fit(X, NUMBER), {"predict": (NEW,)}),
    "MixtureDensityRegressor": Example(
        lambda: nw.MixtureDensityRegressor("Tanh(4)", components=2, **SHORT).fit(X, NUMBER), {"predict": (NEW,)}
    ),
    "Ensemble": Example(
        lambda: nw.Ensemble(nw.Classifier("ReLU(4) >> Softmax(2)", **SHORT), n_estimators=2, random_state=0).fit(
            X, CLASS
        ),
        {"predict": (NEW,), "predict_proba": (NEW,)},
    ),
    "Calibrated": Example(calibrated, {"predict": (NEW,), "predict_proba": (NEW,)}),
}
SEQUENCES = {
    "SequenceClassifier": Example(
        lambda: sequence.SequenceClassifier("GRU(3, output='last')", **SHORT).fit(SERIES, TOLD),
        {"predict": (SERIES,), "predict_proba": (SERIES,)},
    ),
    "SequenceRegressor": Example(
        lambda: sequence.SequenceRegressor("GRU(3, output='last')", **SHORT).fit(SERIES, [float(n) for n in LENGTHS]),
        {"predict": (SERIES,)},
    ),
    "SequenceTagger": Example(
        lambda: sequence.SequenceTagger("LSTM(3)", head="crf", width=3, characters=False, **SHORT).fit(WORDS, TAGS),
        {"predict": (WORDS,)},
    ),
    "TextClassifier": Example(
        lambda: sequence.TextClassifier(width=3, maps=4, **SHORT).fit(TEXTS, TOLD),
        {"predict": (TEXTS,), "predict_proba": (TEXTS,)},
    ),
    "LanguageModel": Example(
        lambda: sequence.LanguageModel(units=4, layers=1, width=3, steps=6, **SHORT).fit(
            "to be or not to be, that is it"
        ),
        {"log_prob": ("to be",)},
    ),
}
SIGHT = {
    "YOLO": Example(detector("YOLO", scales=1, anchors=1), {"predict": (ASKED,)}),
    "FasterRCNN": Example(detector("FasterRCNN", scales=1, anchors=1), {"predict": (ASKED,)}),
    "FastRCNN": Example(detector("FastRCNN", scales=1, max_proposals=8, augment=None), {"predict": (ASKED,)}),
    "RCNN": Example(
        detector("RCNN", max_proposals=8, augment=None, crop=16, context=1, classifier="softmax"),
        {"predict": (ASKED,)},
    ),
    "Localizer": Example(detector("Localizer", scales=1), {"predict": (ASKED,)}),
    "LandmarkDetector": Example(
        lambda: vision.LandmarkDetector(small(), scales=1, **SEEN).fit(IMAGES, POINTS), {"predict": (ASKED,)}
    ),
    "ImageClassifier": Example(
        lambda: vision.ImageClassifier(small(), **SEEN).fit(IMAGES, TOLD.tolist()), {"predict": (ASKED,)}
    ),
    "Segmenter": Example(
        lambda: vision.Segmenter("Conv(2, 3, padding=1) >> ReLU() >> Conv(2, 1)", **SEEN).fit(IMAGES, MASKS),
        {"predict": (ASKED,)},
    ),
}
FACE = {
    "TripletNetwork": Example(embedder, {"transform": (FACES[:4].astype(np.float32),)}),
    "SiameseNetwork": Example(
        lambda: vision.SiameseNetwork("Linear(4)", embedding_dim=3, head="binary", epochs=2, random_state=0).fit(
            FACES.astype(np.float32), PEOPLE
        ),
        {"transform": (FACES[:4].astype(np.float32),)},
    ),
    "EmbeddingEnsemble": Example(
        lambda: vision.EmbeddingEnsemble([embedder(), embedder(1)], random_state=0).fit(
            FACES.astype(np.float32), PEOPLE
        ),
        {"transform": (FACES[:4].astype(np.float32),)},
    ),
    "Verifier": Example(
        lambda: vision.Verifier(far=0.1).fit(embedder(), FACES.astype(np.float32), PEOPLE),
        {"score_pairs": (FACES[:4].astype(np.float32), FACES[8:12].astype(np.float32))},
    ),
    "Recognizer": Example(
        lambda: vision.Recognizer(embedder()).enrol(FACES.astype(np.float32), PEOPLE),
        {"predict": (FACES[::6].astype(np.float32),)},
    ),
    "ScoreNormalizer": Example(
        lambda: vision.ScoreNormalizer(embedder()).fit(FACES.astype(np.float32)),
        {"similarity": (FACES[:4].astype(np.float32), FACES[8:12].astype(np.float32))},
    ),
}
GENERATIVE = {
    "Autoencoder": Example(
        lambda: vision.Autoencoder("Tanh(3)", "Tanh(3)", latent=2, **SHORT).fit(X),
        {"transform": (NEW,), "reconstruct": (NEW,)},
    ),
    "VariationalAutoencoder": Example(
        lambda: vision.VariationalAutoencoder("Tanh(3)", "Tanh(3)", latent=2, **SHORT).fit(X), {"transform": (NEW,)}
    ),
    "GAN": Example(
        lambda: vision.GAN("ReLU(3) >> Linear(3)", "ReLU(3) >> Linear(1)", steps=4, latent=2, random_state=0).fit(X),
        {"sample": (3, None, 0)},
    ),
}


def gathered() -> dict[str, Example]:
    """The classical networks, from their examples for the contract."""
    found: dict[str, Example] = {}
    for path in sorted(CLASSICAL.glob("*.py")):
        name = f"tests.contract.classical.{path.stem}"  # the one that pytest uses: a file is not loaded twice
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
        for key, given in sys.modules[name].EXAMPLES.items():
            found[key] = _classical(given)
    return found


def _classical(given: dict[str, Any]) -> Example:
    network, data, target = given["network"], given["X"], given.get("y")
    asked = [method for method in ANSWERS if hasattr(network, method)]
    arguments = given.get("arguments", {})
    questions = {method: arguments.get(method, (data[:6],)) for method in asked}
    return Example(lambda: type(network)(**network.get_params(deep=False)).fit(data, target), questions)


DEEP = {**SUPERVISED, **SEQUENCES, **SIGHT, **FACE, **GENERATIVE}
EXAMPLES = {**DEEP, **gathered()}
NETWORK = Input(3) >> ReLU(4) >> Softmax(2)


def public_kinds() -> set[str]:
    """The names of all public estimators that learn and can be saved, or ought to be."""
    found = set()
    for room in (estimators, sequence, vision, classical):
        for name in room.__all__:
            thing = getattr(room, name)
            if (
                isinstance(thing, type)
                and hasattr(thing, "get_params")
                and (hasattr(thing, "fit") or hasattr(thing, "enrol"))
            ):
                found.add(name)
    return found


def answers(estimator: Any, questions: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    """What an estimator says to every question."""
    return {method: getattr(estimator, method)(*arguments) for method, arguments in questions.items()}


def plain(item: Any) -> Any:
    """An answer as JSON that keeps every bit: numbers with their type and shape, NaN and infinities as texts."""
    if isinstance(item, torch.Tensor):
        item = item.detach().cpu().numpy()
    if isinstance(item, np.ndarray) and item.dtype != object:
        values = [plain(part) for part in item.ravel().tolist()]
        return {"dtype": item.dtype.str, "shape": list(item.shape), "values": values}
    if isinstance(item, np.generic):
        return plain(item.item())
    if isinstance(item, dict):
        return {str(key): plain(part) for key, part in item.items()}
    if isinstance(item, tuple):
        return {"tuple": [plain(part) for part in item]}
    if isinstance(item, (list, np.ndarray)):
        return [plain(part) for part in item]
    if isinstance(item, float) and (item != item or item in (float("inf"), float("-inf"))):
        return str(item)
    return item


def restored(item: Any) -> Any:
    """The inverse of `plain`."""
    if isinstance(item, list):
        return [restored(part) for part in item]
    if not isinstance(item, dict):
        return item
    if "tuple" in item:
        return tuple(restored(part) for part in item["tuple"])
    if set(item) == {"dtype", "shape", "values"}:
        return np.array(item["values"], dtype=np.dtype(item["dtype"])).reshape(item["shape"])
    return {key: restored(part) for key, part in item.items()}


def alike(one: Any, other: Any, tolerance: float = 0.0) -> bool:
    """Whether two answers in the form of `plain` are equal, numbers up to a share of their size."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = set(one) - {"dtype"}
        kinds = str(one.get("dtype", ""))[1:2] == str(other.get("dtype", ""))[1:2]
        return kinds and keys == set(other) - {"dtype"} and all(alike(one[k], other[k], tolerance) for k in keys)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(alike(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return one == other or abs(one - other) <= tolerance * max(1.0, abs(one))
    return bool(one == other)
