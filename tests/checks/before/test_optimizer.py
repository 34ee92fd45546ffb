"""Questions to the optimizer: whose parameters it holds, and whether they move."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks.before.optimizer import complete, declared, in_name, movable, own_parameters

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


@pytest.fixture
def data(draw: Any) -> Any:
    return draw(30, 4), torch.arange(30) % 3


# whose parameters


def test_an_optimizer_of_another_copy(one: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    found = one(own_parameters, module, CROSS, data, adam(deepcopy(module)))
    assert (found.code, found.level) == ("foreign-optimizer", "fault")
    assert found.evidence == {"foreign": 4, "same_shapes": True}
    assert "another copy" in found.seen
    assert (found.remedy.object, found.remedy.argument) == ("optimizer", "params")


def test_an_optimizer_of_another_network(one: Any, net: Any, adam: Any, data: Any) -> None:
    found = one(own_parameters, net(4, 8, 3), CROSS, data, adam(net(5, 2)))
    assert found.evidence == {"foreign": 2, "same_shapes": False}


def test_an_optimizer_of_this_network_is_right(ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    assert not ask(own_parameters, module, CROSS, data, adam(module))
    assert not ask(own_parameters, module, CROSS, data, [adam(module[0]), adam(module[2])])
    assert not ask(own_parameters, module, CROSS, data)
    both = torch.optim.Adam([*module.parameters(), *net(4, 2).parameters()])
    assert not ask(own_parameters, module, CROSS, data, both)  # two networks trained together
    assert not ask(own_parameters, nn.Flatten(), CROSS, data, adam(module))


def test_parameters_of_the_loss_are_its_own(ask: Any, net: Any, adam: Any, data: Any) -> None:
    loss = nn.AdaptiveLogSoftmaxWithLoss(4, 3, [1])
    assert not ask(own_parameters, net(4, 4), loss, data, adam(loss))


# whether they move


def test_all_that_is_held_is_frozen(one: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3).requires_grad_(False)
    found = one(movable, module, CROSS, data, adam(module))
    assert (found.code, found.level) == ("all-frozen", "fault")
    assert found.evidence == {"held": 4, "trainable": 0}
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("module", "requires_grad", True)


def test_what_is_held_is_frozen_and_the_rest_is_not_held(one: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    module[2].requires_grad_(False)
    found = one(movable, module, CROSS, data, adam(module[2]))
    assert (found.code, found.level) == (
        "missing-parameters",
        "fault",
    )  # a head that was put in place after the optimizer
    assert found.evidence == {"held": 2, "missing": ["0.weight", "0.bias"]}
    assert (found.remedy.object, found.remedy.argument) == ("optimizer", "params")


def test_a_part_that_moves_is_right(ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    module[0].requires_grad_(False)
    assert not ask(movable, module, CROSS, data, adam(module))
    assert not ask(movable, module, CROSS, data, adam(module[2]))
    assert not ask(movable, module.requires_grad_(False), CROSS, data)  # there is no optimizer yet


# whether they are all


def test_a_layer_that_no_optimizer_holds(one: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    found = one(complete, module, CROSS, data, adam(module[2]))
    assert (found.code, found.level) == ("missing-parameters", "fault")
    assert found.evidence == {"parameters": ["0.weight", "0.bias"], "numbers": 4 * 8 + 8}
    assert found.where.layer == "0"
    assert "0.weight" in found.seen


def test_a_bias_that_was_forgotten(one: Any, net: Any, data: Any) -> None:
    module = net(4, 8, 3)
    weights = [p for name, p in module.named_parameters() if name != "2.bias"]
    found = one(complete, module, CROSS, data, torch.optim.SGD(weights, lr=0.1))
    assert found.evidence["parameters"] == ["2.bias"]


def test_what_is_frozen_held_elsewhere_or_declared_is_right(ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    assert not ask(complete, module, CROSS, data, adam(module))
    assert not ask(complete, module, CROSS, data, [adam(module[0]), torch.optim.SGD(module[2].parameters(), lr=0.1)])
    assert not ask(complete, module, CROSS, data, adam(module[2]), frozen=("0",))
    assert not ask(complete, module, CROSS, data, adam(module[2]), frozen=("0.weight", "0.bias"))
    assert not ask(complete, module, CROSS, data, adam(module[2]), frozen=True)
    assert ask(complete, module, CROSS, data, adam(module[2]), frozen=("0.weight",))
    module[0].requires_grad_(False)
    assert not ask(complete, module, CROSS, data, adam(module[2]))
    assert not ask(complete, module, CROSS, data)


def test_layers_without_a_gradient_are_another_matter(ask: Any, formula: Any, adam: Any, data: Any) -> None:
    module = formula(lambda m, x: m.used(x), used=nn.Linear(4, 3), idle=nn.Linear(4, 3))
    assert not ask(complete, module, CROSS, data, adam(module.used))


def test_tied_weights_are_held_once(ask: Any, formula: Any, draw: Any) -> None:
    module = formula(lambda m, x: m.b(m.a(x).relu()), a=nn.Linear(4, 4), b=nn.Linear(4, 4))
    module.b.weight = module.a.weight
    optimizer = torch.optim.SGD([module.a.weight, module.a.bias, module.b.bias], lr=0.1)
    assert not ask(complete, module, SQUARES, (draw(30, 4), draw(30, 4)), optimizer)


def test_trained_features_that_are_not_held_are_a_note(one: Any, net: Any, adam: Any, draw: Any) -> None:
    module = net(16, 32, 3)
    data = draw(30, 16), torch.arange(30) % 3
    assert one(complete, module, CROSS, data, adam(module[2])).level == "fault"
    with torch.no_grad():
        module[0].weight += torch.outer(draw(32), draw(16))  # one direction stands out, as after training
    found = one(complete, module, CROSS, data, adam(module[2]))
    assert (found.code, found.level) == ("missing-parameters", "note")


def test_a_copy_that_follows_is_at_most_a_note(one: Any, formula: Any, net: Any, adam: Any, data: Any) -> None:
    module = formula(lambda m, x: (m.net(x), m.mean(x)), net=net(4, 8, 3), mean=net(4, 8, 3))
    loss = lambda z, t: CROSS(z[0], t) + SQUARES(z[0], z[1])  # noqa: E731
    assert one(complete, module, loss, data, adam(module.net)).level == "fault"
    module.mean.load_state_dict(module.net.state_dict())
    found = one(complete, module, loss, data, adam(module.net))
    assert (found.level, found.evidence["parameters"][0]) == ("note", "mean.0.weight")
    assert "copy" in found.seen


def test_how_many_are_missing_is_a_signal(context: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 8, 3)
    for held, count in ((module, 0), (module[2], 2)):
        program = context(module, CROSS, data, adam(held))
        list(complete(program))
        assert program.signals["trainable parameters in no optimizer"].value == count


def test_a_layer_that_is_free_in_name_only(one: Any, ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 6, 3)
    module[2].requires_grad_(False)
    assert not ask(in_name, module, CROSS, data, adam(module))
    module[2].requires_grad = True
    found = one(in_name, module, CROSS, data, adam(module))
    assert (found.code, found.level, found.where.layer) == ("all-frozen", "fault", "2")
    assert "2.requires_grad_(True)" in found.do
    module[2].requires_grad_(True)
    assert not ask(in_name, module, CROSS, data, adam(module))
    module[2].requires_grad = False  # frozen in name only: it learns, which may do no harm
    assert one(in_name, module, CROSS, data, adam(module)).level == "note"


def test_what_is_declared_frozen_and_moves(one: Any, ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 6, 3)
    found = one(declared, module, CROSS, data, adam(module), frozen=("0",))
    assert (found.level, found.evidence["parameters"]) == ("note", ["0.weight", "0.bias"])
    module[0].requires_grad_(False)
    assert not ask(declared, module, CROSS, data, adam(module), frozen=("0",))


def test_matrices_as_they_were_drawn_of_which_none_can_move(one: Any, ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 6, 3)
    for parameter in list(module.parameters())[:-1]:
        parameter.requires_grad_(False)
    found = one(movable, module, CROSS, data, adam(module))
    assert (found.code, found.level, found.evidence) == ("all-frozen", "fault", {"frozen": 2, "moving": 1})
    module[2].requires_grad_(True)  # a head on features drawn at random
    assert not ask(movable, module, CROSS, data, adam(module))
    vectors = nn.Sequential(nn.Embedding(5, 1), nn.Flatten())
    assert not ask(movable, vectors, CROSS, (torch.arange(30).reshape(10, 3) % 5, torch.arange(10) % 3), adam(vectors))
