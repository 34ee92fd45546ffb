"""Snapshots and averages of one run against runs that are followed by hand, and against torch's own averages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.core.seeds import derive
from netwright.layers import BatchNorm, Linear, ReLU, Softmax, Tanh
from netwright.optim import SGD, Adam, Clip, cyclic_cosine, hold

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
CLF = nw.Classifier(Tanh(8) >> Softmax(2), optimizer=SGD(0.3, momentum=0.9), epochs=12, batch_size=30)
SEED = derive(3, "member", 0)


class Course:
    """The weights after every epoch."""

    def __init__(self) -> None:
        self.weights: list[torch.Tensor] = []
        self.rates: list[float] = []

    def on_batch_end(self, run: Any) -> None:
        self.rates.append(run.learning_rate)

    def on_epoch_end(self, run: Any) -> None:
        self.weights.append(run.flat.theta.detach().clone())


def followed(estimator: Any, **options: Any) -> Course:
    course = Course()
    clone(estimator).set_params(callbacks=[course], random_state=SEED, **options).fit(X, y)
    return course


def weights(member: Any) -> torch.Tensor:
    """As one vector, weights before biases."""
    parameters = sorted(member.module_.parameters(), key=lambda p: p.ndim < 2)
    return torch.cat([p.detach().reshape(-1) for p in parameters])


def test_snapshots_are_the_weights_at_the_ends_of_cosine_cycles() -> None:
    ensemble = nw.Ensemble(CLF, 3, how="snapshots", random_state=3).fit(X, y)
    course = followed(CLF, optimizer=SGD(cyclic_cosine(0.3, 3), momentum=0.9))
    for member, epoch in zip(ensemble.estimators_, (4, 8, 12), strict=True):
        torch.testing.assert_close(weights(member), course.weights[epoch - 1], rtol=0, atol=0)
        assert member.n_iter_ == len(member.history_) == epoch
        assert member.optimizer == CLF.optimizer
        assert member.callbacks is None
    steps, whole = 4, len(course.rates)  # equation 2 of the paper, a step at a time
    per_cycle = whole // 3
    paper = [0.3 / 2 * (math.cos(math.pi * (t % per_cycle) / per_cycle) + 1) for t in range(whole)]
    assert whole == 12 * steps
    assert course.rates == pytest.approx(paper)


def test_snapshots_of_the_last_epochs_and_a_rate_that_is_held() -> None:
    ensemble = nw.Ensemble(CLF, 4, how="snapshots", keep="epochs", rate=0.05, random_state=3).fit(X, y)
    course = followed(CLF, optimizer=SGD(hold(0.3, 0.05, 4), momentum=0.9))
    for member, expected in zip(ensemble.estimators_, course.weights[-4:], strict=True):
        torch.testing.assert_close(weights(member), expected, rtol=0, atol=0)
    assert course.rates[-1] == 0.05
    assert course.rates[0] == 0.3


def test_snapshots_of_a_run_with_a_running_average_and_of_a_wrapped_rule() -> None:
    estimator = clone(CLF).set_params(average=0.9, optimizer=Clip(SGD(0.3), 1.0))
    ensemble = nw.Ensemble(estimator, 2, how="snapshots", random_state=3).fit(X, y)
    last = clone(estimator).set_params(optimizer=Clip(SGD(cyclic_cosine(0.3, 2)), 1.0), random_state=SEED).fit(X, y)
    torch.testing.assert_close(weights(ensemble.estimators_[-1]), weights(last), rtol=0, atol=0)


@pytest.mark.parametrize("keep", ["epochs", "cycles"])
def test_the_average_is_the_mean_of_the_weights(keep: str) -> None:
    ensemble = nw.Ensemble(CLF, 4, how="average", keep=keep, random_state=3).fit(X, y)
    assert len(ensemble.estimators_) == 1
    rule = CLF.optimizer if keep == "epochs" else SGD(cyclic_cosine(0.3, 4), momentum=0.9)
    course = followed(CLF, optimizer=rule).weights
    chosen = course[-4:] if keep == "epochs" else course[2::3]
    torch.testing.assert_close(weights(ensemble.estimators_[0]), torch.stack(chosen).mean(0))
    member = ensemble.estimators_[0]
    member.partial_fit(X, y)
    assert member.n_iter_ == 13


def test_statistics_of_batches_are_taken_anew_as_by_torch() -> None:
    estimator = clone(CLF).set_params(network=ReLU(8) >> BatchNorm() >> Softmax(2), precision="float64")
    member = nw.Ensemble(estimator, 4, how="average", random_state=3).fit(X, y).estimators_[0]
    plain = clone(estimator).set_params(random_state=SEED).fit(X, y)
    twin, way = plain.module_, {name: item.clone() for name, item in plain.module_.state_dict().items()}
    twin.load_state_dict({**twin.state_dict(), **dict(member.module_.named_parameters())})
    batches = torch.from_numpy(X)[nw.train.order(derive(SEED, "training"), 0, 120)].split(30)
    torch.optim.swa_utils.update_bn(batches, twin)
    own = member.module_.state_dict()
    for name in ("batchnorm1.running_mean", "batchnorm1.running_var"):
        torch.testing.assert_close(own[name], twin.state_dict()[name])
        assert not torch.allclose(own[name], way[name])
    assert member.module_.batchnorm1.momentum == 0.1


def test_the_last_step_of_a_pipeline_and_a_regressor() -> None:
    pipe = make_pipeline(StandardScaler(), nw.Regressor(Tanh(8) >> Linear(1), epochs=6, optimizer=Adam(0.02)))
    ensemble = nw.Ensemble(pipe, 3, how="snapshots", random_state=3).fit(X, X[:, 0])
    assert [member[-1].n_iter_ for member in ensemble.estimators_] == [2, 4, 6]
    each = np.stack([member.predict(X) for member in ensemble.estimators_])
    np.testing.assert_allclose(ensemble.predict(X), each.mean(0))


def test_a_run_that_diverges_keeps_what_it_had() -> None:
    rows = X * np.geomspace(1, 1e60, 120)[:, None]
    estimator = nw.Regressor(Linear(1), optimizer=SGD(0.1), epochs=4, batch_size=30)
    for how in ("snapshots", "average"):
        with pytest.warns(UserWarning, match="learning rate"):
            ensemble = nw.Ensemble(estimator, 2, how=how, random_state=3).fit(rows, X[:, 0])
        assert all(torch.isfinite(weights(member)).all() for member in ensemble.estimators_)


def test_adversarial_snapshots() -> None:
    options: dict[str, Any] = {"how": "snapshots", "random_state": 3}
    plain, hard = (nw.Ensemble(CLF, 2, adversarial=share, **options).fit(X, y) for share in (None, 0.1))
    assert not torch.equal(weights(plain.estimators_[0]), weights(hard.estimators_[0]))
    assert hard.estimators_[0].callbacks is None


class Killed(Exception):
    """Ends a fit from outside."""


class Killer:
    """Ends a fit after an epoch, before it is written down."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, run: Any) -> None:
        if run.epoch == self.epoch:
            raise Killed


@pytest.mark.slow
@pytest.mark.parametrize("how", ["snapshots", "average"])
@pytest.mark.parametrize("cut", [1, 4, 6, 12])
def test_a_run_that_was_cut_off_goes_on_to_the_same_ensemble(how: str, cut: int, tmp_path: Any) -> None:
    network = ReLU(8) >> BatchNorm() >> Softmax(2)
    estimator = clone(CLF).set_params(network=network, checkpoint=tmp_path / "run")
    options: dict[str, Any] = {"how": how, "keep": "cycles", "random_state": 3}
    whole = nw.Ensemble(clone(CLF).set_params(network=network), 3, **options).fit(X, y)
    with pytest.raises(Killed):
        nw.Ensemble(clone(estimator).set_params(callbacks=[Killer(cut)]), 3, **options).fit(X, y)
    for _ in range(2):  # what is left, and nothing
        again = nw.Ensemble(estimator, 3, **options).fit(X, y)
        assert [member.n_iter_ for member in again.estimators_] == [member.n_iter_ for member in whole.estimators_]
        np.testing.assert_array_equal(again.predict_proba(X), whole.predict_proba(X))
    begun = nw.Ensemble(clone(estimator).set_params(resume=False), 3, **options).fit(X, y)
    np.testing.assert_array_equal(begun.predict_proba(X), whole.predict_proba(X))


def test_a_checkpoint_of_another_ensemble_is_refused(tmp_path: Any) -> None:
    estimator = clone(CLF).set_params(checkpoint=tmp_path)
    options: dict[str, Any] = {"keep": "epochs", "random_state": 3}
    nw.Ensemble(estimator, 2, how="average", **options).fit(X, y)
    for count, told in ((3, "a run that did not keep them"), (1, r"those of one that keeps \[11, 12\]")):
        with pytest.raises(InvalidParameter, match=rf"the weights after epoch 1.*{told}\. Give this run a folder"):
            nw.Ensemble(estimator, count, how="average", **options).fit(X, y)


def test_snapshots_of_texts() -> None:
    texts = ["a fine film", "a dull film", "fine acting", "so dull"] * 8
    labels = [1, 0, 1, 0] * 8
    clf = nw.sequence.TextClassifier("bag", width=4, optimizer=Adam(0.05), epochs=6)
    ensemble = nw.Ensemble(clf, 3, how="snapshots", random_state=3).fit(texts, labels)
    inner = [member.classifier_ for member in ensemble.estimators_]
    assert [each.n_iter_ for each in inner] == [len(each.history_) for each in inner] == [2, 4, 6]
    last = clone(clf).set_params(optimizer=Adam(cyclic_cosine(0.05, 3)), random_state=SEED).fit(texts, labels)
    assert torch.equal(weights(inner[-1]), weights(last.classifier_))
    assert not torch.equal(weights(inner[1]), weights(inner[0]))
    assert ensemble.score(texts, labels) > 0.9


@pytest.mark.parametrize("options", [{"how": "snapshots"}, {"how": "average"}, {"adversarial": 0.01}])
def test_what_follows_a_run_is_in_its_own_process(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter, match=r"members of one process each, devices=\"auto\", got devices=2"):
        nw.Ensemble(clone(CLF).set_params(devices=2), 2, **options).fit(X, y)
