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
                },
                remedy=Remedy(HOSTILE, HOSTILE, HOSTILE),
                where=Where(layer=HOSTILE, column=HOSTILE, line=f"{HOSTILE}:3"),
                consequences=(inner,),
            ),
        )
    )
