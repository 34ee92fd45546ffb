"""The plot of ridge functions shows the network's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from netwright.classical.projection_pursuit import ProjectionPursuitRegressor
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots import canvas
from netwright.plots.classical.ridge_functions import partial_residuals, ridge_functions

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
Y = X[:, 0] * X[:, 1] + 0.1 * RNG.normal(size=300)
NETWORK = ProjectionPursuitRegressor(2).fit(X, Y)


def fitted(n_terms: int) -> ProjectionPursuitRegressor:
    """A network of so many terms, without the time to find them."""
    made = ProjectionPursuitRegressor(2).fit(X, Y)
    for name in ("directions_", "knots_", "coefficients_"):
        setattr(made, name, np.resize(getattr(NETWORK, name), (n_terms, *getattr(NETWORK, name).shape[1:])))
    made.output_weights_ = np.ones((1, n_terms))
    made.importances_ = np.full(n_terms, 1 / n_terms)
    made.n_terms_ = n_terms
    return made


def curves(ax: Any) -> list[Any]:
    return [line for line in ax.get_lines() if line.get_color() == canvas.BLUE]


def test_curves_points_and_bars_are_the_networks() -> None:
    axes = ridge_functions(NETWORK, X, Y)
    assert axes.shape == (4,)
    projections = NETWORK.transform(X)
    for term in (0, 1):
        function, direction = axes[2 * term : 2 * term + 2]
        (curve,) = curves(function)
        v = curve.get_xdata()
        assert (v[0], v[-1]) == pytest.approx((projections[:, term].min(), projections[:, term].max()))
        np.testing.assert_allclose(curve.get_ydata(), NETWORK.ridge(term, v))
        points = function.collections[0].get_offsets()
        np.testing.assert_allclose(points[:, 0], projections[:, term])
        expected = Y - NETWORK.predict(X) + NETWORK.ridge(term, projections[:, term])
        np.testing.assert_allclose(points[:, 1], expected)
        assert [bar.get_width() for bar in direction.patches] == pytest.approx(NETWORK.directions_[term])
        colours = [canvas.BLUE if entry >= 0 else canvas.VERMILLION for entry in NETWORK.directions_[term]]
        made = canvas.part("colors")
        assert [bar.get_facecolor() for bar in direction.patches] == [made.to_rgba(colour) for colour in colours]
        assert function.get_title(loc="left") == f"{term + 1}: {100 * NETWORK.importances_[term]:.0f} %"
    assert axes[0].get_ylim() == axes[2].get_ylim()
    assert axes[0].get_ylabel() == "g(v) and partial residuals"
    assert axes[2].get_ylabel() == "g(v)"


def test_rows_without_targets_are_marked_and_lines_go_on() -> None:
    plain = ridge_functions(NETWORK)
    assert not plain[0].collections
    assert len(plain[0].get_lines()) == 1
    axes = ridge_functions(NETWORK, 2 * X)
    rug = axes[0].get_lines()[0]
    np.testing.assert_allclose(rug.get_xdata(), NETWORK.transform(2 * X)[:, 0])
    whole, left, right = curves(axes[0])
    v = NETWORK.transform(2 * X)[:, 0]
    for line, ends in ((left, (v.min(), whole.get_xdata()[0])), (right, (whole.get_xdata()[-1], v.max()))):
        assert tuple(line.get_xdata()) == pytest.approx(ends)
        np.testing.assert_allclose(line.get_ydata(), NETWORK.ridge(0, line.get_xdata()))
    low, high = axes[0].get_ylim()
    assert low < min(left.get_ydata()[0], right.get_ydata()[-1])
    assert max(left.get_ydata()[0], right.get_ydata()[-1]) < high
    assert axes[0].get_ylabel() == "g(v)"


def test_of_many_rows_some_are_drawn() -> None:
    rows = np.tile(X, (40, 1))
    assert len(ridge_functions(NETWORK, rows, np.tile(Y, 40))[0].collections[0].get_offsets()) == 3000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "columns", "bands"), [(1, 1, 1), (3, 3, 1), (4, 4, 1), (5, 3, 2), (8, 4, 2), (10, 4, 3)]
)
def test_panels_stand_in_a_grid(count: int, columns: int, bands: int) -> None:
    axes = ridge_functions(fitted(count))
    assert len(axes) == 2 * count
    figure = axes[0].figure
    assert set(figure.axes) == set(axes)
    grid = axes[0].get_subplotspec().get_gridspec()
    assert (grid.nrows, grid.ncols) == (2 * bands, columns)
    for function, direction in axes.reshape(-1, 2):
        above, below = function.get_subplotspec(), direction.get_subplotspec()
        assert (above.rowspan.start + 1, above.colspan) == (below.rowspan.start, below.colspan)


def test_names_are_those_of_the_fit_or_given() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "$b$", "a very long name of a column"])
    axes = ridge_functions(ProjectionPursuitRegressor(1).fit(frame, Y))
    assert [label.get_text() for label in axes[1].get_yticklabels()] == ["a", "$b$", "a very long name …"]
    axes[0].figure.savefig(__import__("io").BytesIO())  # a dollar sign starts no formula
    given = ridge_functions(NETWORK, names=["p", "q", "r"])
    assert [label.get_text() for label in given[1].get_yticklabels()] == ["p", "q", "r"]
    assert [label.get_text() for label in ridge_functions(NETWORK)[1].get_yticklabels()] == ["x0", "x1", "x2"]


def test_of_many_inputs_the_largest_entries_are_drawn() -> None:
    wide = RNG.normal(size=(400, 14))
    network = ProjectionPursuitRegressor(1).fit(wide, np.tanh(wide @ np.arange(14.0) / 20))
    bars = ridge_functions(network)[1]
    assert [label.get_text() for label in bars.get_yticklabels()] == [f"x{column}" for column in range(4, 14)]
    assert bars.get_xlabel() == "direction w, 10 largest of 14"


def test_residuals_of_several_targets_are_those_of_their_mixture() -> None:
    targets = np.column_stack([Y, -Y + X[:, 2], 3 * X[:, 2]])
    network = ProjectionPursuitRegressor(3).fit(X, targets)
    found = partial_residuals(network, X, targets)
    left = targets - network.predict(X)
    for term in range(3):
        values = network.ridge(term, network.transform(X)[:, term])
        np.testing.assert_allclose(found[:, term], left @ network.output_weights_[:, term] + values)
    assert len(ridge_functions(network, X, targets)) == 6


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(
        InvalidParameter, match=r"ridge_functions\(network\): expected a ProjectionPursuitRegressor, got L"
    ):
        ridge_functions(LinearRegression())
    with pytest.raises(NotFittedError):
        ridge_functions(ProjectionPursuitRegressor())
    with pytest.raises(InvalidParameter, match=r"expected a network with a term, got one with 0\. Its target or its"):
        ridge_functions(ProjectionPursuitRegressor().fit(X, np.ones(300)))
    with pytest.raises(InvalidData, match=r"ridge_functions\(X\): expected the rows that y belongs to, got None"):
        ridge_functions(NETWORK, y=Y)
    with pytest.raises(
        InvalidData, match=r"ridge_functions\(y\): expected targets of shape \(300,\), got shape \(299,\)"
    ):
        ridge_functions(NETWORK, X, Y[1:])
    for names in (["a"], "abc"):
        with pytest.raises(InvalidParameter, match=r"ridge_functions\(names\): expected 3 names, one an input, got"):
            ridge_functions(NETWORK, names=names)
