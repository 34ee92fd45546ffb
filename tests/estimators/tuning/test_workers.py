"""Workers: what cannot be sent to them, how their ends are read, and that their number changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from sklearn.datasets import load_iris

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.estimators.tuning.records import Outcome
from netwright.estimators.tuning.workers import outcome_of, processors

X, Y = load_iris(return_X_y=True)
Table = Callable[[Any], list[dict[str, Any]]]


def test_what_cannot_be_sent_is_told_before_any_process_starts(bowl: Any, rows: Any) -> None:
    lock = threading.Lock()

    def score(model: Any, X: Any, y: Any) -> float:
        with lock:
            return float(model.score(X, y))

    with pytest.raises(InvalidParameter, match=r"what other processes can run, got .*lock.* Search with workers=1"):
        nw.search(bowl, {"rate": [1.0, 2.0]}, *rows, trials=2, workers=2, scoring=score)


def test_how_a_worker_ended_is_read() -> None:
    done: Future[Outcome] = Future()
    done.set_result(Outcome("complete", 1.0))
    assert outcome_of(done).score == 1.0
    died: Future[Outcome] = Future()
    died.set_exception(RuntimeError("A worker process managed by the executor was unexpectedly terminated"))
    assert outcome_of(died) == Outcome("killed", reason="the worker that ran it was killed")
    lost: Future[Outcome] = Future()
    lost.set_exception(OSError("no room"))
    assert outcome_of(lost).reason == "the worker that ran it was killed: no room"
    stopped: Future[Outcome] = Future()
    stopped.set_exception(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        outcome_of(stopped)
    assert processors() >= 1


@pytest.mark.slow
@pytest.mark.parametrize("pruning", [None, "successive halving", "median"])
@pytest.mark.parametrize("method", ["random", "tpe"])
def test_the_number_of_workers_changes_nothing(table: Table, method: str, pruning: str | None) -> None:
    clf = nw.Classifier("ReLU(8) >> Softmax(3)", epochs=12)
    space = {"optimizer__lr": nw.log_uniform(1e-4, 1e-1), "batch_size": [16, 64]}
    options = {"trials": 14, "method": method, "pruning": pruning, "synchronous": 3, "random_state": 0, "refit": False}
    one, two = (nw.search(clf, space, X, Y, workers=workers, **options) for workers in (1, 2))
    assert table(one) == table(two)
