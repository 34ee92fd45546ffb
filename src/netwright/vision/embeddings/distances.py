"""Distances between embeddings, all pairs or side by side, and the similarity that goes with each.

    euclidean      d(a, b) = |a - b|           similarity -d
    sqeuclidean    d(a, b) = |a - b|^2         similarity -d
    cosine         d(a, b) = 1 - a.b/(|a||b|)  similarity 1 - d

Of embeddings of length 1 the three order pairs alike, since |a - b|^2 = 2 (1 - a.b); only thresholds differ. FaceNet's
thresholds are of squared distances. The square root has no gradient at 0: there it is taken as 0, so that equal
embeddings give no NaN.

Schroff, Kalenichenko, Philbin, *FaceNet: a unified embedding for face recognition and clustering*, 2015.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, one_of

DISTANCES = ("euclidean", "sqeuclidean", "cosine")
DISTANCE = one_of(*DISTANCES)
TINY = 1e-12  # length from which on a vector has a direction


def pairwise_distances(a: Tensor, b: Tensor, distance: str = "euclidean") -> Tensor:
    """The distance of each row of a from each row of b.

    Parameters
    ----------
    a, b : embeddings.
    distance : "euclidean", "sqeuclidean" or "cosine".

    Shapes
    ------
    (n, D), (m, D) -> (n, m)

    Raises
    ------
    InvalidData : embeddings of different widths.

    Examples
    --------
    >>> pairwise_distances(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0], [3.0, 4.0]])).tolist()
    [[5.0, 0.0]]
    """
    _require("pairwise_distances", a, b, distance)
    if distance == "cosine":
        return 1 - directions(a) @ directions(b).T
    return _DISTANCES[distance](a[:, None], b[None])


def paired_distances(a: Tensor, b: Tensor, distance: str = "euclidean") -> Tensor:
    """The distance of each row of a from the row of b beside it.

    Parameters
    ----------
    a, b : embeddings.
    distance : "euclidean", "sqeuclidean" or "cosine".

    Shapes
    ------
    (n, D), (n, D) -> (n,)

    Raises
    ------
    InvalidData : embeddings of different widths.

    Examples
    --------
    >>> paired_distances(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0]]), "sqeuclidean").tolist()
    [25.0]
    """
    _require("paired_distances", a, b, distance)
    return _DISTANCES[distance](a, b)


def similarity_of(distances: Tensor, distance: str) -> Tensor:
    """What is the greater the more alike two embeddings are: the cosine, or the distance with a minus.

    Parameters
    ----------
    distances : of any shape.
    distance : its name.

    Examples
    --------
    >>> similarity_of(torch.tensor([0.25]), "cosine").tolist(), similarity_of(torch.tensor([2.0]), "euclidean").tolist()
    ([0.75], [-2.0])
    """
    check("similarity_of(distance)", distance, DISTANCE)
    return 1 - distances if distance == "cosine" else -distances


def directions(x: Tensor) -> Tensor:
    """Rows of length 1; a row of zeros stays one, and has a gradient.

    Examples
    --------
    >>> directions(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    return x / safe_root(x.square().sum(-1, keepdim=True)).clamp_min(TINY)


def safe_root(squares: Tensor) -> Tensor:
    """The square root, with gradient 0 at 0.

    Examples
    --------
    >>> x = torch.tensor([0.0, 4.0], requires_grad=True)
    >>> safe_root(x).sum().backward()
    >>> x.grad.tolist()
    [0.0, 0.25]
    """
    positive = squares > 0
    return torch.where(positive, squares.where(positive, torch.ones_like(squares)).sqrt(), torch.zeros_like(squares))


def _squares(a: Tensor, b: Tensor) -> Tensor:
    """Of differences, not of products: exact for embeddings that lie near each other and far from 0."""
    return (a - b).square().sum(-1)


def _lengths(a: Tensor, b: Tensor) -> Tensor:
    return safe_root(_squares(a, b))


def _angles(a: Tensor, b: Tensor) -> Tensor:
    return 1 - (directions(a) * directions(b)).sum(-1)


_DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "euclidean": _lengths,
    "sqeuclidean": _squares,
    "cosine": _angles,
}


def _require(where: str, a: Tensor, b: Tensor, distance: str) -> None:
    check(f"{where}(distance)", distance, DISTANCE)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        got = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise InvalidData(problem(f"{where}(a, b)", "embeddings (n, D) and (m, D)", got))
