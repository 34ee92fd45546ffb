"""What the checks share: the program under examination on copies, and every figure that more than one check needs.

All is lazy: a figure is computed when the first check asks for it. Nothing here touches the user's objects; the
module, the optimizers and all random states are copies.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.anatomy import Pass, recorded, weight_layers
from netwright.checks.budget import Budget, OutOfTime
from netwright.checks.copies import program_copy, quiet, replica
from netwright.checks.diagnosis import Signal
from netwright.checks.facts import MANY, Facts, thinned
from netwright.checks.loss_kind import kind_of
from netwright.checks.prior import best_constant
from netwright.checks.reading import Batch, Material, each, leaves
from netwright.checks.reward import descend, falling
from netwright.checks.trial import STEPS, Change, Trial, call, default_start, heavy, train, whole
from netwright.checks.work import numbers_of, seconds_of

CUBED, STEEP = 16, 6  # rows of a question to a loss, and how many times the work twice as many are, where it is cubed
TRIAL_SECONDS = 0.3  # that one trial may take
FEWEST = 4  # trials that are made however long they take


@dataclass(frozen=True)
class Intent:
    """What the user declares to be on purpose.

    Attributes
    ----------
    frozen : names of parameters or modules that are not to move; True for any. imbalanced : whether classes of very
    different size are meant to be. ignore : codes of findings to leave out.
    """

    frozen: tuple[str, ...] | bool = ()
    imbalanced: bool = False
    ignore: frozenset[str] = frozenset()

    def freezes(self, name: str) -> bool:
        """Whether a parameter is declared not to move."""
        if isinstance(self.frozen, bool):
            return self.frozen
        return any(name == part or name.startswith(f"{part}.") for part in self.frozen)


@dataclass
class Context(Facts):
    """A training program under examination.

    Parameters
    ----------
    user_module : the user's own module, looked at and never called. module : its copy. optimizers : their copies.
    user_optimizers, user_loss : the user's. data : for training. validation : held out, or None.
    intent : what is declared to be on purpose. epochs : of the run, if known.
    """

    user_module: nn.Module
    user_optimizers: list[torch.optim.Optimizer]
    user_loss: Callable[..., Any]
    data: Material
    validation: Material | None = None
    intent: Intent = field(default_factory=Intent)
    epochs: int | None = None
    signals: dict[str, Signal] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        if whole(self.user_optimizers):
            self.data = replace(self.data, batches=[thinned(self.data.whole, MANY)], arrays=False)

    def copies(self) -> tuple[nn.Module, list[torch.optim.Optimizer], Callable[..., Any]]:
        """Copies of the module, its optimizers and the loss that belong together and that a check may change."""
        module, optimizers, loss = program_copy(self.user_module, self.user_optimizers, self.user_loss)
        descend(optimizers)
        return module, optimizers, falling(loss, self.user_optimizers)

    @cached_property
    def _copied(self) -> tuple[nn.Module, list[torch.optim.Optimizer], Callable[..., Any]]:
        return self.copies()

    @property
    def loss(self) -> Callable[..., Any]:
        """The copy of the loss that belongs to the program; the user's own where that is a function."""
        return self._copied[2]

    @property
    def module(self) -> nn.Module:
        """The copy that is looked at and called, and whose weights no check changes."""
        return self._copied[0]

    def fresh(self) -> nn.Module:
        """A copy of the module that a check may change."""
        module: nn.Module = replica(self.user_module)[0]
        return module

    # the network at its start

    @cached_property
    def many(self) -> Batch:
        """Rows on which dead units are dead; two batches of them, where the work of the loss grows by their cube."""
        one, two = (self._work(rows) for rows in (CUBED, 2 * CUBED))
        return thinned(self.data.whole, MANY if not two > STEEP * one > 0 else min(MANY, 2 * self.data.batch_size))

    def _work(self, rows: int) -> int:
        """How many numbers the loss of so many rows reads and writes; 0 where it or the network refuses."""
        few = self.data.whole.rows(slice(rows))
        try:
            output, target = self.answer(self.module, few), each(few.target, torch.clone)
            with quiet(), torch.no_grad():
                return numbers_of(lambda: self.loss(output, target))
        except Exception:  # either may want more rows
            return 0

    @cached_property
    def seen(self) -> tuple[Pass, Any]:
        """The inside of one pass in eval mode over many rows, and its output."""
        module, rows = self.fresh().eval(), self.many
        with quiet(), torch.no_grad(), recorded(module) as record:
            output = call(module, rows)
        return record, output

    @cached_property
    def layers(self) -> list[tuple[str, nn.Parameter]]:
        """Names and weight matrices in the order of their use."""
        module, rows = self.fresh().eval(), self.probe
        with quiet(), torch.no_grad(), recorded(module) as record:
            call(module, rows)
        return weight_layers(module, record)

    @cached_property
    def output(self) -> Any:
        """The output of the probe in eval mode."""
        return self.answer(self.module, self.probe)

    def answer(self, module: nn.Module, batch: Batch, seed: int = 0) -> Any:
        """The output of a module for a batch in eval mode, without gradients; the module's modes are put back."""
        modes = [(part, part.training) for part in module.modules()]
        module.eval()
        try:
            with quiet(seed), torch.no_grad():
                return call(module, batch)
        finally:
            for part, mode in modes:
                part.training = mode

    @cached_property
    def kind(self) -> str:  # type: ignore[override]
        """What the loss is by its behaviour, see `netwright.checks.loss_kind`."""
        with quiet():
            return kind_of(self.loss, self.output, self.probe.target)

    def value(self, output: Any, target: Any) -> float:
        """The loss as a number, NaN where it refuses."""
        try:
            with quiet(), torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of shapes that are spread, say, which are asked for
                target = each(target, torch.clone)
                return float(torch.as_tensor(self.loss(output, target)).double().sum())
        except Exception:  # the loss of a user may refuse any probe
            return math.nan

    @cached_property
    def prior(self) -> float:
        """The loss of the best answer that is the same for every row; NaN where there is none."""
        with quiet():
            return best_constant(self.loss, self.kind, self.output, self.many)

    @cached_property
    def start(self) -> float:
        """The loss of many rows at the start, in eval mode."""
        return self.value(self.answer(self.module, self.many), self.many.target)

    @cached_property
    def gradients(self) -> dict[str, Tensor | None]:
        """The gradient of the loss of a batch in train mode by the name of the parameter; None where it has none."""
        module, _, loss = self.copies()
        module.train()
        parameters = dict(module.named_parameters())
        with quiet(), torch.enable_grad():
            value = loss(call(module, self.batch), self.batch.target)
            wanted = [p for p in parameters.values() if p.requires_grad]
            if not getattr(value, "requires_grad", False) or not wanted:
                return dict.fromkeys(parameters)
            found = torch.autograd.grad(value.sum(), wanted, allow_unused=True)
        by_id = {id(p): g for p, g in zip(wanted, found, strict=True)}
        return {name: by_id.get(id(p)) for name, p in parameters.items()}

    # trials

    @cached_property
    def steps(self) -> int:
        """The steps of a trial: fewer only where they take long."""
        if not self.user_optimizers or not len(self.batch):
            return 0
        if heavy(self.user_optimizers):
            self.budget.close("a step of the optimizer takes too long with so many weights")
            return STEPS
        affordable = TRIAL_SECONDS / self._step_seconds
        steps = STEPS if affordable >= STEPS else max(10, 10 * int(affordable / 10))
        self.budget.allow(FEWEST * steps * self._step_seconds)
        return steps

    @cached_property
    def _step_seconds(self) -> float:
        """That a step takes, as it is counted; 0 where there are none."""
        return seconds_of(self._run) if self.user_optimizers and len(self.batch) else 0.0

    def trial(
        self,
        change: Change | None = None,
        *,
        steps: int | None = None,
        loss: Callable[..., Any] | None = None,
        batches: Sequence[Batch] | None = None,
        clip: float | None = None,
    ) -> Trial:
        """The program on a copy for some steps, as it is or with one thing changed; the same twice is made once."""
        usual = self.steps  # which tells whether there is time
        steps = usual if steps is None else steps
        known = (change, steps, clip) if loss is None and batches is None and change in (None, default_start) else None
        if known not in self._trials:
            self.budget.demand()
            found = self._run(steps, change, loss, batches, clip)
            found.seconds = self._step_seconds * self._share(batches)
            self.budget.spend(len(found.losses) * found.seconds)
            if known is None:
                return found
            self._trials[known] = found
        return self._trials[known]

    def _share(self, batches: Sequence[Batch] | None) -> float:
        """What a step on batches takes, in steps on those of the data: as theirs are to the numbers of these."""
        if not batches:
            return 1.0
        given, usual = (sum(map(Tensor.numel, leaves(batch.inputs))) for batch in (batches[0], self.batch))
        return given / max(usual, 1)

    @cached_property
    def _trials(self) -> dict[Any, Trial]:
        return {}

    def _run(
        self,
        steps: int,
        change: Change | None = None,
        loss: Callable[..., Any] | None = None,
        batches: Iterable[Batch] | None = None,
        clip: float | None = None,
    ) -> Trial:
        module, optimizers, own = self.copies()
        batches = self.data.stream(steps) if batches is None else batches
        return train((module, optimizers, loss or own), batches, change, clip)

    @cached_property
    def as_is(self) -> Trial:
        """The trial of the program as it is."""
        return self.trial()

    @cached_property
    def in_the_end(self) -> float:
        """What is left of the loss after five times as many steps, or after the whole run where that is shorter.

        A program that begins slowly is not stuck; one that there is no time to see is taken for such, with 0.
        """
        try:
            steps = steps_in_the_end(self)
            return self.left(self.trial(steps=steps)) if steps > self.steps else self.left(self.as_is)
        except OutOfTime:
            return 0.0

    def left(self, trial: Trial) -> float:
        """What a trial left of the loss, as a share of the best constant answer's: 1 means nothing was learned."""
        if not math.isfinite(trial.end):
            return math.inf
        if not math.isfinite(self.prior) or self.prior <= 1e-12:
            return trial.end / max(abs(trial.start), 1e-12)
        rows = self.data.batch_size / len(self.many) if self.summed else 1.0  # the best constant answer's is of more
        return trial.end / (self.prior * rows)

    def with_(self, **changes: Any) -> Context:
        """Another program: this one with other objects; nothing that was computed is taken over."""
        if "user_optimizers" in changes:  # that told the direction
            changes.setdefault("user_loss", falling(self.user_loss, self.user_optimizers))
        return replace(self, **changes, signals={})


def steps_in_the_end(context: Context) -> int:
    """Five times the steps of a trial, or those of the whole run where these are fewer.

    Parameters
    ----------
    context : the program.
    """
    batches = context.data.batches_of_a_pass
    return 5 * context.steps if context.epochs is None else min(5 * context.steps, context.epochs * batches)


def learns(context: Context) -> bool:
    """Whether the program as it is leaves clearly less than the best constant answer after a few dozen steps.

    Parameters
    ----------
    context : the program.
    """
    return context.left(context.as_is) < 0.7


def affordable(context: Context, steps: int, seconds: float) -> int:
    """So many steps, or as many as take so long, and no fewer than those of a trial.

    Parameters
    ----------
    context : the program. steps : that are wanted. seconds : of the processor, as they are counted.
    """
    return min(steps, max(context.steps, round(seconds / max(context._step_seconds, 1e-9))))
