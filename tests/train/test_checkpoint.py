"""A run that is killed and begun again ends with the bits of one that was not, wherever it was cut off."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.layers import BatchNorm, Conv, Dropout, Flatten, Linear, ReLU, Reshape, Softmax
from netwright.optim import SGD, Adam, Averaged, Clip, Freeze, Lookahead, cosine, on_plateau

X, Y = load_digits(return_X_y=True)
X, Y = X[:300] / 16, Y[:300]
DENSE = ReLU(16) >> Dropout(0.2) >> Softmax(10)
IMAGES = Reshape(1, 8, 8) >> Conv(4, 3) >> BatchNorm() >> ReLU() >> Flatten() >> Softmax(10)
FITS = {
    "plain": nw.Classifier(DENSE),
    "patience": nw.Classifier(DENSE, validation=0.3, patience=2, optimizer=SGD(1.5)),
    "average": nw.Classifier(DENSE, average=0.9, optimizer=Adam(cosine(0.01))),
    "statistics": nw.Classifier(IMAGES, optimizer=Clip(Adam(0.01), 1.0)),
    "wrapped": nw.Classifier(DENSE, optimizer=Lookahead(Averaged(SGD(on_plateau(0.5), momentum=0.9), 0.9), every=4)),
    "newton": nw.Classifier(ReLU(3) >> Softmax(10), optimizer=nw.optim.QuasiNewton(), validation=0.2),
    "numbers": nw.Regressor(ReLU(8) >> Linear(1), optimizer=Freeze(Adam(0.01), "relu1"), regularizer=nw.l2(0.01)),
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


def killed_in(epoch):
    """A callback that ends the process in an epoch, counted from 1, before its last update."""

    class Kill:
        def on_batch_start(self, run):
            if run.epoch + 1 == epoch and run.batch == len(run.batches) - 1:
                raise Killed

    return [Kill()]


@pytest.mark.parametrize("name", FITS)
def test_a_fit_goes_on_to_the_same_bits(name, tmp_path):
    fit = clone(FITS[name]).set_params(epochs=6, random_state=0)
    whole = bits(clone(fit).fit(X, Y))
    for epoch in (1, 3, 5):
        once = clone(fit).set_params(checkpoint=tmp_path / str(epoch))
        cut = clone(once).set_params(callbacks=killed_in(epoch))
        if epoch <= whole[2]:
            with pytest.raises(Killed):
                cut.fit(X, Y)
        assert bits(clone(once).fit(X, Y)) == whole
        assert bits(clone(once).fit(X, Y)) == whole  # it is at its end


def test_two_generations_are_kept_and_a_damaged_one_is_passed_over(tmp_path):
    fit = nw.Classifier(DENSE, epochs=5, random_state=0, checkpoint=str(tmp_path / "run"))
    whole = bits(clone(fit).fit(X, Y))
    generations = sorted((tmp_path / "run").iterdir())
    assert [path.name for path in generations] == ["epoch-000004.nw", "epoch-000005.nw"]
    content = generations[1].read_bytes()
    for damaged in (content[: len(content) // 2], b"", content[:-9] + b"x" * 9):
        generations[1].write_bytes(damaged)
        with pytest.warns(UserWarning, match=r"epoch-000005\.nw.*The checkpoint before it is taken") as told:
            assert bits(clone(fit).fit(X, Y)) == whole
        assert len(told) == 1


def test_without_a_seed_it_goes_on_with_that_of_its_beginning(tmp_path):
    fit = nw.Classifier(DENSE, epochs=4, checkpoint=tmp_path)
    with pytest.raises(Killed):
        clone(fit).set_params(callbacks=killed_in(3)).fit(X, Y)
    done = clone(fit).fit(X, Y)
    assert bits(done)[0] == bits(clone(fit).set_params(checkpoint=None, random_state=done.seed_).fit(X, Y))[0]


def test_more_epochs_go_on_from_the_end_of_fewer(tmp_path):
    fit = nw.Classifier(DENSE, epochs=3, random_state=0, checkpoint=tmp_path)
    fit.fit(X, Y)
    longer = clone(fit).set_params(epochs=5).fit(X, Y)
    assert bits(longer)[0] == bits(clone(fit).set_params(checkpoint=None, epochs=5).fit(X, Y))[0]


CHANGES = {
    "network": {"network": ReLU(17) >> Softmax(10)},
    "optimizer": {"optimizer": Adam(0.5)},
    "batch_size": {"batch_size": 7},
    "seed": {"random_state": 1},
}


@pytest.mark.parametrize("name", [*CHANGES, "rows"])
def test_a_folder_of_another_fit_is_refused_and_left_as_it_is(name, tmp_path):
    fit = nw.Classifier(DENSE, epochs=1, random_state=0, checkpoint=tmp_path)
    fit.fit(X, Y)
    before = [path.read_bytes() for path in tmp_path.iterdir()]
    other = clone(fit).set_params(**CHANGES.get(name, {}))
    rows = np.roll(X, 1, axis=0) if name == "rows" else X
    with pytest.raises(InvalidParameter, match=rf"checkpoint .*: expected {name} .*resume=False"):
        other.fit(rows, Y)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == before
    anew = clone(other).set_params(resume=False).fit(rows, Y)
    assert bits(anew)[0] == bits(clone(other).set_params(checkpoint=None).fit(rows, Y))[0]


def test_a_run_that_is_begun_anew_replaces_what_was_there(tmp_path):
    fit = nw.Classifier(DENSE, epochs=5, random_state=0, checkpoint=tmp_path)
    fit.fit(X, Y)
    with pytest.raises(Killed):
        clone(fit).set_params(resume=False, random_state=1, callbacks=killed_in(3)).fit(X, Y)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000001.nw", "epoch-000002.nw"]
    again = clone(fit).set_params(random_state=1).fit(X, Y)
    assert bits(again) == bits(clone(fit).set_params(checkpoint=None, random_state=1).fit(X, Y))


def test_fewer_epochs_other_weights_and_parts_of_the_data(tmp_path):
    fit = nw.Classifier(DENSE, epochs=3, random_state=0, checkpoint=tmp_path)
    fit.fit(X, Y, sample_weight=np.ones(300))
    with pytest.raises(InvalidParameter, match="a run of at most 2 epochs"):
        clone(fit).set_params(epochs=2).fit(X, Y, sample_weight=np.ones(300))
    with pytest.raises(InvalidParameter, match="expected rows"):
        clone(fit).fit(X, Y, sample_weight=np.arange(300) + 1.0)
    piecewise = clone(fit).partial_fit(X[:200], Y[:200], classes=range(10)).partial_fit(X[100:], Y[100:])
    assert piecewise.n_iter_ == 2
    diagnosis = clone(fit).fit(X, Y, sample_weight=np.ones(300)).diagnosis_  # nothing was left to do
    assert [finding.code for finding in diagnosis.findings if finding.level == "fault"] == []
