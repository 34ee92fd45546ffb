"""Values: immutable descriptions that compare, hash, print as code and go to JSON and back.

Layers, losses, update rules, schedules, penalties and initialisation rules are all values. A value is a frozen
dataclass made by the decorator `value(family)`, which also enters it in the registry. Its repr is the shortest
call that makes it again::

    >>> from netwright.core.value import value, to_json, from_json
    >>> @value("example")
    ... class Disc:
    ...     radius: float = 1.0
    ...     name: str = ""
    >>> Disc(2.0), Disc(), Disc(name="a") == Disc(1.0, "a")
    (Disc(2.0), Disc(), True)
    >>> to_json(Disc(2.0))
    {'$': 'example.Disc', 'radius': 2.0, 'name': ''}
    >>> from_json(to_json(Disc(2.0)))
    Disc(2.0)

Lists, ranges, integer arrays and ``torch.Size`` become tuples, and NumPy's numbers become Python's: ``[2, 3]``,
``range(2, 4)`` and ``np.array([2, 3])`` make the same value.

A value may carry a table ``constraints`` (see `netwright.core.validation`); it is checked when the value is made.
Methods that a class writes itself are kept: ``__repr__``, ``__eq__``, ``__hash__``, ``__post_init__`` (it runs after
the check) and ``__init__``. An ``__init__`` of its own takes the fields as keywords too, since files name them, stores
each with ``object.__setattr__(self, name, item)`` and ends with ``self.__post_init__()``, which checks them::

    >>> @value("example")
    ... class Box:
    ...     shape: tuple[int, ...]
    ...     def __init__(self, *axes: int, shape: tuple[int, ...] | None = None) -> None:
    ...         object.__setattr__(self, "shape", axes if shape is None else shape)
    ...         self.__post_init__()
    ...     def __repr__(self) -> str:
    ...         return f"Box({', '.join(map(str, self.shape))})"
    >>> from_json(to_json(Box(2, 3))), Box(2, 3) == Box(shape=[2, 3])
    (Box(2, 3), True)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import numpy as np

from netwright.core import registry
from netwright.core.errors import CorruptFile, InvalidParameter, problem, shown
from netwright.core.limits import spend
from netwright.core.validation import check_all, checks_options

T = TypeVar("T")
DEPTH = 64  # the deepest nesting that to_json writes and from_json follows


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field,))
def value(family: str) -> Callable[[type[T]], type[T]]:
    """Make a class a value of a family: frozen, validated, printed as code, known to files by its name."""

    def decorate(cls: type[T]) -> type[T]:
        own = set(vars(cls))
        after = getattr(cls, "__post_init__", None)

        def __post_init__(self: Any) -> None:
            spend("values")
            for field in dataclasses.fields(self):
                if hasattr(self, field.name):  # a field that `after` computes is not there yet
                    object.__setattr__(self, field.name, _plain(getattr(self, field.name)))
            check_all(type(self).__name__, vars(self), getattr(self, "constraints", {}))
            if after is not None:
                after(self)

        cls.__post_init__ = __post_init__  # type: ignore[attr-defined]
        made = dataclasses.dataclass(frozen=True, init="__init__" not in own, repr=False)(cls)
        if "__repr__" not in own:
            made.__repr__ = _repr  # type: ignore[method-assign, assignment]
        made.__init__ = checks_options(made.__init__)  # type: ignore[method-assign, misc]
        made.family = family  # type: ignore[attr-defined]
        registry.enter(family, made.__name__, made)
        return made

    return decorate


def _plain(item: Any) -> Any:
    """Sequences of numbers become tuples and NumPy scalars Python numbers, so that values hash and go to JSON."""
    if isinstance(item, np.ndarray) and item.dtype.kind in "iu":
        return _plain(item.tolist())
    if isinstance(item, (list, tuple, range)) and not hasattr(item, "_fields"):  # a named tuple stays one
        return tuple(_plain(part) for part in item)
    return item.item() if isinstance(item, np.generic) else item


def _options(cls: Any) -> list[dataclasses.Field[Any]]:
    """The fields that the constructor takes."""
    return [field for field in dataclasses.fields(cls) if field.init]


def _repr(self: Any) -> str:
    """The shortest call that makes the value again."""
    parts, by_position = [], True
    for field in _options(self):
        item = getattr(self, field.name)
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        default = _plain(default)
        if type(item) is type(default) and item == default:
            by_position = False
            continue
        by_position = by_position and not field.kw_only
        parts.append(_code(item) if by_position else f"{field.name}={_code(item)}")
    return f"{type(self).__name__}({', '.join(parts)})"


def _code(item: Any) -> str:
    """An item as code: functions by their name, infinities as ``float('inf')``, everything else by its repr."""
    if type(item) is tuple:
        parts = ", ".join(map(_code, item))
        return f"({parts},)" if len(item) == 1 else f"({parts})"
    if isinstance(item, float) and not math.isfinite(item):
        return f"float('{item}')"
    if callable(item) and not is_value(item):
        return getattr(item, "__name__", repr(item))
    return repr(item)


def is_value(thing: Any) -> bool:
    """Whether a thing is a value (and not the class of one)."""
    return _is_value_class(type(thing))


def _is_value_class(kind: Any) -> bool:
    return isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(getattr(kind, "family", None), str)


def to_json(thing: Any, depth: int = 0) -> Any:
    """A value, or a nesting of values, tuples and plain data, as what ``json.dumps`` takes.

    Raises
    ------
    InvalidParameter : a thing that a file cannot hold, or nesting deeper than `DEPTH`.
    """
    if depth > DEPTH:
        raise InvalidParameter(
            problem("saving", f"at most {DEPTH} levels of nesting", "more", "Join the layers in fewer levels.")
        )
    if is_value(thing):
        family, name = type(thing).family, type(thing).__name__
        registry.look_up(family, name)  # a subclass without @value could not be read back
        fields = {field.name: to_json(getattr(thing, field.name), depth + 1) for field in _options(thing)}
        return {"$": f"{family}.{name}", **fields}
    if isinstance(thing, (tuple, list)):
        return [to_json(part, depth + 1) for part in thing]
    if isinstance(thing, np.generic):
        thing = thing.item()
    if thing is None or type(thing) in (bool, int, float, str):
        return thing
    known = registry.registered_name(thing)
    if known is not None:
        return {"$": "user", "name": known}
    raise InvalidParameter(
        problem(
            "saving",
            "values, numbers, strings and registered functions",
            f"{shown(thing)} of type {type(thing).__name__}",
            "Give it a name with nw.register(name) before it is used; the same line must run before loading.",
        )
    )


def from_json(data: Any, depth: int = 0) -> Any:
    """The inverse of `to_json`; names are looked up in the registry, never imported.

    Raises
    ------
    CorruptFile : an unknown name or field, a missing field, or nesting deeper than `DEPTH`.
    """
    if depth > DEPTH:
        raise CorruptFile(problem("file", f"at most {DEPTH} levels of nesting", "more", "The file is damaged."))
    if isinstance(data, list):
        return tuple(from_json(part, depth + 1) for part in data)
    if not isinstance(data, dict):
        return data
    tag = data.get("$")
    try:
        if tag == "user":
            return _registered_by_user(data)
        family, _, name = str(tag).partition(".")
        cls = registry.look_up(family, name)
        if not _is_value_class(cls):  # only values are made from a file: nothing else that has a name is called
            raise InvalidParameter(problem("$", "the name of a value", shown(tag)))
        return cls(**{key: from_json(item, depth + 1) for key, item in data.items() if key != "$"})
    except CorruptFile:
        raise
    except Exception as error:  # whatever a constructor says to fields that do not fit, the file is at fault
        raise CorruptFile(
            problem("file", "known names and fields", f"{shown(tag)} ({error})", "Was it written by a newer version?")
        ) from error


def _registered_by_user(data: dict[str, Any]) -> Any:
    if set(data) != {"$", "name"} or not isinstance(data["name"], str):
        raise InvalidParameter(problem("user", "the field name", shown(sorted(data))))
    try:
        return registry.look_up("user", data["name"])
    except InvalidParameter as error:
        remedy = f"Run the line with nw.register({data['name']!r}) before loading the file."
        raise CorruptFile(problem("file", "registered names", shown(data["name"]), remedy)) from error
