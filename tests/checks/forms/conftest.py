"""Diagnoses to be shown: one of each kind of finding, and one whose every text is hostile."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.checks import Diagnosis, Finding, Remedy, Where

HOSTILE = "<script>alert('&\"')</script> {0} [x](http://evil) \x00"


@pytest.fixture
def twice() -> Finding:
    """A fault with consequences, one of them placed."""
    fading = Finding(
        "vanishing-gradient", "fault", "the gradient is 3e-06", "1e-4", "Wait.", where=Where(layer="0.weight")
    )
    weak = Finding("underfitting", "note", "61 % are right", "more than 64 %", "Wait.")
    return Finding(
        "double-softmax",
        "fault",
        "the loss applies a softmax to a probability",
        "logits: numbers of any size",
        "Take layer 3 out.",
        evidence={"lowest": 0.0, "loss_at_start": np.float32(1.0986123), "layers": [1, 2, 3]},
        remedy=Remedy("module", "remove", "3"),
        where=Where(layer="3", line="train.py:14"),
        consequences=(fading, weak),
    )


@pytest.fixture
def diagnosis(twice: Finding) -> Diagnosis:
    """A note before two faults, which the forms turn round."""
    scales = Finding("unscaled-input", "note", "column 2 varies much", "unit variance", "Scale.", where=Where(column=2))
    gaps = Finding(
        "non-finite-data",
        "fault",
        "3 values are NaN",
        "numbers",
        "Fill.",
        where=Where(column="age", row=7),
        stage="data",
    )
    return Diagnosis((scales, twice, gaps))


@pytest.fixture
def suspects() -> Finding:
    """A note with rows and what is known of each."""
    return Finding(
        "noisy-labels",
        "note",
        "15 of 200 labels are doubtful",
        "next to none",
        "Look at row 100.",
        evidence={
            "suspicious": 15,
            "rows": np.arange(100, 115),
            "given": ["cat", *[3] * 14],
            "suggested": [HOSTILE, *[4] * 14],
            "probability": [0.5, 0.75, *[1.0] * 13],
            "pairs": [(1, 2)] * 15,
        },
        where=Where(row=100),
        stage="after",
    )


@pytest.fixture
def shared() -> Finding:
    """A fault whose remedy names many rows."""
    rows = list(range(0, 2400, 2))
    remedy = Remedy("data", "drop_shared_rows", rows)
    return Finding("duplicate-rows", "fault", "1200 rows are shared", "none", "Drop them.", {"shared": 1200}, remedy)


@pytest.fixture
def hostile() -> Diagnosis:
    inner = Finding("collapse", "note", HOSTILE, HOSTILE, HOSTILE)
    return Diagnosis(
        (
            Finding(
                "wrong-loss",
                "fault",
                HOSTILE,
                HOSTILE,
                HOSTILE,
                evidence={
                    HOSTILE: HOSTILE,
                    "deep": {HOSTILE: [[HOSTILE], None]},
                    "big": list(range(5000)),
                    "x" * 500: 1,
                    "rows": [1, 2],
                    "given": [HOSTILE, None],
                },
                remedy=Remedy(HOSTILE, HOSTILE, HOSTILE),
                where=Where(layer=HOSTILE, column=HOSTILE, line=f"{HOSTILE}:3"),
                consequences=(inner,),
            ),
        )
    )
