"""What a fitted map answers: winners, distances, errors, the U-matrix, members, labels; and what it refuses."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import pairwise_distances
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.classical.maps.grid import Grid
from netwright.classical.maps.sofm import SOFM
from netwright.core.errors import InvalidData, InvalidParameter

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = load_iris().target_names[SPECIES]
DIGITS, NUMBERS = load_digits(return_X_y=True)
DIGITS = DIGITS / 16


@nw.register("test_sofm.chebyshev")
def chebyshev(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.abs(rows[:, None] - weights).max(axis=2)


@pytest.fixture(scope="module")
def som() -> SOFM:
    return SOFM((5, 4), epochs=10, random_state=0).fit(IRIS, NAMES)


def brute(som: SOFM, X: np.ndarray) -> np.ndarray:
    return np.sqrt(((X[:, None] - som.weights_) ** 2).sum(axis=2))


def test_predict_transform_and_winners(som: SOFM) -> None:
    apart = brute(som, IRIS)
    np.testing.assert_array_equal(som.predict(IRIS), apart.argmin(axis=1))
    np.testing.assert_allclose(som.transform(IRIS), apart, atol=1e-12)
    assert som.winners(IRIS).tolist() == [[unit // 4, unit % 4] for unit in apart.argmin(axis=1)]
    assert som.get_feature_names_out().tolist() == [f"sofm{unit}" for unit in range(20)]


def test_the_grid_of_the_weights(som: SOFM) -> None:
    assert som.on_grid().shape == (5, 4, 4)
    np.testing.assert_array_equal(som.on_grid()[3, 2], som.weights_[14])
    np.testing.assert_array_equal(som.on_grid(np.arange(20)), np.arange(20).reshape(5, 4))
    with pytest.raises(InvalidData, match=r"on_grid\(values\): expected 20 values, one a unit, got shape \(7,\)"):
        som.on_grid(np.zeros(7))
    with pytest.raises(InvalidData, match=r"got shape \(\)"):
        som.on_grid(3.0)


def test_quantization_error(som: SOFM) -> None:
    assert som.quantization_error_ == som.quantization_error(IRIS) == pytest.approx(brute(som, IRIS).min(axis=1).mean())


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize(
    "options", [{"shape": (6, 5)}, {"shape": (6, 5), "topology": "hexagon"}, {"shape": 12}, {"shape": (3, 3, 3)}]
)
def test_topographic_error_and_distance_map(options: dict[str, Any], corners: bool) -> None:
    som = SOFM(**options, epochs=5, radius=(2.0, 0.3), random_state=0).fit(DIGITS[:400])
    n_units = len(som.weights_)
    grid = Grid(som.shape_, som.topology)
    limit = 1 if not corners or grid.is_hexagonal else len(som.shape_)
    near = (grid.squared_distances(range(n_units)) <= limit) & ~np.eye(n_units, dtype=bool)
    order = brute(som, DIGITS[:400]).argsort(axis=1)
    errors = [not near[first, second] for first, second in order[:, :2]]
    assert 0 < np.mean(errors) < 1
    assert som.topographic_error(DIGITS[:400], corners=corners) == pytest.approx(np.mean(errors))
    if corners:
        assert som.topographic_error_ == som.topographic_error(DIGITS[:400])
    apart = pairwise_distances(som.weights_)
    expected = [apart[unit][near[unit]].mean() for unit in range(n_units)]
    np.testing.assert_allclose(som.distance_map(corners=corners).ravel(), expected)
    assert som.distance_map().shape == som.shape_


def test_errors_are_those_of_minisom() -> None:
    minisom = pytest.importorskip("minisom")
    for topology, name in (("rect", "rectangular"), ("hexagon", "hexagonal")):
        som = SOFM((6, 7), topology=topology, epochs=5).fit(DIGITS)
        other = minisom.MiniSom(6, 7, 64, topology=name)
        other._weights = som.on_grid().copy()
        assert som.quantization_error_ == pytest.approx(other.quantization_error(DIGITS))
        if topology == "rect":
            assert som.topographic_error_ == pytest.approx(other.topographic_error(DIGITS))


def test_hits_and_members(som: SOFM) -> None:
    winners = som.predict(IRIS)
    np.testing.assert_array_equal(som.hits(IRIS).ravel(), np.bincount(winners, minlength=20))
    members = som.members(IRIS)
    assert len(members) == 20
    for unit, rows in enumerate(members):
        assert rows.tolist() == np.flatnonzero(winners == unit).tolist()
    assert sum(map(len, som.members(IRIS[:1]))) == 1


def test_labels_are_those_of_most_rows(som: SOFM) -> None:
    winners = som.predict(IRIS)
    assert som.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    for unit in range(20):
        rows = NAMES[winners == unit]
        assert som.class_counts_[unit].tolist() == [int((rows == name).sum()) for name in som.classes_]
        if len(rows):
            assert som.labels_[unit] == som.classes_[som.class_counts_[unit].argmax()]
    assert (som.predict_label(IRIS) == som.labels_[winners]).all()
    shares = som.predict_label_proba(IRIS)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[0], som.class_counts_[winners[0]] / som.class_counts_[winners[0]].sum())
    assert (som.predict_label(IRIS) == NAMES).mean() > 0.93


def test_a_unit_without_rows_has_the_label_of_the_nearest_with_rows() -> None:
    start = np.array([[0.0], [10.0], [4.0], [7.0]])
    X, y = np.array([[0.0], [10.0]]), ["low", "high"]
    som = SOFM(4, init=start, radius=0.0, epochs=1).fit(X, y)
    assert som.labels_.tolist() == ["low", "high", "low", "high"]
    assert som.class_counts_.tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]
    assert som.predict_label([[4.4], [7.0]]).tolist() == ["low", "high"]
    assert som.predict_label_proba([[4.4], [7.0]]).tolist() == [[0, 1], [1, 0]]


def test_labels_come_and_go() -> None:
    som = SOFM((3, 3), epochs=2, random_state=0).fit(IRIS)
    text = r"labels of the units: expected labels, got a map that was taught without y. Call label_units\(X, y\)."
    for method in (som.predict_label, som.predict_label_proba):
        with pytest.raises(NotFittedError, match=text):
            method(IRIS)
    weights = som.weights_
    assert som.label_units(IRIS, SPECIES) is som
    assert som.weights_ is weights
    counts = som.class_counts_
    np.testing.assert_equal(counts, SOFM((3, 3), epochs=2, random_state=0).fit(IRIS, SPECIES).class_counts_)
    som.partial_fit(IRIS)
    assert som.class_counts_ is counts
    som.partial_fit(IRIS, SPECIES)
    assert som.class_counts_ is not counts
    assert not hasattr(som.fit(IRIS), "labels_")
    with pytest.raises(NotFittedError, match="This SOFM instance is not fitted yet"):
        SOFM().predict_label(IRIS)


def test_labels_do_not_change_the_weights() -> None:
    plain, labelled = SOFM((4, 4), epochs=2).fit(IRIS), SOFM((4, 4), epochs=2).fit(IRIS, NAMES)
    np.testing.assert_array_equal(plain.weights_, labelled.weights_)


def test_a_chain_sorts_points_on_a_line() -> None:
    X = np.random.default_rng(0).permutation(np.linspace(0, 1, 400))[:, None]
    for algorithm in ("batch", "online"):
        som = SOFM(20, algorithm=algorithm, init="random", epochs=30, random_state=0).fit(X)
        steps = np.diff(som.weights_[:, 0])
        assert (steps > 0).all() or (steps < 0).all()
        assert som.topographic_error_ < 0.05


def test_a_square_unfolds() -> None:
    X = np.random.default_rng(0).uniform(size=(1500, 2))
    for options in ({}, {"topology": "hexagon"}, {"algorithm": "online"}, {"neighborhood": "bubble"}):
        som = SOFM((7, 7), epochs=20, random_state=0, **options).fit(X)
        assert som.topographic_error_ < 0.05, options
        assert som.quantization_error_ < 0.08, options


def test_a_ring_on_a_closed_chain() -> None:
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 600)
    X = np.column_stack([np.cos(angles), np.sin(angles)])
    som = SOFM(16, toroidal=True, epochs=20).fit(X)
    around = np.unwrap(np.arctan2(*som.weights_.T))
    assert abs(around[-1] - around[0]) == pytest.approx(2 * np.pi * 15 / 16, abs=0.3)
    assert som.topographic_error_ < 0.02


def test_quality_on_digits() -> None:
    som = SOFM((10, 10), random_state=0).fit(DIGITS, NUMBERS)
    assert som.quantization_error_ < 1.29
    assert som.topographic_error_ < 0.035
    assert (som.predict_label(DIGITS) == NUMBERS).mean() > 0.9


@pytest.mark.parametrize("algorithm", ["batch", "online"])
def test_the_cosine_sees_directions_only(algorithm: str) -> None:
    rng = np.random.default_rng(0)
    X = np.abs(rng.normal(size=(200, 5)))
    som, other = (SOFM((3, 3), metric="cosine", algorithm=algorithm, epochs=3, random_state=0) for _ in range(2))
    som.fit(X)
    other.fit(X * rng.uniform(0.1, 10, size=(200, 1)))
    np.testing.assert_allclose(np.linalg.norm(som.weights_, axis=1), 1)
    np.testing.assert_allclose(other.weights_, som.weights_, rtol=1e-9)
    expected = 1 - X @ som.weights_.T / np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(som.transform(X), expected, atol=1e-12)
    np.testing.assert_array_equal(som.predict(7 * X), expected.argmin(axis=1))


@pytest.mark.parametrize("algorithm", ["batch", "online"])
def test_a_row_of_zeros_has_no_direction(algorithm: str, tmp_path: Path) -> None:
    X = DIGITS[:50].copy()
    X[[37, 41]] = 0
    rows = np.memmap(tmp_path / "rows", dtype=np.float64, mode="w+", shape=X.shape)
    rows[:] = X
    text = (
        r"X. Row 37: expected a number that is not 0, for a direction, got a row of zeros. Leave the row out, or set m"
    )
    for source in (X, rows, X.tolist()):
        with pytest.raises(InvalidData, match=text):
            SOFM((3, 3), metric="cosine", algorithm=algorithm, chunk_size=16).fit(source)
    som = SOFM((3, 3), metric="cosine", algorithm=algorithm, chunk_size=16, epochs=1).fit(DIGITS[:50])
    for method in (som.predict, som.transform, som.hits, som.partial_fit):
        with pytest.raises(InvalidData, match="Row 37"):
            method(X)
    with pytest.raises(InvalidData, match=r"SOFM\(init\). Row 2: expected a number that is not 0"):
        SOFM(3, metric="cosine", init=np.eye(3) * [1, 1, 0]).fit(IRIS[:, :3])


@pytest.mark.parametrize("algorithm", ["batch", "online"])
def test_the_metric_may_change_to_the_cosine(algorithm: str) -> None:
    som = SOFM((3, 3), epochs=2, algorithm=algorithm, random_state=0).fit(IRIS).set_params(metric="cosine")
    directions = som.weights_ / np.linalg.norm(som.weights_, axis=1, keepdims=True)
    rows = IRIS / np.linalg.norm(IRIS, axis=1, keepdims=True)
    np.testing.assert_allclose(som.transform(IRIS), 1 - rows @ directions.T, atol=1e-12)
    np.testing.assert_array_equal(som.predict(IRIS), (rows @ directions.T).argmax(axis=1))
    begun = SOFM((3, 3), epochs=2, algorithm=algorithm, random_state=0, metric="cosine", init=directions).fit(IRIS[:1])
    begun.weights_, begun.n_iter_ = directions, som.n_iter_
    np.testing.assert_allclose(som.partial_fit(IRIS).weights_, begun.partial_fit(IRIS).weights_, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(som.weights_, axis=1), 1.0)


def test_a_registered_distance_is_saved(tmp_path: Path) -> None:
    som = SOFM((3, 3), metric=chebyshev, epochs=2, random_state=0).fit(IRIS, NAMES)
    np.testing.assert_allclose(som.transform(IRIS), pairwise_distances(IRIS, som.weights_, "chebyshev"))
    som.save(tmp_path / "map.nw")
    again = nw.load(tmp_path / "map.nw")
    assert again.metric is chebyshev
    np.testing.assert_array_equal(again.predict_label(IRIS), som.predict_label(IRIS))
    np.testing.assert_array_equal(again.partial_fit(IRIS).weights_, som.partial_fit(IRIS).weights_)
    unnamed = SOFM((3, 3), metric=lambda rows, weights: chebyshev(rows, weights), epochs=1).fit(IRIS)
    with pytest.raises(InvalidParameter, match="registered functions"):
        unnamed.save(tmp_path / "other.nw")


def test_schedules_and_given_starts_are_saved(tmp_path: Path) -> None:
    options: dict[str, Any] = {"init": IRIS[:12], "radius": nw.optim.cosine(2.0, 0.5), "learning_rate": (0.4, 0.1)}
    som = SOFM((3, 4), algorithm="online", epochs=4, random_state=np.random.default_rng(3), **options).partial_fit(IRIS)
    som.save(tmp_path / "map.nw")
    again = nw.load(tmp_path / "map.nw")
    np.testing.assert_array_equal(again.partial_fit(IRIS).weights_, som.partial_fit(IRIS).weights_)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(som)).weights_, som.weights_)


def test_a_map_of_one_unit_is_the_mean() -> None:
    for shape in (1, (1, 1), (1, 1, 1)):
        som = SOFM(shape, epochs=2).fit(IRIS, NAMES)
        np.testing.assert_allclose(som.weights_, [IRIS.mean(axis=0)])
        assert (som.topographic_error_, som.topographic_error(IRIS)) == (0, 0)
        assert not som.distance_map().any()


@pytest.mark.parametrize("rows", [np.ones((4, 2)), np.array([[1.0, 2.0]])])
@pytest.mark.parametrize(
    "options", [*({"init": init} for init in ("pca", "sample", "random")), {"algorithm": "online"}]
)
def test_data_without_spread_are_learned(rows: np.ndarray, options: dict[str, Any]) -> None:
    som = SOFM((3, 3), epochs=2, random_state=0, **options).fit(rows)
    np.testing.assert_allclose(som.weights_, np.broadcast_to(rows[0], (9, 2)))
    assert som.quantization_error_ == pytest.approx(0, abs=1e-12)


def test_a_frame_gives_names_and_columns_are_compared() -> None:
    frame = pytest.importorskip("pandas").DataFrame(IRIS, columns=list("abcd"))
    som = SOFM((3, 3), epochs=2).fit(frame)
    assert som.feature_names_in_.tolist() == list("abcd")
    assert list(som.set_output(transform="pandas").transform(frame).columns)[:2] == ["sofm0", "sofm1"]
    with pytest.raises(ValueError, match="The feature names should match"):
        som.predict(frame[["b", "a", "c", "d"]])


def test_it_stands_in_a_pipeline() -> None:
    pipe = make_pipeline(StandardScaler(), SOFM((4, 4), epochs=5, random_state=0))
    units = pipe.fit(IRIS).predict(IRIS)
    assert units.shape == (150,)
    np.testing.assert_array_equal(pipe.transform(IRIS).argmin(axis=1), units)


def test_inputs_and_given_starts_are_not_written() -> None:
    start, X = IRIS[:9].copy(), IRIS.copy()
    for algorithm in ("batch", "online"):
        SOFM((3, 3), init=start, algorithm=algorithm, epochs=2).fit(X)
    np.testing.assert_array_equal(start, IRIS[:9])
    np.testing.assert_array_equal(X, IRIS)


def test_neighbours_are_more_alike_than_others() -> None:
    som = SOFM((6, 6), epochs=10, random_state=0).fit(DIGITS[:800])
    apart, codes = pairwise_distances(som.weights_), Grid((6, 6)).codes
    rings = [apart[codes == code].mean() for code in (1, 4, 9, 16)]
    assert all(near < far for near, far in itertools.pairwise(rings))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shape": 0}, r"SOFM\(shape\): expected an integer >= 1 or a tuple of 1 or more elements, .* got 0"),
        ({"shape": ()}, r"SOFM\(shape\): .* got \(\)"),
        ({"shape": (3, 2.5)}, r"SOFM\(shape\): .* got \(3, 2.5\)"),
        ({"topology": "hexagonal"}, r"SOFM\(topology\): .* got 'hexagonal'. Did you mean 'hexagon'\?"),
        ({"neighborhood": "gauss"}, r"SOFM\(neighborhood\): .* Did you mean 'gaussian'\?"),
        ({"metric": "euclid"}, r"SOFM\(metric\): .* got 'euclid'. Did you mean 'euclidean'\?"),
        ({"init": "pcs"}, r"SOFM\(init\): .* got 'pcs'. Did you mean 'pca'\?"),
        ({"init": np.zeros((9, 3))}, r"SOFM\(init\): expected finite numbers of shape \(9, 4\), .*got shape \(9, 3\)"),
        ({"init": np.full((9, 4), np.nan)}, r"SOFM\(init\): expected finite numbers .* got NaN or infinity"),
        ({"init": np.zeros((9, 4), complex)}, r"SOFM\(init\): expected numbers of shape \(9, 4\), got array"),
        ({"init": np.full((9, 4), 1e200)}, r"SOFM\(init\): expected numbers up to .* got 1e\+200"),
        ({"init": [["a"]]}, r"SOFM\(init\): expected numbers of shape \(9, 4\), got \[\['a'\]\]"),
        ({"radius": -1}, r"SOFM\(radius\): expected None or a number in \[0, inf\), a pair .* got -1"),
        (
            {"learning_rate": (0.5, 2)},
            r"SOFM\(learning_rate\): expected a number in \[0, 1\], a pair .* got \(0.5, 2\)",
        ),
        ({"epochs": 0}, r"SOFM\(epochs\): expected an integer >= 1, got 0"),
        ({"n_jobs": 0}, r"SOFM\(n_jobs\): expected None or an integer >= 1 or an integer <= -1, got 0"),
        ({"random_state": -1}, r"SOFM\(random_state\): expected None, an integer >= 0"),
        ({"topology": "hexagon", "toroidal": True}, r"a torus of hexagons: expected an even number of rows, got shape"),
        ({"shape": (2, 2, 2), "topology": "hexagon"}, r"a grid of hexagons: expected one or two axes, got shape"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], text: str) -> None:
    som = clone(SOFM((3, 3))).set_params(**options)
    with pytest.raises(InvalidParameter, match=text):
        som.fit(IRIS)
    assert not hasattr(som, "weights_")


def test_unknown_options_name_the_nearest() -> None:
    with pytest.raises(InvalidParameter, match=r"SOFM: expected one of its options, got 'sigma'"):
        SOFM(sigma=1.0)  # type: ignore[call-arg]
    with pytest.raises(InvalidParameter, match=r"Did you mean 'neighborhood'\?"):
        SOFM(neighbourhood="gaussian")  # type: ignore[call-arg]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers_whose_squares_are_too_great_are_refused(dtype: Any, tmp_path: Path) -> None:
    X = IRIS.astype(dtype)
    som = SOFM((3, 3), epochs=1).fit(X)
    X[7, 2] = np.finfo(dtype).max / 4
    rows = np.memmap(tmp_path / "rows", dtype=dtype, mode="w+", shape=X.shape)
    rows[:] = X
    for source, method in itertools.product((X, rows), (som.fit, som.predict, som.transform)):
        with pytest.raises(InvalidData, match=r"X: expected numbers up to .*, got .*Scale the columns"):
            method(source)


def test_labels_are_checked_before_anything_is_learned() -> None:
    som = SOFM((3, 3), epochs=1)
    with pytest.raises(InvalidData, match=r"inconsistent numbers of samples: \[150, 149\]"):
        som.fit(IRIS, NAMES[:149])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        som.fit(IRIS, np.linspace(0.1, 1, 150))
    assert not hasattr(som, "weights_")
    with pytest.raises(NotFittedError):
        som.label_units(IRIS, NAMES)
