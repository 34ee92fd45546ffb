"""What a space may hold besides ranges: lists of choices, and networks that are made of several drawn numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.estimators.tuning.ranges import Range

LABEL = 80  # characters of the name of a choice that is no number and no text
_FIELD = re.compile(r"\{(\w+)\}")
_WAYS = "a range such as nw.log_uniform(1e-5, 0.1), or a list of choices"


@dataclass(frozen=True, repr=False, eq=False)
class Choices:
    """One of a list of things, each alike: numbers, texts, None, layers, whole networks, functions.

    Parameters
    ----------
    options : the things.
    labels : what stands for them in storage and tables: themselves where it can, else their text.
    """

    options: tuple[Any, ...]
    labels: tuple[Any, ...]

    def value(self, drawn: Any) -> Any:
        """The thing for the estimator that a label stands for."""
        return self.options[self.index(drawn)]

    def index(self, drawn: Any) -> int:
        """The place of a label in the list; 1, 1.0 and True are three different ones."""
        places = [i for i, label in enumerate(self.labels) if label == drawn and type(label) is type(drawn)]
        return places[0] if places else self.labels.index(drawn)

    def share(self, drawn: Any) -> float:
        """The place of a label in the list as a number in [0, 1]."""
        return self.index(drawn) / max(len(self.labels) - 1, 1)

    def narrowed(self, drawn: Sequence[Any]) -> Choices:
        """Those of the list that are among the drawn labels, in the same order."""
        kept = sorted({self.index(item) for item in drawn})
        return Choices(tuple(self.options[i] for i in kept), tuple(self.labels[i] for i in kept))

    def __repr__(self) -> str:
        return f"[{', '.join(shown(option, LABEL) for option in self.options)}]"


@dataclass(frozen=True)
class Varied:
    """A thing that is made of drawn numbers: what `varied` gives.

    Parameters
    ----------
    make : a text with names in braces, or a function of the drawn values by name.
    parts : what each name may be.
    """

    make: str | Callable[..., Any]
    parts: Mapping[str, Range | Choices]

    def made(self, values: Mapping[str, Any]) -> Any:
        """The thing that some values of the parts make."""
        if not isinstance(self.make, str):
            return self.make(**values)
        return _FIELD.sub(lambda field: _written(values[field[1]]), self.make)


def varied(make: str | Callable[..., Any], **parts: Any) -> Varied:
    """A parameter that is made of several drawn ones, such as a network of a width, a depth and a dropout.

    Parameters
    ----------
    make : a text with the names of parts in braces, such as a layer pattern, or a function that takes them by name.
    **parts : what each may be: a range, or a list of choices.

    Raises
    ------
    InvalidParameter : names in the text that have no range, or ranges that the text does not name.

    Examples
    --------
    >>> from netwright.estimators.tuning.ranges import integers, uniform
    >>> varied("INPUT -> [FC{width} -> RELU]*{depth} -> FC", width=[32, 128], depth=integers(1, 3)).make
    'INPUT -> [FC{width} -> RELU]*{depth} -> FC'
    >>> sorted(varied(lambda width, dropout: ..., width=[32, 128], dropout=uniform(0, 0.5)).parts)
    ['dropout', 'width']
    """
    if not (isinstance(make, str) or callable(make)):
        expected = "a text with names in braces, or a function"
        raise InvalidParameter(problem("varied(make)", expected, shown(make), "Such as '[FC{width} -> RELU]*2 -> FC'."))
    read = {name: axis_of(f"varied({name})", item) for name, item in parts.items()}
    if not read:
        raise InvalidParameter(problem(f"varied({shown(make)})", "at least one name with a range", "none"))
    if isinstance(make, str):
        named = _FIELD.findall(make)
        for name in [*named, *read]:
            if name not in read or name not in named:
                expected = "a range for each name in braces, and no other"
                raise InvalidParameter(problem(f"varied({make!r})", expected, repr(name), did_you_mean(name, named)))
    return Varied(make, read)


def axis_of(where: str, item: Any) -> Range | Choices:
    """A range as it is, anything else as choices.

    Raises
    ------
    InvalidParameter : an empty list, or something whose meaning would have to be guessed.
    """
    if isinstance(item, Range):
        return item
    if isinstance(item, Choices):
        return item
    if isinstance(item, (list, range)) or (isinstance(item, np.ndarray) and item.ndim == 1):
        options = [_python(option) for option in item]
        if not options:
            raise InvalidParameter(problem(where, _WAYS, "an empty list", "Give it at least one choice."))
        return Choices(tuple(options), _labels(where, options))
    if isinstance(item, (tuple, set, frozenset, dict, np.ndarray)) or hasattr(item, "rvs"):
        remedy = f"One thing that is always taken is a list of one: [{shown(item, 40)}]."
        if isinstance(item, tuple) and len(item) == 2 and all(isinstance(end, (int, float)) for end in item):
            remedy = f"Write nw.uniform{item} or nw.log_uniform{item} for a range. {remedy}"
        if hasattr(item, "rvs"):
            remedy = "Write it as nw.uniform, nw.log_uniform or nw.integers."
        raise InvalidParameter(problem(where, _WAYS, shown(item), remedy))
    single = [_python(item)]  # a number, a text, a layer: always that
    return Choices(tuple(single), _labels(where, single))


def _python(option: Any) -> Any:
    return option.item() if isinstance(option, np.generic) else option


def _labels(where: str, options: list[Any]) -> tuple[Any, ...]:
    """What stands for the options: themselves where all can be stored and told apart, else their texts."""
    if all(_is_storable(option) for option in options):
        if len({(option, type(option)) for option in options}) < len(options):
            twice = next(option for i, option in enumerate(options) if (option, type(option)) in _kinds(options[:i]))
            raise InvalidParameter(problem(where, "different choices", f"{twice!r} twice", "Leave one of them out."))
        if len(set(options)) == len(options):  # 1, 1.0 and True are one to a storage
            return tuple(options)
    labels: list[str] = []
    for option in options:
        text = option if isinstance(option, str) else getattr(option, "__name__", "") or shown(option, LABEL)
        labels.append(text if text not in labels else f"{text} #{len(labels) + 1}")
    return tuple(labels)


def _kinds(options: list[Any]) -> set[tuple[Any, type]]:
    return {(option, type(option)) for option in options}


def _is_storable(option: Any) -> bool:
    if isinstance(option, float):
        return math.isfinite(option)
    if isinstance(option, int):
        return abs(option) < 2**53
    return option is None or isinstance(option, str)


def _written(value: Any) -> str:
    """A value as it stands in a pattern: numbers with four digits and without exponents."""
    return f"{Decimal(f'{value:.4g}'):f}" if isinstance(value, float) else str(value)
