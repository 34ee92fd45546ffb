"""Adaptive resonance on the digits: ART1 on their bits, FuzzyART on their gray values."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from classical_tasks.task import Task


def digits(bits: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows and classes; as bits where a gray value is above 8 of 16, else as shares of 16."""
    X, y = load_digits(return_X_y=True)
    return (X > 8).astype(np.float64) if bits else X / 16, y


def clusters(data: Any, labels: np.ndarray) -> dict[str, float]:
    """How many there are, and the share of rows in the greatest class of their cluster."""
    _, y = data
    found = np.unique(labels)
    return {"clusters": len(found), "purity": sum(np.bincount(y[labels == unit]).max() for unit in found) / len(y)}


def ours_bits(vigilance: float, data: Any) -> Callable[[], Any]:
    from netwright.classical import ART1

    return lambda: ART1(vigilance).fit(data[0]).labels_


def ours_numbers(vigilance: float, data: Any) -> Callable[[], Any]:
    from netwright.classical import FuzzyART

    return lambda: FuzzyART(vigilance).fit(data[0]).labels_


def artlib_bits(vigilance: float, data: Any) -> Callable[[], Any]:
    """Its vigilance divides by the number of features, not by those that the row has: another network."""
    import artlib

    return lambda: artlib.ART1(rho=vigilance, L=2.0).fit(data[0].astype(bool)).labels_


def artlib_numbers(vigilance: float, data: Any) -> Callable[[], Any]:
    import artlib

    def run() -> Any:
        network = artlib.FuzzyART(rho=vigilance, alpha=0.001, beta=1.0)
        return network.fit(network.prepare_data(data[0])).labels_

    return run


def bits_task(vigilance: float, limit: float, neupy: float) -> Task:
    return Task(
        name=f"ART1, digits 1797x64 bits, vigilance {vigilance:g}",
        data=partial(digits, True),
        contenders={"netwright ART1": partial(ours_bits, vigilance), "artlib ART1": partial(artlib_bits, vigilance)},
        quality=clusters,
        limit=limit,
        known={"NeuPy 0.8.2": neupy},
    )


TASKS = [
    bits_task(0.7, limit=0.02889, neupy=2.236),
    bits_task(0.5, limit=0.006369, neupy=0.7601),
    Task(
        name="FuzzyART, digits 1797x64, vigilance 0.8",
        data=partial(digits, False),
        contenders={
            "netwright FuzzyART": partial(ours_numbers, 0.8),
            "artlib FuzzyART": partial(artlib_numbers, 0.8),
        },
        quality=clusters,
    ),
]
