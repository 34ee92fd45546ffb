"""Is the batch of a size at which steps are wasted: so small that they are noise, or so large that there are few.

    B = tr(S) / |G|^2,    G the gradient of all rows and S the covariance of the gradients of single rows

is the simple noise scale: of a batch much smaller than B, more rows pay in fewer steps. G and S are found without bias
from the squared lengths of the gradients of single rows and of their mean. A size is said to be extreme only where a
copy does better with another one, on as many rows or in as many steps.

Reference: McCandlish, Kaplan, Amodei et al., *An empirical model of large-batch training*, 2018, appendix A.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from netwright.checks.after.trained import Trained
from netwright.checks.copies import quiet
from netwright.checks.facts import thinned
from netwright.checks.finding import Finding, Remedy, note
from netwright.checks.reading import Batch
from netwright.checks.trial import STEPS, call

SMALL = 2  # rows of a batch
MEDIUM = 32
FEWEST = 256  # rows of the data without which no batch is too large
PASSES = 4
LOUD = 20.0  # noise scale over the batch size
LESS = 0.7  # of the loss
LEFT = 0.05  # of the loss of ignorance: with less than that there is nothing to gain
SINGLE = 32  # rows whose gradients are taken one by one


def extreme(context: Trained) -> Iterable[Finding]:
    """Batches of one or two rows, or of most rows, where another size does better on a copy."""
    size, n = context.data.batch_size, len(context.data.whole)
    small = size <= SMALL and n >= MEDIUM
    large = 2 * size >= n >= FEWEST and context.data.complete
    if not (small or large) or not context.user_optimizers or _searches(context) or not _unfinished(context):
        return
    if small and context.steps:
        yield from _too_small(context, size)
    elif large and context.steps == STEPS:
        yield from _too_large(context, size, n)


def _unfinished(context: Trained) -> bool:
    """Whether there is loss left to lose."""
    ignorance = context.prior if math.isfinite(context.prior) else context.start
    return math.isfinite(context.start) and context.start >= LEFT * abs(ignorance)


def _searches(context: Trained) -> bool:
    """Whether a step searches over all rows by itself."""
    return any(isinstance(optimizer, torch.optim.LBFGS) for optimizer in context.user_optimizers)


def _too_small(context: Trained, size: int) -> Iterable[Finding]:
    scale = noise_scale(context)
    loud = context.signal("noise scale of the gradient over the batch", scale / size, LOUD, "batch-size")
    if loud <= LOUD:
        return
    as_is = _loss_after(context, _batches(context, size, context.steps))
    larger = _loss_after(context, _batches(context, MEDIUM, context.steps))
    if not larger < LESS * min(as_is, context.start):
        return
    yield note(
        "batch-size",
        f"batches of {size} row{'s' * (size > 1)}, where the noise scale of the gradient is {_rounded(scale)} rows; "
        f"{context.steps} more steps on a copy bring the training loss from {context.start:.3g} to {as_is:.3g}, and to "
        f"{larger:.3g} with {MEDIUM} rows in a batch",
        f"batches of at least a {LOUD:.0f}th of the noise scale",
        f"Try {MEDIUM} rows in a batch, or a smaller rate.",
        evidence={"batch": size, "noise_scale": scale, "loss": context.start, "as_is": as_is, "larger": larger},
        remedy=Remedy("loader", "batch_size", MEDIUM),
    )


def _too_large(context: Trained, size: int, n: int) -> Iterable[Finding]:
    passes = max(1, math.ceil(n / size))
    as_is = _loss_after(context, _batches(context, size, PASSES * passes))
    smaller = _loss_after(context, _batches(context, MEDIUM, PASSES * math.ceil(min(n, 1024) / MEDIUM)))
    left = smaller / max(min(as_is, context.start), 1e-12)
    gain = 1 / max(left, 1e-6)
    context.signal("loss after four passes in large batches over that in small ones", gain, 1 / LESS, "batch-size")
    if not left < LESS:
        return
    yield note(
        "batch-size",
        f"batches of {size} of {n} rows, {passes} step{'s' * (passes > 1)} an epoch; on a copy {PASSES} more passes "
        f"bring the training loss from {context.start:.3g} to {as_is:.3g}, and to {smaller:.3g} with {MEDIUM} rows in "
        "a batch",
        "about as much from as many rows",
        f"Try {MEDIUM} to 128 rows in a batch, or more epochs.",
        evidence={"batch": size, "rows": n, "loss": context.start, "as_is": as_is, "smaller": smaller},
        remedy=Remedy("loader", "batch_size", MEDIUM),
    )


def noise_scale(context: Trained) -> float:
    """The simple noise scale of the gradient where the module stands, in rows; infinite where only noise is seen.

    Parameters
    ----------
    context : the program.
    """
    module = context.fresh().eval()
    rows = thinned(context.data.whole, SINGLE)
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        return math.nan
    total: list[Tensor] | None = None
    single = 0.0
    for index in range(len(rows)):
        batch = rows.rows(slice(index, index + 1))
        with quiet(), torch.enable_grad():
            value = torch.as_tensor(context.loss(call(module, batch), batch.target)).sum()
        found = torch.autograd.grad(value, parameters, allow_unused=True)
        slopes = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]
        single += sum(float(g.double().square().sum()) for g in slopes) / len(rows)
        total = slopes if total is None else [a + b for a, b in zip(total, slopes, strict=True)]
    big = len(rows)
    mean = sum(float((g / big).double().square().sum()) for g in total or [])
    signal = (big * mean - single) / (big - 1)  # |G|^2
    noise = (single - mean) / (1 - 1 / big)  # tr(S)
    return noise / signal if signal > 0 else math.inf


def _rounded(scale: float) -> str:
    return f"about {scale:.0f}" if math.isfinite(scale) else "more than can be measured, in"


def _batches(context: Trained, size: int, steps: int) -> Iterator[Batch]:
    """Batches of a size, of rows in an order drawn anew each pass."""
    whole, generator = thinned(context.data.whole, max(1024, size)), torch.Generator().manual_seed(0)
    while steps > 0:
        for rows in torch.randperm(len(whole), generator=generator).split(size):
            if steps > 0 and (len(rows) > 1 or size == 1):
                yield whole.rows(rows)
                steps -= 1


def _loss_after(context: Trained, batches: Iterable[Batch]) -> float:
    """The loss of many training rows after more steps on a copy."""
    trial = context.trial(batches=list(batches))
    if not trial.finite:
        return math.inf
    return context.value(context.answer(trial.module, context.many), context.many.target)
