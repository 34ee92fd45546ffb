"""Programs with two faults at once, as they meet in practice; the healthy form has neither."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import compound
from netwright.checks.faults.program import Program, Report, explained_variance
from netwright.checks.faults.sources import Pair, Rows, cancer, diabetes, digits, sines, waves, wine, words


def _loader(pair: Pair, batch_size: int, seed: int, shuffle: bool = True) -> DataLoader[tuple[Tensor, ...]]:
    """Batches of rows, in a new order every epoch unless told not to shuffle."""
    order = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*pair), batch_size=batch_size, shuffle=shuffle, generator=order)


@compound(("unscaled-input",), ("double-softmax",), name="raw-columns-and-softmax-twice")
def raw_columns_and_softmax_twice(seed: int, healthy: bool) -> Program:
    """The author feeds the raw columns of wines and ends the net with a softmax before the cross-entropy."""
    torch.manual_seed(seed)
    rows = wine(seed, scale=healthy)
    net = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 3))
    if not healthy:
        net.append(nn.Softmax(dim=1))
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    data = _loader(rows.train, 16, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, None, rows.test, epochs=25)


@compound(("missing-zero-grad",), ("lr-too-high",), name="gradients-pile-up-and-rate-too-high", net="cnn")
def gradients_pile_up_and_rate_too_high(seed: int, healthy: bool) -> Program:
    """The author forgot zero_grad in the loop and, since nothing was learnt, raised the learning rate twentyfold."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)

    def loop(program: Program, report: Report) -> None:
        for epoch in range(program.epochs):
            for x, y in program.batches(epoch):
                if healthy:
                    program.optimizer.zero_grad()
                loss = program.loss(program.module(x), y)
                loss.backward()
                program.optimizer.step()
            program.validate(report)

    net = nn.Sequential(
        nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(108, 40), nn.ReLU(), nn.Linear(40, 10)
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1 if healthy else 2.0)
    return Program(net, nn.CrossEntropyLoss(), optimizer, rows.train, rows.validation, rows.test, epochs=12, loop=loop)


class _Gru(nn.Module):
    """The last state of a GRU, dropout and a linear layer."""

    def __init__(self, outputs: int, dropout: float) -> None:
        super().__init__()
        self.gru, self.drop, self.last = nn.GRU(1, 32, batch_first=True), nn.Dropout(dropout), nn.Linear(32, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.drop(self.gru(x)[0][:, -1]))


@compound(("labels-unrelated",), ("no-eval-mode",), name="labels-shuffled-and-no-eval", net="rnn")
def labels_shuffled_and_no_eval(seed: int, healthy: bool) -> Program:
    """The author shuffles the training labels without their waves and validates with the dropout still on."""
    torch.manual_seed(seed)
    rows = waves(seed, n=500)
    X, y = rows.train
    if not healthy:
        y = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]

    def loop(program: Program, report: Report) -> None:
        program.module.train()
        for _ in range(program.epochs):
            for x, target in program.data:
                program.optimizer.zero_grad()
                program.loss(program.module(x), target).backward()
                program.optimizer.step()
            program.module.train(not healthy)
            program.validate(report)
            program.module.train()

    net = _Gru(outputs=3, dropout=0.5)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    data = _loader((X, y), 25, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=12, loop=loop)


class _CutBody(nn.Module):
    """A convolutional body that may run without gradients, then dropout and a classifier."""

    def __init__(self, cut: bool, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(16, 10))
        self.cut = cut

    def forward(self, x: Tensor) -> Tensor:
        features = self.body(x)
        return self.head(features.detach() if self.cut else features)


@compound(("detached",), ("dropout-too-strong",), name="detached-body-and-strong-dropout", net="cnn")
def detached_body_and_strong_dropout(seed: int, healthy: bool) -> Program:
    """The author detaches the features of an untrained body and drops nine tenths of them before the classifier."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    net = _CutBody(cut=not healthy, dropout=0.1 if healthy else 0.9)
    optimizer = torch.optim.NAdam(net.parameters(), lr=5e-3)
    data = _loader(rows.train, 32, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=12)


class _Branches(nn.Module):
    """A ReLU trunk beside three small branches, joined for the last layer."""

    def __init__(self, listed: bool, bias: float) -> None:
        super().__init__()
        self.trunk = nn.Linear(64, 32)
        nn.init.constant_(self.trunk.bias, bias)
        branches = [nn.Linear(64, 4) for _ in range(3)]
        self.branches: list[nn.Linear] | nn.ModuleList = branches if listed else nn.ModuleList(branches)
        self.last = nn.Linear(32 + 12, 10)

    def forward(self, x: Tensor) -> Tensor:
        parts = [torch.relu(self.trunk(x)), *(torch.tanh(branch(x)) for branch in self.branches)]
        return self.last(torch.cat(parts, 1))


@compound(("dead-units",), ("unregistered", "missing-parameters"), name="dead-trunk-and-listed-branches")
def dead_trunk_and_listed_branches(seed: int, healthy: bool) -> Program:
    """The author starts the ReLU trunk with biases of -8, which silences it, and keeps the branches in a plain list."""
    torch.manual_seed(seed)
    rows = digits(seed)
    net = _Branches(listed=not healthy, bias=0.0 if healthy else -8.0)
    optimizer = torch.optim.Adagrad(net.parameters(), lr=0.02)
    return Program(net, nn.CrossEntropyLoss(), optimizer, rows.train, None, rows.test, epochs=15)


@compound(("broadcast",), ("over-regularised",), name="column-against-row-and-heavy-decay")
def column_against_row_and_heavy_decay(seed: int, healthy: bool) -> Program:
    """The author compares outputs (n, 1) with targets (n,) and sets a weight decay of 1."""
    torch.manual_seed(seed)
    rows = diabetes(seed)
    train, validation, test = rows.train, rows.validation, rows.test
    if not healthy:
        train, validation, test = ((X, y[:, 0]) for X, y in (train, validation, test))

    def absolute_error(output: Tensor, target: Tensor) -> Tensor:
        return (output - target).abs().mean()

    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, weight_decay=1e-4 if healthy else 1.0)
    return Program(
        net, absolute_error, optimizer, train, validation, test, metric=explained_variance, epochs=20, batch_size=16
    )


@compound(("unshuffled",), ("schedule-dead", "lr-too-low"), name="sorted-digits-and-rate-decayed-per-batch", net="cnn")
def sorted_digits_and_rate_decayed_per_batch(seed: int, healthy: bool) -> Program:
    """The author reads the digits class by class and steps the schedule after every batch instead of every epoch."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)

    def loop(program: Program, report: Report) -> None:
        for _ in range(program.epochs):
            for x, y in program.data:
                program.optimizer.zero_grad()
                program.loss(program.module(x), y).backward()
                program.optimizer.step()
                if not healthy:
                    program.scheduler.step()
            if healthy:
                program.scheduler.step()
            program.validate(report)

    net = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 32), nn.ReLU(), nn.Linear(32, 10)
    )
    optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    X, y = rows.train
    by_class = torch.argsort(y, stable=True)
    data = _loader((X[by_class], y[by_class]), 32, seed, shuffle=healthy)
    return Program(
        net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=10, loop=loop,
        scheduler=scheduler,
    )  # fmt: skip


class _Encoder(nn.Module):
    """Tokens and places, one layer of attention, the mean over the tokens and a classifier."""

    def __init__(self, steps: int, batch_first: bool) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(20, 32), nn.Parameter(0.5 * torch.randn(1, steps, 32))
        self.layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=batch_first)
        self.head = nn.Linear(32, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.tokens(x) + self.places).mean(1))


@compound(
    ("batch-mixing",), ("missing-parameters", "foreign-optimizer"), name="batch-second-and-head-after-optimizer",
    net="attention",
)  # fmt: skip
def batch_second_and_head_after_optimizer(seed: int, healthy: bool) -> Program:
    """The author lets attention run over the batch, not the tokens, and swaps the head after making the optimizer."""
    torch.manual_seed(seed)
    rows = words(seed, n=700, steps=8)
    net = _Encoder(8, batch_first=healthy)
    head = nn.Linear(32, 2)
    if healthy:
        net.head = head
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    if not healthy:
        net.head = head
    data = _loader(rows.train, 32, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=12)


@compound(("unscaled-target",), ("over-clipping",), name="raw-passengers-and-hard-clipping", net="rnn")
def raw_passengers_and_hard_clipping(seed: int, healthy: bool) -> Program:
    """The author forecasts whole passengers, a few hundred a day, and clips the huge gradient to a norm of 0.001."""
    torch.manual_seed(seed)
    rows = sines(seed, n=500)
    train, validation, test = rows.train, rows.validation, rows.test
    if not healthy:
        train, validation, test = ((X, (300 + 80 * y).round()) for X, y in (train, validation, test))

    def loop(program: Program, report: Report) -> None:
        for epoch in range(program.epochs):
            for x, y in program.batches(epoch):
                program.optimizer.zero_grad()
                program.loss(program.module(x), y).backward()
                nn.utils.clip_grad_norm_(program.module.parameters(), 1.0 if healthy else 0.001)
                program.optimizer.step()
            program.validate(report)

    net = _Gru(outputs=1, dropout=0.0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    return Program(
        net, nn.MSELoss(), optimizer, train, validation, test, metric=explained_variance, epochs=12, batch_size=20,
        loop=loop,
    )  # fmt: skip


@compound(("scaler-mismatch",), ("lr-too-low",), name="only-train-scaled-and-rate-too-low")
def only_train_scaled_and_rate_too_low(seed: int, healthy: bool) -> Program:
    """The author scales the training rows alone and answered the validation loss with a rate of 1e-6."""
    torch.manual_seed(seed)
    rows, raw = cancer(seed), cancer(seed, scale=False)
    if not healthy:
        rows = Rows(rows.train, raw.validation, raw.test)
    widths = (30, 32, 16, 2)
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    net = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3 if healthy else 1e-6)
    data = _loader(rows.train, 32, seed)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, rows.validation, rows.test, epochs=15)
