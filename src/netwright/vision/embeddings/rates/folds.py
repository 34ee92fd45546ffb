"""The protocol of Labelled Faces in the Wild: the threshold is chosen on nine folds and judged on the tenth.

Of F folds of pairs, for each fold f

    t_f  = the threshold with the greatest accuracy on all other folds, the middle of all such where there are several
    a_f  = accuracy on fold f at t_f

Reported are the mean of a_f and its standard deviation over folds; the best fold is no result.

Huang, Ramesh, Berg, Learned-Miller, *Labeled faces in the wild*, 2007. Where it differs: there the standard error of
the mean is printed, which is std / sqrt(F).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, integer
from netwright.vision.embeddings.rates.roc import Floats, read_scores


@dataclass(frozen=True)
class FoldScores:
    """Accuracy fold by fold.

    Attributes
    ----------
    accuracies, thresholds : of each fold, (F,).
    """

    accuracies: Floats
    thresholds: Floats

    @property
    def mean(self) -> float:
        """The mean accuracy."""
        return float(self.accuracies.mean())

    @property
    def std(self) -> float:
        """The standard deviation over folds, with F - 1 in the denominator."""
        return float(self.accuracies.std(ddof=1))

    def __str__(self) -> str:
        return f"{self.mean:.4f} +- {self.std:.4f} over {len(self.accuracies)} folds"


def fold_accuracy(scores: Any, same: Any, folds: Any = 10) -> FoldScores:
    """The accuracy of scored pairs, each fold at a threshold that was chosen on the others.

    Parameters
    ----------
    scores : of pairs, greater for those that are more alike.
    same : whether each is of one person.
    folds : the fold of each pair, or how many there are: pairs then go to folds in turn, each kind by itself. Folds
        that share no person, as those of the protocol, have to be given.

    Shapes
    ------
    (n,), (n,), (n,) or a number

    Raises
    ------
    InvalidData : see `roc`; fewer than two folds, or fewer pairs of a kind than folds.

    Examples
    --------
    >>> scores, same = [0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1], [1, 1, 1, 1, 0, 0, 0, 0]
    >>> str(fold_accuracy(scores, same, folds=2))
    '1.0000 +- 0.0000 over 2 folds'
    """
    scores, same = read_scores(scores, same, "fold_accuracy")
    places = _folds(folds, same)
    found = []
    for fold in np.unique(places):
        inside = places == fold
        threshold = best_threshold(scores[~inside], same[~inside])
        found.append((np.mean((scores[inside] >= threshold) == same[inside]), threshold))
    accuracies, thresholds = (np.array(column) for column in zip(*found, strict=True))
    return FoldScores(accuracies, thresholds)


def best_threshold(scores: Floats, same: NDArray[np.bool_]) -> float:
    """The threshold with the greatest accuracy; of several the middle one, halfway between two scores.

    Parameters
    ----------
    scores : of pairs.
    same : whether each is of one person.

    Examples
    --------
    >>> best_threshold(np.array([0.9, 0.75, 0.25]), np.array([True, True, False]))
    0.5
    """
    order = np.argsort(scores, kind="stable")
    ordered, truth = scores[order], same[order]
    cuts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    rejected = np.append(0, np.cumsum(~truth))  # right ones among the first i that are rejected
    accepted = truth.sum() - np.append(0, np.cumsum(truth))
    right = (rejected + accepted)[np.append(cuts, len(ordered))]
    best = np.flatnonzero(right == right.max())
    values = ordered[cuts]
    middles = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2, [np.nextafter(values[-1], np.inf)]])
    return float(middles[best[len(best) // 2]])


def _folds(folds: Any, same: NDArray[np.bool_]) -> NDArray[Any]:
    """The fold of each pair."""
    if np.ndim(folds):
        places = np.asarray(folds)
        if places.shape != same.shape or len(np.unique(places)) < 2:
            got = f"shape {places.shape} with {len(np.unique(places))} folds"
            raise InvalidData(problem("fold_accuracy(folds)", f"{len(same)} folds, two or more kinds", got))
        return places
    check("fold_accuracy(folds)", folds, integer(2))
    least = int(min(same.sum(), (~same).sum()))
    if least < folds:
        raise InvalidData(problem("fold_accuracy(folds)", f"at most {least}, the pairs of the rarer kind", f"{folds}"))
    places = np.empty(len(same), dtype=np.int64)
    for kind in (same, ~same):
        places[kind] = np.arange(int(kind.sum())) % folds
    return places
