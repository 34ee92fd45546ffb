"""What is measured of a step that is looked at closely: gradients, update, activations."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.during.tape import Sample, Tape

SIGMOID, TANH = 0.9933, 0.9951  # the values at +-5 and +-3
PASSES = 3  # in which a unit must be off to be called so


class Closer:
    """Called three times in a step that is looked at: after backward (0), before the update (1), after it (2).

    Parameters
    ----------
    tape : to write on. hooks : that see the loop.
    """

    def __init__(self, tape: Tape, hooks: Any) -> None:
        self.tape, self.hooks = tape, hooks
        self.before: dict[str, Tensor] = {}
        self.sample = Sample(0)
        self.alive: dict[str, tuple[Tensor, ...]] = {}
        self.matrices: dict[str, nn.Parameter] | None = None

    def __call__(self, moment: int) -> float:
        if moment == 0:
            return self._norm()
        if moment == 1:
            self._before_update()
        else:
            self._after_update()
        return math.nan

    def _weights(self) -> dict[str, nn.Parameter]:
        if self.matrices is None:
            named = self.hooks.module.named_parameters()
            self.matrices = {name: p for name, p in named if p.ndim >= 2 and p.requires_grad}
        return self.matrices

    def _norm(self) -> float:
        gradients = [p.grad for p in self.hooks.module.parameters() if p.grad is not None and not p.grad.is_sparse]
        if not gradients:
            return 0.0
        return float(torch.stack(torch._foreach_norm(gradients)).float().norm())

    def _before_update(self) -> None:
        weights = self._weights()
        self.sample = sample = Sample(self.tape.steps, self.hooks.made, self._norm())
        found = {n: p.grad for n, p in weights.items() if p.grad is not None and not p.grad.is_sparse}
        if found:
            sizes = torch.stack([gradient.abs().mean() for gradient in found.values()]).tolist()
            sample.gradients = dict(zip(found, sizes, strict=True))
        self.before = {name: weight.detach().clone() for name, weight in weights.items()}
        if self.before:
            sample.weights = float(torch.stack(torch._foreach_norm(list(self.before.values()))).norm())
        decay = max(
            (float(g.get("weight_decay", 0.0)) for o in self.hooks.optimizers for g in o.param_groups), default=0.0
        )
        sample.decay = decay * sample.weights / max(sample.used, 1e-12) if decay else 0.0
        self._activations(sample)

    def _after_update(self) -> None:
        names = list(self.before)
        if names:
            weights = self._weights()
            moved = [weights[name].detach() - self.before[name] for name in names]
            steps = torch.stack(torch._foreach_norm(moved)).tolist()
            sizes = torch.stack(torch._foreach_norm([self.before[name] for name in names])).tolist()
            self.sample.ratios = {n: s / w for n, s, w in zip(names, steps, sizes, strict=True) if w > 0}
        self.before = {}
        self.tape.samples.append(self.sample)

    def _activations(self, sample: Sample) -> None:
        for index, operation in enumerate(self.hooks.operations):
            place = f"{operation.path or 'forward'} ({operation.kind} {index})"
            if operation.kind == "relu" and operation.output.ndim == 1:
                sample.off[place] = self._off(place, operation.output)
            elif operation.kind in ("sigmoid", "tanh"):
                sample.flat[place] = float(operation.output)
        self.hooks.operations = ()

    def _off(self, place: str, lives: Tensor) -> float:
        """The share of units that were 0 for all rows, of the last few passes looked at."""
        passes = [*self.alive.get(place, ()), lives][-PASSES:]
        if any(len(each) != len(lives) for each in passes):
            passes = [lives]
        self.alive[place] = tuple(passes)
        return float((~torch.stack(passes).any(0)).float().mean())


def summary(kind: str, output: Tensor) -> Tensor:
    """Of ReLU which units are on for some row, of sigmoid and tanh the share of values at a flat end.

    Parameters
    ----------
    kind : of the activation. output : its values.
    """
    if kind == "relu" and output.ndim > 1:
        axes = [0, 1] if output.ndim == 3 else [axis for axis in range(output.ndim) if axis != 1]
        return output.amax(axes) > 0
    if kind == "sigmoid":
        return ((output - 0.5).abs() > SIGMOID - 0.5).float().mean()
    return (output.abs() > TANH).float().mean() if kind == "tanh" else output.new_zeros(())
