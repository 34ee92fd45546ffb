"""What a file may ask for while it is loaded: no more weights, layers and work than what is in it can be the reason of.

A file of one kilobyte can say ``Linear(10**12)``, a stack of a billion layers, or texts of a gigabyte each. What it
says is looked at before anything is made (`check_content`), and what is made is counted while it is made (`allowing`,
`spend`): a weight that is larger than all arrays of the file together is not one of theirs.

==================== ====================================== =====================================================
what                 limit                                  why
==================== ====================================== =====================================================
layers               `LAYERS` + 16 for each array           those without weights stand beside some with
elements of a weight those of all arrays, + `TABLE` / 2     only tables that are computed anew are not in it
elements of all      4 times those of all arrays, + `TABLE` a network is made at most twice
weights              4 for each array, + `WEIGHTS`          each has a name in the file
values               `VALUES` + 64 for each array           a block is made of layers that the file does not name
operations           `WORK` for a network                   shapes are found by running it without numbers
texts of an array    64 times their letters, + `TABLE`      NumPy gives all texts the room of the longest
names of arrays      `SHARED` times their bytes, + 8 MiB    tied weights are copied when they are loaded
==================== ====================================== =====================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netwright.core.errors import CorruptFile, problem, shown
from netwright.core.manifest import AXES, FETCH

LAYERS = 1_000
WEIGHTS = 2_000
TABLE = 2**21  # elements: 8 MiB in single precision
WORK = 300_000
VALUES = 10_000
SHARED = 16
OWN = ("checkpoint", "callbacks")  # options that belong to the program: where it writes, and what it runs
_TYPE = re.compile(
    r"[<>|=]?(?:[?bBhHiIlLqQefdgFDG]|[biufc](?:1|2|4|8|16)|O|[USa]([0-9]{1,9})|[mM]8(?:\[[0-9A-Za-z]+\])?)"
)


@dataclass
class Allowance:
    """How much is left of each thing; `largest` is the most elements of one weight."""

    largest: int
    left: dict[str, int] = field(default_factory=dict)


_GIVEN: ContextVar[Allowance | None] = ContextVar("_GIVEN", default=None)


def check_content(content: Any, arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Look at what a file says before anything is made of it.

    Parameters
    ----------
    content : plain data.
    arrays : of the file, by name.
    where : the file, for messages.

    Raises
    ------
    CorruptFile : more layers or longer texts than the file can be the reason of, or options that are not a file's.

    Examples
    --------
    >>> check_content({"params": {"checkpoint": "/home"}}, {}, "a.nw")
    Traceback (most recent call last):
        ...
    netwright.core.errors.CorruptFile: a.nw: expected no 'checkpoint' among the params, got '/home'. ...
    """
    limit = LAYERS + 16 * len(arrays)
    once = sum({id(array): array.nbytes for array in arrays.values()}.values())
    if sum(array.nbytes for array in arrays.values()) > SHARED * once + 4 * TABLE:
        raise CorruptFile(problem(where, f"arrays with at most {SHARED} names each", "more", FETCH))
    layers = size = 0
    items = [content]
    while items:
        item = items.pop()
        size += len(item) if isinstance(item, str) else 8
        if isinstance(item, list):
            items += item
        elif isinstance(item, dict):
            items += item.values()
            if item.get("$") == "network.Input" and len(str(item.get("shape"))) > 1_000:
                raise CorruptFile(problem(where, f"an Input of at most {AXES} axes", shown(item["shape"]), FETCH))
            layers += str(item.get("$", "")).startswith(("layer.", "network."))
            _check_params(item.get("params"), where)
            _check_texts(item, where)
    if layers > limit and arrays:
        got = f"{layers} of them and {len(arrays)} arrays"
        raise CorruptFile(problem(where, f"at most {limit} layers for its arrays", got, FETCH))


def _check_params(params: Any, where: str) -> None:
    """Options of a program are never in a file that `save` wrote."""
    for name in OWN if isinstance(params, dict) else ():
        if params.get(name) is not None:
            remedy = "Give it to the loaded estimator by set_params."
            raise CorruptFile(problem(where, f"no {name!r} among the params", shown(params[name]), remedy))


def _check_texts(item: dict[str, Any], where: str) -> None:
    """An array of labels: a type that is known, and texts that take about as much memory as they have letters."""
    code = item.get("dtype")
    values = item.get("values", item.get("$objects"))
    if not isinstance(code, str) or not isinstance(values, list):
        return
    known = _TYPE.fullmatch(code)
    if known is None:
        raise CorruptFile(problem(where, "the type of an array of labels", shown(code), FETCH))
    if known[1] is None:
        return
    letters = sum(len(part) for part in values if isinstance(part, str))
    if int(known[1]) * len(values) > 64 * letters + TABLE:
        got = f"{len(values)} of {known[1]} letters each"
        raise CorruptFile(problem(where, f"labels that have {letters} letters together", got, FETCH))


@contextmanager
def allowing(arrays: Mapping[str, np.ndarray]) -> Iterator[None]:
    """Within the block no more is made than these arrays can be the reason of.

    Parameters
    ----------
    arrays : of the file, by name.
    """
    elements = sum(array.size for array in arrays.values())
    left = {"elements": 4 * elements + TABLE, "weights": 4 * len(arrays) + WEIGHTS, "operations": WORK}
    left["values"] = VALUES + 64 * len(arrays)
    token = _GIVEN.set(Allowance(elements + TABLE // 2, left))
    try:
        yield
    finally:
        _GIVEN.reset(token)


def limited() -> bool:
    """Whether a file is being loaded."""
    return _GIVEN.get() is not None


def spend(what: str, count: int = 1, one: int = 0) -> None:
    """Count what is made; nothing is counted unless a file is being loaded.

    Parameters
    ----------
    what : elements, weights, operations or values.
    count : of them.
    one : elements of this weight.

    Raises
    ------
    CorruptFile : more than is left.

    Examples
    --------
    >>> with allowing({"w": np.zeros(3)}):
    ...     spend("elements", 3, one=3)
    ...     spend("elements", 10**12, one=10**12)
    Traceback (most recent call last):
        ...
    netwright.core.errors.CorruptFile: file: expected a network of the size of its arrays, got one with 10000000...
    """
    given = _GIVEN.get()
    if given is None:
        return
    given.left[what] -= count
    if given.left[what] < 0 or one > given.largest:
        got = f"one with {one or count} elements in a weight" if what == "elements" else f"too many {what}"
        raise CorruptFile(problem("file", "a network of the size of its arrays", got, FETCH))
