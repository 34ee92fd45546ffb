"""A question to the inside of a loss: is a number a row spread over all rows by a column that it meets.

Of n rows, numbers of shape (n,) and a column of shape (n, 1) make (n, n) by NumPy's rules of broadcasting: each row
meets what belongs to all others. Losses of pairs do this on purpose, with an axis that they make themselves, such as
``z[:, None] - z``; nothing is said of those, nor of what comes from the output alone or from the target alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from netwright.checks.before.targets.sources import Sources
from netwright.checks.context import Context
from netwright.checks.copies import quiet
from netwright.checks.during.lines import line
from netwright.checks.finding import Finding, Where, fault
from netwright.checks.reading import each

ROWS = (5, 7)  # of the questions, so that no other axis is taken for that of the rows
AXES = {"unsqueeze", "view", "reshape", "expand", "repeat", "view_as", "expand_as", "broadcast_to", "T", "transpose"}

Shape = tuple[int, ...]


def spread_inside(context: Context) -> Iterable[Finding]:
    """Numbers of the output and a column of the target that a loss spreads to a square of all rows with all."""
    met = [_met(context, rows) for rows in ROWS]
    if any(spread is None for spread in met):
        return
    one, other, together, where = met[0]  # type: ignore[misc]
    yield fault(
        "broadcast",
        f"inside the loss, shapes {one} and {other} of {ROWS[0]} rows spread to {together}: each row meets the target "
        "of every row",
        "each row with its own target",
        "Give both the same shape: target.squeeze(1), or output[:, None].",
        evidence={"shapes": [list(one), list(other), list(together)]},
        where=Where(line=where),
    )


def _met(context: Context, rows: int) -> tuple[Shape, Shape, Shape, str | None] | None:
    if len(context.probe) < rows:
        return None
    batch = context.probe.rows(slice(rows))
    target = each(batch.target, torch.clone)
    try:
        output = context.answer(context.module, batch)
        with quiet(), torch.no_grad(), _Spreads(output, target, rows) as spreads:
            context.loss(output, target)
    except Exception:  # the loss of a user may refuse so few rows
        return None
    return spreads.spread


class _Spreads(Sources):
    """Where numbers of the output and a column of the target meet that got no axis inside the loss.

    Attributes
    ----------
    spread : two shapes and that of the result, and the line; of the first meeting, None without one.
    """

    def __init__(self, output: Any, target: Any, rows: int) -> None:
        super().__init__(output, target)
        self.rows = rows
        self.spread: tuple[Shape, Shape, Shape, str | None] | None = None
        self.raised: set[int] = set()

    def meets(self, func: Any, args: Any, given: list[Tensor], result: Tensor) -> None:
        """Note a new tensor with an axis of its own, and the first square that spreads what has none."""
        if self._gets_an_axis(func, args, result, given):
            self.raised.add(id(result))
        self._meet(given, result)

    def _gets_an_axis(self, func: Any, args: Any, result: Tensor, given: list[Tensor]) -> bool:
        """Whether a column was made on purpose, here or in what this was made of."""
        name = getattr(func, "__name__", "").strip("_")
        made = name in AXES or (name == "getitem" and result.ndim >= given[0].ndim and _has_none(args[1]))
        return made or any(id(part) in self.raised for part in given)

    def _meet(self, given: list[Tensor], result: Tensor) -> None:
        if self.spread is not None or result.shape != (self.rows, self.rows) or len(given) != 2:
            return
        flat, column = sorted(given, key=lambda part: part.ndim)
        if flat.shape != (self.rows,) or column.shape != (self.rows, 1) or id(column) in self.raised:
            return
        sources = [self.of[id(part)] for part in given]
        if {"target"} in sources and any("output" in names for names in sources):
            self.spread = tuple(flat.shape), tuple(column.shape), tuple(result.shape), line()


def _has_none(index: Any) -> bool:
    return index is None or (isinstance(index, tuple) and any(part is None for part in index))
