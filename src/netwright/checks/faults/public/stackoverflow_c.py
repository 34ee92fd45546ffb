"""Public bugs restated, third part: what people asked of data, losses, metrics, weights and Adam, each with its fix."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import public
from netwright.checks.faults.program import Program, explained_variance
from netwright.checks.faults.sources import Pair, cancer, circles, digits, split, surface, wine

QUESTIONS = "https://stackoverflow.com/questions/"


def _loader(pair: Pair, batch_size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    """Batches of rows in an order that changes from epoch to epoch."""
    order = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*pair), batch_size=batch_size, shuffle=True, generator=order)


def _as_column(pair: Pair) -> Pair:
    """Targets 0 and 1 as floats of shape (n, 1)."""
    return pair[0], pair[1].float()[:, None]


def _right_side_of_half(output: Tensor, target: Tensor) -> float:
    """The share of probabilities on the right side of 0.5."""
    return float(((output > 0.5) == (target > 0.5)).float().mean())


@public("non-finite-data", name="so-53640858-nan-in-data", source=QUESTIONS + "53640858")
def nan_in_data(seed: int, healthy: bool) -> Program:
    """The author scaled a table for regression and left its empty cells as NaN, so that every weight is NaN at once."""
    torch.manual_seed(seed)
    rows = surface(seed, n=900, columns=8)
    cells = np.random.default_rng(seed)
    for X, _ in (rows.train, rows.validation):
        empty = torch.from_numpy(cells.random(X.shape) < 0.004)
        X[empty] = 0.0 if healthy else float("nan")  # 0 is the mean of a standardised column
    net = nn.Sequential(nn.Linear(8, 60), nn.ReLU(), nn.Linear(60, 30), nn.ReLU(), nn.Linear(30, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    data = _loader(rows.train, 32, seed)
    return Program(net, nn.MSELoss(), optimizer, data, rows.validation, rows.test, metric=explained_variance, epochs=15)


@public("unscaled-target", "lr-too-low", name="so-45154470-target-in-dollars", source=QUESTIONS + "45154470")
def target_in_dollars(seed: int, healthy: bool) -> Program:
    """The author predicts prices in whole dollars and, to keep the loss finite, took a step too small to learn."""
    torch.manual_seed(seed)
    rows = surface(seed, n=700, noise=0.5)
    net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05 if healthy else 1e-9)
    scale, shift = (1.0, 0.0) if healthy else (80_000.0, 220_000.0)
    train, validation, test = ((X, scale * y + shift) for X, y in (rows.train, rows.validation, rows.test))
    return Program(
        net, nn.MSELoss(), optimizer, train, validation, test, metric=explained_variance, epochs=40, batch_size=20
    )


@public("labels-unrelated", name="so-40467990-labels-read-apart", source=QUESTIONS + "40467990", net="cnn")
def labels_read_apart(seed: int, healthy: bool) -> Program:
    """The author reads images and labels through two shuffling queues, so that no image keeps its own label."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    queues = np.random.default_rng(seed)

    def read(pair: Pair) -> Pair:
        images = torch.from_numpy(queues.permutation(len(pair[1])))
        labels = torch.from_numpy(queues.permutation(len(pair[1])))
        return pair[0][images], pair[1][images if healthy else labels]

    net = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(192, 64), nn.ReLU(),
        nn.Linear(64, 10),
    )  # fmt: skip
    optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
    data = _loader(read(rows.train), 50, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, read(rows.validation), rows.test, epochs=8)


@public("loss-sum", "lr-too-high", name="so-43611745-summed-loss", source=QUESTIONS + "43611745")
def summed_loss(seed: int, healthy: bool) -> Program:
    """The author sums the cross-entropy over a batch of 100 and keeps the learning rate that is meant for its mean."""
    torch.manual_seed(seed)
    rows = digits(seed, scale=False)
    net = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    loss = nn.CrossEntropyLoss(reduction="mean" if healthy else "sum")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    return Program(net, loss, optimizer, rows.train, None, rows.test, epochs=25, batch_size=100)


@public("wrong-loss", name="so-50641866-squares-for-classes", source=QUESTIONS + "50641866")
def squares_for_classes(seed: int, healthy: bool) -> Program:
    """The author trains a two-class net with the squared error of its sigmoid, and it answers 0.5 to everything."""
    torch.manual_seed(seed)
    rows = circles(seed)
    train, validation, test = (_as_column(each) for each in (rows.train, rows.validation, rows.test))
    net = nn.Sequential(nn.Linear(2, 32), nn.Sigmoid(), nn.Linear(32, 1), nn.Sigmoid())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    loss: nn.Module = nn.BCELoss() if healthy else nn.MSELoss()
    return Program(net, loss, optimizer, train, validation, test, metric=_right_side_of_half, epochs=12, batch_size=8)


@public("wrong-metric", name="so-62354952-argmax-of-one-column", source=QUESTIONS + "62354952", validity=True)
def argmax_of_one_column(seed: int, healthy: bool) -> Program:
    """The author takes the argmax of a single output column, which is always 0, and reads a good net as a bad one."""
    torch.manual_seed(seed)
    rows = cancer(seed)

    def share_right(output: Tensor, target: Tensor) -> float:
        predicted = (output[:, 0] > 0).long() if healthy else output.argmax(1)
        return float((predicted == target[:, 0]).float().mean())

    train, validation, test = (_as_column(each) for each in (rows.train, rows.validation, rows.test))
    net = nn.Sequential(nn.Linear(30, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    return Program(
        net, nn.BCEWithLogitsLoss(), optimizer, train, validation, test, metric=share_right, epochs=25, batch_size=16
    )


@public("symmetric-init", "init-scale", name="so-48027263-zero-weights", source=QUESTIONS + "48027263")
def zero_weights(seed: int, healthy: bool) -> Program:
    """The author starts every weight and bias of a tanh net at zero, so that nothing but the last bias ever moves."""
    torch.manual_seed(seed)
    rows = wine(seed)
    net = nn.Sequential(nn.Linear(13, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 3))
    for layer in net:
        if isinstance(layer, nn.Linear):
            if healthy:
                nn.init.xavier_normal_(layer.weight)
            else:
                nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    data = _loader(rows.train, 16, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=40)


def _galaxies(seed: int, n: int = 600, side: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of round, flat and starlike things in grey values 0 to 255, (n, side^2), and vote fractions (n, 3)."""
    rng = np.random.default_rng(seed)
    kind, angle = rng.integers(0, 3, n), rng.uniform(0, np.pi, (n, 1, 1))
    width = np.array([4.0, 5.5, 1.2])[kind][:, None, None] * rng.uniform(0.8, 1.2, (n, 1, 1))
    height = np.array([4.0, 1.3, 1.2])[kind][:, None, None] * rng.uniform(0.8, 1.2, (n, 1, 1))
    down, right = np.mgrid[:side, :side] - (side - 1) / 2 + rng.uniform(-1.5, 1.5, (2, n, 1, 1))[:, 0]
    along, across = right * np.cos(angle) + down * np.sin(angle), down * np.cos(angle) - right * np.sin(angle)
    light = rng.uniform(120, 230, (n, 1, 1)) * np.exp(-((along / width) ** 2) / 2 - (across / height) ** 2 / 2)
    pixels = np.clip(light + rng.normal(20, 8, light.shape), 0, 255).reshape(n, -1)
    votes = rng.dirichlet((1.0, 1.0, 1.0), n) * 0.3
    votes[np.arange(n), kind] += 0.7
    return pixels, votes


@public("unscaled-input", "dead-units", "saturation", name="so-53749895-dead-relu", source=QUESTIONS + "53749895")
def dead_relu(seed: int, healthy: bool) -> Program:
    """The author feeds grey values of 0 to 255 to a ReLU net, whose first steps kill units and pin it to one answer."""
    torch.manual_seed(seed)
    pixels, votes = _galaxies(seed)
    rows = split(pixels if not healthy else pixels / 255, votes, seed, scale=False)

    def most_votes(output: Tensor, target: Tensor) -> float:
        return float((output.argmax(1) == target.argmax(1)).float().mean())

    net = nn.Sequential(nn.Linear(400, 32), nn.ReLU(), nn.Linear(32, 3), nn.Softmax(1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    data = _loader(rows.train, 32, seed)
    return Program(net, nn.MSELoss(), optimizer, data, None, rows.test, metric=most_votes, epochs=40)


@public("wrong-loss", "output-range", name="so-40192728-logarithm-of-zero", source=QUESTIONS + "40192728", net="cnn")
def logarithm_of_zero(seed: int, healthy: bool) -> Program:
    """The author wrote out the cross-entropy with logarithms of p and 1 - p, which is NaN once a p is rounded to 1."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)

    def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
        if healthy:
            return nn.functional.cross_entropy(logits, target)
        y = nn.functional.one_hot(target, 10)
        p = torch.softmax(logits, 1)
        return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).sum(1).mean()

    net = nn.Sequential(
        nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(108, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    return Program(net, cross_entropy, optimizer, rows.train, rows.validation, rows.test, epochs=12, batch_size=64)


@public("lr-too-high", name="so-50975389-adam-epsilon", source=QUESTIONS + "50975389")
def adam_epsilon(seed: int, healthy: bool) -> Program:
    """The author took the epsilon out of Adam, which divides zero by zero at every weight that has no gradient."""
    torch.manual_seed(seed)
    rows = digits(seed)
    net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3, eps=1e-8 if healthy else 0.0)
    return Program(net, nn.CrossEntropyLoss(), optimizer, rows.train, rows.validation, rows.test, epochs=12)
