"""How rows enter a graph: raw numbers, texts and dates, scaled and encoded there as in `fit`.

=============== ================================= ===============================================================
X in fit        inputs of the graph               what the graph does
=============== ================================= ===============================================================
array           ``X``, (batch, ...)               mean 0, deviation 1 where the estimator scales
several arrays  ``X1``, ``X2`` ...                nothing
frame           one for each column, (batch,)     numbers: NaN is missing; texts: strings, "" is missing; dates:
                                                  microseconds since 1970, the least integer is missing
=============== ================================= ===============================================================

Numbers that are scaled come in double precision, because float32 would lose digits before the mean is taken off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.data import Table
from netwright.data.column_plan import ColumnPlan
from netwright.estimators.exporting.graph import Entrance
from netwright.estimators.inputs import Inputs
from netwright.estimators.scaling import Scaler
from netwright.graph.export.exporter import SAMPLES
from netwright.graph.export.network import names

NEVER = -(2**63)  # microseconds: what NumPy holds where there is no date
DAY = 86_400_000_000  # microseconds


class Scaling(torch.nn.Module):
    """(x - mean) / scale in double precision, then float32.

    Parameters
    ----------
    scaler : means and deviations; None: rows are taken as they are.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, scaler: Scaler | None) -> None:
        super().__init__()
        self.scaled = scaler is not None
        if scaler is not None:
            self.register_buffer("mean", torch.from_numpy(np.asarray(scaler.mean, dtype=np.float64)))
            self.register_buffer("scale", torch.from_numpy(np.asarray(scaler.scale, dtype=np.float64)))

    def forward(self, *rows: Tensor) -> tuple[Tensor, ...]:
        """Each input as the network takes it."""
        if self.scaled:
            rows = ((rows[0] - self.mean) / self.scale,)
        return tuple(each.float() for each in rows)


class Encoding(torch.nn.Module):
    """The columns of a table as one matrix, as `netwright.data.Table` makes it.

    Parameters
    ----------
    table : a fitted one.
    """

    def __init__(self, table: Table) -> None:
        super().__init__()
        self.plans = list(table.plans_)
        self.embedded = table.categories == "embedding"

    def forward(self, *columns: Tensor) -> tuple[Tensor, ...]:
        """n x (batch,) -> (batch, features)"""
        parts, trailing = [], []
        for plan, column in zip(self.plans, columns, strict=True):
            if plan.kind == "category" and self.embedded:
                trailing.append(column[:, None].float())
            else:
                parts += [each[:, None].float() for each in _encoded(plan, column)]
        return (torch.cat(parts + trailing, dim=1),)


def entrances_of(estimator: Any, inputs: Inputs) -> tuple[torch.nn.Module, list[Entrance], dict[str, Any]]:
    """The module that rows enter by, its inputs, and what a reader should know of them.

    Parameters
    ----------
    estimator : the fitted one. inputs : how it reads rows.
    """
    if inputs.table is not None:
        plans = list(inputs.table.plans_)
        called = _called([plan.name for plan in plans])
        told = [{**_told(plan), "input": name} for plan, name in zip(plans, called, strict=True)]
        known = {"columns": told, "features": list(inputs.table.feature_names_out_)}
        entrances = [_column(plan, name) for plan, name in zip(plans, called, strict=True)]
        return Encoding(inputs.table), entrances, known
    double = inputs.scaler is not None or inputs.dtype == "float64"
    dtype = torch.float64 if double else torch.float32
    batches = [torch.zeros(SAMPLES, *shape, dtype=dtype) for shape in inputs.shapes]
    features = [str(name) for name in getattr(estimator, "feature_names_in_", ())]
    meaning = "raw rows, as in fit" if inputs.scaler is None else "raw rows, as in fit; they are scaled in the graph"
    made = [Entrance(n, b, meaning) for n, b in zip(names("X", len(batches)), batches, strict=True)]
    return Scaling(inputs.scaler), made, {"features": features or None}


def _called(columns: Sequence[str]) -> list[str]:
    """The names of the inputs: those of the columns; ONNX has no empty name, so "" is called by its place, X1, X2 ...

    Examples
    --------
    >>> _called(["age", "", "X2"])
    ['age', 'X2_', 'X2']
    """
    made = list(columns)
    for place, column in enumerate(columns, start=1):
        if not column:
            name = f"X{place}"
            while name in columns:
                name += "_"
            made[place - 1] = name
    return made


def _column(plan: ColumnPlan, name: str) -> Entrance:
    """The input of one column of a table, and its name."""
    if plan.kind in ("category", "absence"):
        meaning = "texts; the empty one is a missing value"
        return Entrance(name, torch.zeros(SAMPLES, dtype=torch.int64), meaning, codes=_codes(plan))
    if plan.kind == "date":
        meaning = "dates as microseconds since 1970 (datetime64[us] as int64); NaT is a missing value"
        return Entrance(name, torch.zeros(SAMPLES, dtype=torch.int64), meaning)
    meaning = "numbers; NaN is a missing value" if plan.kind == "number" else "0 and 1; NaN is a missing value"
    return Entrance(name, torch.zeros(SAMPLES, dtype=torch.float64), meaning)


def _codes(plan: ColumnPlan) -> dict[str, int]:
    if plan.kind == "absence":
        return {"": 1}
    missing = {"": len(plan.labels) + 1} if plan.missing else {}
    return missing | {text: place for place, text in enumerate(plan.labels, start=1)}


def _told(plan: ColumnPlan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "kind": plan.kind,
        "missing": plan.missing,
        "figures": list(plan.figures),
        "labels": list(plan.labels),
        "rare": plan.rare,
    }


def _encoded(plan: ColumnPlan, column: Tensor) -> Iterator[Tensor]:
    """The columns of the matrix that one column of a table becomes."""
    if plan.kind == "absence":
        yield column
    elif plan.kind == "category":
        wanted = [*range(1, len(plan.labels) + 1), *([0] if plan.rare else [])]
        for code in [*wanted, *([len(plan.labels) + 1] if plan.missing else [])]:
            yield column == code
    elif plan.kind == "date":
        yield from _dates(plan, column)
    else:
        fill, center, spread, exponent = plan.figures
        absent = torch.isnan(column)
        yield _standard(torch.where(absent, _double(fill), column), center, spread, exponent)
        if plan.missing:
            yield absent


def _standard(x: Tensor, center: float, spread: float, exponent: float) -> Tensor:
    """(x / 2^exponent - center) / spread, and 0 where the spread is 0."""
    if spread == 0:
        return torch.zeros_like(x)
    half = int(exponent) // 2  # the power itself may be too large for a number
    figures = 2.0**-half, 2.0 ** -(int(exponent) - half), center, spread
    first, second, middle, width = (_double(each) for each in figures)
    return (x * first * second - middle) / width


def _double(figure: float) -> Tensor:
    """A constant of the graph; of plain floats torch's exporter makes numbers of single precision."""
    return torch.tensor(figure, dtype=torch.float64)


def _dates(plan: ColumnPlan, moments: Tensor) -> Iterator[Tensor]:
    """Days, month, weekday and hour of microseconds since 1970; 0 where there is no date."""
    first, center, spread, exponent = plan.figures
    absent = moments == NEVER
    day, moment = _divided(torch.where(absent, 0, moments), DAY)
    hour = moment.double() / DAY
    turns = {"month": _month(day).double() / 12, "weekday": _divided(day + 3, 7)[1].double() / 7, "hour": hour}
    for part in plan.labels:
        if part == "days":
            days = (day - int(first)).double() + hour
            yield torch.where(absent, 0.0, _standard(days, center, spread, exponent))
        else:
            angle = 2 * torch.pi * turns[part]
            yield from (torch.where(absent, 0.0, wave) for wave in (angle.sin(), angle.cos()))
    if plan.missing:
        yield absent


def _divided(x: Tensor, by: int) -> tuple[Tensor, Tensor]:
    """Quotient, rounded down, and remainder of integers, exactly: ONNX has no division that rounds down.

    Examples
    --------
    >>> _divided(torch.tensor([7, -7]), 4)
    (tensor([ 1, -2]), tensor([3, 1]))
    """
    rest = torch.remainder(x, by)
    return ((x - rest).double() / by).round().long(), rest


def _month(day: Tensor) -> Tensor:
    """The month 0 to 11 of days since 1970, in the calendar that NumPy has.

    Years are counted from March on in cycles of 400, so that the odd day comes last (Hinnant, 2013).

    Examples
    --------
    >>> _month(torch.tensor([0, 31, 59, 364, -1, 11016]))  # 11016 is the 29th of February 2000
    tensor([ 0,  1,  2, 11, 11,  1])
    """

    def over(x: Tensor, by: int) -> Tensor:
        return _divided(x, by)[0]

    of_cycle = _divided(day + 719_468, 146_097)[1]
    year = over(of_cycle - over(of_cycle, 1460) + over(of_cycle, 36_524) - over(of_cycle, 146_096), 365)
    of_year = of_cycle - (365 * year + over(year, 4) - over(year, 100))
    return _divided(over(5 * of_year + 2, 153) + 2, 12)[1]
