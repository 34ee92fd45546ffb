"""A gradient that is no number while the loss is one: found where it arises, and nothing else is blamed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks import check, watch
from netwright.checks.before.backward.singular import operation, slopes_are_numbers, slopes_stay_numbers
from netwright.checks.before.gradient import differences
from netwright.checks.before.steps.start import gradients_arrive

SQUARES = nn.MSELoss()
HERE = __file__


@pytest.fixture
def data(draw: Any) -> Any:
    X = draw(200, 4)
    return X, X[:, :1] * X[:, 1:2]


@pytest.fixture
def rooted(formula: Any, net: Any) -> Any:
    """A network that takes the root of a sum of squares, which may be 0, and of nothing else."""

    def make(away: float = 0.0) -> nn.Module:
        def run(m: Any, x: Any) -> Any:
            return m.n(x) + ((x * m.n[0].weight.mean(0)).square().sum(1, True) + away).sqrt()

        return formula(run, n=net(4, 16, 16, 1))

    return make


def test_a_root_of_0_in_the_first_batch(one: Any, ask: Any, rooted: Any, adam: Any, data: Any) -> None:
    X, y = data
    X[::10] = 0.0
    module = rooted()
    found = one(slopes_are_numbers, module, SQUARES, (X, y), adam(module))
    assert (found.code, found.level, found.where.layer) == ("not-differentiable", "fault", "n.0.weight")
    assert found.evidence["node"] == "SqrtBackward0"
    assert found.evidence["parameters"] == ["n.0.weight"]
    assert found.where.line.startswith(HERE)
    assert "1 of 6 parameters" in found.seen
    mended = rooted(1e-6)
    assert not ask(slopes_are_numbers, mended, SQUARES, (X, y), adam(mended))


def test_a_row_in_a_later_batch(one: Any, ask: Any, rooted: Any, data: Any) -> None:
    X, y = data
    X[150] = 0.0
    for rate in (1e-2, 1e-4):
        module = rooted()
        optimizer = torch.optim.Adam(module.parameters(), lr=rate)
        given = DataLoader(TensorDataset(X, y), 20)
        assert not ask(slopes_are_numbers, module, SQUARES, given, optimizer)
        found = one(slopes_stay_numbers, module, SQUARES, given, optimizer)
        assert (found.code, found.level) == ("not-differentiable", "fault")
        assert "in step 7 (and at 0.01 of the rate too)" in found.seen
        assert found.evidence["node"] == "SqrtBackward0"


def test_a_mask_after_a_logarithm(one: Any, net: Any, adam: Any, data: Any) -> None:
    def loss(output: Any, target: Any) -> Any:
        return torch.where(target > 0, (output - target).square(), (0.0 * output).sqrt()).mean()

    module = net(4, 8, 1)
    found = one(slopes_are_numbers, module, loss, data, adam(module))
    assert found.evidence["node"] == "SqrtBackward0"
    assert len(found.evidence["parameters"]) == 4


def test_the_rate_is_no_root(ask: Any, net: Any, data: Any) -> None:
    module = net(4, 32, 1)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e3)
    assert not ask(slopes_are_numbers, module, SQUARES, data, optimizer)
    assert not ask(slopes_stay_numbers, module, SQUARES, data, optimizer)


def test_gradients_that_explode_are_no_root(ask: Any, net: Any, data: Any) -> None:
    module = nn.Sequential(*(nn.Linear(4, 4, bias=False) for _ in range(60)), nn.Linear(4, 1))
    with torch.no_grad():
        for part in module[:-1]:
            part.weight.copy_(10 * torch.eye(4))
        module[0].weight.mul_(1e-30)
        module[1].weight.mul_(1e-30)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    assert not ask(slopes_are_numbers, module, nn.L1Loss(), data, optimizer)


def test_gradients_that_are_put_right_by_a_hook_are_a_note(one: Any, rooted: Any, adam: Any, data: Any) -> None:
    X, y = data[0].clone(), data[1]
    X[::10] = 0.0
    module = rooted()
    for parameter in module.parameters():
        parameter.register_hook(lambda gradient: gradient.nan_to_num(0.0, 0.0, 0.0))
    assert one(slopes_are_numbers, module, SQUARES, (X, y), adam(module)).level == "note"


def test_what_stands_still_may_have_any_gradient(ask: Any, rooted: Any, data: Any) -> None:
    X, y = data[0].clone(), data[1]
    X[::10] = 0.0
    module = rooted()
    optimizer = torch.optim.Adam([p for name, p in module.named_parameters() if name != "n.0.weight"], lr=0.01)
    assert not ask(slopes_are_numbers, module, SQUARES, (X, y), optimizer)


def test_nothing_else_is_blamed(ask: Any, context: Any, rooted: Any, adam: Any, data: Any) -> None:
    X, y = data[0].clone(), data[1]
    X[::10] = 0.0
    module, given = rooted(), DataLoader(TensorDataset(X, y), 20)
    program = (module, SQUARES, given, adam(module))
    assert not ask(gradients_arrive, *program)
    assert {each.name for each in differences(context(*program))} == set(dict(module.named_parameters())) - {
        "n.0.weight"
    }
    assert [each.code for each in check(module, SQUARES, adam(module), given).faults] == ["not-differentiable"]


@pytest.mark.parametrize("plain", [True, False], ids=["a plain loop", "a loop of which no trial can be made"])
@pytest.mark.parametrize("row", [0, 90], ids=["in the first batch", "in a later one"])
def test_a_run_is_told_the_same(row: int, plain: bool, rooted: Any, adam: Any, data: Any) -> None:
    X, y = data[0].clone(), data[1]
    X[row] = 0.0
    module = rooted()
    optimizer = adam(module)
    with watch(module, optimizer, SQUARES if plain else None) as watching:
        for _ in range(3):
            for inputs, target in zip(X.split(20), y.split(20), strict=True):
                optimizer.zero_grad()
                extra = 0.0 if plain else 0.1 * module(inputs[:3]).mean()
                (SQUARES(module(inputs), target) + extra).backward()
                optimizer.step()
    assert watching.diagnosis.codes == ("not-differentiable",)
    assert "lr-too-high" not in str(watching.diagnosis)


def test_names_of_operations() -> None:
    assert operation("LinalgVectorNormBackward0") == "linalg vector norm"
    assert operation("DivBackward0") == "div"
