"""Reliability diagram: how often a classifier is right, against how sure it is.

    acc_b  = share of the rows of bin b that are right        conf_b = their mean probability of the answer

On the diagonal both are equal. Below it a model is surer than it is right, above it less sure. The bars below show how
many rows have which probability: a gap where there are few means little.

Reference: Niculescu-Mizil, Caruana, *Predicting good probabilities with supervised learning*, 2005.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.estimators.ensemble.calibration_error import Reliability
from netwright.estimators.ensemble.calibration_error import reliability as bins_of
from netwright.plots import canvas

if TYPE_CHECKING:
    pass

COLOURS = (canvas.VERMILLION, canvas.BLUE, canvas.GREEN, canvas.ORANGE)
MODELS = len(COLOURS)


def calibration(y_true: Any, probabilities: Any, classes: Any = None, bins: int = 15, figure: Any = None) -> np.ndarray:
    """Share of right answers against their probability, and below it how many rows have that probability.

    Give one model's probabilities, or several by name to compare them, such as those before and after `calibrate`.

    Parameters
    ----------
    y_true : labels (n,).
    probabilities : (n, k) as ``predict_proba`` gives them, or a dict of up to four such by name.
    classes : labels of the k columns, such as ``clf.classes_``; None for 0 ... k - 1.
    bins : of equal width between 0 and 1, >= 1.
    figure : an empty Figure or SubFigure, or None for a new figure.

    Returns
    -------
    array of two Axes.

    Raises
    ------
    InvalidData : shapes that do not match, numbers that are no probabilities, labels that are not among the classes.

    Examples
    --------
    >>> from netwright.plots import calibration
    >>> axes = calibration([0, 0, 0, 1], {"as promised": [[0.75, 0.25]] * 4})
    >>> axes[0].get_title(loc="left"), axes[0].get_ylabel()
    ('Calibration error 0.0 %', 'share that is right')
    """
    named = dict(probabilities) if isinstance(probabilities, Mapping) else {"": probabilities}
    if not 1 <= len(named) <= MODELS:
        raise InvalidParameter(
            problem("calibration(probabilities)", f"1 to {MODELS} models", f"{len(named)}: {shown(list(named))}")
        )
    found = {name: bins_of(y_true, each, classes, bins) for name, each in named.items()}
    figure = canvas.figure_or_new("calibration", figure, (5.2, 5.8))
    axes = canvas.panels(figure, 2, sharex=True, height_ratios=(4, 1))
    chance = 1 / np.asarray(next(iter(named.values()))).shape[1]
    axes[0].plot([0, 1], [0, 1], color=canvas.GRAY, linewidth=1.2, linestyle=(0, (5, 3)))
    for place, (name, each) in enumerate(found.items()):
        _draw(axes, name, each, COLOURS[place], place)
    ticker = canvas.part("ticker")
    for axis in (axes[0].yaxis, axes[1].xaxis):
        axis.set_major_formatter(ticker.PercentFormatter(1.0, 0, " %"))
    axes[0].set(xlim=(min(chance, *map(_lowest, found.values())) - 0.02, 1.01), ylim=(-0.02, 1.02))
    axes[0].set_ylabel("share that is right")
    axes[1].set(xlabel="probability of the answer", ylabel="rows", ylim=(0, None))
    axes[1].yaxis.set_major_locator(ticker.MaxNLocator(nbins=3, integer=True))
    for ax in axes:
        canvas.tidy(ax)
    errors = " → ".join(f"{each.error:.1%}".replace("%", " %") for each in found.values())
    axes[0].set_title(f"Calibration error {errors}", loc="left", fontsize="medium")
    if any(found):
        legend = axes[0].legend(frameon=False, fontsize=canvas.SMALL, loc="upper left")
        for text in legend.get_texts():
            text.set_parse_math(False)
    return axes


def _draw(axes: np.ndarray, name: str, found: Reliability, colour: str, place: int) -> None:
    """One model: its bins as a line with dots as large as they are full, and their rows as an outline."""
    filled = found.rows > 0
    confidence, right = found.confidence[filled], found.right[filled]
    if place == 0:
        axes[0].fill_between(confidence, right, confidence, color=colour, alpha=0.12, linewidth=0)
    axes[0].plot(confidence, right, color=colour, linewidth=1.8, label=name or None)
    size = 12 + 88 * found.rows[filled] / found.rows.max()
    axes[0].scatter(confidence, right, s=size, color=colour, linewidths=0, zorder=3)
    axes[1].stairs(found.rows, found.edges, color=colour, linewidth=1.6, fill=False)


def _lowest(found: Reliability) -> float:
    return float(np.nanmin(found.confidence))
