"""Examples of the associative networks for the contract of classical networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright.classical.associative.hebb import Hebb
from netwright.classical.associative.instar import Instar
from netwright.classical.associative.oja import Oja
from netwright.classical.associative.outstar import Outstar
from netwright.classical.associative.sanger import Sanger

RNG = np.random.default_rng(5)
NUMBERS = RNG.normal(size=(30, 4)) * [3.0, 2.0, 1.0, 0.5]
INPUTS = RNG.random((30, 4))
PATTERNS = RNG.normal(size=(30, 3))
ACTIVE = (RNG.random((30, 3)) < 0.5).astype(np.float64)

EXAMPLES: dict[str, dict[str, Any]] = {
    "Hebb": {
        "network": Hebb(learning_rate=0.1, decay=0.05, epochs=2, shuffle=True, random_state=0),
        "X": NUMBERS,
        "y": PATTERNS,
    },
    "Instar": {"network": Instar(learning_rate=(0.1, 0.05), epochs=2, random_state=0), "X": NUMBERS, "y": ACTIVE},
    "Oja": {"network": Oja(2, epochs=3, random_state=0, center=True), "X": NUMBERS},
    "Outstar": {"network": Outstar(learning_rate=0.2, epochs=2, random_state=0), "X": INPUTS, "y": PATTERNS},
    "Sanger": {"network": Sanger(2, epochs=3, random_state=0, center=True), "X": NUMBERS},
}
