"""Questions to what an answer depends on: on the inputs at all, on each of them, on the layers that are called."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.graph import reached
from netwright.checks.before.inputs import depends, each_input

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


@pytest.fixture
def data(draw: Any) -> Any:
    return draw(40, 4), torch.arange(40) % 3


# an output that depends on the input


@pytest.mark.parametrize(
    "lost", [lambda x: 0 * x, torch.ones_like, lambda x: x[:1].expand_as(x)], ids=["0", "1", "first"]
)
def test_an_input_that_is_lost(lost: Any, one: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.o(m.i(lost(x)).relu()), i=nn.Linear(4, 6), o=nn.Linear(6, 3))
    found = one(depends, module, CROSS, data)
    assert (found.code, found.level) == ("input-ignored", "fault")
    assert (found.remedy.object, found.remedy.argument) == ("module", "use_input")


@pytest.mark.parametrize("last", [lambda z: (z - 50).relu(), lambda z: torch.sigmoid(z + 200)], ids=["off", "flat"])
def test_units_that_are_all_off_or_flat_are_another_fault(last: Any, ask: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.o(last(m.i(x))), i=nn.Linear(4, 6), o=nn.Linear(6, 3))
    assert not ask(depends, module, CROSS, data)


def test_tokens_that_are_lost(one: Any, formula: Any) -> None:
    module = formula(lambda m, x: m.o(m.e(0 * x).mean(1)), e=nn.Embedding(9, 4), o=nn.Linear(4, 3))
    assert (
        one(depends, module, CROSS, (torch.arange(160).reshape(40, 4) % 9, torch.arange(40) % 3)).code
        == "input-ignored"
    )


def test_outputs_that_start_equal_and_can_differ_are_right(ask: Any, net: Any, data: Any) -> None:
    module = net(4, 6, 3)
    assert not ask(depends, module, CROSS, data)
    nn.init.zeros_(module[2].weight)  # a head that begins at 0
    assert not ask(depends, module, CROSS, data)
    dead = net(4, 6, 3)
    nn.init.constant_(dead[0].bias, -1e3)
    assert not ask(depends, dead, CROSS, data)
    assert not ask(depends, net(4, 6, 3), CROSS, (torch.ones(40, 4), data[1]))  # nothing to depend on


def test_outputs_that_are_no_tensors_of_rows_are_right(ask: Any, formula: Any, data: Any) -> None:
    named = formula(lambda m, x: SimpleNamespace(logits=m.o(x)), o=nn.Linear(4, 3))
    assert not ask(depends, named, lambda z, t: CROSS(z.logits, t), data)
    whole = formula(lambda m, x, t: CROSS(m.o(x), t), o=nn.Linear(4, 3))
    assert not ask(depends, whole, lambda z, t: z, (*data, data[1]))


def test_a_state_in_single_precision_is_no_error(one: Any, formula: Any, draw: Any) -> None:
    """The state that forward makes has no double precision; the answer reads it, and not what came out of the layer."""

    def first(m: Any, x: Tensor) -> Any:
        h = torch.zeros(1, len(x), 6)
        m.cell(x, h)
        return m.o(h[0])

    module = formula(first, cell=nn.GRU(4, 6, batch_first=True), o=nn.Linear(6, 3))
    found = one(depends, module, CROSS, (draw(40, 5, 4), torch.arange(40) % 3))
    assert (found.code, found.level) == ("input-ignored", "fault")


# each of several inputs


@pytest.fixture
def pair(draw: Any) -> Any:
    return torch.arange(48) % 7, draw(48, 4), draw(48, 1)


def joined(formula: Any, used: Any) -> Any:
    parts = {"table": nn.Embedding(7, 5), "numeric": nn.Linear(4, 5), "out": nn.Linear(10, 1)}
    return formula(lambda m, k, x: m.out(torch.cat(used(m.table(k), m.numeric(x).tanh()), 1)), **parts)


def test_one_of_two_inputs_that_is_not_used(one: Any, ask: Any, formula: Any, pair: Any, adam: Any) -> None:
    module = joined(formula, lambda a, b: [a, a])
    found = one(each_input, module, SQUARES, pair)
    assert (found.code, found.level) == ("input-ignored", "fault")
    assert found.evidence == {"input": 1, "shape": [4]}
    (cut,) = ask(reached, module, SQUARES, pair, adam(module))  # called, and of no use: nothing is detached
    assert (cut.level, cut.where.layer) == ("note", "numeric")
    assert "does not use" in cut.message


def test_a_layer_whose_answer_is_cut_off_is_detached(one: Any, formula: Any, pair: Any, adam: Any) -> None:
    module = joined(formula, lambda a, b: [a, b.detach()])
    found = one(reached, module, SQUARES, pair, adam(module))
    assert (found.code, found.level, found.where.layer) == ("detached", "fault", "numeric")


def test_dropout_hides_no_layer_that_is_cut_off(one: Any, formula: Any, pair: Any, adam: Any) -> None:
    parts = {"table": nn.Embedding(7, 5), "numeric": nn.Linear(4, 5), "drop": nn.Dropout(0.5), "out": nn.Linear(5, 1)}
    module = formula(lambda m, k, x: m.out(m.drop(m.table(k)) + 0 * m.numeric(x).detach()), **parts)
    assert one(reached, module, SQUARES, pair, adam(module)).level == "note"  # times 0: of no use, and not cut off


def test_every_input_is_used(ask: Any, formula: Any, pair: Any) -> None:
    module = joined(formula, lambda a, b: [a, b])
    assert not ask(each_input, module, SQUARES, pair)
    nn.init.zeros_(module.out.weight)  # a head that begins at 0
    assert not ask(each_input, module, SQUARES, pair)
    same = (pair[0], torch.ones(48, 4), pair[2])  # rows of which none differs can change nothing
    assert not ask(each_input, joined(formula, lambda a, b: [a, a]), SQUARES, same)


def test_lengths_and_masks_that_are_not_used_are_a_note(one: Any, formula: Any, draw: Any) -> None:
    module = formula(lambda m, x, n: m.o(x.mean(1)), o=nn.Linear(4, 3))
    lengths = (draw(40, 6, 4), 1 + torch.arange(40) % 6, torch.arange(40) % 3)
    assert one(each_input, module, CROSS, lengths).level == "note"
    masks = (draw(40, 6, 4), (torch.rand(40, 6) > 0.5).float(), torch.arange(40) % 3)
    assert one(each_input, module, CROSS, masks).level == "note"
