"""Every public estimator keeps scikit-learn's contract and the house's own."""

import pickle
import random

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.utils.estimator_checks import check_estimator

import netwright as nw
from netwright import estimators
from netwright.estimators.base import NetworkEstimator

PUBLIC = [getattr(estimators, name) for name in estimators.__all__]
ESTIMATORS = [item for item in PUBLIC if isinstance(item, type) and issubclass(item, NetworkEstimator)]


# Components of a mixture change places at the least provocation, such as the last bit of a number from a frame.
STEADY = {"MixtureDensityRegressor": {"components": 1}}


def random_states():
    numpy_state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    return random.getstate(), numpy_state, torch.get_rng_state().numpy().tobytes()


def data(kind):
    make = make_classification if is_classifier(kind()) else make_regression
    X, y = make(n_samples=60, n_features=6, random_state=0)
    return X, y


@pytest.mark.touches_rng  # the checks themselves draw from NumPy's global state
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("options", [{"epochs": 25}, pytest.param({}, marks=pytest.mark.slow)], ids=["short", "usual"])
def test_scikit_learns_own_checks(kind, options):
    results = check_estimator(kind(**options, **STEADY.get(kind.__name__, {})), on_fail=None, on_skip=None)
    failed = [(r["check_name"], repr(r["exception"])[:300]) for r in results if r["status"] == "failed"]
    assert not failed
    assert sum(r["status"] == "passed" for r in results) > 50


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_init_only_stores_and_clone_copies(kind):
    estimator = kind(optimizer=nw.optim.Adam(0.1), epochs=3, regularizer=nw.l2(0.1), verbose=0)
    assert set(vars(estimator)) == set(estimator.get_params(deep=False))
    twin = clone(estimator)
    assert twin.get_params() == estimator.get_params()


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_same_seed_same_bits_inputs_and_global_states_untouched(kind):
    X, y = data(kind)
    X.setflags(write=False)
    y.setflags(write=False)
    before = random_states()
    a, b = (kind(epochs=5, batch_size=16, random_state=3).fit(X, y) for _ in range(2))
    other = kind(epochs=5, batch_size=16, random_state=4).fit(X, y)
    for p, q in zip(a.module_.parameters(), b.module_.parameters(), strict=True):
        assert torch.equal(p, q)
    assert not all(map(torch.equal, a.module_.parameters(), other.module_.parameters()))
    assert random_states() == before


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("way", ["file", "pickle", "clone of file"])
def test_a_saved_estimator_predicts_the_same_bits(kind, way, tmp_path):
    X, y = data(kind)
    estimator = kind(epochs=3, random_state=0, validation=0.2, regularizer=nw.l1(1e-4) + nw.l2(1e-4)).fit(X, y)
    if way == "pickle":
        again = pickle.loads(pickle.dumps(estimator))
    else:
        estimator.save(tmp_path / "model.nw")
        again = nw.load(tmp_path / "model.nw")
        if way == "clone of file":
            again.save(tmp_path / "second.nw")
            again = nw.load(tmp_path / "second.nw")
    assert (again.predict(X) == estimator.predict(X)).all()
    assert again.history_.records == estimator.history_.records
    assert list(again.history_[-1]["update_ratio"]) == list(estimator.history_[-1]["update_ratio"])
    assert again.n_features_in_ == 6
    assert again.get_params(deep=False)["regularizer"] == estimator.regularizer
    again.partial_fit(X, y)
    assert again.n_iter_ == 4


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_partial_fit_and_warm_start_go_on(kind):
    X, y = data(kind)
    whole = kind(epochs=4, batch_size=16, random_state=0).fit(X, y)
    steps = kind(batch_size=16, random_state=0)
    for _ in range(4):
        steps.partial_fit(X, y)
    halves = kind(epochs=2, batch_size=16, random_state=0, warm_start=True).fit(X, y)
    halves.fit(X, y)
    for other in (steps, halves):
        assert other.n_iter_ == 4
        np.testing.assert_array_equal(other.predict(X), whole.predict(X))
        for p, q in zip(other.module_.parameters(), whole.module_.parameters(), strict=True):
            assert torch.equal(p, q)
    assert halves.set_params(warm_start=False).fit(X, y).n_iter_ == 2


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_a_fit_that_fails_leaves_what_was_fitted(kind):
    X, y = data(kind)
    estimator = kind(epochs=2, random_state=0).fit(X, y)
    before = estimator.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        estimator.fit(np.where(X > 0, np.nan, X), y)
    with pytest.raises(ValueError, match="outputs of shape"):
        estimator.set_params(network="Linear(5)").fit(X[:, :4], y)
    np.testing.assert_array_equal(estimator.predict(X), before)
    unfitted = kind(epochs=2)
    with pytest.raises(ValueError, match="NaN"):
        unfitted.fit(np.full_like(X, np.nan), y)
    assert not [name for name in vars(unfitted) if name.endswith("_")]


BAD = [
    (
        "NaN",
        lambda X, y: (np.where(np.arange(X.size).reshape(X.shape) == 8, np.nan, X), y),
        r"Input X contains NaN.*Row 1, column 2",
    ),
    ("inf", lambda X, y: (np.where(np.arange(X.size).reshape(X.shape) == 8, np.inf, X), y), r"contains infinity"),
    ("NaN in y", lambda X, y: (X, np.where(np.arange(len(y)) == 3, np.nan, y.astype(float))), r"contains NaN"),
    ("no rows", lambda X, y: (X[:0], y[:0]), r"0 sample\(s\)"),
    ("no columns", lambda X, y: (X[:, :0], y), r"0 feature\(s\)"),
    ("lengths", lambda X, y: (X, y[:-1]), r"inconsistent numbers of samples"),
    ("no y", lambda X, y: (X, None), r"requires y to be passed, but the target y is None"),
    ("text in X", lambda X, y: (np.full(X.shape, "a"), y), r"could not convert string|dtype='numeric'"),
]


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize(("spoil", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_data_are_refused_by_name(kind, spoil, message):
    with pytest.raises(ValueError, match=message):
        kind(epochs=1).fit(*spoil(*data(kind)))


WRONG = [
    ({"epochs": 0}, r"\(epochs\): expected an integer >= 1, got 0"),
    ({"epochs": 2.5}, r"\(epochs\): expected an integer >= 1, got 2\.5"),
    ({"batch_size": -3}, r"\(batch_size\): expected an integer >= 1, got -3"),
    ({"validation": 1.5}, r"\(validation\): expected None or a number in \(0, 1\) or a pair .* or a Dataset, got 1\.5"),
    ({"patience": 0}, r"\(patience\): expected None or an integer >= 1, got 0"),
    ({"average": 1}, r"\(average\): expected None or a number in \(0, 1\), got 1"),
    ({"precision": "bf15"}, r"\(precision\).*'bf15'\. Did you mean 'bf16'\?"),
    ({"optimizer": 3}, r"\(optimizer\): expected None or its text or an update rule of nw\.optim, got 3"),
    ({"optimizer": "Adm(0.1)"}, r"got 'Adm'\. Did you mean 'Adam'\?"),
    (
        {"optimizer": "ReLU(3)"},
        r"optimizer: expected one of Accumulate, Adadelta, .*written as a call, got 'ReLU\(3\)'",
    ),
    ({"loss": "mse"}, r"got 'mse'\. Did you mean 'MSE'\?"),
    (
        {"network": 3},
        r"network: expected layers joined by >>, their text, a layer pattern, .*, a torch module, or None, got 3",
    ),
    ({"network": "RelU(3) >> Softmax(2)"}, r"Did you mean 'ReLU'\?"),
    ({"device": "gpu"}, r"device: expected .*got 'gpu'"),
    ({"random_state": "x"}, r"random_state: expected None"),
]


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize(("options", "message"), WRONG)
def test_options_that_cannot_be_are_refused_by_name(kind, options, message):
    X, y = data(kind)
    if "loss" in options and "loss" not in kind().get_params():  # those of distributions have their own
        message = "expected one of its options, got 'loss'"
    with pytest.raises(ValueError, match=message):
        kind(**options).fit(X, y)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_unusual_arrays_give_the_same_bits(kind):
    X, y = data(kind)
    X = X.round(2)
    plain = kind(epochs=2, random_state=0).fit(X, y).predict(X)
    wide = np.zeros((60, 12))
    wide[:, ::2] = X
    odd = {
        "big-endian": X.astype(">f8"),
        "Fortran": np.asfortranarray(X),
        "strided": wide[:, ::2],
        "reversed": X[::-1][::-1],
        "list": X.tolist(),
        "object": X.astype(object),
        "tensor": torch.from_numpy(X),
        "longdouble": X.astype(np.longdouble),
    }
    for name, array in odd.items():
        got = kind(epochs=2, random_state=0).fit(array, y).predict(array)
        np.testing.assert_array_equal(got, plain, err_msg=name)
