"""Reliability diagrams: what is drawn are the bins."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.estimators.ensemble.calibration_error import reliability
from netwright.plots import calibration

RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(4), 400)
Y = RNG.integers(0, 4, 400)


def test_the_line_is_the_share_of_right_answers() -> None:
    found = reliability(Y, P, bins=10)
    axes = calibration(Y, P, bins=10)
    _, line = axes[0].get_lines()
    filled = found.rows > 0
    np.testing.assert_allclose(line.get_xdata(), found.confidence[filled])
    np.testing.assert_allclose(line.get_ydata(), found.right[filled])
    np.testing.assert_array_equal(axes[1].patches[0].get_data().values, found.rows)
    assert axes[0].get_title(loc="left") == f"Calibration error {found.error:.1%}".replace("%", " %")
    assert axes[0].get_legend() is None


def test_several_models_have_names_and_labels_may_be_texts() -> None:
    names = np.array(["d", "c", "b", "$a$"])
    axes = calibration(names[Y], {"before": P, "after $1": P[::-1]}, classes=names)
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["before", "after $1"]
    assert axes[0].get_title(loc="left").count("→") == 1


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(InvalidParameter, match=r"calibration\(probabilities\): expected 1 to 4 models, got 0: \[\]"):
        calibration(Y, {})
    with pytest.raises(InvalidData, match="rows >= 0 that sum to 1"):
        calibration(Y, P * 2)
