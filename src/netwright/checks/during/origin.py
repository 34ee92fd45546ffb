"""Where a NaN came from: the batch, a layer, the loss, or weights that had grown without bound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.before.backward.singular import slopes_are_numbers, slopes_stay_numbers
from netwright.checks.context import Context
from netwright.checks.copies import quiet, replica
from netwright.checks.during.proof import RISEN, end, slower
from netwright.checks.during.tape import Origin
from netwright.checks.finding import FAULT, Finding, Remedy, Where, fault, note
from netwright.checks.reading import each, leaves

PASSING = 0.5  # share of the losses after the first bad one that are finite, where training goes on by itself
TRACED = 300  # steps after which a trial from the beginning says nothing of what happened


def trace(module: nn.Module, inputs: tuple[Any, ...], target: Any, step: int) -> Origin:
    """Where a loss that is not finite comes from, while the weights are still those that gave it.

    Parameters
    ----------
    module : the user's; a copy of it is called. inputs, target : of the batch, None where not known.
    step : of the training.
    """
    for place, structure in (("X", inputs), ("y", target)):
        for tensor in leaves(structure):
            if tensor.is_floating_point() and tensor.numel() and not bool(torch.isfinite(tensor).all()):
                return _in_data(place, tensor, step)
    bad = [name for name, p in module.named_parameters() if not bool(torch.isfinite(p.detach()).all())]
    if bad:
        return Origin(step, "weights", bad[0])
    try:
        layer = first_bad_layer(replica(module)[0], inputs)
    except Exception:  # a module that cannot be copied, or called once more
        layer = None
    return Origin(step, "loss") if layer is None else Origin(step, "layer", layer)


def _in_data(place: str, tensor: Tensor, step: int) -> Origin:
    flat = tensor.detach().reshape(len(tensor), -1) if tensor.ndim else tensor.detach().reshape(1, 1)
    row, column = (int(index) for index in (~torch.isfinite(flat)).nonzero()[0])
    return Origin(step, place, None, row, column, float(flat[row, column]))


def first_bad_layer(module: nn.Module, inputs: tuple[Any, ...]) -> str | None:
    """The name of the first layer whose output is not finite for finite inputs, or None.

    Parameters
    ----------
    module : a copy. inputs : that are put in.
    """
    found: list[str] = []
    handles = []
    for name, part in module.named_modules():

        def look(layer: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
            if not found and any(t.is_floating_point() and not bool(torch.isfinite(t).all()) for t in leaves(output)):
                found.append(name or type(layer).__name__)

        handles.append(part.register_forward_hook(look))
    try:
        with quiet(), torch.no_grad():
            module(*each(inputs, lambda tensor: tensor.detach().clone()))
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


def not_finite(watched: Any) -> Iterable[Finding]:
    """A loss that became NaN or infinite, traced to where that began."""
    tape = watched.tape
    values = tape.values()
    step = next((k for k, value in enumerate(values) if not math.isfinite(value)), None)
    if step is None:
        return
    origin = tape.origin if tape.origin is not None and tape.origin.step == step else _from_kept(watched, step)
    after = values[step + 1 :]
    passing = len(after) >= 3 and sum(map(math.isfinite, after)) >= PASSING * len(after)
    for found in _named(watched, step, values, origin):
        yield _only_once(found) if passing else found


def _only_once(found: Finding) -> Finding:
    """The finding as a note: the losses after it were finite again."""
    seen = f"{found.seen}; the losses after it are finite again"
    return note(found.code, seen, found.expected, found.do, evidence=found.evidence, where=found.where)


def _from_kept(watched: Any, step: int) -> Origin | None:
    """The origin by the batches that were kept and the program as it began, where it was not seen at once."""
    tape = watched.tape
    for batch, when in zip(tape.batches, tape.batch_steps or range(len(tape.batches)), strict=False):
        if when == step:
            if step <= 1 and watched.beginning is not None:
                return trace(watched.beginning[0], batch.inputs, batch.target, step)
            origin = trace(nn.Module(), batch.inputs, batch.target, step)
            return origin if origin.place in ("X", "y") else None
    return None


def _named(watched: Any, step: int, values: list[float], origin: Origin | None) -> Iterator[Finding]:
    if origin is not None and origin.place in ("X", "y"):
        yield _bad_data(origin)
    elif origin is not None and origin.place in ("loss", "layer") and not _grew(watched, step, values):
        yield _bad_operation(values[step], origin)
    elif step == 0:
        yield _bad_operation(values[0], Origin(0, "loss"))
    elif (context := watched.context()) is not None and any(_slopes(context)):
        return  # which is told with the place, of the program as it began
    elif context is None and _lost_slopes(watched, step, values):
        yield _bad_slopes(values, step)
    else:
        yield _bad_steps(watched, step, values, origin)


def _bad_data(origin: Origin) -> Finding:
    return fault(
        "non-finite-data",
        f"the loss is NaN or infinite from step {origin.step} on, and row {origin.row}, column {origin.column} of "
        f"{origin.place} in that batch is {origin.value}",
        "finite numbers only",
        "Drop such rows or impute the values before training.",
        evidence={"step": origin.step, "row": origin.row, "column": origin.column},
        remedy=Remedy("data", "drop_rows", None),
        where=Where(row=origin.row, column=origin.column, step=origin.step),
    )


def _grew(watched: Any, step: int, values: list[float]) -> bool:
    """Whether the loss or a step was already far too large before."""
    before = [value for value in values[:step] if math.isfinite(value)]
    rose = max(before[1:], default=0.0) > 3 * abs(before[0]) if before else False
    ratios = [max(s.ratios.values(), default=0.0) for s in watched.tape.samples if s.step < step]
    return rose or any(ratio > 0.5 for ratio in ratios)


def _slopes(context: Context) -> Iterator[bool]:
    """Whether gradients of a finite loss are shown to be no numbers, at the start or in a trial."""
    for question in (slopes_are_numbers, slopes_stay_numbers):
        yield any(found.level == FAULT for found in question(context))


def _lost_slopes(watched: Any, step: int, values: list[float]) -> bool:
    """Whether the last gradient before was no number, though its loss was one and nothing had grown."""
    last = next((sample for sample in watched.tape.samples if sample.step == step - 1), None)
    return last is not None and any(map(math.isnan, last.gradients.values())) and not _grew(watched, step, values)


def _bad_slopes(values: list[float], step: int) -> Finding:
    return fault(
        "not-differentiable",
        f"the loss was {values[step - 1]:.4g} in step {step - 1} and its gradient NaN; with the weights the loss is "
        f"{values[step]} from step {step} on",
        "a finite gradient where the loss is finite",
        "Look for a root, a logarithm or a quotient of 0, by torch.autograd.set_detect_anomaly(True).",
        evidence={"step": step - 1},
        where=Where(step=step - 1),
    )


def _bad_operation(value: float, origin: Origin) -> Finding:
    layer = origin.name if origin.place == "layer" else None
    return fault(
        "wrong-loss",
        f"the loss is {value} in step {origin.step} for finite inputs"
        + (f"; the first layer whose output is not finite is {layer}" if layer else "; the outputs are finite"),
        "a finite loss",
        "Look for a logarithm or a division of 0: use CrossEntropyLoss or BCEWithLogitsLoss on logits, or clamp.",
        evidence={"step": origin.step},
        where=Where(layer=layer, step=origin.step),
    )


def _bad_steps(watched: Any, step: int, values: list[float], origin: Origin | None) -> Finding:
    """Weights that grew without bound: by the rate, or by gradients that clipping would have tamed."""
    code, told, factor = _cause(watched, step, values)
    rate = watched.tape.rates[0][1] if watched.tape.rates else math.nan
    samples = [sample for sample in watched.tape.samples if sample.step <= step]
    largest = max((s.used for s in samples if math.isfinite(s.used)), default=math.nan)
    longest = max((max(s.ratios.values(), default=0.0) for s in samples), default=0.0)
    name = origin.name if origin is not None and origin.place == "weights" else None
    high = code == "lr-too-high"
    return fault(
        code,
        f"the loss was finite until step {step - 1} and NaN or infinite in step {step} (rate {rate:g}, largest step "
        f"{longest:.2g} of the weights, largest gradient {largest:.3g}{told})",
        "a loss that stays finite",
        f"Try a rate of {rate * factor:g}." if high else "Clip the gradient: clip_grad_norm_(..., 1.0).",
        evidence={"step": step, "rate": rate, "largest_gradient": largest},
        remedy=Remedy("optimizer", "lr", rate * factor) if high else Remedy("loop", "clip", 1.0),
        where=Where(layer=name, step=step, line=watched.tape.line),
    )


def _cause(watched: Any, step: int, values: list[float]) -> tuple[str, str, float]:
    """The code, what trials from the beginning say of smaller rates and of clipping, and the factor of such a rate.

    Where clipping leaves a loss far above the first one, it is no cure.
    """
    steps = min(TRACED, max(20, step + 10))
    told = slower(watched, steps) if step <= TRACED else None
    if told is not None and not told.as_is < RISEN * abs(values[0]):
        clipped = end(watched, "clipped", clip=1.0, steps=steps)
        clipped = math.inf if clipped is None else clipped
        seen = f"; {told.tells}, clipped at 1 to {clipped:.3g}"
        helps = clipped < RISEN * abs(values[0])
        if helps and clipped < 0.9 * told.tenth:
            return "exploding-gradient", seen, told.factor
        if math.isfinite(told.best):
            return "lr-too-high", seen, told.factor
    return ("lr-too-high" if _grew(watched, step, values) else "exploding-gradient"), "", 0.1
