"""Work of one sample, from the work of batches.

Most work grows with the batch, c B: that of one sample is the B-th part. Some is done once for any batch, such as
merging two weights, and some for each pair of samples, such as comparing all with all: c_0 + c_1 B + c_2 B^2. Its
value at B = 1 follows from three batches, and no batch of one sample is needed, which some modules refuse or squeeze.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, prod

Counts = dict[str, int]
ALL = "\0"  # the name of the whole; no path of a module has it


def of_one_sample(first: Counts, batch: int, again: Callable[[int], Counts] | None) -> Counts:
    """The work of a batch of one sample.

    Parameters
    ----------
    first : the work of a batch.
    batch : its number of samples.
    again : counts the work of another batch, which may fail; None if all work grows with the batch.

    Examples
    --------
    >>> def work(samples):
    ...     return {"merge": 7, "layer": 10 * samples, "pairs": 10 * samples**2}
    >>> of_one_sample(work(2), 2, work)
    {'merge': 7, 'layer': 10, 'pairs': 10}
    """
    share = {name: -(-count // batch) for name, count in first.items()}
    if again is None or batch == 1:
        return share
    for batches in ((batch, batch + 1, batch + 2), (batch, 2 * batch, 3 * batch)):  # some take even ones only
        try:
            second = again(batches[1])
            if all(second.get(name, 0) * batch == count * batches[1] for name, count in first.items()):
                return share
            counts = first, second, again(batches[2])
        except Exception:  # a module of a third party
            continue
        return {name: _at_one(batches, [count.get(name, 0) for count in counts]) for name in first}
    return share


def _at_one(batches: tuple[int, ...], values: list[int]) -> int:
    """The value at 1 of the parabola through three points (Lagrange)."""
    parts = []
    for batch, value in zip(batches, values, strict=True):
        others = [other for other in batches if other != batch]
        parts.append(value * prod(Fraction(1 - other, batch - other) for other in others))
    return max(ceil(sum(parts)), 0)
