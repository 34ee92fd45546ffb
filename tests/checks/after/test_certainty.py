"""Probabilities against frequencies: figures by hand, sure networks, and networks that are as sure as they may be."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks.after.certainty import best_temperature, by_chance, calibration_error, frequencies

CROSS, LOGITS = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss()


@pytest.fixture
def sure(train: Any, net: Any, halves: Any) -> Any:
    """A network that has learned 100 noisy rows by heart."""
    (X, y), held = halves("make_moons", n_samples=1000, noise=0.4)
    return train(net(2, 100, 100, 2), CROSS, (X[:100], y[:100]), held, epochs=120, size=100)


# the figures


def test_the_error_by_hand() -> None:
    p = torch.tensor([0.6] * 100 + [0.9] * 100, dtype=torch.float64)
    right = torch.tensor([1.0] * 50 + [0.0] * 50 + [1.0] * 70 + [0.0] * 30)
    # a share of 0.5 where 0.6 is said, 0.7 where 0.9 is said
    assert calibration_error(p, right) == pytest.approx((0.1 + 0.2) / 2)
    shuffled = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    assert calibration_error(p[shuffled], right[shuffled]) == pytest.approx(0.15)


def test_true_probabilities_are_seldom_beyond_the_limit() -> None:
    generator = torch.Generator().manual_seed(3)
    beyond = 0
    for _ in range(50):
        p = 0.5 + 0.5 * torch.rand(400, generator=generator, dtype=torch.float64)
        right = torch.rand(400, generator=generator) < p
        beyond += calibration_error(p, right) > by_chance(p)
    assert beyond <= 2


@pytest.mark.parametrize("true", [0.3, 1.0, 4.0])
def test_the_temperature_is_found(true: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4000, 5, generator=generator, dtype=torch.float64)
    labels = torch.multinomial((logits / true).softmax(1), 1, generator=generator)[:, 0]
    assert best_temperature(logits, labels) == pytest.approx(true, rel=0.1)


def test_the_temperature_makes_the_loss_least() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 20 * torch.randn(300, 3, generator=generator, dtype=torch.float64)
    labels = torch.multinomial((logits / 9).softmax(1), 1, generator=generator)[:, 0]
    found = best_temperature(logits, labels)
    tried = [0.05 * 400 ** (k / 400) for k in range(401)]
    losses = [float(torch.nn.functional.cross_entropy(logits / t, labels)) for t in tried]
    assert float(torch.nn.functional.cross_entropy(logits / found, labels)) <= min(losses) + 1e-9


def test_labels_that_are_all_right_have_the_smallest_temperature() -> None:
    logits = torch.eye(3, dtype=torch.float64).repeat(10, 1)
    assert best_temperature(logits, logits.argmax(1)) == pytest.approx(0.05, rel=1e-2)


# the finding


def test_a_network_that_is_too_sure(sure: Any) -> None:
    (found,) = sure.asked(frequencies)
    assert (found.code, found.level) == ("miscalibrated", "note")
    figures = found.evidence
    assert figures["mean_probability"] - figures["right"] == pytest.approx(figures["error"], abs=0.02)
    assert figures["error"] > figures["limit"]
    assert figures["temperature"] > 2
    assert figures["error_after"] < 0.75 * figures["error"]
    assert figures["loss_after"] < figures["loss"]
    assert (found.remedy.object, found.remedy.argument) == ("module", "temperature")
    assert found.remedy.value == pytest.approx(figures["temperature"], abs=1e-3)


def test_the_remedy_mends_it(sure: Any) -> None:
    (found,) = sure.asked(frequencies)
    sure.module.append(Divided(found.remedy.value))
    assert sure.asked(frequencies) == []


class Divided(nn.Module):
    """Logits divided by a temperature."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z / self.temperature


def test_one_logit(sure: Any, train: Any, net: Any) -> None:
    (X, y), (Xh, yh) = sure.data, sure.held
    pairs = [(X, y[:, None].float()), (Xh, yh[:, None].float())]
    program = train(net(2, 100, 100, 1), LOGITS, *pairs, epochs=120, size=100)
    assert [each.code for each in program.asked(frequencies)] == ["miscalibrated"]


@pytest.mark.slow
def test_enough_rows_to_learn_from(train: Any, net: Any, halves: Any) -> None:
    for noise in (0.2, 0.3, 0.4):
        for seed in range(4):
            torch.manual_seed(seed)
            program = train(net(2, 32, 2), CROSS, *halves("make_moons", n_samples=2500, noise=noise), epochs=10)
            assert program.asked(frequencies) == []


def test_the_limit_is_noted_where_nothing_is_found(train: Any, net: Any, halves: Any) -> None:
    program = train(net(2, 32, 2), CROSS, *halves("make_moons", n_samples=2500, noise=0.3), epochs=15)
    context = program.context()
    list(frequencies(context))
    signal = context.signals["calibration error of held-out answers"]
    assert signal.value <= signal.limit
    assert signal.limit >= 0.03


def test_nothing_is_said_without_many_held_out_rows(sure: Any) -> None:
    assert sure.asked(frequencies, held=False) == []
    sure.held = tuple(each[:190] for each in sure.held)
    assert sure.asked(frequencies) == []


def test_too_cautious_is_not_too_sure(sure: Any) -> None:
    sure.module.append(Divided(80.0))
    context = sure.context()
    assert list(frequencies(context)) == []
    assert context.signals["calibration error of held-out answers"].value > 0.1


@pytest.mark.parametrize(
    "other",
    [
        nn.CrossEntropyLoss(label_smoothing=0.2),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 9.0])),
        nn.MultiMarginLoss(),
    ],
    ids=["smoothing", "weights", "margin"],
)
def test_a_loss_that_does_not_ask_for_probabilities(other: Any, sure: Any) -> None:
    sure.loss = other
    assert not sure.context().likelihood
    assert sure.asked(frequencies) == []


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_that_does(reduction: str, sure: Any) -> None:
    sure.loss = nn.CrossEntropyLoss(reduction=reduction)
    assert sure.context().likelihood
    assert math.isfinite(sure.context().start)


def test_weights_of_classes_that_are_declared(sure: Any) -> None:
    assert sure.asked(frequencies, imbalanced=True) == []


def test_a_network_that_a_line_beats_has_more_to_mend(train: Any, net: Any, halves: Any) -> None:
    program = train(net(64, 16, 10), CROSS, *halves("load_digits"), epochs=0)
    with torch.no_grad():
        program.module[2].weight *= 100
    assert program.asked(frequencies) == []
