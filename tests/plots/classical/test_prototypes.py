"""Pictures of prototypes and of a learned distance show the numbers of the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.datasets import load_iris, make_moons
from sklearn.exceptions import NotFittedError

from netwright.classical import GLVQ, GMLVQ, LVQ1
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots.classical.prototypes import prototypes, relevances

X, PLACES = make_moons(120, noise=0.3, random_state=0)
Y = np.array(["upper", "lower"])[PLACES]
NETWORK = LVQ1(3, random_state=0).fit(X, Y)


def points(ax: Any, marker: str) -> list[np.ndarray]:
    return [line.get_xydata() for line in ax.get_lines() if line.get_marker() == marker]


def test_rows_prototypes_and_mistakes_are_where_they_are() -> None:
    ax = prototypes(NETWORK, X, Y)
    for label, dots, diamonds in zip(NETWORK.classes_, points(ax, "."), points(ax, "D"), strict=True):
        np.testing.assert_array_equal(dots, X[label == Y])
        np.testing.assert_array_equal(diamonds, NETWORK.prototypes_[NETWORK.labels_ == label])
    wrong = NETWORK.predict(X) != Y
    assert wrong.any()
    np.testing.assert_array_equal(points(ax, "x")[0], X[wrong])
    share = f"{100 * NETWORK.score(X, Y):.3g}"
    assert ax.get_title(loc="left") == f"LVQ1, 6 prototypes: {share}% of 120 rows on their own side"
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["lower", "upper", "prototype", "wrong side"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 0", "feature 1")


def region_codes(ax: Any) -> tuple[np.ndarray, np.ndarray]:
    """The middles of the cells and the classes that are drawn there."""
    (mesh,) = [item for item in ax.collections if type(item).__name__ == "QuadMesh"]
    corners = np.asarray(mesh.get_coordinates())
    middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    return middles.reshape(-1, 2), np.asarray(mesh.get_array()).ravel()


@pytest.mark.parametrize("network", [GLVQ(2, random_state=0), GMLVQ(2, random_state=0)])
def test_the_regions_are_what_the_network_predicts(network: Any) -> None:
    network.fit(X, Y)
    cells, codes = region_codes(prototypes(network, X, Y))
    predicted = np.searchsorted(network.classes_, network.predict(cells))
    assert (codes == predicted).mean() > 0.999  # but for rounding on a border


def test_a_learned_plane_has_its_own_axes_and_exact_regions() -> None:
    rows, y = load_iris(return_X_y=True)
    network = GMLVQ(rank=2, solver="lbfgs", random_state=0).fit(rows, y)
    ax = prototypes(network, rows, y)
    np.testing.assert_allclose(np.concatenate(points(ax, ".")), network.transform(rows))
    assert ax.get_xlabel() == "first learned direction"
    cells, codes = region_codes(ax)
    inverse = np.linalg.pinv(network.components_)
    predicted = network.predict(cells @ inverse.T)
    assert (codes == predicted).mean() > 0.999


def test_names_of_columns_are_on_the_axes() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["height", "weight"])
    ax = prototypes(LVQ1(random_state=0).fit(frame, Y), frame, Y)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("height", "weight")


def test_the_axes_have_one_scale_where_the_features_do() -> None:
    assert prototypes(NETWORK, X, Y).get_aspect() == 1.0
    wide = X * [100.0, 1.0]
    assert prototypes(LVQ1(random_state=0).fit(wide, Y), wide, Y).get_aspect() == "auto"
    equal = np.ones((4, 2))
    assert prototypes(LVQ1(random_state=0).fit(equal, [0, 0, 1, 1]), equal, [0, 0, 1, 1]).has_data()


def test_networks_and_labels_that_cannot_be_drawn() -> None:
    with pytest.raises(
        InvalidParameter, match=r"prototypes\(network\): expected a network with prototypes, got 3\. Give"
    ):
        prototypes(3, X, Y)  # type: ignore[arg-type]
    with pytest.raises(NotFittedError):
        prototypes(LVQ1(), X, Y)
    rows, y = load_iris(return_X_y=True)
    with pytest.raises(InvalidParameter, match=r"expected two features, or a GMLVQ of rank 2, got GLVQ of 4 features"):
        prototypes(GLVQ(epochs=1).fit(rows, y), rows, y)
    with pytest.raises(InvalidData, match=r"prototypes\(y\): expected 120 labels, one a row, got shape \(3,\)"):
        prototypes(NETWORK, X, Y[:3])
    with pytest.raises(InvalidData, match=r"prototypes\(y\), row 0: expected labels of the network, .*, got 'odd'"):
        prototypes(NETWORK, X, np.where(np.arange(120) == 0, "odd", Y))


def test_bars_and_cells_are_the_matrix() -> None:
    rows, y = load_iris(return_X_y=True)
    network = GMLVQ(random_state=0, epochs=3).fit(rows, y)
    bars, grid = relevances(network, ["a", "b", "c", "d"])
    np.testing.assert_allclose([bar.get_width() for bar in bars.patches], network.relevances_)
    np.testing.assert_allclose(grid.images[0].get_array(), network.relevance_matrix_)
    low, high = grid.images[0].get_clim()
    assert low == -high == -np.abs(network.relevance_matrix_).max()
    assert [text.get_text() for text in bars.get_yticklabels()] == ["a", "b", "c", "d"]
    assert [text.get_text() for text in grid.get_xticklabels()] == ["a", "b", "c", "d"]
    assert bars.get_ylim() == (3.5, -0.5)  # the first feature on top, in both
    plain, _ = relevances(network)
    assert plain.get_yticklabels()[0].get_text() == "feature 0"


def test_many_features_have_numbers() -> None:
    random = np.random.default_rng(0)
    network = GMLVQ(random_state=0, epochs=1).fit(random.normal(size=(30, 50)), np.arange(30) % 2)
    bars, grid = relevances(network, figure=Figure(layout="constrained"))
    assert (bars.get_ylabel(), grid.get_xlabel()) == ("feature", "feature")
    assert len(bars.patches) == 50


def test_matrices_that_cannot_be_drawn() -> None:
    with pytest.raises(InvalidParameter, match=r"relevances\(network\): expected a GMLVQ, got LVQ1\(.*Only it learns"):
        relevances(NETWORK)  # type: ignore[arg-type]
    with pytest.raises(NotFittedError):
        relevances(GMLVQ())
    network = GMLVQ(random_state=0, epochs=1).fit(X, Y)
    with pytest.raises(InvalidParameter, match=r"relevances\(names\): expected 2 names, one a feature, got 3"):
        relevances(network, ["a", "b", "c"])
