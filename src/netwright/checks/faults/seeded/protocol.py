"""Seeded faults of the protocol: modes, running statistics, when to stop, how large a net, and what is measured."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, Report, accuracy, explained_variance, standard_loop
from netwright.checks.faults.sources import cancer, diabetes, digits, surface, waves


def always_training_loop(program: Program, report: Report) -> None:
    """Validation after every epoch, without eval()."""
    program.module.train()
    for epoch in range(program.epochs):
        for x, y in program.batches(epoch):
            program.optimizer.zero_grad()
            program.loss(program.module(x), y).backward()
            program.optimizer.step()
        program.validate(report)


@seeded("no-eval-mode", name="validation-with-dropout-on", net="cnn", validity=True)
def validation_with_dropout_on(seed: int, healthy: bool) -> Program:
    """The module is never put in eval mode, so that validation runs with dropout and with statistics of its batch."""
    rows = digits(seed, images=True)
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 12, 3, stride=2), nn.BatchNorm2d(12), nn.ReLU(), nn.Dropout2d(0.3),
        nn.Flatten(), nn.Linear(108, 48), nn.ReLU(), nn.Dropout(0.5), nn.Linear(48, 10),
    )  # fmt: skip
    data = DataLoader(TensorDataset(*rows.train), 64, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    loop = standard_loop if healthy else always_training_loop
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=10, loop=loop)


def once_training_loop(program: Program, report: Report) -> None:
    """train() before the epochs, eval() after each."""
    program.module.train()
    for epoch in range(program.epochs):
        for x, y in program.batches(epoch):
            program.optimizer.zero_grad()
            program.loss(program.module(x), y).backward()
            program.optimizer.step()
        program.module.eval()
        program.validate(report)


@seeded("no-train-mode", name="train-called-before-the-epochs")
def train_called_before_the_epochs(seed: int, healthy: bool) -> Program:
    """train() is called once before the epochs and eval() in each, so that dropout works in the first epoch only."""
    rows = diabetes(seed)
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(10, 128),
        nn.ReLU(),
        nn.Dropout(0.6),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Dropout(0.6),
        nn.Linear(128, 1),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    loop = standard_loop if healthy else once_training_loop
    data, checks = rows.train, rows.validation
    return Program(net, nn.MSELoss(), optimizer, data, checks, rows.test, explained_variance, 60, 32, loop)


@seeded("stale-batch-norm", name="momentum-of-another-library", net="cnn")
def momentum_of_another_library(seed: int, healthy: bool) -> Program:
    """Batch normalisation gets a momentum of 0.001, so that its running statistics are still near their start."""
    rows = digits(seed, images=True)
    torch.manual_seed(seed)
    width, share = 8 + 4 * (seed % 2), 0.1 if healthy else 0.001
    net = nn.Sequential(
        nn.Conv2d(1, width, 3, bias=False), nn.BatchNorm2d(width, momentum=share), nn.ReLU(),
        nn.Conv2d(width, 16, 3, bias=False), nn.BatchNorm2d(16, momentum=share), nn.ReLU(),
        nn.Conv2d(16, 16, 3, bias=False), nn.BatchNorm2d(16, momentum=share), nn.ReLU(),
        nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip
    data = DataLoader(TensorDataset(*rows.train), 50, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    return Program(net, functional.cross_entropy, optimizer, data, rows.validation, rows.test, epochs=5)


def stopping_loop(program: Program, report: Report) -> None:
    """The weights of the best validation loss are kept; training ends eight epochs after them."""
    assert program.validation is not None
    best, kept, wait = float("inf"), copy.deepcopy(program.module.state_dict()), 0
    for epoch in range(program.epochs):
        program.module.train()
        for x, y in program.batches(epoch):
            program.optimizer.zero_grad()
            program.loss(program.module(x), y).backward()
            program.optimizer.step()
        program.module.eval()
        program.validate(report)
        with torch.no_grad():
            loss = float(program.loss(program.module(program.validation[0]), program.validation[1]))
        wait += 1
        if loss < best:
            best, kept, wait = loss, copy.deepcopy(program.module.state_dict()), 0
        if wait >= 8:
            break
    program.module.load_state_dict(kept)


@seeded("overfitting", name="ninety-noisy-rows-to-the-end")
def ninety_noisy_rows_to_the_end(seed: int, healthy: bool) -> Program:
    """A wide net is trained on 90 noisy rows for 80 epochs, without the early stopping that it needs."""
    rows = surface(seed, n=450, noise=4.5)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(5, 128), nn.ReLU(), nn.Linear(128, 96), nn.ReLU(), nn.Linear(96, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    data, checks = (rows.train[0][:90], rows.train[1][:90]), rows.validation
    loop = stopping_loop if healthy else standard_loop
    return Program(net, nn.MSELoss(), optimizer, data, checks, rows.test, explained_variance, 80, 16, loop)


class Follower(nn.Module):
    """A GRU over the values of a curve, read at its last state."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(1, width, batch_first=True), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        _, h = self.rnn(x)
        return self.head(h[-1])


@seeded("underfitting", "capacity", name="one-unit-to-remember-with", net="rnn")
def one_unit_to_remember_with(seed: int, healthy: bool) -> Program:
    """The recurrent net has one unit to remember with, too few to tell the shapes of three curves."""
    rows = waves(seed, n=700, steps=20)
    torch.manual_seed(seed)
    net = Follower(20 if healthy else 1, 3)
    data = DataLoader(TensorDataset(*rows.train), 24, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=10)


def largest_column(output: Tensor, target: Tensor) -> float:
    """The share of rows whose largest column is the target."""
    return float((output.argmax(1) == target.squeeze(1)).float().mean())


@seeded("wrong-metric", name="argmax-of-one-column", validity=True)
def argmax_of_one_column(seed: int, healthy: bool) -> Program:
    """The accuracy takes the argmax of a single logit, which is always 0, and never moves."""
    rows = cancer(seed)
    train, checks, test = ((x, y[:, None].float()) for x, y in (rows.train, rows.validation, rows.test))
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(30, 20), nn.ELU(), nn.Dropout(0.2), nn.Linear(20, 1))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    metric = accuracy if healthy else largest_column
    return Program(net, nn.BCEWithLogitsLoss(), optimizer, train, checks, test, metric, epochs=15)
