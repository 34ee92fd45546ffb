"""A diagnosis: findings with the root cause first and its consequences folded under it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netwright.checks.applying import applied
from netwright.checks.codes import CODES
from netwright.checks.finding import FAULT, NOTE, STAGES, Finding
from netwright.checks.forms.html import fragment
from netwright.checks.forms.sarif import sarif
from netwright.core.errors import InvalidParameter, did_you_mean, problem


@dataclass(frozen=True)
class Signal:
    """A figure that a check looked at, whether or not it found something.

    Attributes
    ----------
    value : the figure.
    limit : beyond it a finding is made.
    code : of that finding.
    """

    value: float
    limit: float
    code: str


@dataclass(frozen=True)
class Diagnosis:
    """What the checks found, the root cause first.

    Attributes
    ----------
    findings : root causes before symptoms, faults before notes; what follows from a cause is among its consequences.
    faults, notes : those of each level. ok : whether there is no fault.
    signals : the figures that the checks looked at, by name.
    """

    findings: tuple[Finding, ...] = ()
    signals: Mapping[str, Signal] = field(default_factory=dict)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings of level "fault", root cause first."""
        return tuple(each for each in self.findings if each.level == FAULT)

    @property
    def notes(self) -> tuple[Finding, ...]:
        """The findings of level "note"."""
        return tuple(each for each in self.findings if each.level == NOTE)

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return not self.faults

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the faults, root cause first."""
        return tuple(each.code for each in self.faults)

    def __str__(self) -> str:
        if not self.findings:
            return "No findings."
        return "\n".join(line for each in self.findings for line in _lines(each))

    def _repr_html_(self) -> str:
        return fragment(self)

    def apply(self, estimator: Any) -> Any:
        """A clone of an estimator with the remedy of the first fault carried out; the estimator itself stays as it is.

        Of several remedies of that fault, the one with which a trial left the least is taken.

        Parameters
        ----------
        estimator : a `Classifier` or `Regressor`, fitted or not, or a pipeline that ends with one. What scales its data
            comes back as a pipeline.

        Raises
        ------
        InvalidParameter : no fault, one whose remedy is no argument of an estimator, or another estimator.
        """
        return applied(estimator, self.faults)

    def to_html(self) -> str:
        """The findings as an HTML fragment, without scripts."""
        return self._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as plain data."""
        signals = {name: dict(vars(each)) for name, each in self.signals.items()}
        return {"ok": self.ok, "findings": [each.to_dict() for each in self.findings], "signals": signals}

    def to_json(self) -> str:
        """The diagnosis as JSON text; numbers that are not finite are written as text."""
        return json.dumps(plain(self.to_dict()), indent=2, allow_nan=False)

    def to_sarif(self) -> str:
        """The diagnosis in the format that code hosts show beside a change (SARIF 2.1.0)."""
        return json.dumps(plain(sarif(self)), indent=2, allow_nan=False)


def diagnose(findings: Iterable[Finding], ignore: Iterable[str] = (), signals: Any = None) -> Diagnosis:
    """Put findings in order and fold what follows from a cause under it.

    Parameters
    ----------
    findings : in any order.
    ignore : codes of findings that are left out.
    signals : the figures that were looked at.

    Raises
    ------
    InvalidParameter : a code that does not exist.
    """
    left_out = known_codes(ignore)
    ordered = sorted((each for each in findings if each.code not in left_out), key=_order)
    return Diagnosis(_folded(ordered), dict(signals or {}))


def known_codes(names: Iterable[str]) -> frozenset[str]:
    """The codes, if all of them exist.

    Parameters
    ----------
    names : of codes.

    Raises
    ------
    InvalidParameter : one that does not exist.
    """
    names = frozenset([names] if isinstance(names, str) else names)
    for name in sorted(map(str, names)):
        if name not in CODES:
            remedy = did_you_mean(name, CODES, "netwright list checks")
            raise InvalidParameter(problem("ignore", "codes of findings", repr(name), remedy))
    return names


def plain(item: Any) -> Any:
    """Evidence as JSON can hold it: numbers of NumPy and torch as Python's, what is not finite as text."""
    if isinstance(item, Mapping):
        return {str(name): plain(part) for name, part in item.items()}
    if isinstance(item, (list, tuple, set, frozenset)):
        return [plain(part) for part in item]
    if hasattr(item, "tolist"):
        return plain(item.tolist())
    if isinstance(item, float) and not (-float("inf") < item < float("inf")):
        return str(item)
    return item if isinstance(item, (str, int, float, bool, type(None))) else str(item)


def _order(finding: Finding) -> tuple[bool, int, bool]:
    return finding.level != FAULT, CODES[finding.code].rank, not finding.evidence


def _follows(later: Finding, cause: Finding) -> bool:
    """Whether one finding is told as a consequence of another: a note never hides a fault, nor the late the early."""
    if cause.level == NOTE and later.level == FAULT:
        return False
    if later.code == cause.code or (later.code == "not-examined" and cause.level == FAULT):
        return True
    follows = later.code in CODES[cause.code].hides and STAGES.index(cause.stage) <= STAGES.index(later.stage)
    if not follows:
        return False
    mutual = cause.code in CODES[later.code].hides
    return not mutual or CODES[cause.code].rank < CODES[later.code].rank


def _folded(ordered: list[Finding]) -> tuple[Finding, ...]:
    """Each finding that follows from another goes under the first such cause that stands by itself."""
    hidden = {
        index
        for index, each in enumerate(ordered)
        if any(_follows(each, other) for k, other in enumerate(ordered) if _leads(ordered, k, index))
    }
    roots = [index for index in range(len(ordered)) if index not in hidden] or [0][: len(ordered)]
    hidden -= set(roots)
    under: dict[int, list[Finding]] = {index: [] for index in roots}
    for index in sorted(hidden):
        home = next((root for root in roots if _follows(ordered[index], ordered[root])), roots[0])
        under[home].append(ordered[index])
    return tuple(replace(ordered[index], consequences=_once(ordered[index], under[index])) for index in roots)


def _once(root: Finding, consequences: list[Finding]) -> tuple[Finding, ...]:
    """One consequence of a code, the first; of the code of the root itself all, each with its place and its remedy."""
    first = {each.code: each for each in reversed(consequences)}
    return tuple(each for each in consequences if each.code == root.code or each is first[each.code])


def _leads(ordered: list[Finding], cause: int, later: int) -> bool:
    """Of two findings of one code the first leads; otherwise any other may."""
    return cause < later if ordered[cause].code == ordered[later].code else cause != later


def _lines(finding: Finding) -> Iterable[str]:
    yield str(finding)
    for each in finding.consequences:
        yield f"    {'and' if each.code == finding.code else 'hence'} {each.code}: {each.seen}."
