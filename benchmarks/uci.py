"""Test error on small tables: one hidden layer of 50 units, trained by Levenberg-Marquardt with the validation recipe.

    OMP_NUM_THREADS=1 python benchmarks/uci.py
    OMP_NUM_THREADS=1 python benchmarks/uci.py --tables yacht --splits 5

The protocol is that of Hernandez-Lobato and Adams (*Probabilistic backpropagation for scalable learning of Bayesian
neural networks*, 2015): 20 random splits into 90 % of the rows for training and 10 % for testing, 50 hidden units, root
mean squared error in the units of the target; the column "published" is theirs.

The recipe sees training rows alone: inputs are standardised by them; for each of three penalties a network is trained
on nine tenths of them until the error on the last tenth has not fallen for 15 epochs, and the one with the least such
error is tested. The tables are those of the folder that NETWRIGHT_DATA names.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.layers import Linear, Tanh

PUBLISHED = {"yacht": 1.02, "energy": 1.80, "concrete": 5.67}
PENALTIES = (1e-5, 1e-4, 1e-3)


def network(penalty: float, seed: int) -> Any:
    """A pipeline of the scaler and the network."""
    return make_pipeline(
        StandardScaler(),
        nw.Regressor(
            Tanh(50) >> Linear(1),
            optimizer=nw.optim.LevenbergMarquardt(),
            regularizer=nw.l2(penalty),
            epochs=200,
            validation=0.1,
            patience=15,
            precision="float64",
            random_state=seed,
        ),
    )


def best_of(x: np.ndarray, y: np.ndarray, seed: int) -> Any:
    """The network with the least error on held-out training rows."""
    fitted = [network(penalty, seed).fit(x, y) for penalty in PENALTIES]
    return min(fitted, key=lambda model: min(model[-1].history_["validation_loss"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default="yacht,energy,concrete")
    parser.add_argument("--splits", type=int, default=20)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"| table | rows | published | median of {args.splits} splits | mean and standard error | seconds a split |")
    print("|---|---|---|---|---|---|")
    for name in args.tables.split(","):
        table = np.loadtxt(Path(os.environ["NETWRIGHT_DATA"]) / "tabular" / f"{name}.txt")
        x, y = table[:, :-1], table[:, -1]
        began, errors = time.perf_counter(), []
        splits = ShuffleSplit(args.splits, test_size=0.1, random_state=0)
        for seed, (train, test) in enumerate(splits.split(x)):
            model = best_of(x[train], y[train], seed)
            errors.append(float(np.sqrt(np.mean((model.predict(x[test]) - y[test]) ** 2))))
        spread = np.std(errors) / np.sqrt(len(errors))
        seconds = (time.perf_counter() - began) / args.splits
        print(
            f"| {name} | {len(x)} | {PUBLISHED[name]:.2f} | {np.median(errors):.2f} | "
            f"{np.mean(errors):.2f} +- {spread:.2f} | {seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
