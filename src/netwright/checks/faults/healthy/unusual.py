"""Healthy programs that are unusual in how they train, and yet right."""

from __future__ import annotations

import math
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import healthy
from netwright.checks.faults.program import Program, Report, explained_variance
from netwright.checks.faults.sources import Pair, Rows, digits, moons, split, surface


def _loader(pair: Pair, batch_size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    """Shuffled batches in an order drawn from the seed."""
    order = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*pair), batch_size, shuffle=True, generator=order)


class Transfer(nn.Module):
    """A trained body that stays as it is, in evaluation mode, under a new head."""

    def __init__(self, body: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.body = body.requires_grad_(False)
        self.head = nn.Linear(features, classes)

    def train(self, mode: bool = True) -> Transfer:
        """Set the head's mode; the body's statistics stay fixed."""
        super().train(mode)
        self.body.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the new classes.

        Shapes
        ------
        x (n, 1, 8, 8) -> (n, classes)
        """
        return self.head(self.body(x))


def _pretrained_body(pair: Pair, seed: int) -> nn.Sequential:
    """A convolutional body that has learned the digits 0 to 4."""
    body = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.Flatten(),
    )  # fmt: skip
    old = nn.Sequential(body, nn.Linear(384, 5))
    optimizer = torch.optim.Adam(old.parameters(), lr=3e-3)
    for _ in range(4):
        for X, y in _loader(pair, 64, seed):
            optimizer.zero_grad()
            F.cross_entropy(old(X), y).backward()
            optimizer.step()
    return body


@healthy(name="frozen-backbone-new-digits", net="cnn")
def frozen_backbone(seed: int) -> Program:
    """A body that knows the digits 0 to 4 is frozen on purpose, and only a new head learns the digits 5 to 9."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    X, y = rows.train
    body = _pretrained_body((X[y < 5], y[y < 5]), seed)
    train, validation, test = ((X[y > 4], y[y > 4] - 5) for X, y in (rows.train, rows.validation, rows.test))
    net = Transfer(body, 384, 5)
    optimizer = torch.optim.Adam(net.head.parameters(), lr=2e-3)
    return Program(net, nn.CrossEntropyLoss(), optimizer, _loader(train, 32, seed), validation, test, epochs=15)


def accumulate(program: Program, report: Report) -> None:
    """Four small batches make one step; the loss is divided by four, and the last batches of an epoch step too."""
    for epoch in range(program.epochs):
        program.module.train()
        batches = list(program.batches(epoch))
        program.optimizer.zero_grad()
        for index, (X, y) in enumerate(batches):
            (program.loss(program.module(X), y) / 4).backward()
            if (index + 1) % 4 == 0 or index + 1 == len(batches):
                program.optimizer.step()
                program.optimizer.zero_grad()
        program.module.eval()
        program.validate(report)


@healthy(name="accumulated-gradients")
def accumulation(seed: int) -> Program:
    """Gradients pile up over four batches of 12 on purpose, so that a step sees 48 rows."""
    torch.manual_seed(seed)
    rows = digits(seed)
    net = nn.Sequential(nn.Linear(64, 80), nn.LayerNorm(80), nn.ReLU(), nn.Linear(80, 40), nn.ReLU(), nn.Linear(40, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    data = _loader(rows.train, 12, seed)
    loss = nn.CrossEntropyLoss()
    return Program(net, loss, optimizer, data, rows.validation, rows.test, epochs=10, loop=accumulate)


def full_batch(program: Program, report: Report) -> None:
    """Every step is a search along a line over all rows, with a closure."""
    assert isinstance(program.data, tuple)
    X, y = program.data
    net, optimizer = program.module, program.optimizer

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = program.loss(net(X), y)
        loss.backward()
        return loss

    for _ in range(program.epochs):
        net.train()
        optimizer.step(closure)  # type: ignore[arg-type]
        net.eval()
        program.validate(report)


@healthy(name="lbfgs-full-batch")
def lbfgs(seed: int) -> Program:
    """L-BFGS at rate 1 takes all rows in one batch and calls the loss many times a step."""
    torch.manual_seed(seed)
    rows = surface(seed, n=900, noise=0.2)
    net = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 1))
    optimizer = torch.optim.LBFGS(net.parameters(), lr=1.0, max_iter=10, line_search_fn="strong_wolfe")
    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        explained_variance,
        epochs=12,
        batch_size=len(rows.train[1]),
        loop=full_batch,
    )


@healthy(name="summed-loss-small-rate")
def summed_loss(seed: int) -> Program:
    """The loss is the sum over the batch, and the rate was chosen for that: 0.0005 for batches of 64."""
    torch.manual_seed(seed)
    rows = digits(seed)
    net = nn.Sequential(nn.Linear(64, 72), nn.ReLU(), nn.Dropout(0.1), nn.Linear(72, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=5e-4, momentum=0.9)
    data = _loader(rows.train, 64, seed)
    loss = nn.CrossEntropyLoss(reduction="sum")
    return Program(net, loss, optimizer, data, rows.validation, rows.test, epochs=15)


class PreNorm(nn.Module):
    """Attention and two layers on a normalised input; both branches begin at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        for last in (self.attention.out_proj, self.mlp[2]):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Input plus both branches.

        Shapes
        ------
        x (n, steps, width) -> (n, steps, width)
        """
        seen = self.norm1(x)
        x = x + self.attention(seen, seen, seen, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class Retriever(nn.Module):
    """Two blocks over the steps, read at the mean of all steps."""

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(columns, width)
        self.blocks = nn.Sequential(PreNorm(width), PreNorm(width))
        self.read = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """A number for each sequence.

        Shapes
        ------
        x (n, steps, columns) -> (n, 1)
        """
        return self.read(self.blocks(self.embed(x)).mean(dim=1))


def _marked(seed: int, n: int = 700, steps: int = 5) -> Rows:
    """Sequences (n, steps, 3) of a value, a mark and noise; the target, (n, 1), is the value of the marked step."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, steps, 3))
    place = rng.integers(0, steps, n)
    X[:, :, 1] = np.arange(steps) == place[:, None]
    return split(X, X[np.arange(n), place, 0][:, None], seed, scale=False)


def warm_up(program: Program, report: Report) -> None:
    """The rate is set before every batch: from zero up over the first tenth of the steps, then by a cosine to zero."""
    for epoch in range(program.epochs):
        program.module.train()
        for X, y in program.batches(epoch):
            program.optimizer.zero_grad()
            program.loss(program.module(X), y).backward()
            nn.utils.clip_grad_norm_(program.module.parameters(), 1.0)
            program.optimizer.step()
            program.scheduler.step()
        program.module.eval()
        program.validate(report)


@healthy(name="zero-branches-warm-up", net="attention")
def zero_branches(seed: int) -> Program:
    """Residual branches begin at zero and the rate at zero, so that the first steps change next to nothing."""
    torch.manual_seed(seed)
    rows, epochs = _marked(seed), 12
    data = _loader(rows.train, 32, seed)
    total = epochs * len(data)
    net = Retriever(3, 16)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.01)

    def rate(step: int) -> float:
        return min(step / (total / 10), 0.5 + 0.5 * math.cos(math.pi * step / total))

    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        data,
        rows.validation,
        rows.test,
        explained_variance,
        epochs=epochs,
        loop=warm_up,
        scheduler=torch.optim.lr_scheduler.LambdaLR(optimizer, rate),
    )


@healthy(name="pruned-fine-tuned")
def pruned(seed: int) -> Program:
    """Three quarters of a trained net's weights are held at zero by masks, and the rest is tuned at a small rate."""
    torch.manual_seed(seed)
    rows = digits(seed)
    net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 10))
    dense = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(5):
        for X, y in _loader(rows.train, 64, seed):
            dense.zero_grad()
            F.cross_entropy(net(X), y).backward()
            dense.step()
    for layer in (net[0], net[2], net[4]):
        prune.l1_unstructured(layer, "weight", amount=0.75)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
    return Program(
        net, nn.CrossEntropyLoss(), optimizer, rows.train, validation=None, test=rows.test, epochs=15, batch_size=64
    )


class StraightThrough(nn.Linear):
    """A linear layer whose weights are rounded to sixteenths; the gradient passes the rounding unchanged."""

    def forward(self, input: Tensor) -> Tensor:
        """The answer of the rounded weights.

        Shapes
        ------
        input (n, columns) -> (n, outputs)
        """
        rounded = (self.weight * 16).round() / 16
        return F.linear(input, self.weight + (rounded - self.weight).detach(), self.bias)


@healthy(name="rounded-weights-straight-through")
def straight_through(seed: int) -> Program:
    """Weights are rounded in the forward pass, and a detach lets the gradient pass as if they were not."""
    torch.manual_seed(seed)
    rows = moons(seed, n=1200, noise=0.15)
    net = nn.Sequential(StraightThrough(2, 32), nn.ReLU(), StraightThrough(32, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    return Program(
        net,
        nn.CrossEntropyLoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        epochs=15,
    )


class Averaged(nn.Module):
    """A net and the running mean of its weights: the first learns, the second answers."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.mean = deepcopy(net).requires_grad_(False)

    def update(self, decay: float) -> None:
        """Move the mean towards the net's present weights."""
        for kept, now in zip(self.mean.parameters(), self.net.parameters(), strict=True):
            kept.data.lerp_(now.data, 1 - decay)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the learning net in training, of the mean in evaluation.

        Shapes
        ------
        x (n, columns) -> (n, classes)
        """
        return self.net(x) if self.training else self.mean(x)


def average_weights(program: Program, report: Report) -> None:
    """After every step the mean of the weights follows."""
    assert isinstance(program.module, Averaged)
    for epoch in range(program.epochs):
        program.module.train()
        for X, y in program.batches(epoch):
            program.optimizer.zero_grad()
            program.loss(program.module(X), y).backward()
            program.optimizer.step()
            program.module.update(0.97)
        program.module.eval()
        program.validate(report)


@healthy(name="averaged-weights-answer")
def averaged_weights(seed: int) -> Program:
    """In evaluation the running mean of the weights answers, which no optimizer holds and no gradient reaches."""
    torch.manual_seed(seed)
    rows = digits(seed)
    net = Averaged(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)))
    optimizer = torch.optim.Adagrad(net.net.parameters(), lr=0.03)
    return Program(
        net,
        nn.CrossEntropyLoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        epochs=12,
        loop=average_weights,
    )
