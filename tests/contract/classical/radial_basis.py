"""Small radial basis networks for the contract."""

from __future__ import annotations

import numpy as np

from netwright.classical.radial_basis.grnn import GRNN
from netwright.classical.radial_basis.pnn import PNN
from netwright.classical.radial_basis.rbf_classifier import RBFNetworkClassifier
from netwright.classical.radial_basis.rbf_network import RBFNetwork

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(40, 3))
HEIGHTS = np.sin(ROWS[:, 0]) + 0.5 * ROWS[:, 1]
LABELS = np.array(["a", "b", "c"])[np.digitize(ROWS[:, 0], [-0.5, 0.5])]

EXAMPLES = {
    "GRNN": {"network": GRNN("loo-per-feature", chunk_size=16), "X": ROWS, "y": HEIGHTS},
    "PNN": {"network": PNN("loo", priors="frequencies", chunk_size=16), "X": ROWS, "y": LABELS},
    "RBFNetwork": {
        "network": RBFNetwork(8, centers="ols", chunk_size=16, random_state=0),
        "X": ROWS,
        "y": HEIGHTS,
        "checked": RBFNetwork(20, width=1.0, ridge=1e-6, normalized=True, random_state=0),
    },
    "RBFNetworkClassifier": {
        "network": RBFNetworkClassifier(8, normalized=True, random_state=0),
        "X": ROWS,
        "y": LABELS,
    },
}
