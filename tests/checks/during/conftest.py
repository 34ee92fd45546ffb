"""What the tests of watches share: rows, the textbook's loop with one thing changed, one question asked of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.codes import CODES
from netwright.checks.copies import quiet
from netwright.checks.diagnosis import diagnose
from netwright.checks.during import backward
from netwright.checks.during.watching import Watch
from netwright.checks.finding import Finding

CROSS = nn.CrossEntropyLoss()


@pytest.fixture(autouse=True)
def _torch_is_left_as_it_was() -> Iterator[None]:
    """Whatever a watch wraps or enters is gone after it."""
    before = torch.Tensor.backward, torch.autograd.backward
    yield
    assert (torch.Tensor.backward, torch.autograd.backward) == before
    assert torch.overrides._get_current_function_mode_stack() == []
    assert torch.utils._python_dispatch._get_current_dispatch_mode_stack() == []
    assert backward._LISTENERS == []


@pytest.fixture
def rows(draw: Callable[..., Tensor], classes: Callable[[Tensor], Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    """Rows of some columns, and three classes by a rule."""

    def make(n: int = 320, columns: int = 6) -> tuple[Tensor, Tensor]:
        X = draw(n, columns)
        return X, classes(X)

    return make


@pytest.fixture
def batches() -> Callable[..., Iterator[tuple[Tensor, Tensor]]]:
    """Batches of rows in an order that is drawn anew each epoch."""

    def make(X: Tensor, y: Tensor, epochs: int, size: int = 32) -> Iterator[tuple[Tensor, Tensor]]:
        for epoch in range(epochs):
            order = torch.randperm(len(X), generator=torch.Generator().manual_seed(epoch))
            for part in order.split(size):
                yield X[part], y[part]

    return make


@pytest.fixture
def train() -> Callable[..., Watch]:
    """The textbook's loop under a watch, with one thing changed: ``train(module, optimizer, (X, y), epochs=...)``.

    ``zero``, ``step``: whether these are called. ``clip``: a norm. ``each_batch``, ``each_epoch``: called after a step,
    after an epoch. ``times``: what the loss is multiplied by.
    """

    def run(
        module: nn.Module,
        optimizer: Any,
        data: tuple[Tensor, Tensor],
        loss: Any = CROSS,
        *,
        epochs: int = 5,
        size: int = 32,
        zero: bool = True,
        step: bool = True,
        clip: float | None = None,
        each_batch: Callable[[], object] | None = None,
        each_epoch: Callable[[Watch], object] | None = None,
        times: float = 1.0,
        **declared: Any,
    ) -> Watch:
        with Watch(module, optimizer, loss, **declared) as watching:
            for epoch in range(epochs):
                order = torch.randperm(len(data[0]), generator=torch.Generator().manual_seed(epoch))
                for part in order.split(size):
                    if zero:
                        optimizer.zero_grad()
                    (times * loss(module(data[0][part]), data[1][part])).backward()
                    if clip is not None:
                        nn.utils.clip_grad_norm_(module.parameters(), clip)
                    if step:
                        optimizer.step()
                    if each_batch is not None:
                        each_batch()
                if each_epoch is not None:
                    each_epoch(watching)
        return watching

    return run


@pytest.fixture
def found() -> Callable[..., list[Finding]]:
    """All findings of one question to a run."""

    def ask(question: Callable[[Any], Any], watching: Watch) -> list[Finding]:
        watched = watching._watched
        watched.way = watching._hooks.training.way or watched.way
        with quiet():
            told = list(question(watched))
        for each in told:
            assert each.code in CODES
            assert each.seen
            assert each.expected
            assert each.do.endswith((".", "?"))
            assert json.loads(diagnose([each]).to_json())["findings"][0]["code"] == each.code
        return told

    return ask


@pytest.fixture
def the(found: Callable[..., list[Finding]]) -> Callable[..., Finding]:
    """The one finding of a question to a run that makes exactly one."""

    def one(question: Callable[[Any], Any], watching: Watch) -> Finding:
        told = found(question, watching)
        assert len(told) == 1, [str(each) for each in told]
        return told[0]

    return one
