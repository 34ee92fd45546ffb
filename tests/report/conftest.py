"""A trained classifier of images, its data, and what it says of rows that it has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import netwright as nw
from netwright.layers import Conv, Flatten, MaxPool, ReLU, Softmax
from netwright.report import Evaluation, evaluate


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    X, y = nw.data.load_digits()
    return X[:500], y[:500]


@pytest.fixture(scope="session")
def classifier(digits: tuple[np.ndarray, np.ndarray]) -> Any:
    X, y = digits
    network = Conv(4, 3) >> ReLU() >> MaxPool(2) >> Flatten() >> ReLU(16) >> Softmax(10)
    rule = nw.optim.Adam(0.01)
    made = nw.Classifier(network, optimizer=rule, epochs=2, validation=(X[300:350], y[300:350]), random_state=0)
    return made.fit(X[:300], y[:300])


@pytest.fixture(scope="session")
def evaluation(classifier: Any, digits: tuple[np.ndarray, np.ndarray]) -> Evaluation:
    X, y = digits
    return evaluate(classifier, X[350:], y[350:], target="digit", rows=np.arange(350, 500))
