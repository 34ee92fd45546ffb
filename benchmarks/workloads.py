"""The four workloads: what is trained, on which rows, for how long. NumPy only, so that no contender pays for another.

a  dense 64-128-64-10 with rectifiers, 20,000 rows, batch 32, Adam 0.001, 4,000 validation rows every epoch
b  the same at batch 256
c  images 1x28x28: conv 32 @ 3x3, max-pool 2, conv 64 @ 3x3, max-pool 2, dense 128, dense 10; 10,000 rows, batch 64,
   SGD 0.01 with Nesterov momentum 0.9, no validation during training
d  sequences of 50 steps of 8 numbers: LSTM 64, its last state, dense 5; 10,000 rows, batch 64, Adam 0.001, no
   validation during training

The rows are drawn from a fixed seed and can be learned, so the final scores show whether two loops do the same work.
In c and d the scores are of 2,000 held-out rows after the last epoch, outside the time.

    python benchmarks/workloads.py        prints the shapes and the shares of the classes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

HELD_OUT = {"a": 4000, "b": 4000, "c": 2000, "d": 2000}


@dataclass(frozen=True)
class Workload:
    """One thing to train."""

    name: str
    text: str
    batch_size: int
    epochs: int
    classes: int
    validates: bool  # every epoch, as part of the time
    X: np.ndarray
    y: np.ndarray
    X_held: np.ndarray
    y_held: np.ndarray


TEXTS = {
    "a": "MLP 64-128-64-10, 20,000 rows, batch 32, Adam",
    "b": "MLP 64-128-64-10, 20,000 rows, batch 256, Adam",
    "c": "CNN on 10,000 images 28x28, batch 64, SGD Nesterov",
    "d": "LSTM 64 on 10,000 x 50 x 8, batch 64, Adam",
}
BATCH = {"a": 32, "b": 256, "c": 64, "d": 64}
EPOCHS = {"a": 6, "b": 10, "c": 4, "d": 6}
HIDDEN = (128, 64)


def load(name: str, epochs: int | None = None) -> Workload:
    """The workload of that name; `epochs` instead of its own number."""
    if name not in TEXTS:
        raise SystemExit(f"no workload {name!r}; there are {', '.join(TEXTS)}")
    make = {"a": clusters, "b": clusters, "c": pictures, "d": waves}[name]
    X, y = make(np.random.default_rng(20_240_501), (20_000 if name in "ab" else 10_000) + HELD_OUT[name])
    cut = len(X) - HELD_OUT[name]
    return Workload(
        name=name,
        text=TEXTS[name],
        batch_size=BATCH[name],
        epochs=epochs or EPOCHS[name],
        classes=int(y.max()) + 1,
        validates=name in "ab",
        X=X[:cut],
        y=y[:cut],
        X_held=X[cut:],
        y_held=y[cut:],
    )


def clusters(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Four clouds a class for ten classes in 64 dimensions; 2 % of the labels are wrong."""
    centres = rng.normal(size=(40, 64)).astype(np.float32)
    cloud = rng.integers(0, 40, n)
    X = 0.5 * centres[cloud] + 0.7 * rng.normal(size=(n, 64)).astype(np.float32)  # (n, 64)
    y = cloud % 10
    wrong = rng.random(n) < 0.02
    y[wrong] = rng.integers(0, 10, int(wrong.sum()))
    return X.astype(np.float32), y.astype(np.int64)


def pictures(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten smooth patterns of 20x20 pixels, each shifted at random within 28x28, under noise."""
    coarse = rng.normal(size=(10, 5, 5))
    patterns = np.kron(coarse, np.ones((1, 4, 4)))  # (10, 20, 20)
    y = rng.integers(0, 10, n)
    X = 1.3 * rng.normal(size=(n, 28, 28))
    for row, label, (down, right) in zip(X, y, rng.integers(0, 9, (n, 2)), strict=True):
        row[down : down + 20, right : right + 20] += 0.7 * patterns[label]
    return X[:, None].astype(np.float32), y.astype(np.int64)  # (n, 1, 28, 28)


def waves(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Five frequencies, seen in eight channels with fixed phases and one random phase a row, under noise."""
    frequency = np.array([0.03, 0.05, 0.08, 0.12, 0.17])
    y = rng.integers(0, 5, n)
    steps, phases = np.arange(50), rng.uniform(0, 2 * np.pi, 8)
    angle = 2 * np.pi * frequency[y][:, None] * steps + rng.uniform(0, 2 * np.pi, (n, 1))  # (n, 50)
    X = np.sin(angle[:, :, None] + phases) + 2.5 * rng.normal(size=(n, 50, 8))  # (n, 50, 8)
    return X.astype(np.float32), y.astype(np.int64)


def settings(work: Workload) -> dict[str, Any]:
    """The update rule of a workload in plain numbers, for every contender to build its own from."""
    if work.name == "c":
        return {"rule": "sgd", "lr": 0.01, "momentum": 0.9, "nesterov": True}
    return {"rule": "adam", "lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8}


if __name__ == "__main__":
    for name in TEXTS:
        work = load(name)
        shares = np.bincount(work.y_held) / len(work.y_held)
        print(name, work.text, work.X.shape, work.X_held.shape, np.round(shares, 2).tolist())
