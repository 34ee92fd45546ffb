"""Accounts of detectors: verdicts by brute force, gains by mending the data themselves and measuring again."""

from __future__ import annotations

import copy
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.metrics.account import detection_account
from netwright.vision.metrics.average_precision import mean_average_precision
from netwright.vision.metrics.verdicts import VERDICTS, DetectionAccount

Images = list[dict[str, Any]]
T, B = 0.5, 0.1


@st.composite
def cases(draw: st.DrawFn) -> tuple[Images, Images]:
    """Images with predictions that have faults of every kind, and different scores throughout."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    found, there = [], []
    for _ in range(draw(st.integers(1, 5))):
        n = rng.integers(0, 5)
        corner = rng.random((n, 2)) * 50
        boxes, labels = np.hstack([corner, corner + 8 + rng.random((n, 2)) * 40]), rng.integers(0, 3, n)
        near = np.repeat(np.arange(n), rng.integers(0, 4, n))
        moved = boxes[near] + np.tile(rng.normal(size=(len(near), 2)) * rng.choice([1, 5, 12]), 2)
        far = rng.random((rng.integers(0, 3), 2)) * 90
        guess = np.where(rng.random(len(near)) < 0.7, labels[near], rng.integers(0, 4, len(near)))
        everything = np.vstack([moved, np.hstack([far, far + 12])])
        named = [*guess.tolist(), *rng.integers(0, 4, len(far)).tolist()]
        found.append({"boxes": everything, "labels": named, "scores": rng.random(len(everything))})
        there.append({"boxes": boxes, "labels": labels.tolist(), "iscrowd": rng.random(n) < rng.choice([0.0, 0.2])})
        there[-1]["ignore"] = rng.random(n) < rng.choice([0.0, 0.2])
    return found, there


def overlap(box: Any, other: Any, crowd: bool) -> float:
    width, height = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    shared = max(width, 0) * max(height, 0)
    size, sizes = np.prod(box[2:] - box[:2]), np.prod(other[2:] - other[:2])
    return shared / (size if crowd else size + sizes - shared)


def brute(found: dict[str, Any], there: dict[str, Any]) -> list[tuple[str, int | None]]:
    """The verdict and the true box of each prediction of one image, from the words of the header."""
    n = range(len(there["boxes"]))
    free = set(n)
    out = [there["ignore"][j] or there["iscrowd"][j] for j in n]
    verdicts: dict[int, tuple[str, int | None]] = {}
    for i in np.argsort(-found["scores"]).tolist():
        iou = [overlap(found["boxes"][i], there["boxes"][j], there["iscrowd"][j]) for j in n]
        mine = [j for j in n if there["labels"][j] == found["labels"][i]]
        for ignored in (False, True):
            takes = [j for j in mine if out[j] == ignored and iou[j] >= T and (j in free or there["iscrowd"][j])]
            if takes and i not in verdicts:
                best = max(takes, key=lambda j: iou[j])
                free.discard(best)
                verdicts[i] = ("ignored" if ignored else "correct", best)
        if i in verdicts:
            continue
        same = max(((iou[j], j) for j in mine if not out[j]), default=(0.0, None))
        other = max(((iou[j], j) for j in n if j not in mine and not out[j]), default=(0.0, None))
        if B <= same[0] < T:
            verdicts[i] = ("localisation", same[1])
        elif other[0] >= T:
            verdicts[i] = ("class", other[1])
        elif same[0] >= T:
            verdicts[i] = ("duplicate", same[1])
        elif max(same[0], other[0]) <= B:
            verdicts[i] = ("background", None)
        else:
            verdicts[i] = ("both", other[1])
    return [verdicts[i] for i in range(len(found["boxes"]))]


@given(cases())
@settings(max_examples=150, deadline=None)
def test_verdicts_by_brute_force(case: tuple[Images, Images]) -> None:
    account = detection_account(*case)
    assert [(each.image, each.row) for each in account.predictions] == places(case[0])
    assert [(each.image, each.row) for each in account.targets] == places(case[1])
    expected = [verdict for found, there in zip(*case, strict=True) for verdict in brute(found, there)]
    assert [(each.verdict, each.target) for each in account.predictions] == expected
    for each in account.predictions:
        found, there = case[0][each.image], case[1][each.image]
        assert each.label == found["labels"][each.row]
        assert each.score == found["scores"][each.row]
        if each.target is not None:
            iou = overlap(found["boxes"][each.row], there["boxes"][each.target], there["iscrowd"][each.target])
            assert each.iou == pytest.approx(iou)


def places(side: Images) -> list[tuple[int, int]]:
    return [(image, row) for image, each in enumerate(side) for row in range(len(each["boxes"]))]


@given(cases())
@settings(max_examples=100, deadline=None)
def test_counts_add_up(case: tuple[Images, Images]) -> None:
    account = detection_account(*case)
    rows = account.rows
    for row in rows:
        assert sum(row[verdict] for verdict in VERDICTS) == sum(each["labels"].count(row["label"]) for each in case[0])
        assert row["found"] == row["correct"]
        assert row["unexplained"] <= row["missed"]
    assert sum(row["found"] + row["missed"] for row in rows) == sum(
        each.verdict != "ignored" for each in account.targets
    )
    for each in account.targets:
        about = [p for p in account.predictions if p.image == each.image and p.target == each.row]
        right = [p.row for p in about if p.verdict == "correct"]
        why = [p.row for p in sorted(about, key=lambda p: -p.score) if p.verdict in ("localisation", "class")]
        assert right == ([] if each.prediction is None else [each.prediction])
        assert (each.verdict == "found") == bool(right)
        assert list(each.explained_by) == (why if each.verdict == "missed" else [])
    for verdict, count in Counter(each.verdict for each in account.predictions).items():
        assert len(account.of(verdict)) == count


def measured(found: Images, there: Images) -> float:
    """AP over the classes with true boxes; a class that has lost all of them counts 0 while it has predictions."""
    return mean_average_precision(found, there, iou_thresholds=[T], max_detections=[1000], absent="zero").map


def without(side: Images, lost: set[tuple[int, int]]) -> Images:
    made = []
    for image, each in enumerate(side):
        kept = [row for row in range(len(each["boxes"])) if (image, row) not in lost]
        made.append({name: [column[row] for row in kept] for name, column in each.items()})
    return made


@pytest.mark.slow
@given(cases())
@settings(max_examples=100, deadline=None)
def test_gains_are_those_of_mended_data(case: tuple[Images, Images]) -> None:
    there = [
        {**each, "iscrowd": [False] * len(each["boxes"]), "ignore": [False] * len(each["boxes"])} for each in case[1]
    ]
    true = {label for each in there for label in each["labels"]}
    foreign = {(image, row) for image, row in places(case[0]) if case[0][image]["labels"][row] not in true}
    found = without(case[0], foreign)
    account = detection_account(found, there)
    before = measured(found, there)
    np.testing.assert_allclose(account.ap, before, rtol=0, atol=1e-12)
    surest = {(each.image, each.explained_by[0]) for each in account.targets if each.explained_by}
    for fault in ("localisation", "class", "both", "duplicate", "background"):
        mended, lost = copy.deepcopy(found), set()
        for each in account.of(fault):
            if fault in ("both", "duplicate", "background") or (each.image, each.row) not in surest:
                lost.add((each.image, each.row))
            elif fault == "localisation":
                mended[each.image]["boxes"][each.row] = there[each.image]["boxes"][each.target]
            else:
                mended[each.image]["labels"][each.row] = there[each.image]["labels"][each.target]
        gain = measured(without(mended, lost), there) - before
        np.testing.assert_allclose(account.gains[fault], gain, rtol=0, atol=1e-12)
    missed = account.of("missed")
    for name, rows in ("missed", [each for each in missed if not each.explained_by]), ("false negatives", missed):
        gain = measured(found, without(there, {(each.image, each.row) for each in rows})) - before
        np.testing.assert_allclose(account.gains[name], gain, rtol=0, atol=1e-12)
    sure = [{**each, "scores": each["scores"].copy()} for each in map(arrays, found)]
    for each in account.of("correct"):
        sure[each.image]["scores"][each.row] += 10
    np.testing.assert_allclose(account.gains["false positives"], measured(sure, there) - before, rtol=0, atol=1e-12)


def arrays(each: dict[str, Any]) -> dict[str, Any]:
    return {**each, "scores": np.array(each["scores"], dtype=float)}


def small() -> DetectionAccount:
    there = [{"boxes": [[0, 0, 10, 10], [50, 50, 60, 60]], "labels": ["cat", "dog"]}]
    boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 54], [80, 80, 90, 90]]
    return detection_account(
        [{"boxes": boxes, "labels": ["cat", "cat", "dog", "dog"], "scores": [0.9, 0.8, 0.7, 0.1]}], there
    )


def test_tables_and_texts() -> None:
    account = small()
    lines = str(account).splitlines()
    assert lines[3].split() == ["total", *"1100110", "1", "1", "0"]
    assert [row["label"] for row in account.rows] == ["cat", "dog"]
    assert account.to_frame().loc["dog", "localisation"] == 1
    assert repr(account) == "DetectionAccount(correct 1, localisation 1, duplicate 1, background 1; missed 1 of 2)"
    assert [each.row for each in account.of("background", "dog")] == [3]
    assert account.of("background", "cat") == []
    with pytest.raises(
        InvalidParameter, match=r"of\(verdict\): expected one of correct, .*Did you mean 'background'\?"
    ):
        account.of("backgroud")


def test_the_least_score_and_other_thresholds() -> None:
    there = [{"boxes": [[0, 0, 10, 10]], "labels": [0]}]
    found = [{"boxes": [[0, 0, 10, 6], [30, 30, 40, 40]], "labels": [0, 0], "scores": [0.5, 0.2]}]
    account = detection_account(found, there, score_threshold=0.2)
    assert [each.verdict for each in account.predictions] == ["correct", "background"]
    account = detection_account(found, there, score_threshold=0.3, iou_threshold=0.7)
    assert [(each.row, each.verdict) for each in account.predictions] == [(0, "localisation")]
    assert account.targets[0].explained_by == (0,)
    account = detection_account(found, there, iou_threshold=0.7, background_iou=0.65)
    assert [each.verdict for each in account.predictions] == ["background", "background"]


def test_nothing_at_all() -> None:
    account = detection_account([], [])
    assert (account.predictions, account.targets, account.rows) == ((), (), [])
    assert math.isnan(account.ap)
    assert repr(account) == "DetectionAccount(no predictions; missed 0 of 0)"
    assert "AP at IoU 0.5: -" in str(account)


def test_what_cannot_be() -> None:
    empty = {"boxes": [], "labels": [], "scores": []}
    with pytest.raises(
        InvalidParameter, match=r"detection_account\(background_iou\): expected less than iou_threshold=0.3"
    ):
        detection_account([empty], [empty], iou_threshold=0.3, background_iou=0.3)
    for option in ({"iou_threshold": 0}, {"background_iou": 0}, {"score_threshold": "a"}):
        with pytest.raises(InvalidParameter, match=rf"detection_account\({next(iter(option))}\)"):
            detection_account([empty], [empty], **option)
    with pytest.raises(InvalidData, match="predictions: expected 2 images as in targets, got 1"):
        detection_account([empty], [empty, empty])
