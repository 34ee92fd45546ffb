"""Are probabilities frequencies: of answers that are given with 0.9, nine in ten should be right.

    ECE = sum_b |right_b - sure_b| n_b / n,    bins b with equally many rows, sorted by the probability of the answer

Few rows give an error above 0 to a perfect network as well. So the limit is what the same probabilities would give if
they were true: right or wrong is drawn from them many times (consistency resampling). The remedy is one number T by
which logits are divided, the T that makes the held-out labels most likely; what it mends is measured on rows that were
not used to choose it.

References: Guo, Pleiss, Sun, Weinberger, *On calibration of modern neural networks*, 2017. Broecker, Smith, *Increasing
the reliability of reliability diagrams*, 2007. Nixon et al., *Measuring calibration in deep learning*, 2019.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor

from netwright.checks.after.trained import Part, Trained
from netwright.checks.finding import Finding, Remedy, note

ROWS = 200  # held-out rows without which nothing is said
BIN = 40  # rows of a bin, about
BINS = 15
DRAWS = 100
SMALLEST = 0.03  # an error that matters
TOO_SURE = 0.02  # mean probability less the share that is right
HELPS = 0.75


def frequencies(context: Trained) -> Iterable[Finding]:
    """Probabilities of held-out answers that are larger than the share that is right."""
    part = context.held_out
    if part is None or context.task != "classes" or len(part) < ROWS or not context.likelihood:
        return
    if context.poor:  # there is more to mend than the probabilities
        return
    sure, answers = part.answers.softmax(1).max(1)
    right = (answers == part.truth).double()
    limit = max(SMALLEST, by_chance(sure))
    error = context.signal(
        "calibration error of held-out answers", calibration_error(sure, right), limit, "miscalibrated"
    )
    if error <= limit or not _too_sure(sure, right):
        return
    yield _finding(part, sure, right, error, limit)


def _finding(part: Part, sure: Tensor, right: Tensor, error: float, limit: float) -> Finding:
    temperature = best_temperature(part.answers, part.truth)
    after, loss = _cross_fitted(part.answers, part.truth)
    helps = after < HELPS * error
    do = (
        f"Divide the logits by {temperature:.2f} before the softmax: no answer changes, and the error comes down to "
        f"{after:.3f} on rows that did not choose that number."
        if helps
        else "Train with label smoothing, stop earlier, or take the mean of several networks: one temperature does "
        f"not mend it ({after:.3f})."
    )
    return note(
        "miscalibrated",
        f"the answers for {len(part)} held-out rows have a mean probability of {float(sure.mean()):.3f}, and "
        f"{float(right.mean()):.3f} of them are right: a calibration error of {error:.3f}",
        f"at most {limit:.3f}, which so many rows give by chance",
        do,
        evidence={
            "error": error,
            "limit": limit,
            "mean_probability": float(sure.mean()),
            "right": float(right.mean()),
            "temperature": temperature,
            "error_after": after,
            "loss": float(torch.nn.functional.cross_entropy(part.answers, part.truth)),
            "loss_after": loss,
        },
        remedy=Remedy("module", "temperature", round(temperature, 3)) if helps else None,
    )


def _too_sure(sure: Tensor, right: Tensor) -> bool:
    """Whether the mean probability is above the share that is right by what matters, and by two standard errors."""
    above = float(sure.mean() - right.mean())
    return above > TOO_SURE and above > 2 * float((sure * (1 - sure)).sum().sqrt()) / len(sure)


def calibration_error(sure: Tensor, right: Tensor) -> float:
    """The expected calibration error over bins with equally many rows.

    Parameters
    ----------
    sure : probability of each answer. right : whether it is.

    Shapes
    ------
    sure (n,), right (n,) or (draws, n) -> a number, the mean over draws

    Examples
    --------
    >>> import torch
    >>> calibration_error(torch.full((100,), 0.9), torch.cat([torch.ones(80), torch.zeros(20)]))
    0.1
    """
    return round(float(_errors(sure, right.reshape(-1, len(sure))).mean()), 6)


def _errors(sure: Tensor, right: Tensor) -> Tensor:
    """One error a draw."""
    values, order = sure.sort()
    n = len(sure)
    count = max(2, min(BINS, n // BIN))
    edges = [round(index * n / count) for index in range(count + 1)]
    # rows with the same probability belong together, whichever is sorted first
    edges = sorted({0, n, *(int(torch.searchsorted(values, values[edge])) for edge in edges[1:-1])})
    sizes = [stop - start for start, stop in pairwise(edges)]
    away = (right[:, order].double() - values).split(sizes, dim=1)
    return torch.stack([part.sum(1).abs() for part in away]).sum(0) / n


def by_chance(sure: Tensor) -> float:
    """What the error is at most, but for one case in a thousand, if the probabilities are true: mean and 3 deviations.

    Parameters
    ----------
    sure : probability of each answer (n,).
    """
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand((DRAWS, len(sure)), generator=generator) < sure
    errors = _errors(sure, drawn)
    return float(errors.mean() + 3 * errors.std())


def best_temperature(logits: Tensor, truth: Tensor) -> float:
    """The T in [0.05, 20] for which softmax(logits / T) makes the classes most likely.

    The negative log-likelihood is convex in b = 1 / T. Its slope mean(E z - z_class) is brought to 0 by Newton's steps,
    with its curvature mean(Var z), both under softmax(b z); a step out of the bracket halves the bracket instead.

    Parameters
    ----------
    logits : of the classes. truth : class numbers.

    Shapes
    ------
    logits (n, k), truth (n,) -> a number

    Examples
    --------
    >>> import torch
    >>> sure = torch.tensor([[0.0, 4.0]] * 10, dtype=torch.float64)
    >>> round(4 / best_temperature(sure, torch.tensor([1] * 9 + [0])), 3) == round(torch.tensor(9.0).log().item(), 3)
    True
    """
    own = logits.gather(1, truth[:, None])[:, 0]
    low, high, b = 0.05, 20.0, 1.0
    for _ in range(40):
        p = (logits * b).softmax(1)
        mean = (p * logits).sum(1)
        slope = float((mean - own).mean())
        curve = float((p * logits.square()).sum(1).mean() - mean.square().mean())
        low, high = (low, b) if slope > 0 else (b, high)
        step = b - slope / curve if curve > 1e-12 else 0.0
        other = step if low < step < high else math.sqrt(low * high)
        if abs(other - b) < 1e-5 * b:
            break
        b = other
    return 1 / b


def _cross_fitted(logits: Tensor, truth: Tensor) -> tuple[float, float]:
    """The calibration error and the loss of each half of the rows with the temperature of the other."""
    divided = torch.empty_like(logits)
    for mine, other in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        divided[mine] = logits[mine] / best_temperature(logits[other], truth[other])
    sure, answers = divided.softmax(1).max(1)
    loss = torch.nn.functional.cross_entropy(divided, truth)
    return calibration_error(sure, answers == truth), float(loss)
