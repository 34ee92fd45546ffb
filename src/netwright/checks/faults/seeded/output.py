"""Seeded faults of the net's output: softmax or sigmoid twice, activations, ranges, axes and widths that do not fit."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, explained_variance
from netwright.checks.faults.sources import cancer, digits, sines, waves, words


@seeded("double-softmax", name="softmax-in-forward-of-digits-cnn", net="cnn")
def softmax_in_forward(seed: int, healthy: bool) -> Program:
    """The net ends in a softmax to give probabilities, and CrossEntropyLoss takes the softmax again."""
    torch.manual_seed(seed)
    width = 8 + 4 * (seed % 3)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, width, 3, padding=1)
            self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1)
            self.fc1 = nn.Linear(2 * width * 4, 48)
            self.fc2 = nn.Linear(48, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
            x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
            x = self.fc2(functional.relu(self.fc1(x.flatten(1))))
            return x if healthy else functional.softmax(x, dim=1)

    rows = digits(seed, images=True)
    loader = DataLoader(
        TensorDataset(*rows.train), batch_size=64, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
    return Program(net, nn.CrossEntropyLoss(), optimizer, loader, rows.validation, rows.test, epochs=8)


class WordReader(nn.Module):
    """Embedding, GRU and a linear head with one output."""

    def __init__(self, hidden: int, squash: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 12)
        self.gru = nn.GRU(12, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)
        self.squash = squash

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, steps) -> (n,)"""
        _, last = self.gru(self.embedding(tokens))
        output = self.head(last[-1]).squeeze(-1)
        return torch.sigmoid(output) if self.squash else output


@seeded("double-softmax", name="sigmoid-before-bce-with-logits-gru", net="rnn")
def sigmoid_twice(seed: int, healthy: bool) -> Program:
    """The net gives sigmoid(x) and the loss is binary_cross_entropy_with_logits, which takes the sigmoid again."""
    torch.manual_seed(seed)
    rows = words(seed, n=700)
    X, y = rows.train
    net = WordReader((16, 24, 20)[seed % 3], squash=not healthy)
    return Program(
        net,
        functional.binary_cross_entropy_with_logits,
        torch.optim.Adam(net.parameters(), lr=0.01),
        (X, y.float()),
        (rows.validation[0], rows.validation[1].float()),
        (rows.test[0], rows.test[1].float()),
        epochs=12,
        batch_size=32,
    )


@seeded("output-activation", "dead-units", name="relu-on-logits-of-digits-mlp", net="mlp")
def relu_on_logits(seed: int, healthy: bool) -> Program:
    """A loop puts Linear and ReLU behind each other for all sizes, so the logits pass through a ReLU as well."""
    torch.manual_seed(seed)
    rows = digits(seed)
    sizes = [64, 48, 24 + 8 * (seed % 2), 10]
    layers: list[nn.Module] = []
    for wide, narrow in itertools.pairwise(sizes):
        layers += [nn.Linear(wide, narrow), nn.ReLU()]
    net = nn.Sequential(*(layers[:-1] if healthy else layers))
    optimizer = torch.optim.Adagrad(net.parameters(), lr=0.03)
    return Program(
        net, nn.CrossEntropyLoss(), optimizer, rows.train, rows.validation, rows.test, epochs=15, batch_size=32
    )


def rounded(output: Tensor, target: Tensor) -> float:
    """The share of probabilities on the right side of one half."""
    return float(((output.reshape(target.shape) > 0.5) == (target > 0.5)).float().mean())


@seeded("output-activation", "output-width", name="softmax-over-one-unit-cancer-mlp", net="mlp")
def softmax_over_one_unit(seed: int, healthy: bool) -> Program:
    """The only output unit, the probability of a malignant tumour, has a softmax where a sigmoid belongs."""
    torch.manual_seed(seed)
    rows = cancer(seed)
    train, validation, test = ((X, 1.0 - y[:, None]) for X, y in (rows.train, rows.validation, rows.test))
    net = nn.Sequential(
        nn.Linear(30, 16),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(16, 1),
        nn.Sigmoid() if healthy else nn.Softmax(dim=1),
    )
    loader = DataLoader(
        TensorDataset(*train), batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    optimizer = torch.optim.RMSprop(net.parameters(), lr=0.002)
    return Program(net, nn.BCELoss(), optimizer, loader, validation, test, metric=rounded, epochs=12)


@seeded("output-range", "output-activation", name="sigmoid-on-forecast-of-sines", net="rnn")
def sigmoid_on_forecast(seed: int, healthy: bool) -> Program:
    """A forecaster of waves between -1 and 1 ends in a sigmoid, which gives no negative number."""
    torch.manual_seed(seed)
    rows = sines(seed, n=400 + 100 * (seed % 2), steps=16)

    class Forecaster(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(1, 20, batch_first=True)
            self.out = nn.Linear(20, 1)

        def forward(self, x: Tensor) -> Tensor:
            states, _ = self.rnn(x)
            forecast = self.out(states[:, -1])
            return forecast if healthy else torch.sigmoid(forecast)

    net = Forecaster()
    optimizer = torch.optim.NAdam(net.parameters(), lr=0.01)
    return Program(
        net, nn.MSELoss(), optimizer, rows.train, None, rows.test, explained_variance, epochs=15, batch_size=32
    )


class AttentionPooling(nn.Module):
    """Embedding of tokens and places, one layer, and a mean over the steps weighted by learned attention."""

    def __init__(self, width: int, axis: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(20, width), nn.Embedding(12, width)
        self.mix = nn.Linear(width, width)
        self.score = nn.Linear(width, 1)
        self.head = nn.Linear(width, 2)
        self.axis = axis

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, steps) -> (n, 2)"""
        x = self.tokens(tokens) + self.places.weight
        x = torch.tanh(self.mix(x))
        weights = torch.softmax(self.score(x), dim=self.axis)  # (n, steps, 1)
        return self.head((weights * x).sum(1))


@seeded("batch-mixing", "wrong-axes", name="attention-softmax-over-the-batch", net="attention")
def attention_over_the_batch(seed: int, healthy: bool) -> Program:
    """The softmax of the attention is taken over dim=0, right for one sentence; with batches that is the batch."""
    torch.manual_seed(seed)
    rows = words(seed, n=1000)
    net = AttentionPooling(24, axis=1 if healthy else 0)
    loader = DataLoader(
        TensorDataset(*rows.train), batch_size=32, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    return Program(net, nn.CrossEntropyLoss(), optimizer, loader, rows.validation, rows.test, epochs=20)


@seeded("output-width", "output-range", name="gru-states-as-logits", net="rnn")
def states_as_logits(seed: int, healthy: bool) -> Program:
    """The linear head was forgotten, so the last hidden state, 32 numbers, goes out as the logits of 3 classes."""
    torch.manual_seed(seed)
    rows = waves(seed, n=500)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(1, 32, batch_first=True)
            if healthy:
                self.head = nn.Linear(32, 3)

        def forward(self, x: Tensor) -> Tensor:
            _, last = self.gru(x)
            return self.head(last[-1]) if healthy else last[-1]

    net = Net()
    return Program(
        net,
        functional.cross_entropy,
        torch.optim.Adam(net.parameters(), lr=0.01),
        rows.train,
        rows.validation,
        rows.test,
        epochs=15,
        batch_size=32,
    )
