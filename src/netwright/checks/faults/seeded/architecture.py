"""Seeded faults of the architecture: gradients that vanish or explode, no curvature, no room, too much dropout."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, Report, explained_variance
from netwright.checks.faults.sources import Rows, digits, sines, split, waves


@seeded("vanishing-gradient", name="seven-sigmoid-convolutions-digits", net="cnn")
def sigmoid_convolutions(seed: int, healthy: bool) -> Program:
    """Seven convolutions in a row with sigmoids between them leave the first ones almost no gradient."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    depth = 6 + seed % 2
    layers: list[nn.Module] = []
    for i in range(depth):
        conv = nn.Conv2d(1 if i == 0 else 12, 12, 3, padding=1, stride=2 if i in (1, 3) else 1)
        nn.init.kaiming_normal_(conv.weight)
        layers += [conv, nn.ReLU() if healthy else nn.Sigmoid()]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(12 * 4, 10))
    loader = DataLoader(
        TensorDataset(*rows.train), batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    return Program(net, nn.CrossEntropyLoss(), optimizer, loader, rows.validation, rows.test, epochs=8)


@seeded("no-nonlinearity", "underfitting", name="convolutions-without-activation-waves", net="cnn")
def convolutions_without_activation(seed: int, healthy: bool) -> Program:
    """Three convolutions and a linear layer follow each other without any activation: one linear layer in all."""
    torch.manual_seed(seed)
    rows = waves(seed, n=600)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv1d(1, 16, 5, padding=2)
            self.conv2 = nn.Conv1d(16, 16, 5, stride=2, padding=2)
            self.norm = nn.BatchNorm1d(16)
            self.conv3 = nn.Conv1d(16, 32, 3, stride=2, padding=1)
            self.fc = nn.Linear(32 * 6, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = x.transpose(1, 2)
            if healthy:
                x = functional.relu(self.conv1(x))
                x = functional.relu(self.norm(self.conv2(x)))
                x = functional.relu(self.conv3(x))
            else:
                x = self.conv3(self.norm(self.conv2(self.conv1(x))))
            return self.fc(x.flatten(1))

    net = Net()
    optimizer = torch.optim.NAdam(net.parameters(), lr=0.003)
    return Program(net, nn.CrossEntropyLoss(), optimizer, rows.train, rows.validation, rows.test, epochs=12)


@seeded("capacity", "underfitting", name="lstm-of-one-hidden-unit", net="rnn")
def one_hidden_unit(seed: int, healthy: bool) -> Program:
    """hidden_size was taken for the number of columns of the series, so the LSTM has a single unit."""
    torch.manual_seed(seed)
    rows = waves(seed, n=500)

    class Net(nn.Module):
        def __init__(self, input_size: int, hidden_size: int) -> None:
            super().__init__()
            self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
            self.fc = nn.Linear(hidden_size, 3)

        def forward(self, x: Tensor) -> Tensor:
            states, _ = self.lstm(x)
            return self.fc(states.mean(1))

    net = Net(1, 32 if healthy else 1)
    loader = DataLoader(
        TensorDataset(*rows.train), batch_size=20, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    return Program(net, nn.CrossEntropyLoss(), optimizer, loader, None, rows.test, epochs=15)


class SeriesTransformer(nn.Module):
    """A lift to the width, learned places, one encoder layer and a head on the last step."""

    def __init__(self, steps: int, width: int, dropout: float) -> None:
        super().__init__()
        self.lift = nn.Linear(1, width)
        self.place = nn.Parameter(0.1 * torch.randn(steps, width))
        self.encoder = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=dropout, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, steps, 1) -> (n, 1)"""
        return self.head(self.encoder(self.lift(x) + self.place)[:, -1])


@seeded("dropout-too-strong", name="keep-probability-as-dropout-transformer", net="attention")
def keep_probability(seed: int, healthy: bool) -> Program:
    """The share of units to keep, 0.9 and more, is given as the dropout rate, which is the share to drop."""
    torch.manual_seed(seed)
    rows = sines(seed, n=450, steps=16)
    keep = (0.9, 0.95)[seed % 2]

    def loop(program: Program, report: Report) -> None:
        for epoch in range(program.epochs):
            program.module.train()
            for past, following in program.batches(epoch):
                program.optimizer.zero_grad(set_to_none=True)
                program.loss(program.module(past), following).backward()
                nn.utils.clip_grad_norm_(program.module.parameters(), 1.0)
                program.optimizer.step()
            program.scheduler.step()
            program.module.eval()
            program.validate(report)

    net = SeriesTransformer(16, 24, dropout=1 - keep if healthy else keep)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 15)
    return Program(
        net,
        functional.mse_loss,
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        metric=explained_variance,
        epochs=15,
        loop=loop,
        scheduler=scheduler,
    )


def walks(seed: int, n: int = 500, steps: int = 24) -> Rows:
    """Steps of random walks, (n, steps, 1); the target is where each walk ends, (n, 1), with standard deviation 1."""
    moves = np.random.default_rng(seed).normal(size=(n, steps))
    return split(moves[..., None], moves.sum(1, keepdims=True) / np.sqrt(steps), seed, scale=False)


@seeded("exploding-gradient", "lr-too-high", name="unclipped-relu-rnn-walks", net="rnn")
def unclipped_rnn(seed: int, healthy: bool) -> Program:
    """A recurrent net of ReLUs over 20 steps and more is trained without the clipping of the gradient that it needs."""
    torch.manual_seed(seed)
    rows = walks(seed, steps=20 + 2 * (seed % 4))

    class Walker(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.RNN(1, 24, nonlinearity="relu", batch_first=True)
            self.out = nn.Linear(24, 1)
            nn.init.eye_(self.rnn.weight_hh_l0)  # type: ignore[arg-type]

        def forward(self, x: Tensor) -> Tensor:
            states, _ = self.rnn(x)
            return self.out(states[:, -1])

    def loop(program: Program, report: Report) -> None:
        net, optimizer = program.module, program.optimizer
        for epoch in range(program.epochs):
            net.train()
            for moves, end in program.batches(epoch):
                optimizer.zero_grad()
                loss = program.loss(net(moves), end)
                loss.backward()
                if healthy:
                    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
            net.eval()
            program.validate(report)

    net = Walker()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        metric=explained_variance,
        epochs=15,
        batch_size=32,
        loop=loop,
    )
