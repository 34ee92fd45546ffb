"""Bugs asked about on Stack Overflow, restated in small PyTorch: scales, learning rates and more outputs."""

from __future__ import annotations

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import public
from netwright.checks.faults.program import Program, explained_variance
from netwright.checks.faults.sources import Pair, digits, split


def _right(output: Tensor, target: Tensor) -> float:
    """The share of probabilities on the right side of one half."""
    return float(((output.reshape(target.shape) > 0.5) == (target > 0.5)).float().mean())


def _loader(pair: Pair, batch_size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    """Shuffled batches."""
    shuffled = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*pair), batch_size, shuffle=True, generator=shuffled)


@public(
    "label-range",
    "class-imbalance",
    "scaler-mismatch",
    name="so-59325381-labels-divided-too",
    source="https://stackoverflow.com/questions/59325381",
    net="cnn",
)
def so_59325381(seed: int, healthy: bool) -> Program:
    """The author divides pixels and labels alike, so that every label becomes 0, and leaves the test pixels alone."""
    torch.manual_seed(seed)
    X, y = datasets.load_digits(return_X_y=True)
    rows = split(X.reshape(-1, 1, 8, 8), y, seed, scale=False)
    (X_train, y_train), (X_valid, y_valid), (X_test, y_test) = rows.train, rows.validation, rows.test
    X_train = X_train / 16
    if healthy:
        X_valid, X_test = X_valid / 16, X_test / 16
    else:
        y_train = (y_train / 16).long()
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    data = _loader((X_train, y_train), 32, seed)
    return Program(model, nn.CrossEntropyLoss(), optimizer, data, (X_valid, y_valid), (X_test, y_test), epochs=8)


@public(
    "output-activation",
    "double-softmax",
    "unscaled-input",
    name="so-59278771-sigmoid-before-cross-entropy-iris",
    source="https://stackoverflow.com/questions/59278771",
)
def so_59278771(seed: int, healthy: bool) -> Program:
    """The author ends a net for three flowers with sigmoids, although the loss takes logits, and feeds centimetres."""
    torch.manual_seed(seed)
    X, y = datasets.load_iris(return_X_y=True)
    rows = split((X - X.min(0)) / np.ptp(X, 0) if healthy else X, y, seed, scale=False)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    if not healthy:
        model.append(nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    return Program(model, nn.CrossEntropyLoss(), optimizer, rows.train, None, rows.test, epochs=40, batch_size=5)


@public(
    "unscaled-target",
    "unscaled-input",
    "saturation",
    name="so-52800582-fourth-power-unscaled",
    source="https://stackoverflow.com/questions/52800582",
)
def so_52800582(seed: int, healthy: bool) -> Program:
    """The author fits the fourth power of -100 to 100, targets up to a hundred million, as they stand."""
    torch.manual_seed(seed)
    X = np.arange(-100, 100, 0.5)[:, None]
    y = X**4
    if healthy:
        X, y = X / X.std(), (y - y.mean()) / y.std()
    rows = split(X, y, seed, scale=False)
    model = nn.Sequential(nn.Linear(1, 50), nn.Sigmoid(), nn.Linear(50, 50), nn.ELU(), nn.Linear(50, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    n = len(rows.train[0])
    return Program(
        model,
        nn.MSELoss(),
        optimizer,
        rows.train,
        None,
        rows.test,
        metric=explained_variance,
        epochs=400,
        batch_size=n,
    )


@public(
    "lr-too-high",
    "unscaled-target",
    name="so-48934338-rate-of-a-tenth",
    source="https://stackoverflow.com/questions/48934338",
)
def so_48934338(seed: int, healthy: bool) -> Program:
    """The author fits 5 x squared plus noise by plain descent at a rate of 0.1, far too much for targets up to 125."""
    torch.manual_seed(seed)
    X = np.arange(0, 5, 0.025)[:, None]
    y = 5 * X**2 + np.random.default_rng(seed).normal(size=X.shape) ** 3
    rows = split(X, y, seed, scale=False)
    model = nn.Sequential(nn.Linear(1, 50), nn.ReLU(), nn.Linear(50, 30), nn.ReLU(), nn.Linear(30, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0005 if healthy else 0.1)
    data = _loader(rows.train, 32, seed)
    return Program(
        model, nn.MSELoss(), optimizer, data, rows.validation, rows.test, metric=explained_variance, epochs=150
    )


@public(
    "too-few-epochs",
    "lr-too-low",
    "underfitting",
    name="so-44998910-polynomial-that-stays-a-line",
    source="https://stackoverflow.com/questions/44998910",
)
def so_44998910(seed: int, healthy: bool) -> Program:
    """The author stops plain gradient descent after 20 epochs, when a polynomial is still fitted by a line."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 1, (1500, 1))
    rows = split(X, X**4 + X**3 - X, seed, scale=False)
    model = nn.Sequential(nn.Linear(1, 200), nn.ReLU(), nn.Linear(200, 45), nn.ReLU(), nn.Linear(45, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1 if healthy else 0.01)
    return Program(
        model,
        nn.MSELoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        metric=explained_variance,
        epochs=50 if healthy else 20,
        batch_size=50,
    )


@public(
    "lr-too-low",
    "too-few-epochs",
    name="so-51181393-line-not-reached",
    source="https://stackoverflow.com/questions/51181393",
)
def so_51181393(seed: int, healthy: bool) -> Program:
    """The author fits y = 5 x by RMSprop at 0.001, which in 200 epochs walks a seventh of the way to the weight."""
    torch.manual_seed(seed)
    X = np.linspace(1, 2, 160)[:, None]
    rows = split(X, 5 * X + 0.1 * np.random.default_rng(seed).normal(size=X.shape), seed, scale=False)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.1 if healthy else 0.001)
    return Program(
        model,
        nn.MSELoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        metric=explained_variance,
        epochs=200,
    )


class _TwoConvolutions(nn.Module):
    def __init__(self, relu_last: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.hidden, self.drop, self.last = nn.Linear(64, 64), nn.Dropout(0.5), nn.Linear(64, 10)
        self.relu_last = relu_last
        for name in ("first", "second", "hidden"):
            nn.init.constant_(self.get_parameter(f"{name}.bias"), 0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(torch.relu(self.first(x)), 2)
        x = functional.max_pool2d(torch.relu(self.second(x)), 2)
        x = self.last(self.drop(torch.relu(self.hidden(x.flatten(1)))))
        return torch.relu(x) if self.relu_last else x


@public(
    "output-activation",
    "dead-units",
    name="so-47352366-relu-on-the-logits",
    source="https://stackoverflow.com/questions/47352366",
    net="cnn",
)
def so_47352366(seed: int, healthy: bool) -> Program:
    """The author keeps ReLU on the last layer of a digit net, so that some classes are never answered."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True, scale=False)
    model = _TwoConvolutions(relu_last=not healthy)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    data = _loader(rows.train, 50, seed)
    return Program(model, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=8)


@public(
    "unscaled-input",
    "output-activation",
    "lr-too-low",
    name="so-55328966-pixels-up-to-255",
    source="https://stackoverflow.com/questions/55328966",
)
def so_55328966(seed: int, healthy: bool) -> Program:
    """The author feeds pixels of 0 to 255, ends with sigmoids before the loss, and descends by a rate of 0.0001."""
    torch.manual_seed(seed)
    X, y = datasets.load_digits(return_X_y=True)
    rows = split(X / 16 if healthy else np.round(X * 255 / 16), y, seed, scale=False)
    model = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10))
    optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    if not healthy:
        model.append(nn.Sigmoid())
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    loss = nn.CrossEntropyLoss()
    return Program(model, loss, optimizer, rows.train, rows.validation, rows.test, epochs=10)


@public(
    "output-activation",
    "output-width",
    name="so-45337371-softmax-over-a-probability",
    source="https://stackoverflow.com/questions/45337371",
)
def so_45337371(seed: int, healthy: bool) -> Program:
    """The author turns the one output of a yes-or-no net into a probability by softmax, and no gradient is left."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    X = rng.random((900, 5))
    y = (np.sin(3 * X[:, :1]) + X[:, 1:2] * X[:, 2:3] > 1.0).astype(float)
    rows = split(X, y, seed)
    last = nn.Sigmoid() if healthy else nn.Softmax(dim=1)
    model = nn.Sequential(nn.Linear(5, 60), nn.ReLU(), nn.Linear(60, 50), nn.ReLU(), nn.Linear(50, 1), last)
    optimizer = torch.optim.Adam(model.parameters())
    return Program(
        model,
        functional.binary_cross_entropy,
        optimizer,
        rows.train,
        None,
        rows.test,
        metric=_right,
        epochs=20,
    )


@public(
    "lr-too-low",
    "too-few-epochs",
    "underfitting",
    name="so-56380303-remainder-of-a-bit-vector",
    source="https://stackoverflow.com/questions/56380303",
)
def so_56380303(seed: int, healthy: bool) -> Program:
    """The author asks for the remainder of a binary number by plain descent at 0.01, which has not begun to learn."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    numbers = rng.choice(2**12, 3600, replace=False)
    X = numbers[:, None] >> np.arange(12) & 1
    rows = split(X, numbers % 7, seed, scale=False)
    model = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 7))
    optimizer: torch.optim.Optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    if healthy:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    data = _loader(rows.train, 100, seed)
    return Program(model, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=30)
