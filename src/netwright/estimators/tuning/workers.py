"""Where trials run: in this process, or in several others that are started once and are told the data once.

The others are loky's, joblib's own: they run functions that were defined in a notebook, end when this process ends, and
a worker that was killed is noticed. Arrays lie in a file that all of them map into memory.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import joblib
from joblib.externals import loky
from joblib.externals.loky.backend import reduction

from netwright.core.errors import InvalidParameter, problem
from netwright.estimators.tuning.records import KILLED, Outcome
from netwright.estimators.tuning.trial import Job, Task, run_trial

DIED = "the worker that ran it was killed"
IDLE = 20.0  # seconds after which workers without a trial end
_TASKS: dict[str, Task] = {}  # in a worker: what it was told
_RESTING: dict[tuple[int, int], Any] = {}  # processes of the last search, for the next one


class Inline:
    """Runs trials here, one after the other.

    Parameters
    ----------
    task : what all trials share.
    """

    def __init__(self, task: Task) -> None:
        self.task = task

    def submit(self, job: Job) -> Future[Outcome]:
        """Run it; the future is done."""
        future: Future[Outcome] = Future()
        future.set_result(run_trial(self.task, job))
        return future

    def renew(self) -> None:
        """There is nothing to forget."""

    def close(self, kill: bool = False) -> None:
        """There is nothing to end."""


class Pool:
    """Runs trials in processes of their own.

    Parameters
    ----------
    task : what all trials share. workers : how many processes. threads : of the processor, for each.

    Raises
    ------
    InvalidParameter : an estimator or a scorer that cannot be sent to another process.
    """

    def __init__(self, task: Task, workers: int, threads: int) -> None:
        self.workers = workers
        self.threads = threads
        self._folder = tempfile.TemporaryDirectory(prefix="netwright-search-")
        path = Path(self._folder.name)
        try:
            (path / "task").write_bytes(reduction.dumps((task.estimator, task.score, task.pruning)))
        except Exception as error:
            self._folder.cleanup()
            got = f"one that cannot be sent: {' '.join(str(error).split())}"
            remedy = "Search with workers=1, or take out of it what holds files, locks or connections."
            raise InvalidParameter(problem("search(estimator)", "what other processes can run", got, remedy)) from error
        joblib.dump(task.rows, path / "rows")
        self._pool: Any = None

    def submit(self, job: Job) -> Future[Outcome]:
        """Hand it over; the future fails where the worker dies."""
        try:
            future: Future[Outcome] = self._started().submit(_run_in_worker, self._folder.name, job)
        except loky.BrokenProcessPool:  # a worker died since the last trial
            self.renew()
            future = self._started().submit(_run_in_worker, self._folder.name, job)
        return future

    def _started(self) -> Any:
        if self._pool is None:
            self._pool = _RESTING.pop((self.workers, self.threads), None)
        if self._pool is None:
            names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
            environment = {name: str(self.threads) for name in names}
            self._pool = loky.ProcessPoolExecutor(self.workers, timeout=IDLE, env=environment)
        return self._pool

    def renew(self) -> None:
        """Forget the processes, of which one has died; the next trial starts new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=True)

    def close(self, kill: bool = False) -> None:
        """Let the processes rest for the next search, or kill them in the middle of what they do."""
        if kill:
            self.renew()
        elif self._pool is not None:
            resting = _RESTING.setdefault((self.workers, self.threads), self._pool)
            if resting is not self._pool:
                self.renew()
        self._pool = None
        self._folder.cleanup()


def outcome_of(future: Future[Outcome]) -> Outcome:
    """How a trial ended; "killed" where its worker died."""
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, KeyboardInterrupt):
        raise error
    reason = f"{DIED}" if "terminated" in str(error).lower() else f"{DIED}: {' '.join(str(error).split())}"
    return Outcome(KILLED, reason=reason[:300])


def _run_in_worker(folder: str, job: Job) -> Outcome:
    if folder not in _TASKS:
        path = Path(folder)
        estimator, score, pruning = pickle.loads((path / "task").read_bytes())
        _TASKS.clear()
        _TASKS[folder] = Task(estimator, joblib.load(path / "rows", mmap_mode="c"), score, pruning)
    return run_trial(_TASKS[folder], job)


def processors() -> int:
    """How many processors this process may use."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1))
