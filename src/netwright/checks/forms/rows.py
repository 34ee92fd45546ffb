"""The rows that a finding names, as a table: their numbers, and what it knows of each.

Evidence has them as lists of equal length, the first of which is called ``rows``; a remedy that drops rows has them as
its value. Both come from a finding as plain data, so that nothing is trusted: what is no list of numbers is no table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netwright.checks.forms.wording import Told, figure, name_of

ROWS = "rows"  # the piece of evidence with the numbers
MOST = 1000  # rows of a table


@dataclass(frozen=True)
class Table:
    """Some rows of the data.

    Attributes
    ----------
    names : of the columns; the first is "row". lines : texts, one for each column. count : of the rows that the finding
    has, of which `lines` are the first. used : names of the evidence that the table shows.
    """

    names: tuple[str, ...] = ("row",)
    lines: tuple[tuple[str, ...], ...] = ()
    count: int = 0
    used: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.lines)

    @property
    def plain(self) -> bool:
        """Whether there is nothing but numbers of rows."""
        return len(self.names) == 1


def table_of(finding: Told) -> Table:
    """The rows that a finding names; an empty table where it names none.

    Parameters
    ----------
    finding : as plain data.

    Examples
    --------
    >>> table_of({"evidence": {"rows": [7, 1], "given": ["a", "b"], "of": 90}, "remedy": None}).lines
    (('7', 'a'), ('1', 'b'))
    >>> table_of({"evidence": {"rows": 90}, "remedy": {"argument": "drop_rows", "value": [3, 4]}}).lines
    (('3',), ('4',))
    """
    evidence = finding["evidence"]
    rows, used = _numbers(evidence.get(ROWS)), frozenset({ROWS})
    if not rows:
        rows, used = _dropped(finding["remedy"]), frozenset()
    if not rows:
        return Table()
    beside = {name: _listed(part) for name, part in evidence.items() if name != ROWS} if used else {}
    columns = {name: part for name, part in beside.items() if len(part) == len(rows) and not any(map(_deep, part))}
    told = [_texts(part[:MOST]) for part in columns.values()]
    lines = tuple(zip(map(str, rows[:MOST]), *told, strict=True))
    return Table(("row", *map(name_of, columns)), lines, len(rows), used | columns.keys())


def told_in(text: str, table: Table) -> bool:
    """Whether a text already has the number of every row, of which nothing else is known.

    Parameters
    ----------
    text : such as what to do. table : of rows.
    """
    return table.plain and set(re.findall(r"\d+", text)).issuperset(line[0] for line in table.lines)


def _texts(column: list[Any]) -> list[str]:
    """A column as one reads it; fractions have the same number of decimals."""
    if not all(isinstance(each, float) and (each == 0 or 1e-3 <= abs(each) < 1e3) for each in column):
        return [figure(each) for each in column]
    if all(each.is_integer() for each in column):
        return [f"{each:.0f}" for each in column]
    texts = [f"{each:.3f}" for each in column]
    return [each[:-1] for each in texts] if all(each.endswith("0") for each in texts) else texts


def _dropped(remedy: Any) -> list[Any]:
    """The value of a remedy that drops rows."""
    return _numbers(remedy["value"]) if remedy and "rows" in str(remedy["argument"]) else []


def _numbers(item: Any) -> list[Any]:
    """A list of row numbers; empty where it is something else."""
    found = _listed(item)
    return found if all(type(each) is int and each >= 0 for each in found) else []


def _listed(item: Any) -> list[Any]:
    """The entries of a list, as Python's own numbers; empty where it is something else."""
    item = _own(item)
    return list(map(_own, item)) if isinstance(item, Sequence) and not isinstance(item, (str, bytes)) else []


def _own(item: Any) -> Any:
    return item.tolist() if hasattr(item, "tolist") else item


def _deep(item: Any) -> bool:
    return isinstance(item, (list, tuple, set, frozenset, dict))
