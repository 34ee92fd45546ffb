"""Settings for people who give none, by the data: how long, how fast, with which penalty.

========== ========================================= ========= ======= ====== ====== ========
data       update rule                               penalty   average batch  epochs patience
========== ========================================= ========= ======= ====== ====== ========
mnist      SGD, Nesterov 0.9, cosine from 0.05       l2(5e-4)  none    64     10     none
images     Adam, cosine from 0.002                   l2(1e-4)  none    64     30     none
tables     Adam, halved on a plateau, from 0.003     l2(1e-4)  0.999   64     200    20
========== ========================================= ========= ======= ====== ====== ========

A schedule over the whole run (cosine) goes with a fixed number of epochs, early stopping with rates that do not depend
on it. With a network, rule or penalty of the user's own, the rest of the recipe stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netwright.losses import l2
from netwright.models import lenet5
from netwright.optim import SGD, Adam, cosine, on_plateau

TEST = 0.2  # share of the rows that are held out for testing
VALIDATION = 0.1  # share of the others that decide when to stop


@dataclass(frozen=True)
class Recipe:
    """What an estimator is given unless the user says otherwise."""

    network: Any
    optimizer: Any
    regularizer: Any
    epochs: int
    batch_size: int
    patience: int | None
    average: float | None = None


def recipe_for(name: str, kind: str) -> Recipe:
    """The settings for some data.

    Parameters
    ----------
    name : of the data set. kind : "images" or "table".
    """
    if name == "mnist":
        rule = SGD(cosine(0.05), momentum=0.9, nesterov=True)
        return Recipe(lenet5(filters=(16, 32)), rule, l2(5e-4), 10, 64, None)
    if kind == "images":
        return Recipe(None, Adam(cosine(0.002)), l2(1e-4), 30, 64, None)
    return Recipe(None, Adam(on_plateau(0.003)), l2(1e-4), 200, 64, 20, average=0.999)
