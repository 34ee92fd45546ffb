"""The time of a check: its trials share one budget, and what comes too late is left out."""

from __future__ import annotations

from netwright.checks.work import now

SECONDS = 1.2  # of the processor, for all trials of a check, as `netwright.checks.work` counts them
HURRIED = 0.5  # share of it, once a fault is found
PATIENCE = 6  # times that, by the clock: a check that takes longer is cut short, whatever was counted


class OutOfTime(Exception):
    """The time for trials was spent before a question could be answered."""


class Budget:
    """The time that the trials of one check may take, and have taken.

    Parameters
    ----------
    seconds : of the processor.

    Examples
    --------
    >>> budget = Budget(2.0)
    >>> budget.demand()
    >>> budget.spend(2.5)
    >>> budget.demand()
    Traceback (most recent call last):
        ...
    netwright.checks.budget.OutOfTime: the trials before had taken their 2.0 s
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds, self.spent, self.hurried, self.closed, self.begun = seconds, 0.0, False, "", now()

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

    def demand(self) -> None:
        """Ask for a trial, which may take longer than what is left.

        Raises
        ------
        OutOfTime : nothing is left.
        """
        limit = self.seconds * (HURRIED if self.hurried else 1.0)
        if self.closed or self.spent > limit or now() - self.begun > PATIENCE * self.seconds:
            raise OutOfTime(self.closed or f"the trials before had taken their {limit:.1f} s")

    def spend(self, seconds: float) -> None:
        """Count what a trial took.

        Parameters
        ----------
        seconds : of the processor.
        """
        self.spent += seconds
