"""What an estimator's network is trained on: the loss of its outputs before the last link, summed over its outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from netwright.losses import Loss


@dataclass(frozen=True)
class NetworkLoss:
    """The loss of a network whose last link was split off, as a training run calls it.

    Parameters
    ----------
    loss : the loss of one output.
    link : name of the link.
    several : whether the network has several outputs, whose losses are added up.
    """

    loss: Loss
    link: str
    several: bool

    def __call__(self, output: Any, target: Any, weight: Tensor | None) -> Tensor:
        """The loss of a batch."""
        if not isinstance(output, tuple):
            return self.loss(output, target, weight, self.link)
        return sum(self.loss(o, t, weight, self.link) for o, t in zip(output, target, strict=True))  # type: ignore[return-value]

    @property
    def squares(self) -> bool:
        """Whether the loss is the mean of squares of residuals."""
        return self.loss.squares and not self.several

    @property
    def differences(self) -> bool:
        """Whether these residuals are the outputs less the targets, without a link between."""
        return self.squares and self.link == "identity"

    def residuals(self, output: Any, target: Any, weight: Tensor | None) -> Tensor:
        """What the loss is the mean square of, where it is one."""
        return self.loss.residuals(output, target, weight, self.link)
