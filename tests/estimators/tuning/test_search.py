"""`nw.search`: what it finds, that it can be repeated, that it survives trials that fail, what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.metrics import balanced_accuracy_score, make_scorer
from sklearn.model_selection import ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import netwright as nw
from netwright.core.errors import DivergenceWarning, InvalidData, InvalidParameter
from netwright.core.seeds import derive
from netwright.data import holdout
from netwright.estimators.tuning.subject import unfitted

X, Y = load_iris(return_X_y=True)
BOWL = {"rate": nw.log_uniform(1e-6, 1), "width": [2, 4, 8, 16]}
Table = Callable[[Any], list[dict[str, Any]]]


def network(**options: Any) -> nw.Classifier:
    return nw.Classifier(**{"network": "ReLU(6) >> Softmax(3)", "epochs": 6, "batch_size": 32, **options})


def test_the_fine_stage_lies_round_the_best_of_the_coarse_one(bowl: Any, rows: Any) -> None:
    made = nw.search(bowl, BOWL, *rows, trials=40, random_state=0)
    frame = made.trials_
    assert frame["number"].tolist() == list(range(40))
    assert frame["stage"].tolist() == ["coarse"] * 24 + ["fine"] * 16
    coarse, fine = frame[frame.stage == "coarse"], frame[frame.stage == "fine"]
    best = coarse.sort_values("score", ascending=False, kind="stable").head(6)
    rates = np.log10(best.param_rate)
    low, high = max(rates.min() - 0.6, -6), min(rates.max() + 0.6, 0)
    narrowed = made.narrowed_.axes["rate"]
    np.testing.assert_allclose(np.log10([narrowed.low, narrowed.high]), [low, high], atol=1e-3)
    assert set(fine.param_width) <= set(best.param_width)
    assert fine.param_rate.between(narrowed.low, narrowed.high).all()
    assert fine.iloc[0][["param_rate", "param_width"]].tolist() == best.iloc[0][["param_rate", "param_width"]].tolist()
    assert made.best_score_ == fine.score.max() >= coarse.score.max()
    assert made.best_params_ == frame.loc[made.best_number_, "params"]
    assert made.best_estimator_.get_params()["rate"] == made.best_params_["rate"]


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_a_seed_decides_everything(bowl: Any, rows: Any, table: Table, method: str) -> None:
    first, again = (nw.search(bowl, BOWL, *rows, method=method, random_state=5) for _ in range(2))
    assert table(first) == table(again)
    assert table(first) != table(nw.search(bowl, BOWL, *rows, method=method, random_state=6))


def test_random_draws_do_not_depend_on_how_many_are_under_way(bowl: Any, rows: Any, table: Table) -> None:
    made = [nw.search(bowl, BOWL, *rows, trials=12, synchronous=k, random_state=0) for k in (None, 1, 4, 20)]
    assert all(table(each) == table(made[0]) for each in made)


@pytest.mark.slow
def test_tpe_finds_more_than_chance(bowl: Any, rows: Any) -> None:
    space = {"rate": nw.log_uniform(1e-9, 1e5), "width": nw.integers(1, 512, log=True)}
    options = {"trials": 30, "stages": "one", "refit": False}
    best = {
        method: [nw.search(bowl, space, *rows, method=method, random_state=s, **options).best_score_ for s in range(3)]
        for method in ("random", "tpe")
    }
    assert np.median(best["tpe"]) > np.median(best["random"])


def test_a_score_is_that_of_the_rows_held_out() -> None:
    made = nw.search(SVC(random_state=0), {"C": nw.log_uniform(0.1, 10)}, X, Y, trials=3, stages="one", random_state=7)
    train, held = holdout(len(X), 0.2, Y, seed=derive(7, "validation"), stratify=True)
    for row in made.rows_:
        expected = SVC(random_state=0, **row["params"]).fit(X[train], Y[train]).score(X[held], Y[held])
        assert row["score"] == expected
    assert made.best_estimator_.shape_fit_ == X.shape  # fitted on all rows


@pytest.mark.parametrize("folds", [ShuffleSplit(4, random_state=1), list(ShuffleSplit(2, random_state=1).split(X))])
@pytest.mark.parametrize("scoring", [None, "balanced_accuracy", make_scorer(balanced_accuracy_score)])
def test_folds_and_scores_are_scikit_learn_s(folds: Any, scoring: Any) -> None:
    made = nw.search(
        SVC(random_state=0), {"C": [0.5, 5.0]}, X, Y, trials=2, stages="one", validation=folds, scoring=scoring
    )
    for row in made.rows_:
        expected = cross_val_score(SVC(random_state=0, **row["params"]), X, Y, cv=folds, scoring=scoring)
        assert row["score"] == pytest.approx(expected.mean())


def test_a_number_is_that_many_folds() -> None:
    made = nw.search(SVC(random_state=0), {"C": [1.0]}, X, Y, trials=1, stages="one", validation=5, random_state=0)
    assert 0.9 < made.best_score_ < 1
    assert made.best_score_ * len(Y) == pytest.approx(round(made.best_score_ * len(Y)))  # each row judges once


def test_rows_of_their_own_judge() -> None:
    made = nw.search(
        SVC(random_state=0), {"C": [1.0]}, X[::2], Y[::2], trials=1, stages="one", validation=(X[1::2], Y[1::2])
    )
    assert made.best_score_ == SVC(C=1.0, random_state=0).fit(X[::2], Y[::2]).score(X[1::2], Y[1::2])
    assert made.best_estimator_.shape_fit_ == (75, 4)


def test_networks_are_searched(recwarn: pytest.WarningsRecorder) -> None:
    space = {
        "optimizer__lr": nw.log_uniform(1e-3, 0.1),
        "network": [nw.layers.Tanh(4) >> nw.layers.Softmax(3), "INPUT -> FC6 -> RELU -> FC"],
        "regularizer": [None, nw.l2(1e-3)],
    }
    made = nw.search(network(), space, X, Y, trials=6, coarse_epochs=2, random_state=0)
    frame = made.trials_
    assert frame["epochs"].tolist() == [2] * 4 + [6] * 2
    assert set(frame["state"]) == {"complete"}
    assert frame.param_network.isin(["Tanh(4) >> Softmax(3)", "INPUT -> FC6 -> RELU -> FC"]).all()
    assert made.predict_proba(X).shape == (150, 3)
    assert made.predict(X).shape == (150,)
    assert made.classes_.tolist() == [0, 1, 2]
    assert made.score(X, Y) == made.best_estimator_.score(X, Y)
    [first, second] = made.top(2)
    assert first.get_params()["random_state"] != second.get_params()["random_state"]
    again = first.set_params(validation=None)
    train, held = holdout(150, 0.2, Y, seed=derive(0, "validation"), stratify=True)
    assert again.fit(X[train], Y[train]).score(X[held], Y[held]) == made.best_score_
    assert not recwarn.list


def test_a_pipeline_is_searched() -> None:
    chain = make_pipeline(StandardScaler(), network())
    space = {"classifier__optimizer__lr": nw.log_uniform(1e-3, 0.1), "standardscaler__with_mean": [True, False]}
    made = nw.search(chain, space, X, Y, trials=5, coarse_epochs=2, pruning="median", random_state=0)
    assert made.trials_["epochs"].tolist()[:3] == [2] * 3
    assert {len(outcome.reports) for outcome in (r.outcome for r in made.stages[0].records) if outcome} == {2}
    assert made.score(X, Y) > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["frame", "tensor", "list", "dataset", "stream", "tuple", "dict"])
def test_data_of_every_kind(kind: str) -> None:
    data: dict[str, tuple[Any, Any]] = {
        "frame": (pd.DataFrame(X, columns=list("abcd")), pd.Series(Y)),
        "tensor": (torch.tensor(X), torch.tensor(Y)),
        "list": (X.tolist(), Y.tolist()),
        "dataset": (torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y)), None),
        "stream": (nw.data.stream(X, Y), None),
        "tuple": ((X[:, :2], X[:, 2:]), Y),
        "dict": ({"a": X[:, 0], "b": X[:, 1]}, Y),
    }
    inputs = (nw.Input(2) | nw.Input(2)) >> nw.layers.Concat() >> nw.layers.Softmax(3)
    clf = network(network=inputs if kind == "tuple" else "ReLU(6) >> Softmax(3)", epochs=1)
    made = nw.search(clf, {"batch_size": [50, 100]}, *data[kind], trials=2, stages="one", random_state=0)
    assert math.isfinite(made.best_score_)
    expected = nw.search(network(epochs=1), {"batch_size": [50, 100]}, X, Y, trials=2, stages="one", random_state=0)
    if kind in ("list", "dataset", "stream"):
        assert made.best_score_ == expected.best_score_


@pytest.mark.parametrize("how", ["snapshots", "average"])
def test_a_coarse_run_has_epochs_for_all_that_an_ensemble_keeps(how: str) -> None:
    ensemble = nw.Ensemble(network(epochs=9), 4, how=how)
    for searched, name in ((ensemble, "estimator"), (make_pipeline(ensemble), "ensemble__estimator")):
        space = {f"{name}__optimizer__lr": [0.01, 0.1]}
        made = nw.search(searched, space, X, Y, trials=3, coarse_epochs=2, random_state=0, refit=False)
        assert {row["state"] for row in made.rows_} == {"complete"}
    assert unfitted(ensemble, {}, 0, epochs=2).estimator.epochs == 4
    assert unfitted(ensemble, {"how": "seeds"}, 0, epochs=2).estimator.epochs == 2


@pytest.mark.slow
@pytest.mark.parametrize("inside", ["", "classifier__"])
@pytest.mark.parametrize("options", [{"validation": 2}, {"pruning": "median"}])
def test_each_fit_has_a_folder_of_checkpoints(tmp_path: Path, inside: str, options: dict[str, Any]) -> None:
    clf = network(epochs=3, checkpoint=str(tmp_path / "runs"))
    space, call = {f"{inside}optimizer__lr": nw.log_uniform(1e-3, 1)}, {"trials": 3, "coarse_epochs": 1, **options}
    searched = make_pipeline(StandardScaler(), clf) if inside else clf
    made = nw.search(searched, space, X, Y, random_state=0, **call)
    plain = nw.search(clone(searched).set_params(**{f"{inside}checkpoint": None}), space, X, Y, random_state=0, **call)
    assert [(row["state"], row["score"]) for row in made.rows_] == [("complete", row["score"]) for row in plain.rows_]
    folders = sorted((folder.name.partition("-")[0], folder) for folder in (tmp_path / "runs").iterdir())
    assert [name for name, _ in folders] == ["trial0", "trial1", "trial2"]
    folds = {f"fold{number}" for number in range(options.get("validation", 1))}
    for number, (_, folder) in enumerate(folders):
        assert {each.name for each in folder.iterdir()} == folds | ({"all"} if number == made.best_number_ else set())
    again = nw.search(searched, space, X, Y, random_state=0, **call)
    assert [row["score"] for row in again.rows_] == [row["score"] for row in made.rows_]
    other = nw.search(searched, {f"{inside}optimizer__lr": [0.01, 0.1]}, X, Y, random_state=0, **call)
    assert {row["state"] for row in other.rows_} == {"complete"}


def test_regression_is_scored_by_r2() -> None:
    patients, progression = load_diabetes(return_X_y=True)
    reg = nw.Regressor("ReLU(8) >> Linear(1)", epochs=4)
    made = nw.search(reg, {"optimizer__lr": nw.log_uniform(1e-3, 0.1)}, patients, progression, trials=3, random_state=0)
    assert made.best_score_ <= 1
    assert not hasattr(made, "predict_proba")


def test_trials_that_fail_are_written_down_and_the_search_goes_on(bowl: Any, rows: Any) -> None:
    space = {"rate": nw.log_uniform(1e-6, 1), "kind": ["a", "broken"]}
    made = nw.search(bowl, space, *rows, trials=20, random_state=0)
    failed = made.trials_[made.trials_.param_kind == "broken"]
    assert len(failed) >= 3
    assert set(failed.state) == {"failed"}
    assert set(failed.reason) == {"RuntimeError: no bowl of width 1"}
    assert failed.score.isna().all()
    assert made.narrowed_.axes["kind"].labels == ("a",)
    with pytest.raises(InvalidData, match=r"got 12 coarse trials without any. The first: RuntimeError: no bowl"):
        nw.search(bowl, {"kind": ["broken"], "rate": [1.0]}, *rows, trials=20)


def test_divergence_and_scores_that_are_not_finite_fail(bowl: Any, rows: Any) -> None:
    space = {"optimizer": [nw.optim.SGD(1e30), nw.optim.SGD(0.01)]}
    made = nw.search(network(), space, X * 1e3, Y, trials=6, stages="one", random_state=1)
    failed = made.trials_[made.trials_.param_optimizer == "SGD(1e+30)"]
    assert set(failed.state) == {"failed"}
    assert failed.reason.str.contains("expected a finite loss").all()
    with pytest.raises(InvalidData, match="The first: the score is nan"):
        nw.search(bowl, {"rate": [1.0]}, *rows, trials=2, scoring=lambda *all_of_it: math.nan)
    assert issubclass(DivergenceWarning, UserWarning)


def test_warnings_are_kept_with_the_trial() -> None:
    made = nw.search(SVC(max_iter=1), {"C": [1.0]}, X, Y, trials=1, stages="one", refit=False)
    assert made.rows_[0]["state"] == "complete"
    assert made.rows_[0]["reason"].startswith("warned: Solver terminated early")


def test_nothing_that_was_given_is_changed(bowl: Any, rows: Any) -> None:
    before, data = dict(vars(bowl)), [part.copy() for part in rows]
    np.random.seed  # noqa: B018 - the global state is looked at by a fixture of all tests
    nw.search(bowl, BOWL, *rows, trials=4, random_state=0)
    assert vars(bowl) == before
    assert all(np.array_equal(a, b) for a, b in zip(rows, data, strict=True))


def test_an_estimator_s_own_seed_stays(bowl: Any, rows: Any) -> None:
    seeds: list[Any] = []

    def score(model: Any, X: Any, y: Any) -> float:
        seeds.append(model.random_state)
        return 0.0

    nw.search(bowl, {"rate": [1.0, 2.0]}, *rows, trials=4, random_state=0, scoring=score)
    assert len(set(seeds)) == 4
    seeds.clear()
    nw.search(type(bowl)(random_state=3), {"rate": [1.0, 2.0]}, *rows, trials=4, random_state=0, scoring=score)
    assert set(seeds) == {3}


def test_a_best_value_at_an_end_is_told(bowl: Any, rows: Any) -> None:
    made = nw.search(bowl, {"rate": nw.log_uniform(1e-6, 1e-3)}, *rows, trials=30, random_state=0)
    [note] = made.notes_
    assert note.startswith("The best rate, 0.0009")
    assert note.endswith("lies at the upper end of log_uniform(1e-06, 0.001): widen it.")
    assert note in repr(made)
    assert "30 trials (30 complete)" in repr(made)


def test_without_refit_nothing_predicts_before_it_is_asked_for(bowl: Any, rows: Any) -> None:
    made = nw.search(bowl, BOWL, *rows, trials=4, refit=False, random_state=0)
    with pytest.raises(NotFittedError, match="Search with refit=True"):
        made.predict(rows[0])
    assert not hasattr(made, "classes_")
    assert made.refit(*rows).predict(rows[0]).shape == (40,)
    assert [type(each) for each in made.top(99)] == [type(bowl)] * 4
    assert not hasattr(made.top(1)[0], "rows_")


def test_lines_are_told(bowl: Any, rows: Any, capsys: pytest.CaptureFixture[str]) -> None:
    nw.search(bowl, BOWL, *rows, trials=4, random_state=0, verbose=1)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        ["trial 0 of 4", "coarse"],
        ["trial 1 of 4", "coarse"],
        ["trial 2 of 4", "coarse"],
        ["trial 3 of 4", "fine"],
    ]
    nw.search(bowl, BOWL, *rows, trials=4, random_state=0)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"trials": 0}, r"search\(trials\): expected an integer >= 1, got 0"),
        ({"trials": 1}, "at least 2 for two stages"),
        ({"stages": "fine"}, r"search\(stages\)"),
        ({"method": "grid"}, r"search\(method\): expected 'random' or 'tpe', got 'grid'"),
        ({"pruning": "medium"}, r"search\(pruning\): .* Did you mean 'median'\?"),
        ({"validation": 1.0}, r"search\(validation\)"),
        ({"validation": True}, r"search\(validation\)"),
        ({"validation": 1}, r"search\(validation\)"),
        ({"validation": "some"}, r"search\(validation\)"),
        ({"scoring": "acuracy"}, r"search\(scoring\): .* Did you mean 'accuracy'\?"),
        ({"scoring": 3}, r"search\(scoring\)"),
        ({"coarse_epochs": 0}, r"search\(coarse_epochs\)"),
        ({"workers": 0}, r"search\(workers\): .* Or -1"),
        ({"synchronous": 0}, r"search\(synchronous\)"),
        ({"random_state": -1}, "random_state"),
        ({"refit": 1}, r"search\(refit\)"),
        ({"verbose": "a"}, r"search\(verbose\)"),
    ],
)
def test_options_that_cannot_be(bowl: Any, rows: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        nw.search(bowl, BOWL, *rows, **options)


def test_estimators_and_data_that_cannot_be(bowl: Any, rows: Any) -> None:
    X, y = rows
    with pytest.raises(InvalidParameter, match=r"search\(estimator\): expected an estimator, .* Call it first"):
        nw.search(type(bowl), BOWL, X, y)
    with pytest.raises(InvalidParameter, match=r"Such as nw\.Classifier\(\), or a Pipeline"):
        nw.search("network", BOWL, X, y)
    with pytest.raises(InvalidData, match="expected 40 targets, one a row of X, got 39"):
        nw.search(bowl, BOWL, X, y[:39])
    with pytest.raises(InvalidData, match=r"search\(X\): expected rows of data, got 3"):
        nw.search(bowl, BOWL, 3, y)
    with pytest.raises(InvalidData, match="at most 40 folds of 40 rows, got 41"):
        nw.search(bowl, BOWL, X, y, validation=41)
    with pytest.raises(InvalidData, match="as many rows as targets"):
        nw.search(bowl, BOWL, X, y, validation=(X, y[:3]))
    with pytest.raises(InvalidParameter, match="one validation set, got 3 folds"):
        nw.search(network(), {"epochs": [1, 2]}, X, y, validation=3, pruning="median")


def test_without_optuna_it_is_told_what_to_install(bowl: Any, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(InvalidParameter, match=r"pip install 'netwright\[search\]'"):
        nw.search(bowl, BOWL, *rows)
