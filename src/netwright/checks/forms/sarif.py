"""Findings as SARIF 2.1.0, the format that code hosts and editors show beside a change.

=================== ===========================================================================================
fault, note         results of level ``error`` and ``note``
a code              a rule: its title, why it matters, and who described it
where, a line       ``physicalLocation``; a path below the current folder is written relative to it
where, the rest     ``logicalLocations`` of the kinds layer, column, row and step
evidence, remedy    ``properties`` of the result, with the stage and the consequences
consequences        named in the message; ``relatedLocations`` where it is known where they are
rows                ``relatedLocations`` of the kind row, with what is known of each
=================== ===========================================================================================

Reference: Static Analysis Results Interchange Format (SARIF) Version 2.1.0, OASIS Standard, 2020.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from netwright import __version__
from netwright.checks.forms.rows import table_of
from netwright.checks.forms.wording import Diagnosed, Told, in_order, sentence

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"fault": "error", "note": "note"}
ROWS = 100  # of the data that are related locations; all that are known are in the properties
PLACES = ("layer", "column", "row", "step")  # parts of a place that are no line of a file


def sarif(diagnosis: Diagnosed, artifact: str | None = None) -> dict[str, Any]:
    """The log of one run of the checks.

    Parameters
    ----------
    diagnosis : what was found.
    artifact : the file that was examined, as the user named it: where findings are shown that have no line of their
        own; None where there is none.

    Examples
    --------
    >>> from netwright.checks import Diagnosis
    >>> log = sarif(Diagnosis())
    >>> log["version"], log["runs"][0]["results"]
    ('2.1.0', [])
    """
    findings = in_order(diagnosis.to_dict()["findings"])
    names = list(dict.fromkeys(each["code"] for each in findings))
    rules = [_rule(next(each for each in findings if each["code"] == name)) for name in names]
    driver = {"name": "netwright", "version": __version__, "semanticVersion": _semantic(__version__), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, names.index(each["code"]), artifact) for each in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(finding: Told) -> dict[str, Any]:
    """The rule of a code; as the faults come first, its level is the highest at which it was found."""
    rule = {
        "id": finding["code"],
        "shortDescription": {"text": _message(sentence(finding["title"]))},
        "fullDescription": {"text": _message(sentence(finding["why"]))},
        "help": {"text": _message(_help(finding))},
        "defaultConfiguration": {"level": LEVELS[finding["level"]]},
    }
    return rule | ({"properties": {"reference": finding["reference"]}} if finding["reference"] else {})


def _help(finding: Told) -> str:
    source = f" Described in {finding['reference']}." if finding["reference"] else ""
    return f"{sentence(finding['title'])} {sentence(finding['why'])}{source}"


def _result(finding: Told, rule: int, artifact: str | None) -> dict[str, Any]:
    hence = "".join(f" Hence {each['code']}: {sentence(each['seen'])}" for each in finding["consequences"])
    result: dict[str, Any] = {
        "ruleId": finding["code"],
        "ruleIndex": rule,
        "level": LEVELS[finding["level"]],
        "message": {"text": _message(finding["message"] + hence)},
        "properties": {
            "stage": finding["stage"],
            "evidence": finding["evidence"],
            "remedy": finding["remedy"],
            "consequences": [
                {name: each[name] for name in ("code", "level", "seen", "where")} for each in finding["consequences"]
            ],
        },
    }
    location = _location(finding["where"], artifact)
    related = [{"id": number} | each for number, each in enumerate(_related(finding), start=1)]
    return result | ({"locations": [location]} if location else {}) | ({"relatedLocations": related} if related else {})


def _related(finding: Told) -> Iterable[dict[str, Any]]:
    """Places of consequences, and the rows of the data that the finding names."""
    for each in finding["consequences"]:
        location = _location(each["where"], None)
        if location:
            yield location | {"message": {"text": _message(f"{each['code']}: {sentence(each['seen'])}")}}
    table = table_of(finding)
    for line in table.lines[:ROWS]:
        said = ", ".join(map(" ".join, zip(table.names, line, strict=True)))
        yield _location({"row": line[0]}, None) | {"message": {"text": _message(said)}}


def _location(where: Told, artifact: str | None) -> dict[str, Any]:
    """Where something is, as far as that is known; {} where it is not."""
    logical = [
        {"name": str(where[kind]), "fullyQualifiedName": f"{kind} {where[kind]}", "kind": kind}
        for kind in PLACES
        if kind in where
    ]
    file, _, number = str(where.get("line", "")).rpartition(":")
    location: dict[str, Any] = {}
    if file and number.isdecimal() and int(number) > 0 and not file.startswith("<"):  # <stdin> is no file
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(file)}, "region": {"startLine": int(number)}}
    elif artifact is not None:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(artifact)}}
    return location | ({"logicalLocations": logical} if logical else {})


def _uri(file: str) -> str:
    """A path as a reference: relative to the current folder where it lies below it, otherwise as it was said."""
    path = Path(file)
    if path.is_absolute():
        here = Path.cwd()
        return quote(path.relative_to(here).as_posix()) if path.is_relative_to(here) else path.as_uri()
    return quote(PurePosixPath(path.as_posix()).as_posix())


def _message(text: str) -> str:
    """A text in which nothing is a placeholder (braces are doubled) or a link (a bracket and a parenthesis parted)."""
    return re.sub(r"\]\(", "] (", text.replace("{", "{{").replace("}", "}}"))


def _semantic(version: str) -> str:
    """A version of Python's form in that of semver.org: 0.1.0.dev0 is 0.1.0-dev0."""
    return re.sub(r"(\d+\.\d+\.\d+)\.?([a-z].*)", r"\1-\2", version)
