"""Whether a table has two units: some rows in millimetres, say, and the others in micrometres.

Two groups of rows of different kind have ratios that differ from column to column; a power of ten that is the same in
all of them is none of nature's. With x = zero + unit * number in every column, it is the ratio of the deviations of the
two groups, whatever was added to the columns and divided by afterwards::

    power = log10 (sd of the one rows / sd of the others)
    zero = (10^power * mean of the others - mean of the one rows) / (10^power - 1)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.checks.before.data import HELPS, entering
from netwright.checks.context import Context
from netwright.checks.facts import MOST_ROWS, scaled
from netwright.checks.finding import Finding, Where, fault, note

RATIOS = 3  # columns that say the same
SAME_POWER = 0.12  # of ten, to which columns agree


@dataclass(frozen=True)
class Units:
    """Rows with another unit: those on one side of a threshold in one column.

    Attributes
    ----------
    column, threshold, above : the rows with the larger unit. power : of ten. low, high : what single columns say.
    zero : of each column, in the numbers as they are.
    """

    column: int
    threshold: float
    above: bool
    power: int
    low: float
    high: float
    zero: Tensor

    def large(self, X: Tensor) -> Tensor:
        """Which rows have the larger unit."""
        return (X[:, self.column] > self.threshold) == self.above

    def mended(self, X: Tensor) -> Tensor:
        """All rows in the smaller unit."""
        zero = self.zero.to(X.dtype)
        return torch.where(self.large(X)[:, None], zero + (X - zero) / 10**self.power, X)


def mixed_units(context: Context) -> Iterable[Finding]:
    """Rows whose columns are all the same power of ten larger than those of the other rows."""
    X = entering(context)
    if X is None or len(context.floats) > 1 or context.floats[0].ndim > 2 or len(X) < 50:
        return
    found = two_units(X)
    if found is None:
        return
    before, after = _of_one_unit(context, found)
    context.signal("loss left with one unit, of that with two", after / max(before, 1e-12), HELPS, "unscaled-input")
    rows = found.large(X).nonzero()[:, 0]
    numbers = context.data.numbers_of(MOST_ROWS)[rows][:20].tolist()
    yield (fault if after < HELPS * before and before - after > 0.05 else note)(
        "unscaled-input",
        f"in {len(rows)} of {len(X)} rows all columns vary 10^{found.power} times as much as in the others (each by "
        f"itself 10^{found.low:.2f} to 10^{found.high:.2f} times), as with two units in one table (with one unit "
        f"{context.steps} steps leave {after:.2g} of the loss, as it is {before:.2g})",
        "one unit a column",
        f"Bring these rows to the unit of the others before anything is scaled: {', '.join(map(str, numbers))}.",
        evidence={"rows": len(rows), "power_of_ten": found.power, "left_as_is": before, "left_in_one_unit": after},
        where=Where(row=numbers[0]),
    )


def two_units(X: Tensor) -> Units | None:
    """The rows of a table that have another unit than the others in all columns, or None.

    Parameters
    ----------
    X : rows (n, d).
    """
    varied = [column for column in range(min(X.shape[1], 2000)) if len(torch.unique(X[:, column])) > len(X) // 5]
    if len(varied) < RATIOS:
        return None
    sorts = X[:, varied].sort(0).values
    gaps = sorts.diff(dim=0) / (sorts[-1] - sorts[0])
    best = int(gaps.amax(0).argmax())
    at = int(gaps[:, best].argmax())
    threshold = float(sorts[at : at + 2, best].mean())
    above = X[:, varied[best]] > threshold
    if min(int(above.sum()), int((~above).sum())) < max(10, len(X) // 50):
        return None
    ratio = (X[above].std(0) / X[~above].std(0)).log10()
    up = float(ratio[varied].median()) > 0
    powers = (ratio if up else -ratio)[varied]
    power = int(powers.median().round()) if bool(torch.isfinite(powers).all()) else 0
    if power < 2 or float((powers - power).abs().max()) > SAME_POWER:
        return None
    large, small = (X[above], X[~above]) if up else (X[~above], X[above])
    zero = (10**power * small.mean(0) - large.mean(0)) / (10**power - 1)
    return Units(varied[best], threshold, up, power, float(powers.min()), float(powers.max()), zero)


def _of_one_unit(context: Context, found: Units) -> tuple[float, float]:
    """What trials leave of the loss with the rows as they are, and in one unit and standardised."""
    X = found.mended(context.floats[0])
    deviation = X.std(0)
    mean, deviation = X.mean(0), torch.where(deviation > 0, deviation, 1.0)
    stream, symbols = context.data.stream(context.steps), context.symbols
    changed = context.trial(
        batches=[scaled(b, lambda t: (found.mended(t) - mean) / deviation, symbols) for b in stream]
    )
    return min(context.left(context.as_is), 1e6), min(context.left(changed), 1e6)
