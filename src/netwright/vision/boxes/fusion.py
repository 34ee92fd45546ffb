"""Weighted boxes fusion: the boxes of several detectors become one where they overlap, instead of all but one going.

    B: the boxes of all N models, by falling confidence; F: the fused boxes, at first none
    for each box of B: the box of F of the same class with the largest IoU above the threshold
        none:  the box opens a new cluster of F
        else:  it joins the cluster, whose fused box is made anew of its T boxes:
               X = sum C_i X_i / sum C_i     of each of the four coordinates
               C = sum C_i / T
    at the end C <- C min(T, N) / N, or with `overflow` C <- C T / N

so that a box that few models see loses confidence. With weights w of the models, C_i is w C_i from the beginning, and
the divisor N at the end is the sum of the weights, as in the authors' program; weights of 1 are the paper's equations.
Where the paper says "a matching box", the one with the largest IoU is meant, as in the authors' program too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import boolean, check, number
from netwright.vision.boxes.reading import Form, on_host, read_labels, read_numbers, require_boxes, require_scores
from netwright.vision.compiled import kernels

_WEIGHT = number(0, closed="neither")


def weighted_boxes_fusion(
    boxes_list: Any,
    scores_list: Any,
    labels_list: Any,
    *,
    weights: Any = None,
    iou_threshold: float = 0.55,
    score_threshold: float = 0.0,
    overflow: bool = False,
) -> tuple[Any, Any, Any]:
    """The fused boxes of several models for one image, by falling score.

    Parameters
    ----------
    boxes_list : boxes x1, y1, x2, y2 of each model; all in one unit.
    scores_list : scores >= 0 of each model's boxes.
    labels_list : classes of each model's boxes, labels of any kind. Only boxes of one class are fused.
    weights : a number > 0 for each model; None: 1 each.
    iou_threshold : in [0, 1]; a box joins a cluster if its IoU with the fused box is above it.
    score_threshold : boxes with a score below it are left out.
    overflow : whether a cluster with more boxes than there are models may gain confidence.

    Shapes
    ------
    lists of (n_i, 4), (n_i,), (n_i,) -> (m, 4), (m,), (m,) labels

    Raises
    ------
    InvalidData : lists of different lengths or shapes that do not fit, NaN or infinity, a score below 0, with the row.
    InvalidParameter : an option out of its range.

    Examples
    --------
    >>> boxes, scores, labels = weighted_boxes_fusion(
    ...     [[[0, 0, 10, 10]], [[0, 0, 10, 12], [50, 50, 60, 60]]], [[0.9], [0.6, 0.8]], [[1], [1, 1]])
    >>> boxes.round(2), scores, labels
    (array([[ 0. ,  0. , 10. , 10.8],
           [50. , 50. , 60. , 60. ]]), array([0.75, 0.4 ]), array([1, 1]))

    References
    ----------
    Solovyev, Wang, Gabruseva, *Weighted boxes fusion: ensembling boxes from different object detection models*, 2021.
    """
    owner = "weighted_boxes_fusion"
    check(f"{owner}(iou_threshold)", iou_threshold, number(0, 1))
    check(f"{owner}(score_threshold)", score_threshold, number())
    check(f"{owner}(overflow)", overflow, boolean)
    lengths = [len(boxes_list), len(scores_list), len(labels_list)]
    if len(set(lengths)) != 1 or not lengths[0]:
        expected = "boxes, scores and labels of each model"
        raise InvalidData(problem(f"{owner}(boxes_list, scores_list, labels_list)", expected, f"{lengths} of them"))
    share = _weights(f"{owner}(weights)", weights, lengths[0])
    every, form = read_numbers(
        owner,
        **{f"boxes_list[{i}]": boxes for i, boxes in enumerate(boxes_list)},
        **{f"scores_list[{i}]": scores for i, scores in enumerate(scores_list)},
    )
    table: dict[Any, int] = {}  # the number of each label
    b, s, kinds, model = _together(owner, every, labels_list, table)
    some = np.flatnonzero(s >= score_threshold)
    confidence = (s * share[model])[some]
    order = some[np.argsort(-confidence, kind="stable")]
    columns = np.ascontiguousarray(b[order].T)
    fused, total, sizes, labels = kernels("boxes").fuse(
        columns, (s * share[model])[order], kinds[order], float(iou_threshold)
    )
    counted = sizes if overflow else np.minimum(sizes, len(share))
    found = total / sizes * counted / share.sum()
    falling = np.argsort(-found, kind="stable")
    return form.give_array(fused.T[falling]), form.give_array(found[falling]), _named(labels[falling], table, form)


def _named(codes: NDArray[np.int64], table: dict[Any, int], form: Form) -> Any:
    """The labels behind numbers: integers as the boxes came, others in an array of NumPy."""
    names = list(table)
    if all(isinstance(name, int) and abs(name) < 2**63 for name in names):
        return form.give_array(np.array(names, np.int64)[codes])
    found = np.empty(len(names), dtype=object)
    found[:] = names
    return (np.array(names) if all(isinstance(name, str) for name in names) else found)[codes]


def _together(owner: str, every: list[Tensor], labels_list: Any, table: dict[Any, int]) -> tuple[NDArray[Any], ...]:
    """Boxes, scores, classes and model of all boxes."""
    models = len(every) // 2
    b, s, kinds = [], [], []
    for i in range(models):
        b.append(on_host(require_boxes(f"{owner}(boxes_list[{i}])", every[i])))
        where = f"{owner}(scores_list[{i}])"
        s.append(on_host(require_scores(where, every[models + i].reshape(-1), len(b[i]))))
        if (s[i] < 0).any():
            row = int((s[i] < 0).argmax())
            raise InvalidData(problem(f"{where}, row {row}", "a score >= 0", f"{s[i][row]}", "Give probabilities."))
        kinds.append(read_labels(f"{owner}(labels_list[{i}])", labels_list[i], len(b[i]), table))
    model = np.repeat(np.arange(models), [len(rows) for rows in b])
    return np.concatenate(b), np.concatenate(s), np.concatenate(kinds), model


def _weights(where: str, weights: Any, models: int) -> NDArray[np.float64]:
    if weights is None:
        return np.ones(models)
    given = list(weights)
    if len(given) != models or not all(_WEIGHT.accepts(weight) for weight in given):
        raise InvalidParameter(problem(where, f"{models} numbers > 0, one a model", shown(given)))
    return np.array(given, np.float64)
