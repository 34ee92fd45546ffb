"""Passes of rules that look at the whole loss: the loss that they are given, its scale, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import netwright as nw
from netwright.core.errors import DivergenceWarning, InvalidParameter
from netwright.data.augment import Rotate
from netwright.estimators.objective import NetworkLoss
from netwright.layers import BatchNorm, Conv, Dropout, Flatten, Linear, ReLU, Softmax, Tanh
from netwright.losses import MSE, l1, l2, maxnorm
from netwright.optim import HessianDiagonal, IRpropPlus, LevenbergMarquardt, QuasiNewton
from netwright.train import Batches, Run, train
from netwright.train.progress import line
from netwright.train.whole import WholePass

GENERATOR = torch.Generator().manual_seed(1)
X = torch.randn(60, 4, generator=GENERATOR, dtype=torch.float64)
Y = torch.stack([X.sin().sum(1), X[:, 0] * X[:, 1]], dim=1)
WEIGHT = torch.rand(60, generator=GENERATOR, dtype=torch.float64) * 2


def module(outputs: int = 2) -> torch.nn.Module:
    net = (nw.Input(4) >> Tanh(6) >> Linear(outputs)).build(seed=0)
    return net.double()


def make_run(rule=None, weight=None, penalties=(), macs=0, squares=True, **options):
    loss = NetworkLoss(MSE(), "identity", several=False)
    objective = loss if squares else lambda output, target, w: loss(output, target, w)
    run = Run(module(), objective, rule or LevenbergMarquardt(), penalties=penalties, macs=macs, **options)
    run.load(Batches((X,), Y, weight, size=60))
    return run


def by_hand(run, theta=None):
    """n K / 2 times the loss with its penalties, by the module itself."""
    if theta is not None:
        run.flat.theta.data.copy_(theta)
    rows = run.batches
    loss = run.objective(run.module(X), Y, rows.weight)
    penalty = sum(part.penalty(run.flat.front(part.biases)[0]) for part in run.penalties)
    return 0.5 * Y.numel() * float(loss.detach() + penalty)


PENALTIES = (l2(0.01), l1(0.003, biases=True))


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("macs", [0, 2**20])  # in one piece, or in pieces of 256 rows
def test_the_objective_is_the_loss_with_its_penalties(weight, macs):
    run = make_run(weight=weight, penalties=PENALTIES, macs=macs)
    objective = WholePass(run).objective
    theta = objective.theta()
    assert objective.loss(theta) == pytest.approx(by_hand(run), rel=1e-12)
    model, point = objective.quadratic(theta), objective.point(theta)
    step = 1e-6
    for i in (0, 13, 30, len(theta) - 1):
        moved = theta.clone()
        moved[i] += step
        up = by_hand(run, moved)
        moved[i] -= 2 * step
        assert (up - by_hand(run, moved)) / (2 * step) == pytest.approx(float(model.gradient[i]), rel=1e-5, abs=1e-6)
    assert torch.allclose(model.gradient, point.gradient, rtol=1e-10)
    run.flat.theta.data.copy_(theta)


def test_the_matrix_has_the_curvature_of_the_penalties():
    bare, ridge = WholePass(make_run()).objective, WholePass(make_run(penalties=PENALTIES)).objective
    difference = ridge.quadratic(ridge.theta()).matrix - bare.quadratic(bare.theta()).matrix
    weights = torch.zeros(bare.size, dtype=torch.float64)
    weights[: 4 * 6 + 6 * 2] = 0.01 * 0.5 * Y.numel()
    assert torch.allclose(difference, torch.diag(weights), atol=1e-10)


def test_pieces_add_up_to_the_whole():
    rows = Batches((X.repeat(20, 1),), Y.repeat(20, 1), size=1200)
    whole, pieces = make_run(macs=1), make_run(macs=2**20)
    whole.batches = pieces.batches = rows
    one, many = WholePass(whole), WholePass(pieces)
    assert len(one.objective.closures) == 1
    assert len(many.objective.closures) == 5
    first, second = (each.objective.quadratic(each.objective.theta()) for each in (one, many))
    assert torch.allclose(first.matrix, second.matrix, rtol=1e-10)


def test_training_records_the_loss_after_the_step():
    run = train(make_run(penalties=(l2(1e-4),)), epochs=6)
    losses = run.history["train_loss"]
    assert losses[-1] == pytest.approx(float(run.objective(run.module(X), Y, None).detach()), rel=1e-10)
    assert losses == sorted(losses, reverse=True)
    assert run.history[-1]["update_ratio"]["tanh1"] > 0
    assert run.first_loss > losses[0]


def test_it_stops_where_no_step_lowers_the_loss():
    run = make_run()
    run.load(Batches((X,), X @ torch.ones(4, 2, dtype=torch.float64) * 0, size=60))
    train(run, epochs=500)
    assert run.stop
    assert len(run.history) < 500


def test_another_loss_than_squares_is_a_sum_over_rows():
    run = make_run(squares=False)
    objective = WholePass(run).objective
    assert objective.loss(objective.theta()) == pytest.approx(60 * by_hand(run) / (0.5 * Y.numel()))


def test_a_projection_holds_after_every_step():
    run = train(make_run(penalties=(maxnorm(0.5),)), epochs=5)
    norms = [p.detach().norm(dim=1).max() for p in run.module.parameters() if p.ndim == 2]
    assert max(norms) <= 0.5 + 1e-6


def test_gradients_of_the_flat_vector_stay_views():
    run = train(make_run(), epochs=2)
    assert all(p.grad is not None and p.grad.data_ptr() >= run.flat.gradient.data_ptr() for p in run.flat.parameters)


def fit(net, rule=None, **options):
    rows = np.random.default_rng(0).normal(size=(50, 4))
    return nw.Regressor(net, optimizer=rule or LevenbergMarquardt(), epochs=5, random_state=0, **options).fit(
        rows, rows[:, 0] * rows[:, 1]
    )


def test_noise_and_augmentation_are_refused():
    with pytest.raises(InvalidParameter, match="expected a network without noise, got one with dropout"):
        fit(Tanh(8) >> Dropout(0.5) >> Linear(1))
    rng = np.random.default_rng(0)
    images = rng.random((20, 1, 8, 8))
    net = Conv(2, 3) >> ReLU() >> Flatten() >> Softmax(2)
    with pytest.raises(InvalidParameter, match=r"expected rows that stay the same, got augmented ones. Leave augment"):
        nw.Classifier(net, optimizer=LevenbergMarquardt(), augment=Rotate(5)).fit(images, np.arange(20) % 2)


def test_batch_normalisation_looks_at_all_rows_and_is_trained_right():
    found = fit(Tanh(8) >> BatchNorm() >> Linear(1))
    losses = found.history_["train_loss"]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("rule", [LevenbergMarquardt(), QuasiNewton()], ids=lambda rule: type(rule).__name__)
def test_the_statistics_of_batch_normalisation_are_those_of_the_weights_that_are_kept(rule):
    rows = np.random.default_rng(0).normal(size=(60, 4))
    y = rows[:, 0] * rows[:, 1]
    net = Linear(6) >> BatchNorm() >> Tanh() >> Linear(1)
    found = nw.Regressor(net, optimizer=rule, epochs=9, precision="float64", random_state=0).fit(rows, y)
    parts = list(found.module_.modules())
    first, norm = (next(part for part in parts if isinstance(part, kind)) for kind in (nn.Linear, nn.BatchNorm1d))
    with torch.no_grad():
        hidden = first(torch.from_numpy(rows))
    torch.testing.assert_close(norm.running_mean, hidden.mean(0))
    torch.testing.assert_close(norm.running_var, hidden.var(0))
    assert norm.momentum == 0.1


def test_a_step_that_is_interrupted_leaves_the_statistics_of_batch_normalisation():
    run = make_run()
    run.module.append(torch.nn.BatchNorm1d(2).double())
    kept = []

    def interrupt(closure):
        kept.extend(buffer.clone() for buffer in run.module.buffers())
        run.module(X)
        raise KeyboardInterrupt

    run.update.step = interrupt
    assert train(run, epochs=1).interrupted
    assert all(map(torch.equal, kept, run.module.buffers()))


def test_the_first_loss_has_the_penalty_of_its_own_weights():
    run, plain = make_run(penalties=(l2(1.0),)), make_run()
    first = float(plain.objective(plain.module(X), Y, None).detach())
    assert train(run, epochs=1).first_loss == pytest.approx(first)


def test_noise_that_is_rare_is_found():
    with torch.random.fork_rng():
        for seed in range(5):
            torch.manual_seed(seed)
            with pytest.raises(InvalidParameter, match="expected a network without noise"):
                fit(Tanh(2) >> Dropout(0.001) >> Linear(1))
    fit(Tanh(2) >> Dropout(0.0) >> Linear(1))


def test_a_rule_without_a_rate_has_none_in_the_history():
    found = fit(Tanh(2) >> Linear(1))
    assert all(map(np.isnan, found.history_["learning_rate"]))
    assert "learning_rate" not in repr(found.history_)
    assert "rate" not in line(found.history_[-1], 5)
    assert fit(Tanh(2) >> Linear(1), HessianDiagonal(0.5)).history_["learning_rate"] == [0.5] * 5


def test_n_iter_tells_where_a_rule_was_stuck():
    rows = np.random.default_rng(0).normal(size=(50, 4))
    found = nw.Regressor(Linear(1), optimizer=LevenbergMarquardt(), epochs=500, random_state=0).fit(
        rows, rows @ [1.0, 2.0, 3.0, 4.0]
    )
    assert found.n_iter_ == len(found.history_) < 50


def test_a_rule_without_a_rate_that_diverges_is_not_told_to_lower_it():
    rows = np.random.default_rng(0).normal(size=(50, 4))
    with pytest.warns(DivergenceWarning, match=r"in epoch 2\. .* are kept\. Check that the inputs are scaled"):
        nw.Regressor(Tanh(8) >> Linear(1), optimizer=IRpropPlus(40.0), epochs=30, random_state=0).fit(rows, rows[:, 0])


def test_several_outputs_and_cross_entropy_train():
    from sklearn.datasets import load_wine

    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    found = nw.Classifier(Tanh(4) >> Softmax(3), optimizer=LevenbergMarquardt(), epochs=8, random_state=0).fit(X, y)
    assert found.score(X, y) > 0.98
    rows = np.random.default_rng(0).normal(size=(80, 3))
    two = np.stack([rows[:, 0] ** 2, rows[:, 1] - rows[:, 2]], axis=1)
    fitted = nw.Regressor(Tanh(8) >> Linear(2), optimizer=LevenbergMarquardt(), epochs=60, random_state=0).fit(
        rows, two
    )
    assert fitted.score(rows, two) > 0.99


def test_a_fit_that_goes_on_is_one_fit():
    rows = np.random.default_rng(0).normal(size=(50, 4))
    y = rows[:, 0] * rows[:, 1]
    options = {"optimizer": LevenbergMarquardt(), "random_state": 0, "network": Tanh(5) >> Linear(1)}
    whole = nw.Regressor(epochs=6, **options).fit(rows, y)
    part = nw.Regressor(epochs=3, warm_start=True, **options).fit(rows, y)
    part.fit(rows, y)
    np.testing.assert_array_equal(part.predict(rows), whole.predict(rows))
