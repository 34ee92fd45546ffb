"""Hinge loss: a margin between classes, binary or of k classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import ClassVar, final

import torch
from torch import Tensor

from netwright.core.validation import Constraint, boolean, number
from netwright.core.value import value
from netwright.losses.base import Loss
from netwright.losses.link import LINKS, class_axis
from netwright.losses.targets import check_classes, check_entries, check_range


@final
@value("loss")
class Hinge(Loss):
    """Hinge loss: the right side, or the right class, wins by a margin; the loss of support vector machines.

    With margin m and outputs z, for labels t in {0, 1} in the shape of the output, and for class indices y
    (Crammer and Singer)::

        l = max(0, m - (2 t - 1) z)                   t of the output's shape
        l = max(0, m + max_{j != y} z_j - z_y)        y without the class axis

    each squared if asked. Outputs are margins and no probabilities: the network ends in Linear, or in Tanh.

    Parameters
    ----------
    margin : distance m from which the loss is zero, > 0.
    squared : square each loss, which makes it smooth and large violations weigh more.

    Shapes
    ------
    output (n, 1) or (n, outputs) with target the same, 0 and 1; output (n, classes), (n, steps, classes) or
    (n, classes, *space) with target the same without the class axis (indices, int64) -> scalar

    Raises
    ------
    InvalidData : shapes that do not match, indices that are not int64, fewer than two classes.
    InvalidParameter : a link that does not give margins.

    Examples
    --------
    >>> import torch
    >>> Hinge().terms(torch.tensor([[0.5], [-3.0]]), torch.tensor([[1.0], [1.0]]))
    tensor([0.5000, 4.0000])
    >>> Hinge().terms(torch.tensor([[2.0, 0.0, 1.5]]), torch.tensor([0]))
    tensor([0.5000])

    References
    ----------
    Cortes, Vapnik: Support-vector networks, 1995.
    Crammer, Singer: On the algorithmic implementation of multiclass kernel-based vector machines, 2001.
    """

    margin: float = 1.0
    _: KW_ONLY
    squared: bool = False

    constraints: ClassVar[Mapping[str, Constraint]] = {"margin": number(0, closed="neither"), "squared": boolean}
    links: ClassVar[tuple[str, ...]] = ("identity", "tanh")
    pairing: ClassVar[str] = "End it in Linear(k); probabilities go with CrossEntropy() or BinaryCrossEntropy()."
    targets: ClassVar[tuple[str, ...]] = ("class", "binary")

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        if target.shape != shape:
            check_classes(self, shape, target)

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        if target.ndim < len(shape):
            check_range(self, target, shape[class_axis(len(shape))])
        else:
            good = (target == 0) | (target == 1)
            check_entries(self, "labels 0 and 1", target, good, "For labels -1 and 1 use (target + 1) / 2.")

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        z = LINKS[link](output)
        gain = _lead(z, target) if target.ndim < z.ndim else (2 * target.to(z.dtype) - 1) * z
        each = (self.margin - gain).clamp_min(0)
        if self.squared:
            each = each.square()
        return each.mean() if reduction == "mean" else each


def _lead(z: Tensor, target: Tensor) -> Tensor:
    """By how much the right class leads the best of the others."""
    axis = class_axis(z.ndim)
    place = target.unsqueeze(axis)
    others = z.scatter(axis, place, -torch.inf)
    return (z.gather(axis, place)).squeeze(axis) - others.amax(axis)
