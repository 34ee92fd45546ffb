"""Healthy programs as good people write them, on images, waves, sequences and words."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import healthy
from netwright.checks.faults.program import Program, Report, explained_variance
from netwright.checks.faults.sources import Pair, Rows, digits, sines, split, waves, words


def _loader(pair: Pair, batch_size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    """Shuffled batches in an order drawn from the seed."""
    order = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*pair), batch_size, shuffle=True, generator=order)


class BasicCNN(nn.Module):
    """Two convolutions with batch normalisation and pooling, and a linear layer."""

    def __init__(self, channels: int = 12) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * channels)
        self.fc = nn.Linear(8 * channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images.

        Shapes
        ------
        x (n, 1, 8, 8) -> (n, 10)
        """
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        return self.fc(x.flatten(1))


@healthy(name="digits-cnn-nesterov", net="cnn")
def digits_cnn(seed: int) -> Program:
    """A small convolutional net with batch normalisation learns digits by Nesterov momentum and a step schedule."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    net = BasicCNN(8 + 4 * (seed % 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 4, gamma=0.3)
    data = _loader(rows.train, 64, seed)
    loss = nn.CrossEntropyLoss()
    return Program(net, loss, optimizer, data, rows.validation, rows.test, epochs=10, scheduler=schedule)


def schedule_per_batch(program: Program, report: Report) -> None:
    """A loop for schedules that count batches."""
    for epoch in range(program.epochs):
        program.module.train()
        for images, labels in program.batches(epoch):
            loss = program.loss(program.module(images), labels)
            program.optimizer.zero_grad()
            loss.backward()
            program.optimizer.step()
            program.scheduler.step()
        program.module.eval()
        program.validate(report)


@healthy(name="digits-cnn-one-cycle", net="cnn")
def digits_one_cycle(seed: int) -> Program:
    """A plain convolutional net with label smoothing follows one cycle of the rate, counted in batches."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True, scale=False)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(128, 10),
    )
    epochs, data = 14, _loader(rows.train, 48, seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, epochs=epochs, steps_per_epoch=len(data))
    return Program(
        net,
        nn.CrossEntropyLoss(label_smoothing=0.1),
        optimizer,
        data,
        rows.validation,
        rows.test,
        epochs=epochs,
        loop=schedule_per_batch,
        scheduler=cycle,
    )


class LastState(nn.Module):
    """A recurrent layer whose last state is read by a linear layer."""

    def __init__(self, recurrent: nn.RNNBase, outputs: int) -> None:
        super().__init__()
        self.recurrent = recurrent
        self.read = nn.Linear(recurrent.hidden_size, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Answers to whole sequences.

        Shapes
        ------
        x (n, steps, columns) -> (n, outputs)
        """
        states, _ = self.recurrent(x)
        return self.read(states[:, -1])


def clip_gradients(program: Program, report: Report) -> None:
    """The textbook's loop with the gradient's norm held at 1."""
    for epoch in range(program.epochs):
        program.module.train()
        for X, y in program.batches(epoch):
            program.optimizer.zero_grad()
            loss = program.loss(program.module(X), y)
            loss.backward()
            nn.utils.clip_grad_norm_(program.module.parameters(), 1.0)
            program.optimizer.step()
        if program.scheduler is not None:
            program.scheduler.step()
        program.module.eval()
        program.validate(report)


@healthy(name="sines-gru-clipped", net="rnn")
def sines_gru(seed: int) -> Program:
    """A GRU tells the next value of noisy sines, with gradients clipped at norm 1."""
    torch.manual_seed(seed)
    rows = sines(seed)
    net = LastState(nn.GRU(1, 24, batch_first=True), 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    return Program(
        net,
        nn.MSELoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        explained_variance,
        epochs=18,
        loop=clip_gradients,
        scheduler=torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 18, eta_min=1e-3),
    )


class MeanState(nn.Module):
    """An LSTM whose states are averaged over the steps, with dropout before the linear layer."""

    def __init__(self, columns: int, width: int, outputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(columns, width, batch_first=True)
        self.read = nn.Sequential(nn.Dropout(0.1), nn.Linear(width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Answers to whole sequences.

        Shapes
        ------
        x (n, steps, columns) -> (n, outputs)
        """
        states, _ = self.lstm(x)
        return self.read(states.mean(dim=1))


@healthy(name="waves-lstm", net="rnn")
def waves_lstm(seed: int) -> Program:
    """An LSTM tells three wave forms of random phase apart by the mean of its states."""
    torch.manual_seed(seed)
    rows = waves(seed)
    net = MeanState(1, 24, 3)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    data = _loader(rows.train, 32, seed)
    loss = nn.CrossEntropyLoss()
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    return Program(
        net, loss, optimizer, data, rows.validation, rows.test, epochs=15, loop=clip_gradients, scheduler=schedule
    )


def _henon(seed: int, n: int = 900, steps: int = 5) -> Rows:
    """Stretches of the Henon map, (n, steps, 1), with a little noise; the target is the next value, (n, 1)."""
    rng = np.random.default_rng(seed)
    path = [rng.uniform(-0.2, 0.2, n), rng.uniform(-0.2, 0.2, n)]
    for _ in range(30 + steps):
        path.append(1 - 1.4 * path[-1] ** 2 + 0.3 * path[-2])
    series = np.stack(path[-steps - 1 :], axis=1)
    return split(series[:, :-1, None] + 0.01 * rng.normal(size=(n, steps, 1)), series[:, -1:], seed, scale=False)


@healthy(name="henon-rnn", net="rnn")
def henon(seed: int) -> Program:
    """A plain tanh RNN learns the next value of a chaotic map and is read at its last state."""
    torch.manual_seed(seed)
    rows = _henon(seed)
    net = LastState(nn.RNN(1, 24, batch_first=True), 1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    data = _loader(rows.train, 32, seed)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, 30)
    return Program(
        net,
        F.mse_loss,
        optimizer,
        data,
        validation=None,
        test=rows.test,
        metric=explained_variance,
        epochs=30,
        scheduler=schedule,
    )


class SamePair(nn.Module):
    """One convolutional encoder for both waves of a pair; the answer is how far apart it puts them."""

    def __init__(self, filters: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, filters, 5, padding=2)
        self.second = nn.Conv1d(filters, filters, 5, padding=2)
        self.read = nn.Linear(filters, width)

    def encode(self, x: Tensor) -> Tensor:
        """A point for each wave.

        Shapes
        ------
        x (n, steps) -> (n, width)
        """
        x = torch.relu(self.first(x[:, None]))
        return self.read(torch.relu(self.second(x)).amax(dim=2))

    def forward(self, x: Tensor) -> Tensor:
        """Distances of pairs.

        Shapes
        ------
        x (n, 2, steps) -> (n,)
        """
        return F.pairwise_distance(self.encode(x[:, 0]), self.encode(x[:, 1]))


def contrastive_loss(distance: Tensor, same: Tensor) -> Tensor:
    """Waves of one form are drawn together, others pushed to a distance of 1."""
    return (same * distance**2 + (1 - same) * F.relu(1 - distance) ** 2).mean()


def nearer_than_half(distance: Tensor, same: Tensor) -> float:
    """The share of pairs on the right side of 0.5."""
    return float(((distance < 0.5) == (same > 0.5)).float().mean())


def _pairs(pair: Pair, seed: int, n: int) -> Pair:
    """Pairs of waves, (n, 2, steps), about half of one form, and whether they are, (n,) of 0 and 1."""
    (X, y), rng = pair, np.random.default_rng(seed)
    first = torch.from_numpy(rng.integers(0, len(y), n))
    second = torch.from_numpy(rng.integers(0, len(y), n))
    twin = torch.tensor([int(rng.choice(np.flatnonzero(y.numpy() == y[at].item()))) for at in first])
    second = torch.where(torch.from_numpy(rng.random(n) < 0.4), twin, second)
    return torch.stack([X[first, :, 0], X[second, :, 0]], dim=1), (y[first] == y[second]).float()


@healthy(name="siamese-waves", net="cnn")
def siamese(seed: int) -> Program:
    """One encoder with shared weights reads both waves of a pair, and their distance is trained by a margin."""
    torch.manual_seed(seed)
    rows = waves(seed, n=800)
    net = SamePair(16, 6)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=3e-3)
    data = _loader(_pairs(rows.train, seed, 1000), 40, seed)
    test = _pairs(rows.test, seed, 400)
    return Program(net, contrastive_loss, optimizer, data, None, test, nearer_than_half, epochs=8)


class Encoder(nn.Module):
    """Embedded tokens and places, one layer of a transformer's encoder, and the mean over steps."""

    def __init__(self, vocabulary: int, steps: int, width: int = 24) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.randn(steps, width))
        self.layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, batch_first=True)
        self.read = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of sentences.

        Shapes
        ------
        x (n, steps) of tokens -> (n, 2)
        """
        return self.read(self.layer(self.tokens(x) + self.places).mean(dim=1))


@healthy(name="words-transformer", net="attention")
def words_transformer(seed: int) -> Program:
    """One layer of a transformer's encoder tells which of two words comes first."""
    torch.manual_seed(seed)
    rows = words(seed, n=1000, steps=6, vocabulary=12)
    net = Encoder(12, 6)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    data = _loader(rows.train, 64, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=15)


def _tags(seed: int, n: int = 400, steps: int = 10) -> Rows:
    """Tracks of two columns, (n, steps, 2); each step's class is of its neighbours on both sides, (n, steps)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, steps, 2))
    around = np.pad(X[:, :, 0], ((0, 0), (1, 1)))
    turn = around[:, :-2] - around[:, 2:]
    tags = np.where(np.abs(turn) < 0.6, 0, np.where(turn > 0, 1, 2))
    return split(X, tags, seed, scale=False)


class Tagger(nn.Module):
    """A GRU that runs both ways and answers at every step."""

    def __init__(self, columns: int, classes: int) -> None:
        super().__init__()
        self.gru = nn.GRU(columns, 24, batch_first=True, bidirectional=True)
        self.read = nn.Linear(48, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of every step.

        Shapes
        ------
        x (n, steps, columns) -> (n, steps, classes)
        """
        return self.read(self.gru(x)[0])


def tag_loss(output: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of every step of every sequence."""
    return F.cross_entropy(output.flatten(0, 1), target.flatten())


@healthy(name="tagger-both-ways", net="rnn")
def tagger(seed: int) -> Program:
    """A GRU that reads both ways labels every step by what lies before and after it."""
    torch.manual_seed(seed)
    rows = _tags(seed)
    net = Tagger(2, 3)
    optimizer = torch.optim.Adamax(net.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 12)
    return Program(
        net,
        tag_loss,
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        epochs=12,
        batch_size=16,
        loop=clip_gradients,
        scheduler=schedule,
    )
