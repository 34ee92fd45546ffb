"""What no unit that competes may do in silence: run away by its rate, or answer with infinity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netwright.classical.associative.kohonen import Kohonen
from netwright.classical.gas.growing_neural_gas import GrowingNeuralGas
from netwright.classical.gas.neural_gas import NeuralGas
from netwright.classical.resonance.art1 import ART1
from netwright.classical.resonance.fuzzy_art import FuzzyART
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.schedules import cosine, polynomial_decay

X = np.random.default_rng(0).normal(size=(40, 3))
each = pytest.mark.parametrize("kind", [Kohonen, GrowingNeuralGas, NeuralGas])


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (Kohonen, "learning_rate"),
        (GrowingNeuralGas, "learning_rate"),
        (GrowingNeuralGas, "neighbor_rate"),
        (NeuralGas, "learning_rate"),
        (FuzzyART, "learning_rate"),
    ],
)
def test_a_schedule_of_rates_beyond_one_is_refused(kind: Any, option: str) -> None:
    network = kind(random_state=0).fit(X)
    before = network.predict(X)
    text = rf"{kind.__name__}\({option}\): expected a schedule in \[0, 1\], got 5 in epoch 0\. Scale the schedule"
    with pytest.raises(InvalidParameter, match=text):
        network.set_params(**{option: cosine(5.0)}).fit(X)
    np.testing.assert_array_equal(network.predict(X), before)
    network.set_params(**{option: cosine(0.5)}).fit(X)


@each
def test_rows_whose_distances_are_no_numbers_are_refused(kind: Any) -> None:
    network = kind(random_state=0).fit(X)
    for method in (network.predict, network.transform):
        with pytest.raises(InvalidData, match=r"X: expected numbers up to .* in size.*, got 1e\+200"):
            method([[1.0, 1e200, 0.0]])


@each
def test_first_units_whose_distances_are_no_numbers_are_refused(kind: Any) -> None:
    text = rf"{kind.__name__}\(init\): expected numbers up to .* in size.*, got 1e\+300"
    with pytest.raises(InvalidParameter, match=text):
        kind(init=1e300 * np.eye(3)).fit(X)
    with pytest.raises(InvalidParameter, match=r"init\): expected finite numbers of float32, got NaN or infinity"):
        kind(init=1e39 * np.eye(3)).fit(X.astype(np.float32))  # without a warning of the cast


@pytest.mark.parametrize("algorithm", ["online", "batch"])
def test_a_neighborhood_that_a_schedule_closes_is_that_of_the_winner_alone(algorithm: str) -> None:
    network = NeuralGas(4, algorithm=algorithm, neighborhood_range=polynomial_decay(3.0), random_state=0, epochs=3)
    network.fit(X).partial_fit(X)  # past the end the schedule is 0
    one = NeuralGas(algorithm=algorithm, neighborhood_range=1e-3, init=network.weights_, shuffle=False, epochs=1).fit(X)
    other = NeuralGas(
        algorithm=algorithm, neighborhood_range=polynomial_decay(1e-300), init=network.weights_, shuffle=False, epochs=1
    )
    np.testing.assert_array_equal(other.fit(X).weights_, one.weights_)


def test_numbers_beyond_the_integers_of_kernels() -> None:
    huge = 10**30
    options = {"max_age": huge, "insert_every": huge}
    assert len(GrowingNeuralGas(huge, **options, random_state=0).fit(X).weights_) == 2
    for art, rows in ((ART1(max_units=huge), (X > 0) | np.eye(1, 3, dtype=bool)), (FuzzyART(max_units=huge), X)):
        assert (art.fit(rows).labels_ >= 0).all()


def test_fuzzy_art_learns_by_a_rate_that_changes() -> None:
    rows = np.random.default_rng(1).random((30, 2))
    options: dict[str, Any] = {"bounds": (0.0, 1.0), "epochs": 3, "vigilance": 0.6}
    rates = {"pair": (0.9, 0.3), "schedule": polynomial_decay(0.9, 0.3)}  # the same line
    for fast in (True, False):
        whole = {
            key: FuzzyART(learning_rate=rate, fast_commit=fast, **options).fit(rows) for key, rate in rates.items()
        }
        step_by_step = FuzzyART(learning_rate=rates["pair"], fast_commit=fast, **options)
        templates: list[np.ndarray] = []
        for epoch in range(3):
            step_by_step.partial_fit(rows)
            for place, row in enumerate(rows):
                rate = 0.9 + (0.3 - 0.9) * (epoch + place / 30) / 3
                code = np.concatenate([row, 1 - row])
                overlaps = [np.minimum(code, w).sum() for w in templates]
                choices = [o / (0.001 + w.sum()) for o, w in zip(overlaps, templates, strict=True)]
                able = [j for j, o in enumerate(overlaps) if o / code.sum() >= 0.6]
                if not able:
                    templates.append(code if fast else 1 - rate * (1 - code))
                    continue
                best = max(able, key=choices.__getitem__)
                templates[best] = templates[best] - rate * (templates[best] - np.minimum(code, templates[best]))
        np.testing.assert_allclose(whole["pair"].templates_, templates, rtol=1e-12)
        np.testing.assert_allclose(whole["schedule"].templates_, templates, rtol=1e-12)
        np.testing.assert_array_equal(whole["pair"].templates_, step_by_step.templates_)
        np.testing.assert_array_equal(whole["pair"].labels_, step_by_step.labels_)
