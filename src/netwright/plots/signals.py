"""What a check looked at: the figure of each diagnosis on a number line, and the limit beyond which it is a finding.

A row a diagnosis, so that figures that are close do not hide each other. The line is logarithmic where the figures are
more than two decades apart; where 0 or negative figures are among them, it is linear round 0 and logarithmic beyond.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netwright.checks import Diagnosis, Finding, Signal
from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The signals of which the small figures are the finding; of all others the large ones are.
SMALL_ONES = frozenset(
    {
        "backward value over the loss",
        "best R^2 of simple learners",
        "best accuracy of simple learners",
        "deviation from a straight line",
        "gradient of the first weights over the last",
        "gradient of the first weights over the last, in training",
        "held-out rows",
        "loss left at a smaller rate, of that as it is",
        "loss left with inputs standardised, of that without",
        "loss left with the target standardised",
        "norm of the weights left",
        "rows in a batch with batch normalisation",
        "share of the gradient that clipping leaves",
        "step over weights, median",
    }
)
DECADES = 2.0  # between the smallest and the largest figure: more want a logarithmic line
ROOM = 0.14  # share of the line that is left at both its ends


def signal(diagnoses: Mapping[str, Diagnosis], name: str, ax: Axes | None = None) -> Axes:
    """One figure that the checks looked at, a dot a diagnosis, with its limit; beyond it, shaded, it is a finding.

    A red dot lies beyond the limit, and the finding was made. The limits of two diagnoses may differ, since some depend
    on the data.

    Parameters
    ----------
    diagnoses : words and what they stand for, such as ``{"broken": before, "mended": after}``.
    name : of the signal, as in ``diagnosis.signals``.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : no diagnosis, or a name that none of them has.

    Examples
    --------
    >>> from netwright.checks import Diagnosis, Signal
    >>> from netwright.plots import signal
    >>> steps = {"a rate of 3": 14.0, "a rate of 0.03": 0.14}
    >>> seen = {word: Diagnosis((), {"first step": Signal(step, 1.0, "lr-too-high")}) for word, step in steps.items()}
    >>> ax = signal(seen, "first step")
    >>> ax.get_title(loc="left"), [text.get_text() for text in ax.texts]
    ('lr-too-high above 1', ['a rate of 3', '14', 'a rate of 0.03', '0.14'])
    """
    low = name in SMALL_ONES
    rows = _rows(diagnoses, name, low)
    signals = [each for _, each, _ in rows if each is not None]
    ax = canvas.axes_or_new("signal", ax, (6.8, 0.9 + 0.36 * len(rows)))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_yticks([])
    ax.set_xlabel(name)
    canvas.tidy(ax, "x")
    ax.spines["left"].set_visible(False)
    _scale(ax, [number for each in signals for number in (each.value, each.limit)])
    limits = {each.limit for each in signals}
    _limits(ax, rows, low, len(limits) == 1)
    for place, (word, found, made) in enumerate(rows):
        _row(ax, place, word, found, made, with_limit=len(limits) > 1)
    ax.set_title(_title(signals[0], low, len(limits) == 1), loc="left", fontsize="medium")
    return ax


Row = tuple[str, Signal | None, bool]  # the word, the figure, and whether the finding was made


def _rows(diagnoses: Mapping[str, Diagnosis], name: str, low: bool) -> list[Row]:
    if not isinstance(diagnoses, Mapping) or not diagnoses:
        remedy = 'Give words with them: {"broken": before, "mended": after}.'
        raise InvalidParameter(problem("signal(diagnoses)", "words and diagnoses", shown(diagnoses), remedy))
    for each in diagnoses.values():
        if not isinstance(each, Diagnosis):
            remedy = "Give what nw.check or watch.diagnosis gives."
            raise InvalidParameter(problem("signal(diagnoses)", "a Diagnosis for each word", shown(each), remedy))
    known = sorted({each for diagnosis in diagnoses.values() for each in diagnosis.signals})
    if name not in known:
        expected = "a signal of one of the diagnoses"
        raise InvalidParameter(problem("signal(name)", expected, shown(name), did_you_mean(str(name), known)))
    rows: list[Row] = []
    for word, diagnosis in diagnoses.items():
        found = diagnosis.signals.get(name)
        rows.append((str(word), found, found is not None and _made(diagnosis, found, low)))
    return rows


def _made(diagnosis: Diagnosis, found: Signal, low: bool) -> bool:
    """Whether a figure lies beyond its limit and has led to a finding; one without a code only helps others."""
    beyond = found.value <= found.limit if low else found.value >= found.limit
    return beyond and (not found.code or any(each.code == found.code for each in _all(diagnosis.findings)))


def _all(findings: Iterable[Finding]) -> Iterator[Finding]:
    for each in findings:
        yield each
        yield from _all(each.consequences)


def _scale(ax: Axes, numbers: list[float]) -> None:
    """A line on which all that is finite has room."""
    finite = [number for number in numbers if math.isfinite(number)] or [0.0]
    sizes = [abs(number) for number in finite if number]
    low, high = min(finite), max(finite)
    if not sizes or math.log10(max(sizes) / min(sizes)) <= DECADES:
        low, high = (min(low, 0.0), high) if low >= 0 else (low, max(high, 0.0))
        room = ROOM * (high - low) or 0.5
        ax.set_xlim(low - room, high + room)
    elif low > 0:
        factor = (high / low) ** ROOM
        ax.set_xscale("log")
        ax.set_xlim(low / factor, high * factor)
    else:
        ax.set_xscale("symlog", linthresh=10 ** math.floor(math.log10(min(sizes))), linscale=0.5)
        ends = ax.transData.transform([(low, 0), (high, 0)])[:, 0]
        room = ROOM * (ends[1] - ends[0])
        places = ax.transData.inverted().transform([(ends[0] - room, 0), (ends[1] + room, 0)])[:, 0]
        ax.set_xlim(*map(float, places))
    if ax.get_xscale() != "linear":
        _few_ticks(ax, least=-math.inf if low < 0 else 0.0)


def _few_ticks(ax: Axes, least: float) -> None:
    """Powers of ten that do not run into each other, 0 among them if it is on the line; as numbers, not as formulas."""
    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if max(low, least) <= tick <= high]
    step = 1 + len(ticks) // 9
    kept = ticks[::step] if 0.0 not in ticks else [t for i, t in enumerate(ticks) if (i - ticks.index(0.0)) % step == 0]
    canvas.plain(ax, "x", [f"{tick:g}" for tick in kept], kept)
    ax.minorticks_off()


def _limits(ax: Axes, rows: list[Row], low: bool, same: bool) -> None:
    """The limit as a line, the side of the finding shaded; row by row where limits differ."""
    left, right = ax.get_xlim()
    for place, (_, found, _) in enumerate(rows):
        if found is None:
            continue
        ends = [len(rows) - 0.4, -0.6] if same else [place + 0.42, place - 0.42]
        beyond = (left, found.limit) if low else (found.limit, right)
        ax.fill_betweenx(ends, *beyond, color=canvas.VERMILLION, alpha=0.09, linewidth=0, zorder=0)
        ax.plot([found.limit] * 2, ends, color=canvas.VERMILLION, linewidth=1.3, dashes=(4, 2.4), zorder=1)
        if same:
            break
    ax.set_xlim(left, right)


def _row(ax: Axes, place: int, word: str, found: Signal | None, made: bool, with_limit: bool) -> None:
    """The word, and a dot with its figure on the side away from the limit, if there is a figure."""
    small: dict[str, Any] = {"va": "center", "fontsize": canvas.SMALL, "annotation_clip": False, "parse_math": False}
    word = canvas.shortened(word, 28)
    ax.annotate(word, (0, place), (-8, 0), ("axes fraction", "data"), "offset points", ha="right", **small)
    if found is None or math.isnan(found.value):
        why = "not looked at" if found is None else "not a number"
        ax.annotate(why, (0, place), (4, 0), ("axes fraction", "data"), "offset points", color=canvas.GRAY, **small)
        return
    colour = canvas.VERMILLION if made else canvas.BLUE
    left, right = ax.get_xlim()
    at = min(max(found.value, left), right)  # infinity is an arrow at the end of the line
    shape = "o" if at == found.value else ">" if at == right else "<"
    above = found.value >= found.limit
    ax.plot([found.limit, at], [place, place], color=colour, linewidth=2.2, alpha=0.45, zorder=2)
    ax.plot(at, place, shape, color=colour, markersize=9, clip_on=False, zorder=3)
    figures = [(at, found.value, above, colour, 9)]
    if with_limit:
        figures.append((found.limit, found.limit, not above, canvas.GRAY, 4))
    for x, number, outwards, its_colour, gap in figures:
        side = "left" if outwards else "right"
        gap = gap if outwards else -gap
        ax.annotate(
            canvas.nice(number), (x, place), (gap, 0), "data", "offset points", ha=side, color=its_colour, **small
        )


def _title(found: Signal, low: bool, same: bool) -> str:
    where = "below" if low else "above"
    limit = canvas.nice(found.limit) if same else "the limit"
    return f"{found.code} {where} {limit}".strip()
