"""What strangers stumbled over: sequences whose answer depended on their company, and targets that were misread."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData
from netwright.layers import CRF
from netwright.sequence import LanguageModel, SequenceClassifier, SequenceTagger, TextClassifier

DYNAMIC = "LSTM(4) >> KMaxPool(3, level=1, levels=2) >> KMaxPool(3) >> Flatten()"


@pytest.mark.parametrize("network", ["LSTM(4) >> KMaxPool(3) >> Flatten()", DYNAMIC])
def test_the_largest_values_of_a_sequence_that_is_alone(network: str) -> None:
    draw = np.random.default_rng(0)
    X = [draw.normal(size=(n, 2)) for n in (5, 7, 3, 29, 6, 1, 8, 2) * 3]
    model = SequenceClassifier(network, epochs=1, random_state=0).fit(X, [0, 1] * 12)
    together = model.predict_proba(X[:8])
    alone = np.concatenate([model.predict_proba([x]) for x in X[:8]])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    assert np.isfinite(model.predict_proba([draw.normal(size=(60, 2))])).all()  # longer than any of the fit


def test_minus_100_is_no_tag() -> None:
    X, y = [["a", "b"]] * 20, [[0, -100], [1, -100]] * 10
    model = SequenceTagger("LSTM(4)", epochs=1, random_state=0).fit(X, y)
    assert model.classes_.tolist() == [0, 1]
    same = SequenceTagger("LSTM(4)", epochs=1, random_state=0).fit(X, [[row[0], None] for row in y])
    np.testing.assert_array_equal(model.predict_proba(X[:1])[0], same.predict_proba(X[:1])[0])
    assert model.score(X, y) == same.score(X, [[row[0], None] for row in y])


def test_emissions_that_are_no_numbers_or_whole_ones() -> None:
    crf = CRF(3).build(seed=0)
    e = torch.zeros(2, 4, 3)
    e[1, 2] = torch.nan
    e[1, 3] = torch.nan
    with pytest.raises(InvalidData, match="NaN in sequence 1"):
        crf.decode(e)
    assert len(crf.decode(e, torch.tensor([[True] * 4, [True, True, False, False]]))[1]) == 2
    whole, tags = torch.ones(1, 4, 3, dtype=torch.long), torch.zeros(1, 4, dtype=torch.long)
    assert torch.equal(crf.log_likelihood(whole, tags), crf.log_likelihood(whole.float(), tags))


def test_what_a_run_found_is_told_by_a_classifier_of_texts() -> None:
    X = ["a fine film", "dull and long"] * 10
    model = TextClassifier("bag", width=4, epochs=2, random_state=0).fit(X, [1, 0] * 10)
    assert model.diagnosis_ is model.classifier_.diagnosis_


def test_empty_texts_are_not_held_out() -> None:
    model = LanguageModel(units=4, layers=1, epochs=1, random_state=0)
    assert model.fit(["the dog"] * 9 + [""]).nats("the") > 0


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        (["O", "I-P", "O"], r"sequence 3, step 1: expected .* that BIO allows, got 'I-P' behind 'O'"),
        (["I-P", "O", "O"], r"sequence 3, step 0: expected .* that BIO allows, got 'I-P' behind the start"),
        (["O", None, "I-P"], r"sequence 3, step 2: expected .* that BIO allows, got 'I-P' behind 'O'"),
    ],
)
def test_tags_that_a_scheme_does_not_have_are_named(tags: list[str | None], text: str) -> None:
    y = [["B-P", "I-P", "O"]] * 8
    y[3] = tags  # type: ignore[call-overload]
    model = SequenceTagger("LSTM(4)", head="crf", scheme="BIO", epochs=1, random_state=0)
    with pytest.raises(InvalidData, match=text):
        model.fit([["a", "b", "c"]] * 8, y)


def test_errors_name_the_estimator_that_the_user_sees_and_what_to_use_instead():
    texts, numbers = ["a b c", "d e"] * 10, np.random.default_rng(0).normal(size=20)
    with pytest.raises(InvalidData, match=r"TextClassifier\.fit\(y\).*Unknown label type: continuous.*regressor"):
        TextClassifier(epochs=1).fit(texts, numbers)
    with pytest.raises(InvalidData, match=r"TextClassifier\.fit\(y\)"):
        TextClassifier(epochs=1).check(texts, ["a", None] * 10)


def test_numbers_too_far_from_those_of_the_fit_are_refused_before_they_overflow() -> None:
    X = np.zeros((6, 4, 1))
    X[4:, 3] = 1.0
    model = SequenceClassifier("LSTM(4, output='last')", epochs=1, random_state=0).fit(X, [0, 0, 0, 0, 1, 1])
    far = X[:2].copy()
    far[1, 3] = -1.7e308
    with pytest.raises(InvalidData, match=r"X, sequence 1: expected numbers within 1e\+15 deviations"):
        model.predict(far)
