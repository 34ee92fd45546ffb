"""Reber's grammar, by an automaton that tries everything, by regular expressions, and by counts."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter
from netwright.data.reber import LETTERS, is_reber, make_reber, make_reber_classification

# The arcs as they are drawn: (from, letter, to); 5 is the end.
ARCS = {
    "reber": "0T1 0V2 1P1 1T3 2X2 2V4 3X2 3S5 4P3 4S5",
    "cleeremans": "0T1 0P2 1S1 1X3 2T2 2V4 3X2 3S5 4P3 4V5",
}
# The same languages without states: what leads to the two middle states, round and out again.
PATTERNS = {
    "reber": re.compile(r"(TP*T(XX*VP)*(S|XX*VS)|VX*VP(XX*VP)*(S|XX*VS)|VX*VS)"),
    "cleeremans": re.compile(r"(TS*X(XT*VP)*(S|XT*VV)|PT*VP(XT*VP)*(S|XT*VV)|PT*VV)"),
}
each = pytest.mark.parametrize("grammar", list(ARCS))


def accepted(word: str, grammar: str) -> bool:
    """All paths at once, as a non-deterministic automaton would go."""
    states = {0}
    for letter in word:
        states = {int(arc[2]) for arc in ARCS[grammar].split() if int(arc[0]) in states and arc[1] == letter}
    return 5 in states


@pytest.mark.slow
@each
def test_every_short_text_is_judged_as_by_brute_force(grammar: str) -> None:
    count = 0
    for length in range(7):
        for letters in itertools.product(LETTERS, repeat=length):
            word = "".join(letters)
            expected = accepted(word, grammar)
            assert is_reber(word, grammar=grammar) == expected
            assert bool(PATTERNS[grammar].fullmatch(word)) == expected
            assert is_reber(f"B{word}E", grammar=grammar, ends=True) == expected
            count += expected
    assert count == 2 + 3 + 4 + 7  # of 3, 4, 5 and 6 letters


@each
def test_there_are_43_words_of_up_to_eight_letters(grammar: str) -> None:
    words, count = [("", 0)], 0
    for _ in range(8):
        words = [(word + a[1], int(a[2])) for word, state in words for a in ARCS[grammar].split() if int(a[0]) == state]
        ended = [word for word, state in words if state == 5]
        assert all(is_reber(word, grammar=grammar) for word in ended)
        count += len(ended)
    assert count == 43


@pytest.mark.parametrize("word", ["TTS", "VVS", "TPTS", "TPPTS", "VXVS", "VVPS", "TTXVS", "TPTXXVS", "TPTXVPXVPS"])
def test_published_words_of_1967(word: str) -> None:
    assert is_reber(word)


@pytest.mark.parametrize("word", ["BTXSE", "BPVVE", "BTSSXXTVVE", "BTXXVPSE", "BPVPXVPXVPXVVE", "BTSXXVPSE"])
def test_published_words_between_begin_and_end(word: str) -> None:
    assert is_reber(word, grammar="cleeremans", ends=True)
    assert not is_reber(word, grammar="cleeremans")
    assert is_reber(word[1:-1], grammar="cleeremans")


@pytest.mark.parametrize("word", ["BTSSPXSE", "BPTVVB", "BTXXVVSE", "BPVSPSE", "BTSSSE", "BE", "B", "E", "BB"])
def test_published_words_that_are_none(word: str) -> None:
    assert not is_reber(word, grammar="cleeremans", ends=True)


@given(st.one_of(st.text(), st.text(alphabet=LETTERS + "BE"), st.none(), st.binary(), st.lists(st.text()), st.floats()))
def test_no_text_and_no_thing_raises(word: Any) -> None:
    for ends in (False, True):
        assert is_reber(word, ends=ends) in (True, False)
    assert is_reber(word) == (isinstance(word, str) and accepted(word, "reber"))


@pytest.mark.slow
@each
def test_words_have_the_probabilities_of_the_automaton(grammar: str) -> None:
    words = make_reber(20_000, grammar=grammar, random_state=0)
    assert words.shape == (20_000,)
    assert all(is_reber(word, grammar=grammar) for word in words)
    counts = Counter(words.tolist())
    short = [word for word in counts if len(word) < 8]
    assert len(short) == 27
    for word in short:  # every letter is one of two
        chance = 0.5 ** len(word)
        assert counts[word] / 20_000 == pytest.approx(chance, abs=5 * (chance / 20_000) ** 0.5)


def test_lengths_are_those_of_the_automaton_within_the_range() -> None:
    lengths = np.array([len(word) for word in make_reber(5000, length_range=(4, 7), random_state=1)])
    shares = np.array([3 / 16, 4 / 32, 7 / 64, 11 / 128])  # words of 4...7 letters, each with probability 2^-length
    found = np.bincount(lengths, minlength=8)[4:] / 5000
    np.testing.assert_allclose(found, shares / shares.sum(), atol=0.03)
    assert {len(word) for word in make_reber(20, length_range=(40, 40), random_state=0)} == {40}


@each
@pytest.mark.parametrize("invalid", ["random", "altered"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.73, 1.0])
def test_labels_are_right_and_the_share_is_that_of_invalid_words(grammar: str, invalid: str, share: float) -> None:
    X, y = make_reber_classification(
        200, invalid_size=share, length_range=(3, 9), invalid=invalid, grammar=grammar, random_state=2
    )
    assert [accepted(str(word), grammar) for word in X] == y.astype(bool).tolist()
    assert (y == 0).sum() == round(200 * share)
    assert {len(word) for word in X} <= set(range(3, 10))
    assert set("".join(X)) <= set(LETTERS)
    if 0 < share < 1:
        assert 0 < y[:100].sum() < 100 or share > 0.95  # shuffled


def test_lengths_say_nothing_about_the_label() -> None:
    X, y = make_reber_classification(6000, random_state=3)
    lengths = np.array([len(word) for word in X])
    valid, other = (np.bincount(lengths[y == label], minlength=15) / 3000 for label in (1, 0))
    np.testing.assert_allclose(valid, other, atol=0.03)
    assert lengths.min() == 3
    assert lengths.max() == 14


def test_an_altered_word_has_one_other_letter() -> None:
    X, _ = make_reber_classification(60, invalid_size=1.0, length_range=(3, 6), invalid="altered", random_state=4)
    every = ["".join(w) for n in range(3, 7) for w in itertools.product(LETTERS, repeat=n)]
    words = [word for word in every if accepted(word, "reber")]
    for text in X:
        gaps = [sum(a != b for a, b in zip(text, word, strict=True)) for word in words if len(word) == len(text)]
        assert min(gaps) == 1


def test_words_become_indices_and_columns() -> None:
    options: dict[str, Any] = {"grammar": "cleeremans", "ends": True, "random_state": 5}
    texts = make_reber(30, **options)
    assert all(text[0] + text[-1] == "BE" for text in texts)
    indices, columns = (make_reber(30, encode=encode, **options) for encode in ("indices", "one_hot"))
    alphabet = "BEPSTVX"
    longest = max(map(len, texts))
    assert indices.shape == (30, longest)
    assert indices.dtype == np.int64
    assert columns.shape == (30, longest, 7)
    assert columns.dtype == np.float32
    for text, row, letters in zip(texts, indices, columns, strict=True):
        assert "".join(alphabet[index - 1] for index in row if index) == text
        assert not row[len(text) :].any()
        assert np.array_equal(letters[: len(text)].argmax(axis=1) + 1, row[: len(text)])
        assert letters.sum() == len(text)
    plain = make_reber(30, encode="one_hot", random_state=5)
    assert plain.shape[2] == 5
    X, y = make_reber_classification(10, encode="indices", random_state=0)
    texts, labels = make_reber_classification(10, random_state=0)
    assert ["".join(LETTERS[index - 1] for index in row if index) for row in X] == texts.tolist()
    assert np.array_equal(y, labels)


def test_the_seed_decides_and_nothing_else_is_touched() -> None:
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    first, second, other = (make_reber(50, random_state=seed).tolist() for seed in (0, 0, 1))
    assert first == second != other
    assert make_reber_classification(50, random_state=0)[0].tolist() == (
        make_reber_classification(50, random_state=0)[0].tolist()
    )
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (make_reber, {"n_words": 0}, r"make_reber\(n_words\): expected an integer >= 1, got 0"),
        (make_reber, {"grammar": "rebel"}, r"make_reber\(grammar\): .* got 'rebel'\. Did you mean 'reber'\?"),
        (make_reber, {"encode": "text "}, r"make_reber\(encode\): expected 'text' or 'indices' or 'one_hot'"),
        (make_reber, {"ends": 1}, r"make_reber\(ends\): expected True or False, got 1"),
        (
            make_reber,
            {"length_range": (2, 5)},
            r"make_reber\(length_range\): .* both >= 3, got \(2, 5\)\. The short",
        ),
        (make_reber, {"length_range": (6, 5)}, r"\(length_range\): .*got \(6, 5\)"),
        (make_reber, {"length_range": 5}, r"\(length_range\): .*got 5"),
        (make_reber_classification, {"n_samples": -1}, r"make_reber_classification\(n_samples\): expected an integer"),
        (
            make_reber_classification,
            {"invalid_size": 1.2},
            r"\(invalid_size\): expected a number in \[0, 1\], got 1\.2",
        ),
        (make_reber_classification, {"invalid": "wrong"}, r"\(invalid\): expected 'random' or 'altered', got 'wrong'"),
        (make_reber_classification, {"length_range": None}, r"\(length_range\): .*got None"),
    ],
)
def test_arguments_that_cannot_be(function: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        function(**options)


def test_the_judge_knows_its_grammars() -> None:
    with pytest.raises(InvalidParameter, match=r"is_reber\(grammar\): expected 'reber' or 'cleeremans', got 'x'"):
        is_reber("TTS", grammar="x")
    with pytest.raises(InvalidParameter, match=r"is_reber\(ends\): expected True or False, got 'yes'"):
        is_reber("TTS", ends="yes")  # type: ignore[arg-type]
