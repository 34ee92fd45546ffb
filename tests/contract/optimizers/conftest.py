"""Every rule of the registry, the problems that it is tried on, and what it must reach there.

A new rule enters by its registration. Where the defaults of `FIRST_ORDER` or `CURVATURE` do not fit it, it has an
entry in `TASKS`: other options, more steps, or less to be reached. A wrapper has an entry in `WRAPPED`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from netwright.core import registry
from netwright.optim import Accumulate, Averaged, Clip, Freeze, LayerRates, Lookahead, Optimizer
from netwright.optim.wrappers.wrapper import Wrapper

OURS = [
    cls
    for cls in (registry.look_up("optimizer", name) for name in registry.names("optimizer"))
    if cls.__module__.startswith("netwright.")
]
RULES = [cls for cls in OURS if not issubclass(cls, Wrapper)]
FULL_BATCH = [cls for cls in RULES if cls.full_batch]
WRAPPERS = [cls for cls in OURS if issubclass(cls, Wrapper)]
WRAPPED: dict[str, Callable[[Optimizer], Optimizer]] = {
    "Accumulate": lambda rule: Accumulate(rule, steps=2),
    "Averaged": Averaged,
    "Clip": lambda rule: Clip(rule, norm=0.5),
    "Freeze": lambda rule: Freeze(rule, "first"),
    "LayerRates": lambda rule: LayerRates(rule, {"first": 0.5}),
    "Lookahead": lambda rule: Lookahead(rule, every=2),
}


class Task(NamedTuple):
    """What a rule is to do with a problem: its options, the steps it has, and the share of the first loss to reach.

    None: the options of the parabola, and the steps and share of its kind.
    """

    options: dict[str, Any] | None = None
    steps: int | None = None
    share: float | None = None


# By problem: steps and share of the first loss, unless a rule has its own.
FIRST_ORDER: dict[str, tuple[int, float]] = {
    "parabola": (400, 5e-5),
    "rosenbrock": (1500, 0.004),
    "ill": (300, 0.9),
    "net": (300, 0.3),
    "saddle": (200, 1),
}
CURVATURE: dict[str, tuple[int, float]] = {
    "parabola": (60, 1e-12),
    "rosenbrock": (150, 1e-12),
    "ill": (150, 1e-8),
    "net": (60, 0.01),
    "saddle": (50, 1),
}
TASKS: dict[str, dict[str, Task]] = {
    "parabola": {
        "SGD": Task({"learning_rate": 0.1, "momentum": 0.5}),
        "Momentum": Task({"learning_rate": 0.05, "momentum": 0.7}),
        "Nesterov": Task({"learning_rate": 0.05, "momentum": 0.7}),
        "Adam": Task({"learning_rate": 0.1}),
        "AdamW": Task({"learning_rate": 0.1, "weight_decay": 0.0}),
        "Adamax": Task({"learning_rate": 0.1}),
        "RMSprop": Task({"learning_rate": 0.02}),
        "Adadelta": Task({"epsilon": 1e-3}),
        "Adagrad": Task({"learning_rate": 1.0}),
    },
    "rosenbrock": {
        "SGD": Task({"learning_rate": 2e-4, "momentum": 0.95, "nesterov": True}),
        "Momentum": Task({"learning_rate": 2e-4, "momentum": 0.95}),
        "Nesterov": Task({"learning_rate": 2e-4, "momentum": 0.95}),
        "Adam": Task({"learning_rate": 0.05}),
        "AdamW": Task({"learning_rate": 0.05, "weight_decay": 0.0}),
        "Adamax": Task({"learning_rate": 0.1}),
        "RMSprop": Task({"learning_rate": 0.002, "momentum": 0.9}),
        "Adadelta": Task({}, share=0.02),  # its steps shrink in the valley
        "Adagrad": Task({"learning_rate": 1.0}),
        "HessianDiagonal": Task(share=0.2),  # the valley is curved: its axes are not those of the weights
    },
    "ill": {
        "AdamW": Task({"weight_decay": 0.0, "learning_rate": 0.01}),
        "HessianDiagonal": Task(share=0.5),
    },
    "net": {
        "GaussNewton": Task(share=0.05),  # J is nearly singular, and steps without damping are long
        "HessianDiagonal": Task(share=0.05),
    },
}


class Problem(NamedTuple):
    """Weights, and residuals of them: the loss is half the sum of their squares."""

    weights: list[Tensor]
    residuals: Callable[[], Tensor]

    def loss(self) -> Tensor:
        return 0.5 * self.residuals().square().sum()

    def closure(self, rule: Optimizer, optimizer: torch.optim.Optimizer) -> Callable[[], Tensor]:
        """What ``optimizer.step`` of this rule takes."""
        if rule.takes == "residuals":
            return self.residuals

        def closure() -> Tensor:
            optimizer.zero_grad()
            found = self.loss()
            found.backward()
            return found

        return closure

    def descend(self, rule: Optimizer, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
        """The losses before each of some steps, and after them."""
        closure, stood = self.closure(rule, optimizer), 0
        losses = [float(self.loss().detach())]
        for _ in range(steps):
            optimizer.step(closure)
            losses.append(float(self.loss().detach()))
            stood = stood + 1 if getattr(optimizer, "stuck", False) else 0
            if stood == 4:  # it is at the bottom
                break
        return losses


def parabola(dtype: torch.dtype = torch.float64) -> Problem:
    scale, centre = torch.tensor([0.6, 2.0, 4.0], dtype=dtype), torch.tensor([1.0, -2.0, 3.0], dtype=dtype)
    weight = torch.zeros(3, dtype=dtype, requires_grad=True)
    return Problem([weight], lambda: scale.sqrt() * (weight - centre))


def rosenbrock(dtype: torch.dtype = torch.float64) -> Problem:
    weight = torch.tensor([-1.2, 1.0], dtype=dtype, requires_grad=True)  # loss 24.2
    valley = math.sqrt(200)
    return Problem(
        [weight], lambda: torch.stack([math.sqrt(2) * (1 - weight[0]), valley * (weight[1] - weight[0].square())])
    )


def ill(dtype: torch.dtype = torch.float64) -> Problem:
    """A quadratic in 6 weights of condition 1e8, whose axes are not those of the weights."""
    g = torch.Generator().manual_seed(5)
    mirror = torch.nn.functional.normalize(torch.randn(6, generator=g, dtype=dtype), dim=0)
    axes = torch.eye(6, dtype=dtype) - 2 * torch.outer(mirror, mirror)
    root = torch.logspace(-4, 0, 6, dtype=dtype)[:, None] * axes
    weight = torch.zeros(6, dtype=dtype, requires_grad=True)
    return Problem([weight], lambda: root @ (weight - 1))


def saddle(x: float, y: float, dtype: torch.dtype = torch.float64) -> Problem:
    """(x^2 - y^2 + y^4 + 1/4) / 2: a saddle at 0 between minima of loss 0 at x = 0, y = +-1/sqrt(2)."""
    weight = torch.tensor([x, y], dtype=dtype, requires_grad=True)
    return Problem([weight], lambda: torch.stack([weight[0], weight[1].square() - 0.5]))


def module_and_rows(dtype: torch.dtype) -> tuple[torch.nn.Module, Tensor, Tensor]:
    g = torch.Generator().manual_seed(3)
    first, last = (torch.nn.utils.skip_init(torch.nn.Linear, *sizes, dtype=dtype) for sizes in ((3, 4), (4, 1)))
    module = torch.nn.Sequential()
    for name, layer in (("first", first), ("tanh", torch.nn.Tanh()), ("last", last)):
        module.add_module(name, layer)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=g, dtype=torch.float64))
    inputs = torch.randn(32, 3, generator=g, dtype=torch.float64)  # (batch, features)
    return module, inputs.to(dtype), (inputs.sum(1, keepdim=True) + inputs[:, :1] ** 2).to(dtype)


def on_rows(module: torch.nn.Module, inputs: Tensor, targets: Tensor) -> Problem:
    """The weights of a module; the loss is half the mean of squares."""
    return Problem(list(module.parameters()), lambda: (module(inputs) - targets) / math.sqrt(len(inputs)))


def net(dtype: torch.dtype = torch.float64) -> Problem:
    """A dense network 3-4-1 on 32 rows."""
    return on_rows(*module_and_rows(dtype))


PROBLEMS: dict[str, Callable[..., Problem]] = {
    "parabola": parabola,
    "rosenbrock": rosenbrock,
    "ill": ill,
    "saddle": saddle,
    "net": net,
}


def task(cls: type[Optimizer], name: str) -> tuple[Optimizer, int, float]:
    """The rule with its options for a problem, its steps and the share of the first loss that it must reach."""
    entry = TASKS.get(name, {}).get(cls.__name__, Task())
    curved = cls().takes in ("objective", "residuals")
    steps, share = (CURVATURE if curved else FIRST_ORDER)[name]
    quick = TASKS["parabola"].get(cls.__name__, Task()).options or {}
    rule = cls(**(quick if entry.options is None else entry.options))
    return rule, entry.steps or steps, entry.share or share


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument, classes in (("cls", RULES), ("full_batch_cls", FULL_BATCH), ("wrapper", WRAPPERS)):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, classes, ids=lambda cls: cls.__name__)
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases(), ids=repr)


def cases() -> list[Optimizer]:
    """Every rule with quick options, and every wrapper round Adam."""
    rules = [task(cls, "net")[0] for cls in RULES]
    adam = task(registry.look_up("optimizer", "Adam"), "net")[0]
    return rules + [make(adam) for name, make in sorted(WRAPPED.items())]


@pytest.fixture
def problems() -> dict[str, Callable[..., Problem]]:
    return PROBLEMS


@pytest.fixture
def task_of() -> Callable[..., tuple[Optimizer, int, float]]:
    return task


@pytest.fixture
def small_net() -> Callable[..., tuple[torch.nn.Module, Tensor, Tensor]]:
    """Makes a small network with names, inputs and targets."""
    return module_and_rows


@pytest.fixture
def problem_of() -> Callable[..., Problem]:
    """Makes a problem of a module, inputs and targets."""
    return on_rows


@pytest.fixture
def wrapped() -> dict[str, Callable[[Optimizer], Optimizer]]:
    return WRAPPED


@pytest.fixture
def required() -> Callable[[type], list[str]]:
    """The fields of a value without which it cannot be made."""

    def of(cls: type) -> list[str]:
        missing = dataclasses.MISSING
        return [
            field.name
            for field in dataclasses.fields(cls)
            if field.default is missing and field.default_factory is missing
        ]

    return of
