"""``netwright check DATA``: what would spoil the training that `netwright train` with the same words would make."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path

from netwright.checks import CODES, Diagnosis
from netwright.checks.diagnosis import plain
from netwright.checks.forms.sarif import sarif
from netwright.checks.forms.text import text
from netwright.checks.forms.wording import counts
from netwright.commands import sequences
from netwright.commands.detection import training as detection
from netwright.commands.printing import bold
from netwright.commands.program import estimator_for, prepare, wanted_values
from netwright.commands.reading import read
from netwright.commands.run_folder import write_text
from netwright.core.errors import InvalidParameter, did_you_mean, problem
from netwright.report.page import document

FAULT = 1  # the exit status where there is one
WIDEST = 100  # characters of a line


def run(options: Namespace) -> int:
    """Run the command; 1 where there is a fault."""
    _require_codes(options.ignore)
    if detection.meant(options):
        return _told(*detection.examined(options), options)
    if sequences.meant(options):
        return _told(*sequences.examined(options), options)
    wanted = wanted_values(options)  # before the data, which may take a while to read
    data = read(options.data, options.image_size)
    parts, target, task = prepare(data, options, None)
    estimator = estimator_for(data, task, parts, wanted, options)
    training = parts["training"]
    found = estimator.check(training.X, training.y, imbalanced=options.imbalanced, ignore=options.ignore)
    kind = "classification" if task == "classify" else "regression"
    return _told(found, f"{data.source}: {kind} of {target!r}, {len(training.y):,} rows for training", options)


def _told(found: Diagnosis, head: str, options: Namespace) -> int:
    """Print or write what was found, and give the exit status."""
    if options.format == "text":
        made = _as_text(found, head, options.out is None)
    else:
        made = _FORMS[options.format](found, options.data)
    if options.out is None:
        sys.stdout.write(made)
    else:
        write_text(Path(options.out), made)
        print(f"{options.out}: {counts(found.to_dict()['findings'])}")
    return 0 if found.ok else FAULT


def _require_codes(names: Iterable[str]) -> None:
    for name in names:
        if name not in CODES:
            expected = "codes that `netwright list checks` shows"
            raise InvalidParameter(problem("--ignore", expected, repr(name), did_you_mean(name, CODES)))


def _as_text(diagnosis: Diagnosis, head: str, terminal: bool) -> str:
    """A line about what was examined, and a block a finding; as wide as the terminal, if it goes there."""
    width = min(shutil.get_terminal_size().columns, WIDEST) if terminal else 80
    above = "\n".join(textwrap.wrap(head, width - 1, subsequent_indent="  "))
    return f"{above}\n\n{text(diagnosis, width, bold if terminal else str)}\n"


def _as_html(diagnosis: Diagnosis, data: str) -> str:
    return document(f"Findings: {data}", diagnosis.to_html())


def _as_json(diagnosis: Diagnosis, data: str) -> str:
    return f"{diagnosis.to_json()}\n"


def _as_sarif(diagnosis: Diagnosis, data: str) -> str:
    """Findings without a line of their own are shown at the file of the data, if there is one."""
    log = sarif(diagnosis, data if Path(data).is_file() else None)
    return json.dumps(plain(log), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


_FORMS: dict[str, Callable[[Diagnosis, str], str]] = {"html": _as_html, "json": _as_json, "sarif": _as_sarif}
