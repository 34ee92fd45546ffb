"""Growing neural gas against a transcription of the papers, step by step, in plain Python."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.datasets import make_circles, make_moons
from sklearn.metrics import adjusted_rand_score

from netwright.classical.gas.growing_neural_gas import GrowingNeuralGas
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.schedules import inverse_time_decay


def of_the_paper(
    rows: np.ndarray,
    first: np.ndarray,
    *,
    eps_b: Any,
    eps_n: Any,
    a_max: int,
    lambda_: int,
    alpha: float,
    d: float,
    max_nodes: int,
    k: float = np.inf,
) -> dict[str, np.ndarray]:
    """Fritzke 1995, steps 0 to 10 (with k: Fritzke 1997), on numbers of the rows' type; units have names for ever."""
    number = rows.dtype.type
    w = {name: list(unit) for name, unit in enumerate(first.astype(rows.dtype))}
    error = dict.fromkeys(w, number(0))
    utility = dict.fromkeys(w, number(0))
    age: dict[frozenset[int], int] = {}
    names = len(w)

    def neighbors(unit: int) -> list[int]:
        return sorted(next(iter(edge - {unit})) for edge in age if unit in edge)

    def squared(unit: int, x: np.ndarray) -> Any:
        total = number(0)
        for a, b in zip(x, w[unit], strict=True):
            total = total + (a - b) * (a - b)
        return total

    for shown, x in enumerate(rows, start=1):
        b, n = number(eps_b(shown - 1)), number(eps_n(shown - 1))
        order = sorted(w, key=lambda unit, x=x: squared(unit, x))  # stable: the first of equals  # step 2
        s1, s2 = order[:2]
        for edge in age:  # step 3
            if s1 in edge:
                age[edge] += 1
        if k < np.inf:
            utility[s1] += squared(s2, x) - squared(s1, x)
        error[s1] += squared(s1, x)  # step 4
        for unit, rate in [(s1, b), *((other, n) for other in neighbors(s1))]:  # step 5
            w[unit] = [old + rate * (new - old) for old, new in zip(w[unit], x, strict=True)]
        age[frozenset((s1, s2))] = 0  # step 6
        old_edges = [edge for edge in age if age[edge] > a_max]  # step 7
        for edge in old_edges:
            del age[edge]
        gone = [unit for edge in old_edges for unit in edge if not neighbors(unit)]
        for unit in set(gone):
            del w[unit], error[unit], utility[unit]
        useless = min(w, key=lambda unit: utility[unit])
        if k < np.inf and len(w) > 2 and max(error.values()) > k * utility[useless]:
            del w[useless], error[useless], utility[useless]
            age = {edge: years for edge, years in age.items() if useless not in edge}
        joined = [unit for unit in w if neighbors(unit)]
        if shown % lambda_ == 0 and len(w) < max_nodes and joined:  # step 8
            q = max(joined, key=lambda unit: error[unit])
            f = max(neighbors(q), key=lambda unit: error[unit])
            r, names = names, names + 1
            w[r] = [(one + other) / number(2) for one, other in zip(w[q], w[f], strict=True)]
            del age[frozenset((q, f))]
            age[frozenset((q, r))] = age[frozenset((f, r))] = 0
            error[q] *= number(alpha)
            error[f] *= number(alpha)
            error[r] = error[q]
            utility[r] = (utility[q] + utility[f]) / number(2)
        for unit in w:  # step 9
            error[unit] *= number(d)
            if k < np.inf:
                utility[unit] *= number(d)
    place = {name: number_ for number_, name in enumerate(w)}
    edges = sorted((*sorted(place[unit] for unit in edge), years) for edge, years in age.items())
    return {
        "weights": np.array(list(w.values())),
        "errors": np.array(list(error.values())),
        "utilities": np.array(list(utility.values())),
        "edges": np.array([edge[:2] for edge in edges]),
        "ages": np.array([edge[2] for edge in edges]),
        "made": np.array(names),
    }


def data(seed: int, n: int, features: int, dtype: Any = np.float64) -> np.ndarray:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n, features)) + 3.0 * generator.integers(0, 3, (n, 1))
    return rows.astype(dtype)


def compare(gas: GrowingNeuralGas, rows: np.ndarray, **more: Any) -> dict[str, np.ndarray]:
    """Fit in the order of the rows and compare everything with the paper, bit for bit."""
    first = rows[:2] + np.asarray(0.25, rows.dtype)
    gas.set_params(init=first, shuffle=False).fit(rows)
    settings_ = {
        "eps_b": lambda _: gas.learning_rate,
        "eps_n": lambda _: gas.neighbor_rate,
        "a_max": gas.max_age,
        "lambda_": gas.insert_every,
        "alpha": gas.alpha,
        "d": gas.beta,
        "max_nodes": gas.max_nodes,
        "k": np.inf if gas.utility is None else gas.utility,
    }
    expected = of_the_paper(np.concatenate([rows] * gas.epochs), first, **{**settings_, **more})
    assert len(gas.weights_) == len(expected["weights"])
    for name in ("weights", "errors", "utilities", "edges", "ages"):
        np.testing.assert_array_equal(getattr(gas, f"{name}_"), expected[name], err_msg=name)
    assert gas.weights_.dtype == gas.errors_.dtype == rows.dtype
    assert gas.n_steps_ == len(rows) * gas.epochs
    return expected


def test_the_defaults_are_those_of_the_paper() -> None:
    compare(GrowingNeuralGas(epochs=4), data(0, 400, 2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("features", [1, 4, 5, 9])
def test_any_width_and_type(features: int, dtype: Any) -> None:
    compare(GrowingNeuralGas(12, insert_every=20, max_age=10, epochs=2), data(1, 150, features, dtype))


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1000),
    max_nodes=st.integers(2, 25),
    lambda_=st.integers(1, 30),
    max_age=st.integers(0, 30),
    alpha=st.sampled_from([0.0, 0.5, 1.0]),
    beta=st.sampled_from([0.0, 0.9, 0.995, 1.0]),
    rates=st.sampled_from([(0.2, 0.006), (1.0, 0.0), (0.05, 0.05), (0.5, 1.0)]),
    utility=st.sampled_from([None, None, 1.5, 20.0]),
)
def test_every_option(
    seed: int,
    max_nodes: int,
    lambda_: int,
    max_age: int,
    alpha: float,
    beta: float,
    rates: tuple[float, float],
    utility: float | None,
) -> None:
    gas = GrowingNeuralGas(
        max_nodes,
        learning_rate=rates[0],
        neighbor_rate=rates[1],
        max_age=max_age,
        insert_every=lambda_,
        alpha=alpha,
        beta=beta,
        utility=utility,
    )
    compare(gas.set_params(epochs=1), data(seed, 150, 2))


def test_more_units_and_neighbors_than_there_was_room_for() -> None:
    expected = compare(GrowingNeuralGas(70, insert_every=4, max_age=10_000, epochs=1), data(2, 400, 6))
    assert len(expected["weights"]) == 70
    assert np.bincount(expected["edges"].ravel()).max() > 8


def test_units_that_are_left_alone_go() -> None:
    expected = compare(GrowingNeuralGas(30, insert_every=5, max_age=2, epochs=1), data(3, 600, 3))
    assert expected["made"] > len(expected["weights"])
    assert len(np.unique(expected["edges"])) == len(expected["weights"])


def test_useless_units_go() -> None:
    rows = data(4, 600, 2) + np.arange(600)[:, np.newaxis] / 20
    static = compare(GrowingNeuralGas(30, insert_every=5, epochs=1), rows)
    judged = compare(GrowingNeuralGas(30, insert_every=5, epochs=1, utility=3.0), rows)
    assert static["made"] == 30
    assert judged["made"] > 45


@pytest.mark.parametrize("utility", [None, 10.0])
def test_with_utility_the_units_follow_data_that_jump(utility: float | None) -> None:
    rows = np.random.default_rng(0).normal(size=(2000, 2))
    gas = GrowingNeuralGas(30, utility=utility, shuffle=False, random_state=0)
    gas.partial_fit(rows).partial_fit(rows).partial_fit(rows + 20).partial_fit(rows + 20)
    left = int((gas.weights_.sum(axis=1) < 20).sum())
    assert left == 0 if utility else left > 20


def test_rates_that_change() -> None:
    rows = data(5, 100, 2)
    schedule = inverse_time_decay(0.5, 2.0)
    gas = GrowingNeuralGas(20, learning_rate=schedule, neighbor_rate=(0.05, 0.0), insert_every=10, epochs=3)
    compare(
        gas,
        rows,
        eps_b=lambda step: 0.5 / (1 + 2.0 * (step // 100 + step % 100 / 100)),
        eps_n=lambda step: 0.05 - 0.05 * min((step // 100 + step % 100 / 100) / 3, 1),
    )


def test_growth_ends_at_the_target() -> None:
    rows = np.random.default_rng(0).uniform(size=(1000, 2))
    loose, tight, none = (
        GrowingNeuralGas(200, insert_every=50, target_error=target, epochs=20, random_state=0).fit(rows)
        for target in (0.02, 0.005, None)
    )
    assert len(loose.weights_) < len(tight.weights_) < len(none.weights_) == 200
    assert tight.quantization_error_**2 < 0.005
    untouched = GrowingNeuralGas(200, insert_every=50, target_error=1e9, epochs=2, random_state=0).fit(rows)
    assert len(untouched.weights_) == 2


def test_target_counts_the_rows_since_the_last_insertion() -> None:
    rows, first = data(6, 60, 2), data(6, 60, 2)[:2]
    squares = []
    w = [list(unit) for unit in first]
    for x in rows[:30]:
        distance = [sum((a - b) ** 2 for a, b in zip(x, unit, strict=True)) for unit in w]
        squares.append(min(distance))
        near = distance.index(min(distance))
        w[near] = [old + 0.2 * (new - old) for old, new in zip(w[near], x, strict=True)]
        if len(squares) > 1:
            w[1 - near] = [old + 0.006 * (new - old) for old, new in zip(w[1 - near], x, strict=True)]
    mean = sum(squares) / 30
    for target, size in ((mean * (1 + 1e-9), 2), (mean * (1 - 1e-9), 3)):
        gas = GrowingNeuralGas(insert_every=30, target_error=target, init=first, shuffle=False).partial_fit(rows[:30])
        assert len(gas.weights_) == size
    pieces = GrowingNeuralGas(insert_every=30, target_error=mean * (1 - 1e-9), init=first, shuffle=False)
    for start in range(0, 30, 6):
        pieces.partial_fit(rows[start : start + 6])
    assert len(pieces.weights_) == 3


@pytest.mark.parametrize("shuffle", [True, False])
def test_fit_is_its_partial_fits(shuffle: bool) -> None:
    rows = data(7, 90, 3)
    options: dict[str, Any] = {"insert_every": 7, "max_age": 12, "shuffle": shuffle, "random_state": 3, "utility": 50.0}
    whole = GrowingNeuralGas(70, epochs=6, **options).fit(rows)
    pieces = GrowingNeuralGas(70, epochs=6, **options)
    for _ in range(6):
        pieces.partial_fit(rows)
    for name in ("weights_", "errors_", "utilities_", "edges_", "ages_", "component_", "labels_"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name), err_msg=name)
    assert whole.n_iter_ == pieces.n_iter_ == 6
    one = GrowingNeuralGas(70, epochs=6, **{**options, "shuffle": False}).partial_fit(rows)
    split = GrowingNeuralGas(70, epochs=6, init=one.weights_[:2], **{**options, "shuffle": False})
    again = GrowingNeuralGas(70, epochs=6, init=one.weights_[:2], **{**options, "shuffle": False}).partial_fit(rows)
    for start in range(0, 90, 30):
        split.partial_fit(rows[start : start + 30])
    np.testing.assert_array_equal(split.weights_, again.weights_)


def test_what_the_answers_are() -> None:
    rows, new = data(8, 300, 3), data(9, 50, 3)
    gas = GrowingNeuralGas(30, insert_every=20, max_age=4, epochs=5, random_state=0).fit(rows)
    distance = cdist(new, gas.weights_)
    np.testing.assert_allclose(gas.transform(new), distance, rtol=1e-12)
    np.testing.assert_array_equal(gas.winners(new), distance.argmin(axis=1))
    np.testing.assert_array_equal(gas.predict(new), gas.component_[distance.argmin(axis=1)])
    np.testing.assert_array_equal(gas.predict(rows), gas.labels_)
    assert gas.quantization_error_ == pytest.approx(cdist(rows, gas.weights_).min(axis=1).mean(), rel=1e-12)
    counts = np.bincount(gas.labels_)
    assert len(counts) > 1
    assert (np.diff(counts) <= 0).all()
    assert gas.get_feature_names_out()[-1] == f"growingneuralgas{len(gas.weights_) - 1}"


def test_the_graph() -> None:
    nx = pytest.importorskip("networkx")
    gas = GrowingNeuralGas(30, insert_every=20, max_age=15, epochs=5, random_state=0).fit(data(10, 300, 3))
    graph = gas.graph()
    assert sorted(tuple(sorted(edge)) for edge in graph.edges) == [tuple(edge) for edge in gas.edges_.tolist()]
    assert [graph.edges[tuple(edge)]["age"] for edge in gas.edges_.tolist()] == gas.ages_.tolist()
    assert [graph.nodes[unit]["error"] for unit in range(len(gas.weights_))] == gas.errors_.tolist()
    np.testing.assert_array_equal([graph.nodes[unit]["weight"] for unit in graph], gas.weights_)
    for part in nx.connected_components(graph):
        assert len({gas.component_[unit] for unit in part}) == 1
    assert nx.number_connected_components(graph) == gas.component_.max() + 1


def test_the_graph_without_networkx(monkeypatch: pytest.MonkeyPatch) -> None:
    gas = GrowingNeuralGas(5, epochs=1, random_state=0).fit(data(10, 50, 2))
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(InvalidParameter, match=r"graph\(\): expected the package networkx.*pip install networkx"):
        gas.graph()


@pytest.mark.parametrize("make", [make_moons, make_circles])
def test_clusters_of_any_form(make: Any) -> None:
    options = {"factor": 0.3} if make is make_circles else {}
    rows, y = make(1000, noise=0.04, random_state=0, **options)
    for seed in range(3):
        gas = GrowingNeuralGas(60, random_state=seed).fit(rows)
        assert adjusted_rand_score(y, gas.labels_) == 1.0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_long_runs_leave_no_subnormal_numbers(dtype: Any) -> None:
    rows = np.zeros((2000, 2), dtype=dtype)
    rows[:1000:2, 0] = 1
    rows[1:1000:2, 0] = -1
    gas = GrowingNeuralGas(4, beta=0.5, utility=1e30, init=np.array([[1, 5], [-1, 5]], dtype=dtype), shuffle=False)
    for _ in range(4):
        gas.partial_fit(rows)
    tiny = np.finfo(dtype).tiny
    for array in (gas.weights_**2, gas.errors_, gas.utilities_):
        assert np.isfinite(array).all()
        assert not ((array != 0) & (np.abs(array) < tiny)).any()


def test_small_data() -> None:
    gas = GrowingNeuralGas(random_state=0).fit([[0.0], [1.0]])
    assert gas.weights_.shape == (2, 1)
    assert gas.labels_.tolist() == [0, 0]
    assert gas.partial_fit([[0.5]]).n_steps_ == 41


def test_equal_rows_are_passed_over_for_the_first_units() -> None:
    rows = np.repeat([[0.0, 0.0], [1.0, 1.0]], [99, 1], axis=0)
    gas = GrowingNeuralGas(2, neighbor_rate=0.0, epochs=1, random_state=0).fit(rows)
    np.testing.assert_array_equal(np.sort(gas.weights_, axis=0), [[0, 0], [1, 1]])


def test_warning_of_equal_units() -> None:
    with pytest.warns(
        UserWarning, match=r"GrowingNeuralGas, first units: expected different ones, got 1 that repeat"
    ) as caught:
        GrowingNeuralGas(epochs=1, random_state=0).fit(np.ones((5, 2)))
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "rows", "error", "text"),
    [
        ({}, [[1.0, 2.0]], ValueError, r"1 sample.*minimum of 2"),
        ({"init": [[1.0], [2.0]]}, np.eye(3), InvalidParameter, r"init\): expected shape \(n_units, 3\).*\(2, 1\)"),
        ({"init": [1.0, 2.0]}, np.eye(3), InvalidParameter, r"got shape \(2,\)\. Give a row a unit"),
        (
            {"init": [[1, 2, np.nan]] * 2},
            np.eye(3),
            InvalidParameter,
            r"init\): expected finite numbers of float64, got NaN",
        ),
        (
            {"init": [["a", "b", "c"]]},
            np.eye(3),
            InvalidParameter,
            r"init\): expected an array of numbers, got \[\[",
        ),
        ({"init": np.eye(3), "max_nodes": 2}, np.eye(3), InvalidParameter, r"expected 2 to max_nodes = 2 units, got 3"),
        ({"init": [[1.0, 2, 3]]}, np.eye(3), InvalidParameter, r"expected 2 to max_nodes = 100 units, got 1"),
        ({"init": "random"}, np.eye(3), InvalidParameter, r"GrowingNeuralGas\(init\): expected 'sample' or an array"),
        ({}, 1e160 * np.eye(3), InvalidData, r"X: expected numbers up to .*e\+15\d in size.*got 1e\+160\. Scale"),
        ({}, -1e18 * np.eye(3, dtype=np.float32), InvalidData, r"whose squares float32 can sum, got 1e\+18"),
        (
            {"learning_rate": 0.0},
            np.eye(3),
            InvalidParameter,
            r"learning_rate\): expected a number in \(0, 1\]",
        ),
        ({"max_age": 2.5}, np.eye(3), InvalidParameter, r"max_age\): expected an integer >= 0, got 2\.5"),
        ({"random_state": -1}, np.eye(3), InvalidParameter, r"random_state\): expected None, an integer >= 0.*got -1"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], rows: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        GrowingNeuralGas(**options).fit(rows)
