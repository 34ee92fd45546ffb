"""Examples of the energy models."""

from __future__ import annotations

import numpy as np

from netwright.classical.energy.dbn import DBN
from netwright.classical.energy.rbm import RBM

RNG = np.random.default_rng(0)
BITS = (RNG.random((60, 6)) < np.where(np.arange(60) % 2, 0.9, 0.1)[:, None]).astype(np.float64)

EXAMPLES = {
    "RBM": {
        "network": RBM(5, epochs=3, persistent=True, momentum=0.5, weight_decay=1e-3, random_state=0),
        "X": BITS,
        "checked": RBM(5, visible="gaussian", epochs=3),
    },
    "DBN": {
        "network": DBN((5, 3), epochs=3, random_state=0),
        "X": BITS,
        "checked": DBN((5, 3), visible="gaussian", epochs=3),
    },
}
