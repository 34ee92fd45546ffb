"""How well scores tell pairs of one person from pairs of two: ROC, area, equal error rate, true accepts at false ones.

A pair is accepted where its score is >= a threshold t. With S the pairs of one person and D those of two

    TAR(t) = share of S accepted        FAR(t) = share of D accepted        FRR = 1 - TAR
    AUC    = P(a score of S > one of D) + 1/2 P(they are equal)
    EER    = FAR where FAR(t) = FRR(t), on the straight line between the two thresholds round it

TAR at a FAR of f is the greatest TAR of all thresholds with FAR(t) <= f; nothing is interpolated there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, problem
from netwright.core.validation import check, number

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ROC:
    """A curve over thresholds, from the strictest, which accepts nothing, to the mildest, which accepts all.

    Attributes
    ----------
    thresholds : falling, the first is infinite.
    far, tar : shares of pairs of two and of one that are accepted.
    different, same : how many such pairs there are.
    """

    thresholds: Floats
    far: Floats
    tar: Floats
    different: int
    same: int

    @property
    def auc(self) -> float:
        """The area under the curve."""
        return float(np.trapezoid(self.tar, self.far))

    @property
    def eer(self) -> float:
        """The equal error rate."""
        gap = self.far - (1 - self.tar)  # from -1 to 1
        after = int(np.argmax(gap >= 0))
        low, high = gap[after - 1], gap[after]
        share = -low / (high - low)
        return float(self.far[after - 1] + share * (self.far[after] - self.far[after - 1]))

    def tar_at(self, far: float) -> float:
        """The greatest share of accepted pairs of one person at that many false accepts or fewer.

        Parameters
        ----------
        far : in [0, 1].
        """
        return float(self.tar[self._place(far)])

    def threshold_at(self, far: float) -> float:
        """The mildest threshold at which so many false accepts or fewer happen; infinite where only none does.

        Parameters
        ----------
        far : in [0, 1].
        """
        return float(self.thresholds[self._place(far)])

    @property
    def best_accuracy(self) -> tuple[float, float]:
        """The greatest share of pairs that one threshold decides rightly, and that threshold."""
        right = self.tar * self.same + (1 - self.far) * self.different
        best = int(right.argmax())
        return float(right[best] / (self.same + self.different)), float(self.thresholds[best])

    def _place(self, far: float) -> int:
        check("far", far, number(0, 1))
        return int(np.flatnonzero(self.far <= far)[-1])


def roc(scores: Any, same: Any) -> ROC:
    """The receiver operating characteristic of scored pairs.

    Parameters
    ----------
    scores : of pairs, greater for those that are more alike.
    same : whether each is of one person.

    Shapes
    ------
    (n,), (n,)

    Raises
    ------
    InvalidData : scores that are not finite, another number of truths, no pair of one or of two people.

    Examples
    --------
    >>> curve = roc([0.9, 0.8, 0.7, 0.1], [1, 1, 0, 0])
    >>> curve.auc, curve.eer, curve.tar_at(0.0), curve.best_accuracy
    (1.0, 0.0, 1.0, (1.0, 0.8))

    References
    ----------
    Fawcett, *An introduction to ROC analysis*, 2006.
    """
    scores, same = read_scores(scores, same, "roc")
    order = np.argsort(-scores, kind="stable")
    ordered, truth = scores[order], same[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # of each run of equal scores
    accepted = np.cumsum(truth)[last]
    counts = int(len(same) - same.sum()), int(same.sum())
    far, tar = (last + 1 - accepted) / counts[0], accepted / counts[1]
    thresholds = np.append(np.inf, ordered[last])
    return ROC(thresholds, np.append(0.0, far), np.append(0.0, tar), *counts)


def equal_error_rate(scores: Any, same: Any) -> float:
    """The rate at which false accepts and false rejects are equally many.

    Parameters
    ----------
    scores, same : as of `roc`.

    Examples
    --------
    >>> equal_error_rate([0.9, 0.4, 0.5, 0.1], [1, 1, 0, 0])
    0.5
    """
    return roc(scores, same).eer


def tar_at_far(scores: Any, same: Any, far: float = 1e-3) -> float:
    """The share of pairs of one person that is accepted where at most a share of the others is.

    Parameters
    ----------
    scores, same : as of `roc`.
    far : the share of false accepts, in [0, 1]; below 1 / (pairs of two people) it is 0.

    Examples
    --------
    >>> tar_at_far([0.9, 0.4, 0.5, 0.1], [1, 1, 0, 0], far=0.1)
    0.5
    """
    return roc(scores, same).tar_at(far)


def read_scores(scores: Any, same: Any, where: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores and truths as arrays.

    Parameters
    ----------
    scores, same : as of `roc`.
    where : how an error names them.

    Raises
    ------
    InvalidData : see `roc`.
    """
    found = np.asarray(scores, dtype=np.float64)
    truth = np.asarray(same)
    if found.ndim != 1 or truth.shape != found.shape:
        raise InvalidData(problem(f"{where}(scores, same)", "two rows of one length", f"{found.shape}, {truth.shape}"))
    require_finite(found, f"{where}(scores)")
    strange = [item for item in np.unique(truth).tolist() if item not in (0, 1)]
    if strange:
        raise InvalidData(problem(f"{where}(same)", "True or False, 1 or 0", repr(strange[0])))
    truth = truth.astype(bool)
    if truth.all() or not truth.any():
        got = f"{int(truth.sum())} and {int((~truth).sum())}"
        remedy = "Take several images of several people."
        raise InvalidData(problem(f"{where}(same)", "pairs of one person and pairs of two", got, remedy))
    return found, truth
