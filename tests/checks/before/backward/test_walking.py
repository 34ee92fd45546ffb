"""The graph behind a value."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from netwright.checks.before.backward.walking import hides_a_part, leaves_behind, leaves_of_pass, nodes_behind
from netwright.checks.reading import Batch


def test_the_leaves_of_a_value_are_its_weights(net: Any, draw: Any) -> None:
    module, x = net(4, 6, 3), draw(5, 4)
    assert {id(leaf) for leaf in leaves_behind([module(x).sum()])} == {id(p) for p in module.parameters()}
    x.requires_grad_()
    assert id(x) in {id(leaf) for leaf in leaves_behind([module(x)])}
    assert list(leaves_behind([module(x).detach(), 3.0, None])) == []


def test_each_node_is_met_once(draw: Any) -> None:
    x = draw(5).requires_grad_()
    y = x * x
    assert len(list(nodes_behind([y + y, y]))) == 3  # the sum, the product and the leaf


def test_leaves_of_the_output_are_told_from_those_of_the_loss(net: Any, draw: Any) -> None:
    module, weight = net(4, 3), torch.ones(3, requires_grad=True)
    batch = Batch((draw(5, 4),), draw(5, 3))
    behind, inside = leaves_of_pass(module, lambda z, t: (weight * (z - t)).square().sum(), batch)
    assert {id(leaf) for leaf in behind} == {id(weight), *map(id, module.parameters())}
    assert inside == set(map(id, module.parameters()))


def test_a_part_that_is_computed_again_is_hidden(formula: Any, draw: Any) -> None:
    batch = Batch((draw(5, 4),), draw(5, 3))
    for again, hidden in ((True, True), (False, False)):
        run = lambda m, x, again=again: checkpoint(m.o, x.requires_grad_(), use_reentrant=again)  # noqa: E731
        assert hides_a_part(formula(run, o=nn.Linear(4, 3)), nn.MSELoss(), batch) == hidden
    assert not hides_a_part(nn.Linear(4, 3), nn.MSELoss(), batch)
