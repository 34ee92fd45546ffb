"""Findings as text for a terminal: a block each, the faults first, and a summary as the last line."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

from netwright.checks.forms.rows import table_of, told_in
from netwright.checks.forms.wording import Diagnosed, Told, counts, in_order, place_of, remedy_of, sentence

INDENT, MARGIN = 2, 12  # characters before a name, and before what it names
LINES, PLAIN = 20, 40  # rows of the data that are listed, with what is known of them and as bare numbers
LEAST, SPARE = 40, 1  # a narrower terminal is written to as if it had so many columns; the last column stays free


def text(diagnosis: Diagnosed, width: int = 80, bold: Callable[[str], str] = str) -> str:
    """All findings as paragraphs, and how many there are.

    Parameters
    ----------
    diagnosis : what was found. width : of a line. bold : makes the head of a finding stand out.

    Examples
    --------
    >>> from netwright.checks import Diagnosis
    >>> print(text(Diagnosis()))
    No findings.
    """
    findings = in_order(diagnosis.to_dict()["findings"])
    blocks = ["\n".join(_block(each, max(width, LEAST) - SPARE, bold)) for each in findings]
    return "\n\n".join([*blocks, counts(findings)])


def headline(finding: Told) -> str:
    """A finding in one line: its code, its title, and where it is.

    Parameters
    ----------
    finding : as plain data.

    Examples
    --------
    >>> headline({"code": "dead-units", "title": "units that are off for every row", "where": {"layer": "2"}})
    'dead-units: units that are off for every row (layer 2)'
    """
    place = place_of(finding)
    return f"{finding['code']}: {finding['title']}{f' ({place})' if place else ''}"


def _block(finding: Told, width: int, bold: Callable[[str], str]) -> Iterator[str]:
    head = f"{finding['level']}  {headline(finding)}"
    yield from map(bold, textwrap.wrap(head, width, subsequent_indent=" " * (len(finding["level"]) + 2)))
    yield from _named("seen", [sentence(finding["seen"])], width)
    yield from _named("expected", [sentence(finding["expected"])], width)
    yield from _named("why", [sentence(finding["why"])], width)
    remedy = remedy_of(finding)
    yield from _named("do", [sentence(finding["do"]), *([f"[{remedy}]"] if remedy else [])], width)
    yield from _rows(finding, width)
    hence = [f"{each['code']}: {sentence(each['seen'])}" for each in finding["consequences"]]
    yield from _named("hence", hence, width)


def _rows(finding: Told, width: int) -> Iterator[str]:
    """The rows of the data that are named, unless it is said already what to do with all of them."""
    table = table_of(finding)
    if not table or told_in(finding["do"], table):
        return
    listed = table.lines[: PLAIN if table.plain else LINES]
    left = table.count - len(listed)
    more = [f"and {left:,} more"] if left else []
    if table.plain:
        yield from _named("rows", [", ".join([*(row for (row,) in listed), *more])], width)
        return
    lines = list(_aligned([table.names, *listed]))
    if max(map(len, lines)) > width - MARGIN:
        lines = [", ".join(map(" ".join, zip(table.names, line, strict=True))) for line in listed]
    yield from _named("rows", [*lines, *more], width)


def _aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table, the first column at the left and the others at the right of their columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *rest in lines:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells])


def _named(name: str, paragraphs: Iterable[str], width: int) -> Iterator[str]:
    """Paragraphs with a name at the margin of the first line."""
    label, margin = f"{' ' * INDENT}{name}".ljust(MARGIN), " " * MARGIN
    for paragraph in paragraphs:
        lines = textwrap.wrap(paragraph, width, initial_indent=label, subsequent_indent=margin, break_on_hyphens=False)
        yield from lines
        label = margin
