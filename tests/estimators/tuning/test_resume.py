"""A search goes on where it was killed: no trial is lost, none is left running, and the result is the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.estimators.tuning import owner
from netwright.estimators.tuning.records import LIMITS, ORPHANED

posix = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
SPACE = {"max_depth": nw.integers(1, 6), "min_impurity_decrease": nw.log_uniform(1e-4, 0.1)}
Table = Callable[[Any], list[dict[str, Any]]]
CALL = {"trials": 10, "random_state": 3, "refit": False}
SCRIPT = """
    import os, signal, sys, time
    import numpy as np
    import netwright as nw
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2)), np.arange(40) % 2
    space = {"max_depth": nw.integers(1, 6), "min_impurity_decrease": nw.log_uniform(1e-4, 0.1)}
    calls = 0

    def accuracy(tree, X, y):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return score(tree, X, y)

    score, DecisionTreeClassifier.score = DecisionTreeClassifier.score, accuracy
    nw.search(DecisionTreeClassifier(), space, X, y, trials=10, random_state=3, refit=False, storage=sys.argv[1])
"""


def killed(storage: Path, at: int) -> None:
    """A search in another process that is killed in the middle of its trial number `at`."""
    run = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(storage), str(at)]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def states(storage: Path) -> list[str]:
    """The states of all trials in a journal."""
    journal = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(storage)))
    studies = optuna.get_all_study_names(journal)
    found = [t.state.name for name in studies for t in optuna.load_study(study_name=name, storage=journal).trials]
    return found


@posix
def test_a_killed_search_goes_on(tmp_path: Path, rows: Any, table: Table) -> None:
    journal = tmp_path / "search.journal"
    killed(journal, at=4)
    assert states(journal).count("RUNNING") == 1
    with journal.open("ab") as file:
        file.write(b'{"op_code":6,"worker_id":"cut')  # and it was in the middle of a line
    tree = DecisionTreeClassifier()
    again = nw.search(tree, SPACE, *rows, storage=journal, **CALL)
    whole = nw.search(tree, SPACE, *rows, **CALL)
    assert table(again) == table(whole)
    assert [row["attempts"] for row in again.rows_] == [1, 1, 1, 2, *[1] * 6]
    assert "RUNNING" not in states(journal)
    assert states(journal).count("FAIL") == 1
    before = journal.stat().st_size
    third = nw.search(tree, SPACE, *rows, storage=journal, **CALL)
    assert table(third) == table(whole)
    assert journal.stat().st_size - before < 1500  # only that it looked


@posix
@pytest.mark.slow
def test_a_killed_worker_takes_no_trial_along(tmp_path: Path, rows: Any, table: Table) -> None:
    flag = tmp_path / "killed"
    here = os.getpid()

    def accuracy(tree: Any, X: Any, y: Any) -> float:
        if not flag.exists() and os.getpid() != here:
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return float(tree.score(X, y))

    tree = DecisionTreeClassifier()
    made = nw.search(tree, SPACE, *rows, scoring=accuracy, workers=2, **CALL)
    assert flag.exists()
    assert table(made) == table(nw.search(tree, SPACE, *rows, scoring=accuracy, **CALL))
    assert sum(row["attempts"] > 1 for row in made.rows_) in (1, 2)


def test_an_interrupted_search_goes_on(tmp_path: Path, bowl: Any, rows: Any, table: Table) -> None:
    space = {"rate": nw.log_uniform(1e-4, 1), "width": [4, 8]}
    count = 0

    def score(model: Any, X: Any, y: Any) -> float:
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        return float(model.score(X, y))

    journal = tmp_path / "a.journal"
    with pytest.raises(KeyboardInterrupt):
        nw.search(bowl, space, *rows, storage=journal, scoring=score, **CALL)
    assert "RUNNING" not in states(journal)
    again = nw.search(bowl, space, *rows, storage=journal, scoring=score, **CALL)
    whole = nw.search(bowl, space, *rows, scoring=score, **CALL)
    assert table(again) == table(whole)
    assert again.rows_[4]["attempts"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("method", ["random", "tpe"])
def test_a_database_goes_on_too(tmp_path: Path, bowl: Any, rows: Any, table: Table, method: str) -> None:
    space = {"rate": nw.log_uniform(1e-4, 1), "kind": ["a", None, 1, 1.0, True]}
    url = f"sqlite:///{tmp_path / 'search.db'}"
    made = nw.search(bowl, space, *rows, storage=url, method=method, **CALL)
    assert table(made) == table(nw.search(bowl, space, *rows, storage=url, method=method, **CALL))
    assert table(made) == table(nw.search(bowl, space, *rows, method=method, **CALL))


def test_more_trials_may_follow_where_there_is_one_stage(tmp_path: Path, bowl: Any, rows: Any, table: Table) -> None:
    space, call = {"rate": nw.log_uniform(1e-4, 1)}, {"random_state": 0, "stages": "one", "refit": False}
    first = nw.search(bowl, space, *rows, trials=4, storage=tmp_path / "j", **call)
    more = nw.search(bowl, space, *rows, trials=7, storage=tmp_path / "j", **call)
    assert table(more)[:4] == table(first)
    assert table(more) == table(nw.search(bowl, space, *rows, trials=7, **call))


def test_without_a_seed_the_first_one_is_taken_up(tmp_path: Path, bowl: Any, rows: Any, table: Table) -> None:
    space = {"rate": nw.log_uniform(1e-4, 1)}
    first, second = (nw.search(bowl, space, *rows, trials=4, storage=tmp_path / "j") for _ in range(2))
    assert table(first) == table(second)
    with pytest.raises(InvalidData, match="the seed of the search that it has"):
        nw.search(bowl, space, *rows, trials=4, storage=tmp_path / "j", random_state=1)


def test_another_search_is_refused(tmp_path: Path, bowl: Any, rows: Any) -> None:
    X, y = rows
    space, journal = {"rate": nw.log_uniform(1e-4, 1)}, tmp_path / "j"
    nw.search(bowl, space, X, y, storage=journal, **CALL)
    other = X.copy()
    other[3, 1] += 1e-9
    cases: list[tuple[str, Any, Any, Any, dict[str, Any]]] = [
        ("the data 'X' of the search", bowl, space, other, {}),
        ("the data 'y' of the search", bowl, space, X, {"y": 1 - y}),
        ("the space 'rate' of the search that it has, 'log_uniform", bowl, {"rate": nw.uniform(1e-4, 1)}, X, {}),
        ("the estimator 'width' of the search that it has, '1'", type(bowl)(width=2), space, X, {}),
        ("the estimator of the search", DecisionTreeClassifier(), {"max_depth": [1, 2]}, X, {}),
        ("the method of the search", bowl, space, X, {"method": "tpe"}),
        ("the trials of the search that it has, 10", bowl, space, X, {"trials": 11}),
        ("the data 'validation' of the search", bowl, space, X, {"validation": 0.5}),
    ]
    before = journal.read_bytes()
    for text, estimator, ranges, features, options in cases:
        call = {"y": y, **CALL, **options}
        with pytest.raises(InvalidData, match=text) as caught:
            nw.search(estimator, ranges, features, storage=journal, **call)
        assert "or another storage for a new one" in str(caught.value)
        assert repr(str(journal)) in str(caught.value)
    assert journal.read_bytes()[: len(before)] == before
    assert len(states(journal)) == 10


def test_storages_that_cannot_be_used(tmp_path: Path, bowl: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "table.csv"
    table.write_bytes(b"a,b\n1,2")
    cases: list[tuple[Any, str]] = [
        (tmp_path, "a file, got a folder"),
        (tmp_path / "no" / "j", "a file in a folder that there is"),
        (table, "a journal of a search, got a file that begins with"),
        (f"sqlite:///{tmp_path / 'no' / 'search.db'}", "unable to open database file"),
    ]
    for storage, text in cases:
        with pytest.raises(InvalidData, match=text) as caught:
            nw.search(bowl, {"rate": [1.0, 2.0]}, *rows, storage=storage, **CALL)
        assert "secret" not in str(caught.value)
    assert table.read_bytes() == b"a,b\n1,2"
    with pytest.raises(InvalidParameter, match="the path of a journal file, or the URL"):
        nw.search(bowl, {"rate": [1.0, 2.0]}, *rows, storage=3, **CALL)
    foreign = tmp_path / "foreign.journal"
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(foreign)))
    optuna.create_study(study_name="netwright one", storage=storage, direction="maximize").ask()
    with pytest.raises(InvalidData, match="1 trials of another program"):
        nw.search(bowl, {"rate": [1.0, 2.0]}, *rows, storage=foreign, **{**CALL, "stages": "one"})


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mysterious://me:secret@nowhere/db", r"me:\*\*\*@nowhere/db': .* a known kind of database, got 'mysterious'"),
        ("postgres://me:secret@nowhere/db", r"got 'postgres'. Did you mean 'postgresql'\?"),
        ("mysql+nosuchdriver://me:secret@nowhere/db", "got 'mysql.nosuchdriver'"),
        ("firebird://me:secret@nowhere/db", "Choose one of: sqlite, postgresql"),
    ],
)
def test_databases_that_are_not_known(bowl: Any, rows: Any, url: str, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text) as caught:
        nw.search(bowl, {"rate": [1.0, 2.0]}, *rows, storage=url, **CALL)
    assert "secret" not in str(caught.value)


def test_a_driver_that_is_missing_is_named(bowl: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    text = "an installed driver for postgresql, got no package 'psycopg2'. Install it: pip install psycopg2-binary"
    with pytest.raises(InvalidParameter, match=text):
        nw.search(bowl, {"rate": [1.0, 2.0]}, *rows, storage="postgresql+psycopg2://me@nowhere/db", **CALL)


def test_functions_are_told_apart_by_what_they_do(tmp_path: Path, bowl: Any, rows: Any) -> None:
    def scored(factor: float) -> Any:
        return lambda model, X, y: factor * model.score(X, y)

    def search(scoring: Any, make: Any) -> Any:
        space = {"rate": nw.varied(make, power=[-1, -2]), "kind": [scored(1.0), "a"]}
        return nw.search(bowl, space, *rows, storage=tmp_path / "j", scoring=scoring, **CALL)

    first = search(scored(1.0), lambda power: 10.0**power)
    assert search(scored(1.0), lambda power: 10.0**power).best_score_ == first.best_score_
    with pytest.raises(InvalidData, match="the scoring of the search that it has"):
        search(scored(2.0), lambda power: 10.0**power)
    with pytest.raises(InvalidData, match="the space 'rate' of the search that it has"):
        search(scored(1.0), lambda power: 9.0**power)


def test_datasets_are_told_apart_by_their_rows(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(30, 2)).astype("f4"), np.arange(30) % 2
    other = X.copy()
    other[-1, 0] += 1
    tree = DecisionTreeClassifier()

    def search(journal: str, data: Any) -> Any:
        return nw.search(tree, {"max_depth": [1, 2]}, data, storage=tmp_path / journal, **{**CALL, "trials": 2})

    def dataset(rows: Any) -> Any:
        return torch.utils.data.TensorDataset(torch.from_numpy(rows), torch.from_numpy(y))

    assert search("sets", dataset(X)).best_score_ == search("sets", dataset(X)).best_score_
    with pytest.raises(InvalidData, match="the data 'X' of the search that it has, 'TensorDataset of 30 "):
        search("sets", dataset(other))


@posix
def test_a_locked_journal_is_named_and_kept(
    tmp_path: Path, bowl: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    journal = tmp_path / "j"
    nw.search(bowl, {"rate": [1.0, 2.0]}, *rows, storage=journal, **CALL)
    before = journal.read_bytes()
    monkeypatch.setattr("netwright.estimators.tuning.journal_lock.JournalLock.__init__.__defaults__", (0.05,))
    with Path(f"{journal}.netwright-lock").open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = r"^[^ ]*j.netwright-lock: expected a lock that is free, got [^.]*0.05 s\. End that program [^.]*kept\.$"
        with pytest.raises(InvalidData, match=text):
            nw.search(bowl, {"rate": [1.0, 2.0]}, *rows, storage=journal, **{**CALL, "random_state": 4})
    assert journal.read_bytes() == before


@posix
@pytest.mark.slow
def test_two_processes_share_the_trials(
    tmp_path: Path, rows: Any, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "j"
    run = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(journal), "0"]
    other = subprocess.Popen(run, stderr=subprocess.PIPE, text=True)
    slow, score = DecisionTreeClassifier(), DecisionTreeClassifier.score

    def later(tree: Any, X: Any, y: Any) -> float:
        time.sleep(0.05)
        return float(score(tree, X, y))

    monkeypatch.setattr(DecisionTreeClassifier, "score", later)
    begin = time.monotonic()
    while not (journal.exists() and b"slot" in journal.read_bytes()) and time.monotonic() - begin < 60:
        time.sleep(0.01)
    made = nw.search(slow, SPACE, *rows, storage=journal, **CALL)
    _, errors = other.communicate(timeout=60)
    assert other.returncode == 0, errors
    assert table(made) == table(nw.search(slow, SPACE, *rows, **CALL))
    valid = [state for state in states(journal) if state != "FAIL"]  # FAIL: both began one at once
    assert valid == ["COMPLETE"] * 10


def test_trials_of_a_dead_process_are_run_again_but_not_for_ever(tmp_path: Path, bowl: Any, rows: Any) -> None:
    space, journal = {"rate": nw.log_uniform(1e-4, 1)}, tmp_path / "j"
    call = {"stages": "one", "trials": 3, "random_state": 0, "refit": False}
    nw.search(bowl, space, *rows, storage=journal, **call)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    study = optuna.load_study(study_name="netwright one", storage=storage)
    dead = {**owner.begin(), "pid": 2**22 + 1, "start": "7"}
    for _ in range(LIMITS[ORPHANED]):
        number = storage.create_new_trial(
            study._study_id,
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params={"rate": 0.1},
                distributions={"rate": optuna.distributions.FloatDistribution(1e-4, 1, log=True)},
                user_attrs={"slot": 3, "owner": dead},
            ),
        )
        assert number
    made = nw.search(bowl, space, *rows, storage=journal, **{**call, "trials": 5})
    assert [row["state"] for row in made.rows_] == ["complete", "complete", "complete", "failed", "complete"]
    assert made.rows_[3]["attempts"] == LIMITS[ORPHANED]
    assert "its process died" in made.rows_[3]["reason"]
    assert "RUNNING" not in states(journal)


def test_an_outcome_that_was_written_counts(tmp_path: Path, bowl: Any, rows: Any) -> None:
    """The process was killed between an outcome and its state: nothing is run again."""
    space, journal = {"rate": [0.1, 0.2]}, tmp_path / "j"
    call = {"stages": "one", "random_state": 0, "refit": False, "storage": journal}
    nw.search(bowl, space, *rows, trials=1, **call)
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    entries = [json.loads(line) for line in lines]
    last = max(i for i, entry in enumerate(entries) if entry.get("state") == 1)
    journal.write_text("".join(lines[:last]), encoding="utf-8")
    assert states(journal) == ["RUNNING"]
    text = journal.read_text(encoding="utf-8")
    pid = f'"pid":{os.getpid()}'
    assert pid in text
    journal.write_text(text.replace(pid, f'"pid":{2**22 + 1}'), encoding="utf-8")
    made = nw.search(bowl, space, *rows, trials=2, **call)
    assert [row["attempts"] for row in made.rows_] == [1, 1]
    assert states(journal) == ["COMPLETE", "COMPLETE"]


def test_signs_of_life_tell_the_dead_of_other_machines() -> None:
    watcher = owner.Watcher(silence=0.05)
    far = {"place": "elsewhere", "host": "h", "pid": 1, "start": "1", "search": "s"}
    assert not watcher.is_dead(far, 1.0)
    time.sleep(0.06)
    assert not watcher.is_dead(far, 2.0)
    time.sleep(0.06)
    assert watcher.is_dead(far, 2.0)
    here = owner.begin()
    assert not watcher.is_dead(here, None)
    owner.end(here)
    assert watcher.is_dead(here, None)
    assert watcher.is_dead({**here, "start": "another process of that number"}, None)


def test_rates_are_numbers_of_numpy_too(bowl: Any, rows: Any) -> None:
    made = nw.search(bowl, {"rate": np.geomspace(1e-3, 1, 4)}, *rows, **CALL)
    assert {type(row["params"]["rate"]) for row in made.rows_} == {float}
