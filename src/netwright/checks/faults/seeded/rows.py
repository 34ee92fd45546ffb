"""Seeded faults in the split, the order and the batches of rows."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, Report, explained_variance
from netwright.checks.faults.sources import split, waves


def _visits(seed: int, n: int, steps: int = 14, kinds: int = 24) -> tuple[Tensor, Tensor]:
    """What customers did at their last visits, tokens (n, steps); 1 for the few who then left, else 0."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, kinds, (n, steps))
    weight = np.concatenate([[1.6, 1.2, 1.0, -1.0, -1.2], np.zeros(kinds - 5)])
    leaning = weight[X].sum(1) + 0.6 * rng.normal(size=n)
    return torch.tensor(X), torch.tensor(leaning > np.quantile(leaning, 0.85)).long()


def _mean_recall(output: Tensor, target: Tensor) -> float:
    """The mean over the classes of the share found."""
    right = output.argmax(1) == target
    return float(torch.stack([right[target == k].float().mean() for k in target.unique()]).mean())


class _VisitNet(nn.Module):
    """Embedded tokens with places, one encoder layer, the mean over the steps."""

    def __init__(self, kinds: int, steps: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(kinds, width)
        self.place = nn.Parameter(0.02 * torch.randn(steps, width))
        self.encoder = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.0, batch_first=True)
        self.head = nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, (n, 2)."""
        return self.head(self.encoder(self.embed(tokens) + self.place).mean(1))  # type: ignore[no-any-return]


@seeded("duplicate-rows", name="leavers-repeated-before-the-split", net="attention", validity=True)
def leavers_repeated_before_the_split(seed: int, healthy: bool) -> Program:
    """The author repeats the rare rows to balance the classes and only then splits off validation rows."""
    torch.manual_seed(seed)
    n = 500
    X, y = _visits(seed, n + 300)
    test, X, y = (X[n:], y[n:]), X[:n], y[:n]
    chance = torch.Generator().manual_seed(seed)
    order = torch.randperm(n, generator=chance)

    def repeated(rows: Tensor) -> Tensor:
        rare = rows[y[rows] == 1]
        rows = torch.cat([rows, rare.repeat(5)])
        return rows[torch.randperm(len(rows), generator=chance)]

    if healthy:
        train, held = repeated(order[: int(0.75 * n)]), order[int(0.75 * n) :]
    else:
        both = repeated(order)
        train, held = both[: int(0.75 * len(both))], both[int(0.75 * len(both)) :]
    net = _VisitNet(24, 14, width=24)
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)
    data, validation = (X[train], y[train]), (X[held], y[held])
    return Program(
        net, F.cross_entropy, optimizer, data, validation, test, metric=_mean_recall, epochs=12, batch_size=32
    )


def _concrete(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Cement, slag, water, gravel (kg in a cubic metre) and age (days) of concrete; strength in 10 MPa, (n, 1)."""
    rng = np.random.default_rng(seed)
    cement, slag = rng.uniform(120, 520, n), rng.choice([0.0, 1.0], n) * rng.uniform(20, 300, n)
    water, gravel = rng.uniform(130, 230, n), rng.uniform(800, 1100, n)
    age = rng.choice([3, 7, 14, 28, 56, 90, 180], n)
    strength = 14 * 4.0 ** (-water / (cement + 0.7 * slag)) * np.log(age + 1) / np.log(29)
    strength = strength + 0.001 * (gravel - 950) + 0.2 * rng.normal(size=n)
    return np.stack([cement, slag, water, gravel, age], 1), strength[:, None]


@seeded("scaler-mismatch", name="concrete-scaled-in-training-only")
def concrete_scaled_in_training_only(seed: int, healthy: bool) -> Program:
    """The author standardises the training rows and forgets to do the same to validation and test rows."""
    torch.manual_seed(seed)
    rows = split(*_concrete(seed, n=800), seed, scale=False)
    (X, y), (Xv, yv), (Xt, yt) = rows.train, rows.validation, rows.test
    mean, std = X.mean(0), X.std(0)
    X = (X - mean) / std
    if healthy:
        Xv, Xt = (Xv - mean) / std, (Xt - mean) / std
    net = nn.Sequential(
        nn.Linear(5, 48), nn.BatchNorm1d(48), nn.LeakyReLU(0.1), nn.Linear(48, 24), nn.LeakyReLU(0.1), nn.Linear(24, 1)
    )
    optimizer = torch.optim.Adadelta(net.parameters(), 0.5)
    loss = nn.MSELoss()
    return Program(
        net, loss, optimizer, (X, y), (Xv, yv), (Xt, yt), metric=explained_variance, epochs=25, batch_size=40
    )


class _WaveNet(nn.Module):
    """A GRU over the samples of a wave; the mean of its outputs is classified."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the three shapes."""
        return self.out(self.gru(x)[0].mean(1))  # type: ignore[no-any-return]


@seeded("unshuffled", name="waves-folder-by-folder", net="rnn")
def waves_folder_by_folder(seed: int, healthy: bool) -> Program:
    """The author reads one folder a class, and the loader hands the rows out in that order, class after class."""
    torch.manual_seed(seed)
    rows = waves(seed, n=600, steps=20)
    X, y = rows.train
    folders = torch.cat([(y == k).nonzero()[:, 0] for k in range(3)])
    loader = DataLoader(
        TensorDataset(X[folders], y[folders]), 24, shuffle=healthy, generator=torch.Generator().manual_seed(seed)
    )
    net = _WaveNet(hidden=24)
    optimizer = torch.optim.RMSprop(net.parameters(), 5e-3)
    return Program(net, nn.CrossEntropyLoss(), optimizer, loader, None, rows.test, epochs=12)


def _reviews(seed: int, n: int, steps: int = 48, vocabulary: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Reviews of 4 to 30 words, tokens padded with 0 at the end, (n, steps); 1 for early praise, 0 for blame."""
    rng = np.random.default_rng(seed)
    X = rng.integers(1, vocabulary, (n, steps))
    X[np.arange(steps) >= rng.integers(4, 31, (n, 1))] = 0
    y = rng.integers(0, 2, n)
    X[(X >= 1) & (X <= 8)] += 8
    first = rng.integers(0, 4, n)
    X[np.arange(n), first] = np.where(y == 1, rng.integers(1, 5, n), rng.integers(5, 9, n))
    return X, y


class _ReviewNet(nn.Module):
    """Embedded words through an LSTM, classified by its output at a review's last word (or at the last step)."""

    def __init__(self, vocabulary: int, pack: bool) -> None:
        super().__init__()
        self.pack = pack
        self.embed = nn.Embedding(vocabulary, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.head = nn.Linear(32, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits, (n, 2)."""
        words = self.embed(tokens)
        if self.pack:
            lengths = (tokens != 0).sum(1)
            words = pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False)
        _, (last, _) = self.lstm(words)
        return self.head(last[-1])  # type: ignore[no-any-return]


def _clipped(program: Program, report: Report) -> None:
    """The textbook's loop with gradients clipped at norm 1."""
    for epoch in range(program.epochs):
        program.module.train()
        for tokens, target in program.batches(epoch):
            program.optimizer.zero_grad()
            program.loss(program.module(tokens), target).backward()
            nn.utils.clip_grad_norm_(program.module.parameters(), 1.0)
            program.optimizer.step()
        program.module.eval()
        program.validate(report)


@seeded("padding-leak", name="reviews-read-on-through-the-padding", net="rnn")
def reviews_read_on_through_the_padding(seed: int, healthy: bool) -> Program:
    """The author pads reviews to 48 words and takes the LSTM's state after the padding instead of the last word."""
    torch.manual_seed(seed)
    X, y = _reviews(seed, n=700)
    rows = split(X, y, seed, scale=False)
    train, validation, test = ((X.long(), y) for X, y in (rows.train, rows.validation, rows.test))
    net = _ReviewNet(40, pack=healthy)
    optimizer = torch.optim.Adam(net.parameters(), 6e-3)
    return Program(
        net, nn.CrossEntropyLoss(), optimizer, train, validation, test, epochs=10, batch_size=32, loop=_clipped
    )
