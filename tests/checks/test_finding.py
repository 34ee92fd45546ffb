"""A finding: its message, its place, its remedy, and all of it as data."""

from __future__ import annotations

import pytest

from netwright.checks.codes import CODES
from netwright.checks.finding import Finding, Remedy, Where, fault, note


def test_a_message_says_seen_expected_why_and_what_to_do() -> None:
    found = fault("lr-too-high", "the first step is 14", "at most 1", "Try 0.01.")
    why = CODES["lr-too-high"].why
    assert found.message == f"the first step is 14; expected at most 1. {why[0].upper()}{why[1:]}. Try 0.01."
    assert str(found) == f"fault lr-too-high: {found.message}"


def test_title_why_and_reference_are_those_of_the_code() -> None:
    found = note("overfitting", "a", "b", "C.")
    code = CODES["overfitting"]
    assert (found.title, found.why, found.reference) == (code.title, code.why, code.reference)


def test_levels() -> None:
    assert fault("overfitting", "a", "b", "C.").level == "fault"
    assert note("overfitting", "a", "b", "C.").level == "note"


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (Where(), ""),
        (Where(layer="2.bias"), "layer 2.bias"),
        (Where(row=0, column=0), "column 0, row 0"),
        (Where(column="age", line="train.py:12", step=3), "column age, line train.py:12, step 3"),
    ],
    ids=["nowhere", "layer", "zeros", "several"],
)
def test_a_place_tells_only_what_is_known(where: Where, text: str) -> None:
    assert str(where) == text
    found = fault("overfitting", "a", "b", "C.", where=where)
    assert str(found).startswith(f"fault overfitting ({text}): a" if text else "fault overfitting: a")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123456, "0.0123"), (1e-7, "1e-07"), (3, "3"), ("mean", "'mean'"), (True, "True"), (None, "None")],
)
def test_a_remedy_as_text(value: object, text: str) -> None:
    assert str(Remedy("optimizer", "lr", value)) == f"optimizer: lr = {text}"


def test_all_of_it_as_data() -> None:
    inner = note("overfitting", "x", "y", "Z.")
    found = fault(
        "lr-too-high",
        "a",
        "b",
        "C.",
        evidence={"rate": 3.0},
        remedy=Remedy("optimizer", "lr", 0.01),
        where=Where(layer="0", row=0),
        consequences=(inner,),
        stage="steps",
    )
    told = found.to_dict()
    assert told["code"] == "lr-too-high"
    assert (told["level"], told["stage"]) == ("fault", "steps")
    assert told["evidence"] == {"rate": 3.0}
    assert told["remedy"] == {"object": "optimizer", "argument": "lr", "value": 0.01}
    assert told["where"] == {"layer": "0", "row": 0}
    assert told["message"] == found.message
    assert [each["code"] for each in told["consequences"]] == ["overfitting"]
    assert inner.to_dict()["remedy"] is None
    assert inner.to_dict()["where"] == {}


def test_data_are_a_copy() -> None:
    evidence = {"rate": 3.0}
    found = fault("lr-too-high", "a", "b", "C.", evidence=evidence)
    found.to_dict()["evidence"]["rate"] = 0.0
    assert found.evidence == {"rate": 3.0}


def test_findings_cannot_be_changed() -> None:
    found = Finding("lr-too-high", "fault", "a", "b", "C.")
    with pytest.raises(AttributeError):
        found.level = "note"  # type: ignore[misc]
