"""One trial: a pure function of a task and a job, in whatever process it runs."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from netwright.core.errors import DivergenceWarning, shown
from netwright.estimators.tuning.pruning import Follower, Judge
from netwright.estimators.tuning.records import Outcome
from netwright.estimators.tuning.splits import Pair, Rows
from netwright.estimators.tuning.subject import epochs_of, last_step, unfitted

REASON = 300  # characters of an error that are kept


@dataclass(frozen=True)
class Task:
    """What all trials of a search share.

    Parameters
    ----------
    estimator : unfitted. rows : of the search. score : the function (estimator, X, y) -> score.
    pruning : see `pruning`, None for none.
    """

    estimator: Any
    rows: Rows
    score: Callable[[Any, Any, Any], float]
    pruning: str | None = None


@dataclass(frozen=True)
class Job:
    """What is a trial's own.

    Parameters
    ----------
    params : of the estimator. seed : of its random numbers.
    epochs : at most so many, None for the estimator's own number.
    earlier : outcomes that pruning compares it with.
    threads : of the processor, None for as many as the process has.
    place : of its checkpoints, in the folder of the estimator's.
    """

    params: Mapping[str, Any]
    seed: int
    epochs: int | None = None
    earlier: tuple[Outcome, ...] = ()
    threads: int | None = None
    place: str = ""


def run_trial(task: Task, job: Job) -> Outcome:
    """Train and score; whatever goes wrong is the outcome and not an error.

    Parameters
    ----------
    task, job : what all trials share, and what is this one's own.

    Raises
    ------
    KeyboardInterrupt : the user stopped it, and with it the search.
    """
    begin = time.perf_counter()
    try:
        with _threads(job.threads), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outcome = _run(task, job)
    except KeyboardInterrupt:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        outcome, caught = Outcome("failed", reason=f"{type(error).__name__}: {text}"[:REASON]), []
    diverged = [warning for warning in caught if issubclass(warning.category, DivergenceWarning)]
    reason = outcome.reason
    if diverged and outcome.state == "complete":
        outcome = Outcome("failed", epochs=outcome.epochs, reports=outcome.reports)
    if not reason and (diverged or caught):
        first = (diverged or caught)[0]
        reason = f"{'' if diverged else 'warned: '}{' '.join(str(first.message).split())}"[:REASON]
    seconds = round(time.perf_counter() - begin, 4)
    return Outcome(outcome.state, outcome.score, reason, outcome.epochs, seconds, outcome.reports)


def _run(task: Task, job: Job) -> Outcome:
    scores, epochs = [], None
    for number in range(task.rows.count):
        learn, judge = task.rows.fold(number)
        place = f"{job.place}/fold{number}" if job.place else ""
        model = unfitted(task.estimator, job.params, job.seed, job.epochs, place)
        follower = _follow(model, learn, judge, task, job)
        model.fit(*learn)
        if getattr(getattr(last_step(model), "_run", None), "interrupted", False):
            raise KeyboardInterrupt
        epochs = epochs_of(model)
        if follower is not None and follower.pruned:
            last, reports = follower.reports[-1], tuple(follower.reports)
            if not np.isfinite(last):
                return Outcome("failed", reason=f"the score is {last} after epoch {len(reports)}", epochs=epochs)
            return Outcome("pruned", last, f"behind others after epoch {len(reports)}", epochs, reports=reports)
        score = task.score(model, *judge)
        if not isinstance(score, (int, float, np.number)) or not np.isfinite(score):
            return Outcome("failed", reason=f"the score is {shown(score)}", epochs=epochs)
        scores.append(float(score))
    reports = tuple(follower.reports) if follower is not None else ()
    return Outcome("complete", float(np.mean(scores)), epochs=epochs, reports=reports)


def _follow(model: Any, learn: Pair, judge: Pair, task: Task, job: Job) -> Follower | None:
    """Put a follower among the callbacks; the held-out rows go through the steps before the network."""
    if task.pruning is None:
        return None
    X, y = judge
    if isinstance(model, Pipeline) and len(model.steps) > 1:
        X = clone(model[:-1]).fit(*learn).transform(X)
    network = last_step(model)
    follower = Follower(network, X, y, task.score, Judge(task.pruning, job.earlier))
    network.callbacks = [*(network.callbacks or ()), follower]
    if hasattr(network, "resume"):
        network.resume = False  # it is to see every epoch, also those before the worker was killed
    return follower


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """So many threads for torch and the libraries of linear algebra inside this block."""
    if count is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)
