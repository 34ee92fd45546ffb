"""Residuals: points, quantiles and figures against NumPy and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.plots import residuals
from netwright.plots.regression import CROWD, running_quantiles


@pytest.fixture(scope="module")
def diabetes() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_diabetes(return_X_y=True)
    return y, Ridge(0.1).fit(X, y).predict(X)


def test_the_points_are_the_rows(diabetes: tuple[np.ndarray, np.ndarray]) -> None:
    true, predicted = diabetes
    left, right = residuals(true, predicted)
    assert np.array_equal(left.collections[0].get_offsets(), np.column_stack([true, predicted]))
    assert np.array_equal(right.collections[0].get_offsets(), np.column_stack([predicted, true - predicted]))
    assert left.get_xlim() == left.get_ylim()


def test_the_titles_are_the_scores(diabetes: tuple[np.ndarray, np.ndarray]) -> None:
    left, right = residuals(*diabetes)
    assert left.get_title(loc="left") == f"R² {r2_score(*diabetes):.3f}, 442 rows"
    rmse, mae = root_mean_squared_error(*diabetes), mean_absolute_error(*diabetes)
    assert right.get_title(loc="left") == f"RMSE {rmse:.3g}, MAE {mae:.3g}"


def test_quantiles_run_through_bins_of_equal_size(diabetes: tuple[np.ndarray, np.ndarray]) -> None:
    true, predicted = diabetes
    _, right = residuals(true, predicted)
    curves = [line for line in right.get_lines() if len(line.get_xdata()) > 2]
    assert [text.get_text() for text in right.texts] == ["10 %", "50 %", "90 %"]
    order = np.argsort(predicted, kind="stable")
    first = order[: -(-442 // 12)]
    for line, share in zip(curves, (0.1, 0.5, 0.9), strict=True):
        assert line.get_ydata()[0] == pytest.approx(np.quantile((true - predicted)[first], share))
        assert line.get_xdata()[0] == pytest.approx(np.median(predicted[first]))


def test_quantiles_of_a_line_lie_on_it() -> None:
    x = np.linspace(0.0, 1.0, 120)
    centres, levels = running_quantiles(x, 2.0 * x, bins=6)
    assert np.allclose(levels[1], 2.0 * centres)
    assert np.all(np.diff(levels, axis=0) > 0)


def test_few_rows_have_no_quantiles() -> None:
    _, right = residuals(np.arange(59.0), np.arange(59.0))
    assert not right.texts


def test_a_crowd_is_counted_in_hexagons() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=CROWD + 1)
    axes = residuals(true, true + 0.1 * rng.normal(size=CROWD + 1))
    for ax in axes:
        assert ax.collections[0].get_array().sum() == CROWD + 1
    first, second = (ax.collections[0].norm for ax in axes)
    assert first is second
    bars = [ax.get_ylabel() for ax in axes[0].figure.axes if ax not in axes]
    assert bars == ["rows"]


def test_the_unit_is_on_every_axis_and_no_formula() -> None:
    axes = residuals([1.0, 2.0], [1.0, 3.0], unit="$")
    assert [ax.get_xlabel() for ax in axes] == ["true value ($)", "predicted value ($)"]
    assert [ax.get_ylabel() for ax in axes] == ["predicted value ($)", "residual: true - predicted ($)"]
    axes[0].figure.canvas.draw()


def test_numbers_near_the_end_of_the_scale() -> None:
    left, _ = residuals([1e300, 2e300], [1e300, 1e300])
    assert left.get_title(loc="left") == "2 rows"


@pytest.mark.parametrize("y", [[5.0, 5.0], [5.0]])
def test_a_constant_target_has_no_r2(y: list[float]) -> None:
    left, _ = residuals(y, y)
    assert left.get_title(loc="left") == f"{len(y)} rows"
    left.figure.canvas.draw()


@pytest.mark.parametrize(
    ("true", "predicted", "match"),
    [
        ([], [], r"residuals\(y_true\): expected one number a row, \(n,\) with n >= 1, got shape \(0,\)"),
        (np.zeros((3, 2)), np.zeros((3, 2)), r"Give one output at a time: y\[:, k\]"),
        ([1.0, 2.0], [1.0], "expected as many true values as predicted ones, got 2 and 1"),
        ([1.0, np.nan], [1.0, 2.0], r"residuals\(y_true\): expected finite numbers, got nan in row 1"),
        ([1.0], [np.inf], r"residuals\(y_pred\): expected finite numbers, got inf in row 0"),
        (["a"], [1.0], r"expected numbers, got elements of type <U1"),
    ],
)
def test_data_that_cannot_be_drawn(true: Any, predicted: Any, match: str) -> None:
    with pytest.raises(InvalidData, match=match):
        residuals(true, predicted)


def test_a_unit_is_a_text() -> None:
    with pytest.raises(InvalidParameter, match=r"residuals\(unit\): expected a text, got 3"):
        residuals([1.0], [1.0], unit=3)
