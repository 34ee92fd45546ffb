"""Pictures of detectors: precision over recall, and what is wrong with predictions and how much AP that costs.

They take what `netwright.vision.metrics` gives, or anything with the same attributes.

Reference: Everingham et al., *The Pascal visual object classes (VOC) challenge*, 2010; Bolya et al., *TIDE: a general
toolbox for identifying object detection errors*, 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PURPLE, SKY, DARK, PALE = "#CC79A7", "#56B4E9", "#404040", "#d0d0d0"
COLOURS = (canvas.BLUE, canvas.VERMILLION, canvas.GREEN, canvas.ORANGE, PURPLE, SKY)
STEPS = 6  # most thresholds that have a curve of their own
BARS = 20  # most classes that have a bar of their own
FAULTS = {
    "localisation": canvas.BLUE,
    "class": canvas.VERMILLION,
    "both": PURPLE,
    "duplicate": canvas.ORANGE,
    "background": canvas.GRAY,
}
PREDICTED = {"correct": canvas.GREEN, **FAULTS, "ignored": PALE}
FATES = {"found": canvas.GREEN, "explained": SKY, "unexplained": DARK}
GAINS = {**FAULTS, "missed": DARK}
WORDS = {
    "correct": "correct, found",
    "found": "correct, found",
    "class": "wrong class",
    "both": "class and box",
    "explained": "missed, but nearly found",
    "unexplained": "missed",
}


def precision_recall(scores: Any, iou: float | None = None, figure: Any = None) -> np.ndarray:
    """Precision over recall: of each class at one overlap, and of their mean at several.

    Up to six classes have a colour each; of more, the three best and the three worst. The line in black is their mean.

    Parameters
    ----------
    scores : what `netwright.vision.metrics.average_precision.mean_average_precision` gives.
    iou : the threshold of the first panel, None for the least.
    figure : an empty Figure or SubFigure, or None for a new figure.

    Returns
    -------
    array of two Axes; of one where only one threshold was asked for.

    Raises
    ------
    InvalidParameter : not such scores, a threshold that was not asked for, or no class with true boxes.

    Examples
    --------
    >>> from netwright.plots import precision_recall
    >>> from netwright.vision.metrics.average_precision import mean_average_precision
    >>> there = [{"boxes": [[0, 0, 9, 9]], "labels": ["cat"]}]
    >>> found = [{"boxes": [[0, 0, 9, 6]], "labels": ["cat"], "scores": [0.8]}]
    >>> axes = precision_recall(mean_average_precision(found, there))
    >>> [ax.get_title(loc="left") for ax in axes]
    ['mAP 1.000 at IoU 0.5', 'mAP 0.400 over IoU 0.5 to 0.95']
    """
    need = ("classes", "iou_thresholds", "recall_points", "precision", "ap")
    _require("precision_recall(scores)", scores, need, "mean_average_precision gives")
    thresholds = np.asarray(scores.iou_thresholds)
    places = np.flatnonzero(np.isclose(thresholds, thresholds[0] if iou is None else iou))
    if not len(places):
        raise InvalidParameter(problem("precision_recall(iou)", f"one of {shown(scores.iou_thresholds)}", shown(iou)))
    curves = np.asarray(scores.precision)[:, :, :, 0, -1]  # (thresholds, points, classes)
    known = np.flatnonzero(np.isfinite(curves[0, 0]))
    if not len(known):
        raise InvalidParameter(problem("precision_recall(scores)", "a class with true boxes", "none"))
    first, several = int(places[0]), len(thresholds) > 1
    figure = canvas.figure_or_new("precision_recall", figure, (9.6 if several else 5.0, 4.6))
    axes = canvas.panels(figure, 1, 1 + several, sharey=True)
    ap = {int(k): scores.ap(label=scores.classes[k], iou=thresholds[first]) for k in known}
    _draw_classes(axes[0], scores, curves[first], ap)
    axes[0].set_title(
        f"mAP {np.mean(list(ap.values())):.3f} at IoU {thresholds[first]:.4g}", loc="left", fontsize="medium"
    )
    if several:
        _draw_overlaps(axes[1], scores, curves[:, :, known].mean(axis=2))
        title = f"mAP {scores.ap():.3f} over IoU {thresholds[0]:.4g} to {thresholds[-1]:.4g}"
        axes[1].set_title(title, loc="left", fontsize="medium")
    for ax in axes:
        ax.set(xlim=(0, 1.005), ylim=(0, 1.02), xlabel="recall")
        canvas.tidy(ax)
    axes[0].set_ylabel("precision, the greatest at that recall or above")
    return axes


def detection_faults(account: Any, figure: Any = None) -> np.ndarray:
    """What is wrong with predictions, by class; which true boxes were found; and what each kind of fault costs in AP.

    Of more than twenty classes only those with the most faults have bars; the figures in the titles are over all.

    Parameters
    ----------
    account : what `netwright.vision.metrics.account.detection_account` gives.
    figure : an empty Figure or SubFigure, or None for a new figure.

    Returns
    -------
    array of three Axes: predictions, true boxes, AP.

    Raises
    ------
    InvalidParameter : not such an account, or one without any box.

    Examples
    --------
    >>> from netwright.plots import detection_faults
    >>> from netwright.vision.metrics.account import detection_account
    >>> there = [{"boxes": [[0, 0, 9, 9]], "labels": ["cat"]}]
    >>> found = [{"boxes": [[0, 0, 9, 4]], "labels": ["cat"], "scores": [0.8]}]
    >>> axes = detection_faults(detection_account(found, there))
    >>> [ax.get_title(loc="left") for ax in axes]
    ['0 of 1 predictions are correct', '0 of 1 true boxes are found', 'AP 0.000 at IoU 0.5']
    """
    need = ("rows", "gains", "ap", "iou_threshold")
    _require("detection_faults(account)", account, need, "detection_account gives")
    every = [{**row, "explained": row["missed"] - row["unexplained"]} for row in account.rows]
    if not every:
        raise InvalidParameter(problem("detection_faults(account)", "predictions or true boxes", "none"))
    rows = sorted(every, key=lambda row: -sum(row[name] for name in (*FAULTS, "missed")))[:BARS]
    figure = canvas.figure_or_new("detection_faults", figure, (11.6, min(max(3.2, 1.9 + 0.3 * len(rows)), 9.0)))
    axes = canvas.panels(figure, 1, 3, width_ratios=(5, 3, 3))
    names = [canvas.shortened(row["label"]) for row in rows]
    for ax, parts in zip(axes, (PREDICTED, FATES), strict=False):
        _stack(ax, rows, parts)
    canvas.plain(axes[0], "y", names, range(len(rows)))
    canvas.plain(axes[1], "y", [""] * len(rows), range(len(rows)))
    few = len(rows) == len(every)
    axes[0].set(
        xlabel="predictions", ylabel="class" if few else f"class, the {BARS} of {len(every)} with the most faults"
    )
    axes[1].set(xlabel="true boxes")
    total = {name: sum(row[name] for row in every) for name in (*PREDICTED, *FATES)}
    _titled(axes[0], f"{total['correct']:,} of {sum(total[name] for name in PREDICTED):,} predictions are correct")
    _titled(axes[1], f"{total['found']:,} of {sum(total[name] for name in FATES):,} true boxes are found")
    _draw_gains(axes[2], account.gains)
    ap = "-" if math.isnan(account.ap) else f"{account.ap:.3f}"
    _titled(axes[2], f"AP {ap} at IoU {account.iou_threshold:.4g}")
    used = {WORDS.get(name, name): colour for name, colour in {**PREDICTED, **FATES}.items() if total[name]}
    bar = canvas.part("patches").Patch
    handles = [bar(color=colour, label=word) for word, colour in used.items()]
    place = {"loc": "outside lower left", "ncols": len(used), "frameon": False, "fontsize": canvas.SMALL}
    figure.legend(handles=handles, **place, handlelength=1.0, columnspacing=1.2)
    return axes


def _require(where: str, given: Any, names: Sequence[str], maker: str) -> None:
    if not all(hasattr(given, name) for name in names):
        raise InvalidParameter(problem(where, f"what {maker}", shown(given)))


def _titled(ax: Axes, text: str) -> None:
    ax.set_title(text, loc="left", fontsize="medium")


def _draw_classes(ax: Axes, scores: Any, curves: np.ndarray, ap: dict[int, float]) -> None:
    """A line a class, the best first; many classes are grey but for the best and the worst."""
    points, order = scores.recall_points, sorted(ap, key=lambda k: -ap[k])
    half = len(COLOURS) // 2
    named = order if len(order) <= len(COLOURS) else [*order[:half], *order[-half:]]
    for k in order:
        if k not in named:
            ax.plot(points, _reached(curves[:, k]), color=canvas.GRAY, alpha=0.35, linewidth=0.7, drawstyle="steps-pre")
    for colour, k in zip(COLOURS, named, strict=False):
        label = f"{ap[k]:.3f}  {canvas.shortened(scores.classes[k])}"
        ax.plot(points, _reached(curves[:, k]), color=colour, linewidth=1.6, drawstyle="steps-pre", label=label)
    if len(order) > 1:
        label = f"{np.mean(list(ap.values())):.3f}  mean of {len(order)} classes"
        mean = curves[:, order].mean(axis=1)
        ax.plot(points, _reached(mean), color=DARK, linewidth=2.6, drawstyle="steps-pre", label=label)
    _legend(ax, "AP")


def _draw_overlaps(ax: Axes, scores: Any, curves: np.ndarray) -> None:
    """The mean over classes at several thresholds, the stricter the paler."""
    count = len(curves)
    places = np.unique(np.linspace(0, count - 1, min(count, STEPS)).round().astype(int))
    shades = canvas.part("colors").LinearSegmentedColormap.from_list("overlaps", ("#003152", canvas.BLUE, "#a9d3f0"))
    for place in places:
        iou = scores.iou_thresholds[place]
        label = f"{scores.ap(iou=iou):.3f}  IoU {iou:.4g}"
        colour = shades(place / max(count - 1, 1))
        ax.plot(
            scores.recall_points,
            _reached(curves[place]),
            color=colour,
            linewidth=1.8,
            drawstyle="steps-pre",
            label=label,
        )
    _legend(ax, "mAP")


def _legend(ax: Axes, title: str) -> None:
    legend = ax.legend(
        title=title, fontsize=canvas.SMALL, title_fontsize=canvas.SMALL, loc="best", alignment="left", framealpha=0.8
    )
    legend.get_frame().set_linewidth(0)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _reached(precision: np.ndarray) -> np.ndarray:
    """A curve down to its first 0: behind it no recall is reached."""
    ended = np.cumsum(precision == 0) > 1
    return np.where(ended, np.nan, precision)


def _stack(ax: Axes, rows: list[dict[str, Any]], parts: dict[str, str]) -> None:
    """Bars of counts end to end."""
    ends = np.zeros(len(rows))
    for name, colour in parts.items():
        counts = np.array([row[name] for row in rows])
        ax.barh(range(len(rows)), counts, left=ends, height=0.72, color=colour)
        ends += counts
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlim=(0, max(ends.max(), 1) * 1.02))
    ax.xaxis.set_major_locator(canvas.part("ticker").MaxNLocator(nbins=5, integer=True))
    ax.tick_params(axis="y", length=0)
    canvas.tidy(ax, "x")


def _draw_gains(ax: Axes, gains: dict[str, float]) -> None:
    """A bar a kind of fault, with its figure behind it."""
    heights = np.nan_to_num([gains[name] for name in GAINS])
    ax.barh(range(len(GAINS)), heights, height=0.72, color=list(GAINS.values()))
    room = max(heights.max(), 0.01)
    for place, name in enumerate(GAINS):
        text = "-" if math.isnan(gains[name]) else f"{gains[name]:+.3f}"
        ax.text(max(heights[place], 0) + 0.02 * room, place, text, va="center", fontsize=canvas.SMALL)
    canvas.plain(ax, "y", [WORDS.get(name, name) for name in GAINS], range(len(GAINS)))
    ax.set(
        xlim=(min(heights.min(), 0), 1.3 * room),
        ylim=(len(GAINS) - 0.4, -0.6),
        xlabel="gain in AP",
        ylabel="fault mended",
    )
    ax.xaxis.set_major_locator(canvas.part("ticker").MaxNLocator(nbins=3))
    ax.tick_params(axis="y", length=0)
    canvas.tidy(ax, "x")
