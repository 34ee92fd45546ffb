"""Embedders, and what is built on them, as one graph: samples go in, embeddings, similarities or names come out.

=================================== ===================== ===========================================================
estimator                           inputs                outputs
=================================== ===================== ===========================================================
`TripletNetwork`, `SiameseNetwork`  ``X``                 ``embedding`` (batch, D), as `transform` gives it
`EmbeddingEnsemble`                 ``X``                 the same
`Verifier`                          ``X1``, ``X2``        ``similarity`` (batch,), ``accepted`` (batch,)
`Recognizer`                        ``X``                 ``similarities`` (batch, names), ``index`` (batch,), -1 for
                                                          somebody else
=================================== ===================== ===========================================================

Samples are rows or images as the network gets them: float32, channels first, bytes divided by 255. Stretching images to
a size stays outside.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.estimators.exporting.estimator import plain_copy
from netwright.estimators.exporting.graph import Entrance, Graph, write_graph
from netwright.graph.export.exporter import SAMPLES
from netwright.graph.export.network import names
from netwright.vision.embeddings.comparing import has_head
from netwright.vision.embeddings.distances import directions, paired_distances, similarity_of

IMAGES = "images as in fit, channels first, in the size of the network; bytes divided by 255"
ROWS = "raw rows, as in fit; they are scaled in the graph"


class Embedding(torch.nn.Module):
    """The embedding of each sample, of images perhaps the mean over itself and its mirror image.

    Parameters
    ----------
    network : gives embeddings. mirror, normalize : as of `netwright.vision.TripletNetwork`.
    """

    def __init__(self, network: torch.nn.Module, mirror: bool, normalize: bool) -> None:
        super().__init__()
        self.network, self.mirror, self.normalize = network, mirror, normalize

    def forward(self, X: Tensor) -> Tensor:
        """(batch, ...) -> (batch, D)"""
        found: Tensor = self.network(X)
        if self.mirror:
            found = (found + self.network(X.flip(-1))) / 2
        return directions(found) if self.normalize else found


class SideBySide(torch.nn.Module):
    """The embeddings of several networks, each and together of length 1.

    Parameters
    ----------
    members : graphs of the same input.
    """

    def __init__(self, members: Sequence[torch.nn.Module]) -> None:
        super().__init__()
        self.members = torch.nn.ModuleList(members)

    def forward(self, X: Tensor) -> Tensor:
        """(batch, ...) -> (batch, D_1 + ... + D_M)"""
        return torch.cat([directions(member(X)) for member in self.members], 1) / math.sqrt(len(self.members))


class Alike(torch.nn.Module):
    """How alike two samples are, and whether that is enough.

    Parameters
    ----------
    embedding : the graph of one sample. distance : of embeddings. head : what is there in place of a distance, with
        ``compared``; or None. threshold : from which on a pair is accepted.
    """

    def __init__(self, embedding: torch.nn.Module, distance: str, head: Any, threshold: float) -> None:
        super().__init__()
        self.embedding, self.distance, self.head, self.threshold = embedding, distance, head, threshold

    def forward(self, X1: Tensor, X2: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, ...) twice -> (batch,) twice"""
        a, b = self.embedding(X1), self.embedding(X2)
        if self.head is None:
            found = similarity_of(paired_distances(a.double(), b.double(), self.distance), self.distance)
        else:
            found = self.head.compared(a, b).sigmoid().double()
        return found, found >= self.threshold


class Known(torch.nn.Module):
    """How alike a sample is to the most alike entry of each name, and which name that tells.

    Parameters
    ----------
    embedding : the graph of one sample. entries : of the gallery, (m, D). places : of the name of each, (m,).
    distance : of embeddings. head : what is there in place of a distance, with ``compared``; or None. threshold : from
    which on a name is told.
    """

    entries: Tensor
    rows: Tensor

    def __init__(
        self,
        embedding: torch.nn.Module,
        entries: Any,
        places: Sequence[int],
        distance: str,
        head: Any,
        threshold: float,
    ) -> None:
        super().__init__()
        self.embedding, self.distance, self.head, self.threshold = embedding, distance, head, threshold
        own = [[row for row, place in enumerate(places) if place == name] for name in range(max(places) + 1)]
        longest = max(map(len, own))
        rows = [each + each[:1] * (longest - len(each)) for each in own]  # filled up with what is there already
        self.register_buffer("rows", torch.tensor(rows))
        self.register_buffer("entries", torch.from_numpy(np.asarray(entries, dtype=np.float64)))

    def forward(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, ...) -> (batch, names), (batch,)"""
        a, b = self.embedding(X).double(), self.entries
        if self.head is not None:
            alike = self.head.compared(a.float()[:, None], b.float()).sigmoid().double()
        elif self.distance == "cosine":
            alike = directions(a) @ directions(b).T
        else:
            squares = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
            distances = squares.clamp_min(0)
            alike = -(distances.sqrt() if self.distance == "euclidean" else distances)
        scores = alike[:, self.rows].amax(2)
        return scores, torch.where(scores.amax(1) >= self.threshold, scores.argmax(1), -1)


def graph_of_embeddings(self: Any, steps: None = None) -> Graph:
    """The graph of a fitted embedder, which has no steps."""
    form = self.form_
    content = {
        "kind": type(self).__name__,
        "network": repr(self.network_),
        "features": list(form.names) or None,
        "size": None if form.size is None else list(form.size),
        "distance": None if has_head(self) else self.distance_,
    }
    if has_head(self):  # similarity = 1 / (1 + exp(-bias - weight . |a - b|))
        content["head"] = {"weight": self._net.weight.tolist(), "bias": self._net.bias.item()}
    entrance = Entrance("X", torch.zeros(SAMPLES, *form.shape), IMAGES if len(form.shape) == 3 else ROWS)
    module = Embedding(plain_copy(self.module_), self.mirror, self.normalize)
    return Graph(module, [entrance], {"embedding": "what transform gives"}, content)


def export_side_by_side(self: Any, path: str | os.PathLike[str]) -> None:
    """Write all members to one ONNX file, which runs without netwright and torch.

    Parameters
    ----------
    path : of the file, such as ``"model.onnx"``; an existing one is replaced only when the new one is complete.

    Raises
    ------
    InvalidParameter : members that are no networks of this library or take other samples, packages that are not
        installed, a network that ONNX has no operations for; nothing is written.
    """
    check_is_fitted(self, "estimators_")
    write_graph(_embedding(self, "EmbeddingEnsemble.export"), path, "EmbeddingEnsemble.export")


def export_verifier(self: Any, path: str | os.PathLike[str]) -> None:
    """Write embedder and threshold to one ONNX file, which runs without netwright and torch.

    Parameters
    ----------
    path : of the file, such as ``"model.onnx"``; an existing one is replaced only when the new one is complete.

    Raises
    ------
    InvalidParameter : an embedder that is no network of this library, or none, packages that are not installed, a
        network that ONNX has no operations for; nothing is written.
    """
    check_is_fitted(self, "threshold_")
    where, embedder = "Verifier.export", self.embedder_
    graph = _embedding(embedder, where)
    head = plain_copy(embedder._net) if has_head(embedder) else None
    module = Alike(graph.module, embedder.distance_, head, self.threshold_)
    one = graph.entrances[0]
    pair = [replace(one, name=name, batch=one.batch.clone()) for name in names("X", 2)]  # one tensor were one input
    answers = {"similarity": "greater for those that are more alike", "accepted": "whether it is threshold or more"}
    known = {"threshold": self.threshold_, "far": self.far_}
    write_graph(Graph(module, pair, answers, _content(self, graph, known)), path, where)


def export_recognizer(self: Any, path: str | os.PathLike[str]) -> None:
    """Write embedder, gallery and threshold to one ONNX file, which runs without netwright and torch.

    The embeddings of people are biometric data: keep the file as carefully as their photographs. The gallery is
    searched exactly.

    Parameters
    ----------
    path : of the file, such as ``"model.onnx"``; an existing one is replaced only when the new one is complete.

    Raises
    ------
    InvalidData : nobody is enrolled. InvalidParameter : an embedder that is no network of this library, packages that
        are not installed, a network that ONNX has no operations for; nothing is written.
    """
    self._require_somebody()
    where, embedder, called = "Recognizer.export", self.embedder, self.names_
    graph = _embedding(embedder, where)
    head = plain_copy(embedder._net) if has_head(embedder) else None
    limit = -math.inf if self.threshold_ is None else self.threshold_
    places = [called.index(label) for label in self._labels]
    module = Known(graph.module, self._entries, places, embedder.distance_, head, limit)
    answers = {
        "similarities": "with the most alike entry of each name, in the order of names",
        "index": "the place of the most alike name among names, -1 where it is below the threshold",
    }
    known = {"threshold": self.threshold_, "names": called}
    write_graph(Graph(module, graph.entrances, answers, _content(self, graph, known)), path, where)


def _content(estimator: Any, graph: Graph, known: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader needs of what stands on an embedder."""
    return {**graph.content, "kind": type(estimator).__name__, "embedder": graph.content["kind"], **known}


def _embedding(embedder: Any, where: str) -> Graph:
    """The graph of an embedder, or of several side by side."""
    if hasattr(embedder, "estimators_"):
        graphs = [_embedding(member, where) for member in embedder.estimators_]
        first = graphs[0]
        if any(graph.entrances[0].batch.shape != first.entrances[0].batch.shape for graph in graphs):
            got, remedy = "members that stretch images to other sizes", "Export the members one by one."
            raise InvalidParameter(problem(where, "members with the same inputs", got, remedy))
        content = {
            **first.content,
            "kind": type(embedder).__name__,
            "network": [graph.content["network"] for graph in graphs],
            "distance": embedder.distance_,
        }
        return replace(first, module=SideBySide([graph.module for graph in graphs]), content=content)
    if getattr(embedder, "_graph", None) is None or not hasattr(embedder, "form_"):
        remedy = "Such are TripletNetwork, SiameseNetwork and EmbeddingEnsemble."
        raise InvalidParameter(problem(where, "an embedder that is one graph", type(embedder).__name__, remedy))
    check_is_fitted(embedder, "module_")
    graph: Graph = embedder._graph()
    return graph
