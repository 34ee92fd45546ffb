"""What the rules with a window share: LVQ2, LVQ2.1 and LVQ3.

A row x at the distances d_1 and d_2 from its two nearest prototypes is in the window of relative width b where
min(d_1 / d_2, d_2 / d_1) > s with s = (1 - b) / (1 + b). These rules refine prototypes that are near their places, so
``warm_epochs`` of LVQ1 may come before their own epochs, at a learning rate that takes the same course over them.

References: Kohonen: The self-organizing map, Proceedings of the IEEE 78, 1990.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from netwright.classical.lvq.classifier import RATE, SHARED, show
from netwright.classical.lvq.lvq1 import lvq1_epoch
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows, Part
from netwright.classical.rates import over_steps
from netwright.core.validation import Constraint, integer, number

WINDOWED: Mapping[str, Constraint] = {
    **SHARED,
    "learning_rate": RATE,
    "window": number(0, 1),
    "warm_epochs": integer(0),
}


def show_windowed(
    network: Any, data: LabelledRows, parts: Iterable[Part], kernel: Callable[..., None], *settings: Any
) -> dict[str, Any]:
    """The prototypes after an epoch: of LVQ1 while `warm_epochs` last, then of the kernel."""
    done, warm = network.n_iter_, network.warm_epochs
    where = f"{type(network).__name__}(learning_rate)"
    if done < warm:
        return show(
            network, parts, lvq1_epoch, over_steps(network.learning_rate, done, warm, data.n, where=where, most=1)
        )
    rates = over_steps(network.learning_rate, done - warm, network.epochs, data.n, where=where, most=1)
    return show(network, parts, kernel, rates, *settings)


def ratio_of(window: float) -> float:
    """The ratio of distances that bounds a window of a relative width: (1 - window) / (1 + window)."""
    return (1.0 - window) / (1.0 + window)
