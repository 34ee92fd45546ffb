"""Samples: a grid of images with their labels, the wrong predictions framed; and the worst mistakes of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import check, integer, nothing, tuple_of
from netwright.plots import canvas
from netwright.plots.mosaic import images_of, in_unit_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNT = 40
GAP = 0.12  # between images, as a share of an image's width


def samples(
    X: Any,
    y_true: Any = None,
    y_pred: Any = None,
    count: int = COUNT,
    columns: int | None = None,
    shape: tuple[int, ...] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The first images in a grid, each with its label; wrong predictions are framed and say what they should be.

    Parameters
    ----------
    X : images: (n, height, width), (n, 1 or 3, height, width), (n, height, width, 1 or 3), or flat rows with `shape`.
    y_true : their labels, (n,), or None.
    y_pred : predicted labels, (n,), or None.
    count : images to show, >= 1.
    columns : images in a row; None for what fits the screen.
    shape : of one image, when X has flat rows.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes.

    Raises
    ------
    InvalidData : no images, or not a label for each.

    Examples
    --------
    >>> import numpy as np
    >>> from netwright.plots import samples
    >>> ax = samples(np.eye(4)[None].repeat(2, axis=0), y_true=["a", "b"], y_pred=["a", "c"])
    >>> [text.get_text() for text in ax.texts]
    ['a', 'c, is b']
    """
    images = images_of("samples", X, _checked(count, columns, shape))
    true, predicted = (_labels("samples", name, y, len(images)) for name, y in (("y_true", y_true), ("y_pred", y_pred)))
    shown_images = images[:count]
    texts, wrong = [], []
    for i in range(len(shown_images)):
        known = [labels[i] for labels in (predicted, true) if labels is not None]
        mistaken = len(known) == 2 and bool(known[0] != known[1])
        texts.append(f"{_short(known[0])}, is {_short(known[1])}" if mistaken else _short(known[0]) if known else "")
        wrong.append(mistaken)
    return _grid(ax, "samples", shown_images, texts, wrong, columns)


def mistakes(
    X: Any,
    y_true: Any,
    probabilities: Any,
    classes: Any = None,
    count: int = COUNT,
    columns: int | None = None,
    shape: tuple[int, ...] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The images that a classifier got wrong with the greatest certainty, worst first.

    Parameters
    ----------
    X : images as in `samples`.
    y_true : their labels, (n,).
    probabilities : of the classes, (n, k), as ``clf.predict_proba(X)`` gives them.
    classes : the k labels in the order of the columns, ``clf.classes_``; None for 0 to k - 1.
    count : mistakes to show at most, >= 1.
    columns : images in a row; None for what fits the screen.
    shape : of one image, when X has flat rows.
    ax : Axes to draw in, or None for a new figure.

    Returns
    -------
    the Axes; when nothing is wrong it says so.

    Raises
    ------
    InvalidData : no images, or not a label and k probabilities for each.

    Examples
    --------
    >>> import numpy as np
    >>> from netwright.plots import mistakes
    >>> ax = mistakes(np.zeros((3, 2, 2)), [0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]])
    >>> [text.get_text() for text in ax.texts]
    ['0 (80 %), is 1', '0 (60 %), is 1']
    """
    images = images_of("mistakes", X, _checked(count, columns, shape))
    true = _labels("mistakes", "y_true", () if y_true is None else y_true, len(images)) or []
    p = probabilities.detach().cpu().numpy() if hasattr(probabilities, "detach") else np.asarray(probabilities)
    if p.ndim != 2 or len(p) != len(images) or p.dtype.kind not in "fiu":
        expected = f"probabilities ({len(images)}, classes)"
        raise InvalidData(
            problem("mistakes(probabilities)", expected, f"an array of shape {p.shape} and type {p.dtype}")
        )
    known = list(range(p.shape[1])) if classes is None else np.asarray(classes).tolist()
    if len(known) != p.shape[1]:
        raise InvalidParameter(problem("mistakes(classes)", f"{p.shape[1]} labels", f"{len(known)}: {shown(known)}"))
    said = [known[i] for i in p.argmax(axis=1)]
    wrong = [i for i in range(len(images)) if said[i] != true[i]]
    worst = sorted(wrong, key=lambda i: -float(p[i].max()))[:count]
    texts = [f"{_short(said[i])} ({p[i].max():.0%}), is {_short(true[i])}".replace("%", " %") for i in worst]
    title = f"{len(wrong):,} of {len(images):,} images are wrong" + (", worst first" if wrong else "")
    ax = _grid(ax, "mistakes", images[worst], texts, [True] * len(worst), columns)
    ax.set_title(title, loc="left", fontsize="medium")
    return ax


def _grid(
    ax: Axes | None, where: str, images: np.ndarray, texts: list[str], wrong: list[bool], columns: int | None
) -> Axes:
    """Images in rows with a line of text above each; (n, height, width) or (n, height, width, 3)."""
    n = len(images)
    long = max(map(len, texts), default=0)
    inches = max(0.75, min(0.085 * long + 0.1, 1.7))  # of one image, wide enough for its text
    widest = max(1, min(n, 10, int(9.0 / inches)))
    columns = columns or min(range(widest, (widest + 1) // 2 - 1, -1), key=lambda c: -n % c if n > widest else -c)
    rows = -(-n // columns)
    ratio = images.shape[1] / images.shape[2]
    above = 0.22 / inches if long else 0.0  # room for the text, in widths of an image
    down = ratio + GAP + above  # from one row to the next
    across = 1.0 + GAP
    size = (max(2.4, columns * across * inches + 0.2), max(1.2, rows * down * inches + 0.3))
    ax = canvas.axes_or_new(where, ax, size, "compressed")
    pictures = in_unit_range(images) if n else images
    for i in range(n):
        x, y = i % columns * across, i // columns * down
        extent = (x, x + 1.0, y + ratio, y)
        ax.imshow(pictures[i], cmap="gray", vmin=0.0, vmax=1.0, extent=extent, interpolation="nearest")
        _mark(ax, x, y, ratio, texts[i], wrong[i])
    ax.set_xlim(-GAP / 2, max(columns, 1) * across - GAP / 2)
    ax.set_ylim(max(rows - 1, 0) * down + ratio + GAP / 2, -above - GAP / 2)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def _mark(ax: Axes, x: float, y: float, ratio: float, text: str, wrong: bool) -> None:
    """The label above an image, and a frame round it if it is wrong: thicker, so that colour is not needed."""
    if text:
        style: dict[str, Any] = {"color": canvas.VERMILLION, "fontweight": "bold"} if wrong else {}
        ax.annotate(
            text,
            (x + 0.5, y),
            xytext=(0, 2.5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=canvas.SMALL,
            parse_math=False,
            annotation_clip=False,
            **style,
        )
    colour, width = (canvas.VERMILLION, 2.5) if wrong else (canvas.GRAY, 0.6)
    frame = canvas.part("patches").Rectangle((x, y), 1.0, ratio, fill=False, edgecolor=colour, linewidth=width)
    ax.add_patch(frame)


def _checked(count: Any, columns: Any, shape: Any) -> Any:
    check("samples(count)", count, integer(1))
    check("samples(columns)", columns, integer(1) | nothing)
    check("samples(shape)", shape, tuple_of(integer(1), least=2) | nothing)
    return shape


def _short(label: Any) -> str:
    return canvas.shortened(label, 12) or "(empty)"


def _labels(where: str, name: str, y: Any, n: int) -> Sequence[Any] | None:
    if y is None:
        return None
    y = y.detach().cpu().numpy() if hasattr(y, "detach") else np.asarray(y)
    if y.shape not in ((n,), (n, 1)):
        raise InvalidData(problem(f"{where}({name})", f"a label for each of {n} images, ({n},)", f"shape {y.shape}"))
    labels: list[Any] = y.ravel().tolist()
    return labels
