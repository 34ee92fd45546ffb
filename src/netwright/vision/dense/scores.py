"""How right a class for every pixel is: Dice, intersection over union, and the F of boundaries.

With T_c and P_c the pixels that are of class c and those that are said to be, of all images together:

    IoU_c  = |T and P| / |T or P|
    Dice_c = 2 |T and P| / (|T| + |P|) = 2 IoU / (1 + IoU)

and with the boundaries B(T), B(P) (pixels with a neighbour, of four, that is not of the class) and a tolerance d, for
each image,

    precision = share of B(P) at most d from B(T),  recall = share of B(T) at most d from B(P)
    F_c       = 2 precision recall / (precision + recall)

Dice and IoU are NaN for a class that is neither there nor told; F leaves out images where neither has it, and is 0
where only one has. Pixels whose true label is that to be ignored count nowhere.

Jaccard 1912; Dice 1945; Csurka, Larlus, Perronnin, *What is a good evaluation measure for semantic segmentation?*,
2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, number


@dataclass(frozen=True)
class SegmentationScores:
    """Scores of classes for pixels, an entry a class.

    Attributes
    ----------
    classes : labels, sorted.
    confusion : (k, k), pixels of class i that are said to be of class j.
    iou, dice, boundary_f : (k,), NaN where a class is neither there nor told.
    """

    classes: tuple[Any, ...]
    confusion: NDArray[np.int64]
    iou: NDArray[np.float64]
    dice: NDArray[np.float64]
    boundary_f: NDArray[np.float64]

    @property
    def mean_iou(self) -> float:
        """The mean over classes."""
        return _mean(self.iou)

    @property
    def mean_dice(self) -> float:
        """The mean over classes."""
        return _mean(self.dice)

    @property
    def mean_boundary_f(self) -> float:
        """The mean over classes."""
        return _mean(self.boundary_f)

    @property
    def accuracy(self) -> float:
        """The share of pixels that are right."""
        return float(self.confusion.trace() / max(1, self.confusion.sum()))

    def __str__(self) -> str:
        rows = [f"{'class':12} {'IoU':>7} {'Dice':>7} {'bound. F':>9} {'pixels':>9}"]
        for label, *scores, pixels in zip(
            self.classes, self.iou, self.dice, self.boundary_f, self.confusion.sum(1), strict=True
        ):
            rows.append(f"{label!s:12} {scores[0]:7.3f} {scores[1]:7.3f} {scores[2]:9.3f} {pixels:9,}")
        means = (self.mean_iou, self.mean_dice, self.mean_boundary_f)
        return "\n".join([*rows, f"{'mean':12} {means[0]:7.3f} {means[1]:7.3f} {means[2]:9.3f}"])


def segmentation_scores(
    true: Sequence[Any], predicted: Sequence[Any], *, ignore: Any = None, tolerance: float = 2.0
) -> SegmentationScores:
    """Intersection over union, Dice and the F of boundaries, for each class.

    Parameters
    ----------
    true, predicted : a class for every pixel of each image, arrays (height, width) in lists, or (n, height, width).
    ignore : true label of pixels that do not count; None for none.
    tolerance : d, pixels by which a boundary may be wrong, >= 0.

    Raises
    ------
    InvalidData : no images, another number of predictions, another size.

    Examples
    --------
    >>> import numpy as np
    >>> true, told = np.zeros((2, 1, 4, 4), int)
    >>> true[0, :2], told[0, :1] = 1, 1
    >>> scores = segmentation_scores(true, told)
    >>> scores.iou.round(3).tolist(), scores.dice.round(3).tolist()
    ([0.667, 0.5], [0.8, 0.667])

    References
    ----------
    Csurka, Larlus, Perronnin, *What is a good evaluation measure for semantic segmentation?*, 2013.
    """
    check("segmentation_scores(tolerance)", tolerance, number(0))
    pairs = _pairs(true, predicted)
    counted = [np.ones(t.shape, bool) if ignore is None else t != ignore for t, _ in pairs]
    found = [np.unique(np.concatenate([t[on], p[on]])) for (t, p), on in zip(pairs, counted, strict=True)]
    classes = np.unique(np.concatenate(found))
    confusion = sum(
        (confusion_of(t[on], p[on], classes) for (t, p), on in zip(pairs, counted, strict=True)),
        np.zeros((len(classes), len(classes)), np.int64),
    )
    iou, dice = overlaps(confusion)
    edges = [
        [boundary_f(t == label, p == label, tolerance, on) for (t, p), on in zip(pairs, counted, strict=True)]
        for label in classes
    ]
    means = np.array([_mean(np.array(row)) for row in edges])
    return SegmentationScores(tuple(classes.tolist()), confusion, iou, dice, means)


def confusion_of(true: NDArray[Any], predicted: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int64]:
    """How many pixels of class i are said to be of class j, (k, k).

    Parameters
    ----------
    true, predicted : labels of the same pixels. classes : sorted, with all of them.
    """
    k = len(classes)
    codes = np.searchsorted(classes, true) * k + np.searchsorted(classes, predicted)
    return np.bincount(codes.reshape(-1), minlength=k * k).reshape(k, k).astype(np.int64)


def overlaps(confusion: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Intersection over union and Dice of each class, NaN for a class that is neither there nor told.

    Parameters
    ----------
    confusion : (k, k).

    Examples
    --------
    >>> overlaps(np.array([[2, 0], [1, 1]]))
    (array([0.66666667, 0.5       ]), array([0.8       , 0.66666667]))
    """
    both, sums = np.diag(confusion), confusion.sum(0) + confusion.sum(1)
    there = sums > 0
    iou, dice = np.full(len(both), np.nan), np.full(len(both), np.nan)
    iou[there] = both[there] / (sums - both)[there]
    dice[there] = 2 * both[there] / sums[there]
    return iou, dice


def boundary_f(
    true: NDArray[np.bool_], predicted: NDArray[np.bool_], tolerance: float, counted: NDArray[np.bool_] | None = None
) -> float:
    """The F of the boundaries of one class in one image; NaN where neither has it.

    Parameters
    ----------
    true, predicted : whether each pixel is of the class, (height, width). tolerance : in pixels. counted : pixels that
        do; None for all.
    """
    on = np.ones(true.shape, bool) if counted is None else counted
    lines = boundary(true & on) & on, boundary(predicted & on) & on
    if not lines[0].any() and not lines[1].any():
        return float("nan")
    if not lines[0].any() or not lines[1].any():
        return 0.0
    far = [distance_transform_edt(~line) for line in lines]
    precision = float((far[0][lines[1]] <= tolerance).mean())
    recall = float((far[1][lines[0]] <= tolerance).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask with a neighbour, of four, that is not of it; outside of the image nothing is.

    Parameters
    ----------
    mask : (height, width).

    Examples
    --------
    >>> boundary(np.ones((3, 4), bool)).astype(int).tolist()
    [[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]]
    """
    wide = np.pad(mask, 1)
    inside = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return mask & ~inside


def _pairs(true: Any, predicted: Any) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """The images with their predictions, of one size each."""
    if not len(true) or len(true) != len(predicted):
        expected, got = "as many predictions as images, at least one", f"{len(true)} and {len(predicted)}"
        raise InvalidData(problem("segmentation_scores(true, predicted)", expected, got, "Put a single one in a list."))
    pairs = [(np.asarray(t), np.asarray(p)) for t, p in zip(true, predicted, strict=True)]
    for number_, (t, p) in enumerate(pairs):
        if t.shape != p.shape or t.ndim != 2:
            where = f"segmentation_scores(predicted), image {number_}"
            expected = "(height, width)" if t.ndim != 2 else f"the size of the true one, (height, width) {t.shape}"
            got, remedy = (f"{t.shape}", "Put a single one in a list.") if t.ndim != 2 else (f"{p.shape}", "")
            raise InvalidData(problem(where, expected, got, remedy))
    return pairs


def _mean(values: NDArray[np.float64]) -> float:
    """The mean of what is not NaN."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
