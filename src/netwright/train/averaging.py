"""A running average of the parameters (exponential moving average), one lerp an update.

    a_t = d_t a_{t-1} + (1 - d_t) theta_t,   d_t = min(decay, (1 + t) / (10 + t))

The decay warms up so that the first epochs of a short run are not dominated by the initial weights. The average is
what is validated and, at the end of the run, what is kept (Polyak and Juditsky, *Acceleration of stochastic
approximation by averaging*, 1992; the warm-up is that of TensorFlow's ExponentialMovingAverage).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from netwright.train.run import Run


class Averaging:
    """The average of a run's flat vector; does nothing when ``run.average`` is None."""

    def __init__(self, run: Run) -> None:
        self.run = run
        if run.average is not None and run.averaged is None:
            run.averaged = run.flat.theta.detach().clone()

    def update(self) -> None:
        """Take the newest parameters in."""
        run = self.run
        if run.average is None or run.averaged is None:
            return
        t = run.averaged_updates = run.averaged_updates + 1
        run.averaged.lerp_(run.flat.theta.detach(), 1 - min(run.average, (1 + t) / (10 + t)))

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """The module computes with the average inside this block."""
        if self.run.averaged is None:
            with self.run.update.averaged() if averages_itself(self.run) else nullcontext():  # type: ignore[attr-defined]
                yield
            return
        theta = self.run.flat.theta.data
        kept: torch.Tensor = theta.clone()
        theta.copy_(self.run.averaged)
        try:
            yield
        finally:
            theta.copy_(kept)


def averages_itself(run: Run) -> bool:
    """Whether the rule keeps an average (`netwright.optim.Averaged`) and the run does not."""
    return run.averaged is None and hasattr(run.update, "averages")


def kept_weights(run: Run) -> torch.Tensor:
    """What is validated and kept: the average of the run or of its rule, or the weights; a vector (P,)."""
    with Averaging(run).swapped_in():
        return run.flat.theta.detach().clone()
