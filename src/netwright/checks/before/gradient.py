"""The gradient check: backward against centred differences of the loss, in float64 on a copy.

For an entry w and the step h = 1e-5::

    numeric = (L(w + h) - L(w - h)) / 2 h        error = |analytic - numeric| / max(|analytic|, |numeric|)

Above 1e-2 the gradient is wrong, between 1e-4 and 1e-2 doubtful unless there are kinks, below 1e-7 exact. An entry
whose one-sided differences disagree lies at a kink (of a ReLU, say) and is skipped. A few entries of every parameter
are checked, the largest of its gradient; dropout is off, penalties are apart and random states are fixed.

Reference: Karpathy, CS231n notes, "Gradient checks".
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.finding import Finding, Remedy, Where, fault, note
from netwright.checks.reading import Batch, each
from netwright.checks.trial import call

STEP = 1e-5
WRONG, DOUBTFUL = 1e-2, 1e-4
ENTRIES = 2  # of every parameter
PARAMETERS = 24
ROWS = 3
SMALL = 1e-7  # of the largest gradient: below it rounding decides


@dataclass(frozen=True)
class Difference:
    """One entry: its parameter, both gradients, their relative error, and whether it lies at a kink."""

    name: str
    analytic: float
    numeric: float
    kink: bool

    @property
    def error(self) -> float:
        """|a - n| / max(|a|, |n|), 0 where both are 0."""
        size = max(abs(self.analytic), abs(self.numeric))
        return abs(self.analytic - self.numeric) / size if size > 0 else 0.0


def gradients_agree(context: Context) -> Iterable[Finding]:
    """Gradients that are not the slope of the loss, above all where a backward was written by hand."""
    found = differences(context)
    smooth = [each_one for each_one in found if not each_one.kink]
    if not smooth:
        return
    by_name: dict[str, list[Difference]] = {}
    for one in smooth:
        by_name.setdefault(one.name, []).append(one)
    worst_name = max(by_name, key=lambda name: min(one.error for one in by_name[name]))
    error = min(one.error for one in by_name[worst_name])
    context.signal("relative error of the gradient", error, WRONG, "wrong-gradient")
    if error <= WRONG:
        return
    one = by_name[worst_name][0]
    own = _handwritten(context)
    surrogate = all(abs(each_one.numeric) < 1e-9 for each_one in by_name[worst_name])
    level = fault if own and not surrogate else note
    culprit = f"the backward of {', '.join(sorted(own))}" if own else "a detach() or a rounding in forward"
    yield level(
        "wrong-gradient",
        f"backward gives {one.analytic:.4g} for an entry of {worst_name}, centred differences give {one.numeric:.4g}: "
        f"a relative error of {error:.2g} in every entry looked at",
        f"less than {DOUBTFUL:g}",
        f"Look at {culprit}; torch.autograd.gradcheck shows each entry.",
        evidence={"error": error, "analytic": one.analytic, "numeric": one.numeric, "functions": sorted(own)},
        remedy=Remedy("module", "backward", sorted(own) or None),
        where=Where(layer=worst_name),
    )


def differences(context: Context) -> list[Difference]:
    """Analytic and numeric gradients of a few entries of every parameter.

    Parameters
    ----------
    context : the program.
    """
    module = context.fresh().double().eval()
    module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    for each_module in module.modules():
        if isinstance(each_module, nn.RNNBase):
            each_module.flatten_parameters()
    batch = _double(context.batch.rows(slice(0, ROWS)))
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad][:PARAMETERS]

    wide_loss = copy.deepcopy(context.loss).double() if isinstance(context.loss, nn.Module) else context.loss

    def loss() -> Tensor:
        with quiet():
            return torch.as_tensor(wide_loss(call(module, batch), batch.target)).sum()

    with torch.no_grad():
        exact = loss().dtype == torch.float64  # rounded to single precision, differences of 1e-5 say nothing

    with torch.enable_grad():
        value = loss()
        if not value.requires_grad or not named or not exact:
            return []
        gradients = torch.autograd.grad(value, [p for _, p in named], allow_unused=True)
    largest = max(
        (float(g.abs().max()) for g in gradients if g is not None and g.numel() and not g.is_sparse), default=0.0
    )
    found = []
    with torch.no_grad():
        for (name, parameter), gradient in zip(named, gradients, strict=True):
            if gradient is None or gradient.is_sparse:
                continue
            found += _entries(name, parameter, gradient, loss, float(value), SMALL * largest)
    return found


def _entries(
    name: str, parameter: Tensor, gradient: Tensor, loss: Callable[[], Tensor], here: float, small: float
) -> list[Difference]:
    flat, slopes = parameter.view(-1), gradient.reshape(-1)
    found = []
    for index in slopes.abs().topk(min(ENTRIES, len(slopes))).indices.tolist():
        kept = float(flat[index])
        values = []
        for step in (STEP, -STEP):
            flat[index] = kept + step
            values.append(float(loss()))
        flat[index] = kept
        numeric = (values[0] - values[1]) / (2 * STEP)
        right, left = (values[0] - here) / STEP, (here - values[1]) / STEP
        analytic = float(slopes[index])
        if max(abs(analytic), abs(numeric)) <= max(small, 1e-9 * max(abs(here), 1.0)):
            continue
        kink = abs(right - left) > 1e-2 * max(abs(right), abs(left))
        found.append(Difference(name, analytic, numeric, kink))
    return found


def _double(batch: Batch) -> Batch:
    def wide(tensor: Tensor) -> Tensor:
        return tensor.double() if tensor.is_floating_point() else tensor

    return Batch(each(batch.inputs, wide), each(batch.target, wide))


def _handwritten(context: Context) -> set[str]:
    """The names of the autograd functions in the graph that were written in Python."""
    module = context.fresh().train()
    with quiet(), torch.enable_grad():
        value = context.loss(call(module, context.batch), context.batch.target)
    pending, visited, found = [getattr(value, "grad_fn", None)], set(), set()
    while pending:
        node = pending.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        if hasattr(type(node), "_forward_cls"):
            found.add(type(node)._forward_cls.__name__)
        pending.extend(following for following, _ in node.next_functions)
    return found
