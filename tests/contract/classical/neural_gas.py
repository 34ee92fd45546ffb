"""Examples of the contract: growing neural gas and neural gas."""

from __future__ import annotations

import numpy as np

from netwright.classical.gas.growing_neural_gas import GrowingNeuralGas
from netwright.classical.gas.neural_gas import NeuralGas

ROWS = np.random.default_rng(0).normal(size=(60, 3)) + np.repeat([0.0, 8.0], 30)[:, np.newaxis]

EXAMPLES = {
    "GrowingNeuralGas": {
        "network": GrowingNeuralGas(max_nodes=12, insert_every=20, max_age=30, epochs=4, random_state=0),
        "X": ROWS,
        "checked": GrowingNeuralGas(random_state=0),
    },
    "NeuralGas": {
        "network": NeuralGas(6, epochs=3, random_state=0),
        "X": ROWS,
        "checked": NeuralGas(4, algorithm="batch"),
    },
}
