"""scikit-learn's own checks, routing, frames and processes for the estimators of rows that are not in other tables.

`tests/contract/test_estimators.py` has the deep supervised ones, `test_classical.py` the classical networks; here are
ensembles, calibrated classifiers, the generative models and the embedders, and what all of them have in common.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import netwright as nw
from netwright import estimators, vision

sys.path.append(str(Path(__file__).parent / "bad_input"))
from row_checks import SUBJECTS, assert_same
from row_inputs import frame

MADE: dict[str, Any] = {
    "Ensemble of classifiers": nw.Ensemble(nw.Classifier(epochs=25), n_estimators=2),
    "Ensemble of regressors": nw.Ensemble(nw.Regressor(epochs=25), n_estimators=2),
    "Calibrated": estimators.Calibrated(nw.Classifier(epochs=25)),
    "Autoencoder": vision.Autoencoder(epochs=3),
    "VariationalAutoencoder": vision.VariationalAutoencoder(epochs=3),
    "GAN": vision.GAN(steps=5),
    "TripletNetwork": vision.TripletNetwork(epochs=2),
    "SiameseNetwork": vision.SiameseNetwork(epochs=2),
    "EmbeddingEnsemble": vision.EmbeddingEnsemble([vision.TripletNetwork(epochs=2), vision.TripletNetwork(epochs=2)]),
}
FAILS = {  # at most one each, with its reason
    "Calibrated": {
        "check_sample_weight_equivalence_on_dense_data": "a row of weight 2 falls on one side of the split, two rows "
        "may fall on both",
    }
}
OTHERWISE = {
    "Recognizer": "its embedder has to be fitted",
    "ScoreNormalizer": "its embedder has to be fitted",
    "SequenceClassifier": "a row is a sequence of any length, so there is no number of features",
    "SequenceRegressor": "a row is a sequence of any length, so there is no number of features",
    "Verifier": "fit(embedder, X, y) takes an embedder, too",
}
ARRAY_API = """
import sys, warnings
warnings.simplefilter("ignore")
sys.path.extend(sys.argv[1:3])
import test_conformance, test_classical, netwright as nw
from netwright import estimators
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator
made = {**test_conformance.MADE}
made |= {kind: getattr(estimators, kind)(epochs=25) for kind in ("Classifier", "Regressor", "QuantileRegressor",
         "BinnedRegressor")}
made["MixtureDensityRegressor"] = nw.MixtureDensityRegressor(epochs=25, components=1)
made |= {name: clone(e.network if e.checked is None else e.checked) for name, e in test_classical.EXAMPLES.items()}
for name, estimator in made.items():
    allowed = test_conformance.FAILS.get(name, {})
    results = check_estimator(estimator, on_fail=None, on_skip=None, expected_failed_checks=allowed)
    for each in results:
        if each["status"] == "failed":
            print(name, each["check_name"], repr(each["exception"])[:300])
print(len(made), "checked")
"""
FAMILIES = ("Classifier", "SequenceClassifier", "Autoencoder", "GAN", "TripletNetwork", "SOFM", "RBM", "PNN", "LVQ1")


def failed(estimator: Any, allowed: dict[str, str]) -> list[tuple[str, str]]:
    results = check_estimator(estimator, on_fail=None, on_skip=None, expected_failed_checks=allowed)
    assert sum(each["status"] == "passed" for each in results) >= 38
    return [(each["check_name"], repr(each["exception"])[:300]) for each in results if each["status"] == "failed"]


def test_every_estimator_of_rows_is_checked_somewhere() -> None:
    here = {name.split()[0] for name in MADE}
    others = {name for name, subject in SUBJECTS.items() if "classical" in subject.traits}
    deep = {"Classifier", "Regressor", "QuantileRegressor", "BinnedRegressor", "MixtureDensityRegressor"}
    assert set(SUBJECTS) == here | others | deep | set(OTHERWISE)
    assert all(len(reasons) <= 1 for reasons in FAILS.values())


@pytest.mark.touches_rng  # the checks themselves draw from NumPy's global state
@pytest.mark.filterwarnings("ignore::UserWarning")  # a few epochs on data of the checks: collapse, few rows
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if "Ensemble" in n else n for n in MADE])
def test_scikit_learns_own_checks(name: str) -> None:
    assert not failed(clone(MADE[name]), FAILS.get(name, {}))


@pytest.mark.slow
def test_scikit_learns_own_checks_with_the_array_api() -> None:
    """Once more for all estimators of rows, in a process with SCIPY_ARRAY_API=1."""
    here = Path(__file__).parent
    command = [sys.executable, "-c", ARRAY_API, str(here), str(here / "bad_input")]
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert lines[-1].endswith("checked")
    assert not lines[:-1]


@pytest.mark.parametrize("name", [name for name in SUBJECTS if hasattr(SUBJECTS[name].make(), "set_output")])
def test_transformers_name_their_columns(name: str) -> None:
    subject = SUBJECTS[name]
    X = frame(subject.X)
    made = subject.fit(subject.make().set_output(transform="pandas"), X, subject.y)
    found = made.transform(X)
    assert list(found.columns) == list(made.get_feature_names_out())
    assert list(found.index) == list(X.index)
    plain = subject.fit(subject.make(), X, subject.y).transform(X)
    np.testing.assert_array_equal(found.to_numpy(), plain)


@pytest.mark.parametrize("name", [name for name in SUBJECTS if name != "Verifier"])
def test_a_clone_is_unfitted_and_learns_the_same(name: str) -> None:
    subject = SUBJECTS[name]
    if "given" in subject.traits:
        return  # a clone has no fitted embedder, which scikit-learn clones, too
    first = subject.fit(subject.make(), subject.X, subject.y)
    again = clone(first)
    assert not [item for item in vars(again) if item.endswith("_")]
    assert_same(subject.ask(subject.fit(again, subject.X, subject.y), subject.X), subject.ask(first, subject.X))


WEIGHTED = ("Classifier", "Regressor", "QuantileRegressor", "BinnedRegressor", "Ensemble", "PNN", "GRNN")


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_are_routed_through_pipelines_and_searches(name: str) -> None:
    import sklearn

    subject = SUBJECTS[name]
    weight = np.where(np.arange(len(subject.X)) % 3, 1.0, 3.0)
    with sklearn.config_context(enable_metadata_routing=True):
        step = subject.make().set_fit_request(sample_weight=True)
        if hasattr(step, "set_score_request"):
            step.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        piped = make_pipeline(scaler, step).fit(subject.X, subject.y, sample_weight=weight)
        scaled = StandardScaler().fit_transform(subject.X)
        alone = subject.make().fit(scaled, subject.y, sample_weight=weight)
        np.testing.assert_array_equal(piped.predict(subject.X), alone.predict(scaled))
        search = GridSearchCV(clone(piped), {f"{piped.steps[-1][0]}__{option_of(name)}": values_of(name)}, cv=2)
        search.fit(subject.X, subject.y, sample_weight=weight)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def option_of(name: str) -> str:
    return {"Ensemble": "n_estimators", "PNN": "bandwidth", "GRNN": "bandwidth"}.get(name, "batch_size")


def values_of(name: str) -> list[Any]:
    return {"Ensemble": [1, 2], "PNN": [0.5, 1.0], "GRNN": [0.5, 1.0]}.get(name, [8, 16])


def learned_elsewhere(name: str) -> dict[str, np.ndarray]:
    sys.path.append(str(Path(__file__).parent / "bad_input"))
    import row_subjects

    subject = row_subjects.SUBJECTS[name]
    return subject.ask(subject.fit(subject.make(), subject.X, subject.y), subject.X)


@pytest.mark.slow
def test_two_processes_learn_the_same_bits() -> None:
    found = Parallel(n_jobs=2)(delayed(learned_elsewhere)(name) for name in FAMILIES)
    for name, answers in zip(FAMILIES, found, strict=True):
        assert_same(answers, learned_elsewhere(name))
