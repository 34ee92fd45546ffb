"""Data of the benchmark's programs: bundled or generated, split by seed into training, validation and test rows.

Each source gives `Rows`; columns are standardised by the training rows unless ``scale=False``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor

Pair = tuple[Tensor, Tensor]


@dataclass
class Rows:
    """Training, validation and test rows, each ``(X, y)``."""

    train: Pair
    validation: Pair
    test: Pair


def split(
    X: np.ndarray, y: np.ndarray, seed: int, shares: tuple[float, float] = (0.6, 0.2), scale: bool = True
) -> Rows:
    """Rows in three parts by a permutation of the seed; float32 inputs, targets in their own kind.

    Parameters
    ----------
    X : rows. y : targets. seed : of the permutation. shares : of training and validation rows.
    scale : whether columns (of images: all pixels together) get mean 0 and standard deviation 1 on the training rows.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    first, second = (round(len(y) * share) for share in (shares[0], sum(shares)))
    parts = order[:first], order[first:second], order[second:]
    X = X.astype(np.float64)
    if scale:
        axes = 0 if X.ndim == 2 else None
        mean, std = X[parts[0]].mean(axes), X[parts[0]].std(axes)
        X = (X - mean) / np.where(std > 1e-9, std, 1.0)
    kind = torch.int64 if y.dtype.kind in "iu" else torch.float32
    pairs = [(torch.tensor(X[rows], dtype=torch.float32), torch.tensor(y[rows], dtype=kind)) for rows in parts]
    return Rows(*pairs)


def digits(seed: int, images: bool = False, scale: bool = True) -> Rows:
    """1,797 digits of 8 x 8 pixels, (n, 64) or (n, 1, 8, 8), 10 classes."""
    X, y = datasets.load_digits(return_X_y=True)
    return split(X.reshape(-1, 1, 8, 8) / 16 if images else X / 16 if not scale else X, y, seed, scale=scale)


def wine(seed: int, scale: bool = True) -> Rows:
    """178 wines, 13 columns, 3 classes."""
    X, y = datasets.load_wine(return_X_y=True)
    return split(X, y, seed, scale=scale)


def iris(seed: int, scale: bool = True) -> Rows:
    """150 flowers, 4 columns, 3 classes."""
    X, y = datasets.load_iris(return_X_y=True)
    return split(X, y, seed, scale=scale)


def cancer(seed: int, scale: bool = True) -> Rows:
    """569 tumours, 30 columns, 2 classes as integers."""
    X, y = datasets.load_breast_cancer(return_X_y=True)
    return split(X, y, seed, scale=scale)


def diabetes(seed: int, scale_target: bool = True) -> Rows:
    """442 patients, 10 columns, a number as target, (n, 1); standardised by the training rows unless told not to."""
    X, y = datasets.load_diabetes(return_X_y=True)
    rows = split(X, y[:, None].astype(np.float64), seed)
    if scale_target:
        mean, std = rows.train[1].mean(), rows.train[1].std()
        rows = Rows(*((each[0], (each[1] - mean) / std) for each in (rows.train, rows.validation, rows.test)))
    return rows


def moons(seed: int, n: int = 600, noise: float = 0.2) -> Rows:
    """Two half moons, 2 columns, 2 classes as integers."""
    X, y = datasets.make_moons(n, noise=noise, random_state=seed)
    return split(X, y, seed)


def blobs(seed: int, n: int = 600, classes: int = 4, columns: int = 8, spread: float = 2.0) -> Rows:
    """Gaussian clouds, one a class."""
    X, y = datasets.make_blobs(n, columns, centers=classes, cluster_std=spread, random_state=seed)
    return split(X, y, seed)


def circles(seed: int, n: int = 600, noise: float = 0.08) -> Rows:
    """A ring in a ring, 2 columns, 2 classes as integers."""
    X, y = datasets.make_circles(n, noise=noise, factor=0.5, random_state=seed)
    return split(X, y, seed)


def surface(seed: int, n: int = 800, columns: int = 5, noise: float = 0.3) -> Rows:
    """Friedman's first function of 5 columns, target (n, 1) standardised over all rows."""
    X, y = datasets.make_friedman1(n, columns, noise=noise, random_state=seed)
    return split(X, ((y - y.mean()) / y.std())[:, None], seed)


def sines(seed: int, n: int = 600, steps: int = 20) -> Rows:
    """Noisy sines of random phase and period, (n, steps, 1); the target is the next value, (n, 1)."""
    rng = np.random.default_rng(seed)
    phase, period = rng.uniform(0, 2 * np.pi, (n, 1)), rng.uniform(8, 16, (n, 1))
    wave = np.sin(phase + 2 * np.pi * np.arange(steps + 1) / period) + 0.05 * rng.normal(size=(n, steps + 1))
    return split(wave[:, :-1, None], wave[:, -1:], seed, scale=False)


def waves(seed: int, n: int = 600, steps: int = 24) -> Rows:
    """Sine, square or saw tooth of random phase with noise, (n, steps, 1), 3 classes."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    turn = (rng.uniform(0, 1, (n, 1)) + np.arange(steps) / rng.uniform(8, 12, (n, 1))) % 1
    shapes = np.stack([np.sin(2 * np.pi * turn), np.sign(turn - 0.5), 2 * turn - 1])
    wave = shapes[kind, np.arange(n)] + 0.2 * rng.normal(size=(n, steps))
    return split(wave[..., None], kind, seed, scale=False)


def words(seed: int, n: int = 800, steps: int = 12, vocabulary: int = 20) -> Rows:
    """Sequences of integer tokens 1..vocabulary - 1, (n, steps); class 1 where token 3 comes before token 7, else 0."""
    rng = np.random.default_rng(seed)
    X = rng.integers(1, vocabulary, (n, steps))
    places = np.sort(np.argsort(rng.random((n, steps)), axis=1)[:, :2], axis=1)
    y = rng.integers(0, 2, n)
    X[X == 3], X[X == 7] = 4, 8
    X[np.arange(n), places[:, 0]] = np.where(y == 1, 3, 7)
    X[np.arange(n), places[:, 1]] = np.where(y == 1, 7, 3)
    rows = split(X.astype(np.float64), y, seed, scale=False)
    return Rows(*((each[0].long(), each[1]) for each in (rows.train, rows.validation, rows.test)))
