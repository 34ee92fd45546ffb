"""Layout of a network: where each layer's box stands and how the lines run, from the structure of the expression.

A chain is stacked from top to bottom and its branches stand side by side, each in a column of its own, so that no box
overlaps another and no line runs through a box, whatever the network. What stands before a part feeds all of its
beginnings: one line down from each end, along a bus, and down to each beginning. A branch that is an `Identity` alone
is no box but a line in a lane of its own: the short cut of a residual block. A chain that is too tall is continued
beside itself, in columns of equal height. Lengths are in pixels; y grows downwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from netwright.graph import Chain, Expression, Parallel, opened
from netwright.layers import Identity

HEIGHT = 44.0  # of a box
GAP, BUS_GAP = 22.0, 38.0  # between boxes; where lines fork or join
BESIDE, LANE = 20.0, 26.0  # between branches; width of a short cut's lane
TALL = 1150.0  # the tallest chain that stays in one column
COLUMN_GAP = 64.0
ASPECT, WIDE = 1.5, 1560.0  # width : height that several columns come near to; their greatest width

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """The box of the node of that number in the plan."""

    node: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Port:
    """Where a line enters or leaves a node; a lane is a node without a box."""

    node: int
    x: float
    y: float
    lane: bool = False


@dataclass(frozen=True)
class Wire:
    """A line from one node to another, by its corners; it ends in an arrow unless it goes on as a lane."""

    source: int
    target: int
    points: tuple[Point, ...]
    arrow: bool


@dataclass(frozen=True)
class Block:
    """A part of the network in place: `axis` is the x of its main line; at `tops` and `ends` lines come and go."""

    width: float
    height: float
    axis: float
    boxes: tuple[Box, ...] = ()
    wires: tuple[Wire, ...] = ()
    tops: tuple[Port, ...] = ()
    ends: tuple[Port, ...] = ()

    def moved(self, dx: float, dy: float) -> Block:
        """The same block elsewhere (its size does not change)."""
        return replace(
            self,
            axis=self.axis + dx,
            boxes=tuple(replace(box, x=box.x + dx, y=box.y + dy) for box in self.boxes),
            wires=tuple(replace(w, points=tuple((x + dx, y + dy) for x, y in w.points)) for w in self.wires),
            tops=tuple(replace(port, x=port.x + dx, y=port.y + dy) for port in self.tops),
            ends=tuple(replace(port, x=port.x + dx, y=port.y + dy) for port in self.ends),
        )


def lay_out(expression: Expression, widths: Sequence[float]) -> Block:
    """The whole network in place, its corner at (0, 0).

    Parameters
    ----------
    expression : the network.
    widths : of each node's box, in the order of the plan.
    """
    if _is_one_line(expression):
        widths = [max(widths)] * len(widths)
    expression = opened(expression, expression.plan())
    parts = expression.parts if isinstance(expression, Chain) else (expression,)
    return in_columns(_blocks(parts, iter(range(len(widths))), widths))


def in_columns(blocks: Sequence[Block]) -> Block:
    """Blocks one under the other, continued in further columns where that would be too tall."""
    whole = stacked(blocks)
    if whole.height <= TALL or len(blocks) < 2:
        return whole
    wanted = math.ceil(math.sqrt(ASPECT * whole.height / (whole.width + COLUMN_GAP)))
    count = min(wanted, max(1, int((WIDE + COLUMN_GAP) / (whole.width + COLUMN_GAP))))
    columns = [stacked(group) for group in _shared_out(blocks, count, whole.height)]
    if len(columns) == 1:
        return whole
    depth = max(column.height for column in columns)
    placed, x = [], 0.0
    for column in columns:
        placed.append(column.moved(x, 0.0))
        x += column.width + COLUMN_GAP
    wires = [wire for column in placed for wire in column.wires]
    left = 0.0
    for before, after in pairwise(placed):
        left += before.width + COLUMN_GAP
        wires += _over(before.ends, after.tops, before.height + GAP, left - COLUMN_GAP / 2)
    boxes = tuple(box for column in placed for box in column.boxes)
    width = x - COLUMN_GAP
    made = Block(width, depth + 2 * GAP, width / 2, boxes, tuple(wires), placed[0].tops, placed[-1].ends)
    return made.moved(0.0, GAP)  # below the lines that come from the column before


def stacked(blocks: Sequence[Block]) -> Block:
    """Blocks one under the other, their axes on one line."""
    left = max(block.axis for block in blocks)
    width = left + max(block.width - block.axis for block in blocks)
    y = 0.0
    placed: list[Block] = []
    wires: list[Wire] = []
    for block in blocks:
        if placed:
            ends = placed[-1].ends
            gap = GAP if len(ends) == len(block.tops) == 1 and not (ends[0].lane or block.tops[0].lane) else BUS_GAP
            here = block.moved(left - block.axis, y + gap)
            wires += _down(ends, here.tops, y + gap / 2)
            y += gap
        else:
            here = block.moved(left - block.axis, y)
        placed.append(here)
        y += block.height
    boxes = tuple(box for block in placed for box in block.boxes)
    wires += [wire for block in placed for wire in block.wires]
    return Block(width, y, left, boxes, tuple(wires), placed[0].tops, placed[-1].ends)


def beside(blocks: Sequence[Block]) -> Block:
    """Branches side by side; beside short cuts alone, the axis is that of the one branch that has boxes."""
    placed, x = [], 0.0
    for block in blocks:
        placed.append(block.moved(x, 0.0))
        x += block.width + BESIDE
    width = x - BESIDE
    full = [block for block in placed if block.boxes]
    return Block(
        width,
        max(block.height for block in placed),
        full[0].axis if len(full) == 1 else width / 2,
        tuple(box for block in placed for box in block.boxes),
        tuple(wire for block in placed for wire in block.wires),
        tuple(port for block in placed for port in block.tops),
        tuple(port for block in placed for port in block.ends),
    )


def boxed(node: int, width: float) -> Block:
    """One layer."""
    top, end = Port(node, width / 2, 0.0), Port(node, width / 2, HEIGHT)
    return Block(width, HEIGHT, width / 2, (Box(node, 0.0, 0.0, width, HEIGHT),), (), (top,), (end,))


def lane(node: int) -> Block:
    """A short cut: a line without a box."""
    port = Port(node, LANE / 2, 0.0, lane=True)
    return Block(LANE, 0.0, LANE / 2, (), (), (port,), (port,))


def _blocks(parts: Sequence[Expression], nodes: Iterator[int], widths: Sequence[float]) -> list[Block]:
    """The blocks of a chain; its own layers all get the width of the widest."""
    blocks = [_block(part, nodes, widths) for part in parts]
    own = [not isinstance(part, (Chain, Parallel)) for part in parts]
    widest = max((block.width for block, one in zip(blocks, own, strict=True) if one), default=0.0)
    return [boxed(b.boxes[0].node, widest) if one else b for b, one in zip(blocks, own, strict=True)]


def _block(part: Expression, nodes: Iterator[int], widths: Sequence[float]) -> Block:
    """A part in place; nodes are taken in the order of the plan."""
    if isinstance(part, Chain):
        return stacked(_blocks(part.parts, nodes, widths))
    if isinstance(part, Parallel):
        return beside([_branch(branch, nodes, widths) for branch in part.branches])
    node = next(nodes)
    return boxed(node, widths[node])


def _branch(branch: Expression, nodes: Iterator[int], widths: Sequence[float]) -> Block:
    return lane(next(nodes)) if _is_short_cut(branch) else _block(branch, nodes, widths)


def _down(ends: Sequence[Port], tops: Sequence[Port], bus: float) -> list[Wire]:
    """Lines from every end to every beginning below it, along a bus."""
    return [
        Wire(a.node, b.node, _straightened(((a.x, a.y), (a.x, bus), (b.x, bus), (b.x, b.y))), not b.lane)
        for a in ends
        for b in tops
    ]


def _over(ends: Sequence[Port], tops: Sequence[Port], below: float, between: float) -> list[Wire]:
    """Lines from the foot of a column to the head of the next: down, to the gap, up, across, down."""
    return [
        Wire(
            a.node,
            b.node,
            ((a.x, a.y), (a.x, below), (between, below), (between, -GAP), (b.x, -GAP), (b.x, b.y)),
            not b.lane,
        )
        for a in ends
        for b in tops
    ]


def _straightened(points: tuple[Point, ...]) -> tuple[Point, ...]:
    first, last = points[0], points[-1]
    return (first, last) if abs(first[0] - last[0]) < 0.5 else points


def _shared_out(blocks: Sequence[Block], columns: int, height: float) -> list[list[Block]]:
    """Blocks in order, in at most so many groups of about equal height; no break where several lines join."""
    groups: list[list[Block]] = [[]]
    filled, left = 0.0, height
    for unit in _units(blocks):
        tall = sum(block.height + GAP for block in unit)
        share = left / (columns - len(groups) + 1)
        if groups[-1] and filled + tall / 2 > share and len(groups) < columns:
            groups.append([])
            left -= filled
            filled = 0.0
        groups[-1].extend(unit)
        filled += tall
    return groups


def _units(blocks: Sequence[Block]) -> list[list[Block]]:
    """Runs of blocks between which the lines begin at one place."""
    units: list[list[Block]] = [[blocks[0]]]
    for before, block in pairwise(blocks):
        if len(before.ends) == 1:
            units.append([])
        units[-1].append(block)
    return units


def _is_one_line(part: Expression) -> bool:
    """Whether at no place two boxes stand side by side: a chain with short cuts at most."""
    if isinstance(part, Chain):
        return all(map(_is_one_line, part.parts))
    if isinstance(part, Parallel):
        full = [branch for branch in part.branches if not _is_short_cut(branch)]
        return len(full) < 2 and all(map(_is_one_line, full))
    return True


def _is_short_cut(branch: Expression) -> bool:
    alone = branch.parts[0] if isinstance(branch, Chain) and len(branch.parts) == 1 else branch
    return isinstance(alone, Identity)
