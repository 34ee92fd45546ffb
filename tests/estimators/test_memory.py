"""Networks that do not fit into memory are refused before any is asked for."""

from dataclasses import replace

import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.estimators import memory
from netwright.estimators.memory import require_memory
from netwright.graph import Layer
from netwright.layers import Input, ReLU, Softmax


def test_a_mistyped_size_is_named_with_its_parameters_and_bytes():
    network = Input(64) >> ReLU(999_999_999) >> Softmax(10)
    text = (
        r"fit into the 16 GB of memory here, got 74,999,999,935 of them, which with their derivatives take 600 GB in "
        r"float32\. Make ReLU\(999999999\) at relu1 smaller, which has 64,999,999,935 of them"
    )
    with pytest.raises(InvalidParameter, match=text):
        require_memory(network, 16e9)


def test_the_limit_is_exact():
    network = Input(4) >> ReLU(8) >> Softmax(3)
    need = 8 * (4 * 8 + 8 + 8 * 3 + 3)
    require_memory(network, need)
    with pytest.raises(InvalidParameter, match=rf"got 67 of them, which with their derivatives take {need} B"):
        require_memory(network, need - 1)


def test_layers_within_blocks_are_counted():
    network = Input(3, 32, 32) >> nw.models.resnet20(4)
    need = 8 * network.summary().parameters
    require_memory(network, need)
    with pytest.raises(InvalidParameter, match="at residual"):
        require_memory(network, need - 1)


class Stubborn(Layer):
    """A layer of somebody else that cannot be made on torch's meta device."""

    def make(self, *shapes):
        raise RuntimeError("no meta")


def test_a_layer_that_needs_memory_is_left_to_building():
    plan = (Input(4) >> ReLU(2)).plan()
    first, second = plan.nodes
    with torch.device("meta"):
        found = [memory._parameters(node, plan) for node in (first, second, replace(second, layer=Stubborn()))]
    assert found == [0, 10, 0]


def test_the_memory_of_a_container_counts(monkeypatch, tmp_path):
    (tmp_path / "limit").write_text("1000\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(memory, "_LIMITS", (str(tmp_path / "none"), str(tmp_path / "nowhere")))
    assert memory.memory() > 1e8
    monkeypatch.setattr(memory, "_LIMITS", (str(tmp_path / "limit"),))
    assert memory.memory() == 1000
    monkeypatch.delattr(memory.os, "sysconf")
    monkeypatch.setattr(memory, "_LIMITS", ())
    assert memory.memory() == float("inf")
