"""`Ensemble` as an estimator: scikit-learn's checks, members and their seeds, averages, files, bad input."""

from __future__ import annotations

import hashlib
import pickle
import re
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.seeds import derive
from netwright.layers import Linear, ReLU, Sigmoid, Softmax, Tanh

X, y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
TARGET = X[:, 0] + 0.3 * X[:, 1] ** 2
CLF = nw.Classifier(ReLU(8) >> Softmax(3), optimizer=nw.optim.Adam(0.02), epochs=6)
REG = nw.Regressor(Tanh(8) >> Linear(1), optimizer=nw.optim.Adam(0.02), epochs=6)


def bits(ensemble: Any) -> str:
    found = hashlib.sha256()
    for member in ensemble.estimators_:
        for tensor in member.module_.state_dict().values():
            found.update(tensor.numpy().tobytes())
    return found.hexdigest()


@pytest.mark.touches_rng  # the checks themselves draw from NumPy's global state
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize(
    "ensemble",
    [
        nw.Ensemble(nw.Classifier(epochs=8, optimizer=nw.optim.Adam(0.02)), 2),
        nw.Ensemble(nw.Regressor(epochs=8, optimizer=nw.optim.Adam(0.02)), 2),
        nw.Ensemble(nw.Classifier(epochs=8, optimizer=nw.optim.Adam(0.02)), 2, how="average"),
    ],
    ids=["classifier", "regressor", "average"],
)
def test_scikit_learns_own_checks(ensemble: Any) -> None:
    results = check_estimator(ensemble, on_fail=None, on_skip=None)
    failed = [(r["check_name"], repr(r["exception"])[:300]) for r in results if r["status"] == "failed"]
    assert not failed
    assert sum(r["status"] == "passed" for r in results) > 50


def test_members_are_the_model_with_derived_seeds() -> None:
    ensemble = nw.Ensemble(CLF, 3, vectorised=False, random_state=5).fit(X, y)
    for place, member in enumerate(ensemble.estimators_):
        alone = clone(CLF).set_params(random_state=derive(5, "member", place)).fit(X, y)
        np.testing.assert_array_equal(member.predict_proba(X), alone.predict_proba(X))
    more = nw.Ensemble(CLF, 4, vectorised=False, random_state=5).fit(X, y)
    assert bits(SimpleNamespace(estimators_=more.estimators_[:3])) == bits(ensemble)
    assert not hasattr(CLF, "module_")


def test_the_seed_is_that_of_the_estimator_where_the_ensemble_has_none() -> None:
    seeded = clone(CLF).set_params(random_state=5)
    one, other = (nw.Ensemble(e, 2, random_state=s).fit(X, y) for e, s in ((seeded, None), (CLF, 5)))
    assert bits(one) == bits(other)
    assert bits(nw.Ensemble(CLF, 2).fit(X, y)) != bits(one)


@pytest.mark.slow
def test_the_workers_do_not_change_the_bits() -> None:
    options: dict[str, Any] = {"n_estimators": 3, "vectorised": False, "bootstrap": True, "random_state": 5}
    alone = nw.Ensemble(CLF, **options).fit(X, y)
    processes = nw.Ensemble(CLF, n_jobs=2, **options).fit(X, y)
    with joblib.parallel_config("threading", n_jobs=2):
        threads = nw.Ensemble(CLF, **options).fit(X, y)
    assert bits(alone) == bits(processes) == bits(threads)


def test_probabilities_are_averaged_and_uncertainty_is_entropy() -> None:
    ensemble = nw.Ensemble(CLF, 4, random_state=0).fit(X, y)
    each = np.stack([member.predict_proba(X) for member in ensemble.estimators_])
    np.testing.assert_allclose(ensemble.predict_proba(X), each.mean(0))
    np.testing.assert_array_equal(ensemble.predict(X), ensemble.classes_[each.mean(0).argmax(1)])
    total, aleatoric, epistemic = ensemble.uncertainty(X)
    np.testing.assert_allclose(total, entropy(each.mean(0), axis=1))
    np.testing.assert_allclose(aleatoric, entropy(each, axis=2).mean(0))
    divergence = np.mean([entropy(p, each.mean(0), axis=1) for p in each], axis=0)  # mutual information, the other way
    np.testing.assert_allclose(epistemic, divergence, atol=1e-9)
    assert (epistemic > 0).all()


def test_numbers_are_averaged_with_their_spread() -> None:
    ensemble = nw.Ensemble(REG, 4, random_state=0).fit(X, TARGET)
    each = np.stack([member.predict(X) for member in ensemble.estimators_])
    mean, deviation = ensemble.predict(X, return_std=True)
    np.testing.assert_allclose(mean, each.mean(0))
    np.testing.assert_allclose(deviation, each.std(0))
    np.testing.assert_allclose(ensemble.predict(X), mean)
    assert (ensemble.uncertainty(X).aleatoric == 0).all()


def test_members_that_tell_a_variance_make_a_mixture() -> None:
    member = nw.MixtureDensityRegressor(Tanh(8), components=1, epochs=5, optimizer=nw.optim.Adam(0.02))
    ensemble = nw.Ensemble(member, 3, random_state=0).fit(X, TARGET)
    means, deviations = map(np.stack, zip(*(m.predict(X, return_std=True) for m in ensemble.estimators_), strict=True))
    draws = np.random.default_rng(0).normal(means, deviations, (20_000, *means.shape)).reshape(-1, len(X))
    mean, deviation = ensemble.predict(X, return_std=True)
    np.testing.assert_allclose(mean, draws.mean(0), atol=0.05)
    np.testing.assert_allclose(deviation, draws.std(0), rtol=0.05)
    assert (ensemble.uncertainty(X).aleatoric > 0).all()


@pytest.mark.parametrize("kind", ["multilabel", "questions", "binary", "texts", "hinge"])
def test_targets_of_every_kind(kind: str) -> None:
    both = np.stack([y == 0, X[:, 0] > 0], axis=1).astype(int)
    few: dict[str, Any] = {"optimizer": nw.optim.Adam(0.05), "epochs": 15}
    target, network, options = {
        "multilabel": (both, Tanh(8) >> Sigmoid(2), {}),
        "questions": (np.stack([y, both[:, 1] + 5], axis=1), Tanh(8) >> (Softmax(3) | Softmax(2)), {}),
        "binary": (y > 0, Tanh(8) >> Sigmoid(1), {}),
        "texts": (np.array(["a", "b", "c"])[y], Tanh(8) >> Softmax(3), {}),
        "hinge": (np.array(["a", "b", "c"])[y], Tanh(8) >> Linear(3), {"loss": nw.losses.Hinge()}),
    }[kind]
    ensemble = nw.Ensemble(nw.Classifier(network, **few, **options), 3, random_state=0).fit(X, target)
    assert ensemble.predict(X).shape == target.shape
    assert ensemble.predict(X).dtype.kind == target.dtype.kind
    assert ensemble.score(X, target) > 0.6
    if kind == "hinge":
        assert not hasattr(ensemble, "predict_proba")
        with pytest.raises(InvalidParameter, match="members with probabilities"):
            ensemble.uncertainty(X)
    elif kind == "questions":
        assert [p.shape for p in ensemble.predict_proba(X)] == [(150, 3), (150, 2)]
        with pytest.raises(InvalidParameter, match="a classifier of one question, got 2 questions"):
            ensemble.uncertainty(X)
    else:
        found = ensemble.uncertainty(X)
        np.testing.assert_allclose(found.total, found.aleatoric + found.epistemic, atol=1e-9)


def test_top_takes_the_best_of_a_search_or_of_a_list() -> None:
    wide = clone(CLF).set_params(network=ReLU(16) >> Softmax(3), random_state=3)
    search = SimpleNamespace(top=lambda n: [wide, CLF][:n])
    found = nw.Ensemble(how="top", search=search, n_estimators=2, random_state=0).fit(X, y)
    listed = nw.Ensemble(how="top", search=[wide, CLF], n_estimators=5, random_state=0).fit(X, y)
    assert bits(found) == bits(listed)
    np.testing.assert_array_equal(found.estimators_[0].predict_proba(X), clone(wide).fit(X, y).predict_proba(X))
    assert is_classifier(found)
    assert clone(found).search is search
    mixed = nw.Ensemble(how="top", search=[CLF, LogisticRegression()], random_state=0).fit(X, y)
    assert mixed.score(X, y) > 0.8


def test_in_a_pipeline_in_a_search_and_round_a_pipeline() -> None:
    pipe = make_pipeline(StandardScaler(), nw.Ensemble(CLF, 2, random_state=0))
    assert cross_val_score(pipe, X, y, cv=2).shape == (2,)
    grid = GridSearchCV(nw.Ensemble(REG, 2, random_state=0), {"estimator__optimizer__learning_rate": [0.01, 0.1]}, cv=2)
    assert grid.fit(X, TARGET).best_params_["estimator__optimizer__learning_rate"] == 0.1
    assert is_regressor(grid.best_estimator_)
    outside = nw.Ensemble(make_pipeline(StandardScaler(), CLF), 2, random_state=0).fit(X, y)
    one, other = (member[-1].module_.state_dict() for member in outside.estimators_)
    assert any((one[name] != other[name]).any() for name in one)
    with pytest.raises(InvalidParameter, match="make_pipeline"):
        outside.save("never")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["seeds", "top", "snapshots", "average"])
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_a_saved_ensemble_says_the_same(how: str, kind: str, tmp_path: Any) -> None:
    base, target = (CLF, y) if kind == "classifier" else (REG, TARGET)
    source: dict[str, Any] = {"search": [base, base]} if how == "top" else {"estimator": base}
    options: dict[str, Any] = {"calibrated": 0.2} if kind == "classifier" else {}
    ensemble = nw.Ensemble(**source, n_estimators=3, how=how, random_state=0, **options).fit(X, target)
    ensemble.save(tmp_path / "ensemble.nw")
    again = nw.load(tmp_path / "ensemble.nw")
    for other in (again, pickle.loads(pickle.dumps(ensemble))):
        np.testing.assert_array_equal(other.predict(X), ensemble.predict(X))
        assert bits(other) == bits(ensemble)
    if kind == "classifier":
        np.testing.assert_array_equal(again.predict_proba(X), ensemble.predict_proba(X))
        assert again.temperature_ == ensemble.temperature_
    again.save(tmp_path / "second.nw")
    assert nw.load(tmp_path / "second.nw").fit(X, target).score(X, target) == again.score(X, target)


def test_a_fit_that_fails_leaves_what_was_fitted() -> None:
    ensemble = nw.Ensemble(CLF, 2, random_state=0).fit(X, y)
    before = ensemble.predict_proba(X)
    with pytest.raises(ValueError, match="NaN"):
        ensemble.fit(np.where(X > 1, np.nan, X), y)
    with pytest.raises(ValueError, match="expected an integer >= 1, got 0"):
        ensemble.set_params(n_estimators=0).fit(X, y)
    np.testing.assert_array_equal(ensemble.predict_proba(X), before)
    with pytest.raises(ValueError, match="X has 3 features, but Classifier is expecting 4 features"):
        ensemble.predict(X[:, :3])


BAD = [
    ({"n_estimators": 0}, r"\(n_estimators\): expected an integer >= 1, got 0"),
    ({"how": "seed"}, r"\(how\).*'seed'\. Did you mean 'seeds'\?"),
    ({"estimator": None}, r"\(estimator\): expected a classifier or a regressor, got None"),
    ({"estimator": StandardScaler()}, r"expected a classifier or a regressor, got StandardScaler\(\)"),
    ({"how": "top"}, r"Ensemble\(search\): expected the result of a search or a list of estimators, got Classifier"),
    ({"how": "top", "estimator": None}, r"expected the result of a search or a list of estimators, got None"),
    ({"how": "top", "estimator": []}, r"Ensemble\(search\): expected at least one estimator, got \[\]"),
    ({"how": "top", "estimator": 3}, r"expected the result of a search or a list of estimators, got 3"),
    ({"how": "top", "estimator": [CLF, REG]}, r"members of one kind, got a classifier \(Classifier\), a regressor"),
    ({"how": "top", "search": [CLF]}, r"Ensemble\(estimator\): expected None with how=\"top\", whose .*got Classifier"),
    ({"search": [CLF]}, r"\(search\): expected None with how='seeds'.*It goes with how='top'"),
    ({"keep": "epochs"}, r"\(keep\): expected None with how='seeds'"),
    ({"how": "average", "bootstrap": True}, r"\(bootstrap\): expected False with how='average'"),
    ({"how": "snapshots", "estimator": LogisticRegression()}, r"how='snapshots'\): expected an estimator of netwright"),
    ({"how": "snapshots", "n_estimators": 7}, r"at least 7 epochs, got 6"),
    ({"how": "average", "vectorised": True}, r"\(vectorised\): expected \"auto\" or False for a single run"),
    ({"how": "average", "estimator__patience": 3}, r"an estimator without patience, got patience=3"),
    ({"how": "average", "estimator__average": 0.9}, r"an estimator without average, got average=0\.9"),
    (
        {"how": "snapshots", "n_estimators": 2, "estimator__optimizer": "LevenbergMarquardt()"},
        r"a rule with a learning rate, got Leven",
    ),
    ({"adversarial": 0.01, "estimator": LogisticRegression()}, r"\(adversarial\): expected estimators of netwright"),
    ({"adversarial": -1}, r"\(adversarial\): expected None or a number in \(0, inf\), got -1"),
    ({"calibrated": 1.5}, r"\(calibrated\): expected None or a number in \(0, 1\) or a pair \(X, y\), got 1\.5"),
    ({"estimator": REG, "calibrated": 0.1}, r"\(calibrated\): expected None for regressors, got 0\.1"),
    ({"vectorised": "yes"}, r"\(vectorised\): expected True or False or 'auto', got 'yes'"),
    ({"n_jobs": "many"}, r"\(n_jobs\): expected None or an integer, got 'many'"),
    ({"random_state": -1}, r"\(random_state\): expected None, an integer >= 0"),
]


@pytest.mark.parametrize(("options", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_what_cannot_be_is_said(options: dict[str, Any], message: str) -> None:
    nested = {name: item for name, item in options.items() if "__" in name}
    own = {name: item for name, item in options.items() if name not in nested}
    ensemble = nw.Ensemble(**{"estimator": clone(CLF), **own}).set_params(**nested)
    with pytest.raises(InvalidParameter, match=message):
        ensemble.fit(X, y)
    assert not [name for name in vars(ensemble) if name.endswith("_")]


class Blind(LogisticRegression):
    """It does not see the last class."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(X[y < 2], y[y < 2])


def test_members_of_other_classes_are_refused() -> None:
    blind = Blind()
    with pytest.raises(InvalidData, match=r"members of the same classes, got \[0, 1, 2\] of member 0 and \[0, 1\] of"):
        nw.Ensemble(how="top", search=[LogisticRegression(), blind]).fit(X, y)


def test_a_classifier_has_no_deviation() -> None:
    with pytest.raises(InvalidParameter, match=r"predict\(return_std\): expected False for a classifier"):
        nw.Ensemble(CLF, 1, random_state=0).fit(X, y).predict(X, return_std=True)


def test_the_best_of_a_search_given_first() -> None:
    space = {"optimizer__lr": nw.log_uniform(1e-3, 1e-1)}
    found = nw.search(clone(CLF).set_params(epochs=2), space, X, y, trials=3, stages="one", random_state=0)
    first, named = nw.Ensemble(found, 2, how="top", random_state=0), nw.Ensemble(None, 2, how="top", search=found)
    expected = named.set_params(random_state=0).fit(X, y).predict_proba(X)
    copy = clone(first)
    assert copy.estimator is found
    np.testing.assert_array_equal(copy.fit(X, y).predict_proba(X), expected)
    np.testing.assert_array_equal(nw.Ensemble(found.top(2), 2, how="top", random_state=0).fit(X, y).classes_, [0, 1, 2])
    with pytest.raises(InvalidParameter, match=r"got .*Take how=\"top\" for the best of a search"):
        nw.Ensemble(found, 2).fit(X, y)


@pytest.mark.parametrize("options", [{}, {"calibrated": 0.2}, {"bootstrap": True}, {"how": "average"}])
def test_weights_are_as_many_as_rows(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(149,\), expected \(150,\)"):
        nw.Ensemble(CLF, 2, **options).fit(X, y, np.ones(149))
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[150, 149\]"):
        nw.Ensemble(CLF, 2, **options).fit(X, y[:-1])


def test_members_that_take_no_weights() -> None:
    sequences = nw.sequence.SequenceClassifier(epochs=1)
    with pytest.raises(InvalidParameter, match=r"\(sample_weight\): expected None for members whose fit takes no weig"):
        nw.Ensemble(sequences, 2).fit([[[1.0]], [[2.0], [3.0]]], [0, 1], np.ones(2))
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    assert nw.Ensemble(pipe, 1, random_state=0).fit(X, y, np.ones(150)).score(X, y) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"bootstrap": True}, {"calibrated": 0.2}, {"how": "snapshots"}])
def test_rows_of_a_stream(options: dict[str, Any], tmp_path: Any) -> None:
    np.save(tmp_path / "rows.npy", X)
    rows = nw.data.stream(tmp_path / "rows.npy", y)
    given: dict[str, Any] = {"n_estimators": 2, "random_state": 0, **options}
    ensemble = nw.Ensemble(clone(CLF).set_params(epochs=20), **given).fit(rows)
    assert ensemble.score(rows) > 0.85
    assert not ensemble.vectorised_
    np.testing.assert_allclose(ensemble.predict_proba(rows), ensemble.predict_proba(X), rtol=1e-6)
    one = nw.distill(ensemble, clone(CLF).set_params(epochs=1), rows)
    assert one.predict(rows).shape == (150,)


def test_a_search_of_a_stream_and_streams_that_cannot_be() -> None:
    rows = nw.data.stream(X, y)
    space = {"optimizer__lr": nw.log_uniform(1e-2, 1e-1)}
    found = nw.search(clone(CLF).set_params(epochs=2), space, rows, trials=2, stages="one", random_state=0)
    assert found.predict(rows).shape == (150,)
    with pytest.raises(InvalidParameter, match=r"\(vectorised\).*True: a stream is read while one run goes"):
        nw.Ensemble(CLF, 2, vectorised=True).fit(rows)
    with pytest.raises(InvalidParameter, match=r"adversarial: expected rows in memory, all of one shape, got a stream"):
        nw.Ensemble(CLF, 2, adversarial=0.01).fit(rows)


def stopping(begun: list[int]) -> Any:
    """A callback that acts as Ctrl-C does, in the third epoch of the second member."""

    def stop(run: Any) -> None:
        begun.extend([run.epoch] * (run.epoch == 1))
        if len(begun) == 2 and run.epoch == 3:
            raise KeyboardInterrupt

    return stop


def test_after_an_interruption_no_other_member_begins() -> None:
    begun: list[int] = []
    ensemble = nw.Ensemble(clone(CLF).set_params(callbacks=[stopping(begun)]), 5, vectorised=False, random_state=0)
    with pytest.warns(UserWarning, match="user in") as told:
        ensemble.fit(X, y)
    words = r"Ensemble\.fit: stopped by the user in member 2 of 5; those up to it are kept"
    assert [str(each.message) for each in told if re.match(words, str(each.message))]
    assert [member.n_iter_ for member in ensemble.estimators_] == [6, 3]
    assert len(begun) == 2
    whole = nw.Ensemble(CLF, 1, vectorised=False, random_state=0).fit(X, y)
    np.testing.assert_array_equal(ensemble.estimators_[0].predict_proba(X), whole.estimators_[0].predict_proba(X))
    assert ensemble.predict_proba(X).shape == (150, 3)


def test_what_was_fitted_before_an_interruption_stays() -> None:
    class Stopped(LogisticRegression):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            if self.C > 1:
                raise KeyboardInterrupt
            return super().fit(X, y, sample_weight)

    ensemble = nw.Ensemble(Stopped(), 2, random_state=0).fit(X, y)
    before = ensemble.predict_proba(X)
    ensemble.estimator.C = 2.0
    with pytest.raises(KeyboardInterrupt):
        ensemble.fit(X, y)
    np.testing.assert_array_equal(ensemble.predict_proba(X), before)
