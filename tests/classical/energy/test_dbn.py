"""A stack of machines: each learns what the one below makes of the rows, and the whole makes up rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.classical.energy.boltzmann import visible_units
from netwright.classical.energy.dbn import DBN
from netwright.classical.energy.epochs import machine_of
from netwright.classical.energy.rbm import RBM
from netwright.core.errors import DivergenceWarning, InvalidData, InvalidParameter
from netwright.core.seeds import derive

RNG = np.random.default_rng(0)
ROWS = (RNG.random((90, 6)) < np.where(np.arange(90) % 2, 0.9, 0.1)[:, None]).astype(float)
DIGITS = load_digits().data[:300] / 16


class Stream:
    """Rows in arrays, as often as they are asked for."""

    def __iter__(self) -> Iterator[np.ndarray]:
        yield from (ROWS[start : start + 17] for start in range(0, len(ROWS), 17))


def same(first: DBN, second: DBN) -> None:
    """All layers are the same, bit by bit."""
    assert len(first.rbms_) == len(second.rbms_)
    for one, other in zip(first.rbms_, second.rbms_, strict=True):
        assert one.get_params() == other.get_params()
        assert one.history_ == other.history_
        for name in ("weights_", "hidden_bias_", "visible_bias_"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


OPTIONS: dict[str, Any] = {
    "learning_rate": (0.2, 0.1),
    "epochs": 4,
    "batch_size": 8,
    "steps": 2,
    "persistent": True,
    "momentum": 0.5,
    "weight_decay": 1e-3,
}


@pytest.mark.parametrize("shuffle", [False, True])
def test_each_layer_is_a_machine_on_the_probabilities_of_the_one_below(shuffle: bool) -> None:
    dbn = DBN((5, 4, 3), random_state=2, shuffle=shuffle, **OPTIONS).fit(ROWS)
    rows = ROWS
    for number, rbm in enumerate(dbn.rbms_):
        alone = RBM(rbm.n_components, random_state=derive(2, "layer", number), shuffle=shuffle, **OPTIONS).fit(rows)
        np.testing.assert_allclose(rbm.weights_, alone.weights_, rtol=1e-10)
        np.testing.assert_array_equal(rbm.chains_, alone.chains_)
        rows = alone.transform(rows)
    np.testing.assert_allclose(dbn.transform(ROWS), rows, rtol=1e-10)
    assert [rbm.weights_.shape for rbm in dbn.rbms_] == [(5, 6), (4, 5), (3, 4)]
    assert dbn.n_features_in_ == 6
    assert list(dbn.get_feature_names_out()) == ["dbn0", "dbn1", "dbn2"]


def test_one_layer_is_a_machine() -> None:
    dbn = DBN((5,), epochs=3, random_state=2).fit(ROWS)
    rbm = RBM(5, epochs=3, random_state=derive(2, "layer", 0)).fit(ROWS)
    np.testing.assert_array_equal(dbn.transform(ROWS), rbm.transform(ROWS))
    np.testing.assert_array_equal(dbn.reconstruct(ROWS), rbm.reconstruct(ROWS))
    top = derive(derive(2, "sample"), "top")
    np.testing.assert_array_equal(dbn.sample(4, steps=3), rbm.sample(4, steps=3, random_state=top))
    means = dbn.sample(4, steps=3, means=True)
    np.testing.assert_array_equal(means, rbm.sample(4, steps=3, means=True, random_state=top))


def test_what_the_top_makes_up_is_drawn_downwards() -> None:
    dbn = DBN((5, 4, 3), epochs=3, random_state=2).fit(ROWS)
    seed = 9
    rows = dbn.rbms_[2].sample(6, steps=3, random_state=derive(seed, "top"))
    for number in (1, 0):
        machine = machine_of(dbn.rbms_[number])
        means = visible_units(machine, rows, None)
        rows = visible_units(machine, rows, derive(seed, "down", number))
    np.testing.assert_array_equal(dbn.sample(6, steps=3, random_state=seed), rows)
    np.testing.assert_array_equal(dbn.sample(6, steps=3, means=True, random_state=seed), means)
    assert set(np.unique(rows)) <= {0.0, 1.0}
    np.testing.assert_array_equal(dbn.sample(6, steps=3), dbn.sample(6, steps=3))
    assert not np.array_equal(dbn.sample(6, steps=3), dbn.sample(6, steps=3, random_state=1))


def test_reconstructions_go_to_the_top_and_back() -> None:
    dbn = DBN((5, 3), epochs=3, random_state=2).fit(ROWS)
    low, top = dbn.rbms_
    hidden = 1 / (1 + np.exp(-(top.transform(low.transform(ROWS)) @ top.weights_ + top.visible_bias_)))
    wanted = 1 / (1 + np.exp(-(hidden @ low.weights_ + low.visible_bias_)))
    np.testing.assert_allclose(dbn.reconstruct(ROWS), wanted, rtol=1e-12)


def test_layers_learn_digits() -> None:
    dbn = DBN((64, 32), epochs=25, random_state=0).fit(DIGITS)
    assert np.square(DIGITS - dbn.reconstruct(DIGITS)).mean() < 0.8 * DIGITS.var(axis=0).mean()
    for rbm in dbn.rbms_:
        assert rbm.history_[-1]["reconstruction_error"] < rbm.history_[0]["reconstruction_error"]
    made = dbn.sample(50, steps=200, means=True)
    assert np.corrcoef(made.mean(axis=0), DIGITS.mean(axis=0))[0, 1] > 0.8


def test_gaussian_units_stand_at_the_bottom_only() -> None:
    X = StandardScaler().fit_transform(DIGITS)
    dbn = DBN((16, 8), visible="gaussian", epochs=3, random_state=0).fit(X)
    assert [rbm.visible for rbm in dbn.rbms_] == ["gaussian", "bernoulli"]
    made = dbn.sample(20, steps=5)
    assert made.min() < -1 < 1 < made.max()


def test_rows_on_disk_give_the_same_bits(tmp_path: Path) -> None:
    rows = np.memmap(tmp_path / "rows", dtype=np.float64, mode="w+", shape=ROWS.shape)
    rows[:] = ROWS
    same(DBN((5, 3), chunk_size=20, random_state=0).fit(ROWS), DBN((5, 3), chunk_size=20, random_state=0).fit(rows))


def test_a_stream_in_its_order_gives_the_layers_of_the_array() -> None:
    options = {"shuffle": False, "epochs": 3, "chunk_size": 30, "random_state": 0}
    streamed, whole = DBN((5, 3), **options).fit(Stream()), DBN((5, 3), **options).fit(ROWS)
    for one, other in zip(streamed.rbms_, whole.rbms_, strict=True):
        np.testing.assert_array_equal(one.weights_, other.weights_)
    np.testing.assert_array_equal(streamed.transform(Stream()), whole.transform(ROWS))


def test_workers_change_no_bit_of_an_answer() -> None:
    dbn = DBN((5, 3), epochs=1, chunk_size=20, random_state=0).fit(ROWS)
    wanted = dbn.transform(ROWS)
    dbn.set_params(n_jobs=2)
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config(backend="threading"):
        np.testing.assert_array_equal(dbn.transform(ROWS), wanted)


def test_a_saved_stack_is_the_same(tmp_path: Path) -> None:
    dbn = DBN((5, 3), random_state=2, **OPTIONS).fit(ROWS.astype(np.float32))
    dbn.save(tmp_path / "dbn.nw")
    again = nw.load(tmp_path / "dbn.nw")
    same(dbn, again)
    np.testing.assert_array_equal(again.transform(ROWS), dbn.transform(ROWS))
    assert again.transform(ROWS).dtype == np.float32
    np.testing.assert_array_equal(again.rbms_[0].partial_fit(ROWS).weights_, dbn.rbms_[0].partial_fit(ROWS).weights_)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda dbn: DBN(()).fit(ROWS), r"DBN\(layers\): expected a tuple of 1 or more elements, each an integer >= 1"),
        (lambda dbn: DBN((4, 0)).fit(ROWS), r"DBN\(layers\): .* got \(4, 0\)"),
        (lambda dbn: DBN(layer=3), r"got 'layer'. Did you mean 'layers'\?"),
        (lambda dbn: dbn.sample(0), r"DBN.sample\(n\): expected an integer >= 1, got 0"),
        (lambda dbn: dbn.sample(1, 0), r"DBN.sample\(steps\): expected an integer >= 1, got 0"),
        (lambda dbn: dbn.sample(1, means=2), r"DBN.sample\(means\): expected True or False, got 2"),
    ],
)
def test_what_cannot_be_is_refused(call: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        call(DBN((3,), epochs=1, random_state=0).fit(ROWS))


def test_numbers_outside_of_the_unit_interval_are_refused_by_place() -> None:
    dbn = DBN((3,), epochs=1, random_state=0).fit(ROWS)
    for call in (DBN((3,)).fit, dbn.transform, dbn.reconstruct):
        with pytest.raises(InvalidData, match=r"X\. Row 1, column 0: expected a number in \[0, 1\], got 2"):
            call(2 * ROWS * (np.arange(90) > 0)[:, None])


def test_a_layer_that_blows_up_says_so() -> None:
    X = 30 * np.random.default_rng(0).normal(size=(200, 5))
    with pytest.warns(DivergenceWarning, match="blow up in epoch 1 at the rate 0.5") as caught:
        DBN((50,), visible="gaussian", learning_rate=0.5, random_state=0).fit(X)
    assert caught[0].filename == __file__
