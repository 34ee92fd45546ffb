"""Importance: which share of the variance of the score each parameter explains.

A forest of regression trees is fitted to (draw, score), and its variance is split among the parameters exactly
(functional analysis of variance). Only trials of the first stage are taken: they cover the whole space, and all of them
were trained alike.

References
----------
Hutter, Hoos, Leyton-Brown, *An efficient approach for assessing hyperparameter importance*, 2014.
"""

from __future__ import annotations

from netwright.core.errors import InvalidData, problem
from netwright.estimators.tuning.engine import distribution, optuna, quiet
from netwright.estimators.tuning.records import best_of
from netwright.estimators.tuning.result import Search

LEAST = 4  # trials


def importance(result: Search) -> dict[str, float]:
    """The share of each parameter, the largest first; they sum to 1.

    Parameters
    ----------
    result : of a search.

    Raises
    ------
    InvalidData : fewer than 4 completed trials in the first stage, or equal scores.
    """
    done = result.stages[0]
    records = sorted(best_of(done.records, len(done.records)), key=lambda record: record.slot)
    scores = {record.outcome.score for record in records if record.outcome is not None}
    if len(records) < LEAST or len(scores) < 2:
        got = f"{len(records)} with {len(scores)} different"
        expected = f"at least {LEAST} trials with different scores in the first stage"
        raise InvalidData(problem("importance", expected, got, "Search with more trials."))
    axes = {name: axis for name, axis in done.space.axes.items() if len({r.drawn[name] for r in records}) > 1}
    kinds = {name: distribution(axis) for name, axis in axes.items()}
    with quiet():
        study = optuna().create_study(direction="maximize")
        for record in records:
            drawn = {name: record.drawn[name] for name in axes}
            assert record.outcome is not None
            study.add_trial(optuna().trial.create_trial(params=drawn, distributions=kinds, value=record.outcome.score))
        evaluator = optuna().importance.FanovaImportanceEvaluator(seed=0)
        found = optuna().importance.get_param_importances(study, evaluator=evaluator)
    every = {**found, **dict.fromkeys([name for name in done.space.axes if name not in found], 0.0)}
    return dict(sorted(every.items(), key=lambda item: -item[1]))
