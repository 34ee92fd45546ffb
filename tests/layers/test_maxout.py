"""Maxout against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Conv, Input, Linear, Maxout, Normal


@pytest.mark.parametrize(("units", "pieces"), [(3, 2), (1, 4), (5, 1)])
def test_the_largest_of_affine_maps(units: int, pieces: int) -> None:
    module = (Input(4) >> Maxout(units, pieces, bias=Normal(std=1.0))).build().double()
    x = np.random.default_rng(0).normal(size=(6, 4))
    linear = module.maxout1.linear
    weight = linear.weight.detach().numpy().reshape(units, pieces, 4)
    bias = linear.bias.detach().numpy().reshape(units, pieces)
    wanted = (np.einsum("bf,upf->bup", x, weight) + bias).max(2)
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), wanted, rtol=1e-12)


def test_the_count_of_parameters() -> None:
    assert (Input(4) >> Maxout(3, 2)).summary().parameters == 30


def test_two_pieces_keep_the_second_moment() -> None:
    """E max(a, b)^2 = 1 for independent standard normals a, b, so the default gain is 1."""
    x = torch.randn(200, 300, generator=torch.Generator().manual_seed(0))
    out = (Input(300) >> Maxout(400)).build()(x)
    assert out.square().mean().item() == pytest.approx(1, abs=0.05)


def test_it_learns_a_convex_function() -> None:
    """|x| = max(x, -x) is one unit of two pieces."""
    module = (Input(1) >> Maxout(1)).build()
    with torch.no_grad():
        module.maxout1.linear.weight.copy_(torch.tensor([[1.0], [-1.0]]))
    assert module(torch.tensor([[-2.0], [3.0]])).flatten().tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("layer", "shape", "axis"),
    [
        (Maxout(), (6,), 1),
        (Maxout(pieces=3), (5, 6), 2),
        (Maxout(pieces=3), (6, 2, 3), 1),
        (Maxout(), (6, 2, 3, 2), 1),
        (Maxout(axis=1), (6, 5), 1),
        (Maxout(axis=-2), (6, 5), 1),
        (Maxout(axis=-1), (6, 2, 4), 3),
        (Maxout(pieces=1), (6,), 1),
    ],
    ids=repr,
)
def test_the_reduction_alone(layer: Maxout, shape: tuple[int, ...], axis: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, *shape))
    cut = (*x.shape[:axis], x.shape[axis] // layer.pieces, layer.pieces, *x.shape[axis + 1 :])
    wanted = x.reshape(cut).max(axis + 1)
    network = Input(shape) >> layer
    assert network.output_shape == wanted.shape[1:]
    np.testing.assert_array_equal(network.build()(torch.from_numpy(x)).numpy(), wanted)


def test_the_reduction_behind_a_linear_layer_is_maxout_with_units() -> None:
    whole, parts = (Input(4) >> Maxout(3, 2)).build(), (Input(4) >> Linear(6) >> Maxout(pieces=2)).build()
    parts.linear1.load_state_dict(whole.maxout1.linear.state_dict())
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(whole(x), parts(x))


def test_images_in_the_channels_last_layout_stay_in_it() -> None:
    x = torch.zeros(2, 6, 5, 4).contiguous(memory_format=torch.channels_last)
    assert (Input(6, 5, 4) >> Maxout()).build()(x).is_contiguous(memory_format=torch.channels_last)
    assert (Input(3, 8, 8) >> Conv(8, 3) >> Maxout()).summary().receptive_field == (3, 3)


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            Maxout(pieces=4),
            (6, 2, 2),
            r"Maxout\(pieces=4\): expected a multiple of 4 on axis 1, got shape \(6, 2, 2\)\. "
            r"The 6 on axis 1 can be cut into pieces of 2, 3, 6\.",
        ),
        (Maxout(), (1,), r"expected a multiple of 2 on axis 1, got shape \(1,\)\. .* into pieces of 1\."),
        (Maxout(axis=3), (6, 2), r"expected an input that has the axis 3, got shape \(6, 2\)\. It has the axes 1 to 2"),
        (Maxout(axis=-3), (6, 2), r"expected an input that has the axis -3"),
        (Maxout(3), (6, 2, 2), r"Maxout\(3\): expected an input \(features,\) or \(steps, features\)"),
    ],
)
def test_joins_that_cannot_work(layer: Maxout, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(shape) >> layer


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Maxout(3, 0), r"Maxout\(pieces\): expected an integer >= 1, got 0"),
        (lambda: Maxout(0), r"Maxout\(units\): expected an integer >= 1 or None, got 0"),
        (lambda: Maxout(axis=0), r"Maxout\(axis\): expected an integer other than 0, the batch axis or None, got 0"),
        (lambda: Maxout(3, axis=1), r"Maxout\(axis\): expected None with units, got axis=1\. With units it acts on"),
        (lambda: Maxout(weight=0.5), r"Maxout\(weight\): expected units to go with it"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
