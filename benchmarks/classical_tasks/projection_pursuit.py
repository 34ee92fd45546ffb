"""Projection pursuit regression: Friedman's first test function, 2,000 rows of ten inputs, noise of variance 1.

Quality is the error on 2,000 other rows without noise. Peers learn from the same rows with the settings that their
authors recommend for accuracy (``opt_level="high"``: all terms are fitted again after each new one).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import make_friedman1

from classical_tasks.task import OURS, Task

ROWS, INPUTS, TERMS = 2000, 10, 5

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def friedman() -> Data:
    """Noisy rows to learn from and rows without noise to judge by."""
    X, y = make_friedman1(ROWS, n_features=INPUTS, noise=1.0, random_state=0)
    return X, y, *make_friedman1(ROWS, n_features=INPUTS, noise=0.0, random_state=1)


def ours(**options: Any) -> Callable[[Data], Callable[[], Any]]:
    """Our network with some options."""

    def prepare(data: Data) -> Callable[[], Any]:
        from netwright.classical.projection_pursuit import ProjectionPursuitRegressor

        network = ProjectionPursuitRegressor(**options)
        return lambda: network.fit(*data[:2])

    return prepare


def skpp(degree: int) -> Callable[[Data], Callable[[], Any]]:
    """The package projection-pursuit, with polynomials of a degree."""

    def prepare(data: Data) -> Callable[[], Any]:
        from skpp import ProjectionPursuitRegressor

        options = {"r": TERMS, "fit_type": "polyfit", "degree": degree, "opt_level": "high", "random_state": 0}
        return lambda: ProjectionPursuitRegressor(**options).fit(*data[:2])  # a second fit of one object does nothing

    return prepare


def boosting(data: Data) -> Callable[[], Any]:
    """Trees, for orientation."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    return lambda: HistGradientBoostingRegressor(random_state=0).fit(*data[:2])


def quality(data: Data, network: Any) -> dict[str, float]:
    """Error and share of variance on rows without noise."""
    X, y = data[2:]
    left = np.mean((network.predict(X) - y) ** 2)
    return {"rmse": float(np.sqrt(left)), "r2": float(1 - left / y.var())}


TASKS = [
    Task(
        name="PPR, Friedman #1, 2000x10, 5 terms",
        data=friedman,
        contenders={
            OURS: ours(n_terms=TERMS),
            f"{OURS}, 8 terms down to 5": ours(n_terms=TERMS, max_terms=8),
            f"{OURS}, number of terms by GCV": ours(),
            "skpp, degree 3": skpp(3),
            "skpp, degree 5": skpp(5),
            "HistGradientBoosting (scikit-learn)": boosting,
        },
        quality=quality,
        limit=0.084,
        known={"R ppr, 8 terms down to 5": 0.112, "R ppr, 5 terms": 0.055},
    )
]
