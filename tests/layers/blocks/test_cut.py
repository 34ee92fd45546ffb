"""Cut: which part it is, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import (
    Add,
    Concat,
    Conv,
    Cut,
    Fire,
    Flatten,
    Identity,
    Input,
    MaxPool,
    Pick,
    ReLU,
    Residual,
    Softmax,
    Tanh,
)

OPEN = Conv(8, 3) >> ReLU() >> MaxPool(2) >> Conv(16, 3) >> ReLU() >> Flatten() >> Softmax(10)
CLOSED = Input(1, 16, 16) >> OPEN
BLOCKS = Input(8, 6, 6) >> Residual(Conv(8, 3, padding=1) >> ReLU() >> Tanh()) >> Fire(1, 2, 3)

MERGED = Input(4) >> (ReLU(3) | Tanh(3)) >> (Pick(0) >> ReLU(3) | Pick(1)) >> Add() >> (ReLU(2) | Tanh(2)) >> Concat()


@pytest.mark.parametrize(
    ("cut", "part"),
    [
        (Cut(OPEN, "relu1", "conv2"), ReLU() >> MaxPool(2) >> Conv(16, 3)),
        (Cut(OPEN, last="maxpool1"), Conv(8, 3) >> ReLU() >> MaxPool(2)),
        (Cut(CLOSED, last="maxpool1"), Conv(8, 3) >> ReLU() >> MaxPool(2)),
        (Cut(CLOSED, "conv1", "maxpool1"), Conv(8, 3) >> ReLU() >> MaxPool(2)),
        (Cut(CLOSED, "conv2", "conv2"), Conv(16, 3) >> Identity()),
        (Cut(CLOSED), OPEN),
        (
            Cut(BLOCKS, "residual1.parallel1.branch1.relu1", "residual1.parallel1.branch1.tanh1"),
            ReLU() >> Tanh(),
        ),
    ],
)
def test_the_part(cut: Cut, part: Any) -> None:
    network = Input(1, 20, 20) >> cut
    layers = [node.layer for node in network.plan().nodes[1:]]
    expected = [node.layer for node in (Input(1, 20, 20) >> part).plan().nodes[1:]]
    assert layers == [layer for layer in expected if layer != Identity()]


def test_inside() -> None:
    network = Input(1, 20, 20) >> Cut(CLOSED, "conv1", "conv2") >> Flatten() >> Softmax(3)
    rows = network.summary().rows
    assert [(row.path, row.parameters, row.receptive_field) for row in rows[:5]] == [
        ("input1", 0, (1, 1)),
        ("cut1.conv1", 80, (3, 3)),
        ("cut1.relu1", 0, (3, 3)),
        ("cut1.maxpool1", 0, (4, 4)),
        ("cut1.conv2", 16 * 73, (8, 8)),
    ]
    assert (Input(1, 20, 20) >> Cut(CLOSED, "conv1", "conv2")).output_shape == (16, 7, 7)


def test_branches_of_one_input_are_a_part() -> None:
    assert (Input(5) >> Cut(MERGED, "parallel3")).output_shape == (4,)


def test_two_cuts_of_one_network_have_weights_of_their_own() -> None:
    cut = Cut(CLOSED, last="conv1")
    module = (Input(1, 5, 5) >> (cut | cut) >> Add()).build()
    one, two = (getattr(module.parallel1, f"branch{i}").conv1.weight for i in (1, 2))
    assert one.shape == two.shape
    assert not (one == two).all()


def test_a_shape_that_the_part_does_not_take() -> None:
    with pytest.raises(JoinError, match=r"^cut1\.conv1: Conv\(16, 3\): expected an input \(channels, \*space\)"):
        Input(4) >> Cut(CLOSED, "conv2", "relu2")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Cut(OPEN, "conv3"), r"expected the name of a layer there, got 'conv3'\. Did you mean 'conv2'"),
        (lambda: Cut(OPEN, "conv2", "relu1"), r"two layers in the order of the network, got 'conv2' behind 'relu1'"),
        (
            lambda: Cut(BLOCKS, "residual1.parallel1.branch1.conv1", "fire1"),
            r"two layers of one chain, got 'residual1\.parallel1\.branch1\.conv1' and 'fire1'",
        ),
        (
            lambda: Cut(CLOSED, "input1", "input1"),
            r"Cut\(network\): expected a part with one input and at least one layer, got Input\(1, 16, 16\)\. Cut",
        ),
        (
            lambda: Cut((Input(3) | Input(3)) >> Add()),
            r"a part with one input and at least one layer, got \(Input\(3\) \| Input\(3\)\) >> Add\(\)",
        ),
        (
            lambda: Cut(MERGED, "concat1", "concat1"),
            r"Cut\(network\): expected a part with one input and at least one layer, got one that begins with "
            r"Concat\(\), which takes several\. Cut from the branches before it on\.",
        ),
        (lambda: Cut(MERGED, "concat1"), r"got one that begins with Concat\(\)"),
        (lambda: Cut(MERGED, "parallel2", "add1"), r"got one that begins with Pick\(0\)"),
        (lambda: Cut(OPEN, 1), r"Cut\(first\): expected the name of a layer or None, got 1"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
