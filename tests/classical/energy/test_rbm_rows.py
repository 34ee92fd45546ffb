"""Where rows come from, who computes, and which random numbers are drawn: none of it changes what is learned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from netwright.classical.energy.boltzmann import Machine
from netwright.classical.energy.contrastive_divergence import Noise, _activate_and_draw
from netwright.classical.energy.rbm import RBM
from netwright.core.errors import InvalidData
from netwright.core.seeds import derive

RNG = np.random.default_rng(0)
ROWS = (RNG.random((103, 6)) < 0.4).astype(float)
OPTIONS: dict[str, Any] = {"epochs": 3, "batch_size": 10, "persistent": True, "random_state": 1}


class Stream:
    """Rows in arrays of odd sizes, as often as they are asked for."""

    def __init__(self, rows: np.ndarray = ROWS) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[np.ndarray]:
        yield from (self.rows[start : start + 17] for start in range(0, len(self.rows), 17))


def hashed(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def learned(rbm: RBM) -> list[str]:
    return [hashed(part) for part in (rbm.weights_, rbm.hidden_bias_, rbm.visible_bias_, rbm.chains_)]


@pytest.fixture
def on_disk(tmp_path: Path) -> np.ndarray:
    rows = np.memmap(tmp_path / "rows", dtype=np.float64, mode="w+", shape=ROWS.shape)
    rows[:] = ROWS
    rows.flush()
    return np.memmap(tmp_path / "rows", dtype=np.float64, mode="r", shape=ROWS.shape)


@pytest.mark.parametrize("chunk_size", [1, 25, 4096])
def test_rows_on_disk_and_in_memory_give_the_same_bits(on_disk: np.ndarray, chunk_size: int) -> None:
    wanted = RBM(4, **OPTIONS).fit(ROWS)
    for source in (on_disk, ROWS.tolist()):
        found = RBM(4, chunk_size=chunk_size, **OPTIONS).fit(source)
        assert learned(found) == learned(wanted)
        assert found.history_ == wanted.history_


def test_a_frame_and_a_tensor_give_the_same_bits() -> None:
    pandas, torch = pytest.importorskip("pandas"), pytest.importorskip("torch")
    wanted = learned(RBM(4, **OPTIONS).fit(ROWS))
    assert learned(RBM(4, **OPTIONS).fit(pandas.DataFrame(ROWS, columns=list("abcdef")))) == wanted
    assert learned(RBM(4, **OPTIONS).fit(torch.as_tensor(ROWS))) == wanted


@pytest.mark.parametrize("chunk_size", [10, 4096])
def test_a_stream_in_its_order_gives_the_bits_of_the_array(chunk_size: int) -> None:
    wanted = learned(RBM(4, shuffle=False, **OPTIONS).fit(ROWS))
    assert learned(RBM(4, shuffle=False, chunk_size=chunk_size, **OPTIONS).fit(Stream())) == wanted
    assert learned(RBM(4, shuffle=False, chunk_size=chunk_size, **OPTIONS).fit(lambda: iter(Stream()))) == wanted


def test_a_stream_is_shuffled_inside_its_chunks() -> None:
    options = {**OPTIONS, "epochs": 1, "persistent": False}
    rbm = RBM(4, chunk_size=40, **options).fit(Stream())
    rng, parts = np.random.default_rng(derive(1, "epoch", 0)), []
    for start in range(0, 103, 40):
        piece = ROWS[start : start + 40]
        parts.append(piece[rng.permutation(len(piece))])
    wanted = RBM(4, shuffle=False, **options).fit(np.concatenate(parts))
    np.testing.assert_array_equal(rbm.weights_, wanted.weights_)
    same_as_an_array = RBM(4, chunk_size=4096, **options).fit(Stream())  # one chunk: all rows in one order
    np.testing.assert_array_equal(same_as_an_array.weights_, RBM(4, **options).fit(ROWS).weights_)


def test_a_generator_serves_for_one_epoch() -> None:
    once = RBM(4, shuffle=False, **OPTIONS).partial_fit(iter(Stream()))
    assert learned(once) == learned(RBM(4, shuffle=False, **OPTIONS).partial_fit(ROWS))
    with pytest.raises(InvalidData, match="expected rows that can be gone through again, got a generator that is used"):
        RBM(4, **OPTIONS).fit(iter(Stream()))


def test_a_function_that_gives_a_used_iterator_is_noticed() -> None:
    used = iter(Stream())
    with pytest.raises(InvalidData, match="X: expected an iterable with rows at every pass, got one that gave none"):
        RBM(4, **OPTIONS).fit(lambda: used)


def test_a_bad_number_in_a_stream_is_named_by_its_row_and_nothing_is_lost(on_disk: np.ndarray) -> None:
    rbm = RBM(4, **OPTIONS).fit(ROWS)
    before, spoilt = learned(rbm), ROWS.copy()
    spoilt[71, 2] = 1.5
    for source in (spoilt, Stream(spoilt)):
        with pytest.raises(InvalidData, match=r"X\. Row 71, column 2: expected a number in \[0, 1\], got 1.5"):
            rbm.partial_fit(source)
        with pytest.raises(InvalidData, match=r"X\. Row 71, column 2: expected a number in \[0, 1\], got 1.5"):
            rbm.transform(source)
        assert learned(rbm) == before
    twice = np.array(on_disk)
    folder = Path(on_disk.filename).parent
    bad = np.memmap(folder / "bad", dtype=np.float64, mode="w+", shape=ROWS.shape)
    bad[:] = np.where(np.arange(103)[:, None] == 71, 2.0, twice)
    with pytest.raises(InvalidData, match=r"X\. Row 71, column 0: expected a number in \[0, 1\], got 2"):
        rbm.fit(bad)  # although rows are shuffled
    assert learned(rbm) == before


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_change_no_bit_of_an_answer(backend: str) -> None:
    joblib = pytest.importorskip("joblib")
    rbm = RBM(4, chunk_size=20, **OPTIONS).fit(ROWS)
    methods = [rbm.transform, rbm.free_energy, rbm.score_samples, lambda X: rbm.gibbs(X, 3)]
    wanted = [hashed(method(ROWS)) for method in methods]
    rbm.n_jobs = 2
    with joblib.parallel_config(backend=backend):
        assert [hashed(method(ROWS)) for method in methods] == wanted
        assert hashed(rbm.transform(Stream())) == wanted[0]


def test_answers_of_streams_and_files_are_those_of_the_array(on_disk: np.ndarray) -> None:
    rbm = RBM(4, chunk_size=20, **OPTIONS).fit(ROWS)
    for method in (rbm.transform, rbm.reconstruct, rbm.gibbs, rbm.score):
        wanted = hashed(np.asarray(method(ROWS)))
        assert hashed(np.asarray(method(on_disk))) == wanted
        assert hashed(np.asarray(method(Stream()))) == wanted


def test_the_history_of_a_stream_is_that_of_its_first_rows() -> None:
    rbm = RBM(4, shuffle=False, **OPTIONS).fit(Stream())
    error = np.square(ROWS[:64] - rbm.reconstruct(ROWS[:64])).mean()
    assert rbm.history_[-1]["reconstruction_error"] == pytest.approx(error, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_numbers_are_uniform_and_independent(dtype: Any) -> None:
    machine = Machine(np.zeros((40, 50), dtype), np.zeros(50, dtype), np.zeros(40, dtype))
    noise = Noise(3, 0, 2)
    draws = [noise.draw(machine, 500) for _ in range(4)]
    assert {part.dtype for ups, downs in draws for part in (*ups, *downs)} == {np.dtype(dtype)}
    kinds = [np.concatenate([draw[side][sweep].ravel() for draw in draws]) for side in (0, 1) for sweep in (0, 1)]
    for numbers in kinds:
        assert numbers.min() >= 0
        assert numbers.max() < 1
        counts = np.histogram(numbers, 64, (0, 1))[0]
        expected = numbers.size / 64
        statistic = (np.square(counts - expected) / expected).sum()
        assert chi2.ppf(1e-4, 63) < statistic < chi2.ppf(1 - 1e-4, 63)
        for lag in (1, 2, 40, 50, 2000):  # the next number, row, batch
            assert abs(np.corrcoef(numbers[:-lag], numbers[lag:])[0, 1]) < 4.5 / np.sqrt(numbers.size)
    shortest = min(map(len, kinds))
    between = np.corrcoef([numbers[:shortest] for numbers in kinds])
    assert np.abs(between - np.eye(4)).max() < 4.5 / np.sqrt(shortest)
    assert len(np.unique(np.concatenate(kinds))) > 0.97 * sum(map(len, kinds))


def test_normal_numbers_have_mean_zero_and_variance_one() -> None:
    machine = Machine(np.zeros((40, 5)), np.zeros(5), np.zeros(40), gaussian=True)
    numbers = Noise(3, 0, 1).draw(machine, 5000)[1][0]
    assert abs(numbers.mean()) < 4.5 / np.sqrt(numbers.size)
    assert abs(numbers.var() - 1) < 4.5 * np.sqrt(2 / numbers.size)


def test_epochs_seeds_and_sweeps_have_numbers_of_their_own() -> None:
    machine = Machine(np.zeros((4, 5)), np.zeros(5), np.zeros(4))
    firsts = [
        part[0, 0]
        for seed, epoch in ((0, 0), (0, 1), (1, 0))
        for parts in Noise(seed, epoch, 3).draw(machine, 2)
        for part in parts
    ]
    assert len(set(firsts)) == 18


@pytest.mark.parametrize("size", [1, 7, 103])
def test_numbers_depend_on_the_place_of_a_row_in_the_epoch_only(size: int) -> None:
    machine = Machine(np.zeros((3, 5), np.float32), np.zeros(5, np.float32), np.zeros(3, np.float32))  # odd widths
    whole = Noise(3, 0, 1).draw(machine, 103)
    noise = Noise(3, 0, 1)
    parts = [noise.draw(machine, min(size, 103 - start)) for start in range(0, 103, size)]
    for side in (0, 1):
        np.testing.assert_array_equal(np.concatenate([part[side][0] for part in parts]), whole[side][0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_units_are_one_as_often_as_their_probability_says(dtype: Any) -> None:
    bias = np.array([-6.0, -2.0, 0.0, 0.5, 3.0], dtype)
    inputs, states = np.zeros((100_000, 5), dtype), np.empty((100_000, 5), dtype)
    _activate_and_draw(inputs, bias, np.random.default_rng(0).random(inputs.shape, dtype), states)
    assert set(np.unique(states)) == {0.0, 1.0}
    p = 1 / (1 + np.exp(-bias.astype(float)))
    np.testing.assert_allclose(inputs[0], p, rtol=1e-6)
    assert (np.abs(states.mean(axis=0, dtype=float) - p) < 4.5 * np.sqrt(p * (1 - p) / 100_000)).all()
