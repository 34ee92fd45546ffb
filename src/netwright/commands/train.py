"""``netwright train DATA``: read, split, train, score, write the folder of the run and its report."""

from __future__ import annotations

import shlex
import time
import warnings
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from netwright.commands import run_folder
from netwright.commands.networks import check_network, read_network, read_value
from netwright.commands.printing import say, score_table, show
from netwright.commands.reading import Dataset, read
from netwright.commands.recipes import TEST, VALIDATION, recipe_for
from netwright.commands.target import as_task, choose_target, choose_task, require_classes, require_split, split_known
from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import derive
from netwright.data import holdout
from netwright.estimators import Classifier, Regressor
from netwright.estimators.augmenting import augmentation_of
from netwright.models.pattern_text import is_pattern
from netwright.report import Evaluation, evaluate, write_report
from netwright.report.evaluation import scores_of
from netwright.report.stored import EVALUATION, MODEL, RUN, versions
from netwright.report.words import counted
from netwright.train import Progress

LINES = 20  # of progress, off a terminal, for runs of many epochs
INTERRUPTED = 130
FAMILIES = ("loss", "optimizer", "regularizer")


@dataclass(frozen=True)
class Part:
    """Some rows: their samples, their targets, and which rows of the data they are."""

    X: Any
    y: np.ndarray
    rows: np.ndarray

    def take(self, which: np.ndarray) -> Part:
        """Some of the rows."""
        X = {name: column[which] for name, column in self.X.items()} if isinstance(self.X, dict) else self.X[which]
        return Part(X, self.y[which], self.rows[which])


class Watch:
    """A callback: prints what is decided when the training begins, and sees how it ends."""

    def __init__(self, estimator: Any, quiet: bool) -> None:
        self.estimator = estimator
        self.quiet = quiet
        self.interrupted = False

    def on_fit_start(self, run: Any) -> None:
        """Say what was done to columns, and show the network."""
        if not self.quiet:
            if self.estimator.notes_:
                say("columns", self.estimator.notes_)
            say("network", repr(self.estimator.network_))
            say("rule", describe(self.estimator, run))
            show(str(self.estimator.network_.summary()))

    def on_fit_end(self, run: Any) -> None:
        """Remember whether the user stopped it."""
        self.interrupted = run.interrupted


def run(options: Namespace) -> int:
    """Run the command; 130 where Ctrl-C ended the training, and the partial model was written."""
    run_folder.require_free(options.out, options.force)
    wanted = _wanted(options)  # before the data, which may take a while to read
    begin = time.perf_counter()
    data = read(options.data, options.image_size)
    parts, target, task = _prepare(data, options)
    estimator = _estimator(data, task, parts, wanted, options)
    watch = Watch(estimator, options.quiet)
    progress = [] if options.quiet else [Progress(every=max(1, estimator.epochs // LINES))]
    estimator.set_params(callbacks=[watch, *progress])
    folder = run_folder.choose_folder(options.out, options.name or data.name, options.force)
    try:
        estimator.fit(parts["training"].X, parts["training"].y)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()  # it stays if there is something in it
        raise
    seconds = time.perf_counter() - begin
    scores = _write(folder, estimator, parts, data, target, options, seconds)
    if options.quiet:
        print(folder)
    else:
        _tell_end(estimator, scores, folder, watch.interrupted)
    return INTERRUPTED if watch.interrupted else 0


def _wanted(options: Namespace) -> dict[str, Any]:
    """The values that the user's texts describe; a network's text is read again when the classes are known."""
    if options.network is not None:
        check_network(options.network)
    values = {family: read_value(getattr(options, family), family, f"--{family}") for family in FAMILIES}
    return {**values, "augment": augmentation_of(options.augment, "--augment")}


def _prepare(data: Dataset, options: Namespace) -> tuple[dict[str, Part], str, str]:
    """Rows for training, validation and testing, the name of the target, and the task; all of it said."""
    tell = (lambda *facts: None) if options.quiet else say
    if data.y is not None:
        if options.target is not None:
            remedy = "Leave it out: the sub-folders are the classes."
            raise InvalidData(problem("--target", "none for images", repr(options.target), remedy))
        X, y, rows, target, why = data.X, data.y, np.arange(len(data.y)), "class", "images"
        task = "classify" if options.task == "auto" else options.task
        size = " x ".join(map(str, data.X.shape[1:]))
        tell("data", f"{data.source}: {counted(data.rows, 'image')} of {size} (channels x height x width)")
    else:
        target = choose_target(data.X, options.target)
        X, y, rows, notes = split_known(data.X, target)
        task, why = choose_task(y, options.task)
        tell(
            "data",
            [
                f"{data.source}: {counted(data.rows, 'row')}, {counted(len(X), 'column')} and the target {target!r}",
                *notes,
            ],
        )
    whole = Part(X, as_task(y, task, target), rows)
    if len(rows) < (least := 3 if data.test is None else 2):
        expected, remedy = f"at least {least} rows", "Training, validation and test need one each."
        raise InvalidData(problem(f"data {data.source!r}", expected, counted(len(rows), "row"), remedy))
    if task == "classify":
        require_classes(whole.y, target)
    tell("task", _task_in_words(task, target, whole.y, why))
    parts = _split(whole, data, task == "classify", options)
    tell("rows", f"{_sizes(parts)}; drawn by seed {options.seed} before anything is learned")
    return parts, target, task


def _task_in_words(task: str, target: str, y: np.ndarray, why: str) -> str:
    if task == "regress":
        return f"regression of {target!r}: {why}, from {y.min():g} to {y.max():g} (--task classify for labels)"
    labels, counts = np.unique(y, return_counts=True)
    named = [f"{label} ({count:,})" for label, count in zip(labels.tolist()[:10], counts[:10], strict=True)]
    more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
    return f"classification of {target!r}: {why}, {counted(len(labels), 'class', 'classes')}: {', '.join(named)}{more}"


def _split(whole: Part, data: Dataset, stratify: bool, options: Namespace) -> dict[str, Part]:
    """Rows for testing are taken away first, and rows for validation from the others."""

    def cut(part: Part, share: float, purpose: str) -> tuple[Part, Part]:
        seed = derive(options.seed, purpose)
        kept, held = holdout(len(part.y), share, part.y if stratify else None, seed=seed, stratify=stratify)
        return part.take(kept), part.take(held)

    if data.test is None:
        rest, test = cut(whole, options.test or TEST, "test")
    else:
        rest, test = whole, Part(*data.test, np.arange(len(data.test[1])))
        if options.test is not None:
            remedy = f"Leave --test out: its {len(test.y):,} test images are used."
            raise InvalidData(problem("--test", f"none for {data.name}", str(options.test), remedy))
    training, validation = cut(rest, options.validation or VALIDATION, "validation")
    if stratify:
        require_split(whole.y, training.y)
    return {"training": training, "validation": validation, "test": test}


def _sizes(parts: Mapping[str, Part]) -> str:
    return ", ".join(f"{len(part.y):,} for {name}" for name, part in parts.items())


def _estimator(
    data: Dataset, task: str, parts: Mapping[str, Part], wanted: Mapping[str, Any], options: Namespace
) -> Any:
    """The unfitted estimator: the user's options over the recipe for the data."""
    recipe = recipe_for(data.name if data.source == data.name else "", data.kind)
    classes = len(np.unique(parts["training"].y)) if task == "classify" else None
    chosen = {
        "network": _network(options.network, recipe.network, classes),
        "loss": wanted["loss"],
        "optimizer": recipe.optimizer if wanted["optimizer"] is None else wanted["optimizer"],
        "regularizer": recipe.regularizer if wanted["regularizer"] is None else wanted["regularizer"],
        "augment": wanted["augment"],
        "epochs": options.epochs or recipe.epochs,
        "batch_size": options.batch_size or recipe.batch_size,
        "patience": options.patience or recipe.patience,
        "average": recipe.average,
        "precision": options.precision,
        "device": options.device,
        "random_state": options.seed,
        "validation": (parts["validation"].X, parts["validation"].y),
    }
    return Classifier(**chosen) if task == "classify" else Regressor(**chosen)


def _network(text: str | None, default: Any, classes: int | None) -> Any:
    """The network of the user's text; a pattern is closed by the estimator, which knows how many features come."""
    if text is None:
        return default
    return text if is_pattern(text) else read_network(text, classes)


def describe(estimator: Any, run: Any) -> str:
    """The loss, rule, penalty, augmentation and batches of a run in one sentence."""
    extras = [item for item in (estimator.regularizer, estimator.augment) if item is not None]
    more = "".join(f", {item!r}" for item in extras)
    epochs = counted(estimator.epochs, "epoch")
    if estimator.patience is not None:
        epochs = f"at most {epochs}, patience {estimator.patience}"
    return f"{estimator.loss_function_!r}, {run.optimizer!r}{more}, batches of {estimator.batch_size}, {epochs}"


def _write(
    folder: Path,
    estimator: Any,
    parts: Mapping[str, Part],
    data: Dataset,
    target: str,
    options: Namespace,
    seconds: float,
) -> dict[str, dict[str, float]]:
    """Write all files of the run, the model first, and give the scores."""
    estimator.save(folder / MODEL)
    test = parts["test"]
    files = tuple(data.files[row] for row in test.rows.tolist()) if data.files else ()
    evaluation = evaluate(estimator, test.X, test.y, target=target, rows=test.rows, files=files)
    evaluation.save(folder / EVALUATION)
    scores = {name: _scores(estimator, part) for name, part in parts.items() if name != "test"}
    scores["test"] = evaluation.scores
    run_folder.write_history(folder / run_folder.HISTORY, estimator.history_)
    run_folder.write_predictions(folder / run_folder.PREDICTIONS, evaluation, files)
    content = {
        "command": shlex.join(["netwright", *options.words]),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {**data.fingerprint, "split": {name: len(part.y) for name, part in parts.items()}},
        "task": evaluation.task,
        "target": target,
        "scores": scores,
        "seconds": round(seconds, 3),
        "seed": options.seed,
        "versions": versions(),
    }
    run_folder.write_json(folder / RUN, content)
    _write_report(folder / run_folder.REPORT, estimator, evaluation, content, options)
    return scores


def _write_report(
    path: Path, estimator: Any, evaluation: Evaluation, content: dict[str, Any], options: Namespace
) -> None:
    """The report, if it is wanted and can be drawn; one of an earlier run does not stay."""
    path.unlink(missing_ok=True)
    if options.no_report:
        return
    if find_spec("matplotlib") is None:
        warnings.warn("report.html is not written: it needs matplotlib, pip install 'netwright[plots]'.", stacklevel=2)
        return
    write_report(estimator, path, test=evaluation, run=content)


def _scores(estimator: Any, part: Part) -> dict[str, float]:
    """The scores of rows that are not kept as an evaluation."""
    if isinstance(estimator, Regressor):
        return scores_of("regress", part.y, estimator.predict(part.X))
    return evaluate(estimator, part.X, part.y).scores


def _tell_end(estimator: Any, scores: dict[str, dict[str, float]], folder: Path, interrupted: bool) -> None:
    """The scores and what was written."""
    epochs = f"{estimator.n_iter_} of {counted(estimator.epochs, 'epoch')}"
    best = f"; the weights are those of epoch {estimator.best_epoch_}" if estimator.patience is not None else ""
    print()
    say("stopped" if interrupted else "trained", f"{epochs}{best}")
    show(score_table(scores))
    written = [folder / name for name in _FILES if (folder / name).exists()]
    say("written", [str(path) for path in written])


_FILES = (
    run_folder.REPORT,
    MODEL,
    run_folder.PREDICTIONS,
    run_folder.HISTORY,
    RUN,
    EVALUATION,
)
