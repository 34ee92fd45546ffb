"""``netwright tune DATA``: read, split, search, score the best on rows that no trial saw, write its folder.

The rows are split as `netwright train` splits them. Trials learn from the rows for training; the rows for validation
decide when each of them stops and judge it; the rows for testing are looked at once, by the best. The folder is that of
`netwright train`, and has ``trials.csv``, a row a trial, and ``search.json``, what was searched.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from netwright.commands import run_folder, sequences
from netwright.commands.detection import training as detection
from netwright.commands.printing import say
from netwright.commands.program import Part, estimator_for, prepare, wanted_values
from netwright.commands.reading import read
from netwright.commands.spaces import default_space, read_space, require_names
from netwright.commands.train import tell_end, write_run
from netwright.core.errors import InvalidData, problem
from netwright.estimators import Search, search
from netwright.report.words import counted

TRIALS, SEARCH = "trials.csv", "search.json"


def run(options: Namespace) -> int:
    """Run the command."""
    run_folder.require_free(options.out, options.force)
    if detection.meant(options):
        remedy = "Give a table or images to classify; for detectors use nw.search in Python."
        raise InvalidData(problem("tune", "a table or images", f"the objects in {options.data!r}", remedy))
    if sequences.meant(options):
        remedy = "Give a table or images; for sequences use nw.search in Python."
        raise InvalidData(problem("tune", "a table or images", f"the sentences of {options.data!r}", remedy))
    wanted = wanted_values(options)
    given = read_space(options.space)
    require_names(given)
    begin = time.perf_counter()
    data = read(options.data, options.image_size)
    parts, target, task = prepare(data, options, None if options.quiet else say)
    space = given or default_space(data.kind, with_network=options.network is None)
    estimator = estimator_for(data, task, parts, wanted, options)
    if not options.quiet:
        say("space", [f"{name}: {_written(item)}" for name, item in space.items()])
        say("search", _in_words(options))
        print(flush=True)
    folder = run_folder.choose_folder(options, data.name)
    try:
        found = _searched(estimator, space, parts, options)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # it stays if there is something in it
        raise
    _write_trials(folder, found)
    scores = write_run(folder, found.best_estimator_, parts, data, target, options, time.perf_counter() - begin)
    if options.quiet:
        print(folder)
        return 0
    _tell_best(found)
    tell_end(found.best_estimator_, scores, folder, False)
    say("", str(folder / TRIALS))
    return 0


def _searched(estimator: Any, space: dict[str, Any], parts: Mapping[str, Part], options: Namespace) -> Search:
    """The search that the options describe."""
    learn, judge = parts["training"], parts["validation"]
    return search(
        estimator,
        space,
        learn.X,
        learn.y,
        validation=(judge.X, judge.y),
        trials=options.trials,
        stages=options.stages,
        method=options.method,
        pruning=options.pruning,
        scoring=options.scoring,
        coarse_epochs=options.coarse_epochs,
        workers=options.workers,
        synchronous=options.synchronous,
        storage=options.storage,
        random_state=options.seed,
        verbose=0 if options.quiet else 1,
    )


def _write_trials(folder: Path, found: Search) -> None:
    """A row a trial, the best first, and what was searched."""
    rows = sorted(found.rows_, key=lambda row: (row["stage"] == "coarse", -row["score"], row["number"]))
    names = [name for name in rows[0] if name != "params"]
    run_folder.write_text(folder / TRIALS, run_folder.to_csv(names, ([_cell(row[n]) for n in names] for row in rows)))
    content = {
        "best": {"number": found.best_number_, "score": found.best_score_, "params": _texts(found.best_params_)},
        "space": found.space_.describe(),
        "narrowed": found.narrowed_.describe(),
        "seed": found.seed,
        "notes": found.notes_,
    }
    run_folder.write_json(folder / SEARCH, content)


def _tell_best(found: Search) -> None:
    """The best trial, and ranges that should be wider."""
    print()
    best = ", ".join(f"{name}={_written(item)}" for name, item in found.best_params_.items())
    score = f"trial {found.best_number_}, score {found.best_score_:.4g} on validation rows"
    say("best", [f"{score}: {best}", *found.notes_])


def _in_words(options: Namespace) -> str:
    parts = [counted(options.trials, "trial"), options.stages, options.method]
    if options.pruning:
        parts.append(f"pruned by {options.pruning}")
    parts.append(counted(options.workers, "worker"))
    if options.storage:
        parts.append(f"kept in {options.storage}; the same command goes on where this one ends")
    return ", ".join(parts)


def _texts(params: dict[str, Any]) -> dict[str, Any]:
    plain = (int, float, str, bool, type(None))
    return {name: item if isinstance(item, plain) else repr(item) for name, item in params.items()}


def _written(item: Any) -> str:
    if hasattr(item, "make"):
        return f"{item.make} with " + ", ".join(f"{name} in {part!r}" for name, part in item.parts.items())
    return f"{item:.4g}" if isinstance(item, float) else str(item) if isinstance(item, str) else repr(item)


def _cell(item: Any) -> Any:
    return "" if item is None or item != item else item
