"""Plots of radial basis networks show their numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from netwright.classical.radial_basis.grnn import GRNN
from netwright.classical.radial_basis.pnn import PNN
from netwright.classical.radial_basis.rbf_classifier import RBFNetworkClassifier
from netwright.classical.radial_basis.rbf_network import RBFNetwork
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots import canvas
from netwright.plots.classical.radial_basis import bandwidth_curve, bandwidths, radial_units

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = np.sin(2 * X[:, 0]) + 0.1 * RNG.normal(size=60)
LABELS = np.where(X[:, 0] > 0, "$up$", "down")


def test_features_are_sorted_by_relevance() -> None:
    sigma = np.array([2.0, 0.1, 9.0])
    rows = np.column_stack([X, X[:, 0]])
    ax = bandwidths(GRNN(sigma).fit(rows, Y), names=["a", "$b$", "c"])
    relevance = rows.std(axis=0) / sigma
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], relevance[[1, 0, 2]])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["$b$", "a", "c"]
    assert [text.get_text().strip() for text in ax.texts] == ["σ = 0.1", "σ = 2", "σ = 9"]
    assert ax.patches[1].get_facecolor() != ax.patches[2].get_facecolor()
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the greatest is on top"


def test_names_come_from_the_frame_or_are_numbers() -> None:
    frame = pd.DataFrame(X, columns=["size", "weight"])
    by_frame, by_number = bandwidths(PNN([1.0, 2.0]).fit(frame, LABELS)), bandwidths(PNN([1.0, 2.0]).fit(X, LABELS))
    assert [label.get_text() for label in by_frame.get_yticklabels()] == ["size", "weight"]
    assert [label.get_text() for label in by_number.get_yticklabels()] == ["feature 0", "feature 1"]


def test_of_many_features_the_first_are_drawn() -> None:
    ax = bandwidths(GRNN(1.0).fit(RNG.normal(size=(20, 30)), np.arange(20.0)))
    assert len(ax.patches) == 24
    assert ax.get_title(loc="left") == "the first 24 of 30 features"


@pytest.mark.parametrize("rule", ["loo", "loo-scaled"])
def test_the_curve_and_its_choice(rule: str) -> None:
    network = GRNN(rule).fit(X, Y)
    ax = bandwidth_curve(network)
    curve, mark = ax.lines
    np.testing.assert_array_equal(curve.get_xydata().T, network.loo_curve_)
    chosen = network.bandwidth_ if rule == "loo" else network.bandwidth_[0] / X[:, 0].std()
    np.testing.assert_allclose(mark.get_xydata()[0], [chosen, network.loo_error_])
    assert [text.get_text() for text in ax.texts] == [f"chosen: {canvas.nice(chosen)}"]
    assert ax.get_ylabel() == "leave-one-out squared error / variance"
    assert ax.get_xscale() == "log"


def test_the_curve_and_bandwidths_of_their_own() -> None:
    network = PNN("loo-per-feature").fit(X, LABELS)
    ax = bandwidth_curve(network)
    assert ax.get_ylabel() == "leave-one-out log loss (nats)"
    assert ax.lines[1].get_ydata()[0] == network.loo_error_
    own, common = (text.get_text() for text in ax.texts)
    assert own == f"one bandwidth a feature: {canvas.nice(network.loo_error_)}"
    assert common == f"one factor for all: {canvas.nice(network.loo_curve_[1].min())}"


def test_units_over_one_feature() -> None:
    network = RBFNetwork(5, width=0.5, random_state=0).fit(X[:, :1], Y)
    ax = radial_units(network, X[:, :1], Y)
    rows, answer, *hidden, centers = ax.lines
    np.testing.assert_array_equal(rows.get_xydata(), np.column_stack([X[:, 0], Y]))
    np.testing.assert_array_equal(answer.get_ydata(), network.predict(answer.get_xdata()[:, None]))
    np.testing.assert_allclose(
        np.column_stack([line.get_ydata() for line in hidden]), 0.2 * network.transform(answer.get_xdata()[:, None])
    )
    np.testing.assert_array_equal(centers.get_xdata(), network.centers_[:, 0])
    assert len(radial_units(network, X[:, :1]).lines) == len(ax.lines) - 1


def test_units_over_two_features() -> None:
    network = RBFNetwork(6, random_state=0).fit(X, Y)
    ax = radial_units(network, X, Y)
    np.testing.assert_array_equal(ax.lines[-1].get_xydata(), network.centers_)
    circles = [collection for collection in ax.collections if len(collection.get_paths()) == 6]
    assert circles
    assert any(np.array_equal(collection.get_array(), Y) for collection in ax.collections)
    assert len(radial_units(network, X).lines) == 2


def test_regions_of_classes() -> None:
    network = RBFNetworkClassifier(6, random_state=0).fit(X, LABELS)
    ax = radial_units(network, X, LABELS)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["$up$", "down"]
    assert not any(text.get_parse_math() for text in ax.get_legend().get_texts())
    codes = np.asarray(ax.collections[0].get_array())
    assert set(np.unique(codes)) == {0, 1}
    assert [len(line.get_xdata()) for line in ax.lines[:2]] == [np.sum(LABELS == "$up$"), np.sum(LABELS == "down")]


def test_what_is_refused() -> None:
    with pytest.raises(
        InvalidParameter, match=r"bandwidths\(network\): expected a GRNN or a PNN, got 5\. Give a fitted"
    ):
        bandwidths(5)
    with pytest.raises(NotFittedError):
        bandwidths(GRNN())
    with pytest.raises(InvalidParameter, match=r"bandwidths\(names\): expected 2 names, one a feature, got 1\."):
        bandwidths(GRNN(1.0).fit(X, Y), names=["a"])
    message = (
        r"bandwidth_curve\(network\): expected a network with a leave-one-out curve, got bandwidth=1\.0, which was not"
    )
    with pytest.raises(InvalidParameter, match=message):
        bandwidth_curve(GRNN(1.0).fit(X, Y))
    with pytest.raises(
        InvalidParameter, match=r"radial_units\(network\): expected an RBFNetwork or RBFN.*, got GRNN\(\)"
    ):
        radial_units(GRNN(), X)
    three = RBFNetwork(3, random_state=0).fit(np.column_stack([X, Y]), Y)
    with pytest.raises(
        InvalidParameter, match=r"expected a network of one or two features and one output, got 3 features"
    ):
        radial_units(three, X)
    with pytest.raises(InvalidParameter, match=r"got 2 features and 2 outputs"):
        radial_units(RBFNetwork(3, random_state=0).fit(X, X), X)
    with pytest.raises(InvalidParameter, match=r"expected a network of two features, got 1 features\. Fit it on two"):
        radial_units(RBFNetworkClassifier(3, random_state=0).fit(X[:, :1], LABELS), X)
    network = RBFNetwork(3, random_state=0).fit(X, Y)
    with pytest.raises(InvalidData, match=r"radial_units\(X\): expected rows of 2 features, got shape \(60, 1\)\."):
        radial_units(network, X[:, :1])
    with pytest.raises(InvalidData, match=r"radial_units\(y\): expected 60 targets, one a row, got shape \(5,\)\."):
        radial_units(network, X, Y[:5])
