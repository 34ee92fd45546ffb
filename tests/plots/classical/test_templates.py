"""Mosaics of templates and matrices of associations show the numbers that a network has learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from netwright.classical.associative.hebb import Hebb
from netwright.classical.associative.outstar import Outstar
from netwright.classical.associative.sanger import Sanger
from netwright.classical.resonance.art1 import ART1
from netwright.classical.resonance.fuzzy_art import FuzzyART
from netwright.core.errors import InvalidParameter
from netwright.plots import canvas
from netwright.plots.classical.templates import association, templates

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(40, 6))
BITS = np.eye(6)


def test_images_are_the_templates() -> None:
    art = ART1(0.9).fit(BITS)
    ax = templates(art, shape=(2, 3))
    picture = ax.images[0].get_array()
    assert ax.get_title(loc="left") == "ART1: 6 templates of 2 x 3"
    columns = (picture.shape[1] + 1) // 4
    for unit in range(6):
        y, x = unit // columns * 3, unit % columns * 4
        np.testing.assert_array_equal(picture[y : y + 2, x : x + 3], art.templates_[unit].reshape(2, 3))
    assert ax.images[0].get_clim() == (0.0, 1.0)
    assert len(ax.figure.axes) == 2  # the colour bar


def test_signed_weights_have_a_scale_that_is_symmetric() -> None:
    sanger = Sanger(3, random_state=0, center=True).fit(NUMBERS)
    ax = templates(sanger, shape=(3, 2))
    low, high = ax.images[0].get_clim()
    assert -low == high == np.abs(sanger.weights_).max()
    assert ax.get_title(loc="left") == "Sanger: 3 units of 3 x 2"


def test_boxes_are_drawn_by_their_middle() -> None:
    art = FuzzyART(0.5, bounds=(0, 1)).fit([[0.2, 0.4], [0.4, 0.8], [0.2, 0.5]])
    assert len(art.templates_) == 1
    np.testing.assert_allclose(templates(art, shape=(1, 2)).images[0].get_array(), [[0.3, 0.6]])


def test_bars_are_the_weights_on_one_scale() -> None:
    sanger = Sanger(3, random_state=0, center=True).fit(NUMBERS)
    ax = templates(sanger)
    heights = np.array([bar.get_height() for bar in ax.patches]).reshape(3, 6)
    np.testing.assert_allclose(heights / heights[0, 0], sanger.weights_ / sanger.weights_[0, 0])
    assert np.abs(heights).max() == pytest.approx(0.42)
    assert ax.get_title(loc="left") == "Sanger: 3 units on 6 features"
    assert ax.get_xlabel().endswith(canvas.nice(float(np.abs(sanger.weights_).max())))
    low, high = ax.get_ylim()
    assert all(low < bar.get_y() < high and low < bar.get_y() + bar.get_height() < high for bar in ax.patches)


@pytest.mark.slow
def test_many_units_are_cut_and_said() -> None:
    art = ART1(0.9).fit(np.eye(70))
    ax = templates(art)
    assert ax.get_title(loc="left") == "ART1: 70 templates on 70 features, the first 60"
    assert len(ax.patches) == 60 * 70
    art = ART1(0.9).fit(np.eye(1030))
    assert templates(art, shape=(1, 1030)).get_title(loc="left").endswith("the first 1024")


def test_estimators_of_others_and_empty_scales() -> None:
    assert templates(PCA(2).fit(NUMBERS)).get_title(loc="left") == "PCA: 2 components on 6 features"
    zero = Hebb().fit(NUMBERS, np.zeros(40))
    assert templates(zero, shape=(2, 3)).images[0].get_clim() == (0.0, 1.0)


def test_associations_are_written_into_their_places() -> None:
    hebb = Hebb(learning_rate=0.5, n_unconditioned=1).fit(pd.DataFrame({"food": [1, 1], "bell": [1, 0]}), [1.0, 1.0])
    ax = association(hebb)
    np.testing.assert_array_equal(ax.images[0].get_array(), [[1.0, 0.5]])
    assert [text.get_text() for text in ax.texts] == ["1", "0.5"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["food", "bell"]
    assert ax.get_title(loc="left") == "Hebb: weights of 1 unit on 2 inputs"
    assert [line.get_xdata()[0] for line in ax.get_lines()] == [0.5]
    assert ax.images[0].get_clim() == (-1.0, 1.0)


def test_large_matrices_are_colours_alone() -> None:
    ax = association(Outstar().fit(RNG.random((20, 30)), RNG.normal(size=(20, 9))))
    assert not ax.texts
    assert not ax.get_lines()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("input", "unit")
    assert len(ax.get_xticks()) <= 16


@pytest.mark.parametrize("plot", [templates, association])
def test_what_cannot_be_drawn_is_refused(plot: Any) -> None:
    name = plot.__name__
    with pytest.raises(NotFittedError):
        plot(Hebb())
    with pytest.raises(
        InvalidParameter, match=rf"{name}\(network\): expected a fitted network with .*weights_.*, got KM"
    ):
        plot(KMeans(2, n_init=1, random_state=0).fit(NUMBERS))
    with pytest.raises(InvalidParameter, match=rf"{name}\(network\): expected a fitted network with .*, got 3"):
        plot(3)
    with pytest.raises(InvalidParameter, match=rf"{name}\(ax\): expected a matplotlib Axes or None"):
        plot(Sanger(2, random_state=0, center=True).fit(NUMBERS), ax=Figure())


@pytest.mark.parametrize("shape", [(4, 2), (6,), (1, 2, 3), "ab", (0, 6)])
def test_another_shape_is_refused(shape: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"templates\(shape\): expected "):
        templates(Sanger(2, random_state=0, center=True).fit(NUMBERS), shape=shape)
