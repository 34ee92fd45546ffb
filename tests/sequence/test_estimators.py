"""What all estimators of sequences have in common: padding, seeds, copies, files, histories, failures."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import netwright as nw
from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.layers import GRU, Dropout, TimePool
from netwright.sequence import SequenceClassifier, SequenceRegressor, SequenceTagger

DRAW = np.random.default_rng(0)
LENGTHS = [*DRAW.integers(1, 9, 22), 0, 5]
NUMBERS = [DRAW.normal(size=(n, 2)) for n in LENGTHS]
TOKENS = [[["walk", "walked", "run", "b", "Über"][i] for i in DRAW.integers(0, 5, n)] for n in LENGTHS]
TAGS = [[["X", "Y", "Z"][i] for i in DRAW.integers(0, 3, n)] for n in LENGTHS]
LABELS = ["no", "yes"] * 12
SHORT = {"epochs": 2, "batch_size": 8, "random_state": 0}
LAST = "GRU(4, output='last')"


def both_ways(**options):
    return SequenceTagger("Bidirectional(LSTM(3))", **SHORT, **options)


CASES = {
    "classifier of numbers": (SequenceClassifier(LAST, **SHORT), NUMBERS, LABELS),
    "classifier of tokens": (
        SequenceClassifier("Bidirectional(LSTM(3)) >> TimePool('avg')", **SHORT, width=4),
        TOKENS,
        LABELS,
    ),
    "convolutions": (SequenceClassifier("CausalConv(4, 3) >> ReLU() >> TimePool('max')", **SHORT), NUMBERS, LABELS),
    "tagger": (both_ways(), TOKENS, TAGS),
    "tagger of words": (both_ways(characters=False, width=4), TOKENS, TAGS),
    "tagger with crf": (both_ways(head="crf"), TOKENS, TAGS),
    "tagger of numbers": (both_ways(), NUMBERS, TAGS),
    "tagger of numbers with crf": (both_ways(head="crf"), NUMBERS, TAGS),
    "regressor": (SequenceRegressor(LAST, **SHORT), NUMBERS, [float(x.sum()) for x in NUMBERS]),
    "regressor of tokens": (SequenceRegressor(LAST, **SHORT, width=4), TOKENS, list(map(len, TOKENS))),
    "regressor by step": (SequenceRegressor("GRU(4)", **SHORT), NUMBERS, [x[:, 0] for x in NUMBERS]),
    "forecaster": (SequenceRegressor("GRU(4)", **SHORT), [x for x in NUMBERS if len(x) > 1], None),
}
each = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def fitted():
    return {name: clone(estimator).fit(X, y) for name, (estimator, X, y) in CASES.items()}


def outputs(estimator, X):
    """What an estimator says of each sequence, as floats."""
    found = estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else estimator.predict(X)
    return [np.asarray(row, dtype=np.float64) for row in found]


def weights(estimator):
    return [w.detach().clone() for w in estimator._whole().state_dict().values()]


def alike(estimator, other, X):
    same = all(map(torch.equal, weights(estimator), weights(other)))
    return same and all(map(np.array_equal, outputs(estimator, X), outputs(other, X)))


@each
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_result_does_not_depend_on_the_company(fitted, name, data):
    estimator, X = fitted[name], CASES[name][1]
    which = data.draw(st.lists(st.integers(0, len(X) - 1), min_size=2, max_size=8))
    together = outputs(estimator, [X[i] for i in which])
    for i, row in zip(which, together, strict=True):
        (alone,) = outputs(estimator, [X[i]])
        np.testing.assert_allclose(row, alone, rtol=1e-4, atol=1e-5)
    predicted = estimator.predict([X[i] for i in which])
    if isinstance(estimator, SequenceTagger):
        assert [len(tags) for tags in predicted] == [len(X[i]) for i in which]
    assert len(predicted) == len(which)


@each
def test_one_seed_one_result_and_inputs_stay(fitted, name):
    estimator, X, y = CASES[name]
    state = torch.get_rng_state()
    before = pickle.dumps((X, y))
    again, other = clone(estimator).fit(X, y), clone(estimator).set_params(random_state=1).fit(X, y)
    assert alike(again, fitted[name], X)
    assert not all(map(torch.equal, weights(other), weights(again)))
    assert pickle.dumps((X, y)) == before
    assert torch.equal(torch.get_rng_state(), state)


@each
@pytest.mark.parametrize("way", ["file", "file of file", "pickle", "copy"])
def test_a_copy_says_the_same(fitted, name, way, tmp_path):
    estimator, X = fitted[name], CASES[name][1]
    if way == "pickle":
        again = pickle.loads(pickle.dumps(estimator))
    elif way == "copy":
        again = copy.deepcopy(estimator)
    else:
        estimator.save(tmp_path / "a.nw")
        again = nw.load(tmp_path / "a.nw")
        if way == "file of file":
            again.save(tmp_path / "b.nw")
            again = nw.load(tmp_path / "b.nw")
    assert type(again) is type(estimator)
    assert alike(again, estimator, X)
    assert again.get_params() == estimator.get_params()
    assert again.history_.records == estimator.history_.records
    assert (again.n_iter_, again.best_epoch_, again.seed_) == (2, estimator.best_epoch_, 0)
    assert again.loss_curve_ == estimator.loss_curve_
    assert getattr(again, "n_features_in_", None) == getattr(estimator, "n_features_in_", None)
    assert len(again.diagnosis_.findings) == 0
    if hasattr(estimator, "classes_"):
        assert again.classes_.tolist() == estimator.classes_.tolist()
        assert again.classes_.dtype == estimator.classes_.dtype
    if name == "forecaster":
        assert np.array_equal(again.forecast(X[:2], 3), estimator.forecast(X[:2], 3))
    if way == "file":
        clone(again).fit(*CASES[name][1:])


@each
def test_parameters(name):
    estimator = CASES[name][0]
    assert set(vars(estimator)) == set(estimator.get_params(deep=False))
    assert clone(estimator).get_params() == estimator.get_params()
    twin = clone(estimator).set_params(optimizer=nw.optim.Adam(0.1), regularizer=nw.l2(0.5))
    assert twin.get_params()["optimizer__learning_rate"] == 0.1
    twin.set_params(optimizer__learning_rate=0.2, epochs=7)
    assert (twin.optimizer, twin.epochs) == (nw.optim.Adam(0.2), 7)
    with pytest.raises(InvalidParameter, match=r"epochs.*got 0"):
        twin.set_params(epochs=0).fit(*CASES[name][1:])
    with pytest.raises(InvalidParameter, match="Did you mean 'epochs'"):
        type(estimator)(epoch=3)


def test_options_survive_a_file(tmp_path):
    X, y = NUMBERS, LABELS
    pair = (X[:6], y[:6])
    for network in (GRU(4) >> TimePool("max") >> Dropout(0.1), None, LAST):
        estimator = SequenceClassifier(
            network,
            loss=nw.losses.CrossEntropy(label_smoothing=0.1) if network is None else None,
            optimizer=nw.optim.Clip(nw.optim.Adam(0.01), 1.0),
            regularizer=nw.l2(1e-4) + nw.maxnorm(3.0),
            callbacks=[lambda run: None],
            validation=pair,
            average=0.9,
            patience=2,
            epochs=1,
            random_state=np.random.RandomState(0),
        ).fit(X, y)
        estimator.save(tmp_path / "a.nw")
        again = nw.load(tmp_path / "a.nw")
        assert alike(again, estimator, X)
        for name in ("network", "loss", "optimizer", "regularizer", "average", "patience"):
            assert again.get_params(deep=False)[name] == estimator.get_params(deep=False)[name]
        assert (again.callbacks, again.validation, again.random_state) == (None, None, estimator.seed_)


def test_given_vectors_stay_with_the_user(tmp_path):
    vectors = (["walk", "run"], np.ones((2, 5), np.float32))
    clf = SequenceClassifier(LAST, vectors=vectors, least=1, **SHORT).fit(TOKENS, LABELS)
    clf.save(tmp_path / "a.nw")
    again = nw.load(tmp_path / "a.nw")
    assert alike(again, clf, TOKENS)
    assert again.vectors is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b"],
        [3, 1],
        [True, False],
        np.array(["x", "yy"]),
        np.array([2, 5], np.int8),
        [0.0, 1.0],
        [np.str_("a"), "b"],
    ],
    ids=repr,
)
def test_labels_and_tags_of_any_kind_survive_a_file(labels, tmp_path):
    X, path = NUMBERS[:20], tmp_path / "a.nw"
    y = [labels[i % 2] for i in range(20)]
    clf = clone(CASES["classifier of numbers"][0]).fit(X, np.array(y))
    clf.save(path)
    again = nw.load(path)
    assert again.predict(X).tolist() == clf.predict(X).tolist()
    assert again.predict(X).dtype == clf.predict(X).dtype == np.array(y).dtype
    assert set(clf.predict(X).tolist()) <= set(np.array(y).tolist())
    if isinstance(labels[0], float):
        return
    tags = [[labels[i % 2] for i in range(len(x))] for x in X]
    tagger = clone(CASES["tagger of numbers with crf"][0]).fit(X, tags)
    tagger.save(path)
    assert nw.load(path).predict(X) == tagger.predict(X)
    kinds = {type(tag) for row in tagger.predict(X) for tag in row}
    assert kinds == {type(np.array(labels).tolist()[0])}


def test_a_damaged_file_is_refused(fitted, tmp_path):
    content, tensors = nw.sequence.saving.to_content(fitted["tagger with crf"])
    tensors.pop("module.chain.transitions")
    nw.core.storage.write(tmp_path / "a.nw", "SequenceTagger", content, tensors)
    with pytest.raises(CorruptFile, match="weights of its network"):
        nw.load(tmp_path / "a.nw")


@each
def test_history(fitted, name):
    estimator = fitted[name]
    assert estimator.n_iter_ == len(estimator.history_) == len(estimator.loss_curve_) == 2
    assert [record["epoch"] for record in estimator.history_.records] == [1, 2]
    assert np.isfinite(estimator.loss_curve_).all()
    assert estimator.best_epoch_ in (1, 2)


def test_validation_as_a_share_and_as_a_pair():
    estimator, X, y = CASES["tagger with crf"]
    held = clone(estimator).set_params(validation=(X[:5], y[:5])).fit(X[5:], y[5:])
    assert {"validation_loss", "validation_score"} <= set(held.history_[-1])
    assert held.history_[-1]["validation_score"] == pytest.approx(held.score(X[:5], y[:5]))
    assert alike(held, clone(estimator).fit(X[5:], y[5:]), X)  # what is held out has no part in the training
    share = clone(estimator).set_params(validation=0.25).fit(X, y)
    assert not all(map(torch.equal, weights(share), weights(clone(estimator).fit(X, y))))
    assert share.best_epoch_ == 1 + int(np.argmin(share.history_["validation_loss"]))


def test_patience_puts_the_best_weights_back():
    X, y = NUMBERS, LABELS  # labels at random: what is learned does not carry over
    seen = []
    clf = SequenceClassifier(
        LAST,
        epochs=60,
        random_state=1,
        optimizer="Adam(0.05)",
        patience=3,
        validation=(X[:8], y[1:9]),
        callbacks=[lambda run: seen.append(run.flat.theta.clone())],
    ).fit(X, y)
    losses = clf.history_["validation_loss"]
    assert clf.n_iter_ < 60
    assert clf.best_epoch_ == 1 + int(np.argmin(losses)) == clf.n_iter_ - 3
    found = torch.cat([w.flatten() for w in clf.module_.parameters()])
    kept = seen[clf.best_epoch_ - 1]
    assert torch.equal(found.sort().values, kept[: len(found)].sort().values)


@each
def test_a_failed_fit_keeps_what_was_fitted(name):
    estimator, X, y = CASES[name]
    estimator = clone(estimator).fit(X, y)
    before, said = weights(estimator), outputs(estimator, X)
    bad = [*X[:-1], object()]
    with pytest.raises(InvalidData, match=f"sequence {len(X) - 1}"):
        estimator.fit(bad, y)
    with pytest.raises(InvalidParameter):
        estimator.set_params(network="GRU(4) >> Conv(3, 2)").fit(X, y)
    assert all(map(torch.equal, weights(estimator), before))
    assert all(map(np.array_equal, outputs(estimator, X), said))


@each
def test_before_a_fit(name):
    estimator, X, y = CASES[name]
    calls = [lambda e: e.predict(X), lambda e: e.score(X, y), lambda e: e.save("x"), lambda e: e.diagnosis_]
    calls += [lambda e: e.predict_proba(X)] if hasattr(estimator, "predict_proba") else []
    calls += [lambda e: e.forecast(X)] if hasattr(estimator, "forecast") else []
    for call in calls:
        with pytest.raises(NotFittedError):
            call(clone(estimator))


def test_a_fit_to_another_kind_forgets_the_first():
    clf = clone(CASES["classifier of numbers"][0]).fit(NUMBERS, LABELS)
    assert clf.n_features_in_ == 2
    clf.fit(TOKENS, LABELS)
    assert not hasattr(clf, "n_features_in_")
    assert alike(clf, clone(clf).fit(TOKENS, LABELS), TOKENS)


@pytest.mark.slow
def test_scikit_learn_finds_its_way():
    estimator, X, y = CASES["classifier of numbers"]
    scores = cross_val_score(estimator, X, y, cv=3)
    assert scores.shape == (3,)
    longer = clone(estimator).set_params(optimizer=nw.optim.Adam(0.01), epochs=12)
    search = GridSearchCV(longer, {"optimizer__learning_rate": [1e-9, 0.05]}, cv=2)
    labels = ["up" if len(x) and x[:, 0].mean() > 0 else "down" for x in X]
    assert search.fit(X, labels).best_params_ == {"optimizer__learning_rate": 0.05}
    first = FunctionTransformer(lambda items: [x[:, :1] for x in items])
    pipe = make_pipeline(first, clone(estimator)).fit(X, y)
    assert pipe[-1].n_features_in_ == 1
    assert pipe.predict_proba(X).shape == (24, 2)
    tagger, X, y = CASES["tagger"]
    assert cross_val_score(tagger, X, y, cv=2).shape == (2,)
    regressor, X, y = CASES["regressor"]
    assert cross_val_score(regressor, X, y, cv=2).shape == (2,)


def test_tags_do_not_lie():
    clf, tagger, reg = SequenceClassifier(), SequenceTagger(), SequenceRegressor()
    assert (is_classifier(clf), is_regressor(clf)) == (True, False)
    assert (is_classifier(reg), is_regressor(reg)) == (False, True)
    assert (is_classifier(tagger), is_regressor(tagger)) == (False, False)
    needed = [each.__sklearn_tags__().target_tags.required for each in (clf, tagger, reg)]
    assert needed == [True, True, False]
    tags = clf.__sklearn_tags__().input_tags
    assert (tags.three_d_array, tags.string, tags.allow_nan, tags.sparse) == (True, True, False, False)


def test_the_chosen_network_is_said(logged):
    SequenceRegressor(epochs=1, random_state=0).fit(NUMBERS, list(range(24)))
    assert "network chosen: GRU(64, output='last') >> Linear(1)" in logged[0]


def test_rules_of_the_whole_data_are_refused():
    estimator, X, y = CASES["classifier of numbers"]
    with pytest.raises(InvalidParameter, match=r"SequenceClassifier\(optimizer\): expected a rule that updates batch"):
        clone(estimator).set_params(optimizer="LevenbergMarquardt()").fit(X, y)


def test_an_interrupted_fit_keeps_the_partial_model():
    def stop(run):
        if run.epoch == 2:
            raise KeyboardInterrupt

    estimator, X, y = CASES["tagger of numbers"]
    with pytest.warns(UserWarning, match="stopped by the user"):
        tagger = clone(estimator).set_params(epochs=9, callbacks=[stop]).fit(X, y)
    assert tagger.n_iter_ == 2
    assert len(tagger.predict(X)) == len(X)
