"""What the tests of questions after training share: data sets split in two, and a network that has learned them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from sklearn import datasets
from torch import Tensor, nn

from netwright.checks.after.trained import Trained
from netwright.checks.context import Intent
from netwright.checks.finding import Finding
from netwright.checks.reading import read

Pair = tuple[Tensor, Tensor]


@dataclass
class Program:
    """A program whose module has been trained."""

    module: nn.Module
    loss: Any
    optimizer: Any
    data: Pair
    held: Pair | None

    def context(self, held: bool = True, **options: Any) -> Trained:
        """The program as the questions take it."""
        like = torch.float32
        batch = options.pop("batch_size", None)
        other = read(self.held, batch, like, "validation") if held and self.held is not None else None
        epochs = options.pop("epochs", None)
        optimizers = [] if self.optimizer is None else [self.optimizer]
        own = read(self.data, batch, like)
        return Trained(self.module, optimizers, self.loss, own, other, Intent(**options), epochs)

    def asked(self, question: Callable[[Trained], Any], held: bool = True, **options: Any) -> list[Finding]:
        """What a question finds."""
        return list(question(self.context(held, **options)))


@pytest.fixture
def halves() -> Callable[..., tuple[Pair, Pair]]:
    """A data set of scikit-learn by its name, its columns standardised, as rows to learn from and others."""

    def make(name: str, share: float = 0.6, **options: Any) -> tuple[Pair, Pair]:
        loader = getattr(datasets, name)
        X, y = loader(return_X_y=True) if name.startswith("load") else loader(random_state=0, **options)
        X, y = torch.as_tensor(X).float(), torch.as_tensor(y)
        X = (X - X.mean(0)) / X.std(0).clamp_min(1e-6) if "digits" not in name else X / 16
        y = ((y - y.mean()) / y.std()).float()[:, None] if y.is_floating_point() else y
        order = torch.randperm(len(X), generator=torch.Generator().manual_seed(1))
        kept, held = order[: int(share * len(X))], order[int(share * len(X)) :]
        return (X[kept], y[kept]), (X[held], y[held])

    return make


@pytest.fixture
def train() -> Callable[..., Program]:
    """A program whose module has gone over its rows some times in batches, by Adam unless said otherwise."""

    def make(
        module: nn.Module,
        loss: Any,
        data: Pair,
        held: Pair | None = None,
        epochs: int = 20,
        size: int = 32,
        optimizer: Any = None,
        lr: float = 1e-2,
    ) -> Program:
        optimizer = torch.optim.Adam(module.parameters(), lr) if optimizer is None else optimizer
        generator = torch.Generator().manual_seed(0)
        module.train()
        for _ in range(epochs):
            for rows in torch.randperm(len(data[0]), generator=generator).split(size):
                optimizer.zero_grad()
                loss(module(data[0][rows]), data[1][rows]).backward()
                optimizer.step()
        return Program(module, loss, optimizer, data, held)

    return make


@pytest.fixture
def flipped() -> Callable[..., tuple[Tensor, set[int]]]:
    """Labels of which a share is another class, and the numbers of these rows."""

    def make(y: Tensor, share: float, seed: int = 0) -> tuple[Tensor, set[int]]:
        generator = torch.Generator().manual_seed(seed)
        classes = int(y.max()) + 1
        rows = torch.randperm(len(y), generator=generator)[: int(share * len(y))]
        other = y.clone()
        other[rows] = (y[rows] + torch.randint(1, classes, (len(rows),), generator=generator)) % classes
        return other, set(rows.tolist())

    return make
