"""Options of values inside an estimator, by name: of a value, of its text, and of the rule that None stands for."""

from __future__ import annotations

import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.optim import SGD, Adam, Averaged, Clip, cosine, polynomial_decay, warmup

RULES = [
    (None, Adam(0.1)),
    ("Adam()", Adam(0.1)),
    ("Clip(SGD(0.5), 2.0)", Clip(SGD(0.1), 2.0)),
    (Clip(Averaged(Adam()), 1.0), Clip(Averaged(Adam(0.1)), 1.0)),
    (Adam(cosine(0.01)), Adam(cosine(0.1))),
    (SGD(warmup(cosine(0.01), 3), momentum=0.9), SGD(warmup(cosine(0.1), 3), momentum=0.9)),
    (SGD(warmup(0.01, 3)), SGD(warmup(0.1, 3))),
]


@pytest.mark.parametrize(("given", "expected"), RULES)
def test_the_learning_rate_is_found_wherever_it_stands(given, expected):
    clf = nw.Classifier(optimizer=given)
    assert clone(clf).set_params(optimizer__lr=0.1).optimizer == expected
    assert clf.optimizer == given
    chain = make_pipeline(clf).set_params(classifier__optimizer__lr=0.1)
    assert chain[0].optimizer == expected


def test_a_schedule_takes_the_place_of_a_rate():
    found = nw.Classifier().set_params(optimizer__lr=cosine(0.1)).optimizer
    assert found == Adam(cosine(0.1))
    assert nw.Classifier(optimizer=found).set_params(optimizer__lr=polynomial_decay(1.0)).optimizer == Adam(
        polynomial_decay(1.0)
    )


def test_other_options_of_texts_and_defaults():
    clf = nw.Classifier(regularizer="l2(0.1)").set_params(optimizer__betas=(0.8, 0.9), regularizer__strength=0.5)
    assert (clf.optimizer, clf.regularizer) == (Adam(betas=(0.8, 0.9)), nw.l2(0.5))
    both = nw.Classifier().set_params(optimizer="SGD()", optimizer__momentum=0.9, optimizer__lr=0.2)
    assert both.optimizer == SGD(0.2, momentum=0.9)
    assert nw.sequence.TextClassifier().set_params(optimizer__lr=0.1).optimizer == Adam(0.1)
    model = nw.sequence.LanguageModel().set_params(optimizer__lr=0.01, optimizer__norm=1.0)
    assert model.optimizer == Clip(Adam(polynomial_decay(0.01)), 1.0)


@pytest.mark.parametrize(
    ("rule", "name", "told"),
    [
        (None, "optimizer__momentun", "an option of Adam"),
        ("LevenbergMarquardt()", "optimizer__lr", "a rule with a learning rate"),
        (None, "loss__delta", "a value with options, got None"),
        (None, "no_such__lr", "options of one of its parameters, got 'no_such'. Choose one of: augment"),
        (None, "optimizr__lr", "got 'optimizr'. Did you mean 'optimizer'"),
    ],
)
def test_options_that_there_are_not(rule, name, told):
    clf = nw.Classifier(optimizer=rule)
    with pytest.raises(InvalidParameter, match=f"{name}: expected .*{told}"):
        clf.set_params(**{name: 1.0})
    assert clf.optimizer == rule
