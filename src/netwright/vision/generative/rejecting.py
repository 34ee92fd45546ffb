"""Discriminator rejection sampling: of the samples of a generator, those are kept that its discriminator believes.

Where the discriminator is the best one there can be, its logit is d(x) = log p_data(x) / p_made(x), and rejection
sampling keeps x with probability exp(d(x) - M), M the greatest logit: what is left is distributed as the data. As few
would be left, the probability is sigma(F(x)) with

    F(x) = d(x) - M - log(1 - exp(d(x) - M - e)) - gamma,     e = 1e-6

where gamma = 0 is the exact one. As the paper has it, gamma is a quantile of F over many samples: with that of 0.8 a
fifth of them is kept with a chance above one half, and the greater it is, the stricter. Unlike there it is 0 at most:
above it, samples would crowd where the ratio is greatest. M and gamma are found from samples drawn beforehand, and M
grows where a greater logit comes.

References
----------
Azadi, Olsson, Darrell, Goodfellow, Odena, *Discriminator rejection sampling*, 2019 (equations 7 and 8).
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import check, number
from netwright.vision.generative.base import PIECE
from netwright.vision.generative.making import made_by
from netwright.vision.generative.players import Players

BEFOREHAND = 4096  # samples from which M and gamma are found
ROUNDS = 1000  # draws of a sample, after which the last one is kept
TINY = 1e-6


def quantile_of(gan: Any, rejection: float) -> float:
    """The quantile that is asked for, of a game whose logits tell a ratio of densities.

    Parameters
    ----------
    gan : the estimator.
    rejection : in (0, 1).

    Raises
    ------
    InvalidParameter : a quantile that cannot be, or another game.
    """
    where = f"{gan._name}.sample(rejection)"
    check(where, rejection, number(0, 1, closed="neither"))
    if gan.loss not in ("original", "minimax") or gan.label_smoothing:
        got = f"loss={gan.loss!r}, label_smoothing={gan.label_smoothing}"
        expected = 'loss="original" or "minimax" without smoothing, whose logits tell a ratio of densities'
        raise InvalidParameter(problem(where, expected, got, "Leave it out."))
    return float(rejection)


def believed(net: Players, codes: Tensor, quantile: float, drawn: torch.Generator) -> Tensor:
    """Samples of the numbers of classes, each drawn anew until it is kept.

    Parameters
    ----------
    net : the players after a game whose logits tell a ratio of densities.
    codes : (n,) numbers of classes.
    quantile : of F, in (0, 1), that gamma is.
    drawn : where noise is drawn from.

    Shapes
    ------
    (n,) -> (n, ...)
    """
    some = codes[torch.arange(BEFOREHAND) % len(codes)]
    logits = _logits(net, _made(net, some, drawn), some)
    greatest = logits.max()
    gamma = excess(logits, greatest, 0.0).quantile(quantile).clamp_max(0)
    made = _made(net, codes, drawn)
    waiting = torch.arange(len(codes))
    for _ in range(ROUNDS):
        logits = _logits(net, made[waiting], codes[waiting])
        greatest = torch.maximum(greatest, logits.max())
        chance = excess(logits, greatest, gamma).sigmoid()
        waiting = waiting[torch.rand(len(waiting), generator=drawn) >= chance]
        if not len(waiting):
            return made
        made[waiting] = _made(net, codes[waiting], drawn)
    expected = f"samples that the discriminator believes after {ROUNDS} draws"
    remedy = "Train it longer, or give a smaller rejection."
    warnings.warn(
        problem("GAN.sample(rejection)", expected, f"{len(waiting)} without", remedy), UserWarning, stacklevel=4
    )
    return made


def excess(logits: Tensor, greatest: Tensor | float, gamma: Tensor | float) -> Tensor:
    """F of this module; the chance of a sample is its logistic function.

    Parameters
    ----------
    logits : d(x) of samples.
    greatest : M, at least as great as all of them.
    gamma : what is taken off.

    Shapes
    ------
    (n,) -> (n,)

    Examples
    --------
    >>> d = torch.tensor([0.0, -1.0, -2.0], dtype=torch.float64)
    >>> [round(number, 4) for number in excess(d, 0.0, 0.0).sigmoid().tolist()]  # exp(d - M)
    [1.0, 0.3679, 0.1353]
    """
    below = logits - greatest
    return below - torch.log(-torch.expm1(below - TINY)) - gamma


def _made(net: Players, codes: Tensor, drawn: torch.Generator) -> Tensor:
    return made_by(net, torch.randn(len(codes), net.game.latent, generator=drawn), codes).cpu()


def _logits(net: Players, made: Tensor, codes: Tensor) -> Tensor:
    device, training = next(net.parameters()).device, net.discriminator.training
    net.discriminator.eval()
    with torch.no_grad():
        pairs = zip(made.split(PIECE), codes.split(PIECE), strict=True)
        found = [net.judge(some.to(device), kinds.to(device)).double().cpu() for some, kinds in pairs]
    net.discriminator.train(training)
    return torch.cat(found)
