"""The batch rule against its equation in plain loops; one result whatever the source and whoever computes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from joblib._parallel_backends import ThreadingBackend
from sklearn.datasets import load_digits

from netwright.classical.maps import sofm_batch
from netwright.classical.maps.grid import Grid
from netwright.classical.maps.neighborhoods import gaussian
from netwright.classical.maps.sofm import SOFM
from netwright.core.errors import InvalidData, InvalidParameter

DIGITS, LABELS = load_digits(return_X_y=True)
ROWS = DIGITS[:500] / 16
LEARNED = ("weights_", "quantization_error_", "topographic_error_", "labels_", "class_counts_", "n_iter_")


def by_the_book(X: np.ndarray, start: np.ndarray, grid: Grid, radii: list[float], name: str, metric: str) -> np.ndarray:
    """Every unit becomes the weighted mean of all rows; one that no row reaches stays."""
    weights = start.astype(float)
    d2 = grid.squared_distances(range(grid.n_units))
    if metric == "cosine":
        X = X / np.sqrt((X**2).sum(axis=1, keepdims=True))
        weights = weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))
    for s in radii:
        winners = []
        for x in X:
            apart = [abs(x - w).sum() if metric == "manhattan" else ((x - w) ** 2).sum() for w in weights]
            winners.append(apart.index(min(apart)))
        after = weights.copy()
        for unit in range(grid.n_units):
            top, bottom = np.zeros(X.shape[1]), 0.0
            for x, winner in zip(X, winners, strict=True):
                square = d2[winner, unit]
                inside = 1.0 if math.sqrt(square) <= s else 0.0
                h = inside if name == "bubble" else math.exp(-square / (2 * s * s))
                top, bottom = top + h * x, bottom + h
            if bottom:
                after[unit] = top / bottom
                if metric == "cosine":
                    after[unit] /= math.sqrt((after[unit] ** 2).sum())
        weights = after
    return weights


@pytest.mark.parametrize(
    "grid", [Grid((3, 4)), Grid((9,), toroidal=True), Grid((4, 3), "hexagon", True), Grid((2, 2, 3))], ids=repr
)
@pytest.mark.parametrize("name", ["gaussian", "bubble"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_steps_are_those_of_the_book(grid: Grid, name: str, metric: str) -> None:
    rng = np.random.default_rng(1)
    X, start = rng.normal(size=(40, 5)) + 0.5, rng.normal(size=(grid.n_units, 5))
    options: dict[str, Any] = {"topology": grid.topology, "toroidal": grid.toroidal, "metric": metric}
    som = SOFM(grid.shape, **options, neighborhood=name, init=start, radius=(1.6, 0.4), epochs=4, chunk_size=7).fit(X)
    radii = [1.6, 1.2, 0.8, 0.4]  # the first epoch has the first radius and the last epoch the last one
    np.testing.assert_allclose(som.weights_, by_the_book(X, start, grid, radii, name, metric), rtol=1e-9)


def test_one_step_is_exact() -> None:
    rng = np.random.default_rng(2)
    X, start = rng.normal(size=(50, 6)), rng.normal(size=(12, 6))
    som = SOFM((3, 4), init=start, radius=1.3, epochs=1).fit(X)
    expected = by_the_book(X, start, Grid((3, 4)), [1.3], "gaussian", "euclidean")
    np.testing.assert_allclose(som.weights_, expected, rtol=1e-12)


def test_the_default_radius_falls_by_a_factor_from_half_the_grid() -> None:
    start = np.random.default_rng(2).normal(size=(24, 64))
    som = SOFM((3, 8), init=start, epochs=5).fit(ROWS)
    schedule = [3.5 * (0.7 / 3.5) ** (epoch / 4) for epoch in range(5)]
    other = SOFM((3, 8), init=start, epochs=1)
    for radius in schedule:
        other = SOFM((3, 8), init=start, epochs=1, radius=radius).fit(ROWS)
        start = other.weights_
    np.testing.assert_allclose(som.weights_, other.weights_, rtol=1e-9)


def test_the_order_of_the_rows_does_not_matter() -> None:
    first = SOFM((6, 5), epochs=5, random_state=0).fit(ROWS)
    order = np.random.default_rng(0).permutation(len(ROWS))
    second = SOFM((6, 5), epochs=5, random_state=0, init="pca").fit(ROWS[order])
    np.testing.assert_allclose(second.weights_, first.weights_, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(second.predict(ROWS), first.predict(ROWS))


def test_at_radius_0_it_is_k_means() -> None:
    start = ROWS[:10]
    som = SOFM(10, init=start, radius=0.0, epochs=3).fit(ROWS)
    means = start.copy()
    for _ in range(3):
        nearest = ((ROWS[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
        means = np.array([ROWS[nearest == unit].mean(axis=0) for unit in range(10)])
    np.testing.assert_allclose(som.weights_, means, rtol=1e-9)


@pytest.mark.parametrize("name", ["gaussian", "bubble"])
def test_a_unit_that_no_row_reaches_stays(name: str) -> None:
    start = np.array([[0.0], [1.0], [2.0], [3.0]])
    som = SOFM(4, init=start, radius=0.02, neighborhood=name, epochs=1).fit(np.array([[0.1], [0.2]]))
    np.testing.assert_allclose(som.weights_, [[0.15], [1.0], [2.0], [3.0]])


def test_great_maps_are_taken_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    weights, sums, counts = rng.normal(size=(30, 4)), rng.normal(size=(30, 4)), rng.integers(1, 5, 30).astype(float)
    arguments = (weights, sums, counts, Grid((5, 6), "hexagon"), gaussian, 1.2, "euclidean")
    whole = sofm_batch.batch_step(*arguments)
    monkeypatch.setattr(sofm_batch, "BLOCK", 100)
    np.testing.assert_allclose(sofm_batch.batch_step(*arguments), whole, rtol=1e-13)


def test_a_mean_without_a_direction_leaves_the_unit() -> None:
    weights = np.array([[1.0, 0.0], [0.0, 1.0]])
    sums, counts = np.array([[0.0, 0.0], [0.0, 2.0]]), np.array([2.0, 2.0])
    after = sofm_batch.batch_step(weights, sums, counts, Grid((2,)), gaussian, 0.0, "cosine")
    np.testing.assert_array_equal(after, weights)


def test_float32_stays_and_gives_nearly_the_same() -> None:
    wide = SOFM((5, 5), epochs=5).fit(ROWS)
    narrow = SOFM((5, 5), epochs=5).fit(ROWS.astype(np.float32))
    assert narrow.weights_.dtype == narrow.transform(ROWS).dtype == np.float32
    assert narrow.quantization_error_ == pytest.approx(wide.quantization_error_, rel=1e-3)


def test_a_great_offset_costs_no_digits() -> None:
    plain = SOFM((4, 4), init=ROWS[:16], epochs=5).fit(ROWS)
    away = SOFM((4, 4), init=ROWS[:16] + 1e6, epochs=5).fit(ROWS + 1e6)
    np.testing.assert_array_equal(away.predict(ROWS + 1e6), plain.predict(ROWS))
    np.testing.assert_allclose(away.weights_ - 1e6, plain.weights_, atol=1e-8)


def test_a_mexican_hat_needs_the_online_rule() -> None:
    text = (
        r"SOFM\(neighborhood\): expected 'gaussian' or 'bubble' where algorithm is 'batch', got 'mexican_hat'. Its sums"
    )
    with pytest.raises(InvalidParameter, match=text):
        SOFM(3, neighborhood="mexican_hat").fit(ROWS)


class Again:
    """Pieces of the rows of uneven sizes, as often as wanted."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[np.ndarray]:
        yield from np.array_split(self.rows, [3, 110, 111, 320])


class OtherBackend(ThreadingBackend):
    """Somebody else's back end: three threads, whatever was asked for."""

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        return 3


def learned(som: SOFM) -> dict[str, Any]:
    return {name: getattr(som, name) for name in LEARNED}


def assert_same(som: SOFM, other: SOFM) -> None:
    np.testing.assert_equal(learned(som), learned(other))
    np.testing.assert_array_equal(som.transform(ROWS), other.transform(ROWS))
    np.testing.assert_array_equal(som.predict(ROWS), other.predict(ROWS))


@pytest.fixture(scope="module")
def serial() -> SOFM:
    return SOFM((4, 4), init="sample", epochs=3, chunk_size=64, random_state=5).fit(ROWS, LABELS[:500])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading", "other", "n_jobs"])
def test_workers_give_the_same_bits(serial: SOFM, backend: str) -> None:
    som = SOFM((4, 4), init="sample", epochs=3, chunk_size=64, random_state=5)
    if backend == "n_jobs":
        assert_same(som.set_params(n_jobs=2).fit(ROWS, LABELS[:500]), serial)
        return
    joblib.register_parallel_backend("other", OtherBackend)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        assert_same(som.fit(ROWS, LABELS[:500]), serial)


@pytest.mark.parametrize("source", ["memmap", "read-only", "frame", "list", "array"])
def test_sources_give_the_same_bits(serial: SOFM, source: str, tmp_path: Path) -> None:
    rows: Any = ROWS
    if source == "memmap":
        rows = np.memmap(tmp_path / "rows", dtype=np.float64, mode="w+", shape=ROWS.shape)
        rows[:] = ROWS
    elif source == "read-only":
        rows = ROWS.copy()
        rows.setflags(write=False)
    elif source == "frame":
        rows = pytest.importorskip("pandas").DataFrame(ROWS, columns=[f"c{i}" for i in range(64)])
    elif source == "list":
        rows = ROWS.tolist()
    som = SOFM((4, 4), init="sample", epochs=3, chunk_size=64, random_state=5).fit(rows, LABELS[:500])
    np.testing.assert_equal(learned(som), learned(serial))
    np.testing.assert_array_equal(som.predict(rows), serial.predict(ROWS))


@pytest.mark.parametrize("algorithm", ["batch", "online"])
@pytest.mark.parametrize("kind", ["iterable", "function"])
def test_an_iterable_is_gone_through(algorithm: str, kind: str) -> None:
    options: dict[str, Any] = {"init": ROWS[:16], "algorithm": algorithm, "epochs": 2, "shuffle": False}
    som, other = (SOFM((4, 4), **options, chunk_size=64) for _ in range(2))
    rows = Again(ROWS) if kind == "iterable" else lambda: iter(Again(ROWS))
    assert_same(som.fit(rows, LABELS[:500]), other.fit(ROWS, LABELS[:500]))
    assert som.quantization_error(rows) == som.quantization_error_
    np.testing.assert_array_equal(som.hits(rows), som.hits(ROWS))


@pytest.mark.parametrize("init", ["pca", "sample", "random"])
def test_an_iterable_serves_every_start_and_is_shuffled_within_chunks(init: str) -> None:
    som = SOFM((4, 4), init=init, algorithm="online", epochs=3, chunk_size=64, random_state=0)
    first, second = (som.fit(Again(ROWS)).weights_ for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert som.quantization_error_ < 2.2
    assert not np.array_equal(first, som.set_params(random_state=1).fit(Again(ROWS)).weights_)


def test_a_generator_that_is_used_up_is_refused() -> None:
    with pytest.raises(InvalidData, match="rows that can be gone through again, got a generator that is used up"):
        SOFM((4, 4), epochs=2).fit(iter(Again(ROWS)))


def test_labels_of_an_iterable_are_counted() -> None:
    som = SOFM((4, 4), epochs=1)
    with pytest.raises(InvalidData, match=r"inconsistent numbers of samples: \[500, 499\].*expected 500 targets"):
        som.fit(Again(ROWS), LABELS[:499])
    assert not hasattr(som, "weights_")
