"""Units that compete for rows: what the winner-take-all layer, neural gas and growing neural gas are as estimators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import Any, ClassVar, Self

from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from netwright.classical.base import ClassicalNetwork, learns
from netwright.classical.checkpoints import in_epochs
from netwright.classical.nearest import require_squares
from netwright.classical.rows import read_rows


class CompetingUnits(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, ClassicalNetwork, ABC, shared=True
):
    """The base of networks whose units are points among the rows; an author writes `_begin`, `_learn`, `_answers`."""

    least_rows: ClassVar[int] = 1  # of the first call
    weights_: NDArray[Any]
    epochs: int

    @learns
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the rows from the beginning, `epochs` times each.

        Parameters
        ----------
        X : rows, (n, n_features), as many as first units at least.
        y : not used.

        Returns
        -------
        self
        """
        rows = read_rows(self, X, reset=True, least=self.least_rows)
        self._begin(rows)
        in_epochs(self, [rows], partial(self._learn, rows))
        return self

    @learns
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Show the rows once more, or other ones: the units go on where they were, in their schedules too.

        Parameters
        ----------
        X : rows, (n, n_features); as many as first units at the first call.
        y : not used.

        Returns
        -------
        self
        """
        if hasattr(self, "weights_"):
            rows = read_rows(self, X, reset=False, dtype=self.weights_.dtype)
        else:
            rows = read_rows(self, X, reset=True, least=self.least_rows)
            self._begin(rows)
        self._learn(rows, 1)
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """What the units compete by: the distances of each row to all of them, or the products.

        Parameters
        ----------
        X : rows, (n, n_features).

        Returns
        -------
        Euclidean distances, or w^T x where winners are found by products, (n, n_units)
        """
        return self._answers(self._rows(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return len(self.weights_)

    def _rows(self, X: Any) -> NDArray[Any]:
        """The rows of a question, in the type of the units."""
        check_is_fitted(self)
        rows = read_rows(self, X, reset=False, dtype=self.weights_.dtype)
        require_squares(rows)
        return rows

    @abstractmethod
    def _begin(self, rows: NDArray[Any]) -> None:
        """Everything that is learned, as it is before the first row."""

    @abstractmethod
    def _learn(self, rows: NDArray[Any], epochs: int) -> None:
        """Show the rows so many times, and keep what was learned."""

    @abstractmethod
    def _answers(self, rows: NDArray[Any]) -> NDArray[Any]:
        """What `transform` gives, (n, n_units)."""
