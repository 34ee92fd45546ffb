"""Every rule against a NumPy transcription of the equations in its docstring, step by step, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Optimizer, RMSprop

STEPS = 25
Path = Iterator[np.ndarray]


def sgd(rule: Any, w: np.ndarray, gradient: Callable) -> Path:
    mu, b = rule.momentum, None
    while True:
        g = gradient(w)
        b = g if b is None else mu * b + (1 - rule.dampening) * g
        w = w - rule.learning_rate * ((g + mu * b) if rule.nesterov else b if mu else g)
        yield w


def adam(rule: Any, w: np.ndarray, gradient: Callable) -> Path:
    (b1, b2), m, v, top, t = rule.betas, 0.0, 0.0, 0.0, 0
    while True:
        g, t = gradient(w), t + 1
        w = w * (1 - rule.learning_rate * getattr(rule, "weight_decay", 0.0))
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        top = np.maximum(top, v)
        root = np.sqrt(top if rule.amsgrad else v) / np.sqrt(1 - b2**t)
        w = w - rule.learning_rate / (1 - b1**t) * m / (root + rule.epsilon)
        yield w


def adamax(rule: Any, w: np.ndarray, gradient: Callable) -> Path:
    (b1, b2), m, u, t = rule.betas, 0.0, 0.0, 0
    while True:
        g, t = gradient(w), t + 1
        m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, np.abs(g) + rule.epsilon)
        w = w - rule.learning_rate / (1 - b1**t) * m / u
        yield w


def rmsprop(rule: Any, w: np.ndarray, gradient: Callable) -> Path:
    rho, v, a, b = rule.decay, 0.0, 0.0, 0.0
    while True:
        g = gradient(w)
        v, a = rho * v + (1 - rho) * g**2, rho * a + (1 - rho) * g
        s = np.sqrt(v - a**2 if rule.centered else v) + rule.epsilon
        b = rule.momentum * b + g / s
        w = w - rule.learning_rate * b
        yield w


def adadelta(rule: Any, w: np.ndarray, gradient: Callable) -> Path:
    rho, v, s = rule.decay, 0.0, 0.0
    while True:
        g = gradient(w)
        v = rho * v + (1 - rho) * g**2
        d = np.sqrt(s + rule.epsilon) / np.sqrt(v + rule.epsilon) * g
        s = rho * s + (1 - rho) * d**2
        w = w - rule.learning_rate * d
        yield w


def adagrad(rule: Any, w: np.ndarray, gradient: Callable) -> Path:
    s, t = rule.initial_accumulator, 0
    while True:
        g, t = gradient(w), t + 1
        s = s + g**2
        rate = rule.learning_rate / (1 + (t - 1) * rule.learning_rate_decay)
        w = w - rate * g / (np.sqrt(s) + rule.epsilon)
        yield w


CASES: list[tuple[Optimizer, Callable[..., Path]]] = [
    (SGD(0.1), sgd),
    (SGD(0.05, 0.9), sgd),
    (SGD(0.05, 0.9, nesterov=True), sgd),
    (SGD(0.05, 0.8, dampening=0.3), sgd),
    (SGD(0.05, dampening=0.3), sgd),
    (Adam(0.1), adam),
    (Adam(0.1, betas=(0.5, 0.8), epsilon=0.1), adam),
    (Adam(0.1, betas=(0.9, 0.5), epsilon=0.01, amsgrad=True), adam),
    (AdamW(0.1), adam),
    (AdamW(0.1, weight_decay=0.3, epsilon=0.1), adam),
    (AdamW(0.1, weight_decay=0.3, betas=(0.9, 0.5), amsgrad=True), adam),
    (Adamax(0.1), adamax),
    (Adamax(0.1, betas=(0.5, 0.8), epsilon=0.1), adamax),
    (RMSprop(0.05), rmsprop),
    (RMSprop(0.05, decay=0.8, epsilon=0.1), rmsprop),
    (RMSprop(0.05, momentum=0.6), rmsprop),
    (RMSprop(0.05, decay=0.8, momentum=0.6, centered=True, epsilon=0.1), rmsprop),
    (Adadelta(), adadelta),
    (Adadelta(0.5, decay=0.7, epsilon=0.01), adadelta),
    (Adagrad(0.3), adagrad),
    (Adagrad(0.3, learning_rate_decay=0.2, initial_accumulator=0.5, epsilon=0.1), adagrad),
]


@pytest.mark.slow
@pytest.mark.parametrize("split", [(7,), (3, 4)], ids=["one tensor", "two tensors"])
@pytest.mark.parametrize(("rule", "transcription"), CASES, ids=lambda case: repr(case) if not callable(case) else "")
def test_a_rule_is_its_equations(rule: Optimizer, transcription: Callable[..., Path], split: tuple[int, ...]) -> None:
    scale, centre = np.linspace(0.2, 2.0, 7), np.linspace(-1, 1, 7)
    start = np.linspace(2.0, -1.5, 7)
    expected = transcription(rule, start, lambda w: scale * (w - centre) + 0.1 * np.sin(3 * w))
    weights = [torch.tensor(part, requires_grad=True) for part in np.split(start, np.cumsum(split)[:-1])]
    optimizer = rule.build(weights)
    for _ in range(STEPS):
        optimizer.zero_grad()
        w = torch.cat(list(weights))
        loss = 0.5 * torch.tensor(scale) * (w - torch.tensor(centre)) ** 2 - 0.1 / 3 * torch.cos(3 * w)
        loss.sum().backward()
        optimizer.step()
        found = torch.cat(list(weights)).detach().numpy()
        np.testing.assert_allclose(found, next(expected), rtol=1e-12, atol=1e-13)


def test_the_first_order_rules_are_all_transcribed() -> None:
    assert {type(rule) for rule, _ in CASES} == {SGD, Adam, AdamW, Adamax, RMSprop, Adadelta, Adagrad}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(momentum=1.0), r"SGD\(momentum\): expected a number in \[0, 1\), got 1.0"),
        (lambda: SGD(momentum=0.9, dampening=-0.1), r"SGD\(dampening\): expected a number in \[0, 1\), got -0.1"),
        (lambda: SGD(nesterov=1), r"SGD\(nesterov\): expected True or False, got 1"),
        (
            lambda: SGD(nesterov=True),
            r"SGD\(nesterov\): expected momentum > 0 and dampening = 0 .*got momentum=0.0.*Add",
        ),
        (lambda: SGD(0.1, 0.9, nesterov=True, dampening=0.5), r"SGD\(nesterov\).*dampening=0.5. Add momentum=0.9, or"),
        (lambda: Adam(betas=(0.9, 1.0)), r"Adam\(betas\): expected two numbers in \[0, 1\), got \(0.9, 1.0\)"),
        (lambda: Adam(betas=(0.9,)), r"Adam\(betas\): expected two numbers in \[0, 1\), got \(0.9,\)"),
        (lambda: Adam(epsilon=0), r"Adam\(epsilon\): expected a number in \(0, inf\), got 0"),
        (lambda: Adam(amsgrad="yes"), r"Adam\(amsgrad\): expected True or False, got 'yes'"),
        (lambda: AdamW(weight_decay=-1), r"AdamW\(weight_decay\): expected a number in \[0, inf\), got -1"),
        (lambda: Adamax(betas=0.9), r"Adamax\(betas\): expected two numbers in \[0, 1\), got 0.9"),
        (lambda: RMSprop(decay=1), r"RMSprop\(decay\): expected a number in \[0, 1\), got 1"),
        (lambda: RMSprop(centered=None), r"RMSprop\(centered\): expected True or False, got None"),
        (lambda: Adadelta(decay=-0.1), r"Adadelta\(decay\): expected a number in \[0, 1\), got -0.1"),
        (lambda: Adagrad(learning_rate_decay=-1), r"Adagrad\(learning_rate_decay\): expected a number in \[0, inf\)"),
        (lambda: Adagrad(initial_accumulator=-1), r"Adagrad\(initial_accumulator\): expected a number in \[0, inf\)"),
        (lambda: SGD(0.1, nestrov=True), r"SGD: expected one of its options, got 'nestrov'. Did you mean 'nesterov'\?"),
    ],
)
def test_an_option_that_cannot_be(make: Callable[[], Optimizer], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        make()
