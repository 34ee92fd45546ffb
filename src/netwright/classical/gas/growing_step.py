"""One step of growing neural gas, on arrays.

The kernel stops before a row for which the arrays have no room, and goes on there when they were enlarged.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.gas import edges as graph
from netwright.classical.gas.edges import (
    Edges,
    connect,
    disconnect,
    drop_old,
    forget_unit,
    has_room,
    split,
)
from netwright.classical.nearest import pull, scratch, squared_distances, two_least

GONE = -1  # degree of a unit that lost its last edge
SIZE, SHOWN = 0, 1  # places in Gas.counts
FIRST_ROOM = 64  # units


class Gas(NamedTuple):
    """The network while it learns; there is room for as many units as `errors` is long."""

    units: NDArray[Any]  # (n_features, capacity)
    errors: NDArray[Any]  # (capacity,)
    utilities: NDArray[Any]  # (capacity,)
    edges: Edges
    recent: NDArray[np.float64]  # (1,) sum of the squared distances since the last time of growth
    counts: NDArray[np.int64]  # (2,) units, rows shown


class Rule(NamedTuple):
    """What does not change during an epoch."""

    numbers: NDArray[Any]  # (3,) alpha, beta, the difference that counts as none; in the type of the rows
    max_age: int
    max_nodes: int
    insert_every: int
    utility: float  # infinite where units are not judged by it
    target: float  # negative where growth does not end by it


def gas_of(
    weights: NDArray[Any],
    errors: NDArray[Any],
    utilities: NDArray[Any],
    pairs: NDArray[np.int64],
    ages: NDArray[np.int64],
    recent: float,
    shown: int,
) -> Gas:
    """The network that learns on, of what an estimator remembers: weights (n_units, n_features), edges, counts."""
    n, capacity = len(weights), max(FIRST_ROOM, 2 * len(weights))
    units = np.zeros((weights.shape[1], capacity), dtype=weights.dtype)
    values = np.zeros((2, capacity), dtype=weights.dtype)
    units[:, :n], values[0, :n], values[1, :n] = weights.T, errors, utilities
    edges = graph.from_pairs(pairs, ages, capacity)
    return Gas(units, values[0], values[1], edges, np.array([recent]), np.array([n, shown]))


def enlarged(gas: Gas) -> Gas:
    """The same network with twice the room, for units and for neighbours."""

    def wide(array: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([array, np.zeros_like(array)], axis=-1)

    units, errors, utilities = map(wide, gas[:3])
    edges = graph.widened(gas.edges, len(errors))
    return gas._replace(units=units, errors=errors, utilities=utilities, edges=edges)


def learn_epoch(
    gas: Gas, rule: Rule, rows: NDArray[Any], order: NDArray[Any], rates: NDArray[Any], neighbor_rates: NDArray[Any]
) -> Gas:
    """Show the rows of an epoch in an order, with the rates of each step, (n,); arrays of `gas` change in place."""
    done = 0
    while True:
        room = scratch(len(gas.errors), rows.dtype)
        done = learn_rows(gas, rule, rows, order, rates, neighbor_rates, done, *room)
        if done == len(order):
            return gas
        gas = enlarged(gas)


@numba.njit(cache=True, nogil=True)
def learn_rows(
    gas: Gas, rule: Rule, rows: Any, order: Any, rates: Any, neighbor_rates: Any, start: int, squares: Any, bits: Any
) -> int:
    """Show the rows of an epoch from place `start` on; the place of the first that there was no room for."""
    for place in range(start, order.shape[0]):
        x, n = rows[order[place]], gas.counts[SIZE]
        squared_distances(gas.units, x, n, squares)
        first, second = two_least(bits, n)
        full = n == len(gas.errors) and n < rule.max_nodes
        if full or not (has_room(gas.edges, first) and has_room(gas.edges, second)):
            return place
        gas.errors[first] += squares[first]
        if rule.utility < np.inf:
            gas.utilities[first] += squares[second] - squares[first]
        gas.recent[0] += squares[first]
        gone = adapt(gas, rule, x, first, second, rates[place], neighbor_rates[place])
        gas.counts[SHOWN] += 1
        if rule.utility < np.inf:
            gone |= cut_useless(gas, rule.utility)
        if gone:
            sweep(gas)
        if gas.counts[SHOWN] % rule.insert_every == 0:
            if gas.counts[SIZE] < rule.max_nodes and gas.recent[0] > rule.target * rule.insert_every:
                insert(gas, rule.numbers[0])
            gas.recent[0] = 0.0
        decay(gas.errors, gas.counts[SIZE], rule.numbers[1])
        if rule.utility < np.inf:
            decay(gas.utilities, gas.counts[SIZE], rule.numbers[1])
    return order.shape[0]


@numba.njit(cache=True, nogil=True, inline="always")
def adapt(gas: Gas, rule: Rule, x: Any, first: int, second: int, rate: Any, neighbor_rate: Any) -> bool:
    """Steps 3 and 5 to 7: age, move, connect, remove edges that are too old; whether a unit has none left."""
    edges, tiny = gas.edges, rule.numbers[2]
    edges.wins[first] += 1
    pull(gas.units, first, x, rate, tiny)
    old = False
    for place in range(edges.degree[first]):
        other = edges.neighbors[first, place]
        pull(gas.units, other, x, neighbor_rate, tiny)
        old |= edges.wins[first] + edges.wins[other] - edges.stamps[first, place] > rule.max_age
    connect(edges, first, second)
    return old and drop_old(edges, first, rule.max_age, GONE)


@numba.njit(cache=True, nogil=True)
def insert(gas: Gas, alpha: Any) -> None:
    """Step 8: a unit half-way between the one with the greatest error and its neighbour with the greatest."""
    edges, errors, r = gas.edges, gas.errors, gas.counts[SIZE]
    q = -1
    for unit in range(r):
        if edges.degree[unit] > 0 and (q < 0 or errors[unit] > errors[q]):
            q = unit
    if q < 0:
        return
    f = edges.neighbors[q, 0]
    for place in range(1, edges.degree[q]):
        other = edges.neighbors[q, place]
        if errors[other] > errors[f] or (errors[other] == errors[f] and other < f):
            f = other
    for j in range(gas.units.shape[0]):
        gas.units[j, r] = (gas.units[j, q] + gas.units[j, f]) / 2
    split(edges, q, f, r)
    errors[q] *= alpha
    errors[f] *= alpha
    errors[r] = errors[q]
    gas.utilities[r] = (gas.utilities[q] + gas.utilities[f]) / 2
    gas.counts[SIZE] = r + 1


@numba.njit(cache=True, nogil=True)
def cut_useless(gas: Gas, utility: float) -> bool:
    """Cut off the unit of least utility U where the greatest error exceeds `utility` U and three are left."""
    edges, left, useless, worst = gas.edges, 0, -1, gas.errors[0]
    for unit in range(gas.counts[SIZE]):
        if edges.degree[unit] != GONE:
            left += 1
            worst = max(worst, gas.errors[unit])
            if useless < 0 or gas.utilities[unit] < gas.utilities[useless]:
                useless = unit
    if left < 3 or worst <= utility * gas.utilities[useless]:
        return False
    for place in range(edges.degree[useless] - 1, -1, -1):
        disconnect(edges, useless, edges.neighbors[useless, place])
    edges.degree[useless] = GONE
    return True


@numba.njit(cache=True, nogil=True)
def sweep(gas: Gas) -> None:
    """Take out the units that are gone; the others move up and keep their order."""
    for unit in range(gas.counts[SIZE] - 1, -1, -1):
        if gas.edges.degree[unit] == GONE:
            gas.counts[SIZE] -= 1
            for i in range(unit, gas.counts[SIZE]):
                for j in range(gas.units.shape[0]):
                    gas.units[j, i] = gas.units[j, i + 1]
                gas.errors[i] = gas.errors[i + 1]
                gas.utilities[i] = gas.utilities[i + 1]
            gas.utilities[gas.counts[SIZE]] = 0
            forget_unit(gas.edges, unit, gas.counts[SIZE] + 1)


@numba.njit(cache=True, nogil=True, inline="always")
def decay(values: NDArray[Any], n: int, beta: Any) -> None:
    """Step 9, at once for all; what is too small to be a normal number becomes 0, as such numbers are slow."""
    least = np.finfo(values.dtype).tiny
    for i in range(n):
        smaller = values[i] * beta
        values[i] = smaller if smaller >= least else values.dtype.type(0)
