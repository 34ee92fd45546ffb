"""Networks written out as modules of torch: the same weights by the same names, the same numbers to the bit."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

import netwright as nw
from netwright import models
from netwright.core.errors import InvalidParameter, JoinError
from netwright.graph import Expression
from netwright.layers import (
    CRF,
    GRU,
    LSTM,
    AdaptivePool,
    Add,
    BatchNorm,
    Bidirectional,
    Concat,
    Conv,
    Dropout,
    Elementwise,
    Flatten,
    Identity,
    Input,
    Linear,
    Maxout,
    MaxPool,
    Module,
    Multiply,
    Pick,
    ReLU,
    Residual,
    Softmax,
    Tanh,
)
from tests.contract.test_layers import CASES, closed, samples

NETWORKS: dict[str, Callable[[], Expression]] = {
    "lenet5": models.lenet5,
    "resnet20": models.resnet20,
    "resnet18": lambda: Input(3, 64, 64) >> models.resnet18(headless=True) >> Softmax(4),
    "squeezenet": lambda: Input(3, 64, 64) >> models.squeezenet(num_classes=5),
    "unet": lambda: Input(1, 32, 32) >> models.unet(2, 1, widths=(4, 8, 16)),
    "darknet": lambda: Input(3, 64, 64) >> models.darknet(headless=True) >> Softmax(3),
    "branches in branches": lambda: Input(4) >> ((Tanh(3) | ReLU(3)) >> Add() | (Identity() | Linear(4))) >> Concat(),
    "two outputs": lambda: Input(4) >> ReLU(5) >> (Softmax(2) | Linear(3)),
    "two inputs": lambda: (Input(3) >> ReLU(4) | Input(2)) >> Concat() >> Maxout(3),
    "one of two": lambda: (Input(3) | Input(2)) >> Pick(1) >> Linear(2),
    "recurrent": lambda: Input(6, 3) >> Bidirectional(LSTM(4)) >> GRU(5, output="last") >> Dropout(0.5) >> Softmax(2),
    "gated": lambda: Input(4) >> (Linear(3) | Tanh(3)) >> Multiply() >> Softmax(2),
    "nothing": lambda: Input(4) >> Identity(),
}


def ran(source: str) -> torch.nn.Module:
    """The module of a source."""
    scope: dict[str, Any] = {}
    exec(source, scope)
    with torch.random.fork_rng(devices=[]):
        net: torch.nn.Module = scope["Net"]()
    return net


def moved(module: torch.nn.Module) -> torch.nn.Module:
    """With weights and statistics that are not those of the start."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape, generator=generator) / 10)
    return module


def expect_the_same(network: Expression, inputs: tuple[torch.Tensor, ...], train: bool) -> None:
    module, net = moved(network.build(3)), ran(network.to_torch_source())
    assert list(net.state_dict()) == list(module.state_dict())
    net.load_state_dict(module.state_dict())
    results = []
    for each in (module.train(train), net.train(train)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            results.append(each(*(x.clone() for x in inputs)))
    one, other = ([each] if isinstance(each, torch.Tensor) else list(each) for each in results)
    assert len(one) == len(other)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def excluded(layer: Expression) -> bool:
    """The layers that cannot be written out: functions of the user, and the CRF's compiled loops."""
    return isinstance(layer, CRF) or repr(layer) == "Elementwise(contract_gate)"


@pytest.mark.parametrize(("layer", "shapes"), CASES)
def test_every_layer(layer: Expression, shapes: Any) -> None:
    network = closed(layer, shapes)
    if excluded(layer):
        with pytest.raises(InvalidParameter, match="to_torch_source, at"):
            network.to_torch_source()
        return
    inputs = tuple(x.float() for x in samples(layer, shapes, 3))
    for train in (False, True):
        expect_the_same(network, inputs, train)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    network = NETWORKS[name]()
    generator = torch.Generator().manual_seed(0)
    inputs = tuple(torch.randn(2, *shape, generator=generator) for shape in network.plan().input_shapes)
    expect_the_same(network, inputs, train=False)


@pytest.mark.parametrize("name", NETWORKS)
def test_only_torch_is_needed(name: str) -> None:
    source = NETWORKS[name]().to_torch_source()
    tree = ast.parse(source)
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert {str(module).split(".")[0] for module in imported} <= {"torch", "collections", "types", "itertools", "math"}
    assert not any(isinstance(node, (ast.Raise, ast.AnnAssign)) for node in ast.walk(tree))
    assert max(map(len, source.splitlines())) <= 121


def test_the_same_text_each_time() -> None:
    assert models.resnet20().to_torch_source() == models.resnet20().to_torch_source()


def test_it_says_where_it_comes_from() -> None:
    source = (Input(1, 8, 8) >> Conv(4, 3) >> Flatten() >> Softmax(2)).to_torch_source()
    assert source.startswith('"""A network as a module of torch.\n\n    Input(1, 8, 8) >> Conv(4, 3)')
    assert f"netwright {nw.__version__}" in source
    assert "(1, 8, 8) -> (2,)" in source


def test_names_are_those_of_the_summary() -> None:
    network = Input(1, 8, 8) >> Conv(4, 3) >> ReLU() >> Conv(4, 3) >> MaxPool(2) >> Flatten() >> Softmax(2)
    source = network.to_torch_source()
    for row in network.summary().rows[1:]:
        assert f"self.{row.path.split('.')[0]} = " in source


def test_blocks_that_are_alike_are_one_class() -> None:
    source = models.resnet20().to_torch_source()
    assert source.count("(nn.Module):") == 4  # the network, and blocks with and without a change of size
    assert re.search(r"class Residual\(nn.Module\):\n    def __init__\(self, in_channels\):", source)
    calls = re.findall(r"self\.residual\d = (Residual\(\d+\))", source)
    assert set(calls) == {"Residual(16)", "Residual(32)", "Residual(64)"}


def test_a_plain_recurrent_network_is_short() -> None:
    source = (Input(5, 4) >> LSTM(3, layers=2, output="last") >> Softmax(2)).to_torch_source()
    assert len(source.splitlines()) < 60
    assert "nn.LSTM(" in source


def test_weights_need_no_memory() -> None:
    source = (Input(10**6) >> Linear(10**6)).to_torch_source()  # 4 TB of weights
    assert "nn.Linear(1000000, 1000000)" in source


def test_what_cannot_be_written_is_named() -> None:
    class Own(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    with pytest.raises(InvalidParameter, match=r"at module1: expected layers of torch and of the library, got Own"):
        (Input(4) >> Module(Own)).to_torch_source()
    with pytest.raises(InvalidParameter, match=r"at elementwise1: expected layers and functions of the library"):
        (Input(4) >> (Identity() | Tanh()) >> Elementwise(lambda a, b: a)).to_torch_source()
    with pytest.raises(InvalidParameter, match=r"at crf1.*LinearChain: its sums over paths"):
        (Input(4, 3) >> CRF(3)).to_torch_source()
    with pytest.raises(JoinError):
        (Conv(3, 3) >> ReLU()).to_torch_source()


def test_modules_of_torch_that_a_user_makes() -> None:
    network = Input(3, 8, 8) >> Module(lambda: torch.nn.LPPool2d(2, 3)) >> AdaptivePool(2) >> Flatten() >> Linear(2)
    expect_the_same(network, (torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)),), train=False)


def test_random_states_are_left_alone() -> None:
    before = torch.get_rng_state()
    (Input(3, 8, 8) >> Residual(Conv(3, 3, padding=1) >> BatchNorm())).to_torch_source()
    assert torch.equal(before, torch.get_rng_state())
