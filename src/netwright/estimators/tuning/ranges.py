"""Ranges of numbers to search in: `uniform`, `log_uniform`, `integers`, and powers of them.

================================ =============================================================================
written                          drawn
================================ =============================================================================
``uniform(a, b)``                x, each number of [a, b] alike
``log_uniform(a, b)``            exp(u) with u uniform in [log a, log b]: each factor alike
``10 ** uniform(-6, 1)``         the same as ``log_uniform(1e-6, 10)``, and so it is that
``integers(a, b)``               a, a + 1, ..., b alike; with ``log=True`` small ones more often
``2 ** integers(5, 8)``          32, 64, 128, 256 alike
================================ =============================================================================

A rate of 0.001 and one of 0.002 differ as much as 1 and 2 do: what multiplies is searched on the logarithmic scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import boolean, check, integer, number, satisfies

DIGITS = 4  # of the bounds of a range that was narrowed
MARGIN = 0.1  # share of a range that is left on either side of the best values when it is narrowed
_BASE = satisfies("a finite number > 0 other than 1", lambda b: number(0, closed="neither").accepts(b) and b != 1)


@dataclass(frozen=True, repr=False)
class Range:
    """Numbers from low to high, both included.

    Parameters
    ----------
    low, high : the bounds, low < high; of a range with a base, bounds of the exponent.
    log : whether factors rather than differences are alike.
    whole : whether only integers are meant.
    base : of which the drawn integers are the exponents, or None.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False
    base: float | None = None

    def __rpow__(self, base: Any) -> Range:
        """``base ** range``: the range of the powers."""
        check(f"base ** {self!r}", base, _BASE)
        if self.log or self.base is not None:
            remedy = "Write 10 ** nw.uniform(-6, 1), or nw.log_uniform(1e-6, 10)."
            raise InvalidParameter(problem(f"{base} ** range", "a uniform range of exponents", repr(self), remedy))
        if self.whole:
            return Range(self.low, self.high, whole=True, base=base)
        try:
            ends = (float(base) ** self.low, float(base) ** self.high)
            bounds = sorted(float(f"{end:.15g}") for end in ends)
        except OverflowError:
            bounds = [0.0, math.inf]
        return log_uniform(*bounds)

    def value(self, drawn: float) -> float:
        """The number for the estimator that a drawn one stands for."""
        if self.base is not None:
            return self.base ** int(drawn)
        return int(drawn) if self.whole else float(drawn)

    def drawn(self, value: float) -> float:
        """The inverse of `value`."""
        return round(math.log(value) / math.log(self.base)) if self.base is not None else value

    def share(self, drawn: float) -> float:
        """Where a drawn number lies on the range's own scale: 0 at low, 1 at high."""
        low, high = self._place(self.low), self._place(self.high)
        return (self._place(drawn) - low) / (high - low)

    def narrowed(self, drawn: Sequence[float]) -> Range:
        """The range that the drawn numbers span, and MARGIN of the whole on either side, within this range."""
        shares = [self.share(item) for item in drawn]
        low, high = (self._at(share) for share in (min(shares) - MARGIN, max(shares) + MARGIN))
        if self.whole:
            low, high = math.floor(low), math.ceil(high)
        else:
            low, high = (end if end in (self.low, self.high) else float(f"{end:.{DIGITS}g}") for end in (low, high))
        return Range(max(low, self.low), min(high, self.high), self.log, self.whole, self.base)

    def _place(self, item: float) -> float:
        return math.log(item) if self.log else float(item)

    def _at(self, share: float) -> float:
        if share <= 0.0 or share >= 1.0:
            return self.low if share <= 0.0 else self.high
        low, high = self._place(self.low), self._place(self.high)
        at = low + share * (high - low)
        return math.exp(at) if self.log else at

    def __repr__(self) -> str:
        bounds = f"{_plain(self.low)}, {_plain(self.high)}"
        if self.whole:
            text = f"integers({bounds}{', log=True' if self.log else ''})"
            return text if self.base is None else f"{_plain(self.base)} ** {text}"
        return f"{'log_uniform' if self.log else 'uniform'}({bounds})"


def uniform(low: float, high: float) -> Range:
    """Numbers in [low, high], each alike; ``10 ** uniform(-6, 1)`` is ``log_uniform(1e-6, 10)``.

    Parameters
    ----------
    low, high : finite numbers, low < high.

    Raises
    ------
    InvalidParameter : bounds that are not finite, or an empty range.

    Examples
    --------
    >>> uniform(0, 0.5), 10 ** uniform(-6, 1) == log_uniform(1e-6, 10)
    (uniform(0, 0.5), True)

    References
    ----------
    Bergstra, Bengio, *Random search for hyper-parameter optimization*, 2012.
    """
    return _made("uniform", low, high)


def log_uniform(low: float, high: float) -> Range:
    """Numbers in [low, high] whose logarithms are uniform: rates, penalties, whatever multiplies.

    Parameters
    ----------
    low, high : finite numbers, 0 < low < high.

    Raises
    ------
    InvalidParameter : bounds that are not finite or not positive, or an empty range.

    Examples
    --------
    >>> log_uniform(1e-5, 0.1)
    log_uniform(1e-05, 0.1)

    References
    ----------
    Bergstra, Bengio, *Random search for hyper-parameter optimization*, 2012.
    """
    return _made("log_uniform", low, high, log=True)


def integers(low: int, high: int, log: bool = False) -> Range:
    """Integers from low to high, both included; ``2 ** integers(5, 8)`` is 32, 64, 128, 256.

    Parameters
    ----------
    low, high : integers, low < high; with `log` positive.
    log : whether factors rather than differences are alike, as for widths of layers.

    Raises
    ------
    InvalidParameter : bounds that are no integers, or an empty range.

    Examples
    --------
    >>> integers(1, 4), integers(16, 512, log=True), 2 ** integers(5, 8)
    (integers(1, 4), integers(16, 512, log=True), 2 ** integers(5, 8))
    """
    check("integers(log)", log, boolean)
    return _made("integers", low, high, log=log, whole=True)


def _made(name: str, low: Any, high: Any, log: bool = False, whole: bool = False) -> Range:
    """A range whose bounds are checked."""
    kind = integer() if whole else number()
    for end, item in (("low", low), ("high", high)):
        check(f"{name}({end})", item, kind)
    low, high = (int(low), int(high)) if whole else (float(low), float(high))
    got = f"{name}({_plain(low)}, {_plain(high)})"
    if not low < high:
        remedy = "Swap them." if low > high else f"A single value is a list of one: [{shown(low)}]."
        raise InvalidParameter(problem(name, "low < high", got, remedy))
    if log and low <= 0:
        remedy = "A logarithmic range begins above 0, such as 1e-6; for numbers with a sign use nw.uniform."
        raise InvalidParameter(problem(name, "bounds above 0", got, remedy))
    return Range(low, high, log, whole)


def _plain(item: float) -> str:
    """A number as one would type it."""
    return f"{item:g}" if float(f"{item:g}") == item else repr(item)
