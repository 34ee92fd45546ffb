"""Damped systems against NumPy's solutions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from netwright.optim.curvature.damping import by_cholesky, by_qr, triangular_factor

GENERATOR = np.random.default_rng(4)
ROWS = GENERATOR.normal(size=(30, 6))
SCALE = GENERATOR.uniform(0.5, 2.0, size=6)
RIGHT = GENERATOR.normal(size=6)


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float64)


@pytest.mark.parametrize("mu", [0.0, 0.3, 1e6])
def test_both_ways_solve_the_damped_system(mu: float) -> None:
    expected = np.linalg.solve(ROWS.T @ ROWS + mu * np.diag(SCALE), RIGHT)
    factor = triangular_factor([tensor(ROWS[:7]), tensor(ROWS[7:25]), tensor(ROWS[25:])], 6, torch.device("cpu"))
    np.testing.assert_allclose(by_cholesky(tensor(ROWS.T @ ROWS), tensor(SCALE), mu, tensor(RIGHT)), expected, 1e-10)
    np.testing.assert_allclose(by_qr(factor, tensor(SCALE), mu, tensor(RIGHT)), expected, 1e-10)


def test_the_inputs_stay() -> None:
    matrix, scale, right = tensor(ROWS.T @ ROWS), tensor(SCALE), tensor(RIGHT)
    kept = [item.clone() for item in (matrix, scale, right)]
    by_cholesky(matrix, scale, 1.0, right)
    by_qr(matrix, scale, 1.0, right)
    assert all(torch.equal(now, before) for now, before in zip((matrix, scale, right), kept, strict=True))


@pytest.mark.parametrize(
    "matrix",
    [np.diag([1.0, -1.0]), np.ones((2, 2)), np.diag([1.0, 1e-14]), np.zeros((2, 2)), np.full((2, 2), np.nan)],
    ids=["indefinite", "singular", "ill-conditioned", "zero", "nan"],
)
def test_cholesky_says_where_no_digits_are_left(matrix: np.ndarray) -> None:
    ones = torch.ones(2, dtype=torch.float64)
    assert by_cholesky(tensor(matrix), ones, 0.0, ones) is None


@pytest.mark.parametrize("rows", [np.ones((3, 2)), np.zeros((3, 2)), np.full((3, 2), np.nan)])
def test_qr_says_where_there_is_no_full_rank(rows: np.ndarray) -> None:
    ones = torch.ones(2, dtype=torch.float64)
    if np.isfinite(rows).all():
        assert by_qr(tensor(rows), ones, 1.0, ones) is not None
    assert by_qr(tensor(rows), ones, 0.0, ones) is None


def exactly(rows: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The solution of J^T J x = b in fractions, by Gauss and Jordan."""
    table = np.array([[Fraction(item) for item in row] for row in rows], dtype=object)
    system = np.column_stack([table.T @ table, [Fraction(item) for item in right]])
    for k in range(len(system)):
        system[k] /= system[k, k]
        for i in range(len(system)):
            if i != k:
                system[i] -= system[i, k] * system[k]
    return system[:, -1].astype(float)


def test_qr_keeps_the_digits_that_cholesky_loses() -> None:
    power = np.vander(np.linspace(0.5, 1.5, 12), 8)  # condition 4e5, of the square 2e11
    right, ones = np.arange(1.0, 9.0), torch.ones(8, dtype=torch.float64)
    known = exactly(power, right)
    factor = triangular_factor([tensor(power)], 8, torch.device("cpu"))
    found = by_qr(factor, ones, 0.0, tensor(right)).numpy()
    wide = by_cholesky(tensor(power.T @ power), ones, 0.0, tensor(right)).numpy()
    assert np.linalg.norm(found - known) < 1e-9 * np.linalg.norm(known)
    assert np.linalg.norm(wide - known) > 10 * np.linalg.norm(found - known)


def test_a_factor_of_fewer_rows_than_columns() -> None:
    rows = tensor(ROWS[:3])
    factor = triangular_factor([rows[:1], rows[1:]], 6, torch.device("cpu"))
    torch.testing.assert_close(factor.T @ factor, rows.T @ rows)
    assert factor.shape == (3, 6)
    ones = torch.ones(6, dtype=torch.float64)
    expected = np.linalg.solve(ROWS[:3].T @ ROWS[:3] + np.eye(6), RIGHT)
    np.testing.assert_allclose(by_qr(factor, ones, 1.0, tensor(RIGHT)), expected, 1e-10)
    assert by_qr(factor, ones, 0.0, tensor(RIGHT)) is None
