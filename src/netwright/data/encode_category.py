"""Texts of a table: one 0/1 column a category, or one column of integer codes for an embedding.

Code 0 stands for rare and unknown texts, 1 to k for the known ones in alphabetical order, k + 1 for "no value" where
training rows had none. The one-hot form has a column for code 0 only where training rows had rare texts: elsewhere
its weights would never be trained, and an unknown text is a row of zeros.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.data.column_plan import ColumnPlan, percent
from netwright.data.columns import as_text

FEW = 10  # so many different texts are categories, however few the rows
SMALL = 100  # tables of fewer rows keep texts that only one row has


def plan_category(
    name: str, column: NDArray[Any], weights: NDArray[np.float64], max_categories: int
) -> tuple[ColumnPlan | None, list[str]]:
    """The plan of a text column from its training rows, with notes; None where it is left out altogether.

    Left out are texts that nearly every row has for itself (names, tickets): more than `FEW` different ones, and
    more than half as many as rows that have one. Whether they are there at all is kept where it tells rows apart.

    Shapes
    ------
    column (n,), weights (n,)
    """
    cells = as_text(column).tolist()
    counts = Counter(cells)
    absent = counts.pop(None, 0)
    present = len(cells) - absent
    if not present:
        return None, [f"{name!r} is left out: no training row has a value."]
    if len(counts) > FEW and 2 * len(counts) > present:
        note = f"{name!r} is left out: {len(counts)} different texts in {percent(present, len(cells))}"
        if min(absent, present) >= max(1, 0.01 * len(cells)):
            return ColumnPlan(name, "absence", True), [f"{note}; '{name} missing' says which rows have none."]
        return None, [f"{note}."]
    if len(counts) == 1 and not absent:
        return None, [f"{name!r} is left out: every training row has {next(iter(counts))!r}."]
    kept = _kept(cells, counts, weights, max_categories)
    rare = len(counts) - len(kept)
    notes = []
    if rare:
        notes.append(f"{name!r} has {len(counts)} categories: {rare} rare ones are taken as one, with unknown ones.")
    if absent:
        notes.append(f"{name!r} is missing in {percent(absent, len(cells))}: a category of its own.")
    return ColumnPlan(name, "category", bool(absent), labels=kept, rare=bool(rare)), notes


def _kept(cells: list[Any], counts: Counter[Any], weights: NDArray[np.float64], limit: int) -> tuple[str, ...]:
    """The texts that get a column: the heaviest `limit`, without those of one row where there are many rows."""
    heavy: dict[str, float] = dict.fromkeys(counts, 0.0)
    for cell, weight in zip(cells, weights.tolist(), strict=True):
        if cell is not None:
            heavy[cell] += weight
    common = [text for text in counts if len(cells) < SMALL or counts[text] > 1]
    # rounding: sums of equal weights in another order differ in the last digits
    common.sort(key=lambda text: (-round(heavy[text], 12), text))
    return tuple(sorted(common[:limit]))


def codes(plan: ColumnPlan, column: NDArray[Any]) -> NDArray[np.int64]:
    """The code of each row.

    Shapes
    ------
    column (n,) -> (n,), each in [0, cardinality)

    Examples
    --------
    >>> codes(ColumnPlan("sex", "category", labels=("female", "male")), np.array(["male", "x", None], dtype=object))
    array([2, 0, 0])
    """
    known: dict[str | None, int] = {text: place for place, text in enumerate(plan.labels, start=1)}
    if plan.missing:
        known[None] = len(plan.labels) + 1
    cells = as_text(column)
    return np.fromiter((known.get(cell, 0) for cell in cells), dtype=np.int64, count=cells.size)


def cardinality(plan: ColumnPlan) -> int:
    """How many codes there are, that for unknown texts included."""
    return len(plan.labels) + 1 + plan.missing


def one_hot(plan: ColumnPlan, column: NDArray[Any]) -> NDArray[np.float32]:
    """One 0/1 column for each of `one_hot_names`.

    Shapes
    ------
    column (n,) -> (n, categories)
    """
    wanted = [*range(1, len(plan.labels) + 1), *([0] if plan.rare else [])]
    wanted += [len(plan.labels) + 1] if plan.missing else []
    hot: NDArray[np.bool_] = codes(plan, column)[:, None] == np.array(wanted)
    return hot.astype(np.float32)


def one_hot_names(plan: ColumnPlan) -> list[str]:
    """The names of the columns of `one_hot`.

    Examples
    --------
    >>> one_hot_names(ColumnPlan("sex", "category", True, labels=("female", "male")))
    ['sex=female', 'sex=male', 'sex=(missing)']
    """
    special = [*(["(other)"] if plan.rare else []), *(["(missing)"] if plan.missing else [])]
    return [f"{plan.name}={text}" for text in [*plan.labels, *special]]
