"""Seeded faults of the graph: layers nobody knows of, cut and wrong gradients, rows and steps that see each other."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, explained_variance
from netwright.checks.faults.sources import Rows, digits, sines, split, surface, waves, words


class Stack(nn.Module):
    """Hidden layers in a list, and a head."""

    def __init__(self, sizes: list[int], registered: bool) -> None:
        super().__init__()
        layers = [nn.Linear(here, there) for here, there in pairwise(sizes)]
        self.layers = nn.ModuleList(layers) if registered else layers
        self.head = nn.Linear(sizes[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.head(x)


@seeded("unregistered", name="hidden-layers-in-a-python-list")
def hidden_layers_in_a_python_list(seed: int, healthy: bool) -> Program:
    """The hidden layers are kept in a plain Python list, so that only the head is among the parameters."""
    rows = surface(seed, n=900)
    torch.manual_seed(seed)
    net = Stack([5] + [20 + 4 * (seed % 3)] * 3, registered=healthy)
    data = DataLoader(TensorDataset(*rows.train), 32, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    return Program(net, nn.MSELoss(), optimizer, data, None, rows.test, explained_variance, epochs=25)


class OrderReader(nn.Module):
    """Self-attention over tokens with learned positions; the states are kept for a picture."""

    def __init__(self, vocabulary: int, steps: int, width: int, cut: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(0.3 * torch.randn(steps, width))
        self.encoder = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.0, batch_first=True)
        self.head = nn.Linear(width, 2)
        self.cut = cut

    def forward(self, tokens: Tensor) -> Tensor:
        states = self.encoder(self.embedding(tokens) + self.position)
        self.states = states.detach()
        if self.cut:
            states = self.states
        return self.head(states.mean(1))


@seeded("detached", name="states-detached-before-the-head", net="attention")
def states_detached_before_the_head(seed: int, healthy: bool) -> Program:
    """The encoder's states are detached to be kept for a picture, and the head is then put on the detached ones."""
    rows = words(seed, n=1200, steps=8, vocabulary=12)
    torch.manual_seed(seed)
    net = OrderReader(12, 8, width=16, cut=not healthy)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=1e-3)
    return Program(
        net, nn.CrossEntropyLoss(), optimizer, rows.train, rows.validation, rows.test, epochs=12, batch_size=48
    )


class Sine(torch.autograd.Function):
    """sin(w x) with a derivative by hand."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, frequency: float, right: bool) -> Tensor:
        y = torch.sin(frequency * x)
        ctx.save_for_backward(x if right else y)
        ctx.frequency = frequency
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return grads[0] * ctx.frequency * torch.cos(ctx.frequency * x), None, None


class Periodic(nn.Module):
    """A regressor with sines as hidden units."""

    def __init__(self, columns: int, width: int, right: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(columns, width), nn.Linear(width, width)
        self.last = nn.Linear(width, 1)
        self.right = right

    def forward(self, x: Tensor) -> Tensor:
        x = Sine.apply(self.first(x), 3.0, self.right)
        return self.last(Sine.apply(self.second(x), 3.0, self.right))


@seeded("wrong-gradient", name="sine-unit-saves-its-output")
def sine_unit_saves_its_output(seed: int, healthy: bool) -> Program:
    """A hand-written sine unit saves its output for the backward pass, and not its input, whose cosine it needs."""
    rows = surface(seed, n=1000)
    torch.manual_seed(seed)
    net = Periodic(5, 24 + 4 * (seed % 2), right=healthy)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
    return Program(
        net, functional.mse_loss, optimizer, rows.train, None, rows.test, explained_variance, epochs=25, batch_size=32
    )


class BothWays(nn.Module):
    """A bidirectional GRU read at its two last states."""

    def __init__(self, width: int, classes: int, mixed: bool) -> None:
        super().__init__()
        self.gru = nn.GRU(1, width, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * width, classes)
        self.mixed = mixed

    def forward(self, x: Tensor) -> Tensor:
        _, h = self.gru(x)
        both = h.view(len(x), -1) if self.mixed else torch.cat((h[0], h[1]), 1)
        return self.head(both)


@seeded("batch-mixing", name="last-states-viewed-as-rows", net="rnn")
def last_states_viewed_as_rows(seed: int, healthy: bool) -> Program:
    """The last states, (2, n, width), are viewed as (n, 2 width) without a transpose, which mixes the rows."""
    rows = waves(seed, n=700, steps=16)
    torch.manual_seed(seed)
    net = BothWays(14 + 2 * (seed % 3), 3, mixed=not healthy)
    data = DataLoader(TensorDataset(*rows.train), 28, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=8)


class Forecaster(nn.Module):
    """A GRU cell driven step by step."""

    def __init__(self, width: int, kept: bool) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(1, width), nn.Linear(width, 1)
        self.width, self.kept = width, kept

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(len(x), self.width)
        for step in x.unbind(1):
            if self.kept:
                h = self.cell(step, h)
            else:
                self.cell(step, h)
        return self.head(h)


@seeded("input-ignored", "detached", name="new-state-thrown-away", net="rnn")
def new_state_thrown_away(seed: int, healthy: bool) -> Program:
    """The cell is called at every step but its new state is not assigned, so that the head sees only zeros."""
    rows = sines(seed, n=500, steps=16)
    torch.manual_seed(seed)
    net = Forecaster(12 + 2 * (seed % 3), kept=healthy)
    optimizer = torch.optim.NAdam(net.parameters(), lr=0.01)
    return Program(
        net, nn.SmoothL1Loss(), optimizer, rows.train, rows.validation, rows.test, explained_variance, batch_size=25
    )


def _series(seed: int, n: int, steps: int) -> Rows:
    """Noisy oscillators, (n, 1, steps); the target at every step is the value after it, (n, steps)."""
    rng = np.random.default_rng(seed)
    series = rng.normal(size=(n, steps + 21))
    turn = 2 * 0.95 * np.cos(rng.uniform(0.4, 0.9, n))
    for t in range(2, steps + 21):
        series[:, t] = turn * series[:, t - 1] - 0.9 * series[:, t - 2] + 0.3 * series[:, t]
    series = series[:, 20:] / series[:, 20:].std()
    return split(series[:, None, :-1], series[:, 1:], seed, scale=False)


def _last_step(output: Tensor, target: Tensor) -> float:
    """R^2 of what the program is for: the value after the last known one."""
    return explained_variance(output[:, -1], target[:, -1])


class Dilated(nn.Module):
    """Three dilated convolutions along time, one output a step."""

    def __init__(self, width: int, causal: bool) -> None:
        super().__init__()
        sizes = (1, width, width, width)
        self.convolutions = nn.ModuleList(nn.Conv1d(sizes[i], sizes[i + 1], 3, dilation=2**i) for i in range(3))
        self.head = nn.Conv1d(width, 1, 1)
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        for i, convolution in enumerate(self.convolutions):
            padding = (2 * 2**i, 0) if self.causal else (2**i, 2**i)
            x = functional.relu(convolution(functional.pad(x, padding)))
        return self.head(x).squeeze(1)


@seeded("future-leak", name="padding-on-both-sides-of-time", net="cnn")
def padding_on_both_sides_of_time(seed: int, healthy: bool) -> Program:
    """A forecaster at every step pads its convolutions on both sides and so copies the value it should foretell."""
    rows = _series(seed, n=320, steps=60)
    torch.manual_seed(seed)
    net = Dilated(12, causal=healthy)
    data = DataLoader(TensorDataset(*rows.train), 16, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    return Program(net, nn.MSELoss(), optimizer, data, rows.validation, rows.test, _last_step, epochs=16)


class Thinned(nn.Module):
    """A small convolutional classifier with dropout by the functional form."""

    def __init__(self, width: int, share: float, aware: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, width, 3, padding=1), nn.Conv2d(width, 2 * width, 3, padding=1)
        self.hidden, self.last = nn.Linear(8 * width, 32), nn.Linear(32, 10)
        self.share, self.aware = share, aware

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.first(x)), 2)
        x = functional.max_pool2d(functional.relu(self.second(x)), 2).flatten(1)
        x = functional.dropout(x, self.share, training=self.training if self.aware else True)
        x = functional.dropout(functional.relu(self.hidden(x)), self.share, training=self.training or not self.aware)
        return self.last(x)


@seeded("stateful-eval", name="functional-dropout-never-off", net="cnn")
def functional_dropout_never_off(seed: int, healthy: bool) -> Program:
    """The functional dropout is called without `training=self.training`, so that eval() does not switch it off."""
    rows = digits(seed, images=True)
    torch.manual_seed(seed)
    net = Thinned(8, 0.5, aware=healthy)
    data = DataLoader(TensorDataset(*rows.train), 32, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=7)


class OneNorm(nn.Module):
    """Three convolutions with batch normalisation after each."""

    def __init__(self, width: int, shared: bool) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(1 if i == 0 else width, width, 3, padding=1) for i in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(1 if shared else 3))
        self.head = nn.Linear(4 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        for i, convolution in enumerate(self.convolutions):
            x = functional.relu(self.norms[i % len(self.norms)](convolution(x)))
            x = functional.max_pool2d(x, 2) if i < 2 else x
        return self.head(x.flatten(1))


@seeded("shared-stateful-layer", "stale-batch-norm", name="one-batch-norm-for-three-layers", net="cnn")
def one_batch_norm_for_three_layers(seed: int, healthy: bool) -> Program:
    """One batch normalisation is used after three convolutions, so that its running statistics are of none of them."""
    rows = digits(seed, images=True)
    torch.manual_seed(seed)
    net = OneNorm(12 + 4 * (seed % 2), shared=not healthy)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    return Program(
        net, functional.cross_entropy, optimizer, rows.train, rows.validation, rows.test, epochs=5, batch_size=64
    )
