"""What happens inside one forward pass, whether a layer or a function did it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from netwright.checks.anatomy import finite, recorded, spread, weight_layers


def inside(module: nn.Module, *inputs: Any) -> Any:
    with torch.no_grad(), recorded(module) as record:
        module(*inputs)
    return record


@pytest.mark.parametrize(
    ("layer", "function", "kind"),
    [
        (nn.ReLU(), functional.relu, "relu"),
        (nn.ReLU(inplace=True), lambda z: z.clone().relu_(), "relu"),
        (nn.Sigmoid(), torch.sigmoid, "sigmoid"),
        (nn.Tanh(), lambda z: z.clone().tanh_(), "tanh"),
        (nn.Softmax(1), lambda z: functional.softmax(z, 1), "softmax"),
        (nn.LogSoftmax(1), lambda z: z.log_softmax(1), "log_softmax"),
        (nn.GELU(), functional.gelu, "other"),
        (nn.LeakyReLU(), functional.leaky_relu, "other"),
        (nn.ELU(), functional.elu, "other"),
        (nn.Hardtanh(), functional.hardtanh, "other"),
    ],
    ids=lambda item: type(item).__name__ if isinstance(item, nn.Module) else None,
)
def test_a_layer_and_a_function_look_alike(layer: Any, function: Any, kind: str, formula: Any, draw: Any) -> None:
    x = draw(5, 3)
    with torch.no_grad():
        expected = function(x)
    for module, own in (
        (nn.Sequential(layer), True),
        (formula(lambda m, z: function(m.part(z)), part=nn.Identity()), False),
    ):
        found = inside(module, x.clone()).operations
        assert [each.kind for each in found] == [kind]
        assert torch.equal(found[0].output, expected)
        assert found[0].own == own
    assert found[0].path == ""


def test_operations_stand_in_their_order_with_their_place(net: Any, draw: Any) -> None:
    module = nn.Sequential(net(4, 8, 8, 3), nn.Sigmoid())
    found = inside(module, draw(5, 4)).operations
    assert [(each.kind, each.path) for each in found] == [("relu", "0.1"), ("relu", "0.3"), ("sigmoid", "1")]
    assert [tuple(each.output.shape) for each in found] == [(5, 8), (5, 8), (5, 3)]


def test_what_goes_into_an_operation_in_place_is_kept(draw: Any) -> None:
    x = draw(5, 3)
    found = inside(nn.ReLU(inplace=True), x.clone()).operations[0]
    assert torch.equal(found.input, x)


def test_dropout_is_seen_in_train_mode_alone(draw: Any) -> None:
    module = nn.Sequential(nn.Dropout(0.5))
    assert [each.kind for each in inside(module.train(), draw(5, 3)).operations] == ["dropout"]
    assert inside(module.eval(), draw(5, 3)).operations == []


@pytest.mark.parametrize(
    "step", [torch.round, torch.sign, torch.floor, lambda z: z.argmax(1)], ids=["round", "sign", "floor", "argmax"]
)
def test_steps(step: Any, formula: Any, draw: Any) -> None:
    assert [each.kind for each in inside(formula(lambda m, x: step(x)), draw(5, 3)).operations] == ["step"]


def test_calls_of_layers_with_their_inputs(net: Any, formula: Any, draw: Any) -> None:
    module = formula(lambda m, x: m.twice(m.twice(x)), twice=nn.Linear(3, 3))
    x = draw(5, 3)
    calls = inside(module, x).calls
    assert [(path, type(layer)) for path, layer, _ in calls] == [("twice", nn.Linear)] * 2
    assert torch.equal(calls[0][2][0], x)


def test_hooks_are_taken_away_even_after_an_error(net: Any, formula: Any, draw: Any) -> None:
    module = net(4, 3)
    kept = module.register_forward_hook(lambda *a: None)
    inside(module, draw(2, 4))
    assert len(module._forward_hooks) == 1
    assert not module[0]._forward_hooks
    with pytest.raises(RuntimeError):
        inside(module, draw(2, 5))
    assert not module[0]._forward_hooks
    assert not module[0]._forward_pre_hooks
    kept.remove()


def test_weights_stand_in_the_order_of_their_use(formula: Any, draw: Any) -> None:
    module = formula(
        lambda m, x: m.b(m.a(x)) + m.c(x), b=nn.Linear(4, 3), a=nn.Linear(3, 4), c=nn.Linear(3, 3), idle=nn.Linear(9, 9)
    )
    record = inside(module, draw(5, 3))
    assert [name for name, _ in weight_layers(module, record)] == ["a.weight", "b.weight", "c.weight"]


def test_weights_of_all_layers(formula: Any, draw: Any) -> None:
    module = formula(
        lambda m, x: m.o(m.c(x.mT).mT + m.r(x)[0]),
        c=nn.Conv1d(3, 4, 1),
        r=nn.GRU(3, 4, batch_first=True),
        o=nn.Linear(4, 2),
    )
    names = [name for name, _ in weight_layers(module, inside(module, draw(5, 6, 3)))]
    assert names == ["c.weight", "r.weight_ih_l0", "r.weight_hh_l0", "o.weight"]


def test_tied_weights_once_and_embeddings_not_at_all(formula: Any) -> None:
    module = formula(lambda m, x: m.b(m.a(m.e(x))), e=nn.Embedding(9, 4), a=nn.Linear(4, 4), b=nn.Linear(4, 4))
    module.b.weight = module.a.weight
    found = weight_layers(module, inside(module, torch.arange(9).reshape(3, 3)))
    assert [name for name, _ in found] == ["a.weight"]


def test_a_weight_that_its_module_uses_by_itself(formula: Any, draw: Any) -> None:
    module = formula(lambda m, x: m.o(x @ m.own), o=nn.Linear(4, 2))
    module.own = nn.Parameter(draw(3, 4))
    names = {name for name, _ in weight_layers(module, inside(module, draw(5, 3)))}
    assert names == {"own", "o.weight"}


def test_spread_and_finite(draw: Any) -> None:
    x = draw(7, 3)
    assert spread(x) == pytest.approx(x.double().numpy().std(ddof=1), rel=1e-5)
    assert spread(x[:1, :1]) == 0
    assert finite(x)
    assert not finite(torch.tensor([1.0, torch.nan]))
