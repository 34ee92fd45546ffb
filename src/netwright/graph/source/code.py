"""Pieces of code that know their constants: calls, attributes, and how they are laid out in lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 120  # columns of a line


@dataclass(frozen=True)
class Constant:
    """A number, text or tuple in code, with a name for what it is.

    Parameters
    ----------
    value : what is written by its repr. role : what an argument with this value would be called.
    """

    value: Any
    role: str = ""


@dataclass(frozen=True)
class Name:
    """A name, such as that of an argument or a function."""

    text: str


@dataclass(frozen=True)
class Call:
    """A call: what is called, and (keyword or "", piece) pairs."""

    function: str
    arguments: tuple[tuple[str, Piece], ...] = ()


@dataclass(frozen=True)
class Items:
    """A list of pieces."""

    items: tuple[Piece, ...]


Piece = Constant | Name | Call | Items


def constants(piece: Piece) -> Iterator[Constant]:
    """All constants of a piece from left to right."""
    if isinstance(piece, Constant):
        yield piece
    for part in _parts(piece):
        yield from constants(part)


def replaced(piece: Piece, new: Iterator[Piece]) -> Piece:
    """A piece with other pieces for its constants, in order."""
    if isinstance(piece, Constant):
        return next(new)
    if isinstance(piece, Call):
        return Call(piece.function, tuple((keyword, replaced(part, new)) for keyword, part in piece.arguments))
    return Items(tuple(replaced(part, new) for part in piece.items)) if isinstance(piece, Items) else piece


def skeleton(piece: Piece) -> Piece:
    """A piece without the values of its constants: equal for pieces that differ in them alone."""
    return replaced(piece, (Constant(None, each.role) for each in constants(piece)))


def _parts(piece: Piece) -> Sequence[Piece]:
    if isinstance(piece, Call):
        return [part for _, part in piece.arguments]
    return piece.items if isinstance(piece, Items) else ()


def written(piece: Piece, column: int = 0, indent: int = 0) -> str:
    """The code of a piece, over several lines where one is too short for it.

    Parameters
    ----------
    piece : what is written. column : where it begins. indent : of the line that it stands in.

    Examples
    --------
    >>> print(written(Call("nn.Linear", (("", Constant(3)), ("bias", Constant(False))))))
    nn.Linear(3, bias=False)
    """
    if isinstance(piece, Constant):
        return _wrapped(_literal(piece.value), column, indent)
    if isinstance(piece, Name):
        return piece.text
    opening, closing = ("[", "]") if isinstance(piece, Items) else (f"{piece.function}(", ")")
    named = piece.arguments if isinstance(piece, Call) else [("", item) for item in piece.items]
    line = opening + ", ".join(_argument(keyword, part, 0, 0) for keyword, part in named) + closing
    if not named or (column + len(line) <= WIDTH and "\n" not in line and not _is_deep(piece)):
        return line
    inner = " " * (indent + 4)
    lines = [f"{inner}{_argument(keyword, part, indent + 4, indent + 4)}," for keyword, part in named]
    return "\n".join([opening, *lines, " " * indent + closing])


def _wrapped(text: str, column: int, indent: int) -> str:
    """A long list over several lines."""
    if column + len(text) <= WIDTH or text[0] not in "[(":
        return text
    inner = " " * (indent + 4)
    lines = textwrap.wrap(text[1:-1], WIDTH - indent - 4, break_long_words=False)
    return "\n".join([text[0], *(inner + line for line in lines), " " * indent + text[-1]])


def _is_deep(piece: Piece) -> bool:
    """Whether a piece holds several layers, which stand in lines of their own."""
    if isinstance(piece, Call) and piece.function == "OrderedDict":
        return len(piece.arguments) > 2 or any(_is_deep(part) for part in _parts(piece))
    return any(_is_deep(part) for part in _parts(piece))


def _argument(keyword: str, part: Piece, column: int, indent: int) -> str:
    start = f"{keyword}=" if keyword else ""
    return start + written(part, column + len(start), indent)


def _literal(value: Any) -> str:
    """A constant as code, texts in double quotes."""
    if isinstance(value, str):
        text = repr(value)
        return text if '"' in value or "\\" in text else f'"{text[1:-1]}"'
    if isinstance(value, tuple):
        inside = ", ".join(map(_literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    return repr(value)
