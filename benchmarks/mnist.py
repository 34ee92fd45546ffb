"""MNIST by the command line, `netwright train mnist`: test error and wall time, all cores, all defaults.

    NETWRIGHT_DATA=... python benchmarks/mnist.py [--seeds 1]

LeNet-5 as the command chooses it; the 10,000 images of the published test split. The targets: an error of at most 1.0 %
within 300 seconds on two cores, reading, testing and report included.
"""

from __future__ import annotations

import argparse
import os
import tempfile

from command import data, train
from isolated import machine


def main() -> None:
    """Train once a seed, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1)
    seeds = parser.parse_args().seeds
    data("mnist")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(
        f"{machine()}; {cores} of them used\n\n| seed | test error | wall seconds | target |\n|---|---|---|---|",
        flush=True,
    )
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            trained = train(folder, "mnist", "--seed", str(seed))
        if len(trained.predictions) != 10_000:
            raise SystemExit(f"10,000 test images were to be predicted, {len(trained.predictions)} were")
        error = sum(row["true"] != row["predicted"] for row in trained.predictions) / len(trained.predictions)
        target = "met" if error <= 0.010 and trained.seconds <= 300 else "MISSED"
        print(f"| {seed} | {error:.2%} | {trained.seconds:.0f} | {target} |", flush=True)


if __name__ == "__main__":
    main()
