"""How many threads a run uses: as many as its batches keep busy.

A second thread costs some ten microseconds an operation to wake. Measured, two threads equal one at about 8 million
multiply-accumulates a batch (forward), and gain above; on a machine that does other things besides they lose far more
below, because the threads wait for each other. So a run takes one thread for each 8 million, and at most what torch is
set to. The setting of the process is put back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

MACS = 8_000_000  # of a batch, for each thread


def threads_for(macs: int, allowed: int) -> int:
    """The number of threads for batches of so many multiply-accumulates (0: unknown, all that are allowed).

    Examples
    --------
    >>> threads_for(500_000, 4), threads_for(20_000_000, 4), threads_for(10**9, 4), threads_for(0, 4)
    (1, 2, 4, 4)
    """
    return allowed if macs <= 0 else max(1, min(allowed, macs // MACS))


@contextmanager
def limited_threads(macs: int) -> Iterator[None]:
    """torch computes on as many threads as batches of this size keep busy inside this block."""
    allowed = torch.get_num_threads()
    wanted = threads_for(macs, allowed)
    if wanted == allowed:
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(allowed)
