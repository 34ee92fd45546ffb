"""Pictures of generative networks: samples over time, samples in the plane beside the real ones, maps of codes.

They take what `netwright.vision` gives, or any arrays of the same shapes.

Reference: Metz, Poole, Pfau, Sohl-Dickstein, *Unrolled generative adversarial networks*, 2017 (samples over time);
Kingma, Welling, *Auto-encoding variational Bayes*, 2014 (the map of a code of two numbers).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, integer
from netwright.plots import canvas
from netwright.plots.mosaic import images_of, in_unit_range, mosaic, opaque
from netwright.plots.subjects import column, epochs, history_of
from netwright.train.history import COLUMNS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PURPLE, SKY = "#CC79A7", "#56B4E9"
COLOURS = (canvas.BLUE, canvas.VERMILLION, canvas.GREEN, canvas.ORANGE, PURPLE, SKY)
POINTS = 2000  # real points that are drawn
ROWS = 3  # of panels at most
WIDE = 5  # panels side by side
GAME = ("generator_loss", "discriminator_loss", "discriminator_accuracy", "gradient_penalty")


def sample_frames(
    frames: Any, steps: Sequence[int] | None = None, real: Any = None, tiles: int = 16, figure: Any = None
) -> np.ndarray:
    """What a generator made of the same noise at several moments: points in the plane, or grids of images.

    Parameters
    ----------
    frames : samples at each moment, as ``GAN.samples_``.
    steps : the moments, as ``GAN.samples_steps_``; None for none.
    real : real points, drawn behind; None for none.
    tiles : images shown of each moment, >= 1.
    figure : an empty Figure or SubFigure, or None for a new figure.

    Shapes
    ------
    frames (moments, m, 2), or (moments, m, h, w), (moments, m, h, w, c), (moments, m, c, h, w)

    Returns
    -------
    array of Axes, one a moment.

    Raises
    ------
    InvalidData : other shapes, or another number of steps.

    Examples
    --------
    >>> from netwright.plots import sample_frames
    >>> axes = sample_frames(np.zeros((2, 30, 2)), steps=[0, 100])
    >>> [ax.get_title() for ax in axes]
    ['step 0', 'step 100']
    """
    check("sample_frames(tiles)", tiles, integer(1))
    given = np.asarray(frames)
    points = given.ndim == 3 and given.shape[2] == 2
    if not (points or given.ndim in (4, 5)) or not given.size:
        expected = "(moments, m, 2), or images (moments, m, height, width) with or without channels"
        raise InvalidData(problem("sample_frames(frames)", expected, f"shape {given.shape}"))
    if steps is not None and len(steps) != len(given):
        raise InvalidData(problem("sample_frames(steps)", f"{len(given)}, one a moment", f"{len(steps)}"))
    columns = min(len(given), WIDE)
    rows = math.ceil(len(given) / columns)
    figure = canvas.figure_or_new("sample_frames", figure, (2.3 * columns, 2.45 * rows))
    axes = canvas.panels(figure, rows, columns).ravel()
    limits = _limits(given[-1] if real is None else np.asarray(real)) if points else None
    for place, ax in enumerate(axes[: len(given)]):
        if points:
            _scatter(ax, given[place], real, limits)
        else:
            _tiles(ax, given[place][:tiles])
        if steps is not None:
            ax.set_title(f"step {int(steps[place]):,}", fontsize="medium")
    for ax in axes[len(given) :]:
        ax.set_visible(False)
    found: np.ndarray = axes[: len(given)]
    return found


def sample_points(
    samples: Any, real: Any = None, centres: Any = None, std: float | None = None, ax: Axes | None = None
) -> Axes:
    """Samples in the plane, with real points behind them, and circles of three deviations round known centres.

    Parameters
    ----------
    samples : (n, 2).
    real : (m, 2) or None.
    centres : (modes, 2) or None.
    std : of the points round a centre, or None.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidData : other shapes.

    Examples
    --------
    >>> from netwright.plots import sample_points
    >>> ax = sample_points(np.zeros((5, 2)), centres=np.eye(2), std=0.1)
    >>> len(ax.patches)
    2
    """
    points = _plane("sample_points(samples)", samples)
    behind = None if real is None else _plane("sample_points(real)", real)
    round_them = None if centres is None else _plane("sample_points(centres)", centres)
    ax = canvas.axes_or_new("sample_points", ax, (4.6, 4.6))
    _scatter(ax, points, behind, _limits(points if behind is None else behind))
    if round_them is not None:
        circle = canvas.part("patches").Circle
        for centre in round_them:
            ax.add_patch(circle(centre, 3 * (std or 0.0), fill=False, edgecolor=canvas.VERMILLION, linewidth=0.8))
    return ax


def game_curves(history: Any, figure: Any = None) -> np.ndarray:
    """The course of a game: losses of both players, how often the discriminator is right, and what was measured beside.

    Parameters
    ----------
    history : of a `GAN`, or the fitted `GAN` itself, whose steps are counted then.
    figure : an empty Figure or SubFigure, or None for a new figure.

    Returns
    -------
    array of Axes, from top to bottom: losses, accuracy, penalty if there was one, and one for each figure that
    `netwright.vision.MeasureSamples` has measured.

    Raises
    ------
    InvalidData : a history of no game. InvalidParameter : neither a history nor an estimator.

    Examples
    --------
    >>> from netwright.plots import game_curves
    >>> record = {"generator_loss": 1.0, "discriminator_loss": 1.2, "discriminator_accuracy": 0.6, "modes": 7.0}
    >>> axes = game_curves([record, {**record, "modes": 8.0}])
    >>> [ax.get_ylabel() for ax in axes]
    ['loss', 'accuracy', 'modes']
    """
    records = history_of("game_curves", history)
    if "generator_loss" not in records:
        got = f"only {sorted(records[-1])}"
        raise InvalidData(problem("game_curves(history)", "records of a GAN, with generator_loss", got))
    panels = _game_panels(records)
    heights = [2.6, *[1.6] * (len(panels) - 1)]
    figure = canvas.figure_or_new("game_curves", figure, (6.8, sum(heights) + 0.6))
    axes = canvas.panels(figure, len(panels), sharex=True, gridspec_kw={"height_ratios": heights})
    steps = getattr(history, "steps", None)
    x = epochs(records) * (1.0 if steps is None else steps / history.epochs)
    for ax, (label, lines) in zip(axes, panels.items(), strict=True):
        ends = []
        for (text, name), colour in zip(lines.items(), (canvas.BLUE, canvas.VERMILLION), strict=False):
            y = column(records, name)
            there = np.flatnonzero(np.isfinite(y))
            if there.size:
                ax.plot(x[there], y[there], color=colour, linewidth=1.6, marker=canvas.marker(len(there)))
                ends.append((float(x[there[-1]]), float(y[there[-1]]), text, colour))
        if label == "accuracy":
            ax.axhline(0.5, color=canvas.GRAY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
            ax.set_ylim(0.0, 1.03)
        ax.set_ylabel(label, parse_math=False)
        canvas.tidy(ax)
        if len(lines) > 1:
            canvas.direct_labels(ax, ends)
    axes[-1].set_xlabel("epoch" if steps is None else "updates of the generator")
    return axes


def latent_map(codes: Any, labels: Any = None, ax: Axes | None = None) -> Axes:
    """Codes in the plane, coloured by class: the first two numbers, or the two principal directions of longer ones.

    Parameters
    ----------
    codes : (n, d), d >= 2.
    labels : (n,) or None.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidData : other shapes, or not a label for each.

    Examples
    --------
    >>> from netwright.plots import latent_map
    >>> ax = latent_map(np.eye(4), labels=["a", "a", "b", "b"])
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['a', 'b']
    """
    points = np.asarray(codes, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] < 2 or not len(points):
        raise InvalidData(problem("latent_map(codes)", "(n, d) with d >= 2", f"shape {points.shape}"))
    names = ("code 1", "code 2")
    if points.shape[1] > 2:
        centred = points - points.mean(0)
        points, names = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T, ("direction 1", "direction 2")
    ax = canvas.axes_or_new("latent_map", ax, (5.4, 4.8))
    if labels is None:
        ax.scatter(points[:, 0], points[:, 1], s=6, color=canvas.BLUE, alpha=0.5, linewidths=0)
    else:
        _by_class(ax, points, np.asarray(labels))
    ax.set(xlabel=names[0], ylabel=names[1])
    canvas.tidy(ax)
    return ax


def latent_grid(images: Any, columns: int | None = None, ax: Axes | None = None) -> Axes:
    """Images side by side in a square, as what a decoder makes of codes on a grid.

    Parameters
    ----------
    images : (n, h, w) with or without channels, row by row.
    columns : in a row; None for a square.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidData : no images.

    Examples
    --------
    >>> from netwright.plots import latent_grid
    >>> latent_grid(np.ones((9, 4, 4))).images[0].get_array().shape
    (14, 14)
    """
    tiles = in_unit_range(images_of("latent_grid", images, None))
    wide = round(math.sqrt(len(tiles))) if columns is None else columns
    ax = canvas.axes_or_new("latent_grid", ax, (5.0, 5.0), layout="compressed")
    _show(ax, mosaic(tiles, max(wide, 1)))
    return ax


def _game_panels(records: Any) -> dict[str, dict[str, str]]:
    """By panel, the names of its lines and their columns."""
    panels = {
        "loss": {"generator": "generator_loss", "discriminator": "discriminator_loss"},
        "accuracy": {"discriminator": "discriminator_accuracy"},
    }
    if np.nan_to_num(column(records, "gradient_penalty")).any():
        panels["penalty"] = {"penalty": "gradient_penalty"}
    named = [name for record in records for name, item in record.items() if isinstance(item, float)]
    others = [name for name in dict.fromkeys(named) if name not in (*COLUMNS, *GAME)]
    return panels | {name: {name: name} for name in others}


def _plane(where: str, points: Any) -> np.ndarray:
    found = np.asarray(points, dtype=np.float64)
    if found.ndim != 2 or found.shape[1] != 2 or not len(found):
        raise InvalidData(problem(where, "points (n, 2)", f"shape {found.shape}"))
    return found


def _limits(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of what is drawn: all of the points and a margin."""
    low, high = points.min(0), points.max(0)
    middle, half = (low + high) / 2, max(float((high - low).max()), 1e-6) * 0.62
    return middle - half, middle + half


def _scatter(ax: Axes, points: np.ndarray, real: Any, limits: Any) -> None:
    if real is not None:
        behind = np.asarray(real)
        behind = behind[:: max(len(behind) // POINTS, 1)]
        ax.scatter(behind[:, 0], behind[:, 1], s=5, color=canvas.GRAY, alpha=0.35, linewidths=0, label="real")
    ax.scatter(points[:, 0], points[:, 1], s=5, color=canvas.BLUE, alpha=0.6, linewidths=0, label="made")
    (left, bottom), (right, top) = limits
    ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    ax.set_aspect("equal")


def _tiles(ax: Axes, images: np.ndarray) -> None:
    tiles = in_unit_range(images_of("sample_frames", images, None))
    _show(ax, mosaic(tiles, math.ceil(math.sqrt(len(tiles)))))


def _show(ax: Axes, large: np.ndarray) -> None:
    if large.ndim == 3:
        ax.imshow(opaque(large), interpolation="nearest")
    else:
        ax.imshow(large, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()


def _by_class(ax: Axes, points: np.ndarray, labels: np.ndarray) -> None:
    if labels.shape != (len(points),):
        raise InvalidData(problem("latent_map(labels)", f"{len(points)} labels", f"shape {labels.shape}"))
    classes = np.unique(labels)
    shades: Sequence[Any] = COLOURS
    if len(classes) > len(COLOURS):
        shades = canvas.part("cm").ScalarMappable(cmap="tab20" if len(classes) > 10 else "tab10").get_cmap().colors
    for place, label in enumerate(classes):
        own = points[labels == label]
        ax.scatter(
            own[:, 0], own[:, 1], s=6, color=shades[place % len(shades)], alpha=0.6, linewidths=0, label=str(label)
        )
    legend = ax.legend(fontsize=canvas.SMALL, markerscale=2.2, framealpha=0.85, ncols=1 + len(classes) // 12)
    legend.get_frame().set_linewidth(0)
