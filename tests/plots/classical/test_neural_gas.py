"""The plot of a graph of units shows its units, edges and components."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from sklearn.datasets import load_iris, make_moons
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from netwright.classical.gas.growing_neural_gas import GrowingNeuralGas
from netwright.classical.gas.neural_gas import NeuralGas
from netwright.core.errors import InvalidParameter
from netwright.plots import canvas
from netwright.plots.classical.neural_gas import neural_graph

MOONS = make_moons(400, noise=0.05, random_state=0)[0]
GAS = GrowingNeuralGas(40, random_state=0).fit(MOONS)


def parts(ax: object) -> tuple[list[PathCollection], list[LineCollection]]:
    collections = ax.collections  # type: ignore[attr-defined]
    dots = [item for item in collections if isinstance(item, PathCollection)]
    return dots, [item for item in collections if isinstance(item, LineCollection)]


def test_units_edges_and_rows_where_they_are() -> None:
    ax = neural_graph(GAS, MOONS)
    (rows, units), (edges,) = parts(ax)
    np.testing.assert_array_equal(rows.get_offsets(), MOONS)
    np.testing.assert_array_equal(units.get_offsets(), GAS.weights_)
    np.testing.assert_array_equal(edges.get_segments(), GAS.weights_[GAS.edges_])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x0", "x1")
    assert ax.get_aspect() == 1.0


def test_a_colour_a_component() -> None:
    (rows, units), (edges,) = parts(neural_graph(GAS, MOONS))
    expected = np.array([canvas.BLUE.lower(), canvas.VERMILLION.lower()])
    for drawn, component in (
        (units, GAS.component_),
        (rows, GAS.predict(MOONS)),
        (edges, GAS.component_[GAS.edges_[:, 0]]),
    ):
        colours = drawn.get_edgecolor() if drawn is edges else drawn.get_facecolor()
        assert [to_hex(colour) for colour in colours] == expected[component].tolist()


def test_without_rows_and_without_edges() -> None:
    dots, _ = parts(neural_graph(GAS))
    assert len(dots) == 1
    points = NeuralGas(10, max_age=None, random_state=0).fit(MOONS)
    ax = neural_graph(points, MOONS)
    assert not parts(ax)[1]
    assert ax.get_title(loc="left") == "10 units"
    assert neural_graph(NeuralGas(1, random_state=0).fit(MOONS)).get_title(loc="left") == "1 unit"


def test_more_columns_along_their_principal_axes() -> None:
    X = load_iris().data
    gas = NeuralGas(12, random_state=0).fit(X)
    pca = PCA(2).fit(X)
    (rows, units), _ = parts(neural_graph(gas, X))
    for drawn, points in ((rows, X), (units, gas.weights_)):
        np.testing.assert_allclose(np.abs(drawn.get_offsets()), np.abs(pca.transform(points)), atol=1e-9)
    ax = neural_graph(gas, X)
    assert ax.get_xlabel() == f"principal axis 1 ({pca.explained_variance_ratio_[0]:.0%} of the variance)"
    assert neural_graph(gas).get_xlabel().startswith("principal axis 1")
    one = NeuralGas(1, random_state=0).fit(X)
    assert np.isfinite(parts(neural_graph(one))[0][0].get_offsets()).all()


def test_one_column_and_names() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"height": np.linspace(0, 1, 30)})
    ax = neural_graph(NeuralGas(4, random_state=0).fit(frame), frame)
    (rows, _), _ = parts(ax)
    assert not rows.get_offsets()[:, 1].any()
    assert ax.get_xlabel() == "height"


def test_more_components_than_colours() -> None:
    X = np.repeat(np.eye(10), 3, axis=0) * 10
    gas = NeuralGas(init=np.eye(10) * 10, max_age=None, epochs=1).fit(X + np.arange(30)[:, np.newaxis] % 3 * 0.1)
    units = parts(neural_graph(gas))[0][0]
    colours = [to_hex(colour) for colour in units.get_facecolor()]
    assert len(set(colours)) == 8


def test_something_else_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"neural_graph\(network\): expected a GrowingNeuralGas or a NeuralGas"):
        neural_graph("gas")  # type: ignore[arg-type]
    with pytest.raises(NotFittedError):
        neural_graph(NeuralGas())
    with pytest.raises(ValueError, match="3 features"):
        neural_graph(GAS, np.zeros((5, 3)))
