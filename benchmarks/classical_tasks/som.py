"""Self-organizing maps: online and batch, 100 units on digits and 900 units on a noisy surface of five dimensions.

Quality is measured alike for all, on the rows that were learned: the mean distance from the winner (QE), and the share
of rows whose two nearest units are not among each other's 8 (TE) or 4 neighbours (TE4). A map can trade one error for
the other by the last radius of its neighbourhood, so both are given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from classical_tasks.task import Task

Rows = np.ndarray
Weights = np.ndarray


def digits() -> Rows:
    """1,797 digits of 64 pixels from 0 to 1."""
    return load_digits().data / 16


def surface() -> Rows:
    """20,000 rows of 64 columns: a bent surface of five dimensions and a little noise."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(20_000, 5))
    return np.tanh(latent @ rng.normal(size=(5, 64))) + 0.1 * rng.normal(size=(20_000, 64))


def quality(side: int) -> Callable[[Rows, Weights], dict[str, float]]:
    """Errors of the weights (side^2, n_features) of a square map."""

    def measured(X: Rows, weights: Weights) -> dict[str, float]:
        weights = np.asarray(weights, dtype=float).reshape(side * side, -1)
        squares = (weights**2).sum(axis=1) - 2 * X @ weights.T
        first = squares.argmin(axis=1)
        squares[np.arange(len(X)), first] = np.inf
        second = squares.argmin(axis=1)
        down, right = np.abs(first // side - second // side), np.abs(first % side - second % side)
        return {
            "QE": float(np.linalg.norm(X - weights[first], axis=1).mean()),
            "TE": float((np.maximum(down, right) > 1).mean()),
            "TE4": float((down + right > 1).mean()),
            "units used": len(np.unique(first)),
        }

    return measured


def ours(side: int, dtype: Any, **options: Any) -> Callable[[Rows], Callable[[], Weights]]:
    """SOFM with its default schedules, or those given."""

    def prepare(X: Rows) -> Callable[[], Weights]:
        from netwright.classical.maps.sofm import SOFM

        rows = X.astype(dtype)
        return lambda: SOFM((side, side), random_state=0, **options).fit(rows).weights_

    return prepare


def minisom(side: int, epochs: int) -> Callable[[Rows], Callable[[], Weights]]:
    """MiniSom online from random rows, radius from half of the grid."""

    def prepare(X: Rows) -> Callable[[], Weights]:
        from minisom import MiniSom

        def learn() -> Weights:
            som = MiniSom(side, side, X.shape[1], sigma=side / 2, learning_rate=0.5, random_seed=0)
            som.random_weights_init(X)
            som.train(X, epochs * len(X), random_order=True)
            return som.get_weights()

        return learn

    return prepare


def xpysom(side: int, epochs: int) -> Callable[[Rows], Callable[[], Weights]]:
    """XPySom, batches, radius from half of the grid to 0.7; its own default halves the radius and tears the map."""

    def prepare(X: Rows) -> Callable[[], Weights]:
        from xpysom import XPySom

        rows = X.astype(np.float32)
        options = {"sigma": side / 2, "sigmaN": 0.7, "std_coeff": 1.0}

        def learn() -> Weights:
            som = XPySom(side, side, X.shape[1], **options, random_seed=0, xp=np)
            som.random_weights_init(rows)
            som.train(rows, epochs)
            return som.get_weights()

        return learn

    return prepare


def susi(side: int, epochs: int, mode: str) -> Callable[[Rows], Callable[[], Weights]]:
    """SuSi, unsupervised."""

    def prepare(X: Rows) -> Callable[[], Weights]:
        from susi import SOMClustering

        def learn() -> Weights:
            steps = epochs * len(X) if mode == "online" else epochs
            som = SOMClustering(side, side, n_iter_unsupervised=steps, train_mode_unsupervised=mode, random_state=0)
            return som.fit(X).unsuper_som_

        return learn

    return prepare


TASKS = [
    Task(
        name="SOM online, 10 x 10 units, digits, 20 epochs",
        data=digits,
        contenders={
            "netwright": ours(10, np.float32, algorithm="online"),
            "netwright, float64": ours(10, np.float64, algorithm="online"),
            "netwright, radius 5 to 0.8": ours(10, np.float32, algorithm="online", radius=(5, 0.8)),
            "MiniSom": minisom(10, 20),
            "SuSi": susi(10, 20, "online"),
        },
        quality=quality(10),
        limit=0.034,
        known={"NeuPy": 4.185, "sklearn-som": 5.865},
    ),
    Task(
        name="SOM online, 30 x 30 units, 20000 x 64, 2 epochs",
        data=surface,
        contenders={
            "netwright": ours(30, np.float32, algorithm="online", epochs=2),
            "netwright, float64": ours(30, np.float64, algorithm="online", epochs=2),
            "netwright, radius 15 to 3": ours(30, np.float32, algorithm="online", epochs=2, radius=(15, 3)),
            "MiniSom": minisom(30, 2),
        },
        quality=quality(30),
        limit=0.27,
        known={"NeuPy": 11.63, "SuSi": 12.04, "sklearn-som": 50.88},
        runs=3,
    ),
    Task(
        name="SOM batch, 10 x 10 units, digits, 20 epochs",
        data=digits,
        contenders={
            "netwright": ours(10, np.float32),
            "netwright, radius 5 to 0.7": ours(10, np.float32, radius=(5, 0.7)),
            "netwright, float64": ours(10, np.float64),
            "XPySom": xpysom(10, 20),
            "SuSi": susi(10, 20, "batch"),
        },
        quality=quality(10),
        limit=0.0096,
        known={"MiniSom": 1.005, "somoclu": 0.1873, "torchsom": 0.2086, "kohonen (R)": 0.328},
        runs=11,
    ),
    Task(
        name="SOM batch, 30 x 30 units, 20000 x 64, 20 epochs",
        data=surface,
        contenders={
            "netwright": ours(30, np.float32),
            "netwright, float64": ours(30, np.float64),
            "netwright, radius 5 to 0.7": ours(30, np.float32, radius=(5, 0.7)),
            "XPySom": xpysom(30, 20),
        },
        quality=quality(30),
        limit=1.00,
        known={"somoclu": 18.85, "kohonen (R)": 32.57},
        runs=3,
    ),
]
