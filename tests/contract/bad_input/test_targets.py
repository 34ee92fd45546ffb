"""The matrix of targets, weights and options: every public estimator of rows gets each, good, bad and extreme."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

sys.path.append(str(Path(__file__).parent))
import row_targets
from row_checks import (
    NAMES,
    SUBJECTS,
    assert_same,
    check_cells,
    check_fit,
    check_refused_fit,
    each,
    each_soon,
    expected,
    reference,
    untouched,
)

SUPERVISED = [name for name in NAMES if SUBJECTS[name].y is not None]
WEIGHTED = [name for name in NAMES if "sample_weight" in inspect.signature(SUBJECTS[name].make().fit).parameters]
LABELS = ("classes", "SOFM")  # of SOFM labels are optional
LENGTH = r"inconsistent numbers of samples|0 sample\(s\)|expected \d+( items)?, one (an image|a sequence)"
NUMBERS = r"expected numbers, got|could not convert string|Unknown label type"
DATES = {"default": r"labels that are numbers, texts or booleans, got dates"}
BAD: dict[str, Any] = {
    "y is None": {
        "default": r"requires y to be passed, but the target y is None",
        "SequenceClassifier": r"expected targets, one a sequence, got None",
        "SequenceRegressor": r"expected 1 output a step",  # without y it learns to go on
        "SOFM": "works",
    },
    "y shorter": LENGTH,
    "y longer": LENGTH,
    "y empty": LENGTH,
    "NaN in y": r"contains NaN\. Row 2|(image|sequence) 2: expected (a label|finite numbers)",
    "complex y": {
        "default": r"Complex data not supported|expected numbers, got",
        "embedding": r"image 0: expected a label",
    },
    "y with four axes": r"Found array with dim|(shape|labels) \(n|one (number a row|label)|label that hashes|"
    r"outputs of shape|one row of numbers each",
    "a scalar y": r"1d array|at least 1 dimension|shape \(\)|list of labels|one item a sequence",
    "y a text": r"1d array|at least 1 dimension|shape \(\)|list of labels|one item a sequence|expected numbers",
    "dicts in y": r"Unknown label type|expected numbers|one label|shape \(\d+,\)",
    "sparse y": r"Sparse data was passed for y|expected numbers|one label|list of labels.*csr|Y: expected|[Ss]parse",
    "None in y": {
        "default": r"contains NaN\. Row 2|Unknown label type|(image|sequence) 2: expected (a label|finite numbers)"
    },
    "one class": {
        "default": r"one class|1 class|two classes",
        **dict.fromkeys(
            ("PNN", "RBFNetworkClassifier", "Recognizer", "SOFM"), "works"
        ),  # it is the answer to everything
    },
    "continuous y": {
        "default": r"Unknown label type: continuous",
        "embedding": r"at least 2 samples|classes with at least|one of each",
        "Recognizer": "works",
    },
    "infinity in y": r"contains infinity|(image|sequence) 2: expected (finite numbers|a label)",
    "numbers and texts in y": {
        "default": r"Unknown label type|all texts, or all numbers",
        "embedding": "works",  # names of people are anything that hashes
    },
    "texts and numbers in y": {"default": r"all texts, or all numbers|labels of one kind", "embedding": "works"},
    "dates as labels": DATES,
    "durations as labels": DATES,
    "pandas NA in y": r"contains NaN\. Row 2|Unknown label type|image 2: expected a label",
    "texts in y": NUMBERS,
    "a text in y": NUMBERS,
    "dates in y": r"expected numbers, got",
    "date objects in y": NUMBERS,
    "an integer beyond floats in y": NUMBERS,
    "y without columns": r"0 feature\(s\)|at least one (column|number)",
    "structured y": NUMBERS,
}
WIDE = r"?expected a target between|learning_rate|0 or 1|Unknown label type"
EXTREME: dict[str, Any] = {
    "a class with one member": r"?2 different rows|network: expected outputs of shape \(3,\)",
    "each row a class": r"?2 different rows|expected outputs of shape|classes with at least|one of each",
    "y with three axes": BAD["y with four axes"],
    **dict.fromkeys(("1e300 in y", "-1e300 and 1e300 in y", "1e38 in y", "constant y of 1e200"), WIDE),
}
COLUMN = {  # a column is a target of one column for some, a line of labels for the others
    "SOFM": "same",
    "classes": "same",
    "numbers": "works",
    "patterns": r"inconsistent numbers of samples",
    "embedding": r"a label that hashes",
}
WEIGHTS: dict[str, str] = {
    "NaN in weights": r"sample_weight.*(NaN|got nan)",
    "infinity in weights": r"sample_weight.*(infinity|got inf)",
    "negative weights": r"Negative values in data passed to `sample_weight`|row 2: expected a finite number >= 0",
    "weights of another number": r"sample_weight.*expected",
    "weights of 0": r"at least one non-zero|a weight above 0",
    "weights of two axes": r"Sample weights must be 1D|one a row, got shape",
    "texts as weights": r"could not convert string|expected numbers",
    "complex weights": r"Complex data not supported|expected numbers",
    "weights a text": r"could not convert string|expected numbers",
}
STRANGE = (object(), "no-such-name")  # each is tried for each option
FREE = ("random_state", "checkpoint", "unknown", "vectors")  # a folder, a word, a file: any text will do


def made(subject: Any, make: Any) -> Any:
    try:
        return make(subject.y)
    except (TypeError, ValueError, NotImplementedError):
        return None  # this target cannot come in such a coat, such as texts in a tensor


@pytest.mark.parametrize("name", SUPERVISED)
def test_targets_that_cannot_be_are_refused_by_name(name: str) -> None:
    subject = SUBJECTS[name]
    kind = "classes" if name in LABELS else subject.traits[2]
    makers = {**row_targets.BAD["any"], **row_targets.BAD[kind], **row_targets.EXTREME[kind]}

    def cell(what: str) -> None:
        wanted = expected({**BAD, **EXTREME}.get(what, "works"), subject)
        check_fit(subject, wanted, subject.X, makers[what](subject.y))

    assert set(BAD) == {what for table in row_targets.BAD.values() for what in table}
    check_cells(makers, cell)


@each_soon
def test_the_same_target_in_another_coat(name: str) -> None:
    subject = SUBJECTS[name]
    coats = {coat: made(subject, make) for coat, make in row_targets.GOOD.items() if subject.y is not None}

    def cell(coat: str) -> None:
        wanted = expected(COLUMN, subject) if coat == "column" else "same"
        wanted = COLUMN["embedding"] if coat == "column" and "embedding" in subject.traits else wanted
        found = check_fit(subject, wanted, subject.X, coats[coat])
        if wanted == "same":
            assert found is not None
            assert_same(found, reference(subject, subject.X), types=False)

    several = [coat for coat, y in coats.items() if y is not None and not (coat == "polars" and subject.y.ndim > 1)]
    check_cells(several, cell)


@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_that_cannot_be_are_refused(name: str) -> None:
    subject = SUBJECTS[name]

    def cell(kind: str) -> None:
        weight = row_targets.WEIGHTS[kind](len(subject.X))
        check_refused_fit(subject, WEIGHTS[kind], subject.X, subject.y, sample_weight=weight)

    check_cells(WEIGHTS, cell)


@each
def test_options_that_cannot_be_are_refused_by_name(name: str) -> None:
    """Whatever an option is set to, the fit refuses it with the name of the option or of the value, or takes it."""
    subject = SUBJECTS[name]

    def cell(option: str) -> None:
        for strange in STRANGE:
            if option in FREE and isinstance(strange, str):
                continue
            words = rf"(?i){option}|no-such-name|expected"
            wanted = words if type(strange) is object and option not in ("verbose", "callbacks") else f"?{words}"
            estimator = subject.make()
            try:
                subject.fit(estimator.set_params(**{option: strange}), subject.X, subject.y)
            except (ValueError, TypeError) as error:
                assert isinstance(error, ValueError), f"{option}={strange!r}: {error!r}"  # noqa: PT017
                assert any(word in str(error) for word in (option, "no-such-name", "expected"))  # noqa: PT017
            else:
                assert wanted.startswith("?"), f"{option}={strange!r} was taken"

    check_cells(subject.make().get_params(deep=False), cell)


@each
def test_wrong_numbers_and_names_of_options(name: str) -> None:
    subject = SUBJECTS[name]
    options = subject.make().get_params(deep=False)
    wrong = {"epochs": 0, "batch_size": 0, "steps": 0, "learning_rate": -1.0, "n_units": 0, "patience": 0}
    for option in set(wrong) & set(options):
        with pytest.raises(ValueError, match=rf"\({option}\): expected .*, got"):
            subject.fit(subject.make().set_params(**{option: wrong[option]}), subject.X, subject.y)
    with pytest.raises(ValueError, match="Invalid parameter 'no_such_option'"):
        subject.make().set_params(no_such_option=1)
    kind = type(getattr(subject.make(), "verifier", subject.make()))
    with pytest.raises(ValueError, match="expected one of its options, got 'no_such_option'"):
        kind(no_such_option=1)


@each
def test_an_unfitted_one_says_so(name: str) -> None:
    subject = SUBJECTS[name]
    with pytest.raises((NotFittedError, ValueError), match=r"not fitted yet|somebody who is enrolled"):
        subject.ask(subject.make(), subject.X)


@pytest.mark.parametrize("name", [name for name in SUPERVISED if "classes" in SUBJECTS[name].traits])
def test_labels_come_back_as_they_were(name: str) -> None:
    subject = SUBJECTS[name]
    labels = row_targets.NAMES[row_targets.codes(subject.y)]
    with untouched(subject.X, labels):
        estimator = subject.fit(subject.make(), subject.X, labels)
    if hasattr(estimator, "classes_"):
        assert sorted(np.asarray(estimator.classes_).tolist()) == sorted(set(labels.tolist()))
    if hasattr(estimator, "predict") and hasattr(estimator, "classes_"):
        assert set(estimator.predict(subject.X).tolist()) <= set(labels.tolist())
