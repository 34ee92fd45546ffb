"""Several processes at one run: the seam between the loop and `torch.distributed`.

Each process has a copy of the network (or a part of it, see `netwright.train.processes`) and takes its part of every
batch; the gradient of the batch is the sum of theirs, in one call for the flat vector and the loss::

    g = sum_r (n_r / n) g_r        n_r of the n rows of the batch are those of process r

Batches, their order, the update and the rate are those of one process: a run of N processes is the run of one but for
the order in which floating-point numbers are added. All processes end with the same bits.

Processes come from ``torchrun`` (on one machine or many), or are started for a fit by ``Devices(2)``. A `Group` knows
which of them this one is; `Group.alone` is a run by itself, which pays nothing for all this.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY
from datetime import timedelta
from typing import Any, ClassVar, final

import torch
import torch.distributed as dist
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, ProcessLost, problem
from netwright.core.validation import Constraint, boolean, integer, number, one_of
from netwright.core.value import value

Batch = tuple[tuple[Tensor, ...], Any, Tensor | None]
ENOUGH = 64  # held-out rows for each process; of fewer every process looks at all


@final
@value("devices")
class Devices:
    """How many processes train a network together, each on a device of its own.

    Parameters
    ----------
    count : how many processes are started on this machine for a fit, >= 1; "auto" takes part in the processes that
        ``torchrun`` has started, and is one process where it has not.
    sharded : whether each process keeps a share of the weights, gradients and moments only (FSDP2), for networks that
        do not fit one device.
    timeout : seconds after which a process that does not answer is given up, > 0; one that has died is noticed at once.
    compile : True has the network compiled by ``torch.compile``; "graphs" records a training step once and replays it,
        on a GPU and in one process, for small networks. Neither changes what is computed but for rounding.

    Examples
    --------
    >>> Devices(), Devices(2, sharded=True), Devices(compile="graphs")
    (Devices(), Devices(2, sharded=True), Devices(compile='graphs'))
    """

    count: int | str = "auto"
    _: KW_ONLY
    sharded: bool = False
    timeout: float = 1800.0
    compile: bool | str = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "count": integer(1) | one_of("auto"),
        "sharded": boolean,
        "timeout": number(0, closed="neither"),
        "compile": boolean | one_of("graphs"),
    }


def devices_of(given: Any) -> Devices:
    """The devices that an option stands for: `Devices`, a number of processes, or "auto"."""
    return given if isinstance(given, Devices) else Devices(given)


class Group:
    """The processes that work on a run, and which of them this one is.

    Parameters
    ----------
    rank : the number of this process, from 0.
    size : how many there are.
    local : its number on its machine.
    sharded : whether each has a share of the weights only.

    Attributes
    ----------
    share : which part of the newest batch this process has, in [0, 1].
    """

    alone: ClassVar[Group]

    def __init__(self, rank: int = 0, size: int = 1, local: int = 0, sharded: bool = False) -> None:
        self.rank, self.size, self.local, self.sharded = rank, size, local, sharded
        self.share = 1.0

    @staticmethod
    def started() -> bool:
        """Whether this process was started together with others."""
        if not dist.is_available():
            return False
        told = all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))
        return dist.is_initialized() or (told and int(os.environ["WORLD_SIZE"]) > 1)

    @classmethod
    def joined(cls, devices: Devices) -> Group:
        """The group of the processes that were started together; alone where there are none.

        Raises
        ------
        InvalidParameter : a number of processes other than that which was started.
        """
        if not cls.started():
            return cls.alone
        if not dist.is_initialized():
            _meet(timedelta(seconds=devices.timeout))
        rank, size = dist.get_rank(), dist.get_world_size()
        if devices.count not in ("auto", size):
            remedy = 'Leave devices="auto": the processes that are there are then used.'
            raise InvalidParameter(
                problem("devices", f"the {size} processes that were started", f"{devices!r}", remedy)
            )
        return cls(rank, size, int(os.environ.get("LOCAL_RANK", str(rank))), devices.sharded)

    @property
    def several(self) -> bool:
        """Whether there is more than one process."""
        return self.size > 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that speaks: it prints, saves and calls the callbacks."""
        return self.rank == 0

    @property
    def weight(self) -> float:
        """By what the loss of the newest part is multiplied before it goes backward."""
        return self.share * self.size if self.sharded else self.share  # FSDP2 takes the mean over processes

    def place(self, device: torch.device) -> torch.device:
        """The device of this process, where the run's own is `device`."""
        if device.type != "cuda" or not self.several or device.index is not None:
            return device
        return torch.device("cuda", self.local % torch.cuda.device_count())

    def parts(self, batches: Iterable[Batch], counted: Any = None) -> Iterator[Batch]:
        """This process's part of each batch; `share` says which part of it that is.

        A process for which a batch has no row reads its first row, with a share of 0: all take part in every step.

        Parameters
        ----------
        batches : of an epoch. counted : of a target, how much of it counts; None counts rows.
        """
        for inputs, target, weight in batches:
            n = len(inputs[0])
            start, stop = n * self.rank // self.size, n * (self.rank + 1) // self.size
            here = slice(start, stop) if stop > start else slice(0, 1)
            several = isinstance(target, tuple)
            mine = tuple(t[here] for t in target) if several else target[here]
            self.share = (stop - start) / n
            if counted is not None and stop > start:
                self.share = counted(mine) / counted(target)
            yield tuple(x[here] for x in inputs), mine, None if weight is None else weight[here]

    def add_up(self, tensor: Tensor) -> Tensor:
        """The sum of a tensor over all processes, in place."""
        if self.several:
            with _together():
                dist.all_reduce(tensor)
        return tensor

    def agree(self, flag: bool) -> bool:
        """Whether any process says yes."""
        return bool(max(self.collected(flag))) if self.several else flag

    def collected(self, item: Any) -> list[Any]:
        """A small object of each process, in the order of their numbers."""
        if not self.several:
            return [item]
        found: list[Any] = [None] * self.size
        with _together():
            dist.all_gather_object(found, item)
        return found

    def same(self, item: Any) -> Any:
        """What the leading process has."""
        return self.collected(item)[0]

    def gathered(self, rows: Tensor) -> Tensor:
        """The rows of all processes, in the order of their numbers."""
        if not self.several:
            return rows
        lengths = self.collected(len(rows))
        padded = rows.new_zeros(max(lengths), *rows.shape[1:])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in lengths]
        with _together():
            dist.all_gather(parts, padded)
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    def wait(self) -> None:
        """Until all processes are here."""
        self.collected(None)

    def range_of(self, n: int) -> tuple[int, int] | None:
        """Which of n held-out rows this process looks at; None for all, where a part is not worth it."""
        if not self.several or self.sharded or n < ENOUGH * self.size:
            return None
        return n * self.rank // self.size, n * (self.rank + 1) // self.size

    def even_out(self, buffers: Iterable[Tensor]) -> None:
        """Give all processes the mean of what each has gathered, such as the statistics of batch normalisation."""
        if self.several:
            for buffer in buffers:
                if buffer.is_floating_point():
                    self.add_up(buffer).div_(self.size)

    def expect_same(self, digest: str, where: str) -> None:
        """Refuse processes that were given other rows.

        Parameters
        ----------
        digest : of the rows of this process. where : how an error names them.

        Raises
        ------
        InvalidData : naming the process.
        """
        found = self.collected(digest)
        other = next((rank for rank, each in enumerate(found) if each != found[0]), None)
        if other is not None:
            remedy = "Each process is to read the same rows in the same order; it takes its part of them by itself."
            got = f"other rows in process {other} than in process 0"
            raise InvalidData(problem(where, "the same rows in every process", got, remedy))


def _meet(timeout: timedelta) -> None:
    """Make the group of the processes that ``torchrun`` has started.

    Those of a restart meet under a name of their own: the addresses of the attempt before are still in the store.
    """
    found: Any = dist  # its stores are there where torch is built with them
    store, rank, size = next(found.rendezvous("env://", timeout=timeout))
    store = found.PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=timeout)


@contextmanager
def _together() -> Iterator[None]:
    """What all processes do at once; one that is not there any more is named."""
    try:
        yield
    except RuntimeError as error:
        remedy = "See what that process printed; start them all again: a fit with a checkpoint goes on from it."
        got = f"one that has died or does not answer ({str(error).splitlines()[0]})"
        raise ProcessLost(problem("process group", "all processes at work", got, remedy)) from error


Group.alone = Group()
