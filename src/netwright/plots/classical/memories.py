"""Memories: patterns stage by stage, from what was stored to what is recalled; and a network's answer over a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import check, integer, nothing, one_of
from netwright.plots import canvas
from netwright.plots.mosaic import images_of, in_unit_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNT = 12
GAP = 1.0  # between patterns of a row, in pixels of a pattern
BELOW = 0.24  # room below a pattern, as a share of its height
PAPER, INK = "#eceff1", "#263238"  # a bit 0, a bit 1
LOST, ADDED = "#f4b183", canvas.VERMILLION  # a bit that should be 1 and is 0, and the other way round
STEPS = 200  # points of a map along each axis
FACETS = 60  # of a surface
CLASSES = (canvas.BLUE, canvas.VERMILLION, canvas.GREEN, canvas.ORANGE, "#56B4E9", "#CC79A7", "#F0E442", "#7F7F7F")
ROOM = 0.04  # share of the data's range that is shown around it


def recall_strip(
    stages: Mapping[str, Any],
    shape: tuple[int, ...] | None = None,
    labels: Sequence[Any] | None = None,
    count: int = COUNT,
    ax: Axes | None = None,
) -> Axes:
    """Patterns in columns, stages in rows; bits that differ from the first stage are coloured and counted.

    A dark cell is 1, a light one 0; red is 1 and should be 0, orange is 0 and should be 1.

    Parameters
    ----------
    stages : patterns by the name of the stage, such as ``{"stored": X, "noisy": N, "recalled": net.predict(N)}``, each
        (n, height, width) or (n, height * width) with `shape`. A stage that is an image of another size, as the other
        side of pairs, is compared with the first stage of its own size.
    shape : of one pattern, (height, width), for flat rows.
    labels : names of the patterns, (n,), written above; None for none.
    count : patterns to show, >= 1.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidData : no stages, patterns of no such layout, or another number of patterns in a stage. InvalidParameter : no
        such count; another number of labels.

    Examples
    --------
    >>> from netwright.plots import recall_strip
    >>> stored = np.array([[1, 1, 0, 0], [1, 0, 1, 0]])
    >>> ax = recall_strip({"stored": stored, "noisy": 1 - stored, "recalled": stored}, shape=(2, 2))
    >>> ax.get_title(loc="left"), [text.get_text() for text in ax.texts]
    ('recalled: 2 of 2 as stored', ['stored', '4', '4', 'noisy', 'recalled'])
    """
    check("recall_strip(count)", count, integer(1))
    images = _stages(stages, shape)
    n = len(next(iter(images.values())))
    if labels is not None and len(labels) != n:
        raise InvalidParameter(problem("recall_strip(labels)", f"{n}, one for each pattern", f"{len(labels)}"))
    drawn = min(count, n)
    wide = max(image.shape[2] for image in images.values()) + GAP
    height = sum((1 + BELOW) * image.shape[1] for image in images.values())
    unit = 9.0 / max(drawn * wide, 40.0)
    ax = canvas.axes_or_new("recall_strip", ax, (1.3 + unit * drawn * wide, 0.7 + unit * height), "compressed")
    top, first, wrong = -0.5, dict[tuple[int, ...], str](), np.zeros(n, dtype=int)
    for name, image in images.items():
        original = first.setdefault(image.shape, name)
        wrong = (np.round(image) != np.round(images[original])).sum(axis=(1, 2))
        for i in range(drawn):
            left = i * wide + (wide - GAP - image.shape[2]) / 2 - 0.5
            _draw(ax, image[i], images[original][i], left, top)
            if wrong[i]:
                _write(ax, str(wrong[i]), (left + image.shape[2] / 2, top + image.shape[1]), (0, -2), "top", ADDED)
        _write(ax, name, (-0.5, top + image.shape[1] / 2), (-8, 0), "left")
        top += (1 + BELOW) * image.shape[1]
    for i, label in enumerate([] if labels is None else labels[:drawn]):
        _write(ax, canvas.shortened(label, 8), (i * wide + (wide - GAP) / 2 - 0.5, -0.5), (0, 4), "bottom")
    ax.set_xlim(-0.5, drawn * wide - 0.5)
    ax.set_ylim(top, -0.5)
    ax.set_axis_off()
    ax.set_aspect("equal")
    if original != name:
        title = f"{name}: {int((wrong == 0).sum())} of {n} as {original}"
        ax.set_title(title, loc="left", fontsize="medium", pad=8 if labels is None else 22, parse_math=False)
    return ax


def response_surface(
    network: Any,
    X: Any = None,
    y: Any = None,
    bounds: Any = None,
    output: int = 0,
    kind: str = "map",
    steps: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The answer of a network of two inputs over the plane, as a coloured map with contours or as a surface.

    Parameters
    ----------
    network : fitted, with ``predict`` of rows (n, 2); the answers of a classifier are drawn as regions. Or a function
        of rows.
    X : rows that are drawn as points, (n, 2), or None.
    y : their targets, (n,), by which the points are coloured; None: all alike.
    bounds : of the plane, ((low, high), (low, high)); None: those of X, else ``network.bounds_``.
    output : which column of the answers, >= 0.
    kind : "map", or "surface", which is drawn in three dimensions.
    steps : points along each axis, >= 2; None: 200 of a map, 60 of a surface.
    ax : Axes to draw in (of a surface with ``projection="3d"``), or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidData : rows that are not (n, 2); answers that are not one a row; class labels for a surface; no bounds.
        InvalidParameter : an option that cannot be; flat Axes for a surface.

    Examples
    --------
    >>> from netwright.plots import response_surface
    >>> ax = response_surface(lambda rows: rows[:, 0] * rows[:, 1], bounds=((0, 1), (0, 1)), steps=20)
    >>> ax.images[0].get_array().shape, ax.get_xlabel(), ax.get_ylabel()
    ((20, 20), 'input 0', 'input 1')
    """
    check("response_surface(kind)", kind, one_of("map", "surface"))
    check("response_surface(output)", output, integer(0))
    check("response_surface(steps)", steps, integer(2) | nothing)
    rows = None if X is None else _plane_rows(X)
    targets = None if y is None or rows is None else _targets(y, len(rows))
    (left, right), (bottom, top) = _limits(network, rows, bounds)
    steps = steps or (STEPS if kind == "map" else FACETS)
    across, up = np.linspace(left, right, steps), np.linspace(bottom, top, steps)
    grid = np.stack(np.meshgrid(across, up), axis=-1)
    answers = _answers(network, grid.reshape(-1, 2), output).reshape(steps, steps)
    labels = None if answers.dtype.kind in "fiu" and not hasattr(network, "classes_") else np.unique(answers)
    if kind == "surface":
        if labels is not None:
            remedy = 'Draw kind="map".'
            raise InvalidData(problem("response_surface(network)", "numbers for a surface", "class labels", remedy))
        ax = _surface_axes(ax)
        _draw_surface(ax, grid, answers, rows, targets)
    else:
        ax = canvas.axes_or_new("response_surface", ax, (6.0, 4.8))
        if labels is None:
            _draw_map(ax, answers, (left, right, bottom, top), rows, targets)
        else:
            _draw_regions(ax, answers, (left, right, bottom, top), labels, rows, targets)
        ax.set_xlim(left, right)
        ax.set_ylim(bottom, top)
    names = getattr(network, "feature_names_in_", ("input 0", "input 1"))
    ax.set_xlabel(canvas.shortened(names[0], 30), parse_math=False)
    ax.set_ylabel(canvas.shortened(names[1], 30), parse_math=False)
    return ax


def _stages(stages: Any, shape: tuple[int, ...] | None) -> dict[str, np.ndarray]:
    """Stages as images (n, height, width) of numbers within 0 and 1, all with as many patterns."""
    if not isinstance(stages, Mapping) or not stages:
        remedy = 'Give {"stored": X, "recalled": net.predict(X)}.'
        raise InvalidData(problem("recall_strip(stages)", "patterns by the name of a stage", shown(stages), remedy))
    found: dict[str, np.ndarray] = {}
    for name, patterns in stages.items():
        images = images_of(f"recall_strip, {name!r}", patterns, shape)
        if images.ndim != 3:
            expected = "patterns of one channel"
            raise InvalidData(problem(f"recall_strip, {name!r}", expected, f"shape {images.shape}"))
        found[str(name)] = in_unit_range(images)
    n = len(next(iter(found.values())))
    for name, images in found.items():
        if len(images) != n:
            raise InvalidData(problem(f"recall_strip, {name!r}", f"{n} patterns as at first", f"{len(images)}"))
    return found


def _draw(ax: Axes, image: np.ndarray, truth: np.ndarray, left: float, top: float) -> None:
    """One pattern, its upper left corner at (left, top)."""
    rgb = canvas.part("colors").to_rgb
    paper, ink = np.array(rgb(PAPER)), np.array(rgb(INK))
    colours = paper + (ink - paper) * image[..., None]
    on, should = image >= 0.5, truth >= 0.5
    colours[on & ~should] = rgb(ADDED)
    colours[~on & should] = rgb(LOST)
    height, width = image.shape
    ax.imshow(colours, extent=(left, left + width, top + height, top), interpolation="nearest")


def _write(
    ax: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], side: str, colour: Any = None
) -> None:
    """A text beside a pattern: on its left, below its middle ("top") or above it ("bottom")."""
    place = {"ha": "right", "va": "center"} if side == "left" else {"ha": "center", "va": side}
    options: dict[str, Any] = place if colour is None else {**place, "color": colour, "fontsize": "x-small"}
    ax.annotate(text, at, offset, textcoords="offset points", annotation_clip=False, parse_math=False, **options)


def _plane_rows(X: Any) -> np.ndarray:
    rows = X.detach().cpu().numpy() if hasattr(X, "detach") else np.asarray(X)
    if rows.ndim != 2 or rows.shape[1] != 2 or not len(rows) or rows.dtype.kind not in "fiub":
        raise InvalidData(problem("response_surface(X)", "numbers (n, 2)", f"shape {rows.shape}", "Choose two inputs."))
    return rows.astype(np.float64)


def _targets(y: Any, n: int) -> np.ndarray:
    targets = y.detach().cpu().numpy() if hasattr(y, "detach") else np.asarray(y)
    if targets.shape != (n,):
        raise InvalidData(problem("response_surface(y)", f"one for each row, ({n},)", f"shape {targets.shape}"))
    return targets


def _limits(network: Any, rows: np.ndarray | None, bounds: Any) -> np.ndarray:
    """((left, right), (bottom, top))."""
    given = bounds
    if given is None and rows is not None:
        low, high = rows.min(axis=0), rows.max(axis=0)
        room = np.where(high > low, ROOM * (high - low), 0.5)
        given = np.stack([low - room, high + room], axis=1)
    elif given is None:
        given = getattr(network, "bounds_", None)
    remedy = "Give X, or bounds=((low, high), (low, high))."
    if given is None:
        raise InvalidData(problem("response_surface(bounds)", "bounds of the plane", "neither X nor bounds", remedy))
    try:
        limits = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        limits = np.empty(0)
    if limits.shape != (2, 2) or not (limits[:, 0] < limits[:, 1]).all():
        expected = "((low, high), (low, high)), low < high"
        raise InvalidParameter(problem("response_surface(bounds)", expected, shown(bounds), remedy))
    return limits


def _answers(network: Any, grid: np.ndarray, output: int) -> np.ndarray:
    answers = np.asarray((network.predict if hasattr(network, "predict") else network)(grid))
    if answers.ndim == 2 and output < answers.shape[1]:
        answers = answers[:, output]
    if answers.shape != (len(grid),):
        expected = f"an answer a row, or (n, m) with m > output = {output}"
        raise InvalidData(problem("response_surface(network)", expected, f"shape {answers.shape} of {len(grid)} rows"))
    return answers


def _surface_axes(ax: Any) -> Any:
    if ax is None:
        canvas.part("axes")
        return canvas.part("figure").Figure(figsize=(6.4, 5.2), layout="constrained").add_subplot(projection="3d")
    if not hasattr(ax, "plot_surface"):
        remedy = 'Make it with subplot_kw={"projection": "3d"}.'
        raise InvalidParameter(problem("response_surface(ax)", "Axes of three dimensions", shown(ax), remedy))
    return ax


def _draw_map(ax: Axes, answers: np.ndarray, extent: Any, rows: np.ndarray | None, targets: Any) -> None:
    both = answers if targets is None else np.concatenate([answers.ravel(), targets])
    scale: dict[str, Any] = {"cmap": "viridis", "vmin": float(both.min()), "vmax": float(both.max())}
    half = (extent[1] - extent[0]) / (2 * answers.shape[1] - 2), (extent[3] - extent[2]) / (2 * len(answers) - 2)
    around = (extent[0] - half[0], extent[1] + half[0], extent[2] - half[1], extent[3] + half[1])
    image = ax.imshow(answers, origin="lower", extent=around, aspect="auto", interpolation="nearest", **scale)
    if np.ptp(answers) > 0:
        ax.contour(
            answers, 8, extent=extent, origin=None, colors="white", linestyles="solid", linewidths=0.5, alpha=0.4
        )
    if rows is not None:
        _scatter(ax, rows, "white", "black") if targets is None else _scatter(ax, rows, targets, "white", **scale)
    canvas.colour_bar(ax, image, "answer")


def _draw_regions(
    ax: Axes, answers: np.ndarray, extent: Any, labels: np.ndarray, rows: np.ndarray | None, targets: Any
) -> None:
    known = labels if targets is None else np.unique(np.concatenate([labels, np.unique(targets)]))
    palette = np.array([canvas.part("colors").to_rgb(CLASSES[i % len(CLASSES)]) for i in range(len(known))])
    pale = 0.45 * palette + 0.55
    ax.imshow(pale[np.searchsorted(known, answers)], origin="lower", extent=extent, aspect="auto")
    for i, label in enumerate(known):
        named = canvas.shortened(label)
        if rows is None or targets is None:
            ax.plot([], [], "s", color=pale[i], label=named)
        else:
            _scatter(ax, rows[targets == label], [palette[i]], "white", label=named)
    if rows is not None and targets is None:
        _scatter(ax, rows, "white", "black")
    ax.legend(frameon=True, fontsize=canvas.SMALL)


def _scatter(ax: Axes, rows: np.ndarray, colour: Any, edge: str, **options: Any) -> None:
    ax.scatter(rows[:, 0], rows[:, 1], s=16, c=colour, edgecolors=edge, linewidths=0.5, **options)


def _draw_surface(ax: Any, grid: np.ndarray, answers: np.ndarray, rows: Any, targets: Any) -> None:
    fine = {"rcount": len(answers), "ccount": len(answers), "linewidth": 0.15, "edgecolor": (1, 1, 1, 0.35)}
    ax.plot_surface(grid[..., 0], grid[..., 1], answers, cmap="viridis", antialiased=True, **fine)
    if rows is not None and targets is not None:
        ax.scatter(rows[:, 0], rows[:, 1], targets, s=8, color=INK, depthshade=False)
    ax.set_zlabel("answer", labelpad=8)
    ax.locator_params(nbins=5)
    ax.xaxis.labelpad = ax.yaxis.labelpad = 6
    ax.set_box_aspect((1, 1, 0.6), zoom=0.88)
    ax.view_init(32, -55)
