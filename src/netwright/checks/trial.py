"""Trials: the program on a copy for a few dozen steps, as it is or with one thing changed.

The counterfactual is what tells a cause from a symptom: if the program learns with the suspect changed and does not
learn without, the suspect is the cause. Trials use the user's own optimizer, loss and batches, on copies.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.copies import program_copy, quiet
from netwright.checks.reading import Batch, Keywords, each
from netwright.core.errors import InvalidData

STEPS = 60
MATRICES = ("GaussNewton", "HessianDiagonal", "LevenbergMarquardt", "Newton")  # rules whose steps take them
MANY = 1000  # weights of which such a rule is not tried
EVALUATING = ("objective", "residuals")  # what rules of netwright take that are not given gradients
Change = Callable[[nn.Module, list[torch.optim.Optimizer]], object]
Losses = Callable[[Any, Any], Tensor]


@dataclass
class Trial:
    """What happened in a trial.

    Attributes
    ----------
    losses : of each batch, before its step. ratios : median over layers of |step| / |weights|, for each step.
    first : |step| / |weights| of each weight matrix in the first step. norms : of the gradient at each step.
    module : the copy as it is at the end. seconds : of a step, as `netwright.checks.work` counts them.
    finite : whether all losses were.
    """

    module: nn.Module
    losses: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)
    norms: list[float] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    seconds: float = 0.0

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
    return called(module, each(batch.inputs, lambda tensor: tensor.detach().clone()))


def called(module: nn.Module, inputs: tuple[Any, ...]) -> Any:
    """The output of a module for the inputs of a batch, by place or by keyword."""
    if len(inputs) == 1 and isinstance(inputs[0], Keywords):
        return module(**inputs[0])
    return module(*inputs)


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
    loss : ``loss(output, target)``; copied too, where it is no function.
    batches : one a step.
    change : what is changed on the copy before the first step.
    clip : the norm to which gradients are clipped, or None.
    after : called with the copy before the first step, when it is in train mode.
    """
    return train(program_copy(*program, loss), batches, change, clip, after)


def train(
    program: tuple[nn.Module, list[torch.optim.Optimizer], Losses],
    batches: Iterable[Batch],
    change: Change | None = None,
    clip: float | None = None,
    after: Callable[[nn.Module], object] | None = None,
) -> Trial:
    """Train a program, which is changed, on batches by the textbook's loop.

    Parameters
    ----------
    program : the module, its optimizers and the loss.
    batches, change, clip, after : as of `run_trial`.
    """
    module, optimizers, loss = program
    trial = Trial(module)
    with quiet(), torch.enable_grad():
        if change is not None:
            change(module, optimizers)
        module.train()
        for optimizer in optimizers:
            if callable(begins := getattr(optimizer, "train", None)):  # a rule that has modes, as schedule-free ones
                begins()
        if after is not None:
            after(module)
        moved = _weights(module, optimizers)
        held = [p for each in optimizers for group in each.param_groups for p in group["params"] if p.requires_grad]
        rules = [(optimizer, _given(optimizer)) for optimizer in optimizers]
        for batch in batches:
            before = [weight.detach().clone() for weight in moved.values()]
            _Step(trial, module, loss, batch, held, clip).make(rules)
            _measure(trial, moved, before)
            if not math.isfinite(trial.losses[-1]):
                break
    return trial


@dataclass
class _Step:
    """One step on one batch."""

    trial: Trial
    module: nn.Module
    loss: Losses
    batch: Batch
    held: list[Tensor]
    clip: float | None
    seen: list[Tensor] = field(default_factory=list)

    def make(self, rules: list[tuple[torch.optim.Optimizer, str]]) -> None:
        try:
            for optimizer, given in rules:
                self.forget()
                if given != "closure":
                    self.gradient()
                asked = {"closure": self.gradient, "objective": self.value, "residuals": self.residuals}.get(given)
                optimizer.step(*([] if asked is None else [asked]))  # type: ignore[arg-type]
                if not self.seen:  # a wrapper that takes a closure and does not pass it on
                    self.gradient()
                    optimizer.step()
        except InvalidData:  # a rule of netwright refuses a loss that is not finite
            if not self.seen or bool(torch.isfinite(self.seen[0])):
                raise
        self.trial.losses.append(float(self.seen[0].double()))

    def value(self) -> Tensor:
        return self.residuals()[1]

    def residuals(self) -> tuple[Any, Tensor]:
        """The output and the loss, with their graphs."""
        output = call(self.module, self.batch)
        return output, torch.as_tensor(self.loss(output, each(self.batch.target, torch.clone))).sum()

    def forget(self) -> None:
        for parameter in self.held:
            parameter.grad = None

    def gradient(self) -> Tensor:
        """The loss, whose gradients are then with the parameters."""
        self.forget()
        value = self.value()
        if value.requires_grad and self.held:
            # only into the copy's own parameters: a tensor of the user's that the module still refers to gets nothing
            torch.autograd.backward(value, inputs=self.held)  # type: ignore[no-untyped-call]
        norm = _norm(self.held)
        if self.clip is not None and norm > self.clip:
            for parameter in self.held:
                if parameter.grad is not None:
                    parameter.grad.mul_(self.clip / norm)
        if not self.seen:
            self.trial.norms.append(norm)
        self.seen.append(value.detach())
        return value.detach()


def _given(optimizer: torch.optim.Optimizer) -> str:
    """What the step of a rule is given: a "closure", or one without gradients for an "objective" or "residuals"."""
    takes = getattr(getattr(optimizer, "rule", None), "takes", "")
    if takes in EVALUATING:
        return str(takes)
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [each for each in inspect.signature(optimizer.step).parameters.values() if each.kind in places]
    needed = bool(parameters) and parameters[0].default is parameters[0].empty
    return "closure" if needed or any("closure" in each.name for each in parameters) else ""


def whole(optimizers: Iterable[torch.optim.Optimizer]) -> bool:
    """Whether a rule of netwright's among the optimizers looks at all rows at once, the same at every step."""
    return any(getattr(getattr(optimizer, "rule", None), "full_batch", False) is True for optimizer in optimizers)


def heavy(optimizers: Iterable[torch.optim.Optimizer]) -> bool:
    """Whether a rule of netwright's among the optimizers computes with a matrix of many weights by many weights."""
    return any(
        type(getattr(optimizer, "rule", None)).__name__ in MATRICES
        and sum(p.numel() for group in optimizer.param_groups for p in group["params"]) > MANY
        for optimizer in optimizers
    )


def _norm(parameters: list[Tensor]) -> float:
    gradients = [p.grad for p in parameters if p.grad is not None and not p.grad.is_sparse]
    return math.hypot(*_norms(gradients))


def _norms(tensors: list[Tensor]) -> list[float]:
    """The Euclidean norm of each tensor."""
    real = [torch.view_as_real(tensor) if tensor.is_complex() else tensor for tensor in tensors]
    return [] if not real else list(map(float, torch._foreach_norm(real, 2, dtype=torch.float64)))


def _weights(module: nn.Module, optimizers: list[torch.optim.Optimizer]) -> dict[str, Tensor]:
    held = {id(p) for each in optimizers for group in each.param_groups for p in group["params"]}
    return {name: p for name, p in module.named_parameters() if p.ndim >= 2 and id(p) in held and p.requires_grad}


def _measure(trial: Trial, moved: dict[str, Tensor], before: list[Tensor]) -> None:
    steps = torch._foreach_sub([weight.detach() for weight in moved.values()], before) if before else []
    sizes = dict(zip(moved, zip(_norms(before), _norms(list(steps)), strict=True), strict=True))
    ratios = {name: step / size for name, (size, step) in sizes.items() if size > 0}
    values = sorted(ratios.values())
    trial.ratios.append(values[len(values) // 2] if values else 0.0)
    trial.weights.append(math.hypot(*(size for size, _ in sizes.values())))
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
    """A change: every layer that can draws its weights anew by its own default; large ones of others are made small."""
    for part in module.modules():
        reset = getattr(part, "reset_parameters", None)
        if callable(reset):
            reset()
            continue
        for weight in part.parameters(recurse=False):
            usual = min(weight.shape, default=1) ** -0.5
            if weight.ndim == 2 and float(weight.detach().double().std()) > 2 * usual:
                nn.init.normal_(weight, 0.0, usual)


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
