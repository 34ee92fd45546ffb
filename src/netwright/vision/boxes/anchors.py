"""Anchors: boxes that a detector starts from, laid over its maps of features, and their shapes, found in the data.

`anchor_grid` lays anchors out as torchvision does. With sizes s and aspect ratios r = height / width:

    width s / sqrt(r), height s sqrt(r), around (0, 0), edges rounded to whole pixels (halves to even)
    moved to (column stride_x, row stride_y) for every place of the map, row by row; at each place ratio by ratio,
    of each ratio size by size; map by map

`cluster_anchors` is k-means on shapes with the distance 1 - IoU, as for YOLOv2: Euclid's distance would give most
anchors to the large boxes. Anchors are the means of their clusters; of all starts those with the largest average IoU
are kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import RANDOM_STATE, derive, to_seed
from netwright.core.validation import Constraint, check, integer, number, one_of
from netwright.vision.boxes.convert import SIZE
from netwright.vision.boxes.reading import Form, on_host, read_numbers, require_finite

STEPS = 300  # at most of a start; tens are usual
_POSITIVE = number(0, closed="neither")


class AnchorClusters(NamedTuple):
    """Anchors that were found in the data.

    Attributes
    ----------
    anchors : (k, 2), width and height, by rising area.
    average_iou : mean over the boxes of the IoU of shapes with the best anchor.
    recall : share of the boxes whose best IoU of shapes is above `threshold`: the best possible recall.
    threshold : of the recall.
    labels : (n,), the best anchor of each box.
    """

    anchors: Any
    average_iou: float
    recall: float
    threshold: float
    labels: Any


def anchor_grid(
    feature_sizes: Any, image_size: tuple[int, int], sizes: Any, aspect_ratios: Any, *, like: Tensor | None = None
) -> Any:
    """The anchors of all places of a detector's maps.

    Parameters
    ----------
    feature_sizes : (height, width) of a map, or of each of several.
    image_size : (height, width) of the image; the stride of a map is their whole quotient.
    sizes : of the anchors of a map in pixels, or of each of several: ``((32, 64), (128, 256))``.
    aspect_ratios : height / width of the anchors; for all maps, or for each of several.
    like : a tensor whose device and type the anchors take; None: a NumPy array in float64.

    Shapes
    ------
    -> (n, 4), n = sum over maps of height * width * len(sizes) * len(aspect_ratios)

    Raises
    ------
    InvalidParameter : sizes that are not above 0, another number of them than maps, a map larger than the image.

    Examples
    --------
    >>> anchor_grid((4, 4), (64, 64), (32, 64), (0.5, 1, 2))[:2]
    array([[-23., -11.,  23.,  11.],
           [-45., -23.,  45.,  23.]])

    References
    ----------
    Ren, He, Girshick, Sun, *Faster R-CNN: towards real-time object detection with region proposal networks*, 2015.
    """
    check("anchor_grid(image_size)", image_size, SIZE)
    maps = _nested("anchor_grid(feature_sizes)", feature_sizes)
    each_size = _nested("anchor_grid(sizes)", sizes)
    ratios = _nested("anchor_grid(aspect_ratios)", aspect_ratios)
    ratios = ratios * len(maps) if len(ratios) == 1 else ratios
    for name, values in (("sizes", each_size), ("aspect_ratios", ratios)):
        if len(values) != len(maps):
            got = f"{len(values)} for {len(maps)} maps"
            raise InvalidParameter(problem(f"anchor_grid({name})", "numbers for each map", got))
    laid = [_over(m, image_size, s, r) for m, s, r in zip(maps, each_size, ratios, strict=True)]
    found = np.concatenate(laid)
    return found if like is None else Form(like.device, like.dtype).give_array(found)


def cluster_anchors(
    boxes: Any,
    k: int,
    *,
    metric: str = "iou",
    threshold: float = 0.5,
    restarts: int = 10,
    random_state: Any = None,
) -> AnchorClusters:
    """The k shapes that are most like those of the boxes.

    Parameters
    ----------
    boxes : boxes x1, y1, x2, y2, or their (width, height).
    k : how many anchors.
    metric : distance by which boxes choose their cluster: "iou", 1 - IoU of shapes, or "euclidean".
    threshold : IoU of shapes above which a box counts as found, for the recall.
    restarts : starts from other boxes; the one with the largest average IoU is kept.
    random_state : seed of the starts.

    Shapes
    ------
    (n, 4) or (n, 2) -> (k, 2)

    Raises
    ------
    InvalidData : another shape, NaN or infinity, an empty box, with the row; fewer different shapes than k.
    InvalidParameter : an option out of its range.

    Examples
    --------
    >>> shapes = [(10, 12), (12, 10), (11, 11), (50, 40), (52, 44), (48, 38)]
    >>> found = cluster_anchors(shapes, 2, random_state=0)
    >>> found.anchors.round(2), round(found.average_iou, 4), found.recall
    (array([[11.  , 11.  ],
           [50.  , 40.67]]), 0.9081, 1.0)

    References
    ----------
    Redmon, Farhadi, *YOLO9000: better, faster, stronger*, 2017. Arthur, Vassilvitskii, *k-means++*, 2007.
    """
    owner = "cluster_anchors"
    check(f"{owner}(k)", k, integer(1))
    check(f"{owner}(metric)", metric, one_of("iou", "euclidean"))
    check(f"{owner}(threshold)", threshold, number(0, 1))
    check(f"{owner}(restarts)", restarts, integer(1))
    check(f"{owner}(random_state)", random_state, RANDOM_STATE)
    (given,), form = read_numbers(owner, boxes=boxes)
    shapes = _shapes(f"{owner}(boxes)", given, k)
    seed = to_seed(random_state)
    anchors, average = shapes[:k], -1.0
    for start in range(restarts):
        generator = np.random.default_rng(derive(seed, "anchors", start))
        found, value = _clustered(shapes, _first(shapes, k, metric, generator), metric)
        if value > average:
            anchors, average = found, value
    anchors = anchors[np.lexsort((anchors[:, 0], anchors.prod(1)))]
    closeness = shape_iou(shapes, anchors)
    best = closeness.max(1)
    labels = form.give_array(closeness.argmax(1))
    recall = float((best > threshold).mean())
    return AnchorClusters(form.give_array(anchors), float(best.mean()), recall, threshold, labels)


def shape_iou(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """IoU of boxes that are laid on one corner: (n, 2), (m, 2) of (width, height) -> (n, m).

    Examples
    --------
    >>> shape_iou(np.array([[4.0, 2.0]]), np.array([[2.0, 4.0], [4.0, 2.0]]))
    array([[0.33333333, 1.        ]])
    """
    shared = np.minimum(first[:, None], second[None]).prod(-1)
    union = first.prod(-1)[:, None] + second.prod(-1)[None] - shared
    quotient: NDArray[np.float64] = np.divide(shared, union, out=np.zeros(union.shape), where=union > 0)
    return quotient


def _nested(where: str, values: Any) -> list[tuple[float, ...]]:
    """A list of rows of numbers > 0, of one row too."""
    flat = isinstance(values, (tuple, list)) and all(map(_POSITIVE.accepts, values))
    rows = [values] if flat else values
    item = Constraint(
        "", lambda row: isinstance(row, (tuple, list)) and len(row) > 0 and all(map(_POSITIVE.accepts, row))
    )
    if not isinstance(rows, (tuple, list)) or not rows or not all(map(item.accepts, rows)):
        raise InvalidParameter(problem(where, "numbers > 0, or such for each map", shown(values)))
    return [tuple(row) for row in rows]


def _over(
    feature_size: tuple[float, ...], image_size: tuple[int, int], sizes: tuple[float, ...], ratios: tuple[float, ...]
) -> NDArray[np.float64]:
    """The anchors of one map, (places * ratios * sizes, 4)."""
    if len(feature_size) != 2 or any(side > whole for side, whole in zip(feature_size, image_size, strict=True)):
        expected = f"(height, width), at most {tuple(image_size)}"
        raise InvalidParameter(problem("anchor_grid(feature_sizes)", expected, str(feature_size)))
    height, width = (int(side) for side in feature_size)
    root = np.sqrt(np.array(ratios, np.float64))[:, None]
    wide, high = (1 / root * np.array(sizes)).ravel(), (root * np.array(sizes)).ravel()
    base = np.round(np.stack([-wide, -high, wide, high], 1) / 2)
    y, x = np.meshgrid(
        np.arange(height) * (image_size[0] // height), np.arange(width) * (image_size[1] // width), indexing="ij"
    )
    moves = np.stack([x.ravel(), y.ravel(), x.ravel(), y.ravel()], 1)
    laid: NDArray[np.float64] = (moves[:, None] + base[None]).reshape(-1, 4)
    return laid


def _shapes(where: str, given: Tensor, k: int) -> NDArray[np.float64]:
    """Width and height of each box, all above 0."""
    if given.ndim != 2 or given.shape[1] not in (2, 4):
        raise InvalidData(problem(where, "shape (n, 4) or (n, 2)", f"shape {tuple(given.shape)}"))
    require_finite(where, given)
    values = on_host(given)
    shapes: NDArray[np.float64] = values if values.shape[1] == 2 else values[:, 2:] - values[:, :2]
    wrong = np.flatnonzero((shapes <= 0).any(1))
    if wrong.size:
        row = int(wrong[0])
        got = str(values[row].tolist())
        raise InvalidData(problem(f"{where}, row {row}", "a width and a height > 0", got, "Leave empty boxes out."))
    different = len(np.unique(shapes, axis=0))
    if different < k:
        raise InvalidData(problem(where, f"at least k = {k} different shapes", str(different), "Use a smaller k."))
    return shapes


def _apart(shapes: NDArray[Any], anchors: NDArray[Any], metric: str) -> NDArray[np.float64]:
    """The distances by which boxes choose, (n, k)."""
    if metric == "iou":
        return 1 - shape_iou(shapes, anchors)
    apart: NDArray[np.float64] = np.square(shapes[:, None] - anchors[None]).sum(-1)
    return apart


def _first(shapes: NDArray[Any], k: int, metric: str, generator: np.random.Generator) -> NDArray[np.float64]:
    """k-means++: each further shape is drawn in proportion to its squared distance from those that are there."""
    chosen = [int(generator.integers(len(shapes)))]
    nearest = np.full(len(shapes), np.inf)
    while len(chosen) < k:
        apart = _apart(shapes, shapes[chosen[-1:]], metric)[:, 0]
        nearest = np.minimum(nearest, apart**2 if metric == "iou" else apart)
        chosen.append(int(generator.choice(len(shapes), p=nearest / nearest.sum())))
    return shapes[chosen]


def _clustered(shapes: NDArray[Any], anchors: NDArray[np.float64], metric: str) -> tuple[NDArray[np.float64], float]:
    """The anchors that one start leads to, the means of their clusters, and their average IoU."""
    labels = np.full(len(shapes), -1)
    for _ in range(STEPS):
        apart = _apart(shapes, anchors, metric)
        now = apart.argmin(1)
        if (now == labels).all():
            break
        labels, anchors = now, anchors.copy()
        worst = iter(np.argsort(-apart.min(1), kind="stable"))
        for cluster in range(len(anchors)):
            members = shapes[labels == cluster]
            # an anchor that is nobody's moves to the box that is worst off
            anchors[cluster] = members.mean(0) if len(members) else shapes[next(worst)]
    return anchors, float(shape_iou(shapes, anchors).max(1).mean())
