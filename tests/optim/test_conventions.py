"""The other places of epsilon and the other first values, as the papers, TensorFlow and Keras have them, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.optim import Adagrad, Adam, Adamax, Optimizer, RMSprop
from netwright.optim.elementwise.shell import Elementwise

START, SCALE, CENTRE = np.linspace(2.0, -1.5, 7), np.linspace(0.2, 2.0, 7), np.linspace(-1, 1, 7)
Path = Iterator[np.ndarray]


def gradient(w: np.ndarray) -> np.ndarray:
    return SCALE * (w - CENTRE) + 0.3 * np.sin(3 * w)


def adam(rule: Any, w: np.ndarray) -> Path:
    (b1, b2), m, v, top, t = rule.betas, 0.0, 0.0, 0.0, 0
    while True:
        g, t = gradient(w), t + 1
        m, v = m + (g - m) * (1 - b1), v + (g**2 - v) * (1 - b2)
        top = np.maximum(top, v)
        alpha = rule.learning_rate * np.sqrt(1 - b2**t) / (1 - b1**t)
        w = w - m * alpha / (np.sqrt(top if rule.amsgrad else v) + rule.epsilon)
        yield w


def adamax(rule: Any, w: np.ndarray) -> Path:
    (b1, b2), m, u, t = rule.betas, 0.0, 0.0, 0
    while True:
        g, t = gradient(w), t + 1
        m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, np.abs(g))
        w = w - rule.learning_rate * m / ((1 - b1**t) * (u + rule.epsilon))
        yield w


def rmsprop(rule: Any, w: np.ndarray) -> Path:
    """TensorFlow's form, with the rate inside the velocity."""
    rho, r, a, b = rule.decay, rule.initial_accumulator, 0.0, 0.0
    while True:
        g = gradient(w)
        r, a = rho * r + (1 - rho) * g**2, rho * a + (1 - rho) * g
        d = r - a**2 if rule.centered else r
        root = np.sqrt(d + rule.epsilon) if rule.epsilon_inside else np.sqrt(d) + rule.epsilon
        b = rule.momentum * b + rule.learning_rate * g / root
        w = w - b
        yield w


def adagrad(rule: Any, w: np.ndarray) -> Path:
    s, t = rule.initial_accumulator, 0
    while True:
        g = gradient(w)
        s = s + g**2
        w = w - rule.learning_rate / (1 + t * rule.learning_rate_decay) * g / np.sqrt(s + rule.epsilon)
        t += 1
        yield w


CASES: list[tuple[Optimizer, Callable[..., Path]]] = [
    (Adam(0.1, epsilon_hat=True), adam),
    (Adam(0.1, betas=(0.5, 0.8), epsilon=0.1, epsilon_hat=True), adam),
    (Adam(0.1, betas=(0.9, 0.5), epsilon=0.01, amsgrad=True, epsilon_hat=True), adam),
    (Adamax(0.1, epsilon_outside=True), adamax),
    (Adamax(0.1, betas=(0.8, 0.7), epsilon=0.1, epsilon_outside=True), adamax),
    (RMSprop(0.05, epsilon_inside=True), rmsprop),
    (RMSprop(0.05, epsilon_inside=True, initial_accumulator=1.0, decay=0.95, epsilon=1e-7), rmsprop),
    (RMSprop(0.05, initial_accumulator=1.0, epsilon=0.1), rmsprop),
    (RMSprop(0.05, momentum=0.6, epsilon_inside=True, initial_accumulator=0.3), rmsprop),
    (RMSprop(0.05, decay=0.8, momentum=0.6, centered=True, epsilon=0.1, epsilon_inside=True), rmsprop),
    (RMSprop(0.05, decay=0.8, centered=True, epsilon=0.1, initial_accumulator=0.5), rmsprop),
    (Adagrad(0.3, epsilon_inside=True, initial_accumulator=0.1, epsilon=1e-7), adagrad),
    (Adagrad(0.3, epsilon_inside=True, learning_rate_decay=0.2, epsilon=0.1), adagrad),
    (Adagrad(0.3, initial_accumulator=0.1, epsilon=1e-30), adagrad),  # NeuPy's, without an epsilon
]


@pytest.mark.parametrize("split", [(7,), (3, 4)], ids=["one tensor", "two tensors"])
@pytest.mark.parametrize(("rule", "transcription"), CASES, ids=lambda case: repr(case) if not callable(case) else "")
def test_a_form_is_its_equations(rule: Optimizer, transcription: Callable[..., Path], split: tuple[int, ...]) -> None:
    expected = transcription(rule, START)
    weights = [torch.tensor(part, requires_grad=True) for part in np.split(START, np.cumsum(split)[:-1])]
    optimizer = rule.build(weights)
    for _ in range(30):
        slopes = gradient(torch.cat(weights).detach().numpy())
        for weight, part in zip(weights, np.split(slopes, np.cumsum(split)[:-1]), strict=True):
            weight.grad = torch.tensor(part)
        optimizer.step()
        np.testing.assert_allclose(torch.cat(weights).detach().numpy(), next(expected), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("rule", "usual", "names"),
    [
        (Adam(epsilon_hat=True), Adam(), {"exp_avg", "exp_avg_sq"}),
        (Adam(epsilon_hat=True, amsgrad=True), Adam(amsgrad=True), {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}),
        (Adamax(epsilon_outside=True), Adamax(), {"exp_avg", "exp_inf"}),
        (RMSprop(epsilon_inside=True), RMSprop(), {"square_avg"}),
        (
            RMSprop(initial_accumulator=1.0, momentum=0.5, centered=True),
            RMSprop(momentum=0.5, centered=True),
            {"square_avg", "grad_avg", "momentum_buffer"},
        ),
        (Adagrad(epsilon_inside=True), Adagrad(), {"sum"}),
    ],
    ids=lambda case: "" if isinstance(case, set) else repr(case),
)
def test_the_usual_form_is_torchs_own_and_the_other_has_its_names(
    rule: Optimizer, usual: Optimizer, names: set[str]
) -> None:
    weight = torch.ones(2, requires_grad=True)
    weight.grad = torch.ones(2)
    optimizer, torchs = rule.build([weight]), usual.build([weight])
    assert isinstance(optimizer, Elementwise)
    assert type(torchs).__module__.startswith("torch.optim.")
    for made in (optimizer, torchs):
        made.step()
    assert names <= set(torchs.state[weight])
    assert set(optimizer.state[weight]) == names | {"step", "loss"}
    with torch.no_grad():
        options = {name for name in optimizer.param_groups[0] if name not in ("epsilon_inside",)}
    assert options <= set(torchs.param_groups[0]) | {"initial_accumulator_value"}


@pytest.mark.parametrize(
    "rule",
    [Adam(0.1, epsilon_hat=True), Adamax(0.1, epsilon_outside=True), RMSprop(0.1, epsilon_inside=True)],
    ids=repr,
)
def test_weight_decay_of_a_group_is_a_penalty(rule: Optimizer) -> None:
    one, other = (torch.tensor([0.5, -2.0], requires_grad=True) for _ in range(2))
    first, second = rule.build([{"params": one, "weight_decay": 0.3}]), rule.build([other])
    for _ in range(4):
        one.grad = torch.tensor([1.0, 0.2])
        other.grad = torch.tensor([1.0, 0.2]) + 0.3 * other.detach()
        first.step()
        second.step()
        torch.testing.assert_close(one, other)


def test_a_constant_gradient_leaves_the_centered_form_finite() -> None:
    weight = torch.zeros(3, requires_grad=True)
    optimizer = RMSprop(1e-6, decay=0.5, centered=True, epsilon_inside=True).build([weight])
    for _ in range(300):
        weight.grad = torch.tensor([0.1, 0.3, 0.7])
        optimizer.step()
    assert weight.isfinite().all()


def test_first_steps_from_zero_and_from_one() -> None:
    steps = []
    for first in (0.0, 1.0):
        weight = torch.zeros(1, requires_grad=True)
        weight.grad = torch.full((1,), 0.1)
        RMSprop(0.01, decay=0.99, initial_accumulator=first).build([weight]).step()
        steps.append(weight.item())
    assert steps == pytest.approx([-0.1, -0.001], rel=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(epsilon_hat=1), r"Adam\(epsilon_hat\): expected True or False, got 1"),
        (lambda: Adamax(epsilon_outside="no"), r"Adamax\(epsilon_outside\): expected True or False, got 'no'"),
        (lambda: RMSprop(epsilon_inside=None), r"RMSprop\(epsilon_inside\): expected True or False, got None"),
        (lambda: RMSprop(initial_accumulator=-1), r"RMSprop\(initial_accumulator\): expected a number in \[0, inf\)"),
        (lambda: Adagrad(epsilon_inside=2), r"Adagrad\(epsilon_inside\): expected True or False, got 2"),
    ],
)
def test_an_option_that_cannot_be(make: Callable[[], Optimizer], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        make()
