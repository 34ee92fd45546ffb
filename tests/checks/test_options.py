"""What `check` and `watch` are told besides the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import netwright.losses
import netwright.optim
from netwright.checks import watch
from netwright.checks.options import counted, declared, loss_of, module_of, optimizers_of
from netwright.core.errors import InvalidParameter
from netwright.layers import Linear

COMPILES = pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # of torch's own


def message(function: Any, *given: Any, **options: Any) -> str:
    with pytest.raises(InvalidParameter) as raised:
        function(*given, **options)
    return str(raised.value)


# the module


@COMPILES
def test_the_module_without_its_shells() -> None:
    module = nn.Sequential(nn.Linear(2, 2))
    assert module_of(module) is module
    assert module_of(torch.compile(module)) is module


def test_modules_that_cannot_be() -> None:
    assert message(module_of, nn.Linear).endswith("Make one of the class: Linear(...).")
    assert message(module_of, Linear(3)).endswith("Build a network with .build().")
    assert message(module_of, None, "nw.watch") == (
        "nw.watch(module): expected a torch.nn.Module, got None. Give the module itself."
    )


@pytest.mark.parametrize("part", ["parameter", "buffer"])
def test_a_module_without_numbers(part: str) -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    module = module.to("meta") if part == "parameter" else module
    if part == "buffer":
        module[1].running_mean = torch.zeros(2, device="meta")
    name = "0.weight" if part == "parameter" else "1.running_mean"
    assert message(module_of, module) == (
        f"nw.check(module): expected a module whose parameters have numbers, got {name!r} on the meta device, which "
        "has a shape alone. Call module.to_empty(device='cpu'), then draw or load its weights."
    )


# the loss


@COMPILES
def test_losses_as_they_are() -> None:
    for loss in (nn.MSELoss(), nn.functional.mse_loss, lambda z, t: z - t, netwright.losses.MSE()):
        assert loss_of(loss) is loss
    own = lambda z, t: (z - t).square().mean()  # noqa: E731
    assert loss_of(torch.compile(own)) is own
    module = nn.MSELoss()
    assert loss_of(torch.compile(module)) is module


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            nn.CrossEntropyLoss,
            "nw.check(loss): expected loss(output, target) -> scalar, got the class CrossEntropyLoss. "
            "Make a loss of it: CrossEntropyLoss().",
        ),
        (netwright.losses.MSE, "nw.check(loss): expected loss(output, target) -> scalar, got the class MSE. Make a"),
        ("mse", "nw.check(loss): expected loss(output, target) -> scalar, got 'mse'. Give an object such as"),
        (torch.zeros(()), "nw.check(loss): expected loss(output, target) -> scalar, got tensor(0.)."),
        (
            torch.optim.SGD([torch.zeros(2, requires_grad=True)]),
            "nw.check(loss): expected loss(output, target) -> scalar, got SGD",
        ),
    ],
    ids=["a class", "a class of netwright", "a name", "a number", "an optimizer"],
)
def test_losses_that_cannot_be(given: Any, text: str) -> None:
    assert message(loss_of, given).startswith(text)


# the optimizers


def test_optimizers_that_cannot_be(net: Any) -> None:
    optimizer = torch.optim.SGD(net(2, 1).parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    for given, end in (
        (netwright.optim.Adam(0.1), "Build a netwright rule with .build(module.parameters())."),
        (torch.optim.Adam, "Make one of the class: Adam(module.parameters(), ...)."),
        (schedule, "Give the optimizer that the schedule steers: scheduler.optimizer."),
        ([optimizer, schedule], "Give the optimizer that the schedule steers: scheduler.optimizer."),
    ):
        found = message(optimizers_of, given, "nw.watch")
        assert found.startswith("nw.watch(optimizer): expected a torch.optim.Optimizer, a list of them, or None, got")
        assert found.endswith(end)


# what is on purpose


@pytest.fixture
def module(net: Any) -> nn.Module:
    return nn.ModuleDict({"body": net(4, 8, 8), "head": nn.Linear(8, 2)})


def test_what_is_declared(module: nn.Module) -> None:
    assert declared() == declared((), False, (), module)
    assert declared(True, np.bool_(True)).imbalanced
    assert declared(np.bool_(True)).frozen is True
    for given in ("body", ["body"], {"body"}, ("body",), (name for name in ["body"])):
        assert declared(given, module=module).frozen == ("body",)
    assert declared("head.weight", module=module).freezes("head.weight")
    assert declared(ignore="lr-too-high").ignore == {"lr-too-high"}


@COMPILES
def test_names_of_parts_of_a_compiled_module(module: nn.Module) -> None:
    assert declared(["_orig_mod.body"], module=module).frozen == ("body",)
    assert declared(["body"], module=torch.compile(module)).frozen == ("_orig_mod.body",)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"frozen": "boddy"},
            "nw.check(frozen): expected names of modules or parameters, got 'boddy'. Did you mean 'body'?",
        ),
        (
            {"frozen": ["body", "head.wight"]},
            "nw.check(frozen): expected names of modules or parameters, got 'head.wight'. Did you mean 'head.weight'?",
        ),
        ({"frozen": None}, "nw.check(frozen): expected names of modules or parameters, or True, got None."),
        ({"frozen": ["body", 3]}, "nw.check(frozen): expected names of modules or parameters, or True, got 3."),
        ({"frozen": nn.Linear(2, 2)}, "nw.check(frozen): expected names of modules or parameters, or True, got Linear"),
        ({"ignore": None}, "nw.check(ignore): expected a code of a finding, or several, got None."),
        ({"ignore": 5}, "nw.check(ignore): expected a code of a finding, or several, got 5."),
        ({"ignore": "lr-to-high"}, "ignore: expected codes of findings, got 'lr-to-high'. Did you mean 'lr-too-high'?"),
        ({"imbalanced": "yes"}, "nw.check(imbalanced): expected True or False, got 'yes'."),
        ({"imbalanced": 1}, "nw.check(imbalanced): expected True or False, got 1."),
    ],
    ids=str,
)
def test_what_cannot_be_declared(options: Any, text: str, module: nn.Module) -> None:
    assert message(declared, module=module, **options).startswith(text)


@pytest.mark.parametrize("given", [0, -1, 2.0, "3", True])
def test_counts(given: Any) -> None:
    counted(None, None)
    counted(1, np.int64(7))
    assert message(counted, given, None) == f"nw.check(batch_size): expected an integer >= 1 or None, got {given!r}."
    assert message(counted, 1, given) == f"nw.check(epochs): expected an integer >= 1 or None, got {given!r}."


def test_a_watch_looks_at_its_options_too(net: Any, adam: Any) -> None:
    module = net(4, 8, 3)
    optimizer = adam(module)
    assert message(watch, nn.Linear, optimizer).startswith("nw.watch(module): expected a torch.nn.Module")
    assert message(watch, module, "adam").startswith("nw.watch(optimizer): expected a torch.optim.Optimizer")
    assert message(watch, module, optimizer, nn.MSELoss).startswith("nw.watch(loss): expected loss(output, target)")
    assert message(watch, module, optimizer, frozen=["9"]).startswith("nw.watch(frozen): expected names of modules")
    assert message(watch, module, optimizer, imbalanced=3).startswith("nw.watch(imbalanced): expected True or False")
    assert message(watch, module, optimizer, ignore=[3]).startswith("nw.watch(ignore): expected a code of a finding")
