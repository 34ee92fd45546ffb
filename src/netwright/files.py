"""`load`: one function that reads every model file.

The kind of a file is looked up in a closed table; nothing that a file says is ever imported or executed.
"""

from __future__ import annotations

import importlib
import os
from contextlib import nullcontext
from typing import Any

from netwright.core import registry, storage
from netwright.core.container import VERSION
from netwright.core.describing import describe
from netwright.core.errors import CorruptFile, did_you_mean, problem, shown
from netwright.core.limits import allowing, check_content
from netwright.core.model_card import model_card

KINDS = {
    "network": "netwright.graph.saving",
    "module": "netwright.graph.saving",
    "Calibrated": "netwright.estimators.ensemble.temperature",
    "BinnedRegressor": "netwright.estimators.regression.binned",
    "Classifier": "netwright.estimators.classifier",
    "EmbeddingEnsemble": "netwright.vision.embeddings.ensemble",
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
    "Recognizer": "netwright.vision.embeddings.recognizer",
    "ScoreNormalizer": "netwright.vision.embeddings.normalizer",
    "Segmenter": "netwright.vision.dense.segmenter",
    "SequenceClassifier": "netwright.sequence.classifier",
    "SequenceRegressor": "netwright.sequence.regressor",
    "SequenceTagger": "netwright.sequence.tagger",
    "SiameseNetwork": "netwright.vision.embeddings.siamese_network",
    "TextClassifier": "netwright.sequence.text_classifier",
    "TripletNetwork": "netwright.vision.embeddings.triplet_network",
    "VariationalAutoencoder": "netwright.vision.generative.variational",
    "Verifier": "netwright.vision.embeddings.verifier",
    "YOLO": "netwright.vision.yolo.estimator",
}
WHOLES = {  # that hold other models
    "Calibrated",
    "EmbeddingEnsemble",
    "Ensemble",
    "Recognizer",
    "ScoreNormalizer",
    "Verifier",
}


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
    except (CorruptFile, ImportError):  # an optional package may be missing
        raise
    except Exception as error:  # whatever a reader says to content that does not fit, the file is at fault
        raise CorruptFile(problem(os.fspath(path), f"the fields of a {kind}", shown(repr(error)))) from error


def inspect(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a model file says of itself, as plain data: nothing is built, and its arrays are neither read nor checked.

    Parameters
    ----------
    path : of the file.

    Returns
    -------
    A dict of ``file``, ``size`` (bytes of the file), ``format``, ``kind``, ``versions``, ``params``, ``layers``,
    ``history``, ``card``, ``parts``, ``arrays``, ``aliases``, ``parameters`` (elements of all arrays), ``bytes`` (of
    all arrays). All texts in it are the file's own: escape them before they are shown.

    Raises
    ------
    CorruptFile : a file whose header is cut or changed, of a newer version, or not a model file. OSError : no file.

    Examples
    --------
    >>> import tempfile, os, netwright as nw
    >>> from netwright.layers import Input, ReLU
    >>> path = os.path.join(tempfile.mkdtemp(), "net.nw")
    >>> (Input(4) >> ReLU(2)).save(path)
    >>> inspect(path)["kind"], [layer["name"] for layer in inspect(path)["layers"]]
    ('network', ['Input', 'ReLU'])
    """
    manifest = storage.read_manifest(path)
    whole = {"file": os.fspath(path), "size": os.stat(path).st_size, "format": VERSION}
    return {**whole, **describe(manifest)}


def verify(path: str | os.PathLike[str], expected_sha256: str | None = None) -> str:
    """Check every byte of a model file, with nothing built, and give the SHA-256 of the whole.

    Parameters
    ----------
    path : of the file. expected_sha256 : of the whole file, in hexadecimal, where you know it.

    Raises
    ------
    CorruptFile : a file that is cut, changed, of a newer version, or not a model file. OSError : no file.

    Examples
    --------
    >>> import tempfile, os, netwright as nw
    >>> path = os.path.join(tempfile.mkdtemp(), "net.nw")
    >>> nw.Input(4).save(path)
    >>> verify(path, verify(path)) == verify(path)
    True
    """
    return storage.verify(path, expected_sha256)


def card(path: str | os.PathLike[str]) -> str:
    """The text of a README.md for a model file: YAML that model hubs read, then what the file says, and what not.

    Parameters
    ----------
    path : of the file; all of it is checked, so that its SHA-256 can be told.

    Raises
    ------
    CorruptFile, OSError : as `verify`.

    Examples
    --------
    >>> import tempfile, os, netwright as nw
    >>> path = os.path.join(tempfile.mkdtemp(), "net.nw")
    >>> nw.Input(4).save(path)
    >>> print(card(path)[:50])
    ---
    library_name: "netwright"
    tags:
    - "netwright"
    """
    return model_card(inspect(path), os.path.basename(os.fspath(path)), verify(path))


def _made(kind: str, content: dict[str, Any], tensors: dict[str, Any], where: str) -> Any:
    """What a kind, its content and its arrays describe; of a whole the parts first."""
    reader = _reader_of(kind, where)
    if kind not in WHOLES:
        check_content(content, tensors, where)
        if kind not in KINDS:
            _check_learned(kind, content, where)
        counting = importlib.import_module("netwright.graph.saving").counting if kind in KINDS else nullcontext
        with allowing(tensors), counting():
            return reader.from_content(kind, content, tensors)
    check_content(content["own"], tensors, where)
    own, arrays = _shared_out(tensors, len(content["parts"]), where)
    parts = [
        _made(part["kind"], part["content"], given, where) for part, given in zip(content["parts"], arrays, strict=True)
    ]
    return reader.from_parts(kind, {**content["own"], "arrays": own}, parts)


def _check_learned(kind: str, content: dict[str, Any], where: str) -> None:
    """What a classical network learned are attributes that end in ``_``, or begin so, and none of its methods."""
    network = registry.look_up("classical", kind)
    for name in content["learned"]:
        if callable(getattr(network, name, None)) or not name.isidentifier() or name.startswith("__"):
            raise CorruptFile(problem(where, f"attributes that a {kind} learns", shown(name)))


def _shared_out(tensors: dict[str, Any], count: int, where: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The arrays of the whole and of each of its parts, under their own names."""
    own: dict[str, Any] = {}
    if count > len(tensors):
        raise CorruptFile(problem(where, f"at most {len(tensors)} parts, as there are arrays", str(count)))
    parts: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, array in tensors.items():
        begin, _, rest = name.partition(".")
        place, _, inner = rest.partition(".")
        if begin == "own":
            own[rest] = array
        elif begin == "parts" and place.isdecimal() and int(place) < count:
            parts[int(place)][inner] = array
        else:
            raise CorruptFile(problem(where, "arrays of the whole or of one of its parts", shown(name)))
    return own, parts


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
