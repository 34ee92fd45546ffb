"""Pruning: ending a trial that is behind others at the same epoch.

=========================== ==========================================================================================
``"successive halving"``    at epochs 1, 3, 9, 27, ... a trial goes on if it is among the best third of those that
                            came so far (asynchronous successive halving; Li et al. 2020)
``"median"``                from epoch 2 on, and from the sixth trial on, a trial ends if its best score is below the
                            median of the others' at that epoch (Golovin et al. 2017)
=========================== ==========================================================================================

Both are Optuna's. A trial is compared with what was known when it was drawn, and not with those that run beside it:
so what becomes of it is a function of its slot and of finished trials, and can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.estimators.tuning.engine import optuna, quiet
from netwright.estimators.tuning.records import Outcome

PRUNINGS = ("successive halving", "median")
FACTOR = 3  # of epochs from one comparison to the next, and of trials that end at it
FIRST = 5  # trials that the median leaves alone


def check_pruning(pruning: Any) -> None:
    """Refuse an unknown name.

    Raises
    ------
    InvalidParameter : anything but None and the names above.
    """
    if pruning is None or pruning in PRUNINGS:
        return
    hint = did_you_mean(pruning, PRUNINGS) if isinstance(pruning, str) else ""
    raise InvalidParameter(problem("search(pruning)", f"None or one of {PRUNINGS}", shown(pruning), hint))


class Judge:
    """Decides after each epoch whether a trial goes on.

    Parameters
    ----------
    pruning : "successive halving" or "median".
    earlier : outcomes of the trials that were finished when this one was drawn, in their order.
    """

    def __init__(self, pruning: str, earlier: Sequence[Outcome]) -> None:
        pruners, trials = optuna().pruners, optuna().trial
        if pruning == "median":
            pruner = pruners.MedianPruner(n_startup_trials=FIRST, n_warmup_steps=2)
        else:
            pruner = pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=FACTOR)
        with quiet():
            study = optuna().create_study(direction="maximize", pruner=pruner)
        for outcome in earlier:
            if outcome.reports:
                state = trials.TrialState.COMPLETE if outcome.state == "complete" else trials.TrialState.PRUNED
                study.add_trial(
                    trials.create_trial(
                        state=state,
                        value=outcome.score if outcome.score is not None else outcome.reports[-1],
                        intermediate_values=dict(enumerate(outcome.reports, start=1)),
                        system_attrs=_rungs(outcome.reports),
                    )
                )
        self._trial = study.ask()

    def goes_on(self, score: float, epoch: int) -> bool:
        """Whether a trial with this score after this epoch (the first is 1) goes on."""
        self._trial.report(score, epoch)
        return not self._trial.should_prune()


def _rungs(reports: Sequence[float]) -> dict[str, float]:
    """What Optuna's successive halving notes of a trial at the epochs of its comparisons."""
    steps = [FACTOR**rung for rung in range(len(reports).bit_length() + 1)]
    return {f"completed_rung_{rung}": reports[step - 1] for rung, step in enumerate(steps) if step <= len(reports)}


class Follower:
    """A callback that scores the network on held-out rows after each epoch, and ends a run that is behind.

    Parameters
    ----------
    estimator : whose fit it follows. X, y : the held-out rows as that estimator takes them.
    score : the function (estimator, X, y) -> score.
    judge : decides.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, score: Callable[[Any, Any, Any], float], judge: Judge) -> None:
        self.estimator = estimator
        self.X, self.y = X, y
        self.score = score
        self.judge = judge
        self.reports: list[float] = []
        self.pruned = False

    def on_epoch_end(self, run: Any) -> None:
        """Score, and decide; after the last epoch there is nothing to save."""
        score = float(self.score(self.estimator, self.X, self.y))
        self.reports.append(score)
        if not np.isfinite(score) or (run.epoch < run.epochs and not self.judge.goes_on(score, len(self.reports))):
            self.pruned = True
            run.stop = True
