"""Whether the numbers of a target are sizes, as of grades and counts, or names, as of classes.

If they are sizes, they suit the inputs better than any other way to number the same classes does. Simple learners guess
each class; what they guess of a numbering is the same guesses, weighted by its numbers, so that R^2 of any numbering
costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.checks.neighbours import nearest, ridge

NUMBERINGS = 200
RARE = 0.05  # share of other numberings that may suit the inputs better than sizes do
GAIN = 0.3  # of the mistakes that always saying the commonest class makes, how many a learner must avoid
COST = 0.08  # of R^2, that the best of the other numberings gains over names
MOST_COLUMNS = 500  # to which squares are added
NEAR = 5  # rows


@dataclass(frozen=True)
class Numbering:
    """How well the numbers of a target suit one learner.

    Attributes
    ----------
    gain : share of the mistakes of the commonest class that it avoids. suits : R^2 of the numbers as they are. best,
    typical : R^2 of the best other numbering and of the median one. better : share of the others with a higher R^2.
    """

    gain: float
    suits: float
    best: float
    typical: float
    better: float

    @property
    def orders(self) -> bool:
        """Whether the numbers suit the learner better than others do; where all suit it, none does."""
        return self.better <= RARE and self.suits - self.typical >= 0.02 + 0.05 * (1 - self.typical)


def numberings(X: Tensor, numbers: Tensor) -> list[Numbering]:
    """How well the numbers of a target suit the inputs, by several learners.

    Parameters
    ----------
    X : standardised rows (n, d). numbers : whole, (n,).
    """
    values, classes = torch.unique(numbers.double(), return_inverse=True)
    generator = torch.Generator().manual_seed(0)
    others = [values[torch.randperm(len(values), generator=generator)] for _ in range(NUMBERINGS)]
    weights = torch.stack([values, *others], 1)  # (classes, numberings)
    Y = torch.nn.functional.one_hot(classes).double()
    wanted, commonest = Y @ weights, float(Y.mean(0).max())
    found = []
    for guess in _guesses(X, Y):
        right = float((guess.argmax(1) == classes).double().mean())
        fit = 1 - (guess @ weights - wanted).square().mean(0) / wanted.var(0, unbiased=False)
        better = float((fit[1:] > fit[0] + 1e-9).double().mean())
        gain = (right - commonest) / max(1 - commonest, 1e-9)
        found.append(Numbering(gain, float(fit[0]), float(fit[1:].max()), float(fit[1:].median()), better))
    return found


def names(found: list[Numbering]) -> bool:
    """Whether the numbers are names: the classes can be told apart, and no learner finds their order.

    Parameters
    ----------
    found : by several learners.
    """
    told = [each for each in found if each.gain >= GAIN]
    costs = any(each.best - each.suits >= COST for each in told)
    return bool(told) and costs and not sizes(found)


def sizes(found: list[Numbering]) -> bool:
    """Whether the numbers are sizes: some learner finds their order, and no other order suits it as well.

    Parameters
    ----------
    found : by several learners.
    """
    return any(each.orders and each.suits > 0 for each in found)


def apart(X: Tensor, numbers: Tensor) -> tuple[float, float] | None:
    """How far the numbers of neighbours are apart that differ, and how far those of all rows; None where none differ.

    Parameters
    ----------
    X : rows (n, d). numbers : whole, (n,).
    """
    own = numbers.double()
    around = own[nearest(X, NEAR)]
    differ = around != own[:, None]
    if int(differ.sum()) < 10:
        return None
    pairs = (own[:, None] - own[None, :]).abs()
    return float((around - own[:, None]).abs()[differ].mean()), float(pairs[pairs > 0].mean())


def _guesses(X: Tensor, Y: Tensor) -> Iterator[Tensor]:
    yield Y[nearest(X, NEAR)].mean(1)
    yield ridge(X, Y)
    if X.shape[1] <= MOST_COLUMNS:
        yield ridge(torch.cat([X, X * X], 1), Y)
