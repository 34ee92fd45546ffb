"""Errors: one form for all of them: where, what was expected, what was got, what to do.

Every message of netwright is written by `problem`, so that it has the same four parts in the same order::

    Conv(32, 3) at conv1: expected an input (channels, *space) of rank 2 to 4, got shape (10,).
    Put Reshape(...) before it.

Six classes are enough, and each is also the built-in exception that a caller would catch:

=================== ================== ==========================================================
`InvalidParameter`  `ValueError`       an option that cannot be, of a layer, a rule, an estimator
`InvalidData`       `ValueError`       data that cannot be used: NaN, widths, labels, emptiness
`JoinError`         `ValueError`       two layers that do not fit
`CorruptFile`       `ValueError`       a model file that is cut, changed, newer or not ours
`ProcessLost`       `RuntimeError`     a process that worked with others has died or does not answer
`DivergenceWarning` `UserWarning`      a training run whose loss became infinite or NaN
=================== ================== ==========================================================
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

MANY = 40  # names that a hint lists in full
LONG = 400  # characters of a layer or a network in a message
# Nine items or more, between commas; it begins at the begin of an item and never goes back, so time is linear.
_RUN = re.compile(r"(?<![^\s,()\[\]{}=:])(?:[^\s,()\[\]{}=:]++, ){8,}+[^\s,()\[\]{}=:]++")


class InvalidParameter(ValueError):
    """An option that cannot be; the message names it, its range and what was given."""


class InvalidData(ValueError):
    """Data that cannot be used as they are; the message names the row and column."""


class JoinError(ValueError):
    """Two layers that do not fit; the message names the layer, its path and both shapes."""


class CorruptFile(ValueError):
    """A model file that is cut, changed, of a newer version, or not a model file."""


class ProcessLost(RuntimeError):
    """A process that worked with others has died, or did not answer in time."""


class DivergenceWarning(UserWarning):
    """The loss of a training run became infinite or NaN; the run stopped and kept its best weights."""


def problem(where: str, expected: str, got: str, remedy: str = "") -> str:
    """The text of an error in the house's one form.

    Parameters
    ----------
    where : name of the object or argument, as the user wrote it.
    expected : what would have been right.
    got : what came, with its value.
    remedy : one sentence that says what to do.

    Examples
    --------
    >>> problem("Dropout(p)", "a number in [0, 1)", "1.5", "Give the share of units to drop.")
    'Dropout(p): expected a number in [0, 1), got 1.5. Give the share of units to drop.'
    """
    text = f"{where}: expected {expected}, got {got}."
    return f"{text} {remedy}" if remedy else text


def shown(item: Any, limit: int = 120) -> str:
    """The repr of a thing for a message: on one line, of at most `limit` characters.

    Of a longer one long rows of items are left out first, then it is cut in the middle.

    Examples
    --------
    >>> shown([1, 2]), shown("a" * 40, limit=20)
    ('[1, 2]', "'aaaaaaa...aaaaaaaa'")
    >>> shown({"counts": tuple(range(1000)), "classes": 1000})
    "{'counts': (0, 1, 2, ..., 999), 'classes': 1000}"
    """
    try:
        text = " ".join(repr(item).split())
    except Exception:  # a repr that fails must not hide the error that shows it
        text = f"<{type(item).__name__}>"
    if len(text) > limit:
        text = _RUN.sub(_abridged, text)
    if len(text) <= limit:
        return text
    left = (limit - 3) // 2
    return f"{text[:left]}...{text[left + 3 - limit :]}"


def _abridged(row: re.Match[str]) -> str:
    items = row[0].split(", ")
    return ", ".join([*items[:3], "...", items[-1]])


def did_you_mean(name: str, choices: Iterable[str], command: str = "") -> str:
    """A hint for an unknown name: the nearest choice, or the list of all of them; of very many the nearest three.

    Parameters
    ----------
    name : that there is not. choices : those that there are. command : that shows all of them, if there is one.

    Examples
    --------
    >>> did_you_mean("RelU", ["ReLU", "Tanh"])
    "Did you mean 'ReLU'?"
    >>> did_you_mean("x", ["ReLU", "Tanh"])
    'Choose one of: ReLU, Tanh.'
    >>> did_you_mean("age", [f"x{number}" for number in range(100)])
    "The nearest of 100 are 'x0', 'x1', 'x2'."
    """
    choices = list(choices)
    if not choices:
        return "There are none yet."
    folded = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    if len(choices) <= MANY:
        return f"Choose one of: {', '.join(choices)}."
    near = sorted(folded, key=lambda choice: -difflib.SequenceMatcher(None, str(name).lower(), choice).ratio())[:3]
    named = ", ".join(repr(folded[choice]) for choice in near)
    return f"The nearest of {len(choices)} are {named}{f'; `{command}` shows all' if command else ''}."
