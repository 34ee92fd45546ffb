"""What an encoder does with one column of a table: found on the training rows, then applied to any rows.

=========== ======================================================================== =========================
kind        columns of the matrix                                                    figures
=========== ======================================================================== =========================
number      (x - center) / spread, then missing 0/1 where training rows were missing  fill, center, spread, exp.
boolean     as number, of 0 and 1                                                     fill, center, spread, exp.
category    one 0/1 column a category, or one column of codes                        none
date        days, month, weekday and hour, then missing 0/1                           first day, center, spread, exp.
absence     missing 0/1 alone, of a column that is left out otherwise                 none
=========== ======================================================================== =========================
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("number", "boolean", "category", "date", "absence")


@dataclass(frozen=True)
class ColumnPlan:
    """What is done with one column; a plan is never changed after training.

    Parameters
    ----------
    name : the column's name in the table.
    kind : one of `KINDS`.
    missing : whether a column of the matrix says where there was no value.
    figures : four numbers; their meaning depends on the kind (head of this file).
    labels : a category's texts in the order of their columns, or the parts of a date that are used.
    rare : whether rare categories share a column.
    """

    name: str
    kind: str
    missing: bool = False
    figures: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 0.0)
    labels: tuple[str, ...] = ()
    rare: bool = False


def percent(part: int, whole: int) -> str:
    """A share in words, for notes.

    Examples
    --------
    >>> percent(177, 891), percent(2, 891), percent(891, 891)
    ('177 of 891 rows (20 %)', '2 of 891 rows (0.2 %)', '891 rows')
    """
    if part == whole:
        return f"{whole} rows"
    share = 100 * part / whole
    return f"{part} of {whole} rows ({share:.0f} %)" if share >= 1 else f"{part} of {whole} rows ({share:.1g} %)"
