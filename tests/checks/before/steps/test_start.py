"""Questions to the start: whether units differ, whether the first loss is that of ignorance, whether signals arrive."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.steps.start import (
    gradient_ratio,
    gradients_arrive,
    scale_of_weights,
    slopes,
    units_alive,
    units_differ,
)

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


@pytest.fixture
def data(draw: Any, classes: Any) -> Any:
    X = draw(160, 4)
    return X, classes(X)


def filled(module: nn.Module, value: float) -> nn.Module:
    """All weights and biases one number."""
    for parameter in module.parameters():
        nn.init.constant_(parameter, value)
    return module


def sigmoids(depth: int, width: int = 16) -> nn.Sequential:
    """So many layers of sigmoids, drawn by torch's default."""
    widths = [4, *[width] * depth]
    parts = [part for i, o in pairwise(widths) for part in (nn.Linear(i, o), nn.Sigmoid())]
    return nn.Sequential(*parts, nn.Linear(width, 3))


# units that differ


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_units_that_are_all_the_same(value: float, one: Any, net: Any, adam: Any, data: Any) -> None:
    module = filled(net(4, 16, 3), value)
    found = one(units_differ, module, CROSS, data, adam(module))
    assert (found.code, found.level) == ("symmetric-init", "fault")
    assert found.evidence["value"] == pytest.approx(value)
    assert "0.weight" in found.evidence["layers"]
    assert found.where.layer == "0"
    assert (found.remedy.object, found.remedy.argument) == ("module", "reset_parameters")


def test_vectors_that_begin_at_zero(ask: Any, one: Any, formula: Any, adam: Any) -> None:
    """The slope of a product is 0 in both factors where both are 0, and not where one of them is drawn."""
    pairs = torch.stack([torch.arange(60) % 6, torch.arange(60) % 5], 1)
    y = (pairs.sum(1, keepdim=True) % 3).float() - 1

    def taste(start: float) -> Any:
        parts = {name: nn.Embedding(6, width) for name, width in (("who", 4), ("what", 4), ("bias", 1), ("idle", 2))}
        for name, part in parts.items():
            nn.init.constant_(part.weight, 0.0) if name != "what" else nn.init.normal_(part.weight, std=start)
        return formula(lambda m, x: (m.who(x[:, 0]) * m.what(x[:, 1])).sum(1, keepdim=True) + m.bias(x[:, 1]), **parts)

    module = taste(0.0)
    found = one(units_differ, module, SQUARES, (pairs, y), adam(module))
    assert (found.code, found.level) == ("symmetric-init", "fault")
    assert found.evidence["layers"] == ["who.weight", "what.weight"]
    assert not ask(units_differ, taste(0.3), SQUARES, (pairs, y), adam(module))


def test_units_of_a_convolution(one: Any, adam: Any, draw: Any) -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    nn.init.constant_(module[0].weight, 0.05)
    nn.init.zeros_(module[0].bias)
    nn.init.constant_(module[3].weight, 0.05)
    found = one(units_differ, module, CROSS, (draw(40, 1, 6, 6), torch.arange(40) % 3), adam(module))
    assert (found.code, found.where.layer) == ("symmetric-init", "0")


def test_layers_that_begin_at_0_and_come_apart_are_right(
    ask: Any, net: Any, formula: Any, adam: Any, data: Any
) -> None:
    head = net(4, 16, 3)
    nn.init.zeros_(head[2].weight)
    assert not ask(units_differ, head, CROSS, data, adam(head))
    branch = formula(
        lambda m, x: m.o(m.i(x) + m.b(m.a(m.i(x)).relu())),
        i=nn.Linear(4, 16),
        a=nn.Linear(16, 16),
        b=filled(nn.Linear(16, 16), 0.0),
        o=nn.Linear(16, 3),
    )
    assert not ask(units_differ, branch, CROSS, data, adam(branch))
    line = filled(nn.Linear(4, 3), 0.0)  # one layer alone has no hidden units
    assert not ask(units_differ, line, CROSS, data, adam(line))


def test_units_drawn_at_random_or_frozen_are_right(ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 16, 3)
    assert not ask(units_differ, module, CROSS, data, adam(module))
    fixed = net(4, 16, 3)
    filled(fixed[0], 0.1).requires_grad_(False)
    assert not ask(units_differ, fixed, CROSS, data, adam(fixed[2]))


# the scale of the first weights


@pytest.mark.parametrize("size", [30.0, 1e-5], ids=["large", "small"])
def test_weights_far_from_their_default(size: float, one: Any, net: Any, data: Any) -> None:
    module = net(4, 32, 32, 32, 3)
    for part in module[::2]:
        nn.init.normal_(part.weight, 0.0, size)
        nn.init.zeros_(part.bias)
    found = one(scale_of_weights, module, CROSS, data, torch.optim.SGD(module.parameters(), lr=0.3))
    assert (found.code, found.level) == ("init-scale", "fault")
    shares = data[1].bincount().double() / 160
    assert found.evidence["prior"] == pytest.approx(-float((shares * shares.log()).sum()), rel=1e-3)
    with torch.no_grad():
        assert found.evidence["start"] == pytest.approx(float(CROSS(module(data[0]), data[1])), rel=1e-4)
    assert found.evidence["left_default"] < 0.75 * found.evidence["left_as_is"]
    assert (found.remedy.object, found.remedy.argument) == ("module", "reset_parameters")


@pytest.mark.parametrize("draw_weights", [nn.init.kaiming_normal_, nn.init.xavier_uniform_, nn.init.orthogonal_])
def test_weights_by_known_rules_are_right(draw_weights: Any, ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 32, 32, 3)
    for part in module[::2]:
        draw_weights(part.weight)
    assert not ask(scale_of_weights, module, CROSS, data, adam(module))


def test_a_head_that_begins_at_0_is_right(ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 32, 3)
    filled(module[2], 0.0)
    assert not ask(scale_of_weights, module, CROSS, data, adam(module))


def test_random_states_stay_where_layers_are_drawn_anew(ask: Any, net: Any, data: Any) -> None:
    module = net(4, 32, 32, 3)
    for part in module[::2]:
        nn.init.normal_(part.weight, 0.0, 30.0)
    torch.manual_seed(11)
    before = torch.get_rng_state()
    assert ask(scale_of_weights, module, CROSS, data, torch.optim.SGD(module.parameters(), lr=0.3))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture
def heaps() -> Any:
    """Four classes of rows in eight columns, in heaps that are apart."""
    generator = torch.Generator().manual_seed(3)
    y = torch.arange(400) % 4
    return 3 * torch.randn(4, 8, generator=generator)[y] + 2 * torch.randn(400, 8, generator=generator), y


@pytest.mark.slow
def test_large_weights_that_learn_all_the_same_are_at_most_a_note(one: Any, net: Any, adam: Any, heaps: Any) -> None:
    for size, rate, level in ((1.0, 1e-2, "note"), (3.0, 1e-3, "fault")):
        module = net(8, 32, 32, 4)
        for part in module[::2]:
            nn.init.normal_(part.weight, 0.0, size)
        found = one(scale_of_weights, module, CROSS, heaps, adam(module, rate), epochs=30)
        assert (found.code, found.level) == ("init-scale", level)


# gradients that arrive


def test_the_ratio_of_gradients(context: Any, net: Any, data: Any) -> None:
    module = net(4, 16, 16, 3)
    program = context(module, CROSS, data)
    weights = [p for p in module.parameters() if p.ndim == 2]
    slopes = torch.autograd.grad(CROSS(module(*program.batch.inputs), program.batch.target), weights)
    expected = float(slopes[0].abs().mean() / slopes[-1].abs().mean())
    assert gradient_ratio(program) == pytest.approx(expected, rel=1e-4)
    assert gradient_ratio(context(net(4, 16, 3), CROSS, data)) == 1.0  # two layers have no way to go


def test_many_sigmoids(one: Any, data: Any) -> None:
    module = sigmoids(9)
    found = one(gradients_arrive, module, CROSS, data, torch.optim.SGD(module.parameters(), lr=0.1))
    assert (found.code, found.level) == ("vanishing-gradient", "fault")
    assert found.evidence["ratio"] < 1e-3
    assert found.evidence["ratio_later"] < 1e-3
    assert found.evidence["layers"] == 10
    assert found.where.layer == "0"
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("module", "activation", "relu")


def test_few_sigmoids_and_many_relus_are_right(ask: Any, net: Any, adam: Any, data: Any) -> None:
    for module in (sigmoids(2), net(4, *[16] * 8, 3)):
        assert not ask(gradients_arrive, module, CROSS, data, adam(module))
    assert not ask(gradients_arrive, sigmoids(9), CROSS, data)


# units that are alive


def test_relus_that_are_all_off(one: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 16, 16, 3)
    nn.init.constant_(module[2].bias, -50.0)
    found = one(units_alive, module, CROSS, data, adam(module))
    assert (found.code, found.level) == ("dead-units", "fault")
    assert (found.evidence["share"], found.evidence["share_later"]) == (1.0, 1.0)
    assert found.where.layer == "3"
    assert (found.remedy.object, found.remedy.argument) == ("module", "reset_parameters")


def test_relus_in_forward_and_channels(one: Any, formula: Any, adam: Any, draw: Any) -> None:
    module = formula(lambda m, x: m.o(m.c(x).relu().flatten(1)), c=nn.Conv2d(1, 4, 3), o=nn.Linear(64, 3))
    nn.init.constant_(module.c.bias, -50.0)
    found = one(units_alive, module, CROSS, (draw(60, 1, 6, 6), torch.arange(60) % 3), adam(module))
    assert (found.code, found.evidence["share"]) == ("dead-units", 1.0)


def test_relus_that_are_often_off_are_right(ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 16, 16, 3)
    assert not ask(units_alive, module, CROSS, data, adam(module))
    half = net(4, 16, 16, 3)
    nn.init.constant_(half[2].bias[:8].data, -50.0)
    assert not ask(units_alive, half, CROSS, data, adam(half))
    smooth = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(), nn.Linear(16, 3))
    nn.init.constant_(smooth[0].bias, -50.0)
    assert not ask(units_alive, smooth, CROSS, data, adam(smooth))


# activations with a slope


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh])
def test_activations_at_their_flat_ends(activation: Any, one: Any, data: Any) -> None:
    module = nn.Sequential(nn.Linear(4, 16), activation(), nn.Linear(16, 16), activation(), nn.Linear(16, 3))
    nn.init.normal_(module[0].weight, 0.0, 100.0)
    nn.init.constant_(module[2].bias, 300.0)
    found = one(slopes, module, CROSS, data, torch.optim.SGD(module.parameters(), lr=1e-3))
    assert (found.code, found.level) == ("saturation", "fault")
    assert found.evidence["share"] == 1.0
    assert found.where.layer == "3"


def test_activations_near_their_middle_are_right(ask: Any, adam: Any, data: Any) -> None:
    for activation in (nn.Sigmoid, nn.Tanh):
        module = nn.Sequential(nn.Linear(4, 16), activation(), nn.Linear(16, 3))
        assert not ask(slopes, module, CROSS, data, adam(module))
    relu = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    assert not ask(slopes, relu, CROSS, data, adam(relu))


def test_units_that_are_off_by_their_biases_are_no_matter_of_scale(ask: Any, net: Any, adam: Any, data: Any) -> None:
    module = net(4, 16, 3)
    nn.init.constant_(module[0].bias, -20.0)
    assert not ask(scale_of_weights, module, CROSS, data, adam(module))
    assert [each.code for each in ask(units_alive, module, CROSS, data, adam(module))] == ["dead-units"]


@pytest.mark.parametrize("size", [20.0, 1.0])
def test_strong_inputs_of_a_recurrent_layer(
    size: float, one: Any, ask: Any, formula: Any, draw: Any, adam: Any
) -> None:
    module = formula(
        lambda m, x: m.last(m.reads(size * x)[0][:, -1]), reads=nn.LSTM(8, 12, batch_first=True), last=nn.Linear(12, 2)
    )
    X, y = draw(200, 6, 8), torch.arange(200) % 2
    if size == 1.0:
        assert not ask(slopes, module, nn.CrossEntropyLoss(), (X, y), adam(module))
        return
    found = one(slopes, module, nn.CrossEntropyLoss(), (X, y), adam(module))
    assert (found.code, found.remedy.argument) == ("saturation", "scale_input")
    assert found.remedy.value == pytest.approx(1 / size, rel=0.1)


class Tied(nn.Module):
    """What comes next, by a table of vectors that is the last layer too."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.table = nn.Embedding(30, 48)
        nn.init.normal_(self.table.weight, std=deviation)
        self.inner = nn.Linear(48, 48)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.table(x)).add(self.table(x)) @ self.table.weight.T


def test_a_table_whose_own_default_is_too_loud(ask: Any, adam: Any) -> None:
    x = torch.arange(600) % 30
    y = (x * 7 + torch.randint(3, (600,), generator=torch.Generator().manual_seed(0))) % 30
    module = Tied(1.0)
    found = ask(scale_of_weights, module, nn.CrossEntropyLoss(), (x, y), adam(module, 3e-3), epochs=2)
    assert [(each.code, each.level) for each in found] == [("init-scale", "fault")]
    assert found[0].evidence["start"] > 10 * found[0].evidence["prior"]
    assert found[0].evidence["left_smaller"] < 0.75 * found[0].evidence["left_as_is"]
    module = Tied(48**-0.5)
    assert not ask(scale_of_weights, module, nn.CrossEntropyLoss(), (x, y), adam(module, 3e-3), epochs=2)


def test_sigmoids_whose_gradient_arrives_when_the_run_is_over(one: Any, ask: Any) -> None:
    """Adagrad makes up for small gradients, and has by then learned nothing that ReLU would not have learned."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    data = torch.tensor(X - X.mean(), dtype=torch.float32) / X.std(), torch.tensor(y)
    for activation, faulty in ((nn.Sigmoid, True), (nn.ReLU, False)):
        torch.manual_seed(0)
        hidden = [part for _ in range(5) for part in (nn.Linear(64, 64), activation())]
        module = nn.Sequential(*hidden, nn.Linear(64, 10))
        optimizer = torch.optim.Adagrad(module.parameters(), 0.015)
        if faulty:
            found = one(gradients_arrive, module, CROSS, data, optimizer, batch_size=16)
            assert (found.code, found.level, found.where.layer) == ("vanishing-gradient", "fault", "0")
            assert "with ReLU" in found.seen
        else:
            assert not ask(gradients_arrive, module, CROSS, data, optimizer, batch_size=16)


def test_units_off_by_their_biases_are_named_though_weights_are_larger_than_usual(
    ask: Any, one: Any, net: Any, adam: Any, data: Any
) -> None:
    module = net(4, 64, 32, 3)
    for layer in (module[0], module[2]):
        nn.init.kaiming_normal_(layer.weight)
        nn.init.constant_(layer.bias, -9.0)
    assert not ask(scale_of_weights, module, CROSS, data, adam(module))
    assert one(units_alive, module, CROSS, data, adam(module)).code == "dead-units"
