"""Module: any torch module as a layer."""

from __future__ import annotations

import functools
import json
import random
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.core.errors import CorruptFile, InvalidParameter, JoinError
from netwright.core.value import from_json, to_json
from netwright.graph import parse
from netwright.layers import Input, Linear, Module, ReLU


@nw.register("test_module_norm")
def norm() -> torch.nn.Module:
    return torch.nn.LayerNorm(8)


def plain() -> torch.nn.Module:
    return torch.nn.LayerNorm(8)


class Weighted(torch.nn.Module):
    """a x + (1 - a) y"""

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(0.25))

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return self.a * x + (1 - self.a) * y


class Tied(torch.nn.Module):
    """One weight, used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Linear(4, 4)
        self.two = torch.nn.Linear(4, 4)
        self.two.weight = self.one.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.two(self.one(x))


class Branchy(torch.nn.Module):
    """Its control flow depends on the data, so that it cannot run without numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :2] if x.sum().item() >= 0 else x


def test_the_module_is_the_factorys_own() -> None:
    network = Input(3, 8) >> Module(plain) >> Linear(2)
    assert network.output_shape == (3, 2)
    assert type(network.build().module1) is torch.nn.LayerNorm


def test_weights_come_from_the_seed() -> None:
    network = Input(8) >> Module(lambda: torch.nn.Linear(8, 3))
    one, same, other = (network.build(seed).module1.weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


class Noisy(torch.nn.Module):
    """It draws from the generators of Python and NumPy when it is made and when it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = torch.nn.Parameter(torch.tensor([random.random(), np.random.rand()]))  # noqa: NPY002

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scales + random.random() + np.random.rand()  # noqa: NPY002


def test_generators_of_python_and_numpy_are_forked_and_seeded() -> None:
    def states() -> tuple[object, str]:
        return random.getstate(), str(np.random.get_state(legacy=False))  # noqa: NPY002

    before = states()
    network = Input(2) >> Module(Noisy) >> Module(Noisy)
    assert network.output_shape == (2,)
    network.summary()
    nw.analyze(network.build(), (2,))
    assert states() == before
    one, same, other = (network.build(seed).module1.scales for seed in (0, 0, 1))
    assert states() == before
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one, network.build(0).module2.scales)


def test_several_inputs() -> None:
    network = (Input(3) | Input(3)) >> Module(Weighted, inputs=2)
    x, y = torch.zeros(2, 3), torch.ones(2, 3)
    assert torch.equal(network.build()(x, y), torch.full((2, 3), 0.75))
    with pytest.raises(
        JoinError, match=r"Module\(Weighted, inputs=2\): expected 2 inputs, got shape \(3,\)\. Say how many"
    ):
        Input(3) >> Module(Weighted, inputs=2)
    with pytest.raises(JoinError, match=r"expected one input, .*It gets 2"):
        (Input(3) | Input(3)) >> Module(Weighted)


def test_equality_is_the_factorys_identity() -> None:
    assert Module(plain) == Module(plain)
    assert hash(Module(plain)) == hash(Module(plain))
    assert Module(plain) != Module(norm)
    assert Module(plain) != Module(plain, inputs=2)
    assert Module(lambda: norm()) != Module(lambda: norm())


def test_names() -> None:
    assert repr(Module(norm)) == "Module(test_module_norm)"
    assert repr(Module(plain)) == "Module(plain)"
    assert repr(Module(lambda: norm())) == "Module(<lambda>)"
    assert repr(Module(functools.partial(torch.nn.LayerNorm, 8))).startswith("Module(functools.partial(<class")


def test_registered_factories_are_saved_and_parsed_by_name() -> None:
    network = Input(8) >> Module(norm) >> ReLU(3)
    assert from_json(json.loads(json.dumps(to_json(network)))) == network
    assert parse(repr(network)) == network
    with pytest.raises(InvalidParameter, match=r"saving: expected .*Give it a name with nw\.register"):
        to_json(Input(8) >> Module(plain))
    with pytest.raises(CorruptFile, match="no_such_thing"):
        from_json({"$": "layer.Module", "factory": {"$": "user", "name": "no_such_thing"}, "inputs": 1})


def test_shared_parameters_count_once() -> None:
    summary = (Input(4) >> Module(Tied)).summary()
    assert summary.parameters == 16 + 4 + 4
    assert summary.macs == 32


def test_a_module_that_is_given_twice_stays_as_it_was() -> None:
    """Planning and summing up neither moves it to another device nor changes its mode."""
    with torch.random.fork_rng():
        mine = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout())
    mine[2].eval()
    kept = {name: tensor.clone() for name, tensor in mine.state_dict().items()}
    network = Input(4) >> Module(lambda: mine) >> Module(lambda: mine) >> Linear(2)
    assert network.summary().parameters == 20 + 8 + 10
    assert [row.parameters for row in network.summary().rows] == [0, 28, 0, 10]
    assert [row.macs for row in network.summary().rows] == [0, 16, 16, 8]
    assert [part.training for part in mine] == [True, True, False]
    assert all(torch.equal(tensor, kept[name]) for name, tensor in mine.state_dict().items())
    assert network.build().module1 is mine


def test_modules_that_need_numbers_are_planned_on_the_cpu() -> None:
    network = Input(5) >> Module(Branchy) >> Linear(3)
    assert network.output_shape == (3,)
    summary = network.summary()
    assert summary.device == "cpu"
    assert (summary.parameters, summary.macs) == (9, 6)


@pytest.mark.parametrize(
    ("factory", "text"),
    [
        (
            torch.nn.ReLU(),
            r"Module\(factory\): expected a function that takes nothing and makes a torch.nn.Module, got ReLU\(\)",
        ),
        (ReLU(), r"Module\(factory\): expected a function .*, got ReLU\(\)"),
        (3, r"Module\(factory\): expected a function .*, got 3"),
    ],
)
def test_refused_factories(factory: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        Module(factory)


def _no_module() -> Any:
    return torch.zeros(3)


def _fails() -> Any:
    raise KeyError("weights.pt")


@pytest.mark.parametrize(
    ("factory", "text"),
    [
        (_no_module, r"Module\(_no_module\): expected a factory that makes a torch.nn.Module, got tensor\("),
        (_fails, r"Module\(_fails\): expected a factory that makes a torch.nn.Module, got KeyError: 'weights.pt'"),
        (torch.nn.Linear, r"Module\(Linear\): expected a factory .*, got TypeError: .*in_features"),
    ],
)
def test_factories_that_fail(factory: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        Input(4) >> Module(factory)


@pytest.mark.parametrize(
    ("factory", "text"),
    [
        (
            lambda: torch.nn.Linear(5, 2),
            r"module1: Module\(<lambda>\): expected a shape that its module runs on, got shape \(4,\)\. "
            r"torch says: RuntimeError: mat1 and mat2.*behind Input\(4\) at input1",
        ),
        (
            lambda: torch.nn.LSTM(4, 2),
            r"expected a module that returns one tensor, got shape \(4,\)\. It returned a tuple",
        ),
        (
            lambda: torch.nn.Flatten(0),
            r"expected a module that keeps the batch axis in front, .*For a batch of 2 its output has the shape \(8,\)",
        ),
    ],
)
def test_modules_that_do_not_fit(factory: Any, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(4) >> Module(factory)
