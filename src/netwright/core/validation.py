"""Constraints: small objects that say what a parameter may be, in words and as a test.

A class carries a table ``constraints = {"rate": number(0, 1, closed="left")}`` next to its fields;
`check` compares one value with one constraint and raises `InvalidParameter` in the house's form.

Examples
--------
>>> check("Dropout(p)", 0.5, number(0, 1, closed="left"))
>>> check("Dropout(p)", 1.5, number(0, 1, closed="left"))
Traceback (most recent call last):
    ...
netwright.core.errors.InvalidParameter: Dropout(p): expected a number in [0, 1), got 1.5.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown


@dataclass(frozen=True)
class Constraint:
    """What a parameter may be: `text` in words, `accepts` as a test, `choices` where it is a closed list."""

    text: str
    accepts: Callable[[Any], bool]
    choices: tuple[str, ...] = ()

    def __or__(self, other: Constraint) -> Constraint:
        return Constraint(
            f"{self.text} or {other.text}",
            lambda value: self.accepts(value) or other.accepts(value),
            self.choices + other.choices,
        )


def integer(low: int | None = None, high: int | None = None) -> Constraint:
    """An integer in [low, high]; booleans are not integers here."""
    if low is None:
        bound = "an integer" if high is None else f"an integer <= {high}"
    else:
        bound = f"an integer >= {low}" if high is None else f"an integer in [{low}, {high}]"

    def accepts(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            return False
        whole = int(value)
        return (low is None or whole >= low) and (high is None or whole <= high)

    return Constraint(bound, accepts)


def number(low: float = -math.inf, high: float = math.inf, closed: str = "both") -> Constraint:
    """A finite number between low and high; `closed` is "both", "left", "right" or "neither"."""
    left = "[" if closed in ("both", "left") and low != -math.inf else "("
    right = "]" if closed in ("both", "right") and high != math.inf else ")"

    def accepts(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            return False
        try:
            real = float(value)
        except OverflowError:  # an integer beyond 1.8e308
            return False
        above = real >= low if left == "[" else real > low
        below = real <= high if right == "]" else real < high
        return math.isfinite(real) and above and below

    return Constraint(f"a number in {left}{_plain(low)}, {_plain(high)}{right}", accepts)


def one_of(*choices: str) -> Constraint:
    """One of a closed list of names."""
    listed = " or ".join(repr(choice) for choice in choices)
    return Constraint(listed, lambda value: isinstance(value, str) and value in choices, choices)


def instance(*types: type, text: str = "") -> Constraint:
    """An object of one of the types."""
    words = text or " or ".join(f"a {kind.__name__}" for kind in types)
    return Constraint(words, lambda value: isinstance(value, types))


def satisfies(text: str, accepts: Callable[[Any], bool]) -> Constraint:
    """Any test, with its words."""
    return Constraint(text, accepts)


def tuple_of(item: Constraint, *, least: int = 0) -> Constraint:
    """A tuple or list of at least `least` elements, each of which meets `item`."""

    def accepts(value: Any) -> bool:
        return isinstance(value, (tuple, list)) and len(value) >= least and all(map(item.accepts, value))

    count = f" {least} or more" if least else ""
    return Constraint(f"a tuple of{count} elements, each {item.text}", accepts)


boolean = Constraint("True or False", lambda value: isinstance(value, bool))
nothing = Constraint("None", lambda value: value is None)


def check(where: str, value: Any, constraint: Constraint, remedy: str = "") -> None:
    """Raise `InvalidParameter` unless `value` meets `constraint`."""
    if constraint.accepts(value):
        return
    if not remedy and isinstance(value, str) and constraint.choices:
        remedy = did_you_mean(value, constraint.choices)
    raise InvalidParameter(problem(where, constraint.text, shown(value), remedy))


def check_all(owner: str, values: Mapping[str, Any], constraints: Mapping[str, Constraint]) -> None:
    """`check` every named value of `owner` against the table."""
    for name, constraint in constraints.items():
        check(f"{owner}({name})", values[name], constraint)


def _plain(bound: float) -> str:
    short = f"{bound:g}"
    return short if float(short) == bound else repr(bound)


def checks_options(init: Callable[..., None]) -> Callable[..., None]:
    """An ``__init__`` whose error for an unknown option says which one was meant.

    Examples
    --------
    >>> class Disc:
    ...     @checks_options
    ...     def __init__(self, radius=1.0):
    ...         self.radius = radius
    >>> Disc(radus=2.0)
    Traceback (most recent call last):
        ...
    netwright.core.errors.InvalidParameter: Disc: expected one of its options, got 'radus'. Did you mean 'radius'?
    """
    parameters = list(inspect.signature(init).parameters.values())[1:]
    known = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        unknown = [name for name in kwargs if name not in known]
        if unknown:
            remedy = did_you_mean(unknown[0], known) if known else "It takes no options."
            raise InvalidParameter(problem(type(self).__name__, "one of its options", repr(unknown[0]), remedy))
        init(self, *args, **kwargs)

    return __init__
