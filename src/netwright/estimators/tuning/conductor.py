"""The conductor: draws trials, hands them to workers, writes down how they end, until all slots of a stage are filled.

The loop is the same for one worker, many, and several processes on one storage: settle what dead processes left, fill
free workers, wait, write. In the synchronous mode k trials are drawn together, run by however many workers there are,
and written in their order; so what is drawn does not depend on who was faster.

Where a worker dies, nobody knows which of the trials under way killed it. Each of them is made again alone: harmless
ones are completed, and what kills is given up and counts as failed. The search goes on with the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any

from netwright.core.seeds import derive
from netwright.estimators.tuning.engine import draw
from netwright.estimators.tuning.ledger import Ledger
from netwright.estimators.tuning.records import KILLED, Outcome, Record, Slots
from netwright.estimators.tuning.space import Space
from netwright.estimators.tuning.stages import Stage
from netwright.estimators.tuning.subject import place_of
from netwright.estimators.tuning.trial import Job
from netwright.estimators.tuning.workers import Inline, Pool, outcome_of

PAUSE = 0.25  # seconds between two looks at the trials of other processes
LOOK = 10.0  # seconds after which a wait for workers is broken to look after dead processes


@dataclass(frozen=True)
class Way:
    """How trials are drawn and run.

    Parameters
    ----------
    method : "random" or "tpe". seed : of the search.
    pruning : whether a trial is told of the earlier ones.
    workers : how many trials run at once. synchronous : how many are drawn together, or None.
    threads : of the processor, for a trial; None for as many as there are.
    """

    method: str
    seed: int
    pruning: bool = False
    workers: int = 1
    synchronous: int | None = None
    threads: int | None = None

    @property
    def width(self) -> int:
        """How many trials are under way at once."""
        return self.synchronous or self.workers


class Conductor:
    """Runs stages.

    Parameters
    ----------
    ledger : of the search. crew : runs trials. way : how.
    told : is called with each trial that is over, its stage and its number in the search.
    """

    def __init__(
        self, ledger: Ledger, crew: Inline | Pool, way: Way, told: Callable[[Stage, Record, Outcome], object]
    ) -> None:
        self.ledger = ledger
        self.crew = crew
        self.way = way
        self.told = told

    def run(self, stage: Stage, space: Space, first: Mapping[str, Any] | None = None) -> Slots:
        """Fill all slots of a stage.

        Parameters
        ----------
        stage : to be run. space : that it draws from. first : what its first trial draws, None to draw it.

        Raises
        ------
        InvalidData : a storage that fails.
        """
        pending: dict[Future[Outcome], Record] = {}
        while True:
            self.ledger.reap(stage.name)
            slots = self.ledger.slots(stage.name, stage.count)
            self._fill(stage, space, first, slots, pending)
            if pending:
                over = wait(pending, LOOK, "ALL_COMPLETED" if self.way.synchronous else FIRST_COMPLETED).done
                if over and (not self.way.synchronous or len(over) == len(pending)):
                    self._write(stage, over, pending)
            elif slots.done:
                return slots
            elif not slots.vacant():  # others run the last ones
                time.sleep(PAUSE)

    def _fill(
        self,
        stage: Stage,
        space: Space,
        first: Mapping[str, Any] | None,
        slots: Slots,
        pending: dict[Future[Outcome], Record],
    ) -> None:
        """Begin trials while there are free places."""
        if pending and (self.way.synchronous or any(slots.is_suspect(record.slot) for record in pending.values())):
            return
        vacant = slots.vacant()
        if self.way.synchronous and vacant:
            batch = vacant[0] // self.way.width
            vacant = [slot for slot in vacant if slot // self.way.width == batch]
        for slot in vacant:
            alone = slots.is_suspect(slot)
            if len(pending) >= self.way.width or (alone and pending):
                return
            drawn = self._drawn(stage, space, first, slots, slot)
            record = self.ledger.enter(stage.name, slot, drawn, space)
            if record is not None:
                pending[self.crew.submit(self._job(stage, space, slots, record))] = record
            if alone:
                return

    def _drawn(
        self, stage: Stage, space: Space, first: Mapping[str, Any] | None, slots: Slots, slot: int
    ) -> Mapping[str, Any]:
        """What a slot draws: the same as an earlier attempt at it."""
        if slots.attempts[slot]:
            return slots.attempts[slot][0].drawn
        if slot == 0 and first is not None:
            return first
        seed = derive(self.way.seed, "draw", stage.offset + slot)
        return draw(space, self.ledger.study(stage.name), self.way.method, seed, stage.count)

    def _job(self, stage: Stage, space: Space, slots: Slots, record: Record) -> Job:
        seed = trial_seed(self.way.seed, stage, record.slot)
        earlier: tuple[Outcome, ...] = ()
        if self.way.pruning:
            width = self.way.width
            end = record.slot // width * width if self.way.synchronous else stage.count
            finished = sorted(slots.finished().items())
            earlier = tuple(known.outcome for slot, known in finished if slot < end and known.outcome is not None)
        place = place_of(stage.offset + record.slot, seed, record.drawn)
        return Job(space.params(record.drawn), seed, stage.epochs, earlier, self.way.threads, place)

    def _write(self, stage: Stage, over: set[Future[Outcome]], pending: dict[Future[Outcome], Record]) -> None:
        """Write down outcomes in the order of their slots; those that a dead worker took along are run again."""
        if any(outcome_of(future).state == KILLED for future in over):
            over = wait(pending).done  # the pool is broken: the others fail too
            self.crew.renew()
        ended = sorted(((pending.pop(future), outcome_of(future)) for future in over), key=lambda pair: pair[0].slot)
        for record, outcome in ended:
            self.ledger.tell(record, outcome)
            self.told(stage, record, outcome)


def trial_seed(seed: int, stage: Stage, slot: int) -> int:
    """The seed of a trial's random numbers."""
    return derive(seed, "trial", stage.offset + slot) % 2**31
