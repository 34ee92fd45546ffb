"""Remedies that change a module: an activation taken out, layers widened, registered, drawn anew."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from netwright.checks import Program


def with_all_parameters(program: Program, value: Any) -> Program:
    """The same rule on all parameters of the module."""
    old = program.optimizer
    known = inspect.signature(type(old)).parameters
    options = {name: item for name, item in old.param_groups[0].items() if name in known and name != "params"}
    new = type(old)([p for p in program.module.parameters() if p.requires_grad], **options)
    return replace(program, optimizer=new)


def unfrozen(program: Program, value: Any) -> Program:
    for parameter in program.module.parameters():
        parameter.requires_grad_(True)
    return with_all_parameters(program, value)


class Undone(nn.Module):
    """A module whose last activation, which stands in its forward, is undone: as if it were not there."""

    INVERSES: ClassVar = {
        "softmax": lambda p: p.clamp_min(1e-30).log(),
        "sigmoid": lambda p: p.clamp(1e-7, 1 - 1e-7).logit(),
        "tanh": lambda y: y.clamp(-1 + 1e-6, 1 - 1e-6).atanh(),
    }

    def __init__(self, inner: nn.Module, kind: str) -> None:
        super().__init__()
        self.inner, self.inverse = inner, self.INVERSES[kind]

    def forward(self, *inputs: Any) -> Tensor:
        return self.inverse(self.inner(*inputs))  # type: ignore[no-any-return]


def removed(program: Program, name: Any) -> Program | None:
    if name in Undone.INVERSES:
        return replace(program, module=Undone(program.module, name))
    try:
        program.module.get_submodule(name)
    except AttributeError:
        return None
    owner, _, last = name.rpartition(".")
    setattr(program.module.get_submodule(owner), last, nn.Identity())
    return program


def redrawn(program: Program, value: Any) -> Program:
    torch.manual_seed(0)
    with torch.no_grad():
        for module in program.module.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    return program


def wider(program: Program, name: str, width: int) -> Program:
    """A layer with so many units, and the next one fed by them; the same rule on all parameters."""
    names = [n for n, child in program.module.named_modules() if isinstance(child, (nn.Linear, nn.RNNBase))]
    layer = program.module.get_submodule(name)
    if isinstance(layer, nn.Linear):
        _replace(program.module, name, nn.Linear(layer.in_features, width))
    elif isinstance(layer, nn.RNNBase):
        _replace(program.module, name, type(layer)(layer.input_size, width, batch_first=layer.batch_first))
    for following in names[names.index(name) + 1 :][:1]:
        after = program.module.get_submodule(following)
        if isinstance(after, nn.Linear):
            _replace(program.module, following, nn.Linear(width, after.out_features))
    return with_all_parameters(program, None)


def _replace(module: nn.Module, name: str, layer: nn.Module) -> None:
    owner, _, last = name.rpartition(".")
    setattr(module.get_submodule(owner), last, layer)


def registered(program: Program, value: Any) -> Program:
    """Lists of layers as ModuleList, and all parameters in the optimizer."""
    for module in program.module.modules():
        for name, item in list(vars(module).items()):
            if isinstance(item, list) and item and all(isinstance(part, nn.Module) for part in item):
                delattr(module, name)
                setattr(module, name, nn.ModuleList(item))
    return with_all_parameters(program, None)


class Fresh(nn.Module):
    """A module whose plain attributes are put back before every pass, and whose functional dropout ends in eval."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.kept = [(m, {k: v for k, v in vars(m).items() if k[0] != "_"}) for m in inner.modules()]

    def forward(self, *inputs: Any) -> Any:
        for module, values in self.kept:
            vars(module).update({name: item for name, item in values.items() if name != "training"})
        if self.training:
            return self.inner(*inputs)
        dropout = nn.functional.dropout
        nn.functional.dropout = lambda x, *_, **__: x
        try:
            return self.inner(*inputs)
        finally:
            nn.functional.dropout = dropout


def fresh(program: Program, value: Any) -> Program:
    return replace(program, module=Fresh(program.module))


def with_relu(program: Program, value: Any) -> Program | None:
    """ReLU in the place of sigmoid and tanh."""
    changed = False
    for module in program.module.modules():
        for name, child in module.named_children():
            if isinstance(child, (nn.Sigmoid, nn.Tanh, nn.Identity)):
                setattr(module, name, nn.ReLU())
                changed = True
    return program if changed else _between(program)


def _between(program: Program) -> Program | None:
    """ReLU between the layers of a plain stack."""
    if not isinstance(program.module, nn.Sequential):
        return None
    layers: list[nn.Module] = []
    weighted = [k for k, each in enumerate(program.module) if list(each.parameters(recurse=False))]
    for k, each in enumerate(program.module):
        layers.append(each)
        if k in weighted[:-1]:
            layers.append(nn.ReLU())
    return replace(program, module=nn.Sequential(*layers))


def rows_first(program: Program, value: Any) -> Program | None:
    changed = False
    for module in program.module.modules():
        if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)) and not module.batch_first:
            module.batch_first = True
            changed = True
    return program if changed else None


def with_momentum(program: Program, value: Any) -> Program:
    for module in program.module.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = value
    return program
