"""Composition: its laws, its closed and open networks, its errors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from netwright.core.errors import CorruptFile, InvalidParameter, JoinError
from netwright.core.value import from_json, to_json
from netwright.graph import Chain, Expression, Input, Parallel, join, parallel, repeat
from netwright.layers import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Embedding,
    Flatten,
    GlobalPool,
    Identity,
    Linear,
    MaxPool,
    ReLU,
    Softmax,
    Tanh,
)

A, B, C = ReLU(4), Tanh(4), Linear(4)

leaves = st.sampled_from([A, B, C, Identity(), Dropout(0.5)])
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] >> pair[1]),
        st.tuples(inner, inner).map(lambda pair: (pair[0] | pair[1]) >> Add()),
    ),
    max_leaves=8,
)


@given(expressions, expressions, expressions)
@settings(derandomize=True, max_examples=40, deadline=None)
def test_laws(a: Expression, b: Expression, c: Expression) -> None:
    assert (a >> b) >> c == a >> (b >> c) == join(a, b, c)
    assert (a | b) | c == a | (b | c) == parallel(a, b, c)
    assert hash((a >> b) >> c) == hash(a >> (b >> c))
    assert (a >> b) | c == parallel(join(a, b), c)
    for made in (a >> b >> c, a | b | c):
        assert eval(repr(made)) == made
        assert from_json(to_json(made)) == made


@given(expressions)
@settings(derandomize=True, max_examples=25, deadline=None)
def test_closing_an_open_network(network: Expression) -> None:
    closed = Input(4) >> network
    assert network.output_shape is None
    assert closed.output_shape == (4,)
    assert closed == Input(4) >> from_json(to_json(network))
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(closed.build(1).eval()(x), eval(repr(closed)).build(1).eval()(x))


def test_precedence() -> None:
    assert (A >> B | C >> A) == ((A >> B) | (C >> A))
    assert repr(A >> (B | C) >> Add()) == "ReLU(4) >> (Tanh(4) | Linear(4)) >> Add()"
    assert repr((A >> B) | C) == "ReLU(4) >> Tanh(4) | Linear(4)"


def test_chains_and_branches_are_flat() -> None:
    assert (A >> (B >> C)).parts == (A, B, C)
    assert (A | (B | C)).branches == (A, B, C)
    assert (A >> (B | C)).parts == (A, B | C)
    assert type(A >> B) is Chain
    assert type(A | B) is Parallel


def test_repeat() -> None:
    assert repeat(A, 3) == A >> A >> A
    assert repeat(A >> B, 2) == A >> B >> A >> B
    assert repeat(A, 1) == join(A)
    block = (Conv(8, 3, padding="same") >> ReLU() | Identity()) >> Add()
    network = Input(8, 6, 6) >> repeat(block, 3)
    assert network.output_shape == (8, 6, 6)
    assert network.summary().parameters == 3 * (8 * 8 * 9 + 8)
    one, two, three = (network.build().get_submodule(f"parallel{i}.branch1.conv1").weight for i in (1, 2, 3))
    assert not torch.equal(one, two)
    assert not torch.equal(two, three)


def test_shapes() -> None:
    network = Input(1, 28, 28) >> Conv(32, 3) >> ReLU() >> MaxPool(2) >> Flatten() >> ReLU(128) >> Softmax(10)
    assert (network.input_shape, network.output_shape) == ((1, 28, 28), (10,))
    assert (A.input_shape, A.output_shape, (A >> B).output_shape) == (None, None, None)
    assert Input(3, 4).output_shape == Input(3, 4).input_shape == (3, 4)
    two = Input(3) | Input(4, 5)
    assert (two.input_shape, two.output_shape) == (((3,), (4, 5)), ((3,), (4, 5)))


def test_residual() -> None:
    network = Input(4, 8, 8) >> (Conv(4, 3, padding="same") >> BatchNorm() | Identity()) >> Add() >> ReLU()
    module = network.build().double().eval()
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    conv, norm = module.parallel1.branch1
    assert torch.allclose(module(x), torch.relu(norm(conv(x)) + x))


def test_several_outputs() -> None:
    network = Input(6) >> Tanh(5) >> (Softmax(3) | Linear(1) >> Identity() | Identity())
    assert network.output_shape == ((3,), (1,), (5,))
    one, two, three = network.build()(torch.zeros(2, 6))
    assert (one.shape, two.shape, three.shape) == ((2, 3), (2, 1), (2, 5))


def test_several_inputs() -> None:
    network = (
        Input(3) >> ReLU(4) | Input(2, 8, 8) >> Conv(4, 3) >> GlobalPool() | Input(5) >> Embedding(9, 2) >> Flatten()
    ) >> Concat()
    assert network.input_shape == ((3,), (2, 8, 8), (5,))
    assert network.output_shape == (4 + 4 + 10,)
    module = network.build().eval()
    x, image, words = (
        torch.rand(2, 3, generator=torch.Generator().manual_seed(0)),
        torch.ones(2, 2, 8, 8),
        torch.ones(2, 5),
    )
    body = module.body.parallel1
    wanted = torch.cat([body.branch1(x), body.branch2(image), body.branch3(words)], 1)
    assert torch.equal(module(x, image, words), wanted)


def test_inputs_within_branches_of_inputs() -> None:
    network = ((Input(2) | Input(3)) >> Concat() >> ReLU(6) | Input(4) | (Input(1) | Input(1)) >> Add()) >> Concat()
    assert network.input_shape == ((2,), (3,), (4,), (1,), (1,))
    assert network.output_shape == (6 + 4 + 1,)
    module = network.build().double()
    xs = [torch.randn(2, n, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in (2, 3, 4, 1, 1)]
    first = module.body.parallel1.branch1.relu1(torch.cat(xs[:2], 1))
    assert torch.equal(module(*xs), torch.cat([first, xs[2], xs[3] + xs[4]], 1))
    assert eval(repr(network)) == network


def test_branches_after_branches_of_inputs() -> None:
    """Merged inputs are one stream again, which may branch."""
    network = (Input(2) | Input(3)) >> Concat() >> (ReLU(4) | Identity()) >> Concat() >> Linear(1)
    assert network.build()(torch.zeros(2, 2), torch.zeros(2, 3)).shape == (2, 1)


def test_values_copy_and_pickle() -> None:
    network = Input(4) >> (A | B) >> Add() >> C
    for twin in (copy.copy(network), copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert twin == network
        assert twin.output_shape == (4,)
    assert len({network, copy.deepcopy(network)}) == 1


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Input(1, 28, 28) >> Conv(8, 3) >> ReLU(10),
            r"relu1: ReLU\(10\): expected an input \(features,\) .*, got shape \(8, 26, 26\)\. "
            r"Put Flatten\(\) before it\. It stands behind Conv\(8, 3\) at conv1",
        ),
        (
            lambda: Input(10) >> Conv(8, 3),
            r"conv1: Conv\(8, 3\): expected an input \(channels, \*space\).*got shape \(10,\).*"
            r"behind Input\(10\) at input1",
        ),
        (
            lambda: Input(1, 8, 8) >> Conv(2, 3) >> (ReLU() | Conv(4, 3) >> Conv(4, 3) >> Conv(4, 5)) >> Concat(),
            r"parallel1\.branch2\.conv3: Conv\(4, 5\): expected space axes of at least \(5, 5\), got shape \(4, 2, 2\)"
            r".*"
            r"behind Conv\(4, 3\) at parallel1\.branch2\.conv2",
        ),
        (
            lambda: Input(4) >> A >> (Input(4) >> B),
            r"a >> b: expected Input only at the beginning, got .*ReLU\(4\).*with \|",
        ),
        (
            lambda: A >> Input(4),
            r"a >> b: expected Input only at the beginning, got Input\(4\) on the right of ReLU\(4\)",
        ),
        (
            lambda: Input(4) >> A | B,
            r"a \| b: expected every branch to begin with Input, or none, got .*Tanh\(4\) without",
        ),
        (lambda: repeat(Input(4) >> A, 2), r"expected Input only at the beginning"),
        (
            lambda: (A >> B).build(),
            r"ReLU\(4\) >> Tanh\(4\): expected a closed network, got one without Input\. Put Input",
        ),
        (lambda: A.summary(), r"expected a closed network, got one without Input"),
        (
            lambda: Input(4) >> (A | B) >> C,
            r"linear1: Linear\(4\): expected one input, got shape \(\(4,\), \(4,\)\)\. It gets 2: merge",
        ),
    ],
)
def test_impossible_joins(make: Any, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: A >> torch.nn.ReLU(),
            r"a >> b: expected layers and networks, got ReLU\(\)\. Wrap a torch module as Module",
        ),
        (lambda: A >> ReLU, r"a >> b: expected layers and networks, got <class .*>\. Write ReLU\(\.\.\.\): the class"),
        (lambda: A | 3, r"a \| b: expected layers and networks, got 3"),
        (lambda: join(), r"join\(\): expected at least one layer, got none"),
        (lambda: parallel(A), r"parallel\(\): expected at least two branches, got 1"),
        (lambda: repeat(A, 0), r"repeat\(times\): expected an integer >= 1, got 0"),
        (lambda: repeat(A, 1.5), r"repeat\(times\): expected an integer >= 1, got 1\.5"),
        (lambda: repeat(A, 10**9), r"repeat\(times\): expected a chain of at most 100000 parts, got 1000000000"),
        (lambda: repeat(3, 2), r"a >> b: expected layers and networks, got 3"),
        (lambda: Input(), r"Input\(shape\): expected .*an integer >= 1, got \(\)"),
        (lambda: Input(3, 0), r"Input\(shape\): expected .*, got \(3, 0\)"),
        (lambda: Input(3, -1), r"Input\(shape\): expected .*, got \(3, -1\)"),
        (lambda: Input("3"), r"Input\(shape\): expected .*, got \('3',\)"),
    ],
)
def test_things_that_are_no_layers(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def test_input_is_written_in_three_ways() -> None:
    assert Input(1, 8, 8) == Input((1, 8, 8)) == Input([1, 8, 8]) == Input(shape=(1, 8, 8))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [
        {"$": "network.Chain", "parts": []},
        {"$": "network.Chain", "parts": [3]},
        {"$": "network.Parallel", "branches": [{"$": "network.Input", "shape": [3]}]},
        {"$": "network.Input", "shape": [-3]},
        {"$": "network.Chain", "parts": [{"$": "layer.ReLU", "units": 3, "weigth": 1}]},
    ],
)
def test_networks_in_files_are_checked(data: Any) -> None:
    with pytest.raises(CorruptFile):
        from_json(data)
