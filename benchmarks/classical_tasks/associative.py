"""Associative rules on the digits: principal components by Oja's and Sanger's rules, one epoch of Hebb and Instar."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from classical_tasks.task import Task

COMPONENTS = 16
STEPS = 1797


def digits() -> np.ndarray:
    """Gray values."""
    return load_digits().data


def explained(X: np.ndarray, components: np.ndarray) -> dict[str, float]:
    """Share of the variance in the space of the components."""
    rows, basis = X - X.mean(axis=0), np.linalg.qr(components.T)[0]
    return {"explained": 1 - ((rows - rows @ basis @ basis.T) ** 2).sum() / (rows**2).sum()}


def ours(rule: str, epochs: int, X: np.ndarray) -> Callable[[], Any]:
    from netwright import classical

    network = getattr(classical, rule)
    return lambda: network(COMPONENTS, center=True, epochs=epochs, random_state=0).fit(X).weights_


def sklearn_pca(X: np.ndarray) -> Callable[[], Any]:
    from sklearn.decomposition import PCA

    return lambda: PCA(COMPONENTS).fit(X).components_


def sklearn_incremental(X: np.ndarray) -> Callable[[], Any]:
    from sklearn.decomposition import IncrementalPCA

    return lambda: IncrementalPCA(COMPONENTS, batch_size=200).fit(X).components_


def bits() -> tuple[np.ndarray, np.ndarray]:
    """Pixels that are dark, and the class as ten units of which one is active."""
    X, y = load_digits(return_X_y=True)
    return (X > 8).astype(np.float64), np.eye(10)[y]


def given(rule: str, options: dict[str, Any], data: Any) -> Callable[[], Any]:
    """Ten units that are told when to learn."""
    from netwright import classical

    network = getattr(classical, rule)
    return lambda: network(**options).fit(*data)


def own(rule: str, options: dict[str, Any], units: int, data: Any) -> Callable[[], Any]:
    """Step units that learn from their own output."""
    from netwright import classical

    network = getattr(classical, rule)
    return lambda: network(units, init="normal", random_state=0, **options).fit(data[0])


def bounded(_: Any, network: Any) -> dict[str, float]:
    return {"largest weight": float(np.abs(network.weights_).max())}


HEBB: dict[str, Any] = {"activation": "step", "decay": 0.2}

TASKS = [
    Task(
        name="Oja, 16 components of the digits",
        data=digits,
        contenders={
            "netwright Oja, 10 epochs": partial(ours, "Oja", 10),
            "netwright Oja, 6 epochs": partial(ours, "Oja", 6),
            "netwright Oja, 3 epochs": partial(ours, "Oja", 3),
            "netwright Sanger, 10 epochs": partial(ours, "Sanger", 10),
            "scikit-learn IncrementalPCA, batches of 200": sklearn_incremental,
            "scikit-learn PCA": sklearn_pca,
        },
        quality=explained,
        limit=0.007083,
        known={"NeuPy 0.8.2 Oja, 50 epochs (explained 0.7229)": 0.05306},
        runs=15,
    ),
    Task(
        name="Hebb, one epoch of 1797x64 bits",
        data=bits,
        contenders={
            "netwright Hebb, 10 units, given": partial(given, "Hebb", HEBB),
            "netwright Hebb, 1 unit, own output": partial(own, "Hebb", HEBB, 1),
            "netwright Hebb, 10 units, own output": partial(own, "Hebb", HEBB, 10),
        },
        quality=bounded,
        limit=0.4e-6 * STEPS,
        known={"NeuPy 0.8.2 HebbRule": 0.03027},
        runs=15,
    ),
    Task(
        name="Instar, one epoch of 1797x64 bits",
        data=bits,
        contenders={
            "netwright Instar, 10 units, given": partial(given, "Instar", {}),
            "netwright Instar, 1 unit, own output": partial(own, "Instar", {}, 1),
            "netwright Instar, 10 units, own output": partial(own, "Instar", {}, 10),
        },
        quality=bounded,
        limit=0.4e-6 * STEPS,
        known={"NeuPy 0.8.2 Instar": 0.02956},
        runs=15,
    ),
]
