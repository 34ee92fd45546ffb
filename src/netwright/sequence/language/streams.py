"""Streams: texts read side by side in pieces, for truncated backpropagation.

A batch is a piece of some streams; the next batch is the next piece of them, so that a network that carries its state
reads each stream from its beginning to its end.

One text of N symbols is turned by a number of symbols and cut into S streams of N // S; fewer than S symbols are left
out of an epoch, others in each. Of several texts each is a stream of its own, cut where it is longer than `steps` and
than a share of N / S; streams of similar length are read together, S at a time, padded to the longest. Turn, cuts and
order are functions of (seed, epoch) alone and change from epoch to epoch.

Each symbol is predicted from those before it: what is read at a step is the symbol before, or the marker at the start
of a stream, where nothing is known of what came before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import derive
from netwright.sequence.batches import LEFT_OUT, POOL
from netwright.sequence.language.carried import Carried
from netwright.train import Precision, Run
from netwright.train.batches import Batch, Batches

AT_ONCE = 2**13  # symbols in one piece of an evaluation

Ids = NDArray[np.int64]
Side = tuple[Tensor, Tensor]  # what is read, and what is to be predicted


class Streams:
    """The symbols of a run, ready to be read; the counterpart of `netwright.train.Batches`.

    Parameters
    ----------
    texts : rows of symbols, each (steps_i,) int64; not all are empty.
    marker : what is read where nothing is known of what came before.
    count : streams side by side; of one text fewer where they would be shorter than `steps`.
    steps : of a piece at most, the length of backpropagation; the pieces of a stream differ by one step at most.
    seed : of turn, cuts and order; None: the texts as they come.
    device : where batches are.

    Attributes
    ----------
    n : number of streams side by side. symbols : how many there are in all.
    bounds : (start, stop) of the pieces of the epoch that was asked for last, counted in symbols.
    """

    whole = False  # outputs of all batches cannot be joined
    weight = None

    def __init__(
        self,
        texts: Sequence[Ids],
        marker: int,
        count: int,
        steps: int,
        seed: int | None = 0,
        device: torch.device | None = None,
    ) -> None:
        self.texts = [np.ascontiguousarray(text) for text in texts if len(text)]
        self.marker, self.steps, self.seed, self.device = marker, steps, seed, device
        self.symbols = sum(map(len, self.texts))
        self.count = max(1, min(count, self.symbols // steps)) if len(self.texts) == 1 else count
        self._own = self.laid_out(0)
        self.n = len(self._own[0][0])
        self.bounds = self._bounds(self._own)

    def __len__(self) -> int:
        return len(self.bounds)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The pieces of an epoch."""
        groups = self.laid_out(epoch)
        self.bounds = self._bounds(groups)
        return (
            ((read[:, start:stop],), target[:, start:stop], None)
            for read, target in groups
            for start, stop in pairwise(self._cuts(read))
        )

    def laid_out(self, epoch: int) -> list[Side]:
        """What is read and what is to be predicted, in groups that are read one after the other: (streams, length)."""
        groups = [self._turned(epoch)] if len(self.texts) == 1 else self._grouped(epoch)
        return [(read.to(self.device), target.to(self.device)) for read, target in groups]

    def _turned(self, epoch: int) -> Side:
        """One text as streams of one length; where its end meets its beginning there is a marker too."""
        target, used = self.texts[0], self.symbols // self.count * self.count
        turn = 0 if self.seed is None else derive(self.seed, "turn", epoch) % self.symbols
        read = np.roll(target, 1)
        read[0] = self.marker
        read, target = (np.roll(row, -turn)[:used].reshape(self.count, -1).copy() for row in (read, target))
        read[:, 0] = self.marker
        return torch.from_numpy(read), torch.from_numpy(target)

    def _grouped(self, epoch: int) -> list[Side]:
        """Several texts as streams, those of similar length together."""
        seed, longest = self.seed, max(self.steps, -(-self.symbols // self.count))
        draw = None if seed is None else np.random.default_rng(derive(seed, "streams", epoch))
        streams = [part for text in self.texts for part in _cut(text, longest, draw)]
        pool, numbers = POOL * self.count, np.arange(len(streams))
        if draw is not None:
            numbers = draw.permutation(numbers)
        lengths = np.array([len(stream) for stream in streams])
        pools = [numbers[at : at + pool] for at in range(0, len(numbers), pool)]
        ordered = np.concatenate([some[np.argsort(-lengths[some], kind="stable")] for some in pools])
        groups = [ordered[at : at + self.count] for at in range(0, len(ordered), self.count)]
        if draw is not None:
            groups = [groups[number] for number in draw.permutation(len(groups))]
        return [self._padded([streams[number] for number in group]) for group in groups]

    def _padded(self, streams: list[Ids]) -> Side:
        shape = len(streams), max(map(len, streams))
        read, target = np.full(shape, self.marker), np.full(shape, LEFT_OUT)
        for row, stream in enumerate(streams):
            read[row, 1 : len(stream)] = stream[:-1]
            target[row, : len(stream)] = stream
        return torch.from_numpy(read), torch.from_numpy(target)

    def _cuts(self, read: Tensor) -> list[int]:
        """Where the pieces of a group begin and end."""
        length = read.shape[1]
        pieces = -(-length // self.steps)
        return [length * piece // pieces for piece in range(pieces + 1)]

    def _bounds(self, groups: list[Side]) -> list[tuple[int, int]]:
        sizes = [self.counted(t[:, a:b]) for r, t in groups for a, b in pairwise(self._cuts(r))]
        return list(pairwise(accumulate(sizes, initial=0)))

    def pieces(self) -> Iterator[tuple[int, slice]]:
        """The pieces of an evaluation, which reads in large ones: of which group, and which steps."""
        for number, (read, _) in enumerate(self._own):
            wide = max(1, AT_ONCE // len(read))
            for start in range(0, read.shape[1], wide):
                yield number, slice(start, start + wide)

    def batch(self, piece: tuple[int, slice]) -> Batch:
        """A piece of an evaluation."""
        (read, target), part = self._own[piece[0]], piece[1]
        return (read[:, part],), target[:, part], None

    @staticmethod
    def counted(target: Tensor) -> int:
        """How many symbols a piece has."""
        return int((target != LEFT_OUT).sum())

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The beginning of the first stream."""
        return self.head(1)

    def head(self, rows: int) -> tuple[Tensor, ...]:
        """The beginnings of the first streams."""
        return (self._own[0][0][:rows, : self.steps],)

    def contents(self) -> Iterator[Tensor]:
        """All that the rows are."""
        return map(torch.from_numpy, self.texts)

    def some(self, rows: int) -> Batches:
        """The beginnings of streams that are spread evenly over those that are read first."""
        read, target = self._own[0]
        which = torch.arange(0, self.n, max(self.n // rows, 1))
        part = slice(0, self.steps)
        return Batches((read[which, part],), target[which, part], None, len(which), self.seed or 0)


def _cut(text: Ids, longest: int, draw: np.random.Generator | None) -> list[Ids]:
    """A text in parts of a length at most, the first of a length that is drawn; whole if it is no longer."""
    if len(text) <= longest:
        return [text]
    first = longest if draw is None else int(draw.integers(1, longest + 1))
    return [text[max(at, 0) : at + longest] for at in range(first - longest, len(text), longest)]


def run_of(network: Carried, rule: Any, precision: Precision, average: float | None, seed: int, macs: int) -> Run:
    """A run that trains a network on streams, by the mean of -log p over the symbols of a batch.

    Parameters
    ----------
    network : that carries its state. rule : an update rule. precision : number format and device.
    average : decay of the running average, or None. seed : of dropout. macs : multiply-accumulates of a symbol.

    Raises
    ------
    InvalidParameter : a rule that needs all rows at once, or the loss several times: that would move the state on.
    """
    if rule.full_batch or rule.takes != "gradients":
        expected = "a rule that updates batch by batch, by gradients"
        raise InvalidParameter(problem("LanguageModel(optimizer)", expected, shown(rule)))

    def objective(output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        return network.nll(output, target)

    return Run(network, objective, rule, precision, average=average, seed=seed, macs=macs)
