"""What a run on images with boxes writes into its folder.

=================== =====================================================================
model.nw            the fitted detector
run.json            command, data, split, scores, seconds, seed, versions
history.csv         a row an epoch
findings.json       what the run's own checks found
predictions.csv     what was found in the test images, a row a box
report.txt          average precision by class, and the account of errors
evaluation.nw       what was found in the test images, from which a report is made
report.html         the report
=================== =====================================================================
"""

from __future__ import annotations

import shlex
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from netwright.commands import run_folder
from netwright.commands.detection.data import Scenes, joined
from netwright.commands.detection.tables import seen_from, to_table
from netwright.commands.reading import digest_of
from netwright.report import DetectionEvaluation, evaluate_detections, write_report
from netwright.report.detection.evaluation import sure
from netwright.report.stored import EVALUATION, FINDINGS, MODEL, RUN, versions
from netwright.vision.detection.detector import LEAST

SCORES = "report.txt"
FILES = (
    run_folder.REPORT,
    SCORES,
    MODEL,
    run_folder.PREDICTIONS,
    run_folder.HISTORY,
    FINDINGS,
    RUN,
    EVALUATION,
)


def write_run(
    folder: Path, detector: Any, parts: dict[str, Scenes], options: Namespace, seconds: float
) -> DetectionEvaluation:
    """Write all files of the run, the model first, and give what was found in the test images.

    Parameters
    ----------
    folder : of the run. detector : the fitted one. parts : "training", "validation" and "test".
    options : of the command line. seconds : that the run took.
    """
    detector.save(folder / MODEL)
    test = parts["test"]
    found = detector.predict(test.files, score_threshold=LEAST)
    names = seen_from(Path(options.data), test.files)
    evaluation = evaluate_detections(detector, test.files, test.targets, found=found, files=names)
    evaluation.save(folder / EVALUATION)
    run_folder.write_history(folder / run_folder.HISTORY, detector.history_)
    run_folder.write_findings(folder / FINDINGS, detector.diagnosis_)
    run_folder.write_text(folder / SCORES, scores_text(evaluation) + "\n")
    shown = [_from(one, sure(detector)) for one in found]
    run_folder.write_text(folder / run_folder.PREDICTIONS, to_table(seen_from(folder, test.files), shown))
    figures = evaluation.scores.figures
    content = {
        "command": shlex.join(["netwright", *options.words]),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": facts_of(parts, options),
        "task": "detect",
        "target": "objects",
        "scores": {"test": {name: figures[name] for name in ("map_50", "map", "mar_100")}},
        "dropped": {"training": detector.dropped_, "test": evaluation.dropped},
        "seconds": round(seconds, 3),
        "seed": options.seed,
        "versions": versions(),
    }
    run_folder.write_json(folder / RUN, content)
    if run_folder.report_wanted(folder, options.no_report):
        write_report(detector, folder / run_folder.REPORT, test=evaluation, run=content)
    return evaluation


def scores_text(evaluation: DetectionEvaluation) -> str:
    """Average precision by class, and the account of errors.

    Parameters
    ----------
    evaluation : of the test images.
    """
    return f"{evaluation.scores}\n\ndetections with a score of at least {evaluation.threshold:g}\n{evaluation.account}"


def facts_of(parts: dict[str, Scenes], options: Namespace) -> dict[str, Any]:
    """The data in run.json: what identifies them, how many there are, how they were split.

    Parameters
    ----------
    parts : as of `write_run`. options : of the command line.
    """
    whole = joined(list(parts.values()))
    counts = whole.counts
    return {
        "source": options.data,
        "sha256": digest_of(whole.files),
        "images": len(whole.files),
        "objects": sum(counts.values()),
        "split": {name: len(part.files) for name, part in parts.items()},
        "counts": counts,
        "objects for training": parts["training"].counts,
    }


def _from(one: dict[str, Any], threshold: float) -> dict[str, Any]:
    """The detections of an image that are sure enough."""
    kept = one["scores"] >= threshold
    return {name: column[kept] for name, column in one.items()}
