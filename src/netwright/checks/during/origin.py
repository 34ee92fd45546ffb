"""Where a NaN came from: the batch, a layer, the loss, or weights that had grown without bound."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, Where, fault
from netwright.checks.reading import Batch, leaves
from netwright.checks.trial import call


def not_finite(watched: Any) -> Iterable[Finding]:
    """A loss that became NaN or infinite, traced to where that began."""
    tape = watched.tape
    values = tape.values()
    step = next((k for k, value in enumerate(values) if not math.isfinite(value) and k < tape.steps + 1), None)
    if step is None or (step == 0 and all(not math.isfinite(value) for value in values) and not tape.batches):
        return
    batch = tape.batches[step] if step < len(tape.batches) else None
    if batch is not None:
        for name, structure in (("X", batch.inputs), ("y", batch.target)):
            for tensor in leaves(structure):
                if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                    yield _in_data(name, tensor, step)
                    return
    yield from _in_network(watched, step, values, batch)


def _in_data(name: str, tensor: Tensor, step: int) -> Finding:
    bad = ~torch.isfinite(tensor.reshape(len(tensor), -1))
    row = int(bad.any(1).nonzero()[0, 0])
    column = int(bad[row].nonzero()[0, 0])
    return fault(
        "non-finite-data",
        f"the loss is NaN or infinite from step {step} on, and row {row}, column {column} of {name} in that batch is "
        f"{float(tensor.reshape(len(tensor), -1)[row, column])}",
        "finite numbers only",
        "Drop such rows or impute the values before training.",
        evidence={"step": step, "row": row, "column": column},
        remedy=Remedy("data", "drop_rows", None),
        where=Where(row=row, column=column, step=step),
    )


def _in_network(watched: Any, step: int, values: list[float], batch: Batch | None) -> Iterable[Finding]:
    """Weights that grew, or an operation that gives NaN for finite weights and inputs."""
    layer = None
    if step <= 1 and batch is not None and watched.beginning is not None:
        layer = first_bad_layer(watched.beginning[0], batch)
    before = [value for value in values[:step] if math.isfinite(value)]
    grew = max(before, default=0.0) > 3 * before[0] if before else False
    ratios = [max(s.ratios.values(), default=0.0) for s in watched.tape.samples if s.step < step]
    rate = watched.tape.rate
    if step == 0 or (layer is not None and not grew):
        yield fault(
            "wrong-loss",
            f"the loss is {values[step]} in step {step} for finite inputs"
            + (f"; the first layer whose output is not finite is {layer}" if layer else "; the outputs are finite"),
            "a finite loss",
            "Look for a logarithm or a division of 0: use CrossEntropyLoss or BCEWithLogitsLoss on logits, or clamp.",
            evidence={"step": step},
            where=Where(layer=layer, step=step),
        )
        return
    long = any(not ratio <= 0.5 for ratio in ratios)  # also where it is NaN
    code = "lr-too-high" if grew or long else "exploding-gradient"
    largest = max((s.used for s in watched.tape.samples if math.isfinite(s.used)), default=math.nan)
    remedy = Remedy("optimizer", "lr", rate / 10) if code == "lr-too-high" else Remedy("loop", "clip", 1.0)
    yield fault(
        code,
        f"the loss was finite until step {step - 1} and NaN or infinite in step {step} (rate {rate:g}, largest step "
        f"{max(ratios, default=0.0):.2g} of the weights, largest gradient {largest:.3g})",
        "a loss that stays finite",
        f"Try a rate of {rate / 10:g}." if code == "lr-too-high" else "Clip the gradient: clip_grad_norm_(..., 1.0).",
        evidence={"step": step, "rate": rate, "largest_gradient": largest},
        remedy=remedy,
        where=Where(step=step, line=watched.tape.line),
    )


def first_bad_layer(module: nn.Module, batch: Batch) -> str | None:
    """The name of the first layer whose output is not finite for finite inputs, or None.

    Parameters
    ----------
    module : a copy. batch : that is put in.
    """
    found: list[str] = []
    handles = []
    for name, part in module.named_modules():

        def look(layer: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
            if not found and any(t.is_floating_point() and not bool(torch.isfinite(t).all()) for t in leaves(output)):
                found.append(name or type(layer).__name__)

        if not list(part.children()):
            handles.append(part.register_forward_hook(look))
    try:
        with quiet(), torch.no_grad():
            call(module, batch)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None
