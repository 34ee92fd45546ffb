"""What a graph answers: probabilities and the place of the label, or numbers in the unit of the target.

===================== =====================================================================================
target                outputs
===================== =====================================================================================
classes               ``probabilities`` (batch, k), ``index`` (batch,): the place of the label among ``classes``
several labels        ``probabilities`` (batch, k), ``index`` (batch, k) of 0 and 1
several questions     ``probabilities1`` ... each (batch, k_i), ``index`` (batch, questions)
numbers               ``prediction`` (batch, ...)
quantiles             ``prediction``, the middle one, and ``quantiles`` (batch, Q, ...)
mixtures              ``prediction``, the mean; ``deviation``; ``weights``, ``means``, ``deviations`` of components
bins                  ``prediction``, as `answer` says, and ``probabilities`` (batch, B)
===================== =====================================================================================

Numbers in the unit of the target are of double precision.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.estimators.classes import Classes
from netwright.estimators.exporting.distributions import Answer, Unit
from netwright.estimators.numbers import Numbers
from netwright.estimators.scaling import Scaler
from netwright.losses import apply_link

PROBABILITIES = "the probability of each class, in the order of classes"


class ClassAnswer(torch.nn.Module):
    """Probabilities and places of labels.

    Parameters
    ----------
    classes : the target. link : of the network.
    """

    def __init__(self, classes: Classes, link: str) -> None:
        super().__init__()
        self.classes, self.link = classes, link

    def forward(self, outputs: Any) -> tuple[Tensor, ...]:
        """Outputs of the network -> probabilities, places"""
        shares, chosen = self.classes.shares(outputs, self.link), self.classes.choose(outputs, self.link)
        if self.classes.kind == "multioutput":
            return (*shares, torch.stack(chosen, dim=1))
        return shares, chosen.long()


class NumberAnswer(torch.nn.Module):
    """Numbers in the unit of the target.

    Parameters
    ----------
    shape : of one target. scaler : of the target, or None. link : of the network.
    """

    def __init__(self, shape: tuple[int, ...], scaler: Scaler | None, link: str) -> None:
        super().__init__()
        self.shape, self.link, self.unit = shape, link, Unit(scaler)

    def forward(self, outputs: Tensor) -> tuple[Tensor]:
        """(batch, ...) -> (batch, *shape)"""
        z = apply_link(self.link, outputs)
        return (self.unit(z.reshape(-1, *self.shape).double()),)


def answer_of(estimator: Any) -> Answer:
    """What makes answers of a fitted estimator's outputs, what they mean, and what a reader should know of them.

    Parameters
    ----------
    estimator : a fitted one that trains one network on inputs and targets.
    """
    target, link = estimator._target, estimator._link
    if isinstance(target, Classes):
        return class_answer(target, link)
    if isinstance(target, Numbers):
        return (
            NumberAnswer(target.shape, target.scaler, link),
            {"prediction": "what predict gives, in the unit of y"},
            {},
        )
    told: Answer = target.graph_answer(estimator)
    return told


def class_answer(classes: Classes, link: str) -> Answer:
    """The answer of a classifier.

    Parameters
    ----------
    classes : its target. link : of its network.
    """
    known = {"classes": [labels.tolist() for labels in classes.labels]}
    if classes.kind == "multioutput":
        shares = {f"probabilities{i}": f"{PROBABILITIES}[{i - 1}]" for i in range(1, len(classes.labels) + 1)}
        return ClassAnswer(classes, link), shares | {"index": "the place of each answer among its classes"}, known
    if classes.kind == "multilabel":
        meanings = {"probabilities": "of each label by itself", "index": "1 for each label that is there"}
        return ClassAnswer(classes, link), meanings, {"classes": list(range(len(classes.labels)))}
    meanings = {"probabilities": PROBABILITIES, "index": "the place of the most probable class among classes"}
    return ClassAnswer(classes, link), meanings, {"classes": known["classes"][0]}
