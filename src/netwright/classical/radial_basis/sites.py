"""Distinct rows with their weights: what leaving one out, and every rule for a bandwidth, counts as a row.

Of rows that are equal in all features, leaving out one would leave its answer among the others: the bandwidth of least
error would be zero. So equal rows (of the same class, where there are classes) are one site, of the sum of their
weights and the mean of their targets, and are left out together. A row of weight 2 is then the same as two rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.readable import from_tensor

LARGEST = 1e100  # of a value in training rows or of a weight, so that squares stay finite
SMALLEST = 1e-290  # a standard deviation below it is none: its inverse is no number
ROOM = 1e3  # times the largest target that a result may be

Floats = NDArray[np.float64]


class Sites(NamedTuple):
    """Distinct rows.

    Attributes
    ----------
    rows : less their weighted mean, sorted by class and then by their features, (s, d).
    weights : (s,).
    members : the site of each row that was given, (m,).
    """

    rows: Floats
    weights: Floats
    members: NDArray[np.intp]

    def means(self, values: Floats, weights: Floats) -> Floats:
        """The weighted mean of each site's values, (s, k), of one value a row, (m, k)."""
        sums = np.zeros((len(self.rows), values.shape[1]))
        np.add.at(sums, self.members, values * weights[:, None])
        return sums / self.weights[:, None]

    def effective(self) -> float:
        """The number of sites that counts where weights differ: (sum w)^2 / sum w^2."""
        shares = self.weights / self.weights.max()
        return float(shares.sum() ** 2 / np.square(shares).sum())


def sites_of(rows: NDArray[Any], weights: Floats, classes: NDArray[np.intp] | None = None) -> Sites:
    """The distinct rows (m, d) of each class (m,), with the sums of their weights (m,)."""
    wide = rows.astype(np.float64)
    keyed = wide if classes is None else np.column_stack([classes, wide])
    distinct, members = np.unique(keyed, axis=0, return_inverse=True)
    members = members.reshape(-1).astype(np.intp)
    if classes is not None:
        distinct = distinct[:, 1:]
    total = np.bincount(members, weights=weights, minlength=len(distinct)).astype(np.float64)
    moved = distinct - distinct[0]  # exactly zero where a feature is constant, which a mean leaves to rounding
    return Sites(np.ascontiguousarray(moved - total @ moved / total.sum()), total, members)


def spreads(sites: Sites) -> Floats:
    """The standard deviation of each feature, (d,); 1 for one that is constant, which changes no answer."""
    greatest = np.abs(sites.rows).max(axis=0)
    greatest[greatest == 0] = 1.0
    deviations = greatest * np.sqrt(sites.weights @ np.square(sites.rows / greatest) / sites.weights.sum())
    return np.where(deviations > SMALLEST, deviations, 1.0)


def read_weights(owner: str, sample_weight: Any, n: int) -> Floats:
    """One weight a row, (n,): ones where none are given.

    Raises
    ------
    InvalidData : another length, NaN, infinity, a negative weight, or none above zero.
    """
    if sample_weight is None:
        return np.ones(n)
    where = f"{owner}.fit(sample_weight)"
    try:
        given = np.asarray(from_tensor(sample_weight))
        if given.dtype.kind in "cmMV":
            raise TypeError(f"{given.dtype}")
        weights = given.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidData(problem(where, "numbers", shown(sample_weight), "Give one a row.")) from error
    if weights.ndim == 0:
        weights = np.full(n, float(weights))
    if weights.shape != (n,):
        raise InvalidData(problem(where, f"{n} weights, one a row", f"shape {weights.shape}", "Give one a row."))
    wrong = ~((weights >= 0) & (weights <= LARGEST))
    if wrong.any():
        row = int(wrong.argmax())
        expected = "a finite number >= 0" + f", {LARGEST:g} at most" * bool(LARGEST < weights[row] < np.inf)
        raise InvalidData(problem(f"{where}, row {row}", expected, f"{weights[row]:g}", "Correct it."))
    if not weights.any():
        raise InvalidData(problem(where, "a weight above 0", "zeros only", "Give the rows that count a weight."))
    return weights


def require_moderate(rows: NDArray[Any]) -> None:
    """Raise where a training value is so great that its square is none.

    Raises
    ------
    InvalidData : a value beyond `LARGEST`.
    """
    greatest = float(np.abs(rows).max(initial=0.0))
    if greatest > LARGEST:
        remedy = "Scale the column, for example with StandardScaler."
        row, column = (int(index) for index in np.unravel_index(int(np.abs(rows).argmax()), rows.shape))
        where = f"X. Row {row}, column {column}"
        raise InvalidData(problem(where, f"a number in [-{LARGEST:g}, {LARGEST:g}]", f"{rows[row, column]:g}", remedy))


def require_moderate_targets(targets: Floats, dtype: Any) -> None:
    """Raise where a target is so great that answers, which have the type of the rows, would be no numbers.

    Parameters
    ----------
    targets : (n,) or (n, k), finite. dtype : of the answers.

    Raises
    ------
    InvalidData : a target beyond the numbers of the type.
    """
    limit = float(np.finfo(dtype).max) / ROOM
    greatest = float(np.abs(targets).max(initial=0.0))
    if greatest > limit:
        row = int(np.unravel_index(int(np.abs(targets).argmax()), targets.shape)[0])
        expected = f"a number up to {limit:.3g} in size, for answers in {np.dtype(dtype)}"
        raise InvalidData(problem(f"y. Row {row}", expected, f"{greatest:.3g}", "Scale the targets."))
