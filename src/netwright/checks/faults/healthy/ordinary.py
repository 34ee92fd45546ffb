"""Healthy programs as good people write them, on tables: classes, yes or no, several labels, numbers and ratings."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import healthy
from netwright.checks.faults.program import Program, Report, explained_variance
from netwright.checks.faults.sources import Pair, Rows, blobs, cancer, digits, moons, split, surface, wine


def _loader(pair: Pair, batch_size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    """Shuffled batches in an order drawn from the seed."""
    order = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*pair), batch_size, shuffle=True, generator=order)


@healthy(name="digits-mlp-adam")
def digits_mlp(seed: int) -> Program:
    """A three-layer perceptron reads digits, with the library's initial weights and Adam as it comes."""
    torch.manual_seed(seed)
    rows, width = digits(seed), 64 + 32 * (seed % 3)
    net = nn.Sequential(
        nn.Linear(64, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, 10),
    )
    optimizer = torch.optim.Adam(net.parameters())
    return Program(net, nn.CrossEntropyLoss(), optimizer, rows.train, rows.validation, rows.test, epochs=12)


@healthy(name="cancer-dropout-adamw")
def cancer_dropout(seed: int) -> Program:
    """Tumours are told apart by one logit with dropout and AdamW, targets as a column of 0 and 1."""
    torch.manual_seed(seed)
    rows = cancer(seed)
    train, validation, test = ((X, y[:, None].float()) for X, y in (rows.train, rows.validation, rows.test))
    net = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 1))
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    data = _loader(train, 16, seed)
    return Program(net, nn.BCEWithLogitsLoss(), optimizer, data, validation, test, epochs=12)


def stop_early(program: Program, report: Report) -> None:
    """Train until the validation loss has not fallen for ten epochs and put the best weights back."""
    net, best, waited = program.module, float("inf"), 0
    weights = deepcopy(net.state_dict())
    for epoch in range(program.epochs):
        net.train()
        for X, y in program.batches(epoch):
            loss = program.loss(net(X), y)
            program.optimizer.zero_grad()
            loss.backward()
            program.optimizer.step()
        net.eval()
        assert program.validation is not None
        X, y = program.validation
        with torch.no_grad():
            output = net(X)
        current = float(program.loss(output, y))
        report(loss=current, score=program.metric(output, y))
        if current < best:
            best, waited, weights = current, 0, deepcopy(net.state_dict())
        elif (waited := waited + 1) >= 10:
            break
    net.load_state_dict(weights)


@healthy(name="wine-tanh-early-stopping")
def wine_tanh(seed: int) -> Program:
    """Wines are classified by tanh units and momentum, and training stops by hand where validation is best."""
    torch.manual_seed(seed)
    rows = wine(seed)
    net = nn.Sequential(nn.Linear(13, 12), nn.Tanh(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-3)
    return Program(
        net,
        nn.CrossEntropyLoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        epochs=80,
        batch_size=16,
        loop=stop_early,
    )


@healthy(name="moons-adadelta")
def moons_adadelta(seed: int) -> Program:
    """Half moons are parted by batch-normalised layers and Adadelta at its own rate of 1."""
    torch.manual_seed(seed)
    rows = moons(seed, n=800)
    net = nn.Sequential(
        nn.Linear(2, 24),
        nn.BatchNorm1d(24),
        nn.ReLU(),
        nn.Linear(24, 24),
        nn.BatchNorm1d(24),
        nn.ReLU(),
        nn.Linear(24, 2),
    )
    optimizer = torch.optim.Adadelta(net.parameters())
    return Program(
        net, F.cross_entropy, optimizer, _loader(rows.train, 32, seed), rows.validation, rows.test, epochs=20
    )


class Residual(nn.Module):
    """A block that adds to its input what it computes from the normalised input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Input plus correction.

        Shapes
        ------
        x (n, width) -> (n, width)
        """
        return x + self.body(x)


@healthy(name="surface-residual-cosine")
def surface_residual(seed: int) -> Program:
    """A smooth function of five columns is fitted by residual blocks, LayerNorm, GELU and a cosine schedule."""
    torch.manual_seed(seed)
    rows, width = surface(seed, n=1000), 16 + 8 * (seed % 2)
    net = nn.Sequential(nn.Linear(5, width), Residual(width), Residual(width), nn.LayerNorm(width), nn.Linear(width, 1))
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.01)
    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        explained_variance,
        epochs=30,
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30, eta_min=1e-4),
    )


def _customers(seed: int, n: int = 1200) -> Rows:
    """Customers: five numbers on their own mild scales, four yes-no columns; about every fifth one leaves."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal([1.0, 0.0, 3.0, -0.5, 0.2], [2.5, 1.0, 1.5, 0.6, 0.4], (n, 5))
    flags = (rng.random((n, 4)) < [0.5, 0.2, 0.35, 0.1]).astype(float)
    risk = 1.2 * numbers[:, 0] * (2 * flags[:, 0] - 1) + 1.5 * numbers[:, 1] - 2.0 * numbers[:, 2] * flags[:, 2]
    risk += 2.5 * flags[:, 1] - 2.0 * numbers[:, 3] + 0.8 * rng.logistic(size=n)
    leaves = (risk > np.quantile(risk, 0.8)).astype(np.int64)
    return split(np.concatenate([numbers, flags], axis=1), leaves, seed, scale=False)


@healthy(name="customers-mixed-columns")
def customers(seed: int) -> Program:
    """One customer in five leaves, by numbers as they are and yes-no columns, with RAdam and a little dropout."""
    torch.manual_seed(seed)
    rows = _customers(seed)
    net = nn.Sequential(
        nn.Linear(9, 48), nn.LeakyReLU(0.1), nn.Dropout(0.1), nn.Linear(48, 24), nn.LeakyReLU(0.1), nn.Linear(24, 2)
    )
    optimizer = torch.optim.RAdam(net.parameters(), lr=5e-3, weight_decay=1e-4)
    return Program(
        net,
        nn.CrossEntropyLoss(),
        optimizer,
        _loader(rows.train, 32, seed),
        rows.validation,
        rows.test,
        epochs=20,
    )


@healthy(name="multi-label-topics")
def multi_label(seed: int) -> Program:
    """Five topics, of which a text may have several or none, get a logit and a binary loss each."""
    torch.manual_seed(seed)
    X, y = datasets.make_multilabel_classification(1000, 24, n_classes=5, n_labels=2, random_state=seed)
    rows = split(X, y.astype(np.float64), seed)
    net = nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 5))
    optimizer = torch.optim.NAdam(net.parameters(), lr=2e-3, weight_decay=1e-3)
    return Program(
        net,
        F.binary_cross_entropy_with_logits,
        optimizer,
        _loader(rows.train, 32, seed),
        rows.validation,
        rows.test,
        epochs=12,
    )


@healthy(name="arm-three-outputs-float64")
def robot_arm(seed: int) -> Program:
    """Place and tilt of an arm's hand are learned from its three joints in double precision, three outputs at once."""
    torch.manual_seed(seed)
    joints = np.random.default_rng(seed).uniform(-1.2, 1.2, (900, 3))
    angles = joints.cumsum(1)
    hand = np.stack([np.cos(angles).sum(1), np.sin(angles).sum(1), np.sin(angles[:, 2])], axis=1)
    rows = split(joints, hand, seed)
    train, validation, test = ((X.double(), y.double()) for X, y in (rows.train, rows.validation, rows.test))
    net = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 3)).double()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.92)
    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        train,
        validation,
        test,
        explained_variance,
        epochs=40,
        scheduler=schedule,
    )


def _shares(seed: int, n: int = 900) -> Rows:
    """Shares between 0 and 1, (n, 1), of six columns, with noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    level = 1.5 * X[:, 0] - X[:, 1] * X[:, 2] + np.sin(2 * X[:, 3]) + 0.2 * rng.normal(size=n)
    return split(X, 1 / (1 + np.exp(-level[:, None])), seed)


@healthy(name="share-sigmoid-squared-error")
def share(seed: int) -> Program:
    """A share between 0 and 1 is fitted by a sigmoid unit under the squared error, which reaches every target."""
    torch.manual_seed(seed)
    rows = _shares(seed)
    net = nn.Sequential(
        nn.Linear(6, 48),
        nn.SiLU(),
        nn.Linear(48, 24),
        nn.SiLU(),
        nn.Linear(24, 1),
        nn.Sigmoid(),
    )
    optimizer = torch.optim.RMSprop(net.parameters(), lr=8e-3)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 12, gamma=0.3)
    return Program(
        net,
        F.mse_loss,
        optimizer,
        _loader(rows.train, 24, seed),
        rows.validation,
        rows.test,
        explained_variance,
        epochs=30,
        scheduler=schedule,
    )


@healthy(name="blobs-selu-log-softmax")
def self_normalising(seed: int) -> Program:
    """Six SELU layers with weights of variance 1/fan-in and alpha dropout give log-probabilities for the NLL loss."""
    torch.manual_seed(seed)
    rows = blobs(seed, n=900, classes=5, columns=10, spread=4.0)
    layers: list[nn.Module] = []
    for fan_in in (10, 32, 32, 32, 32, 32):
        layers += [nn.Linear(fan_in, 32), nn.SELU(), nn.AlphaDropout(0.02)]
    net = nn.Sequential(*layers, nn.Linear(32, 5), nn.LogSoftmax(dim=1))
    for layer in net:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.8, weight_decay=1e-3)
    return Program(net, nn.NLLLoss(), optimizer, rows.train, validation=None, test=rows.test, epochs=15, batch_size=20)


def _spread(seed: int, n: int = 1000) -> Rows:
    """A curve in four columns whose noise grows with the second column, target (n, 1)."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 4))
    y = np.sin(1.5 * X[:, 0]) + 0.5 * X[:, 2] ** 2 - X[:, 3] + np.exp(0.5 * X[:, 1] - 1.7) * rng.normal(size=n)
    return split(X, ((y - y.mean()) / y.std())[:, None], seed)


def gaussian_loss(output: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood of a normal law whose mean and log-variance are the two outputs."""
    mean, log_variance = output.chunk(2, dim=1)
    return F.gaussian_nll_loss(mean, target, log_variance.exp())


def mean_explained(output: Tensor, target: Tensor) -> float:
    """R^2 of the first output."""
    return explained_variance(output[:, :1], target)


@healthy(name="mean-and-variance")
def mean_and_variance(seed: int) -> Program:
    """Two outputs, mean and log-variance, learn one target by its likelihood, which may fall below zero."""
    torch.manual_seed(seed)
    rows = _spread(seed)
    net = nn.Sequential(nn.Linear(4, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 2))
    optimizer = torch.optim.AdamW(net.parameters(), lr=6e-3)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [16, 22, 26], gamma=0.4)
    return Program(
        net,
        gaussian_loss,
        optimizer,
        _loader(rows.train, 32, seed),
        rows.validation,
        rows.test,
        mean_explained,
        epochs=28,
        scheduler=schedule,
    )


def _ratings(seed: int, users: int = 50, films: int = 40, n: int = 1500) -> Rows:
    """Pairs of a user and a film, (n, 2), and what the user thought of it, (n,)."""
    rng = np.random.default_rng(seed)
    taste, style = rng.normal(size=(users, 2)), rng.normal(size=(films, 2))
    liked, mood = rng.normal(size=films), 0.5 * rng.normal(size=users)
    pairs = rng.permutation(users * films)[:n]
    X = np.stack([pairs // films, pairs % films], axis=1)
    score = (taste[X[:, 0]] * style[X[:, 1]]).sum(1) + liked[X[:, 1]] + mood[X[:, 0]] + 0.2 * rng.normal(size=n)
    rows = split(X, (score - score.mean()) / score.std(), seed, shares=(0.7, 0.15), scale=False)
    return Rows(*((each[0].long(), each[1]) for each in (rows.train, rows.validation, rows.test)))


class Factors(nn.Module):
    """Users and films as vectors whose inner product, with a number for each, is the rating."""

    def __init__(self, users: int, films: int, width: int) -> None:
        super().__init__()
        self.user, self.film = nn.Embedding(users, width), nn.Embedding(films, width)
        self.mood, self.liked = nn.Embedding(users, 1), nn.Embedding(films, 1)
        for table in (self.user, self.film, self.mood, self.liked):
            nn.init.normal_(table.weight, std=0.3)

    def forward(self, x: Tensor) -> Tensor:
        """Ratings of pairs.

        Shapes
        ------
        x (n, 2) of numbers of user and film -> (n,)
        """
        user, film = x.unbind(1)
        return (self.user(user) * self.film(film)).sum(1) + (self.mood(user) + self.liked(film)).squeeze(1)


@healthy(name="ratings-factorised", net="embedding")
def ratings(seed: int) -> Program:
    """Ratings are the product of two embeddings, of user and film, which needs no activation in between."""
    torch.manual_seed(seed)
    rows = _ratings(seed)
    net = Factors(50, 40, 3)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02, weight_decay=1e-4)
    data = _loader(rows.train, 50, seed)
    return Program(net, nn.MSELoss(), optimizer, data, rows.validation, rows.test, explained_variance, epochs=25)
