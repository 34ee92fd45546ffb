"""An estimator's own checks: `check` before a fit, `diagnosis_` after it, and what the fit keeps for it."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes, load_digits, load_wine, make_moons, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.checks.context import Intent
from netwright.checks.diagnosis import diagnose
from netwright.checks.finding import Finding, Remedy, fault
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.estimators import diagnosing
from netwright.estimators.diagnosing import LOOKED, Watching, kept, optimizers_of
from netwright.train import Batches


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return X[order] / 16, y[order]


def classifier(**options: Any) -> nw.Classifier:
    return nw.Classifier(**{"random_state": 0, "epochs": 10} | options)


def codes(diagnosis: Any) -> list[str]:
    """Of all findings, those too that are told as consequences."""
    return [part.code for each in diagnosis.findings for part in (each, *each.consequences)]


# check


def test_check_of_a_right_program() -> None:
    X, y = load_wine(return_X_y=True)
    estimator = classifier()
    found = estimator.check(X, y)
    assert found.ok
    assert found.signals
    assert not hasattr(estimator, "module_")


def test_check_names_a_rate_that_is_too_high(digits: Any) -> None:
    found = classifier(optimizer=nw.optim.Adam(30.0)).check(*digits)
    assert found.codes[0] == "lr-too-high"
    mended = found.apply(classifier(optimizer=nw.optim.Adam(30.0)))
    assert mended.optimizer.learning_rate < 30.0


def test_check_tells_of_numbers_that_are_not_finite() -> None:
    X, y = load_wine(return_X_y=True)
    X[3, 2] = np.nan
    with pytest.raises(InvalidData):
        classifier().fit(X, y)
    assert classifier().check(X, y).codes == ("non-finite-data",)
    assert classifier().check(X, y, ignore=["non-finite-data"]).ok


def test_check_raises_what_a_fit_would_raise() -> None:
    X, y = load_wine(return_X_y=True)
    with pytest.raises(InvalidData):
        classifier().check(X, np.zeros(len(X)))
    with pytest.raises(InvalidParameter, match="lr-too-high"):
        classifier().check(X, y, ignore=["lr-to-high"])


def test_check_takes_what_is_meant() -> None:
    generator = np.random.default_rng(0)
    X = np.concatenate([generator.normal(0, 1, (400, 3)), generator.normal(4, 1, (12, 3))])
    y = np.repeat([0, 1], [400, 12])
    assert "class-imbalance" in classifier().check(X, y).codes
    assert "class-imbalance" not in codes(classifier().check(X, y, imbalanced=True))
    assert "class-imbalance" not in codes(classifier(class_weight="balanced").check(X, y))


@pytest.mark.slow
def test_check_numbers_rows_as_their_user_does(digits: Any) -> None:
    """Also where the rows for validation are drawn out of them."""
    X, y = digits[0][:900], digits[1][:900].copy()
    wrong = np.random.default_rng(1).permutation(900)[:120]
    y[wrong] = (y[wrong] + np.random.default_rng(2).integers(1, 10, 120)) % 10
    for validation in (None, 0.3):
        (found,) = [e for e in classifier(validation=validation).check(X, y).findings if e.code == "noisy-labels"]
        rows = found.evidence["rows"]
        assert np.isin(rows, wrong).mean() > 0.9


def test_check_of_numbers() -> None:
    X, y = load_diabetes(return_X_y=True)
    assert nw.Regressor(random_state=0, epochs=5, validation=0.2).check(X, y).ok


# diagnosis_


def test_an_estimator_without_a_fit_has_none() -> None:
    with pytest.raises(NotFittedError):
        _ = classifier().diagnosis_


@pytest.mark.parametrize("validation", [None, 0.25], ids=["no held-out rows", "held-out rows"])
def test_a_right_fit_has_no_fault(validation: Any, digits: Any) -> None:
    fitted = classifier(validation=validation, epochs=15).fit(*digits)
    found = fitted.diagnosis_
    assert found.ok, str(found)
    assert found is fitted.diagnosis_
    names = set(found.signals)
    assert {"first step over the weights", "share of rows with the commonest answer"} <= names
    assert ("calibration error of held-out answers" in names) is (validation is not None)


def test_a_right_fit_of_numbers_has_no_fault() -> None:
    X, y = load_diabetes(return_X_y=True)
    for validation in (None, 0.25):
        found = nw.Regressor(random_state=0, epochs=20, validation=validation).fit(X, y).diagnosis_
        assert found.ok, str(found)


def test_a_fit_that_ended_too_early_is_behind_a_line() -> None:
    X, y = make_regression(500, 10, noise=5.0, random_state=0)
    fitted = nw.Regressor(random_state=0, epochs=5, validation=0.25).fit(X, y)
    (found,) = [each for each in fitted.diagnosis_.faults if "underfitting" in codes(fitted.diagnosis_)]
    stages = {part.stage for part in (found, *found.consequences)}
    assert "after" in stages
    remedied = fitted.diagnosis_.apply(fitted)
    assert remedied.epochs > 5


def test_neighbours_show_what_a_narrow_network_misses() -> None:
    X, y = make_moons(800, noise=0.1, random_state=0)
    network = nw.layers.Tanh(1) >> nw.layers.Softmax(2)
    fitted = classifier(network=network, epochs=40, validation=0.25).fit(X, y)
    assert fitted.diagnosis_.codes == ("underfitting",)


@pytest.mark.slow
def test_suspicious_labels_have_the_numbers_of_the_user(digits: Any) -> None:
    X, y = digits[0][:1000], digits[1][:1000].copy()
    wrong = np.random.default_rng(1).permutation(1000)[:40]
    y[wrong] = (y[wrong] + np.random.default_rng(2).integers(1, 10, 40)) % 10
    weight = np.ones(1000)
    weight[:100] = 0  # left out
    for validation, others in ((None, {}), (0.3, {}), (0.3, {"sample_weight": weight})):
        fitted = classifier(validation=validation, epochs=6).fit(X, y, **others)
        found = [each for each in fitted.diagnosis_.notes if each.code == "noisy-labels"]
        if not others:
            assert found
        for each in found:
            rows = [row for part in (each, *each.consequences) for row in part.evidence["rows"]]
            assert np.isin(rows, wrong).mean() >= 0.8


@pytest.mark.slow
def test_weights_of_classes_are_meant() -> None:
    X, y = make_moons(900, noise=0.5, random_state=0)
    fitted = classifier(class_weight={0: 1.0, 1: 8.0}, epochs=30, validation=0.3).fit(X, y)
    assert fitted.diagnosis_.ok, str(fitted.diagnosis_)
    assert not {"underfitting", "miscalibrated"} & set(codes(fitted.diagnosis_))


def test_losses_of_weighted_and_of_plain_rows_are_not_compared() -> None:
    """Held-out rows have no weights: their loss is another figure than that of the training."""
    X, y = make_moons(900, noise=0.5, random_state=0)
    watching = looked(classifier(class_weight={0: 1.0, 1: 8.0}, epochs=3, validation=0.3), X, y)
    assert len(watching.tape.checked) == 3
    assert all(np.isnan(told.loss) and 0 <= told.score <= 1 for told in watching.tape.checked)


def test_weights_of_rows_are_not_asked_about() -> None:
    X, y = make_regression(400, 5, random_state=0)
    fitted = nw.Regressor(random_state=0, epochs=3).fit(X, y, sample_weight=np.linspace(0.1, 2, 400))
    assert "underfitting" not in codes(fitted.diagnosis_)


def test_a_single_epoch_is_no_end() -> None:
    X, y = make_regression(400, 5, random_state=0)
    once = nw.Regressor(random_state=0).partial_fit(X, y)
    assert "underfitting" not in codes(once.diagnosis_)
    twice = nw.Regressor(random_state=0, epochs=2).fit(X, y)
    assert "underfitting" in codes(twice.diagnosis_)


def test_each_fit_has_its_own(digits: Any) -> None:
    estimator = classifier(epochs=8).fit(*digits)
    first = estimator.diagnosis_
    estimator.partial_fit(*digits)
    assert estimator.diagnosis_ is not first


def test_a_run_that_was_stopped_is_not_judged() -> None:
    class Stop:
        def on_epoch_end(self, run: Any) -> None:
            if run.epoch == 2:
                raise KeyboardInterrupt

    X, y = make_regression(400, 5, random_state=0)
    fitted = nw.Regressor(random_state=0, epochs=30, callbacks=[Stop()]).fit(X, y)
    assert "underfitting" not in codes(fitted.diagnosis_)


def test_a_diagnosis_is_asked_for_once_and_goes_along(digits: Any) -> None:
    fitted = classifier(epochs=3).fit(*digits)
    found = fitted.diagnosis_
    again = pickle.loads(pickle.dumps(fitted))
    assert again.diagnosis_.to_json() == found.to_json()
    assert copy.deepcopy(fitted).diagnosis_.to_json() == found.to_json()
    unasked = pickle.loads(pickle.dumps(classifier(epochs=3).fit(*digits)))
    assert unasked.diagnosis_.findings == ()
    assert "_rows" not in vars(unasked)


def test_it_changes_nothing(digits: Any) -> None:
    fitted = classifier(epochs=4, validation=0.2).fit(*digits)
    before = {name: each.clone() for name, each in fitted.module_.state_dict().items()}
    random = torch.get_rng_state()
    _ = fitted.diagnosis_
    assert all(torch.equal(each, before[name]) for name, each in fitted.module_.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())


@pytest.mark.slow
def test_it_is_the_same_each_time(digits: Any) -> None:
    first, second = (classifier(epochs=4, validation=0.2).fit(*digits).diagnosis_.to_json() for _ in range(2))
    assert first == second


# what a fit keeps


class Look:
    """A callback that has a watching of its own, so that a test can look into it."""

    def __init__(self) -> None:
        self.watching = Watching()
        for name in ("on_fit_start", "on_gradients", "on_batch_end", "on_epoch_end"):
            setattr(self, name, getattr(self.watching, name))


def looked(estimator: Any, *data: Any) -> Watching:
    look = Look()
    estimator.set_params(callbacks=[look]).fit(*data)
    return look.watching


def test_few_steps_are_looked_at(digits: Any) -> None:
    watching = looked(classifier(epochs=6), *digits)
    tape = watching.tape
    assert tape.steps == len(tape.losses)
    assert [sample.step for sample in tape.samples] == sorted(step for step in LOOKED if step < tape.steps)
    assert len([step for step in LOOKED if step < 10_000]) <= 10
    assert not watching.before  # no copy of the weights is left


def test_a_step_is_measured_as_by_hand(digits: Any) -> None:
    class Twin:
        """What changes in the first step, from the module itself."""

        def on_gradients(self, run: Any) -> None:
            if not hasattr(self, "before"):
                self.before = {n: p.detach().clone() for n, p in run.module.named_parameters()}
                self.slopes = {n: p.grad.abs().mean().item() for n, p in run.module.named_parameters() if p.ndim > 1}
                self.norm = run.flat.gradient.norm().item()

        def on_batch_end(self, run: Any) -> None:
            if not hasattr(self, "ratios"):
                now = dict(run.module.named_parameters())
                pairs = {n: (now[n].detach() - old, old) for n, old in self.before.items() if old.ndim > 1}
                self.ratios = {n: (moved.norm() / old.norm()).item() for n, (moved, old) in pairs.items()}

    twin, look = Twin(), Look()
    classifier(epochs=1, callbacks=[twin, look]).fit(*digits)
    sample = look.watching.tape.samples[0]
    assert sample.ratios == pytest.approx(twin.ratios, rel=1e-4)
    assert sample.gradients == pytest.approx(twin.slopes, rel=1e-4)
    assert sample.used == sample.made == pytest.approx(twin.norm, rel=1e-5)


def test_the_module_as_it_began_is_there_again(digits: Any) -> None:
    class Start:
        def on_fit_start(self, run: Any) -> None:
            self.state = copy.deepcopy(run.module.state_dict())

    network = nw.layers.Linear(16) >> nw.layers.BatchNorm() >> nw.layers.ReLU() >> nw.layers.Softmax(10)
    start, look = Start(), Look()
    fitted = classifier(network=network, epochs=12, callbacks=[start, look]).fit(*digits)
    beginning = look.watching.beginning()
    assert beginning is not None
    own = beginning.state_dict()
    assert own.keys() == start.state.keys()
    assert all(torch.equal(own[name], each) for name, each in start.state.items())
    run = look.watching.run
    assert not all(torch.equal(each, start.state[name]) for name, each in run.module.state_dict().items())
    assert fitted.diagnosis_.ok


def test_rows_that_are_kept_are_few_and_numbered() -> None:
    X = torch.arange(5000.0)[:, None]
    material = kept(Batches((X,), torch.arange(5000) % 2, size=64), np.arange(5000) + 7)
    assert material is not None
    assert len(material.whole) <= 2 * diagnosing.ROWS
    assert not material.complete
    assert torch.equal(material.numbers, material.whole.inputs[0][:, 0].long() + 7)
    assert material.batch_size == 64
    small = kept(Batches((X[:100],), torch.arange(100) % 2, size=64), None)
    assert small is not None
    assert small.complete
    assert small.numbers.tolist() == list(range(100))


def test_rows_that_are_too_large_are_not_kept() -> None:
    images = torch.zeros(1, 1, 512, 512).expand(300, 1, 512, 512)
    assert kept(Batches((images,), torch.zeros(300).long(), size=10), None) is None


def test_nothing_to_say_before_a_run() -> None:
    assert Watching().diagnosis(Intent()).findings == ()


def test_rules_of_curvature_have_no_optimizer_for_trials() -> None:
    X, y = load_diabetes(return_X_y=True)
    fitted = nw.Regressor(random_state=0, epochs=5, optimizer=nw.optim.LevenbergMarquardt()).fit(X[:, :4], y)
    run = fitted._run
    assert optimizers_of(run, run.module, float("nan")) == []
    assert fitted.diagnosis_.ok


# apply


def rated(share: float | None, name: str = "left", code: str = "lr-too-high", **parts: Any) -> Finding:
    evidence = {} if share is None else {name: share}
    return fault(code, "a", "b", "Do.", evidence=evidence, **parts)


def test_the_remedy_that_left_least_is_applied() -> None:
    told = diagnose(
        [
            rated(0.9, remedy=Remedy("optimizer", "lr", 5.0), stage="run"),
            rated(0.1, "left_smaller", remedy=Remedy("optimizer", "lr", 0.5)),
            rated(None, remedy=Remedy("optimizer", "lr", 7.0)),
            rated(0.0, code="collapse", remedy=Remedy("loop", "epochs", 3), stage="run"),
        ]
    )
    assert told.codes == ("lr-too-high",)
    assert told.apply(classifier(optimizer=nw.optim.SGD(50.0))).optimizer.learning_rate == 0.5


@pytest.mark.slow
def test_a_run_at_a_rate_far_too_high_is_mended(digits: Any) -> None:
    layers = nw.layers.ReLU(32) >> nw.layers.Softmax(10)
    fitted = classifier(network=layers, optimizer=nw.optim.SGD(50.0)).fit(*digits)
    mended = fitted.diagnosis_.apply(fitted)
    assert mended.fit(*digits).score(*digits) > 0.9


@pytest.mark.slow
def test_rows_in_the_order_of_their_classes_are_no_fault_of_a_run_that_draws_them() -> None:
    draw = np.random.default_rng(0)
    y = np.repeat([0, 1], 200)
    X = draw.normal(2.0 * y[:, None], 1.0, size=(400, 3))
    layers = nw.layers.ReLU(16) >> nw.layers.Softmax(2)
    assert "unshuffled" not in codes(classifier(network=layers, epochs=20).fit(X, y).diagnosis_)
    series = [draw.normal(label, 1.0, size=(draw.integers(3, 9), 2)) for label in y]
    clf = nw.sequence.SequenceClassifier("GRU(4, output='last')", epochs=3, random_state=0).fit(series, y)
    assert "unshuffled" not in codes(clf.diagnosis_)


def test_the_last_step_of_a_pipeline_is_mended() -> None:
    told = diagnose([rated(0.1, remedy=Remedy("optimizer", "lr", 0.5))])
    pipeline = make_pipeline(StandardScaler(), classifier(optimizer=nw.optim.SGD(50.0)))
    mended = told.apply(pipeline)
    assert mended[-1].optimizer.learning_rate == 0.5
    assert pipeline[-1].optimizer.learning_rate == 50.0
    assert list(mended.named_steps) == list(pipeline.named_steps)
    for other in (StandardScaler(), make_pipeline(StandardScaler()), "text", LogisticRegression()):
        with pytest.raises(InvalidParameter, match="a Classifier or Regressor of netwright"):
            told.apply(other)
