"""``netwright train DATA``: read, split, train, score, write the folder of the run and its report."""

from __future__ import annotations

import shlex
import time
from argparse import Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from netwright.checks import Diagnosis
from netwright.checks.forms.text import headline
from netwright.commands import run_folder, sequences
from netwright.commands.detection import training as detection
from netwright.commands.printing import say, score_table, show
from netwright.commands.program import Part, estimator_for, prepare, wanted_values
from netwright.commands.reading import Dataset, read
from netwright.estimators import Regressor
from netwright.report import evaluate, write_report
from netwright.report.evaluation import scores_of
from netwright.report.stored import EVALUATION, FINDINGS, MODEL, RUN, versions
from netwright.report.words import counted
from netwright.train import Progress

LINES = 20  # of progress, off a terminal, for runs of many epochs
INTERRUPTED = 130


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
    options = run_folder.resumed(options)
    if detection.meant(options):
        return detection.train(options)
    if sequences.meant(options):
        return sequences.train(options)
    wanted = wanted_values(options)  # before the data, which may take a while to read
    begin = time.perf_counter()
    data = read(options.data, options.image_size)
    parts, target, task = prepare(data, options, None if options.quiet else say)
    estimator = estimator_for(data, task, parts, wanted, options)
    watch = Watch(estimator, options.quiet)
    progress = [] if options.quiet else [Progress(every=max(1, estimator.epochs // LINES))]
    estimator.set_params(callbacks=[watch, *progress])
    folder = run_folder.choose_folder(options, data.name)
    with run_folder.in_training(folder, estimator, options):
        estimator.fit(parts["training"].X, parts["training"].y)
    seconds = time.perf_counter() - begin
    scores = write_run(folder, estimator, parts, data, target, options, seconds)
    if options.quiet:
        print(folder)
    else:
        tell_end(estimator, scores, folder, watch.interrupted)
    if watch.interrupted:
        return INTERRUPTED
    run_folder.end_training(folder)
    return 0


def describe(estimator: Any, run: Any) -> str:
    """The loss, rule, penalty, augmentation and batches of a run in one sentence."""
    extras = [item for item in (estimator.regularizer, estimator.augment) if item is not None]
    more = "".join(f", {item!r}" for item in extras)
    epochs = counted(estimator.epochs, "epoch")
    if estimator.patience is not None:
        epochs = f"at most {epochs}, patience {estimator.patience}"
    return f"{estimator.loss_function_!r}, {run.optimizer!r}{more}, batches of {estimator.batch_size}, {epochs}"


def write_run(
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
    run_folder.write_findings(folder / FINDINGS, estimator.diagnosis_)
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
    if run_folder.report_wanted(folder, options.no_report):
        write_report(estimator, folder / run_folder.REPORT, test=evaluation, run=content)
    return scores


def _scores(estimator: Any, part: Part) -> dict[str, float]:
    """The scores of rows that are not kept as an evaluation."""
    if isinstance(estimator, Regressor):
        return scores_of("regress", part.y, estimator.predict(part.X))
    return evaluate(estimator, part.X, part.y).scores


def tell_end(estimator: Any, scores: dict[str, dict[str, float]], folder: Path, interrupted: bool) -> None:
    """The scores and what was written."""
    epochs = f"{estimator.n_iter_} of {counted(estimator.epochs, 'epoch')}"
    best = f"; the weights are those of epoch {estimator.best_epoch_}" if estimator.patience is not None else ""
    print()
    say("stopped" if interrupted else "trained", f"{epochs}{best}")
    show(score_table(scores))
    written = [folder / name for name in _FILES if (folder / name).exists()]
    say("written", [str(path) for path in written])
    _tell_faults(estimator.diagnosis_, folder)


def _tell_faults(diagnosis: Diagnosis, folder: Path) -> None:
    """What spoiled the training, a line each, and where there is more about it; nothing of a run without faults."""
    if diagnosis.ok:
        return
    print()
    say("faults" if len(diagnosis.faults) > 1 else "fault", [headline(each.to_dict()) for each in diagnosis.faults])
    page = folder / run_folder.REPORT
    say("", f"What was seen, and what to do: {page if page.exists() else folder / FINDINGS}")


_FILES = (
    run_folder.REPORT,
    MODEL,
    run_folder.PREDICTIONS,
    run_folder.HISTORY,
    FINDINGS,
    RUN,
    EVALUATION,
)
