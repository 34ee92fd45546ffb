"""Samples and mistakes: the images that were given, their labels, the frames of the wrong ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots import canvas, mistakes, samples

RNG = np.random.default_rng(5)
X = RNG.random((12, 4, 4))
CLASSES = np.array(["cat", "dog", "eel"])


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_the_pictures_are_the_images_in_their_order() -> None:
    ax = samples(X, count=7)
    assert len(ax.images) == len(ax.patches) == 7
    for i, image in enumerate(ax.images):
        assert np.array_equal(image.get_array(), X[i])
        assert image.get_clim() == (0.0, 1.0)
    assert texts(ax) == []


def test_images_do_not_overlap_and_are_in_sight() -> None:
    ax = samples(X, np.arange(12), columns=5)
    extents = [image.get_extent() for image in ax.images]  # left, right, bottom, top
    for i, (left, right, bottom, top) in enumerate(extents):
        assert ax.get_xlim()[0] <= left < right <= ax.get_xlim()[1]
        assert ax.get_ylim()[1] <= top < bottom <= ax.get_ylim()[0]
        for other in extents[i + 1 :]:
            assert right <= other[0] or other[1] <= left or bottom <= other[3] or other[2] <= top
    assert len({extent[3] for extent in extents}) == 3


def test_wrong_predictions_are_framed_and_say_what_they_should_be() -> None:
    ax = samples(X[:3], CLASSES, CLASSES[[0, 2, 2]])
    assert texts(ax) == ["cat", "eel, is dog", "eel"]
    wide = [patch.get_linewidth() > 1 for patch in ax.patches]
    assert wide == [False, True, False]
    assert ax.texts[1].get_color() == canvas.VERMILLION
    assert ax.texts[1].get_fontweight() == "bold"


def test_one_kind_of_label_is_enough() -> None:
    assert texts(samples(X[:2], y_pred=["$a", "b\nc"])) == ["$a", "b c"]
    assert texts(samples(X[:2], y_true=["", "x" * 40])) == ["(empty)", "x" * 11 + "…"]


def test_colour_images_keep_their_colours() -> None:
    rgb = RNG.integers(0, 256, (2, 3, 4, 5), dtype=np.uint8)
    ax = samples(rgb)
    assert np.allclose(ax.images[1].get_array(), np.moveaxis(rgb[1], 0, -1) / 255.0)


def test_mistakes_are_the_surest_wrong_ones() -> None:
    p = RNG.dirichlet(np.ones(3), 12)
    true = CLASSES[RNG.integers(0, 3, 12)]
    wrong = [i for i in range(12) if CLASSES[p[i].argmax()] != true[i]]
    order = sorted(wrong, key=lambda i: p[i].max(), reverse=True)[:3]
    ax = mistakes(X, true, p, CLASSES, count=3)
    assert [np.flatnonzero((image.get_array() == X).all((1, 2))).item() for image in ax.images] == order
    expected = [f"{CLASSES[p[i].argmax()]} ({100 * p[i].max():.0f} %), is {true[i]}" for i in order]
    assert texts(ax) == expected
    assert ax.get_title(loc="left") == f"{len(wrong)} of 12 images are wrong, worst first"


def test_no_mistakes_are_said() -> None:
    ax = mistakes(X[:2], [0, 1], np.eye(2, dtype=int))
    assert ax.get_title(loc="left") == "0 of 2 images are wrong"
    assert not ax.images
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: samples(X, [1, 2]), InvalidData, r"samples\(y_true\): expected a label for each of 12 images"),
        (lambda: samples(X, y_pred=[[1, 2]]), InvalidData, r"samples\(y_pred\): .* got shape \(1, 2\)"),
        (lambda: samples(X.reshape(12, 16)), InvalidData, r"samples\(X\): expected images"),
        (lambda: samples(X, count=0), InvalidParameter, r"samples\(count\): expected an integer >= 1, got 0"),
        (lambda: samples(X, columns=1.5), InvalidParameter, r"samples\(columns\): expected an integer >= 1 or None"),
        (lambda: samples(X, shape=4), InvalidParameter, r"samples\(shape\): expected a tuple of 2 or more elements"),
        (lambda: mistakes(X, np.zeros(12), np.zeros((3, 2))), InvalidData, r"expected probabilities \(12, classes\)"),
        (lambda: mistakes(X, None, np.zeros((12, 2))), InvalidData, r"mistakes\(y_true\): expected a label"),
        (
            lambda: mistakes(X, np.zeros(12), np.zeros((12, 2)), ["a"]),
            InvalidParameter,
            r"mistakes\(classes\): expected 2 labels, got 1: \['a'\]",
        ),
    ],
)
def test_what_cannot_be_drawn(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()
