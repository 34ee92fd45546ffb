"""Seeded faults of the steps: their length, their schedule, what pulls against them and how many there are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, Report, explained_variance
from netwright.checks.faults.sources import Rows, digits, split, surface, waves, words


def _spots(seed: int, n: int, size: int = 10) -> Rows:
    """Images of one bright spot in noise, (n, 1, size, size); the target is its place, (n, 2), in -1..1."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(-0.8, 0.8, (n, 2))
    axis = np.linspace(-1, 1, size)
    squares = (axis[None, :, None] - place[:, :1, None]) ** 2 + (axis[None, None, :] - place[:, 1:, None]) ** 2
    images = np.exp(-squares / 0.1) + 0.1 * rng.normal(size=(n, size, size))
    return split(images[:, None], place, seed)


@seeded("lr-too-high", name="convolutions-at-rate-one", net="cnn")
def convolutions_at_rate_one(seed: int, healthy: bool) -> Program:
    """SGD with momentum runs at a rate of 1, which the author had from a linear regression."""
    rows = _spots(seed, n=500 + 100 * (seed % 3))
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 2)
    )
    data = DataLoader(TensorDataset(*rows.train), 32, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05 if healthy else 1.0, momentum=0.9)
    return Program(net, nn.MSELoss(), optimizer, data, rows.validation, rows.test, explained_variance, epochs=15)


class Reader(nn.Module):
    """An LSTM over the values of a curve, read at its last state."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(1, width, batch_first=True), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        _, (h, _) = self.lstm(x)
        return self.head(h[-1])


@seeded("lr-too-high", name="adam-at-one-half-on-an-lstm", net="rnn")
def adam_at_one_half_on_an_lstm(seed: int, healthy: bool) -> Program:
    """Adam runs an LSTM at a rate of 0.5."""
    rows = waves(seed, n=600, steps=18)
    torch.manual_seed(seed)
    net = Reader(16 + 4 * (seed % 3), 3)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01 if healthy else 0.5)
    return Program(
        net, nn.CrossEntropyLoss(), optimizer, rows.train, rows.validation, rows.test, epochs=10, batch_size=24
    )


class Mixer(nn.Module):
    """One block of self-attention over tokens, mean over the steps, and a head."""

    def __init__(self, vocabulary: int, steps: int, width: int) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(vocabulary, width), nn.Embedding(steps, width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.head = nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.position.weight[: tokens.shape[1]]
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head((x + self.feed(self.norm(x))).mean(1))


@seeded("lr-too-low", name="rate-of-fine-tuning-from-scratch", net="attention")
def rate_of_fine_tuning_from_scratch(seed: int, healthy: bool) -> Program:
    """A new attention net is trained at 5e-6, a rate for the fine-tuning of large pretrained ones."""
    rows = words(seed, n=1000, steps=8, vocabulary=12)
    torch.manual_seed(seed)
    net = Mixer(12, 8, width=16)
    data = DataLoader(TensorDataset(*rows.train), 32, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3 if healthy else 5e-6)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, None, rows.test, epochs=8)


def falling_loop(each_batch: bool, program: Program, report: Report) -> None:
    """The rate falls by a factor, each batch or each epoch."""
    for epoch in range(program.epochs):
        program.module.train()
        for x, y in program.batches(epoch):
            program.optimizer.zero_grad()
            program.loss(program.module(x), y).backward()
            program.optimizer.step()
            if each_batch:
                program.scheduler.step()
        if not each_batch:
            program.scheduler.step()
        program.module.eval()
        program.validate(report)


@seeded("schedule-dead", "lr-too-low", name="decay-of-an-epoch-each-batch", net="cnn")
def decay_of_an_epoch_each_batch(seed: int, healthy: bool) -> Program:
    """The rate is multiplied by 0.85 after each batch, where that was meant for each epoch."""
    rows = digits(seed, images=True)
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 10, 3), nn.ReLU(), nn.Conv2d(10, 16, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.8)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.85)
    return Program(
        net,
        functional.cross_entropy,
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        epochs=8,
        batch_size=16 + 8 * (seed % 3),
        loop=lambda program, report: falling_loop(not healthy, program, report),
        scheduler=schedule,
    )


@seeded("over-regularised", name="weight-decay-of-one-half")
def weight_decay_of_one_half(seed: int, healthy: bool) -> Program:
    """Adam is given a weight decay of 0.5 against overfitting, and the weights shrink to a third."""
    rows = surface(seed, n=600)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3, weight_decay=1e-4 if healthy else 0.5)
    data, checks = rows.train, rows.validation
    return Program(net, nn.MSELoss(), optimizer, data, checks, rows.test, explained_variance, epochs=25, batch_size=16)


@seeded("too-few-epochs", "underfitting", name="two-epochs-of-a-slow-learner", net="rnn")
def two_epochs_of_a_slow_learner(seed: int, healthy: bool) -> Program:
    """A recurrent net that goes on learning for twenty epochs is stopped after two."""
    rows = waves(seed, n=700, steps=16)
    torch.manual_seed(seed)
    net = Reader(24, 3)
    data = DataLoader(TensorDataset(*rows.train), 32, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.RMSprop(net.parameters(), lr=3e-3)
    epochs = 20 if healthy else 2
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=epochs)
