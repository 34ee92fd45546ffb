"""Cross-entropy of classes, from logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.validation import Constraint, number
from netwright.core.value import value
from netwright.losses.base import Loss, like
from netwright.losses.link import class_axis
from netwright.losses.targets import check_classes, check_distributions, check_range, check_several


@final
@value("loss")
class CrossEntropy(Loss):
    """Cross-entropy of classes that exclude each other, from logits; the loss of networks that end in Softmax.

    With logits z of k classes, class y or probabilities t of the classes, and smoothing s::

        t_j = 1 if j = y else 0                          for class indices
        l   = - sum_j ((1 - s) t_j + s / k) log p_j
        log p_j = z_j - log sum_i exp(z_i)

    A network's softmax is split off and the loss gets z, so value and gradient are exact for logits of any size. The
    output of a LogSoftmax may also come as it is: log softmax of log p is log p.

    Parameters
    ----------
    label_smoothing : share s of the target that is spread evenly over the classes, in [0, 1).

    Shapes
    ------
    output (n, classes), (n, steps, classes) or (n, classes, *space) with two or more space axes; target the same
    without the class axis (indices, int64), or the same (probabilities) -> scalar

    Raises
    ------
    InvalidData : shapes that do not match, indices that are not int64, fewer than two classes.
    InvalidParameter : a link that gives no distribution over the classes.

    Examples
    --------
    >>> import torch
    >>> loss = CrossEntropy()
    >>> loss(torch.tensor([[0.0, 0.0], [1e4, -1e4]]), torch.tensor([0, 1]))
    tensor(10000.3467)
    >>> loss.terms(torch.zeros(1, 4), torch.tensor([[0.5, 0.5, 0.0, 0.0]]))
    tensor([1.3863])

    References
    ----------
    Bridle: Probabilistic interpretation of feedforward classification network outputs, 1990.
    Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception architecture for computer vision, 2016.
    """

    label_smoothing: float = 0.0

    constraints: ClassVar[Mapping[str, Constraint]] = {"label_smoothing": number(0, 1, closed="left")}
    link: ClassVar[str] = "softmax"
    links: ClassVar[tuple[str, ...]] = ("identity", "softmax", "log_softmax")
    pairing: ClassVar[str] = "End it in Softmax(k) or Linear(k); outputs of a sigmoid go with BinaryCrossEntropy()."
    targets: ClassVar[tuple[str, ...]] = ("class", "distribution")

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        given = target.shape
        if (
            len(shape) == 2
            and len(given) == 1
            and given[0] == shape[0]
            and shape[1] > 1
            and target.dtype is torch.int64
        ):
            return  # the usual case, (n, classes) with (n,), first: this runs once a mini-batch
        if given == shape:
            check_several(self, shape)
        else:
            check_classes(self, shape, target)

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        if target.ndim == len(shape):
            check_distributions(self, target)
        else:
            check_range(self, target, shape[class_axis(len(shape))])

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        ndim = output.ndim
        if target.ndim == ndim:
            target = like(output, target)
        if ndim != 3:
            return F.cross_entropy(output, target, reduction=reduction, label_smoothing=self.label_smoothing)
        classes = output.shape[2]  # torch has the classes of sequences on axis 1
        rows = target.reshape(-1, classes) if target.ndim == 3 else target.reshape(-1)
        each = F.cross_entropy(
            output.reshape(-1, classes), rows, reduction=reduction, label_smoothing=self.label_smoothing
        )
        return each if reduction == "mean" else each.reshape(output.shape[:2])
