"""The layout of networks: nothing overlaps, and the lines are the plan's."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.graph import Expression, repeat
from netwright.layers import Add, Identity, Input, ReLU, Tanh
from netwright.plots.layout import ASPECT, TALL, Block, Box, lay_out

layers = st.sampled_from([ReLU(4), Tanh(), Identity()])


def merged(branches: list[Expression]) -> Expression:
    return functools.reduce(lambda a, b: a | b, branches) >> Add()


def all_to_all(branches: list[Expression]) -> Expression:
    return functools.reduce(lambda a, b: a | b, branches) >> (Add() | Add() >> Tanh()) >> Add()


def chained(parts: list[Expression]) -> Expression:
    return functools.reduce(lambda a, b: a >> b, parts)


parts = st.recursive(
    layers,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(chained),
        st.lists(inner, min_size=2, max_size=4).map(merged),
        st.lists(inner, min_size=2, max_size=3).map(all_to_all),
    ),
    max_leaves=12,
)
ends = st.one_of(st.just(Tanh()), st.just(Tanh() | (ReLU(4) >> Tanh())), st.just(Tanh() | Identity()))
starts = st.sampled_from([Input(4), (Input(4) | (Input(4) >> ReLU(4))) >> Add()])
networks = st.builds(lambda start, body, end: start >> body >> end, starts, parts, ends)


def drawn(network: Expression) -> Block:
    return lay_out(network, [60.0 + 7.0 * (i % 5) for i in range(len(network.plan().nodes))])


def overlap(a: Box, b: Box) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def crosses(a: tuple[float, float], b: tuple[float, float], box: Box, inner: float = 0.5) -> bool:
    """Whether a line along an axis runs through the inside of a box."""
    left, right = sorted((a[0], b[0]))
    top, bottom = sorted((a[1], b[1]))
    across = left < box.x + box.width - inner and right > box.x + inner
    return across and top < box.y + box.height - inner and bottom > box.y + inner


def check_layout(network: Expression) -> None:
    plan, block = network.plan(), drawn(network)
    boxes = {box.node: box for box in block.boxes}
    assert len(boxes) == len(block.boxes)
    for i, a in enumerate(block.boxes):
        assert a.x >= -1e-6
        assert a.y >= -1e-6
        assert a.x + a.width <= block.width + 1e-6
        assert a.y + a.height <= block.height + 1e-6
        assert not any(overlap(a, b) for b in block.boxes[i + 1 :])
    edges = sorted((source, target) for target, node in enumerate(plan.nodes) for source in node.inputs)
    assert sorted((wire.source, wire.target) for wire in block.wires) == edges
    for wire in block.wires:
        assert all(0.0 <= x <= block.width and 0.0 <= y <= block.height for x, y in wire.points)
        for a, b in zip(wire.points, wire.points[1:], strict=False):
            assert a[0] == pytest.approx(b[0]) or a[1] == pytest.approx(b[1])
            assert not any(crosses(a, b, box) for box in block.boxes)
        assert wire.arrow == (wire.target in boxes)
        if wire.source in boxes:
            box = boxes[wire.source]
            assert wire.points[0] == pytest.approx((box.x + box.width / 2, box.y + box.height))
        if wire.target in boxes:
            box = boxes[wire.target]
            assert wire.points[-1] == pytest.approx((box.x + box.width / 2, box.y))


@settings(max_examples=120)
@given(networks)
def test_any_network_is_laid_out_without_overlap(network: Expression) -> None:
    check_layout(network)


@settings(max_examples=60)
@given(networks)
def test_every_node_has_a_box_unless_it_is_a_short_cut(network: Expression) -> None:
    nodes, block = network.plan().nodes, drawn(network)
    shown = {box.node for box in block.boxes}
    assert all(isinstance(node.layer, Identity) for i, node in enumerate(nodes) if i not in shown)
    assert {port.node for port in block.ends} == set(network.plan().outputs)


def block_of(n: int) -> Expression:
    return repeat(((ReLU(4) >> Tanh()) | Identity()) >> Add(), n)


@pytest.mark.parametrize("network", [Input(4) >> repeat(ReLU(4), 200), Input(4) >> block_of(50) >> Tanh()])
def test_tall_networks_are_continued_in_columns(network: Expression) -> None:
    check_layout(network)
    block = drawn(network)
    columns = {round(box.x + box.width / 2) for box in block.boxes}
    assert 3 <= len(columns) <= 12
    assert block.height < len(block.boxes) * 66 / 2.5
    assert block.width / block.height < 2 * ASPECT


def test_short_networks_stay_in_one_column() -> None:
    block = drawn(Input(4) >> repeat(ReLU(4), 15))
    assert len({box.x for box in block.boxes}) == 1
    assert block.height <= TALL


def test_columns_break_where_no_lines_join() -> None:
    network = Input(4) >> block_of(30)
    block = drawn(network)
    turns = [wire for wire in block.wires if len(wire.points) == 6]
    assert turns
    for wire in turns:
        assert [w.source for w in block.wires if w.target == wire.target] == [wire.source]


def test_the_main_line_of_a_residual_network_is_straight() -> None:
    block = drawn(Input(4) >> block_of(4))
    assert len({box.x + box.width / 2 for box in block.boxes}) == 1
    assert len({box.width for box in block.boxes}) == 1


def test_a_short_cut_runs_beside_the_boxes() -> None:
    block = drawn(Input(4) >> block_of(1))
    (way,) = [wire for wire in block.wires if wire.target == 3]
    assert not way.arrow
    assert way.points[-1][0] > max(box.x + box.width for box in block.boxes)


def test_one_layer() -> None:
    assert drawn(Input(4)).boxes == (Box(0, 0.0, 0.0, 60.0, 44.0),)
