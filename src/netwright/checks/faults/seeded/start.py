"""Seeded faults of the start: weights all alike, too large, too small, and units that begin saturated or dead."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.faults.catalogue import seeded
from netwright.checks.faults.program import Program, Report, explained_variance
from netwright.checks.faults.sources import digits, surface, words


@seeded("symmetric-init", name="constant-weights-surface-mlp", net="mlp")
def constant_weights(seed: int, healthy: bool) -> Program:
    """All weights are filled with one constant, so the units of a layer are alike and stay alike."""
    torch.manual_seed(seed)
    rows = surface(seed)
    net = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    value = (0.0, 0.01, 0.1)[seed % 3]

    def fill(layer: nn.Module) -> None:
        if isinstance(layer, nn.Linear):
            nn.init.constant_(layer.weight, value)
            nn.init.zeros_(layer.bias)

    if not healthy:
        net.apply(fill)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    return Program(
        net, nn.MSELoss(), optimizer, rows.train, rows.validation, rows.test, explained_variance, 25, batch_size=20
    )


@seeded("init-scale", name="standard-normal-weights-digits-cnn", net="cnn")
def standard_normal_weights(seed: int, healthy: bool) -> Program:
    """nn.init.normal_ is called without a standard deviation, so every weight is drawn from N(0, 1)."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = nn.ModuleList([nn.Conv2d(1, 16, 3), nn.Conv2d(16, 16, 3), nn.Conv2d(16, 32, 3)])
            self.fc = nn.Linear(32 * 4, 10)
            for layer in [*self.convs, self.fc]:
                fan = layer.weight[0].numel()
                nn.init.normal_(layer.weight, std=math.sqrt(2 / fan) if healthy else 1.0)
                nn.init.zeros_(layer.bias)

        def forward(self, x: Tensor) -> Tensor:
            for conv in self.convs:
                x = functional.relu(conv(x))
            return self.fc(x.flatten(1))

    net = Net()
    loader = DataLoader(
        TensorDataset(*rows.train), batch_size=128, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
    return Program(net, nn.CrossEntropyLoss(), optimizer, loader, rows.validation, rows.test, epochs=10)


@seeded("init-scale", "vanishing-gradient", name="tiny-weights-deep-tanh-mlp", net="mlp")
def tiny_weights(seed: int, healthy: bool) -> Program:
    """The weights of a net of five tanh layers are drawn with a standard deviation of 0.001."""
    torch.manual_seed(seed)
    rows = surface(seed, n=600)
    depth = 4 + seed % 2
    layers: list[nn.Module] = [nn.Linear(5, 32), nn.Tanh()]
    for _ in range(depth - 1):
        layers += [nn.Linear(32, 32), nn.Tanh()]
    net = nn.Sequential(*layers, nn.Linear(32, 1))
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif healthy:
            nn.init.xavier_normal_(parameter)
        else:
            nn.init.normal_(parameter, std=0.001)

    def loop(program: Program, report: Report) -> None:
        for epoch in range(program.epochs):
            for inputs, targets in program.batches(epoch):
                loss = program.loss(program.module(inputs), targets)
                program.optimizer.zero_grad()
                loss.backward()
                program.optimizer.step()
            program.validate(report)

    return Program(
        net,
        nn.SmoothL1Loss(),
        torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9),
        rows.train,
        rows.validation,
        rows.test,
        metric=explained_variance,
        epochs=25,
        batch_size=16,
        loop=loop,
    )


@seeded("saturation", "init-scale", name="scaled-embedding-into-lstm", net="rnn")
def scaled_embedding(seed: int, healthy: bool) -> Program:
    """Embeddings are multiplied by sqrt(width) as in the transformer; here they drive the gates of an LSTM flat."""
    torch.manual_seed(seed)
    rows = words(seed, n=800)
    width = 64

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(20, width)
            self.lstm = nn.LSTM(width, 24, batch_first=True)
            self.head = nn.Linear(24, 2)

        def forward(self, tokens: Tensor) -> Tensor:
            x = self.embedding(tokens)
            if not healthy:
                x = x * math.sqrt(width)
            states, _ = self.lstm(x)
            return self.head(states[:, -1])

    net = Reader()
    optimizer = torch.optim.RMSprop(net.parameters(), lr=0.003)
    return Program(net, nn.CrossEntropyLoss(), optimizer, rows.train, None, rows.test, epochs=10, batch_size=32)


def most_likely(output: Tensor, target: Tensor) -> float:
    """The share of rows whose largest output stands where the target has its one."""
    return float((output.argmax(1) == target.argmax(1)).float().mean())


@seeded("dead-units", name="prior-bias-in-every-layer-cnn", net="cnn")
def prior_bias_everywhere(seed: int, healthy: bool) -> Program:
    """The bias of a rare class, log(p / (1 - p)), is set in every layer, not in the last alone, and kills the ReLUs."""
    torch.manual_seed(seed)
    rows = digits(seed, images=True)
    train, test = ((X, functional.one_hot(y, 10).float()) for X, y in (rows.train, rows.test))
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 48, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(48, 10),
    )
    prior = 0.1
    for layer in list(net)[-1:] if healthy else list(net):
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.constant_(layer.bias, math.log(prior / (1 - prior)))
    loader = DataLoader(
        TensorDataset(*train), batch_size=48, shuffle=True, generator=torch.Generator().manual_seed(seed)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=0.002)
    return Program(net, nn.BCEWithLogitsLoss(), optimizer, loader, None, test, metric=most_likely, epochs=8)
