"""Range tests: the loss of each mini-batch against the learning rate that it was trained at.

On the left rates are so small that nothing is learned, on the right so great that what was learned is lost; the loss
falls between them. See `netwright.train.RangeTest` for what the marked rates are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.plots import canvas
from netwright.train import RangeTest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOM = 0.12  # share of the height of the smoothed curve that is left above it and below it
LATE = 0.8  # share of the axis beyond which no minimum lies, so that its name has room
EARLY = 0.25  # share of the axis before which the suggestion stands to the right of its line


def lr_finder(result: RangeTest, ax: Axes | None = None) -> Axes:
    """Losses of a range test (light) and their smoothed course (dark) against the rate, the suggestion marked.

    The scale is that of the smoothed losses up to their minimum: a loss that blows up leaves the picture at its top.

    Parameters
    ----------
    result : what ``nw.lr_finder`` gives.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : something else than a range test.

    Examples
    --------
    >>> from netwright.plots import lr_finder
    >>> rates = np.geomspace(1e-5, 10, 61)
    >>> ax = lr_finder(RangeTest(rates, 1 / (1 + (rates / 0.01) ** 2) + rates, steps=61, smoothing=0.0))
    >>> ax.get_title(loc="left"), ax.get_xscale()
    ('Suggested rate: 0.00794', 'log')

    References
    ----------
    Smith, *Cyclical learning rates for training neural networks*, 2017 (section 3.3).
    """
    if not isinstance(result, RangeTest):
        remedy = "Give what nw.lr_finder(estimator, X, y) returns."
        raise InvalidParameter(problem("lr_finder(result)", "a RangeTest", shown(result), remedy))
    ax = canvas.axes_or_new("lr_finder", ax, (6.8, 4.2))
    dots = "." if len(result.rates) == 1 else ""
    ax.plot(result.rates, result.losses, color=canvas.BLUE, alpha=0.35, linewidth=1.0, marker=dots, label="a batch")
    ax.plot(result.rates, result.smoothed, color=canvas.BLUE, linewidth=2.0, label="smoothed")
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss of a batch")
    canvas.tidy(ax)
    _scale(ax, result)
    if result.suggestion is not None:
        _marks(ax, result)
    ax.set_title(_title(result), loc="left", fontsize="medium")
    ax.legend(frameon=False, fontsize=canvas.SMALL, loc="best")
    return ax


def _title(result: RangeTest) -> str:
    """What to do, and how the test ended."""
    if result.suggestion is None:
        found = "No rate made the loss fall"
    else:
        found = f"Suggested rate: {canvas.nice(result.suggestion)}"
    if result.diverged_at is not None:
        return f"{found}; the test ended at {canvas.nice(result.diverged_at)}"
    rises = result.minimum is not None and result.minimum < result.rates[-1]
    return found if rises else f"{found}; the test ended before the loss rose"


def _scale(ax: Axes, result: RangeTest) -> None:
    """Limits by the smoothed losses up to their minimum, and by what the batches have there but for the odd ones."""
    x = np.log(result.rates)
    if result.minimum is not None:
        least = x[0] + (np.log(result.minimum) - x[0]) / LATE
        ax.set_xlim(right=float(np.exp(max(x[-1] + 0.03 * (x[-1] - x[0]), least))))
    stop = len(result.rates) if result.minimum is None else int(np.searchsorted(result.rates, result.minimum)) + 1
    usual = np.quantile(result.losses[:stop], [0.02, 0.98])
    low, high = min(result.smoothed.min(), usual[0]), max(result.smoothed[:stop].max(), usual[1])
    room = ROOM * (high - low) or 0.5
    ax.set_ylim(low - room, high + room)


def _marks(ax: Axes, result: RangeTest) -> None:
    """The suggestion as a line, steepest descent and minimum as rings with their names."""
    assert result.suggestion is not None
    x = np.log(result.rates)
    early = (np.log(result.suggestion) - x[0]) / max(x[-1] - x[0], 1e-9) < EARLY
    ax.axvline(result.suggestion, color=canvas.VERMILLION, linewidth=1.3, linestyle=(0, (5, 3)), zorder=1)
    ax.annotate(
        f"suggestion {canvas.nice(result.suggestion)}",
        (result.suggestion, 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(5 if early else -5, 2),
        textcoords="offset points",
        ha="left" if early else "right",
        color=canvas.VERMILLION,
        fontsize=canvas.SMALL,
    )
    for name, rate, below in (("steepest", result.steepest, False), ("minimum", result.minimum, True)):
        assert rate is not None
        height = float(np.interp(np.log(rate), x, result.smoothed))
        ax.plot(rate, height, "o", color=canvas.BLUE, markersize=6, markerfacecolor=ax.get_facecolor(), zorder=4)
        ax.annotate(
            f"{name} {canvas.nice(rate)}",
            (rate, height),
            xytext=(6, -6 if below else 4),
            textcoords="offset points",
            va="top" if below else "bottom",
            fontsize=canvas.SMALL,
            path_effects=canvas.outlined(ax),
        )
