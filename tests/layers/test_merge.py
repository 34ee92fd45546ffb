"""Add, Multiply, Elementwise, Concat."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.core.registry import register
from netwright.core.value import from_json, to_json
from netwright.layers import Add, Concat, Conv, Elementwise, Identity, Input, Linear, Multiply

RNG = np.random.default_rng(0)


def run(layer: Any, *arrays: np.ndarray) -> np.ndarray:
    network = Input(arrays[0].shape[1:]) | Input(arrays[1].shape[1:])
    for array in arrays[2:]:
        network = network | Input(array.shape[1:])
    return (network >> layer).build()(*map(torch.from_numpy, arrays)).numpy()


@pytest.mark.parametrize("shape", [(4,), (3, 4, 5)])
def test_add(shape: tuple[int, ...]) -> None:
    arrays = [RNG.normal(size=(2, *shape)) for _ in range(3)]
    np.testing.assert_allclose(run(Add(), *arrays), sum(arrays), rtol=1e-14)


@pytest.mark.parametrize(
    ("layer", "formula"),
    [
        (Multiply(), np.multiply),
        (Elementwise(), np.add),
        (Elementwise("add"), np.add),
        (Elementwise("multiply"), np.multiply),
        (Elementwise("maximum"), np.maximum),
        (Elementwise("minimum"), np.minimum),
    ],
    ids=repr,
)
@pytest.mark.parametrize("count", [2, 4])
def test_element_by_element(layer: Any, formula: Any, count: int) -> None:
    arrays = [RNG.normal(size=(2, 3, 4)) for _ in range(count)]
    np.testing.assert_allclose(run(layer, *arrays), functools.reduce(formula, arrays), rtol=1e-14)


def test_difference_and_average() -> None:
    a, b, c = (RNG.normal(size=(2, 5)) for _ in range(3))
    np.testing.assert_allclose(run(Elementwise("subtract"), a, b), a - b, rtol=1e-14)
    np.testing.assert_allclose(run(Elementwise("average"), a, b, c), (a + b + c) / 3, rtol=1e-14)


def first_or_larger(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.where(x > 0, x, torch.maximum(x, y))


def test_a_function_of_ones_own() -> None:
    a, b = RNG.normal(size=(2, 5)), RNG.normal(size=(2, 5))
    layer = Elementwise(first_or_larger)
    np.testing.assert_array_equal(run(layer, a, b), np.where(a > 0, a, np.maximum(a, b)))
    assert layer == Elementwise(first_or_larger) != Elementwise(torch.maximum)
    assert repr(layer) == "Elementwise(first_or_larger)"
    with pytest.raises(
        InvalidParameter, match=r"saving: expected .* registered functions, got <function first_or_larger"
    ):
        to_json(layer)


def test_a_function_with_a_name_goes_to_files() -> None:
    layer = Elementwise(register("test_merge_hypotenuse")(torch.hypot))
    assert repr(layer) == "Elementwise(test_merge_hypotenuse)"
    assert from_json(to_json(layer)) == layer


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (
            lambda x, y: x.sum(1),
            r"expected a function that gives a tensor of the shape of its inputs, .* got one of shape",
        ),
        (lambda x, y: (x, y), r"expected a function that gives a tensor of the shape of its inputs, .* got \("),
    ],
)
def test_functions_that_change_the_shape(function: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        (Input(3) | Input(3)) >> Elementwise(function)


def test_a_function_that_does_not_run() -> None:
    with pytest.raises(JoinError, match=r"expected a shape that its module runs on, .*torch says: TypeError"):
        (Input(3) | Input(3)) >> Elementwise(torch.exp)


@pytest.mark.parametrize(
    ("axis", "shapes"),
    [
        (1, [(4,), (2,)]),
        (1, [(3, 5, 5), (1, 5, 5), (2, 5, 5)]),
        (2, [(3, 4, 5), (3, 1, 5)]),
        (-1, [(6, 2), (6, 3)]),
        (-2, [(6, 2), (3, 2)]),
    ],
)
def test_concat(axis: int, shapes: list[tuple[int, ...]]) -> None:
    arrays = [RNG.normal(size=(2, *shape)) for shape in shapes]
    np.testing.assert_array_equal(run(Concat(axis), *arrays), np.concatenate(arrays, axis))


def test_add_does_not_write_its_inputs() -> None:
    a, b = torch.ones(2, 3), torch.ones(2, 3)
    ((Input(3) | Input(3)) >> Add()).build()(a, b)
    assert torch.equal(a, torch.ones(2, 3))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Input(4) >> (Linear(3) | Identity()) >> Add(),
            r"add1: Add\(\): expected inputs of one shape, got shape \(\(3,\), \(4,\)\)\. Give the branches.*"
            r"It stands behind Linear\(3\) at parallel1\.branch1, Identity\(\) at parallel1\.branch2",
        ),
        (
            lambda: Input(2, 8, 8) >> (Conv(2, 3) | Identity()) >> Concat(),
            r"concat1: Concat\(\): expected inputs that are equal but for axis 1, "
            r"got shape \(\(2, 6, 6\), \(2, 8, 8\)\)\. Make the other axes equal",
        ),
        (lambda: (Input(3) | Input(3, 4)) >> Concat(), r"equal but for axis 1, got shape \(\(3,\), \(3, 4\)\)"),
        (lambda: (Input(3) | Input(3)) >> Concat(2), r"inputs that have the axis 2, .*counted with the batch axis"),
        (lambda: (Input(3) | Input(3)) >> Concat(-2), r"inputs that have the axis -2"),
        (
            lambda: Input(3) >> Add(),
            r"Add\(\): expected at least two inputs, got shape \(3,\)\. Put it behind branches",
        ),
        (
            lambda: Input(4) >> (Linear(3) | Identity()) >> Multiply(),
            r"Multiply\(\): expected inputs of one shape, got shape \(\(3,\), \(4,\)\)\. Give the branches",
        ),
        (
            lambda: (Input(3) | Input(1)) >> Elementwise("maximum"),
            r"Elementwise\('maximum'\): expected inputs of one shape, got shape \(\(3,\), \(1,\)\)",
        ),
        (
            lambda: (Input(3) | Input(3) | Input(3)) >> Elementwise("subtract"),
            r"Elementwise\('subtract'\): expected two inputs, got shape .*\. Add up what is to be subtracted first",
        ),
        (lambda: Input(3) >> Multiply(), r"Multiply\(\): expected at least two inputs"),
        (lambda: Input(3) >> Elementwise(), r"Elementwise\(\): expected at least two inputs"),
        (lambda: Input(3) >> Concat(), r"Concat\(\): expected at least two inputs"),
        (lambda: (Input(3) | Input(3)) >> Linear(2), r"Linear\(2\): expected one input, .*Concat\(\) or Add\(\)"),
    ],
)
def test_joins_that_cannot_work(make: Any, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        make()


@pytest.mark.parametrize("axis", [0, 1.0, None, "1"])
def test_refusals(axis: Any) -> None:
    with pytest.raises(
        InvalidParameter, match=r"Concat\(axis\): expected an integer other than 0, the batch axis, got"
    ):
        Concat(axis)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (
            "plus",
            r"Elementwise\(function\): expected 'add' or .* or a function of n tensors without weights, got 'plus'",
        ),
        ("Maximum", r"got 'Maximum'\. Did you mean 'maximum'"),
        (3, r"Elementwise\(function\): expected .*, got 3"),
        (torch.nn.Identity(), r"Elementwise\(function\): expected .* without weights, got Identity\(\)"),
        (torch.nn.Bilinear, r"Elementwise\(function\): expected .* without weights, got <class"),
    ],
)
def test_refused_functions(function: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        Elementwise(function)
