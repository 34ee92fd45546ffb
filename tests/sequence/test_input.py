"""What users call sequences, and what is wrong with some of them: named with the index of the sequence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.sequence import SequenceClassifier, SequenceRegressor, SequenceTagger
from netwright.sequence.reading import items_of, kind_of, read_numbers, read_sequences, read_tokens

SHORT = {"epochs": 1, "batch_size": 4, "random_state": 0}
CLF = SequenceClassifier("GRU(3, output='last')", **SHORT)
REG = SequenceRegressor("GRU(3, output='last')", **SHORT)
STEP = SequenceRegressor("GRU(3)", **SHORT)
TAG = SequenceTagger("GRU(3)", **SHORT)
NUMBERS = [np.arange(2.0 * n).reshape(n, 2) for n in (3, 1, 4, 2, 5, 3)]
TOKENS = [["a", "b"], ["c"], ["a", "c", "d"], ["b"], ["d", "a"], ["b", "b", "a"]]
LABELS = [0, 1, 0, 1, 0, 1]
TAGS = [["X", "Y"][: len(t)] + ["X"] * (len(t) - 2) for t in TOKENS]


def put(items, place, item):
    return [*items[:place], item, *items[place + 1 :]]


@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=5), min_size=1, max_size=5))
def test_however_numbers_are_held_they_are_read_alike(rows):
    held = np.empty(len(rows), dtype=object)
    held[:] = rows
    forms = [
        rows,
        tuple(map(tuple, rows)),
        [np.array(row) for row in rows],
        [np.array(row).reshape(-1, 1) for row in rows],
        [torch.tensor(row, dtype=torch.float64) for row in rows],
        [pd.Series(row, dtype=float) for row in rows],
        [pd.DataFrame({"x": row}, dtype=float) for row in rows],
        held,
        pd.Series(rows, index=range(7, 7 + len(rows))),
        (row for row in rows),
    ]
    for form in forms:
        found = read_sequences(form, "X")
        assert [x.shape for x in found] == [(len(row), 1) for row in rows]
        assert [x[:, 0].tolist() for x in found] == rows


def test_arrays_of_one_length():
    assert [x.shape for x in read_numbers(np.zeros((3, 4, 2)), "X")] == [(4, 2)] * 3
    assert [x.shape for x in read_numbers(torch.zeros(3, 4), "X")] == [(4, 1)] * 3
    assert [x.shape for x in read_numbers([[], [[1, 2]], np.empty((0, 2))], "X")] == [(0, 2), (1, 2), (0, 2)]
    assert read_sequences(np.array([["a", "b"], ["c", "d"]]), "X") == [["a", "b"], ["c", "d"]]
    given = np.zeros((2, 3))
    read_numbers(given, "X")[0][:] = 1
    assert not given.any()


def test_kinds():
    forms = (["a b"], [[], ("a",)], [np.array(["a"])], [pd.Series(["a"])], [[]], [pd.DataFrame()])
    assert list(map(kind_of, forms)) == ["texts", "tokens", "tokens", "tokens", "numbers", "numbers"]
    assert read_tokens(["a b", ["c d"]], "X", str.split) == [["a", "b"], ["c d"]]
    assert items_of({1, 2}, "X") == [1, 2]


WRONG = [
    ("abc", r"fit\(X\): expected a list of sequences, got a str"),
    (pd.DataFrame(NUMBERS[0]), r"fit\(X\): expected a list of sequences, got a DataFrame\. Give a list with one item"),
    ({"a": 1}, r"fit\(X\): expected a list of sequences, got a dict"),
    (7, r"fit\(X\): expected a list of sequences, got 7"),
    (None, r"fit\(X\): expected a list of sequences, got None"),
    ([], r"fit\(X\): expected at least one sequence, got none"),
    (np.empty((0, 3, 2)), r"fit\(X\): expected at least one sequence, got none"),
    ([[]] * 6, r"fit\(X\): expected at least one sequence with a step, got empty ones only"),
    ([np.empty((0, 2))] * 6, r"fit\(X\): expected at least one sequence with a step, got empty ones only"),
    (np.arange(6.0), r"fit\(X\), sequence 0: expected an array \(steps, features\).*single one as \[sequence\]"),
    (np.zeros((6, 3, 2, 2)), r"fit\(X\), sequence 0: expected .*got shape \(3, 2, 2\)\. Flatten what stands behind"),
    (put(NUMBERS, 2, np.zeros((2, 3))), r"sequence 2: expected 2 features, as in sequence 0, got 3"),
    (put(NUMBERS, 2, np.zeros((2, 0))), r"sequence 2: expected an array .*got shape \(2, 0\)"),
    (put(NUMBERS, 2, [[1, 2], [3]]), r"sequence 2: expected numbers, got \[\[1, 2\], \[3\]\]"),
    (put(NUMBERS, 2, np.array([[1.0, np.nan]])), r"sequence 2: expected finite numbers, got nan at step 0, feature 1"),
    (put(NUMBERS, 2, [[0, 0], [-np.inf, 1]]), r"sequence 2: expected finite numbers, got -inf at step 1, feature 0"),
    (put(NUMBERS, 2, None), r"sequence 2: expected an array .*got None"),
    (put(NUMBERS, 2, ["a"]), r"sequence 2: expected numbers, got \['a'\]"),
    (put(NUMBERS, 2, NUMBERS[0] + 1j), r"sequence 2: expected numbers, got array"),
    (put(NUMBERS, 2, np.array(["2020-01-01"], dtype="datetime64[D]")), r"sequence 2: expected numbers"),
    (["a b"] * 6, r"sequence 0: expected a list of tokens, got 'a b'\. Give the tokens of each sequence as a list"),
    (put(TOKENS, 3, "abc"), r"sequence 3: expected a list of tokens, got 'abc'"),
    (put(TOKENS, 3, None), r"sequence 3: expected a list of tokens, got None"),
    (put(TOKENS, 0, float("nan")), r"sequence 0: expected a list of tokens, got nan"),
    (put(TOKENS, 3, ["a", None]), r"sequence 3, token 1: expected a text, got None"),
    (put(TOKENS, 3, ["a", 4]), r"sequence 3, token 1: expected a text, got 4"),
    (put(TOKENS, 3, [1.0]), r"sequence 3, token 0: expected a text, got 1.0"),
    ([[b"a"]] * 6, r"sequence 0: expected numbers, got \[b'a'\]"),
]


@pytest.mark.parametrize(("X", "message"), WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize(("estimator", "y"), [(CLF, LABELS), (REG, LABELS), (TAG, TAGS)], ids=["clf", "reg", "tag"])
def test_what_is_no_list_of_sequences_is_named(estimator, y, X, message):
    with pytest.raises(InvalidData, match=message):
        clone(estimator).fit(X, y)


def test_the_kind_of_the_fit_is_asked_for_again():
    numbers, tokens = clone(CLF).fit(NUMBERS, LABELS), clone(CLF).fit(TOKENS, LABELS)
    with pytest.raises(InvalidData, match=r"X, sequence 0: expected numbers, got \['a', 'b'\]"):
        numbers.predict(TOKENS)
    with pytest.raises(InvalidData, match=r"X, sequence 1: expected 2 features, as in fit, got 3"):
        numbers.predict([NUMBERS[0], np.zeros((2, 3))])
    with pytest.raises(InvalidData, match=r"sequence 0, token 0: expected a text"):
        tokens.predict(NUMBERS)
    with pytest.raises(InvalidData, match="a list of tokens, got 'a b'"):
        tokens.predict(["a b"])
    with pytest.raises(InvalidData, match="at least one sequence, got none"):
        numbers.predict([])
    with pytest.raises(
        InvalidData, match=r"X, sequence 1: expected numbers within .* got 1e\+300 at step 0, feature 1"
    ):
        numbers.predict([NUMBERS[0], [[0, 1e300]]])
    assert len(tokens.predict([["never", "seen"], []])) == 2
    assert np.isfinite(numbers.predict_proba([np.full((2, 2), 1e12), np.empty((0, 2)), []])).all()


LABELED = [
    (CLF, put(LABELS, 4, None), r"fit\(y\), sequence 4: expected a label, got None"),
    (CLF, put(LABELS, 4, np.nan), r"fit\(y\), sequence 4: expected a label, got nan"),
    (CLF, LABELS[1:], r"fit\(y\): expected 6 items, one a sequence, got 5"),
    (CLF, None, r"fit\(y\): expected targets, one a sequence, got None"),
    (CLF, 3, r"fit\(y\): expected a list with one item a sequence, got 3"),
    (CLF, "ababab", r"fit\(y\): expected a list with one item a sequence, got 'ababab'"),
    (CLF, [1] * 6, r"fit\(y\): expected at least 2 classes, got 1 class"),
    (CLF, ["a", 1] * 3, r"fit\(y\): expected labels that are all texts, or all numbers, got 'a' and 1"),
    (CLF, TAGS, r"fit\(y\), sequence 0: expected one label.*Labels for each step are for SequenceTagger"),
    (CLF, np.eye(6), r"fit\(y\), sequence 0: expected one label"),
    (TAG, put(TAGS, 4, ["X"]), r"fit\(y\), sequence 4: expected 2 tags, one a step, got 1"),
    (TAG, put(TAGS, 4, "XY"), r"fit\(y\), sequence 4: expected a list of tags, got 'XY'"),
    (TAG, LABELS, r"fit\(y\), sequence 0: expected a list of tags, got 0"),
    (TAG, put(TAGS, 4, ["X", np.nan]), r"fit\(y\), sequence 4, step 1: expected a text, an integer, or None"),
    (TAG, put(TAGS, 4, ["X", ["Y"]]), r"fit\(y\), sequence 4, step 1: expected a text"),
    (TAG, put(TAGS, 4, ["X", 3]), r"fit\(y\): expected labels that are all texts, or all numbers"),
    (TAG, [["X"] * len(t) for t in TOKENS], r"fit\(y\): expected at least 2 tags, got 1: \['X'\]"),
    (TAG, [[None] * len(t) for t in TOKENS], r"fit\(y\): expected at least 2 tags, got 0"),
    (REG, put(LABELS, 4, np.nan), r"fit\(y\), sequence 4: expected finite numbers, got nan"),
    (REG, put(LABELS, 4, "a"), r"fit\(y\), sequence 4: expected numbers, got 'a'"),
    (REG, put(LABELS, 4, [1, 2]), r"fit\(y\), sequence 0: expected 2 targets, one a step, got 1"),
    (REG, np.zeros((6, 2, 2)), r"fit\(y\): expected one number or one row of numbers each, got shape \(2, 2\)"),
    (STEP, [np.zeros(len(t) + (i == 2)) for i, t in enumerate(TOKENS)], r"sequence 2: expected 3 targets, one a step"),
    (STEP, [np.zeros((len(t), 1 + (i == 2))) for i, t in enumerate(TOKENS)], r"sequence 2: expected shape \(1,\) for"),
    (STEP, [np.full(len(t), np.inf) for t in TOKENS], r"sequence 0: expected finite numbers, got inf at \[0\]"),
    (STEP, None, r"SequenceRegressor\.fit: expected numbers to forecast, got tokens in sequence 0"),
]


@pytest.mark.parametrize(("estimator", "y", "message"), LABELED, ids=range(len(LABELED)))
def test_targets_that_cannot_be_are_named(estimator, y, message):
    with pytest.raises(InvalidData, match=message):
        clone(estimator).fit(TOKENS, y)


def test_what_was_never_seen_in_training_is_named_in_the_validation():
    def fails(estimator, y, held, message, X=TOKENS):
        with pytest.raises(InvalidData, match=message):
            clone(estimator).set_params(validation=held).fit(X, y)

    fails(CLF, LABELS, (TOKENS[:2], [0, 7]), "labels among the 2 of the training sequences, got 7 for sequence 1")
    fails(CLF, LABELS, (TOKENS[:2], ["a", "b"]), "got 'a' for sequence 0")
    fails(TAG, TAGS, ([[], *TOKENS[:2]], [[], *TAGS[:1], ["Q"]]), "among the 2 .*got 'Q' in sequence 2, step 0")
    fails(TAG, TAGS, (TOKENS[:1], [[None, None]]), r"validation\(y\): expected at least one step with a target")
    fails(TAG, TAGS, (TOKENS[:1], [["X"]]), r"^validation: .*sequence 0: expected 2 tags")
    fails(TAG, TAGS, (NUMBERS[:1], [["X"] * 3]), r"^validation: .*expected a text")
    fails(CLF, LABELS, (TOKENS, LABELS), "^validation: .*sequence 0: expected numbers", NUMBERS)
    fails(CLF, LABELS, ([np.zeros((2, 3))], [0]), "^validation: .*2 features, as in fit, got 3", NUMBERS)
    fails(REG, LABELS, (TOKENS[:1], [[1.0, 2.0, 3.0]]), r"^validation: .*sequence 0: expected shape \(\)")
    by_step = [np.zeros(len(t)) for t in TOKENS]
    fails(STEP, by_step, (TOKENS[:1], [1.0]), "^validation: .*sequence 0: expected 2 targets, one a step")
    fails(STEP, by_step, (TOKENS[:1], None), "^validation: .*targets, as there are in training")
    fails(CLF, LABELS, 0.9999, "at least one sequence to train on and one to hold out, got 6 in all")
    for pair in ((TOKENS, LABELS, LABELS), torch.utils.data.TensorDataset(torch.zeros(3))):
        with pytest.raises(InvalidParameter, match=r"validation.*a pair \(X, y\)"):
            clone(CLF).set_params(validation=pair).fit(TOKENS, LABELS)


def test_a_score_counts_what_was_never_seen_as_wrong():
    tagger, clf = clone(TAG).fit(TOKENS, TAGS), clone(CLF).fit(TOKENS, LABELS)
    assert tagger.score(TOKENS[:1], [["Q", "Q"]]) == 0
    found = tagger.predict(TOKENS[:1])[0]
    assert tagger.score(TOKENS[:1], [[found[0], None]]) == 1
    assert clf.score(TOKENS[:2], [7, 8]) == 0
    with pytest.raises(InvalidData, match=r"score\(y\): expected at least one tag, got none"):
        tagger.score(TOKENS[:1], [[None, None]])
    with pytest.raises(InvalidData, match=r"score\(y\), sequence 0: expected 2 tags"):
        tagger.score(TOKENS[:1], [["X"]])
    with pytest.raises(InvalidData, match=r"score\(y\): expected 2 items"):
        clf.score(TOKENS[:2], [1])
    regressor = clone(STEP).fit(NUMBERS[2:])
    with pytest.raises(InvalidData, match=r"score\(X\), sequence 1: expected at least 2 steps .*no y, got 1"):
        regressor.score(NUMBERS)


NETWORKS = [
    (CLF, "GRU(3)", LABELS, r"an output a sequence, got shape \(3, 2\) of 3 steps\. Write output=\"last\""),
    (CLF, "GRU(3, output='last') >> Softmax(5)", LABELS, r"outputs of shape \(2,\) .*got \(5,\)"),
    (REG, "GRU(3)", LABELS, r"1 output a sequence, got shape \(3, 1\)"),
    (REG, "GRU(3, output='last') >> Linear(4)", LABELS, r"1 output a sequence, got 4\. Leave the head out"),
    (
        STEP,
        "GRU(3, output='last')",
        [np.zeros(len(t)) for t in TOKENS],
        r"1 output a step, got shape \(1,\) of 3 steps",
    ),
    (TAG, "GRU(3, output='last')", TAGS, r"2 outputs a step, got shape \(2,\) of 3 steps"),
    (TAG, "GRU(3) >> Softmax(7)", TAGS, r"2 outputs a step, got 7"),
]


@pytest.mark.parametrize(("estimator", "network", "y", "message"), NETWORKS, ids=range(len(NETWORKS)))
def test_networks_that_do_not_fit_the_target(estimator, network, y, message):
    with pytest.raises(InvalidData, match=message):
        clone(estimator).set_params(network=network).fit(TOKENS, y)


def test_heads_that_do_not_fit_the_loss():
    with pytest.raises(InvalidParameter, match=r"an end in Linear, or no head, got softmax as its last"):
        clone(REG).set_params(network="GRU(3, output='last') >> Softmax(1)").fit(TOKENS, LABELS)
    with pytest.raises(InvalidParameter, match=r"an end in Softmax or Linear, or no head, got sigmoid as its last"):
        clone(TAG).set_params(network="GRU(3) >> Sigmoid(2)").fit(TOKENS, TAGS)
    with pytest.raises(InvalidParameter, match=r'layers without a CRF.*SequenceTagger\(head="crf"\)'):
        clone(TAG).set_params(network="GRU(3) >> CRF(2)").fit(TOKENS, TAGS)
    with pytest.raises(InvalidParameter, match=r"expected targets by step, got one a sequence"):
        clone(REG).set_params(window=3).fit(TOKENS, LABELS)
    with pytest.raises(InvalidParameter, match="which mixes steps and takes no lengths"):
        clone(CLF).set_params(network="Flatten()").fit(TOKENS, LABELS)


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_empty_sequences_and_steps_without_a_tag_never_give_nan(head):
    X = [*NUMBERS, *[np.empty((0, 2))] * 10]
    y = [*([i % 2 for i in range(len(x))] for x in NUMBERS[:4]), [None] * 5, [None, 1, None], *[[]] * 10]
    options = {**SHORT, "batch_size": 2, "epochs": 3, "head": head}
    tagger = SequenceTagger("GRU(3)", **options, validation=(X[4:], y[4:])).fit(X, y)
    assert np.isfinite(tagger.history_["train_loss"] + tagger.history_["validation_loss"]).all()
    assert tagger.predict(X[6:]) == [[]] * 10
    assert [row.shape for row in tagger.predict_proba(X[5:7])] == [(3, 2), (0, 2)]
    found, apart = (SequenceTagger("GRU(3)", **options).fit(*part) for part in ((X, y), (X[:6], y[:6])))
    assert found.loss_curve_ == apart.loss_curve_  # what teaches nothing changes nothing


def test_empty_sequences_have_labels_and_numbers():
    X, y = [*NUMBERS, *[np.empty((0, 2))] * 6], [*[0] * 6, *[1] * 6]
    options = {"optimizer": "Adam(0.1)", "epochs": 20, "batch_size": 3}
    assert clone(CLF).set_params(**options).fit(X, y).score(X, y) == 1
    assert clone(REG).set_params(**options).fit(X, y).score(X, y) > 0.9
    by_step = clone(STEP).fit(X, [x[:, 0] for x in X])
    assert np.isfinite(by_step.loss_curve_).all()
    assert by_step.predict(X[5:7])[1].shape == (0,)


def test_small_data():
    one = clone(TAG).set_params(batch_size=100).fit(NUMBERS[:1], [["a", "b", "a"]])
    assert len(one.predict(NUMBERS)) == 6
    assert clone(REG).fit(NUMBERS[:1], [3.0]).predict(NUMBERS[:1]) == pytest.approx(3.0, abs=1.5)
    steps = [x[:1] for x in NUMBERS]
    assert clone(CLF).fit(steps, LABELS).predict(steps).shape == (6,)
    assert clone(TAG).set_params(head="crf").fit(steps, [["a"], ["b"]] * 3).predict(steps[:1]) in ([["a"]], [["b"]])
    table = pd.DataFrame({"label": LABELS})
    assert clone(CLF).fit(NUMBERS, table).classes_.tolist() == [0, 1]
    assert clone(CLF).fit(NUMBERS, torch.tensor(LABELS)).classes_.tolist() == [0, 1]
    assert clone(TAG).fit(NUMBERS, [torch.arange(len(x)) % 2 for x in NUMBERS]).classes_.tolist() == [0, 1]
