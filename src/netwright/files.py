"""`load`: one function that reads every model file.

The kind of a file is looked up in a closed table; nothing that a file says is ever imported or executed.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from netwright.core import registry, storage
from netwright.core.errors import CorruptFile, did_you_mean, problem

KINDS = {
    "network": "netwright.graph.saving",
    "module": "netwright.graph.saving",
    "Calibrated": "netwright.estimators.ensemble.temperature",
    "BinnedRegressor": "netwright.estimators.regression.binned",
    "Classifier": "netwright.estimators.classifier",
    "Ensemble": "netwright.estimators.ensemble.restoring",
    "MixtureDensityRegressor": "netwright.estimators.regression.mixture_density",
    "QuantileRegressor": "netwright.estimators.regression.quantiles",
    "Regressor": "netwright.estimators.regressor",
    "Autoencoder": "netwright.vision.generative.autoencoder",
    "FastRCNN": "netwright.vision.rcnn.fast",
    "FasterRCNN": "netwright.vision.rcnn.faster",
    "GAN": "netwright.vision.generative.gan",
    "RCNN": "netwright.vision.rcnn.rcnn",
    "ImageClassifier": "netwright.vision.single.image_classifier",
    "LandmarkDetector": "netwright.vision.single.landmarks",
    "LanguageModel": "netwright.sequence.language.model",
    "Localizer": "netwright.vision.single.localizer",
    "Segmenter": "netwright.vision.dense.segmenter",
    "SequenceClassifier": "netwright.sequence.classifier",
    "SequenceRegressor": "netwright.sequence.regressor",
    "SequenceTagger": "netwright.sequence.tagger",
    "SiameseNetwork": "netwright.vision.embeddings.siamese_network",
    "TextClassifier": "netwright.sequence.text_classifier",
    "TripletNetwork": "netwright.vision.embeddings.triplet_network",
    "VariationalAutoencoder": "netwright.vision.generative.variational",
    "YOLO": "netwright.vision.yolo.estimator",
}
WHOLES = {"Calibrated", "Ensemble"}  # that hold other models


def load(path: str | os.PathLike[str], expected_sha256: str | None = None) -> Any:
    """Read a model file: an estimator, a network, or a network with its weights.

    Parameters
    ----------
    path : of the file. expected_sha256 : of the whole file, in hexadecimal, where you know it.

    Returns
    -------
    A fitted estimator such as `Classifier` or `Ensemble`, or a classical network; an expression (from
    ``net.save(path)``); a torch module with weights (from ``net.save(path, module)``).

    Raises
    ------
    CorruptFile : a file that is cut, changed, of a newer version, or not a model file. FileNotFoundError : no file.

    Examples
    --------
    >>> import tempfile, os, netwright as nw
    >>> from netwright.layers import Input, ReLU
    >>> path = os.path.join(tempfile.mkdtemp(), "net.nw")
    >>> (Input(4) >> ReLU(2)).save(path)
    >>> nw.load(path)
    Input(4) >> ReLU(2)
    """
    kind, content, tensors = storage.read(path, expected_sha256)
    try:
        return _made(kind, content, tensors, os.fspath(path))
    except CorruptFile:
        raise
    except (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise CorruptFile(problem(f"{os.fspath(path)}", f"the fields of a {kind}", f"{error!r}")) from error


def _made(kind: str, content: dict[str, Any], tensors: dict[str, Any], where: str) -> Any:
    """What a kind, its content and its arrays describe; of a whole the parts first."""
    reader = _reader_of(kind, where)
    if kind not in WHOLES:
        return reader.from_content(kind, content, tensors)
    parts = [
        _made(part["kind"], part["content"], _of_part(place, tensors), where)
        for place, part in enumerate(content["parts"])
    ]
    return reader.from_parts(kind, content["own"], parts)


def _of_part(place: int, tensors: dict[str, Any]) -> dict[str, Any]:
    """The arrays of one part of a whole under their own names."""
    begin = f"parts.{place}."
    return {name.removeprefix(begin): array for name, array in tensors.items() if name.startswith(begin)}


def _reader_of(kind: str, where: str) -> Any:
    """The module that reads a kind; what such a file may name is loaded before, torch only where it is needed."""
    if kind in KINDS:
        importlib.import_module("netwright.models")  # the layers, and what is on the card of a model
        return importlib.import_module(KINDS[kind])
    importlib.import_module("netwright.classical")
    networks = registry.names("classical")
    if kind not in networks:
        raise CorruptFile(problem(where, "a kind of model", repr(kind), did_you_mean(kind, [*KINDS, *networks])))
    return importlib.import_module("netwright.classical.saving")
