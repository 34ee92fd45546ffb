"""The time of a check: its trials share one budget, and what comes too late is left out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 1.6  # of the processor, for all trials of a check
HURRIED = 0.5  # share of it, once a fault is found


class OutOfTime(Exception):
    """The time for trials was spent before a question could be answered."""


class Budget:
    """The time that the trials of one check may take, and have taken.

    Parameters
    ----------
    seconds : of the processor.

    Examples
    --------
    >>> budget = Budget(0.0)
    >>> with budget.running():
    ...     first = sum(range(10**5))
    >>> with budget.running():
    ...     second = 0
    Traceback (most recent call last):
        ...
    netwright.checks.budget.OutOfTime: the trials before had taken their 0.0 s
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds, self.spent, self.hurried, self.closed = seconds, 0.0, False, ""

    def allow(self, seconds: float) -> None:
        """Allow so much at least.

        Parameters
        ----------
        seconds : of the processor.
        """
        self.seconds = max(self.seconds, seconds)

    def close(self, why: str) -> None:
        """Allow nothing more.

        Parameters
        ----------
        why : in words.
        """
        self.closed = why

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time that is spent inside.

        Raises
        ------
        OutOfTime : there is none left.
        """
        limit = self.seconds * (HURRIED if self.hurried else 1.0)
        if self.closed or self.spent > limit:
            raise OutOfTime(self.closed or f"the trials before had taken their {limit:.1f} s")
        begin = now()
        try:
            yield
        finally:
            self.spent += now() - begin


def now() -> float:
    """Seconds of the processor."""
    return time.process_time()
