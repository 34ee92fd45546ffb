"""An ensemble of ten small networks trained as one batched network, beside one of them and beside ten in turn.

    OMP_NUM_THREADS=1 python benchmarks/ensemble/vectorised.py
    OMP_NUM_THREADS=1 python benchmarks/ensemble/vectorised.py --members 5 --epochs 20

Each line is a table of random numbers and a network of dense layers, trained by Adam for as many epochs; the whole of
``fit`` is timed, preparation included, the least of several runs taken in turn. The members of the batched network
must be those that are trained by themselves, or nothing is printed. Where products take longer than the calls round
them, one batched network is M times the work and there is nothing to gain.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.base import clone

import netwright as nw
from netwright.layers import Linear, ReLU, Softmax

SIZES = [  # rows, columns, hidden units by layer, rows in a batch
    (300, 6, (50,), 32),
    (500, 8, (20, 20), 32),
    (1000, 8, (50,), 100),
    (2000, 16, (32, 32), 32),
    (2000, 32, (64,), 64),
    (2000, 64, (128,), 64),
    (2000, 64, (256, 256), 128),
]


def estimator(hidden: tuple[int, ...], batch: int, epochs: int, classes: bool) -> Any:
    network = ReLU(hidden[0])
    for units in hidden[1:]:
        network = network >> ReLU(units)
    options: dict[str, Any] = {"optimizer": nw.optim.Adam(0.01), "epochs": epochs, "batch_size": batch}
    made = nw.Classifier(network >> Softmax(3), **options) if classes else nw.Regressor(network >> Linear(1), **options)
    return made.set_params(random_state=0)


def fit(made: Any, x: np.ndarray, y: np.ndarray) -> None:
    clone(made).fit(x, y)


def least(jobs: list[Callable[[], Any]], runs: int) -> list[float]:
    """The least seconds of each job, the jobs taken in turn."""
    best = [float("inf")] * len(jobs)
    for _ in range(runs):
        for place, job in enumerate(jobs):
            began = time.perf_counter()
            job()
            best[place] = min(best[place], time.perf_counter() - began)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--apart", action="store_true", help="time the members in turn too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    generator, m = np.random.default_rng(0), args.members
    print(f"| rows x columns | network | batch | one, ms | {m} as one, ms | ratio | {m} in turn, ms |")
    print("|---|---|---|---|---|---|---|")
    for n, columns, hidden, batch in SIZES:
        x = generator.normal(size=(n, columns)).astype(np.float32)
        signal = x[:, 0] * x[:, 1] + 0.3 * generator.normal(size=n)
        for classes in (False, True):
            y = np.digitize(signal, [-0.5, 0.5]) if classes else signal
            one = estimator(hidden, batch, args.epochs, classes)
            together = nw.Ensemble(one, m, vectorised=True, random_state=0)
            apart = nw.Ensemble(one, m, vectorised=False, random_state=0)
            few = [clone(e).set_params(estimator__epochs=2, n_estimators=2).fit(x, y) for e in (together, apart)]
            np.testing.assert_allclose(few[0].predict(x), few[1].predict(x), rtol=1e-3, atol=1e-3)
            jobs = [partial(fit, e, x, y) for e in ([one, together, apart] if args.apart else [one, together])]
            found = [1000 * seconds for seconds in least(jobs, args.runs)]
            layers = " x ".join(map(str, (columns, *hidden, 3 if classes else 1)))
            last = f"{found[2]:.0f}" if args.apart else "-"
            ratio = found[1] / found[0]
            print(
                f"| {n} x {columns} | {layers} | {batch} | {found[0]:.0f} | {found[1]:.0f} | {ratio:.2f} | {last} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
