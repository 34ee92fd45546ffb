"""Leave-one-out errors are those of the definition, their gradients those of differences; their minima are found."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.classical.radial_basis import leave_one_out
from netwright.classical.radial_basis.leave_one_out import (
    Classes,
    Regression,
    best_factor,
    best_per_feature,
    chosen_rows,
    loss_over,
    typical_neighbour,
)
from netwright.classical.radial_basis.sites import sites_of

RNG = np.random.default_rng(1)


def regression(s=35, d=3, k=2, skip=5) -> Regression:
    weights, shares = RNG.uniform(0.5, 3, s), RNG.uniform(0, 1, s)
    shares[:skip] = 0
    return Regression(RNG.normal(size=(s, d)), np.log(weights), RNG.normal(size=(s, k)), shares)


def classes(sizes=(12, 7, 1, 15), d=3) -> Classes:
    s, bounds = sum(sizes), np.concatenate([[0], np.cumsum(sizes)])
    codes = np.repeat(np.arange(len(sizes)), sizes)
    weights, priors = RNG.uniform(0.5, 3, s), RNG.dirichlet(np.ones(len(sizes)))
    parts = weights / np.bincount(codes, weights=weights)[codes]
    shares = np.where(np.bincount(codes)[codes] > 1, RNG.uniform(0, 1, s), 0.0)
    shares[[0, 14]] = 0
    rows = RNG.normal(size=(s, d)) + codes[:, None] * 0.7
    return Classes(rows, np.log(priors[codes] * parts), bounds, parts, shares)


def error_of_regression(data: Regression, sigma: np.ndarray) -> float:
    """Each site predicted from all others, by loops."""
    total = 0.0
    for i in np.flatnonzero(data.shares):
        others = [j for j in range(len(data.rows)) if j != i]
        exponents = np.array([-np.sum(((data.rows[i] - data.rows[j]) / sigma) ** 2) / 2 for j in others])
        kernel = np.exp(data.log_weights[others] + exponents - exponents.max())
        prediction = (kernel[:, None] * data.targets[others]).sum(axis=0) / kernel.sum()
        total += data.shares[i] * np.sum((prediction - data.targets[i]) ** 2)
    return total


def error_of_classes(data: Classes, sigma: np.ndarray) -> float:
    """Minus the log of Bayes' rule for each site's own class, its density without the site, by loops."""
    total, n_classes = 0.0, len(data.bounds) - 1
    codes = np.repeat(np.arange(n_classes), np.diff(data.bounds))
    for i in np.flatnonzero(data.shares):
        densities = np.zeros(n_classes)
        for j in range(len(data.rows)):
            if j == i:
                continue
            weight = np.exp(data.log_weights[j])
            if codes[j] == codes[i]:
                weight /= 1 - data.parts[i]
            densities[codes[j]] += weight * np.exp(-np.sum(((data.rows[i] - data.rows[j]) / sigma) ** 2) / 2)
        total -= data.shares[i] * np.log(densities[codes[i]] / densities.sum())
    return total


CASES = {"regression": (regression, error_of_regression), "classes": (classes, error_of_classes)}
each = pytest.mark.parametrize("kind", sorted(CASES))


@each
@pytest.mark.parametrize("sigma", [(0.6, 0.6, 0.6), (0.4, 2.0, 0.9), (30.0, 30.0, 30.0)])
def test_the_error_is_that_of_the_definition(kind: str, sigma, monkeypatch) -> None:
    make, by_loops = CASES[kind]
    data, sigma = make(), np.array(sigma)
    expected = by_loops(data, sigma)
    assert loss_over(data)(np.log(sigma), True)[0] == pytest.approx(expected, rel=1e-12)
    assert loss_over(data)(np.log(sigma), False)[0] == pytest.approx(expected, rel=1e-12)
    whole = loss_over(data)(np.log(sigma), True)[1]
    monkeypatch.setattr(leave_one_out, "TASK", 9)
    monkeypatch.setattr(leave_one_out, "LEAST", 4)
    monkeypatch.setattr(leave_one_out, "BLOCK", 1)
    in_pieces = loss_over(data)(np.log(sigma), True)
    assert in_pieces[0] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(in_pieces[1], whole, rtol=1e-10, atol=1e-14)


@each
@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_the_gradient_is_that_of_differences(kind: str, scale: float) -> None:
    data = CASES[kind][0]()
    loss, at = loss_over(data), np.log(scale * np.array([0.7, 1.0, 1.6]))
    gradient = loss(at, True)[1]
    assert np.abs(gradient).max() > 1e-3
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-5
        slope = (loss(at + step, False)[0] - loss(at - step, False)[0]) / 2e-5
        assert gradient[k] == pytest.approx(slope, rel=1e-6, abs=1e-9)


@each
def test_a_row_far_from_all_others_has_an_error_and_no_slope_of_infinity(kind: str) -> None:
    data = CASES[kind][0]()
    data.rows[-1] = 1e7
    for sigma in (1e-6, 1e-3, 1.0):
        error, slopes = loss_over(data)(np.log(np.full(3, sigma)), True)
        assert np.isfinite(error)
        assert np.isfinite(slopes).all()


def test_the_error_of_a_far_row_is_that_of_its_nearest_one() -> None:
    rows = np.array([[0.0], [1.0], [1e8]])
    data = Regression(rows, np.zeros(3), np.array([[1.0], [5.0], [-2.0]]), np.array([0.0, 0.0, 1.0]))
    assert loss_over(data)(np.log([0.1]), True)[0] == pytest.approx((5 + 2) ** 2)


def test_the_log_loss_of_a_far_row_falls_with_the_square_of_the_bandwidth() -> None:
    """The own class is 30 away, the other 10: log(exp(-10^2 / 2 s^2) / exp(-30^2 / 2 s^2)) = 400 / s^2."""
    rows = np.array([[30.0], [0.0], [10.0]])
    parts, shares = np.array([0.5, 0.5, 1.0]), np.array([0.0, 1.0, 0.0])
    data = Classes(rows, np.log([0.25, 0.25, 0.5]), np.array([0, 2, 3]), parts, shares)
    for sigma in (0.01, 0.1, 1.0):
        error, slopes = loss_over(data)(np.log([sigma]), True)
        assert error == pytest.approx(400 / sigma**2, rel=1e-9)
        assert slopes[0] == pytest.approx(-800 / sigma**2, rel=1e-9)


@each
def test_the_best_factor_is_that_of_a_fine_grid(kind: str) -> None:
    data = CASES[kind][0]()
    loss, scale = loss_over(data), np.array([0.5, 1.0, 2.0])
    found = best_factor(loss, scale, 0.05, 20.0)
    assert found is not None
    grid = np.geomspace(0.05, 20.0, 400)
    errors = [loss(np.log(factor * scale), False)[0] for factor in grid]
    assert found.error <= min(errors) * (1 + 1e-9)
    assert found.error == pytest.approx(loss(np.log(found.bandwidths), False)[0], rel=1e-9)
    assert found.curve.shape == (2, leave_one_out.POINTS)
    assert found.curve[1].min() >= found.error
    np.testing.assert_allclose(found.bandwidths / scale, found.bandwidths[0] / scale[0])


def test_of_several_minima_the_lowest_is_found() -> None:
    def loss(logs, gradient):
        x = logs[0]
        return float(np.cos(3 * x) + 0.1 * x), np.array([-3 * np.sin(3 * x) + 0.1])

    found = best_factor(loss, np.ones(1), np.exp(-4.0), np.exp(4.0))
    assert found is not None
    grid = np.linspace(-4, 4, 100001)
    assert np.log(found.bandwidths[0]) == pytest.approx(grid[np.argmin(np.cos(3 * grid) + 0.1 * grid)], abs=1e-4)


def test_a_curve_that_is_flat_gives_nothing() -> None:
    assert best_factor(lambda logs, gradient: (0.25, np.zeros(2)), np.ones(2), 0.1, 10.0) is None


@each
def test_bandwidths_of_their_own_are_better_and_find_the_feature_that_says_nothing(kind: str) -> None:
    rng = np.random.default_rng(0)
    rows, s = rng.uniform(size=(200, 3)), 200
    if kind == "regression":
        data = Regression(rows, np.zeros(s), np.sin(6 * rows[:, :1]) + rows[:, 1:2], np.full(s, 1 / s))
    else:
        order = np.argsort(rows[:, 0] + rows[:, 1] > 1, kind="stable")
        count = int((rows[:, 0] + rows[:, 1] <= 1).sum())
        parts = np.concatenate([np.full(count, 1 / count), np.full(s - count, 1 / (s - count))])
        data = Classes(rows[order], np.log(parts / 2), np.array([0, count, s]), parts, np.full(s, 1 / s))
    loss, scale = loss_over(data), rows.std(axis=0)
    first = best_factor(loss, scale, 0.05, 5.0)
    assert first is not None
    found = best_per_feature(loss, scale, first, 5.0, 200, kind == "regression")
    assert found.error < 0.65 * first.error
    assert found.bandwidths[2] > 5 * found.bandwidths[:2].max()


@each
def test_what_is_least_is_the_loss_in_nats_and_what_hearing_a_feature_costs(kind: str) -> None:
    rng = np.random.default_rng(0)
    data = CASES[kind][0]()
    data.rows[:, 2] = rng.normal(size=len(data.rows))
    if kind == "regression":
        data.targets[:] = np.sin(2 * data.rows[:, :1])
    loss, scale, squared = loss_over(data), np.array([0.8, 1.3, 1.0]), kind == "regression"
    first = best_factor(loss, scale, 0.05, 20.0)
    assert first is not None
    found = best_per_feature(loss, scale, first, 20.0, 75, squared)

    def cost(bandwidths: np.ndarray) -> float:
        error = loss(np.log(bandwidths), False)[0]
        return (0.5 * np.log(error) if squared else error) + float((scale / bandwidths).sum()) / 75

    assert found.error == loss(np.log(found.bandwidths), False)[0] < first.error
    near = [cost(found.bandwidths * np.exp(step)) for step in RNG.normal(size=(40, 3)) * 0.1]
    assert cost(found.bandwidths) <= min(near) + 1e-6
    assert cost(found.bandwidths) < cost(first.bandwidths)


def test_where_no_feature_is_worth_its_cost_the_factor_stays() -> None:
    rows = np.random.default_rng(0).uniform(size=(60, 2))
    data = Regression(rows, np.zeros(60), np.sin(6 * rows[:, :1]), np.full(60, 1 / 60))
    loss, scale = loss_over(data), np.ones(2)
    first = best_factor(loss, scale, 0.02, 5.0)
    assert first is not None
    assert best_per_feature(loss, scale, first, 5.0, 60, squared=True) is not first
    assert best_per_feature(loss, scale, first, 5.0, 1, squared=True) is first


def test_an_error_of_zero_is_no_fault() -> None:
    rows = np.array([[0.0, 0.0], [1.0, 0.0], [1000.0, 1.0], [1001.0, 0.0]])
    data = Regression(rows, np.zeros(4), np.array([[-1.0], [-1.0], [1.0], [1.0]]), np.full(4, 0.25))
    first = best_factor(loss_over(data), np.ones(2), 0.5, 2000.0)
    assert first is not None
    assert first.error == 0
    assert best_per_feature(loss_over(data), np.ones(2), first, 2000.0, 4, squared=True).error == 0


def test_rows_that_are_left_out_are_drawn_the_same_each_time() -> None:
    among = np.arange(10, 60)
    assert chosen_rows(100, None, among) is among
    assert chosen_rows(100, 50, among) is among
    drawn = chosen_rows(100, 20, among)
    assert np.array_equal(drawn, chosen_rows(100, 20, among))
    assert len(set(drawn.tolist())) == 20
    assert set(drawn) <= set(among)
    assert np.array_equal(drawn, np.sort(drawn))


def test_the_typical_neighbour_is_the_median_of_the_nearest() -> None:
    rows = RNG.normal(size=(50, 2))
    sites = sites_of(rows, np.ones(50))
    scale = np.array([0.5, 3.0])
    distances = np.sqrt(np.square((sites.rows[:, None] - sites.rows) / scale).sum(axis=2))
    np.fill_diagonal(distances, np.inf)
    chosen = np.arange(0, 50, 3)
    assert typical_neighbour(sites, scale, chosen) == pytest.approx(np.median(distances[chosen].min(axis=1)))


def test_the_neighbours_of_the_same_rows_in_two_classes_are_not_at_zero() -> None:
    rows = np.repeat([[0.0], [1.0]], 2, axis=0)
    sites = sites_of(rows, np.ones(4), np.array([0, 1, 0, 1]))
    assert typical_neighbour(sites, np.ones(1), np.arange(4)) == 1e-3
