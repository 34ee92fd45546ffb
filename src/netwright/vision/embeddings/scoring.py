"""The scores of held-out samples while a network trains."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, problem
from netwright.vision.embeddings.distances import pairwise_distances
from netwright.vision.embeddings.rates.roc import roc

MOST = 1000  # held-out samples of which all pairs are scored

Piece = tuple[Tensor, Tensor]


class PairArea:
    """The area under the ROC of all pairs of held-out samples, gathered over batches.

    Parameters
    ----------
    distance : of embeddings; None where the network gives a score for each pair.
    """

    def __init__(self, distance: str | None) -> None:
        self.distance = distance

    def seen(self, output: Any, target: Tensor) -> Piece:
        """What is kept of a batch."""
        return output.detach().float().cpu(), target.cpu()

    def over(self, pieces: list[Piece]) -> float:
        """The area; NaN where there are not both kinds of pairs."""
        output, target = (torch.cat(column) for column in zip(*pieces, strict=True))
        if self.distance is None:
            scores, same = output, target.bool()
        else:
            output, target = output[:MOST], target[:MOST]
            first, second = torch.triu_indices(len(target), len(target), 1)
            scores = -pairwise_distances(output, output, self.distance)[first, second]
            same = target[first] == target[second]
        if bool(same.all()) or not bool(same.any()):
            return float("nan")
        return roc(scores.double().numpy(), same.numpy()).auc


def require_area(area: float, where: str) -> float:
    """An area that is a number.

    Parameters
    ----------
    area : as `PairArea.over` gives it.
    where : how an error names the labels.

    Raises
    ------
    InvalidData : there were no pairs of one class, or none of two.
    """
    if area != area:
        remedy = "Take two samples or more of some classes."
        raise InvalidData(problem(where, "pairs of one class and of two", "one kind alone", remedy))
    return area
