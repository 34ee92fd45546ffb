"""Every public estimator that takes rows, small and quick to fit, for the matrix of bad inputs and for hypothesis.

A new estimator enters by itself where it is classical (by its example in ``tests/contract/classical``), else by a line
of `OWN`; `public` finds all of them, and a test asks that each is here or in `OTHERWISE`, with the reason.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor

import netwright as nw
from netwright import classical, estimators, sequence, vision

CLASSICAL = Path(__file__).parents[1] / "classical"
ANSWERS = ("predict", "predict_proba", "decision_function", "transform", "score_samples", "reconstruct")
Answers = dict[str, np.ndarray]

OTHERWISE = {
    **dict.fromkeys(("FastRCNN", "FasterRCNN", "Localizer", "RCNN", "YOLO"), "images with boxes"),
    "ImageClassifier": "images",
    "LandmarkDetector": "images with points",
    "LanguageModel": "a text",
    "Segmenter": "images with masks",
    "SequenceTagger": "sequences of tokens",
    "TextClassifier": "texts",
}


def asked(fitted: Any, X: Any) -> Answers:
    """What an estimator says of rows, by method."""
    return {name: np.asarray(getattr(fitted, name)(X)) for name in ANSWERS if hasattr(fitted, name)}


@dataclass(frozen=True)
class Subject:
    """An estimator with rows that it can learn.

    `make` gives an unfitted one, `ask` its answers to rows; `traits` are what an expectation may depend on: its name,
    its family, what its target is, "bits" where X is of 0 and 1.
    """

    make: Callable[[], Any]
    X: np.ndarray
    y: np.ndarray | None
    traits: tuple[str, ...]
    ask: Callable[[Any, Any], Answers] = asked

    def fit(self, estimator: Any, X: Any, y: Any, **more: Any) -> Any:
        """A fit, as this estimator wants it called."""
        return estimator.fit(X, **more) if self.y is None else estimator.fit(X, y, **more)

    @property
    def name(self) -> str:
        return self.traits[0]


DRAW = np.random.default_rng(3)
ROWS = (DRAW.normal(size=(24, 4)) * 16).round() / 8 + np.repeat([[0.0], [2.0]], 12, 0)
LABELS = np.repeat([0, 1], 12)
NUMBERS = (ROWS @ [0.5, -1.0, 0.25, 2.0]).round(2)
SHORT: dict[str, Any] = {"epochs": 2, "random_state": 0}


@functools.cache
def embedder() -> Any:
    """A network whose embeddings others compare; nobody changes it."""
    made = vision.TripletNetwork("Linear(4)", embedding_dim=3, **SHORT)
    return made.fit(ROWS, LABELS)


class Pairs:
    """A `Verifier` with the call of the others: fit(X, y)."""

    def __init__(self) -> None:
        self.verifier = vision.Verifier(far=0.2)

    def fit(self, X: Any, y: Any) -> Pairs:
        self.verifier.fit(embedder(), X, y)
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return self.verifier.get_params(deep)

    def set_params(self, **params: Any) -> Pairs:
        self.verifier.set_params(**params)
        return self


def classifier(**options: Any) -> Any:
    return nw.Classifier("ReLU(3) >> Softmax(2)", **SHORT, **options)


MADE: dict[str, tuple[str, str, Callable[[], Any]]] = {  # name: family, target, maker
    "Classifier": ("deep", "classes", classifier),
    "Regressor": ("deep", "numbers", lambda: nw.Regressor("Tanh(3) >> Linear(1)", **SHORT)),
    "QuantileRegressor": ("deep", "numbers", lambda: nw.QuantileRegressor("Tanh(3)", **SHORT)),
    "BinnedRegressor": ("deep", "numbers", lambda: nw.BinnedRegressor("Tanh(3)", **SHORT)),
    "MixtureDensityRegressor": (
        "deep",
        "numbers",
        lambda: nw.MixtureDensityRegressor("Tanh(3)", components=2, **SHORT),
    ),
    "Ensemble": ("deep", "classes", lambda: nw.Ensemble(classifier(), n_estimators=2, random_state=0)),
    "Calibrated": (
        "deep",
        "classes",
        lambda: estimators.Calibrated(classifier(), share=0.4, random_state=0),
    ),
    "SequenceClassifier": (
        "sequence",
        "classes",
        lambda: sequence.SequenceClassifier("GRU(2, output='last')", **SHORT),
    ),
    "SequenceRegressor": ("sequence", "numbers", lambda: sequence.SequenceRegressor("GRU(2, output='last')", **SHORT)),
    "Autoencoder": ("generative", "no y", lambda: vision.Autoencoder("Tanh(3)", "Tanh(3)", latent=2, **SHORT)),
    "VariationalAutoencoder": (
        "generative",
        "no y",
        lambda: vision.VariationalAutoencoder("Tanh(3)", "Tanh(3)", latent=2, **SHORT),
    ),
    "GAN": (
        "generative",
        "no y",
        lambda: vision.GAN("ReLU(3) >> Linear(4)", "ReLU(3) >> Linear(1)", steps=3, latent=2, random_state=0),
    ),
    "TripletNetwork": (
        "embedding",
        "classes",
        lambda: vision.TripletNetwork("Linear(4)", embedding_dim=3, **SHORT),
    ),
    "SiameseNetwork": ("embedding", "classes", lambda: vision.SiameseNetwork("Linear(4)", embedding_dim=3, **SHORT)),
    "EmbeddingEnsemble": (
        "embedding",
        "classes",
        lambda: vision.EmbeddingEnsemble(
            [vision.TripletNetwork("Linear(3)", embedding_dim=2, epochs=1) for _ in range(2)], random_state=0
        ),
    ),
    "Recognizer": ("embedding", "classes", lambda: vision.Recognizer(embedder())),
    "ScoreNormalizer": ("embedding", "no y", lambda: vision.ScoreNormalizer(embedder())),
    "Verifier": ("embedding", "classes", Pairs),
}
ASK: dict[str, Callable[[Any, Any], Answers]] = {
    "GAN": lambda gan, X: {"sample": gan.sample(3, random_state=0)},
    "Recognizer": lambda found, X: {"top_k": np.array([[place[1] for place in row] for row in found.top_k(X, 2)])},
    "ScoreNormalizer": lambda scores, X: {"similarity": scores.similarity(X, X)},
    "Verifier": lambda pairs, X: {"score_pairs": pairs.verifier.score_pairs(X, X)},
}
TARGETS = {"classes": LABELS, "numbers": NUMBERS, "no y": None}
GIVEN = ("Recognizer", "ScoreNormalizer", "Verifier")  # stand on an embedder that is fitted before
OWN = {
    name: Subject(
        make,
        ROWS,
        TARGETS[target],
        (name, family, target, *(("given",) if name in GIVEN else ())),
        ASK.get(name, asked),
    )
    for name, (family, target, make) in MADE.items()
}


def public() -> set[str]:
    """The names of all public estimators."""
    found = set()
    for room in (estimators, sequence, vision, classical):
        things = {name: getattr(room, name) for name in room.__all__}
        found |= {name for name, thing in things.items() if isinstance(thing, type) and hasattr(thing, "fit")}
    return found - {"ClassicalNetwork"}


def gathered() -> dict[str, Subject]:
    """The classical networks, from their examples for the contract."""
    found: dict[str, Subject] = {}
    for path in sorted(CLASSICAL.glob("*.py")):
        name = f"tests.contract.classical.{path.stem}"  # the one that pytest uses: a file is not loaded twice
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            sys.modules[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
        found.update({key: _classical(key, given) for key, given in sys.modules[name].EXAMPLES.items()})
    return found


def _classical(name: str, given: dict[str, Any]) -> Subject:
    network, X, y = given["network"], np.array(given["X"], dtype=np.float64), given.get("y")
    target = "no y" if y is None else "classes" if is_classifier(network) else "numbers"
    if target == "numbers" and not is_regressor(network):
        target = "patterns"
    bits = ("bits",) if np.isin(X, (0, 1)).all() else ()
    made = Subject(functools.partial(clone, network), X, y, (name, "classical", target, *bits))
    return made if len(X) <= 48 else replace(made, X=X[:48], y=None if y is None else y[:48])


SUBJECTS = {**OWN, **gathered()}
