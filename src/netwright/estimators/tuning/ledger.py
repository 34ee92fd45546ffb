"""The ledger: all that is known of a search, in a storage of Optuna's that several processes and machines may share.

Every fact is one write. A trial is entered with its slot, its draw and its owner at once; its outcome is written before
its state. So a process may be killed between any two writes, and what is there is either whole or not begun:

================================ ==================================================================
killed                           what the next one finds and does
================================ ==================================================================
before a trial is entered        a vacant slot: draws it anew, the same
while it runs                    a running trial of a dead owner: marked as killed, and run again
after its outcome is written     the outcome: the state is set, nothing is run again
================================ ==================================================================

Storages: the memory; a journal file, for one machine or a shared disk; a database, for many machines.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.estimators.tuning import owner as owners
from netwright.estimators.tuning.engine import optuna, quiet, template
from netwright.estimators.tuning.fingerprint import compare
from netwright.estimators.tuning.journal_lock import HAS_LOCKS, JournalLock
from netwright.estimators.tuning.records import ORPHANED, RETURNED, Outcome, Record, Slots
from netwright.estimators.tuning.space import Space

SURPLUS = "surplus"  # the outcome of an attempt at a slot that another process has just taken
SEARCH = "netwright"  # names of studies and attributes begin so
DATABASES = ("sqlite", "postgresql", "mysql", "mariadb", "oracle", "mssql")
DRIVERS = {
    "psycopg": "'psycopg[binary]'",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
}  # where names differ
_PASSWORD = re.compile(r"(://[^:/@]*):[^@/]*@")
_KEPT = "What was written to it is kept: the same call goes on from there."


class Ledger:
    """The records of one search.

    Parameters
    ----------
    storage : None for the memory, the path of a journal file, or the URL of a database.
    identity : what tells this search from others; see `fingerprint`. A seed of None takes that of the storage.
    stages : names of the stages.

    Raises
    ------
    InvalidParameter : a storage that is no path and no URL.
    InvalidData : a storage that cannot be opened, or that has another search.
    """

    def __init__(self, storage: Any, identity: Mapping[str, Any], stages: tuple[str, ...]) -> None:
        self.name = _named(storage)
        self.lasting = storage is not None
        self.owner = owners.begin()
        self._watcher = owners.Watcher()
        try:
            with self._guard(), quiet():
                self._storage = _opened(storage)
                self._studies = {stage: self._study(stage) for stage in stages}
            self.identity = self._join(identity)
        except BaseException:
            owners.end(self.owner)
            raise

    @property
    def seed(self) -> int:
        """The seed of the search: the one that was given, or that the first process drew."""
        return int(self.identity["seed"])

    def close(self) -> None:
        """Give up the trials that this process still runs, so that the next search runs them."""
        try:
            for stage in self._studies:
                for record in self.records(stage):
                    if record.outcome is None and record.owner.get("search") == self.owner["search"]:
                        self.tell(record, Outcome(RETURNED, reason="the search was interrupted"))
        finally:
            owners.end(self.owner)

    def records(self, stage: str) -> list[Record]:
        """All attempts of a stage, by number."""
        with self._guard():
            frozen = self._storage.get_all_trials(self._studies[stage], deepcopy=False)
        found = [_record(trial) for trial in frozen if "slot" in trial.user_attrs]
        return [record for record in found if record.outcome is None or record.outcome.state != SURPLUS]

    def slots(self, stage: str, count: int) -> Slots:
        """The slots of a stage."""
        return Slots(count, self.records(stage))

    def study(self, stage: str) -> Any:
        """Optuna's study of a stage, with nothing cached."""
        with quiet():
            return optuna().study.Study(study_name=_study_name(stage), storage=self._storage)

    def enter(self, stage: str, slot: int, drawn: Mapping[str, Any], space: Space) -> Record | None:
        """Begin a trial; None where another process was faster."""
        with self._guard():
            known = self._storage.get_study_user_attrs(self._studies[stage]).get("search")
            compare(self.name, json.loads(known), self.identity)
            made = template(space, drawn, {"slot": slot, "owner": self.owner})
            trial = self._storage.create_new_trial(self._studies[stage], template_trial=made)
        mine = next(record for record in self.records(stage) if record.id == trial)
        rivals = [r for r in self.records(stage) if r.slot == slot and not r.void and r.number < mine.number]
        if rivals:
            self.tell(mine, Outcome(SURPLUS))
            return None
        return mine

    def tell(self, record: Record, outcome: Outcome) -> None:
        """Write how a trial ended; nothing where somebody else has written that already."""
        with self._guard():
            try:
                self._storage.set_trial_user_attr(record.id, "outcome", outcome.to_json())
                self._settle(record.id, outcome)
            except optuna().exceptions.UpdateFinishedTrialError:  # a process that was taken for dead
                pass

    def reap(self, stage: str) -> int:
        """Settle the trials of dead processes; how many of them were killed."""
        count = 0
        with self._guard():
            signs = self._storage.get_study_user_attrs(self._first)
        for record in self.records(stage):
            if record.settled or record.owner.get("search") == self.owner["search"]:
                continue
            if not self._watcher.is_dead(record.owner, signs.get(f"alive {record.owner.get('search')}")):
                continue
            count += record.outcome is None
            where = f"{record.owner.get('host')}, process {record.owner.get('pid')}"
            self.tell(record, record.outcome or Outcome(ORPHANED, reason=f"its process died ({where})"))
        return count

    def beat(self) -> None:
        """Give a sign of life."""
        sign = round(time.time(), 1)
        self._storage.set_study_user_attr(self._first, f"alive {self.owner['search']}", sign)

    @property
    def _first(self) -> int:
        return next(iter(self._studies.values()))

    def _study(self, stage: str) -> int:
        made = optuna().create_study(
            study_name=_study_name(stage), storage=self._storage, direction="maximize", load_if_exists=True
        )
        number: int = self._storage.get_study_id_from_name(made.study_name)
        return number

    def _join(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        """The identity of the search, with its seed; the first process writes it."""
        mine: dict[str, Any] = json.loads(json.dumps(dict(identity)))
        with self._guard():
            for study in self._studies.values():
                known = self._storage.get_study_user_attrs(study).get("search")
                if known is None:
                    self._require_empty(study)
                    fresh = {**mine, "seed": mine["seed"] if mine["seed"] is not None else mine["entropy"]}
                    self._storage.set_study_user_attr(study, "search", json.dumps({**fresh, "entropy": None}))
                known = self._storage.get_study_user_attrs(study)["search"]
                compare(self.name, json.loads(known), {**mine, "entropy": None})
                mine["seed"] = json.loads(known)["seed"]
        return {**mine, "entropy": None}

    def _require_empty(self, study: int) -> None:
        found = self._storage.get_all_trials(study, deepcopy=False)
        if found:
            got = f"{len(found)} trials of another program"
            raise InvalidData(problem(self.name, "a storage of a search of netwright's", got, "Give another storage."))

    def _settle(self, trial: int, outcome: Outcome) -> None:
        states = optuna().trial.TrialState
        state = {"complete": states.COMPLETE, "pruned": states.PRUNED}.get(outcome.state, states.FAIL)
        values = [outcome.score] if state is not states.FAIL and outcome.score is not None else None
        self._storage.set_trial_state_values(trial, state=state, values=values)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """What a storage raises, in the house's form."""
        try:
            yield
        except (InvalidData, InvalidParameter):
            raise
        except Exception as error:
            reason = " ".join(_hidden(str(error) or type(error).__name__).split()).rstrip(".")
            text = problem(self.name, "a storage that can be read and written", reason, _KEPT if self.lasting else "")
            raise InvalidData(text) from error


def _record(trial: Any) -> Record:
    outcome = trial.user_attrs.get("outcome")
    settled = trial.state.is_finished()
    if outcome is not None:
        ended: Outcome | None = Outcome.from_json(outcome)
    else:  # ended by another program
        ended = Outcome("failed", reason="ended by another program") if settled else None
    attributes = trial.user_attrs
    return Record(
        trial._trial_id, trial.number, attributes["slot"], trial.params, attributes.get("owner", {}), ended, settled
    )


def _study_name(stage: str) -> str:
    return f"{SEARCH} {stage}"


def _named(storage: Any) -> str:
    """How errors call a storage; passwords are left out."""
    return "storage" if storage is None else f"storage {_hidden(str(storage))!r}"


def _hidden(text: str) -> str:
    return _PASSWORD.sub(r"\1:***@", text)


def _opened(storage: Any) -> Any:
    """The storage that an option names."""
    storages = optuna().storages
    if storage is None:
        return storages.InMemoryStorage()
    if isinstance(storage, str) and "://" in storage:
        return _database(storage)
    if not isinstance(storage, (str, os.PathLike)) or not os.fspath(storage):
        expected = "None, the path of a journal file, or the URL of a database"
        raise InvalidParameter(problem("storage", expected, shown(storage), "Such as 'search.journal'."))
    path = os.path.abspath(os.fspath(storage))
    _require_journal(path, str(storage))
    journal = storages.journal
    lock = JournalLock(path) if HAS_LOCKS else journal.JournalFileOpenLock(path)
    return storages.JournalStorage(journal.JournalFileBackend(path, lock_obj=lock))


def _database(url: str) -> Any:
    """The storage in a database.

    Raises
    ------
    InvalidParameter : a kind of database that is not known, or whose driver is not installed.
    """
    options = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    where, scheme = _named(url), url.partition("://")[0]
    try:
        return optuna().storages.RDBStorage(url, engine_kwargs=options)
    except ImportError as error:
        module = getattr(error.__cause__ or error.__context__, "name", None) or "one"
        remedy = f"Install it: pip install {DRIVERS.get(module, module)}." if module != "one" else ""
        expected = f"an installed driver for {scheme.partition('+')[0]}"
        raise InvalidParameter(problem(where, expected, f"no package {module!r}", remedy)) from error
    except Exception as error:
        if type(error).__name__ != "NoSuchModuleError":  # SQLAlchemy's, which is not loaded before
            raise
        expected = "the URL of a known kind of database"
        raise InvalidParameter(problem(where, expected, repr(scheme), did_you_mean(scheme, DATABASES))) from error


def _require_journal(path: str, name: str) -> None:
    """Refuse a folder, and a file of something else, before anything is written to it."""
    if os.path.isdir(path):
        raise InvalidData(problem(f"storage {name!r}", "a file", "a folder", "Give the name of a file in it."))
    if not os.path.isdir(os.path.dirname(path)):
        got = f"no folder {os.path.dirname(path)!r}"
        raise InvalidData(problem(f"storage {name!r}", "a file in a folder that there is", got, "Make it first."))
    if not os.path.exists(path) or not os.path.getsize(path):
        return
    with open(path, "rb") as file:
        line = file.readline(65536)
    try:
        first = json.loads(line)
    except ValueError:
        first = None
    if not isinstance(first, dict) or "op_code" not in first:
        got = f"a file that begins with {shown(line[:40])}"
        raise InvalidData(problem(f"storage {name!r}", "a journal of a search", got, "Give another name."))
