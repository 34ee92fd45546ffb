"""Public bugs restated, fourth part: penalties, modes, gradients, shapes, frozen layers and state."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import public
from netwright.checks.faults.program import Program, Report, explained_variance
from netwright.checks.faults.sources import Pair, cancer, digits, split, surface

QUESTIONS = "https://stackoverflow.com/questions/"


def _loader(pair: Pair, batch_size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    """Batches of rows in an order that changes from epoch to epoch."""
    order = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*pair), batch_size=batch_size, shuffle=True, generator=order)


@public("over-regularised", name="so-51028324-heavy-penalty", source=QUESTIONS + "51028324")
def heavy_penalty(seed: int, healthy: bool) -> Program:
    """The author adds the sum of all squared weights to the loss with a factor that leaves nothing of the data."""
    torch.manual_seed(seed)
    rows = digits(seed)
    net = nn.Sequential(nn.Linear(64, 80), nn.ReLU(), nn.Linear(80, 40), nn.ReLU(), nn.Linear(40, 10))
    beta = 1e-5 if healthy else 0.1

    def loop(program: Program, report: Report) -> None:
        for epoch in range(program.epochs):
            for x, y in program.batches(epoch):
                penalty = torch.stack([(p**2).sum() for p in program.module.parameters() if p.ndim > 1]).sum()
                loss = program.loss(program.module(x), y) + beta * penalty
                program.optimizer.zero_grad()
                loss.backward()
                program.optimizer.step()
            program.validate(report)

    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    return Program(net, nn.CrossEntropyLoss(), optimizer, rows.train, rows.validation, rows.test, epochs=10, loop=loop)


class _Inception(nn.Module):
    """Two convolutions side by side, a pool, dropout and a classifier."""

    def __init__(self, always: bool) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Conv2d(1, 8, 1), nn.Conv2d(1, 16, 3, padding=1)
        self.norm, self.last = nn.BatchNorm2d(24), nn.Linear(24 * 16, 10)
        self.always = always

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norm(torch.cat([self.narrow(x), self.wide(x)], 1))), 2)
        x = F.dropout(x.flatten(1), 0.8, training=self.always or self.training)
        return self.last(x)


@public(
    "no-eval-mode", "stateful-eval", "not-repeatable", name="so-48138483-dropout-always-on",
    source=QUESTIONS + "48138483", net="cnn",
)  # fmt: skip
def dropout_always_on(seed: int, healthy: bool) -> Program:
    """The author left the dropout of a convolutional net in its training setting, so every answer is drawn by lot."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    net = _Inception(always=not healthy)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=1e-3)
    data = _loader(rows.train, 32, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=6)


class _Staircase(nn.Module):
    """A hidden layer whose values go up in steps: hard ones by floor, or smooth ones that have a slope."""

    def __init__(self, smooth: bool) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 1)
        self.smooth = smooth

    def forward(self, x: Tensor) -> Tensor:
        level = 3 * torch.tanh(self.first(x))
        steps = level - torch.sin(2 * math.pi * level) / (2 * math.pi) if self.smooth else torch.floor(level)
        return self.last(steps)


@public("not-differentiable", "detached", "wrong-gradient", name="so-41780344-floor", source=QUESTIONS + "41780344")
def floor_has_no_slope(seed: int, healthy: bool) -> Program:
    """The author rounds the hidden layer down with floor, whose gradient is zero, so the first layer never learns."""
    torch.manual_seed(seed)
    rows = surface(seed, n=800)
    net = _Staircase(smooth=healthy)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    data = _loader(rows.train, 32, seed)
    return Program(net, nn.MSELoss(), optimizer, data, rows.validation, rows.test, metric=explained_variance, epochs=30)


def _bars(seed: int, n: int = 720, side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 1, side, side) with one bright bar: the class is the row in which it lies or the column it fills."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2 * side, n)
    images = rng.uniform(0, 0.3, (n, 1, side, side))
    for image, each in zip(images, kind, strict=True):
        if each < side:
            image[0, each] += 0.7
        else:
            image[0, :, each - side] += 0.7
    return images, kind


@public("double-softmax", name="so-57605741-softmax-twice-bars", source=QUESTIONS + "57605741", net="cnn")
def softmax_twice(seed: int, healthy: bool) -> Program:
    """The author ends a convolutional net with softmax and trains it with a loss that takes the softmax again."""
    torch.manual_seed(seed)
    rows = split(*_bars(seed), seed)
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 32), nn.ReLU(), nn.Linear(32, 16))
    if not healthy:
        net.append(nn.Softmax(dim=1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.5)
    data = _loader(rows.train, 16, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=8)


@public("saturation", "unscaled-input", "init-scale", name="so-39817949-saturated", source=QUESTIONS + "39817949")
def saturated(seed: int, healthy: bool) -> Program:
    """The author feeds raw columns to sigmoid units with weights of standard deviation 1: they all stand at 0 or 1."""
    torch.manual_seed(seed)
    rows = cancer(seed, scale=healthy)
    net = nn.Sequential(nn.Linear(30, 20), nn.Sigmoid(), nn.Linear(20, 10), nn.Sigmoid(), nn.Linear(10, 2))
    if not healthy:
        for p in net.parameters():
            nn.init.normal_(p)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    return Program(net, nn.CrossEntropyLoss(), optimizer, rows.train, None, rows.test, epochs=30, batch_size=20)


@public("broadcast", name="so-38447935-always-the-mean", source=QUESTIONS + "38447935")
def always_the_mean(seed: int, healthy: bool) -> Program:
    """The author subtracts targets of shape (n,) from outputs of shape (n, 1), and the net learns the mean."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x = rng.uniform(-math.pi, math.pi, (500, 1))
    y = np.sin(x[:, 0]) + 0.5 * np.cos(3 * x[:, 0]) + rng.normal(0, 0.1, 500)
    rows = split(x, y[:, None] if healthy else y, seed)

    def squared_error(output: Tensor, target: Tensor) -> Tensor:
        return torch.mean((output - target) ** 2)

    net = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    return Program(net, squared_error, optimizer, rows.train, None, rows.test, metric=explained_variance, epochs=50)


class _Turned:
    """Puts images together to a batch, each turned by an angle drawn between plus and minus `degrees`."""

    def __init__(self, degrees: float, seed: int) -> None:
        self.degrees, self.draws = degrees, torch.Generator().manual_seed(seed)

    def __call__(self, items: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        images, labels = torch.stack([image for image, _ in items]), torch.stack([label for _, label in items])
        angle = torch.deg2rad(self.degrees * (2 * torch.rand(len(items), generator=self.draws) - 1))
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        turn = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
        grid = F.affine_grid(turn, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False), labels


@public("scaler-mismatch", "noisy-labels", name="so-57275278-turned-by-90", source=QUESTIONS + "57275278", net="cnn")
def turned_by_90(seed: int, healthy: bool) -> Program:
    """The author turns the training digits by up to 90 degrees, where 6, 9, 7 and 4 are no longer what they were."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(), nn.Linear(128, 32),
        nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip
    order = torch.Generator().manual_seed(seed)
    turned = _Turned(8 if healthy else 90, seed)
    data = DataLoader(TensorDataset(*rows.train), batch_size=64, shuffle=True, generator=order, collate_fn=turned)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=12)


@public("missing-zero-grad", name="so-60335387-no-zero-grad", source=QUESTIONS + "60335387", net="cnn")
def no_zero_grad(seed: int, healthy: bool) -> Program:
    """The author's first own loop for digits calls backward and step and never sets the gradients back to zero."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)

    def loop(program: Program, report: Report) -> None:
        for _ in range(program.epochs):
            program.module.train()
            for images, labels in program.data:
                if healthy:
                    program.optimizer.zero_grad()
                prediction = program.module(images)
                loss = program.loss(prediction, labels)
                loss.backward()
                program.optimizer.step()
            program.module.eval()
            program.validate(report)

    net = nn.Sequential(
        nn.Conv2d(1, 10, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(90, 50), nn.ReLU(), nn.Linear(50, 10)
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.5)
    data = _loader(rows.train, 32, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=10, loop=loop)


class _Backbone(nn.Module):
    """Two convolutions with batch norm, and `fc`, the classifier."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12)
        self.conv2, self.bn2 = nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24)
        self.fc = nn.Linear(24 * 4, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        return self.fc(x.flatten(1))


def _pretrained(pair: Pair) -> _Backbone:
    """The backbone after three epochs of telling even digits from odd."""
    net = _Backbone(2)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for images, labels in 3 * list(zip(pair[0].split(64), (pair[1] % 2).split(64), strict=True)):
        optimizer.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        optimizer.step()
    return net


@public(
    "all-frozen", "missing-parameters", name="pytorch-84911-frozen-classifier",
    source="https://discuss.pytorch.org/t/84911", net="cnn",
)  # fmt: skip
def frozen_classifier(seed: int, healthy: bool) -> Program:
    """The author freezes all but batch norm and then also the new classifier, which alone the optimizer has."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    net = _pretrained(rows.train)
    net.fc = nn.Linear(24 * 4, 10)
    for name, parameter in net.named_parameters():
        if "bn" not in name:
            parameter.requires_grad = healthy and name.startswith("fc")
    trained = [p for p in net.parameters() if p.requires_grad] if healthy else net.fc.parameters()
    optimizer = torch.optim.Adadelta(trained, lr=1.0)
    data = _loader(rows.train, 64, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=6)


class _Carried(nn.Module):
    """An LSTM over daily movements that may start from the state in which the last batch left it."""

    def __init__(self, carry: bool) -> None:
        super().__init__()
        self.lstm, self.last = nn.LSTM(1, 24, batch_first=True), nn.Linear(24, 1)
        self.carry = carry
        self.hidden: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        start = self.hidden
        if not self.carry or (start is not None and start[0].shape[1] != len(x)):
            start = None
        out, (h, c) = self.lstm(x, start)
        self.hidden = h.detach(), c.detach()
        return self.last(out[:, -1])


@public(
    "stateful-eval", "batch-mixing", name="so-46705634-state-carried-over", source=QUESTIONS + "46705634", net="rnn"
)
def state_carried_over(seed: int, healthy: bool) -> Program:
    """The author keeps the hidden state of an LSTM from batch to batch although every account starts from nothing."""
    torch.manual_seed(seed)
    movements = np.random.default_rng(seed).uniform(-1, 1, (500, 30, 1))
    rows = split(movements, movements.sum(1) / math.sqrt(10), seed, scale=False)
    net = _Carried(carry=not healthy)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    return Program(
        net, nn.MSELoss(), optimizer, rows.train, rows.validation, rows.test, metric=explained_variance, epochs=15,
        batch_size=25,
    )  # fmt: skip
