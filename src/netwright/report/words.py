"""Numbers as one reads them."""

from __future__ import annotations

import math
from typing import Any


def figures(number: float, digits: int = 4) -> str:
    """A number with some significant digits, and without an exponent where that can be read.

    Examples
    --------
    >>> figures(0.0123456), figures(48123.456), figures(-0.0), figures(float("nan")), figures(1e-9)
    ('0.01235', '48,123', '0.000', '-', '1.000e-09')
    """
    if not math.isfinite(number):
        return "-" if number != number else str(number)
    number += 0.0  # -0.0 is 0.0
    size = math.floor(math.log10(abs(number))) if number else 0
    if not -5 <= size < 12:
        return f"{number:.{digits - 1}e}"
    return f"{number:,.{max(digits - 1 - size, 0)}f}"


def counted(number: int, word: str, plural: str | None = None) -> str:
    """A number with its noun.

    Examples
    --------
    >>> counted(1, "row"), counted(1200, "row"), counted(2, "class", "classes")
    ('1 row', '1,200 rows', '2 classes')
    """
    return f"{number:,} {word if number == 1 else plural or f'{word}s'}"


def percent(share: float, digits: int = 2) -> str:
    """A share in per cent; 1 and 0 only where it is exactly so.

    Examples
    --------
    >>> percent(0.9775), percent(1.0), percent(0.99999), percent(0.874, 0)
    ('97.75 %', '100 %', '>99.99 %', '87 %')
    """
    shown = f"{100 * share:.{digits}f}"
    if float(shown) == 100:
        return "100 %" if share >= 1 else f">{100 - 10**-digits:.{digits}f} %"
    if float(shown) == 0:
        return "0 %" if share <= 0 else f"<{10**-digits:.{digits}f} %"
    return f"{shown} %"


def plural(count: int, word: str) -> str:
    """A number of things.

    Examples
    --------
    >>> plural(1, "row"), plural(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def measured(content: Any, *path: str) -> float | None:
    """A number deep inside of JSON; None where it is not there."""
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    return float(content) if isinstance(content, (int, float)) and not isinstance(content, bool) else None


def table_in(content: Any, name: str) -> dict[str, Any]:
    """An object inside of JSON; an empty one where it is not there."""
    found = content.get(name) if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}
