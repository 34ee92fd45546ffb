"""Which scheme a corpus is tagged in, and where tags break it: against the transitions that a CRF is forbidden."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData
from netwright.layers.crf.constraints import forbidden_transitions
from netwright.sequence.metrics.schemes import SCHEMES, breaks, detect_scheme, flatten, letters_and_kinds

LETTERS = {"BIO": "BI", "IOB1": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES"}
each_scheme = pytest.mark.parametrize("scheme", SCHEMES)


@pytest.mark.slow
@each_scheme
@given(data=st.data())
def test_breaks_are_the_forbidden_transitions(scheme: str, data: st.DataObject) -> None:
    labels = ["O", *(f"{letter}-{kind}" for letter in LETTERS[scheme] for kind in "xy")]
    row = st.lists(st.sampled_from(range(len(labels))), min_size=1, max_size=8)
    rows = data.draw(st.lists(row, min_size=1, max_size=4))
    forbidden = set(forbidden_transitions(labels, scheme))
    start, end = len(labels), len(labels) + 1
    count = sum(pair in forbidden for each in rows for pair in zip([start, *each], [*each, end], strict=True))
    tags = flatten([[labels[code] for code in each] for each in rows], "tags")
    assert len(breaks(*letters_and_kinds(tags, scheme, {}, "tags"), scheme)) == count


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("B-a I-a O", "BIO"),
        ("B-a", "BIO"),
        ("I-a I-b", "IOB1"),
        ("I-a B-a", "IOB1"),
        ("B-a I-a E-a O S-b", "BIOES"),
        ("B-a I-a L-a", "BILOU"),
        ("U-a O", "BILOU"),
        ("B-a M-a E-a", "BMES"),
        ("M", "BMES"),
    ],
)
def test_the_scheme_is_told_from_the_tags(tags: str, scheme: str) -> None:
    assert detect_scheme([["O"], tags.split()]).scheme == scheme


@each_scheme
def test_tags_of_one_scheme_are_told_for_sure(scheme: str) -> None:
    tags = {
        "BIO": "B-a I-a B-a O",
        "IOB1": "I-a I-a B-a O",
        "BIOES": "B-a I-a E-a S-a",
        "BILOU": "B-a I-a L-a U-a",
        "BMES": "B-a M-a E-a S-a",
    }[scheme]
    assert detect_scheme([tags.split()]) == (scheme, f"Scheme {scheme}, told from the true tags.", True)


@pytest.mark.parametrize(
    ("tags", "scheme", "notice"),
    [
        ("S-a O B-b E-b", "BIOES", "keep BMES as well"),
        ("O O", "BIO", "have no spans"),
        ("I-a O B-a", "BIO", r"break every scheme \(BIO 1 times, IOB1 1 times, BIOES"),
        ("I-a O I-a O B-a I-a", "IOB1", r"break every scheme \(BIO 2 times, IOB1 1 times"),
    ],
)
def test_what_cannot_be_told_for_sure_is_said(tags: str, scheme: str, notice: str) -> None:
    found = detect_scheme([tags.split()])
    assert found.scheme == scheme
    assert not found.sure
    assert re.search(notice, found.notice)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([["B-a"], ["O", "M-a"], ["U-a"]], "the letters of one scheme among BIO, .* got B M U"),
        ([["O"], ["O", "NOUN"]], "tags, sequence 1, position 1: expected a tag of a scheme: .* got 'NOUN'"),
        ([["O"], []], "tags, sequence 1: expected at least one tag, got none. Leave the sequence out"),
        ([], "at least one sequence of tags"),
        ("BIO", "a list of sequences of tags, got 'BIO'"),
        (["O", "B-a"], "sequence 0: expected a list of tags, got 'O'"),
        ([["O"], None], "sequence 1: expected a list of tags, got None"),
    ],
)
def test_tags_of_no_scheme_are_named(tags: list[list[str]], message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        detect_scheme(tags)
