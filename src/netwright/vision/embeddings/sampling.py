"""What a batch holds: some rows of each of some classes, or pairs; a function of (seed, epoch) alone.

A random batch of many classes has hardly two rows of one class, and nothing to compare. `ClassSampler` draws P classes
and K rows of each (the P K sampler of Hermans, Beyer, Leibe, 2017); with P ways and K = shots + queries these are the
episodes of few-shot learning. `PairSampler` draws as many pairs of one class as of two. Rows come back as (k, m): m is
the number of rows that are looked at together, 1, or 2 of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.core.seeds import derive

Drawn = tuple[Tensor, Tensor]  # numbers of rows (k, m), target (k,)
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class ClassSampler:
    """Batches of some classes with some rows of each.

    An epoch has as many batches as cover as many rows as there are. A class stands in a batch once, with its rows side
    by side, and no row twice; one with too few rows comes with all that it has.

    Parameters
    ----------
    codes : the class of each row, from 0.
    classes : P.
    samples : K.

    Examples
    --------
    >>> sampler = ClassSampler(np.repeat(np.arange(4), 5), classes=2, samples=3)
    >>> [(len(rows), len(set(target.tolist()))) for rows, target in sampler.draw(0, 0)]
    [(6, 2), (6, 2), (6, 2)]
    """

    codes: Numbers
    classes: int
    samples: int

    @cached_property
    def rows_of(self) -> list[Numbers]:
        """The rows of each class."""
        order = np.argsort(self.codes, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.codes))[:-1])

    def draw(self, seed: int, epoch: int) -> list[Drawn]:
        """The batches of an epoch.

        Parameters
        ----------
        seed : of the run.
        epoch : from 0.
        """
        draw = np.random.default_rng(derive(seed, "classes", epoch))
        some = min(self.classes, len(self.rows_of))
        wanted = max(1, round(len(self.codes) / (some * self.samples)))
        batches: list[Drawn] = []
        while len(batches) < wanted:
            order = draw.permutation(len(self.rows_of))
            starts = range(0, len(order) - some + 1, some)
            batches += [self._batch(order[start : start + some], draw) for start in starts]
        return batches[:wanted]

    def _batch(self, classes: Numbers, draw: np.random.Generator) -> Drawn:
        """Some rows of each of some classes."""
        rows = np.concatenate([draw.permutation(self.rows_of[c])[: self.samples] for c in classes])
        return torch.from_numpy(rows)[:, None], torch.from_numpy(self.codes[rows])


@dataclass(frozen=True)
class PairSampler:
    """Batches of pairs, every other one of a single class.

    An epoch has as many pairs as there are rows: each row comes once as the first of a pair, and its partner is drawn,
    of its own class or of another. A row without another of its class is never the first of such a pair.

    Parameters
    ----------
    codes : the class of each row, from 0.
    size : pairs in a batch.

    Examples
    --------
    >>> rows, same = PairSampler(np.array([0, 0, 1, 1]), size=4).draw(0, 0)[0]
    >>> rows.shape, same.tolist()
    (torch.Size([4, 2]), [1, 0, 1, 0])
    """

    codes: Numbers
    size: int

    @cached_property
    def _sorted(self) -> tuple[Numbers, Numbers, Numbers]:
        """Rows by class; where each class begins; how many rows it has."""
        counts = np.bincount(self.codes)
        return np.argsort(self.codes, kind="stable"), np.cumsum(counts) - counts, counts

    def draw(self, seed: int, epoch: int) -> list[Drawn]:
        """The batches of an epoch.

        Parameters
        ----------
        seed : of the run.
        epoch : from 0.
        """
        draw = np.random.default_rng(derive(seed, "pairs", epoch))
        n = len(self.codes)
        same = np.arange(n) % 2 == 0
        order = draw.permutation(n)
        twice = self._sorted[2][self.codes] > 1
        able = order[twice[order]]
        first = np.empty(n, dtype=np.int64)
        first[same] = np.resize(able, int(same.sum()))
        used = np.zeros(n, dtype=bool)
        used[first[same]] = True
        left = order[~used[order]]
        first[~same] = np.resize(left if len(left) else order, int((~same).sum()))
        rows = torch.from_numpy(np.stack([first, self._partners(first, same, draw)], 1))
        target = torch.from_numpy(same.astype(np.int64))
        return list(zip(rows.split(self.size), target.split(self.size), strict=True))

    def _partners(self, first: Numbers, same: NDArray[np.bool_], draw: np.random.Generator) -> Numbers:
        """For each row another one of its class, or one of another class."""
        order, begins, counts = self._sorted
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        codes = self.codes[first]
        begin, count = begins[codes], counts[codes]
        within = (place[first] - begin + 1 + draw.integers(0, np.maximum(count - 1, 1))) % count
        outside = draw.integers(0, len(order) - count)
        outside = np.where(outside >= begin, outside + count, outside)
        return order[np.where(same, begin + within, outside)]


@dataclass(frozen=True)
class GivenPairs:
    """Batches of pairs that the user has given, in an order drawn anew in each epoch.

    Parameters
    ----------
    same : 1 where the two of a pair are of one class, else 0.
    size : pairs in a batch. The second rows of the pairs
        stand behind all first ones.

    Examples
    --------
    >>> GivenPairs(np.array([1, 0]), size=2).draw(0, 0)[0][0].sum(0).tolist()
    [1, 5]
    """

    same: Numbers
    size: int

    def draw(self, seed: int, epoch: int) -> list[Drawn]:
        """The batches of an epoch.

        Parameters
        ----------
        seed : of the run.
        epoch : from 0.
        """
        order = torch.from_numpy(np.random.default_rng(derive(seed, "pairs", epoch)).permutation(len(self.same)))
        rows = torch.stack([order, order + len(order)], 1)
        target = torch.from_numpy(self.same)[order]
        return list(zip(rows.split(self.size), target.split(self.size), strict=True))
