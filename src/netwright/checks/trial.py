"""Trials: the program on a copy for a few dozen steps, as it is or with one thing changed.

The counterfactual is what tells a cause from a symptom: if the program learns with the suspect changed and does not
learn without, the suspect is the cause. Trials use the user's own optimizer, loss and batches, on copies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.copies import quiet, replica
from netwright.checks.reading import Batch, each

STEPS = 60
Change = Callable[[nn.Module, list[torch.optim.Optimizer]], object]
Losses = Callable[[Any, Any], Tensor]


@dataclass
class Trial:
    """What happened in a trial.

    Attributes
    ----------
    losses : of each batch, before its step. ratios : median over layers of |step| / |weights|, for each step.
    first : |step| / |weights| of each weight matrix in the first step. norms : of the gradient at each step.
    module : the copy as it is at the end. finite : whether all losses were.
    """

    module: nn.Module
    losses: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)
    norms: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    @property
    def finite(self) -> bool:
        """Whether all losses were finite."""
        return all(map(math.isfinite, self.losses))

    @property
    def start(self) -> float:
        """The loss before the first step."""
        return self.losses[0] if self.losses else math.nan

    @property
    def end(self) -> float:
        """The mean loss of the last fifth of the steps; infinite where the losses were not finite."""
        if not self.losses or not self.finite:
            return math.inf
        last = self.losses[-max(5, len(self.losses) // 5) :]
        return sum(last) / len(last)


def call(module: nn.Module, batch: Batch) -> Any:
    """The output of a module for a batch, whose numbers no operation in place can change."""
    return module(*each(batch.inputs, lambda tensor: tensor.detach().clone()))


def run_trial(
    program: tuple[nn.Module, list[torch.optim.Optimizer]],
    loss: Losses,
    batches: Iterable[Batch],
    change: Change | None = None,
    clip: float | None = None,
    after: Callable[[nn.Module], object] | None = None,
) -> Trial:
    """Train a copy of a program on batches by the textbook's loop.

    Parameters
    ----------
    program : the module and its optimizers; they are copied.
    loss : ``loss(output, target)``.
    batches : one a step.
    change : what is changed on the copy before the first step.
    clip : the norm to which gradients are clipped, or None.
    after : called with the copy before the first step, when it is in train mode.
    """
    module, optimizers = replica(program[0], program[1])
    trial = Trial(module)
    with quiet(), torch.enable_grad():
        if change is not None:
            change(module, optimizers)
        module.train()
        if after is not None:
            after(module)
        moved = _weights(module, optimizers)
        held = [p for each in optimizers for group in each.param_groups for p in group["params"] if p.requires_grad]
        for batch in batches:
            before = [weight.detach().clone() for weight in moved.values()]
            _step(trial, module, optimizers, loss, batch, held, clip)
            _measure(trial, moved, before)
            if not math.isfinite(trial.losses[-1]):
                break
    return trial


def _step(
    trial: Trial,
    module: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    loss: Losses,
    batch: Batch,
    held: list[Tensor],
    clip: float | None,
) -> None:
    seen: list[Tensor] = []

    def closure() -> Tensor:
        for parameter in held:
            parameter.grad = None
        value = torch.as_tensor(loss(call(module, batch), each(batch.target, torch.clone))).sum()
        if value.requires_grad and held:
            # only into the copy's own parameters: a tensor of the user's that the module still refers to gets nothing
            torch.autograd.backward(value, inputs=held)  # type: ignore[no-untyped-call]
        norm = _norm(held)
        if clip is not None and norm > clip:
            for parameter in held:
                if parameter.grad is not None:
                    parameter.grad.mul_(clip / norm)
        if not seen:
            trial.norms.append(norm)
        seen.append(value.detach())
        return value.detach()

    for optimizer in optimizers:
        optimizer.step(closure)  # type: ignore[arg-type]
    trial.losses.append(float(seen[0].double().sum()))


def _norm(parameters: list[Tensor]) -> float:
    squares = [float(p.grad.double().square().sum()) for p in parameters if p.grad is not None and not p.grad.is_sparse]
    return math.sqrt(sum(squares))


def _weights(module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> dict[str, Tensor]:
    held = {id(p) for each in optimizers for group in each.param_groups for p in group["params"]}
    return {name: p for name, p in module.named_parameters() if p.ndim >= 2 and id(p) in held and p.requires_grad}


def _measure(trial: Trial, moved: dict[str, Tensor], before: list[Tensor]) -> None:
    ratios: dict[str, float] = {}
    total = 0.0
    for (name, weight), old in zip(moved.items(), before, strict=True):
        size, step = float(old.norm()), float((weight.detach() - old).norm())
        total += size * size
        if size > 0:
            ratios[name] = step / size
    values = sorted(ratios.values())
    trial.ratios.append(values[len(values) // 2] if values else 0.0)
    trial.weights.append(math.sqrt(total))
    if not trial.first:
        trial.first = ratios


def rate_times(factor: float) -> Change:
    """A change: all learning rates multiplied by a factor."""

    def change(module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                if "lr" in group:
                    group["lr"] = group["lr"] * factor

    return change


def default_start(module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    """A change: every layer that can draws its weights anew by its own default."""
    for part in module.modules():
        reset = getattr(part, "reset_parameters", None)
        if callable(reset):
            reset()


def dropout_off(module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    """A change: no unit is dropped."""
    for part in module.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.p = 0.0


def no_decay(module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    """A change: no weight decay."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if "weight_decay" in group:
                group["weight_decay"] = 0.0
