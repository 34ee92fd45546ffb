"""Huber's loss: squared error for small errors, absolute error for large ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.losses.base import Loss, like
from netwright.losses.link import LINKS
from netwright.losses.targets import check_finite, check_same_shape


@final
@value("loss")
class Huber(Loss):
    """Huber's loss: squared error for small errors, absolute error for large ones; robust against outliers.

    With error e = f(z) - t::

        l = mean over outputs of   1/2 e^2                       where abs(e) <= delta
                                   delta (abs(e) - 1/2 delta)    elsewhere

    Parameters
    ----------
    delta : error from which the loss grows linearly, > 0, in the unit of the target that the network learns; in a
        `Regressor` that scales its target, in its standard deviations.

    Shapes
    ------
    output and target (n, outputs), (n,) or any other, the same -> scalar

    Raises
    ------
    InvalidData : target and output differ in shape, (n,) and (n, 1) too.

    Examples
    --------
    >>> import torch
    >>> Huber(delta=2.0).terms(torch.tensor([[1.0], [4.0]]), torch.zeros(2, 1))
    tensor([0.5000, 6.0000])

    References
    ----------
    Huber: Robust estimation of a location parameter, 1964.
    """

    delta: float = 1.0

    constraints: ClassVar[Mapping[str, Constraint]] = {"delta": number(0, closed="neither")}
    scalable: ClassVar[bool] = True

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        check_same_shape(self, shape, target)

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        check_finite(self, target)

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        return F.huber_loss(LINKS[link](output), like(output, target), reduction=reduction, delta=self.delta)
