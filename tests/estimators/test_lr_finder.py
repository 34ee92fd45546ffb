"""The range test of estimators: it trains as `fit` does, on a copy; and the one door to it."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.layers import BatchNorm, Dropout, Flatten, Linear, ReLU, Softmax
from netwright.train import RangeTest

X, Y = load_iris(return_X_y=True)


def classifier(**options: Any) -> nw.Classifier:
    settings = {"optimizer": nw.optim.Adam(), "batch_size": 16, "random_state": 0, **options}
    return nw.Classifier(ReLU(8) >> Dropout(0.1) >> Softmax(3), **settings)


class Losses:
    """The loss of every batch of a fit."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_batch_end(self, run: Any) -> None:
        self.seen.append(float(run.loss))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"validation": 0.3},
        {"regularizer": nw.l2(0.1) + nw.maxnorm(1.0)},
        {"class_weight": "balanced", "optimizer": nw.optim.SGD(0.01, momentum=0.9)},
        {"optimizer": None},
        {"optimizer": "RMSprop(0.1)"},
    ],
)
def test_at_one_rate_it_trains_as_fit_does(options: dict[str, Any]) -> None:
    made = nw.lr_finder(classifier(**options), X, Y, low=1e-3, high=1e-3 * (1 + 1e-12), steps=20)
    rule = {None: nw.optim.Adam(1e-3), "RMSprop(0.1)": nw.optim.RMSprop(1e-3)}
    given = options.get("optimizer", nw.optim.Adam())
    constant = rule[given] if given in rule else type(given)(**{**vars(given), "learning_rate": 1e-3})
    losses = Losses()
    classifier(**{**options, "optimizer": constant, "epochs": 3, "callbacks": [losses]}).fit(X, Y)
    np.testing.assert_allclose(made.losses, losses.seen[:20], rtol=1e-9)


def test_a_schedule_is_replaced_by_the_ramp() -> None:
    plain = nw.lr_finder(classifier(optimizer=nw.optim.SGD(0.1)), X, Y)
    for schedule in (nw.optim.cosine(0.1), nw.optim.step_decay(0.1, every=1), nw.optim.on_plateau(0.1)):
        scheduled = nw.lr_finder(classifier(optimizer=nw.optim.SGD(schedule)), X, Y)
        assert scheduled.losses.tolist() == plain.losses.tolist()


def test_wrappers_stay_round_the_rule() -> None:
    plain = nw.lr_finder(classifier(optimizer=nw.optim.SGD()), X, Y)
    for wrapped in (nw.optim.Clip(nw.optim.SGD(nw.optim.cosine(0.1)), norm=1e9), nw.optim.Averaged(nw.optim.SGD(1.0))):
        found = nw.lr_finder(classifier(optimizer=wrapped), X, Y)
        np.testing.assert_allclose(found.losses, plain.losses, rtol=1e-6)
    clipped = nw.optim.Clip(nw.optim.SGD(), norm=1e-3)
    assert nw.lr_finder(classifier(optimizer=clipped), X, Y).losses[80] > plain.losses[80]


def test_nothing_of_the_estimator_is_changed() -> None:
    with torch.random.fork_rng(devices=[]):
        network = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(1))
    generator = np.random.RandomState(3)
    losses = Losses()
    clf = nw.Classifier(network, random_state=generator, epochs=2, callbacks=[losses], average=0.9).fit(X, Y)
    weights = [p.clone() for p in (*network.parameters(), *clf.module_.parameters())]
    before, drawn, count = dict(vars(clf)), generator.get_state()[1].copy(), len(losses.seen)  # type: ignore[index]
    probabilities = clf.predict_proba(X)
    assert isinstance(nw.lr_finder(clf, X, Y, high=1e4), RangeTest)
    assert vars(clf).keys() == before.keys()
    assert all(vars(clf)[name] is item for name, item in before.items())
    assert len(losses.seen) == count
    assert (generator.get_state()[1] == drawn).all()  # type: ignore[index]
    assert np.array_equal(clf.predict_proba(X), probabilities)
    for old, new in zip(weights, (*network.parameters(), *clf.module_.parameters()), strict=True):
        assert torch.equal(old, new)


def test_the_seed_decides_and_data_and_random_states_stay() -> None:
    data = X.copy()
    first, second = (nw.lr_finder(classifier(), data, Y) for _ in range(2))
    assert first.losses.tolist() == second.losses.tolist()
    assert np.array_equal(data, X)
    assert nw.lr_finder(classifier(random_state=1), X, Y).losses.tolist() != first.losses.tolist()


def test_the_baseline_is_the_same_batches_with_the_same_noise() -> None:
    net = ReLU(16) >> BatchNorm() >> Dropout(0.3) >> Softmax(3)
    clf = nw.Classifier(net, optimizer=nw.optim.SGD(), batch_size=16, random_state=0)
    still = nw.lr_finder(clf, X, Y, low=1e-30, high=1e-29)
    assert still.baseline is not None
    assert still.losses.tolist() == still.baseline.tolist()
    assert np.ptp(still.losses) > 0.2
    assert np.ptp(still.smoothed) < 1e-9
    assert still.suggestion is None


def test_noise_that_is_larger_than_what_is_learned_does_not_hide_it() -> None:
    patients, progression = load_diabetes(return_X_y=True)
    reg = nw.Regressor(ReLU(32) >> Linear(1), optimizer=nw.optim.SGD(0.1))
    found = [nw.lr_finder(reg.set_params(random_state=seed), patients, progression).suggestion for seed in range(5)]
    assert all(0.01 < (rate or 0.0) < 0.5 for rate in found)


def test_a_blow_up_warns_of_nothing_and_is_no_error() -> None:
    X_wide, y = load_diabetes(return_X_y=True, scaled=False)
    reg = nw.Regressor(ReLU(16) >> BatchNorm() >> Linear(1), optimizer=nw.optim.SGD(0.1), random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = nw.lr_finder(reg, X_wide, y, low=1e-6, high=1e12, limit=1e9)
    assert found.diverged_at is not None
    assert found.diverged_at >= found.rates[-1]
    assert np.isfinite(found.losses).all()


def test_the_suggestion_is_a_good_rate() -> None:
    images, labels = nw.data.load_digits()
    net = Flatten() >> ReLU(32) >> Softmax(10)
    for rule in (nw.optim.SGD(0.01, momentum=0.9), nw.optim.Adam()):
        clf = nw.Classifier(net, optimizer=rule, epochs=4, random_state=0)
        rate = nw.lr_finder(clf, images[:1000], labels[:1000]).suggestion
        assert rate is not None
        losses = []
        for factor in (1.0, 0.1, 30.0):
            clf.set_params(optimizer__learning_rate=rate * factor)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", nw.core.errors.DivergenceWarning)
                clf.fit(images[:1000], labels[:1000])
            losses.append(clf.history_["train_loss"][-1] if clf.history_.records else math.inf)
        assert losses[0] < 0.5
        assert losses[0] < min(losses[1:])


def test_datasets_weights_and_small_data() -> None:
    weight = np.linspace(0, 2, len(X))
    weighted, plain = nw.lr_finder(classifier(), X, Y, sample_weight=weight), nw.lr_finder(classifier(), X, Y)
    assert weighted.losses.tolist() != plain.losses.tolist()
    rows = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    assert nw.lr_finder(classifier(), rows).losses.tolist() == plain.losses.tolist()
    assert len(nw.lr_finder(classifier(batch_size=1000), X, Y, high=0.01).losses) == 100  # one batch, a hundred times


def test_a_module_goes_by_the_same_door() -> None:
    with torch.random.fork_rng(devices=[]):
        module = torch.nn.Linear(4, 3)
    before = module.weight.detach().clone()
    batches = [(torch.tensor(X[i::5], dtype=torch.float32), torch.tensor(Y[i::5])) for i in range(5)]
    found = nw.lr_finder(module, torch.nn.CrossEntropyLoss(), nw.optim.SGD(), batches, steps=50, seed=0)
    again = nw.train.range_test(module, torch.nn.CrossEntropyLoss(), nw.optim.SGD(), batches, steps=50)
    assert found.losses.tolist() == again.losses.tolist()
    assert torch.equal(module.weight, before)


def test_what_is_refused() -> None:
    clf, module = classifier(), torch.nn.Identity()
    finder: Any = nw.lr_finder
    expected = "lr_finder: expected an estimator, X and y, or a module, its loss, its optimizer and its batches, got "
    with pytest.raises(InvalidParameter, match=expected + "an estimator and 0 more"):
        finder(clf)
    with pytest.raises(InvalidParameter, match=expected + "a module and 2 more"):
        finder(module, 1, 2)
    with pytest.raises(InvalidParameter, match=expected + "Pipeline"):
        finder(make_pipeline(StandardScaler(), clf), X, Y)
    with pytest.raises(
        InvalidParameter, match=r"lr_finder\(seed\): expected None for an estimator, got 1. Set its rand"
    ):
        finder(clf, X, Y, seed=1)
    with pytest.raises(InvalidParameter, match=r"lr_finder\(sample_weight\): expected None for a module, got \[1\]"):
        finder(module, 1, 2, 3, sample_weight=[1])
    with pytest.raises(InvalidParameter, match=r"lr_finder\(optimizer\): .* got LevenbergMarquardt\(\)"):
        finder(nw.Regressor(Linear(1), optimizer=nw.optim.LevenbergMarquardt()), X, Y)
    with pytest.raises(InvalidParameter, match=r"Classifier\(epochs\): expected an integer >= 1, got 0"):
        finder(classifier(epochs=0), X, Y)
    with pytest.raises(InvalidParameter, match=r"lr_finder\(steps\)"):
        finder(clf, X, Y, steps=1)
    with pytest.raises(InvalidData, match=r"Classifier.fit: expected a target y, got None"):
        finder(clf, X)


def test_ctrl_c_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("netwright.train.run.backward", stop)
    with pytest.raises(KeyboardInterrupt):
        nw.lr_finder(classifier(), X, Y)
