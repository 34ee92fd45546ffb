"""Small memories and what they store, for the contract."""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright.classical.memory.bam import BAM
from netwright.classical.memory.cmac import CMAC
from netwright.classical.memory.hopfield import Hopfield

RNG = np.random.default_rng(0)
BITS = RNG.integers(0, 2, (3, 64))
OTHERS = RNG.integers(0, 2, (3, 60))
PLACES = RNG.uniform(-1, 1, (60, 3))

EXAMPLES: dict[str, dict[str, Any]] = {
    "BAM": {
        "network": BAM(random_state=0),
        "checked": BAM(binarize=0.0, check_capacity=False, random_state=0),
        "X": BITS,
        "y": OTHERS,
        "arguments": {"predict_input": (OTHERS,), "energy": (BITS, OTHERS)},
    },
    "CMAC": {
        "network": CMAC(n_tilings=4, resolution=16, epochs=3, random_state=0),
        "checked": CMAC(random_state=0),
        "X": PLACES,
        "y": np.sin(3 * PLACES[:, 0]) * PLACES[:, 1],
    },
    "Hopfield": {
        "network": Hopfield(random_state=0),
        "checked": Hopfield(binarize=0.0, check_capacity=False, random_state=0),
        "X": BITS,
    },
}
