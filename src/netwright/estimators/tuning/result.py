"""What a search gives: the best estimator, the table of all trials, the space that was narrowed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if

from netwright.core.errors import problem, shown
from netwright.core.validation import check, integer
from netwright.estimators.tuning.conductor import trial_seed
from netwright.estimators.tuning.records import Record, Slots, best_of
from netwright.estimators.tuning.space import Space
from netwright.estimators.tuning.stages import Stage, at_edges
from netwright.estimators.tuning.subject import place_of, unfitted

SHOWN = 5  # trials that the repr lists


@dataclass(frozen=True)
class Done:
    """A stage that is over, the space that it drew from, and its trials."""

    stage: Stage
    space: Space
    slots: Slots

    @property
    def records(self) -> list[Record]:
        """The attempt that counts of each slot."""
        return [record for _, record in sorted(self.slots.finished().items())]


def _best_has(name: str) -> Any:
    return lambda search: hasattr(search.best_estimator_, name)


class Search:
    """The result of `netwright.search`: predicts as its best estimator does.

    Parameters
    ----------
    estimator : that was searched, unfitted.
    stages : what became of each stage.
    seed : of the search.

    Attributes
    ----------
    best_estimator_ : with the best parameters, fitted on all rows; None with ``refit=False``.
    best_params_ : what ``set_params`` takes.
    best_score_ : on held-out rows, of the best trial of the last stage.
    best_number_ : the number of that trial.
    trials_ : a pandas frame, a row a trial: number, stage, state ("complete", "pruned", "failed"), score, what was
        drawn (``param_...``), epochs, seconds, attempts (more than 1 where a process died), reason, params.
    space_ : as it was given. narrowed_ : that of the last stage.
    notes_ : sentences on ranges whose best value lies at an end.

    Examples
    --------
    >>> import netwright as nw
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> X, y = load_iris(return_X_y=True)
    >>> found = nw.search(SVC(), {"C": nw.log_uniform(0.01, 100)}, X, y, trials=8, random_state=0)
    >>> found.predict(X).shape, sorted(found.best_params_), len(found.top(3))
    ((150,), ['C'], 3)
    """

    def __init__(self, estimator: Any, stages: tuple[Done, ...], seed: int) -> None:
        self.estimator = estimator
        self.stages = stages
        self.seed = seed
        self.best_estimator_: Any = None
        self._best = self._ranked()[0]

    @property
    def best_params_(self) -> dict[str, Any]:
        """The parameters of the best trial, as ``set_params`` takes them."""
        done, record = self._best
        return done.space.params(record.drawn)

    @property
    def best_score_(self) -> float:
        """The score of the best trial on held-out rows."""
        outcome = self._best[1].outcome
        return math.nan if outcome is None or outcome.score is None else outcome.score

    @property
    def best_number_(self) -> int:
        """The number of the best trial."""
        done, record = self._best
        return done.stage.offset + record.slot

    @property
    def space_(self) -> Space:
        """The space as it was given."""
        return self.stages[0].space

    @property
    def narrowed_(self) -> Space:
        """The space that the last stage drew from."""
        return self.stages[-1].space

    @property
    def notes_(self) -> list[str]:
        """Ranges whose best value lies at an end, in sentences."""
        return at_edges(self.space_, self._best[1].drawn)

    @property
    def rows_(self) -> list[dict[str, Any]]:
        """The rows of `trials_` as dicts, for those who have no pandas."""
        return [_row(done, record) for done in self.stages for record in done.records]

    @property
    def trials_(self) -> Any:
        """A pandas frame, a row a trial."""
        import pandas

        return pandas.DataFrame(self.rows_)

    @property
    def classes_(self) -> Any:
        """The labels of the best estimator, of a classifier."""
        return self._fitted().classes_

    def top(self, n: int) -> list[Any]:
        """Unfitted estimators with the parameters of the n best trials, the best first, as members of an ensemble.

        Parameters
        ----------
        n : how many, >= 1; there are fewer where fewer trials were completed.
        """
        check("Search.top(n)", n, integer(1))
        chosen = self._ranked()[:n]
        return [self._made(done, record) for done, record in chosen]

    def refit(self, X: Any, y: Any) -> Search:
        """Fit `best_estimator_` on these rows.

        Parameters
        ----------
        X, y : as the estimator's `fit` takes them.
        """
        self.best_estimator_ = self._made(*self._best).fit(X, y)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """What the best estimator predicts.

        Parameters
        ----------
        X : rows as in `fit`.
        """
        answers: np.ndarray = self._fitted().predict(X)
        return answers

    @available_if(_best_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        """The probabilities that the best estimator predicts.

        Parameters
        ----------
        X : rows as in `fit`.
        """
        return self._fitted().predict_proba(X)

    def score(self, X: Any, y: Any = None) -> float:
        """The score of the best estimator.

        Parameters
        ----------
        X, y : rows as in `fit`.
        """
        return float(self._fitted().score(X, y))

    @available_if(_best_has("save"))  # type: ignore[untyped-decorator]
    def save(self, path: Any) -> None:
        """Write the best estimator to a file.

        Parameters
        ----------
        path : of the file.
        """
        self._fitted().save(path)

    def _fitted(self) -> Any:
        if self.best_estimator_ is None:
            remedy = "Search with refit=True, or call refit(X, y)."
            raise NotFittedError(problem("Search", "a fitted best_estimator_", "none", remedy))
        return self.best_estimator_

    def _ranked(self) -> list[tuple[Done, Record]]:
        """Completed trials, the best first; those of the last stage come before all others, which trained for less."""
        return [(done, r) for done in reversed(self.stages) for r in best_of(done.records, len(done.records))]

    def _made(self, done: Done, record: Record) -> Any:
        seed = trial_seed(self.seed, done.stage, record.slot)
        place = f"{place_of(done.stage.offset + record.slot, seed, record.drawn)}/all"
        return unfitted(self.estimator, done.space.params(record.drawn), seed, place=place)

    def __repr__(self) -> str:
        rows = self.rows_
        states = [row["state"] for row in rows]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        lines = [f"Search of {type(self.estimator).__name__}: {len(rows)} trials ({counts})"]
        for done, record in self._ranked()[:SHOWN]:
            values = ", ".join(f"{k}={short(v)}" for k, v in _values(done.space, record.drawn).items())
            assert record.outcome is not None
            lines.append(f"  {record.outcome.score:.4f}  {done.stage.name} {done.stage.offset + record.slot}: {values}")
        return "\n".join([*lines, *self.notes_])


def _row(done: Done, record: Record) -> dict[str, Any]:
    outcome = record.outcome
    assert outcome is not None
    state = outcome.state if not record.void else "failed"
    return {
        "number": done.stage.offset + record.slot,
        "stage": done.stage.name,
        "state": state,
        "score": math.nan if outcome.score is None else outcome.score,
        **{f"param_{name}": item for name, item in _values(done.space, record.drawn).items()},
        "epochs": outcome.epochs,
        "seconds": outcome.seconds,
        "attempts": len(done.slots.attempts[record.slot]),
        "reason": outcome.reason,
        "params": done.space.params(record.drawn),
    }


def _values(space: Space, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of ranges and labels of choices, for tables and pictures."""
    return {name: axis.value(drawn[name]) if hasattr(axis, "low") else drawn[name] for name, axis in space.axes.items()}


def short(item: Any) -> str:
    """A drawn value for a line: numbers with four digits."""
    if isinstance(item, str):
        return item if len(item) <= 40 else shown(item, 40)
    return f"{item:.4g}" if isinstance(item, float) else str(item)
