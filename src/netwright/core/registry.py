"""The closed list of names that a file, a command line or a user may say.

A name read from a file is never imported: it is looked up here, in a table of families (``layer``, ``loss``,
``optimizer``...) that the library's own modules fill as they are loaded. A user adds a class or a factory of
their own with `register`, in code, before loading a file that names it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown

LISTED = {  # the families that `netwright list` shows, and what it calls them
    "layer": "layers",
    "optimizer": "optimizers",
    "loss": "losses",
    "regularizer": "regularizers",
    "schedule": "schedules",
    "init": "init",
    "classical": "classical",
    "augmentation": "augmentations",
}
_FAMILIES: dict[str, dict[str, Any]] = {}


def enter(family: str, name: str, thing: Any) -> None:
    """Enter a thing under its name; a name means one thing for ever (re-running its own definition is fine)."""
    table = _FAMILIES.setdefault(family, {})
    if name in table and _origin(table[name]) != _origin(thing):
        raise InvalidParameter(
            problem(
                f"register({name!r})",
                f"a new name in the family {family!r}",
                f"one that {_origin(table[name])} has already",
                "Choose another name.",
            )
        )
    table[name] = thing


def look_up(family: str, name: str) -> Any:
    """The thing of that name, or an error with the nearest name.

    Examples
    --------
    >>> look_up("no such family", "x")
    Traceback (most recent call last):
        ...
    netwright.core.errors.InvalidParameter: no such family: expected a known name, got 'x'. There are none yet.
    """
    table = _FAMILIES.get(family, {})
    if name not in table:
        raise InvalidParameter(problem(family, "a known name", repr(name), did_you_mean(name, table, listing(family))))
    return table[name]


def names(family: str) -> list[str]:
    """All names of a family, sorted."""
    return sorted(_FAMILIES.get(family, {}))


def listing(family: str) -> str:
    """The command that shows all names of a family; "" where none does.

    Examples
    --------
    >>> listing("loss"), listing("user")
    ('netwright list losses', '')
    """
    return f"netwright list {LISTED[family]}" if family in LISTED else ""


def families() -> list[str]:
    """All families, sorted."""
    return sorted(_FAMILIES)


def register(name: str) -> Callable[[Any], Any]:
    """Give a factory or function of your own a name, so that networks that use it can be saved and loaded.

    Parameters
    ----------
    name : the name in files; the same line must run before a file that names it is loaded.

    Examples
    --------
    >>> import netwright as nw
    >>> @nw.register("my_block")
    ... def my_block():
    ...     import torch
    ...     return torch.nn.Linear(4, 2)
    """

    if not isinstance(name, str) or not name:
        raise InvalidParameter(problem("register(name)", "a name", shown(name), 'Write @register("a name").'))

    def decorate(thing: Any) -> Any:
        enter("user", name, thing)
        return thing

    return decorate


def registered_name(thing: Any) -> str | None:
    """The name under which a user's thing was registered, or None."""
    for name, known in _FAMILIES.get("user", {}).items():
        if known is thing:
            return name
    return None


def _origin(thing: Any) -> str:
    """Where a thing was defined; things without a name of their own (partials) are each their own origin."""
    if hasattr(thing, "__qualname__"):
        return f"{thing.__module__}.{thing.__qualname__}"
    return f"{shown(thing)} at {id(thing):#x}"
