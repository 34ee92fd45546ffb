"""The layers of the first convolutional network: their equations, their codes, what they refuse."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Input, RadialBasis, ScaledTanh, Softmax, Subsampling
from netwright.layers.lenet import digit_codes


def test_the_squashing_is_one_at_one() -> None:
    module = (Input(4) >> ScaledTanh()).build()
    x = torch.tensor([[-1.0, 0.0, 1.0, 2.0]], dtype=torch.float64)
    y = [1.7159 * math.tanh(2 * value / 3) for value in x[0].tolist()]
    assert torch.allclose(module(x)[0], torch.tensor(y, dtype=torch.float64))
    assert y[2] == pytest.approx(1.0, abs=1e-4)


def test_the_slope_and_amplitude_of_ones_own() -> None:
    y = (Input(1) >> ScaledTanh(amplitude=2.0, slope=0.5)).build()(torch.tensor([[3.0]]))
    assert float(y) == pytest.approx(2 * math.tanh(1.5))


def test_scaled_tanh_with_units_starts_with_the_variance_of_its_inputs() -> None:
    linear = (Input(500) >> ScaledTanh(400)).build(seed=0).scaledtanh1.linear
    assert float(linear.weight.detach().var()) == pytest.approx(1 / 500, rel=0.02)
    assert torch.equal(linear.bias, torch.zeros(400))


@pytest.mark.parametrize(("space", "size"), [((7,), 3), ((6, 5), 2), ((4, 6), (1, 3)), ((2, 4, 4), 2)])
def test_subsampling_is_its_equation(space: tuple[int, ...], size: int | tuple[int, ...]) -> None:
    module = (Input(3, *space) >> Subsampling(size)).build().double()
    x = torch.randn(2, 3, *space, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        module.subsampling1.coefficient.copy_(torch.tensor([0.5, -1.0, 2.0]))
        module.subsampling1.bias.copy_(torch.tensor([0.125, 0.25, 0.375]))
    windows = (size,) * len(space) if isinstance(size, int) else size
    places = tuple(n // f for n, f in zip(space, windows, strict=True))
    y = np.empty((2, 3, *places))
    for place in np.ndindex(*places):
        spans = (slice(i * f, (i + 1) * f) for i, f in zip(place, windows, strict=True))
        total = x.numpy()[(slice(None), slice(None), *spans)].reshape(2, 3, -1).sum(-1)
        y[(slice(None), slice(None), *place)] = total * [0.5, -1.0, 2.0] + [0.125, 0.25, 0.375]
    np.testing.assert_allclose(module(x).detach().numpy(), y, atol=1e-12)


def test_subsampling_starts_as_a_mean() -> None:
    module = (Input(1, 2, 2) >> Subsampling(2)).build()
    assert module(torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])).item() == 3.0


def test_radial_basis_is_minus_the_squared_distance() -> None:
    module = (Input(6) >> RadialBasis(4, seed=3)).build()
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    codes = module.radialbasis1.codes
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    expected = [
        [-sum((a - b) ** 2 for a, b in zip(row, code, strict=True)) for code in codes.tolist()] for row in x.tolist()
    ]
    assert torch.allclose(module(x), torch.tensor(expected), atol=1e-4)


def test_codes_are_of_the_layer_and_not_of_the_weights() -> None:
    one, two = ((Input(6) >> RadialBasis(4)).build(seed) for seed in (0, 1))
    assert torch.equal(one.radialbasis1.codes, two.radialbasis1.codes)
    other = (Input(6) >> RadialBasis(4, seed=1)).build()
    assert not torch.equal(one.radialbasis1.codes, other.radialbasis1.codes)
    assert list(one.parameters()) == []
    assert one.state_dict() == {}


def test_the_images_of_the_digits_differ_in_many_places() -> None:
    codes = digit_codes()
    assert codes.shape == (10, 84)
    apart = [int((codes[a] != codes[b]).sum()) for a, b in combinations(range(10), 2)]
    assert min(apart) >= 8
    assert all(10 <= int((code > 0).sum()) <= 50 for code in codes)


def test_an_image_that_is_half_lost_is_still_the_most_probable() -> None:
    module = (Input(84) >> RadialBasis(10, "digits") >> Softmax()).build()
    seen = digit_codes().clone()
    seen[:, ::2] = 0.0
    probabilities = module(seen)
    assert probabilities.argmax(1).tolist() == list(range(10))
    assert torch.allclose(probabilities.sum(1), torch.ones(10))


def test_inputs_that_they_cannot_take() -> None:
    with pytest.raises(
        JoinError, match=r"RadialBasis\(3\): expected an input \(features,\), got shape \(2, 3\)\. Put Flatten"
    ):
        Input(2, 3) >> RadialBasis(3)
    with pytest.raises(
        JoinError, match=r"expected 84 features, 7 x 12 as a digit, got shape \(80,\)\. Put ScaledTanh\(84\)"
    ):
        Input(80) >> RadialBasis(10, "digits")
    with pytest.raises(JoinError, match=r"Subsampling\(\): expected an input \(channels, \*space\) of rank 2 to 4"):
        Input(5) >> Subsampling()
    with pytest.raises(
        JoinError, match=r"Subsampling\(\): expected space axes of at least \(2, 2\), got shape \(1, 4, 1\)"
    ):
        Input(1, 4, 1) >> Subsampling()
    with pytest.raises(JoinError, match=r"an input with 1 space axes, as its size \(2,\) says"):
        Input(1, 4, 4) >> Subsampling((2,))
    with pytest.raises(JoinError, match=r"ScaledTanh\(3\): expected an input \(features,\) or \(steps, features\)"):
        Input(1, 4, 4) >> ScaledTanh(3)


def test_options_that_cannot_be() -> None:
    with pytest.raises(
        InvalidParameter, match=r"RadialBasis\(units\): expected at most 10 with digits, got 11\. Use codes"
    ):
        RadialBasis(11, "digits")
    with pytest.raises(InvalidParameter, match=r"RadialBasis\(codes\): expected 'random' or 'digits', got 'digit'"):
        RadialBasis(3, "digit")
    with pytest.raises(InvalidParameter, match=r"ScaledTanh\(slope\): expected a number in \(0, inf\), got 0"):
        ScaledTanh(slope=0)
    with pytest.raises(InvalidParameter, match=r"ScaledTanh\(bias\): expected units to go with it, got False"):
        ScaledTanh(bias=False)
    with pytest.raises(InvalidParameter, match=r"Subsampling\(size\): expected an integer >= 1 .*got 0"):
        Subsampling(0)
