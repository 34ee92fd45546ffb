"""Labels of the units of a map, from the labels of the rows that they win.

With c_uk the rows of class k that the unit u won::

    class of u           argmax_k c_uk                     the first of equals
    shares of classes    c_uk / sum_k c_uk
    a unit without rows  as the nearest unit with rows     by the distance of the weights, which is the map's
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.classical.maps.winners import Metric, nearest


def count_classes(winners: NDArray[np.intp], codes: NDArray[np.intp], n_units: int, n_classes: int) -> NDArray[np.intp]:
    """Rows of each class that each unit won, (n_units, n_classes).

    Parameters
    ----------
    winners, codes : unit and class of each row, (n,).
    """
    return np.bincount(winners * n_classes + codes, minlength=n_units * n_classes).reshape(n_units, n_classes)


def class_shares(counts: NDArray[np.intp], weights: NDArray[Any], metric: Metric) -> NDArray[np.float64]:
    """Shares of the classes in each unit, (n_units, n_classes), each row summing to 1.

    Parameters
    ----------
    counts : rows of each class that each unit won, (n_units, n_classes); at least one unit won a row.
    weights : of the units, (n_units, n_features).
    """
    owners = np.flatnonzero(counts.sum(axis=1))
    asked = np.flatnonzero(counts.sum(axis=1) == 0)
    source = np.arange(len(counts))
    if len(asked):
        source[asked] = owners[nearest(weights[asked], weights[owners], metric)[:, 0]]
    shares: NDArray[np.float64] = counts[source] / counts[source].sum(axis=1, keepdims=True)
    return shares
