"""Modules that need a class of their own in the code, and what one class is for those that are alike.

Blocks of one form differ in sizes: what differs becomes an argument of the class, called what it is, and arguments that
always agree become one. So the blocks of a residual network are one class ``Residual(in_channels, out_channels, ...)``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netwright.graph.source.code import (
    WIDTH,
    Call,
    Constant,
    Items,
    Name,
    Piece,
    constants,
    replaced,
    skeleton,
    written,
)

QUOTES = '"""'
LONG = 60  # characters of a constant that stays in the class


@dataclass(eq=False)
class Node:
    """A module that needs a class.

    Parameters
    ----------
    name : that the class would have. base : of the class, with the arguments of its constructor.
    docstring : of the class, or "". methods : their texts. own : whether the class is copied from the library.

    Attributes
    ----------
    lines : of the constructor, (attribute, piece), or ("", piece) for a call that stands alone.
    call : makes the module.
    """

    name: str
    methods: tuple[str, ...] = ()
    docstring: str = ""
    base: str = "nn.Module"
    start: Call = field(default_factory=lambda: Call("super().__init__"))
    own: bool = False
    lines: list[tuple[str, Any]] = field(default_factory=list)
    call: Call | None = None

    @property
    def height(self) -> int:
        """How many classes stand below each other in it."""
        return 1 + max((node.height for _, piece in self.lines for node in nodes_in(piece)), default=0)

    def settled(self) -> list[tuple[str, Piece]]:
        """The lines with calls for the nodes in them."""
        return [("", self.start), *((name, _called(piece)) for name, piece in self.lines)]


def nodes_in(piece: Any) -> Iterator[Node]:
    """The nodes that stand in a piece."""
    if isinstance(piece, Node):
        yield piece
    elif isinstance(piece, Call):
        for _, part in piece.arguments:
            yield from nodes_in(part)
    elif isinstance(piece, Items):
        for part in piece.items:
            yield from nodes_in(part)


def all_nodes(node: Node) -> Iterator[Node]:
    """A node and all in it, the innermost first."""
    for _, piece in node.lines:
        for inner in nodes_in(piece):
            yield from all_nodes(inner)
    yield node


def classes_of(root: Node, taken: set[str]) -> Iterator[str]:
    """The texts of the classes of a network; each node knows its call afterwards.

    Parameters
    ----------
    root : the network. taken : names that the code has already.
    """
    nodes = list(dict.fromkeys(all_nodes(root)))
    for height in range(1, root.height + 1):
        groups: dict[Any, list[Node]] = {}
        for node in nodes:
            if node.height == height:
                form = tuple((name, skeleton(piece)) for name, piece in node.settled())
                groups.setdefault((node.name, node.base, node.methods, form), []).append(node)
        for group in groups.values():
            name = _free_name(group[0].name, taken)
            taken.add(name)
            yield _class(name, group)


def _called(piece: Any) -> Piece:
    if isinstance(piece, Node):
        assert piece.call is not None
        return piece.call
    if isinstance(piece, Call):
        return Call(piece.function, tuple((keyword, _called(part)) for keyword, part in piece.arguments))
    return Items(tuple(map(_called, piece.items))) if isinstance(piece, Items) else piece


def _free_name(name: str, taken: set[str]) -> str:
    number, wanted = 1, name
    while wanted in taken:
        number += 1
        wanted = f"{name}{number}"
    return wanted


def _class(name: str, group: list[Node]) -> str:
    """The text of the class that all nodes of a group share; their calls are settled."""
    lines = group[0].settled()
    values = [[each for _, piece in node.settled() for each in constants(piece)] for node in group]
    columns = list(zip(*values, strict=True))
    arguments: dict[Any, str] = {}
    pieces: list[Piece] = []
    for column in columns:
        if not _is_argument(column, group[0].own):
            pieces.append(column[0])
            continue
        key = (tuple(repr(each.value) for each in column), column[0].role if group[0].own else "")
        if key not in arguments:
            arguments[key] = _free_name(column[0].role or "value", set(arguments.values()))
        pieces.append(Name(arguments[key]))
    source = iter(pieces)
    body = [(attribute, replaced(piece, source)) for attribute, piece in lines]
    firsts = {
        arguments[key]: place
        for place, key in reversed(list(enumerate(_keys(columns, group[0].own))))
        if key in arguments
    }
    for number, node in enumerate(group):
        given = [
            (argument, Constant(columns[firsts[argument]][number].value, argument)) for argument in arguments.values()
        ]
        node.call = Call(name, tuple((argument if len(given) > 1 else "", each) for argument, each in given))
    return _text(name, group[0], list(arguments.values()), body)


def _keys(columns: list[tuple[Constant, ...]], own: bool) -> list[Any]:
    return [(tuple(repr(each.value) for each in column), column[0].role if own else "") for column in columns]


def _is_argument(column: tuple[Constant, ...], own: bool) -> bool:
    """Whether a constant is handed to the class: it differs, or says what a layer of the library does."""
    if len({repr(each.value) for each in column}) > 1:
        return True
    value = column[0].value
    return own and bool(column[0].role) and value is not None and value is not True and len(repr(value)) < LONG


def _text(name: str, node: Node, arguments: list[str], body: list[tuple[str, Piece]]) -> str:
    """The code of a class."""
    head = f"class {name}({node.base}):"
    text = f'    """{node.docstring}"""'
    text = text if len(text) <= WIDTH else f'{text.removesuffix(QUOTES)}\n    """'
    parts = [f"{head}\n{text}" if node.docstring else head]
    lines = []
    for attribute, piece in body:
        start = f"        self.{attribute} = " if attribute else "        "
        lines.append(start + written(piece, len(start), 8))
    head = f"    def __init__({', '.join(['self', *arguments])}):"
    if len(head) > WIDTH:
        listed = textwrap.wrap(", ".join(["self", *arguments]), WIDTH - 8)
        head = "\n".join(["    def __init__(", *(f"        {line}" for line in listed), "    ):"])
    method = "\n".join([head, *lines])
    plain = len(lines) == 1 and not arguments
    parts += ([] if plain and node.base == "nn.Module" else [method]) + [_indented(text) for text in node.methods]
    first = parts[0] + ("\n\n" if node.docstring else "\n") + parts[1]
    return "\n\n".join([first, *parts[2:]])


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())
