"""Chunks: one grid for every source, one result for every back end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator

from netwright.classical.chunks import Chunks, in_order, is_stream
from netwright.core.errors import InvalidData

X = np.random.default_rng(0).normal(size=(23, 3))


class Reader(BaseEstimator):
    """Something that has rows."""


class Again:
    """An iterable that begins anew."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes

    def __iter__(self) -> Iterator[np.ndarray]:
        start = 0
        for size in self.sizes:
            yield X[start : start + size]
            start += size


def grid(source: Any, size: int = 5, **options: Any) -> list[np.ndarray]:
    return list(Chunks(Reader(), source, reset=True, chunk_size=size, **options))


@pytest.fixture
def on_disk(tmp_path: Path) -> np.memmap:
    rows: np.memmap = np.memmap(tmp_path / "rows", dtype=np.float64, mode="w+", shape=X.shape)
    rows[:] = X
    return rows


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.integers(1, 12))
def test_pieces_of_any_size_fall_on_one_grid(sizes: list[int], size: int) -> None:
    total = min(sum(sizes), len(X))
    if not total or not sizes[0]:
        return
    expected = [X[start : min(start + size, total)] for start in range(0, total, size)]
    got = grid(partial(non_empty, sizes), size)
    assert [len(piece) for piece in got] == [len(piece) for piece in expected]
    for first, second in zip(got, expected, strict=True):
        np.testing.assert_array_equal(first, second)


def non_empty(sizes: list[int]) -> Iterator[np.ndarray]:
    return (piece for piece in Again(sizes) if len(piece))


def test_every_source_gives_the_same_chunks(on_disk: np.memmap) -> None:
    frame = pytest.importorskip("pandas").DataFrame(X)
    for source in (X.tolist(), frame, on_disk, Again([4, 7, 12]), lambda: iter([X[:1], X[1:]])):
        for got, expected in zip(grid(source), grid(X), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_a_file_is_never_read_as_a_whole(on_disk: np.memmap) -> None:
    chunks = Chunks(Reader(), on_disk, reset=True, chunk_size=5)
    assert chunks.whole is None
    assert chunks.rows_can_be_chosen
    np.testing.assert_array_equal(chunks.take(np.array([3, 0])), X[[3, 0]])
    on_disk[7, 1] = np.nan
    with pytest.raises(InvalidData, match="Input X contains NaN"):
        list(chunks)


def test_a_generator_serves_once() -> None:
    chunks = Chunks(Reader(), (piece for piece in (X[:4], X[4:])), reset=True, chunk_size=5)
    assert not chunks.rows_can_be_chosen
    assert sum(map(len, chunks)) == 23
    assert chunks.n == 23
    with pytest.raises(InvalidData, match="gone through again, got a generator that is used up"):
        list(chunks)


def test_streams_are_checked() -> None:
    with pytest.raises(InvalidData, match=r"an iterable of arrays with rows, got 0 sample\(s\)"):
        grid(iter([]))
    with pytest.raises(ValueError, match="X has 2 features, but Reader is expecting 3"):
        grid(iter([X, X[:, :2]]))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        grid(iter([X[0]]))


def test_what_is_a_stream() -> None:
    assert is_stream(iter([X]))
    assert is_stream(Again([3]))
    assert is_stream(lambda: iter([X]))
    for known in (X, X.tolist(), pytest.importorskip("pandas").DataFrame(X), "text", 3, None):
        assert not is_stream(known)


def gram(chunk: np.ndarray) -> np.ndarray:
    return chunk.T @ chunk


@pytest.mark.slow
def test_sums_have_the_same_bits_on_every_back_end() -> None:
    rows = np.random.default_rng(1).normal(size=(3000, 64))
    chunks = Chunks(Reader(), rows, reset=True, chunk_size=700)
    serial = sum(in_order(gram, chunks))
    np.testing.assert_allclose(serial, rows.T @ rows)
    for backend in ("threading", "loky", "multiprocessing"):  # the last gives lists, as ray's does
        with joblib.parallel_config(backend=backend):
            np.testing.assert_array_equal(sum(in_order(gram, chunks, n_jobs=2)), serial)
    with joblib.parallel_config(backend="threading", n_jobs=2):  # a back end that the user names
        np.testing.assert_array_equal(sum(in_order(gram, chunks)), serial)


def test_frames_of_a_stream_keep_their_names() -> None:
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abc"))
    np.testing.assert_array_equal(np.concatenate(grid(iter([frame[:9], frame[9:]]))), X)  # without a warning
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        grid(iter([frame, frame[list("cba")]]))


def test_a_loader_of_rows_alone() -> None:
    torch = pytest.importorskip("torch")
    data = pytest.importorskip("torch.utils.data")
    rows = torch.tensor(X, requires_grad=True)
    options = {"batch_size": 4, "generator": torch.Generator()}  # of its own: a loader draws a seed
    for source in (data.DataLoader(data.TensorDataset(rows.detach()), **options), lambda: iter([rows])):
        np.testing.assert_array_equal(np.concatenate(grid(source)), X)
    with pytest.raises(
        InvalidData, match=r"an iterable of arrays with rows, got 2 things a piece\. Give the rows alone"
    ):
        grid(data.DataLoader(data.TensorDataset(rows.detach(), rows.detach()), **options))
