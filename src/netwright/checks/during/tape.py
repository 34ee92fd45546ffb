"""The tape: what a watch writes down while somebody trains, and nothing that is read from it.

Every step leaves its loss; a few steps are looked at closely: the first five, then at distances that grow with the
step, so that a run of n steps has about 8 + 4 log2(n / 10) of them and a long one pays next to nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from netwright.checks.reading import Batch

KEPT_BATCHES = 64
KEPT_BYTES = 256 * 2**20


def _close(last: int) -> frozenset[int]:
    """The steps that are looked at, up to a last one: each half as far again as the one before."""
    steps = [0, 1, 2, 3, 4, 10, 20, 40]
    while steps[-1] < last:
        steps.append(steps[-1] * 3 // 2)
    return frozenset(steps)


_CLOSE = _close(10**9)
_INSIDE = frozenset(sorted(_CLOSE)[::3])  # 0, 3, 20, 90, 303, 1021, ...


@dataclass
class Sample:
    """One step looked at closely.

    Attributes
    ----------
    step : its number. made : norm of the gradient after backward. used : the norm just before the update.
    ratios : |update| / |weights| of each weight matrix. gradients : mean |gradient| of each, in the order of use.
    weights : norm of all weight matrices. off : by place, the share of ReLU units that were 0 for all rows since the
    last sample but one. flat : by place, the share of sigmoid or tanh values at a flat end. decay : |decay x weights|
    over |gradient|.
    """

    step: int
    made: float = math.nan
    used: float = math.nan
    ratios: dict[str, float] = field(default_factory=dict)
    gradients: dict[str, float] = field(default_factory=dict)
    weights: float = math.nan
    off: dict[str, float] = field(default_factory=dict)
    flat: dict[str, float] = field(default_factory=dict)
    decay: float = 0.0


@dataclass
class Checked:
    """What was told of the held-out rows at one moment.

    Attributes
    ----------
    step : of the training. loss, score : as the user gave them, NaN where not. noisy : whether dropout or batch
    statistics were on in the pass before.
    """

    step: int
    loss: float
    score: float
    noisy: bool


@dataclass
class Tape:
    """All that a watch saw.

    Attributes
    ----------
    losses : of every step, as tensors until they are asked for. samples : steps looked at. checked : held-out figures.
    rates : (step, rate) at every change. backwards, steps : how often each was called. stale : of how many updates the
    gradient was added to that of the update before; looked : of how many that was looked at.
    quiet_training : training passes in eval mode although dropout or batch statistics are there.
    noisy_held : passes without gradient in train mode. held : passes without gradient.
    batches : the first ones, as they came, with their targets where these were seen.
    """

    losses: list[Tensor] = field(init=False, default_factory=list)
    samples: list[Sample] = field(init=False, default_factory=list)
    checked: list[Checked] = field(init=False, default_factory=list)
    rates: list[tuple[int, float]] = field(init=False, default_factory=list)
    backwards: int = field(init=False, default=0)
    steps: int = field(init=False, default=0)
    stale: int = field(init=False, default=0)
    looked: int = field(init=False, default=0)
    quiet_training: int = field(init=False, default=0)
    held: int = field(init=False, default=0)
    noisy_held: int = field(init=False, default=0)
    repeated_held: int = field(init=False, default=0)
    signs: list[float] = field(init=False, default_factory=list)
    batches: list[Batch] = field(init=False, default_factory=list)
    held_batches: list[Batch] = field(init=False, default_factory=list)
    held_outputs: list[Any] = field(init=False, default_factory=list)
    kept_bytes: int = field(init=False, default=0)
    line: str | None = field(init=False, default=None)
    _numbers: list[float] = field(init=False, default_factory=list)

    def values(self) -> list[float]:
        """The losses as numbers."""
        new = self.losses[len(self._numbers) :]
        if new:
            stacked = torch.stack([each.detach().reshape(-1).sum().float().cpu() for each in new])
            self._numbers += stacked.tolist()
        return self._numbers

    def keep(self, batch: Batch, size: int) -> bool:
        """Keep a batch where there is room, and say whether it was kept."""
        if len(self.batches) >= KEPT_BATCHES or self.kept_bytes + size > KEPT_BYTES:
            return False
        self.batches.append(batch)
        self.kept_bytes += size
        return True

    @property
    def rate(self) -> float:
        """The learning rate as it is."""
        return self.rates[-1][1] if self.rates else math.nan

    def epochs(self) -> list[tuple[Checked, float]]:
        """For each moment at which held-out figures were told, these and the mean training loss since the last one."""
        values, found, begin = self.values(), [], 0
        for each in self.checked:
            part = values[begin : each.step]
            found.append((each, sum(part) / len(part) if part else math.nan))
            begin = each.step
        return found


def looked_at(step: int) -> bool:
    """Whether a step is looked at closely.

    Parameters
    ----------
    step : counted from 0.

    Examples
    --------
    >>> [step for step in range(450) if looked_at(step)]
    [0, 1, 2, 3, 4, 10, 20, 40, 60, 90, 135, 202, 303]
    """
    return step in _CLOSE


def looked_inside(step: int) -> bool:
    """Whether the activations of a step that is looked at are looked at too.

    Parameters
    ----------
    step : counted from 0.
    """
    return step in _INSIDE
