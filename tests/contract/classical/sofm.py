"""The self-organizing map of the contract: a small one, with labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import make_blobs

from netwright.classical.maps.sofm import SOFM

X, y = make_blobs(60, n_features=4, centers=3, random_state=0)

EXAMPLES: dict[str, dict[str, Any]] = {
    "SOFM": {
        "network": SOFM((4, 3), topology="hexagon", epochs=3, random_state=0),
        "X": X,
        "y": np.array(["a", "b", "c"])[y],
        "checked": SOFM((3, 4), algorithm="online", epochs=2, random_state=0),
    }
}
