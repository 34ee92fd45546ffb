"""Adaptive resonance: what ART1 and FuzzyART have in common, which is everything but the coding and the kernel.

A row's code I meets the templates of the units. Among the units whose match reaches the vigilance, the one of greatest
choice resonates: it alone learns, and the row gets its number. If none does, a new unit takes the row. That is the
outcome of the search by resets (take the unit of greatest choice, reset it where its match falls short of the
vigilance, take the next), since a unit that is reset learns nothing. Of equal choices the older unit wins.

An epoch in which no template changed is the last that changes anything, in whatever order the rows come; the epochs
after it are counted and not computed.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.checkpoints import each_epoch
from netwright.core.errors import problem
from netwright.core.seeds import derive, to_seed
from netwright.core.validation import Constraint, integer, nothing, number

VIGILANCE = number(0, 1)
CHOICE = number(0, closed="neither")
MAX_UNITS: Constraint = integer(1) | nothing
EPOCHS = integer(1)


class Resonance(ClusterMixin, ClassicalNetwork, ABC, shared=True):
    """The base of networks of adaptive resonance: subclasses write `_coded`, `_resonate` and `_recall`."""

    vigilance: float
    choice: float
    max_units: int | None
    epochs: int
    shuffle: bool
    random_state: Any
    templates_: NDArray[Any]

    @learns
    def fit(self, X: Any, y: Any = None) -> Any:
        """Begin without units and show all rows `epochs` times.

        Parameters
        ----------
        X : rows, (n, n_features).
        y : ignored.

        Returns
        -------
        the network.
        """
        codes = self._coded(X, begin=True)
        self._begin()
        for _ in each_epoch(self, [codes]):
            if not self._epoch(codes):
                self.n_iter_ = self.epochs
        self._warn_of_rows_without_unit()
        return self

    @learns
    def partial_fit(self, X: Any, y: Any = None) -> Any:
        """Show the rows once more, or for the first time, to the units that there are.

        Parameters
        ----------
        X : rows, (n, n_features).
        y : ignored.

        Returns
        -------
        the network; ``labels_`` are those of these rows.
        """
        begin = not hasattr(self, "templates_")
        codes = self._coded(X, begin=begin)
        if begin:
            self._begin()
        self._epoch(codes)
        self._warn_of_rows_without_unit()
        return self

    def predict(self, X: Any) -> NDArray[np.intp]:
        """The unit that would resonate with each row; nothing is learned.

        Parameters
        ----------
        X : rows, (n, n_features).

        Returns
        -------
        numbers of units, (n,); -1 where no unit reaches the vigilance.
        """
        check_is_fitted(self)
        return self._recall(X)

    def _begin(self) -> None:
        self.seed_ = to_seed(self.random_state)
        self.n_iter_ = 0
        self.templates_ = self._no_templates()

    def _epoch(self, codes: NDArray[Any]) -> bool:
        """Show all rows once; whether a template changed or a unit was added."""
        order = np.arange(len(codes))
        if self.shuffle:
            order = np.random.default_rng(derive(self.seed_, "epoch", self.n_iter_)).permutation(len(codes))
        self.templates_, self.labels_, changed = self._resonate(codes, order)
        self.n_iter_ += 1
        return changed

    def _most_units(self) -> int:
        """The limit of units, as the kernels take it."""
        endless = int(np.iinfo(np.int64).max)
        return endless if self.max_units is None else min(int(self.max_units), endless)

    def _warn_of_rows_without_unit(self) -> None:
        left = int((self.labels_ < 0).sum())
        if left:
            remedy = "Raise max_units or lower the vigilance; these rows have the label -1 and were not learned."
            got = f"{left} of {len(self.labels_)} rows without one when all units, at most {self.max_units}, were taken"
            where = f"{type(self).__name__}(max_units)"
            warnings.warn(problem(where, "a unit for every row", got, remedy), UserWarning, stacklevel=4)

    @abstractmethod
    def _coded(self, X: Any, begin: bool) -> NDArray[Any]:
        """The codes of the rows, a row each, all checked."""

    @abstractmethod
    def _no_templates(self) -> NDArray[Any]:
        """Templates of no unit, (0, width)."""

    @abstractmethod
    def _resonate(self, codes: NDArray[Any], order: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.intp], bool]:
        """One epoch: templates, labels, and whether a template changed."""

    @abstractmethod
    def _recall(self, X: Any) -> NDArray[np.intp]:
        """The resonating unit of each row, or -1."""
