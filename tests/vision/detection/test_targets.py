"""True boxes as they are read: what is kept, what is left out with a count, what is refused with its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData
from netwright.vision.detection.targets import classes_of, read_targets

SIZE = (40, 60)  # height, width


def read(target: dict[str, Any], bad: str = "drop") -> Any:
    (one,), dropped = read_targets([target], [SIZE], "fit(targets)", bad)
    return one, dropped


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_boxes_come_as_lists_arrays_and_tensors(kind: Any) -> None:
    one, dropped = read({"boxes": kind([[1, 2, 3, 4], [5, 6, 9, 9]]), "labels": kind([7, 8])})
    assert one.boxes.tolist() == [[1, 2, 3, 4], [5, 6, 9, 9]]
    assert one.labels == [7, 8]
    assert all(type(label) is int for label in one.labels)
    assert not dropped.counts


@pytest.mark.parametrize("empty", [[], np.zeros((0, 4)), np.zeros(0), torch.zeros(0, 4)])
def test_an_image_without_objects(empty: Any) -> None:
    one, _ = read({"boxes": empty, "labels": []})
    assert one.boxes.shape == (0, 4)
    assert one.labels == []


def test_what_cannot_be_learned_is_left_out_and_counted() -> None:
    boxes = [[1, 1, 5, 5], [5, 5, 5, 9], [9, 9, 3, 12], [70, 1, 80, 9], [-5, -5, 100, 100], [60, 0, 61, 4]]
    one, dropped = read({"boxes": boxes, "labels": list("abcdef"), "difficult": [0, 0, 0, 0, 1, 0]})
    assert one.boxes.tolist() == [[1, 1, 5, 5], [0, 0, 60, 40]]
    assert one.labels == ["a", "e"]
    assert one.ignored.tolist() == [False, True]
    assert dict(dropped.counts) == {"reversed": 1, "without an area": 1, "outside of the image": 2}
    assert dropped.first == {
        "reversed": "image 0, row 2",
        "without an area": "image 0, row 1",
        "outside of the image": "image 0, row 3",
    }
    with pytest.warns(
        UserWarning, match=r"fit\(targets\): 4 of 6 boxes left out: 1 reversed \(the first: image 0, row 2\)"
    ):
        dropped.warn("fit(targets)")


@pytest.mark.parametrize(
    ("box", "text"),
    [
        ([5, 5, 5, 9], "without an area"),
        ([9, 9, 3, 12], "reversed"),
        ([70, 1, 80, 9], "outside of the image"),
        ([50, 1, 61, 9], "partly outside of the image"),
    ],
)
def test_or_refused_by_choice(box: list[int], text: str) -> None:
    target = {"boxes": [[1, 1, 5, 5], box], "labels": [0, 0]}
    with pytest.raises(InvalidData, match=rf"image 0, boxes, row 1: expected 0 <= x1 < x2 <= 60.*{text}.*bad_boxes"):
        read(target, "error")


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ({"boxes": [[1, 2, 3]], "labels": [0]}, r"image 0, boxes: expected shape \(n, 4\).*\(1, 3\)"),
        ({"boxes": [1, 2, 3, 4], "labels": [0]}, r"image 0, boxes: expected shape \(n, 4\)"),
        ({"boxes": [[1, 2, np.nan, 4]], "labels": [0]}, "image 0, boxes, row 0: expected finite numbers"),
        ({"boxes": [["a", 2, 3, 4]], "labels": [0]}, "image 0, boxes: expected numbers"),
        ({"boxes": [[1, 2, 3, 4]], "labels": []}, "image 0, labels: expected 1, one a box, got 0"),
        ({"boxes": [[1, 2, 3, 4]], "labels": [[]]}, "image 0, labels, row 0: expected a label that hashes"),
        ({"boxes": [[1, 2, 3, 4]], "labels": "a"}, "image 0, labels: expected a list"),
        ({"boxes": [[1, 2, 3, 4]]}, "image 0: expected a dict with boxes and labels, got the keys boxes"),
        ({"boxes": [[1, 2, 3, 4]], "labels": [0], "difficult": [0, 1]}, "image 0, difficult: expected shape"),
        ([[1, 2, 3, 4]], "image 0: expected a dict"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(target: Any, text: str) -> None:
    with pytest.raises(InvalidData, match=text):
        read(target)


def test_as_many_targets_as_images() -> None:
    good = {"boxes": [], "labels": []}
    with pytest.raises(InvalidData, match="expected 2, one an image, got 1"):
        read_targets([good], [SIZE, SIZE], "fit(targets)")
    with pytest.raises(InvalidData, match="expected a list of dicts"):
        read_targets(good, [SIZE], "fit(targets)")


def test_classes_are_in_order_whatever_their_type() -> None:
    one, _ = read({"boxes": [[0, 0, 2, 2]] * 5, "labels": ["b", 10, 9, "a", (1, 2)]})
    assert classes_of([one], "fit") == [9, 10, (1, 2), "a", "b"]
    with pytest.raises(InvalidData, match="at least one object in all images"):
        classes_of([read({"boxes": [], "labels": []})[0]], "fit")


corner = st.floats(-50, 120)


@given(boxes=st.lists(st.tuples(corner, corner, corner, corner), max_size=8))
def test_what_is_kept_lies_within_and_every_box_is_accounted_for(boxes: Any) -> None:
    one, dropped = read({"boxes": boxes, "labels": list(range(len(boxes)))})
    kept = one.boxes
    assert len(kept) + sum(dropped.counts.values()) == len(boxes) == dropped.total
    assert (kept[:, 2:] > kept[:, :2]).all()
    assert (kept >= 0).all()
    assert (kept <= [60, 40, 60, 40]).all()
    for label, box in zip(one.labels, kept, strict=True):
        assert np.array_equal(box, np.clip(boxes[label], 0, [60, 40, 60, 40]))


def test_an_image_is_named_by_its_file() -> None:
    called = {0: "image 0 (a.jpg)", 1: "image 1 (b.jpg)"}.__getitem__
    good, bad = {"boxes": [[1, 1, 5, 5]], "labels": [0]}, {"boxes": [[1, 1, 5, 1]], "labels": [0]}
    _, dropped = read_targets([good, bad], [SIZE, SIZE], "fit(targets)", called=called)
    with pytest.warns(UserWarning, match=r"the first: image 1 \(b\.jpg\), row 0"):
        dropped.warn("fit(targets)")
    with pytest.raises(InvalidData, match=r"image 1 \(b\.jpg\), boxes, row 0"):
        read_targets([good, bad], [SIZE, SIZE], "fit(targets)", "error", called=called)


def test_targets_come_back_as_they_are_written() -> None:
    one, _ = read({"boxes": [[1, 1, 5, 5], [1, 1, 9, 9]], "labels": ["a", None], "iscrowd": [0, 1]})
    assert one.target["labels"] == ["a", None]
    assert one.target["iscrowd"].tolist() == one.target["ignore"].tolist() == [False, True]
    with pytest.raises(InvalidData, match=r"labels, row 0: expected a label, got nan"):
        read({"boxes": [[1, 1, 5, 5]], "labels": [float("nan")]})
