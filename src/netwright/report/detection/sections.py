"""The sections of a report that only detectors have: precision, the account of errors, the worst images, the data."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from netwright import plots
from netwright.report.detection.evaluation import WRONG, DetectionEvaluation
from netwright.report.detection.pictures import caption, legend, picture
from netwright.report.figures import sized
from netwright.report.page import Cell, columns, figure, section, table, titled
from netwright.report.sections import optional
from netwright.report.words import counted, percent, table_in
from netwright.train import History

LISTED = 40  # classes in the table, the most frequent
_PLUMBING = re.compile(r"pyramid\.(features\.body\.)?|parallel\d+\.branch\d+\.")
PAIR, ACCOUNT = (10.8, 4.4), (10.8, 3.4)  # inches


def score_cards(evaluation: DetectionEvaluation) -> list[tuple[str, str, str]]:
    """The key figures of the test images."""
    scores, rows = evaluation.scores, evaluation.account.rows
    right, found, missed = (sum(row[name] for row in rows) for name in ("correct", "found", "missed"))
    wrong = sum(row[name] for row in rows for name in WRONG)
    share = f"{found:,} of {found + missed:,}; {percent(right / max(right + wrong, 1), 0)} of detections right"
    return [
        ("test mAP@0.5", _figure(scores.map_50), f"{counted(len(evaluation.files), 'image')} held out"),
        ("mAP@[.5:.95]", _figure(scores.map), "the mean over ten overlaps"),
        ("objects found", percent(found / max(found + missed, 1), 1), share),
    ]


def scores_section(evaluation: DetectionEvaluation) -> str:
    """Precision over recall, and a row a class."""
    scores = evaluation.scores
    curves = optional("precision", "Precision over recall", lambda: _precision(scores))
    lead = (
        "A detection is right if it overlaps an object of its class enough (IoU), and no surer one does. Precision: of "
        "the detections, the share that is right. Recall: of the objects, the share found. AP: the area below the "
        f"curve. What is found, missed and wrong is counted at scores from {evaluation.threshold:g} on."
    )
    return section("Test images: precision and recall", lead, figure(curves, lines=True), _class_table(evaluation))


def account_section(evaluation: DetectionEvaluation) -> str:
    """What is wrong with detections and why objects are missed, as bars."""
    account = evaluation.account
    lead = (
        f"Detections with a score of at least {evaluation.threshold:g}, at an overlap of {account.iou_threshold:g}. "
        "The gain is what their AP would rise by if all errors of a kind were mended; begin with the longest."
    )
    bars = optional("account", "Errors by kind and class", lambda: plots.detection_faults(account, sized(*ACCOUNT)))
    return section("What is wrong, and what it costs", lead, figure(bars, lines=True))


def worst_section(evaluation: DetectionEvaluation) -> str:
    """The images with the most and the surest errors, with all boxes."""
    if not len(evaluation.shown):
        wrong = bool((evaluation.badness > 0).any())
        return "" if wrong else section("The worst images", "Nothing is wrong in the test images.")
    lead = "The test images with the most errors, and the surest. What is wrong has its class on a tab, and its score."
    made = [
        f"<figure>{picture(evaluation, place)}<figcaption>{caption(evaluation, image)}</figcaption></figure>"
        for place, image in enumerate(evaluation.shown.tolist())
    ]
    return section("The worst images", lead, legend(), columns(*made))


def data_section(evaluation: DetectionEvaluation | None, run: dict[str, Any]) -> str:
    """Where the images came from, how they were split, which classes they have, which boxes were left out."""
    data = table_in(run, "data")
    rows: list[tuple[str, str]] = []
    for name, key in (("source", "source"), ("SHA-256", "sha256")):
        if isinstance(data.get(key), str):
            rows.append((name, data[key]))
    rows += [(name, f"{data[name]:,}") for name in ("images", "objects") if isinstance(data.get(name), int)]
    split = [f"{count:,} {name}" for name, count in table_in(data, "split").items() if isinstance(count, int)]
    if split:
        rows.append(("split", ", ".join(split)))
    if evaluation is not None:
        rows.append(("sizes of test images", _sizes(evaluation.sizes)))
    for name, dropped in table_in(run, "dropped").items():
        kinds = [f"{count:,} {kind}" for kind, count in table_in({"": dropped}, "").items() if isinstance(count, int)]
        rows.append((f"boxes left out, {name}", ", ".join(kinds) or "none"))
    counts = {name: count for name, count in table_in(data, "counts").items() if isinstance(count, int)}
    facts = table(("", ""), rows) if rows else ""
    return section("Data", "", columns(facts, _counts_table(counts))) if rows or counts else ""


def curves_section(detector: Any) -> str:
    """Losses, mean average precision and the learning rate by epoch."""
    if not len(detector.history_):
        return section("Training", "The run ended before its first epoch was over: there is nothing to show.")
    curves = optional("curves", "Training curves", lambda: _curves(detector))
    ratios = optional(
        "ratios", "Update ratios", lambda: plots.update_ratios(readable(detector.history_), ax=_axes(5.2, 4.2))
    )
    moved = "How far each layer moves in one update, relative to its size."
    lead = "The dashed line marks the epoch with the lowest monitored loss."
    left = titled("Losses and mean average precision", figure(curves, lines=True))
    return section("Training", lead, columns(left, titled("Update ratios", figure(ratios, moved, lines=True))))


def readable(history: History) -> History:
    """The records of a run with short names of layers, where they still differ.

    Parameters
    ----------
    history : of a detector.

    Examples
    --------
    >>> records = [{"epoch": 1, "update_ratio": {"pyramid.features.body.residual1.parallel1.branch1.conv1": 0.1}}]
    >>> readable(History(records))[0]["update_ratio"]
    {'residual1.conv1': 0.1}
    """
    return History(
        [
            {name: _short(item) if isinstance(item, dict) else item for name, item in record.items()}
            for record in history
        ]
    )


def _short(by_layer: dict[str, Any]) -> dict[str, Any]:
    made = {_PLUMBING.sub("", name): item for name, item in by_layer.items()}
    return made if len(made) == len(by_layer) else by_layer


def _axes(width: float, height: float) -> Any:
    return sized(width, height).add_subplot()


def _curves(detector: Any) -> Any:
    axes = plots.training_curves(detector, figure=sized(5.2, 6.1))
    for ax in axes:
        words = {"mean loss of a row": "mean loss of an image", "score": "mAP at IoU 0.5"}
        ax.set_ylabel(words.get(ax.get_ylabel(), ax.get_ylabel()))
    return axes


def _precision(scores: Any) -> Any:
    axes = plots.precision_recall(scores, figure=sized(*PAIR))
    axes[0].set_ylabel("precision")
    return axes


def _class_table(evaluation: DetectionEvaluation) -> str:
    """Average precision and recall of each class, the most frequent first, and their means."""
    scores = evaluation.scores
    counts = dict(zip(scores.classes, scores.targets, strict=True))
    fates = {row["label"]: row for row in evaluation.account.rows}
    order = sorted(scores.classes, key=lambda name: (-counts[name], str(name)))
    rows = []
    for name in order[:LISTED]:
        fate = fates.get(name, {})
        found, missed = fate.get("found", 0), fate.get("missed", 0)
        wrong = sum(fate.get(verdict, 0) for verdict in WRONG)
        precision = scores.ap(label=name, iou=0.5), scores.ap(label=name, iou=0.75), scores.ap(label=name)
        share = found / (found + missed) if found + missed else float("nan")
        rows.append((name, f"{counts[name]:,}", *map(_bar, precision), _share(share), f"{missed:,}", f"{wrong:,}"))
    mean = scores.map_50, scores.map_75, scores.map
    total = [sum(fate[key] for fate in fates.values()) for key in ("found", "missed")]
    every = sum(fate[verdict] for fate in fates.values() for verdict in WRONG)
    share = percent(total[0] / max(sum(total), 1), 1)
    foot = ("all", f"{sum(counts.values()):,}", *map(_figure, mean), share, f"{total[1]:,}", f"{every:,}")
    name = "class" if len(order) <= LISTED else f"class (the {LISTED} most frequent of {len(order)})"
    headings = (name, "objects", "AP50", "AP75", "AP", "found", "missed", "wrong detections")
    return table(headings, rows, numeric=(1, 2, 3, 4, 5, 6, 7), foot=foot)


def _bar(precision: float) -> Cell:
    return Cell.of(_figure(precision), precision)


def _figure(precision: float) -> str:
    return "-" if precision != precision else f"{precision:.3f}"


def _share(share: float) -> Cell:
    return Cell.of("-" if share != share else percent(share, 1), share)


def _sizes(sizes: np.ndarray) -> str:
    """ "640 × 480", or from which to which."""
    low, high = (" × ".join(map(str, each[::-1].tolist())) for each in (sizes.min(0), sizes.max(0)))
    return f"{low} pixels" if low == high else f"{low} to {high} pixels"


def _counts_table(counts: dict[str, int]) -> str:
    """How many objects of each class the data have."""
    if not counts:
        return ""
    total, most = sum(counts.values()), max(counts.values())
    listed = list(counts.items())[:LISTED]
    rows = [(name, Cell.of(f"{n:,}", n / most), percent(n / total, 1)) for name, n in listed]
    name = "class" if len(counts) <= LISTED else f"class (the {LISTED} most frequent of {len(counts)})"
    return table((name, "in the data", "share"), rows, numeric=(1, 2))
