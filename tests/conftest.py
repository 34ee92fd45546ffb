"""What tests share: examples that do not follow from the order of tests, and numbers and cases for the losses.

Of one example in twenty Hypothesis takes a number that it finds in the source of the modules that happen to be loaded,
also where it is told to draw the same examples again. The quick tier goes without these numbers; the slow tier, whose
examples are new in each run, takes them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis.internal.conjecture import providers

from netwright.core import registry
from netwright.losses import CrossEntropy, Loss

Draw = Callable[..., torch.Tensor]
from_modules = getattr(providers, "_get_local_constants", None)  # not public: another version may lack it


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What the library logs during a test; pytest's own plugin for it costs every test two milliseconds."""
    logger, said = logging.getLogger("netwright"), list[str]()
    handler, level = logging.Handler(logging.INFO), logger.level
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield said
    logger.setLevel(level)
    logger.removeHandler(handler)


@pytest.fixture
def draw() -> Draw:
    """Normal numbers in float64, the same in every run."""
    generator = torch.Generator().manual_seed(7)
    return lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def target_of(draw: Draw) -> Callable[..., torch.Tensor]:
    """A target of one of the kinds of `Loss.targets` for outputs (n, k), (n, steps, k) or (n, k, *space)."""

    def make(kind: str, shape: tuple[int, ...]) -> torch.Tensor:
        axis = 1 if len(shape) >= 4 else len(shape) - 1
        z = draw(*shape)
        if kind == "class":
            return z.argmax(axis)
        if kind == "distribution":
            return z.softmax(axis)
        return (z > 0).double() if kind == "binary" else z.abs()

    return make


def losses() -> list[tuple[Any, str]]:
    """Every registered loss with default options, once for each kind of target that it takes."""
    assert issubclass(CrossEntropy, Loss)  # the room is loaded
    made = [registry.look_up("loss", name)() for name in registry.names("loss")]
    return [(loss, kind) for loss in made for kind in loss.targets]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if {"loss", "kind"} <= set(metafunc.fixturenames):
        metafunc.parametrize(
            ("loss", "kind"), losses(), ids=lambda item: item if isinstance(item, str) else type(item).__name__
        )


def pytest_runtest_setup(item: pytest.Item) -> None:
    wanted = from_modules if item.get_closest_marker("slow") else lambda: providers.Constants()
    if from_modules is not None and (providers._get_local_constants is from_modules) != (wanted is from_modules):
        providers._get_local_constants = wanted
        providers.CONSTANTS_CACHE.cache.clear()
