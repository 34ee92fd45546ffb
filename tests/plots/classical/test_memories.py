"""The strips show which bits are wrong, the maps the answers of the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots.classical.memories import ADDED, CLASSES, INK, LOST, PAPER, recall_strip, response_surface

STORED = np.array([[1, 1, 0, 0, 0, 0], [0, 1, 0, 1, 0, 1]])
NOISY = np.array([[1, 0, 0, 0, 0, 1], [0, 1, 0, 1, 0, 1]])


def written(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_bits_are_shown_as_they_are_and_wrong_ones_in_colour() -> None:
    ax = recall_strip({"stored": STORED, "noisy": NOISY}, shape=(2, 3))
    first, second, noisy, same = (np.asarray(image.get_array()) for image in ax.images)
    ink, paper, added, lost = (np.array(to_rgb(colour)) for colour in (INK, PAPER, ADDED, LOST))
    np.testing.assert_allclose(first, np.stack([[ink, ink, paper], [paper, paper, paper]]))
    np.testing.assert_allclose(noisy, np.stack([[ink, lost, paper], [paper, paper, added]]))
    np.testing.assert_array_equal(second, same)
    assert written(ax) == ["stored", "2", "noisy"]
    assert ax.get_title(loc="left") == "noisy: 1 of 2 as stored"


def test_patterns_stand_in_columns_and_stages_in_rows() -> None:
    ax = recall_strip({"stored": STORED, "noisy": NOISY, "again": STORED}, (2, 3), labels=["A", "B"])
    extents = np.array([image.get_extent() for image in ax.images])
    assert len(set(extents[:, 0])) == 2
    assert len(set(extents[:, 3])) == 3
    assert (np.diff(extents[::2, 3]) > 0).all()
    assert (extents[:, 1] - extents[:, 0] == 3).all()
    assert np.allclose(extents[:, 2] - extents[:, 3], 2)
    assert written(ax) == ["stored", "2", "noisy", "again", "A", "B"]
    assert ax.get_title(loc="left") == "again: 2 of 2 as stored"
    top, bottom = ax.get_ylim()[1], ax.get_ylim()[0]
    assert top <= extents[:, 3].min()
    assert extents[:, 2].max() < bottom


def test_few_of_many_patterns_are_shown_and_all_are_counted() -> None:
    many = np.random.default_rng(0).integers(0, 2, (30, 4, 4))
    ax = recall_strip({"stored": many, "noisy": 1 - many}, count=5, labels=range(30))
    assert len(ax.images) == 10
    assert ax.get_title(loc="left") == "noisy: 0 of 30 as stored"
    assert written(ax)[-5:] == ["0", "1", "2", "3", "4"]
    assert len(recall_strip({"stored": many}).images) == 12
    assert recall_strip({"stored": many}).get_title(loc="left") == ""


def test_the_other_side_of_pairs_is_compared_with_its_own() -> None:
    small = np.random.default_rng(0).integers(0, 2, (2, 3, 5))
    wrong = small.copy()
    wrong[1, 0, 0] ^= 1
    ax = recall_strip({"x": STORED.reshape(2, 2, 3), "noisy": NOISY.reshape(2, 2, 3), "y": small, "recalled": wrong})
    assert ax.get_title(loc="left") == "recalled: 1 of 2 as y"
    assert written(ax) == ["x", "2", "noisy", "y", "1", "recalled"]
    assert recall_strip({"x": STORED.reshape(2, 2, 3), "y": small}).get_title(loc="left") == ""


@pytest.mark.parametrize(
    ("stages", "options", "text"),
    [
        ({}, {}, r"recall_strip\(stages\): expected patterns by the name of a stage, got \{\}"),
        ([STORED], {}, r"recall_strip\(stages\): expected patterns by the name"),
        ({"a": STORED}, {}, r"recall_strip, 'a'\(X\): expected images .* Give shape=\(height, width\)"),
        (
            {"a": STORED, "b": NOISY[:1]},
            {"shape": (2, 3)},
            r"recall_strip, 'b': expected 2 patterns as at first, got 1",
        ),
        (
            {"a": np.zeros((2, 3, 4, 4))},
            {},
            r"recall_strip, 'a': expected patterns of one channel, got shape \(2, 4, 4",
        ),
    ],
)
def test_stages_that_cannot_be_drawn(stages: Any, options: Any, text: str) -> None:
    with pytest.raises(InvalidData, match=text):
        recall_strip(stages, **options)


def test_options_of_a_strip() -> None:
    with pytest.raises(InvalidParameter, match=r"recall_strip\(count\): expected an integer >= 1, got 0"):
        recall_strip({"a": STORED}, (2, 3), count=0)
    with pytest.raises(InvalidParameter, match=r"recall_strip\(labels\): expected 2, one for each pattern, got 3"):
        recall_strip({"a": STORED}, (2, 3), labels="ABC")


class Plane:
    """A network of two inputs whose answer is known."""

    bounds_ = np.array([[0.0, 2.0], [-1.0, 1.0]])

    def predict(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0] + 10 * X[:, 1]


def test_the_map_is_the_answer_at_each_point() -> None:
    ax = response_surface(Plane(), steps=21)
    shown = np.asarray(ax.images[0].get_array())
    across, up = np.meshgrid(np.linspace(0, 2, 21), np.linspace(-1, 1, 21))
    np.testing.assert_allclose(shown, across + 10 * up)
    assert ax.images[0].origin == "lower"
    assert ax.get_xlim() == (0, 2)
    assert ax.get_ylim() == (-1, 1)
    assert ax.images[0].get_extent() == pytest.approx([-0.05, 2.05, -1.05, 1.05])  # a point is the middle of its cell
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("input 0", "input 1")


def test_rows_set_the_plane_and_are_drawn_in_the_colours_of_their_targets() -> None:
    X, y = np.array([[0.0, 0.0], [10.0, 5.0]]), np.array([-500.0, 900.0])
    ax = response_surface(Plane(), X, y, steps=5)
    assert ax.get_xlim() == pytest.approx((-0.4, 10.4))
    assert ax.images[0].get_clim() == (-500, 900)
    points = ax.collections[-1]
    np.testing.assert_array_equal(points.get_offsets(), X)
    np.testing.assert_array_equal(points.get_array(), y)
    assert points.get_clim() == (-500, 900)
    alone = response_surface(Plane(), np.ones((3, 2)), steps=5)
    assert alone.get_xlim() == (0.5, 1.5)


def test_one_of_several_answers_and_a_plain_function() -> None:
    ax = response_surface(lambda rows: np.stack([rows[:, 0], rows[:, 1]], axis=1), bounds=((0, 1), (0, 3)), output=1)
    assert np.ptp(np.asarray(ax.images[0].get_array())) == 3
    flat = response_surface(
        lambda rows: np.zeros(len(rows)), bounds=((0, 1), (0, 3)), steps=4
    )  # no contour, no warning
    assert not flat.collections
    with pytest.raises(
        InvalidData, match=r"expected an answer a row, or \(n, m\) with m > output = 2, got shape \(16, 2"
    ):
        response_surface(lambda rows: rows, bounds=((0, 1), (0, 3)), output=2, steps=4)


def test_classes_are_regions() -> None:
    class Sides(Plane):
        classes_ = np.array(["left", "right"])

        def predict(self, X: np.ndarray) -> np.ndarray:
            return np.where(X[:, 0] < 1, "left", "right")

    X, y = np.array([[0.5, 0.0], [1.5, 0.5], [1.9, 0.1]]), np.array(["left", "right", "odd"])
    ax = response_surface(Sides(), X, y, bounds=Sides.bounds_, steps=4)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["left", "odd", "right"]
    shown = np.asarray(ax.images[0].get_array())
    assert (shown[:, 0] == shown[0, 0]).all()
    np.testing.assert_allclose(shown[0, 0], 0.45 * np.array(to_rgb(CLASSES[0])) + 0.55)
    np.testing.assert_allclose(shown[0, 3], 0.45 * np.array(to_rgb(CLASSES[2])) + 0.55)
    plain = response_surface(Sides(), X, steps=4)
    assert [text.get_text() for text in plain.get_legend().get_texts()] == ["left", "right"]
    with pytest.raises(InvalidData, match=r'expected numbers for a surface, got class labels. Draw kind="map"'):
        response_surface(Sides(), kind="surface")


def test_a_surface_in_three_dimensions() -> None:
    ax: Any = response_surface(Plane(), np.ones((2, 2)), np.zeros(2), bounds=Plane.bounds_, kind="surface", steps=10)
    assert ax.name == "3d"
    assert ax.get_zlabel() == "answer"
    assert len(ax.collections) == 2
    given: Any = Figure().add_subplot(projection="3d")
    assert response_surface(Plane(), kind="surface", ax=given) is given
    with pytest.raises(InvalidParameter, match=r"response_surface\(ax\): expected Axes of three dimensions, got <Axes"):
        response_surface(Plane(), kind="surface", ax=Figure().subplots())


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"X": np.ones((3, 3))}, InvalidData, r"response_surface\(X\): expected numbers \(n, 2\), got shape \(3, 3\)"),
        ({"X": np.ones((3, 2)), "y": [1]}, InvalidData, r"response_surface\(y\): expected one for each row, \(3,\)"),
        ({"kind": "relief"}, InvalidParameter, r"response_surface\(kind\): expected 'map' or 'surface', got 'relief'"),
        ({"steps": 1}, InvalidParameter, r"response_surface\(steps\): expected an integer >= 2 or None, got 1"),
        ({"output": -1}, InvalidParameter, r"response_surface\(output\): expected an integer >= 0, got -1"),
        (
            {"bounds": ((1, 0), (0, 1))},
            InvalidParameter,
            r"bounds\): expected \(\(low, high\), \(low, high\)\), low < hi",
        ),
        ({"bounds": "all"}, InvalidParameter, r"response_surface\(bounds\): expected .* got 'all'. Give X, or bounds="),
    ],
)
def test_what_cannot_be_drawn(arguments: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        response_surface(Plane(), **arguments)


def test_without_bounds_there_is_no_plane() -> None:
    with pytest.raises(
        InvalidData, match=r"expected bounds of the plane, got neither X nor bounds. Give X, or bounds="
    ):
        response_surface(lambda rows: rows[:, 0])
