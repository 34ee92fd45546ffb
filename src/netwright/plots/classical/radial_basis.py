"""Radial basis networks: which features are heard, how the bandwidth was chosen, where the units stand.

    relevance_k = s_k / sigma_k        standard deviation of the feature over its bandwidth

A feature of relevance 3 spans many bandwidths, and rows that differ in it are told apart; one of 0.1 lies within a
tenth of a bandwidth, and the network does not hear it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from netwright.classical.radial_basis.grnn import GRNN
from netwright.classical.radial_basis.pnn import PNN
from netwright.classical.radial_basis.rbf_classifier import RBFNetworkClassifier
from netwright.classical.radial_basis.rbf_network import RBFNetwork
from netwright.classical.radial_basis.sites import sites_of, spreads
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 24  # features that are drawn
HEARD = 0.25  # relevance below which a feature is gray
POINTS = 400  # of a curve
FOOT = 0.2  # of the height, for activations
CELLS = 160  # of a surface along each side
CLASSES = (canvas.BLUE, canvas.ORANGE, canvas.GREEN, canvas.VERMILLION, "#CC79A7", "#56B4E9", "#F0E442", "#999999")

Floats = NDArray[np.float64]


def bandwidths(network: Any, names: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """The features by how well the network tells their values apart: standard deviation over bandwidth.

    At most 24 features are drawn, the greatest first; those that are hardly heard (below a quarter) are gray.

    Parameters
    ----------
    network : a fitted GRNN or PNN; most is seen with bandwidth="loo-per-feature".
    names : of the features; None: those of the frame that was fitted, else their numbers.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : another network, or another number of names than of features.

    Examples
    --------
    >>> from netwright.classical import GRNN
    >>> from netwright.plots import bandwidths
    >>> network = GRNN([0.5, 4.0]).fit([[0.0, 0.0], [2.0, 2.0]], [0.0, 1.0])
    >>> ax = bandwidths(network, names=["near", "far"])
    >>> [round(float(bar.get_width()), 2) for bar in ax.patches]
    [2.0, 0.25]
    """
    _require_kernel_network("bandwidths", network)
    sigma = np.broadcast_to(network.bandwidth_, network.n_features_in_)
    relevance = spreads(sites_of(network.rows_, network.row_weights_)) / sigma
    labels = _names("bandwidths", network, names)
    order = np.argsort(-relevance, kind="stable")[:MOST]
    ax = canvas.axes_or_new("bandwidths", ax, (6.4, 1.2 + 0.26 * len(order)))
    places = np.arange(len(order))
    colours = [canvas.BLUE if relevance[at] >= HEARD else canvas.GRAY for at in order]
    ax.barh(places, relevance[order], height=0.66, color=colours)
    for place, at in zip(places, order, strict=True):
        text = f"  σ = {canvas.nice(sigma[at])}"
        ax.annotate(text, (relevance[at], place), va="center", fontsize=canvas.SMALL, color=canvas.GRAY)
    canvas.plain(ax, "y", [canvas.shortened(labels[at]) for at in order], places.tolist())
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.set_xlim(0, 1.22 * float(relevance[order].max()))
    ax.set_xlabel("standard deviation of the feature / bandwidth")
    ax.set_ylabel("feature")
    left = len(relevance) - len(order)
    ax.set_title(f"the first {len(order)} of {len(relevance)} features" if left else "", loc="left", fontsize="medium")
    canvas.tidy(ax, "x")
    ax.tick_params(axis="y", length=0)
    return ax


def bandwidth_curve(network: Any, ax: Axes | None = None) -> Axes:
    """The leave-one-out error over the bandwidth, the choice marked; with one a feature, also what they gain.

    Parameters
    ----------
    network : a GRNN or PNN that was fitted with a rule "loo", "loo-scaled" or "loo-per-feature".
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : another network, or one whose bandwidth was not searched.

    Examples
    --------
    >>> from netwright.classical import GRNN
    >>> from netwright.plots import bandwidth_curve
    >>> X = np.linspace(0, 6, 50)[:, None]
    >>> ax = bandwidth_curve(GRNN("loo").fit(X, np.sin(X[:, 0])))
    >>> ax.get_xscale(), ax.get_xlabel()
    ('log', 'bandwidth')
    """
    _require_kernel_network("bandwidth_curve", network)
    if network.loo_curve_ is None:
        got, remedy = f"bandwidth={shown(network.bandwidth)}, which was not searched", "Fit with bandwidth='loo'."
        raise InvalidParameter(problem("bandwidth_curve(network)", "a network with a leave-one-out curve", got, remedy))
    ax = canvas.axes_or_new("bandwidth_curve", ax, (6.4, 4.2))
    widths, errors = network.loo_curve_
    ax.plot(widths, errors, color=canvas.BLUE, linewidth=2.0, marker=".", zorder=3)
    single = np.ndim(network.bandwidth_) == 0
    _plain_log(ax)
    ax.set_xlabel("bandwidth" if single else "bandwidth / standard deviation of the feature")
    squared = isinstance(network, GRNN)
    ax.set_ylabel(f"leave-one-out {'squared error / variance' if squared else 'log loss (nats)'}")
    canvas.tidy(ax)
    _mark_choice(ax, network, single)
    return ax


def radial_units(network: Any, X: Any, y: Any = None, ax: Axes | None = None) -> Axes:
    """The units of a network over one or two features: what it answers, where units stand, how wide they are.

    Over one feature: the answer, and at the bottom what each unit answers for itself. Over two: the answer as a map
    (of a classifier the regions of the classes), the centres, and a circle of one width round each.

    Parameters
    ----------
    network : a fitted RBFNetwork of one output and one or two features, or an RBFNetworkClassifier of two.
    X : rows, (n, 1) or (n, 2), that set the limits.
    y : their targets or labels, (n,), drawn as points; None: only places.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidParameter : another network, or more features or outputs. InvalidData : another number of targets than rows.

    Examples
    --------
    >>> from netwright.classical import RBFNetwork
    >>> from netwright.plots import radial_units
    >>> X = np.linspace(0, 6, 50)[:, None]
    >>> ax = radial_units(RBFNetwork(5, random_state=0).fit(X, np.sin(X[:, 0])), X)
    >>> len(ax.lines)
    7
    """
    if not isinstance(network, (RBFNetwork, RBFNetworkClassifier)):
        expected, remedy = "an RBFNetwork or RBFNetworkClassifier", "Give a fitted one."
        raise InvalidParameter(problem("radial_units(network)", expected, shown(network), remedy))
    check_is_fitted(network)
    rows = np.asarray(X, dtype=np.float64)
    targets = None if y is None else np.asarray(y)
    _require_drawable(network, rows, targets)
    size, layout = ((6.4, 4.2), "constrained") if rows.shape[1] == 1 else ((6.4, 5.2), "compressed")
    ax = canvas.axes_or_new("radial_units", ax, size, layout)
    if rows.shape[1] == 1:
        _curve(ax, network, rows[:, 0], targets)
    else:
        _surface(ax, network, rows, targets)
    names = _names("radial_units", network, None)
    ax.set_xlabel(canvas.shortened(names[0], 40), parse_math=False)
    ax.set_ylabel(canvas.shortened((*names, "target")[1], 40), parse_math=False)
    return ax


def _require_kernel_network(where: str, network: Any) -> None:
    if not isinstance(network, (GRNN, PNN)):
        raise InvalidParameter(problem(f"{where}(network)", "a GRNN or a PNN", shown(network), "Give a fitted one."))
    check_is_fitted(network)


def _require_drawable(network: Any, rows: Floats, targets: Any) -> None:
    features, classifies = network.n_features_in_, isinstance(network, RBFNetworkClassifier)
    outputs = 1 if classifies or network.readout_.ndim == 1 else network.readout_.shape[1]
    if features > 2 or outputs > 1 or (classifies and features == 1):
        got = f"{features} features and {outputs} outputs" if not classifies else f"{features} features"
        expected = "two features" if classifies else "one or two features and one output"
        remedy = "Fit it on two columns, or on the first two principal components."
        raise InvalidParameter(problem("radial_units(network)", f"a network of {expected}", got, remedy))
    if rows.ndim != 2 or rows.shape[1] != features or not len(rows):
        raise InvalidData(problem("radial_units(X)", f"rows of {features} features", f"shape {rows.shape}"))
    if targets is not None and targets.shape != (len(rows),):
        raise InvalidData(problem("radial_units(y)", f"{len(rows)} targets, one a row", f"shape {targets.shape}"))


def _names(where: str, network: Any, names: Sequence[str] | None) -> list[str]:
    count = network.n_features_in_
    if names is None:
        return list(getattr(network, "feature_names_in_", [f"feature {number}" for number in range(count)]))
    if len(names) != count:
        raise InvalidParameter(problem(f"{where}(names)", f"{count} names, one a feature", f"{len(names)}"))
    return [str(name) for name in names]


def _mark_choice(ax: Axes, network: Any, single: bool) -> None:
    """The chosen bandwidth on the curve; of bandwidths of their own the error that they come to."""
    widths, errors = network.loo_curve_
    if network.bandwidth == "loo-per-feature":
        best = int(errors.argmin())
        ax.axhline(network.loo_error_, color=canvas.VERMILLION, linewidth=1.3, linestyle=(0, (5, 3)))
        text = f"one bandwidth a feature: {canvas.nice(network.loo_error_)}"
        _note(ax, text, (widths[0], network.loo_error_), canvas.VERMILLION, (0, 5))
        text, place = f"one factor for all: {canvas.nice(errors[best])}", (widths[best], errors[best])
        _note(ax, text, place, canvas.BLUE, (0, -14))
        return
    spread = 1.0 if single else float(spreads(sites_of(network.rows_, network.row_weights_))[0])
    chosen = float(np.ravel(network.bandwidth_)[0]) / spread
    ax.plot(chosen, network.loo_error_, "o", color=canvas.VERMILLION, markersize=7, zorder=4)
    _note(ax, f"chosen: {canvas.nice(chosen)}", (chosen, network.loo_error_), canvas.VERMILLION, (0, -14))
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.06 * (high - low), high)


def _plain_log(ax: Axes) -> None:
    """A logarithmic axis with plain numbers at 1, 2 and 5 of each decade."""
    ticker = canvas.part("ticker")
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: canvas.nice(value)))
    ax.xaxis.set_minor_locator(ticker.NullLocator())


def _note(ax: Axes, text: str, place: tuple[float, float], colour: str, offset: tuple[float, float]) -> None:
    ax.annotate(
        text,
        place,
        xytext=offset,
        textcoords="offset points",
        color=colour,
        fontsize=canvas.SMALL,
        ha="left" if offset[1] > 0 else "center",
        path_effects=canvas.outlined(ax),
        zorder=5,
    )


def _curve(ax: Axes, network: Any, rows: Floats, targets: Any) -> None:
    """The answer over one feature; at the bottom the units' activations, from 0 to 1 in a fifth of the height."""
    room = 0.04 * float(np.ptp(rows)) or 0.5
    grid = np.linspace(rows.min() - room, rows.max() + room, POINTS)[:, None]
    answer, hidden = network.predict(grid), network.transform(grid)
    if targets is not None:
        ax.plot(rows, targets, ".", color=canvas.GRAY, markersize=4, alpha=0.7, label="rows", zorder=1)
    ax.plot(grid[:, 0], answer, color=canvas.BLUE, linewidth=2.2, label="the network", zorder=4)
    foot = ax.get_xaxis_transform()
    for number in range(hidden.shape[1]):
        label = "activations of the units" if number == 0 else None
        light: dict[str, Any] = {
            "color": canvas.ORANGE,
            "linewidth": 1.0,
            "alpha": 0.8,
            "transform": foot,
            "label": label,
        }
        ax.plot(grid[:, 0], FOOT * hidden[:, number], **light)
    seen = answer if targets is None else np.concatenate([answer, targets])
    height = float(np.ptp(seen)) or 1.0
    ax.set_ylim(seen.min() - 0.35 * height, seen.max() + 0.08 * height)
    ax.set_xlim(grid[0, 0], grid[-1, 0])
    places = network.centers_[:, 0], np.full(len(network.centers_), FOOT)
    ax.plot(*places, "v", color=canvas.VERMILLION, markersize=6, transform=foot, label="centres", zorder=5)
    canvas.tidy(ax)
    ax.legend(frameon=False, fontsize=canvas.SMALL)


def _surface(ax: Axes, network: Any, rows: Floats, targets: Any) -> None:
    """The answer over two features as a map, the centres and their widths."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    room = np.where(high > low, 0.06 * (high - low), 0.5)
    sides = [np.linspace(start, stop, CELLS) for start, stop in zip(low - room, high + room, strict=True)]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    classifies = isinstance(network, RBFNetworkClassifier)
    if classifies:
        codes = np.searchsorted(network.classes_, network.predict(grid)).reshape(CELLS, CELLS)
        count = len(network.classes_)
        colours = canvas.part("colors").ListedColormap([CLASSES[code % len(CLASSES)] for code in range(count)])
        ax.pcolormesh(*sides, codes, cmap=colours, vmin=-0.5, vmax=count - 0.5, alpha=0.22, rasterized=True)
    else:
        image = ax.contourf(*sides, network.predict(grid).reshape(CELLS, CELLS), levels=14, cmap="cividis")
        canvas.colour_bar(ax, image, "the network's answer")
    if targets is None:
        ax.plot(rows[:, 0], rows[:, 1], ".", color=canvas.GRAY, markersize=4)
    elif classifies:
        _points_of_classes(ax, network, rows, targets)
    else:
        look: dict[str, Any] = {"norm": image.norm, "cmap": "cividis", "edgecolors": "white", "linewidths": 0.5}
        ax.scatter(rows[:, 0], rows[:, 1], c=targets, s=14, zorder=3, **look)
    _circles(ax, network)
    ax.set_xlim(sides[0][0], sides[0][-1])
    ax.set_ylim(sides[1][0], sides[1][-1])
    ax.set_aspect("equal")


def _points_of_classes(ax: Axes, network: Any, rows: Floats, targets: Any) -> None:
    for code, name in enumerate(network.classes_):
        chosen = targets == name
        label, colour = canvas.shortened(name), CLASSES[code % len(CLASSES)]
        ax.plot(rows[chosen, 0], rows[chosen, 1], ".", color=colour, markersize=5, label=label, zorder=3)
    legend = ax.legend(frameon=False, fontsize=canvas.SMALL, bbox_to_anchor=(1.0, 1.0), loc="upper left")
    for text in legend.get_texts():
        text.set_parse_math(False)


def _circles(ax: Axes, network: Any) -> None:
    """The centres, and a circle of one width round each."""
    circle = canvas.part("patches").Circle
    rings = [circle(tuple(center), width) for center, width in zip(network.centers_, network.widths_, strict=True)]
    light: dict[str, Any] = {
        "facecolors": "none",
        "edgecolors": canvas.VERMILLION,
        "linewidths": 0.8,
        "alpha": 0.45,
        "zorder": 4,
    }
    ax.add_collection(canvas.part("collections").PatchCollection(rings, **light))
    outlined: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.8, "zorder": 5}
    ax.plot(network.centers_[:, 0], network.centers_[:, 1], "^", color=canvas.VERMILLION, markersize=7, **outlined)
