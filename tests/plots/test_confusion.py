"""Confusion matrices against scikit-learn's, and labels of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score
from sklearn.metrics import confusion_matrix as oracle

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots import confusion_matrix

RNG = np.random.default_rng(3)


def rows(k: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    true = RNG.integers(0, k, n)
    return true, np.where(RNG.random(n) < 0.7, true, RNG.integers(0, k, n))


def labels(ax: Any, axis: str = "y") -> list[str]:
    return [label.get_text() for label in getattr(ax, f"get_{axis}ticklabels")()]


@pytest.mark.parametrize("k", [2, 10, 16, 17, 40])
@pytest.mark.parametrize("normalize", [True, False])
def test_the_cells_are_the_counts_or_the_shares(k: int, normalize: bool) -> None:
    true, predicted = rows(k)
    ax = confusion_matrix(true, predicted, normalize=normalize)
    expected = oracle(true, predicted, normalize="true" if normalize else None)
    np.testing.assert_allclose(ax.images[0].get_array(), expected)
    accuracy = f"{100 * accuracy_score(true, predicted):.1f} % of 400 rows are right"
    assert ax.get_title(loc="left") == accuracy
    assert labels(ax) == labels(ax, "x") == [str(i) for i in range(k)]
    assert ax.get_ylabel() == "true class"
    assert ax.get_xlabel() == "predicted class"


def test_the_text_is_the_count_and_the_share() -> None:
    ax = confusion_matrix([0, 0, 0, 1], [0, 0, 1, 1])
    texts = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in ax.texts}
    assert texts == {(0, 0): "2\n67 %", (0, 1): "1\n33 %", (1, 1): "1\n100 %"}
    counts = confusion_matrix([0, 0, 0, 1], [0, 0, 1, 1], normalize=False)
    assert sorted(t.get_text() for t in counts.texts) == ["1", "1", "2"]


def test_small_and_large_shares_are_not_rounded_away() -> None:
    true, predicted = [0] * 1000 + [1], [0] * 999 + [1, 1]
    texts = {text.get_text() for text in confusion_matrix(true, predicted).texts}
    assert texts == {"999\n>99 %", "1\n<1 %", "1\n100 %"}


def test_text_is_light_on_dark_cells_only() -> None:
    ax = confusion_matrix([0] * 9 + [0, 1], [0] * 9 + [1, 1])
    colours = {text.get_text().split("\n")[0]: text.get_color() for text in ax.texts}
    assert colours == {"9": "white", "1": "white"} or colours["9"] == "white"
    (light,) = [text for text in ax.texts if text.get_text() == "1\n10 %"]
    assert light.get_color() == "black"


def test_many_classes_have_a_colour_bar_instead_of_text() -> None:
    ax = confusion_matrix(*rows(17))
    assert not ax.texts
    assert [other.get_ylabel() for other in ax.figure.axes if other is not ax] == ["share of the true class"]


def test_a_row_without_samples_is_zero() -> None:
    ax = confusion_matrix(["a", "a"], ["b", "a"], classes=["a", "b", "c"])
    assert ax.images[0].get_array().tolist() == [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("true", "shown"),
    [
        (["b", "a"], ["a", "b"]),
        ([10, 9], ["9", "10"]),
        ([True, False], ["False", "True"]),
        ([1.5, -0.5], ["-0.5", "1.5"]),
        (np.array(["$x$", "", None], dtype=object), ["(empty)", "$x$", "None"]),
        (np.array([2, "b", "a"], dtype=object), ["2", "a", "b"]),
        (["<b>&", "two\nlines", "x" * 50], ["<b>&", "two lines", "x" * 17 + "…"]),
        (torch.tensor([3, 1]), ["1", "3"]),
        (np.array([[4], [2]]), ["2", "4"]),
    ],
)
def test_labels_of_every_kind(true: Any, shown: list[str]) -> None:
    ax = confusion_matrix(true, true)
    assert labels(ax) == shown
    assert ax.images[0].get_array().tolist() == np.eye(len(shown)).tolist()
    ax.figure.canvas.draw()


def test_classes_give_the_order() -> None:
    assert labels(confusion_matrix([0, 1], [0, 1], classes=np.array([1, 0]))) == ["1", "0"]


@pytest.mark.parametrize(
    ("true", "predicted", "options", "match"),
    [
        ([], [], {}, r"y_true: expected one label a row, \(n,\) with n >= 1, got shape \(0,\)"),
        ([[1, 0]], [[1, 0]], {}, r"Give one column at a time: y\[:, k\]"),
        ([0, 1], [0], {}, "expected as many true labels as predicted ones, got 2 and 1"),
        ([0.0, float("nan")], [0.0, 1.0], {}, "y_true: expected labels, got NaN in row 1"),
        ([0, 7], [0, 1], {"classes": [0, 1]}, r"expected labels among \[0, 1\], got 7"),
    ],
)
def test_data_that_cannot_be_counted(true: Any, predicted: Any, options: Any, match: str) -> None:
    with pytest.raises(InvalidData, match=match):
        confusion_matrix(true, predicted, **options)


def test_options_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match=r"confusion_matrix\(classes\): expected each label once, got \[0, 0\]"):
        confusion_matrix([0], [0], classes=[0, 0])
    with pytest.raises(InvalidParameter, match=r"confusion_matrix\(normalize\): expected True or False, got 'row'"):
        confusion_matrix([0], [0], normalize="row")
