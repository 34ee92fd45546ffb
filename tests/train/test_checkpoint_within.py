"""A run that is killed within an epoch goes on from the batch that was written down last, to the same bits."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import textwrap

import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits

import netwright as nw
from netwright.core import storage
from netwright.core.errors import InvalidParameter
from netwright.core.generations import Generations
from netwright.layers import BatchNorm, Conv, Dropout, Flatten, Linear, ReLU, Softmax
from netwright.optim import SGD, Adam, Averaged, Clip, Freeze, Lookahead, cosine, on_plateau
from netwright.train import Checkpoints, bounds

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
DENSE = ReLU(16) >> Dropout(0.2) >> Softmax(10)
IMAGES = Conv(4, 3) >> BatchNorm() >> ReLU() >> Flatten() >> Softmax(10)
FITS = {
    "patience": nw.Classifier(DENSE, validation=0.3, patience=2, optimizer=SGD(1.5)),
    "average": nw.Classifier(DENSE, average=0.9, optimizer=Adam(cosine(0.01))),
    "statistics": nw.Classifier(IMAGES, optimizer=Clip(Adam(0.01), 1.0)),
    "wrapped": nw.Classifier(DENSE, optimizer=Lookahead(Averaged(SGD(on_plateau(0.5), momentum=0.9), 0.9), every=4)),
    "numbers": nw.Regressor(ReLU(8) >> Linear(1), optimizer=Freeze(Adam(0.01), "relu1"), regularizer=nw.l2(0.01)),
    "augmented": nw.Classifier(IMAGES, augment="Rotate(20), Flip(0.5)"),
    "bf16": nw.Classifier(DENSE, precision="bf16"),
}


class Killed(BaseException):
    """What no program catches."""


def bits(fitted):
    """A hash of all numbers, and what was recorded."""
    digest = hashlib.sha256()
    for tensor in fitted.module_.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    records = [{k: v for k, v in record.items() if k != "seconds"} for record in fitted.history_]
    return digest.hexdigest(), repr(records), fitted.n_iter_, fitted.best_epoch_


def killed_after(step):
    """A callback that ends the process after so many updates in all."""

    class Kill:
        def __init__(self):
            self.count = 0

        def on_batch_start(self, run):
            if run.epoch * len(run.batches) + run.batch == step:
                raise Killed

    return [Kill()]


def rows_of(fit):
    return X if fit.network != IMAGES else X.reshape(-1, 1, 8, 8)


def cut(fit, folder, step, every=1):
    """The fit, killed after so many updates and begun again."""
    once = clone(fit).set_params(checkpoint=Checkpoints(str(folder), steps=every, seconds=None))
    with pytest.raises(Killed):
        clone(once).set_params(callbacks=killed_after(step)).fit(rows_of(fit), Y)
    return once.fit(rows_of(fit), Y)


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize(
    "steps", [(7, 19, 30), pytest.param(tuple(range(1, 40)), marks=pytest.mark.slow)], ids=["some", "every step"]
)
def test_a_fit_goes_on_from_any_step(name, steps, tmp_path):
    fit = clone(FITS[name]).set_params(epochs=4, batch_size=30, random_state=0)
    whole = clone(fit).set_params(checkpoint=Checkpoints(str(tmp_path / "whole"))).fit(rows_of(fit), Y)
    in_all = whole.n_iter_ * len(bounds(300 if fit.validation is None else round(300 * (1 - fit.validation)), 30))
    for step in steps:
        if step < in_all:
            assert bits(cut(fit, tmp_path / str(step), step)) == bits(whole)


@pytest.mark.slow
def test_every_step_of_forty(tmp_path):
    fit = nw.Classifier(ReLU(8) >> Dropout(0.2) >> Softmax(10), epochs=4, batch_size=30, random_state=0)
    whole = bits(clone(fit).fit(X, Y))
    for step in range(1, 40):
        assert bits(cut(fit, tmp_path / str(step), step, every=1)) == whole


def test_it_goes_on_from_the_batch_that_was_written_down(tmp_path):
    seen = []

    class Count:
        def on_batch_start(self, run):
            seen.append((run.epoch, run.batch))

    fit = nw.Classifier("ReLU(4) >> Softmax(10)", epochs=2, batch_size=30, random_state=0)
    again = cut(fit.set_params(callbacks=None), tmp_path, 18, every=4)
    names = [path.name for path in Generations(tmp_path, "epoch").files()]
    assert names == ["epoch-000001_000000008.nw", "epoch-000002.nw"]
    once = clone(fit).set_params(checkpoint=Checkpoints(str(tmp_path / "b"), steps=4, seconds=None))
    with pytest.raises(Killed):
        clone(once).set_params(callbacks=killed_after(18)).fit(X, Y)
    other = once.set_params(callbacks=[Count()]).fit(X, Y)
    assert seen == [(1, 8), (1, 9)]
    assert bits(other) == bits(again)


def test_by_time(tmp_path, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr("netwright.core.generations.time.monotonic", lambda: next(clock))
    written = []
    write = storage.write
    monkeypatch.setattr(storage, "write", lambda path, *rest: (written.append(path.name), write(path, *rest)))
    fit = nw.Classifier("ReLU(4) >> Softmax(10)", epochs=1, batch_size=30, random_state=0)
    fit.set_params(checkpoint=Checkpoints(str(tmp_path), seconds=4.0)).fit(X, Y)
    assert written == ["epoch-000000_000000004.nw", "epoch-000000_000000008.nw", "epoch-000001.nw"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steps": 0}, r"Checkpoints\(steps\): expected an integer >= 1 or None, got 0"),
        ({"seconds": 0.0}, r"Checkpoints\(seconds\): expected a number in \(0, inf\) or None, got 0"),
        ({"folder": 3}, r"Checkpoints\(folder\): expected the name of a folder, got 3"),
        ({"folder": ""}, r"Checkpoints\(folder\): expected the name of a folder, got ''"),
    ],
)
def test_options_out_of_range(options, text):
    with pytest.raises(InvalidParameter, match=text):
        Checkpoints(**{"folder": "a", **options})


def test_a_folder_may_be_a_path_and_is_not_empty(tmp_path):
    assert Checkpoints(tmp_path, steps=2) == Checkpoints(str(tmp_path), steps=2)
    for refused in ("", b"a"):
        with pytest.raises(InvalidParameter, match=r"\(checkpoint\): expected None or the name of a folder, or C"):
            nw.Classifier(checkpoint=refused).fit(X, Y)


def test_other_conditions_are_told(tmp_path, monkeypatch):
    fit = nw.Classifier("ReLU(4) >> Softmax(10)", epochs=2, random_state=0, checkpoint=str(tmp_path)).fit(X, Y)
    monkeypatch.setattr(torch, "__version__", "9.9")
    with pytest.warns(UserWarning, match=r"other conditions \(torch 2.* then, 9\.9 now\): the last bits may differ"):
        clone(fit).set_params(epochs=3).fit(X, Y)


def test_a_checkpoint_of_another_form_is_refused_by_name(tmp_path):
    fit = nw.Classifier("ReLU(4) >> Softmax(10)", epochs=2, random_state=0, checkpoint=str(tmp_path)).fit(X, Y)
    for path in Generations(tmp_path, "epoch").files():
        stored = storage.read(path)
        content = {name: item for name, item in stored.content.items() if name != "conditions"}
        del content["identity"]["form"]
        storage.write(path, "Checkpoint", content, stored.tensors)
    with pytest.raises(InvalidParameter, match=r"checkpoint .*: expected form 2, as of this run, got None.*resume=Fal"):
        clone(fit).fit(X, Y)


def test_a_folder_with_something_else_is_refused_by_name(tmp_path):
    fit = nw.Classifier("ReLU(4) >> Softmax(10)", epochs=1, random_state=0).fit(X, Y)
    (tmp_path / "run").mkdir()
    fit.save(tmp_path / "run" / "epoch-000003.nw")
    fit.set_params(checkpoint=str(tmp_path / "run"))
    text = r"expected files with a Checkpoint, as of this run, got epoch-000003\.nw with a Classifier"
    with pytest.raises(InvalidParameter, match=text):
        fit.fit(X, Y)
    (tmp_path / "other" / "epoch-000004.nw").mkdir(parents=True)  # what is no file is nothing of ours
    fit.set_params(checkpoint=str(tmp_path / "other")).fit(X, Y)
    other = nw.classical.SOFM((3, 3), epochs=1, checkpoint=str(tmp_path / "other"))
    with pytest.raises(InvalidParameter, match="expected files with a ClassicalCheckpoint, as of this run, got epoch-"):
        other.fit(X)


def test_asked_to_end_when_all_batches_are_done_it_ends(tmp_path):
    class Last:
        def on_fit_end(self, run):
            os.kill(os.getpid(), signal.SIGTERM)

    fit = nw.Classifier("ReLU(4) >> Softmax(10)", epochs=2, random_state=0, checkpoint=str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        clone(fit).set_params(callbacks=[Last()]).fit(X, Y)
    assert ended.value.code == 143
    assert bits(clone(fit).fit(X, Y)) == bits(clone(fit).set_params(checkpoint=None).fit(X, Y))


def test_a_full_disk_stops_nothing(tmp_path, monkeypatch):
    """A warning each time; the generation before stays, and the fit ends as if nothing had happened."""
    fit = nw.Classifier("ReLU(4) >> Softmax(10)", epochs=4, random_state=0)
    whole = bits(clone(fit).fit(X, Y))
    write, count = storage.write, []

    def full(path, *rest):
        count.append(path)
        if len(count) in (2, 3):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, *rest)

    monkeypatch.setattr(storage, "write", full)
    with pytest.warns(UserWarning, match="No space left on device.*The run goes on, but is not written down") as told:
        assert bits(clone(fit).set_params(checkpoint=str(tmp_path / "run")).fit(X, Y)) == whole
    assert len(told) == 2
    names = [path.name for path in Generations(tmp_path / "run", "epoch").files()]
    assert names == ["epoch-000001.nw", "epoch-000004.nw"]


def test_a_folder_that_cannot_be_is_told_of_before_the_training(tmp_path):
    (tmp_path / "file").write_text("")
    begun = []
    fit = nw.Classifier("ReLU(4) >> Softmax(10)", callbacks=[lambda run: begun.append(run.epoch)])
    with pytest.raises(
        OSError, match=r"checkpoint .*: expected a folder that can be written into, got .*Choose another"
    ):
        fit.set_params(checkpoint=str(tmp_path / "file")).fit(X, Y)
    with pytest.raises(OSError, match="expected a folder that can be written into"):
        nw.classical.SOFM((2, 2), checkpoint=str(tmp_path / "file" / "below")).fit(X)
    assert begun == []


NETWORK = "ReLU(32) >> Dropout(0.2) >> Softmax(10)"
PROGRAM = """
    import sys
    import netwright as nw
    from netwright.train import Checkpoints, bounds
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)

    class Slow:
        def on_batch_end(self, run):
            print("batch", run.epoch, run.batch, flush=True)

    fit = nw.Classifier(sys.argv[4], epochs=3, batch_size=32, random_state=0, callbacks=[Slow()], validation=0.2)
    fit.set_params(checkpoint=Checkpoints(sys.argv[1], steps=int(sys.argv[2])))
    fit.fit(X / 16, y)
    fit.save(sys.argv[3])
"""


def started(tmp_path, name, steps):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    command = [sys.executable, str(program), str(tmp_path / name), str(steps), str(tmp_path / f"{name}.nw"), NETWORK]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "wanted"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_asked_to_end_it_is_written_down_and_goes_on(number, wanted, tmp_path):
    """SIGTERM: the batch is ended, the run is written down, the program ends with 143; SIGKILL: it goes on likewise."""
    name, steps = number.name, 10**6 if number == signal.SIGTERM else 5
    first = started(tmp_path, name, steps)
    assert first.stdout is not None
    for line in first.stdout:
        if line.split() == ["batch", "1", "17"]:
            os.kill(first.pid, number)
            break
    rest = first.communicate()[0]
    assert first.returncode == wanted
    names = [path.name for path in Generations(tmp_path / name, "epoch").files()]
    assert names[-1].startswith("epoch-000001_"), (names, rest)
    second = started(tmp_path, name, steps)
    lines = second.communicate()[0].splitlines()
    assert second.returncode == 0
    assert lines[0].split()[1] == "1"
    assert int(lines[0].split()[2]) >= 15
    whole = nw.Classifier(NETWORK, epochs=3, batch_size=32, random_state=0, validation=0.2)
    X, y = load_digits(return_X_y=True)
    assert bits(nw.load(tmp_path / f"{name}.nw")) == bits(whole.fit(X / 16, y))


def test_the_signal_is_as_it_was_after_a_fit(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    nw.Classifier("ReLU(4) >> Softmax(10)", epochs=1, random_state=0, checkpoint=str(tmp_path)).fit(X, Y)
    assert signal.getsignal(signal.SIGTERM) is before
