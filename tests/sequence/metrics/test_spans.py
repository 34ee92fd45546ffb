"""Spans, by hand, by walking tag after tag, and by seqeval's strict mode where it is installed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.sequence.metrics.schemes import SCHEMES
from netwright.sequence.metrics.spans import spans

LETTERS = {"BIO": "BI", "IOB1": "BI", "BIOES": "BIES", "BILOU": "BILU", "BMES": "BMES"}
ROLES = {"M": "I", "L": "E", "U": "S"}
# what seqeval calls them; it has no BMES, which is BIOES with another letter
THEIRS = {"BIO": "IOB2", "IOB1": "IOB1", "BIOES": "IOBES", "BILOU": "BILOU", "BMES": "IOBES"}
Found = list[tuple[str, int, int]]
each_scheme = pytest.mark.parametrize("scheme", SCHEMES)


def walked(tags: list[str], scheme: str) -> Found:
    """The rules of the module's header, one tag after the other."""
    parts = [(ROLES.get(tag[0], tag[0]), tag[2:] or "_") if tag != "O" else ("O", "") for tag in tags]
    parts.append(("O", ""))
    found: Found = []
    i = 0
    while i < len(tags):
        (letter, kind), before = parts[i], parts[i - 1] if i else ("O", "")
        same = before[0] in "BI" and before[1] == kind
        if scheme == "IOB1":
            # an I comes here only if no open span reaches it
            begins = letter == "I" or (letter == "B" and same)
        else:
            begins = letter in "BS"
        if not begins:
            i += 1
            continue
        j = i + 1
        while letter != "S" and parts[j][1] == kind and parts[j][0] in "IE" and parts[j - 1][0] in "BI":
            j += 1
        last, following = parts[j - 1][0], parts[j]
        if scheme in ("BIOES", "BILOU", "BMES"):
            whole = last in "ES"
        else:
            whole = not (scheme == "IOB1" and last == "B" and following[0] == "B" and following[1] != kind)
        if whole:
            found.append((kind, i, j))
        i = j
    return found


def alphabet(scheme: str) -> list[str]:
    return ["O", *(f"{letter}-{kind}" for letter in LETTERS[scheme] for kind in "xy"), "B", LETTERS[scheme][-1]]


@pytest.mark.slow
@each_scheme
def test_every_short_sequence_is_read_as_by_the_rules(scheme: str) -> None:
    few = [tag for tag in alphabet(scheme) if "-y" not in tag or tag in ("B-y", "I-y", "M-y")][:7]
    for length in range(1, 5):
        for tags in itertools.product(few, repeat=length):
            assert [tuple(each) for each in spans(tags, scheme)] == walked(list(tags), scheme), tags


@pytest.mark.slow
@each_scheme
@given(data=st.data())
def test_any_sequence_is_read_as_by_seqeval(scheme: str, data: st.DataObject) -> None:
    theirs = pytest.importorskip("seqeval.scheme")
    tags = data.draw(st.lists(st.sampled_from(alphabet(scheme)), min_size=1, max_size=12))
    translated = [f"I{tag[1:]}" if tag[0] == "M" else tag for tag in tags]
    oracle = theirs.Tokens(translated, getattr(theirs, THEIRS[scheme])).entities
    found = [tuple(each) for each in spans(tags, scheme)]
    assert found == [(entity.tag, entity.start, entity.end) for entity in oracle]
    assert found == walked(tags, scheme)


@pytest.mark.parametrize(
    ("tags", "scheme", "expected"),
    [
        ("B-a I-a O B-b", "BIO", [("a", 0, 2), ("b", 3, 4)]),
        ("I-a I-a O", "BIO", []),
        ("B-a I-b I-b", "BIO", [("a", 0, 1)]),
        ("B-a B-a I-a", "BIO", [("a", 0, 1), ("a", 1, 3)]),
        ("I-a I-a B-a I-b", "IOB1", [("a", 0, 2), ("a", 2, 3), ("b", 3, 4)]),
        ("B-a I-a", "IOB1", [("a", 1, 2)]),
        ("I-a B-a B-b", "IOB1", [("a", 0, 1)]),
        ("B-a I-a E-a S-b", "BIOES", [("a", 0, 3), ("b", 3, 4)]),
        ("B-a I-a", "BIOES", []),
        ("B-a E-b", "BIOES", []),
        ("B-a O E-a", "BIOES", []),
        ("B-a L-a U-b L-b", "BILOU", [("a", 0, 2), ("b", 2, 3)]),
        ("B M E S B E", "BMES", [("_", 0, 3), ("_", 3, 4), ("_", 4, 6)]),
        ("O O", "BIO", []),
        ("B-a-b I-a-b", "BIO", [("a-b", 0, 2)]),
    ],
)
def test_spans_by_hand(tags: str, scheme: str, expected: Found) -> None:
    assert [tuple(each) for each in spans(tags.split(), scheme)] == expected


@pytest.mark.slow
@each_scheme
@given(data=st.data())
def test_spans_that_are_written_come_back(scheme: str, data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.tuples(st.sampled_from(["x", "y", ""]), st.integers(1, 4)), min_size=1, max_size=5))
    inner, end, single = tuple({"BMES": "MES", "BILOU": "ILU", "BIOES": "IES"}.get(scheme, "IIB"))
    tags: list[str] = []
    expected: Found = []
    for kind, length in pieces:
        if not kind:
            tags += ["O"] * length
            continue
        expected.append((kind, len(tags), len(tags) + length))
        letters = [single] if length == 1 else ["B", *[inner] * (length - 2), end]
        if scheme == "IOB1" and not (tags and tags[-1][2:] == kind):
            letters[0] = "I"
        tags += [f"{letter}-{kind}" for letter in letters]
    assert [tuple(each) for each in spans(tags, scheme)] == expected


@pytest.mark.parametrize(
    ("tags", "scheme", "message"),
    [
        (["O", "X-a"], "BIO", r"sequence 0, position 1: expected a tag of BIO: O, or one of B I and -KIND, got 'X-a'"),
        (["E-a"], "BIO", "position 0"),
        (["O-a"], "BIO", "'O-a'"),
        (["Ba"], "BIO", "'Ba'"),
        ([""], "BIO", "got ''"),
        (["I-a"], "BMES", "B M E S and -KIND, got 'I-a'"),
        ([None], "BIO", "got None"),
        ([["B"]], "BIO", r"sequence 0, position 0: expected a tag, got \['B'\]"),
        ([], "BIO", "sequence 0: expected at least one tag, got none"),
        ("BIO", "BIO", "sequence 0: expected a list of tags, got 'BIO'"),
    ],
)
def test_tags_that_no_span_has_are_named(tags: list[str], scheme: str, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        spans(tags, scheme)


def test_a_scheme_that_is_none_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"spans\(scheme\): expected one of BIO, .* Did you mean 'BIOES'"):
        spans(["O"], "BIOESS")
    with pytest.raises(InvalidParameter, match="got None"):
        spans(["O"], None)  # type: ignore[arg-type]
