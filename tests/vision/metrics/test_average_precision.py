"""Average precision: worked numbers, other interpolations by brute force, options, properties, and bad input."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.metrics.average_precision import mean_average_precision

Images = list[dict[str, Any]]
TARGETS = [
    {"boxes": [[0, 0, 100, 100], [200, 200, 300, 300]], "labels": [0, 0]},
    {"boxes": [[50, 50, 150, 150]], "labels": [0]},
]
FOUND = [
    {
        "boxes": [[0, 0, 100, 100], [210, 200, 310, 300], [400, 400, 450, 450]],
        "labels": [0, 0, 0],
        "scores": [0.9, 0.8, 0.7],
    },
    {"boxes": [[50, 50, 150, 120], [50, 50, 150, 150]], "labels": [0, 0], "scores": [0.6, 0.5]},
]
BOX = {"boxes": [[0, 0, 9, 9]], "labels": ["cat"], "scores": [0.5]}
EMPTY = {"boxes": [], "labels": [], "scores": []}


def test_worked_numbers() -> None:
    scores = mean_average_precision(FOUND, TARGETS)
    by_hand = [(67 + 34 * 0.75) / 101] * 5 + [(67 + 34 * 0.6) / 101] * 2 + [(34 + 33 * 0.4) / 101] * 3
    np.testing.assert_allclose(scores.average_precision[:, 0, 0, -1], by_hand, rtol=0, atol=1e-12)
    figures = {"map": 0.771188, "map_50": 0.915842, "map_75": 0.865347, "map_large": 0.866337, "mar_1": 0.5}
    for name, figure in {**figures, "mar_10": 0.9, "mar_100": 0.9, "mar_large": 0.9}.items():
        assert getattr(scores, name) == pytest.approx(figure, abs=5e-7)
    assert math.isnan(scores.map_small)
    assert math.isnan(scores.map_medium)
    assert scores.targets == (3,)


def test_one_box() -> None:
    targets = [{"boxes": [[214, 41, 562, 285]], "labels": ["x"]}]
    scores = mean_average_precision([{"boxes": [[258, 41, 606, 285]], "labels": ["x"], "scores": [0.536]}], targets)
    assert (scores.map_50, round(scores.map, 12)) == (1.0, 0.6)


def all_points(found: list[tuple[float, bool]], n: int) -> tuple[float, float]:
    """AP of Pascal 2007 and 2010 from (score, right) and the number of true boxes."""
    ordered = [right for _, right in sorted(found, reverse=True)]
    curve = [(sum(ordered[: i + 1]), sum(ordered[: i + 1]) / (i + 1)) for i in range(len(ordered))]
    eleven = [max([p for hits, p in curve if hits * 10 >= n * tenth], default=0.0) for tenth in range(11)]
    steps = [max([p for hits, p in curve if hits >= least], default=0.0) / n for least in range(1, n + 1)]
    return float(np.mean(eleven)), sum(steps)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), max_size=12, unique_by=lambda pair: pair[0]))
@settings(max_examples=60, deadline=None)
def test_interpolations_of_pascal(found: list[tuple[int, bool]]) -> None:
    n = sum(right for _, right in found) + 10 - len(found) % 10
    targets = [{"boxes": [[0, 0, 10, 10]] * n, "labels": [0] * n}]
    boxes = [[0, 0, 10, 10] if right else [50, 50, 60, 60] for _, right in found]
    predictions = [{"boxes": boxes, "labels": [0] * len(found), "scores": [score for score, _ in found]}]
    for name, expected in zip(("voc2007", "voc2010"), all_points(found, n), strict=True):
        scores = mean_average_precision(predictions, targets, iou_thresholds=[0.5], interpolation=name)
        assert scores.map == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("interpolation", ["coco", "voc2007", "voc2010"])
def test_a_class_only_in_predictions(interpolation: str) -> None:
    found = [{"boxes": [[0, 0, 9, 9], [0, 0, 9, 9]], "labels": ["cat", "dog"], "scores": [0.5, 0.9]}]
    left = mean_average_precision(found, [BOX], interpolation=interpolation)
    assert (left.classes, left.map, left.mar_100) == (("cat", "dog"), 1.0, 1.0)
    assert math.isnan(left.ap(label="dog"))
    zero = mean_average_precision(found, [BOX], absent="zero", interpolation=interpolation)
    assert (zero.map, zero.map_small, zero.ap(label="dog"), zero.mar_100) == (0.5, 0.5, 0.0, 1.0)
    assert math.isnan(zero.map_large)
    assert not zero.curve("dog").precision.any()


def test_boxes_that_are_ignored() -> None:
    targets = [{"boxes": [[0, 0, 9, 9], [50, 50, 59, 59]], "labels": [1, 1]}]
    found = [
        {"boxes": [[50, 50, 59, 59], [0, 0, 9, 9], [50, 50, 59, 58]], "labels": [1] * 3, "scores": [0.9, 0.8, 0.1]}
    ]
    assert mean_average_precision(found, targets).map == 1.0
    for name in ("ignore", "difficult", "iscrowd"):
        scores = mean_average_precision(found, [{**targets[0], name: [False, True]}])
        assert (scores.map, scores.targets) == (1.0, (1,))
        wrong = mean_average_precision([{**found[0], "scores": [0.9, 0.8, 0.95]}], [{**targets[0], name: [0, 1]}])
        # a crowd takes both boxes, an ignored one takes one, and the other is wrong
        assert (wrong.map_50 == 1.0) == (name == "iscrowd")


def test_options() -> None:
    scores = mean_average_precision(
        FOUND, TARGETS, iou_thresholds=[0.9, 0.6], max_detections=[2], areas={"huge": (1e9, 1e10)}
    )
    assert (scores.iou_thresholds, scores.max_detections, list(scores.areas)) == ((0.6, 0.9), (2,), ["all", "huge"])
    assert set(scores.figures) == {"map", "map_60", "map_90", "map_huge", "mar_2", "mar_huge"}
    assert scores.map == pytest.approx((scores.map_60 + scores.map_90) / 2)
    many = [{"boxes": [[0, 0, 9, 9]] * 300, "labels": [0] * 300, "scores": np.arange(300)}]
    there = [{"boxes": [[0, 0, 9, 9]] * 300, "labels": [0] * 300}]
    assert mean_average_precision(many, there, max_detections=[1, 10, 150]).mar_150 == 0.5


def test_arrays_tensors_lists_and_labels_of_every_kind() -> None:
    plain = mean_average_precision(FOUND, TARGETS)
    for dtype in (torch.float32, torch.bfloat16):
        tensors = [
            {
                "boxes": torch.tensor(each["boxes"], dtype=dtype, requires_grad=True),
                "labels": torch.tensor(each["labels"]),
                "scores": torch.tensor(each["scores"], dtype=dtype),
            }
            for each in FOUND
        ]
        np.testing.assert_array_equal(mean_average_precision(tensors, TARGETS).recall, plain.recall)
    for names in (["x"], [("a", 1)], [torch.tensor(3)], [np.int64(3)], [frozenset("ab")], [True]):
        sides = [[{**each, "labels": names * len(each["boxes"])} for each in side] for side in (FOUND, TARGETS)]
        scores = mean_average_precision(*sides)
        assert len(scores.classes) == 1
        np.testing.assert_array_equal(scores.precision, plain.precision)
    mixed = [{"boxes": [[0, 0, 1, 1]] * 4, "labels": ["b", 10, 9, "a"], "scores": [1, 1, 1, 1]}]
    assert mean_average_precision(mixed, mixed).classes == (9, 10, "a", "b")


@pytest.mark.parametrize("empty", [[], np.zeros((0, 4)), np.zeros(0), torch.zeros(0, 4), ()])
def test_empty_images(empty: Any) -> None:
    nothing = {"boxes": empty, "labels": [], "scores": []}
    found = mean_average_precision([*FOUND, nothing], [*TARGETS, nothing])
    np.testing.assert_array_equal(found.precision, mean_average_precision(FOUND, TARGETS).precision)
    assert math.isnan(mean_average_precision([nothing], [nothing]).map)
    assert mean_average_precision([nothing], [BOX]).map == 0.0
    assert math.isnan(mean_average_precision([BOX], [nothing]).map)
    assert mean_average_precision([BOX], [nothing], absent="zero").map == 0.0
    assert str(mean_average_precision([], [])).splitlines()[1].split() == ["mean", *"-------", "0"]


def test_curves_rows_and_copies() -> None:
    scores = mean_average_precision(FOUND, TARGETS)
    curve = scores.curve(0, iou=0.55)
    np.testing.assert_allclose(curve.precision, np.where(curve.recall <= 0.66, 1.0, 0.75))
    np.testing.assert_array_equal(curve.score, np.select([curve.recall <= 0.33, curve.recall <= 0.66], [0.9, 0.8], 0.6))
    assert scores.rows[0]["ap"] == scores.map
    assert scores.to_frame().loc[0, "ap_50"] == scores.map_50
    for other in (copy.deepcopy(scores), pickle.loads(pickle.dumps(scores))):
        np.testing.assert_equal(vars(other), vars(scores))
        assert other.map == scores.map
    assert {"map", "map_50", "mar_100"} < set(dir(scores))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Images, Images]:
    """Images with different scores throughout, so that order alone decides nothing."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    found, there = [], []
    for _ in range(draw(st.integers(1, 4))):
        n, m = rng.integers(0, 5, 2)
        boxes = [np.hstack([c := rng.integers(0, 12, (k, 2)), c + rng.integers(4, 60, (k, 2))]) for k in (n, m)]
        boxes[1][: min(n, m)] = boxes[0][: min(n, m)] + rng.integers(0, 2)
        there.append({"boxes": boxes[0], "labels": rng.integers(0, 3, n), "iscrowd": rng.random(n) < 0.1})
        found.append({"boxes": boxes[1], "labels": rng.integers(0, 3, m), "scores": rng.random(m)})
    return found, there


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_images_and_the_names_of_classes_do_not_matter(case: tuple[Images, Images], random: Any) -> None:
    scores = mean_average_precision(*case)
    order = list(range(len(case[0])))
    random.shuffle(order)
    moved = mean_average_precision(*([side[i] for i in order] for side in case))
    np.testing.assert_array_equal(moved.precision, scores.precision)
    names = {0: "x", 1: ("a", 2), 2: -7.5}
    named = [
        [{**each, "labels": [names[label] for label in each["labels"].tolist()]} for each in side] for side in case
    ]
    again = mean_average_precision(*named)
    for label in scores.classes:
        np.testing.assert_equal(again.ap(label=names[label]), scores.ap(label=label))
    np.testing.assert_allclose(list(again.figures.values()), list(scores.figures.values()), rtol=0, atol=1e-12)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_only_the_order_of_scores_matters_and_worse_boxes_never_help(case: tuple[Images, Images]) -> None:
    found, there = case
    scores = mean_average_precision(found, there)
    curved = [{**each, "scores": np.exp(3 * each["scores"]) - 5} for each in found]
    np.testing.assert_array_equal(mean_average_precision(curved, there).precision, scores.precision)
    worse = [
        {**each, "boxes": [*each["boxes"], [500, 500, 520, 520]], "labels": [*each["labels"], 1]} for each in found
    ]
    worse = [{**each, "scores": [*each["scores"], -index - 1]} for index, each in enumerate(worse)]
    after = mean_average_precision(worse, there)
    for label in scores.classes:
        assert not after.ap(label=label) > scores.ap(label=label) + 1e-12


BAD_PREDICTIONS = [
    (
        {**BOX, "boxes": [[0, 0, 9]]},
        r"predictions, image 1, boxes: expected four numbers a row, \(n, 4\), got shape \(1, 3\)",
    ),
    ({**BOX, "boxes": [0, 0, 9, 9]}, r"got shape \(4,\)\. Put a single box in a list"),
    ({**BOX, "boxes": [[0, 0, 9, 9], [0, 0, 9]]}, r"image 1, row 1: expected a box of four numbers, got \[0, 0, 9\]"),
    ({**BOX, "boxes": [[0, 0, 9, "a"]]}, r"image 1, row 0: expected a box of four numbers"),
    ({**BOX, "boxes": "ab"}, r"image 1, row 0: expected a box of four numbers, got 'a'"),
    ({**BOX, "boxes": 3}, r"image 1, boxes: expected four numbers a row, \(n, 4\), got shape \(\)"),
    (
        {**BOX, "boxes": [[0, 0, np.nan, 9]]},
        r"image 1, row 0: expected a box of finite numbers, got \[0.0, 0.0, nan, 9.0\]",
    ),
    ({**BOX, "boxes": [[9, 0, 0, 9]]}, r"image 1, row 0: expected a box \(x1, y1, x2, y2\) with x1 <= x2"),
    ({**BOX, "labels": ["a", "b"]}, r"image 1, labels: expected as many as there are boxes, 1, got 2"),
    ({**BOX, "labels": "a"}, r"image 1, labels: expected a label a box, \(n,\), got 'a'"),
    ({**BOX, "labels": np.zeros((1, 1))}, r"image 1, labels: expected a label a box, \(n,\), got shape \(1, 1\)"),
    ({**BOX, "labels": [["a"]]}, r"image 1, row 0: expected a label that can be hashed.*, got \['a'\]"),
    ({**BOX, "labels": [torch.zeros(2)]}, r"image 1, row 0: expected a label that can be hashed"),
    ({**BOX, "labels": [math.nan]}, r"image 1, row 0: expected a label, got nan"),
    ({**BOX, "scores": [0.1, 0.2]}, r"image 1, scores: expected as many as there are boxes, 1, got 2"),
    ({**BOX, "scores": [[0.1]]}, r"image 1, scores: expected a number a box, \(n,\), got shape \(1, 1\)"),
    ({**BOX, "scores": ["x"]}, r"image 1, scores: expected a number a box"),
    ({**BOX, "scores": [math.nan]}, r"image 1, row 0: expected a finite score, got nan"),
    (
        {"boxes": [], "labels": []},
        r"image 1: expected the keys boxes, labels, scores, got boxes, labels\. Give each box",
    ),
    ({"box": [], "labels": [], "scores": []}, r"got box, labels, scores\. Did you mean 'box'\?"),
    ({}, r"got none\. Without boxes, give empty lists"),
    ([1], r"predictions, image 1: expected a dict with boxes, labels, scores, got \[1\]"),
]


@pytest.mark.parametrize(("bad", "words"), BAD_PREDICTIONS)
def test_predictions_that_cannot_be_used(bad: Any, words: str) -> None:
    with pytest.raises(InvalidData, match=words):
        mean_average_precision([EMPTY, bad], [EMPTY, EMPTY])


def test_targets_and_options_that_cannot_be_used() -> None:
    for column, words in (
        ({"area": [-1.0]}, "a finite area >= 0, got -1.0"),
        ({"area": [1, 2]}, "area: expected as many"),
    ):
        with pytest.raises(InvalidData, match=f"targets, image 0.*{words}"):
            mean_average_precision([EMPTY], [{**BOX, **column}])
    with pytest.raises(InvalidData, match="predictions: expected 2 images as in targets, got 1"):
        mean_average_precision([BOX], [BOX, BOX])
    with pytest.raises(
        InvalidData, match=r"expected a list of dicts, one an image, got .* Put a single image in a list"
    ):
        mean_average_precision(BOX, [BOX])
    bad: list[tuple[dict[str, Any], str]] = [
        ({"iou_thresholds": 0.0}, r"\(iou_thresholds\): expected one or more numbers in \(0, 1\], got 0.0"),
        ({"iou_thresholds": ["a"]}, r"\(iou_thresholds\)"),
        ({"max_detections": [0, 1]}, r"\(max_detections\): expected one or more integers >= 1, got \[0, 1\]"),
        ({"max_detections": [1.5]}, r"\(max_detections\)"),
        ({"areas": {"big": 3}}, r"\(areas\): expected a dict of names"),
        ({"areas": {"5 x": (0, 1)}}, r"\(areas\).*got '5 x': \(0.0, 1.0\)"),
        ({"absent": "one"}, r"\(absent\)"),
        ({"interpolation": "voc"}, r"\(interpolation\)"),
    ]
    for options, words in bad:
        with pytest.raises(InvalidParameter, match=words):
            mean_average_precision([BOX], [BOX], **options)
    scores = mean_average_precision([BOX], [BOX])
    with pytest.raises(InvalidParameter, match=r"iou: expected one of .*, got 0.33"):
        scores.ap(iou=0.33)
    with pytest.raises(InvalidParameter, match=r"label: expected one of \('cat',\), got 'dog'"):
        scores.curve("dog")
    with pytest.raises(AttributeError, match="expected a figure, got map_51"):
        _ = scores.map_51
