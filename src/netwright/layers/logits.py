"""`GivesLogits`: what a module that ends in probabilities of its own is trained on.

A loss that wants logits takes ``module.as_logits()`` instead of such a module (see `netwright.losses.link`): what that
gives are the logarithms of the probabilities.
"""

from __future__ import annotations

import copy

import torch


class GivesLogits:
    """A mixin of torch modules that give probabilities, or their logarithms where `logits` is True."""

    logits = False

    def as_logits(self) -> torch.nn.Module:
        """The same module, weights shared, whose forward gives the logarithms: their softmax is the probabilities."""
        twin = copy.copy(self)
        twin.logits = True
        return twin  # type: ignore[return-value]
