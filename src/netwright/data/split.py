"""Hold-out split: which rows train and which judge, as a pure function of its arguments.

A stratified split gives each class c of m_c rows a quota m_c * share of the validation rows, rounded by largest
remainders so that the sum is right, and at most m_c - 1, so that no class is missing in training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import derive
from netwright.core.validation import boolean, check, integer, number


def holdout(
    n: int, share: float, y: ArrayLike | None = None, *, seed: int = 0, stratify: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the rows 0 to n - 1 into rows for training and rows for validation.

    Parameters
    ----------
    n : the number of rows, at least 2.
    share : the share of rows for validation, in (0, 1); at least one row stays on either side.
    y : the rows' labels; needed to stratify.
    seed : an integer >= 0; the same arguments give the same split.
    stratify : whether each class has the same share of either side. Classes of a single row stay in training;
        where no class has two rows, and for several labels a row, the split is a plain one.

    Shapes
    ------
    y (n,) or (n, labels) -> rows for training (n - k,) and for validation (k,), int64, each in rising order.

    Raises
    ------
    InvalidData : fewer than 2 rows, or labels that are not n.
    InvalidParameter : a share, seed or flag that cannot be.

    Examples
    --------
    >>> train, validation = holdout(8, 0.25, ["a", "b"] * 4, stratify=True)
    >>> train.size, validation.size, len(set(validation % 2))
    (6, 2, 2)
    """
    check("holdout(n)", n, integer(0))
    check("holdout(share)", share, number(0, 1, closed="neither"))
    check("holdout(seed)", seed, integer(0))
    check("holdout(stratify)", stratify, boolean)
    if n < 2:
        raise InvalidData(problem("holdout(n)", "at least 2 rows to split", f"{n} sample(s)", "Use no validation."))
    size = min(max(round(n * share), 1), n - 1)
    order = np.random.Generator(np.random.PCG64(derive(seed, "split"))).permutation(n)
    codes = _codes(n, y) if stratify and y is not None else None
    chosen = order[:size] if codes is None else _stratified(order, codes, size)
    held = np.zeros(n, dtype=bool)
    held[chosen] = True
    return np.flatnonzero(~held).astype(np.int64), np.flatnonzero(held).astype(np.int64)


def _codes(n: int, y: ArrayLike) -> NDArray[np.int64] | None:
    """The class of each row as 0 to k - 1; None where rows have several labels or no class has two rows."""
    labels = np.asarray(y)
    if labels.ndim == 0 or len(labels) != n:
        raise InvalidData(problem("holdout(y)", f"{n} labels, one a row", f"shape {labels.shape}"))
    if labels.size != n:
        return None
    labels = labels.reshape(n)
    codes: NDArray[Any] = np.unique(labels.astype(str) if labels.dtype == object else labels, return_inverse=True)[1]
    codes = codes.reshape(n).astype(np.int64)
    return codes if np.bincount(codes).max() > 1 else None


def _stratified(order: NDArray[Any], codes: NDArray[np.int64], size: int) -> NDArray[Any]:
    """The first rows of each class in the drawn order, as many as its quota says."""
    members = np.bincount(codes)
    quotas = _quotas(members, size)
    by_class = order[np.argsort(codes[order], kind="stable")]
    starts = np.cumsum(members) - members
    place = np.arange(len(codes)) - np.repeat(starts, members)  # a row's place within its class
    return by_class[place < np.repeat(quotas, members)]


def _quotas(members: NDArray[Any], size: int) -> NDArray[np.int64]:
    """Validation rows of each class: in proportion, at most all but one, with the sum `size` where that is possible."""
    capacity = members - 1
    size = min(size, int(capacity.sum()))
    ideal = np.where(members > 1, members, 0) * (size / members[members > 1].sum())
    quotas: NDArray[np.int64] = np.minimum(np.floor(ideal).astype(np.int64), capacity)
    while quotas.sum() < size:
        gap = np.where(quotas < capacity, ideal - quotas, -np.inf)
        quotas[int(gap.argmax())] += 1
    return quotas
