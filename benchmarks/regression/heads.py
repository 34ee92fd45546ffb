"""What a regressor answers and learns by, on the same network: squares, absolute errors, quantiles, bins, mixtures.

    OMP_NUM_THREADS=1 python benchmarks/regression/heads.py
    OMP_NUM_THREADS=1 python benchmarks/regression/heads.py --tables concrete,bike --splits 5

Every contender has one hidden layer of 50 rectifiers, Adam with a rate that falls from 0.01 along a cosine, batches of
32 and 40 epochs, of which the one with the least loss on a tenth of the training rows is kept. For each of the random
splits (90 % for training, 10 % for testing) the columns are, in deviations of the target but for the last two:

- RMSE of its answer for the mean, MAE of its answer for the median;
- CRPS: twice the mean pinball loss of its quantiles at 0.05, 0.10, ..., 0.95, which judges the whole distribution;
- how many test rows lie between its quantiles at 0.05 and 0.95 (0.90 would be right), and the seconds of a fit.

A network with one answer has no distribution of its own: the quantiles of its residuals on the held-out tenth are added
to the answer, so that its intervals have the same width everywhere. The tables are those of the folder that
NETWRIGHT_DATA names; of large ones 4,000 rows are drawn.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, root_mean_squared_error
from sklearn.model_selection import ShuffleSplit
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.layers import ReLU

LEVELS = np.arange(1, 20) / 20
ROWS = 4000
Answer = tuple[np.ndarray, np.ndarray, np.ndarray]  # for the mean, for the median, quantiles at LEVELS
COMMON: dict[str, Any] = {
    "optimizer": "Adam(cosine(0.01))",
    "epochs": 40,
    "batch_size": 32,
    "patience": 40,
}


def point(loss: str) -> Callable[..., Answer]:
    """One answer, with the quantiles of its residuals on held-out rows."""

    def fit(x: np.ndarray, y: np.ndarray, held: Any, new: np.ndarray, seed: int) -> Answer:
        model = nw.Regressor("ReLU(50) >> Linear(1)", loss=loss, validation=held, random_state=seed, **COMMON)
        answer = model.fit(x, y).predict(new)
        residuals = held[1] - model.predict(held[0])
        return answer, answer, answer[:, None] + np.quantile(residuals, LEVELS)

    return fit


def mixture(components: int) -> Callable[..., Answer]:
    """The mixture's mean and quantiles."""

    def fit(x: np.ndarray, y: np.ndarray, held: Any, new: np.ndarray, seed: int) -> Answer:
        model = nw.MixtureDensityRegressor(
            ReLU(50), components=components, validation=held, random_state=seed, **COMMON
        )
        quantiles = model.fit(x, y).predict_quantile(new, LEVELS)
        return model.predict(new), quantiles[:, 9], quantiles

    return fit


def quantiles(x: np.ndarray, y: np.ndarray, held: Any, new: np.ndarray, seed: int) -> Answer:
    """All levels at once; their mean for the mean."""
    model = nw.QuantileRegressor(ReLU(50), quantiles=LEVELS, validation=held, random_state=seed, **COMMON)
    every = model.fit(x, y).predict_quantiles(new)
    return every.mean(1), every[:, 9], every


def binned(form: str) -> Callable[..., Answer]:
    """Thirty bins."""

    def fit(x: np.ndarray, y: np.ndarray, held: Any, new: np.ndarray, seed: int) -> Answer:
        model = nw.BinnedRegressor(
            ReLU(50), bins=30, form=form, smooth=0.75, validation=held, random_state=seed, **COMMON
        )
        every = model.fit(x, y).predict_quantile(new, LEVELS)
        return model.predict(new), every[:, 9], every

    return fit


CONTENDERS: dict[str, Callable[..., Answer]] = {
    "MSE": point("MSE()"),
    "MAE": point("MAE()"),
    "Huber": point("Huber()"),
    "mixture, 1": mixture(1),
    "mixture, 3": mixture(3),
    "quantiles": quantiles,
    "bins, softmax": binned("softmax"),
    "bins, ordinal": binned("ordinal"),
}


def table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and target of a table, of large ones some rows."""
    folder = Path(os.environ["NETWRIGHT_DATA"]) / "tabular"
    if name == "bike":
        whole = np.loadtxt(folder / "bike_sharing_hour.csv", delimiter=",", skiprows=1, usecols=range(2, 17))
        whole = np.delete(whole, [12, 13], axis=1)  # casual and registered riders: their sum is the target
    elif name == "housing":
        whole = np.genfromtxt(folder / "california_housing.csv", delimiter=",", skip_header=1, usecols=range(9))
        whole = whole[np.isfinite(whole).all(1)]
    else:
        whole = np.loadtxt(folder / f"{name}.txt")
    if len(whole) > ROWS:
        whole = np.random.default_rng(0).permutation(whole)[:ROWS]
    return whole[:, :-1], whole[:, -1]


def figures(answer: Answer, y: np.ndarray, unit: float) -> tuple[float, ...]:
    """RMSE, MAE, CRPS and coverage."""
    mean, median, every = answer
    pinball = np.mean([mean_pinball_loss(y, every[:, i], alpha=level) for i, level in enumerate(LEVELS)])
    inside = ((every[:, 0] <= y) & (y <= every[:, -1])).mean()
    rmse, mae = root_mean_squared_error(y, mean), mean_absolute_error(y, median)
    return rmse / unit, mae / unit, 2 * float(pinball) / unit, float(inside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", default="yacht,energy,concrete,wine-quality-red,housing,bike")
    parser.add_argument("--splits", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"| table | learns by | RMSE | MAE | CRPS | within 0.90 | seconds |\n|{'---|' * 7}")
    for name in args.tables.split(","):
        x, y = table(name)
        splits = list(ShuffleSplit(args.splits, test_size=0.1, random_state=0).split(x))
        for label, fit in CONTENDERS.items():
            rows, began = [], time.perf_counter()
            for seed, (train, test) in enumerate(splits):
                held, own = train[: len(train) // 10], train[len(train) // 10 :]
                scaler = StandardScaler().fit(x[own])
                answer = fit(
                    scaler.transform(x[own]),
                    y[own],
                    (scaler.transform(x[held]), y[held]),
                    scaler.transform(x[test]),
                    seed,
                )
                rows.append(figures(answer, y[test], float(y.std())))
            rmse, mae, crps, inside = np.mean(rows, axis=0)
            seconds = (time.perf_counter() - began) / len(splits)
            print(
                f"| {name} | {label} | {rmse:.3f} | {mae:.3f} | {crps:.3f} | {inside:.2f} | {seconds:.1f} |", flush=True
            )


if __name__ == "__main__":
    main()
