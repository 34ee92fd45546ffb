"""LanguageModel: against the chain that made the text, a NumPy transcription, brute force, and itself step by step."""

from __future__ import annotations

import itertools
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.storage import read
from netwright.layers import LSTM, Bidirectional, Dropout, Softmax
from netwright.sequence import LanguageModel
from netwright.sequence.language import generation

SYMBOLS = "abcd"
CHAIN = np.array([[0.1, 0.6, 0.2, 0.1], [0.7, 0.1, 0.1, 0.1], [0.0, 0.0, 0.1, 0.9], [0.3, 0.3, 0.3, 0.1]])


def drawn(steps: int, seed: int) -> str:
    """A text of the chain."""
    generator, at, made = np.random.default_rng(seed), 0, []
    for _ in range(steps):
        at = int(generator.choice(4, p=CHAIN[at]))
        made.append(SYMBOLS[at])
    return "".join(made)


def small(**options: Any) -> LanguageModel:
    chosen = {"units": 8, "layers": 1, "width": 4, "epochs": 2, "batch_size": 8, "steps": 10, "random_state": 0}
    return LanguageModel(**{**chosen, **options})


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    """Two layers, briefly trained."""
    return small(layers=2).fit(drawn(1000, 0))


@pytest.fixture(scope="module")
def chained() -> LanguageModel:
    """One that has learned the chain."""
    rule = nw.optim.Adam(nw.optim.cosine(0.02))
    return small(units=12, dropout=0.0, optimizer=rule, epochs=6, steps=20).fit(drawn(5000, 1))


def one_by_one(model: LanguageModel, text: str) -> float:
    """The sum of the logarithms of what `next_symbols` says, prefix by prefix."""
    return sum(math.log(model.next_symbols(text[:t])[symbol]) for t, symbol in enumerate(text))


# what it learns


@pytest.mark.slow
def test_a_chain_is_learned_to_its_entropy(chained: LanguageModel) -> None:
    text = drawn(4000, 2)
    pairs = [(SYMBOLS.index(a), SYMBOLS.index(b)) for a, b in itertools.pairwise(text)]
    best = -float(np.mean([math.log(CHAIN[pair]) for pair in pairs]))
    nats = chained.nats(text)
    assert best - 0.005 < nats < best + 0.03
    assert chained.perplexity(text) == pytest.approx(math.exp(nats))
    assert chained.score(text) == -nats


def test_the_next_symbols_are_those_of_the_chain(chained: LanguageModel) -> None:
    for prompt, row in zip(("abda", "abab", "abdc", "abcd"), CHAIN, strict=True):
        found = chained.next_symbols(prompt)
        assert sum(found.values()) == pytest.approx(1, abs=1e-6)
        assert list(found.values()) == sorted(found.values(), reverse=True)
        np.testing.assert_allclose([found[each] for each in SYMBOLS], row, atol=0.06)


def test_the_history_has_nats(chained: LanguageModel) -> None:
    assert len(chained.history_) == chained.n_iter_ == 6
    assert chained.history_[-1]["validation_loss"] < 1.1 < chained.history_[0]["train_loss"]
    assert chained.loss_curve_ == chained.history_["train_loss"]


@pytest.mark.slow
@pytest.mark.parametrize("head", ["hierarchical", "adaptive"])
def test_other_heads_learn_and_their_probabilities_sum_to_one(head: str) -> None:
    text = "to be or not that is the question " * 60
    rule = nw.optim.Adam(0.02)
    model = small(level="words", head=head, units=32, epochs=8, optimizer=rule, validation=None, least=2).fit(text)
    assert model.history_[-1]["train_loss"] < 0.9 < 1.5 < model.history_[0]["train_loss"]
    assert sum(model.next_symbols("to be").values()) == pytest.approx(1, abs=1e-6)
    words = ["to", "be", "or", "not"]
    summed = sum(math.log(model.next_symbols(words[:t])[word]) for t, word in enumerate(words))
    assert model.log_prob("to be or not") == pytest.approx(summed, abs=1e-4)
    assert model.sample(3, ["or", "not"], temperature=0) == ["that", "is", "the"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_model() -> None:
    found = [small(random_state=seed, epochs=1).fit(drawn(200, 0)).log_prob("abdc") for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


# how probable texts are


def test_log_prob_is_the_sum_of_one_by_one(model: LanguageModel) -> None:
    text = drawn(25, 3)
    assert model.log_prob(text) == pytest.approx(one_by_one(model, text), abs=1e-4)
    assert model.nats(text) == pytest.approx(-one_by_one(model, text) / 25, abs=1e-5)


def test_log_prob_is_that_of_the_equations(model: LanguageModel) -> None:
    weights = {name: part.double().numpy() for name, part in model.module_.state_dict().items()}
    named = {name.rpartition(".")[2]: part for name, part in weights.items()}  # of the linear layer
    table = next(part for name, part in weights.items() if "table" in name)
    layers = [
        {name.rpartition(".")[2]: part for name, part in weights.items() if f"lstm{number}." in name}
        for number in (1, 2)
    ]
    states = [(np.zeros(8), np.zeros(8)) for _ in layers]
    text, total, at = "abdcab", 0.0, len(model.vocabulary_)
    for symbol in text:
        x = table[at]
        for number, layer in enumerate(layers):
            h, memory = states[number]
            gates = layer["weight_ih_l0"] @ x + layer["bias_ih_l0"] + layer["weight_hh_l0"] @ h + layer["bias_hh_l0"]
            i, f, g, o = np.split(gates, 4)
            memory = memory / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            x = np.tanh(memory) / (1 + np.exp(-o))
            states[number] = (x, memory)
        scores = named["weight"] @ x + named["bias"]
        at = model.vocabulary_.index(symbol)
        total += scores[at] - np.log(np.exp(scores).sum())
    assert model.log_prob(text) == pytest.approx(total, abs=1e-4)


def test_several_texts_do_not_touch_each_other(model: LanguageModel) -> None:
    texts = ["abdc", "", drawn(40, 4), "a", drawn(17, 5)]
    together = model.log_prob(texts)
    np.testing.assert_allclose(together, [model.log_prob(text) for text in texts], atol=1e-4)
    assert together[1] == 0
    assert model.nats(texts) == pytest.approx(-together.sum() / 62, abs=1e-6)


@pytest.mark.parametrize("symbols", [1, 7, 16])
def test_the_pieces_do_not_matter(model: LanguageModel, monkeypatch: pytest.MonkeyPatch, symbols: int) -> None:
    texts = [drawn(40, 6), drawn(33, 7), drawn(5, 8)]
    whole, behind = model.log_prob(texts), model.next_symbols(texts[0])
    monkeypatch.setattr(generation, "SYMBOLS", symbols)
    monkeypatch.setattr(generation, "ROWS", 2)
    np.testing.assert_allclose(model.log_prob(texts), whole, atol=1e-4)
    assert model.next_symbols(texts[0]) == pytest.approx(behind, abs=1e-6)


# how they go on


def test_temperature_zero_takes_the_most_probable(model: LanguageModel) -> None:
    text = "ab"
    for _ in range(8):
        text += next(iter(model.next_symbols(text)))
    assert model.sample(8, "ab", temperature=0) == text[2:]
    assert model.sample(8, "ab", temperature=1e-4, random_state=3) == text[2:]
    assert model.complete("ab", 8, beams=1)[0].text == text[2:]


@pytest.mark.slow
def test_samples_come_as_often_as_they_are_probable(chained: LanguageModel) -> None:
    text = chained.sample(1500, random_state=0)
    assert text[:50] == chained.sample(50, random_state=0) != chained.sample(50, random_state=1)
    behind_a = [b for a, b in itertools.pairwise(text) if a == "a"]
    assert behind_a.count("b") / len(behind_a) == pytest.approx(0.6, abs=0.1)
    hot = chained.sample(400, temperature=50.0, random_state=0)
    assert all(hot.count(symbol) > 70 for symbol in SYMBOLS)


@pytest.mark.parametrize(("options", "left"), [({"top_k": 2}, 2), ({"top_p": 0.5}, None), ({"top_k": 1}, 1)])
def test_only_the_most_probable_are_drawn(model: LanguageModel, options: dict[str, Any], left: int | None) -> None:
    text = model.sample(40, random_state=0, **options)
    for t, symbol in enumerate(text):
        probable = model.next_symbols(text[:t])
        rank = list(probable).index(symbol)
        assert left is None or rank < left
        if left is None:  # those before it do not reach the share
            assert sum(list(probable.values())[:rank]) < 0.5


def test_beam_search_with_all_beams_is_exact(model: LanguageModel) -> None:
    ends = ["".join(end) for end in itertools.product(SYMBOLS, repeat=4)]
    scores = model.log_prob(["abd" + end for end in ends]) - model.log_prob("abd")
    ranked = sorted(zip(scores.tolist(), ends, strict=True), reverse=True)
    found = model.complete("abd", 4, beams=256)
    assert found[0].text == ranked[0][1]
    np.testing.assert_allclose([each.log_prob for each in found], [score for score, _ in ranked], atol=1e-4)
    assert sum(math.exp(each.log_prob) for each in found) == pytest.approx(1, abs=1e-5)
    few = model.complete("abd", 4, beams=3)
    assert len(few) == 3
    assert few[0].log_prob <= found[0].log_prob + 1e-6
    assert few[0].log_prob == pytest.approx(model.log_prob("abd" + str(few[0].text)) - model.log_prob("abd"), abs=1e-4)


def test_nothing_is_asked_for(model: LanguageModel) -> None:
    assert model.sample(0) == ""
    assert model.complete("a", 0) == [("", 0.0)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": -1}, r"sample\(length\): expected an integer >= 0, got -1"),
        ({"temperature": -0.5}, r"sample\(temperature\): expected a number in \[0, inf\), got -0.5"),
        ({"top_k": 0}, r"sample\(top_k\): .* got 0"),
        ({"top_p": 0.0}, r"sample\(top_p\): .* got 0.0"),
    ],
)
def test_options_of_a_sample_are_checked(model: LanguageModel, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        model.sample(**{"length": 3, **options})


# symbols that the fit has not seen


def test_an_unseen_symbol_is_an_error_that_names_it(model: LanguageModel) -> None:
    with pytest.raises(InvalidData, match=r"sample\(prompt\), position 2: .* got 'x'"):
        model.sample(3, "abxa")
    with pytest.raises(InvalidData, match=r"nats\(X\), text 1, position 0: .* got 'é'"):
        model.nats(["ab", "éa"])


def test_an_unseen_symbol_is_unknown_where_there_is_an_unknown() -> None:
    model = small(least=3, validation=None).fit("abcabcabcxabcybc" * 2)
    assert "x" not in model.vocabulary_
    assert model.log_prob("abx") == model.log_prob("aby") == model.log_prob("ab?")
    assert "<unk>" in model.next_symbols("ab")
    assert set(model.sample(200, "x", temperature=5.0, random_state=0)) == set("abc")
    assert all(set(each.text) <= set("abc") for each in model.complete("?", 3, beams=50))


# what is fitted


@pytest.mark.slow
@pytest.mark.parametrize("text", ["ab", "abcab", ["ab", "", "cab"], [["a", "b"], ["b", "c", "a"]]])
def test_short_texts_are_enough(text: Any) -> None:
    model = small(validation=None).fit(text)
    assert math.isfinite(model.nats("ab"))


def test_held_out_texts_and_shares() -> None:
    text = drawn(300, 0)
    assert "validation_loss" not in small(validation=None).fit(text).history_
    given = small(validation=text[200:]).fit(text[:200])
    shared = small(validation=1 / 3).fit(text)
    assert given.history_["validation_loss"] == shared.history_["validation_loss"]
    several = small(validation=["ab", "abc"], patience=1).fit([text, "ab"])
    assert math.isfinite(several.history_[0]["validation_loss"])


@pytest.mark.slow
def test_words_are_tokens() -> None:
    model = small(level="words", validation=None).fit("It isn't well-made. " * 20)
    assert set(model.vocabulary_.symbols) == {"It", "is", "n't", "well", "made"}
    assert model.log_prob("It isn't") == model.log_prob([["It", "is", "n't"]])[0]
    assert len(model.sample(4, ["It"], random_state=0)) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"fit\(X\): expected at least one symbol"),
        (["", ""], r"fit\(X\): expected at least one symbol, got 2 empty texts"),
        ([], r"fit\(X\): expected at least one sequence, got none"),
        ("aaaa", r"fit\(X\): expected at least 2 different symbols, got 'a' alone"),
        (b"abc", r"fit\(X\): expected a text or a list of texts, got a bytes. Decode bytes first"),
        (3, r"fit\(X\): expected a text or a list of texts, got a int"),
        (["ab", 3], r"fit\(X\), sequence 1: expected a text or a list of tokens, got 3"),
        ([["a", 3]], r"fit\(X\), sequence 0, token 1: expected a text, got 3"),
    ],
)
def test_what_is_no_text_is_named(text: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        small().fit(text)


def test_held_out_texts_are_checked() -> None:
    with pytest.raises(InvalidData, match=r"validation, position 1: .* got 'x'"):
        small(validation="ax").fit("abab")
    with pytest.raises(InvalidData, match=r"validation: expected at least one symbol"):
        small(validation="").fit("abab")
    with pytest.raises(InvalidData, match=r"expected at least one text to train on and one to hold out, got 2 in all"):
        small(validation=0.9).fit(["ab", "abc"])
    with pytest.raises(InvalidData, match=r"nats\(X\): expected at least one symbol"):
        small(validation=None).fit("abab").nats("")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": Bidirectional(LSTM(4))}, r"network\): expected layers that see one step .* got Bidirectional"),
        ({"network": LSTM(4, output="last")}, r"network\): expected layers that see one step .* output=\"all\""),
        ({"network": LSTM(4) >> Softmax(9)}, r"network\): expected a head over the 4 symbols, got Softmax\(9\)"),
        ({"level": "letters"}, r"level\): expected 'characters' or 'words'|level"),
        ({"head": "soft"}, r"head\)"),
        ({"optimizer": nw.optim.QuasiNewton()}, r"optimizer\): expected a rule that updates batch by batch"),
        ({"validation": 2}, r"validation\)"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        small(**options).fit(drawn(100, 0))


def test_a_failed_fit_leaves_what_was_fitted() -> None:
    model = small(validation=None).fit("abcabc")
    before = model.log_prob("abc")
    with pytest.raises(InvalidData):
        model.fit("")
    assert model.log_prob("abc") == before


@pytest.mark.slow
def test_networks_are_layers_or_their_text() -> None:
    text = drawn(200, 0)
    as_text = small(network="GRU(6) >> Dropout(0.1) >> LSTM(5, initial='learned')").fit(text)
    with_head = small(network=LSTM(6) >> Dropout(0.1) >> Softmax(4)).fit(text)
    without_memory = small(network="Tanh(6)").fit(text)
    for model in (as_text, with_head):
        assert model.log_prob("abdc") == pytest.approx(one_by_one(model, "abdc"), abs=1e-4)
    assert without_memory.next_symbols("abdc") == without_memory.next_symbols("c")


# what units do


@pytest.mark.slow
def test_the_parts_of_an_lstm_fit_together() -> None:
    model = small(network="LSTM(5) >> LSTM(6, peepholes=True)").fit(drawn(100, 0))
    for layer, units in ((0, 5), (-1, 6)):
        part = {name: model.states("abdca", layer, name) for name in "hCifgo"}
        assert part["h"].shape == (5, units)
        np.testing.assert_allclose(part["h"], part["o"] * np.tanh(part["C"]), atol=1e-6)
        moved = part["f"][1:] * part["C"][:-1] + part["i"][1:] * part["g"][1:]
        np.testing.assert_allclose(part["C"][1:], moved, atol=1e-6)
    np.testing.assert_allclose(model.states("ab"), model.states("abdca")[:2], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("reset", ["before", "after"])
def test_the_parts_of_a_gru_fit_together(reset: str) -> None:
    model = small(network=f"GRU(5, reset={reset!r})").fit(drawn(100, 0))
    h, z, n, r = (model.states("abdca", part=name) for name in "hznr")
    np.testing.assert_allclose(h[1:], (1 - z[1:]) * n[1:] + z[1:] * h[:-1], atol=1e-6)
    assert ((r > 0) & (r < 1)).all()


def test_states_that_there_are_not(model: LanguageModel) -> None:
    with pytest.raises(InvalidParameter, match=r"states\(layer\): expected an integer in \[-2, 1\], got 2"):
        model.states("ab", layer=2)
    with pytest.raises(InvalidParameter, match=r"states\(part\)"):
        model.states("ab", part="r")
    with pytest.raises(InvalidData, match=r"states\(X\): expected at least one symbol"):
        model.states("")


# keeping it


def test_a_file_gives_the_same_model_back(model: LanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "model.nw"
    model.save(path)
    loaded = nw.load(path)
    assert loaded.log_prob("abdcab") == model.log_prob("abdcab")
    assert loaded.sample(20, random_state=0) == model.sample(20, random_state=0)
    assert str(loaded.history_.records) == str(model.history_.records)  # NaN is not NaN
    assert loaded.get_params()["units"] == 8
    assert repr(loaded.network_) == repr(model.network_)


def test_a_file_has_no_held_out_text(tmp_path: Path) -> None:
    small(validation="cab").fit("abcabc").save(tmp_path / "model.nw")
    assert read(tmp_path / "model.nw").content["params"]["validation"] is None


def test_a_pickle_and_a_clone(model: LanguageModel) -> None:
    assert pickle.loads(pickle.dumps(model)).log_prob("abdcab") == model.log_prob("abdcab")
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "module_")
