"""Examples of the networks of adaptive resonance for the contract of classical networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright.classical.resonance.art1 import ART1
from netwright.classical.resonance.fuzzy_art import FuzzyART

RNG = np.random.default_rng(3)
BITS = (RNG.random((30, 12)) < 0.5).astype(np.float64)
BITS[:, 0] = 1.0  # no row of zeros
NUMBERS = RNG.normal(size=(30, 4))

EXAMPLES: dict[str, dict[str, Any]] = {
    "ART1": {
        "network": ART1(vigilance=0.6, shuffle=True, epochs=2, random_state=0),
        "X": BITS,
        "checked": ART1(vigilance=0.6, binarize=0.0, complement=True),
    },
    "FuzzyART": {"network": FuzzyART(vigilance=0.6, learning_rate=0.5, epochs=2, random_state=0), "X": NUMBERS},
}
