"""Maxout against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.layers import Input, Maxout, Normal


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


def test_refusals() -> None:
    with pytest.raises(InvalidParameter, match=r"Maxout\(pieces\): expected an integer >= 1, got 0"):
        Maxout(3, 0)
