"""The words of a layer pattern: which layer a name stands for, what its sizes say, where it stands in the text.

A word is a name and its sizes in one: ``CONV3x64/2`` is the name CONV with a kernel of 3, 64 filters and stride 2.
Names are read in any case. What `netwright.models.pattern` makes of the words is not known here.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from netwright import layers
from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.graph import Layer

Sizes = tuple[Any, ...]  # numbers, None for each that is not said

WIDEST = 100  # characters of the text that an error shows
DIGITS = 9  # of the largest number
EXAMPLES = "a layer such as CONV3x64, FC128, POOL2"
ENTRANCE = "INPUT"
SAME_NAMES = {"MAXPOOL": "POOL", "DROPOUT": "DROP", "BATCHNORM": "BN"}
PLAIN: Mapping[str, Callable[[], Layer]] = {
    "BN": layers.BatchNorm,
    "LRN": layers.LocalResponseNorm,
    "GAP": layers.GlobalPool,
    "FLATTEN": layers.Flatten,
}


@dataclass(frozen=True)
class Place:
    """Where something stands in a text: from `start`, up to and without `stop`."""

    start: int
    stop: int


@dataclass(frozen=True)
class Word:
    """One layer of a pattern: its name in capitals, its sizes, its place."""

    name: str
    sizes: Sizes
    place: Place


@dataclass(frozen=True)
class Form:
    """The sizes that a name takes: in words, and as a function from their text, which gives None where it cannot be."""

    text: str
    read: Callable[[str], Sizes | None]


def pointed(text: str, place: Place) -> str:
    """The text with carets under a place, on two lines; of a long text what is round the place.

    Examples
    --------
    >>> print(pointed("FC -> COMV", Place(6, 10)))
      FC -> COMV
            ^^^^
    """
    line = "".join(c if c.isprintable() else " " for c in text)
    first = 0 if len(line) <= WIDEST else max(0, min(place.start - WIDEST // 3, len(line) - WIDEST))
    cut = line[first : first + WIDEST]
    before, after = "..." if first else "", "..." if first + WIDEST < len(line) else ""
    start = place.start - first
    carets = "^" * max(1, min(place.stop - first, len(cut)) - start)
    return f"  {before}{cut.rstrip()}{after}\n  {' ' * (len(before) + start)}{carets}"


def refusal(text: str, place: Place, expected: str, got: str, remedy: str = "") -> InvalidParameter:
    """The error of a pattern that cannot be, with carets under the place.

    Parameters
    ----------
    text, place : the pattern, and what of it is wrong.
    expected, got, remedy : as of `netwright.core.errors.problem`.
    """
    message = problem("pattern", expected, got, remedy)
    return InvalidParameter(f"{message}\n{pointed(text, place)}")


def read_word(text: str, place: Place) -> Word:
    """The layer that a word of the text stands for.

    Raises
    ------
    InvalidParameter : a name that there is not, sizes that do not belong to the name.

    Examples
    --------
    >>> read_word("Conv3x64/2", Place(0, 10)).sizes, read_word("pool", Place(0, 4)).sizes
    ((3, 64, 2), (None, None))
    """
    written = text[place.start : place.stop]
    letters = written[: next((i for i, c in enumerate(written) if not c.isalpha()), len(written))]
    name = SAME_NAMES.get(letters.upper(), letters.upper())
    size = written[len(letters) :].lower().replace("×", "x")
    if name == ENTRANCE:
        remedy = "The shape of one sample is given beside the text: input_shape, or --input."
        raise refusal(text, place, "INPUT without a size, and only at the beginning", repr(written), remedy)
    if name not in names():
        near = Place(place.start, place.start + len(letters)) if letters else place
        hint = did_you_mean(letters, [*names(), *SAME_NAMES])
        raise refusal(text, near, EXAMPLES, repr(letters or written), hint)
    if name not in FORMS:
        if size:
            remedy = "The width of a dense layer stands behind FC: FC128 -> RELU." if name in activations() else ""
            raise refusal(text, place, f"{name} without a size", repr(written), remedy)
        return Word(name, (), place)
    sizes = FORMS[name].read(size)
    if sizes is None:
        expected = f"{name} alone or with {FORMS[name].text}"
        raise refusal(text, place, expected, shown(written), _meant(name, size))
    return Word(name, sizes, place)


def names() -> list[str]:
    """Every name that a pattern may use, but INPUT."""
    return [*FORMS, *PLAIN, *activations()]


@functools.cache
def activations() -> Mapping[str, Callable[..., Layer]]:
    """Every layer of the library that is an activation, alone or with units, by its name in capitals."""
    return {name.upper(): getattr(layers, name) for name in layers.__all__ if _is_activation(getattr(layers, name))}


def _is_activation(thing: object) -> bool:
    if not (isinstance(thing, type) and issubclass(thing, Layer) and dataclasses.is_dataclass(thing)):
        return False
    return any(field.name == "units" and field.default is None for field in dataclasses.fields(thing))


def _meant(name: str, size: str) -> str:
    """What a single number behind CONV, or a point behind DROP, may have meant; which number is too long."""
    if name == "DROP" and size.startswith(".") and _is_number(size[1:]):
        return f"Write DROP0{size}."
    if max(map(len, re.findall("[0-9]+", size)), default=0) > DIGITS:
        return f"A number has at most {DIGITS} digits."
    both = name == "CONV" and _whole(size) is not None
    return f"Say both: CONV3x{size} has {size} filters, CONV{size}x32 a kernel of {size}." if both else ""


def _conv(size: str) -> Sizes | None:
    """Kernel, filters, stride: "", "3x64", "3x64/2" or "/2"."""
    window, slash, stride = size.partition("/")
    kernel, _, filters = window.partition("x")
    return _wholes((kernel, bool(window)), (filters, bool(window)), (stride, bool(slash)))


def _pool(size: str) -> Sizes | None:
    """Window, stride: "", "3", "3/2" or "/2"."""
    window, slash, stride = size.partition("/")
    return _wholes((window, bool(window)), (stride, bool(slash)))


def _dense(size: str) -> Sizes | None:
    """Units: "" or "128"."""
    return _wholes((size, bool(size)))


def _drop(size: str) -> Sizes | None:
    """The share that is dropped: "" or "0.5"."""
    whole, point, rest = size.partition(".")
    if not size:
        return (None,)
    if not _is_number(whole) or (point and not _is_number(rest)) or float(size) >= 1:
        return None
    return (float(size),)


def _wholes(*parts: tuple[str, bool]) -> Sizes | None:
    """The number of each part that must be there, None for the others; None in all where one cannot be."""
    found = [_whole(part) if needed else None for part, needed in parts]
    wrong = any(needed and number is None for (_, needed), number in zip(parts, found, strict=True))
    return None if wrong else tuple(found)


def _whole(text: str) -> int | None:
    """An integer >= 1, or None."""
    return int(text) or None if _is_number(text) and len(text) <= DIGITS else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


_CONV = "KERNELxFILTERS, /STRIDE or both, such as CONV3x64 or CONV3x64/2"
FORMS: Mapping[str, Form] = {
    "CONV": Form(_CONV, _conv),
    "POOL": Form("a size, a /STRIDE or both, such as POOL2 or POOL3/2", _pool),
    "AVGPOOL": Form("a size, a /STRIDE or both, such as AVGPOOL2 or AVGPOOL3/2", _pool),
    "FC": Form("a number of units, such as FC128", _dense),
    "DROP": Form("a share in [0, 1), such as DROP0.5", _drop),
}
