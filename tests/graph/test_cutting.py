"""Parts of networks by the names of their layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.graph import Card, Chain, cut_module
from netwright.layers import Add, Conv, Flatten, Identity, Input, MaxPool, ReLU, Residual, Softmax

STEM = Conv(8, 3) >> ReLU() >> MaxPool(2)
BRANCHES = (Conv(8, 3, padding=1) >> ReLU() >> Conv(8, 3, padding=1) | Identity()) >> Add()
NET = Input(1, 28, 28) >> STEM >> BRANCHES >> Residual(Conv(4, 3, padding=1) >> ReLU()) >> Flatten() >> Softmax(10)


def test_names_and_slices() -> None:
    assert NET["conv1"] == Conv(8, 3)
    assert NET["input1"] == Input(1, 28, 28)
    assert NET["conv1":"maxpool1"] == STEM
    assert NET["conv1":"conv1"] == Chain((Conv(8, 3),))
    assert NET[:"maxpool1"] == Input(1, 28, 28) >> STEM
    assert NET["flatten1":] == Flatten() >> Softmax(10)
    assert NET[:] == NET


def test_into_branches_and_blocks() -> None:
    assert NET["parallel1.branch1.conv2"] == Conv(8, 3, padding=1)
    assert NET["parallel1.branch1.conv1":"parallel1.branch1.relu1"] == Conv(8, 3, padding=1) >> ReLU()
    assert NET["residual1.parallel1":"residual1.add1"].parts[-1] == Add()  # type: ignore[attr-defined]
    assert NET["parallel1.branch2"] == Identity()
    assert NET["residual1.parallel1.branch1.conv1"] == Conv(4, 3, padding=1)
    assert NET["residual1"] == Residual(Conv(4, 3, padding=1) >> ReLU())


def test_a_part_is_a_network() -> None:
    part = Input(1, 28, 28) >> NET["conv1":"add1"]
    assert part.output_shape == (8, 13, 13)
    assert NET[:"add1"].output_shape == (8, 13, 13)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("conv2", r"net\['conv2'\]: expected the name of a layer there, got 'conv2'\. Did you mean 'conv1'"),
        ("parallel1.branch3", r"the name of a layer there, got 'branch3'\. Did you mean 'branch2'"),
        (slice("maxpool1", "conv1"), r"two layers in the order of the network, got 'maxpool1' behind 'conv1'"),
        (slice("conv1", "parallel1.branch1.conv1"), r"two layers of one chain, got"),
        (slice("conv1", None, 2), r"net\[\.\.\.\]: expected a name, or two names as a slice"),
        (3, r"net\[\.\.\.\]: expected a name, or two names as a slice, got 3"),
        (slice(0, 3), r"net\[first:last\]: expected names of layers, got 0"),
    ],
)
def test_refusals(place: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        NET[place]


def test_an_open_network_does_not_show_the_inside_of_its_blocks() -> None:
    with pytest.raises(InvalidParameter, match="a closed network, to look into a block"):
        (Conv(8, 3) >> Residual(Conv(4, 3)))["residual1.parallel1"]


def test_a_named_architecture_shows_the_inside_of_its_blocks() -> None:
    net = Chain((Conv(8, 3), Residual(Conv(4, 3, padding=1))), Card("small", (1, 9, 9)))
    assert net["residual1.parallel1.branch1.conv1"] == Conv(4, 3, padding=1)


def test_a_network_is_not_a_sequence() -> None:
    with pytest.raises(TypeError, match="a name such as net"):
        list(NET)


def test_the_card_stays_with_the_beginning() -> None:
    net = Chain(STEM.parts, Card("stem", (1, 28, 28)))
    assert net[:"relu1"].card == Card("stem", (1, 28, 28))  # type: ignore[attr-defined]
    assert net["relu1":].card is None  # type: ignore[attr-defined]


@pytest.mark.touches_rng
def test_modules_are_shared() -> None:
    module = NET.build(seed=1)
    part = cut_module(module, "conv1", "maxpool1")
    x = torch.randn(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert part.conv1 is module.conv1
    assert torch.equal(cut_module(module, "parallel1")(part(x)), module(x))
    assert module.relu1.inplace  # behind its convolution, but not where the part begins with it
    assert not cut_module(module, "relu1").relu1.inplace
    with pytest.raises(InvalidParameter, match=r"two layers in the order of the network, got 'relu1' behind 'conv1'"):
        cut_module(module, "relu1", "conv1")
    with pytest.raises(InvalidParameter, match=r"cut_module\(last\): expected the name of a layer there, got 'pool'"):
        cut_module(module, "conv1", "pool")
    with pytest.raises(InvalidParameter, match=r"cut_module\(module\): expected a chain of layers, got Linear"):
        cut_module(torch.nn.Linear(1, 1))
