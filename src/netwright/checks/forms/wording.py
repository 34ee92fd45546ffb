"""What all forms share: a diagnosis as plain data, its order and its counts, and figures as one reads them.

Forms take what `Diagnosis.to_dict` gives, so that a diagnosis that was kept in a file is shown exactly like a new one,
and so that nothing here needs the classes of `netwright.checks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

LISTED = 6  # entries of a list that are shown
LONGEST = 160  # characters of a text in the evidence that are shown
Told = Mapping[str, Any]  # a finding as `Finding.to_dict` gives it


class Diagnosed(Protocol):
    """Anything that gives its findings as plain data: a `Diagnosis`."""

    def to_dict(self) -> dict[str, Any]:
        """As `Diagnosis.to_dict`."""


def in_order(findings: Iterable[Told]) -> list[Told]:
    """The findings with the faults first, otherwise in the order in which they came.

    Parameters
    ----------
    findings : as plain data.
    """
    return sorted(findings, key=lambda each: each["level"] != "fault")


def counts(findings: Iterable[Told]) -> str:
    """How many faults and notes there are.

    Parameters
    ----------
    findings : as plain data; what is folded under them is not counted.

    Examples
    --------
    >>> counts([{"level": "note"}, {"level": "fault"}, {"level": "note"}]), counts([])
    ('1 fault, 2 notes', 'No findings.')
    """
    levels = [each["level"] for each in findings]
    found = {level: levels.count(level) for level in ("fault", "note")}
    said = [f"{number:,} {level}{'s' * (number > 1)}" for level, number in found.items() if number]
    return ", ".join(said) or "No findings."


def figure(item: Any) -> str:
    """A piece of evidence as one reads it: four digits of a number, the beginning of a list.

    Parameters
    ----------
    item : a number, a text, a list or a table of such, of Python, NumPy or torch.

    Examples
    --------
    >>> figure(0.012345678), figure(1794), figure(True), figure([0.5] * 9), figure({"lr": 1e-5})
    ('0.01235', '1,794', 'yes', '0.5, 0.5, 0.5, 0.5, 0.5, 0.5, ... (9)', 'lr 1e-05')
    """
    if hasattr(item, "tolist"):
        return figure(item.tolist())
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, int):
        return f"{item:,}"
    if isinstance(item, float):
        return f"{item:,.0f}" if 1e4 <= abs(item) < 1e9 else f"{item:,.4g}"
    if isinstance(item, Mapping):
        return _listed([f"{name} {figure(part)}" for name, part in item.items()])
    if isinstance(item, (list, tuple, set, frozenset)):
        return _listed([f"({figure(part)})" if isinstance(part, (list, tuple)) else figure(part) for part in item])
    return "-" if item is None else _cut(str(item))


def name_of(key: str) -> str:
    """The name of a piece of evidence as words.

    Parameters
    ----------
    key : such as "left_as_is".
    """
    return str(key).replace("_", " ")


def remedy_of(finding: Told) -> str:
    """What to set to what, as code; "" where only the author of the program can know.

    Parameters
    ----------
    finding : as plain data.

    Examples
    --------
    >>> remedy_of({"remedy": {"object": "optimizer", "argument": "lr", "value": 0.0012345}})
    'optimizer: lr = 0.00123'
    >>> remedy_of({"remedy": {"object": "data", "argument": "drop_rows", "value": [3, 4, 5, 6, 7, 8, 9]}})
    'data: drop_rows = [3, 4, 5, 6, 7, 8, ...]'
    """
    remedy = finding["remedy"]
    return "" if remedy is None else f"{remedy['object']}: {remedy['argument']} = {_code(remedy['value'])}"


def place_of(finding: Told) -> str:
    """Where a finding is, in words; "" where that is not known.

    Parameters
    ----------
    finding : as plain data.

    Examples
    --------
    >>> place_of({"where": {"layer": "0.weight", "line": "train.py:12"}})
    'layer 0.weight, train.py:12'
    """
    return ", ".join(str(part) if name == "line" else f"{name} {part}" for name, part in finding["where"].items())


def sentence(text: str) -> str:
    """A text that ends in a full stop and begins with a capital, unless with a name such as ``nn.Linear`` or ``lr``.

    Parameters
    ----------
    text : without either, or with them.

    Examples
    --------
    >>> sentence("the loss is 2.3"), sentence("Stop!"), sentence("p = 0.9 of layer 2"), sentence("")
    ('The loss is 2.3.', 'Stop!', 'p = 0.9 of layer 2.', '')
    """
    text = " ".join(str(text).split())
    first = text.partition(" ")[0]
    plain = first == "a" or (len(first) > 1 and first != "lr" and re.fullmatch(r"[^\W\d_]+(-[^\W\d_]+)*[,:]?", first))
    begun = f"{text[:1].upper()}{text[1:]}" if plain else text
    return begun if not begun or begun.rstrip("\"')")[-1:] in (".", "!", "?", ":") else f"{begun}."


def _listed(parts: list[str]) -> str:
    more = f", ... ({len(parts):,})" if len(parts) > LISTED else ""
    return _cut(", ".join(parts[:LISTED])) + more


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _code(value: Any) -> str:
    """A value as Python writes it, lists cut short."""
    if hasattr(value, "tolist"):
        return _code(value.tolist())
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, (list, tuple)):
        more = ", ..." if len(value) > LISTED else ""
        return f"[{', '.join(map(_code, value[:LISTED]))}{more}]"
    return _cut(repr(value))
