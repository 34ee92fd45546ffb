"""Several processes at one run: what an all-reduce costs, what a step costs, and how much faster N processes are.

    torchrun --standalone --nproc-per-node 2 benchmarks/scale/together.py
    python benchmarks/scale/together.py        (one process, to compare with)

Prints, for flat gradients of 10^3 to 10^7 numbers, the time of their sum over the processes, the fit of
``latency + bytes / bandwidth`` to it, and the time of a step of three networks with the rows of a batch shared. Run it
on a machine with as many free cores as processes; each process computes on one thread.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import torch

import netwright as nw
from netwright.layers import Conv, Flatten, Input, Linear, MaxPool, ReLU
from netwright.losses import CrossEntropy
from netwright.train import Batches, Devices, Group, Precision, Run, train

NETWORKS = {
    "64-128-64-10, batch 64": (Input(64) >> ReLU(128) >> ReLU(64) >> Linear(10), (64,), 64, 3200),
    "784-1024-1024-10, batch 256": (Input(784) >> ReLU(1024) >> ReLU(1024) >> Linear(10), (784,), 256, 2560),
    "CNN 32-64 on 28x28, batch 128": (
        Input(1, 28, 28)
        >> (Conv(32, 3) >> ReLU() >> MaxPool(2))
        >> (Conv(64, 3) >> ReLU() >> MaxPool(2))
        >> Flatten()
        >> Linear(10),
        (1, 28, 28),
        128,
        1280,
    ),
}


def main() -> None:
    """Measure, and print from the leading process."""
    torch.set_num_threads(1)
    group = Group.joined(Devices(timeout=120))
    say = print if group.leads else lambda *_: None
    say(f"{group.size} processes, one thread each, torch {torch.__version__}")
    if group.several:
        sums(group, say)
    for name, (network, shape, size, rows) in NETWORKS.items():
        draw = torch.Generator().manual_seed(0)
        x, y = torch.randn(rows, *shape, generator=draw), torch.randint(10, (rows,), generator=draw)
        run = Run(network.build(0), entropy, nw.optim.Adam(), Precision(group=group))
        run.load(Batches((x,), y, size=size))
        train(run, 1)
        train(run, 3)
        seconds = min(run.history["seconds"][1:]) / len(run.batches)
        params = len(run.flat.theta)
        say(f"{name}: {seconds * 1e3:.2f} ms a step, {size / seconds:.0f} rows/s, {params} parameters")
    if "RANK" in os.environ:
        torch.distributed.destroy_process_group()


def entropy(output: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
    """The loss."""
    return CrossEntropy()(output, target, weight, "softmax")


def sums(group: Group, say: Callable[..., object]) -> None:
    """The time of an all-reduce by size."""
    found = []
    for power in (3, 4, 5, 6, 7):
        tensor = torch.ones(10**power)
        times = []
        for _ in range(5 + 200 // power**2):
            group.wait()
            begin = time.perf_counter()
            group.add_up(tensor)
            times.append(time.perf_counter() - begin)
        middle = statistics.median(times[3:])
        found.append((4.0 * 10**power, middle))
        say(f"sum of {10**power} float32: {middle * 1e3:.3f} ms")
    latency = found[0][1]
    bandwidth = found[-1][0] / (found[-1][1] - latency)
    say(f"latency {latency * 1e3:.2f} ms, bandwidth {bandwidth / 1e9:.2f} GB/s")


if __name__ == "__main__":
    main()
