"""The work of a computation, counted: seconds of a processor of today, the same on every machine and at every load.

What a check leaves out for want of time follows from these, so that the same program gets the same diagnosis. The
prices were fitted to the steps of every other program of the benchmark. On one core nine in ten of 39 programs take
between 0.8 and 2.5 times what is counted, 1.3 times in the median.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

START = 2e-4  # seconds of a step beside its operations
CALL, FLOP, NUMBER = 3.2e-6, 0.8e-10, 4.2e-10  # of an operation, of its arithmetic, of each number read and written
FUSED = 80  # operations that a recurrent layer in one piece stands for, and two for each step in time
UNCOUNTED = 6  # times what is counted: steps that take longer do other work, and are measured
SHORT = 5e-3  # seconds, by the clock: a step that takes less is not measured
LONG = 1.0  # seconds, by the clock: a step that takes longer is not repeated only to be counted


class _Counter(TorchDispatchMode):
    """Adds up what the operations of torch inside it take."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds, self.numbers = 0.0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        numbers = sum(leaf.numel() for leaf in tree_leaves((args, found)) if isinstance(leaf, torch.Tensor))
        arithmetic = flop_registry.get(func.overloadpacket)
        flops = 0 if arithmetic is None else arithmetic(*args, **(kwargs or {}), out_val=found)
        calls = FUSED + 2 * len(args[0]) if "rnn_layer" in func.name() else 1
        self.seconds += CALL * calls + NUMBER * numbers + FLOP * flops
        self.numbers += numbers
        return found


def seconds_of(run: Callable[[int], object]) -> float:
    """Seconds of the processor that a step takes: its operations by their prices.

    Steps most of whose time goes into other work than torch's are measured instead.

    Parameters
    ----------
    run : makes so many steps from the same beginning; what it does before the first one is not counted.

    Examples
    --------
    >>> x = torch.ones(64, 64)
    >>> steps = lambda n: [x @ x for _ in range(n)]
    >>> seconds_of(steps) == seconds_of(steps) < 0.002
    True
    """
    once, took = _counted(run, 1)
    if took > LONG:
        return took if took > UNCOUNTED * once else START + once
    step = START + _counted(run, 2)[0] - once
    for _ in range(4):  # what comes in between, such as a collection of garbage, does not do so every time
        took = _timed(run, 2) - _timed(run, 1)
        if took <= max(SHORT, UNCOUNTED * step):
            return step
    return took


def numbers_of(run: Callable[[], object]) -> int:
    """How many numbers the operations of torch in a computation read and write.

    Parameters
    ----------
    run : the computation.

    Examples
    --------
    >>> x = torch.ones(10)
    >>> numbers_of(lambda: x[:, None] - x)  # a view of 10 of 10 numbers, and a table of 100
    140
    """
    with _Counter() as counter:
        run()
    return counter.numbers


def _counted(run: Callable[[int], object], steps: int) -> tuple[float, float]:
    with _Counter() as counter:
        torch.empty(0)  # the first operation that is counted loads much of torch
        begun, took = counter.seconds, _timed(run, steps)
    return counter.seconds - begun, took


def _timed(run: Callable[[int], object], steps: int) -> float:
    begin = now()
    run(steps)
    return now() - begin


def now() -> float:
    """Seconds of the processor."""
    return time.process_time()
