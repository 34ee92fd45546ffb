"""The matrix of rows: every public estimator gets each of the good, bad and extreme X, in fit and in its answers.

See `row_checks` for what a cell asks, and `row_inputs` for the inputs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).parent))
import row_inputs
import row_subjects
from row_checks import (
    NAMES,
    SUBJECTS,
    assert_same,
    check_cells,
    check_fit,
    each,
    each_soon,
    expected,
    fitted,
    outcome,
    reference,
    untouched,
)

CELL = r"Row 1, column 2"
FRAME = r"expected a list of sequences, got a DataFrame"
NO_NUMBER = {"default": rf"{CELL}.*: expected a number", "sequence": r"sequence 1: expected numbers"}
GAP = {
    "default": r"contains NaN\. Row 1, column 2",
    "sequence": r"sequence 1: expected finite numbers, got nan",
}
INFINITE = {"default": rf"contains infinity.*{CELL}", "sequence": r"sequence 1: expected finite numbers, got -?inf at"}
SPARSE = {"default": r"Sparse data was passed.*dense data is required", "sequence": r"sequence 0: expected numbers"}
BAD: dict[str, Any] = {
    "NaN": GAP,
    "infinity": INFINITE,
    "minus infinity": INFINITE,
    "NaN in float16": GAP,
    "NaN in a tensor": GAP,
    "NaN in a frame of objects": {"default": r"contains NaN\. Row 0, column 1", "deep": "works", "sequence": FRAME},
    "infinity in a frame": {"default": rf"infinity.*{CELL}", "deep": r"infinity\. Column .*row 1", "sequence": FRAME},
    "an integer beyond floats": {"default": rf"int too large.*{CELL}", "sequence": r"sequence 1: expected numbers"},
    "no rows": r"0 sample\(s\)|at least one (sample|sequence)",
    "no columns": {"default": r"0 feature\(s\)", "sequence": r"at least one sequence with a step"},
    "a frame without rows": {"default": r"0 sample\(s\)|at least one sample", "sequence": FRAME},
    "one axis": {"default": r"Reshape your data", "sequence": r"expected an array \(steps, features\)"},
    "a scalar": r"Reshape your data|at least 1 dimension|(rows \(n, features\)|list of sequences).*, got",
    "None": r"expected (an array of numbers|rows|images|a list of sequences).*, got (None|NoneType)",
    "a text": r"expected (an array of numbers|rows|images|a list of sequences).*, got ('rows'|a str|str)",
    "a set": r"expected an array|Expected 2D array|, got (a )?set|not 'set'|array \(steps|inconsistent",
    "ragged lists": {
        "default": r"Row 1: expected \d+ values, as in row 0, got \d+",
        "sequence": "works",
        "generative": r"samples of several shapes",
    },
    "texts": {"default": r"Row 0, column 0: expected a number, got 'a'", "sequence": "works"},
    "objects with a text": NO_NUMBER,
    "objects with None": GAP,
    "dates": {"default": r"expected numbers, got dates or times \(datetime64", "sequence": r"expected numbers, got"},
    "dates as objects": {
        "default": r"Row 0, column 0: expected a number, got datetime\.date",
        "sequence": r"sequence 0: expected numbers",
    },
    "complex": {"default": r"Complex data not supported", "sequence": r"sequence 0: expected numbers"},
    "sparse": SPARSE,
    "sparse array": SPARSE,
    "structured": r"Cannot cast array data.*Row 0|expected numbers: .*, got elements|sequence 0: expected numbers",
    "a frame of dates": {
        "default": r"column 1 \('β'\): expected numbers, got dates or times",
        "deep": "works",  # the year, the month, the day of the week
        "sequence": FRAME,
    },
    "a frame of lists": {
        "default": r"column 1 \('β'\): expected a number, got \[1\]",
        "deep": r"column 'β': expected numbers, booleans, texts or dates, got a list at row 0",
        "sequence": FRAME,
    },
}
HUGE = r"X: expected numbers up to|expected a number in|rows of a finite length|answers stay finite|learning_rate"
HUGE = f"?{HUGE}|expected 0 or 1|exceeds the float32 range|contains infinity|Negative values|floats? can hold"
UNIFORM = r"?samples that differ|cohort that differs|2 different rows|row of zeros|expected 0 or 1|a number in \[0, 1\]"
TEXTS = {"default": r"column 1 \('β'\): expected a number, got '", "deep": "works", "sequence": FRAME}
EXTREME: dict[str, Any] = {
    "1e300": HUGE,
    "-1e300 and 1e300": HUGE,
    "1e38": HUGE,
    "1e18": HUGE,
    "1e-300": UNIFORM,
    "subnormal": UNIFORM,
    "a constant column": {"default": "works", "bits": r"expected 0 or 1|a number in \[0, 1\]"},
    "a constant column of 1e200": HUGE,
    "all zero": UNIFORM,
    "all rows the same": UNIFORM,
    "two columns the same": "works",
    "three axes": {
        "default": r"dim 3|expected (outputs of shape|an input|4 features)|numbers in \[0, 1\]|3 features",
        "sequence": "works",
    },
    "a gap": {"default": r"contains NaN\. Row 0, column 1", "deep": "works", "sequence": FRAME},
    "a gap, polars": {"default": r"contains NaN\. Row 0, column 1", "deep": "works", "sequence": FRAME},
    "duplicate names": {"default": r"expected each column name once, got 'a' for columns 0 and 1", "sequence": FRAME},
    "categories": TEXTS,
    "a column of texts": TEXTS,
    "a MultiIndex": {"default": "works", "sequence": FRAME},
}
AGAIN: dict[str, Any] = {  # where answers differ from fits
    "NaN in a frame of objects": {"default": r"contains NaN\. Row 0, column 1", "sequence": FRAME},
    "infinity in a frame": {"default": rf"infinity.*{CELL}", "sequence": FRAME},
    "no columns": {"default": r"0 feature", "sequence": "works"},
    "texts": {"default": BAD["texts"]["default"], "sequence": r"sequence 0: expected numbers"},
    "a frame of dates": {"default": BAD["a frame of dates"]["default"], "sequence": FRAME},
    "a frame of lists": {"default": BAD["a frame of lists"]["default"], "sequence": FRAME},
    "1e300": f"{HUGE}|within .* deviations",
    "1e38": f"{HUGE}|within .* deviations",
    "wider": {"default": r"X has \d+ features, but .* is expecting \d+ features", "sequence": "works"},
    "narrower": {"default": r"X has \d+ features, but .* is expecting \d+ features", "sequence": "works"},
    "three axes": r"dim 3|expected (samples of shape|4 features|1 features)|numbers in \[0, 1\]",
}
COATS: dict[str, Any] = {  # where it is not the same bits: a frame is scaled, and numbers of 32 bits stay such
    "float32": "works",
    "bfloat16": "works",
    **{coat: {"deep": "works", "sequence": FRAME, "default": "same"} for coat in row_inputs.FRAMES},
}
ASKED = {
    **row_inputs.BAD,
    "1e300": row_inputs.EXTREME["1e300"],
    "1e38": row_inputs.EXTREME["1e38"],
    "three axes": row_inputs.EXTREME["three axes"],
    "wider": lambda X: np.hstack([X, X[:, :1]]),
    "narrower": lambda X: X[:, :-1],
}


def plain(X: Any) -> np.ndarray:
    """The C-contiguous float64 copy."""
    X = X.detach().double().numpy() if isinstance(X, torch.Tensor) else X
    return np.array(X.to_numpy() if hasattr(X, "to_numpy") else X, dtype=np.float64, order="C")


def test_every_public_estimator_is_in_the_matrix() -> None:
    assert row_subjects.public() == set(SUBJECTS) | set(row_subjects.OTHERWISE)
    assert not set(SUBJECTS) & set(row_subjects.OTHERWISE)
    assert set(BAD) == set(row_inputs.BAD)
    assert set(EXTREME) == set(row_inputs.EXTREME)
    assert len(BAD) + len(EXTREME) + len(row_inputs.GOOD) >= 40


@each_soon
def test_the_same_rows_in_another_coat(name: str, tmp_path: Path) -> None:
    subject = SUBJECTS[name]

    def cell(coat: str) -> None:
        X = row_inputs.GOOD[coat](subject.X, tmp_path)
        wanted = expected(COATS.get(coat, "same"), subject)
        found = check_fit(subject, wanted, X, subject.y)
        if wanted == "same":
            assert found is not None
            assert_same(found, reference(subject, plain(X)))

    check_cells(row_inputs.GOOD, cell)


@each
def test_what_cannot_be_is_refused_by_name_and_the_rest_works(name: str) -> None:
    subject = SUBJECTS[name]
    makers, table = {**row_inputs.BAD, **row_inputs.EXTREME}, {**BAD, **EXTREME}

    def cell(kind: str) -> None:
        empty = subject.y is not None and kind in ("no rows", "a frame without rows")
        y = subject.y[:0] if empty and subject.y is not None else subject.y
        check_fit(subject, expected(table[kind], subject), makers[kind](subject.X), y)

    check_cells(makers, cell)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "GAN"])  # which is asked for samples, not of rows
def test_what_is_asked_of_a_fitted_one(name: str) -> None:
    subject, table = SUBJECTS[name], {**BAD, **AGAIN}
    estimator, before = fitted(subject)

    def cell(kind: str) -> None:
        X = ASKED[kind](subject.X)
        outcome(lambda: subject.ask(estimator, X), expected(table[kind], subject), X)

    check_cells(ASKED, cell)
    assert_same(subject.ask(estimator, subject.X), before)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "GAN"])
def test_a_row_by_itself_is_answered_as_in_a_batch(name: str) -> None:
    subject = SUBJECTS[name]
    estimator, whole = fitted(subject)
    for row in (0, len(subject.X) - 1):
        with untouched(subject.X):
            found = subject.ask(estimator, subject.X[row : row + 1])
        for method, answer in found.items():
            if answer.dtype.kind == "f":
                np.testing.assert_allclose(answer, whole[method][row : row + 1], rtol=1e-6, atol=1e-6, err_msg=method)
            else:
                np.testing.assert_array_equal(answer, whole[method][row : row + 1], err_msg=method)


TAKES_NO_NAMES = {"GAN", "sequence", "given"}  # the last have their names in an embedder that is fitted already
ORDER = {"default": r"feature names should match those that were passed during fit", "deep": "same"}
ABSENT = {"default": ORDER["default"], "deep": r"expected the columns of the training table, got none of the name"}
FRAMES: dict[str, Any] = {  # what comes after a frame: name -> (what, expectation)
    "reordered": (lambda X: X[X.columns[::-1]], ORDER),
    "renamed": (lambda X: X.rename(columns={X.columns[0]: "other"}), ABSENT),
    "a column less": (lambda X: X[X.columns[1:]], ABSENT),
    "a column more": (lambda X: X.assign(other=1.0), ORDER),
    "without names": (lambda X: X.to_numpy(), {"deep": r"expected a table with named columns", "default": "same"}),
}


@pytest.mark.parametrize("name", [name for name in NAMES if not TAKES_NO_NAMES & set(SUBJECTS[name].traits)])
def test_the_columns_of_a_frame_are_known_by_name(name: str) -> None:
    subject, X = SUBJECTS[name], row_inputs.frame(SUBJECTS[name].X)
    with untouched(X, subject.y):
        estimator = subject.fit(subject.make(), X, subject.y)
        before = subject.ask(estimator, X)

    def cell(kind: str) -> None:
        change, table = FRAMES[kind]
        wanted, other = expected(table, subject), change(X)
        found = outcome(lambda: subject.ask(estimator, other), wanted, other)
        if wanted == "same":
            assert found is not None
            assert_same(found, before)

    check_cells(FRAMES, cell)


FEW = (
    r"?[12] sample|[12] identical|two classes|2 classes|n_samples = \d|minimum of 2|got 1 class|at least 2 (samples|"
    r"rows)|"
    r"classes with at least|2 different rows|one of each|pairs of two people|at least \d+ rows|cohort"
)


@each
def test_very_few_rows_work_or_are_refused_by_their_number(name: str) -> None:
    subject = SUBJECTS[name]
    for count in (1, 2, 3):
        rows = [*range(count - 1), len(subject.X) - 1]  # of two classes, from two rows on
        check_fit(subject, FEW, subject.X[rows], None if subject.y is None else subject.y[rows])
