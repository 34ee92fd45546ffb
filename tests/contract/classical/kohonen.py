"""The example of the contract: the winner-take-all layer."""

from __future__ import annotations

import numpy as np

from netwright.classical.associative.kohonen import Kohonen

ROWS = np.random.default_rng(1).normal(size=(40, 3)) + np.repeat([0.0, 8.0], 20)[:, np.newaxis]

EXAMPLES = {
    "Kohonen": {"network": Kohonen(4, epochs=3, conscience=1.0, conscience_rate=0.01, random_state=0), "X": ROWS}
}
