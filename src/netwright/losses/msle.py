"""Mean squared logarithmic error."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.value import value
from netwright.losses.base import Loss, like
from netwright.losses.link import LINKS
from netwright.losses.targets import check_entries, check_same_shape


@final
@value("loss")
class MSLE(Loss):
    """Mean squared logarithmic error: ratios count, not differences; for targets that span orders of magnitude.

    With prediction y = f(z) and target t > -1::

        l = mean over outputs of (log(1 + y) - log(1 + t))^2

    The logarithm of a prediction is exact from c = (min(t, 0) - 1) / 2 upwards, that is from -1/2 for targets >= 0.
    Below c, half-way between the target and -1, it goes on along its tangent at c::

        log(1 + y)  becomes  log(1 + c) + (y - c) / (1 + c)        for y < c

    so that the loss of a network that still predicts numbers below -1 is finite and leads it back; a prediction that
    were cut off at -1 would get no gradient. End the network in Softplus to keep predictions positive.

    Shapes
    ------
    output and target (n, outputs), (n,) or any other, the same -> scalar

    Raises
    ------
    InvalidData : target and output differ in shape, (n,) and (n, 1) too.

    Examples
    --------
    >>> import torch
    >>> MSLE().terms(torch.tensor([[9.0], [99.0], [-5.0]]), torch.tensor([[99.0], [999.0], [0.0]]))
    tensor([ 5.3019,  5.3019, 93.9571])

    References
    ----------
    Tofallis: A better measure of relative prediction accuracy for model selection and model estimation, 2015.
    """

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        check_same_shape(self, shape, target)

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        good = (target > -1) & target.isfinite()
        check_entries(self, "finite numbers above -1", target, good, "Use MSE() for targets of any sign.")

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        target = like(output, target)
        return F.mse_loss(_log(LINKS[link](output), target), target.log1p(), reduction=reduction)


def _log(y: Tensor, target: Tensor) -> Tensor:
    """log(1 + y), below c along its tangent."""
    c = (target.clamp_max(0) - 1) / 2
    return torch.maximum(y, c).log1p() + (y - c).clamp_max(0) / (1 + c)
