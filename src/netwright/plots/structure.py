"""The structure of a graph: chains of nodes and branches side by side, found from what each node reads.

Nodes come in the order in which they run. A node that no line passes by splits a chain in two; what lies between two
such nodes falls apart into branches that do not know each other, each a chain again; a line that goes straight from one
to the other is a short cut. A graph in which that finds nothing to split (dense connections) has no such structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from netwright.plots.layout import Block, beside, boxed, lane, stacked

SHORT_CUT = -1  # the number of a lane that is no node


@dataclass(frozen=True)
class Split:
    """Branches side by side: each a chain; an empty one is a short cut."""

    branches: tuple[Series, ...]


Series = tuple[int | Split, ...]


def structure_of(sources: Sequence[Sequence[int]]) -> Series | None:
    """The chain of a graph whose node i reads the nodes ``sources[i]``; None if it has no such structure.

    Parameters
    ----------
    sources : for each node the smaller numbers of those that it reads; none for one that reads an input.

    Examples
    --------
    >>> structure_of([(), (0,), (1,), (0, 2), (3,)])  # 0 to 3 through 1 and 2, and straight
    (0, Split(branches=((1, 2), ())), 3, 4)
    >>> structure_of([(), (0,), (0, 1), (0, 1, 2), (1, 2, 3)]) is None
    True
    """
    try:
        return _series(list(range(len(sources))), sources)
    except _NoStructure:
        return None


def placed(series: Series, widths: Sequence[float]) -> list[Block]:
    """The blocks of a chain, for the columns of a diagram; its own boxes all get the width of the widest.

    Parameters
    ----------
    series : what `structure_of` gave.
    widths : of each node's box.
    """
    widest = max((widths[part] for part in series if isinstance(part, int)), default=0.0)
    return [boxed(part, widest) if isinstance(part, int) else _split(part, widths) for part in series]


def _split(split: Split, widths: Sequence[float]) -> Block:
    return beside([stacked(placed(branch, widths)) if branch else lane(SHORT_CUT) for branch in split.branches])


class _NoStructure(Exception):
    """Nothing to split."""


def _series(nodes: list[int], sources: Sequence[Sequence[int]]) -> Series:
    """The chain of some of the nodes, which have one place where lines come in and one where they go out."""
    place = {node: i for i, node in enumerate(nodes)}
    lines = _lines(nodes, place, sources)
    passed = [0] * (len(nodes) + 1)
    for start, end in lines:  # a line from start to end passes by all between them
        if end - start > 1:
            passed[start + 1] += 1
            passed[end] -= 1
    depth, cuts = 0, [-1]
    for i in range(len(nodes)):
        depth += passed[i]
        if depth == 0:
            cuts.append(i)
    cuts.append(len(nodes))
    parts: list[int | Split] = []
    for before, after in pairwise(cuts):
        between = nodes[before + 1 : after]
        if between:
            straight = (before, after) in lines
            parts.append(_branches(between, straight, sources, len(nodes)))
        if after < len(nodes):
            parts.append(nodes[after])
    return tuple(parts)


def _lines(nodes: list[int], place: dict[int, int], sources: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    """The lines as pairs of places; -1 is where they come in, len(nodes) where they go out."""
    lines, read = set[tuple[int, int]](), set[int]()
    for node, given in enumerate(sources):
        for source in given:
            if source in place and node not in place:
                lines.add((place[source], len(nodes)))
            read.add(source)
        if node in place:
            lines |= {(place.get(source, -1), place[node]) for source in given} or {(-1, place[node])}
    return lines | {(place[node], len(nodes)) for node in nodes if node not in read}


def _branches(nodes: list[int], straight: bool, sources: Sequence[Sequence[int]], known: int) -> Split:
    """What lies between two nodes, as branches."""
    groups: list[set[int]] = []
    for node in nodes:
        mine = {node, *sources[node]} & set(nodes)
        touched = [group for group in groups if group & mine]
        groups = [group for group in groups if not group & mine] + [mine.union(*touched)]
    if len(groups) == 1 and not straight and len(nodes) == known:
        raise _NoStructure
    branches = [_series(sorted(group), sources) for group in sorted(groups, key=min)]
    return Split((*branches, *([()] if straight else [])))
