"""Projection pursuit: a small example for the contract of classical networks."""

from __future__ import annotations

import numpy as np

from netwright.classical.projection_pursuit import ProjectionPursuitRegressor

ROWS = np.random.default_rng(0).normal(size=(60, 4))

EXAMPLES = {
    "ProjectionPursuitRegressor": {
        "network": ProjectionPursuitRegressor(2, max_terms=3, splines=8, n_starts=2, random_state=0),
        "X": ROWS,
        "y": np.tanh(ROWS[:, 0] - ROWS[:, 1]) + ROWS[:, 2] ** 2,
    },
}
