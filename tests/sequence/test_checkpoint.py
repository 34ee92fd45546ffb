"""Fits of sequences that are killed go on to the same bits; two processes make the steps of one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.sequence import LanguageModel, SequenceClassifier, SequenceRegressor, SequenceTagger, TextClassifier

DRAW = np.random.default_rng(0)
WAVES = [np.sin(np.arange(DRAW.integers(12, 20)) * 0.3 + DRAW.uniform(0, 6)) for _ in range(30)]
LABELS = [int(wave[0] > 0) for wave in WAVES]
WORDS = [["ab"[bit] for bit in DRAW.integers(0, 2, DRAW.integers(4, 9))] for _ in range(40)]
TAGS = [[word.upper() for word in row] for row in WORDS]
TEXT = "to be or not to be, that is the question. " * 12
FAST = {"epochs": 4, "random_state": 0}
FITS = {
    "classes": (SequenceClassifier("GRU(6, output='last')", validation=0.3, **FAST), WAVES, LABELS),
    "forecast": (SequenceRegressor("GRU(6)", **FAST), WAVES, None),
    "tags": (SequenceTagger("LSTM(6)", head="crf", width=4, characters=False, **FAST), WORDS, TAGS),
    "text": (TextClassifier("bag", width=8, **FAST), [" ".join(row) for row in WORDS], [len(row) % 2 for row in WORDS]),
    "language": (LanguageModel("GRU(8)", width=4, batch_size=4, steps=12, **FAST), TEXT, None),
}


class Killed(BaseException):
    """What no program catches."""


class Kill:
    """Ends the process in the third epoch."""

    def on_batch_end(self, run):
        if run.epoch == 2:
            raise Killed


def bits(fitted):
    inner = getattr(fitted, "classifier_", fitted)
    weights = [p.detach() for p in (inner._net if isinstance(inner, LanguageModel) else inner._whole()).parameters()]
    return torch.cat([p.flatten() for p in weights]).numpy().tobytes(), inner.loss_curve_


@pytest.mark.parametrize("name", FITS)
def test_a_fit_goes_on_to_the_same_bits(name, tmp_path):
    estimator, X, y = FITS[name]
    whole = bits(clone(estimator).fit(X, y))
    once = clone(estimator).set_params(checkpoint=tmp_path / "run")
    with pytest.raises(Killed):
        clone(once).set_params(callbacks=[Kill()]).fit(X, y)
    done = clone(once).fit(X, y)
    assert bits(done) == whole
    done.save(tmp_path / "model.nw")
    loaded = nw.load(tmp_path / "model.nw")
    assert (loaded.checkpoint, loaded.devices) == (None, "auto")
    with pytest.raises(InvalidParameter, match="expected rows"):
        clone(once).fit(X[1:], None if y is None else y[1:])


def test_shards_are_for_networks_of_one_pass():
    with pytest.raises(InvalidParameter, match="copies of the network in every process"):
        SequenceClassifier(devices=nw.train.Devices(sharded=True)).fit(WAVES, LABELS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["classes", "tags", "language"])
def test_two_processes_make_the_steps_of_one(name):
    estimator, X, y = FITS[name]
    one, two = (clone(estimator).set_params(devices=k).fit(X, y) for k in (1, 2))
    np.testing.assert_allclose(two.loss_curve_, one.loss_curve_, rtol=1e-5)
    assert two.score(X, y) == pytest.approx(one.score(X, y), abs=1e-5)
