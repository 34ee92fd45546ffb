"""Adversarial training by the fast gradient sign, as in deep ensembles: each batch is learned twice.

    x' = x + e r sign(dL(x)/dx)        r: range of the input in the training rows, feature by feature
    loss = 1/2 (L(x) + L(x'))

======= ================ ================================================
symbol  argument         meaning
======= ================ ================================================
e       ``share``        size of the step, as a share of the range
======= ================ ================================================

The answers of the network become smooth in small balls round the training rows. Of inputs with several axes (images)
the range is that of all their values. It costs two further passes a batch.

References: Goodfellow, Shlens, Szegedy: Explaining and harnessing adversarial examples, 2015; Lakshminarayanan,
Pritzel, Blundell: Simple and scalable predictive uncertainty estimation using deep ensembles, 2017 (section 2.3), who
take the sum of both losses; here it is their mean, so that learning rates mean what they mean without it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.train import Batches, Run
from netwright.train.streamed import StreamBatches


class FastGradientSign:
    """A callback that makes a run learn from each batch and from the same batch moved against it.

    Parameters
    ----------
    share : size of the step e, > 0, as a share of the range of each input.
    """

    def __init__(self, share: float = 0.01) -> None:
        self.share = share
        self.inputs: tuple[Tensor, ...] = ()
        self.hooks: list[Any] = []
        self.objective: Any = None

    def on_fit_start(self, run: Run) -> None:
        """Take the objective's place, and look at what goes into the network."""
        if run.optimizer.takes != "gradients":
            remedy = "Take one such as Adam()."
            raise InvalidParameter(problem("adversarial", "a rule of gradients", shown(run.optimizer), remedy))
        if not isinstance(run.batches, Batches):
            remedy = "It needs the range of each input over all rows. Give them as an array or a table."
            raise InvalidParameter(problem("adversarial", "rows in memory, all of one shape", _named(run), remedy))
        if not any(x.is_floating_point() for x in run.batches.inputs):
            got = str(run.batches.inputs[0].dtype)
            raise InvalidParameter(problem("adversarial", "inputs that are numbers, not codes", got))
        self.objective = run.objective
        run.objective = _Both(self, run, self.sizes([run]))
        self.hooks = [run.module.register_forward_pre_hook(self._look)]

    def on_fit_end(self, run: Run) -> None:
        """Leave the run as it was."""
        for hook in self.hooks:
            hook.remove()
        if self.objective is not None:
            run.objective, self.inputs, self.hooks, self.objective = self.objective, (), [], None

    def opened(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The inputs as leaves whose gradients are wanted; codes as they are."""
        return tuple(x.detach().requires_grad_() if x.is_floating_point() else x for x in inputs)

    def moved(self, inputs: tuple[Tensor, ...], sizes: tuple[Tensor, ...], gradients: Any = None) -> tuple[Tensor, ...]:
        """The inputs after the step; gradients are those in ``.grad`` where they are not given."""
        slopes: Any = iter(gradients) if gradients is not None else (x.grad for x in inputs if x.requires_grad)
        pairs = zip(inputs, sizes, strict=True)
        return tuple(x.detach() + size * next(slopes).sign() if x.requires_grad else x for x, size in pairs)

    def sizes(self, runs: list[Run]) -> tuple[Tensor, ...]:
        """The step for each input: (1, features), or of several runs (M, 1, features); one number for images."""
        found = []
        for place, first in enumerate(runs[0].batches.inputs):
            ranges = [_range(run.batches.inputs[place]) for run in runs]
            size = self.share * (ranges[0] if len(runs) == 1 else torch.stack(ranges))
            found.append(size if first.is_floating_point() else first.new_zeros(()))
        return tuple(found)

    def _look(self, module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if not (module.training and torch.is_grad_enabled()):
            return None
        self.inputs = self.opened(inputs)
        return self.inputs


class _Both:
    """The mean of the losses of a batch and of the moved batch."""

    def __init__(self, attack: FastGradientSign, run: Run, sizes: tuple[Tensor, ...]) -> None:
        self.attack, self.run, self.sizes, self.objective = attack, run, sizes, run.objective

    def __call__(self, output: Any, target: Any, weight: Tensor | None) -> Tensor:
        loss: Tensor = self.objective(output, target, weight)
        if not (loss.requires_grad and self.run.module.training):
            return loss
        inputs = self.attack.inputs
        wanted = [x for x in inputs if x.requires_grad]
        gradients = torch.autograd.grad(loss, wanted, retain_graph=True)
        moved = self.attack.moved(inputs, self.sizes, gradients)
        harder: Tensor = self.objective(self.run.module(*moved), target, weight)
        return 0.5 * (loss + harder)


def _named(run: Run) -> str:
    return "a stream" if isinstance(run.batches, StreamBatches) else "sequences"


def _range(x: Tensor) -> Tensor:
    if not x.is_floating_point():
        return x.new_zeros(())
    return x.amax(0, keepdim=True) - x.amin(0, keepdim=True) if x.ndim == 2 else x.max() - x.min()
