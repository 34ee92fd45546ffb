"""A small network with named layers, its mini-batches, and the loop that everybody writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

Batch = tuple[torch.Tensor, torch.Tensor]
SIZES = {"first": (3, 5), "second": (5, 4), "last": (4, 2)}


class Problem:
    """A network ("first", "second", "last", with tanh between), batches of 8 rows, and how it is trained."""

    def __init__(self, dtype: torch.dtype = torch.float32, batches: int = 12) -> None:
        generator = torch.Generator().manual_seed(7)
        draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)  # noqa: E731
        self.module = torch.nn.Module()
        for name, sizes in SIZES.items():
            layer = torch.nn.utils.skip_init(torch.nn.Linear, *sizes, dtype=dtype)
            layer.weight.data, layer.bias.data = draw(sizes[1], sizes[0]), draw(sizes[1])
            self.module.add_module(name, layer)
        self.batches: list[Batch] = [(x, torch.stack([x.sum(1), x[:, 0] * x[:, 1]], 1)) for x in
                                     (draw(8, 3) for _ in range(batches))]  # fmt: skip

    @property
    def parameters(self) -> list[torch.Tensor]:
        return list(self.module.parameters())

    @property
    def named(self) -> list[tuple[str, torch.Tensor]]:
        return list(self.module.named_parameters())

    def loss(self, batch: Batch) -> torch.Tensor:
        x, y = batch
        hidden = torch.tanh(self.module.second(torch.tanh(self.module.first(x))))
        return (self.module.last(hidden) - y).square().mean()

    def backward(self, batch: Batch) -> torch.Tensor:
        self.module.zero_grad()
        loss = self.loss(batch)
        loss.backward()
        return loss.detach()

    def train(
        self,
        optimizer: torch.optim.Optimizer,
        batches: Iterable[Batch] | None = None,
        after: Callable[[], Any] = lambda: None,
    ) -> list[torch.Tensor]:
        """Steps of the optimizer on all batches; gives the weights, one copy each, after every step."""
        seen = []
        for batch in self.batches if batches is None else batches:
            self.backward(batch)
            optimizer.step()
            after()
            seen.append(self.vector())
        return seen

    def vector(self) -> torch.Tensor:
        return torch.cat([p.detach().reshape(-1) for p in self.parameters])

    def closure(self, optimizer: torch.optim.Optimizer, batch: Batch) -> Callable[[], torch.Tensor]:
        def call() -> torch.Tensor:
            optimizer.zero_grad()
            loss = self.loss(batch)
            loss.backward()
            return loss

        return call


@pytest.fixture
def problem() -> type[Problem]:
    """The class, of which a test makes as many equal problems as it needs."""
    return Problem
