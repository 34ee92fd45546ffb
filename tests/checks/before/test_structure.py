"""Questions to the architecture: more than one line, room for a few rows, not too much dropped."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from netwright.checks.before.structure import bends, dropped, holds_a_few, one_line

CROSS, LOGITS, SQUARES = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()


def rings(n: int = 200) -> tuple[Any, Any]:
    """Two classes, one around the other: no straight line parts them."""
    generator = torch.Generator().manual_seed(4)
    y = torch.arange(n) % 2
    angle = 2 * torch.pi * torch.rand(n, generator=generator)
    X = (1 + 2 * y)[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    return X + 0.2 * torch.randn(n, 2, generator=generator), y


def straight(*widths: int) -> nn.Sequential:
    """Linear layers with nothing between them."""
    return nn.Sequential(*(nn.Linear(i, o) for i, o in pairwise(widths)))


# more than one line


def test_layers_without_an_activation(one: Any) -> None:
    found = one(bends, straight(2, 16, 16, 2), CROSS, rings())
    assert (found.code, found.level) == ("no-nonlinearity", "fault")
    assert found.evidence["layers"] == 3
    assert found.evidence["deviation"] < 1e-4
    assert found.evidence["curved"] > 0.95
    assert found.evidence["straight"] < 0.65
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("module", "activation", "relu")


@pytest.mark.parametrize(
    ("last", "loss", "width"),
    [(nn.Softmax(1), CROSS, 2), (nn.LogSoftmax(1), nn.NLLLoss(), 2), (nn.Sigmoid(), nn.BCELoss(), 1)],
    ids=["softmax", "log-softmax", "sigmoid"],
)
def test_a_link_at_the_end_is_no_activation_between(last: Any, loss: Any, width: int, one: Any) -> None:
    X, y = rings()
    module = nn.Sequential(*straight(2, 16, width), last)
    found = one(bends, module, loss, (X, y if width > 1 else y[:, None].float()))
    assert (found.code, found.level) == ("no-nonlinearity", "fault")


def test_numbers_too(one: Any, draw: Any) -> None:
    X = draw(200, 2)
    found = one(bends, straight(2, 16, 1), SQUARES, (X, X[:, :1] * X[:, 1:] + X[:, :1].abs()))
    assert (found.code, found.level) == ("no-nonlinearity", "fault")
    assert "R^2" in found.seen


def test_a_straight_task_makes_it_a_note(one: Any, draw: Any) -> None:
    X = draw(200, 2)
    found = one(bends, straight(2, 16, 1), SQUARES, (X, X[:, :1] - X[:, 1:]))
    assert (found.code, found.level) == ("no-nonlinearity", "note")
    assert found.evidence["straight"] > 0.99


@pytest.mark.parametrize(
    "activation", [nn.ReLU(), nn.Tanh(), nn.GELU(), nn.PReLU(), nn.SELU()], ids=lambda m: str(m)[:4]
)
def test_layers_with_an_activation_are_right(activation: Any, ask: Any) -> None:
    assert not ask(bends, nn.Sequential(nn.Linear(2, 16), activation, nn.Linear(16, 2)), CROSS, rings())


def test_other_bends_are_right(ask: Any, formula: Any) -> None:
    parts = {"i": nn.Linear(2, 16), "o": nn.Linear(16, 2)}
    for bend in (
        torch.square,
        torch.sin,
        lambda z: z * z.sigmoid(),
        lambda z: functional.layer_norm(z, (16,)),
        torch.abs,
    ):
        assert not ask(bends, formula(lambda m, x, bend=bend: m.o(bend(m.i(x))), **parts), CROSS, rings())


def test_one_layer_is_a_line_on_purpose(ask: Any, formula: Any) -> None:
    assert not ask(bends, nn.Linear(2, 2), CROSS, rings())
    words = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))
    assert not ask(bends, words, CROSS, (torch.arange(120).reshape(40, 3) % 9, torch.arange(40) % 2))


# room for a few rows


def ten(n: int = 200) -> tuple[Any, Any]:
    """Ten classes of rows in eight columns, in heaps that are apart."""
    generator = torch.Generator().manual_seed(3)
    y = torch.arange(n) % 10
    return 3 * torch.randn(10, 8, generator=generator)[y] + torch.randn(n, 8, generator=generator), y


def test_one_unit_for_ten_classes(one: Any, net: Any, adam: Any) -> None:
    module = net(8, 32, 1, 10)
    found = one(holds_a_few, module, CROSS, ten(), adam(module))
    assert (found.code, found.level) == ("capacity", "fault")
    assert found.evidence["narrowest"] == 1
    assert found.evidence["rows"] == 16
    assert found.evidence["left"] > 0.3
    assert found.where.layer == "2"
    assert (found.remedy.object, found.remedy.argument) == ("module", "width")
    assert found.remedy.value >= 10


def test_wide_layers_are_right(ask: Any, net: Any, adam: Any) -> None:
    for module in (net(8, 32, 10), net(8, 12, 12, 10), nn.Linear(8, 10)):
        assert not ask(holds_a_few, module, CROSS, ten(), adam(module))


def test_a_narrow_layer_that_is_enough_is_right(ask: Any, net: Any, adam: Any, draw: Any) -> None:
    X = draw(160, 8)
    binary = net(8, 16, 2, 1)
    assert not ask(holds_a_few, binary, LOGITS, (X, (X[:, :1] > 0).float()), adam(binary))
    auto = net(8, 2, 8)  # an autoencoder is narrow on purpose
    assert not ask(holds_a_few, auto, SQUARES, (X, X), adam(auto))


# not too much dropped


def test_nearly_all_units_dropped(one: Any, net: Any, adam: Any) -> None:
    module = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.97), nn.Linear(32, 10))
    found = one(dropped, module, CROSS, ten(), adam(module))
    assert (found.code, found.level) == ("dropout-too-strong", "fault")
    assert found.evidence["p"] == 0.97
    assert found.evidence["left_without"] < 0.75 * found.evidence["left_as_is"]
    assert found.where.layer == "2"
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("module", "2.p", 0.2)


def test_the_strongest_of_several_is_named(one: Any, adam: Any) -> None:
    module = nn.Sequential(nn.Dropout(0.1), nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.97), nn.Linear(32, 10))
    assert one(dropped, module, CROSS, ten(), adam(module)).where.layer == "3"


def test_usual_dropout_is_right(ask: Any, net: Any, adam: Any) -> None:
    for p in (0.0, 0.2, 0.5):
        module = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(p), nn.Linear(32, 10))
        assert not ask(dropped, module, CROSS, ten(), adam(module))
    assert not ask(dropped, net(8, 32, 10), CROSS, ten(), adam(net(8, 32, 10)))


def test_strong_dropout_that_learns_is_at_most_a_note(ask: Any, adam: Any) -> None:
    module = nn.Sequential(nn.Linear(8, 256), nn.ReLU(), nn.Dropout(0.75), nn.Linear(256, 10))
    found = ask(dropped, module, CROSS, ten(), adam(module))
    assert all(each.level == "note" for each in found)


def line(n: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    X = torch.randn(n, 6, generator=torch.Generator().manual_seed(1))
    return X, X @ torch.linspace(-1, 1, 6)[:, None]


@pytest.mark.slow
@pytest.mark.parametrize("behind", [[], [nn.Flatten()]], ids=["last", "before a view"])
def test_dropout_of_the_answers(behind: list[nn.Module], one: Any, ask: Any, adam: Any) -> None:
    module = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1), nn.Dropout(0.5), *behind)
    found = one(dropped, module, SQUARES, line(), adam(module))
    assert (found.code, found.level) == ("dropout-too-strong", "fault")
    assert "3 drops 50% of the answers themselves" in found.seen
    assert (found.remedy.argument, found.remedy.value) == ("3.p", 0.0)
    hidden = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 1))
    assert not ask(dropped, hidden, SQUARES, line(), adam(hidden))


def test_dropout_of_answers_that_does_no_harm(ask: Any, adam: Any) -> None:
    X, y = ten()
    module = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 10), nn.Dropout(0.1))
    assert not ask(dropped, module, CROSS, (X, y), adam(module))


# one straight line


def crossed(n: int = 240) -> tuple[torch.Tensor, torch.Tensor]:
    """Points of a square, class by the product of their coordinates."""
    X = 2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(2)) - 1
    return X, (X[:, 0] * X[:, 1] > 0).long()


def test_a_line_for_a_task_that_bends(one: Any, adam: Any) -> None:
    module = nn.Linear(2, 2)
    found = one(one_line, module, CROSS, crossed(), adam(module))
    assert (found.code, found.level) == ("capacity", "fault")
    assert found.evidence["curved"] > 0.8 > 0.65 > found.evidence["straight"]


def test_a_line_for_a_straight_task_is_right(ask: Any, adam: Any, net: Any) -> None:
    X, _ = crossed()
    module = nn.Linear(2, 2)
    assert not ask(one_line, module, CROSS, (X, (X[:, 0] + X[:, 1] > 0).long()), adam(module))
    noise = (torch.rand(240, generator=torch.Generator().manual_seed(3)) > 0.5).long()
    assert not ask(one_line, module, CROSS, (X, noise), adam(module))
    deep = net(2, 8, 2)
    assert not ask(one_line, deep, CROSS, crossed(), adam(deep))


def test_units_that_never_meet_their_bend_do_bend(ask: Any, net: Any, draw: Any) -> None:
    """A column of years beside others: on the rows as they are every unit is on or off for all of them."""
    X = draw(200, 4)
    y = X[:, :1] * X[:, 1:2]
    X[:, 3] = 2000 + 8 * X[:, 3]
    module = net(4, 8, 1)
    assert not ask(bends, module, nn.MSELoss(), (X, y))


def test_an_activation_whose_result_is_dropped(one: Any, formula: Any) -> None:
    def dropped_activation(m: Any, x: Any) -> Any:
        h = m.i(x)
        h.relu()
        return m.o(h)

    module = formula(dropped_activation, i=nn.Linear(2, 8), o=nn.Linear(8, 2))
    assert one(bends, module, CROSS, crossed()).code == "no-nonlinearity"


@pytest.mark.slow
@pytest.mark.parametrize(("p", "faulty"), [(0.65, True), (0.05, False)])
def test_dropout_after_dropout(p: float, faulty: bool, ask: Any, adam: Any, draw: Any, classes: Any) -> None:
    X = draw(400, 24)
    parts: list[nn.Module] = [nn.Dropout(p)]
    for inside, outside in ((24, 32), (32, 32), (32, 32), (32, 32), (32, 32)):
        parts += [nn.Linear(inside, outside), nn.ReLU(), nn.Dropout(p)]
    module = nn.Sequential(*parts, nn.Linear(32, 3))
    found = ask(dropped, module, CROSS, (X, classes(X)), adam(module))
    assert [(each.code, each.level) for each in found] == ([("dropout-too-strong", "fault")] if faulty else [])


@pytest.mark.parametrize(("maps", "faulty"), [(1, True), (12, False)])
def test_maps_that_are_averaged_to_one_number(maps: int, faulty: bool, ask: Any, adam: Any, draw: Any) -> None:
    y = torch.arange(240) % 10
    X = draw(240, 3, 6, 6) + 2 * draw(10, 3)[y][:, :, None, None]
    module = nn.Sequential(
        *(nn.Conv2d(3, 12, 3), nn.ReLU(), nn.Conv2d(12, maps, 1)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(maps, 10)),
    )
    found = ask(holds_a_few, module, CROSS, (X, y), adam(module, 3e-3))
    assert [(each.code, each.level) for each in found] == ([("capacity", "fault")] if faulty else [])
    if faulty:
        assert (found[0].where.layer, found[0].evidence["narrowest"]) == ("2", 1)
