"""Questions to what an answer depends on: on the inputs at all, on each of them, and on each layer that is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.before.backward.double import double_precision
from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, fault, note
from netwright.checks.reading import Batch, each, leaves
from netwright.checks.trial import call, called


def numbers_of(output: Any) -> Tensor:
    """The real numbers of an output, a row for each of its rows.

    Parameters
    ----------
    output : a tensor or a structure of tensors.

    Shapes
    ------
    tensors (n, ...) -> (n, numbers)
    """
    return _flat(output).detach().double()


def _flat(output: Any) -> Tensor:
    parts = [t.reshape(len(t), -1) for t in leaves(output) if t.is_floating_point() and t.ndim]
    return torch.cat(parts, 1) if parts else torch.zeros(1, 1)


def depends(context: Context) -> Iterable[Finding]:
    """An output that no input can change, whatever the weights."""
    batch = context.probe
    if len(batch) < 2 or not any(float(t.double().std()) > 0 for t in leaves(batch.inputs) if t.numel() > 1):
        return
    numbers = numbers_of(context.output)
    if len(numbers) != len(batch):
        return
    if not _constant(numbers) or (numbers.shape[1] == 1 and float((numbers - 1).abs().max()) < 1e-6):
        return  # an output of nothing but 1 is a softmax of one number, which is asked for elsewhere
    if any(not _constant(numbers_of(context.answer(drawn(context, seed), batch))) for seed in range(2)):
        return
    if _has_slope(context, batch) or _all_flat(context):
        return  # many layers of sigmoids let next to nothing through, and units may all be off: other faults
    yield fault(
        "input-ignored",
        f"{len(batch)} different rows get the same output, and still do with other random weights",
        "an output that depends on the input",
        "Look in forward for an input that is overwritten, multiplied by 0, or replaced by a constant.",
        remedy=Remedy("module", "use_input", True),
    )


def drawn(context: Context, seed: int) -> nn.Module:
    """A copy whose weights are drawn at random, so that none is 0 and none is large.

    Parameters
    ----------
    context : the program. seed : of the draw.
    """
    module = context.fresh()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            scale = 1 / max(1, parameter[0].numel() if parameter.ndim > 1 else 4) ** 0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    return module


def each_input(context: Context) -> Iterable[Finding]:
    """One of several inputs that no answer depends on, whatever the weights, while its rows differ."""
    batch = context.probe
    tensors = list(leaves(batch.inputs))
    if len(tensors) < 2 or len(batch) < 8:
        return
    order = torch.arange(len(batch)).roll(len(batch) // 3)
    for place, tensor in enumerate(tensors):
        varies = tensor.ndim and len(tensor) == len(batch) and not bool((tensor == tensor[order]).all())
        if not varies or not all(_same_without(context, batch, place, order, seed) for seed in range(2)):
            continue
        content = tensor.is_floating_point() and tensor.ndim > 1 and len(torch.unique(tensor)) > 2
        yield (fault if content else note)(
            "input-ignored",
            f"input {place + 1} of {len(tensors)}, of shape {tuple(tensor.shape[1:])} a row, changes no answer: "
            "given to other rows, and under other random weights, it leaves all outputs as they are",
            "an output that depends on every input",
            "Look in forward for what is made of this input and then not used, or leave the input out.",
            evidence={"input": place, "shape": list(tensor.shape[1:])},
            remedy=Remedy("module", "use_input", place),
        )


def _same_without(context: Context, batch: Batch, place: int, order: Tensor, seed: int) -> bool:
    """Whether all answers stay the same when the rows of one input change places, under random weights."""
    count = iter(range(1_000_000))
    inputs = each(batch.inputs, lambda tensor: tensor[order] if next(count) == place else tensor)
    module = drawn(context, seed)
    answers = [numbers_of(context.answer(module, each_one)) for each_one in (batch, Batch(inputs, batch.target))]
    spread = float((answers[0] - answers[0][:1]).abs().max())
    return answers[0].shape == answers[1].shape and spread > 0 and torch.equal(*answers)


def has_a_part(context: Context, path: str) -> bool:
    """Whether a layer has a part in the output: other numbers from it change an answer.

    Parameters
    ----------
    context : the program.
    path : of the layer; True for the module itself.
    """
    if not path:
        return True
    plain, other = (_passed(context, path, change) for change in (False, True))
    return len(plain) != len(other) or not all(torch.equal(a, b) for a, b in zip(plain, other, strict=True))


def _passed(context: Context, path: str, change: bool) -> list[Tensor]:
    """The tensors of the output of a pass in train mode, where a layer gives other numbers or its own."""
    module = context.fresh().train()
    generator = torch.Generator().manual_seed(0)  # of its own: dropout draws the same with and without the change

    def noisy(tensor: Tensor) -> Tensor:
        draw = torch.randn(tensor.shape, generator=generator)
        return tensor + draw.to(tensor) if tensor.is_floating_point() else tensor

    def other(layer: nn.Module, inputs: Any, output: Any) -> Any:
        return each(output, noisy) if change else None

    module.get_submodule(path).register_forward_hook(other)
    with quiet(), torch.no_grad():
        return list(leaves(call(module, context.batch)))


def _all_flat(context: Context) -> bool:
    """Whether an activation gets numbers that differ from row to row and gives the same ones for all rows."""
    for operation in context.seen[0].operations:
        given, made = operation.input, operation.output
        if given is not None and given.ndim > 1 and len(given) == len(made) == len(context.many):
            given, made = given.reshape(len(given), -1), made.reshape(len(made), -1)
            if not _constant(given) and bool((made == made[:1]).all()):
                return True
    return False


def _has_slope(context: Context, batch: Batch) -> bool:
    """Whether the output has a gradient at most rows of an input, however small."""
    wide = each(batch.inputs, lambda t: t.detach().double().requires_grad_() if t.is_floating_point() else t)
    inputs = [t for t in leaves(wide) if t.requires_grad]
    module = context.fresh().eval().double()
    with torch.enable_grad(), double_precision():
        numbers = _flat(called(module, wide))
        if not inputs or not numbers.requires_grad:
            return False
        found = torch.autograd.grad((numbers * torch.randn_like(numbers)).sum(), inputs, allow_unused=True)
    rows = [(slope != 0).reshape(len(slope), -1).any(1).double().mean() for slope in found if slope is not None]
    return any(float(share) > 0.5 for share in rows)


def _constant(numbers: Tensor) -> bool:
    return float((numbers - numbers[:1]).abs().max()) <= 1e-6 * max(float(numbers.abs().max()), 1e-6)
