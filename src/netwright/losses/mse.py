"""Mean squared error."""

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
class MSE(Loss):
    """Mean squared error, l = mean over outputs of (f(z) - t)^2; the loss of regression, minimal at the mean.

    Shapes
    ------
    output and target (n, outputs), (n,) or any other, the same -> scalar

    Raises
    ------
    InvalidData : target and output differ in shape, (n,) and (n, 1) too.

    Examples
    --------
    >>> import torch
    >>> MSE()(torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [4.0]]))
    tensor(2.5000)
    >>> MSE()(torch.tensor([[0.0]]), torch.tensor([[1.0]]), link="sigmoid")
    tensor(0.2500)

    References
    ----------
    Legendre: Nouvelles methodes pour la determination des orbites des cometes, 1805.
    """

    scalable: ClassVar[bool] = True
    squares: ClassVar[bool] = True

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        check_same_shape(self, shape, target)

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        check_finite(self, target)

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        return F.mse_loss(LINKS[link](output), like(output, target), reduction=reduction)
