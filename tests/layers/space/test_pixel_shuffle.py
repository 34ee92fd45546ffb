"""PixelShuffle against the equation of its header, place by place, and against the convolution that undoes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Conv, Input, PixelShuffle


@pytest.mark.parametrize(("shape", "factor"), [((8, 3, 4), 2), ((18, 2, 5), 3), ((3, 2, 2), 1)])
def test_against_the_equation(shape: tuple[int, ...], factor: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, *shape))
    network = Input(shape) >> PixelShuffle(factor)
    got = network.build()(torch.from_numpy(x)).numpy()
    assert got.shape[1:] == network.output_shape
    for n, c, i, j in np.ndindex(got.shape):
        a, b = i % factor, j % factor
        assert got[n, c, i, j] == x[n, c * factor**2 + a * factor + b, i // factor, j // factor]


def test_a_convolution_of_its_stride_undoes_it() -> None:
    module = (Input(4, 3, 5) >> PixelShuffle(2) >> Conv(4, 2, stride=2, bias=False)).build()
    with torch.no_grad():
        module.conv1.weight.copy_(torch.eye(4).reshape(4, 1, 2, 2))
    x = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(module(x), x)


def test_the_module_is_torchs_and_costs_no_weights() -> None:
    network = Input(4, 3, 5) >> PixelShuffle(2)
    assert type(network.build().pixelshuffle1) is torch.nn.PixelShuffle
    assert (network.summary().parameters, network.summary().macs) == (0, 0)


def test_what_it_sees_is_what_the_network_before_it_sees() -> None:
    """A place of the large image sees one place of the small one, and half a step of it lies between neighbours."""
    row = (Input(1, 9, 9) >> Conv(4, 3, padding=1) >> PixelShuffle(2)).summary().rows[-1]
    assert [str(each) for each in row.receptive_field or ()] == ["3", "3"]
    assert [str(each) for each in row.stride or ()] == ["1/2", "1/2"]


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (PixelShuffle(2), (4, 8), r"PixelShuffle\(\): expected an input \(channels, height, width\), got shape"),
        (PixelShuffle(2), (6, 2, 2), r"a multiple of 4 channels, 2².*\(6, 2, 2\)\. Put Conv\(channels \* 4, 3"),
    ],
)
def test_joins(layer: PixelShuffle, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(shape) >> layer


@pytest.mark.parametrize("factor", [0, 1.5, (2, 2)])
def test_refusals(factor: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"PixelShuffle\(factor\): expected an integer >= 1, got"):
        PixelShuffle(factor)
