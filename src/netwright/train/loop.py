"""The training loop, on one page: zero_grad, forward, loss, backward, step.

What it leaves out is as deliberate as what it has. Nothing is read back from a tensor inside an epoch; the order of
the rows is a function of (seed, epoch); `flat` holds all parameters and gradients in one vector each, so zeroing is
one memset and a step one fused kernel; callbacks that do not listen to an event cost nothing. `examples/loop_by_hand.py`
is the same loop written out for one network, and is kept comparable line by line.
"""

from __future__ import annotations

from typing import Any

import torch

from netwright.core.seeds import derive
from netwright.optim import direct_step
from netwright.train.averaging import Averaging
from netwright.train.evaluation import detached, evaluate, score_of
from netwright.train.events import Hook, listeners
from netwright.train.history import MEMORY, Recorder
from netwright.train.run import Run
from netwright.train.stopping import Keeper


def train(run: Run) -> Run:
    """Train until ``run.epochs`` epochs are done, or the run is stopped, diverges or is interrupted (Ctrl-C).

    The global random state is forked: dropout draws from a stream derived from (seed, epoch), and the state that the
    caller had is there again afterwards.
    """
    recorder, keeper = Recorder(), Keeper(run)
    tell = listeners([recorder, *run.callbacks])
    devices = [run.precision.device] if run.precision.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        _tell(tell["on_fit_start"], run)
        try:
            while run.epoch < run.epochs and not run.stop:
                run.precision.seed_noise(derive(run.seed, "noise", run.epoch))
                record = _epoch(run, tell)
                record.update(recorder.measure(run))
                run.epoch += 1
                if keeper.judge(record):
                    run.history.append(record)
                    _tell(tell["on_epoch_end"], run)
        except KeyboardInterrupt:
            run.interrupted = True
        finally:
            keeper.finish()
            _tell(tell["on_fit_end"], run)
    return run


def _epoch(run: Run, tell: dict[str, list[Hook]]) -> dict[str, Any]:
    """One pass over the training rows, and one over the validation rows; gives the losses and scores."""
    module, flat, objective, context = run.module, run.flat, run.objective, run.precision.context
    step, average = direct_step(run.update), Averaging(run)
    losses, outputs, targets = [], [], []
    keep = run.score is not None
    module.train()
    _tell(tell["on_epoch_start"], run)
    _set_rate(run, run.epoch)
    for run.batch, (inputs, target, weight) in enumerate(run.batches(run.epoch)):
        for hook in tell["on_batch_start"]:
            hook(run)
        if run.optimizer.every_step:
            _set_rate(run, run.epoch + run.batch / len(run.batches))

        flat.gradient.zero_()
        with context():
            output = module(*inputs)
            loss = objective(output, target, weight)
        loss.backward()
        for part in run.penalties:
            part.add_gradient_(*flat.front(part.biases))
        for hook in tell["on_gradients"]:
            hook(run)
        step()
        for part in run.penalties:
            if part.projects:
                _project(run, part)
        average.update()

        run.loss = loss.detach()
        losses.append(run.loss)
        if keep:
            outputs.append(detached(output))
            targets.append(target)
            keep = run.batch > 0 or _elements(output) * len(run.batches) <= MEMORY
        for hook in tell["on_batch_end"]:
            hook(run)
    record: dict[str, Any] = {"epoch": run.epoch + 1, "train_loss": _mean(losses, run)}
    if keep:
        record["train_score"] = score_of(run, outputs, targets)
    if run.validation is not None:
        with average.swapped_in():
            seen = evaluate(run, run.validation)
        record["validation_loss"], record["validation_score"] = seen.loss, seen.score
    return record


def _set_rate(run: Run, epoch: float) -> None:
    rate = run.optimizer.rate(epoch, run.epochs, run.history[run.monitored])
    for group in run.update.param_groups:
        group["lr"] = rate


def _project(run: Run, part: Any) -> None:
    for parameter in run.flat.parameters:
        if part.biases or parameter.ndim >= 2:
            part.project_(parameter.data)


def _mean(losses: list[torch.Tensor], run: Run) -> float:
    """The mean over rows: batches differ in size by the last one."""
    rows = torch.tensor([stop - start for start, stop in run.batches.bounds], dtype=torch.float64)
    return float((torch.stack(losses).double().cpu() * rows).sum() / rows.sum())


def _elements(output: Any) -> int:
    return sum(map(torch.numel, output)) if isinstance(output, tuple) else output.numel()


def _tell(hooks: list[Hook], run: Run) -> None:
    for hook in hooks:
        hook(run)
