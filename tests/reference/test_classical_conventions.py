"""The conventions that all classical networks share, each against the equation of the textbook in plain loops.

A given start, rows in order and a constant rate leave nothing to chance, so results are compared to rounding.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.special import expit, logsumexp

from netwright import classical

RNG = np.random.default_rng(7)
X = RNG.normal(size=(20, 3))
CLOSE = {"rtol": 1e-11, "atol": 1e-13}


def glyphs(n: int, bits: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((n, bits)) < 0.5).astype(float)


def test_a_map_moves_by_the_gaussian_of_the_distance_on_the_grid() -> None:
    start = RNG.normal(size=(12, 3))
    som = classical.SOFM(
        (3, 4),
        algorithm="online",
        neighborhood="gaussian",
        radius=1.3,
        learning_rate=0.2,
        epochs=2,
        init=start,
        shuffle=False,
    )
    som.fit(X)
    places = np.array(list(itertools.product(range(3), range(4))), dtype=float)
    w = start.copy()
    for _ in range(2):
        for x in X:
            winner = int(np.argmin([np.sum((x - unit) ** 2) for unit in w]))
            for j in range(12):
                d2 = float(np.sum((places[j] - places[winner]) ** 2))
                w[j] = w[j] + 0.2 * math.exp(-d2 / (2 * 1.3**2)) * (x - w[j])
    np.testing.assert_allclose(som.weights_, w, **CLOSE)
    assert som.n_iter_ == 2
    expected = [int(np.argmin([np.sum((x - unit) ** 2) for unit in w])) for x in X]
    np.testing.assert_array_equal(som.predict(X), expected)
    mean = np.mean([np.sqrt(np.sum((x - w[j]) ** 2)) for x, j in zip(X, expected, strict=True)])
    np.testing.assert_allclose(som.quantization_error_, mean, **CLOSE)


def test_a_batch_map_takes_weighted_means() -> None:
    start = RNG.normal(size=(6, 3))
    som = classical.SOFM((2, 3), algorithm="batch", radius=0.8, epochs=3, init=start).fit(X)
    places = np.array(list(itertools.product(range(2), range(3))), dtype=float)
    w = start.copy()
    for _ in range(3):
        winners = [int(np.argmin([np.sum((x - unit) ** 2) for unit in w])) for x in X]
        new = w.copy()
        for j in range(6):
            h = [math.exp(-float(np.sum((places[j] - places[c]) ** 2)) / (2 * 0.8**2)) for c in winners]
            new[j] = sum(hi * x for hi, x in zip(h, X, strict=True)) / sum(h)
        w = new
    np.testing.assert_allclose(som.weights_, w, rtol=1e-9)


def test_oja_sanger_kohonen_instar() -> None:
    start = RNG.normal(size=(2, 3)) / 3
    rows = X - X.mean(axis=0)
    oja, sanger, kohonen = start.copy(), start.copy(), start.copy()
    for x in rows:
        y = oja @ x
        oja = oja + 0.01 * np.outer(y, x - oja.T @ y)
        y = sanger @ x
        sanger = sanger + 0.01 * (np.outer(y, x) - np.tril(np.outer(y, y)) @ sanger)
        winner = int(np.argmin([np.sum((x - unit) ** 2) for unit in kohonen]))
        kohonen[winner] = kohonen[winner] + 0.01 * (x - kohonen[winner])
    options = {"learning_rate": 0.01, "epochs": 1, "init": start, "shuffle": False}
    for network, expected in (
        (classical.Oja(2, **options), oja),
        (classical.Sanger(2, **options), sanger),
        (classical.Kohonen(2, **options), kohonen),
    ):
        np.testing.assert_allclose(network.fit(rows).weights_, expected, **CLOSE)


def test_lvq1_attracts_the_right_and_repels_the_wrong() -> None:
    y = np.arange(20) % 2
    start, labels = RNG.normal(size=(4, 3)), np.array([0, 1, 0, 1])
    lvq = classical.LVQ1(learning_rate=0.1, epochs=2, init=start, labels=labels, shuffle=False).fit(X, y)
    w = start.copy()
    for _ in range(2):
        for x, label in zip(X, y, strict=True):
            winner = int(np.argmin([np.sum((x - unit) ** 2) for unit in w]))
            w[winner] += (0.1 if labels[winner] == label else -0.1) * (x - w[winner])
    np.testing.assert_allclose(lvq.prototypes_, w, **CLOSE)
    np.testing.assert_array_equal(lvq.labels_, labels)


def test_hopfield_stores_and_recalls() -> None:
    stored = glyphs(3, 25)
    network = classical.Hopfield(mode="sync", max_iter=1).fit(stored)
    s = 2 * stored - 1
    w = s.T @ s
    np.fill_diagonal(w, 0)
    assert network.weights_.shape == (25, 25)
    ratio = w[w != 0] / network.weights_[w != 0]
    np.testing.assert_allclose(ratio, ratio[0])
    np.testing.assert_array_equal(network.weights_ == 0, w == 0)
    noisy = np.where(RNG.random(stored.shape) < 0.2, 1 - stored, stored)
    field = (2 * noisy - 1) @ w
    once = np.where(field > 0, 1, np.where(field < 0, 0, noisy))
    np.testing.assert_array_equal(network.predict(noisy), once)
    v = 2 * noisy - 1
    np.testing.assert_allclose(network.energy(noisy), -0.5 * np.sum((v @ network.weights_) * v, axis=1), **CLOSE)
    settled = classical.Hopfield(mode="async", random_state=0).fit(stored).predict(noisy)
    field = (2 * settled - 1) @ w
    assert np.all((field == 0) | ((field > 0) == (settled == 1)))


def test_bam_has_the_textbooks_energy() -> None:
    A, B = glyphs(3, 40, 1), glyphs(3, 30, 2)
    bam = classical.BAM().fit(A, B)
    a, b = 2 * A - 1, 2 * B - 1
    w = sum(np.outer(p, q) for p, q in zip(a, b, strict=True))
    np.testing.assert_allclose(bam.energy(A, B), [-(p @ w @ q) for p, q in zip(a, b, strict=True)], **CLOSE)
    np.testing.assert_array_equal(bam.predict(A), B)
    np.testing.assert_array_equal(bam.predict_input(B), A)


def test_kernels_have_two_sigma_squared() -> None:
    y, queries = RNG.normal(size=20), RNG.normal(size=(5, 3))
    k = np.array([[math.exp(-float(np.sum((q - x) ** 2)) / (2 * 0.7**2)) for x in X] for q in queries])
    grnn = classical.GRNN(bandwidth=0.7).fit(X, y)
    np.testing.assert_allclose(grnn.predict(queries), k @ y / k.sum(axis=1), rtol=1e-9)
    labels = np.where(np.arange(20) % 3 == 0, "a", "b")
    means = np.stack([k[:, labels == name].mean(axis=1) for name in ("a", "b")], axis=1)
    pnn = classical.PNN(bandwidth=0.7).fit(X, labels)
    np.testing.assert_allclose(pnn.predict_proba(queries), means / means.sum(axis=1, keepdims=True), rtol=1e-9)
    far = np.full((1, 3), 1e6)
    assert np.isfinite(grnn.predict(far)).all()
    np.testing.assert_allclose(pnn.predict_proba(far).sum(axis=1), 1.0)


def test_art_templates_only_shrink_and_answers_learn_nothing() -> None:
    rows = glyphs(30, 16)
    rows[:, 0] = 1
    art = classical.ART1(0.6, shuffle=False).fit(rows)
    before = art.templates_.copy()
    art.predict(glyphs(9, 16, 5) + np.eye(9, 16) * 0)
    np.testing.assert_array_equal(art.templates_, before)
    art.partial_fit(rows[::-1])
    after = art.templates_[: len(before)]
    assert np.all(after <= before)


def test_the_free_energy_is_that_of_all_hidden_states() -> None:
    rows = glyphs(40, 4)
    rbm = classical.RBM(3, epochs=3, random_state=0).fit(rows)
    assert rbm.weights_.shape == (3, 4)
    states = np.array(list(itertools.product([0, 1], repeat=3)))
    for v, energy in zip(rows[:6], rbm.free_energy(rows[:6]), strict=True):
        minus_e = [h @ rbm.weights_ @ v + h @ rbm.hidden_bias_ + v @ rbm.visible_bias_ for h in states]
        np.testing.assert_allclose(energy, -logsumexp(minus_e), rtol=1e-9)
    np.testing.assert_allclose(rbm.transform(rows), expit(rows @ rbm.weights_.T + rbm.hidden_bias_), rtol=1e-9)
    samples = rbm.gibbs(rows, 2)
    assert samples.shape == rows.shape
    assert set(np.unique(samples)) <= {0, 1}


@pytest.mark.parametrize("name", ["Hopfield", "BAM", "ART1"])
def test_binary_networks_refuse_other_numbers(name: str) -> None:
    rows = glyphs(4, 16)
    rows[2, 3] = 0.5
    arguments = (rows, glyphs(4, 8)) if name == "BAM" else (rows,)
    with pytest.raises(ValueError, match=r"Row 2, column 3.*: expected 0 or 1, got 0\.5\."):
        getattr(classical, name)().fit(*arguments)
