"""Pictures of embeddings: pairs with their scores, a map of all samples, and how well pairs are told apart.

They take arrays, and what `netwright.vision.roc` gives, or anything with the same attributes.

Reference: van der Maaten, Hinton, *Visualizing data using t-SNE*, 2008; Fawcett, *An introduction to ROC analysis*,
2006.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import check, integer, one_of
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PURPLE, SKY = "#CC79A7", "#56B4E9"
COLOURS = (canvas.BLUE, canvas.VERMILLION, canvas.GREEN, canvas.ORANGE, PURPLE, SKY)
NAMED = 12  # most classes that have a name in the map
LEAST_FAR = 1e-4  # the smallest share of false accepts that is drawn


def pair_scores(
    first: Any, second: Any, scores: Any, same: Any = None, threshold: float | None = None, figure: Any = None
) -> np.ndarray:
    """Pairs of images with their scores, the most alike first.

    A frame says whose they are: blue of one person, vermillion of two. Where there is a threshold, "accepted" or
    "rejected" stands below, and an exclamation mark where that is wrong.

    Parameters
    ----------
    first, second : images side by side, (n, height, width), (n, height, width, 3) or (n, 1 or 3, height, width).
    scores : of the pairs.
    same : whether each is of one person; None where that is not known.
    threshold : score from which on a pair is accepted, or None.
    figure : an empty Figure or SubFigure, or None for a new figure.

    Returns
    -------
    array of n Axes, one a pair.

    Raises
    ------
    InvalidData : not as many of each.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.random.default_rng(0).random((3, 8, 8))
    >>> axes = pair_scores(images, images[::-1], [0.1, 0.9, 0.4], same=[0, 1, 0], threshold=0.5)
    >>> [ax.get_title() for ax in axes]
    ['0.9\\naccepted', '0.4\\nrejected', '0.1\\nrejected']
    """
    left, right = (_images(item, f"pair_scores({name})") for name, item in (("first", first), ("second", second)))
    found = np.asarray(scores, dtype=float)
    truth = None if same is None else np.asarray(same).astype(bool)
    if len({len(left), len(right), found.size, len(left) if truth is None else truth.size}) > 1 or not len(left):
        got = f"{len(left)}, {len(right)} and {found.size}"
        raise InvalidData(problem("pair_scores", "as many first images, second images and scores", got))
    if left.shape[1:3] != right.shape[1:3]:
        got = f"{left.shape[1:3]} and {right.shape[1:3]}"
        raise InvalidData(problem("pair_scores", "images of one size", got))
    columns = min(6, len(left))
    rows = math.ceil(len(left) / columns)
    figure = canvas.figure_or_new("pair_scores", figure, (2.0 * columns + 0.3, 1.65 * rows + 0.3))
    axes = canvas.panels(figure, rows, columns)
    order = np.argsort(-found, kind="stable")
    for ax, row in zip(axes, order, strict=False):
        _draw_pair(ax, left[row], right[row])
        _say(ax, found[row], None if truth is None else bool(truth[row]), threshold)
    for ax in axes[len(order) :]:
        ax.remove()
    return axes[: len(order)]


def embedding_map(
    embeddings: Any, labels: Any, method: str = "pca", random_state: int = 0, ax: Axes | None = None
) -> Axes:
    """All samples in a plane, a colour and a mark a class.

    Up to twelve classes are named, where the middle of each lies. Of PCA the axes say what share of the variance they
    show; of t-SNE distances between clusters mean little.

    Parameters
    ----------
    embeddings : (n, D).
    labels : of each.
    method : "pca" or "tsne", both of scikit-learn.
    random_state : of t-SNE.
    ax : Axes, or None for a new figure.

    Raises
    ------
    InvalidData : fewer than three embeddings, or another number of labels.

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> ax = embedding_map(draw.normal(size=(20, 8)), ["ann", "bob"] * 10)
    >>> ax.get_title(loc="left")
    '20 embeddings of 2 classes'
    """
    check("embedding_map(method)", method, one_of("pca", "tsne"))
    check("embedding_map(random_state)", random_state, integer(0))
    x = np.asarray(embeddings, dtype=float)
    names = list(labels)
    if x.ndim != 2 or len(x) < 3 or len(names) != len(x):
        got = f"{x.shape} and {len(names)} labels"
        raise InvalidData(problem("embedding_map", "three embeddings (n, D) or more, with a label each", got))
    require_finite(x, "embedding_map(embeddings)")
    places, words = _plane(x, method, random_state)
    ax = canvas.axes_or_new("embedding_map", ax, (6.4, 5.6))
    classes = list(dict.fromkeys(names))
    marks = "osD^vP"
    for number, name in enumerate(classes):
        mine = places[[other == name for other in names]]
        colour, mark = COLOURS[number % len(COLOURS)], marks[number // len(COLOURS) % len(marks)]
        ax.scatter(mine[:, 0], mine[:, 1], s=26, color=colour, marker=mark, alpha=0.75, linewidths=0)
    if len(classes) <= NAMED:
        for number, name in enumerate(classes):
            middle = np.median(places[[other == name for other in names]], axis=0)
            ax.text(
                float(middle[0]),
                float(middle[1]),
                canvas.shortened(name),
                color=COLOURS[number % len(COLOURS)],
                weight="bold",
                ha="center",
                va="center",
                parse_math=False,
                path_effects=canvas.outlined(ax),
            )
    ax.set_title(f"{len(x)} embeddings of {len(classes)} classes", loc="left", fontsize="medium")
    ax.set(xlabel=words[0], ylabel=words[1])
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_aspect("equal", "datalim")
    canvas.tidy(ax, "")
    return ax


def verification_curve(curves: Any, ax: Axes | None = None) -> Axes:
    """False rejects over false accepts, both on logarithmic axes, with the equal error rate of each curve as a dot.

    Parameters
    ----------
    curves : what `netwright.vision.roc` gives, or several of them by name.
    ax : Axes, or None for a new figure.

    Raises
    ------
    InvalidParameter : something else.

    Examples
    --------
    >>> from netwright.vision.embeddings.rates.roc import roc
    >>> ax = verification_curve(roc([0.9, 0.8, 0.3, 0.7, 0.2, 0.1], [1, 1, 1, 0, 0, 0]))
    >>> ax.get_legend().get_texts()[0].get_text()
    'EER 0.333, AUC 0.889'
    """
    given = dict(curves) if isinstance(curves, Mapping) else {"": curves}
    for curve in given.values():
        if not all(hasattr(curve, name) for name in ("far", "tar", "eer", "auc", "different", "same")):
            raise InvalidParameter(problem("verification_curve(curves)", "what nw.vision.roc gives", shown(curve)))
    if not given:
        raise InvalidParameter(problem("verification_curve(curves)", "a curve", shown(curves)))
    ax = canvas.axes_or_new("verification_curve", ax, (5.8, 4.8))
    low = max(LEAST_FAR, min(0.5 / max(curve.different, curve.same) for curve in given.values()))
    ax.plot([low, 1], [low, 1], color=canvas.GRAY, linewidth=0.8, linestyle=":")
    for number, (name, curve) in enumerate(given.items()):
        colour = COLOURS[number % len(COLOURS)]
        far, frr = np.maximum(curve.far, low), np.maximum(1 - np.asarray(curve.tar), low)
        label = f"{name + ': ' if name else ''}EER {curve.eer:.3f}, AUC {curve.auc:.3f}"
        ax.plot(far, frr, color=colour, linewidth=1.8, drawstyle="steps-post", label=label)
        ax.plot(max(curve.eer, low), max(curve.eer, low), "o", color=colour, markersize=6)
    ax.set(xscale="log", yscale="log", xlim=(low, 1), ylim=(low, 1.05))
    ax.set(xlabel="false accepts, share of pairs of two people", ylabel="false rejects, share of pairs of one")
    percent = canvas.part("ticker").FuncFormatter(lambda value, _: f"{100 * value:g} %")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(percent)
    canvas.tidy(ax)
    legend = ax.legend(loc="lower left", frameon=False, fontsize=canvas.SMALL)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return ax


def _images(given: Any, where: str) -> np.ndarray:
    """Images as (n, height, width[, 3])."""
    array = np.asarray(given)
    if array.ndim == 4 and array.shape[-1] not in (1, 3) and array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[-1] != 3):
        raise InvalidData(problem(where, "images (n, height, width) or (n, height, width, 3)", f"shape {array.shape}"))
    return array


def _draw_pair(ax: Axes, left: np.ndarray, right: np.ndarray) -> None:
    """Two images side by side, with a white strip between."""
    strip = np.full((left.shape[0], max(1, left.shape[1] // 24), *left.shape[2:]), np.nan)
    both = np.concatenate([left.astype(float), strip, right.astype(float)], axis=1)
    most = 255.0 if max(left.max(), right.max()) > 1 else 1.0
    if both.ndim == 3:
        both = np.nan_to_num(both / most, nan=1.0)
        ax.imshow(np.clip(both, 0, 1), interpolation="nearest")
    else:
        low = min(0.0, float(min(left.min(), right.min())))
        ax.imshow(both, cmap="gray", vmin=low, vmax=most, interpolation="nearest")


def _say(ax: Axes, score: float, same: bool | None, threshold: float | None) -> None:
    """The score above a pair, what it means, and the frame that says whose the two are."""
    lines = [canvas.nice(score)]
    if threshold is not None:
        accepted = score >= threshold
        wrong = same is not None and accepted != same
        lines.append(("accepted" if accepted else "rejected") + (" !" if wrong else ""))
    ax.set_title("\n".join(lines), fontsize=canvas.SMALL, pad=3)
    ax.set_xticks([])
    ax.set_yticks([])
    colour = canvas.GRAY if same is None else canvas.BLUE if same else canvas.VERMILLION
    for spine in ax.spines.values():
        spine.set_color(colour)
        spine.set_linewidth(2.2)


def _plane(x: np.ndarray, method: str, seed: int) -> tuple[np.ndarray, tuple[str, str]]:
    """Places in a plane, and what the axes mean."""
    decomposition = import_module("sklearn.decomposition")
    if method == "pca":
        fitted = decomposition.PCA(2 if x.shape[1] > 1 else 1, svd_solver="full").fit(x)
        places = fitted.transform(x)
        shares = [*list(np.nan_to_num(fitted.explained_variance_ratio_)), 0.0]
        if places.shape[1] == 1:
            places = np.hstack([places, np.zeros_like(places)])
        words = tuple(f"component {i + 1}, {shares[i]:.0%} of the variance" for i in range(2))
        return places, (words[0], words[1])
    manifold = import_module("sklearn.manifold")
    perplexity = min(30.0, (len(x) - 1) / 3)
    made = manifold.TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(x)
    return np.asarray(made), ("t-SNE 1", "t-SNE 2")
