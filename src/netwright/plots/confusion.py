"""Confusion matrix: how often each true class got each predicted class.

    C_ij = number of rows of true class i that were predicted as j,    share_ij = C_ij / sum_j C_ij

The colour is the share of the true class (or the count) on a square-root scale, so that a few mistakes among hundreds
of right answers can be seen: on a linear one 2 % is white.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import boolean, check
from netwright.plots import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRITTEN = 16  # most classes whose cells are written in
COLOURS = ("#ffffff", "#cfe3f2", "#7db6dc", canvas.BLUE, "#003152")  # white to blue to nearly black


def confusion_matrix(
    y_true: Any, y_pred: Any, classes: Any = None, normalize: bool = True, ax: Axes | None = None
) -> Axes:
    """Counts of predicted classes (columns) for each true class (rows).

    Up to 16 classes each cell shows its count and, if normalized, its share of the row in percent.

    Parameters
    ----------
    y_true : labels, (n,).
    y_pred : predicted labels, (n,).
    classes : the labels in the order of rows and columns, such as ``clf.classes_``; None for all that occur, sorted.
    normalize : whether the colour is the share of the true class; the count if not.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidData : no rows, unequal lengths, more than one label a row, a label that `classes` does not have.

    Examples
    --------
    >>> from netwright.plots import confusion_matrix
    >>> ax = confusion_matrix(["cat", "cat", "dog"], ["cat", "dog", "dog"])
    >>> ax.get_title(loc="left"), ax.images[0].get_array().tolist()
    ('66.7 % of 3 rows are right', [[0.5, 0.5], [0.0, 1.0]])
    """
    check("confusion_matrix(normalize)", normalize, boolean)
    true, predicted = labels_of("y_true", y_true), labels_of("y_pred", y_pred)
    if len(true) != len(predicted):
        got = f"{len(true)} and {len(predicted)}"
        raise InvalidData(problem("confusion_matrix(y_true, y_pred)", "as many true labels as predicted ones", got))
    known = _classes(classes, true, predicted)
    counts = count(true, predicted, known)
    k = len(known)
    side = min(max(3.2, 0.42 * k + 1.2), 10.0) if k <= WRITTEN else min(4.5 + 0.13 * k, 10.0)
    ax = canvas.axes_or_new("confusion_matrix", ax, (side + 1.6, side + 0.8), "compressed")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    _draw(ax, shares if normalize else counts, normalize)
    _label(ax, known)
    if k <= WRITTEN:
        _write(ax, counts, shares if normalize else None)
    right = np.trace(counts) / len(true)
    ax.set_title(f"{right:.1%}".replace("%", " %") + f" of {len(true):,} rows are right", loc="left", fontsize="medium")
    return ax


def count(true: list[Any], predicted: list[Any], classes: list[Any]) -> np.ndarray:
    """The matrix of counts, (k, k): rows are true classes, columns predicted ones."""
    place = {label: i for i, label in enumerate(classes)}
    k = len(classes)
    cells = np.fromiter((place[t] * k + place[p] for t, p in zip(true, predicted, strict=True)), np.int64, len(true))
    return np.bincount(cells, minlength=k * k).reshape(k, k)


def labels_of(name: str, y: Any) -> list[Any]:
    """Labels as plain Python objects that hash.

    Raises
    ------
    InvalidData : none, several a row, or NaN among them.
    """
    y = y.detach().cpu().numpy() if hasattr(y, "detach") else np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or not len(y):
        remedy = "Give one column at a time: y[:, k]." if y.ndim == 2 else ""
        raise InvalidData(problem(name, "one label a row, (n,) with n >= 1", f"shape {y.shape}", remedy))
    labels: list[Any] = y.tolist()
    if any(label != label for label in labels):  # NaN
        first = next(i for i, label in enumerate(labels) if label != label)
        raise InvalidData(problem(name, "labels", f"NaN in row {first}", "Leave such rows out."))
    return labels


def _classes(given: Any, true: list[Any], predicted: list[Any]) -> list[Any]:
    seen = dict.fromkeys([*true, *predicted])
    if given is None:
        return sorted(seen, key=_order)
    known: list[Any] = np.asarray(given).tolist()
    if len(set(known)) != len(known):
        raise InvalidParameter(problem("confusion_matrix(classes)", "each label once", shown(known)))
    strange = [label for label in seen if label not in set(known)]
    if strange:
        remedy = "Give all labels, or leave classes out."
        raise InvalidData(problem("confusion_matrix(y)", f"labels among {shown(known)}", repr(strange[0]), remedy))
    return known


def _order(label: Any) -> tuple[int, float, str]:
    """Numbers by size, then everything else by its text."""
    if isinstance(label, (bool, int, float)):
        return 0, float(label), ""
    return 1, 0.0, str(label)


def _draw(ax: Axes, cells: np.ndarray, shares: bool) -> None:
    colours = canvas.part("colors")
    scale = colours.LinearSegmentedColormap.from_list("confusion", COLOURS)
    norm = colours.PowerNorm(0.5, 0.0, 1.0 if shares else max(float(cells.max()), 1.0))
    image = ax.imshow(cells, cmap=scale, norm=norm, interpolation="nearest")
    k = len(cells)
    edges = np.arange(k + 1) - 0.5
    width = 1.2 if k <= WRITTEN else 0.4
    ax.hlines(edges, -0.5, k - 0.5, color=canvas.GRAY, alpha=0.35, linewidth=width)
    ax.vlines(edges, -0.5, k - 0.5, color=canvas.GRAY, alpha=0.35, linewidth=width)
    if k > WRITTEN:
        bar = canvas.colour_bar(ax, image, "share of the true class" if shares else "rows")
        if shares:
            bar.set_ticks([0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0])
            bar.ax.yaxis.set_major_formatter(canvas.part("ticker").PercentFormatter(1.0, 0, " %"))


def _label(ax: Axes, classes: Sequence[Any]) -> None:
    texts = [canvas.shortened(label) or "(empty)" for label in classes]
    many = len(texts) > WRITTEN
    size = "medium" if not many else "small" if len(texts) <= 30 else "x-small"
    turned: dict[str, Any] = {}
    if max(map(len, texts)) > (2 if many else 5):
        turned = {"rotation": 90} if many else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    canvas.plain(ax, "y", texts, range(len(texts)), fontsize=size)
    canvas.plain(ax, "x", texts, range(len(texts)), fontsize=size, **turned)
    canvas.bare(ax)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")


def _write(ax: Axes, counts: np.ndarray, shares: np.ndarray | None) -> None:
    """The numbers in the cells; light on dark ones; nothing in empty cells off the diagonal."""
    level = counts / max(counts.max(), 1) if shares is None else shares
    small = "small" if len(counts) <= 10 else "x-small"
    for i, j in zip(*np.nonzero((counts > 0) | np.eye(len(counts), dtype=bool)), strict=True):
        text = f"{counts[i, j]:,}" if shares is None else f"{counts[i, j]:,}\n{_percent(shares[i, j])}"
        ax.text(
            j,
            i,
            text,
            ha="center",
            va="center",
            fontsize=small,
            color="white" if level[i, j] > 0.3 else "black",
            linespacing=1.05,
        )


def _percent(share: float) -> str:
    if 0.0 < share < 0.01:
        return "<1 %"
    return f"{share:.0%}".replace("%", " %") if share < 0.995 or share == 1.0 else ">99 %"
