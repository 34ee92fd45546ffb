"""Radial basis: answers of GRNN and PNN for 5000 rows from 5000, and the search for one bandwidth a feature.

The data are Friedman's first function on twenty features, of which five matter; classes are quarters of its values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import make_friedman1

from classical_tasks.task import Task

SIGMA = 0.3
ROWS = 512  # of a block of the recipes


class Split(NamedTuple):
    """Known rows and their targets, and rows that are asked for."""

    rows: np.ndarray
    targets: np.ndarray
    queries: np.ndarray
    truth: np.ndarray


def friedman(known: int, asked: int, classes: int = 0) -> Split:
    X, y = make_friedman1(known + asked, n_features=20, noise=1.0, random_state=0)
    if classes:
        y = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
    return Split(X[:known], y[:known], X[known:], y[known:])


def right(data: Split, answer: np.ndarray) -> dict[str, float]:
    return {"accuracy": float(np.mean(np.asarray(answer) == data.truth))}


def explained(data: Split, answer: np.ndarray) -> dict[str, float]:
    residual = data.truth - np.asarray(answer).reshape(-1)
    return {"R2": 1 - float(np.square(residual).sum() / np.square(data.truth - data.truth.mean()).sum())}


def ours(name: str, dtype: Any, data: Split) -> Callable[[], Any]:
    from netwright import classical

    network = getattr(classical, name)(SIGMA).fit(data.rows.astype(dtype), data.targets)
    queries = data.queries.astype(dtype)
    return lambda: network.predict(queries)


def torch_softmax(data: Split) -> Callable[[], Any]:
    """What can be had from a few lines of torch, in float32: the trial kernel itself."""
    import torch

    torch.set_num_threads(1)
    rows, queries = (torch.tensor(array, dtype=torch.float32) / SIGMA for array in (data.rows, data.queries))
    targets = torch.tensor(data.targets, dtype=torch.float32)

    def run() -> np.ndarray:
        blocks = [torch.softmax(-0.5 * torch.cdist(block, rows) ** 2, 1) @ targets for block in queries.split(256)]
        return torch.cat(blocks).numpy()

    return run


def sklearn_recipe(data: Split) -> Callable[[], Any]:
    from sklearn.metrics.pairwise import rbf_kernel

    def run() -> np.ndarray:
        answers = []
        for start in range(0, len(data.queries), ROWS):
            kernel = rbf_kernel(data.queries[start : start + ROWS], data.rows, gamma=1 / (2 * SIGMA**2))
            answers.append(kernel @ data.targets / kernel.sum(axis=1))
        return np.concatenate(answers)

    return run


def pygrnn(data: Split) -> Callable[[], Any]:
    from pyGRNN import GRNN

    network = GRNN(sigma=SIGMA, calibration="None").fit(data.rows, data.targets)
    return lambda: network.predict(data.queries)


def densities(data: Split) -> Callable[[], Any]:
    from sklearn.neighbors import KernelDensity

    kinds = range(int(data.targets.max()) + 1)
    models = [KernelDensity(bandwidth=SIGMA).fit(data.rows[data.targets == kind]) for kind in kinds]
    return lambda: np.argmax([model.score_samples(data.queries) for model in models], axis=0)


def our_search(data: Split) -> Callable[[], Any]:
    from netwright.classical import GRNN

    return lambda: GRNN("loo-per-feature").fit(data.rows, data.targets).predict(data.queries)


def pygrnn_search(data: Split) -> Callable[[], Any]:
    from pyGRNN import GRNN

    def run() -> np.ndarray:
        network = GRNN(sigma=SIGMA, calibration="gradient_search", bnds=(1e-2, 1e2))
        return network.fit(data.rows, data.targets).predict(data.queries)

    return run


def our_units(data: Split) -> Callable[[], Any]:
    from netwright.classical import RBFNetwork

    return lambda: RBFNetwork(100, random_state=0).fit(data.rows, data.targets).predict(data.queries)


def sklearn_units(data: Split) -> Callable[[], Any]:
    """k-means, Gaussians, ridge by generalised cross-validation, the width by five-fold cross-validation."""
    from sklearn.cluster import KMeans
    from sklearn.linear_model import RidgeCV
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.model_selection import cross_val_score

    def run() -> np.ndarray:
        centers = KMeans(100, n_init=1, random_state=0).fit(data.rows).cluster_centers_
        ridges, scores = np.geomspace(1e-10, 10, 23), {}
        for width in np.geomspace(0.25, 16, 17):
            hidden = rbf_kernel(data.rows, centers, gamma=1 / (2 * width**2))
            scores[width] = cross_val_score(RidgeCV(ridges), hidden, data.targets).mean()
        gamma = 1 / (2 * max(scores, key=scores.__getitem__) ** 2)
        model = RidgeCV(ridges).fit(rbf_kernel(data.rows, centers, gamma=gamma), data.targets)
        return model.predict(rbf_kernel(data.queries, centers, gamma=gamma))

    return run


TASKS = [
    Task(
        name="GRNN, answers of 5000x5000x20",
        data=partial(friedman, 5000, 5000),
        contenders={
            "netwright GRNN float32": partial(ours, "GRNN", np.float32),
            "netwright GRNN float64": partial(ours, "GRNN", np.float64),
            "torch by hand float32": torch_softmax,
            "scikit-learn rbf_kernel": sklearn_recipe,
            "pyGRNN": pygrnn,
        },
        quality=explained,
        limit=0.05575,
        known={"NeuPy 0.8.2": 1.597},
        runs=9,
    ),
    Task(
        name="PNN, answers of 5000x5000x20, 4 classes",
        data=partial(friedman, 5000, 5000, 4),
        contenders={
            "netwright PNN float32": partial(ours, "PNN", np.float32),
            "netwright PNN float64": partial(ours, "PNN", np.float64),
            "scikit-learn KernelDensity": densities,
        },
        quality=right,
        limit=0.1108,
        known={"NeuPy 0.8.2": 1.300},
        runs=9,
    ),
    Task(
        name="GRNN, search for 20 bandwidths on 1000 rows",
        data=partial(friedman, 1000, 5000),
        contenders={"netwright GRNN": our_search, "pyGRNN gradient_search": pygrnn_search},
        quality=explained,
        limit=1.9,
        runs=3,
    ),
    Task(
        name="RBFNetwork, 100 units on 1000x20, width and ridge chosen",
        data=partial(friedman, 1000, 5000),
        contenders={"netwright RBFNetwork": our_units, "scikit-learn by hand": sklearn_units},
        quality=explained,
        runs=3,
    ),
]
