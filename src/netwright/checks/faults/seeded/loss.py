"""Seeded faults of the loss: the wrong one, broadcast, summed, of the wrong sign or without a slope."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, Report, explained_variance
from netwright.checks.faults.sources import Rows, blobs, digits, split, surface, waves


def nearest_class(output: Tensor, target: Tensor) -> float:
    """The share of right classes: the largest of several outputs, or one output rounded."""
    classes = output.argmax(1) if output.shape[1] > 1 else output[:, 0].round().long()
    return float((classes == target).float().mean())


def squared_error_of_class(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference between the only output and the number of the class."""
    return functional.mse_loss(output[:, 0], target.float())


@seeded("wrong-loss", "output-width", name="mse-on-class-numbers-digits-cnn", net="cnn")
def mse_on_class_numbers(seed: int, healthy: bool) -> Program:
    """The digits 0 to 9 are regressed as numbers by one output and the mean squared error, then rounded."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    net = nn.Sequential(
        nn.Conv2d(1, 12, 3),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 16, 3, stride=2),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, 10 if healthy else 1),
    )
    return Program(
        net,
        nn.CrossEntropyLoss() if healthy else squared_error_of_class,
        torch.optim.AdamW(net.parameters(), lr=0.003, weight_decay=0.01),
        rows.train,
        rows.validation,
        rows.test,
        metric=nearest_class,
        epochs=8,
        batch_size=32,
    )


@seeded("wrong-loss", "output-activation", name="nll-loss-on-logits-blobs-mlp", net="mlp")
def nll_on_logits(seed: int, healthy: bool) -> Program:
    """NLLLoss gets plain logits: the LogSoftmax that it counts on was left out of the net."""
    torch.manual_seed(seed)
    classes = 4 + seed % 3
    rows = blobs(seed, n=900, classes=classes, columns=6, spread=3.0)
    layers: list[nn.Module] = [nn.Linear(6, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, classes)]
    if healthy:
        layers.append(nn.LogSoftmax(dim=1))
    net = nn.Sequential(*layers)
    loader = DataLoader(
        TensorDataset(*rows.train), batch_size=32, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    return Program(net, nn.NLLLoss(), optimizer, loader, None, rows.test, epochs=15)


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean of the squared differences."""
    return ((output - target) ** 2).mean()


@seeded("broadcast", name="flat-target-against-column-of-outputs", net="mlp")
def flat_target(seed: int, healthy: bool) -> Program:
    """Outputs (n, 1) less targets (n,) make an n x n table in the home-made squared error."""
    torch.manual_seed(seed)
    rows = surface(seed, n=700)
    parts = [(X, y if healthy else y[:, 0]) for X, y in (rows.train, rows.validation, rows.test)]
    width = (24, 32, 48)[seed % 3]
    net = nn.Sequential(nn.Linear(5, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 25)
    loader = DataLoader(
        TensorDataset(*parts[0]), batch_size=32, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    return Program(
        net, mean_squared_error, optimizer, loader, parts[1], parts[2], explained_variance, 25, scheduler=scheduler
    )


def spots(seed: int, n: int = 700, side: int = 10) -> Rows:
    """Noisy images of one bright spot, (n, 1, side, side); the target is its place, two numbers between -1 and 1."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(-1, 1, (n, 2))
    grid = np.linspace(-1, 1, side)
    rise, run = ((grid - place[:, axis, None]) ** 2 for axis in (0, 1))
    image = np.exp(-(rise[:, :, None] + run[:, None, :]) / 0.08) + 0.1 * rng.normal(size=(n, side, side))
    return split(image[:, None], place, seed)


@seeded("loss-sum", "lr-too-high", name="sum-of-squares-spots-cnn", net="cnn")
def sum_of_squares(seed: int, healthy: bool) -> Program:
    """The squared errors of a batch are summed and not averaged, at a learning rate that suits the mean."""
    torch.manual_seed(seed)
    rows = spots(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 9, 32),
        nn.ReLU(),
        nn.Linear(32, 2),
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    return Program(
        net,
        nn.MSELoss(reduction="mean" if healthy else "sum"),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        metric=explained_variance,
        epochs=15,
        batch_size=64,
    )


class WaveAttention(nn.Module):
    """One block of self-attention over the steps of a series, and the mean of the steps."""

    def __init__(self, steps: int, width: int) -> None:
        super().__init__()
        self.lift = nn.Conv1d(1, width, 5, padding=2)
        self.place = nn.Parameter(0.02 * torch.randn(steps, width))
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(n, steps, 1) -> (n, 3)"""
        x = self.lift(x.transpose(1, 2)).transpose(1, 2) + self.place
        normed = self.norm(x)
        x = x + self.attention(normed, normed, normed, need_weights=False)[0]
        return self.head(x.mean(1))


@seeded("loss-sign", name="log-likelihood-without-minus-attention", net="attention")
def likelihood_without_minus(seed: int, healthy: bool) -> Program:
    """The loss is the mean log-probability of the right class; the minus that makes it a loss was forgotten."""
    torch.manual_seed(seed)
    rows = waves(seed, n=500)

    def loss(output: Tensor, target: Tensor) -> Tensor:
        log_probability = functional.log_softmax(output, dim=1)
        chosen = log_probability.gather(1, target[:, None])
        return -chosen.mean() if healthy else chosen.mean()

    net = WaveAttention(24, 16)
    loader = DataLoader(
        TensorDataset(*rows.train), batch_size=25, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    optimizer = torch.optim.Adadelta(net.parameters(), lr=0.5)
    return Program(net, loss, optimizer, loader, rows.validation, rows.test, epochs=12)


@seeded("not-differentiable", "detached", name="error-rate-as-loss-digits-cnn", net="cnn")
def error_rate_as_loss(seed: int, healthy: bool) -> Program:
    """The share of wrong answers is minimised; the complaint that it has no gradient was silenced by requires_grad_."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)

    def error_rate(output: Tensor, target: Tensor) -> Tensor:
        wrong = output.argmax(dim=1) != target
        return wrong.float().mean().requires_grad_()

    def loop(program: Program, report: Report) -> None:
        net = program.module
        for epoch in range(program.epochs):
            net.train()
            for images, labels in program.batches(epoch):
                loss = program.loss(net(images), labels)
                program.optimizer.zero_grad()
                loss.backward()
                program.optimizer.step()
            net.eval()
            program.validate(report)

    net = nn.Sequential(
        nn.Conv2d(1, 10, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(10, 20, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(80, 10),
    )
    return Program(
        net,
        functional.cross_entropy if healthy else error_rate,
        torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True),
        rows.train,
        rows.validation,
        rows.test,
        epochs=10,
        batch_size=128,
        loop=loop,
    )
