"""Bugs asked about on Stack Overflow, restated in small PyTorch: outputs and losses that do not fit the target."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import public
from netwright.checks.faults.program import Program, explained_variance
from netwright.checks.faults.sources import Pair, Rows, cancer, digits, split


def _right(output: Tensor, target: Tensor) -> float:
    """The share of probabilities on the right side of one half."""
    return float(((output.reshape(target.shape) > 0.5) == (target > 0.5)).float().mean())


def _column(rows: Rows) -> Rows:
    """The same rows with a column of floats as target."""
    return Rows(*((X, y.float().reshape(-1, 1)) for X, y in (rows.train, rows.validation, rows.test)))


def _loader(pair: Pair, batch_size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    """Shuffled batches."""
    shuffled = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*pair), batch_size, shuffle=True, generator=shuffled)


@public(
    "output-activation",
    "output-range",
    name="so-33969059-one-unit-softmax",
    source="https://stackoverflow.com/questions/33969059",
)
def so_33969059(seed: int, healthy: bool) -> Program:
    """The author ends a regression with softmax over one unit, so that the net says 1 for every row."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    X = rng.random((1500, 3))
    y = X @ [2.0, 1.0, 0.5] + 2.2 + 0.1 * rng.normal(size=1500)
    rows = split(X, y[:, None], seed, scale=False)
    layers: list[nn.Module] = [nn.Linear(3, 24), nn.Tanh(), nn.Dropout(0.1), nn.Linear(24, 12), nn.Tanh()]
    layers += [nn.Linear(12, 1)] if healthy else [nn.Linear(12, 1), nn.Softmax(dim=1)]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    return Program(
        model,
        nn.MSELoss(),
        optimizer,
        _loader(rows.train, 32, seed),
        rows.validation,
        rows.test,
        metric=explained_variance,
        epochs=15,
    )


class _TumourNet(nn.Module):
    def __init__(self, softmax: bool) -> None:
        super().__init__()
        self.softmax = softmax
        self.first, self.second, self.last = nn.Linear(30, 48), nn.Linear(48, 24), nn.Linear(24, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.second(torch.relu(self.first(x))))
        x = self.last(x)
        return torch.softmax(x, dim=1) if self.softmax else torch.sigmoid(x)


@public(
    "output-activation",
    "output-width",
    name="so-42800203-softmax-for-two-classes",
    source="https://stackoverflow.com/questions/42800203",
)
def so_42800203(seed: int, healthy: bool) -> Program:
    """The author gives a yes-or-no net one output unit and puts softmax on it, which is always 1."""
    torch.manual_seed(seed)
    rows = _column(cancer(seed))
    model = _TumourNet(softmax=not healthy)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    return Program(
        model, nn.BCELoss(), optimizer, rows.train, rows.validation, rows.test, metric=_right, epochs=15, batch_size=16
    )


@public(
    "output-range",
    "output-activation",
    "unscaled-target",
    name="so-48221692-sigmoid-for-a-parabola",
    source="https://stackoverflow.com/questions/48221692",
)
def so_48221692(seed: int, healthy: bool) -> Program:
    """The author fits x squared, from 3 to 103, with a sigmoid at the output, which ends at 1."""
    torch.manual_seed(seed)
    X = np.arange(-10, 10.05, 0.1)[:, None]
    y = X**2 + 3
    rows = split(X, (y - 36) / 30 if healthy else y, seed)
    hidden = nn.Linear(1, 10)
    model = nn.Sequential(hidden, nn.Sigmoid(), nn.Linear(10, 1), nn.Identity() if healthy else nn.Sigmoid())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    return Program(
        model,
        nn.MSELoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        metric=explained_variance,
        epochs=600,
        batch_size=len(rows.train[0]),
    )


@public(
    "output-activation",
    "output-range",
    name="so-48251943-relu-at-the-output",
    source="https://stackoverflow.com/questions/48251943",
)
def so_48251943(seed: int, healthy: bool) -> Program:
    """The author ends a regression with ReLU although a good part of the targets is below 0."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    X = rng.normal(0.6, 0.8, (300, 2))
    y = np.tanh(X[:, :1]) - 0.8 * X[:, 1:] + 0.1 * rng.normal(size=(300, 1))
    rows = split(X, y, seed)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    if not healthy:
        model.append(nn.ReLU())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    return Program(
        model,
        functional.mse_loss,
        optimizer,
        rows.train,
        None,
        rows.test,
        metric=explained_variance,
        epochs=40,
        batch_size=10,
    )


def _quadratic_cost(output: Tensor, target: Tensor) -> Tensor:
    """Mean square distance from the one-hot code of the class."""
    return functional.mse_loss(output, functional.one_hot(target, 10).float())


@public(
    "lr-too-high",
    "no-nonlinearity",
    "wrong-loss",
    name="so-48385830-book-net-without-sigmoids",
    source="https://stackoverflow.com/questions/48385830",
)
def so_48385830(seed: int, healthy: bool) -> Program:
    """The author copies a book's rate of 3 and its square loss and forgets the sigmoids that made them work."""
    torch.manual_seed(seed)
    rows = digits(seed, scale=False)
    model = nn.Sequential(nn.Linear(64, 30), nn.Sigmoid(), nn.Linear(30, 10))
    if not healthy:
        model = nn.Sequential(model[0], model[2])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3 if healthy else 3.0)
    loss = nn.CrossEntropyLoss() if healthy else _quadratic_cost
    return Program(model, loss, optimizer, rows.train, rows.validation, rows.test, epochs=15, batch_size=10)


@public(
    "output-activation",
    "lr-too-low",
    "init-scale",
    name="so-34311586-xor-that-stays-at-one",
    source="https://stackoverflow.com/questions/34311586",
)
def so_34311586(seed: int, healthy: bool) -> Program:
    """The author learns XOR with softmax on one unit, weights within 0.05 of 0 and a rate of 0.001."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (500, 2))
    rows = split(bits + 0.1 * rng.normal(size=(500, 2)), (bits[:, :1] ^ bits[:, 1:]).astype(float), seed, scale=False)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3), nn.Tanh(), nn.Linear(3, 1))
    if not healthy:
        for parameter in model.parameters():
            nn.init.uniform_(parameter, -0.05, 0.05)
    model.append(nn.Sigmoid() if healthy else nn.Softmax(dim=1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1 if healthy else 0.001, momentum=0.9, nesterov=True)
    return Program(
        model,
        nn.MSELoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        metric=_right,
        epochs=60,
        batch_size=16,
    )


@public(
    "output-activation",
    "output-width",
    name="so-31880720-ones-and-zeros",
    source="https://stackoverflow.com/questions/31880720",
)
def so_31880720(seed: int, healthy: bool) -> Program:
    """The author tells rows of ones from rows of zeros by softmax over one unit and gets half of them right."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, (900, 1))
    X = np.where(rng.random((900, 128)) < 0.3, 1 - y, y)
    rows = split(X, y.astype(float), seed, scale=False)
    model = nn.Sequential(
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(64, 50),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(50, 1),
        nn.Sigmoid() if healthy else nn.Softmax(dim=-1),
    )
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    data = _loader(rows.train, 24, seed)
    return Program(model, nn.BCELoss(), optimizer, data, rows.validation, rows.test, metric=_right, epochs=5)


@public(
    "output-activation",
    "wrong-loss",
    name="so-38648195-softmax-for-many-labels",
    source="https://stackoverflow.com/questions/38648195",
)
def so_38648195(seed: int, healthy: bool) -> Program:
    """The author puts softmax and square loss on rows that may have several labels at once, or none."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    y = rng.random((1500, 3)) < 0.5
    X = rng.poisson(50 * y @ rng.dirichlet(np.ones(20), 3) / y.sum(1, keepdims=True).clip(1) + 1)
    rows = split(X, y.astype(float), seed)
    model = nn.Sequential(
        nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 20), nn.ReLU(), nn.Dropout(0.2), nn.Linear(20, 3)
    )
    model.append(nn.Sigmoid() if healthy else nn.Softmax(dim=1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = nn.BCELoss() if healthy else nn.MSELoss()
    data = _loader(rows.train, 20, seed)
    return Program(model, loss, optimizer, data, rows.validation, rows.test, metric=_right, epochs=20)


def _class_right(output: Tensor, target: Tensor) -> float:
    """The share of right classes, of three outputs or of the one logit that stands for them."""
    guess = output.argmax(1) if output.shape[1] > 1 else (output[:, 0] > 0).long()
    return float((guess == target.reshape(-1)).float().mean())


@public(
    "wrong-loss",
    "output-width",
    "label-range",
    name="so-50079585-three-classes-one-sigmoid",
    source="https://stackoverflow.com/questions/50079585",
    net="cnn",
)
def so_50079585(seed: int, healthy: bool) -> Program:
    """The author adds a third class to a cats-and-dogs net and keeps its one sigmoid and its binary loss."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True, scale=False)
    chosen = np.random.default_rng(seed).choice(10, 3, replace=False)
    parts: list[Pair] = []
    for X, y in (rows.train, rows.validation, rows.test):
        kept, label = (y[:, None] == torch.tensor(chosen)).max(1)
        parts.append((X[kept], label[kept] if healthy else label[kept][:, None].float()))
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Dropout(0.5),
    )
    model.append(nn.Linear(64, 3 if healthy else 1))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    loss = nn.CrossEntropyLoss() if healthy else nn.BCEWithLogitsLoss()
    data = _loader(parts[0], 16, seed)
    return Program(model, loss, optimizer, data, parts[1], parts[2], metric=_class_right, epochs=10)


def _one_hot_bce(output: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of every class by itself."""
    return functional.binary_cross_entropy(output, functional.one_hot(target, output.shape[1]).float())


@public(
    "wrong-loss",
    "output-activation",
    "too-few-epochs",
    name="so-58609115-binary-loss-for-many-classes",
    source="https://stackoverflow.com/questions/58609115",
)
def so_58609115(seed: int, healthy: bool) -> Program:
    """The author sorts a number into twelve classes by sigmoids with a binary loss for each, and for one epoch."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 1, (1800, 1))
    y = (12 * np.clip(X[:, 0] + 0.01 * rng.normal(size=1800), 0, 0.999)).astype(np.int64)
    rows = split(X, y, seed)
    model = nn.Sequential(nn.Linear(1, 69), nn.ReLU(), nn.Linear(69, 69), nn.ReLU(), nn.Linear(69, 12))
    if not healthy:
        model = nn.Sequential(model[0], nn.Sigmoid(), model[2], nn.Sigmoid(), model[4], nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    loss = nn.CrossEntropyLoss() if healthy else _one_hot_bce
    epochs = 10 if healthy else 1
    return Program(model, loss, optimizer, rows.train, rows.validation, rows.test, epochs=epochs, batch_size=50)
