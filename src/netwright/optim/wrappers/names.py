"""Parameters by the names of their layers: which of them a name or pattern means.

A name means the parameter of that name and all parameters below a layer of that name: "conv1" means "conv1.weight" and
"conv1.bias". In patterns, ``*`` stands for anything, ``?`` for one character and ``[12]`` for one of some; a pattern
means what it matches, or what is below a layer that it matches: "conv*", "*.bias", "block[12].*.weight".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor

from netwright.core.errors import InvalidParameter, did_you_mean, problem
from netwright.core.validation import Constraint, satisfies

NAME: Constraint = satisfies(
    'a name or pattern such as "conv1" or "conv*"', lambda name: isinstance(name, str) and bool(name)
)


def means(pattern: str, name: str) -> bool:
    """Whether a name or pattern means the parameter of this name.

    Parameters
    ----------
    pattern : name of a layer or parameter, or a pattern.
    name : of a parameter, with dots (or slashes) between the layers' names.

    Examples
    --------
    >>> means("conv1", "conv1.weight"), means("conv1", "conv10.weight"), means("*.bias", "conv1.bias")
    (True, False, True)
    """
    return any(fnmatchcase(path, pattern) for path in paths(name))


def paths(name: str) -> list[str]:
    """The name of a parameter and those of the layers above it: "a.b.weight", "a", "a.b"."""
    parts = name.replace("/", ".").split(".")
    return [".".join(parts), *(".".join(parts[:count]) for count in range(1, len(parts)))]


def named_groups(entries: list[Any], where: str) -> list[dict[str, Any]]:
    """Listed parameters as groups of (name, tensor) pairs.

    Parameters
    ----------
    entries : what `netwright.optim.base.listed` gives.
    where : how the message calls the place.

    Raises
    ------
    InvalidParameter : a parameter without a name.
    """
    groups = [dict(entry) for entry in entries] if isinstance(entries[0], Mapping) else [{"params": entries}]
    for item in (item for group in groups for item in group["params"]):
        if isinstance(item, Tensor):
            raise InvalidParameter(
                problem(
                    where,
                    "named parameters",
                    f"a tensor of shape {tuple(item.shape)} without a name",
                    "Give module.named_parameters().",
                )
            )
    return groups


def require_all_mean_something(patterns: Iterable[str], groups: list[dict[str, Any]], where: str) -> None:
    """Raise for the first pattern that means none of the parameters, with the nearest name that does."""
    names = [name for group in groups for name, _ in group["params"]]
    for pattern in patterns:
        if any(means(pattern, name) for name in names):
            continue
        layers = list(dict.fromkeys(path for name in names for path in paths(name)[1:] or [name]))
        close = get_close_matches(pattern, [*layers, *(paths(name)[0] for name in names)], n=1)
        raise InvalidParameter(
            problem(where, "names of layers or parameters", repr(pattern), did_you_mean(pattern, close or layers))
        )
