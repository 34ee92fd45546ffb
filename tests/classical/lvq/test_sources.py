"""Rows from memory, from files and from iterables: the same prototypes, and errors that name the place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import make_blobs

from netwright.classical import GLVQ, GMLVQ, LVQ1, LVQ2, LVQ3, LVQ21
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows
from netwright.core.errors import InvalidData

RULES = {"LVQ1": LVQ1, "LVQ2": LVQ2, "LVQ21": LVQ21, "LVQ3": LVQ3, "GLVQ": GLVQ, "GMLVQ": GMLVQ}
each = pytest.mark.parametrize("rule", RULES)
X, PLACES = make_blobs(103, 3, centers=6, cluster_std=2.0, random_state=1)
Y = np.array(["low", "middle", "high"])[PLACES % 3]


class Pieces:
    """Pairs (rows, labels), or rows alone, in pieces of other sizes than the chunks; begins anew with each iter."""

    def __init__(self, X: np.ndarray, y: np.ndarray | None, size: int = 11) -> None:
        self.X, self.y, self.size = X, y, size

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self.X), self.size):
            part = slice(start, start + self.size)
            yield self.X[part] if self.y is None else (self.X[part], self.y[part])


def on_disk(folder: Path, rows: np.ndarray) -> np.memmap:
    file = np.memmap(folder / "rows.bin", dtype=rows.dtype, mode="w+", shape=rows.shape)
    file[:] = rows
    file.flush()
    return np.memmap(folder / "rows.bin", dtype=rows.dtype, mode="r", shape=rows.shape)


def assert_same(first: Any, second: Any) -> None:
    for name in ("prototypes_", "labels_", "classes_", "n_iter_", "unit_", "omega_"):
        if hasattr(first, name):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


@pytest.mark.slow
@each
@pytest.mark.parametrize("init", ["kmeans", "sample", "mean"])
def test_every_source_gives_the_same_bits(rule: str, init: str, tmp_path: Path) -> None:
    options = {"init": init, "epochs": 2, "shuffle": False, "random_state": 3, "chunk_size": 16}
    network = RULES[rule](2, **options).fit(X, Y)
    assert_same(network, RULES[rule](2, **options).fit(on_disk(tmp_path, X), Y))
    assert_same(network, RULES[rule](2, **options).fit(Pieces(X, Y)))
    assert_same(network, RULES[rule](2, **options).fit(Pieces(X, None), Y))
    assert_same(network, RULES[rule](2, **options).fit(lambda: iter(Pieces(X, Y, 40))))
    answers = network.predict_proba(X)
    np.testing.assert_array_equal(network.predict_proba(on_disk(tmp_path, X)), answers)
    np.testing.assert_array_equal(network.predict_proba(Pieces(X, None)), answers)


@pytest.mark.parametrize("rule", ["LVQ1", "LVQ2", "LVQ21", "LVQ3"])
def test_the_chunks_do_not_matter_to_rules_that_go_row_by_row(rule: str) -> None:
    first, *others = (
        RULES[rule](2, epochs=3, random_state=3, chunk_size=size).fit(X, Y) for size in (1, 7, 103, 10_000)
    )
    for other in others:
        assert_same(first, other)


@each
def test_a_shuffled_file_is_shuffled_like_an_array(rule: str, tmp_path: Path) -> None:
    options = {"epochs": 2, "random_state": 3, "chunk_size": 16}
    assert_same(RULES[rule](2, **options).fit(X, Y), RULES[rule](2, **options).fit(on_disk(tmp_path, X), Y))


def test_an_iterable_is_shuffled_within_its_chunks() -> None:
    kept = LVQ1(epochs=1, shuffle=False, random_state=0, chunk_size=103).fit(X, Y)
    whole = LVQ1(epochs=1, random_state=0, chunk_size=103).fit(Pieces(X, Y))
    assert not np.array_equal(kept.prototypes_, whole.prototypes_)
    assert_same(LVQ1(epochs=1, random_state=0).fit(X, Y), whole)  # one chunk: that is all rows
    single = LVQ1(epochs=1, random_state=0, chunk_size=1).fit(Pieces(X, Y))
    np.testing.assert_array_equal(single.prototypes_, kept.prototypes_)


def test_pieces_may_come_in_another_order_in_each_pass() -> None:
    """As a DataLoader that shuffles gives them: labels are read beside their rows."""

    class Shuffling(Pieces):
        passes = 0

        def __iter__(self) -> Iterator[Any]:
            self.passes += 1
            order = np.random.default_rng(self.passes).permutation(len(self.X))
            yield from Pieces(self.X[order], self.y[order], self.size)

    rows = np.where(np.arange(200) % 2 == 0, 0.0, 10.0)[:, None]
    network = LVQ1(epochs=3, random_state=0, chunk_size=16).fit(Shuffling(rows, np.arange(200) % 2))
    np.testing.assert_allclose(network.prototypes_, [[0.0], [10.0]])


def test_pairs_of_tensors() -> None:
    torch = pytest.importorskip("torch")
    pairs = [(torch.tensor(rows), torch.tensor(places)) for rows, places in Pieces(X, PLACES % 3)]
    options = {"epochs": 2, "shuffle": False, "random_state": 0}
    assert_same(LVQ1(2, **options).fit(X, PLACES % 3), LVQ1(2, **options).fit(lambda: iter(pairs)))


@pytest.mark.parametrize("rule", ["GLVQ", "GMLVQ"])
def test_lbfgs_gives_the_same_bits_for_any_source_and_any_workers(rule: str, tmp_path: Path) -> None:
    options = {"solver": "lbfgs", "epochs": 5, "random_state": 3, "chunk_size": 16}
    network = RULES[rule](2, **options).fit(X, Y)
    assert_same(network, RULES[rule](2, **options).fit(on_disk(tmp_path, X), Y))
    assert_same(network, RULES[rule](2, **options).fit(Pieces(X, Y)))
    with joblib.parallel_config(backend="threading"):
        assert_same(network, RULES[rule](2, n_jobs=2, **options).fit(X, Y))


def test_partial_fit_takes_the_same_sources(tmp_path: Path) -> None:
    options = {"shuffle": False, "random_state": 0, "chunk_size": 16}
    first = LVQ1(**options).partial_fit(X, Y).partial_fit(X, Y)
    second = LVQ1(**options).partial_fit(on_disk(tmp_path, X), Y).partial_fit(Pieces(X, Y))
    assert_same(first, second)


def test_a_failing_pass_leaves_the_network_as_it_was() -> None:
    network = LVQ1(epochs=1, random_state=0).fit(X, Y)
    before = network.prototypes_.copy()
    spoilt = X.copy()
    spoilt[100, 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        network.partial_fit(Pieces(spoilt, Y))
    with pytest.raises(InvalidData, match="got 'odd'"):
        network.partial_fit(Pieces(X, np.where(np.arange(103) == 102, "odd", Y)))
    np.testing.assert_array_equal(network.prototypes_, before)
    assert network.n_iter_ == 1


def test_generators_serve_once_and_are_refused() -> None:
    with pytest.raises(
        InvalidData, match=r"X: expected pairs \(rows, labels\) that can be read again, got a generator"
    ):
        LVQ1().fit(pair for pair in Pieces(X, Y))
    with pytest.raises(InvalidData, match="a generator that is used up"):
        LVQ1().fit((rows for rows in Pieces(X, None)), Y)


def test_pieces_that_are_no_pairs_or_do_not_fit() -> None:
    with pytest.raises(
        InvalidData, match=r"X, piece 0: expected a pair \(rows, labels\), got array.* Or give the labels"
    ):
        LVQ1().fit(Pieces(X, None))
    with pytest.raises(InvalidData, match=r"X, piece 0: expected 2 labels, one a row, got 1"):
        LVQ1().fit(lambda: iter([(X[:2], Y[:1])]))
    with pytest.raises(InvalidData, match="inconsistent numbers of samples"):
        LVQ1().fit(Pieces(X, None), Y[:-1])
    with pytest.raises(InvalidData, match="requires y to be passed"):
        LVQ1().fit(X)


@pytest.mark.parametrize(("later", "got"), [(90, "90 later on"), (120, "more later on")])
def test_an_iterable_that_changes_its_length_is_refused(later: int, got: str) -> None:
    class Changing(Pieces):
        passes = 0

        def __iter__(self) -> Iterator[Any]:
            self.passes += 1
            n = 103 if self.passes < 4 else later
            rows, y = np.resize(self.X, (n, 3)), np.resize(self.y, n)
            yield from Pieces(rows, y, self.size)

    with pytest.raises(InvalidData, match=rf"X: expected 103 rows, as in the first pass, got {got}"):
        LVQ1(epochs=8).fit(Changing(X, Y))


def test_parts_say_where_they_are() -> None:
    data = LabelledRows(LVQ1(), X, Y, reset=True, chunk_size=40)
    assert [(part.start, len(part.rows)) for part in data.parts()] == [(0, 40), (40, 40), (80, 23)]
    np.testing.assert_array_equal(np.concatenate([part.codes for part in data.parts()]), data.codes)
    (shown,) = data.shown(np.random.default_rng(0))
    assert sorted(shown.order) == list(range(103))
