"""Marks: a digest of what an object is, equal in another process; functions by what they do, and not by their names.

============= ======================================================================================================
of            counts
============= ======================================================================================================
a function    its instructions, constants and defaults, what it encloses, and of the global names that it reads
              numbers, texts and functions of its own module; not what it assigns itself, which is its state
an object     its class, and its attributes
an array      its numbers
============= ======================================================================================================

Instructions belong to a version of Python, so that another version has other marks.
"""

from __future__ import annotations

import dis
import functools
import hashlib
import re
import types
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
LENGTH = 16  # of a mark, in characters
MOST = 20_000  # parts of an object that are looked at
_PLAIN = (int, float, complex, str, bytes, type(None), type(Ellipsis))


def mark(item: Any) -> str:
    """A digest of what an object is.

    Parameters
    ----------
    item : a function, or anything else.

    Examples
    --------
    >>> def make(n): return lambda x: x ** n
    >>> mark(make(2)) == mark(lambda x: x ** 2), mark(make(2)) == mark(make(2)), mark(make(2)) == mark(make(3))
    (False, True, False)
    """
    found = hashlib.sha256()
    for part in islice(_parts(item, frozenset()), MOST):
        found.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()[:LENGTH]


def is_array(item: Any) -> bool:
    """Whether it has numbers or texts along an axis: an array, a tensor, a frame or a column of it."""
    return hasattr(item, "__array__") and not isinstance(item, type) and getattr(item, "ndim", 0) > 0


def _parts(item: Any, within: frozenset[int]) -> Iterator[str]:
    """Texts that tell an object from others."""
    if isinstance(item, _PLAIN):
        yield f"{type(item).__name__} {item!r}"
        return
    if id(item) in within:  # it holds itself
        yield "itself"
        return
    within |= {id(item)}
    yield type(item).__qualname__
    if isinstance(item, types.FunctionType):
        yield from _of_function(item, within)
    elif isinstance(item, types.MethodType):
        yield from _of_all((item.__func__, item.__self__), within)
    elif isinstance(item, functools.partial):
        yield from _of_all((item.func, item.args, item.keywords), within)
    elif is_array(item):
        yield from _of_array(item)
    elif isinstance(item, Mapping):
        pairs = sorted(item.items(), key=lambda pair: repr(pair[0]))
        yield from _of_all([part for pair in pairs for part in pair], within)
    elif isinstance(item, (set, frozenset)):
        yield from sorted(" ".join(_parts(part, within)) for part in item)
    elif isinstance(item, (list, tuple)):
        yield from _of_all(item, within)
    elif hasattr(item, "__qualname__") or isinstance(item, types.ModuleType):  # a class, a built-in function, a module
        yield f"{getattr(item, '__module__', '')} {getattr(item, '__qualname__', item.__name__)}"
    elif getattr(item, "__dict__", None):
        yield from _parts(vars(item), within)
    else:
        yield ADDRESS.sub("", repr(item))


def _of_all(items: Any, within: frozenset[int]) -> Iterator[str]:
    for item in items:
        yield from _parts(item, within)


def _of_array(item: Any) -> Iterator[str]:
    """The numbers of an array, a tensor, a frame."""
    item = item.detach().cpu() if hasattr(item, "detach") else item
    array = np.asarray(item.to_numpy() if hasattr(item, "to_numpy") else item)
    whole = repr(array.tolist()).encode() if array.dtype.kind == "O" else np.ascontiguousarray(array).tobytes()
    yield f"{array.dtype} {array.shape} {hashlib.sha256(whole).hexdigest()}"


def _of_function(function: types.FunctionType, within: frozenset[int]) -> Iterator[str]:
    """What a function does."""
    code = function.__code__
    yield from _of_code(code, within)
    yield from _of_all((function.__defaults__, function.__kwdefaults__), within)
    assigned = _names(code, "STORE_DEREF") | _names(code, "STORE_GLOBAL")
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        if name not in assigned:
            try:
                yield from _parts(cell.cell_contents, within)
            except ValueError:  # not assigned yet
                yield "empty"
    for name in sorted(_names(code, "LOAD_GLOBAL") - assigned):
        known = function.__globals__.get(name)
        own = isinstance(known, types.FunctionType) and known.__module__ == function.__module__
        if own or isinstance(known, (int, float, complex, str, bytes)):
            yield from _parts(known, within)


def _of_code(code: types.CodeType, within: frozenset[int]) -> Iterator[str]:
    """Instructions, with the names and constants that they have numbers of; no lines of the source."""
    yield code.co_code.hex()
    yield " ".join((*code.co_names, "", *code.co_freevars, "", str(code.co_argcount), str(code.co_kwonlyargcount)))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _of_code(constant, within)
        else:
            yield from _parts(constant, within)


def _names(code: types.CodeType, instruction: str) -> set[str]:
    """The names that a kind of instruction has, in the functions inside too."""
    inside = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    own = {str(each.argval) for each in dis.get_instructions(code) if each.opname == instruction}
    return own.union(*(_names(each, instruction) for each in inside))
