"""Steps of a `GAN`: what the loop is told of a turn, samples of noise, and normalisation that is measured anew."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.vision.generative.base import PIECE
from netwright.vision.generative.players import Players


def first_column(output: Tensor, target: Any, weight: Any) -> Tensor:
    """The loss of the player whose turn it was.

    Parameters
    ----------
    output : (turns, 2) of `Players`.
    target, weight : not looked at.
    """
    return output[:, 0].mean()


def mean_accuracy(output: Tensor, target: Any, weight: Any) -> float:
    """The accuracy of the discriminator over its turns.

    Parameters
    ----------
    output : (turns, 2) of `Players`.
    target, weight : not looked at.
    """
    measured = output[output[:, 1] >= 0, 1]
    return float(measured.mean()) if len(measured) else float("nan")


def made_by(net: Players, noise: Tensor, codes: Tensor) -> Tensor:
    """Samples of noise, in evaluation; the mode of the network is put back.

    Parameters
    ----------
    net : the players.
    noise : (n, latent).
    codes : (n,) numbers of classes.
    """
    device, training = next(net.generator.parameters()).device, net.generator.training
    net.generator.eval()
    with torch.no_grad():
        pairs = zip(noise.split(PIECE), codes.split(PIECE), strict=True)
        found = [net.make(some.to(device), kinds.to(device)).float() for some, kinds in pairs]
    net.generator.train(training)
    return torch.cat(found)


def refresh(net: Players, latent: int, seed: int, batches: int = 20) -> None:
    """Measure the statistics of the generator's batch normalisation anew, for weights that are an average.

    Parameters
    ----------
    net : the players.
    latent : numbers of noise.
    seed : of the noise.
    batches : of 256 samples, that are looked at.
    """
    norms = [part for part in net.generator.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [part.momentum for part in norms]
    drawn = torch.Generator().manual_seed(seed)
    device = next(net.generator.parameters()).device
    for part in norms:
        part.reset_running_stats()
        part.momentum = None  # the mean over all that comes
    net.generator.train()
    with torch.no_grad():
        for batch in range(batches):
            codes = (torch.arange(PIECE) + batch) % max(net.game.classes, 1)
            net.make(torch.randn(PIECE, latent, generator=drawn).to(device), codes.to(device))
    for part, momentum in zip(norms, momenta, strict=True):
        part.momentum = momentum
    net.generator.eval()
