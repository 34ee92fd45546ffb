"""The conductor with a crew of its own: deaths of workers, batches, and what pruning is told, without any process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Future
from typing import Any

import pytest

import netwright as nw
from netwright.core.errors import InvalidData
from netwright.estimators.tuning import fingerprint
from netwright.estimators.tuning.conductor import Conductor, Way
from netwright.estimators.tuning.ledger import Ledger
from netwright.estimators.tuning.records import Outcome, Slots
from netwright.estimators.tuning.search import _require_some
from netwright.estimators.tuning.space import Space
from netwright.estimators.tuning.stages import Stage
from netwright.estimators.tuning.trial import Job

SPACE = Space.read({"x": nw.integers(0, 9)})
IDENTITY = {"space": SPACE.describe(), "seed": 1, "entropy": None}


class Crew:
    """Runs nothing: trials whose x is deadly take all that is under way along, the others end when four are there."""

    def __init__(self, deadly: Callable[[Job], bool], together: int) -> None:
        self.deadly = deadly
        self.together = together
        self.waiting: list[tuple[Job, Future[Outcome]]] = []
        self.batches: list[list[int]] = []
        self.renewed = 0

    def submit(self, job: Job) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        self.waiting.append((job, future))
        self.batches.append([each.params["x"] for each, _ in self.waiting])
        if len(self.waiting) == self.together or any(self.deadly(each) for each, _ in self.waiting):
            self._end()
        return future

    def _end(self) -> None:
        broken = any(self.deadly(job) for job, _ in self.waiting)
        for job, future in self.waiting:
            if broken:
                future.set_exception(RuntimeError("A worker process was terminated"))
            else:
                future.set_result(Outcome("complete", float(job.params["x"]), reports=(0.0, 1.0)))
        self.waiting = []

    def renew(self) -> None:
        self.renewed += 1

    def close(self, kill: bool = False) -> None:
        pass


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger(None, IDENTITY, ("one",))
    yield made
    made.close()


def conducted(ledger: Ledger, crew: Any, count: int, **options: Any) -> Slots:
    told: list[int] = []
    way = Way("random", 1, **options)
    slots = Conductor(ledger, crew, way, lambda stage, record, outcome: told.append(record.slot)).run(
        Stage("one", count), SPACE
    )
    assert set(told) == set(range(count))
    return slots


def test_a_trial_that_kills_its_worker_is_given_up_and_takes_no_other_along(ledger: Ledger) -> None:
    crew = Crew(lambda job: job.params["x"] >= 7, together=1)
    slots = conducted(ledger, crew, 12, workers=1)
    drawn = {slot: record.drawn["x"] for slot, record in slots.finished().items()}
    deadly = [slot for slot, x in drawn.items() if x >= 7]
    assert deadly
    for slot, record in slots.finished().items():
        assert record.outcome is not None
        assert record.outcome.state == ("killed" if slot in deadly else "complete")
        assert len(slots.attempts[slot]) == (3 if slot in deadly else 1)
        assert len({attempt.drawn["x"] for attempt in slots.attempts[slot]}) == 1
    assert crew.renewed == 3 * len(deadly)


class Together(Crew):
    """All that is under way ends when the conductor waits for it."""

    def __init__(self, deadly: Callable[[Job], bool], monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(deadly, together=0)

        def wait(*arguments: Any) -> Any:
            self._end()
            return futures.wait(*arguments)

        monkeypatch.setattr("netwright.estimators.tuning.conductor.wait", wait)

    def submit(self, job: Job) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        self.waiting.append((job, future))
        self.batches.append([each.params["x"] for each, _ in self.waiting])
        return future


def test_killers_are_given_up_and_their_neighbours_are_completed(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = Together(lambda job: job.params["x"] >= 3, monkeypatch)
    slots = conducted(ledger, crew, 12, workers=3)
    assert max(map(len, crew.batches)) > 1
    finished = slots.finished()
    assert sum(record.drawn["x"] >= 3 for record in finished.values()) >= 6
    for slot, record in finished.items():
        assert record.outcome is not None
        assert record.outcome.state == ("killed" if record.drawn["x"] >= 3 else "complete")
        assert len(slots.attempts[slot]) <= (3 if record.drawn["x"] >= 3 else 2)


def test_a_trial_whose_worker_died_runs_alone(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    crew = Together(lambda job: job.params["x"] == 9 and len(crew.waiting) > 1, monkeypatch)
    slots = Conductor(ledger, crew, Way("random", 1, workers=2), lambda *all_of_it: None).run(  # type: ignore[arg-type]
        Stage("one", 4), SPACE, first={"x": 9}
    )
    states = [record.outcome.state for record in slots.finished().values() if record.outcome is not None]
    assert states == ["complete"] * 4
    assert [len(slots.attempts[slot]) for slot in range(4)] == [2, 2, 1, 1]
    assert [9] in crew.batches


def test_where_every_trial_kills_each_is_accounted_for(ledger: Ledger) -> None:
    slots = conducted(ledger, Crew(lambda job: True, together=1), 20, workers=1)
    assert [record.outcome.state for record in slots.finished().values() if record.outcome] == ["killed"] * 20
    with pytest.raises(
        InvalidData, match=r"got 20 trials without any. The first: the worker .* killed. Look at the mem"
    ):
        _require_some(Stage("one", 20), [record for _, record in sorted(slots.finished().items())], known=False)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_batch_is_told_of_the_batches_before_it(ledger: Ledger, workers: int) -> None:
    crew = Crew(lambda job: False, together=3)
    earlier: list[int] = []
    submit = crew.submit

    def note(job: Job) -> Future[Outcome]:
        earlier.append(len(job.earlier))
        return submit(job)

    crew.submit = note  # type: ignore[method-assign]
    conducted(ledger, crew, 9, workers=workers, synchronous=3, pruning=True)
    assert earlier == [0, 0, 0, 3, 3, 3, 6, 6, 6]


def test_what_two_searches_differ_in_is_named() -> None:
    mine = {"space": {"a": "uniform(0, 1)"}, "seed": 1}
    fingerprint.compare("s", mine, mine)
    fingerprint.compare("s", mine, {**mine, "seed": None})
    with pytest.raises(InvalidData, match=r"s: expected the space 'a' of the search that it has, 'uniform\(0, 1\)'"):
        fingerprint.compare("s", mine, {"space": {"a": "uniform(0, 2)"}})
    with pytest.raises(InvalidData, match="the space 'b' of the search that it has, None"):
        fingerprint.compare("s", mine, {"space": {"a": "uniform(0, 1)", "b": "1"}})
