"""The reference: the loop that one writes by hand in torch, batches gathered by a permutation, torch's defaults.

    python benchmarks/raw.py a [--variant defaults|fused]

Variants: `defaults` is what all ratios refer to; `fused` is the same loop with fused=True in the optimizer, to show how
far one argument brings the hand-written loop. In a and b the validation rows are seen every epoch in batches of
the training size, as the peers see them.
"""

from __future__ import annotations

import torch
from contender import Clock, accuracy, serve
from torch import nn
from workloads import HIDDEN, Workload, settings


class LastState(nn.Module):
    """LSTM over (batch, steps, features), its output at the last step: (batch, units)."""

    def __init__(self, features: int = 8, units: int = 64) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, units, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x)[0][:, -1]


def network(work: Workload) -> nn.Module:
    """The network of a workload in torch; it gives logits."""
    if work.name in "ab":
        first, second = HIDDEN
        body = [nn.Linear(64, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU()]
        return nn.Sequential(*body, nn.Linear(second, work.classes))
    if work.name == "c":
        body = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(*body, nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, work.classes))
    return nn.Sequential(LastState(), nn.Linear(64, work.classes))


def optimizer(work: Workload, parameters: object, **options: object) -> torch.optim.Optimizer:
    """The workload's update rule."""
    how = settings(work)
    rule = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[how.pop("rule")]
    return rule(parameters, **how, **options)


def train(work: Workload, variant: str, clock: Clock) -> float:
    """Train by hand; gives the accuracy on the held-out rows."""
    torch.manual_seed(0)
    X, y, X_held, y_held = map(torch.from_numpy, (work.X, work.y, work.X_held, work.y_held))
    net, loss_of = network(work), nn.CrossEntropyLoss()
    opt = optimizer(work, net.parameters(), **({"fused": True} if variant == "fused" else {}))
    clock.start()
    for _ in range(work.epochs):
        net.train()
        total = torch.zeros(())
        for i in torch.randperm(len(X)).split(work.batch_size):
            x, t = X[i], y[i]
            opt.zero_grad()
            loss = loss_of(net(x), t)
            loss.backward()
            opt.step()
            total += loss.detach()
        if work.validates:
            evaluate(net, X_held, y_held, loss_of, work.batch_size)
        clock.tick()
    with torch.no_grad():
        return accuracy(net.eval()(X_held).argmax(1).numpy(), work.y_held)


def evaluate(net: nn.Module, X: torch.Tensor, y: torch.Tensor, loss_of: nn.Module, size: int) -> tuple[float, float]:
    """Mean loss and accuracy of the validation rows."""
    net.eval()
    loss, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    with torch.no_grad():
        for x, t in zip(X.split(size), y.split(size), strict=True):
            output = net(x)
            loss += loss_of(output, t) * len(x)
            right += (output.argmax(1) == t).sum()
    return float(loss) / len(X), int(right) / len(X)


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(train, ("defaults", "fused"), ("torch",))
