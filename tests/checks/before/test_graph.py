"""Questions to the graph from the loss to the weights, and to what an answer depends on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.graph import (
    owned,
    reached,
    rows_apart,
    statistics_in_two_places,
    steps_have_slopes,
)

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


@pytest.fixture
def data(draw: Any) -> Any:
    return draw(40, 4), torch.arange(40) % 3


class Listed(nn.Module):
    """A layer in a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(4, 6), nn.Linear(6, 5)]
        self.last = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x).relu()
        return self.last(x)  # type: ignore[no-any-return]


# weights that the module owns


def test_layers_in_a_plain_list(one: Any, data: Any) -> None:
    found = one(owned, Listed(), CROSS, data)
    assert (found.code, found.level) == ("unregistered", "fault")
    assert found.evidence == {"weights": 4, "anew": 0}
    assert (found.remedy.object, found.remedy.argument) == ("module", "register")
    assert sorted(found.remedy.value) == [[5], [5, 6], [6], [6, 4]]
    assert "nn.ModuleList" in found.do


def test_an_input_of_which_forward_makes_a_leaf_is_no_weight(ask: Any, formula: Any, draw: Any) -> None:
    """The slope of an answer by its input, as in networks that heed an equation; a batch of 32 rows is as (32, 1)."""

    def slope(m: Any, t: Tensor) -> Any:
        with torch.enable_grad():
            t = t.detach().requires_grad_()
            u = m.o(m.i(t).tanh())
            return torch.autograd.grad(u.sum(), t, create_graph=True)[0] + u

    module = formula(slope, i=nn.Linear(1, 32), o=nn.Linear(32, 1))
    assert not ask(owned, module, SQUARES, (draw(96, 1), draw(96, 1)))


def test_a_layer_that_forward_makes(one: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.last(nn.Linear(4, 5)(x)), last=nn.Linear(5, 3))
    found = one(owned, module, CROSS, data)
    assert (found.code, found.level) == ("unregistered", "fault")
    assert found.evidence == {"weights": 2, "anew": 2}
    assert "__init__" in found.do


def test_registered_layers_are_right(ask: Any, net: Any, formula: Any, data: Any) -> None:
    assert not ask(owned, net(4, 6, 3), CROSS, data)
    listed = formula(lambda m, x: m.parts[1](m.parts[0](x)), parts=nn.ModuleList([nn.Linear(4, 6), nn.Linear(6, 3)]))
    assert not ask(owned, listed, CROSS, data)
    fixed = torch.randn(4, 4)  # a matrix without a gradient is no weight
    assert not ask(owned, formula(lambda m, x: m.last(x @ fixed), last=nn.Linear(4, 3)), CROSS, data)
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))
    assert not ask(owned, normed, CROSS, data)


class Centres(nn.Module):
    """The distance to a centre of each class, which is learned."""

    def __init__(self, k: int, d: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(k, d))

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - self.centres[target]).square().mean()


def test_weights_of_the_loss_are_right(ask: Any, net: Any, data: Any) -> None:
    module, loss = net(4, 8), Centres(3, 8)
    assert not ask(owned, module, loss, data, torch.optim.Adam([*module.parameters(), *loss.parameters()]))


def test_a_weight_that_the_optimizer_holds_is_right(ask: Any, net: Any, formula: Any, data: Any) -> None:
    module, loss = net(4, 8), Centres(3, 8)
    both = torch.optim.Adam([*module.parameters(), *loss.parameters()])
    assert not ask(owned, module, lambda z, t: loss(z, t), data, both)


def test_a_penalty_in_the_loss_is_right(ask: Any, net: Any, data: Any) -> None:
    module = net(4, 6, 3)
    loss = lambda z, t: CROSS(z, t) + 1e-4 * sum(p.square().sum() for p in module.parameters())  # noqa: E731
    assert not ask(owned, module, loss, data)


def test_how_many_weights_are_not_owned_is_a_signal(context: Any, net: Any, data: Any) -> None:
    for module, count in ((net(4, 6, 3), 0), (Listed(), 4)):
        program = context(module, CROSS, data)
        list(owned(program))
        assert program.signals["weights of the graph that the module does not own"].value == count


def test_inputs_with_a_gradient_are_no_weights(ask: Any, net: Any, data: Any) -> None:
    assert not ask(owned, net(4, 6, 3), CROSS, (data[0].requires_grad_(), data[1]))


# weights that the gradient reaches


@pytest.mark.parametrize(
    "cut",
    [
        Tensor.detach,
        lambda x: x.data,
        lambda x: torch.tensor(x.tolist()),
        lambda x: torch.from_numpy(x.numpy(force=True)),
    ],
    ids=["detach", "data", "tensor", "numpy"],
)
def test_a_graph_that_is_cut(cut: Any, one: Any, formula: Any, adam: Any, data: Any) -> None:
    module = formula(lambda m, x: m.last(cut(m.first(x)).relu()), first=nn.Linear(4, 6), last=nn.Linear(6, 3))
    found = one(reached, module, CROSS, data, adam(module))
    assert (found.code, found.level) == ("detached", "fault")
    assert found.evidence == {"parameters": ["first.weight", "first.bias"]}
    assert found.where.layer == "first"
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("module", "attach", "first")


def test_no_grad_around_a_part(one: Any, formula: Any, adam: Any, data: Any) -> None:
    def run(m: Any, x: Tensor) -> Any:
        with torch.no_grad():
            x = m.first(x)
        return m.last(x)

    module = formula(run, first=nn.Linear(4, 6), last=nn.Linear(6, 3))
    assert one(reached, module, CROSS, data, adam(module)).where.layer == "first"


def test_a_layer_that_is_not_called_is_a_note(one: Any, formula: Any, adam: Any, data: Any) -> None:
    module = formula(lambda m, x: m.used(x), used=nn.Linear(4, 3), idle=nn.Linear(4, 3))
    found = one(reached, module, CROSS, data, adam(module))
    assert (found.code, found.level) == ("detached", "note")
    assert found.evidence == {"parameters": ["idle.weight", "idle.bias"]}


def test_frozen_features_are_right(ask: Any, formula: Any, adam: Any, data: Any) -> None:
    module = formula(lambda m, x: m.last(m.first(x).detach()), first=nn.Linear(4, 6), last=nn.Linear(6, 3))
    assert not ask(reached, module, CROSS, data, adam(module.last))  # cut and not held: on purpose
    assert not ask(reached, module, CROSS, data, adam(module), frozen=("first",))
    module.first.requires_grad_(False)
    assert not ask(reached, module, CROSS, data, adam(module))


def test_whole_graphs_are_right(ask: Any, net: Any, formula: Any, adam: Any, data: Any) -> None:
    module = net(4, 6, 3)
    assert not ask(reached, module, CROSS, data, adam(module))
    stop = formula(  # a detach beside a path that is whole
        lambda m, x: m.last(m.first(x) + m.first(x).detach()), first=nn.Linear(4, 6), last=nn.Linear(6, 3)
    )
    assert not ask(reached, stop, CROSS, data, adam(stop))
    two = formula(lambda m, x: (m.a(x), m.b(x)), a=nn.Linear(4, 3), b=nn.Linear(4, 1))
    loss = lambda z, t: CROSS(z[0], t) + z[1].square().mean()  # noqa: E731
    assert not ask(reached, two, loss, data, adam(two))


# rounding in forward


@pytest.mark.parametrize("step", [torch.round, torch.sign, torch.floor])
def test_a_step_in_forward(step: Any, one: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.last(step(3 * m.first(x))), first=nn.Linear(4, 6), last=nn.Linear(6, 3))
    found = one(steps_have_slopes, module, CROSS, data)
    assert (found.code, found.level) == ("not-differentiable", "fault")
    assert found.evidence == {"parameters": ["first.weight", "first.bias"]}


def test_steps_beside_the_path_are_right(ask: Any, net: Any, formula: Any, data: Any) -> None:
    layers = {"first": nn.Linear(4, 6), "last": nn.Linear(6, 3)}
    straight = formula(lambda m, x: m.last((z := m.first(x)) + (z.sign() - z).detach()), **layers)
    assert not ask(steps_have_slopes, straight, CROSS, data)
    rounded = formula(lambda m, x: m.last(m.first(x.round())), **layers)
    assert not ask(steps_have_slopes, rounded, CROSS, data)
    assert not ask(steps_have_slopes, net(4, 6, 3), CROSS, data)


# rows that do not influence each other


def test_a_recurrent_layer_that_takes_steps_for_rows(one: Any, formula: Any, draw: Any) -> None:
    module = formula(lambda m, x: m.last(m.cell(x)[0][:, -1]), cell=nn.GRU(3, 6), last=nn.Linear(6, 2))
    found = one(rows_apart, module, CROSS, (draw(40, 7, 3), torch.arange(40) % 2))
    assert (found.code, found.level) == ("batch-mixing", "fault")
    assert found.evidence["changed_row"] == 8
    assert found.evidence["row"] > 8  # a row after the changed one, as along time
    assert found.where.layer == "cell"
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("module", "batch_first", True)


def test_rows_that_begin_alike_and_are_read_one_after_the_other(one: Any, formula: Any) -> None:
    """What is read is the first word of each row, which most of them share."""
    words = torch.randint(2, 30, (40, 7), generator=torch.Generator().manual_seed(0))
    words[:, 0] = (torch.arange(40) % 16 == 2).long()
    net = formula(
        lambda m, x: m.o(m.c(m.e(x.flip(1)))[0][:, -1]), e=nn.Embedding(30, 5), c=nn.GRU(5, 6), o=nn.Linear(6, 2)
    )
    found = one(rows_apart, net, CROSS, (words, torch.arange(40) % 2))
    assert (found.code, found.evidence["changed_rows"]) == ("batch-mixing", list(range(0, 16, 2)))
    assert found.evidence["row"] % 2


def test_a_softmax_over_rows(one: Any, net: Any, data: Any) -> None:
    found = one(rows_apart, net(4, 3, last=nn.Softmax(0)), CROSS, data)
    assert found.code == "batch-mixing"
    assert "dim=1" in found.do


def test_a_mean_over_rows_and_a_reshape(one: Any, formula: Any, data: Any) -> None:
    centred = formula(lambda m, x: m.last(x - x.mean(0)), last=nn.Linear(4, 3))
    assert one(rows_apart, centred, CROSS, data).code == "batch-mixing"
    mixed = formula(lambda m, x: m.last(x.T.reshape(len(x), 4)), last=nn.Linear(4, 3))
    assert one(rows_apart, mixed, CROSS, data).code == "batch-mixing"


def test_another_number_of_rows_comes_out(one: Any, formula: Any, draw: Any) -> None:
    module = formula(lambda m, x: m.last(x.reshape(-1, 2)), last=nn.Linear(2, 3))
    found = one(rows_apart, module, CROSS, (draw(40, 4), torch.arange(40) % 3))
    assert (found.code, found.evidence) == ("batch-mixing", {"rows": 16, "shape": [32, 3]})


@pytest.mark.parametrize(
    "norm", [nn.BatchNorm1d(6), nn.LayerNorm(6), nn.GroupNorm(2, 6)], ids=["batch", "layer", "group"]
)
def test_rows_that_stand_by_themselves_are_right(norm: Any, ask: Any, data: Any) -> None:
    module = nn.Sequential(nn.Linear(4, 6), norm, nn.ReLU(), nn.Linear(6, 3))
    assert not ask(rows_apart, module, CROSS, data)


def test_sequences_with_rows_first_or_turned_are_right(ask: Any, formula: Any, draw: Any) -> None:
    data = draw(40, 7, 3), torch.arange(40) % 2
    first = formula(lambda m, x: m.o(m.c(x)[0][:, -1]), c=nn.GRU(3, 6, batch_first=True), o=nn.Linear(6, 2))
    turned = formula(lambda m, x: m.o(m.c(x.transpose(0, 1))[0][-1]), c=nn.GRU(3, 6), o=nn.Linear(6, 2))
    words = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(12, 2))
    assert not ask(rows_apart, first, CROSS, data)
    assert not ask(rows_apart, turned, CROSS, data)
    assert not ask(rows_apart, words, CROSS, (torch.arange(160).reshape(40, 4) % 9, data[1]))


# statistics in two places


def test_one_norm_for_values_of_two_scales(one: Any, formula: Any, data: Any) -> None:
    module = formula(
        lambda m, x: m.o(m.norm(m.i(x)) + m.norm(5 + 9 * m.i(x))),
        i=nn.Linear(4, 6),
        norm=nn.BatchNorm1d(6),
        o=nn.Linear(6, 3),
    )
    found = one(statistics_in_two_places, module, CROSS, data)
    assert (found.code, found.level) == ("shared-stateful-layer", "fault")
    assert found.evidence["places"] == 2
    assert found.evidence["factor"] == pytest.approx(9, rel=1e-4)
    z = module.i(data[0]).detach()
    apart = ((5 + 8 * z.mean(0)).abs() / z.std(0)).sort().values[2]  # of six the lower of the middle two
    assert found.evidence["means_apart"] == pytest.approx(float(apart), rel=1e-4)
    assert (found.where.layer, found.remedy.argument, found.remedy.value) == ("norm", "split_layer", "norm")


def test_one_norm_for_two_branches_alike_is_a_note(one: Any, formula: Any, draw: Any) -> None:
    module = formula(
        lambda m, a, b: m.o(m.norm(m.i(a)) - m.norm(m.i(b))),
        i=nn.Linear(4, 6),
        norm=nn.BatchNorm1d(6),
        o=nn.Linear(6, 3),
    )
    X = draw(200, 4)
    found = one(statistics_in_two_places, module, CROSS, (X, X.flip(0), torch.arange(200) % 3))
    assert (found.code, found.level) == ("shared-stateful-layer", "note")
    assert found.evidence["means_apart"] == pytest.approx(0, abs=1e-4)


def test_layers_without_statistics_may_be_shared(ask: Any, net: Any, formula: Any, data: Any) -> None:
    parts = {"i": nn.Linear(4, 6), "o": nn.Linear(6, 3)}
    shared = formula(lambda m, x: m.o(m.norm(m.i(x)) + m.norm(5 + 9 * m.i(x))), norm=nn.LayerNorm(6), **parts)
    assert not ask(statistics_in_two_places, shared, CROSS, data)
    once = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)
    )
    assert not ask(statistics_in_two_places, once, CROSS, data)
    free = nn.BatchNorm1d(6, track_running_stats=False)
    untracked = formula(lambda m, x: m.o(m.norm(m.i(x)) + m.norm(5 + 9 * m.i(x))), norm=free, **parts)
    assert not ask(statistics_in_two_places, untracked, CROSS, data)
