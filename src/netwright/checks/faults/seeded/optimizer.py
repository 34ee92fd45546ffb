"""Seeded faults between the gradient and the step: what the optimizer holds, and what the loop does with it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, Report, explained_variance, standard_loop
from netwright.checks.faults.sources import digits, sines, waves, wine


@seeded("missing-parameters", name="optimizer-of-the-classifier-only", net="cnn")
def optimizer_of_the_classifier_only(seed: int, healthy: bool) -> Program:
    """The optimizer is given the parameters of the classifier and not those of the new convolutions before it."""
    rows = digits(seed, images=True)
    torch.manual_seed(seed)
    width = 12 + 4 * (seed % 3)
    features = nn.Sequential(
        nn.Conv2d(1, width, 3), nn.ReLU(), nn.Conv2d(width, 2 * width, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1)
    )
    classifier = nn.Sequential(nn.Flatten(), nn.Linear(2 * width, 10))
    net = nn.Sequential(features, classifier)
    data = DataLoader(TensorDataset(*rows.train), 32, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(net.parameters() if healthy else classifier.parameters(), lr=5e-3)
    return Program(net, nn.CrossEntropyLoss(), optimizer, data, None, rows.test, epochs=7)


def _classifier(seed: int, columns: int, classes: int) -> nn.Sequential:
    """A net with the weights of its seed."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(columns, 24), nn.LayerNorm(24), nn.ReLU(), nn.Linear(24, classes))


@seeded("foreign-optimizer", name="net-built-again-after-the-optimizer")
def net_built_again_after_the_optimizer(seed: int, healthy: bool) -> Program:
    """The net is built anew to start from fresh weights, and the optimizer still holds those of the first one."""
    rows = wine(seed)
    net = _classifier(seed, 13, 3)
    optimizer = torch.optim.Adagrad(net.parameters(), lr=0.05)
    if not healthy:
        net = _classifier(seed, 13, 3)
    return Program(net, nn.CrossEntropyLoss(), optimizer, rows.train, None, rows.test, epochs=15, batch_size=16)


def piling_loop(program: Program, report: Report) -> None:
    """Backward and step, without zero_grad."""
    for epoch in range(program.epochs):
        program.module.train()
        for x, y in program.batches(epoch):
            loss = program.loss(program.module(x), y)
            loss.backward()
            program.optimizer.step()
        program.module.eval()
        program.validate(report)


@seeded("missing-zero-grad", name="gradients-pile-up")
def gradients_pile_up(seed: int, healthy: bool) -> Program:
    """The loop never calls zero_grad, so that every step goes along the sum of all gradients so far."""
    rows = digits(seed)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Dropout(0.1), nn.Linear(48, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    loop = standard_loop if healthy else piling_loop
    data, checks = rows.train, rows.validation
    return Program(net, functional.cross_entropy, optimizer, data, checks, rows.test, epochs=12, loop=loop)


class Last(nn.Module):
    """A recurrent net read at its last step."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.rnn, self.head = nn.GRU(1, width, batch_first=True), nn.Linear(width, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, _ = self.rnn(x)
        return self.head(states[:, -1])


def accumulating_loop(every: int, program: Program, report: Report) -> None:
    """The gradients of some batches are averaged before each step."""
    for epoch in range(program.epochs):
        program.optimizer.zero_grad()
        for i, (x, y) in enumerate(program.batches(epoch)):
            loss = program.loss(program.module(x), y) / every
            loss.backward()
            if (i + 1) % every == 0:
                program.optimizer.step()
                program.optimizer.zero_grad()
        program.validate(report)


@seeded("missing-step", name="accumulation-longer-than-an-epoch", net="rnn")
def accumulation_longer_than_an_epoch(seed: int, healthy: bool) -> Program:
    """Gradients are accumulated over 64 batches where an epoch has 25 at most, so that the step is never reached."""
    rows = sines(seed, n=400 + 50 * (seed % 3), steps=16)
    torch.manual_seed(seed)
    net = Last(16, 1)
    data = DataLoader(TensorDataset(*rows.train), 12, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    every = 2 if healthy else 64
    return Program(
        net,
        nn.L1Loss(),
        optimizer,
        data,
        rows.validation,
        rows.test,
        explained_variance,
        epochs=10,
        loop=lambda program, report: accumulating_loop(every, program, report),
    )


def clipped_loop(largest: float, program: Program, report: Report) -> None:
    """The textbook's loop with the gradient's norm held below a number."""
    for epoch in range(program.epochs):
        program.module.train()
        for x, y in program.batches(epoch):
            program.optimizer.zero_grad()
            program.loss(program.module(x), y).backward()
            nn.utils.clip_grad_norm_(program.module.parameters(), largest)
            program.optimizer.step()
        program.module.eval()
        program.validate(report)


@seeded("over-clipping", "lr-too-low", name="norm-clipped-to-a-thousandth", net="rnn")
def norm_clipped_to_a_thousandth(seed: int, healthy: bool) -> Program:
    """The gradient's norm is clipped at 0.001 for fear of explosions, where it is about 0.2."""
    rows = waves(seed, n=600, steps=16)
    torch.manual_seed(seed)
    net = Last(20, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9)
    largest = 1.0 if healthy else 1e-3
    return Program(
        net,
        nn.CrossEntropyLoss(),
        optimizer,
        rows.train,
        rows.validation,
        rows.test,
        epochs=12,
        loop=lambda program, report: clipped_loop(largest, program, report),
    )
