"""A restricted Boltzmann machine as an estimator: what it learns, remembers, refuses and says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.classical.energy.rbm import RBM
from netwright.core.errors import DivergenceWarning, InvalidData, InvalidParameter
from netwright.core.schedules import exponential_decay

RNG = np.random.default_rng(0)
ROWS = (RNG.random((60, 6)) < np.where(np.arange(60) % 2, 0.9, 0.1)[:, None]).astype(float)
DIGITS = (load_digits().data[:400] > 8).astype(np.float32)


def same(first: Any, second: Any) -> None:
    """All that was learned is the same, bit by bit."""
    params = first.get_params(deep=False)
    mine, theirs = ({k: v for k, v in vars(rbm).items() if k not in params} for rbm in (first, second))
    assert set(mine) == set(theirs)
    for name, item in mine.items():
        for a, b in zip(item, theirs[name], strict=True) if isinstance(item, tuple) else [(item, theirs[name])]:
            np.testing.assert_array_equal(a, b, err_msg=name)


ALL = {"momentum": (0.5, 0.9), "persistent": True, "weight_decay": 1e-3, "steps": 2, "learning_rate": (0.2, 0.1)}


@pytest.mark.parametrize("options", [{}, ALL], ids=["plain", "all"])
def test_so_many_calls_of_partial_fit_are_a_fit(options: dict[str, Any]) -> None:
    whole = RBM(4, epochs=4, batch_size=7, random_state=1, **options).fit(ROWS)
    parts = RBM(4, epochs=4, batch_size=7, random_state=1, **options)
    for _ in range(4):
        parts.partial_fit(ROWS)
    same(whole, parts)
    assert whole.n_iter_ == 4
    assert [record["epoch"] for record in whole.history_] == [1, 2, 3, 4]


def test_a_saved_machine_goes_on_exactly(tmp_path: Path) -> None:
    rbm = RBM(4, epochs=3, random_state=1, **ALL).fit(ROWS)
    rbm.save(tmp_path / "rbm.nw")
    again = nw.load(tmp_path / "rbm.nw")
    same(rbm, again)
    np.testing.assert_array_equal(again.sample(3, steps=5), rbm.sample(3, steps=5))
    same(rbm.partial_fit(ROWS), again.partial_fit(ROWS))


def test_a_fit_forgets_the_fit_before() -> None:
    rbm = RBM(4, epochs=2, random_state=1, persistent=True, momentum=0.5).fit(ROWS)
    rbm.set_params(persistent=False, momentum=0.0).fit(ROWS)
    assert not hasattr(rbm, "chains_")
    same(rbm, RBM(4, epochs=2, random_state=1).fit(ROWS))


def test_momentum_and_chains_may_come_later() -> None:
    rbm = RBM(4, epochs=2, batch_size=8, random_state=1).fit(ROWS)
    rbm.set_params(momentum=0.5, persistent=True).partial_fit(ROWS)
    assert rbm.chains_.shape == (8, 4)
    before = rbm.chains_
    rbm.set_params(batch_size=5).partial_fit(ROWS)  # the chains are as many as they were
    assert rbm.chains_.shape == (8, 4)
    assert not np.array_equal(rbm.chains_, before)


def test_it_learns_digits_as_well_as_scikit_learn() -> None:
    rbm = RBM(64, learning_rate=0.1, epochs=10, random_state=0).fit(DIGITS)
    theirs = BernoulliRBM(64, learning_rate=0.1, n_iter=10, random_state=0).fit(DIGITS)
    other = RBM(64, init=theirs.components_).partial_fit(DIGITS)
    other.weights_, other.hidden_bias_ = theirs.components_, theirs.intercept_hidden_
    other.visible_bias_ = theirs.intercept_visible_
    assert rbm.score(DIGITS) > other.score(DIGITS) > -64 * np.log(2)
    course = [record["pseudo_likelihood"] for record in rbm.history_]
    errors = [record["reconstruction_error"] for record in rbm.history_]
    assert course[-1] > course[0] + 3
    assert errors[-1] < 0.7 * errors[0]
    assert course[-1] == pytest.approx(rbm.score(DIGITS), abs=4)
    watched = DIGITS[np.linspace(0, 399, 64).astype(int)]
    assert errors[-1] == pytest.approx(np.square(watched - rbm.reconstruct(watched)).mean(), rel=1e-5)


def test_answers_are_those_of_scikit_learn() -> None:
    theirs = BernoulliRBM(16, n_iter=2, random_state=0).fit(DIGITS.astype(float))
    rbm = RBM(16, epochs=1).fit(DIGITS.astype(float))
    rbm.weights_, rbm.hidden_bias_ = theirs.components_, theirs.intercept_hidden_
    rbm.visible_bias_ = theirs.intercept_visible_
    np.testing.assert_allclose(rbm.transform(DIGITS), theirs.transform(DIGITS.astype(float)), rtol=1e-10)
    np.testing.assert_allclose(rbm.free_energy(DIGITS), theirs._free_energy(DIGITS.astype(float)), rtol=1e-10)
    their_scores = []  # of a bit of each row, at random
    for seed in range(40):
        theirs.random_state = seed
        their_scores.append(theirs.score_samples(DIGITS.astype(float)).mean())
    error = 5 * np.std(their_scores) / np.sqrt(40)
    assert rbm.score(DIGITS) == pytest.approx(np.mean(their_scores), abs=error)
    assert rbm.pseudo_likelihood(DIGITS, 40) == pytest.approx(rbm.score(DIGITS), abs=error)
    assert rbm.pseudo_likelihood(DIGITS) == rbm.score(DIGITS) == pytest.approx(rbm.score_samples(DIGITS).mean())


def test_numbers_between_zero_and_one_are_chances() -> None:
    rbm = RBM(8, epochs=30, learning_rate=(0.1, 0.002), random_state=0).fit(np.full((200, 3), [0.1, 0.5, 0.9]))
    drawn = rbm.sample(2000, steps=20)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_allclose(drawn.mean(axis=0), [0.1, 0.5, 0.9], atol=0.05)


def test_gaussian_units_learn_the_mean_and_the_spread() -> None:
    rng = np.random.default_rng(1)
    X = np.where(rng.random(600) < 0.5, 2.0, -2.0)[:, None] * [1, 1, 0, -1] + rng.normal(size=(600, 4))
    rbm = RBM(6, visible="gaussian", learning_rate=0.01, epochs=60, random_state=0).fit(X)
    drawn = rbm.sample(2000, steps=200)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(X.T), atol=0.8)
    errors = [record["reconstruction_error"] for record in rbm.history_]
    assert errors[-1] < 0.5 * errors[0]
    assert rbm.free_energy(X).mean() < rbm.free_energy(rng.permuted(X, axis=0)).mean()


def test_draws_follow_from_the_fit_or_from_a_seed_of_their_own() -> None:
    rbm = RBM(4, epochs=5, random_state=1).fit(ROWS)
    for draw in (lambda **seed: rbm.sample(20, steps=3, **seed), lambda **seed: rbm.gibbs(ROWS, 2, **seed)):
        np.testing.assert_array_equal(draw(), draw())
        np.testing.assert_array_equal(draw(random_state=5), draw(random_state=5))
        assert not np.array_equal(draw(), draw(random_state=5))
        assert not np.array_equal(draw(random_state=5), draw(random_state=6))
    np.testing.assert_array_equal(rbm.sample(20, steps=3)[:4], rbm.sample(4, steps=3))
    np.testing.assert_array_equal(rbm.gibbs(ROWS)[:4], rbm.gibbs(ROWS[:4]))
    assert rbm.pseudo_likelihood(ROWS, 1) == rbm.pseudo_likelihood(ROWS, 1)
    assert rbm.pseudo_likelihood(ROWS, 1) != rbm.pseudo_likelihood(ROWS, 1, random_state=5)


def test_means_are_between_the_draws() -> None:
    rbm = RBM(4, epochs=5, random_state=1).fit(ROWS)
    for means in (rbm.sample(20, steps=3, means=True), rbm.gibbs(ROWS, 2, means=True)):
        assert ((means > 0) & (means < 1)).all()


def test_samples_begin_at_the_persistent_chains() -> None:
    rbm = RBM(4, epochs=5, batch_size=3, persistent=True, random_state=1).fit(ROWS)
    rbm.weights_ = 60 * np.eye(4, 6)  # a hidden unit is what its visible unit was
    rbm.hidden_bias_, rbm.visible_bias_ = np.full(4, -30.0), np.full(6, -30.0)
    wanted = rbm.chains_[[0, 1, 2, 0, 1]]
    np.testing.assert_array_equal(rbm.sample(5, steps=4)[:, :4], wanted)


def test_it_searches_by_its_score() -> None:
    found = GridSearchCV(RBM(8, epochs=2, random_state=0), {"learning_rate": [1e-4, 0.2]}, cv=2).fit(DIGITS)
    assert found.best_params_ == {"learning_rate": 0.2}


def test_numbers_outside_of_the_unit_interval_are_refused_by_place() -> None:
    spoilt = ROWS.copy()
    spoilt[3, 4] = 16.0
    message = (
        r"X\. Row 3, column 4: expected a number in \[0, 1\], got 16\. "
        r"Scale the columns to \[0, 1\] \(sklearn.preprocessing.MinMaxScaler\), or set visible='gaussian'"
    )
    with pytest.raises(InvalidData, match=message):
        RBM(4).fit(spoilt)
    rbm = RBM(4, epochs=1, random_state=0).fit(ROWS)
    spoilt[3, 4] = -0.5
    for answer in (rbm.transform, rbm.free_energy, rbm.gibbs, rbm.score, rbm.reconstruct, rbm.partial_fit):
        with pytest.raises(InvalidData, match=r"X\. Row 3, column 4: expected a number in \[0, 1\], got -0.5"):
            answer(spoilt)
    RBM(4, visible="gaussian", epochs=1).fit(StandardScaler().fit_transform(spoilt))


def test_a_frame_is_refused_by_the_name_of_its_column() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS[:, :2] * 3, columns=["age", "fare"])
    with pytest.raises(InvalidData, match=r"column 0 \('age'\): expected a number in \[0, 1\], got 3"):
        RBM(4).fit(frame)


@pytest.mark.parametrize(
    ("init", "got"),
    [
        (np.zeros((4, 5)), r"an array of shape \(4, 5\) and type float64"),
        (np.full((4, 6), np.nan), "nan"),
        (np.full((4, 6), -1e60), r"1e\+60"),
        (np.full((4, 6), "a"), r"type <U1"),
        (np.zeros((4, 6), complex), "type complex128"),
        ([[0.0], [0.0, 1.0]], r"\[\[0\.0\], \[0\.0, 1\.0\]\]"),
    ],
)
def test_first_weights_that_cannot_be_are_refused(init: Any, got: str) -> None:
    expected = (
        r"RBM\(init\): expected finite numbers \(n_components, n_features\) = \(4, 6\), up to 1e\+09 in size, got "
    )
    with pytest.raises(InvalidParameter, match=expected + ".*" + got):
        RBM(4, init=init).fit(ROWS)


def test_first_weights_may_be_lists() -> None:
    init = np.random.default_rng(0).normal(size=(4, 6))
    lists, array = (RBM(4, init=start, epochs=1, random_state=0).fit(ROWS) for start in (init.tolist(), init))
    np.testing.assert_array_equal(lists.weights_, array.weights_)


@pytest.mark.parametrize("ask", [RBM.gibbs, lambda rbm, X: rbm.pseudo_likelihood(X, bits=2), RBM.free_energy])
def test_a_machine_that_has_learned_nothing_says_so(ask: Any) -> None:
    with pytest.raises(NotFittedError):
        ask(RBM(4), ROWS)


@pytest.mark.parametrize("ask", [RBM.fit, RBM.free_energy, RBM.gibbs])
def test_gaussian_rows_without_squares_are_refused(ask: Any) -> None:
    rbm = RBM(4, visible="gaussian", epochs=1, random_state=0).fit(ROWS)
    rows = ROWS.copy()
    rows[3, 2] = -1e200
    with pytest.raises(InvalidData, match=r"X\. Row 3, column 2: expected a number up to .* got -1e\+200\. Standard"):
        ask(rbm, rows)


def test_a_decay_that_overshoots_is_noticed() -> None:
    match = r"blow up in epoch \d+ at the rate 0\.1\. .* Try learning_rate=1e-07\.$"
    with pytest.warns(DivergenceWarning, match=match):
        rbm = RBM(4, weight_decay=1e6, random_state=0).fit(ROWS)
    assert np.abs(rbm.weights_).max() < 1e9


def test_first_weights_stay_the_users() -> None:
    init = np.ones((4, 6))
    rbm = RBM(4, init=init, epochs=1).fit(ROWS)
    assert (init == 1).all()
    assert not np.array_equal(rbm.weights_, init)


def test_gaussian_units_have_no_pseudo_likelihood() -> None:
    rbm = RBM(4, visible="gaussian", epochs=1).fit(ROWS)
    for name in ("score", "score_samples", "pseudo_likelihood"):
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
            getattr(rbm, name)
    assert "pseudo_likelihood" not in rbm.history_[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rbm: rbm.gibbs(ROWS, 0), r"RBM.gibbs\(steps\): expected an integer >= 1, got 0"),
        (lambda rbm: rbm.gibbs(ROWS, means=1), r"RBM.gibbs\(means\): expected True or False, got 1"),
        (lambda rbm: rbm.sample(0), r"RBM.sample\(n\): expected an integer >= 1, got 0"),
        (lambda rbm: rbm.sample(1, 1.5), r"RBM.sample\(steps\): expected an integer >= 1, got 1.5"),
        (lambda rbm: rbm.sample(1, 1, means="yes"), r"RBM.sample\(means\): expected True or False, got 'yes'"),
        (
            lambda rbm: rbm.pseudo_likelihood(ROWS, 0),
            r"RBM.pseudo_likelihood\(bits\): expected None or an integer >= 1",
        ),
        (lambda rbm: rbm.gibbs(ROWS, random_state="x"), r"random_state: expected None, an integer >= 0"),
        (lambda rbm: RBM(n_component=3), r"got 'n_component'. Did you mean 'n_components'\?"),
        (
            lambda rbm: RBM(visible="gauss").fit(ROWS),
            r"RBM\(visible\): expected 'bernoulli' or 'gaussian', got 'gauss'",
        ),
    ],
)
def test_questions_that_cannot_be_answered(call: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        call(RBM(4, epochs=1, random_state=0).fit(ROWS))


def test_gaussian_units_that_blow_up_keep_what_was_learned() -> None:
    X = 30 * np.random.default_rng(0).normal(size=(200, 5))
    rbm = RBM(50, visible="gaussian", learning_rate=0.5, random_state=0, epochs=5)
    message = (
        r"RBM: expected finite weights, got numbers that blow up in epoch 1 at the rate 0.5. The weights of the epoch "
        r"before are kept. Try learning_rate=0.05, and standardise the columns \(sklearn.preprocessing.StandardScaler\)"
    )
    with pytest.warns(DivergenceWarning, match=message) as caught:
        rbm.fit(X)
    assert caught[0].filename == __file__
    assert rbm.n_iter_ == 0
    assert rbm.history_ == []
    assert np.abs(rbm.weights_).max() < 0.06
    rbm.set_params(learning_rate=1e-5).partial_fit(X)
    kept = rbm.weights_.copy()
    with pytest.warns(DivergenceWarning, match="in epoch 2 at the rate 0.5"):
        rbm.set_params(learning_rate=0.5).partial_fit(X)
    np.testing.assert_array_equal(rbm.weights_, kept)
    assert rbm.n_iter_ == 1


def test_bernoulli_units_that_overflow_are_noticed() -> None:
    with pytest.warns(
        DivergenceWarning, match=r"blow up in epoch 1 at the rate 1e\+38. .* Try learning_rate=1e\+37\.$"
    ):
        RBM(4, learning_rate=1e38, momentum=0.99).fit(ROWS.astype(np.float32))


def test_no_number_becomes_subnormal() -> None:
    X = np.hstack([ROWS, np.zeros((60, 2))]).astype(np.float32)  # columns without ink: nothing moves their velocity
    rbm = RBM(4, epochs=500, momentum=0.5, weight_decay=2.0, learning_rate=0.2, random_state=0).fit(X)
    for part in (rbm.weights_, *rbm._velocity):
        sizes = np.abs(part[part != 0])
        assert sizes.min() > 1e-31
    assert (rbm.weights_[:, 6:] == 0).any()


def test_a_momentum_beyond_1_is_refused() -> None:
    with pytest.raises(
        InvalidParameter, match=r"RBM\(momentum\): expected a schedule in \[0, 1\], got 1\.5 in epoch 0"
    ):
        RBM(4, momentum=exponential_decay(1.5, 0.9)).fit(ROWS)


def test_no_worker_at_all_is_refused() -> None:
    with pytest.raises(
        InvalidParameter, match=r"RBM\(n_jobs\): expected .*an integer >= 1 or an integer <= -1.*, got 0"
    ):
        RBM(4, n_jobs=0).fit(ROWS)
