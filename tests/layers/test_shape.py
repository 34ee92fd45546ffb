"""Flatten, Reshape, Identity, Transpose, Select."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.core.value import from_json
from netwright.layers import Conv, Flatten, Identity, Input, Reshape, Select, Transpose

X = np.arange(2 * 3 * 4 * 5, dtype="float32").reshape(2, 3, 4, 5)


def run(layer: Any, x: np.ndarray = X) -> np.ndarray:
    return (Input(x.shape[1:]) >> layer).build()(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Flatten(), (60,)),
        (Identity(), (3, 4, 5)),
        (Reshape(60), (60,)),
        (Reshape(-1), (60,)),
        (Reshape(5, 12), (5, 12)),
        (Reshape(2, -1, 3), (2, 10, 3)),
        (Reshape(-1, 1, 1), (60, 1, 1)),
        (Reshape((4, 15)), (4, 15)),
        (Reshape([4, 15]), (4, 15)),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_the_last_axis_is_the_fastest(layer: Flatten | Reshape | Identity, shape: tuple[int, ...]) -> None:
    assert (Input(3, 4, 5) >> layer).output_shape == shape
    np.testing.assert_array_equal(run(layer), X.reshape(2, *shape))


def test_from_features_and_back() -> None:
    flat = X.reshape(2, 60)
    np.testing.assert_array_equal(run(Reshape(3, 4, 5), flat), X)
    network = Input(3, 4, 5) >> Flatten() >> Reshape(3, 4, 5)
    np.testing.assert_array_equal(network.build()(torch.from_numpy(X)).numpy(), X)


def test_one_way_to_write_a_shape() -> None:
    assert (
        Reshape(1, 8, 8)
        == Reshape((1, 8, 8))
        == Reshape(shape=(1, 8, 8))
        == from_json({"$": "layer.Reshape", "shape": [1, 8, 8]})
    )
    assert repr(Reshape((1, 8, 8))) == "Reshape(1, 8, 8)"


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Reshape(7, 9), r"reshape1: Reshape\(7, 9\): expected 63 elements, got shape \(3, 4, 5\)\. The input has 60"),
        (
            Reshape(7, -1),
            r"Reshape\(7, -1\): expected a multiple of 7 elements, got shape \(3, 4, 5\)\. The input has 60",
        ),
        (Reshape(61, -1), r"Reshape\(61, -1\): expected a multiple of 61 elements"),
    ],
)
def test_other_numbers_of_elements(layer: Reshape, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(3, 4, 5) >> layer


@pytest.mark.parametrize("axes", [(), (0,), (-1, -1), (-2, 3), (2.0,), ("a",), (True, 2)])
def test_refused_shapes(axes: tuple[int, ...]) -> None:
    with pytest.raises(InvalidParameter, match=r"Reshape\(shape\): expected at least one axis, each an integer >= 1"):
        Reshape(*axes)


@pytest.mark.parametrize(
    ("layer", "axes"),
    [
        (Transpose(), (0, 1, 3, 2)),
        (Transpose(3, 1, 2), (0, 3, 1, 2)),
        (Transpose((2, 1, 3)), (0, 2, 1, 3)),
        (Transpose(1, 2, 3), (0, 1, 2, 3)),
    ],
    ids=repr,
)
def test_transpose(layer: Transpose, axes: tuple[int, ...]) -> None:
    assert (Input(3, 4, 5) >> layer).output_shape == X.transpose(axes).shape[1:]
    np.testing.assert_array_equal(run(layer), X.transpose(axes))


def test_transpose_of_a_sequence_and_back() -> None:
    x = X.reshape(2, 12, 5)
    np.testing.assert_array_equal(run(Transpose(), x), x.swapaxes(1, 2))
    network = Input(12, 5) >> Transpose() >> Transpose(2, 1)
    np.testing.assert_array_equal(network.build()(torch.from_numpy(x)).numpy(), x)


def test_one_way_to_write_a_permutation() -> None:
    assert (
        Transpose(2, 1)
        == Transpose((2, 1))
        == Transpose(axes=(2, 1))
        == from_json({"$": "layer.Transpose", "axes": [2, 1]})
    )
    assert repr(Transpose((2, 1))) == "Transpose(2, 1)"
    assert repr(Transpose()) == "Transpose()"


@pytest.mark.parametrize("indices", [(0,), (1, 2), (2, 0, 1), (1, 1, 0, 1)])
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_select(indices: tuple[int, ...], axis: int) -> None:
    wanted = X.take(indices, axis)
    assert (Input(3, 4, 5) >> Select(indices, axis)).output_shape == wanted.shape[1:]
    np.testing.assert_array_equal(run(Select(indices, axis), X), wanted)


def test_select_gives_each_branch_its_columns() -> None:
    network = Input(4) >> (Select((0, 3)) | Select([1, 2]))  # type: ignore[arg-type]
    first, second = network.build()(torch.tensor([[0.0, 1.0, 2.0, 3.0]]))
    assert (first.tolist(), second.tolist()) == ([[0.0, 3.0]], [[1.0, 2.0]])


def test_indices_are_no_weights_and_move_with_the_module() -> None:
    module = (Input(4) >> Select((3, 0))).build()
    assert not module.state_dict()
    assert module.to("meta").double()(torch.zeros(2, 4, device="meta")).shape == (2, 2)


def test_gradients_of_repeated_indices_add_up() -> None:
    x = torch.zeros(1, 3, requires_grad=True)
    (Input(3) >> Select((2, 2, 0))).build()(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, 0.0, 2.0]]


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            Transpose(2, 1),
            (3, 4, 5),
            r"transpose1: Transpose\(2, 1\): expected an input of rank 2, one axis for each number, "
            r"got shape \(3, 4, 5\)\. Give the numbers 1 to 3",
        ),
        (Transpose(), (3,), r"Transpose\(\): expected an input of rank 2 or more, got shape \(3,\)\. Put Reshape"),
        (
            Select((0, 3)),
            (3, 4),
            r"Select\(\(0, 3\)\): expected at least 4 elements on axis 1, got shape \(3, 4\)\. "
            r"The indices on axis 1 are 0 to 2",
        ),
        (
            Select((0,), 3),
            (3, 4),
            r"expected an input that has the axis 3, got shape \(3, 4\)\. It has the axes 1 to 2",
        ),
        (Select((0,), -3), (3, 4), r"expected an input that has the axis -3"),
        (Select((4,), -1), (3, 4), r"at least 5 elements on axis 2"),
    ],
)
def test_inputs_that_cannot_be_moved(layer: Any, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(shape) >> layer


@pytest.mark.parametrize("axes", [(1, 1), (0, 1), (2,), (1, 3), (2.0, 1), ("a",), (-1, 1), (True, 2)])
def test_refused_permutations(axes: tuple[int, ...]) -> None:
    with pytest.raises(
        InvalidParameter, match=r"Transpose\(axes\): expected the numbers 1 to r of the axes of a sample"
    ):
        Transpose(*axes)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Select(()),
            r"Select\(indices\): expected a tuple of 1 or more elements, each an integer >= 0, got \(\)",
        ),
        (lambda: Select((-1,)), r"Select\(indices\): expected a tuple of .*, got \(-1,\)"),
        (lambda: Select((0,), 0), r"Select\(axis\): expected an integer other than 0, the batch axis, got 0"),
    ],
)
def test_refused_selections(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def test_channels_that_are_selected_see_no_further() -> None:
    network = Input(4, 9, 9) >> Conv(4, 3) >> Select((0, 2, 0)) >> Conv(2, 3)
    assert network.summary().receptive_field == (5, 5)
