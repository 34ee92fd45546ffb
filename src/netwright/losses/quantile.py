"""The pinball loss, whose minimum is at a quantile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor

from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.losses.base import Loss, like
from netwright.losses.link import LINKS
from netwright.losses.targets import check_finite, check_same_shape


@final
@value("loss")
class Quantile(Loss):
    """Pinball loss: a unit too low costs q, a unit too high 1 - q; minimal at the q-quantile.

    With error e = t - f(z)::

        l = mean over outputs of max(q e, (q - 1) e)

    Of level 0.5 it is half the mean absolute error. The gradient where f(z) = t is 0 for that level, else 1/2 - q.

    Parameters
    ----------
    level : share q of the targets that shall lie below the output, in (0, 1).

    Shapes
    ------
    output and target (n, outputs), (n,) or any other, the same -> scalar

    Raises
    ------
    InvalidData : target and output differ in shape, (n,) and (n, 1) too.

    Examples
    --------
    >>> import torch
    >>> Quantile(0.9).terms(torch.zeros(2, 1), torch.tensor([[1.0], [-1.0]]))
    tensor([0.9000, 0.1000])

    References
    ----------
    Koenker, Bassett: Regression quantiles, 1978.
    """

    level: float = 0.5

    constraints: ClassVar[Mapping[str, Constraint]] = {"level": number(0, 1, closed="neither")}
    scalable: ClassVar[bool] = True

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        check_same_shape(self, shape, target)

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        check_finite(self, target)

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        error = like(output, target) - LINKS[link](output)
        values = torch.maximum(self.level * error, (self.level - 1) * error)
        return values.mean() if reduction == "mean" else values
