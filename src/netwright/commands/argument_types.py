"""Types of the command line's arguments, whose errors say what was expected."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from netwright.core.validation import Constraint, integer, number


def checked(convert: Callable[[str], Any], constraint: Constraint) -> Callable[[str], Any]:
    """A type for argparse: a number that meets a constraint.

    Parameters
    ----------
    convert : text -> number. constraint : what it has to meet.
    """

    def read(text: str) -> Any:
        try:
            item = convert(text)
        except ValueError:
            item = text
        if not constraint.accepts(item):
            raise argparse.ArgumentTypeError(f"expected {constraint.text}, got {text!r}.")
        return item

    return read


count = checked(int, integer(1))
seed = checked(int, integer(0))
share = checked(float, number(0, 1, closed="neither"))


def image_size(text: str) -> tuple[int, int]:
    """``64`` or ``48x64``, as (height, width).

    Examples
    --------
    >>> image_size("48x64")
    (48, 64)
    """
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise argparse.ArgumentTypeError(f"expected PIXELS or HEIGHTxWIDTH, such as 64 or 48x64, got {text!r}.")
    return int(sides[0]), int(sides[-1])


def shape(text: str) -> tuple[int, ...]:
    """``1,28,28`` or ``1x28x28``.

    Examples
    --------
    >>> shape("1x28x28")
    (1, 28, 28)
    """
    axes = text.lower().strip("() ").replace("x", ",").rstrip(",").split(",")
    if not all(axis.strip().isdecimal() and int(axis) > 0 for axis in axes):
        raise argparse.ArgumentTypeError(f"expected axes such as 1,28,28, got {text!r}.")
    return tuple(int(axis) for axis in axes)
