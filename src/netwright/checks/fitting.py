"""Data made fit for a module: inputs by name, number formats, the device; and a module made ready that is lazy.

A training loop often changes batches on their way, by ``.float()``, ``.long()``, ``.to(device)`` or ``model(**batch)``.
Where a program cannot be run with the data as they are and can with one such change, the change is made.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from netwright.checks.copies import program_copy, quiet
from netwright.checks.reading import Batch, Keywords, Material, each, leaves
from netwright.checks.trial import call
from netwright.core.errors import InvalidData, problem

Program = tuple[nn.Module, list[torch.optim.Optimizer], Callable[..., Any]]
Change = Callable[[Batch], Batch]
BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def fit(program: Program, data: Material, held: Material | None) -> tuple[Program, Material, Material | None]:
    """The program and its data, so that the module can be called with them.

    Parameters
    ----------
    program : the module, its optimizers and the loss; a copy of it where the module was lazy.
    data, held : for training, and held out or None.

    Raises
    ------
    InvalidData : inputs that are more, fewer or of other names than the module takes.
    """
    module = program[0]
    arguments = _arguments(module)
    data = _changed(data, lambda batch: _named(batch, arguments, "data"))
    held = held and _changed(held, lambda batch: _named(batch, arguments, "validation"))
    _require_arguments(module, data.batches[0].inputs, arguments)
    device = _device(module)
    tensors = [*leaves(data.batches[0].inputs), *leaves(data.batches[0].target)]
    if device is not None and any(tensor.device != device for tensor in tensors):
        data = _changed(data, lambda batch: _placed(batch, device))
        held = held and _changed(held, lambda batch: _placed(batch, device))
    program = _ready(program, data.batches[0])
    change = _needed(program, data.batches[0])
    return program, _changed(data, change), held and _changed(held, change)


def _changed(material: Material, change: Change) -> Material:
    whole, batches = change(material.whole), [change(batch) for batch in material.batches]
    return material if whole is material.whole else replace(material, whole=whole, batches=batches)


# arguments


def _arguments(module: nn.Module) -> list[inspect.Parameter] | None:
    """The parameters of forward; None where they are not known."""
    if module._forward_pre_hooks or type(module).__call__ is not nn.Module.__call__:
        return None
    try:
        return list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):
        return None


def _named(batch: Batch, arguments: list[inspect.Parameter] | None, where: str) -> Batch:
    """Inputs in a dict as forward takes them: by name, as the one tensor that they are, or as a dict."""
    inputs = batch.inputs[0]
    if len(batch.inputs) != 1 or not isinstance(inputs, dict) or arguments is None:
        return batch
    known = {each_one.name for each_one in arguments if each_one.kind in BY_NAME}
    taken = {name: part for name, part in inputs.items() if name in known}
    by_name, anything = type(inputs) is Keywords, any(each_one.kind is each_one.VAR_KEYWORD for each_one in arguments)
    if anything and (taken or by_name):
        taken = dict(inputs)
    if taken and (by_name or len(taken) == len(inputs)):
        return batch if by_name and len(taken) == len(inputs) else replace(batch, inputs=(Keywords(taken),))
    if not by_name:
        return batch
    if len(inputs) == 1:
        return replace(batch, inputs=tuple(inputs.values()))
    if len([each_one for each_one in arguments if each_one.kind in BY_PLACE]) == 1:
        return replace(batch, inputs=(dict(inputs),))
    expected = f"inputs named as forward names them ({', '.join(sorted(known))})"
    raise InvalidData(problem(f"nw.check({where})", expected, ", ".join(inputs), "Rename them in the data set."))


def _require_arguments(module: nn.Module, inputs: tuple[Any, ...], arguments: list[inspect.Parameter] | None) -> None:
    """Refuse inputs that are more or fewer than forward takes."""
    if arguments is None or (len(inputs) == 1 and isinstance(inputs[0], Keywords)):
        return
    try:
        inspect.signature(module.forward).bind(*inputs)
    except TypeError:
        names = ", ".join(each_one.name for each_one in arguments)
        given = f"{len(inputs)} input{'s' * (len(inputs) != 1)}"
        remedy = "Of several targets make one tuple: (X, (y1, y2)); of several inputs (X1, X2, y)."
        raise InvalidData(problem("nw.check(data)", f"the inputs of forward({names})", given, remedy)) from None


# devices and number formats


def _device(module: nn.Module) -> torch.device | None:
    """The one device of a module's tensors; None where they have none or several."""
    devices = {tensor.device for tensor in (*module.parameters(), *module.buffers())}
    return devices.pop() if len(devices) == 1 else None


def _placed(batch: Batch, device: torch.device) -> Batch:
    return Batch(each(batch.inputs, lambda tensor: tensor.to(device)), each(batch.target, lambda t: t.to(device)))


def _ready(program: Program, batch: Batch) -> Program:
    """The program; a copy whose weights are drawn, where the module draws them at its first call."""
    if not any(map(is_lazy, (*program[0].parameters(), *program[0].buffers()))):
        return program
    try:
        copied: Program = program_copy(*program)
    except Exception:  # what cannot be copied is told where it is needed
        return program
    ready = any(_runs(copied, change(batch), False) for change in _inputs(number_format(program[0])))
    return copied if ready else program


def _needed(program: Program, batch: Batch) -> Change:
    """The least change of a batch with which the program can be run; none where none helps."""
    like = number_format(program[0])
    try:
        copied: Program = program_copy(*program)
    except Exception:  # what cannot be copied is told where it is needed
        return _same
    into = next((change for change in _inputs(like) if _runs(copied, change(batch), False)), None)
    if into is None or next(leaves(batch.target)).device.type != "cpu":  # where a label out of range ends everything
        return into or _same
    for change in _targets(like):
        if _runs(copied, change(into(batch)), True):
            return lambda given: change(into(given))
    as_column = _columns(into(batch), like)
    if _runs(copied, as_column, True) and _moves(copied, as_column):
        return lambda given: _columns(into(given), like)
    return into


def number_format(module: nn.Module) -> torch.dtype:
    """The floating dtype of a module's parameters; torch's default where it has none.

    Parameters
    ----------
    module : whose parameters are looked at.
    """
    return next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.get_default_dtype())


def _same(batch: Batch) -> Batch:
    return batch


def _inputs(like: torch.dtype) -> Iterator[Change]:
    """Changes of inputs, the least first: none, real numbers in the module's format, all numbers in it."""
    yield _same
    yield lambda batch: replace(batch, inputs=each(batch.inputs, lambda t: t.to(like) if t.is_floating_point() else t))
    yield lambda batch: replace(batch, inputs=each(batch.inputs, lambda t: t.to(like)))


def _targets(like: torch.dtype) -> Iterator[Change]:
    """Changes of targets, the least first."""

    def long(tensor: Tensor) -> Tensor:
        whole = not tensor.is_complex() and bool(
            (tensor == tensor.round()).all() if tensor.is_floating_point() else True
        )
        return tensor.long() if whole else tensor

    yield _same
    yield lambda batch: replace(batch, target=each(batch.target, lambda t: t.to(like) if t.is_floating_point() else t))
    yield lambda batch: replace(batch, target=each(batch.target, lambda t: t if t.is_floating_point() else t.long()))
    yield lambda batch: replace(batch, target=each(batch.target, lambda t: t.to(like)))
    yield lambda batch: replace(batch, target=each(batch.target, long))


def _columns(batch: Batch, like: torch.dtype) -> Batch:
    """One number a row as a column, the form of the output of a last layer of one unit."""
    return replace(batch, target=each(batch.target, lambda t: (t[:, None] if t.ndim == 1 else t).to(like)))


def _moves(program: Program, batch: Batch) -> bool:
    """Whether the loss of a batch changes with the output, as that of a softmax of one number does not."""
    module, _, loss = program
    with quiet(), torch.no_grad():
        output = call(module, batch)
        if not isinstance(output, Tensor):
            return False
        values = [float(torch.as_tensor(loss(each_one, batch.target)).sum()) for each_one in (output, output + 1)]
    return values[0] != values[1]


def _runs(program: Program, batch: Batch, backward: bool) -> bool:
    """Whether the module can be called with a batch; and the loss of it be differentiated."""
    module, _, loss = program
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with quiet(), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            output = call(module, batch)
            if backward:
                value = torch.as_tensor(loss(output, each(batch.target, torch.clone))).sum()
                weights = [p for p in module.parameters() if p.requires_grad]
                if value.requires_grad and weights:
                    torch.autograd.grad(value, weights, allow_unused=True)
        return True
    except Exception:  # anything may be what a module or a loss does not take
        return False
    finally:
        for part, mode in modes:
            part.training = mode
