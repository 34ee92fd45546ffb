"""Cross-entropy of yes-or-no questions, from logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import Constraint, number, tuple_of
from netwright.core.value import value
from netwright.losses.base import Loss, like
from netwright.losses.link import class_axis, hard_sigmoid
from netwright.losses.targets import check_entries, check_same_shape

LOG_FLOOR = -100.0  # the logarithm of a probability of exactly 0, as in torch.nn.BCELoss


@final
@value("loss")
class BinaryCrossEntropy(Loss):
    """Cross-entropy of yes-or-no questions, one an output, from logits; the loss of networks that end in Sigmoid.

    With logit z, target t in [0, 1], smoothing s and weight q of the positives::

        t' = (1 - s) t + s / 2
        l  = - q t' log p - (1 - t') log(1 - p)
        log p = -log(1 + exp(-z)),  log(1 - p) = -log(1 + exp(z))

    A network's sigmoid is split off and the loss gets z, so value and gradient are exact for logits of any size. A
    hard sigmoid reaches 0 and 1 themselves; log 0 is taken as -100 there, with a gradient of 0.

    Parameters
    ----------
    label_smoothing : share s by which 0 and 1 are drawn to 1/2, in [0, 1).
    positive_weight : weight q of the positives, > 0; one number, or one an output. Not divided out again.

    Shapes
    ------
    output (n, outputs) or any other; target the same -> scalar

    Raises
    ------
    InvalidData : target and output differ in shape, (n,) and (n, 1) too; not one weight an output.
    InvalidParameter : a link that gives no independent probabilities.

    Examples
    --------
    >>> import torch
    >>> z, t = torch.tensor([[0.0, 1e4], [0.0, -1e4]]), torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    >>> BinaryCrossEntropy().terms(z, t)
    tensor([3.4657e-01, 5.0003e+03])
    >>> BinaryCrossEntropy(positive_weight=(2, 1)).terms(z, t)
    tensor([6.9315e-01, 5.0003e+03])

    References
    ----------
    Good: Rational decisions, 1952.
    """

    label_smoothing: float = 0.0
    positive_weight: float | tuple[float, ...] = 1.0

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "label_smoothing": number(0, 1, closed="left"),
        "positive_weight": number(0, closed="neither") | tuple_of(number(0, closed="neither"), least=1),
    }
    link: ClassVar[str] = "sigmoid"
    links: ClassVar[tuple[str, ...]] = ("identity", "sigmoid", "log_sigmoid", "hard_sigmoid")
    pairing: ClassVar[str] = (
        "End it in Sigmoid(k) or Linear(k) for independent questions; classes that exclude each other, in Softmax(k), "
        "go with CrossEntropy()."
    )
    targets: ClassVar[tuple[str, ...]] = ("binary",)

    def _check(self, shape: torch.Size, target: Tensor) -> None:
        check_same_shape(self, shape, target)
        if isinstance(self.positive_weight, tuple):
            outputs = shape[class_axis(len(shape))] if len(shape) > 1 else 1
            if len(self.positive_weight) != outputs:
                raise InvalidData(
                    problem(
                        "BinaryCrossEntropy(output)",
                        f"{len(self.positive_weight)} outputs, as positive_weight has",
                        f"{outputs} in shape {tuple(shape)}",
                        "Give one weight an output, or a single number.",
                    )
                )

    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        good = (target >= 0) & (target <= 1)
        check_entries(
            self, "numbers from 0 to 1", target, good, "Labels are 0 and 1; for -1 and 1 use (target + 1) / 2."
        )

    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        target = like(output, target)
        if self.label_smoothing:
            target = (1 - self.label_smoothing) * target + self.label_smoothing / 2
        positive = None if self.positive_weight == 1.0 else self._positive(output)
        if link == "hard_sigmoid":
            each = _from_probabilities(hard_sigmoid(output), target, positive)
            return each.mean() if reduction == "mean" else each
        return F.binary_cross_entropy_with_logits(output, target, pos_weight=positive, reduction=reduction)

    def _positive(self, output: Tensor) -> Tensor:
        """The weight of the positives, in the output's format and broadcast along its class axis."""
        if not isinstance(self.positive_weight, tuple):
            return output.new_full((), self.positive_weight)
        weights = torch.tensor(self.positive_weight, dtype=output.dtype, device=output.device)
        return weights.reshape(-1, *[1] * (output.ndim - 2)) if class_axis(output.ndim) == 1 else weights


def _from_probabilities(p: Tensor, target: Tensor, positive: Tensor | None) -> Tensor:
    yes = target if positive is None else positive * target
    return -yes * _log(p) - (1 - target) * _log(1 - p)


def _log(p: Tensor) -> Tensor:
    """The logarithm, -100 with gradient 0 at 0; the inner choice keeps 1/0 out of the gradient."""
    inside = p > 0
    return torch.where(inside, torch.where(inside, p, 1.0).log().clamp_min(LOG_FLOOR), LOG_FLOOR)
