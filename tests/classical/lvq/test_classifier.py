"""What all rules of learning vector quantization share: answers, epochs, errors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError

from netwright.classical import GLVQ, GMLVQ, LVQ1, LVQ2, LVQ3, LVQ21
from netwright.core.errors import DivergenceWarning, InvalidData, InvalidParameter
from netwright.core.schedules import cosine, exponential_decay

RULES = {"LVQ1": LVQ1, "LVQ2": LVQ2, "LVQ21": LVQ21, "LVQ3": LVQ3, "GLVQ": GLVQ, "GMLVQ": GMLVQ}
each = pytest.mark.parametrize("rule", RULES)
X, PLACES = make_blobs(90, 3, centers=6, cluster_std=2.0, random_state=1)
Y = np.array(["low", "middle", "high"])[PLACES % 3]


def squares_of(network: Any, rows: np.ndarray) -> np.ndarray:
    """Squared distances to the nearest prototype of each class, by the definition."""
    omega = getattr(network, "omega_", np.eye(rows.shape[1]))
    found = [[((omega @ (x - w)) ** 2).sum() for w in network.prototypes_] for x in rows]
    return np.stack([np.array(found)[:, network.labels_ == c].min(axis=1) for c in network.classes_], axis=1)


@each
def test_answers_are_those_of_the_nearest_prototypes(rule: str) -> None:
    network = RULES[rule](2, epochs=5, random_state=0).fit(X, Y)
    d = squares_of(network, X)
    np.testing.assert_array_equal(network.predict(X), network.classes_[d.argmin(axis=1)])
    inverse = 1 / d
    np.testing.assert_allclose(network.predict_proba(X), inverse / inverse.sum(axis=1, keepdims=True), rtol=1e-9)
    for c in range(3):
        other = np.delete(d, c, axis=1).min(axis=1)
        margin = (other - d[:, c]) / (other + d[:, c])
        np.testing.assert_allclose(network.decision_function(X)[:, c], margin, atol=1e-12)


@each
def test_two_classes_have_one_decision_and_it_gives_the_probability(rule: str) -> None:
    y = np.where(Y == "low", 0, 7)
    network = RULES[rule](2, epochs=3, random_state=0).fit(X, y)
    decision = network.decision_function(X)
    assert decision.shape == (len(X),)
    np.testing.assert_allclose(network.predict_proba(X)[:, 1], (1 + decision) / 2, atol=1e-12)
    np.testing.assert_array_equal(network.predict(X), np.where(decision > 0, 7, 0))


def test_rows_on_prototypes_have_finite_answers() -> None:
    network = LVQ21(init=[[0.0], [1.0], [5.0]], labels=["a", "b", "c"], window=0.0, epochs=1)
    network.fit([[0.1], [0.9], [5.0]], ["a", "b", "c"])
    np.testing.assert_allclose(network.predict_proba([[0.0], [5.0]]), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(network.decision_function([[1.0]])[0], [-1, 1, -1])
    np.testing.assert_allclose(network.decision_function([[0.5]])[0, :2], [0, 0])  # a tie; the first is predicted
    assert network.predict([[0.5]])[0] == "a"


@each
@pytest.mark.parametrize("schedule", [(0.2, 0.05), 0.1, exponential_decay(0.1, 0.5)])
def test_partial_fits_are_the_epochs_of_fit(rule: str, schedule: Any) -> None:
    options: dict[str, Any] = {"learning_rate": schedule, "epochs": 4, "random_state": 5}
    whole = RULES[rule](2, **options).fit(X, Y)
    parts = RULES[rule](2, **options)
    for epoch in range(4):
        assert parts.partial_fit(X, Y).n_iter_ == epoch + 1
    for name, item in vars(whole).items():
        np.testing.assert_array_equal(getattr(parts, name), item, err_msg=name)


@each
def test_float32_is_kept_and_partial_fits_are_still_the_epochs_of_fit(rule: str) -> None:
    rows = X.astype(np.float32)
    whole = RULES[rule](2, epochs=3, random_state=5).fit(rows, Y)
    parts = RULES[rule](2, epochs=3, random_state=5)
    for _ in range(3):
        parts.partial_fit(rows, Y)
    np.testing.assert_array_equal(whole.prototypes_, parts.prototypes_)
    answers = (whole.predict_proba(rows), whole.decision_function(rows), whole.prototypes_)
    assert all(answer.dtype == np.float32 for answer in answers)
    wide = RULES[rule](2, epochs=3, random_state=5).fit(X, Y)
    np.testing.assert_allclose(whole.prototypes_, wide.prototypes_, rtol=2e-3, atol=2e-3)


@each
def test_all_labels_can_be_named_at_the_first_call(rule: str) -> None:
    init, labels = X[:6], ["low", "middle", "high"] * 2
    network = RULES[rule](init=init, labels=labels, random_state=0)
    network.partial_fit(X[Y != "high"], Y[Y != "high"], classes=["low", "middle", "high"])
    assert network.classes_.tolist() == ["high", "low", "middle"]
    network.partial_fit(X[Y == "high"], Y[Y == "high"], classes=["low", "middle", "high"])
    with pytest.raises(InvalidData, match=rf"{rule}, label of row 1: expected one of .*, got 'odd'"):
        network.partial_fit(X[:2], ["low", "odd"])
    with pytest.raises(
        InvalidData, match=r"partial_fit\(classes\): expected those of the first call, \['high', 'low', "
    ):
        network.partial_fit(X, Y, classes=["low", "middle"])


@each
def test_a_first_call_without_rows_of_a_class_cannot_start_its_prototypes(rule: str) -> None:
    with pytest.raises(InvalidData, match=r"class 'odd': expected 1 different rows or more, one a prototype, got 0"):
        RULES[rule]().partial_fit(X, Y, classes=["low", "middle", "high", "odd"])
    with pytest.raises(InvalidData, match=r"expected labels of two classes or more, got one class, 'low'.*classes="):
        RULES[rule]().partial_fit(X[Y == "low"], Y[Y == "low"])


@each
def test_nothing_is_answered_before_a_fit(rule: str) -> None:
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(RULES[rule](), method)(X)


@each
def test_fit_begins_anew(rule: str) -> None:
    network = RULES[rule](2, epochs=2, random_state=0).fit(X, Y)
    first = network.prototypes_.copy()
    network.partial_fit(X, Y).fit(X, Y)
    np.testing.assert_array_equal(network.prototypes_, first)
    assert network.n_iter_ == 2


@each
def test_numbers_whose_squares_overflow_are_refused(rule: str) -> None:
    with pytest.raises(InvalidData, match=r"X: expected numbers up to .* got 1e\+200\. Scale the columns"):
        RULES[rule]().fit(X * 1e200 / np.abs(X).max(), Y)
    network = RULES[rule](epochs=1).fit(X, Y)
    with pytest.raises(InvalidData, match="Scale the columns"):
        network.predict(np.full((1, 3), 1e200))


@pytest.mark.parametrize("rule", ["GLVQ", "GMLVQ"])
def test_prototypes_that_leave_all_bounds_stop_the_run_with_a_warning(rule: str) -> None:
    network = RULES[rule](learning_rate=1e200, epochs=3, random_state=0)
    message = (
        rf"{rule}, epoch 1: expected prototypes that stay finite, got one beyond 1e\+150\..*Try learning_rate=1e\+199"
    )
    with pytest.warns(DivergenceWarning, match=message):
        network.fit(X, Y)
    assert network.n_iter_ == 0
    start = RULES[rule](learning_rate=0.0, epochs=1, random_state=0).fit(X, Y)
    np.testing.assert_allclose(network.prototypes_, start.prototypes_, rtol=1e-12)
    assert np.isfinite(network.predict_proba(X)).all()
    with pytest.warns(DivergenceWarning, match="keeps the prototypes of the epoch before"):
        network.partial_fit(X, Y)
    small = RULES[rule](learning_rate=1e60, random_state=0)  # beyond what float32 can hold
    with pytest.warns(DivergenceWarning, match=rf"{rule}, epoch 1"):
        small.fit(X.astype(np.float32), Y)


@each
def test_labels_of_frames_and_rows_of_another_type_later(rule: str) -> None:
    pandas = pytest.importorskip("pandas")
    frame, y = pandas.DataFrame(X, columns=["a", "b", "c"]), pandas.Series(Y, dtype=object)
    network = RULES[rule](2, epochs=2, random_state=0).fit(frame, y)
    np.testing.assert_array_equal(network.predict(frame), RULES[rule](2, epochs=2, random_state=0).fit(X, Y).predict(X))
    network.partial_fit(frame.astype(np.float32), y)
    assert network.prototypes_.dtype == np.float64
    with pytest.raises(InvalidData, match=r"got one class, 'low'\."):
        RULES[rule]().fit(frame[y == "low"], y[y == "low"])


@each
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prototypes_per_class": 0}, r"prototypes_per_class\): expected an integer >= 1 or a dict .*, got 0"),
        ({"prototypes_per_class": {"low": 0}}, r"prototypes_per_class\): expected an integer >= 1 or a dict"),
        ({"init": "kmean"}, r"init\): expected 'kmeans' or .*, got 'kmean'\. Did you mean 'kmeans'\?"),
        ({"learning_rate": -0.1}, r"learning_rate\): expected .*a number in \[0"),
        ({"learning_rate": (0.1, -0.1)}, r"learning_rate\): expected .*a pair \(first, last\)"),
        ({"epochs": 0}, r"epochs\): expected an integer >= 1, got 0"),
        ({"shuffle": 1}, r"shuffle\): expected True or False, got 1"),
        ({"random_state": -1}, r"random_state\): expected None, an integer >= 0"),
        ({"chunk_size": 0}, r"chunk_size\): expected an integer >= 1, got 0"),
    ],
)
def test_options_that_cannot_be(rule: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=rule + r"\(" + message):
        RULES[rule](**options).fit(X, Y)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (LVQ1(learning_rate=1.1), r"LVQ1\(learning_rate\): expected a number in \[0, 1\]"),
        (LVQ21(window=1.5), r"LVQ21\(window\): expected a number in \[0, 1\], got 1.5"),
        (LVQ3(epsilon=-1), r"LVQ3\(epsilon\): expected a number in \[0, 1\], got -1"),
        (LVQ2(warm_epochs=-1), r"LVQ2\(warm_epochs\): expected an integer >= 0, got -1"),
        (GLVQ(solver="adam"), r"GLVQ\(solver\): expected 'sgd' or 'lbfgs', got 'adam'"),
        (GLVQ(activation="tanh"), r"GLVQ\(activation\): expected 'sigmoid' or 'identity', got 'tanh'"),
        (GLVQ(beta=0), r"GLVQ\(beta\): expected a number in \(0, inf\), got 0"),
        (GLVQ(n_jobs=0), r"GLVQ\(n_jobs\): expected None or an integer except 0, got 0"),
        (GMLVQ(rank=0), r"GMLVQ\(rank\): expected None or an integer >= 1, got 0"),
    ],
)
def test_options_of_single_rules(network: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        network.fit(X, Y)


@each
def test_an_unknown_option_gets_a_hint(rule: str) -> None:
    with pytest.raises(InvalidParameter, match=r"got 'epoch'\. Did you mean 'epochs'\?"):
        RULES[rule](epoch=3)


@each
def test_inputs_stay_as_they_are_and_no_warning_is_raised(rule: str) -> None:
    rows, init = X.copy(), X[:6].copy()
    labels = ["low", "middle", "high"] * 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RULES[rule](init=init, labels=labels, epochs=2, random_state=0).fit(rows, Y).partial_fit(rows, Y)
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(init, X[:6])


@pytest.mark.parametrize("kind", [LVQ1, LVQ2, LVQ21, LVQ3])
def test_a_schedule_beyond_1_is_refused(kind: type) -> None:
    text = rf"{kind.__name__}\(learning_rate\): expected a schedule in \[0, 1\], got 5 in epoch 0"
    with pytest.raises(InvalidParameter, match=text):
        kind(learning_rate=cosine(5.0), epochs=3).fit(X, Y)
