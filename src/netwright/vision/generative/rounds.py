"""The batches of a game: an endless stream of rows in random order, cut into rounds of turns.

The stream is one permutation of all rows after the other, each a function of (seed, number of the pass); the batch of a
turn is a place in it. So a batch is a function of (seed, turn) alone, and every row is seen equally often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from netwright.train import Batches, order
from netwright.train.batches import Batch
from netwright.vision.generative.turns import DISCRIMINATOR, GENERATOR

ROUNDS = 100  # about as many of them make an "epoch", a line of the history
FEW = 64  # rows that the loss of the beginning is taken from


def epochs_of(steps: int) -> int:
    """The lines of the history of a game.

    Parameters
    ----------
    steps : updates of the generator.

    Examples
    --------
    >>> epochs_of(5000), epochs_of(30)
    (50, 1)
    """
    return max(1, round(steps / ROUNDS))


class Rounds:
    """The rows of a game.

    Parameters
    ----------
    x : (n, ...), as `Form.again` gives them.
    codes : (n,) numbers of classes.
    scaled : makes of rows what players see.
    size : rows of a turn.
    critic_steps : turns of the discriminator in a round.
    steps : rounds in all.
    seed : of the
        order.
    device : where batches are.
    before : called with the number of a round before it; None for nothing.

    Attributes
    ----------
    n : rows in an epoch. bounds : (start, stop) of the batches of the epoch that was asked for last.
    """

    whole = True
    weight = None

    def __init__(
        self,
        x: Tensor,
        codes: Tensor,
        scaled: Callable[[Tensor], Tensor],
        size: int,
        critic_steps: int,
        steps: int,
        seed: int,
        device: torch.device,
        before: Callable[[int], None] | None = None,
    ) -> None:
        self.x, self.codes, self.scaled, self.size = x, codes, scaled, min(size, len(x))
        self.critic_steps, self.steps, self.seed, self.device, self.before = critic_steps, steps, seed, device, before
        self.epochs = epochs_of(steps)
        self.bounds: list[tuple[int, int]] = []
        self._count(0)
        self.n = self.bounds[-1][1]
        self._passed: tuple[int, Tensor] | None = None

    def __len__(self) -> int:
        return len(self.bounds)

    def __call__(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch."""
        self._count(epoch)
        return self._drawn(epoch)

    def rows(self, turn: int) -> Tensor:
        """The numbers of the rows in the turn of the discriminator with a number.

        Parameters
        ----------
        turn : from 0; turns of the generator are not counted.
        """
        found, at, left = [], turn * self.size, self.size
        while left:
            number, inside = divmod(at, len(self.x))
            if self._passed is None or self._passed[0] != number:
                self._passed = number, order(self.seed, number, len(self.x))
            some = self._passed[1][inside : inside + left]
            found.append(some)
            at, left = at + len(some), left - len(some)
        return torch.cat(found)

    def some(self, rows: int) -> Batches:
        """Rows spread evenly over all, in a turn of the discriminator, as rows in memory.

        Parameters
        ----------
        rows : how many at most.
        """
        count = min(rows, FEW, len(self.x))
        which = torch.linspace(0, len(self.x) - 1, count).long()
        return Batches(self._shown(which, DISCRIMINATOR, 0), torch.zeros(count, device=self.device), None, count)

    def head(self, rows: int) -> tuple[Tensor, ...]:
        """The inputs of the first rows.

        Parameters
        ----------
        rows : how many at most.
        """
        return self._shown(torch.arange(min(rows, len(self.x))), DISCRIMINATOR, 0)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Those of the first row."""
        return self.head(1)

    @property
    def target(self) -> Tensor:
        """There is none; a zero a row."""
        return torch.zeros(len(self.x), device=self.device)

    def contents(self) -> Iterator[Tensor]:
        """All that the rows are."""
        yield from (self.x, self.codes)

    def _bound(self, epoch: int) -> tuple[int, int]:
        """The rounds of an epoch."""
        return self.steps * epoch // self.epochs, self.steps * (epoch + 1) // self.epochs

    def _count(self, epoch: int) -> None:
        first, last = self._bound(min(epoch, self.epochs - 1))
        turns = (last - first) * (self.critic_steps + 1)
        self.bounds = [(turn * self.size, (turn + 1) * self.size) for turn in range(turns)]

    def _drawn(self, epoch: int) -> Iterator[Batch]:
        first, last = self._bound(epoch)
        nothing = torch.zeros(1, device=self.device)
        for number in range(first, last):
            if self.before is not None:
                self.before(number)
            for turn in range(self.critic_steps):
                rows = self.rows(number * self.critic_steps + turn)
                inputs = self._shown(rows, DISCRIMINATOR, epoch)
                yield inputs, nothing, None
            yield (*inputs[:2], _turn(len(rows), GENERATOR, epoch)), nothing, None

    def _shown(self, rows: Tensor, player: int, epoch: int) -> tuple[Tensor, ...]:
        x = self.scaled(self.x[rows].to(self.device))
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        return x, self.codes[rows].to(self.device), _turn(len(rows), player, epoch)


def _turn(rows: int, player: int, epoch: int) -> Tensor:
    """Whose turn it is in which epoch, beside each row; on the CPU, where it is read."""
    return torch.tensor([[player, epoch]]).expand(rows, 2)
