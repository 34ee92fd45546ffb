"""`Table`: columns of numbers, booleans, texts and dates become one float32 matrix.

What is done with a column is found on the training rows and kept as a plan (`netwright.data.column_plan`); the
encoders of each kind are in ``encode_number.py``, ``encode_category.py`` and ``encode_date.py``.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, check_all, integer, one_of
from netwright.data.column_plan import KINDS, ColumnPlan
from netwright.data.columns import Columns, missing_rows, to_columns
from netwright.data.encode_category import cardinality, codes, one_hot, one_hot_names, plan_category
from netwright.data.encode_date import PARTS, date_names, encode_date, plan_date
from netwright.data.encode_number import encode_number, plan_boolean, plan_number

LEAST = 10  # fewer rows than this may count up by chance


class Table:
    """An encoder of tables into one float32 matrix, fitted on training rows only.

    * Numbers: the median where missing, a 0/1 column that says where (if training rows had any), mean 0 and standard
      deviation 1. Booleans: 0 and 1.
    * Texts: one 0/1 column a category, or a column of integer codes for an embedding; unknown texts are no error.
    * Dates: days since the first training day, and month, weekday and hour as points on a circle.
    * Left out, with a note: columns that number the rows, texts that differ in nearly every row, columns without
      values.

    Parameters
    ----------
    categories : ``"one_hot"``, or ``"embedding"`` for columns of codes behind all others.
    max_categories : the most categories of a column that are kept apart, >= 1; the others are taken as one.
    scale : whether numbers are brought to mean 0 and standard deviation 1.

    Attributes
    ----------
    feature_names_in_ : the columns of the training table, in their order.
    feature_names_out_ : the names of the matrix's columns.
    notes_ : sentences that say what was done with which column.
    cardinalities_ : for ``"embedding"``: how many codes each of the trailing columns has.

    Examples
    --------
    >>> table = Table().fit({"age": [22.0, None, 38.0], "sex": ["male", "female", "female"]})
    >>> table.feature_names_out_
    ['age', 'age missing', 'sex=female', 'sex=male']
    >>> table.transform({"sex": ["female", "unheard of"], "age": [30, None]})
    array([[0., 0., 1., 0.],
           [0., 1., 0., 0.]], dtype=float32)
    >>> table.notes_
    ["'age' is missing in 1 of 3 rows (33 %): filled with the median 30, and 'age missing' says where."]
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "categories": one_of("one_hot", "embedding"),
        "max_categories": integer(1),
        "scale": boolean,
    }

    def __init__(self, categories: str = "one_hot", max_categories: int = 50, scale: bool = True) -> None:
        self.categories = categories
        self.max_categories = max_categories
        self.scale = scale

    def __repr__(self) -> str:
        return f"Table(categories={self.categories!r}, max_categories={self.max_categories}, scale={self.scale})"

    def fit(self, table: Any, sample_weight: ArrayLike | None = None) -> Table:
        """Find out what to do with each column.

        Parameters
        ----------
        table : the training rows: a data frame, a dict of columns, or an array (n, columns).
        sample_weight : weights of the rows, >= 0; rows of weight 0 are as if they were not there.

        Raises
        ------
        InvalidData : no rows, no columns, infinity, or no column that a network can learn from.
        """
        check_all("Table", vars(self), self.constraints)
        columns, weights = _training_rows(to_columns(table), sample_weight)
        numbering = [name for name, column in columns.items() if _numbers_the_rows(column)]
        numbering = [] if len(numbering) == len(columns) else numbering
        plans, notes = [], []
        for name, column in columns.items():
            if name in numbering:
                notes.append(f"{name!r} is left out: it numbers the rows. Give it as floats to keep it.")
                continue
            plan, said = self._plan(name, column, weights)
            plans += [plan] if plan else []
            notes += said
        if not plans:
            raise InvalidData(problem("table", "a column that a network can learn from", "none", " ".join(notes)))
        self.feature_names_in_ = list(columns)
        return self._settle(plans, notes)

    def transform(self, table: Any) -> NDArray[np.float32]:
        """The matrix of a table whose columns are those of the training table, in any order.

        Shapes
        ------
        n rows -> (n, len(feature_names_out_)) float32

        Raises
        ------
        InvalidData : a column is not there or of another kind, infinity, no rows.
        InvalidParameter : `fit` has not been called.
        """
        if not hasattr(self, "plans_"):
            raise InvalidParameter(problem("Table.transform", "a fitted Table", "one that is not", "Call fit before."))
        columns = to_columns(table)
        absent = [plan.name for plan in self.plans_ if plan.name not in columns]
        if absent:
            got = f"none of the name {', '.join(map(repr, absent))}"
            raise InvalidData(problem("table", "the columns of the training table", got))
        if not len(columns[self.plans_[0].name]):
            raise InvalidData(problem("table", "at least one row", "0 sample(s)"))
        parts, trailing = [], []
        for plan in self.plans_:
            column = columns[plan.name]
            if plan.kind == "category" and self.categories == "embedding":
                trailing.append(codes(plan, column).astype(np.float32)[:, None])
            else:
                parts.append(_encode(plan, column))
        return np.concatenate(parts + trailing, axis=1)

    def fit_transform(self, table: Any, sample_weight: ArrayLike | None = None) -> NDArray[np.float32]:
        """`fit`, then the matrix of the same rows.

        Shapes
        ------
        n rows -> (n, len(feature_names_out_)) float32
        """
        return self.fit(table, sample_weight).transform(table)

    def to_state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """All that `from_state` needs: a dict for ``json.dumps``, and arrays by name.

        Raises
        ------
        InvalidParameter : `fit` has not been called.
        """
        if not hasattr(self, "plans_"):
            raise InvalidParameter(problem("Table.to_state", "a fitted Table", "one that is not", "Call fit before."))
        listed = [
            {"name": p.name, "kind": p.kind, "missing": p.missing, "labels": list(p.labels), "rare": p.rare}
            for p in self.plans_
        ]
        options = {name: getattr(self, name) for name in self.constraints}
        state = {"columns": listed, "names": list(self.feature_names_in_), "notes": list(self.notes_)}
        return {**options, **state}, {"figures": np.array([p.figures for p in self.plans_])}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Table:
        """The fitted table that `to_state` described.

        Raises
        ------
        CorruptFile : something is missing, unknown or of another shape.

        Examples
        --------
        >>> table = Table().fit({"age": [22.0, 30.0, 38.0]})
        >>> Table.from_state(*table.to_state()).transform({"age": [30.0]})
        array([[0.]], dtype=float32)
        """
        try:
            table = cls(**{name: state[name] for name in cls.constraints})
            check_all("Table", vars(table), cls.constraints)
            figures = np.asarray(arrays["figures"], dtype=np.float64)
            if figures.shape != (len(state["columns"]), 4) or not np.isfinite(figures).all():
                raise ValueError(f"figures of shape {figures.shape}")
            plans = [_read_plan(entry, row.tolist()) for entry, row in zip(state["columns"], figures, strict=True)]
            table.feature_names_in_ = _texts(state["names"])
            return table._settle(plans, _texts(state["notes"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            got = f"{type(error).__name__}: {error}"
            raise CorruptFile(problem("table state", "the state of a fitted Table", got)) from error

    def _plan(
        self, name: str, column: NDArray[Any], weights: NDArray[np.float64]
    ) -> tuple[ColumnPlan | None, list[str]]:
        """The plan of one column, by its kind."""
        kind = column.dtype.kind
        if kind == "M":
            return plan_date(name, column, weights, self.scale)
        if kind == "b" or (kind == "O" and any(isinstance(cell, bool) for cell in column)):
            return plan_boolean(name, column, weights)
        if kind == "O":
            return plan_category(name, column, weights, self.max_categories)
        return plan_number(name, column, weights, self.scale)

    def _settle(self, plans: list[ColumnPlan], notes: list[str]) -> Table:
        """Set the fitted attributes, which all follow from the plans."""
        trailing = [p for p in plans if p.kind == "category" and self.categories == "embedding"]
        names = [name for plan in plans if plan not in trailing for name in _names(plan)]
        self.plans_ = plans
        self.notes_ = notes
        self.feature_names_out_ = _distinct(names + [plan.name for plan in trailing])
        self.cardinalities_ = tuple(cardinality(plan) for plan in trailing)
        return self


def _training_rows(columns: Columns, sample_weight: ArrayLike | None) -> tuple[Columns, NDArray[np.float64]]:
    """The rows that count, and their weights, the largest of which is 1."""
    if not columns:
        raise InvalidData(problem("table", "at least one column", "0 feature(s)"))
    n = len(next(iter(columns.values())))
    if not n:
        raise InvalidData(problem("table", "at least one row", "0 sample(s)"))
    if sample_weight is None:
        return columns, np.ones(n)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n,) or not np.isfinite(weights).all() or weights.min() < 0 or weights.max() <= 0:
        got = f"shape {weights.shape}, from {weights.min(initial=np.inf)} to {weights.max(initial=-np.inf)}"
        raise InvalidData(problem("sample_weight", f"{n} finite numbers >= 0, not all 0", got))
    counts = weights > 0
    return {name: column[counts] for name, column in columns.items()}, weights[counts] / weights.max()


def _numbers_the_rows(column: NDArray[Any]) -> bool:
    """Whether integers go up by an even step, with gaps where rows were held out: at least half of them are there."""
    if column.dtype.kind not in "iu" or column.size < LEAST:
        return False
    values = column.tolist()  # Python's integers do not overflow
    steps = [after - before for before, after in itertools.pairwise(values)]
    step = min(steps)
    if step <= 0 or any(width % step for width in steps):
        return False
    return bool((values[-1] - values[0]) // step + 1 <= 2 * len(values))


def _encode(plan: ColumnPlan, column: NDArray[Any]) -> NDArray[np.float32]:
    """The matrix columns of one column of the table."""
    if plan.kind == "category":
        return one_hot(plan, column)
    if plan.kind == "date":
        return encode_date(plan, column)
    if plan.kind == "absence":
        return missing_rows(column).astype(np.float32)[:, None]
    return encode_number(plan, column)


def _names(plan: ColumnPlan) -> list[str]:
    """The names of what `_encode` gives."""
    if plan.kind == "category":
        return one_hot_names(plan)
    if plan.kind == "date":
        return date_names(plan)
    indicator = [f"{plan.name} missing"] if plan.missing else []
    return indicator if plan.kind == "absence" else [plan.name, *indicator]


def _distinct(names: list[str]) -> list[str]:
    """The names, with " (2)" and so on behind those that came before."""
    reserved, out = Counter(names), dict[str, None]()
    for name in names:
        fresh = name
        for count in itertools.count(2):
            if fresh not in out and (fresh == name or fresh not in reserved):
                break
            fresh = f"{name} ({count})"
        out[fresh] = None
    return list(out)


def _read_plan(entry: Mapping[str, Any], figures: list[float]) -> ColumnPlan:
    """A plan from a file, each field of which is of the right type."""
    if set(entry) != {"name", "kind", "missing", "labels", "rare"} or entry["kind"] not in KINDS:
        raise ValueError(f"a column of the form {dict(entry)}")
    labels = _texts(entry["labels"])
    flags = (entry["missing"], entry["rare"])
    bad_parts = entry["kind"] == "date" and not set(labels) <= set(PARTS)
    if not isinstance(entry["name"], str) or not all(isinstance(flag, bool) for flag in flags) or bad_parts:
        raise ValueError(f"a column of the form {dict(entry)}")
    if figures[2] < 0 or not all(value.is_integer() and abs(value) < 1e8 for value in figures[3:]):
        raise ValueError(f"figures {figures}")
    return ColumnPlan(entry["name"], entry["kind"], flags[0], tuple(figures), tuple(labels), flags[1])  # type: ignore[arg-type]


def _texts(items: Any) -> list[str]:
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"a list of texts, not {items!r:.80}")
    return list(items)
