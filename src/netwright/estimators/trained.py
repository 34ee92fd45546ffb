"""`RunEstimator`: an estimator whose fit is one run of one network, which is watched; it can be examined beforehand."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self

import torch
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from netwright.checks import Diagnosis
from netwright.checks.context import Intent
from netwright.checks.diagnosis import known_codes
from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, check_all
from netwright.estimators.diagnosing import Watching, examine_run
from netwright.estimators.exporting.estimator import export_run
from netwright.estimators.options import nested, resolved
from netwright.estimators.together import checkpoint_of, devices_for, fit_together
from netwright.train import Batches, Group, History, Progress, Run, train

LOOKED_AT = 500  # rows that `check` looks at


class RunEstimator(BaseEstimator):
    """The abstract base: its author writes `_start`, which makes the run of a fit, `_looked_at` and `_meant`."""

    _constraints: ClassVar[Mapping[str, Constraint]]

    epochs: int
    callbacks: Any
    patience: int | None
    verbose: int
    module_: torch.nn.Module
    history_: History
    _group: Group = Group.alone
    _watching: Watching | None = None
    _diagnosis: Diagnosis | None = None
    _each_epoch: Callable[[Run], None] | None = None  # completes the record of an epoch, before the user's callbacks
    _finish: Callable[[Run], None] | None = None  # fits what stands on the trained network, while its rows are there
    _graph: Callable[..., Any] | None = None  # what `export` writes, of an estimator whose answers are one graph
    _called: str = ""  # the estimator that the user sees, where this one works for it

    @property
    def _name(self) -> str:
        return self._called or type(self).__name__

    @abstractmethod
    def _rule(self) -> Any:
        """The update rule, where the user gave none."""

    @abstractmethod
    def _start(self, X: Any, y: Any) -> Run:
        """A run with its rows that has not begun; the network is built and stands in ``module_``."""

    @abstractmethod
    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        """Of the rows of a run, and of the held-out ones, some that the checks can look at."""

    @abstractmethod
    def _meant(self) -> frozenset[str]:
        """Codes of findings that would tell what is so on purpose."""

    export = export_run

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with `deep` also the options of values, as ``optimizer__learning_rate``.

        Parameters
        ----------
        deep : whether to look into values.
        """
        params: dict[str, Any] = super().get_params(deep=False)
        return {**params, **nested(params)} if deep else params

    def set_params(self, **params: Any) -> Self:
        """Change parameters; ``optimizer__lr=0.1`` gives the optimizer another learning rate.

        Parameters
        ----------
        params : names and values as `get_params` gives them.

        Raises
        ------
        InvalidParameter : an option that is not there; its name is told.
        """
        super().set_params(**resolved(self, params))
        return self

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : what is learned from, see the class.
        y : targets, see the class.

        Raises
        ------
        InvalidData : data that cannot be, with the index of the row.
        InvalidParameter : an option that cannot be.
        JoinError : a network that cannot take the data.
        """
        check_all(type(self).__name__, self.get_params(deep=False), self._constraints)
        devices = devices_for(self)
        if devices.sharded:
            expected, remedy = "copies of the network in every process", "Leave sharded out."
            raise InvalidParameter(problem(f"{self._name}(devices)", expected, repr(devices), remedy))
        if devices.count not in ("auto", 1) and not Group.started():
            fit_together(self, devices, X, y)
        else:
            self._fit(X, y)
        return self

    def _fit(self, X: Any, y: Any) -> None:
        before = dict(vars(self))
        try:
            self._group = Group.joined(devices_for(self))
            self._train(self._start(X, y))
        except Exception:  # what was fitted before stays fitted
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    @property
    def diagnosis_(self) -> Diagnosis:
        """What the last fit's own checks found in its run; empty after loading from a file."""
        check_is_fitted(self, "module_")
        if self._diagnosis is None and self._watching is not None:
            self._diagnosis = self._watching.diagnosis(Intent(ignore=self._meant()))
        return self._diagnosis or Diagnosis()

    def check(self, X: Any, y: Any = None, *, imbalanced: bool = False, ignore: Iterable[str] = ()) -> Diagnosis:
        """What the checks find in the training that `fit` would make of X and y; nothing is fitted.

        Parameters
        ----------
        X : as in `fit`.
        y : as in `fit`.
        imbalanced : whether classes of very different size are meant.
        ignore : codes of findings to leave out.

        Raises
        ------
        InvalidData, InvalidParameter, JoinError : as `fit` does; InvalidParameter also for a code that does not exist.
        """
        codes = known_codes(ignore)
        trial = clone(self)
        trial._called = self._called
        check_all(type(self).__name__, trial.get_params(deep=False), trial._constraints)
        run = trial._start(X, y)
        held = run.validation
        parts = [run.batches] if held is None else [run.batches, held]
        rows, *others = trial._looked_at(parts)
        run.load(rows)
        intent = Intent(imbalanced=imbalanced, ignore=codes | trial._meant())
        return examine_run(run, others[0] if others else None, intent, trial.epochs, ())

    def _train(self, run: Run) -> None:
        """Train the network, and keep what became of it."""
        self._watching, self._diagnosis = Watching(), None
        if run.group.several:
            run.group.expect_same(run.digest(), f"{self._name}.fit")
        own = () if self._each_epoch is None else (self._each_epoch,)
        callbacks = (*own, *(self.callbacks or ()), *([Progress()] if self.verbose else []), self._watching)
        self.history_ = run.history
        try:
            run.checkpoint = checkpoint_of(self, run)
            train(run, self.epochs, callbacks if run.group.leads else (), self.patience)
            if self._finish is not None:
                self._finish(run)
        finally:
            run.forget_rows()
        self.n_iter_, self.best_epoch_ = run.epoch, run.best_epoch
        self.loss_curve_ = run.history["train_loss"]
        if run.interrupted:
            text = f"stopped by the user in epoch {run.epoch + 1} of {run.epochs}; the partial model is kept"
            warnings.warn(f"{self._name}.fit: {text}.", UserWarning, stacklevel=3)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle, copy and joblib: what was watched is not taken along."""
        return {name: item for name, item in super().__getstate__().items() if name not in ("_watching", "_group")}
