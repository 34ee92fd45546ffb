"""A finding: one cause with its figures, and the remedy as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netwright.checks.codes import CODES

FAULT, NOTE = "fault", "note"
STAGES = ("data", "start", "steps", "run", "after")  # when a finding can be seen


@dataclass(frozen=True)
class Remedy:
    """What to change, as data: an argument of an object, and its new value.

    Parameters
    ----------
    object : "data", "target", "loader", "module", "loss", "optimizer", "scheduler" or "loop".
    argument : of the object, such as "lr" or "shuffle"; "remove" takes a layer out.
    value : the new value, such as 0.01, or the name of the layer.
    """

    object: str
    argument: str
    value: Any = None

    def __str__(self) -> str:
        value = f"{self.value:.3g}" if isinstance(self.value, float) else repr(self.value)
        return f"{self.object}: {self.argument} = {value}"


@dataclass(frozen=True)
class Where:
    """Where a finding is: each part only where it is known.

    Parameters
    ----------
    layer : path of a module or name of a parameter.
    column, row : of the data, counted from 0.
    line : file:line.
    step : of the training, counted from 0.
    """

    layer: str | None = None
    column: int | str | None = None
    row: int | None = None
    line: str | None = None
    step: int | None = None

    def __str__(self) -> str:
        parts = (f"{name} {value}" for name, value in vars(self).items() if value is not None)
        return ", ".join(parts)


@dataclass(frozen=True)
class Finding:
    """One cause: what was seen and expected, why it matters, what to do.

    Parameters
    ----------
    code : its stable name, one of `netwright.checks.codes.CODES`.
    level : "fault" (training or its score is spoiled) or "note" (worth knowing; a right program may have it).
    seen : what was seen, with its figure.
    expected : what a right program shows, with its figure.
    do : what to do, one sentence.
    evidence : the figures by name.
    remedy : the same as data, or None where only its author can know.
    where : layer, column, row or source line.
    consequences : findings that follow from this one.
    stage : when it was seen, one of "data", "start", "steps", "run", "after".

    Attributes
    ----------
    message : all of it in one paragraph. title, why, reference : as the table of codes has them.
    """

    code: str
    level: str
    seen: str
    expected: str
    do: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    remedy: Remedy | None = None
    where: Where = field(default_factory=Where)
    consequences: tuple[Finding, ...] = ()
    stage: str = "start"

    @property
    def title(self) -> str:
        """The cause in a few words."""
        return CODES[self.code].title

    @property
    def why(self) -> str:
        """Why it matters."""
        return CODES[self.code].why

    @property
    def reference(self) -> str:
        """Who described it."""
        return CODES[self.code].reference

    @property
    def message(self) -> str:
        """What was seen and expected, why it matters and what to do."""
        return f"{self.seen}; expected {self.expected}. {_sentence(self.why)} {self.do}"

    def __str__(self) -> str:
        place = f" ({self.where})" if str(self.where) else ""
        return f"{self.level} {self.code}{place}: {self.message}"

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        remedy = None if self.remedy is None else dict(vars(self.remedy))
        where = {name: value for name, value in vars(self.where).items() if value is not None}
        return {
            "code": self.code,
            "level": self.level,
            "stage": self.stage,
            "title": self.title,
            "message": self.message,
            "seen": self.seen,
            "expected": self.expected,
            "why": self.why,
            "do": self.do,
            "evidence": dict(self.evidence),
            "remedy": remedy,
            "where": where,
            "reference": self.reference,
            "consequences": [each.to_dict() for each in self.consequences],
        }


def fault(code: str, seen: str, expected: str, do: str, **rest: Any) -> Finding:
    """A finding that says: this spoils the training or its score."""
    return Finding(code, FAULT, seen, expected, do, **rest)


def note(code: str, seen: str, expected: str, do: str, **rest: Any) -> Finding:
    """A finding that says: worth knowing, a right program may have it."""
    return Finding(code, NOTE, seen, expected, do, **rest)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
