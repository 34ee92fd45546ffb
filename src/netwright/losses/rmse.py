"""Root of the mean squared error."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.value import value
from netwright.losses.base import Loss, like
from netwright.losses.link import LINKS
from netwright.losses.targets import check_finite, check_same_shape


@final
@value("loss")
class RMSE(Loss):
    """Root of the mean squared error, in the unit of the target.

    The terms are the squared errors of the samples, and the root is taken once, of their weighted mean::

        l_i = mean over outputs of (f(z) - t)^2
        L   = sqrt(1/n sum_i w_i l_i)

    so the loss of two batches is not the mean of their losses. The gradient at L = 0 is 0.

    Shapes
    ------
    output and target (n, outputs), (n,) or any other, the same -> scalar

    Raises
    ------
    InvalidData : target and output differ in shape, (n,) and (n, 1) too.

    Examples
    --------
    >>> import torch
    >>> RMSE()(torch.tensor([[3.0], [4.0]]), torch.zeros(2, 1)) ** 2
    tensor(12.5000)

    References
    ----------
    Gauss: Theoria combinationis observationum erroribus minimis obnoxiae, 1823.
    """

    scalable: ClassVar[bool] = True
    root: ClassVar[bool] = True

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        check_same_shape(self, shape, target)

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        check_finite(self, target)

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        return F.mse_loss(LINKS[link](output), like(output, target), reduction=reduction)
