"""What the rows alone say about the target: simple learners, out of fold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.nn import functional

from netwright.checks.neighbours import matrix, nearest, relation, ridge, standard, told_by

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


def test_nearest_rows_are_those_of_scikit_learn(draw: Any) -> None:
    X = draw(60, 3).double()
    expected = NearestNeighbors(n_neighbors=4).fit(X.numpy()).kneighbors(return_distance=False)
    assert np.array_equal(nearest(X, 4).numpy(), expected)
    assert nearest(X[:3], 10).shape == (3, 2)
    assert not (nearest(X) == torch.arange(60)[:, None]).any()


def test_standard_columns(draw: Any) -> None:
    X = torch.cat([5 + 3 * draw(40, 2), torch.full((40, 1), 7.0)], 1)
    found = standard(X)
    assert found.mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert found.std(0).tolist() == pytest.approx([1, 1, 0], abs=1e-5)


@pytest.mark.parametrize("shape", [(80, 3), (20, 50)], ids=["tall", "wide"])
def test_ridge_regression_out_of_fold(shape: tuple[int, int], draw: Any) -> None:
    n, d = shape
    X, Y = draw(n, d).double(), draw(n, 2).double()
    answers = ridge(X, Y, 1.0)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    for held in order.chunk(4):
        kept = np.setdiff1d(np.arange(n), held.numpy())
        mean = Y[kept].mean(0)
        model = Ridge(alpha=1.0, fit_intercept=False).fit(X[kept].numpy(), (Y[kept] - mean).numpy())
        expected = model.predict(X[held].numpy()) + mean.numpy()
        assert answers[held].numpy() == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_the_matrix_of_a_program(context: Any, formula: Any, draw: Any) -> None:
    X, Z, y = 3 + 2 * draw(50, 2), draw(50, 2, 3), draw(50, 1)
    two = formula(lambda m, x, z: m.o(torch.cat([x, z.flatten(1)], 1)), o=nn.Linear(8, 1))
    found, target = matrix(context(two, SQUARES, (X, Z, y)))
    assert found.shape == (50, 8)
    assert found.mean(0).abs().max() < 1e-6
    assert torch.equal(target, y)
    X[0, 0] = torch.nan
    assert matrix(context(two, SQUARES, (X, Z, y))) is None
    several = context(two, lambda z, t: SQUARES(z, t["y"]), (draw(50, 2), Z, {"y": y}))
    assert matrix(several) is None


def test_at_most_800_rows_are_looked_at(context: Any, draw: Any) -> None:
    found, target = matrix(context(nn.Linear(2, 1), SQUARES, (draw(2000, 2), draw(2000, 1))))
    assert (len(found), len(target)) == (800, 800)


def related(context: Any, module: nn.Module, loss: Any, X: Any, y: Any) -> Any:
    program = context(module, loss, (X, y))
    return relation(program, program.classes)


def test_a_relation_of_classes(context: Any, net: Any, draw: Any) -> None:
    X = draw(200, 4)
    y = (X[:, 0] > 0.5).long()
    found = related(context, net(4, 2), CROSS, X, y)
    share = float((y == 0).double().mean())
    assert found.chance == pytest.approx(max(share, 1 - share))
    assert found.error == pytest.approx((share * (1 - share) / 200) ** 0.5)
    assert found.exists
    assert found.quality > 0.8


@pytest.mark.parametrize(
    "rule",
    [
        lambda X: X[:, :1] + X[:, 1:2],
        lambda X: X[:, :1] * X[:, 1:2],
        lambda X: X[:, :1].square(),
        lambda X: (3 * X[:, :1]).sin() + 0.5 * torch.randn(len(X), 1, generator=torch.Generator().manual_seed(0)),
    ],
    ids=["straight", "product", "square", "noisy wave"],
)
def test_a_relation_of_numbers(rule: Any, context: Any, net: Any, draw: Any) -> None:
    X = draw(300, 3)
    found = related(context, net(3, 1), SQUARES, X, rule(X))
    assert (found.exists, found.chance, found.error) == (True, 0.0, pytest.approx(300**-0.5))


def test_no_relation(context: Any, net: Any, draw: Any) -> None:
    X, y = draw(200, 4), draw(200, 1)
    assert not related(context, net(4, 1), SQUARES, X, y).exists
    assert not related(context, net(4, 2), CROSS, X, (y[:, 0] > 0).long()).exists


def test_sequences_are_known_by_their_spectrum(context: Any, formula: Any) -> None:
    generator = torch.Generator().manual_seed(1)
    y = torch.arange(160) % 2
    time, phase = torch.arange(40.0), 6.28 * torch.rand(160, 1, generator=generator)
    waves = (time * (0.5 + 0.7 * y[:, None]) + phase).sin() + 0.8 * torch.randn(160, 40, generator=generator)
    module = formula(lambda m, x: m.o(m.r(x)[0][:, -1]), r=nn.GRU(1, 4, batch_first=True), o=nn.Linear(4, 2))
    assert related(context, module, CROSS, waves[..., None], y).exists


def test_sentences_are_known_by_their_words(context: Any) -> None:
    T = torch.randint(0, 50, (200, 8), generator=torch.Generator().manual_seed(1))
    y = (T == 7).any(1) | (T == 9).any(1) | (T < 4).any(1)
    module = nn.Sequential(nn.Embedding(50, 4), nn.Flatten(), nn.Linear(32, 2))
    assert related(context, module, CROSS, T, y.long()).exists


def test_random_states_stay(context: Any, net: Any, draw: Any) -> None:
    module, before = net(4, 1), torch.get_rng_state()
    related(context, module, SQUARES, draw(100, 4), draw(100, 1))
    assert torch.equal(torch.get_rng_state(), before)


def test_labels_need_not_begin_at_0(context: Any, net: Any, draw: Any) -> None:
    X = draw(200, 4)
    y = 3 + 2 * (X[:, 0] > 0).long()
    program = context(net(4, 9), CROSS, (X, y))
    assert torch.equal(functional.one_hot(program.classes)[:, [3, 5]].argmax(1), (X[:, 0] > 0).long())
    assert relation(program, program.classes).exists


def test_categories_are_known(context: Any, formula: Any, draw: Any) -> None:
    kinds = torch.randint(-1, 99, (800, 6), generator=torch.Generator().manual_seed(3))  # with -1 for none
    y = draw(100)[kinds[:, :1] + 1]  # a number for each kind, in no order
    module = formula(lambda m, x: m.last(m.words(x + 1).flatten(1)), words=nn.Embedding(100, 2), last=nn.Linear(12, 1))
    found = related(context, module, nn.MSELoss(), kinds, y)
    assert found.best.learner == "ridge regression of categories"
    assert found.quality > 0.3


def test_the_best_of_several_learners(draw: Any) -> None:
    X = draw(400, 5).double()
    assert told_by(X, X[:, :1], False, 0.9) > 0.9
    assert told_by(X, (X[:, :1] * X[:, 1:2]), False, 0.9) > 0.9
    assert told_by(X, draw(400, 1).double(), False, 0.9) < 0.1
    two = torch.nn.functional.one_hot((X[:, 0] > 0).long()).double()
    assert told_by(X, two, True, 0.95) >= 0.95
