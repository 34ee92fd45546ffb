"""Sentences: columns of words, rows that are no words, replaced columns."""

from __future__ import annotations

from typing import Any

import pytest

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data.text.sentence import CONLLU, Sentence


def row(number: str, form: str, upos: str) -> tuple[str, ...]:
    return (number, form, "_", upos, *"_" * 6)


ROWS = [
    row("1", "I", "PRON"),
    row("2-3", "don't", "_"),
    row("2", "do", "AUX"),
    row("3", "not", "PART"),
    row("3.1", "go", "VERB"),
]
NOTES = ("# sent_id = a-1", "# newpar", "# text = I don't = no")


@pytest.fixture
def sentence() -> Sentence:
    return Sentence(CONLLU, ROWS, NOTES)


def test_columns_are_those_of_words(sentence: Sentence) -> None:
    assert len(sentence) == 3
    assert sentence["form"] == ["I", "do", "not"]
    assert sentence["upos"] == ["PRON", "AUX", "PART"]
    assert [each[0] for each in sentence] == ["1", "2", "3"]
    assert sentence.tokens == [ROWS[1], ROWS[4]]
    assert sentence.notes == {"sent_id": "a-1", "text": "I don't = no"}
    assert repr(sentence) == "Sentence of 3: I/PRON do/AUX not/PART"
    assert str(sentence).split("\n")[:4] == [*NOTES, "\t".join(ROWS[0])]


def test_replacing_a_column_leaves_all_else(sentence: Sentence) -> None:
    other = sentence.replaced(upos=["A", "B", "C"])
    assert other["upos"] == ["A", "B", "C"]
    assert sentence["upos"] == ["PRON", "AUX", "PART"]
    assert other.tokens == sentence.tokens
    assert other.comments == NOTES
    assert other != sentence
    assert other.replaced(upos=sentence["upos"]) == sentence
    assert hash(other.replaced(upos=sentence["upos"])) == hash(sentence)


def test_sentences_from_columns() -> None:
    made = Sentence.make(form=["a", "b"], tag=["X", "Y"], separator=" ")
    assert str(made) == "a X\nb Y"
    assert made.tokens == []
    assert repr(made) == "Sentence of 2: a/X b/Y"
    assert repr(Sentence.make(form=["a"])) == "Sentence of 1: a"
    assert repr(Sentence.make(tag=["X"])) == "Sentence of 1: X"
    assert list(made) == [("a", "X"), ("b", "Y")]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["A", "B"], "expected 3 texts, one a word, got 2"),
        ("ABC", "expected 3 texts, one a word, got 'ABC'"),
        (["A", "B", ""], "position 2: expected a text without tabs"),
        (["A", None, "B"], r"position 1: .* got None"),
        (["A\tB", "B", "C"], "position 0"),
        (["A\n", "B", "C"], "position 0"),
    ],
)
def test_cells_that_do_not_fit_are_named(sentence: Sentence, cells: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        sentence.replaced(upos=cells)


def test_an_unknown_column_gets_a_hint(sentence: Sentence) -> None:
    with pytest.raises(InvalidParameter, match=r"got 'upso'. Did you mean 'upos'"):
        sentence["upso"]
    with pytest.raises(InvalidParameter, match="Did you mean 'form'"):
        sentence.replaced(from_=["a"])


def test_sentences_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match="each name once"):
        Sentence(("a", "a"), [("1", "2")])
    with pytest.raises(InvalidData, match="at least one row"):
        Sentence(("a",), [])
    with pytest.raises(InvalidData, match="row 1: expected 1 cells"):
        Sentence(("a",), [("x",), ("x", "y")])
    with pytest.raises(InvalidData, match=r"columns of one length, got \{'a': 1, 'b': 2\}"):
        Sentence.make(a=["x"], b=["x", "y"])
    with pytest.raises(InvalidData, match="columns of one length"):
        Sentence.make()
    with pytest.raises(InvalidData, match="without tabs, blanks or ends of line, got 'x y'"):
        Sentence.make(a=["x y"], separator=" ")
