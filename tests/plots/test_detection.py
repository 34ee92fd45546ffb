"""Pictures of detectors: the lines are the curves, the bars are the counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from netwright.core.errors import InvalidParameter
from netwright.plots import detection_faults, precision_recall
from netwright.vision.metrics.account import detection_account
from netwright.vision.metrics.average_precision import mean_average_precision

Images = list[dict[str, Any]]


def case(classes: int, images: int = 30) -> tuple[Images, Images]:
    rng = np.random.default_rng(0)
    found, there = [], []
    for _ in range(images):
        corner = rng.random((6, 2)) * 60
        boxes = np.hstack([corner, corner + 10 + rng.random((6, 2)) * 30])
        labels = rng.integers(0, classes, 6)
        there.append({"boxes": boxes, "labels": [f"${label}" for label in labels]})
        guess = np.where(rng.random(6) < 0.8, labels, rng.integers(0, classes, 6))
        found.append({"boxes": boxes + np.tile(rng.normal(size=(6, 2)) * 3, 2), "scores": rng.random(6)})
        found[-1]["labels"] = [f"${label}" for label in guess]
    return found, there


def entries(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("classes", [1, 4, 9])
def test_the_lines_are_the_curves(classes: int) -> None:
    scores = mean_average_precision(*case(classes))
    axes = precision_recall(scores, iou=0.6)
    lines = {line.get_label(): line for line in axes[0].get_lines()}
    named = [text for text in entries(axes[0]) if "mean" not in text]
    assert len(named) == min(classes, 6)
    assert len(axes[0].get_lines()) == classes + (classes > 1)
    for text in named:
        label = text.split()[1]
        precision = scores.curve(label, iou=0.6).precision
        drawn = lines[text].get_ydata()
        reached = np.isfinite(drawn)
        np.testing.assert_array_equal(drawn[reached], precision[reached])
        assert not precision[~reached].any()
        assert text == f"{scores.ap(label=label, iou=0.6):.3f}  {label}"
    best = max(scores.ap(label=label, iou=0.6) for label in scores.classes)
    assert named[0].startswith(f"{best:.3f}")
    assert axes[0].get_title(loc="left") == f"mAP {scores.map_60:.3f} at IoU 0.6"
    assert entries(axes[1])[0] == f"{scores.map_50:.3f}  IoU 0.5"
    assert entries(axes[1])[-1] == f"{scores.map_95:.3f}  IoU 0.95"


def test_one_threshold_has_one_panel() -> None:
    axes = precision_recall(mean_average_precision(*case(3), iou_thresholds=[0.75]))
    assert [ax.get_title(loc="left") for ax in axes] == [axes[0].get_title(loc="left")]


@pytest.mark.parametrize("classes", [3, 30])
def test_the_bars_are_the_counts(classes: int) -> None:
    account = detection_account(*case(classes))
    axes = detection_faults(account)
    rows = {row["label"]: row for row in account.rows}
    names = [label.get_text() for label in axes[0].get_yticklabels()]
    assert len(names) == min(classes, 20)
    parts = "correct", "localisation", "class", "both", "duplicate", "background", "ignored"
    for bars, part in zip(axes[0].containers, parts, strict=True):
        assert [bar.get_width() for bar in bars] == [rows[name][part] for name in names]
    found, nearly, missed = ([bar.get_width() for bar in bars] for bars in axes[1].containers)
    assert found == [rows[name]["found"] for name in names]
    assert missed == [rows[name]["unexplained"] for name in names]
    assert np.add(nearly, missed).tolist() == [rows[name]["missed"] for name in names]
    gains = [account.gains[name] for name in (*parts[1:6], "missed")]
    np.testing.assert_allclose([bar.get_width() for bar in axes[2].patches], gains)
    correct = len(account.of("correct"))
    assert axes[0].get_title(loc="left") == f"{correct} of 180 predictions are correct"
    assert (axes[0].get_ylabel() == "class") == (classes == 3)


def test_what_cannot_be_is_said() -> None:
    scores = mean_average_precision(*case(2))
    with pytest.raises(InvalidParameter, match=r"precision_recall\(iou\): expected one of .*, got 0.33"):
        precision_recall(scores, iou=0.33)
    with pytest.raises(InvalidParameter, match=r"expected what mean_average_precision gives, got 3"):
        precision_recall(3)
    with pytest.raises(InvalidParameter, match=r"expected a class with true boxes, got none"):
        precision_recall(mean_average_precision([], []))
    with pytest.raises(InvalidParameter, match=r"expected what detection_account gives, got namespace\(\)"):
        detection_faults(SimpleNamespace())
    with pytest.raises(InvalidParameter, match=r"expected predictions or true boxes, got none"):
        detection_faults(detection_account([], []))
