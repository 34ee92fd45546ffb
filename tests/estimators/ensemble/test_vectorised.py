"""Members that are trained as one network come out as those that are trained by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

import netwright as nw
from netwright.core.errors import DivergenceWarning, InvalidParameter
from netwright.core.seeds import derive
from netwright.estimators.ensemble.stacking import Stack, is_dense
from netwright.estimators.ensemble.vectorising import PENALTIES, RULES, prepared
from netwright.layers import BatchNorm, Dropout, LayerNorm, Linear, ReLU, Sigmoid, Softmax, Tanh
from netwright.optim import SGD, Accumulate, Adam, AdamW, Clip, LevenbergMarquardt, cosine, on_plateau, warmup

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 6))
y = X[:, 0] * X[:, 1] + 0.1 * RNG.normal(size=103)
LABELS = (y > 0).astype(int) + (y > 1)
IMAGES = RNG.normal(size=(50, 1, 8, 8)).astype(np.float32)
FEW = {"epochs": 4, "batch_size": 16}
NET = ReLU(9) >> Softmax(3)

CASES: dict[str, tuple[Any, Any, Any]] = {
    "two hidden layers": (nw.Regressor(ReLU(9) >> Tanh(5) >> Linear(1), **FEW), X, y),
    "a rule and a schedule": (nw.Classifier(NET, optimizer=SGD(warmup(cosine(0.1), 2), 0.9), **FEW), X, LABELS),
    "penalties, average, validation": (
        nw.Classifier(
            NET,
            regularizer=nw.l1(1e-3) + nw.l2(1e-2, biases=True) + nw.maxnorm(0.8),
            average=0.9,
            validation=0.2,
            optimizer=AdamW(0.02),
            **FEW,
        ),
        X,
        LABELS,
    ),
    "patience and class weights": (
        nw.Classifier(
            NET, validation=0.2, patience=2, epochs=40, batch_size=512, class_weight="balanced", optimizer="Adam(0.05)"
        ),
        X,
        LABELS,
    ),
    "batch normalisation": (nw.Classifier(ReLU(9) >> BatchNorm() >> ReLU(5) >> Softmax(3), **FEW), X, LABELS),
    "a chosen network": (nw.Classifier(epochs=2), X, LABELS),
    "one sigmoid": (nw.Classifier(Tanh(5) >> Sigmoid(1), **FEW), X, y > 0),
    "a loss that is a root": (nw.Regressor(Tanh(5) >> Linear(1), loss=nw.losses.RMSE(), **FEW), X, y),
    "images, flattened": (nw.Classifier("Flatten() >> ReLU(9) >> Softmax(3)", **FEW), IMAGES, LABELS[:50]),
    "layer normalisation": (nw.Classifier(LayerNorm() >> NET, **FEW), X, LABELS),
    "two questions": (nw.Classifier(ReLU(9) >> (Softmax(3) | Softmax(2)), **FEW), X, np.stack([LABELS, y > 0], 1)),
    "convolution": (nw.Classifier("Conv(4, 3) >> ReLU() >> Flatten() >> Softmax(3)", **FEW), IMAGES, LABELS[:50]),
}


def apart(estimator: Any, rows: Any, target: Any, place: int) -> Any:
    """A member that is trained by itself."""
    return clone(estimator).set_params(random_state=derive(7, "member", place)).fit(rows, target)


def assert_alike(one: Any, other: Any, tolerance: float) -> None:
    mine, its = one.module_.state_dict(), other.module_.state_dict()
    for name in its:
        torch.testing.assert_close(mine[name], its[name], rtol=tolerance, atol=tolerance)
    assert (one.n_iter_, one.best_epoch_) == (other.n_iter_, other.best_epoch_)
    for a, b in zip(one.history_, other.history_, strict=True):
        assert list(a) == list(b)
        for name in set(a) - {"seconds", "update_ratio"}:
            assert a[name] == pytest.approx(b[name], rel=1e-4, abs=1e-6, nan_ok=True), name
        assert list(a["update_ratio"]) == list(b["update_ratio"])
        assert a["update_ratio"] == pytest.approx(b["update_ratio"], rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_member_is_what_it_is_when_trained_by_itself(name: str) -> None:
    estimator, rows, target = CASES[name]
    ensemble = nw.Ensemble(estimator, 3, vectorised=True, random_state=7).fit(rows, target)
    assert ensemble.vectorised_
    double = rows.ndim == 2
    for place, member in enumerate(ensemble.estimators_):
        own = apart(estimator, rows, target, place)
        assert_alike(member, own, 1e-12 if double else 1e-5)
        member.partial_fit(rows, target)  # the rule's memory has come along
        own.partial_fit(rows, target)
        for p, q in zip(member.module_.parameters(), own.module_.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-5 if not double else 1e-11)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_that_is_listed_treats_each_weight_by_itself(rule: Any) -> None:
    estimator = nw.Regressor(Tanh(4) >> Linear(1), optimizer=rule(0.01), epochs=3, batch_size=40)
    ensemble = nw.Ensemble(estimator, 2, vectorised=True, random_state=7).fit(X, y)
    assert_alike(ensemble.estimators_[1], apart(estimator, X, y, 1), 1e-11)


def test_bootstrapped_members_have_rows_and_scales_of_their_own() -> None:
    options: dict[str, Any] = {"n_estimators": 3, "bootstrap": True, "random_state": 1}
    frame = {f"x{i}": column for i, column in enumerate(X.T)}
    estimator = nw.Classifier(ReLU(7) >> Softmax(3), epochs=3, batch_size=32)
    one = nw.Ensemble(estimator, vectorised=True, **options).fit(frame, LABELS)
    other = nw.Ensemble(estimator, vectorised=False, **options).fit(frame, LABELS)
    for a, b in zip(one.estimators_, other.estimators_, strict=True):
        assert_alike(a, b, 1e-5)
    p, q = (member.predict_proba(frame) for member in one.estimators_[:2])
    assert np.abs(p - q).max() > 1e-3


def test_weights_of_rows_count() -> None:
    weight = RNG.integers(0, 3, len(y)).astype(float)
    estimator = nw.Regressor(Tanh(4) >> Linear(1), **FEW)
    one = nw.Ensemble(estimator, 2, vectorised=True, random_state=7).fit(X, y, weight)
    other = nw.Ensemble(estimator, 2, vectorised=False, random_state=7).fit(X, y, weight)
    for a, b in zip(one.estimators_, other.estimators_, strict=True):
        assert_alike(a, b, 1e-12)


def test_adversarial_members_too() -> None:
    estimator = nw.Regressor(Tanh(4) >> Linear(1), **FEW)
    ways = [
        nw.Ensemble(estimator, 2, vectorised=way, adversarial=0.05, random_state=7).fit(X, y) for way in (True, False)
    ]
    for a, b in zip(*(way.estimators_ for way in ways), strict=True):
        assert_alike(a, b, 1e-12)
    plain = nw.Ensemble(estimator, 2, random_state=7).fit(X, y)
    assert not np.allclose(plain.predict(X), ways[0].predict(X))


def test_dropout_differs_from_member_to_member_and_is_repeated() -> None:
    estimator = nw.Classifier(ReLU(9) >> Dropout(0.5) >> Softmax(3), **FEW)
    first, second = (nw.Ensemble(estimator, 3, vectorised=True, random_state=7).fit(X, LABELS) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert not nw.Ensemble(estimator, 2, random_state=7).fit(X, LABELS).vectorised_  # it would not be equal


def test_a_member_that_diverges_leaves_the_others_alone() -> None:
    rows = np.where(np.arange(103)[:, None] == 0, 1e150, X)
    estimator = nw.Regressor(Linear(1), optimizer=SGD(1e-3), epochs=3, batch_size=16, validation=None)
    with pytest.warns(DivergenceWarning, match="exploded"):
        ensemble = nw.Ensemble(estimator, 2, vectorised=True, random_state=7).fit(rows, y)
    assert all(torch.isfinite(p).all() for m in ensemble.estimators_ for p in m.module_.parameters())


def test_the_vector_gives_the_members_their_own_layout_back() -> None:
    members = [nw.Classifier(NET, random_state=seed, **FEW) for seed in range(3)]
    assert prepared(members, [X] * 3, [LABELS] * 3, [None] * 3) == ""
    runs = [member._run for member in members]
    stack = Stack(runs)
    assert stack.dense
    assert is_dense(runs[0])
    for row, run in zip(stack.rows(stack.theta.data), runs, strict=True):
        torch.testing.assert_close(row, run.flat.theta.data, rtol=0, atol=0)
    assert {type(part).__name__ for part in (nw.l1(1), nw.l2(1), nw.maxnorm(1))} == {p.__name__ for p in PENALTIES}


WRONG = [
    (nw.Regressor(Linear(1), optimizer=Clip(Adam(0.01), 1.0)), "Clip does not treat each weight by itself"),
    (nw.Regressor(Linear(1), optimizer=Accumulate(Adam(0.01), 2)), "Accumulate does not treat"),
    (nw.Regressor(Linear(1), optimizer=LevenbergMarquardt()), "LevenbergMarquardt does not treat"),
    (nw.Regressor(Linear(1), optimizer=Adam(on_plateau(0.1))), "follows the losses of one run"),
    (nw.Regressor(Linear(1), callbacks=[print]), "is for one run at a time"),
    (nw.Regressor(Linear(1), verbose=1), "verbose=1 is for one run"),
    (nw.Regressor(Linear(1), precision="bf16"), "bfloat16"),
]


@pytest.mark.parametrize(("estimator", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_cannot_be_trained_as_one_is_said(estimator: Any, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        nw.Ensemble(estimator.set_params(epochs=1), 2, vectorised=True, random_state=0).fit(X, y)


def test_normalised_images_are_trained_one_by_one() -> None:
    estimator = nw.Classifier("Conv(4, 3) >> BatchNorm() >> Flatten() >> Softmax(3)", epochs=1)
    with pytest.raises(InvalidParameter, match="keeps statistics of its batches"):
        nw.Ensemble(estimator, 2, vectorised=True, random_state=0).fit(IMAGES, LABELS[:50])
    assert not nw.Ensemble(estimator, 2, random_state=0).fit(IMAGES, LABELS[:50]).vectorised_
