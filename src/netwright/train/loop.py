"""The training loop, on one page: zero_grad, forward, loss, backward, step.

Nothing is read back from a tensor inside an epoch; the order of the rows is a function of (seed, epoch); `flat` holds
all parameters and gradients in one vector each, so zeroing is one memset and a step one fused kernel.
`examples/loop_by_hand.py` is the same loop written out for one network, kept comparable line by line.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch

from netwright.core.seeds import alone, derive
from netwright.optim import direct_step
from netwright.train.averaging import Averaging
from netwright.train.evaluation import Collected, evaluate
from netwright.train.events import Hook, listeners, tell
from netwright.train.history import Recorder
from netwright.train.run import Run
from netwright.train.stopping import Keeper
from netwright.train.threads import limited_threads
from netwright.train.whole import WholePass


def train(run: Run, epochs: int, callbacks: Iterable[Any] = (), patience: int | None = None) -> Run:
    """Train a run for a number of epochs, or until it is stopped, diverges or is interrupted (Ctrl-C).

    The global random state is forked: dropout draws from a stream derived from (seed, epoch), and the state that the
    caller had is there again afterwards.

    Parameters
    ----------
    run : the run, with its rows (``run.load(...)``).
    epochs : how many more epochs, an integer >= 1.
    callbacks : see `netwright.train.events`.
    patience : epochs without a better monitored loss after which to stop and put the best weights back; None: never.

    Raises
    ------
    InvalidParameter : a callback that listens to no event.

    Examples
    --------
    >>> import netwright as nw; from netwright.train import Batches
    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> run = Run(torch.nn.Linear(1, 1), lambda z, t, w: (z - t).square().mean(), nw.optim.SGD(0.5))
    >>> run.load(Batches((x,), 2 * x + 1, size=16))
    >>> train(run, epochs=20).history[-1]["train_loss"] < 1e-4
    True
    """
    run.epochs, run.patience, run.stop = run.epoch + epochs, patience, False
    run.interrupted, run.diverged, run.done, run.seen = False, None, 0, None
    heard = listeners([recorder := Recorder(), *callbacks, *run.writing])
    devices = [run.precision.device] if run.precision.device.type == "cuda" else []
    with alone(), torch.random.fork_rng(devices=devices), limited_threads(run.work), run.heeding():
        keeper = Keeper(run)
        tell(heard["on_fit_start"], run)
        try:
            one_pass = _epoch if run.optimizer.takes in ("gradients", "loss") else WholePass(run)
            while run.epoch < run.epochs and not run.stop:
                run.precision.seed_noise(derive(run.seed, "noise", run.epoch))
                record = one_pass(run, heard) | recorder.measure(run)
                run.epoch, run.done, run.seen = run.epoch + 1, 0, None
                if keeper.judge(record):
                    run.history.append(record)
                    tell(heard["on_epoch_end"], run)
                keeper.write_down()
        except KeyboardInterrupt:
            run.interrupted = True
        finally:
            keeper.finish()
            tell(heard["on_fit_end"], run)
    return run


def _epoch(run: Run, heard: dict[str, list[Hook]]) -> dict[str, Any]:
    """One pass over the training rows and one over the held-out rows; gives the losses and scores."""
    forward, flat, objective, context = run.forward, run.flat, run.objective, run.precision.context
    average, run.seen = Averaging(run), run.seen or Collected(run)
    step = partial(run.update.step, run.total) if run.optimizer.takes == "loss" else direct_step(run.update)
    penalties = [(part, *flat.front(part.biases)) for part in run.penalties]
    every_step = run.optimizer.every_step
    projections = [part for part in run.penalties if part.projects]

    @run.recorded
    def passed(inputs: Any, target: Any, weight: Any) -> tuple[torch.Tensor, Any]:
        flat.gradient.zero_()
        with context():
            output = forward(*inputs)
            loss = objective(output, target, weight)
        return run.backward(loss), output

    run.module.train()
    tell(heard["on_epoch_start"], run)
    run.set_rate(run.epoch)
    for run.batch, (inputs, target, weight) in enumerate(run.parts(), run.done):  # noqa: B020
        for hook in heard["on_batch_start"]:
            hook(run)
        if every_step:
            run.set_rate(run.epoch + run.batch / len(run.batches))
        run.loss, output = passed(inputs, target, weight)
        for part, theta, gradient in penalties:
            part.add_gradient_(theta, gradient)
        for hook in heard["on_gradients"]:
            hook(run)
        step()
        for part in projections:
            flat.project(part)
        average.update()
        run.seen.add(run.loss, output, target)
        for hook in heard["on_batch_end"]:
            hook(run)
    record = {"epoch": run.epoch + 1, **run.seen.results()}
    if run.validation is not None:
        with average.swapped_in():
            record |= evaluate(run, run.validation)
    return record
