"""The plan: nodes, paths, inputs and outputs, and that joining costs only what is new."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.core.value import value
from netwright.graph import Block, Expression, Input, Layer, plan, plan_of
from netwright.graph.plan import observe
from netwright.layers import Add, Concat, Conv, Dropout, Flatten, Identity, Linear, Module, ReLU, Softmax


def test_nodes() -> None:
    network = Input(1, 8, 8) >> Conv(4, 3) >> (ReLU() >> ReLU() | Identity()) >> Add() >> Flatten() >> ReLU(5)
    plan = network.plan()
    assert [(node.path, node.inputs, node.shape) for node in plan.nodes] == [
        ("input1", (), (1, 8, 8)),
        ("conv1", (0,), (4, 6, 6)),
        ("parallel1.branch1.relu1", (1,), (4, 6, 6)),
        ("parallel1.branch1.relu2", (2,), (4, 6, 6)),
        ("parallel1.branch2", (1,), (4, 6, 6)),
        ("add1", (3, 4), (4, 6, 6)),
        ("flatten1", (5,), (144,)),
        ("relu1", (6,), (5,)),
    ]
    assert (plan.inputs, plan.outputs) == ((0,), (7,))
    assert (plan.input_shapes, plan.output_shapes) == (((1, 8, 8),), ((5,),))
    assert plan.shapes_into(plan.node("add1")) == ((4, 6, 6), (4, 6, 6))


def test_paths_are_those_of_the_module() -> None:
    for network in (
        Input(4) >> (ReLU(3) >> Linear(2) | Identity()) >> Concat() >> (Softmax(3) | Linear(1)),
        Input(4) >> ReLU(3) | Input(5),
        (Input(4) >> ReLU(3) | Input(5)) >> Concat() >> Linear(2),
    ):
        module, plan = network.build(), network.plan()
        body = module.body if len(plan.inputs) > 1 else module
        for node in plan.nodes:
            if not isinstance(node.layer, Input):
                body.get_submodule(node.path)


def test_plans_of_a_join_and_of_the_whole_are_equal() -> None:
    """Whether the chain grew from the left, or was closed at the end, or is read from its text."""
    grown = Input(2, 6, 6) >> Conv(3, 3) >> (ReLU() | Identity()) >> Add() >> Flatten() >> Linear(2)
    closed = Input(2, 6, 6) >> (Conv(3, 3) >> (ReLU() | Identity()) >> Add() >> Flatten() >> Linear(2))
    assert grown.plan() == closed.plan() == eval(repr(grown)).plan()
    several = (Input(2) | Input(3)) >> Concat() >> Linear(2)
    assert several.plan() == eval(repr(several)).plan()
    assert [node.path for node in several.plan().nodes][:2] == ["parallel1.branch1", "parallel1.branch2"]


def test_the_plan_is_kept_and_extended(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(plan, "observe", lambda layer, shapes: calls.append(layer) or observe(layer, shapes))
    network = Input(4)
    for _ in range(5):
        network = network >> Linear(4)  # type: ignore[assignment]
    assert len(calls) == 5
    assert plan_of(network) is network.plan()
    assert len(calls) == 5


def test_planning_makes_no_memory_and_draws_no_numbers() -> None:
    before = torch.get_rng_state()
    network = Input(3, 4096, 4096) >> Conv(64, 3, padding="same") >> Flatten() >> Linear(100_000)  # 429 TB of weights
    assert network.output_shape == (100_000,)
    assert network.summary().parameters == 64 * 28 + (64 * 4096 * 4096 + 1) * 100_000
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_is_planned_without_numbers() -> None:
    before = torch.get_rng_state()
    assert (Input(4) >> Dropout() >> Linear(2)).summary().macs == 8
    assert torch.equal(torch.get_rng_state(), before)


def test_an_output_without_places_is_refused() -> None:
    with pytest.raises(JoinError, match=r"an input large enough to leave an output, .*The output would be \(0,\)"):
        Input(4) >> Module(lambda: Nothing())


class Nothing(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :0]


def test_open_networks_have_no_plan() -> None:
    with pytest.raises(JoinError, match=r"ReLU\(3\): expected a closed network, got one without Input"):
        ReLU(3).plan()


@value("example")
class ClosedBlock(Block):
    def expand(self, shape: tuple[int, ...]) -> Expression:
        return Input(7) >> ReLU(3)


@value("example")
class ModuleBlock(Block):
    def expand(self, shape: tuple[int, ...]) -> Expression:
        return torch.nn.ReLU()  # type: ignore[return-value]


@value("example")
class WithinItself(Block):
    def expand(self, shape: tuple[int, ...]) -> Expression:
        return ReLU(3) >> WithinItself()


@value("example")
class AsksItself(Block):
    def expand(self, shape: tuple[int, ...]) -> Expression:
        return ReLU((Input(*shape) >> AsksItself()).output_shape[0])


@value("example")
class Deeper(Block):
    depth: int = 0
    step: int = 1

    def expand(self, shape: tuple[int, ...]) -> Expression:
        return ReLU(3) >> (Deeper(self.depth + self.step, self.step) if self.depth else ReLU(2))


@value("example")
class NumberLayer(Layer):
    def make(self, *shapes: tuple[int, ...]) -> torch.nn.Module:
        return 3  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (ClosedBlock(), r"closedblock1: ClosedBlock\(\): expected a block that is an open network, got Input\(7\)"),
        (ModuleBlock(), r"moduleblock1: ModuleBlock\(\): expected a block that is an open network, got ReLU\(\)"),
        (
            WithinItself(),
            r"^withinitself1\.withinitself1: WithinItself\(\): expected a block whose expand comes to an end, "
            r"got one that holds itself on an input of shape \(3,\)\. Let expand return other layers",
        ),
        (AsksItself(), r"asksitself1: AsksItself\(\): expected a block whose expand comes to an end"),
        (Deeper(1), r"deeper1: Deeper\(65\): .* got one that holds more than 64 blocks in each other"),
        (NumberLayer(), r"NumberLayer\(\): expected a layer that makes a torch\.nn\.Module, got 3 from its make"),
    ],
)
def test_what_an_author_got_wrong_is_said(layer: Expression, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        Input(3) >> layer


def test_a_block_may_hold_itself_with_another_argument() -> None:
    network = Input(3) >> Deeper(40, -1)
    assert (len(network.plan().nodes), network.output_shape) == (1 + 40 + 2, (2,))
    assert (network >> Deeper(1, -1)).output_shape == (2,)
