"""Distillation against the paper's equation in torch, and against a fit on labels where both are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.svm import LinearSVC
from torch.nn import functional as F

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.estimators.ensemble.distilling import Soft
from netwright.layers import Linear, ReLU, Sigmoid, Softmax, Tanh

X, y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
NAMES = np.array(["a", "b", "c"])[y]
FOREST = RandomForestClassifier(random_state=0).fit(X, NAMES)
STUDENT = nw.Classifier(ReLU(8) >> Softmax(3), optimizer=nw.optim.Adam(0.03), epochs=30, random_state=0)


def test_the_loss_is_the_papers() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(5, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    p = torch.rand(5, 3, generator=generator, dtype=torch.float64).softmax(1)
    labels, T, a = torch.tensor([0, 1, 2, 0, 1]), 3.0, 0.3
    soft = p ** (1 / T) / (p ** (1 / T)).sum(1, keepdim=True)
    loss = Soft(T, a, lambda o, t, w: F.cross_entropy(o, t), False)(z, (soft, labels), None)
    by_hand = -(1 - a) * T**2 * (soft * (z / T).log_softmax(1)).sum(1).mean() + a * F.cross_entropy(z, labels)
    torch.testing.assert_close(loss, by_hand)
    soft_only = Soft(T, 0.0, None, False)(z, (soft, labels), None)
    (slope,) = torch.autograd.grad(soft_only, z)
    torch.testing.assert_close(slope, T * ((z / T).softmax(1) - soft).detach() / 5)  # equation 2, times T^2


def test_labels_alone_are_an_ordinary_fit() -> None:
    made = nw.distill(FOREST, STUDENT, X, y=NAMES, alpha=1.0)
    plain = clone(STUDENT).fit(X, NAMES)
    np.testing.assert_allclose(made.predict_proba(X), plain.predict_proba(X), atol=1e-10)
    assert made.history_["train_score"] == plain.history_["train_score"]


def test_a_student_learns_the_probabilities() -> None:
    student = clone(STUDENT).set_params(epochs=300, network=Tanh(32) >> Softmax(3))
    made = nw.distill(FOREST, student, X, temperature=1.0)
    assert np.abs(made.predict_proba(X) - FOREST.predict_proba(X)).mean() < 0.02
    assert (made.predict(X) == FOREST.predict(X)).mean() > 0.97
    assert list(made.classes_) == ["a", "b", "c"]
    assert not hasattr(student, "module_")


def test_it_is_an_ordinary_estimator_afterwards(tmp_path: Any) -> None:
    ensemble = nw.Ensemble(STUDENT, 3, random_state=0).fit(X, NAMES)
    made = nw.distill(ensemble, clone(STUDENT).set_params(validation=0.2, patience=10), X, y=NAMES)
    assert type(made) is nw.Classifier
    assert "validation_score" in made.history_
    made.save(tmp_path / "student.nw")
    np.testing.assert_array_equal(nw.load(tmp_path / "student.nw").predict_proba(X), made.predict_proba(X))
    before = made.n_iter_
    assert made.partial_fit(X, NAMES).n_iter_ == before + 1
    assert made.score(X, NAMES) > 0.9
    assert not made.diagnosis_.findings


@pytest.mark.parametrize("T", [1.0, 4.0])
def test_held_out_rows_and_weights_have_the_targets_of_their_rows(T: float) -> None:
    weight = np.where(np.arange(150) % 3 == 0, 0.0, 1.0)
    held = clone(STUDENT).set_params(validation=(X[:30], NAMES[:30]), epochs=2)
    made = nw.distill(FOREST, held, X, T, sample_weight=weight)
    again = nw.distill(FOREST, held, X[weight > 0], T)
    np.testing.assert_allclose(made.predict_proba(X), again.predict_proba(X), atol=1e-12)
    logits = made._outputs(X[:30]).numpy()
    p = FOREST.predict_proba(X[:30])
    soft = softmax(np.log(np.maximum(p, np.finfo(float).tiny)) / T, axis=1)
    expected = -(T**2) * (soft * np.log(softmax(logits / T, axis=1))).sum(1).mean()
    assert made.history_[-1]["validation_loss"] == pytest.approx(expected)


def test_one_sigmoid_several_labels_images_and_numbers() -> None:
    two = RandomForestClassifier(random_state=0).fit(X, y > 0)
    made = nw.distill(two, nw.Classifier(Sigmoid(1), optimizer=nw.optim.Adam(0.1), epochs=60, random_state=0), X)
    assert made.predict(X).dtype == bool
    assert made.score(X, y > 0) > 0.97
    both = np.stack([y > 0, X[:, 0] > 0], 1).astype(int)
    teacher = nw.Classifier(Tanh(8) >> Sigmoid(2), optimizer=nw.optim.Adam(0.05), epochs=40, random_state=0).fit(
        X, both
    )
    assert nw.distill(teacher, clone(teacher).set_params(random_state=1), X).score(X, both) > 0.9
    images = X.reshape(-1, 1, 2, 2).astype(np.float32)
    seeing = nw.Classifier("Flatten() >> ReLU(8) >> Softmax(3)", epochs=2, random_state=0).fit(images, y)
    turned = nw.distill(seeing, clone(seeing).set_params(augment="Shift(1)"), images)
    assert turned.predict(images).shape == (150,)
    wanted = X[:, 0] * X[:, 1]
    forest = RandomForestRegressor(random_state=0).fit(X, wanted)
    reg = nw.Regressor(Tanh(16) >> Linear(1), optimizer=nw.optim.Adam(0.03), epochs=40, random_state=0)
    mixed = nw.distill(forest, reg, X, y=wanted, alpha=0.25)
    by_hand = clone(reg).fit(X, 0.75 * forest.predict(X) + 0.25 * wanted)
    np.testing.assert_allclose(mixed.predict(X), by_hand.predict(X))


WRONG: list[tuple[Any, str]] = [
    (
        lambda: nw.distill(LinearSVC(random_state=0).fit(X, y), STUDENT, X),
        r"distill\(teacher\): expected a fitted classifier with",
    ),
    (lambda: nw.distill(clone(FOREST), STUDENT, X), r"got one that is not fitted: RandomForestClassifier"),
    (
        lambda: nw.distill(FOREST, RandomForestClassifier(), X),
        r"expected an unfitted Classifier or Regressor, got Random",
    ),
    (lambda: nw.distill(FOREST, nw.Regressor(), X), r"expected a fitted regressor for a Regressor, got Random"),
    (lambda: nw.distill(FOREST, nw.Classifier(Softmax(5)), X), r"outputs of shape \(3,\) \(y has 3 classes"),
    (lambda: nw.distill(FOREST, STUDENT, X, y=y), r"labels among the teacher's classes \['a', 'b', 'c'\], got 0"),
    (lambda: nw.distill(FOREST, STUDENT, X, y=NAMES[:9]), r"150 labels, as X has rows, got 9"),
    (lambda: nw.distill(FOREST, STUDENT, X, 0), r"\(temperature\): expected a number in \(0, inf\), got 0"),
    (lambda: nw.distill(FOREST, STUDENT, X, alpha=2), r"\(alpha\): expected a number in \[0, 1\], got 2"),
    (
        lambda: nw.distill(FOREST, clone(STUDENT).set_params(loss=nw.losses.Hinge(), network=Linear(3)), X),
        r"expected a network trained on logits, got one that ends in identity, with Hinge",
    ),
    (
        lambda: nw.distill(FOREST, clone(STUDENT).set_params(optimizer=nw.optim.NewtonCG()), X),
        r"a rule that goes batch by batch, got NewtonCG",
    ),
]


@pytest.mark.parametrize(("call", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_what_cannot_be_is_said(call: Any, message: str) -> None:
    with pytest.raises((InvalidData, InvalidParameter), match=message):
        call()
