"""What everything that is built on embeddings asks of an embedder, ours or any transformer of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown

Floats = NDArray[np.float64]
PAIRS = 2**16  # pairs that a head looks at together


def embeddings_of(embedder: Any, X: Any, where: str, views: int = 1) -> Floats:
    """The embeddings of samples.

    Parameters
    ----------
    embedder : fitted, with `transform`.
    X : samples as it takes them.
    where : how an error names it.
    views : as of `TripletNetwork.transform`.

    Raises
    ------
    InvalidParameter : an embedder that is not fitted, or without `transform`. InvalidData : embeddings that are no
        rows of finite numbers.

    Examples
    --------
    >>> from sklearn.preprocessing import Normalizer
    >>> embeddings_of(Normalizer().fit([[1.0, 2.0]]), np.array([[3.0, 4.0]]), "embedder").tolist()
    [[0.6, 0.8]]
    """
    if not hasattr(embedder, "transform") or isinstance(embedder, type):
        expected = "a fitted embedder with transform, such as TripletNetwork"
        raise InvalidParameter(problem(where, expected, shown(embedder)))
    try:
        found = np.asarray(embedder.transform(X) if views == 1 else embedder.transform(X, views=views), np.float64)
    except NotFittedError as error:
        remedy = "Call its fit(X, y) first."
        raise InvalidParameter(problem(where, "a fitted embedder", shown(embedder), remedy)) from error
    if found.ndim != 2:
        raise InvalidData(problem(where, "an embedding (D,) of each sample", f"shape {found.shape}"))
    require_finite(found, where)
    return found


def compared(embedder: Any, a: Floats, b: Floats) -> Floats:
    """The similarity of each embedding of a with each of b: by one product of matrices, or by the embedder's head.

    Parameters
    ----------
    embedder : whose ``compare_all``, head or ``distance_`` says what is alike; the cosine, where it has none.
    a, b : embeddings.

    Shapes
    ------
    (n, D), (m, D) -> (n, m)

    Examples
    --------
    >>> compared(None, np.array([[3.0, 4.0]]), np.array([[6.0, 8.0], [4.0, -3.0]])).round(6).tolist()
    [[1.0, 0.0]]
    """
    if hasattr(embedder, "compare_all"):
        return np.asarray(embedder.compare_all(a, b), np.float64)
    if has_head(embedder):
        rows = np.repeat(np.arange(len(a)), len(b))
        columns = np.tile(np.arange(len(b)), len(a))
        parts = range(0, len(rows), PAIRS)
        found = [embedder.compare(a[rows[i : i + PAIRS]], b[columns[i : i + PAIRS]]) for i in parts]
        return np.concatenate([np.empty(0), *found]).reshape(len(a), len(b))
    distance = getattr(embedder, "distance_", "cosine")
    if distance == "cosine":
        made: Floats = unit(a) @ unit(b).T
        return made
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    squares = np.maximum(squares, 0)
    return -np.sqrt(squares) if distance == "euclidean" else -squares


def compared_pairs(embedder: Any, a: Floats, b: Floats) -> Floats:
    """The similarity of embeddings side by side.

    Parameters
    ----------
    embedder : as of `compared`.
    a, b : embeddings.

    Shapes
    ------
    (n, D), (n, D) -> (n,)

    Examples
    --------
    >>> compared_pairs(None, np.eye(2), np.ones((2, 2))).round(4).tolist()
    [0.7071, 0.7071]
    """
    if has_head(embedder) or hasattr(embedder, "compare_all"):
        return np.asarray(embedder.compare(a, b), np.float64)
    distance = getattr(embedder, "distance_", "cosine")
    if distance == "cosine":
        found: Floats = (unit(a) * unit(b)).sum(1)
        return found
    squares: Floats = ((a - b) ** 2).sum(1)
    return -np.sqrt(squares) if distance == "euclidean" else -squares


def has_head(embedder: Any) -> bool:
    """Whether similarity is what a trained head says of two embeddings, and no distance."""
    return getattr(embedder, "head", None) == "binary"


def unit(x: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays one.

    Examples
    --------
    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
