"""One pass of a rule that looks at the whole loss: all rows, one step.

Such a rule (``takes`` is "objective" or "residuals") evaluates the loss as often as it likes, so there is no
``zero_grad, forward, loss, backward`` to show: the rows are cut into pieces that fit the cache, each piece is a closure
that runs the module on it, and the rule is handed their sum with the penalties as an `Objective`::

    F(theta) = s (L(theta) + R(theta))      L: loss of all rows, R: penalties
    s = n K / 2                             rules of least squares on a mean of squares: F = 1/2 sum r^2 + s R
    s = n                                   the same rules on another loss: a sum over rows
    s = 1                                   all other rules

The loss must be a function of the weights alone: a network with noise (dropout) and augmentation are refused. The
statistics of batch normalisation are those of all rows at the weights after the step, not of weights that were tried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from netwright.core.errors import InvalidParameter, problem
from netwright.optim.curvature import Layout
from netwright.optim.curvature.dense import DenseChain, HalfSquares, Slope, parts_of_chain, rows_of_chain, slope_of
from netwright.optim.objective import Extra, Objective
from netwright.optim.wrappers.wrapped import Wrapped
from netwright.train.averaging import Averaging
from netwright.train.evaluation import evaluate, forward, score_of
from netwright.train.events import Hook, tell
from netwright.train.run import Run

PIECE = 2**28  # multiply-accumulates of a piece of the rows: ten milliseconds of work, activations of some megabytes
LEAST = 256  # rows of a piece
PROBE = 8  # rows that noise is looked for with


@final
class WholePass:
    """Passes over a run's rows by a rule that looks at all of them at once.

    Parameters
    ----------
    run : with its rows.

    Raises
    ------
    InvalidParameter : a network with noise, augmentation, or a loss that is no sum over rows where the rule needs one.
    """

    def __init__(self, run: Run) -> None:
        self._run, self._rows = run, run.batches
        self._norms = [part for part in run.module.modules() if isinstance(part, _BatchNorm)]
        self._squares = run.optimizer.takes == "residuals" and getattr(run.objective, "squares", False)
        run.module.train()
        self._accept()
        self._scale = self._scale_of()
        self._places = run.flat.places()
        extra = Extra(self._value, self._slope, self._curvature) if run.penalties else None
        self.objective = Objective(
            run.flat.moving,
            self._closures(),
            extra,
            where=type(run.optimizer).__name__,
            quick=self._chains(),
            goes_backward=False,
        )

    def __call__(self, run: Run, heard: dict[str, list[Hook]]) -> dict[str, Any]:
        """One step on all rows; gives the losses and scores of the weights after it."""
        average = Averaging(run)
        run.module.train()
        tell(heard["on_epoch_start"], run)
        run.set_rate(run.epoch)
        run.batch = 0
        tell(heard["on_batch_start"], run)
        penalty = run.penalty()
        before = self._step()
        run.stop = run.stop or bool(run.update.stuck)  # type: ignore[attr-defined]
        for part in run.penalties:
            if part.projects:
                run.flat.project(part)
        self._take_statistics()
        average.update()
        if run.first_loss is None:
            run.first_loss = before / self._scale - penalty
        loss = self._loss_now() / self._scale - run.penalty()
        run.loss = torch.tensor(loss, dtype=torch.float64)
        tell(heard["on_batch_end"], run)
        record: dict[str, Any] = {"epoch": run.epoch + 1, "train_loss": loss}
        if run.score is not None:
            outputs = forward(run.module, self._rows, run.precision)
            record["train_score"] = score_of(run, outputs, self._rows.target, None)
        if run.validation is not None:
            with average.swapped_in():
                record |= evaluate(run, run.validation)
        return record

    def _step(self) -> float:
        """The rule's step; gives the loss before it. Ended by an error or Ctrl-C, it leaves buffers as they were."""
        kept = [(buffer, buffer.clone()) for part in self._norms for buffer in part.buffers()]
        try:
            return float(self._run.update.step(self.objective))  # type: ignore[call-overload]
        except BaseException:
            for buffer, values in kept:
                buffer.copy_(values)
            raise

    def _take_statistics(self) -> None:
        """Give batch normalisation the statistics of all rows at the weights as they stand."""
        if not self._norms:
            return
        momenta = [part.momentum for part in self._norms]
        try:
            for part in self._norms:
                part.momentum = 1.0  # the newest statistics alone count
            with torch.no_grad(), self._run.precision.context():
                self._run.module(*self._rows.head(self._rows.n))
        finally:
            for part, momentum in zip(self._norms, momenta, strict=True):
                part.momentum = momentum

    def _loss_now(self) -> float:
        """What the rule is given, at the weights after the step: it knows, unless they were moved since."""
        if isinstance(self._run.update, Wrapped) or any(part.projects for part in self._run.penalties):
            return self.objective.loss(self.objective.theta())
        return float(next(iter(self._run.update.state.values()))["loss"])

    def _accept(self) -> None:
        """Refuse what would make the loss another function at every evaluation."""
        if self._rows.augment is not None:
            self._refuse("rows that stay the same", "augmented ones", "Leave augment out")
        sample = self._rows.head(PROBE)
        with torch.no_grad(), self._run.precision.context():
            kept = {name: buffer.clone() for name, buffer in self._run.module.named_buffers()}
            drawn = self._random_state()
            one, other = self._run.module(*sample), self._run.module(*sample)
            for name, buffer in self._run.module.named_buffers():
                buffer.copy_(kept[name])
        silent = torch.equal(drawn, self._random_state())  # a rare noise may spare the sample
        if not (silent and all(map(torch.equal, _parts(one), _parts(other)))):
            self._refuse("a network without noise", "one with dropout or other noise", "Take the noise out")

    def _random_state(self) -> Tensor:
        """The state of the generator that noise is drawn from."""
        device = self._run.precision.device
        return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()

    def _refuse(self, expected: str, got: str, remedy: str) -> None:
        name = type(self._run.optimizer).__name__
        text = f"{remedy}, or train with a rule for mini-batches such as Adam()."
        raise InvalidParameter(problem(f"{name} (a rule that looks at the whole loss)", expected, got, text))

    def _scale_of(self) -> float:
        """The factor s between the run's loss and what the rule is given."""
        if self._run.optimizer.takes != "residuals":
            return 1.0
        if not self._squares:
            return float(self._rows.n)
        return 0.5 * self._rows.target.numel()  # type: ignore[no-any-return]

    def _closures(self) -> list[Callable[[], Any]]:
        """The rows in pieces, each as a closure that runs the module on them."""
        rows, n = self._rows, self._rows.n
        size = min(n, max(LEAST, PIECE // max(self._run.macs, 1)))
        if self._norms:
            size = n  # its rows look at each other
        made = []
        for i, inputs in enumerate(rows.in_order(size)):
            here = slice(i * size, min(i * size + size, n))
            several = isinstance(rows.target, tuple)
            target = tuple(t[here] for t in rows.target) if several else rows.target[here]
            made.append(self._closure(inputs, target, *self._share(here)))
        return made

    def _share(self, here: slice) -> tuple[Tensor | None, float]:
        """The weights of some rows, and the factor of their mean loss in the sum."""
        weight = self._rows.weight
        return None if weight is None else weight[here], self._scale * (here.stop - here.start) / self._rows.n

    def _chains(self) -> list[DenseChain]:
        """The rows in pieces for a network that is a chain of dense layers, whose gradient is had without autograd."""
        run, rows = self._run, self._rows
        parts = parts_of_chain(run.module)
        plain = len(rows.inputs) == 1 and rows.inputs[0].ndim == 2 and not run.precision.autocast
        if parts is None or not plain or isinstance(rows.target, tuple):
            return []
        layout = Layout(run.flat.moving)
        return [
            DenseChain(parts, rows.inputs[0][here], self._slope_on(here), layout)
            for here in rows_of_chain(parts, rows.n)
        ]

    def _slope_on(self, here: slice) -> Slope:
        """The loss of some rows as a function of their outputs, with its derivative."""
        run, target = self._run, self._rows.target[here]
        weight, share = self._share(here)
        if getattr(run.objective, "differences", False):
            return HalfSquares(target, 2 * share / target.numel(), weight)
        return slope_of(lambda outputs: share * run.objective(outputs, target, weight))

    def _closure(self, inputs: tuple[Tensor, ...], target: Any, weight: Tensor | None, share: float) -> Any:
        """Residuals of a piece, or its outputs with its share of the loss."""
        run = self._run

        def residuals() -> Tensor:
            objective: Any = run.objective
            with run.precision.context():
                return objective.residuals(run.module(*inputs), target, weight)  # type: ignore[no-any-return]

        def loss() -> tuple[Tensor, Tensor]:
            with run.precision.context():
                outputs = run.module(*inputs)
                if not isinstance(outputs, tuple):
                    return outputs, share * run.objective(outputs, target, weight)
                widths = [part[0].numel() for part in outputs]
                joined = torch.cat([part.flatten(1) for part in outputs], dim=1)
                again = tuple(
                    part.view(whole.shape) for part, whole in zip(joined.split(widths, dim=1), outputs, strict=True)
                )
                return joined, share * run.objective(again, target, weight)

        return residuals if self._squares else loss

    def _whole(self, theta: Tensor) -> Tensor:
        """The whole vector for the entries that are trained."""
        if self._places is None:
            return theta
        whole = self._run.flat.theta.detach().to(theta.dtype)
        whole[self._places] = theta
        return whole

    def _part(self, whole: Tensor) -> Tensor:
        return whole if self._places is None else whole[self._places]

    def _value(self, theta: Tensor) -> float:
        theta = self._whole(theta)
        return self._scale * sum(float(part.penalty(self._front(theta, part))) for part in self._run.penalties)

    def _slope(self, theta: Tensor) -> Tensor:
        theta = self._whole(theta)
        total = torch.zeros_like(theta)
        for part in self._run.penalties:
            part.add_gradient_(self._front(theta, part), self._front(total, part))
        return self._part(total.mul_(self._scale))

    def _curvature(self, theta: Tensor) -> Tensor:
        """The second derivatives of the penalties, each a sum over weights."""
        theta = self._whole(theta)
        total = torch.zeros_like(theta)
        for part in self._run.penalties:
            with torch.enable_grad():
                leaf = self._front(theta, part).detach().requires_grad_()
                (slope,) = torch.autograd.grad(part.penalty(leaf), leaf, create_graph=True)
                if slope.requires_grad:
                    (bend,) = torch.autograd.grad(slope.sum(), leaf, allow_unused=True)
                    if bend is not None:
                        self._front(total, part).add_(bend)
        return self._part(total.mul_(self._scale))

    def _front(self, vector: Tensor, part: Any) -> Tensor:
        """The entries of a vector that a penalty is for: the weights, or all."""
        return vector if part.biases else vector[: self._run.flat.weights]


def _parts(output: Any) -> tuple[Tensor, ...]:
    return output if isinstance(output, tuple) else (output,)
