"""What every contender shares: the clock of an epoch, and the command line that runs one workload and prints JSON.

    python benchmarks/raw.py a --variant fused --epochs 5

The clock counts CPU seconds of the process (`time.process_time`, all threads) from one call of `tick` to the next.
`start` is called just before fit, so that the first epoch also holds what fit sets up (compiling, checking, building).
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import workloads

Train = Callable[[workloads.Workload, str, "Clock"], float]


class Clock:
    """CPU and wall seconds at the beginning and after each epoch."""

    def __init__(self) -> None:
        self.cpu: list[float] = []
        self.wall: list[float] = []

    def start(self) -> None:
        """Just before fit."""
        self.cpu, self.wall = [time.process_time()], [time.perf_counter()]

    def tick(self, *_: Any, **__: Any) -> None:
        """After an epoch and its validation; takes and ignores whatever a framework hands to a callback."""
        self.cpu.append(time.process_time())
        self.wall.append(time.perf_counter())

    def epochs(self) -> list[float]:
        """CPU seconds of each epoch."""
        return [after - before for before, after in pairwise(self.cpu)]


def serve(train: Train, variants: tuple[str, ...], packages: tuple[str, ...]) -> None:
    """Run one workload with one variant, and print what was measured as one line of JSON.

    `train(work, variant, clock)` trains and gives the share of held-out rows that are right.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", choices=list(workloads.TEXTS))
    parser.add_argument("--variant", choices=variants, default=variants[0])
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--result", default=None, help="write the JSON to this file instead of printing it")
    args = parser.parse_args()
    work, clock = workloads.load(args.workload, args.epochs), Clock()
    score = train(work, args.variant, clock)
    result = {**summary(clock, work), "score": float(score), "versions": {name: version(name) for name in packages}}
    if args.result is None:
        print(json.dumps(result))
    else:
        Path(args.result).write_text(json.dumps(result))


def summary(clock: Clock, work: workloads.Workload) -> dict[str, Any]:
    """The figures of a run: the median epoch after the first, and what the first took above that."""
    seconds = clock.epochs()
    if len(seconds) != work.epochs or len(seconds) < 3:
        raise SystemExit(f"{work.epochs} epochs (at least 3) were to be timed, {len(seconds)} were")
    median = statistics.median(seconds[1:])
    cpu, wall = clock.cpu[-1] - clock.cpu[0], clock.wall[-1] - clock.wall[0]
    return {
        "epoch": median,
        "first": seconds[0] - median,
        "wall_over_cpu": wall / cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,  # MiB
        "epochs": seconds,
    }


def accuracy(predicted: Any, target: Any) -> float:
    """The share of rows that are right."""
    return float((predicted == target).mean())
