"""Flatten, Reshape, Identity."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.core.value import from_json
from netwright.layers import Flatten, Identity, Input, Reshape

X = np.arange(2 * 3 * 4 * 5, dtype="float32").reshape(2, 3, 4, 5)


def run(layer: Flatten | Reshape | Identity, x: np.ndarray = X) -> np.ndarray:
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
