"""Kullback-Leibler divergence of the predicted from the target distribution, from logits."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.value import value
from netwright.losses.base import Loss, like
from netwright.losses.link import class_axis
from netwright.losses.targets import check_distributions, check_same_shape, check_several


@final
@value("loss")
class KLDivergence(Loss):
    """Kullback-Leibler divergence of predicted rows from target rows of probabilities, from logits; zero when equal.

    With logits z of k classes and target probabilities t, in nats, where 0 log 0 = 0::

        l = sum_j t_j (log t_j - log p_j),   log p_j = z_j - log sum_i exp(z_i)

    It is cross-entropy less the entropy of the target, so both have the same gradient. A network's softmax is split
    off and the loss gets z, so value and gradient are exact for logits of any size.

    Shapes
    ------
    output (n, classes), (n, steps, classes) or (n, classes, *space) with two or more space axes; target the same
    -> scalar

    Raises
    ------
    InvalidData : target and output differ in shape, or have fewer than two classes.
    InvalidParameter : a link that gives no distribution over the classes.

    Examples
    --------
    >>> import torch
    >>> KLDivergence()(torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]))
    tensor(0.)
    >>> KLDivergence()(torch.tensor([[1e4, -1e4]]), torch.tensor([[0.0, 1.0]]))
    tensor(20000.)

    References
    ----------
    Kullback, Leibler: On information and sufficiency, 1951.
    """

    link: ClassVar[str] = "softmax"
    links: ClassVar[tuple[str, ...]] = ("identity", "softmax", "log_softmax")
    pairing: ClassVar[str] = "End it in Softmax(k) or Linear(k); outputs of a sigmoid go with BinaryCrossEntropy()."
    targets: ClassVar[tuple[str, ...]] = ("distribution",)

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        check_same_shape(self, shape, target)
        check_several(self, shape)

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        check_distributions(self, target)

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        axis = class_axis(output.ndim)
        log_p = torch.log_softmax(output, axis)
        each = F.kl_div(log_p, like(log_p, target), reduction="none").sum(axis)
        return each.mean() if reduction == "mean" else each
