"""What a watch costs: the same loop with and without one, in turn, as a share of the time of a step.

    OMP_NUM_THREADS=1 python benchmarks/diagnosis/overhead.py
    OMP_NUM_THREADS=1 python benchmarks/diagnosis/overhead.py --rounds 31 --steps 10000 --only dense

Both loops make ten steps in turn, so that a machine that slows down meanwhile is fair to both. What is told is the
median of the ratios of some rounds, with its quartiles, and the ratio of the fastest runs, which other programs disturb
least. A short run pays more for each step than a long one: most of what a watch looks at comes in the first steps.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from netwright.checks import watch

STEPS, ROUNDS, BLOCK = 2000, 11, 10
Make = Callable[[], tuple[nn.Module, torch.Tensor, torch.Tensor]]


def dense() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """64-128-64-10 on batches of 64 rows."""
    net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    return net, torch.randn(64, 64), torch.randint(0, 10, (64,))


def images() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """Two convolutions with batch normalisation on batches of 32 images of 16 x 16."""
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 64, 10),
    )
    return net, torch.randn(32, 1, 16, 16), torch.randint(0, 10, (32,))


def curves() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A GRU of 32 units over 30 steps, read at its last state, on batches of 32."""

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru, self.head = nn.GRU(4, 32, batch_first=True), nn.Linear(32, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.gru(x)[1][-1])  # type: ignore[no-any-return]

    return Reader(), torch.randn(32, 30, 4), torch.randint(0, 3, (32,))


def steps_of(make: Make) -> tuple[Callable[[int], float], tuple[nn.Module, torch.optim.Optimizer, nn.Module]]:
    """A function that makes so many steps and says their CPU time, and the objects of its loop."""
    torch.manual_seed(0)
    module, x, y = make()
    loss, optimizer = nn.CrossEntropyLoss(), torch.optim.Adam(module.parameters(), 1e-4)

    def run(steps: int) -> float:
        begin = time.process_time()
        for _ in range(steps):
            optimizer.zero_grad()
            loss(module(x), y).backward()
            optimizer.step()
        return time.process_time() - begin

    return run, (module, optimizer, loss)


def pair(make: Make, steps: int) -> tuple[float, float]:
    """Seconds of a loop without and with a watch, which make some steps each in turn.

    Making the network and the watch's own copy are not counted.
    """
    plain, _ = steps_of(make)
    watched, (module, optimizer, loss) = steps_of(make)
    own, spent = torch.autograd.backward, [0.0, 0.0]
    with watch(module, optimizer, loss):
        heard = torch.autograd.backward
        for turn in range(steps // BLOCK):
            for which in (False, True) if turn % 2 else (True, False):
                torch.autograd.backward = heard if which else own
                spent[which] += (watched if which else plain)(BLOCK)
        torch.autograd.backward = heard
    return spent[0], spent[1]


def main() -> None:
    """Print a line a network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--steps", type=int, default=STEPS, help="of the dense one, the others a quarter of it")
    parser.add_argument("--only", default="", help="dense, images or curves")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for make in (dense, images, curves):
        if options.only not in make.__name__:
            continue
        steps = options.steps if make is dense else options.steps // 4
        pair(make, 50)
        pairs = [pair(make, steps) for _ in range(options.rounds)]
        low, middle, high = statistics.quantiles([b / a - 1 for a, b in pairs], n=4)
        least = min(b for _, b in pairs) / min(a for a, _ in pairs) - 1
        plain = statistics.median(a for a, _ in pairs) / steps
        print(
            f"{make.__name__:8s} {1e6 * plain:8.0f} us a step, {steps} steps, watched {middle:+.1%} "
            f"(quartiles {low:+.1%} to {high:+.1%}), fastest runs {least:+.1%}"
        )


if __name__ == "__main__":
    main()
