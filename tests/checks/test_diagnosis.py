"""A diagnosis: the root cause first, its consequences under it, nothing lost, and all of it as plain data."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.checks.codes import CODES
from netwright.checks.diagnosis import Diagnosis, Signal, diagnose, known_codes, plain
from netwright.checks.finding import STAGES, Finding, fault, note
from netwright.core.errors import InvalidParameter


def found(code: str, level: str = "fault", stage: str = "start", **evidence: Any) -> Finding:
    """A finding of a code that says nothing more."""
    return Finding(code, level, f"{code} is seen", "nothing of it", "Do.", evidence=evidence, stage=stage)


def codes(findings: Any) -> list[str]:
    return [each.code for each in findings]


def all_of(diagnosis: Diagnosis) -> list[Finding]:
    """All findings of a diagnosis, those that are folded too."""
    return [part for each in diagnosis.findings for part in (each, *each.consequences)]


FINDINGS = st.lists(
    st.builds(found, st.sampled_from(list(CODES)), st.sampled_from(["fault", "note"]), st.sampled_from(STAGES)),
    max_size=8,
)


# folding


def test_a_symptom_is_told_under_its_cause() -> None:
    told = diagnose([found("dead-units"), found("vanishing-gradient"), found("symmetric-init")])
    assert codes(told.findings) == ["symmetric-init"]
    assert codes(told.findings[0].consequences) == ["dead-units", "vanishing-gradient"]
    assert told.codes == ("symmetric-init",)


def test_causes_that_have_nothing_to_do_with_each_other_stand_side_by_side() -> None:
    told = diagnose([found("missing-parameters"), found("target-leak"), found("double-softmax")])
    assert codes(told.findings) == ["target-leak", "missing-parameters", "double-softmax"]
    assert not any(each.consequences for each in told.findings)


def test_a_symptom_goes_under_the_first_cause_that_explains_it() -> None:
    told = diagnose([found("lr-too-low", stage="steps"), found("double-softmax"), found("detached")])
    assert codes(told.findings) == ["detached", "double-softmax"]
    assert codes(told.findings[0].consequences) == ["lr-too-low"]


def test_a_symptom_of_a_symptom_is_told_under_the_root() -> None:
    told = diagnose([found("underfitting", stage="after"), found("capacity", stage="steps"), found("init-scale")])
    assert codes(told.findings) == ["init-scale"]
    assert sorted(codes(told.findings[0].consequences)) == ["capacity", "underfitting"]


def test_the_same_code_twice_is_one_cause() -> None:
    told = diagnose([found("non-finite-data", place="y"), found("non-finite-data", place="X")])
    assert codes(told.findings) == ["non-finite-data"]
    assert told.findings[0].evidence == {"place": "y"}
    assert codes(told.findings[0].consequences) == ["non-finite-data"]


def test_a_consequence_is_told_once() -> None:
    told = diagnose(
        [found("collapse", "note", stage="run"), found("lr-too-high"), found("collapse", stage="run", share=1.0)]
    )
    assert codes(told.findings[0].consequences) == ["collapse"]
    assert told.findings[0].consequences[0].evidence == {"share": 1.0}
    assert str(told).count("collapse") == 2  # its code, and what found() says


def test_a_note_never_hides_a_fault() -> None:
    told = diagnose([found("unscaled-input", "note"), found("lr-too-high", "fault", "steps")])
    assert told.codes == ("lr-too-high",)
    assert codes(told.findings) == ["lr-too-high", "unscaled-input"]
    told = diagnose([found("dead-units", "note"), found("dead-units", "fault")])
    assert [each.level for each in told.findings] == ["fault"]
    assert [each.level for each in told.findings[0].consequences] == ["note"]


def test_what_is_seen_late_does_not_explain_what_was_seen_early() -> None:
    late = diagnose([found("symmetric-init", stage="run"), found("dead-units", stage="start")])
    assert set(late.codes) == {"symmetric-init", "dead-units"}


@given(FINDINGS)
def test_no_finding_is_lost(findings: list[Finding]) -> None:
    """But for those of one code under one cause, of which the first is told."""
    told = diagnose(findings)
    assert set(codes(all_of(told))) == set(codes(findings))
    assert not Counter(map(str, all_of(told))) - Counter(map(str, findings))
    for each in told.findings:
        assert Counter(codes(findings))[each.code] == 1 + codes(each.consequences).count(each.code)
        assert max(Counter(codes(part for part in each.consequences if part.code != each.code)).values(), default=1) < 2
    assert not any(part.consequences for each in told.findings for part in each.consequences)


@given(FINDINGS)
def test_faults_are_never_only_consequences_of_notes(findings: list[Finding]) -> None:
    told = diagnose(findings)
    assert told.ok == (not any(each.level == "fault" for each in findings))
    for each in told.notes:
        assert all(part.level == "note" for part in each.consequences)


@given(FINDINGS)
def test_the_order_is_faults_first_and_then_from_root_to_symptom(findings: list[Finding]) -> None:
    keys = [(each.level != "fault", CODES[each.code].rank) for each in diagnose(findings).findings]
    assert keys == sorted(keys)


@given(FINDINGS, st.randoms(use_true_random=False))
def test_the_order_in_which_findings_come_does_not_matter(findings: list[Finding], random: Any) -> None:
    other = findings.copy()
    random.shuffle(other)
    one, two = diagnose(findings), diagnose(other)
    assert codes(one.findings) == codes(two.findings)
    assert one.codes == two.codes


# ignoring


def test_ignored_codes_are_left_out() -> None:
    told = diagnose([found("symmetric-init"), found("dead-units")], ignore=["symmetric-init"])
    assert told.codes == ("dead-units",)
    assert diagnose([found("dead-units")], ignore="dead-units").ok


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["lr-too-hig"], "ignore: expected codes of findings, got 'lr-too-hig'. Did you mean 'lr-too-high'?"),
        ("nothing-like-it", "ignore: expected codes of findings, got 'nothing-like-it'."),
        ([3], "ignore: expected codes of findings, got '3'."),
    ],
    ids=["near", "far", "a number"],
)
def test_codes_that_do_not_exist(names: Any, text: str) -> None:
    with pytest.raises(InvalidParameter) as raised:
        known_codes(names)
    assert str(raised.value).startswith(text)
    with pytest.raises(InvalidParameter):
        diagnose([], ignore=names)


def test_known_codes_are_a_set() -> None:
    assert known_codes("overfitting") == {"overfitting"}
    assert known_codes(["overfitting", "overfitting"]) == {"overfitting"}
    assert known_codes(()) == frozenset()


# what it says


def test_nothing_found() -> None:
    told = diagnose([])
    assert (told.ok, told.faults, told.notes, told.codes) == (True, (), (), ())
    assert str(told) == "No findings."
    assert json.loads(told.to_json()) == {"ok": True, "findings": [], "signals": {}}


def test_notes_alone_are_right() -> None:
    told = diagnose([found("small-validation", "note")])
    assert told.ok
    assert told.codes == ()
    assert codes(told.notes) == ["small-validation"]


def test_the_text_has_a_line_a_finding_and_consequences_below() -> None:
    told = diagnose([found("dead-units"), found("symmetric-init"), found("small-validation", "note")])
    lines = str(told).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "fault symmetric-init",
        "    hence dead-units",
        "note small-validation",
    ]


# as plain data


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1.0, math.nan]]), [[1.0, "nan"]]),
        (torch.tensor(2), 2),
        (torch.tensor([1.5, math.inf]), [1.5, "inf"]),
        (torch.ones(2, requires_grad=True), [1.0, 1.0]),
        ((1, "a", None, True), [1, "a", None, True]),
        ({3: {"b": torch.tensor(1)}}, {"3": {"b": 1}}),
        (frozenset([1]), [1]),
        (torch.float64, "torch.float64"),
        (slice(1, 2), "slice(1, 2, None)"),
    ],
    ids=str,
)
def test_evidence_becomes_plain(item: Any, expected: Any) -> None:
    assert plain(item) == expected
    json.dumps(plain(item), allow_nan=False)


def test_json_holds_all_evidence() -> None:
    inner = found("dead-units", share=torch.tensor(math.nan), stage="steps")
    told = diagnose(
        [found("symmetric-init", value=np.float64(math.inf), rows=np.arange(2), layers=("0", "2")), inner],
        signals={"largest": Signal(math.nan, 1.0, "lr-too-high"), "share": Signal(0.25, 0.5, "dead-units")},
    )
    data = json.loads(told.to_json())
    assert data["ok"] is False
    assert data["findings"][0]["evidence"] == {"value": "inf", "rows": [0, 1], "layers": ["0", "2"]}
    assert data["findings"][0]["consequences"][0]["evidence"] == {"share": "nan"}
    assert data["signals"]["largest"] == {"value": "nan", "limit": 1.0, "code": "lr-too-high"}
    assert data["signals"]["share"]["value"] == 0.25


def test_sarif_and_html_hold_what_is_found() -> None:
    told = diagnose([found("symmetric-init", value=math.nan)])
    assert json.loads(told.to_sarif())["version"] == "2.1.0"
    assert "symmetric-init" in told.to_html()
    assert told.to_html() == told._repr_html_()


def test_the_helpers_make_findings_of_their_level() -> None:
    both = diagnose([fault("lr-too-high", "a", "b", "C."), note("overfitting", "a", "b", "C.")])
    assert [each.level for each in all_of(both)] == ["fault", "note"]
