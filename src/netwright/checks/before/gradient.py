"""The gradient check: backward against centred differences of the loss, in float64 on a copy.

For an entry w and the step h = 1e-5::

    numeric = (L(w + h) - L(w - h)) / 2 h        error = |analytic - numeric| / max(|analytic|, |numeric|)

Above 1e-2 the gradient is wrong, between 1e-4 and 1e-2 doubtful unless there are kinks, below 1e-7 exact. An entry
whose one-sided differences disagree lies at a kink (of a ReLU, say) and is skipped, and so is one whose difference
changes with the step. A few entries of every parameter are checked, the largest of its gradient; dropout is off,
penalties are apart and random states are fixed. A program that cannot compute in float64 is asked in its own
precision with h = 1e-2, where only an error above 0.3 counts. A difference alone is a note: a fault it is where a
backward written by hand is, by itself, not the slope of its forward, and not so on purpose.

Reference: Karpathy, CS231n notes, "Gradient checks".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.before.backward.double import double_precision
from netwright.checks.before.backward.handwritten import calls_of, functions_of, verdict
from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.reading import Batch, each
from netwright.checks.trial import call

WRONG, DOUBTFUL = 1e-2, 1e-4
ENTRIES = 2  # of every parameter
PARAMETERS = 24
ROWS = 3
CALLS = 8  # of functions written by hand


@dataclass(frozen=True)
class Precision:
    """How exactly a program can be asked.

    Attributes
    ----------
    step : of a difference. wrong : the relative error from which on a gradient is. kink : of the differences on both
    sides. small, little : of the largest gradient, and of the loss, below which rounding decides.
    """

    step: float
    wrong: float
    kink: float
    small: float
    little: float


DOUBLE, SINGLE = Precision(1e-5, WRONG, 1e-2, 1e-7, 1e-9), Precision(1e-2, 0.3, 0.3, 1e-2, 1e-3)


@dataclass(frozen=True)
class Difference:
    """One entry: its parameter, both gradients, their relative error, and whether it lies at a kink."""

    name: str
    analytic: float
    numeric: float
    kink: bool
    wrong: float = WRONG

    @property
    def error(self) -> float:
        """|a - n| / max(|a|, |n|), 0 where both are 0."""
        size = max(abs(self.analytic), abs(self.numeric))
        return abs(self.analytic - self.numeric) / size if size > 0 else 0.0


def gradients_agree(context: Context) -> Iterable[Finding]:
    """Gradients that are not the slope of the loss, above all where a backward was written by hand."""
    if "wrong-gradient" in context.intent.ignore:  # it is meant, and this takes longer than all else
        return
    smooth = [each_one for each_one in differences(context) if not each_one.kink]
    if not smooth:
        return
    by_name: dict[str, list[Difference]] = {}
    for one in smooth:
        by_name.setdefault(one.name, []).append(one)
    worst_name = max(by_name, key=lambda name: min(one.error for one in by_name[name]))
    error = min(one.error for one in by_name[worst_name])
    one = by_name[worst_name][0]
    context.signal("relative error of the gradient", error, one.wrong, "wrong-gradient")
    if error <= one.wrong:
        return
    level, culprits, do = _blamed(context)
    yield level(
        "wrong-gradient",
        f"backward gives {one.analytic:.4g} for an entry of {worst_name}, centred differences give {one.numeric:.4g}: "
        f"a relative error of {error:.2g} in every entry looked at",
        f"less than {DOUBTFUL:g}",
        do,
        evidence={"error": error, "analytic": one.analytic, "numeric": one.numeric, "functions": culprits},
        remedy=Remedy("module", "backward", culprits or None),
        where=Where(layer=worst_name),
    )


def _blamed(context: Context) -> tuple[Callable[..., Finding], list[str], str]:
    """The level of a gradient that is not the slope, the functions that it comes from, and what to do."""
    verdicts = _verdicts(context)
    wrong = sorted(name for name, found in verdicts.items() if "unlike" in found)
    if wrong:
        return fault, wrong, f"Look at the backward of {', '.join(wrong)}; torch.autograd.gradcheck shows each entry."
    for kind, what in (("reverses", "hands its input on and changes the gradient alone"), ("rounds", "is a step")):
        meant = sorted(name for name, found in verdicts.items() if kind in found)
        if meant:
            do = f"{meant[0]} {what}, with a gradient of its own: leave it, if that is meant."
            return note, meant, do[0].upper() + do[1:]
    asked = sorted(verdicts)
    place = f"the backward of {', '.join(asked)}, or " if asked else ""
    return note, asked, f"Look at {place}a detach() or a rounding in forward; it may be meant."


def _verdicts(context: Context) -> dict[str, set[str]]:
    """What each function written by hand is by itself, see `handwritten.verdict`."""
    module, _, loss = context.copies()
    module.eval()
    batch = context.batch.rows(slice(0, ROWS))
    with quiet(), torch.enable_grad():
        functions = functions_of(loss(call(module, batch), each(batch.target, torch.clone)))
        with calls_of(functions) as calls:
            loss(call(module, batch), each(batch.target, torch.clone))
    found: dict[str, set[str]] = {each_one.__name__: set() for each_one in functions}
    for made in calls[:CALLS]:
        found[made.function.__name__].add(verdict(made))
    return found


def differences(context: Context) -> list[Difference]:
    """Analytic and numeric gradients of a few entries of every parameter.

    Parameters
    ----------
    context : the program.
    """
    try:
        found = _compared(context, DOUBLE)
    except Exception:  # a kernel of its own, say, that knows one precision
        found = None
    return found if found is not None else _compared(context, SINGLE) or []


def _compared(context: Context, precision: Precision) -> list[Difference] | None:
    """The differences in one precision; None where the loss is not in double precision and was to be."""
    wide = precision is DOUBLE
    module, loss_of, batch = _program(context, wide)
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad][:PARAMETERS]

    def loss() -> Tensor:
        with quiet():
            return torch.as_tensor(loss_of(call(module, batch), each(batch.target, torch.clone))).sum()

    with double_precision() if wide else nullcontext():
        with torch.enable_grad():
            value = loss()
            if wide and value.dtype != torch.float64:  # rounded to single precision, differences of 1e-5 say nothing
                return None
            if not value.requires_grad or not named:
                return []
            gradients = torch.autograd.grad(value, [p for _, p in named], allow_unused=True)
        pairs = [(*pair, g) for pair, g in zip(named, gradients, strict=True) if g is not None and not g.is_sparse]
        pairs = [pair for pair in pairs if bool(torch.isfinite(pair[2]).all())]  # others are asked for by themselves
        largest = max((float(g.abs().max()) for _, _, g in pairs if g.numel()), default=0.0)
        here = float(value.detach())
        small = max(precision.small * largest, precision.little * max(abs(here), 1.0))
        with torch.no_grad():
            return [found for pair in pairs for found in _entries(*pair, loss, here, small, precision)]


def _program(context: Context, wide: bool) -> tuple[nn.Module, Callable[..., Any], Batch]:
    """The copy of the module that is asked, its loss and a few rows."""
    module, _, loss = context.copies()
    module.eval()
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    batch = context.batch.rows(slice(0, ROWS))
    if wide:
        module, batch = module.double(), Batch(each(batch.inputs, _double), each(batch.target, _double))
        loss = loss.double() if isinstance(loss, nn.Module) else loss
    for part in module.modules():
        if isinstance(part, nn.RNNBase):
            part.flatten_parameters()
    return module, loss, batch


def _double(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


def _entries(
    name: str,
    parameter: Tensor,
    gradient: Tensor,
    loss: Callable[[], Tensor],
    here: float,
    small: float,
    precision: Precision,
) -> list[Difference]:
    flat, slopes = parameter.view(-1), gradient.reshape(-1)
    found = []
    for index in slopes.abs().topk(min(ENTRIES, len(slopes))).indices.tolist():
        analytic = float(slopes[index])
        right, left = _sides(flat, index, loss, here, precision.step)
        numeric = (right + left) / 2
        if not math.isfinite(numeric) or max(abs(analytic), abs(numeric)) <= small:
            continue
        kink = abs(right - left) > precision.kink * max(abs(right), abs(left))
        if not kink and abs(analytic - numeric) > precision.wrong * max(abs(analytic), abs(numeric)):
            wider = sum(_sides(flat, index, loss, here, 3 * precision.step)) / 2
            kink = abs(wider - numeric) > 0.1 * abs(analytic - numeric)
        found.append(Difference(name, analytic, numeric, kink, precision.wrong))
    return found


def _sides(flat: Tensor, index: int, loss: Callable[[], Tensor], here: float, step: float) -> tuple[float, float]:
    """The differences of the loss to the right and to the left of an entry, over the step."""
    kept = flat[index].clone()
    values = []
    for sign in (1, -1):
        flat[index] = kept + sign * step
        values.append(float(loss()))
    flat[index] = kept
    return (values[0] - here) / step, (here - values[1]) / step
