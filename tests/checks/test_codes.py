"""The table of codes: complete, well formed, and without circles."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from netwright.checks.before.data import finite
from netwright.checks.checking import STAGES as QUESTIONS
from netwright.checks.codes import CODES
from netwright.checks.finding import STAGES

# The stable names of the first release.
STABLE = """
non-finite-data constant-input unscaled-input unscaled-target label-range output-width labels-unrelated noisy-labels
class-imbalance duplicate-rows target-leak scaler-mismatch unshuffled wrong-axes padding-leak tiny-batch-norm
double-softmax output-activation output-range wrong-loss broadcast loss-sum loss-sign not-differentiable
missing-parameters foreign-optimizer unregistered detached missing-zero-grad missing-step all-frozen over-clipping
wrong-gradient batch-mixing input-ignored future-leak stateful-eval shared-stateful-layer
symmetric-init init-scale vanishing-gradient saturation dead-units no-nonlinearity capacity dropout-too-strong
exploding-gradient lr-too-high lr-too-low schedule-dead over-regularised too-few-epochs batch-size no-eval-mode
no-train-mode stale-batch-norm overfitting underfitting wrong-metric small-validation not-repeatable
"""
# The order from root to symptom, by one code of each family.
ORDER = [
    "non-finite-data",
    "unregistered",
    "symmetric-init",
    "double-softmax",
    "unscaled-input",
    "init-scale",
    "lr-too-high",
    "overfitting",
    "not-examined",
]


@pytest.mark.parametrize("name", STABLE.split())
def test_a_code_of_the_first_release_stays(name: str) -> None:
    assert CODES[name].name == name


@pytest.mark.parametrize("name", list(CODES))
def test_a_code_is_complete(name: str) -> None:
    code = CODES[name]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code.name)
    assert code.title == code.title.strip()
    assert 10 < len(code.title) < 70
    assert code.why
    assert not code.why.endswith(".")
    assert code.reference or name == "not-examined"
    assert name not in code.hides


def test_ranks_are_places_from_root_to_symptom() -> None:
    assert [code.rank for code in CODES.values()] == list(range(len(CODES)))
    for earlier, later in pairwise(ORDER):
        assert CODES[earlier].rank < CODES[later].rank


def test_titles_differ() -> None:
    titles = [code.title for code in CODES.values()]
    assert len(set(titles)) == len(titles)


def test_only_codes_follow_from_codes() -> None:
    assert not {(name, other) for name, code in CODES.items() for other in code.hides if other not in CODES}


@pytest.mark.parametrize(
    ("cause", "symptom"),
    [
        ("symmetric-init", "dead-units"),
        ("symmetric-init", "vanishing-gradient"),
        ("symmetric-init", "lr-too-low"),
        ("double-softmax", "lr-too-low"),
        ("detached", "missing-step"),
        ("init-scale", "saturation"),
        ("unscaled-input", "lr-too-high"),
        ("lr-too-high", "dead-units"),
        ("loss-sum", "lr-too-high"),
        ("labels-unrelated", "overfitting"),
    ],
)
def test_what_a_cause_alone_brings_about(cause: str, symptom: str) -> None:
    assert symptom in CODES[cause].hides
    assert cause not in CODES[symptom].hides


def test_nothing_follows_from_itself_by_way_of_others() -> None:
    follows = {
        name: {other for other in code.hides if other in CODES and name not in CODES[other].hides}
        for name, code in CODES.items()
    }
    left = dict(follows)
    while True:
        ends = {name for name, others in left.items() if not others & left.keys()}
        if not ends:
            break
        left = {name: others for name, others in left.items() if name not in ends}
    assert not left


def test_questions_stand_in_the_stages_that_findings_have() -> None:
    stages = [stage for stage, _ in QUESTIONS]
    assert [STAGES.index(stage) for stage in stages] == sorted(STAGES.index(stage) for stage in stages)
    asked = [question for _, questions in QUESTIONS for question in questions]
    assert asked[0] is finite
    assert len({(each.__module__, each.__name__) for each in asked}) == len(asked)
