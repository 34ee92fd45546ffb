"""Fits by several processes: as one process makes them, errors as they are, and after a process was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter, ProcessLost
from netwright.layers import BatchNorm, ReLU, Softmax
from netwright.train import Devices

PROGRAM = Path(__file__).with_name("program.py")
X, Y = load_digits(return_X_y=True)
X, Y = X[:600] / 16, Y[:600]
FIT = nw.Classifier(ReLU(16) >> Softmax(10), epochs=2, validation=0.3, precision="float64", random_state=0)


def weights(fitted):
    return torch.cat([p.detach().flatten() for p in fitted.module_.parameters()])


@pytest.mark.slow
def test_a_fit_by_two_processes_and_what_comes_after_it():
    one = clone(FIT).fit(X, Y)
    two = clone(FIT).set_params(devices=2).fit(X, Y)
    torch.testing.assert_close(weights(two), weights(one), rtol=0, atol=1e-12)
    np.testing.assert_allclose(two.predict_proba(X), one.predict_proba(X), atol=1e-12)
    assert two.get_params()["devices"] == 2
    assert two.history_["validation_score"] == one.history_["validation_score"]
    two.set_params(devices=1)
    torch.testing.assert_close(weights(two.partial_fit(X, Y)), weights(one.partial_fit(X, Y)), rtol=0, atol=1e-12)


@pytest.mark.slow
def test_errors_of_a_fit_are_raised_as_they_are_and_lose_nothing():
    fitted = clone(FIT).fit(X, Y)
    before = weights(fitted)
    fitted.set_params(devices=2, network=ReLU(16) >> Softmax(4))
    with pytest.raises(InvalidData, match=r"outputs of shape \(10,\)"):
        fitted.fit(X, Y)
    assert torch.equal(weights(fitted), before)


@pytest.mark.parametrize("wrong", [0, "many", 1.5, None])
def test_devices_that_cannot_be(wrong):
    with pytest.raises(InvalidParameter, match="devices"):
        clone(FIT).set_params(devices=wrong).fit(X, Y)


class Suicide:
    """A callback that kills its process."""

    def on_epoch_end(self, run):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_process_that_dies_is_told_of_at_once():
    begin = time.monotonic()
    with pytest.raises(ProcessLost, match="process 0 ended with SIGKILL"):
        clone(FIT).set_params(devices=2, callbacks=[Suicide()]).fit(X, Y)
    assert time.monotonic() - begin < 90


@pytest.mark.slow
def test_shards_with_statistics_of_batches():
    fit = clone(FIT).set_params(network=ReLU(16) >> BatchNorm() >> Softmax(10))
    copies = clone(fit).set_params(devices=2).fit(X, Y)
    shards = clone(fit).set_params(devices=Devices(2, sharded=True)).fit(X, Y)
    torch.testing.assert_close(weights(copies), weights(shards), rtol=0, atol=1e-12)
    assert shards.score(X, Y) == copies.score(X, Y)


def launched(folder: Path, kind: str, step: int) -> str:
    """The hash that a fit by two processes under torchrun ends with."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1"]
    threads = {**os.environ, "OMP_NUM_THREADS": "1"}
    command += [str(PROGRAM), str(folder), kind, str(step)]
    done = subprocess.run(command, capture_output=True, text=True, env=threads, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(f"{folder}.hash").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["copies", "sharded"])
def test_a_killed_process_is_restarted_and_all_end_with_the_same_bits(kind, tmp_path):
    whole = launched(tmp_path / "whole", kind, 0)
    for step in (3, 57):  # in the first epoch, before anything is written down, and in the third
        killed = tmp_path / f"killed{step}"
        assert launched(killed, kind, step) == whole
        assert Path(f"{killed}.killed").exists()
