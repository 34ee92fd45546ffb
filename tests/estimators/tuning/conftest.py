"""What the tests of searches share: a search that takes milliseconds, and frames without what clocks say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator


class Bowl(BaseEstimator):
    """Learns nothing: its score is highest, 0, at rate 0.01 and width 8, and it fails where it is told to."""

    def __init__(self, rate: float = 1.0, width: int = 1, kind: Any = "a", random_state: Any = None):
        self.rate = rate
        self.width = width
        self.kind = kind
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Bowl:
        if self.kind == "broken":
            raise RuntimeError(f"no bowl of width {self.width}")
        self.rows_ = len(X)
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.zeros(len(X))

    def score(self, X: Any, y: Any = None) -> float:
        return -float((np.log10(self.rate) + 2) ** 2 + np.log2(self.width / 8) ** 2)


@pytest.fixture
def bowl() -> Bowl:
    return Bowl()


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 2)), np.arange(40) % 2


@pytest.fixture
def table() -> Callable[[Any], list[dict[str, Any]]]:
    """The rows of a search without seconds, which no two runs share, and without attempts."""

    def read(search: Any) -> list[dict[str, Any]]:
        left_out = ("seconds", "attempts", "params")
        return [{k: repr(v) for k, v in row.items() if k not in left_out} for row in search.rows_]

    return read
