"""Training curves: loss, score and learning rate of a run against the epoch, one panel each.

The loss is on a logarithmic scale when its values span more than two decades. The best epoch is the one with the
lowest validation loss (training loss without validation), as early stopping sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from netwright.core.errors import InvalidData, problem
from netwright.plots import canvas
from netwright.plots.subjects import column, epochs, history_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECADES = 100.0  # greatest over least loss beyond which the scale is logarithmic
LINES = (("train", "training", canvas.BLUE), ("validation", "validation", canvas.VERMILLION))


def training_curves(history: Any, figure: Any = None) -> np.ndarray:
    """Loss and score of training and validation rows against the epoch, the best epoch marked.

    A strip with the learning rate is added when it changes.

    Parameters
    ----------
    history : a History, or a fitted estimator (then the score has its name).
    figure : an empty Figure or SubFigure, or None for a new figure.

    Returns
    -------
    array of Axes, from top to bottom: loss, score if it was measured, learning rate if it changed.

    Raises
    ------
    InvalidData : no epoch, or no loss in the records.
    InvalidParameter : neither a history nor an estimator.

    Examples
    --------
    >>> from netwright.plots import training_curves
    >>> records = [{"epoch": i, "train_loss": 1.0 / i, "validation_loss": 0.3 + 0.5 / i} for i in range(1, 6)]
    >>> axes = training_curves(records)
    >>> [ax.get_ylabel() for ax in axes], axes[0].get_title(loc="left")
    (['mean loss of a row'], 'Lowest validation loss 0.4 in epoch 5 of 5')
    """
    records = history_of("training_curves", history)
    if not any(f"{name}_loss" in records for name, *_ in LINES):
        expected = "records with train_loss or validation_loss"
        raise InvalidData(problem("training_curves(history)", expected, f"only {sorted(records[-1])}"))
    rate = column(records, "learning_rate")
    scored = [name for name, *_ in LINES if np.isfinite(column(records, f"{name}_score")).any()]
    changes = np.unique(rate[np.isfinite(rate)]).size > 1
    heights = [3.0, *([2.4] if scored else []), *([0.9] if changes else [])]
    figure = canvas.figure_or_new("training_curves", figure, (6.8, sum(heights) + 0.6))
    axes = canvas.panels(figure, len(heights), sharex=True, gridspec_kw={"height_ratios": heights})
    x = epochs(records)
    canvas.whole_epochs(axes[0], int(x.min()), int(x.max()))

    best = _best(records, history)
    _lines(axes[0], records, "loss", "mean loss of a row", best)
    if scored:
        _lines(axes[1], records, "score", _score_name(history), best)
    if changes:
        _rate(axes[-1], x, rate)
    for ax in axes:
        if best is not None:
            ax.axvline(x[best], color=canvas.GRAY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        ax.label_outer()
    axes[-1].set_xlabel("epoch")
    _title(axes[0], records, best)
    return axes


def _lines(ax: Axes, records: Any, what: str, label: str, best: int | None) -> None:
    """The lines of training and validation in one panel, named at their ends."""
    x, ends, seen = epochs(records), [], []
    for name, text, colour in LINES:
        y = column(records, f"{name}_{what}")
        there = np.flatnonzero(np.isfinite(y))
        if not there.size:
            continue
        dots = canvas.marker(len(x)) or ("." if there.size == 1 else "")
        ax.plot(x, y, color=colour, marker=dots, linewidth=1.6, label=text)
        if best is not None and np.isfinite(y[best]):
            ax.plot(x[best], y[best], "o", color=colour, markersize=6, markerfacecolor="none")
        ends.append((float(x[there[-1]]), float(y[there[-1]]), text, colour))
        seen.append(y[there])
    if what == "loss" and seen:
        low, high = min(y.min() for y in seen), max(y.max() for y in seen)
        if low > 0.0 and high / low > DECADES:
            ax.set_yscale("log")
    ax.set_ylabel(label)
    canvas.tidy(ax)
    canvas.direct_labels(ax, ends)


def _rate(ax: Axes, x: np.ndarray, rate: np.ndarray) -> None:
    """The strip of learning rates; steps, since a rate holds for a whole epoch."""
    ax.plot(x, rate, color=canvas.GREEN, linewidth=1.6, drawstyle="steps-mid")
    there = rate[np.isfinite(rate)]
    if there.min() > 0.0 and there.max() / there.min() > DECADES / 10:
        ax.set_yscale("log")
    else:
        ax.set_ylim(0.0, 1.15 * there.max())
        ax.yaxis.set_major_locator(canvas.part("ticker").MaxNLocator(nbins=2))
    ax.set_ylabel("learning\nrate")
    canvas.tidy(ax)


def _best(records: Any, thing: Any) -> int | None:
    """The index of the best epoch: the estimator's own, else the first with the lowest monitored loss."""
    own = getattr(thing, "best_epoch_", None)
    x = epochs(records)
    if own is not None and own in x:
        return int(np.flatnonzero(x == own)[0])
    loss = column(records, _monitored(records))
    return int(np.nanargmin(loss)) if np.isfinite(loss).any() else None


def _monitored(records: Any) -> str:
    return "validation_loss" if np.isfinite(column(records, "validation_loss")).any() else "train_loss"


def _title(ax: Axes, records: Any, best: int | None) -> None:
    if best is None:
        return
    name = _monitored(records)
    x, loss = epochs(records), column(records, name)
    which = "validation" if name == "validation_loss" else "training"
    ax.set_title(
        f"Lowest {which} loss {canvas.nice(loss[best])} in epoch {x[best]} of {x[-1]}", loc="left", fontsize="medium"
    )


def _score_name(thing: Any) -> str:
    """The score's own name where the estimator tells what it is."""
    if not hasattr(thing, "__sklearn_tags__"):
        return "score"
    if is_classifier(thing):
        return "accuracy (share of rows)"
    return "R² (1 is perfect)" if is_regressor(thing) else "score"
