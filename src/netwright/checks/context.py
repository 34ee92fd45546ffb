"""What the checks share: the program under examination on copies, and every figure that more than one check needs.

All is lazy: a figure is computed when the first check asks for it. Nothing here touches the user's objects; the
module, the optimizers and all random states are copies.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.anatomy import Pass, recorded, weight_layers
from netwright.checks.copies import quiet, replica
from netwright.checks.diagnosis import Signal
from netwright.checks.facts import Facts
from netwright.checks.loss_kind import class_axis, kind_of
from netwright.checks.prior import best_constant
from netwright.checks.reading import Batch, Material, each
from netwright.checks.trial import STEPS, Change, Trial, call, run_trial

TRIAL_SECONDS = 0.5  # that one trial may take


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
    user_optimizers : the user's. loss : ``loss(output, target)``. data : for training. validation : held out, or None.
    intent : what is declared to be on purpose. epochs : of the run, if known.
    """

    user_module: nn.Module
    user_optimizers: list[torch.optim.Optimizer]
    loss: Callable[..., Any]
    data: Material
    validation: Material | None = None
    intent: Intent = field(default_factory=Intent)
    epochs: int | None = None
    signals: dict[str, Signal] = field(default_factory=dict)

    @cached_property
    def program(self) -> tuple[nn.Module, list[torch.optim.Optimizer]]:
        """The module and its optimizers, copied."""
        module, optimizers = replica(self.user_module, self.user_optimizers)
        return module, optimizers

    @property
    def module(self) -> nn.Module:
        """The copy that is looked at and called, and whose weights no check changes."""
        return self.program[0]

    def fresh(self) -> nn.Module:
        """A copy of the module that a check may change."""
        module: nn.Module = replica(self.user_module)[0]
        return module

    # the network at its start

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

    @property
    def class_axis(self) -> int:
        """The axis of the output along which the classes lie."""
        return class_axis(self.output, self.probe.target) if isinstance(self.output, Tensor) else 1

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
        module = self.fresh().train()
        parameters = dict(module.named_parameters())
        with quiet(), torch.enable_grad():
            value = self.loss(call(module, self.batch), self.batch.target)
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
        batch = self.batch
        if not self.user_optimizers:
            return 0
        self.trial(steps=1)  # warm
        begin = time.process_time()
        self.trial(steps=2)
        each_step = (time.process_time() - begin) / 2
        affordable = TRIAL_SECONDS / max(each_step, 1e-9)
        return STEPS if affordable >= STEPS else max(10, 10 * int(affordable / 10)) if len(batch) else 0

    def trial(
        self,
        change: Change | None = None,
        *,
        steps: int | None = None,
        loss: Callable[..., Any] | None = None,
        batches: Iterable[Batch] | None = None,
        clip: float | None = None,
    ) -> Trial:
        """The program on a copy for some steps, as it is or with one thing changed."""
        steps = self.steps if steps is None else steps
        return run_trial(self.program, loss or self.loss, batches or self.data.stream(steps), change, clip)

    @cached_property
    def as_is(self) -> Trial:
        """The trial of the program as it is."""
        return self.trial()

    @cached_property
    def in_the_end(self) -> float:
        """What is left of the loss after five times as many steps, or after the whole run where that is shorter.

        A program that begins slowly is not stuck.
        """
        batches = math.ceil(len(self.data.whole) / self.data.batch_size)
        steps = 5 * self.steps if self.epochs is None else min(5 * self.steps, self.epochs * batches)
        return self.left(self.trial(steps=steps)) if steps > self.steps else self.left(self.as_is)

    def left(self, trial: Trial) -> float:
        """What a trial left of the loss, as a share of the best constant answer's: 1 means nothing was learned."""
        if not math.isfinite(self.prior) or self.prior <= 1e-12:
            return trial.end / max(abs(trial.start), 1e-12)
        return trial.end / self.prior

    @property
    def learns(self) -> bool:
        """Whether the program as it is leaves clearly less than the best constant answer after a few dozen steps."""
        return self.left(self.as_is) < 0.7

    def with_(self, **changes: Any) -> Context:
        """Another program: this one with other objects; nothing that was computed is taken over."""
        return replace(self, **changes, signals={})
