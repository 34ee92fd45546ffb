"""Searches: where good trials lie in the space, which parameter matters, what the score does along each of them.

Every parameter has the scale that it was searched on: logarithmic ranges a logarithmic one, choices a place each. The
best trial is vermillion in all of them. Scores far below the others are drawn at the lower edge, so that one run that
diverged does not press all others together.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.estimators.tuning.choices import Choices
from netwright.estimators.tuning.importance import importance
from netwright.estimators.tuning.ranges import Range
from netwright.estimators.tuning.result import Done, Search
from netwright.estimators.tuning.space import Axis
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAINT, STRONG = "#cfd8df", canvas.BLUE  # of the worst trial, of the best
JITTER = 0.035  # by which lines and points of one choice are told apart
FAR = 3.0  # distances between the median and the best score, below which a score is drawn at the edge
FEW = 12  # steps of a range of integers, up to which points of one integer are moved apart
WIDE = 3  # panels in a row of slices
NAME = 20  # characters of a choice
ROUNDED = 25  # points of the curve between two axes


def search_parallel(result: Search, ax: Axes | None = None) -> Axes:
    """A line a trial through its value of each parameter to its score: parallel coordinates.

    Darker lines have higher ranks; the best trial is vermillion, trials that were pruned or failed are dotted and end
    before the score.

    Parameters
    ----------
    result : what ``nw.search`` gives.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : something else than the result of a search.

    References
    ----------
    Inselberg, *The plane with parallel coordinates*, 1985.
    """
    _require("search_parallel", result)
    names = list(result.space_.axes)
    ax = canvas.axes_or_new("search_parallel", ax, (max(6.8, 1.7 * (len(names) + 1)), 4.4))
    trials, best = _trials(result), result.best_number_
    low, high = _limits([score for _, _, score in trials if score is not None])
    ranked = sorted(trials, key=lambda trial: (trial[2] is not None, trial[2] or 0.0, trial[0] == best))
    scored = [trial for trial in ranked if trial[2] is not None]
    colours = canvas.part("colors").LinearSegmentedColormap.from_list("ranks", (FAINT, STRONG))
    for number, drawn, score in ranked:
        places = [_place(result.space_.axes[name], drawn[name], number) for name in names]
        if score is not None:
            places.append(max((score - low) / (high - low), 0.0))
        x, y = _curve(places)
        options: dict[str, Any] = {"color": canvas.GRAY, "linestyle": ":", "alpha": 0.5, "linewidth": 0.9}
        if score is not None:
            rank = scored.index((number, drawn, score)) / max(len(scored) - 1, 1)
            options = {"color": colours(rank), "linewidth": 0.9 + 0.7 * rank}
        if number == best:
            options = {"color": canvas.VERMILLION, "linewidth": 2.6, "zorder": 5}
        ax.plot(x, y, solid_capstyle="round", **options)
    for place, name in enumerate(names):
        _scale(ax, place, name, result.space_.axes[name])
    _ticks(ax, len(names), "score", [(share, canvas.nice(low + share * (high - low))) for share in (0.0, 0.5, 1.0)])
    ax.set_axis_off()
    ax.set_xlim(-0.35, len(names) + 0.6)
    ax.set_ylim(-0.06, 1.16)
    ax.set_title(_title(result), loc="left", fontsize="medium")
    return ax


def search_importance(result: Search, ax: Axes | None = None) -> Axes:
    """The share of the variance of the score that each parameter explains, over the trials of the first stage.

    Parameters
    ----------
    result : what ``nw.search`` gives.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : something else than the result of a search.
    InvalidData : fewer than 4 completed trials in the first stage, or equal scores.

    References
    ----------
    Hutter, Hoos, Leyton-Brown, *An efficient approach for assessing hyperparameter importance*, 2014.
    """
    _require("search_importance", result)
    shares = importance(result)
    ax = canvas.axes_or_new("search_importance", ax, (6.8, 1.1 + 0.42 * len(shares)))
    places = np.arange(len(shares))
    bars = ax.barh(places, list(shares.values()), color=canvas.BLUE, height=0.62)
    ax.bar_label(bars, [f"{share:.0%}".replace("%", " %") for share in shares.values()], padding=4, fontsize="small")
    canvas.plain(ax, "y", [canvas.shortened(name, 32) for name in shares], list(places))
    ax.invert_yaxis()
    ax.set_xlim(0.0, 1.12 * max(max(shares.values()), 0.1))
    ax.xaxis.set_major_formatter(canvas.part("ticker").PercentFormatter(1.0, 0, " %"))
    ax.xaxis.set_major_locator(canvas.part("ticker").MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    ax.set_xlabel("share of the score's variance")
    ax.set_ylabel("parameter")
    ax.tick_params(axis="y", length=0)
    canvas.tidy(ax, "x")
    done = result.stages[0]
    ax.set_title(f"What mattered, in {len(done.records)} {_kind(done)}trials", loc="left", fontsize="medium")
    return ax


def search_slice(result: Search, figure: Any = None) -> np.ndarray:
    """The score of each trial against each parameter, a panel a parameter.

    Hollow points are of the coarse stage, full ones of the fine stage; the shade is the range that the fine stage was
    narrowed to.

    Parameters
    ----------
    result : what ``nw.search`` gives.
    figure : an empty Figure or SubFigure to draw in, or None for a new one.

    Returns
    -------
    the array of its Axes, one a parameter.

    Raises
    ------
    InvalidParameter : something else than the result of a search.
    """
    _require("search_slice", result)
    names = list(result.space_.axes)
    columns = min(len(names), WIDE)
    rows = -(-len(names) // columns)
    figure = canvas.figure_or_new("search_slice", figure, (3.1 * columns + 0.6, 2.9 * rows + 0.5))
    made = canvas.panels(figure, rows, columns)
    for spare in made[len(names) :]:
        spare.remove()
    made = made[: len(names)]
    low, high = _limits([score for _, _, score in _trials(result) if score is not None])
    room = 0.06 * (high - low)
    for number, (ax, name) in enumerate(zip(made, names, strict=True)):
        for done in result.stages:
            _points(ax, result, done, name, low)
        _dress(ax, result, name)
        ax.set_ylim(low - room, high + room)
        ax.set_xlabel(canvas.shortened(name, 30), parse_math=False)
        if number % columns == 0:
            ax.set_ylabel("score on held-out rows")
        else:
            ax.tick_params(labelleft=False)
        canvas.tidy(ax)
    key = "\nhollow: coarse, full: fine, shaded: what the fine stage drew from" if len(result.stages) > 1 else ""
    figure.suptitle(_title(result) + key, x=0.01, ha="left", fontsize="medium")
    return made


def _require(where: str, result: Any) -> None:
    if not isinstance(result, Search):
        remedy = "Give what nw.search(estimator, space, X, y) returns."
        raise InvalidParameter(problem(f"{where}(result)", "the result of a search", shown(result), remedy))


def _trials(result: Search) -> list[tuple[int, dict[str, Any], float | None]]:
    """The number, the draw and the score of each trial; no score of those that were not completed."""
    found = []
    for done in result.stages:
        for record in done.records:
            complete = record.outcome is not None and record.outcome.state == "complete"
            score = record.outcome.score if record.outcome is not None and complete else None
            found.append((done.stage.offset + record.slot, record.drawn, score))
    return found


def _limits(scores: list[float]) -> tuple[float, float]:
    """A scale for scores: down to the lowest, but not much farther below the median than the best is above it."""
    high, middle = max(scores), float(np.median(scores))
    spread = max(high - middle, 1e-3 * max(abs(high), 1e-9))
    low = max(min(scores), middle - FAR * spread)
    return (low, high) if high > low else (high - 0.5, high + 0.5)


def _place(axis: Axis, drawn: Any, number: int) -> float:
    """The height of a line on an axis; lines of one choice are moved a little, each by its own."""
    share = axis.share(drawn)
    if isinstance(axis, Range) and not axis.whole:
        return share
    moved = JITTER * (2 * ((number * 0.618034) % 1.0) - 1)
    count = len(axis.labels) if isinstance(axis, Choices) else 1 + int(axis.high - axis.low)
    if isinstance(axis, Choices) and count == 1:
        share = 0.5
    return float(np.clip(share + (moved if count < 20 else 0.0), -JITTER, 1 + JITTER))


def _curve(places: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """A line through the axes that leaves each of them at a right angle."""
    t = np.linspace(0.0, 1.0, ROUNDED)
    smooth = t * t * (3.0 - 2.0 * t)
    x = [i + t for i in range(len(places) - 1)]
    y = [a + (b - a) * smooth for a, b in pairwise(places)]
    return (np.concatenate(x), np.concatenate(y)) if x else (np.zeros(1), np.array(places))


def _scale(ax: Axes, place: int, name: str, axis: Axis) -> None:
    """The scale of a parameter: its ends and its middle, or its choices."""
    if isinstance(axis, Choices):
        shares = [0.5] if len(axis.labels) == 1 else [axis.share(label) for label in axis.labels]
        _ticks(ax, place, name, [(s, canvas.shortened(v, NAME)) for s, v in zip(shares, axis.labels, strict=True)])
        return
    if axis.whole and axis.high - axis.low <= 6 and not axis.log:
        items = [float(item) for item in range(int(axis.low), int(axis.high) + 1)]
    else:
        middle = axis._at(0.5)
        items = [axis.low, round(middle) if axis.whole else middle, axis.high]
    _ticks(ax, place, name, [(axis.share(item), canvas.nice(axis.value(item))) for item in items])


def _ticks(ax: Axes, place: int, name: str, ticks: list[tuple[float, str]]) -> None:
    ink = canvas.GRAY
    ax.plot([place, place], [0.0, 1.0], color=ink, linewidth=1.0, zorder=6)
    ax.text(place, 1.09, canvas.shortened(name, 22), ha="center", fontweight="bold", fontsize="small", parse_math=False)
    for share, text in ticks:
        ax.plot([place - 0.015, place + 0.015], [share, share], color=ink, linewidth=1.0, zorder=6)
        ax.text(
            place + 0.035,
            share,
            text,
            va="center",
            fontsize=canvas.SMALL,
            zorder=7,
            parse_math=False,
            path_effects=canvas.outlined(ax),
        )


def _points(ax: Axes, result: Search, done: Done, name: str, low: float) -> None:
    """The trials of a stage in the panel of a parameter; those below the scale at its edge."""
    axis, last = result.space_.axes[name], done is result.stages[-1]
    for record in done.records:
        outcome = record.outcome
        if outcome is None or outcome.state != "complete" or outcome.score is None:
            continue
        number = done.stage.offset + record.slot
        best = number == result.best_number_
        x = _across(axis, record.drawn[name], number)
        below = outcome.score < low
        colour = canvas.VERMILLION if best else canvas.BLUE
        ax.plot(
            [x],
            [max(outcome.score, low)],
            "*" if best else "v" if below else "o",
            color=colour,
            markersize=13 if best else 5.5,
            markerfacecolor=colour if last or best else "none",
            markeredgecolor="white" if best else colour,
            alpha=1.0 if best else 0.75,
            zorder=5 if best else 3,
            clip_on=False,
        )


def _across(axis: Axis, drawn: Any, number: int) -> float:
    """Where a trial stands in the panel of a parameter."""
    moved = 6 * JITTER * (2 * ((number * 0.618034) % 1.0) - 1)
    if isinstance(axis, Choices):
        return axis.index(drawn) + moved
    if not _is_stepped(axis):
        return float(axis.value(drawn))
    return float(drawn + moved) if axis.base is None else float(axis.base ** (drawn + moved))


def _dress(ax: Axes, result: Search, name: str) -> None:
    """The scale of a parameter, and the part of it that the last stage drew from."""
    axis, later = result.space_.axes[name], result.narrowed_.axes[name]
    if isinstance(axis, Choices):
        assert isinstance(later, Choices)
        labels = [canvas.shortened(label, NAME) for label in axis.labels]
        long = max(map(len, labels)) * len(labels) > 26
        turned = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}
        canvas.plain(ax, "x", labels, range(len(labels)), fontsize="small", **turned)
        ax.set_xlim(-0.5, len(labels) - 0.5)
        if later is not axis:
            for label in later.labels:
                ax.axvspan(axis.index(label) - 0.5, axis.index(label) + 0.5, color=canvas.BLUE, alpha=0.08, linewidth=0)
        return
    assert isinstance(later, Range)
    stepped = _is_stepped(axis)
    half = 0.5 if stepped else 0.0
    low, high = _ends(axis, axis.low - half, axis.high + half)
    if axis.log or axis.base is not None:
        ax.set_xscale("log", base=axis.base or 10)
        room = 1.0 if stepped else (high / low) ** 0.04
        ax.set_xlim(low / room, high * room)
    else:
        room = 0.0 if stepped else 0.04 * (high - low)
        ax.set_xlim(low - room, high + room)
    if axis.base is not None:
        powers = [axis.value(k) for k in range(int(axis.low), int(axis.high) + 1)]
        some = powers[:: -(-len(powers) // 6)]
        canvas.plain(ax, "x", [canvas.nice(power) for power in some], some)
        ax.minorticks_off()
    elif axis.whole and not axis.log:
        ax.xaxis.set_major_locator(canvas.part("ticker").MaxNLocator(integer=True, nbins=7, min_n_ticks=1))
    if later is not axis:
        shade = _ends(axis, later.low - half, later.high + half)
        ax.axvspan(*shade, color=canvas.BLUE, alpha=0.08, linewidth=0, zorder=0)


def _is_stepped(axis: Range) -> bool:
    """Whether points of one integer are moved apart."""
    return axis.whole and not axis.log and axis.high - axis.low <= FEW


def _ends(axis: Range, low: float, high: float) -> tuple[float, float]:
    """Two ends of a range as they stand on the panel's scale, the smaller one first."""
    if axis.base is None:
        return low, high
    first, second = sorted((float(axis.base**low), float(axis.base**high)))
    return first, second


def _kind(done: Done) -> str:
    return "" if done.stage.name == "one" else f"{done.stage.name} "


def _title(result: Search) -> str:
    """The best score, and what became of the trials."""
    states = [row["state"] for row in result.rows_]
    others = [f"{states.count(state)} {state}" for state in ("pruned", "failed") if state in states]
    counts = ", ".join([f"{len(states)} trials", *others])
    return f"Best score {result.best_score_:.4g} in trial {result.best_number_} ({counts})"
