"""The gallery that probes are compared with: embeddings with a name each, searched exactly or by a graph.

Exact search is one product of matrices, (n, D) by (D, m): 10^5 entries of 128 numbers take some milliseconds a probe.
The graph of hnswlib (the extra ``hnsw``) looks at a small part of the entries, and may miss the best one. It is built
by one thread, so that it comes again the same, at the first question after people came or went; that takes as long as
many questions, and pays where there are far more of these than changes.

Malkov, Yashunin, *Efficient and robust approximate nearest neighbor search using hierarchical navigable small world
graphs*, 2018.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidParameter, problem
from netwright.vision.embeddings.comparing import Floats, compared, has_head

SPACES = {"cosine": "cosine", "euclidean": "l2", "sqeuclidean": "l2"}
MARGIN = 4  # entries that a graph is asked for, for each name that is wanted, and some more
MORE = 32
SEARCHED = 128  # entries that a graph looks at, at least
BLOCK = 2**24  # similarities that are held at once

Numbers = NDArray[np.int64]


class Gallery:
    """Embeddings with a name each.

    Parameters
    ----------
    embedder : says what is alike.
    embeddings : (m, D).
    places : of the name of each, (m,).
    names : how many there are.
    index : "exact" or "hnsw".

    Raises
    ------
    InvalidParameter : a graph without hnswlib, or of an embedder whose head is no distance.
    """

    def __init__(self, embedder: Any, embeddings: Floats, places: Numbers, names: int, index: str) -> None:
        self.embedder, self.embeddings, self.places, self.names = embedder, embeddings, places, names
        self._graph = _graph_of(embedder, embeddings) if index == "hnsw" else None

    def best(self, probes: Floats, k: int) -> tuple[Numbers, Floats]:
        """The best k names of each probe and their scores, each name by its best entry.

        Parameters
        ----------
        probes : (n, D).
        k : how many, at most those that there are.

        Shapes
        ------
        -> (n, k) places of names, (n, k) scores, falling; what a graph did not find is -1 and -inf
        """
        k = min(k, self.names)
        rows = max(1, BLOCK // max(len(self.embeddings), 1))
        found = [self._best(probes[i : i + rows], k) for i in range(0, len(probes), rows)]
        if not found:
            return np.empty((0, k), np.int64), np.empty((0, k))
        return np.concatenate([names for names, _ in found]), np.concatenate([scores for _, scores in found])

    def _best(self, probes: Floats, k: int) -> tuple[Numbers, Floats]:
        if self._graph is not None:
            return self._near(probes, k)
        alike = compared(self.embedder, probes, self.embeddings)
        order = np.argsort(self.places, kind="stable")
        scores = np.maximum.reduceat(alike[:, order], _begins(self.places[order]), axis=1)
        if k == 1:  # of equal ones the first, as below
            top = scores.argmax(1)[:, None]
        else:
            top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return top, np.take_along_axis(scores, top, axis=1)

    def _near(self, probes: Floats, k: int) -> tuple[Numbers, Floats]:
        """The best among the entries that the graph gives, compared as exactly as all would be."""
        graph: Any = self._graph
        count = min(len(self.embeddings), MARGIN * k + MORE)
        graph.set_ef(max(count, SEARCHED))
        near, _ = graph.knn_query(probes.astype(np.float32), k=count)
        names, best = np.full((len(probes), k), -1), np.full((len(probes), k), -np.inf)
        for row, entries in enumerate(near.astype(np.int64)):
            entries = entries[np.argsort(self.places[entries], kind="stable")]
            alike = compared(self.embedder, probes[row : row + 1], self.embeddings[entries])[0]
            begins = _begins(self.places[entries])
            scores = np.maximum.reduceat(alike, begins)
            top = np.argsort(-scores, kind="stable")[:k]
            names[row, : len(top)], best[row, : len(top)] = self.places[entries][begins][top], scores[top]
        return names, best


def _begins(places: Numbers) -> Numbers:
    """Where each run of equal places begins."""
    return np.flatnonzero(np.append(True, np.diff(places) != 0))


def _graph_of(embedder: Any, embeddings: Floats) -> Any:
    """A graph of the entries."""
    where = "Recognizer(index)"
    if has_head(embedder):
        remedy = 'Leave index="exact".'
        raise InvalidParameter(problem(where, "'exact' for a head that is no distance", "'hnsw'", remedy))
    try:
        package = import_module("hnswlib")
    except ImportError as error:
        remedy = "pip install 'netwright[hnsw]' (hnswlib, which needs a C++ compiler), or leave index=\"exact\"."
        raise InvalidParameter(problem(where, "'exact', or the package hnswlib", f"'hnsw': {error}", remedy)) from error
    space = SPACES[getattr(embedder, "distance_", "cosine")]
    graph = package.Index(space=space, dim=embeddings.shape[1])
    graph.init_index(max_elements=len(embeddings), ef_construction=200, M=16, random_seed=0)
    graph.add_items(embeddings.astype(np.float32), num_threads=1)
    return graph
