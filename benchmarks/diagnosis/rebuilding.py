"""Remedies that change a module: an activation taken out, layers widened, registered, drawn anew."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import torch
from forwards import Attached, ByAutograd, Fresh, Trimmed, WithoutLast
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


def removed(program: Program, name: Any) -> Program | None:
    if name in ("softmax", "sigmoid", "tanh", "relu"):
        return replace(program, module=WithoutLast(program.module, name))
    try:
        program.module.get_submodule(name)
    except AttributeError:
        return None
    owner, _, last = name.rpartition(".")
    setattr(program.module.get_submodule(owner), last, nn.Identity())
    return program


def redrawn(program: Program, value: Any) -> Program:
    """Every layer as torch draws it; weights that a module made itself by Glorot's rule."""
    torch.manual_seed(0)
    with torch.no_grad():
        for module in program.module.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
            else:
                for weight in (p for p in module.parameters(recurse=False) if p.ndim > 1):
                    nn.init.xavier_uniform_(weight)
    return program


def calmed(program: Program, name: str, factor: float) -> Program:
    """What enters a layer multiplied by a number."""
    layer = program.module.get_submodule(name)
    layer.register_forward_pre_hook(lambda _, inputs: (inputs[0] * factor, *inputs[1:]))
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
    """Layers in lists and dicts and plain tensors that learn as modules have them, all in the optimizer."""
    for module in list(program.module.modules()):
        for name, item in list(vars(module).items()):
            new = None if name.startswith("_") else _as_registered(item)
            if new is not None:
                delattr(module, name)
                setattr(module, name, new)
    return with_all_parameters(program, None)


def _as_registered(item: Any) -> Any:
    parts = list(item.values()) if isinstance(item, dict) else item
    if isinstance(item, Tensor):
        return nn.Parameter(item.detach()) if item.requires_grad else None
    if not isinstance(parts, (list, tuple)) or not parts or not all(isinstance(part, nn.Module) for part in parts):
        return None
    return nn.ModuleDict(item) if isinstance(item, dict) else nn.ModuleList(parts)


def fresh(program: Program, value: Any) -> Program:
    return replace(program, module=Fresh(program.module))


def attached(program: Program, value: Any) -> Program:
    return replace(program, module=Attached(program.module))


def trimmed(program: Program, value: Any) -> Program:
    return replace(program, module=Trimmed(program.module))


def derived(program: Program, value: Any) -> Program:
    return replace(program, module=ByAutograd(program.module, list(value)))


def with_relu(program: Program, value: Any) -> Program:
    """ReLU in the place of sigmoid and tanh; where there is none, after every layer with weights but the last."""
    changed = False
    for module in program.module.modules():
        for name, child in module.named_children():
            if isinstance(child, (nn.Sigmoid, nn.Tanh, nn.Identity)):
                setattr(module, name, nn.ReLU())
                changed = True
    weighted = [each for each in program.module.modules() if isinstance(each, (nn.Linear, nn.modules.conv._ConvNd))]
    for each in [] if changed else weighted[:-1]:
        each.register_forward_hook(lambda layer, inputs, output: output.relu())
    return program


def rows_first(program: Program, value: Any) -> Program | None:
    changed = False
    for module in program.module.modules():
        if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)) and not module.batch_first:
            module.batch_first = True
            changed = True
    return program if changed else None


def with_dropout(program: Program, value: Any) -> Program:
    for module in program.module.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = value
    return program


def with_smaller_weights(program: Program, value: Any) -> Program:
    with torch.no_grad():
        for parameter in program.module.parameters():
            if parameter.ndim > 1:
                parameter.mul_(value)
    return program


def with_momentum(program: Program, value: Any) -> Program:
    for module in program.module.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = value
    return program
