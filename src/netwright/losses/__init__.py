"""Losses and regularizers, as values.

A loss takes what a network gives before its last activation, the target, and the name of that activation::

    body, link = split_link(module)
    CrossEntropy(label_smoothing=0.1)(body(x), y, link=link)
"""

from __future__ import annotations

# what every loss is, and the last activation that it takes over
from netwright.losses.base import Loss
from netwright.losses.link import apply_link, class_axis, split_link

# classes
from netwright.losses.cross_entropy import CrossEntropy
from netwright.losses.binary_cross_entropy import BinaryCrossEntropy
from netwright.losses.kl_divergence import KLDivergence
from netwright.losses.hinge import Hinge

# numbers
from netwright.losses.mse import MSE
from netwright.losses.rmse import RMSE
from netwright.losses.mae import MAE
from netwright.losses.huber import Huber
from netwright.losses.quantile import Quantile
from netwright.losses.msle import MSLE

# distributions of numbers
from netwright.losses.bins import Bins
from netwright.losses.mixture_density import MixtureDensity
from netwright.losses.quantiles import Quantiles

# regularizers
from netwright.losses.penalty import Penalty, PenaltySum
from netwright.losses.penalty import l1, l2, maxnorm

__all__ = [
    "Loss",
    "apply_link",
    "class_axis",
    "split_link",
    "CrossEntropy",
    "BinaryCrossEntropy",
    "KLDivergence",
    "Hinge",
    "MSE",
    "RMSE",
    "MAE",
    "Huber",
    "MSLE",
    "Quantile",
    "Bins",
    "MixtureDensity",
    "Quantiles",
    "Penalty",
    "PenaltySum",
    "l1",
    "l2",
    "maxnorm",
]
