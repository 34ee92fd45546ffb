"""Vocabularies, by counting by hand and by a dictionary made in a plain loop."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.data.text.vocabulary import Vocabulary

SENTENCES = [["the", "cat", "saw", "the", "dog"], ["The", "dog", "in", "1984"], []]
texts = st.lists(
    st.lists(st.sampled_from(["a", "b", "B", "c1", "c2", "ÄÖ", "d e"]), max_size=6), min_size=1, max_size=5
)


def test_numbers_follow_the_frequency_and_then_the_alphabet() -> None:
    words = Vocabulary.count(SENTENCES)
    assert words.symbols == ("dog", "the", "1984", "The", "cat", "in", "saw")
    assert (words.padding_index, words.unknown_index, len(words)) == (0, 1, 9)
    assert words.encode(["dog", "mouse", "The"]).tolist() == [2, 1, 5]
    assert words.index("the") == 3


@pytest.mark.parametrize(
    ("padding", "unknown", "first"), [(True, True, 2), (True, False, 1), (False, True, 1), (False, False, 0)]
)
def test_padding_comes_first_and_then_unknown(padding: bool, unknown: bool, first: int) -> None:
    words = Vocabulary(["x", "y"], padding=padding, unknown=unknown)
    assert words.encode("xy").tolist() == [first, first + 1]
    assert len(words) == first + 2
    assert words.padding_index == (0 if padding else None)
    assert words.unknown_index == (first - 1 if unknown else None)
    shown = (["<unk>"] if unknown else []) + ["x", "y"]
    assert words.decode(np.arange(len(words))) == shown


@given(texts, st.booleans(), st.booleans(), st.integers(1, 3))
def test_counting_equals_a_plain_loop(sequences: list[list[str]], lower: bool, digits: bool, least: int) -> None:
    counts: Counter[str] = Counter()
    for sequence in sequences:
        for symbol in sequence:
            symbol = symbol.lower() if lower else symbol
            counts["".join("0" if c.isdigit() and digits else c for c in symbol)] += 1
    kept = sorted((s for s in counts if counts[s] >= least), key=lambda s: (-counts[s], s))
    if not kept:
        with pytest.raises(InvalidData):
            Vocabulary.count(sequences, least=least, lower=lower, digits=digits)
        return
    words = Vocabulary.count(iter(sequences), least=least, lower=lower, digits=digits)
    assert list(words.symbols) == kept
    for sequence, ids in zip(sequences, words.encode_all(sequences), strict=True):
        assert ids.dtype == np.int64
        assert ids.tolist() == [words.index(symbol) for symbol in sequence]
        assert all((number != 1) == (symbol in words) for symbol, number in zip(sequence, ids, strict=True))


@given(texts)
def test_decoding_gives_back_what_was_encoded_padded_or_not(sequences: list[list[str]]) -> None:
    words = Vocabulary(["a", "b", "B", "c1", "c2", "ÄÖ", "d e"])
    encoded = words.encode_all(sequences)
    ids, lengths = words.pad(encoded)
    assert ids.shape == (len(sequences), max(map(len, sequences)))
    for row, length, sequence, numbers in zip(ids, lengths, sequences, encoded, strict=True):
        assert words.decode(numbers) == sequence == words.decode(row)
        assert length == len(sequence)
        assert (row[length:] == 0).all()


def test_most_are_the_first_ones() -> None:
    assert Vocabulary.count(SENTENCES, most=2).symbols == ("dog", "the")
    assert Vocabulary.count(SENTENCES, least=2, most=5).symbols == ("dog", "the")


def test_lower_and_digits_also_hold_when_encoding() -> None:
    words = Vocabulary.count(SENTENCES, lower=True, digits=True)
    assert words.symbols == ("the", "dog", "0000", "cat", "in", "saw")
    assert words.encode(["THE", "2001", "201"]).tolist() == [2, 4, 1]
    assert "CAT" in words
    assert "2001" in words
    assert "cats" not in words
    assert 3 not in words


def test_texts_and_arrays_are_sequences_too() -> None:
    letters = Vocabulary.count(["abba", "b"])
    assert letters.symbols == ("b", "a")
    assert letters.encode(np.array(["a", "b"])).tolist() == letters.encode("ab").tolist() == [3, 2]
    assert letters.encode([]).shape == (0,)


def test_rows_without_padding_are_filled_with_what_losses_leave_out() -> None:
    tags = Vocabulary(["N", "V"], padding=False, unknown=False)
    ids, lengths = tags.pad(tags.encode_all(["NV", "", "V"]))
    assert ids.tolist() == [[0, 1], [-100, -100], [1, -100]]
    assert lengths.tolist() == [2, 0, 1]
    assert tags.pad([[0], [1, 1]], value=7)[0].tolist() == [[0, 7], [1, 1]]
    assert tags.pad([])[0].shape == (0, 0)


def test_the_state_is_json_and_comes_back() -> None:
    words = Vocabulary.count([["Ä", "b\n", "1"]], lower=True, digits=True, unknown=False)
    again = Vocabulary.from_state(json.loads(json.dumps(words.to_state())))
    assert again == words
    assert hash(again) == hash(words)
    assert again.encode(["ä", "5"]).tolist() == words.encode(["Ä", "1"]).tolist()
    assert words != Vocabulary(words.symbols)


@pytest.mark.parametrize(
    "change",
    [
        {"symbols": "ab"},
        {"symbols": ["a", 3]},
        {"symbols": ["a", "a"]},
        {"symbols": ["A"], "lower": True},
        {"lower": "yes"},
        {"more": 1},
    ],
)
def test_a_changed_state_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CorruptFile, match="vocabulary state"):
        Vocabulary.from_state({**Vocabulary(["a"]).to_state(), **change})


def test_an_unknown_symbol_is_named_with_its_place_and_a_hint() -> None:
    tags = Vocabulary(["NOUN", "VERB"], unknown=False)
    with pytest.raises(InvalidData, match=r"sequence 1, position 1: .* got 'NUON'. Did you mean 'NOUN'\?"):
        tags.encode_all([["NOUN"], ["VERB", "NUON", "x"]])
    with pytest.raises(InvalidData, match="Choose one of: NOUN, VERB"):
        tags.index("x")
    many = Vocabulary([f"word{n}" for n in range(60)], unknown=False)
    with pytest.raises(InvalidData, match="Did you mean 'word1"):
        many.encode(["wrod1"])
    with pytest.raises(InvalidData, match="unknown=True"):
        many.encode(["-"])


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ("abc", "a list of sequences, got 'abc'"),
        (3, "a list of sequences, got 3"),
        ([["a"], None], "sequence 1: expected a list of texts, or one text, got None"),
        ([["a"], ["b", None]], "sequence 1, position 1: expected a text, got None"),
        ([["a", ["b"]]], r"sequence 0, position 1: expected a text, got \['b'\]"),
        ([{"a": 1}], "sequence 0: expected a list of texts"),
        ([b"ab"], "sequence 0: expected a list of texts"),
        ([np.array([["a"]])], "sequence 0: expected a list of texts"),
        ([np.array([1.5])], "sequence 0, position 0: expected a text, got 1.5"),
        ([[], ""], "at least one symbol"),
    ],
)
def test_what_is_no_list_of_sequences_is_named(sequences: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        Vocabulary.count(sequences)
    if message != "at least one symbol":
        with pytest.raises(InvalidData, match=message):
            Vocabulary(["a", "b"]).encode_all(sequences)


def test_wrong_numbers_are_named() -> None:
    words = Vocabulary(["a"])
    with pytest.raises(InvalidData, match=r"ids, position 1: expected a number in \[0, 2\], got 3"):
        words.decode([2, 3])
    with pytest.raises(InvalidData, match="got -1"):
        words.decode([-1])
    with pytest.raises(InvalidData, match="a row of integers, got shape"):
        words.decode([1.5])
    with pytest.raises(InvalidData, match="sequence 1: expected a row of integers"):
        words.pad([[1], [[1]]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"least": 0}, r"least\): expected an integer >= 1, got 0"),
        ({"most": 0}, "most"),
        ({"lower": 1}, "lower"),
        ({"unknown": None}, "unknown"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        Vocabulary.count([["a"]], **options)


def test_a_symbol_that_comes_too_seldom_leaves_nothing() -> None:
    with pytest.raises(InvalidData, match="'a' as the most frequent, 2 times"):
        Vocabulary.count(["aab"], least=3)
    with pytest.raises(InvalidData, match="'a' more often"):
        Vocabulary(["a", "b", "a"])
    with pytest.raises(InvalidData, match="position 1: expected 'b0', got 'B1'"):
        Vocabulary(["a", "B1"], lower=True, digits=True)
