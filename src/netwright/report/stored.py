"""What the folder of a run has for its report: the model, the evaluation, run.json and findings.json."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

from netwright import __version__
from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidData, problem, shown
from netwright.files import load
from netwright.report.detection.evaluation import KIND as DETECTION
from netwright.report.detection.evaluation import DetectionEvaluation
from netwright.report.evaluation import Evaluation
from netwright.report.sequences.evaluation import KIND, SequenceEvaluation

MODEL, RUN, EVALUATION, FINDINGS = "model.nw", "run.json", "evaluation.nw", "findings.json"
KINDS: dict[str, Any] = {KIND: SequenceEvaluation, DETECTION: DetectionEvaluation}
_TEXTS = ("code", "level", "stage", "title", "message", "seen", "expected", "why", "do", "reference")
_PACKAGES = ("torch", "numpy", "scikit-learn")


def read_run(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The content of run.json.

    Raises
    ------
    InvalidData : the folder is not there, or it is no run's. CorruptFile : run.json cannot be read.
    """
    path = Path(folder) / RUN
    if not path.is_file():
        got = "no such folder" if not Path(folder).is_dir() else f"a folder without {RUN}"
        where = f"run {os.fspath(folder)!r}"
        raise InvalidData(problem(where, "a folder that `netwright train` wrote", got, "Check the name."))
    return _object_in(path)


def read_findings(folder: str | os.PathLike[str]) -> list[dict[str, Any]] | None:
    """What the checks of a run found, as plain data; None where they were not kept.

    Raises
    ------
    CorruptFile : findings.json is damaged.
    """
    path = Path(folder) / FINDINGS
    if not path.is_file():
        return None
    findings = _object_in(path).get("findings")
    if not _all_findings(findings):
        got = f"{shown(findings)} as its findings"
        raise CorruptFile(problem(str(path), "findings as `netwright train` wrote them", got, "Train again."))
    return findings


def _object_in(path: Path) -> dict[str, Any]:
    """The JSON of a file.

    Raises
    ------
    CorruptFile : it cannot be read, or is no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"a {type(content).__name__}, not an object")
    except (ValueError, RecursionError) as error:
        raise CorruptFile(
            problem(str(path), "JSON as `netwright train` wrote it", str(error), "Train again.")
        ) from error
    return content


def _all_findings(items: Any) -> bool:
    """Whether it is a list of findings as plain data, and so are their consequences."""
    return isinstance(items, list) and all(
        isinstance(each, dict)
        and all(isinstance(each.get(name), str) for name in _TEXTS)
        and all(isinstance(each.get(name), dict) for name in ("evidence", "where"))
        and _is_remedy(each.get("remedy", ...))
        and _all_findings(each.get("consequences"))
        for each in items
    )


def _is_remedy(item: Any) -> bool:
    return item is None or (isinstance(item, dict) and set(item) >= {"object", "argument", "value"})


def open_run(folder: str | os.PathLike[str]) -> tuple[Any, Any, dict[str, Any]]:
    """The fitted estimator, the evaluation and run.json of a folder.

    Raises
    ------
    InvalidData : something is not there. CorruptFile : something is damaged.
    """
    content = read_run(folder)
    for name in (MODEL, EVALUATION):
        if not (Path(folder) / name).is_file():
            got = f"a folder without {name}"
            raise InvalidData(problem(f"run {os.fspath(folder)!r}", "a run's whole folder", got, "Train again."))
    path = Path(folder) / EVALUATION
    evaluation = KINDS.get(storage.read(path).kind, Evaluation)
    return load(Path(folder) / MODEL), evaluation.load(path), content


def versions() -> dict[str, str]:
    """The versions of what computes, of the system, and of Python."""
    found = {"netwright": __version__}
    for name in _PACKAGES:
        found[name] = importlib.metadata.version(name)
    return {**found, "python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
