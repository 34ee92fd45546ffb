"""The tape: what a watch writes down while somebody trains, and nothing that is read from it.

Every step leaves its loss; a few steps are looked at closely: the first five, then at distances that grow with the
step, so that a run of n steps has about 8 + 4 log2(n / 10) of them and a long one pays next to nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from netwright.checks.reading import Batch, leaves

KEPT_BATCHES = 64
KEPT_BYTES = 64 * 2**20
UNREAD = 1024  # losses that are kept as tensors at most
FIRST = 12  # first updates after which it is looked whether the gradient is cleared


def _close(last: int) -> tuple[int, ...]:
    """The steps that are looked at, up to a last one: each half as far again as the one before."""
    steps = [0, 1, 2, 3, 4, 10, 20, 40]
    while steps[-1] < last:
        steps.append(steps[-1] * 3 // 2)
    return tuple(steps)


_CLOSE = _close(10**10)
_LOOKED = frozenset(_CLOSE)
_INSIDE = frozenset(_CLOSE[::3])  # 0, 3, 20, 90, 303, 1021, ...
_RARELY = frozenset(_CLOSE[::6])  # 0, 20, 303, ...
_EVENTS = tuple(sorted({*range(FIRST), *_CLOSE}))
_IS_EVENT = frozenset(_EVENTS)


@dataclass
class Sample:
    """One step looked at closely.

    Attributes
    ----------
    step : its number. made : norm of the gradient after backward. used : the norm just before the update.
    ratios : |update| / |weights| of each weight matrix. gradients : the size of the gradient of each, in their order.
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


@dataclass(frozen=True)
class Origin:
    """Where the first number that is not finite came from.

    Attributes
    ----------
    step : of the training. place : "X", "y", "layer", "loss" or "weights". name : of the layer or of the parameter.
    row, column : of the batch. value : what is there.
    """

    step: int
    place: str
    name: str | None = None
    row: int | None = None
    column: int | None = None
    value: float = math.nan


@dataclass
class Tape:
    """All that a watch saw.

    Attributes
    ----------
    losses : of every step. unseen : steps whose loss was not seen. samples : steps looked at. checked : held-out
    figures. rates : (step, rate) at every change. backwards, steps : how often each was called.
    stale, looked : of how many updates looked at the gradient of the update before was still there, and of how many
    that was looked at. seconds, unused : backward passes looked at that were not the first since an update, and those
    of them before which the gradient had been cleared. modes, quiet_training : backward passes whose mode was looked
    at, and those in eval mode although dropout or batch statistics are there. held : groups of passes without gradient,
    each between two updates.
    validations, noisy_held : those of them whose answers are used, and of these those in train mode. same_held :
    whether the same rows came in all of them.
    line, quiet_line, noisy_line : of the user's where backward was called, where a training pass in eval mode was
    made, and where one without gradient in train mode was.
    factors : what went backward over the loss of output and target, of the first steps. batches, batch_steps : the
    first ones, as they came, with their targets, and their steps. odd : passes whose loss is not one of output and
    target alone. origin : of the first number that was not finite. strange, strangers, remembered : steps of
    optimizers that were not given, how many of these there were, and what they keep from step to step. climbs :
    whether the losses are rewards, which the optimizers make larger.
    """

    losses: list[Any] = field(init=False, default_factory=list)
    unseen: int = field(init=False, default=0)
    samples: list[Sample] = field(init=False, default_factory=list)
    checked: list[Checked] = field(init=False, default_factory=list)
    rates: list[tuple[int, float]] = field(init=False, default_factory=list)
    backwards: int = field(init=False, default=0)
    steps: int = field(init=False, default=0)
    stale: int = field(init=False, default=0)
    looked: int = field(init=False, default=0)
    seconds: int = field(init=False, default=0)
    unused: int = field(init=False, default=0)
    modes: int = field(init=False, default=0)
    quiet_training: int = field(init=False, default=0)
    held: int = field(init=False, default=0)
    validations: int = field(init=False, default=0)
    noisy_held: int = field(init=False, default=0)
    same_held: bool = field(init=False, default=False)
    factors: list[float] = field(init=False, default_factory=list)
    batches: list[Batch] = field(init=False, default_factory=list)
    batch_steps: list[int] = field(init=False, default_factory=list)
    odd: int = field(init=False, default=0)
    held_batches: list[Batch] = field(init=False, default_factory=list)
    held_steps: list[int] = field(init=False, default_factory=list)
    held_outputs: list[Any] = field(init=False, default_factory=list)
    kept_bytes: int = field(init=False, default=0)
    line: str | None = field(init=False, default=None)
    quiet_line: str | None = field(init=False, default=None)
    noisy_line: str | None = field(init=False, default=None)
    origin: Origin | None = field(init=False, default=None)
    strange: int = field(init=False, default=0)
    strangers: int = field(init=False, default=0)
    remembered: set[str] = field(init=False, default_factory=set)
    climbs: bool = field(init=False, default=False)
    trouble: str = field(init=False, default="")
    _numbers: list[float] = field(init=False, default_factory=list)

    def values(self) -> list[float]:
        """The losses as numbers, rewards turned; none where that of a step was not seen."""
        new = self.losses[len(self._numbers) :]
        tensors = [each.detach().reshape(-1).sum().float() for each in new if isinstance(each, Tensor)]
        if tensors:
            read = iter(torch.stack([each.to(tensors[0].device) for each in tensors]).tolist())
            new = [next(read) if isinstance(each, Tensor) else each for each in new]
        self._numbers += new
        self.losses[len(self.losses) - len(new) :] = new
        if self.unseen:
            return []
        return [-number for number in self._numbers] if self.climbs else self._numbers

    def read(self) -> None:
        """Read losses that are tensors where there are many of them."""
        if len(self.losses) - len(self._numbers) >= UNREAD:
            self.values()

    def keep(self, batch: Batch) -> bool:
        """Keep a batch where there is room, and say whether it was kept."""
        size = sum(tensor.numel() * tensor.element_size() for tensor in leaves(batch.inputs))
        if not self.room or self.kept_bytes + size > KEPT_BYTES:
            self.kept_bytes = KEPT_BYTES
            return False
        self.batches.append(batch)
        self.batch_steps.append(self.steps)
        self.kept_bytes += size
        return True

    @property
    def room(self) -> bool:
        """Whether more batches may be kept."""
        return len(self.batches) < KEPT_BATCHES and self.kept_bytes < KEPT_BYTES

    @property
    def rate(self) -> float:
        """The learning rate as it is."""
        return self.rates[-1][1] if self.rates else math.nan

    def add_rate(self, rate: Any) -> None:
        """The rate of the step that is made, kept where it is another than before."""
        rate = float(rate)
        if not self.rates or self.rates[-1][1] != rate:
            self.rates.append((self.steps, rate))

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
    return step in _LOOKED


def looked_inside(step: int, rarely: bool = False) -> bool:
    """Whether the activations of a step that is looked at are looked at too.

    Parameters
    ----------
    step : counted from 0. rarely : of a network with so many activations that a look costs more than a step.
    """
    return step in (_RARELY if rarely else _INSIDE)


def is_event(step: int) -> bool:
    """Whether more is done at a step than to write its loss down.

    Parameters
    ----------
    step : counted from 0.
    """
    return step in _IS_EVENT


def next_event(step: int) -> int:
    """The first event after a step.

    Parameters
    ----------
    step : counted from 0.

    Examples
    --------
    >>> next_event(0), next_event(11), next_event(100)
    (1, 20, 135)
    """
    return _EVENTS[bisect_right(_EVENTS, step)]
