"""Add and Concat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Add, Concat, Conv, Identity, Input, Linear

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
