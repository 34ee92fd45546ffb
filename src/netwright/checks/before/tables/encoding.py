"""Whether a column is the mean of the target over rows of one kind, the row itself among them.

A category that is replaced by the mean of its targets gives away the target of every row that is the only one of its
kind, whatever the column is scaled by afterwards::

    mean of y over the rows with x = v   is   a + b v   to the last digit, for every v

Of other columns some may hold for rows by themselves, where the target is computed without noise, and of none for the
means of rows whose targets differ.

Reference: Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, SIGKDD Explorations 3
(2001).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from netwright.checks.context import Context
from netwright.checks.finding import Finding, Remedy, Where, fault
from netwright.checks.reading import leaves

EXACT = 1e-4  # standard deviations from the line
ALONE = 0.05  # share of the rows that give their target away
GROUPS = 8  # of several rows, at least
ON_LINE = 0.4  # share of these whose mean is on the line; others have rows that are held out
LINES = 800  # that are tried
MOST_COLUMNS = 200


def encoded_target(context: Context) -> Iterable[Finding]:
    """A column that is the mean of the target over the rows of its kind, of which many are the only one."""
    target = context.target
    tables = [t for t in leaves(context.rows.inputs) if t.ndim == 2 and t.is_floating_point()]
    if target is None or not context.numeric or target.numel() != len(context.rows) or len(target) < 100 or not tables:
        return
    X, y = torch.cat(tables, 1).double(), target.reshape(-1).double()
    if X.shape[1] > MOST_COLUMNS or not bool(torch.isfinite(X).all()) or not bool(torch.isfinite(y).all()):
        return
    if len(torch.unique(y)) < 0.8 * len(y):
        return
    y = (y - y.mean()) / y.std()
    for column in range(X.shape[1]):
        alone, groups, on_line = own_means(X[:, column], y)
        if alone >= ALONE and groups >= GROUPS and on_line >= ON_LINE:
            name = context.data.names[column] if column < len(context.data.names) else column
            yield fault(
                "target-leak",
                f"column {name} is the mean of y over rows of one kind, the row itself among them: to the last digit "
                f"it is y in {alone:.0%} of the rows, which are alone of their kind, and the mean of y in "
                f"{on_line:.0%} of {groups} groups of rows that share a value",
                "a mean over other rows than the one that it stands in",
                "Compute the mean from other folds (sklearn's TargetEncoder), or leave the row itself out.",
                evidence={"column": column, "alone": alone, "groups": groups, "on_line": on_line},
                remedy=Remedy("data", "drop_column", column),
                where=Where(column=name),
            )


def own_means(x: Tensor, y: Tensor) -> tuple[float, int, float]:
    """The share of rows alone with their x that are on one line with y, the groups that share an x, and their share.

    Parameters
    ----------
    x : a column (n,). y : the target (n,), with standard deviation 1.
    """
    values, which, counts = torch.unique(x, return_inverse=True, return_counts=True)
    groups, single = counts > 1, counts == 1
    if int(groups.sum()) < GROUPS or int(single.sum()) < max(10, ALONE * len(x)):
        return 0.0, int(groups.sum()), 0.0
    means = torch.zeros(len(values), dtype=torch.double).index_add_(0, which, y) / counts
    v, z = (values[single] - values.mean()) / values.std(), means[single]
    first, second = torch.randint(0, len(v), (2, LINES), generator=torch.Generator().manual_seed(0))
    apart = (v[first] - v[second]).abs() > 0.1
    slope = (z[first] - z[second])[apart] / (v[first] - v[second])[apart]
    offset = z[first][apart] - slope * v[first][apart]
    if not len(slope):
        return 0.0, int(groups.sum()), 0.0
    off = (z - offset[:, None] - slope[:, None] * v).abs()  # (lines, rows)
    best = int((off < EXACT).sum(1).argmax())
    alone = float((off[best] < EXACT).double().sum()) / len(x)
    v = (values[groups] - values.mean()) / values.std()
    on_line = (means[groups] - offset[best] - slope[best] * v).abs() < EXACT
    return alone, int(groups.sum()), float(on_line.double().mean())
