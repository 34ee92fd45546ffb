"""Edges whose ages are counted by wins against a dictionary of ages, under steps in any order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.classical.gas.edges import (
    components,
    connect,
    disconnect,
    drop_old,
    forget_unit,
    from_pairs,
    has_room,
    no_edges,
    split,
    to_pairs,
    widened,
)

N = 7
KINDS = st.sampled_from(["connect", "win", "drop", "split", "read", "forget", "widen"])
STEP = st.tuples(KINDS, st.integers(), st.integers())


@settings(max_examples=60)
@given(steps=st.lists(STEP, min_size=5, max_size=40))
def test_any_steps(steps: list[tuple[str, int, int]]) -> None:
    edges, ages, n = no_edges(N, 2), {}, N - 2
    for step, one, other in steps:
        a, b = sorted((one % n, other % n))
        if step == "connect" and a != b:
            while not (has_room(edges, a) and has_room(edges, b)):
                edges = widened(edges, N)
            connect(edges, a, b)
            ages[a, b] = 0
        elif step == "win":
            edges.wins[a] += 1
            ages = {edge: age + (a in edge) for edge, age in ages.items()}
        elif step == "drop":
            old = {edge for edge, age in ages.items() if a in edge and age > 1}
            ages = {edge: age for edge, age in ages.items() if edge not in old}
            lonely = {unit for edge in old for unit in edge} - {unit for edge in ages for unit in edge} - {a}
            assert drop_old(edges, a, 1, 0) == bool(lonely)
        elif step == "split" and (a, b) in ages and n < N:
            edges.wins[n] = 0
            split(edges, a, b, n)
            del ages[a, b]
            ages[a, n] = ages[b, n] = 0
            n += 1
        elif step == "read":
            edges = from_pairs(*to_pairs(edges, n), N)
        elif step == "forget" and n > 3:
            for edge in [edge for edge in ages if a in edge]:
                disconnect(edges, *edge)
                del ages[edge]
            forget_unit(edges, a, n)
            ages = {(x - (x > a), y - (y > a)): age for (x, y), age in ages.items()}
            n -= 1
        elif step == "widen":
            edges = widened(edges, N)
        pairs, years = to_pairs(edges, n)
        assert dict(zip(map(tuple, pairs.tolist()), years.tolist(), strict=True)) == ages
        assert pairs.tolist() == sorted(pairs.tolist())
        assert edges.degree[:n].sum() == 2 * len(ages)


def test_who_loses_the_last_edge_is_marked() -> None:
    edges = from_pairs(np.array([[0, 1], [0, 2], [1, 2], [0, 3]]), np.array([5, 5, 0, 0]), 4)
    disconnect(edges, 1, 2)
    assert drop_old(edges, 0, 4, -1)
    assert edges.degree.tolist() == [1, -1, -1, 1]


def test_components_are_numbered_by_their_rows() -> None:
    pairs = np.array([[0, 1], [2, 3]])
    winners = np.array([4, 4, 2, 3, 3, 0])
    assert components(pairs, 6, winners).tolist() == [2, 2, 0, 0, 1, 3]
    assert components(np.zeros((0, 2), np.int64), 2, np.array([1, 1])).tolist() == [1, 0]
