"""Tasks that a rule makes: what is learned is compared with the rule, not with another network."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data.reber import GRAMMARS, make_reber, make_reber_classification
from netwright.layers import forbidden_transitions
from netwright.sequence import SequenceClassifier, SequenceRegressor, SequenceTagger


@pytest.mark.slow
def test_words_of_rebers_grammar_are_told_from_altered_ones():
    X, y = make_reber_classification(600, invalid="altered", random_state=0)
    new, labels = make_reber_classification(200, invalid="altered", random_state=1)
    clf = SequenceClassifier("GRU(24, output='last')", optimizer="Adam(0.01)", epochs=20, width=8, random_state=0)
    clf.fit([list(word) for word in X], y)
    assert clf.score([list(word) for word in new], labels) >= 0.97


def test_numbers_of_another_scale_are_told_apart():
    draw = np.random.default_rng(0)
    X = [1e6 + 1e3 * draw.normal(label, 1.0, size=(draw.integers(15, 30), 2)) for label in (0, 1) * 60]
    y = np.array(["low", "high"] * 60)
    clf = SequenceClassifier("GRU(8) >> TimePool('avg')", optimizer="Adam(0.02)", epochs=10, random_state=0)
    assert clf.fit(X[:80], y[:80]).score(X[80:], y[80:]) >= 0.95
    proba = clf.predict_proba(X[80:])
    np.testing.assert_allclose(proba.sum(1), 1.0, atol=1e-6)
    assert (clf.classes_[proba.argmax(1)] == clf.predict(X[80:])).all()
    assert clf.score(X[80:82], [clf.predict(X[80:81])[0], "other"], sample_weight=[3, 1]) == 0.75


def test_one_sigmoid_tells_two_classes_apart():
    draw = np.random.default_rng(0)
    X = [draw.normal(label, 0.3, size=6) for label in (0, 1) * 30]
    clf = SequenceClassifier("GRU(4, output='last') >> Sigmoid(1)", optimizer="Adam(0.05)", epochs=20, random_state=0)
    proba = clf.fit(X, ["a", "b"] * 30).predict_proba(X)
    assert proba.shape == (60, 2)
    assert ((proba[:, 1] > 0.5) == (np.arange(60) % 2 == 1)).mean() > 0.95
    np.testing.assert_allclose(proba.sum(1), 1.0, atol=1e-6)


@pytest.mark.slow
def test_the_sum_of_a_sequence():
    draw = np.random.default_rng(0)
    X = [draw.uniform(size=draw.integers(2, 15)) for _ in range(400)]
    y = np.array([x.sum() for x in X])
    reg = SequenceRegressor("GRU(16, output='last')", optimizer="Adam(0.02)", epochs=25, random_state=0)
    reg.fit(X[:300], y[:300])
    assert reg.score(X[300:], y[300:]) > 0.98
    assert reg.predict(X[:3]).shape == (3,)
    two = np.stack([y, [len(x) for x in X]], 1)
    assert reg.fit(X[:300], two[:300]).predict(X[300:]).shape == (100, 2)
    assert reg.score(X[300:], two[300:]) > 0.97


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_the_parity_of_what_came(head):
    draw = np.random.default_rng(0)
    bits = [draw.integers(0, 2, draw.integers(3, 15)) for _ in range(250)]
    X = [["ab"[bit] for bit in row] for row in bits]
    y = [[("even", "odd")[k] for k in np.cumsum(row) % 2] for row in bits]
    tagger = SequenceTagger(
        "GRU(16)", head=head, characters=False, width=4, optimizer="Adam(0.03)", epochs=20, random_state=0
    )
    assert tagger.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.98
    proba = tagger.predict_proba(X[200:])
    assert [row.shape for row in proba] == [(len(x), 2) for x in X[200:]]
    np.testing.assert_allclose(np.concatenate(proba).sum(1), 1.0, atol=1e-5)


def test_the_number_before():
    draw = np.random.default_rng(0)
    X = [5 + draw.normal(size=draw.integers(3, 15)) for _ in range(250)]
    y = [np.concatenate([[5.0], x[:-1]]) for x in X]
    reg = SequenceRegressor("GRU(16)", optimizer="Adam(0.015)", epochs=15, random_state=0).fit(X[:200], y[:200])
    assert reg.score(X[200:], y[200:]) > 0.97
    found = reg.predict(X[200:])
    assert [row.shape for row in found] == [row.shape for row in y[200:]]
    weight = np.arange(50)
    errors = np.concatenate([w * (a - b) ** 2 for w, a, b in zip(weight, found, y[200:], strict=True)])
    flat, each = np.concatenate(y[200:]), np.repeat(weight, [len(x) for x in X[200:]])
    spread = (each * (flat - np.average(flat, weights=each)) ** 2).sum()
    assert reg.score(X[200:], y[200:], sample_weight=weight) == pytest.approx(1 - errors.sum() / spread)


def autoregressive(n, seed):
    """x_t = 1.2 x_{t-1} - 0.6 x_{t-2} + e_t, e_t of variance 1"""
    noise = np.random.default_rng(seed).normal(size=n + 100)
    x = np.zeros(n + 100)
    for t in range(2, n + 100):
        x[t] = 1.2 * x[t - 1] - 0.6 * x[t - 2] + noise[t]
    return x[100:]


def test_a_forecaster_comes_close_to_the_best_predictor():
    series, new = autoregressive(2500, 0), autoregressive(1500, 1)
    reg = SequenceRegressor("GRU(12)", window=50, optimizer="Adam(0.01)", epochs=6, random_state=0).fit([series])
    found = reg.predict([new])[0][1:-1, 0]
    best = 1.2 * new[1:-1] - 0.6 * new[:-2]
    error, least = (np.mean((each - new[2:]) ** 2) for each in (found, best))
    naive = np.mean((new[1:-1] - new[2:]) ** 2)
    assert least < error < 1.06 * least < 0.7 * naive
    wanted = new[1:]
    squares = ((wanted - reg.predict([new[:-1]])[0][:, 0]) ** 2).sum()
    assert reg.score([new]) == pytest.approx(1 - squares / ((wanted - wanted.mean()) ** 2).sum())


def test_a_forecast_is_the_prediction_fed_back():
    draw = np.random.default_rng(0)
    X = [np.cumsum(draw.normal(size=(draw.integers(3, 12), 2)), 0) for _ in range(10)]
    reg = SequenceRegressor("GRU(4)", epochs=2, random_state=0).fit(X)
    ahead = reg.forecast(X[:4], steps=3)
    for x, found in zip(X, ahead, strict=False):
        for row in found:
            (new,) = reg.predict([x])
            np.testing.assert_allclose(row, new[-1], rtol=1e-5, atol=1e-6)
            x = np.concatenate([x, row[None]])
    with pytest.raises(InvalidData, match=r"forecast\(X\), sequence 1: expected at least one step"):
        reg.forecast([X[0], np.empty((0, 2))])
    with pytest.raises(InvalidParameter, match=r"forecast\(steps\).*got 0"):
        reg.forecast(X, steps=0)
    with pytest.raises(InvalidParameter, match=r"expected a forecaster, got one with targets\. Fit without y"):
        reg.fit(X, [x[:, 0] for x in X]).forecast(X)


@pytest.mark.parametrize("network", ["Bidirectional(GRU(4))", "GRU(4) >> Bidirectional(LSTM(3), merge='add')"])
def test_a_forecaster_that_looks_ahead_is_refused(network):
    X = [np.arange(9.0), np.arange(5.0)]
    with pytest.raises(InvalidParameter, match=r"whose steps see no later step.*without Bidirectional"):
        SequenceRegressor(network, epochs=1).fit(X)
    SequenceRegressor(network, epochs=1).fit(X, X)  # with targets it may


@pytest.mark.parametrize("network", ["LSTM(3)", "CausalStack(3, 2, 2)", "Residual(ReLU(1)) >> Elman(3)"])
def test_networks_that_look_back_forecast(network):
    reg = SequenceRegressor(network, epochs=1, random_state=0).fit([np.arange(9.0), np.arange(5.0)])
    assert reg.forecast([np.arange(4.0)], 2)[0].shape == (2, 1)


def embedded(n, seed):
    """Words of the embedded Reber grammar: the second letter comes again before the end, whatever is between."""
    words = make_reber(n, grammar="cleeremans", ends=True, random_state=seed)
    return [f"B{c}{w}{c}E" for w, c in zip(words, np.random.default_rng(seed).choice(["T", "P"], n), strict=True)]


def legal(word):
    """The letters that may follow each letter of a word but the last."""
    states, state = GRAMMARS["cleeremans"], 0
    found = [{"T", "P"}, {"B"}, set(states[0])]
    for letter in word[3:-3]:
        state = states[state][letter]
        found.append({"E"} if state == 5 else set(states[state]))
    return [*found, {word[1]}, {"E"}]


@pytest.mark.slow
def test_all_letters_that_are_expected_in_the_embedded_grammar_are_legal():
    words, new = embedded(350, 0), embedded(100, 1)
    tagger = SequenceTagger(
        "GRU(16)",
        characters=False,
        width=7,
        optimizer="Adam(0.02)",
        epochs=25,
        batch_size=16,
        average=None,
        random_state=0,
    )
    tagger.fit([list(word[:-1]) for word in words], [list(word[1:]) for word in words])
    for word, proba in zip(new, tagger.predict_proba([list(word[:-1]) for word in new]), strict=True):
        expected = [set(tagger.classes_[row > 0.2].tolist()) for row in proba]
        assert expected == legal(word)


def test_a_scheme_forbids_what_cannot_be_even_before_anything_is_learned():
    labels = ["B-X", "I-X", "B-Y", "I-Y", "O"]
    draw = np.random.default_rng(0)
    X = [draw.normal(size=(draw.integers(1, 9), 2)) for _ in range(30)]
    tags = [[labels[i] for i in draw.integers(0, 5, len(x))] for x in X]
    for i, row in enumerate(tags):  # make them legal
        for t in range(len(row)):
            if row[t][0] == "I" and (t == 0 or row[t - 1][2:] != row[t][2:]):
                tags[i][t] = "B" + row[t][1:]
    options = {"head": "crf", "epochs": 1, "random_state": 0, "optimizer": "SGD(1e-6)"}
    tagger = SequenceTagger("GRU(3)", scheme="BIO", **options).fit(X, tags)
    free = SequenceTagger("GRU(3)", **options).fit(X, tags)
    forbidden = set(forbidden_transitions(tagger.classes_.tolist(), "BIO"))
    number = {tag: i for i, tag in enumerate(tagger.classes_)}

    def broken(found):
        pairs = [p for row in found for p in itertools.pairwise([5, *(number[tag] for tag in row), 6])]
        return sum(pair in forbidden for pair in pairs)

    new = [draw.normal(size=(20, 2)) for _ in range(30)]
    assert broken(tags) == 0
    assert broken(tagger.predict(new)) == 0 < broken(free.predict(new))
    with pytest.raises(InvalidParameter, match=r'SequenceTagger\(scheme\): expected head="crf"'):
        SequenceTagger("GRU(3)", scheme="BIO").fit(X, tags)


def test_the_loss_of_a_crf_is_that_of_all_paths():
    X, y = [[0.5, -1.0, 2.0], [1.0, 0.3]], [["a", None, "b"], ["c", "c"]]
    seen = []
    tagger = SequenceTagger("GRU(3)", head="crf", epochs=1, optimizer="SGD(1e-9)", random_state=0, validation=(X, y))
    tagger.set_params(callbacks=[lambda run: seen.append(run.history[-1]["validation_loss"])]).fit(X, y)
    chain = tagger.chain_
    start, end, moves = (
        getattr(chain, f"{name}transitions").detach().double().numpy() for name in ("start_", "end_", "")
    )
    loss = 0.0
    for scores, tags in zip(tagger._outputs(X), y, strict=True):
        kept = [t for t, tag in enumerate(tags) if tag is not None]
        e = scores.double().numpy()[kept]
        paths = {
            path: start[path[0]]
            + end[path[-1]]
            + sum(e[t, k] for t, k in enumerate(path))
            + sum(moves[i, j] for i, j in itertools.pairwise(path))
            for path in itertools.product(range(3), repeat=len(kept))
        }
        gold = tuple("abc".index(tags[t]) for t in kept)
        loss += np.log(sum(map(np.exp, paths.values()))) - paths[gold]
    assert seen == [pytest.approx(loss / 4, rel=1e-5)]
    assert tagger.history_[-1]["train_loss"] == pytest.approx(loss / 4, rel=1e-5)


def test_a_head_of_the_user_is_kept():
    draw = np.random.default_rng(0)
    X = [draw.normal(label, 0.2, size=5) for label in (0, 1, 2) * 20]
    for head in ("Softmax(3)", "Linear(3)", "HierarchicalSoftmax(3)"):
        clf = SequenceClassifier(f"GRU(6, output='last') >> {head}", optimizer="Adam(0.05)", epochs=15, random_state=0)
        clf.fit(X, [0, 1, 2] * 20)
        assert clf.score(X, [0, 1, 2] * 20) > 0.95
        np.testing.assert_allclose(clf.predict_proba(X).sum(1), 1.0, atol=1e-5)
        tagger = SequenceTagger(f"GRU(6) >> {head}", optimizer="Adam(0.05)", epochs=15, random_state=0)
        tagger.fit(X, [["abc"[label]] * 5 for label in (0, 1, 2) * 20])
        assert tagger.score(X, [["abc"[label]] * 5 for label in (0, 1, 2) * 20]) > 0.9


def test_words_never_seen_are_tagged_by_how_they_are_written():
    draw = np.random.default_rng(0)
    stems = ["".join(draw.choice(list("bdfgklmnprt"), 4)) for _ in range(120)]
    X = [[stem + draw.choice(["ed", "ly"]) for stem in draw.choice(stems[:80], 4)] for _ in range(120)]
    new = [[stem + end for stem in stems[80:]] for end in ("ed", "ly")]
    tag = {"ed": "VERB", "ly": "ADV"}
    options = {"epochs": 6, "optimizer": "Adam(0.01)", "random_state": 0, "average": None}
    y, wanted = ([[tag[token[-2:]] for token in tokens] for tokens in each] for each in (X, new))
    assert SequenceTagger("LSTM(8)", **options).fit(X, y).score(new, wanted) > 0.95
    assert SequenceTagger("LSTM(8)", characters=False, **options).fit(X, y).score(new, wanted) < 0.8


def test_what_is_longer_than_in_training():
    X = [np.array([bit, 0.0, 0.0]) for bit in (0.0, 1.0) * 20]
    clf = SequenceClassifier("LSTM(4, output='last')", epochs=1, random_state=0).fit(X, [0, 1] * 20)
    tagger = SequenceTagger("Bidirectional(GRU(3))", head="crf", epochs=1, random_state=0)
    tagger.fit(X, [["a", "b", "b"]] * 40)
    long = np.sin(np.arange(5000.0))
    assert np.isfinite(clf.predict_proba([long])).all()
    assert len(tagger.predict([long, long[:2]])[0]) == 5000
    assert torch.tensor(tagger.predict_proba([long])[0]).sum(1).allclose(torch.ones(5000), atol=1e-4)
