"""What is meant to stand still: trained weights, copies, and networks that were put into eval mode."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from netwright.checks.before.graph import owned, reached
from netwright.checks.before.purpose import copies_among, looks_learned, put_to_eval

CROSS = nn.CrossEntropyLoss()


@pytest.fixture
def data(draw: Any) -> Any:
    return draw(40, 4), torch.arange(40) % 3


def test_a_fresh_draw_does_not_look_learned(draw: Any) -> None:
    assert not looks_learned(nn.Linear(32, 64).weight)
    assert not looks_learned(nn.Conv2d(8, 16, 3).weight)
    assert not looks_learned(draw(2, 64))
    assert looks_learned(draw(64, 32) + torch.outer(draw(64), draw(32)))


def test_copies_and_moving_means_are_known_by_their_numbers(net: Any, draw: Any) -> None:
    module = nn.ModuleDict({"net": net(6, 8, 3), "mean": net(6, 8, 3), "other": net(6, 8, 3)})
    module["mean"].load_state_dict(module["net"].state_dict())
    with torch.no_grad():
        for parameter in module["mean"].parameters():
            parameter += 0.1 * parameter.std() * draw(*parameter.shape)
    named = dict(module.named_parameters())
    learn = [name for name in named if name.startswith("net.")]
    others = [name for name in named if not name.startswith("net.")]
    assert copies_among(others, named, learn) == {name for name in named if name.startswith("mean.")}
    assert copies_among(others, named, []) == set()


def test_weights_of_one_number_are_no_copies(net: Any) -> None:
    module = nn.ModuleDict({"a": net(6, 8, 3), "b": net(6, 8, 3)})
    for parameter in module.parameters():
        nn.init.constant_(parameter, 0.1)
    named = dict(module.named_parameters())
    learn = [name for name in named if name.startswith("a.")]
    assert copies_among(["b.0.weight", "b.0.bias"], named, learn) == set()


def test_networks_in_lists_that_were_put_to_eval(net: Any) -> None:
    module = nn.Sequential(net(4, 3))
    module.teachers = [net(4, 3).eval(), {"more": (net(4, 3), net(4, 3).eval())}]  # type: ignore[assignment]
    asleep = [module.teachers[0], module.teachers[1]["more"][1]]
    assert put_to_eval(module) == {id(p) for each in asleep for p in each.parameters()}
    assert put_to_eval(deepcopy(module)).isdisjoint(put_to_eval(module))


# weights outside of the module


class Taught(nn.Module):
    """A student and its teacher, whom it keeps where nothing registers him."""

    def __init__(self, teacher: nn.Module, keep: Any) -> None:
        super().__init__()
        self.student, self.kept = nn.Linear(4, 3), keep(teacher)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        teacher = self.kept["teacher"] if isinstance(self.kept, dict) else self.kept[0]
        return self.student(x), teacher(x)


def distilled(z: tuple[Tensor, Tensor], t: Tensor) -> Tensor:
    """Cross entropy, and what the student differs from its teacher by."""
    return CROSS(z[0], t) + functional.mse_loss(*z)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "keep", [lambda t: [t], lambda t: (t,), lambda t: {"teacher": t}], ids=["list", "tuple", "dict"]
)
def test_a_frozen_teacher_outside_of_the_module_is_right(keep: Any, ask: Any, net: Any, adam: Any, data: Any) -> None:
    teacher = net(4, 8, 3)
    module = Taught(teacher.eval().requires_grad_(False), keep)
    assert not ask(owned, module, distilled, data, adam(module))
    module = Taught(net(4, 8, 3).requires_grad_(False), keep)
    assert not ask(owned, module, distilled, data, adam(module))


def test_a_teacher_in_eval_mode_that_is_not_frozen_is_a_note(one: Any, net: Any, adam: Any, data: Any) -> None:
    module = Taught(net(4, 8, 3).eval(), lambda t: [t])
    found = one(owned, module, distilled, data, adam(module))
    assert (found.code, found.level) == ("unregistered", "note")
    assert "requires_grad_(False)" in found.do
    module = Taught(net(4, 8, 3), lambda t: [t])
    assert one(owned, module, distilled, data, adam(module)).level == "fault"


def test_a_network_of_the_loss_that_nothing_holds_is_a_note(one: Any, ask: Any, net: Any, adam: Any, data: Any) -> None:
    module, features = net(4, 4), net(4, 8, 2)
    loss = lambda z, t: functional.mse_loss(features(z), features(2 * z.detach()))  # noqa: E731
    assert one(owned, module, loss, data, adam(module)).level == "note"
    features.requires_grad_(False)
    assert not ask(owned, module, loss, data, adam(module))


# parameters that no gradient reaches


class Followed(nn.Module):
    """A network and a copy of it that follows it, which no gradient reaches."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.mean = network, deepcopy(network)

    def forward(self, x: Tensor) -> Any:
        with torch.no_grad():
            aim = self.mean(x)
        return self.network(x) + 0.1 * aim


def test_a_copy_that_no_gradient_reaches_is_right(ask: Any, one: Any, net: Any, adam: Any, data: Any) -> None:
    module = Followed(net(4, 6, 3))
    assert not ask(reached, module, CROSS, data, adam(module))
    assert not ask(reached, module, CROSS, data, adam(module.network))
    assert not ask(reached, module, CROSS, data)
    other = Followed(net(4, 6, 3))
    other.mean = net(4, 6, 3)  # the same layers, and no copy
    assert one(reached, other, CROSS, data, adam(other)).level == "fault"


def test_a_cut_is_a_note_where_features_were_trained_or_put_to_eval(
    one: Any, formula: Any, adam: Any, draw: Any
) -> None:
    data = draw(40, 16), torch.arange(40) % 3
    run = lambda m, x: m.last(m.first(x).detach())  # noqa: E731
    for meant in (lambda m: m.first.eval(), lambda m: learn(m.first, draw)):
        module = formula(run, first=nn.Linear(16, 8), last=nn.Linear(8, 3)).train()
        assert one(reached, module, CROSS, data, adam(module)).level == "fault"
        meant(module)
        assert one(reached, module, CROSS, data, adam(module)).level == "note"


def learn(layer: nn.Linear, draw: Any) -> None:
    """Let one direction of a layer stand out, as after training."""
    with torch.no_grad():
        layer.weight += torch.outer(draw(8), draw(16))


def test_a_cut_without_an_optimizer_is_a_note(one: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.last(m.first(x).detach()), first=nn.Linear(4, 6), last=nn.Linear(6, 3))
    assert one(reached, module, CROSS, data).level == "note"


def test_inputs_whose_gradient_forward_wants_are_no_weights(
    ask: Any, one: Any, formula: Any, adam: Any, data: Any
) -> None:
    def run(m: Any, x: Tensor, more: Any = None) -> Tensor:
        x = x.detach().requires_grad_()
        y = m.o(x).tanh()
        return y + torch.autograd.grad(y.sum(), x, create_graph=True)[0].sum(1, True)  # type: ignore[no-any-return]

    module = formula(run, o=nn.Linear(4, 3))
    for rows in (32, 4):
        assert not ask(owned, module, CROSS, data, adam(module), batch_size=rows)
    made = formula(lambda m, x: m.o(nn.Linear(4, 32)(x)), o=nn.Linear(32, 3))  # as many units as rows
    assert one(owned, made, CROSS, data, adam(made), batch_size=32).evidence["anew"] == 2


def test_layers_that_are_computed_again_in_backward_are_right(
    ask: Any, formula: Any, net: Any, adam: Any, data: Any
) -> None:
    run = lambda m, x: m.o(checkpoint(m.i, x.requires_grad_(), use_reentrant=True))  # noqa: E731
    module = formula(run, i=net(4, 8, 6), o=nn.Linear(6, 3))
    assert not ask(owned, module, CROSS, data, adam(module))
    assert not ask(reached, module, CROSS, data, adam(module))
