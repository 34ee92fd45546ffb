"""Chains and branches are found again in graphs that were made of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.plots.structure import Split, structure_of

# a chain is a list of layers (None) and of branches (a list of chains, the last of which may be empty: a short cut)
chains: Any = st.recursive(
    st.lists(st.none(), min_size=1, max_size=3),
    lambda inner: st.lists(st.none() | st.lists(inner, min_size=2, max_size=3), min_size=1, max_size=3),
    max_leaves=12,
)


def grown(chain: list[Any], sources: list[tuple[int, ...]], ends: tuple[int, ...]) -> tuple[int, ...]:
    """Add the nodes of a chain behind `ends`; every branch is followed by a node that merges."""
    for part in chain:
        if part is None:
            sources.append(ends)
            ends = (len(sources) - 1,)
        else:
            if len(ends) != 1:
                sources.append(ends)
                ends = (len(sources) - 1,)
            ends = tuple(end for branch in part for end in grown(branch, sources, ends))
    if len(ends) > 1:
        sources.append(ends)
        ends = (len(sources) - 1,)
    return ends


def nodes_of(series: Any) -> list[int]:
    found: list[int] = []
    for part in series:
        found += [part] if isinstance(part, int) else [node for branch in part.branches for node in nodes_of(branch)]
    return found


def lines_of(series: Any, ends: tuple[int, ...], lines: set[tuple[int, int]]) -> tuple[int, ...]:
    for part in series:
        if isinstance(part, int):
            lines |= {(end, part) for end in ends}
            ends = (part,)
        else:
            ends = tuple(end for branch in part.branches for end in (lines_of(branch, ends, lines) if branch else ends))
    return ends


@settings(max_examples=120)
@given(chains)
def test_what_was_put_together_is_found(chain: list[Any]) -> None:
    sources: list[tuple[int, ...]] = [()]
    grown([None, *chain], sources, (0,))
    series = structure_of(sources)
    assert series is not None
    assert sorted(nodes_of(series)) == list(range(len(sources)))
    lines: set[tuple[int, int]] = set()
    lines_of(series, (), lines)
    assert lines == {(source, node) for node, given in enumerate(sources) for source in given}


@pytest.mark.parametrize(
    ("sources", "series"),
    [
        ([()], (0,)),
        ([(), (0,), (1,)], (0, 1, 2)),
        ([(), (), (0, 1)], (Split(((0,), (1,))), 2)),
        ([(), (0,), (0,)], (0, Split(((1,), (2,))))),
        ([(), (0,), (0, 1)], (0, Split(((1,), ())), 2)),
        ([(), (0,), (1,), (0, 2), (3,)], (0, Split(((1, 2), ())), 3, 4)),
    ],
)
def test_small_graphs(sources: list[tuple[int, ...]], series: Any) -> None:
    assert structure_of(sources) == series


def test_dense_connections_have_no_structure() -> None:
    assert structure_of([(), (0,), (0, 1), (0, 1, 2), (1, 2, 3)]) is None
