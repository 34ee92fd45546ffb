"""Two processes at one run are one: torch.distributed with gloo, copies of the network and shards of it."""

from __future__ import annotations

import ast
import multiprocessing
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from netwright.core.errors import ProcessLost
from netwright.train import Group
from netwright.train.processes.launching import UNGUARDED, launch

PROGRAM = Path(__file__).with_name("program.py")
OWN = runpy.run_path(str(PROGRAM))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes have found, started by torchrun."""
    where = tmp_path_factory.mktemp("together")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", PROGRAM, where]
    threads = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=threads, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return where


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["copies", "sharded"])
@pytest.mark.parametrize("case", OWN["CASES"])
def test_two_processes_make_the_steps_of_one(folder, case, kind):
    one = OWN["result"](OWN["run_of"](case, Group.alone))
    first, second = (torch.load(folder / f"{kind}-{rank}.pt")[case] for rank in (0, 1))
    assert torch.equal(first["theta"], second["theta"])
    for name in ("theta", "losses", "scores", "ratios", "penalty"):
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], one[name], rtol=0, atol=1e-12)
    if case != "frozen" or kind == "copies":  # moments of shards by name are not brought together
        assert len(first["moments"]) == len(one["moments"])
        for mine, theirs in zip(one["moments"], first["moments"], strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_what_cannot_be_done_together_is_named(folder):
    for rank in (0, 1):
        said = ast.literal_eval((folder / f"said-{rank}.txt").read_text())
        assert "InvalidData: fit: expected the same rows in every process, got other rows in process 1" in said["rows"]
        assert "InvalidParameter: devices: expected the 2 processes that were started" in said["count"]
        assert "a rule that takes gradients" in said["rule"]


def test_a_program_that_cannot_be_imported_is_named(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
        with pytest.raises(SystemExit, match=str(UNGUARDED)):  # in the process that imports it
            launch(print, 2)
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__spec__", None, raising=False)
    monkeypatch.setattr(main, "__file__", "<stdin>", raising=False)
    with pytest.raises(ProcessLost, match=r"a program in a file.*got one from standard input\. Write it to a file"):
        launch(print, 2)


@pytest.mark.slow
def test_a_program_without_a_guard_is_told_of_the_guard(tmp_path):
    program = tmp_path / "plain.py"
    program.write_text("from netwright.train.processes.launching import launch\nlaunch(print, 2)\n")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert (
        "got one that starts processes as it is imported. Put what the program does under `if __name__ =="
        in done.stderr
    )
    assert "bootstrapping" not in done.stderr
