"""Where a target is cut into bins.

======================= ==========================================================================================
what                    edges
======================= ==========================================================================================
few values              half way between neighbours, one bin a value, where there are no more values than bins
"quantile"              bins with about as many rows each (by their weights); cuts half way to the next larger value
"uniform"               bins of one width
given                   the ones given
======================= ==========================================================================================

A value that fills several quantiles gets one bin, so that there may be fewer bins than were asked for.
"""

from __future__ import annotations

import numpy as np

from netwright.core.errors import InvalidData, problem


def cut(values: np.ndarray, weight: np.ndarray | None, bins: int, how: str) -> np.ndarray:
    """The edges of bins for values, (bins + 1,) or fewer, rising; a constant has one bin.

    Parameters
    ----------
    values : (n,) training targets. weight : (n,) or None. bins : how many at most. how : "quantile" or "uniform".

    Examples
    --------
    >>> cut(np.arange(1.0, 9.0), None, 4, "quantile")
    array([1. , 2.5, 4.5, 6.5, 8. ])
    >>> cut(np.array([0.0, 0.0, 0.0, 1.0, 5.0]), None, 10, "quantile")
    array([-0.5,  0.5,  3. ,  7. ])
    """
    distinct = np.unique(values)
    if len(distinct) == 1:
        return distinct[0] + max(1.0, abs(distinct[0])) * np.array([-0.5, 0.5])
    if len(distinct) <= bins:
        middles = distinct[:-1] + np.diff(distinct) / 2
        return np.concatenate([[2 * distinct[0] - middles[0]], middles, [2 * distinct[-1] - middles[-1]]])
    if how == "uniform":
        return np.linspace(distinct[0], distinct[-1], bins + 1)
    order = values.argsort(kind="stable")
    shares = (np.ones(len(values)) if weight is None else weight)[order].cumsum()
    wanted = shares[-1] * np.arange(1, bins) / bins
    reached = values[order][np.searchsorted(shares, wanted * (1 - 1e-12)).clip(0, len(values) - 1)]
    place = np.unique(np.searchsorted(distinct, reached))
    place = place[place < len(distinct) - 1]
    inner = distinct[place] + (distinct[place + 1] - distinct[place]) / 2
    return np.concatenate([distinct[:1], inner, distinct[-1:]])


def covering(edges: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Given edges, if all training targets lie between them.

    Raises
    ------
    InvalidData : a target outside.
    """
    low, high = float(values.min()), float(values.max())
    if low < edges[0] or high > edges[-1]:
        remedy = "Let the first edge be at most the least target and the last at least the largest."
        expected = f"training targets from {edges[0]:g} to {edges[-1]:g}, as edges says"
        raise InvalidData(problem("y", expected, f"{low:g} to {high:g}", remedy))
    return edges


def places_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The place of each value among the bins, (n,): k + f in bin k, f of its way from edge to edge, below 1.

    What is outside goes on with the width of the first or the last bin.

    Examples
    --------
    >>> places_of(np.array([0.5, 2.0, 8.0]), np.array([0.0, 2.0, 4.0]))
    array([0.25, 1.  , 4.  ])
    """
    k = numbers_of(values, edges)
    way = (values - edges[k]) / (edges[k + 1] - edges[k])
    inside = (way > 0.999) & (values < edges[k + 1])  # which rounding would take to the next bin
    return k + np.where(inside, 0.999, way)


def values_at(places: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The inverse of `places_of`."""
    k = np.floor(places).clip(0, len(edges) - 2).astype(int)
    return edges[k] + (places - k) * (edges[k + 1] - edges[k])


def numbers_of(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The bin of each value, (n,); values outside of the edges are in the first or the last."""
    return np.searchsorted(edges[1:-1], values, side="right")


def ranges_of(values: np.ndarray, weight: np.ndarray | None, edges: np.ndarray) -> np.ndarray:
    """Of each bin the weights of its values, their mean, the least and the largest, and their deviation, (5, B).

    A bin without values has its middle, its edges, and the deviation of values spread evenly between them.

    Examples
    --------
    >>> ranges_of(np.array([0.0, 1.0, 3.0]), None, np.array([0.0, 2.0, 4.0, 6.0])).round(2)
    array([[2.  , 1.  , 0.  ],
           [0.5 , 3.  , 5.  ],
           [0.  , 3.  , 4.  ],
           [1.  , 3.  , 6.  ],
           [0.5 , 0.  , 0.58]])
    """
    k, bins = numbers_of(values, edges), len(edges) - 1
    weight = np.ones(len(values)) if weight is None else weight
    sums = np.bincount(k, weight, bins)
    low, high = np.full(bins, np.inf), np.full(bins, -np.inf)
    np.minimum.at(low, k, values)
    np.maximum.at(high, k, values)
    empty = sums == 0
    low, high = np.where(empty, edges[:-1], low), np.where(empty, edges[1:], high)
    middle = edges[:-1] + np.diff(edges) / 2
    inside = np.bincount(k, weight * (values - middle[k]), bins) / np.where(empty, 1.0, sums)
    means = np.clip(middle + inside, low, high)
    width = np.diff(edges)
    squares = np.bincount(k, weight * ((values - means[k]) / width[k]) ** 2, bins) / np.where(empty, 1.0, sums)
    return np.stack([sums, means, low, high, width * np.sqrt(np.where(empty, 1 / 12, squares))])
