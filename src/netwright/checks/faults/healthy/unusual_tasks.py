"""Healthy programs that are unusual in their data, targets, losses or nets, and yet right."""

from __future__ import annotations

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import healthy
from netwright.checks.faults.program import Program, explained_variance
from netwright.checks.faults.sources import Pair, Rows, digits, split, surface


def _loader(pair: Pair, batch_size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    """Shuffled batches in an order drawn from the seed."""
    order = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*pair), batch_size, shuffle=True, generator=order)


def _sentences(seed: int, n: int = 700, steps: int = 8, vocabulary: int = 10) -> Rows:
    """Tokens, (n, steps), and each one's successor, (n, steps): by one table or another, as the first token says."""
    rng = np.random.default_rng(seed)
    tables = np.stack([rng.permutation(np.arange(2, vocabulary)) for _ in range(2)])
    text = np.empty((n, steps + 1), dtype=np.int64)
    text[:, 0], text[:, 1] = rng.integers(0, 2, n), rng.integers(2, vocabulary, n)
    for step in range(2, steps + 1):
        random = rng.random(n) < 0.12
        text[:, step] = np.where(random, rng.integers(2, vocabulary, n), tables[text[:, 0], text[:, step - 1] - 2])
    rows = split(text[:, :-1], text[:, 1:], seed, scale=False)
    return Rows(*((each[0].long(), each[1]) for each in (rows.train, rows.validation, rows.test)))


class TiedModel(nn.Module):
    """A language model whose last layer is its table of embeddings."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.Linear(width, vocabulary)
        self.decoder.weight = self.embedding.weight
        nn.init.normal_(self.embedding.weight, std=width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the token after each step.

        Shapes
        ------
        x (n, steps) of tokens -> (n, steps, vocabulary)
        """
        return self.decoder(self.gru(self.embedding(x))[0])


def next_token_loss(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of every step."""
    return F.cross_entropy(output.flatten(0, 1), target.flatten())


@healthy(name="tied-language-model", net="rnn")
def tied_model(seed: int) -> Program:
    """The decoder's weights are the embedding's, and the targets are the inputs a step later."""
    torch.manual_seed(seed)
    rows = _sentences(seed)
    net = TiedModel(10, 20)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    return Program(
        net,
        next_token_loss,
        optimizer,
        _loader(rows.train, 20, seed),
        rows.validation,
        rows.test,
        epochs=12,
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12),
    )


def _houses(seed: int, n: int = 900) -> Rows:
    """Prices of houses in thousands, (n, 1): about 320 with a spread of 80, by six standardised columns."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    worth = 1.2 * X[:, 0] + X[:, 1] * np.tanh(X[:, 2]) + 0.8 * np.abs(X[:, 3]) + 0.5 * X[:, 4]
    price = 280 + 50 * worth + 10 * rng.normal(size=n)
    return split(X, price[:, None], seed)


@healthy(name="raw-prices-bias-set")
def raw_prices(seed: int) -> Program:
    """Prices of about 320 thousand are fitted as they are, from a last bias at their mean."""
    torch.manual_seed(seed)
    rows = _houses(seed)
    last = nn.Linear(64, 1)
    nn.init.constant_(last.bias, float(rows.train[1].mean()))
    net = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), last)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        explained_variance,
        epochs=30,
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30),
    )


def _alarms(seed: int, n: int = 1950) -> Rows:
    """Readings of eight sensors; one row in thirteen is a fault, too high or too low in three of them, (n,) of 0, 1."""
    rng = np.random.default_rng(seed)
    X, faults = rng.normal(size=(n, 8)), n // 13
    X[:faults, :3] = 0.4 * X[:faults, :3] + rng.choice([-1.0, 1.0], (faults, 1)) * np.array([1.7, -1.4, 1.5])
    y = (np.arange(n) < faults).astype(np.float64)
    return split(X, y, seed)


def balanced_accuracy(output: Tensor, target: Tensor) -> float:
    """The mean of the shares of faults and of the rest that are told rightly."""
    right = ((output > 0) == (target > 0.5)).float()
    return float((right[target > 0.5].mean() + right[target < 0.5].mean()) / 2)


@healthy(name="weighted-twelve-to-one")
def weighted(seed: int) -> Program:
    """One row in thirteen is a fault; the loss weighs it twelvefold and the score is balanced accuracy."""
    torch.manual_seed(seed)
    rows = _alarms(seed)
    net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
    optimizer = torch.optim.AdamW(net.parameters(), lr=6e-3, weight_decay=0.1)
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(12.0))
    data = _loader(rows.train, 64, seed)
    return Program(net, loss, optimizer, data, rows.validation, rows.test, balanced_accuracy, epochs=18)


def _news(seed: int, n: int = 1200, words: int = 500, topics: int = 4) -> Rows:
    """Which of 500 words, most of them rare, occur in a text, (n, 500) of 0 and 1; four topics."""
    rng = np.random.default_rng(seed)
    rarity = 1 / (np.arange(words) + 5.0)
    tilt = np.exp(0.75 * rng.normal(size=(topics, words)))
    share = np.minimum(18 * rarity * tilt / (rarity * tilt).sum(1, keepdims=True), 0.9)
    y = rng.integers(0, topics, n)
    return split((rng.random((n, words)) < share[y]).astype(float), y, seed, scale=False)


@healthy(name="sparse-bag-of-words")
def bag_of_words(seed: int) -> Program:
    """Nearly all inputs are zero and many words occur in a handful of texts or none, as it is with words."""
    torch.manual_seed(seed)
    rows = _news(seed)
    net = nn.Sequential(nn.Linear(500, 24), nn.ReLU(), nn.Dropout(0.4), nn.Linear(24, 4))
    optimizer = torch.optim.Adagrad(net.parameters(), lr=0.02)
    data = _loader(rows.train, 32, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, validation=None, test=rows.test, epochs=12)


def _bumps(seed: int, n: int = 900) -> Pair:
    """Images of 8 x 8 pixels with one bright bump of a random place and width, (n, 64), as inputs and targets."""
    rng = np.random.default_rng(seed)
    place, width = rng.uniform(1.5, 5.5, (n, 2, 1)), rng.uniform(1.0, 1.6, (n, 1, 1))
    shape = np.exp(-(((np.arange(8) - place) / width) ** 2) / 2)
    X = torch.tensor((shape[:, 0, :, None] * shape[:, 1, None, :]).reshape(n, 64), dtype=torch.float32)
    return X, X


@healthy(name="autoencoder-three-codes", net="autoencoder")
def autoencoder(seed: int) -> Program:
    """The targets are the inputs and three units carry 64 pixels, which is what an autoencoder is for."""
    torch.manual_seed(seed)
    X, y = _bumps(seed)
    encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 3))
    decoder = nn.Sequential(nn.Linear(3, 48), nn.ReLU(), nn.Linear(48, 64))
    net = nn.Sequential(encoder, decoder)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        (X[:600], y[:600]),
        (X[600:750], y[600:750]),
        (X[750:], y[750:]),
        explained_variance,
        epochs=40,
    )


class Forecast(nn.Module):
    """The next value as the last one plus what a small net makes of the way to it."""

    def __init__(self, steps: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(steps - 1, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """The value after each window.

        Shapes
        ------
        x (n, steps) -> (n, 1)
        """
        return x[:, -1:] + self.body(x.diff(dim=1))


@healthy(name="trend-unshuffled")
def trend(seed: int) -> Program:
    """A growing series is cut by time, unshuffled, so that later rows lie higher than all those of the training."""
    torch.manual_seed(seed)
    rng, steps = np.random.default_rng(seed), 12
    month = np.arange(912)
    season = np.sin(2 * np.pi * month / 12 + rng.uniform(0, 6)) + 0.5 * np.sign(np.sin(2 * np.pi * month / 6))
    series = torch.tensor(0.01 * month + season + 0.1 * rng.normal(size=912), dtype=torch.float32)
    X = series.unfold(0, steps, 1)[:-1]
    y = series[steps:, None]
    net = Forecast(steps, 24)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        DataLoader(TensorDataset(X[:540], y[:540]), 36, shuffle=False),
        (X[540:720], y[540:720]),
        (X[720:], y[720:]),
        explained_variance,
        epochs=30,
    )


def _coins(seed: int, n: int = 4000) -> Rows:
    """Three columns that tell the class (n,) with a chance of 65 % and no better."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    likelier = X[:, 0] + 0.8 * np.abs(X[:, 1]) - 0.6 > 0
    return split(X, np.where(rng.random(n) < 0.65, likelier, ~likelier).astype(np.int64), seed)


@healthy(name="bayes-sixty-five")
def bayes(seed: int) -> Program:
    """Nobody can be right in more than 65 of 100 cases here, so the loss falls from 0.69 to 0.65 and stays."""
    torch.manual_seed(seed)
    rows = _coins(seed)
    net = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 2))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.05)
    data = _loader(rows.train, 100, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=15)


def _flowers(seed: int) -> Rows:
    """Iris with forty flowers to learn from and all others to be asked."""
    X, y = datasets.load_iris(return_X_y=True)
    return split(X, y, seed, shares=(40 / 150, 0.0))


@healthy(name="forty-flowers")
def forty_rows(seed: int) -> Program:
    """There are forty rows to learn from and none to spare for validation; the net is small and decayed."""
    torch.manual_seed(seed)
    rows = _flowers(seed)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.1)
    loss = nn.CrossEntropyLoss()
    return Program(net, loss, optimizer, rows.train, validation=None, test=rows.test, epochs=60, batch_size=8)


def _visits(seed: int, n: int = 1200) -> Rows:
    """Visits in an hour, whole numbers from 0 to about 40, (n,), by four columns."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 4))
    rate = np.exp(1.8 + X[:, 0] + 0.8 * np.sin(3 * X[:, 1]) - 0.8 * np.maximum(X[:, 2], 0))
    return split(X, rng.poisson(rate).astype(np.float64), seed)


def rate_explained(output: Tensor, target: Tensor) -> float:
    """R^2 of the rate, of which the output is the logarithm."""
    return explained_variance(output.exp(), target)


@healthy(name="visits-poisson")
def visits(seed: int) -> Program:
    """Counts are fitted through the logarithm of their rate, with a loss that is negative when all is well."""
    torch.manual_seed(seed)
    rows = _visits(seed)
    net = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    return Program(
        net,
        nn.PoissonNLLLoss(),
        optimizer,
        _loader(rows.train, 32, seed),
        rows.validation,
        rows.test,
        rate_explained,
        epochs=22,
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 22),
    )


def _forms(seed: int, n: int = 1500) -> Rows:
    """Five questions with two to four answers each as columns of 0 and 1, (n, 14); a yes or no follows from them."""
    rng = np.random.default_rng(seed)
    answers = np.stack([rng.integers(0, levels, n) for levels in (4, 3, 3, 2, 2)], axis=1)
    columns = [np.eye(levels)[answers[:, at]] for at, levels in enumerate((4, 3, 3, 2, 2))]
    yes = np.where(answers[:, 3] == 1, answers[:, 0] >= 2, answers[:, 1] == answers[:, 2])
    yes ^= rng.random(n) < 0.04
    return split(np.concatenate(columns, axis=1), yes.astype(np.int64), seed, scale=False)


@healthy(name="forms-one-hot")
def forms(seed: int) -> Program:
    """There are only 144 ways to fill in the form, so equal rows stand in every part of the split by nature."""
    torch.manual_seed(seed)
    rows = _forms(seed)
    net = nn.Sequential(nn.Linear(14, 24), nn.ReLU(), nn.Linear(24, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    data = _loader(rows.train, 50, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=20)


class MonteCarloDropout(nn.Module):
    """Dropout stays on for ever; in evaluation the answer is the mean of 30 draws."""

    def __init__(self, columns: int, width: int, p: float) -> None:
        super().__init__()
        self.first, self.second, self.read = nn.Linear(columns, width), nn.Linear(width, width), nn.Linear(width, 1)
        self.p = p

    def draw(self, x: Tensor) -> Tensor:
        """One answer of the net with some units dropped.

        Shapes
        ------
        x (n, columns) -> (n, 1)
        """
        x = F.dropout(F.relu(self.first(x)), self.p)
        return self.read(F.dropout(F.relu(self.second(x)), self.p))

    def forward(self, x: Tensor) -> Tensor:
        """One draw in training, the mean of many in use.

        Shapes
        ------
        x (n, columns) -> (n, 1)
        """
        return self.draw(x) if self.training else torch.stack([self.draw(x) for _ in range(30)]).mean(0)


@healthy(name="monte-carlo-dropout")
def monte_carlo(seed: int) -> Program:
    """Dropout stays on in evaluation on purpose, and the answer is the mean of 30 random draws."""
    torch.manual_seed(seed)
    rows = surface(seed, n=1000)
    net = MonteCarloDropout(5, 64, 0.05)
    optimizer = torch.optim.Adam(net.parameters(), lr=6e-3)
    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        explained_variance,
        epochs=24,
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 24),
        declared={"ignore": ["stateful-eval"]},
    )


@healthy(name="bytes-normalised-inside", net="cnn")
def byte_images(seed: int) -> Program:
    """Images come as numbers from 0 to 255, and a batch normalisation at the entrance of the net scales them."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True, scale=False)
    train, validation, test = ((255 * X, y) for X, y in (rows.train, rows.validation, rows.test))
    net = nn.Sequential(
        nn.BatchNorm2d(1),
        nn.Conv2d(1, 12, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24 * 16, 10),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    return Program(net, nn.CrossEntropyLoss(), optimizer, _loader(train, 64, seed), validation, test, epochs=12)
