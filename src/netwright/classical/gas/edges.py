"""Edges between units, and their ages: the graph of growing neural gas and neural gas as arrays.

Every win of a unit makes all its edges older by one. Instead of counting at each edge, wins are counted at the units,
and an edge remembers only the sum of the wins of its two ends when it was new::

    age(a, b) = wins(a) + wins(b) - stamp(a, b)

so that a step touches one edge, whatever the number of neighbours. Edges stand in the lists of both of their ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

WIDTH = 8  # neighbours for which there is room at first


class Edges(NamedTuple):
    """Neighbours of each unit, (capacity, width), in no order; of a row the first `degree` count."""

    neighbors: NDArray[np.int64]
    stamps: NDArray[np.int64]
    degree: NDArray[np.int64]
    wins: NDArray[np.int64]


def no_edges(capacity: int, width: int = WIDTH) -> Edges:
    """Room for the edges of as many units, each with as many neighbours."""
    lists = np.zeros((2, capacity, width), dtype=np.int64)
    counts = np.zeros((2, capacity), dtype=np.int64)
    return Edges(lists[0], lists[1], counts[0], counts[1])


def from_pairs(pairs: NDArray[np.int64], ages: NDArray[np.int64], capacity: int) -> Edges:
    """The edges of a list of pairs of units, (m, 2), with their ages, (m,)."""
    units, others = np.concatenate([pairs, pairs[:, ::-1]]).T
    order = np.argsort(units, kind="stable")
    units, others = units[order], others[order]
    degree = np.bincount(units, minlength=capacity)
    places = np.arange(len(units)) - (np.cumsum(degree) - degree)[units]
    edges = no_edges(capacity, max(WIDTH, int(degree.max()) + 1))
    edges.degree[:] = degree
    edges.neighbors[units, places] = others
    edges.stamps[units, places] = -np.concatenate([ages, ages])[order]
    return edges


def to_pairs(edges: Edges, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The edges of the first n units as sorted pairs (m, 2), the smaller unit first, and their ages (m,)."""
    units, places = np.nonzero(np.arange(edges.neighbors.shape[1]) < edges.degree[:n, np.newaxis])
    others, stamps = edges.neighbors[units, places], edges.stamps[units, places]
    order = np.lexsort((others, units))
    order = order[(units < others)[order]]
    units, others = units[order], others[order]
    return np.stack([units, others], axis=1), edges.wins[units] + edges.wins[others] - stamps[order]


def widened(edges: Edges, capacity: int) -> Edges:
    """The same edges with room for `capacity` units and twice as many neighbours."""
    units, width = edges.neighbors.shape
    wide = no_edges(capacity, 2 * width)
    for old, new in zip(edges[:2], wide[:2], strict=True):
        new[:units, :width] = old
    for old, new in zip(edges[2:], wide[2:], strict=True):
        new[:units] = old
    return wide


def components(pairs: NDArray[np.int64], n: int, winners: NDArray[np.int64]) -> NDArray[np.int64]:
    """The connected component of each of n units, (n,), numbered from the one that wins most rows to the fewest.

    Parameters
    ----------
    winners : the unit that each row belongs to, (rows,); of equal components the one with the earliest unit is first.
    """
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    count, parts = connected_components(graph, directed=False)
    held = np.bincount(parts[winners], minlength=count)
    number = np.empty(count, dtype=np.int64)
    number[np.argsort(-held, kind="stable")] = np.arange(count)
    return number[parts]


@numba.njit(cache=True, nogil=True)
def age_at(edges: Edges, unit: int, place: int) -> int:
    """The age of the edge at a place of a unit's list."""
    age: int = edges.wins[unit] + edges.wins[edges.neighbors[unit, place]] - edges.stamps[unit, place]
    return age


@numba.njit(cache=True, nogil=True)
def place_of(edges: Edges, unit: int, other: int) -> int:
    """The place of another unit in a unit's list, or -1."""
    for place in range(edges.degree[unit]):
        if edges.neighbors[unit, place] == other:
            return place
    return -1


@numba.njit(cache=True, nogil=True, inline="always")
def has_room(edges: Edges, unit: int) -> bool:
    """Whether a unit's list can take another neighbour."""
    room: bool = edges.degree[unit] < edges.neighbors.shape[1]
    return room


@numba.njit(cache=True, nogil=True)
def connect(edges: Edges, one: int, other: int) -> None:
    """Make an edge of age 0, or an existing one new."""
    stamp = edges.wins[one] + edges.wins[other]
    for unit, neighbor in ((one, other), (other, one)):
        place = place_of(edges, unit, neighbor)
        if place < 0:
            place = edges.degree[unit]
            edges.degree[unit] += 1
            edges.neighbors[unit, place] = neighbor
        edges.stamps[unit, place] = stamp


@numba.njit(cache=True, nogil=True)
def split(edges: Edges, one: int, other: int, new: int) -> None:
    """Put a unit without edges into an edge: two of age 0 in place of one."""
    edges.degree[new] = 2
    edges.neighbors[new, 0], edges.neighbors[new, 1] = one, other
    for end in range(2):
        unit = edges.neighbors[new, end]
        place = place_of(edges, unit, edges.neighbors[new, 1 - end])
        edges.neighbors[unit, place] = new
        stamp = edges.wins[unit] + edges.wins[new]
        edges.stamps[unit, place] = stamp
        edges.stamps[new, end] = stamp


@numba.njit(cache=True, nogil=True)
def disconnect(edges: Edges, one: int, other: int) -> None:
    """Remove an edge that exists."""
    for unit, neighbor in ((one, other), (other, one)):
        place = place_of(edges, unit, neighbor)
        last = edges.degree[unit] - 1
        edges.neighbors[unit, place] = edges.neighbors[unit, last]
        edges.stamps[unit, place] = edges.stamps[unit, last]
        edges.degree[unit] = last


@numba.njit(cache=True, nogil=True)
def drop_old(edges: Edges, unit: int, max_age: float, mark: int) -> bool:
    """Remove the edges of a unit that are older than `max_age`; whether a neighbour has none left.

    Such a neighbour gets the degree `mark`: 0 if it stays, something else if the caller is to find it.
    """
    isolated = False
    for place in range(edges.degree[unit] - 1, -1, -1):
        if age_at(edges, unit, place) > max_age:
            other = edges.neighbors[unit, place]
            disconnect(edges, unit, other)
            if edges.degree[other] == 0:
                edges.degree[other] = mark
                isolated = True
    return isolated


@numba.njit(cache=True, nogil=True)
def forget_unit(edges: Edges, unit: int, n: int) -> None:
    """Take a unit without edges out of n; those after it move up by one."""
    for i in range(unit, n - 1):
        edges.degree[i] = edges.degree[i + 1]
        edges.wins[i] = edges.wins[i + 1]
        for place in range(edges.degree[i]):
            edges.neighbors[i, place] = edges.neighbors[i + 1, place]
            edges.stamps[i, place] = edges.stamps[i + 1, place]
    edges.degree[n - 1] = 0
    edges.wins[n - 1] = 0
    for i in range(n - 1):
        for place in range(edges.degree[i]):
            if edges.neighbors[i, place] > unit:
                edges.neighbors[i, place] -= 1
