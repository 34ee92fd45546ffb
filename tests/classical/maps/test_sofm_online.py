"""The online rule, row by row, against a transcription of the equations in plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from netwright.classical.maps.sofm import SOFM
from netwright.core.errors import DivergenceWarning, InvalidParameter
from netwright.core.schedules import exponential_decay

GRIDS: list[dict[str, Any]] = [
    {"shape": 7},
    {"shape": 7, "toroidal": True},
    {"shape": (6,), "topology": "hexagon"},
    {"shape": (4, 5)},
    {"shape": (4, 5), "toroidal": True},
    {"shape": (4, 3), "topology": "hexagon"},
    {"shape": (4, 3), "topology": "hexagon", "toroidal": True},
    {"shape": (1, 6), "topology": "hexagon"},
    {"shape": (3, 2, 4)},
    {"shape": (3, 2, 4), "toroidal": True},
]


def grid_distance(options: dict[str, Any], a: int, b: int) -> float:
    """The distance of two units by geometry."""
    shape = (options["shape"],) if isinstance(options["shape"], int) else options["shape"]
    first, second = (list(map(float, np.unravel_index(unit, shape))) for unit in (a, b))
    size = list(map(float, shape))
    if options.get("topology") == "hexagon" and len(shape) == 2:
        for point in (first, second):
            point[1] += 0.5 * (point[0] % 2)
            point[0] *= math.sqrt(3) / 2
        size[0] *= math.sqrt(3) / 2
    gaps = [abs(x - y) for x, y in zip(first, second, strict=True)]
    if options.get("toroidal"):
        gaps = [min(gap, abs(length - gap)) for gap, length in zip(gaps, size, strict=True)]
    return math.sqrt(sum(gap**2 for gap in gaps))


def neighbourhood(name: str, d: float, s: float) -> float:
    if name == "bubble":
        return 1.0 if d <= s + 1e-12 else 0.0
    fall = math.exp(-(d**2) / (2 * s**2)) if s else float(d == 0)
    return fall if name == "gaussian" else (1 - (d / s) ** 2) * fall if s else fall


def apart(metric: str, x: np.ndarray, w: np.ndarray) -> float:
    if metric == "cosine":
        return 1 - sum(x * w) / math.sqrt(sum(x * x) * sum(w * w))
    return sum(abs(x - w)) if metric == "manhattan" else math.sqrt(sum((x - w) ** 2))


def by_the_book(
    X: np.ndarray, start: np.ndarray, rates: Any, radii: Any, grid: dict[str, Any], name: str, metric: str
) -> np.ndarray:
    """Kohonen's rule; rates and radii are those of each row."""
    weights = [np.array(w, dtype=float) for w in start]
    if metric == "cosine":
        weights = [w / math.sqrt(sum(w * w)) for w in weights]
    for x, rate, radius in zip(X, rates, radii, strict=True):
        row = x / math.sqrt(sum(x * x)) if metric == "cosine" else x
        distances = [apart(metric, row, w) for w in weights]
        winner = distances.index(min(distances))
        for unit, w in enumerate(weights):
            moved = w + rate * neighbourhood(name, grid_distance(grid, winner, unit), radius) * (row - w)
            weights[unit] = moved / math.sqrt(sum(moved * moved)) if metric == "cosine" else moved
    return np.array(weights)


def data(n: int, width: int, grid: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(n, width)) + 0.3, rng.normal(size=(math.prod(np.atleast_1d(grid["shape"])), width))


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: "-".join(map(str, grid.values())))
@pytest.mark.parametrize("name", ["gaussian", "bubble", "mexican_hat"])
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "cosine"])
def test_a_trace_is_that_of_the_book(grid: dict[str, Any], name: str, metric: str) -> None:
    X, start = data(25, 5, grid)
    rate = 0.2 if name == "mexican_hat" else 0.6
    options: dict[str, Any] = {"neighborhood": name, "metric": metric, "init": start, "radius": 1.5, "epochs": 2}
    som = SOFM(**grid, **options, algorithm="online", learning_rate=rate, shuffle=False).fit(X)
    expected = by_the_book(np.vstack([X, X]), start, [rate] * 50, [1.5] * 50, grid, name, metric)
    np.testing.assert_allclose(som.weights_, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("chunk_size", [1, 7, 100])
def test_neither_the_width_nor_the_chunks_matter(width: int, chunk_size: int) -> None:
    grid = {"shape": (3, 4)}
    X, start = data(30, width, grid)
    som = SOFM((3, 4), init=start, algorithm="online", radius=1.0, learning_rate=0.3, shuffle=False, epochs=1)
    som.set_params(chunk_size=chunk_size).fit(X)
    expected = by_the_book(X, start, [0.3] * 30, [1.0] * 30, grid, "gaussian", "euclidean")
    np.testing.assert_allclose(som.weights_, expected, rtol=1e-12)


def test_rate_and_radius_fall_with_every_row() -> None:
    grid = {"shape": (3, 3)}
    X, start = data(20, 3, grid)
    som = SOFM((3, 3), init=start, algorithm="online", radius=(2.0, 0.0), learning_rate=(0.9, 0.1), shuffle=False)
    som.set_params(epochs=3).fit(X)
    shares = [step / 60 for step in range(60)]
    rates, radii = [0.9 - 0.8 * share for share in shares], [2.0 - 2.0 * share for share in shares]
    expected = by_the_book(np.vstack([X] * 3), start, rates, radii, grid, "gaussian", "euclidean")
    np.testing.assert_allclose(som.weights_, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("grid", "name", "first", "last"),
    [
        ({"shape": (3, 9)}, "gaussian", 4.0, 0.7),
        ({"shape": (3, 9)}, "bubble", 4.0, 1.0),
        ({"shape": (4, 8), "toroidal": True}, "gaussian", 2.0, 0.7),
        ({"shape": (9, 3), "topology": "hexagon"}, "gaussian", 2 * math.sqrt(3), 0.7),
        ({"shape": 2}, "gaussian", 0.7, 0.7),
    ],
)
def test_the_default_radius_falls_by_a_factor_from_half_the_grid(
    grid: dict[str, Any], name: str, first: float, last: float
) -> None:
    X, start = data(10, 3, grid)
    som = SOFM(**grid, neighborhood=name, init=start, algorithm="online", shuffle=False, epochs=4).fit(X)
    rates = np.linspace(0.5, 0.01, 41)[:-1]
    radii = np.geomspace(first, last, 41)[:-1]
    expected = by_the_book(np.vstack([X] * 4), start, rates, radii, grid, name, "euclidean")
    np.testing.assert_allclose(som.weights_, expected, rtol=1e-10)


def test_schedules_are_followed() -> None:
    grid = {"shape": (3, 3)}
    X, start = data(20, 3, grid)
    som = SOFM((3, 3), init=start, algorithm="online", radius=exponential_decay(2.0, 0.5), shuffle=False, epochs=2)
    som.set_params(learning_rate=0.4).fit(X)
    decay = exponential_decay(2.0, 0.5)
    radii = [decay.rate(step / 20 if decay.every_step else step // 20, 2) for step in range(40)]
    assert radii[0] > radii[-1]
    expected = by_the_book(np.vstack([X, X]), start, [0.4] * 40, radii, grid, "gaussian", "euclidean")
    np.testing.assert_allclose(som.weights_, expected, rtol=1e-12)


def test_a_distance_of_the_users_decides_who_wins() -> None:
    grid = {"shape": (3, 4)}
    X, start = data(40, 4, grid)
    som = SOFM((3, 4), init=start, algorithm="online", radius=1.2, learning_rate=0.3, shuffle=False, epochs=1)
    som.set_params(metric=lambda rows, weights: np.abs(rows[:, None] - weights).sum(axis=2)).fit(X)
    expected = by_the_book(X, start, [0.3] * 40, [1.2] * 40, grid, "gaussian", "manhattan")
    np.testing.assert_allclose(som.weights_, expected, rtol=1e-12)


def test_equal_distances_go_to_the_lower_number() -> None:
    start = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 5.0], [1.0, 0.0]])
    som = SOFM(4, init=start, algorithm="online", radius=0.0, learning_rate=0.5, shuffle=False, epochs=1)
    som.fit(np.array([[0.0, 0.0]]))
    np.testing.assert_array_equal(som.weights_, [[0.5, 0.0], [-1.0, 0.0], [0.0, 5.0], [1.0, 0.0]])


def test_shuffling_is_a_permutation_of_each_epoch() -> None:
    grid = {"shape": (3, 3)}
    X, start = data(30, 3, grid)
    options: dict[str, Any] = {"init": start, "algorithm": "online", "radius": 1.0, "learning_rate": 0.3, "epochs": 1}
    first = SOFM((3, 3), **options, random_state=0).fit(X).weights_
    other = SOFM((3, 3), **options, random_state=1).fit(X).weights_
    in_order = SOFM((3, 3), **options, shuffle=False).fit(X).weights_
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, in_order)
    same = np.tile(X[:1], (30, 1))  # of equal rows every order is the same
    np.testing.assert_array_equal(
        SOFM((3, 3), **options, random_state=0).fit(same).weights_,
        SOFM((3, 3), **options, shuffle=False).fit(same).weights_,
    )


@pytest.mark.parametrize("algorithm", ["online", "batch"])
def test_epochs_one_by_one_are_the_same_bits(algorithm: str) -> None:
    X = load_digits().data[:300] / 16
    whole = SOFM((5, 4), algorithm=algorithm, epochs=4, random_state=3).fit(X)
    parts = SOFM((5, 4), algorithm=algorithm, epochs=4, random_state=3)
    for _ in range(4):
        parts.partial_fit(X)
    np.testing.assert_array_equal(parts.weights_, whole.weights_)
    assert (
        (parts.n_iter_, parts.quantization_error_)
        == (whole.n_iter_, whole.quantization_error_)
        == (4, parts.quantization_error_)
    )


def test_weights_that_fall_to_nothing_are_nothing() -> None:
    """Without it float32 crawls through subnormal numbers; float64 keeps every digit that a trace can show."""
    X = np.zeros((4000, 4), dtype=np.float32)
    X[:, 0] = np.random.default_rng(0).normal(size=4000)
    som = SOFM((3, 3), init="random", algorithm="online", learning_rate=0.5, radius=2.0, epochs=1, random_state=0)
    som.set_params(init=np.ones((9, 4))).fit(X)
    assert som.weights_.dtype == np.float32
    assert not som.weights_[:, 1:].any()
    assert som.fit(X[:200].astype(np.float64)).weights_[:, 1:].min() > 0


def test_float32_gives_the_map_of_float64() -> None:
    X = load_digits().data[:500] / 16
    options: dict[str, Any] = {"algorithm": "online", "epochs": 3, "random_state": 0}
    wide, narrow = (SOFM((6, 6), **options).fit(X.astype(kind)) for kind in (np.float64, np.float32))
    assert narrow.weights_.dtype == np.float32
    assert narrow.quantization_error_ == pytest.approx(wide.quantization_error_, rel=0.01)


def test_a_mexican_hat_that_scatters_the_units_stops_and_says_so() -> None:
    X = load_digits().data[:400] / 16
    som = SOFM((6, 6), neighborhood="mexican_hat", algorithm="online", epochs=5, random_state=0)
    text = r"SOFM\(learning_rate\): expected weights up to 1000 times the data, got one .* in epoch 1. The run stopped"
    with pytest.warns(DivergenceWarning, match=text) as caught:
        som.fit(X)
    assert caught[0].filename == __file__
    assert som.n_iter_ == 0
    assert np.isfinite(som.weights_).all()
    assert np.isfinite(som.quantization_error_)


def test_a_gentle_mexican_hat_refines_a_map() -> None:
    X = load_digits().data[:400] / 16
    som = SOFM((6, 6), algorithm="online", epochs=5, random_state=0).fit(X)
    before = som.distance_map().mean()
    som.set_params(neighborhood="mexican_hat", learning_rate=0.002, radius=0.5).partial_fit(X)
    assert som.n_iter_ == 6
    assert som.distance_map().mean() > before  # neighbours are driven apart


def test_rates_beyond_1_are_refused() -> None:
    X = np.random.default_rng(0).normal(size=(10, 2))
    with pytest.raises(
        InvalidParameter, match=r"SOFM\(learning_rate\): expected a number in \[0, 1\], a pair .*got 1.5"
    ):
        SOFM(3, algorithm="online", learning_rate=1.5).fit(X)
    with pytest.raises(InvalidParameter, match=r"SOFM\(learning_rate\): expected rates in \[0, 1\], got 3"):
        SOFM(3, algorithm="online", learning_rate=exponential_decay(3.0, 0.9)).fit(X)
