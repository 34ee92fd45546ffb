"""How a game has ended: a generator that makes nearly one sample, or few of the kinds there are, or a discriminator
that has won.

Of m made samples g_i and as many real ones x_i, in the units of the network:

    spread  = mean |g_i - g_j| / mean |x_i - x_j|                        1 where they vary as much
    variety = kinds(g) / kinds(x'),  kinds(u) = share of the x that are the nearest one to some of u

where x' are other real samples. Few kinds of samples are near few of the real ones, and variety is small; so it is
where the samples lie far from all real ones, which then have few neighbours. A discriminator that is right on 99 % of
all samples has won: the loss of the generator says nothing any more.

References
----------
Arjovsky, Bottou, *Towards principled methods for training generative adversarial networks*, 2017.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from netwright.core.errors import problem

LOOKED_AT = 512  # samples of each
COLLAPSED = 0.02  # spread below which samples are nearly one
FEW = 0.2  # variety below which they are of few kinds
WON = 0.99  # accuracy of the discriminator, in the last tenth of the game


class Ending(NamedTuple):
    """What samples are like.

    Attributes
    ----------
    spread : how much they vary, 1 as the real ones. variety : how many kinds there are, 1 as of the real ones.
    """

    spread: float
    variety: float


def ending_of(made: Tensor, real: Tensor, others: Tensor) -> Ending:
    """How much samples vary, and how many kinds they are of.

    Parameters
    ----------
    made, real, others : samples of the generator, and two sets of real ones.

    Shapes
    ------
    (m, ...) each

    Examples
    --------
    >>> x = torch.arange(40.0)[:, None]
    >>> ending_of(x + 0.2, x, x + 0.4), ending_of(torch.zeros(40, 1), x, x + 0.4)
    (Ending(spread=1.0, variety=1.0), Ending(spread=0.0, variety=0.025))
    """
    made, real, others = (part.flatten(1).double().cpu() for part in (made, real, others))
    spread = float(torch.pdist(made).mean() / torch.pdist(real).mean().clamp_min(1e-12))
    return Ending(round(spread, 6), round(_kinds(made, real) / _kinds(others, real), 6))


def warn_of_ending(name: str, loss: str, ending: Ending, accuracies: Sequence[float]) -> None:
    """Warn of a generator that has collapsed and of a discriminator that has won.

    Parameters
    ----------
    name : of the estimator.
    loss : its kind.
    ending : of the samples.
    accuracies : of the discriminator, by epoch.
    """
    other = "" if loss == "wasserstein" else 'loss="wasserstein" or penalty="r1", '
    remedy = f"Try {other}a smaller learning rate, a larger batch, or more noise (latent)."
    last = accuracies[-max(len(accuracies) // 10, 1) :]
    won = loss != "wasserstein" and sum(last) / len(last) >= WON
    if ending.spread < COLLAPSED:
        _tell(
            name, "samples that differ", f"nearly one sample (spread {ending.spread:.2g} of that of the data)", remedy
        )
    elif won:
        got = f"one that is right on {sum(last) / len(last):.1%} of all: it has won"
        rules = "(Adam(2e-4, betas=(0.5, 0.999)), Adam(5e-5, betas=(0.5, 0.999)))"
        rates = f"Give it a smaller learning rate: optimizer={rules}"
        _tell(name, "a discriminator that is in doubt", got, f'{rates}, or label_smoothing=0.1, or loss="wasserstein".')
    elif ending.variety < FEW:
        got = f"those of few kinds, or far from all data (variety {ending.variety:.2g} of that of the data)"
        _tell(name, "samples of all kinds of the data", got, f"Give it more steps. {remedy}")


def _tell(name: str, expected: str, got: str, remedy: str) -> None:
    warnings.warn(problem(f"{name}.fit", expected, got, remedy), UserWarning, stacklevel=3)


def _kinds(some: Tensor, real: Tensor) -> float:
    """The share of real samples that are the nearest one to some of the others."""
    return len(torch.cdist(some, real).argmin(1).unique()) / len(real)
