"""The folder of a run: where it is, and what is written into it.

=================== =====================================================================
model.nw            the fitted estimator
run.json            command, data, split, scores, seconds, seed, versions
history.csv         a row an epoch
findings.json       what the run's own checks found
predictions.csv     a row for each test row: true, predicted, probability
evaluation.nw       the test rows' predictions and some samples, from which a report is made
report.html         the report
checkpoint          where the training is, as long as it lasts or where it was cut
command.json        the command, likewise
=================== =====================================================================
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from netwright.checks import Diagnosis
from netwright.core.atomic import replacing, write_all
from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.report import Evaluation
from netwright.report.stored import MODEL
from netwright.train import History
from netwright.train.history import flatten

HISTORY, PREDICTIONS, REPORT = "history.csv", "predictions.csv", "report.html"
CHECKPOINT, COMMAND = "checkpoint", "command.json"
RUNS = "runs"


def choose_folder(options: Namespace, name: str) -> Path:
    """The folder that a run may write into, made if need be: ``--out``, or the first free runs/<name>-<number>.

    Raises
    ------
    InvalidParameter : ``--out`` has a model already, and ``--force`` does not say to replace it; or it is a file, or a
        folder that cannot be made or written into.
    """
    if options.out is None:
        number = 1
        while True:
            folder = Path(RUNS) / f"{options.name or name}-{number}"
            try:
                return _made(folder, new=True)
            except FileExistsError:
                number += 1
    if not _goes_on(options):
        require_free(options.out, options.force)
    return _made(Path(options.out), new=False)


def _made(folder: Path, new: bool) -> Path:
    """The folder, made and open for writing; FileExistsError where it is to be `new` and is there."""
    try:
        folder.mkdir(parents=True, exist_ok=not new)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "it may not be written into"
    except OSError as error:
        if new and isinstance(error, FileExistsError):
            raise
        reason = error.strerror or type(error).__name__
    if reason:
        remedy = "Choose another folder: --out DIR."
        raise InvalidParameter(problem("--out", "a folder for the run", f"{str(folder)!r}: {reason}", remedy))
    return folder


def require_free(out: str | None, force: bool) -> None:
    """Raise unless a run may write into the folder; for asking before the training rather than after it."""
    if out is None:
        return
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InvalidParameter(problem("--out", "a folder", f"the file {out!r}", "Give another name."))
    if (folder / MODEL).exists() and not force:
        remedy = "Choose another folder, or add --force to replace it."
        raise InvalidParameter(problem("--out", "a folder without a model", f"{out!r}, which has {MODEL}", remedy))


def resumed(options: Namespace) -> Namespace:
    """The options of the run that is to go on, from its folder; other options as they are, if their folder is free.

    Raises
    ------
    InvalidParameter : no data, or a folder that has no run that was cut. InvalidData : the folder of the data is gone.
    """
    if not _goes_on(options):
        if options.data is None:
            raise InvalidParameter(problem("netwright train", "DATA", "none", "netwright train --help lists it."))
        require_free(options.out, options.force)
        return options
    folder = Path(options.resume or options.out or "")
    if not (folder / COMMAND).is_file():
        remedy = "Name the folder of a run that was cut: --resume DIR."
        raise InvalidParameter(problem("--resume", f"a folder with {COMMAND}", repr(str(folder)), remedy))
    if options.data is None:
        begun, folder = read_json(folder / COMMAND), folder.resolve()
        try:
            os.chdir(str(begun.get("folder")))
        except OSError as error:
            raise InvalidData(problem(f"{folder / COMMAND}", "the folder of its run", f"{error}")) from error
        words = [str(word) for word in begun.get("words", ())]
        options.__dict__.update(vars(options.parse(words)), words=words)
        if options.data is None:
            remedy = "Train anew; the folder's checkpoint stays as it is."
            raise InvalidParameter(
                problem(f"{folder / COMMAND}", "the words of a run with its DATA", f"{words}", remedy)
            )
    options.out, options.resume = str(folder), str(folder)
    return options


def _goes_on(options: Namespace) -> bool:
    """Whether a run that was cut is to go on; of other commands than `train` none is."""
    return getattr(options, "resume", None) is not None


@contextmanager
def in_training(folder: Path, estimator: Any, options: Namespace) -> Iterator[None]:
    """A training that is written down in the folder of its run; where it fails at once the folder does not stay.

    Parameters
    ----------
    folder : of the run. estimator : that is about to be fitted. options : of the command line.
    """
    goes_on = _goes_on(options)
    if not goes_on:  # the words with which it began stay, so that it can be cut and go on again
        write_json(folder / COMMAND, {"words": options.words, "folder": os.getcwd()})
    estimator.set_params(checkpoint=str(folder / CHECKPOINT), resume=goes_on)
    try:
        yield
    except SystemExit:
        print(f"netwright: asked to end; go on with: netwright train --resume {folder}", file=sys.stderr)
        raise
    except BaseException:
        if not (folder / CHECKPOINT).exists() and not goes_on:
            (folder / COMMAND).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()  # it stays if there is something in it
        raise
    finally:
        estimator.set_params(checkpoint=None, resume=True)  # they are the command's, not the model's


def end_training(folder: Path) -> None:
    """Remove what a run needs to go on; it is at its end, and everything is written."""
    shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)
    (folder / COMMAND).unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replacing(path) as file:
        write_all(file, text.encode())


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write plain data as JSON; numbers that JSON lacks become null."""
    write_text(path, json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote, {} where there is no such file or nothing like it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_history(path: Path, history: History) -> None:
    """A row an epoch; update ratios and dead units are spread over columns."""
    records = [flatten(record) for record in history]
    names = list(dict.fromkeys(name for record in records for name in record))
    write_text(path, to_csv(names, ([record.get(name, "") for name in names] for record in records)))


def write_findings(path: Path, diagnosis: Diagnosis) -> None:
    """What the checks of a run found."""
    write_text(path, diagnosis.to_json() + "\n")


def report_wanted(folder: Path, no_report: bool) -> bool:
    """Whether a report is wanted and can be drawn; one of an earlier run does not stay.

    Parameters
    ----------
    folder : of the run. no_report : whether the user wants none.
    """
    (folder / REPORT).unlink(missing_ok=True)
    if not no_report and find_spec("matplotlib") is None:
        warnings.warn("report.html is not written: it needs matplotlib, pip install 'netwright[plots]'.", stacklevel=3)
        return False
    return not no_report


def write_predictions(path: Path, evaluation: Evaluation, files: Sequence[str]) -> None:
    """A row for each row of the evaluation."""
    names = ["row", *(["file"] if files else []), "true", "predicted"]
    columns: list[Iterable[Any]] = [evaluation.rows.tolist()]
    if files:
        columns.append(files)
    if evaluation.task == "classify":
        columns += [[evaluation.classes[code] for code in codes] for codes in (evaluation.true, evaluation.predicted)]
    else:
        columns += [evaluation.true.tolist(), evaluation.predicted.tolist()]
    if evaluation.probability is not None:
        names.append("probability")
        columns.append(f"{p:.6g}" for p in evaluation.probability[:, 0].tolist())
    write_text(path, to_csv(names, zip(*columns, strict=True)))


def to_csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as the text of a CSV file."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return stream.getvalue()


def model_path(text: str) -> Path:
    """The model file that a text names: the file itself, or model.nw of a run's folder.

    Raises
    ------
    InvalidData : there is none.
    """
    path = Path(text)
    if path.is_dir():
        path = path / MODEL
    if not path.is_file():
        got = f"a folder without {MODEL}" if Path(text).is_dir() else "no such file"
        remedy = "`netwright train` writes one."
        raise InvalidData(problem(f"model {text!r}", "a model file or the folder of a run", got, remedy))
    return path


def _finite(item: Any) -> Any:
    if isinstance(item, dict):
        return {str(key): _finite(part) for key, part in item.items()}
    if isinstance(item, (list, tuple)):
        return [_finite(part) for part in item]
    return None if isinstance(item, float) and not math.isfinite(item) else item
