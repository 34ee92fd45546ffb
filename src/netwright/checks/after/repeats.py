"""Does a run come out the same twice: a few steps on two copies from the same random states."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from netwright.checks.context import Context
from netwright.checks.finding import Finding, note
from netwright.checks.trial import Trial

STEPS = 5
SAME = 1e-6  # relative difference


def repeatable(context: Context) -> Iterable[Finding]:
    """Losses or weights that differ after the same steps from the same seeds."""
    if not context.user_optimizers:
        return
    runs = [context.trial(batches=list(context.data.stream(STEPS))) for _ in range(2)]
    if not all(run.finite for run in runs):
        return
    step, losses = _first_difference(runs)
    weights = max(
        (_difference(a, b) for a, b in zip(*(run.module.parameters() for run in runs), strict=True)), default=0.0
    )
    apart = context.signal("difference of two runs from one seed", max(losses, weights), SAME, "not-repeatable")
    if apart <= SAME:
        return
    yield note(
        "not-repeatable",
        f"two runs of {STEPS} steps from the same weights, batches and seeds differ by {apart:.1e} of their size"
        + (f", in the loss from step {step} on" if step is not None else ", in the weights"),
        f"at most {SAME:g}",
        "Look for numbers that are drawn by a generator of its own in forward or in the loss, for clocks and files, "
        "and for operations of the device that add in any order (torch.use_deterministic_algorithms(True)).",
        evidence={"difference": apart, "losses": losses, "weights": weights},
    )


def _first_difference(runs: list[Trial]) -> tuple[int | None, float]:
    apart = [abs(a - b) / max(abs(a), abs(b), 1e-12) for a, b in zip(runs[0].losses, runs[1].losses, strict=True)]
    return next((step for step, each in enumerate(apart) if each > SAME), None), max(apart, default=0.0)


def _difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).detach().norm() / b.detach().norm().clamp_min(1e-12)) if a.numel() else 0.0
