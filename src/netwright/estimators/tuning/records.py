"""What is known of trials: records of attempts, and the slots of a stage that they fill.

A stage has a fixed number of *slots*. What a slot draws and the seed of its trial are functions of its number, so an
attempt that was killed is made again as it was. Of several attempts at a slot the first that was not killed counts:
storages number attempts without gaps, which makes that a decision that all processes take alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

KILLED, ORPHANED, RETURNED = "killed", "orphaned", "returned"
VOID = {KILLED, ORPHANED, RETURNED}  # attempts that are made again
LIMITS = {KILLED: 3, ORPHANED: 10}  # so many of them, and a slot is given up: it is the trial itself that kills


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    Parameters
    ----------
    state : "complete", "pruned", "failed", or one of an attempt that is made again: "killed" where the worker that
        ran it died, "orphaned" where the whole search did, "returned" where the search was interrupted.
    score : of the held-out rows; None unless it was measured.
    reason : why it failed or was pruned, or the first warning of one that did not.
    epochs : trained, None for estimators without any.
    seconds : that it took.
    reports : the score after each epoch, where it was asked for.
    """

    state: str
    score: float | None = None
    reason: str = ""
    epochs: int | None = None
    seconds: float = 0.0
    reports: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "reports": list(self.reports)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Outcome:
        """The inverse of `to_json`."""
        return cls(**{**content, "reports": tuple(content["reports"])})


@dataclass(frozen=True)
class Record:
    """An attempt at a slot.

    Parameters
    ----------
    id, number : of the trial in its storage.
    slot : which one it fills.
    drawn : a number or label for each axis.
    owner : who runs it.
    outcome : how it ended; None while it runs.
    settled : whether the storage knows that it ended.
    """

    id: int
    number: int
    slot: int
    drawn: dict[str, Any]
    owner: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None
    settled: bool = False

    @property
    def void(self) -> bool:
        """Whether it is to be made again."""
        return self.outcome is not None and self.outcome.state in VOID


class Slots:
    """The slots of a stage and the attempts at them.

    Parameters
    ----------
    count : how many there are. records : all attempts, by number.
    """

    def __init__(self, count: int, records: Iterable[Record]) -> None:
        self.count = count
        self.attempts: dict[int, list[Record]] = {slot: [] for slot in range(count)}
        for record in records:
            self.attempts.setdefault(record.slot, []).append(record)

    def valid(self, slot: int) -> Record | None:
        """The attempt that counts: the first that is not void; of a slot that is given up the last."""
        alive = [record for record in self.attempts[slot] if not record.void]
        if alive:
            return alive[0]
        return self.attempts[slot][-1] if self.is_given_up(slot) else None

    def is_suspect(self, slot: int) -> bool:
        """Whether a worker died while it ran; it runs alone from then on, to see whether it was this trial."""
        return self._count(slot, KILLED) > 0

    def is_given_up(self, slot: int) -> bool:
        """Whether all attempts that there may be were made."""
        return any(self._count(slot, state) >= limit for state, limit in LIMITS.items())

    def _count(self, slot: int, state: str) -> int:
        return sum(r.outcome is not None and r.outcome.state == state for r in self.attempts[slot])

    def vacant(self) -> list[int]:
        """Slots that nobody runs and nobody has run to its end."""
        return [slot for slot in range(self.count) if self.valid(slot) is None]

    def running(self) -> list[Record]:
        """Attempts that are not over."""
        return [record for attempts in self.attempts.values() for record in attempts if record.outcome is None]

    def finished(self) -> dict[int, Record]:
        """The attempt that counts of each slot that is over."""
        found = {slot: self.valid(slot) for slot in range(self.count)}
        return {slot: record for slot, record in found.items() if record is not None and record.outcome is not None}

    @property
    def done(self) -> bool:
        """Whether all slots are over."""
        return len(self.finished()) == self.count


def best_of(records: Iterable[Record], count: int) -> list[Record]:
    """The completed trials with the highest scores, the earlier one first where they are equal."""
    scored = [r for r in records if r.outcome and r.outcome.state == "complete" and r.outcome.score is not None]
    return sorted(scored, key=lambda record: (-float(record.outcome.score or 0.0), record.slot))[:count]  # type: ignore[union-attr]
