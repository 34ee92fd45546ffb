"""The words of a text, against the substitutions of Kim's description one by one, and on his data sets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data.text.tokens import tokenize


def kim(text: str) -> list[str]:
    """One substitution after the other, as the paper's preparation is described."""
    text = re.sub(r"[^A-Za-z0-9(),!?'`]", " ", text)
    for ending in ("'s", "'ve", "n't", "'re", "'d", "'ll"):
        text = text.replace(ending, f" {ending}")
    for mark in ",!()?":
        text = text.replace(mark, f" {mark} ")
    return text.split()


@given(st.text(alphabet="abnstvdrel'`,!()?.-_0 9TN\n", max_size=40))
def test_words_are_those_of_one_substitution_after_the_other(text: str) -> None:
    assert tokenize(text) == kim(text)
    assert tokenize(text, lower=True) == [word.lower() for word in kim(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I can't, you've!", ["I", "ca", "n't", ",", "you", "'ve", "!"]),
        ("couldn't've", ["could", "n't", "'ve"]),
        (
            "it's Tom's; they'll, she'd, we're",
            ["it", "'s", "Tom", "'s", "they", "'ll", ",", "she", "'d", ",", "we", "'re"],
        ),
        ("", []),
        (" \n", []),
        ("cliché 東京_x", ["cliché", "東京", "x"]),
    ],
)
def test_words_by_hand(text: str, words: list[str]) -> None:
    assert tokenize(text) == words


@pytest.mark.data
def test_reviews_and_questions_are_split_as_described(data_folder: Path) -> None:
    for name in ("rt-polarity.pos", "TREC.test.all"):
        lines = (data_folder / "text" / name).read_text(encoding="latin-1").split("\n")
        plain = [line for line in lines if line.isascii()]
        assert len(plain) > 400
        assert [tokenize(line) for line in plain] == [kim(line) for line in plain]


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidData, match="a text, got None"):
        tokenize(None)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match="True or False"):
        tokenize("a", lower=1)  # type: ignore[arg-type]
