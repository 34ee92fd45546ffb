"""A NaN is traced to the batch, the layer, the loss, or the weights that it came from."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks import watch
from netwright.checks.during.origin import first_bad_layer, not_finite, trace
from netwright.checks.during.tape import Origin

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()
SGD = torch.optim.SGD


def test_finite_losses_have_no_origin(train: Any, found: Any, net: Any, rows: Any) -> None:
    module = net(6, 12, 3)
    watching = train(module, SGD(module.parameters(), lr=0.1), rows())
    assert watching.tape.origin is None
    assert not found(not_finite, watching)


@pytest.mark.parametrize("step", [0, 7, 350], ids=["first", "seventh", "after batches are no more kept"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_row_of_a_batch(step: int, value: float, the: Any, net: Any, rows: Any) -> None:
    X, y = rows(16)
    module = net(6, 12, 3)
    optimizer = SGD(module.parameters(), lr=0.1)
    with watch(module, optimizer, CROSS) as watching:
        for k in range(step + 5):
            batch = X.clone()
            if k == step:
                batch[5, 2] = value
            optimizer.zero_grad()
            CROSS(module(batch), y).backward()
            optimizer.step()
    told = the(not_finite, watching)
    assert (told.code, told.level) == ("non-finite-data", "fault")
    assert (told.where.step, told.where.row, told.where.column) == (step, 5, 2)
    assert f"row 5, column 2 of X in that batch is {value}" in told.seen


@pytest.mark.parametrize("step", [0, 3, 11])
def test_a_target(step: int, the: Any, net: Any, draw: Any) -> None:
    X, module = draw(16, 6), net(6, 12, 1)
    optimizer = SGD(module.parameters(), lr=0.01)
    with watch(module, optimizer, SQUARES) as watching:
        for k in range(step + 3):
            y = X[:, :1].clone()
            y[4] = math.nan if k == step else 0.0
            optimizer.zero_grad()
            SQUARES(module(X), y).backward()
            optimizer.step()
    told = the(not_finite, watching)
    assert told.code == "non-finite-data"
    assert (told.where.step, told.where.row) == (step, 4)
    assert "of y in that batch" in told.seen


class Root(nn.Module):
    """The square root, which has no value below 0 and no slope at 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sqrt()


@pytest.mark.parametrize("late", [False, True])
def test_a_layer(late: bool, the: Any, draw: Any) -> None:
    parts = [nn.Linear(6, 4), nn.Softplus(), Root(), nn.Linear(4, 3)]
    module = nn.Sequential(parts[0], *(parts[1:] if late else parts[2:]))
    optimizer, labels = SGD(module.parameters(), lr=0.01), torch.arange(12) % 3
    name = "2" if late else "1"
    with watch(module, optimizer, CROSS) as watching:
        for step in range(12):
            optimizer.zero_grad()
            if late and step == 8:
                module[1] = nn.Identity()
            CROSS(module(draw(12, 6)), labels).backward()
            optimizer.step()
    told = the(not_finite, watching)
    assert (told.code, told.level) == ("wrong-loss", "fault")
    assert told.where.layer == name
    assert told.where.step == (8 if late else 0)
    assert f"the first layer whose output is not finite is {name}" in told.seen


def test_a_loss(the: Any, draw: Any) -> None:
    module = nn.Sequential(nn.Linear(6, 1), nn.ReLU())
    loss = lambda output, target: -(target * output.log()).mean()  # noqa: E731
    optimizer = SGD(module.parameters(), lr=0.01)
    with watch(module, optimizer, loss) as watching:
        for _ in range(4):
            optimizer.zero_grad()
            loss(module(draw(20, 6)), torch.ones(20, 1)).backward()
            optimizer.step()
    told = the(not_finite, watching)
    assert (told.code, told.where.step) == ("wrong-loss", 0)
    assert "the outputs are finite" in told.seen


def test_a_rate_that_is_too_high(train: Any, the: Any, net: Any, draw: Any) -> None:
    X = draw(320, 6)
    module = net(6, 12, 1)
    watching = train(module, SGD(module.parameters(), lr=3.0), (X, X[:, :1] * X[:, 1:2]), SQUARES)
    told = the(not_finite, watching)
    assert (told.code, told.level) == ("lr-too-high", "fault")
    assert told.remedy.value == pytest.approx(0.3)
    assert "at a tenth of the rate" in told.seen


@pytest.mark.slow
def test_a_rate_far_too_high_that_clipping_does_not_mend(train: Any, the: Any, rows: Any) -> None:
    parts = [nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(32), nn.Linear(32, 3)]
    module = nn.Sequential(*parts)
    watching = train(module, SGD(module.parameters(), lr=1e4), rows(640), epochs=4)
    told = the(not_finite, watching)
    assert (told.code, told.level) == ("lr-too-high", "fault")
    assert told.remedy.value <= 10
    assert "clipped at 1 to" in told.seen
    codes = [each.code for each in watching.diagnosis.findings]
    assert codes == ["lr-too-high"]
    folded = [each.code for each in watching.diagnosis.findings[0].consequences]
    assert not {"exploding-gradient", "collapse"} & set(folded)  # of weights that are NaN nothing is an answer


def test_a_rate_is_not_blamed_for_what_no_rate_mends(train: Any, found: Any, draw: Any, formula: Any) -> None:
    X = draw(320, 6)
    X[17] = 0.0
    module = formula(lambda m, x: m.o(x) + (x * m.o.weight.mean()).square().sum(1, True).sqrt(), o=nn.Linear(6, 1))
    watching = train(module, SGD(module.parameters(), lr=0.01), (X, X[:, :1] * X[:, 1:2]), SQUARES)
    assert not math.isfinite(watching.tape.values()[-1])
    assert "lr-too-high" not in {each.code for each in found(not_finite, watching)}
    assert watching.diagnosis.codes == ("not-differentiable",)


def test_gradients_that_explode(train: Any, the: Any, draw: Any, formula: Any) -> None:
    X = draw(200, 30, 2)
    body = nn.RNN(2, 16, nonlinearity="relu", batch_first=True)
    with torch.no_grad():
        body.weight_hh_l0.copy_(1.25 * torch.eye(16))
    module = formula(lambda m, x: m.head(m.body(x)[0][:, -1]), body=body, head=nn.Linear(16, 1))
    optimizer = SGD(module.parameters(), lr=0.01)
    watching = train(module, optimizer, (X, X.sum((1, 2))[:, None] / 10), SQUARES)
    told = the(not_finite, watching)
    assert (told.code, told.level) == ("exploding-gradient", "fault")
    assert (told.remedy.object, told.remedy.argument) == ("loop", "clip")
    assert "clipped at 1" in told.seen


def test_a_loss_that_recovers_is_a_note(the: Any, net: Any, rows: Any) -> None:
    X, y = rows(16)
    module = net(6, 12, 3)
    optimizer = SGD(module.parameters(), lr=0.1)
    with watch(module, optimizer, CROSS) as watching:
        for step in range(20):
            optimizer.zero_grad()
            (CROSS(module(X), y) * (math.inf if step == 9 else 1.0)).backward()
            for parameter in module.parameters():
                parameter.grad.nan_to_num_(0.0, 0.0, 0.0)
            optimizer.step()
    told = the(not_finite, watching)
    assert told.level == "note"
    assert "finite again" in told.seen


def test_losses_that_are_read_late_are_traced_by_what_was_kept(the: Any, net: Any, rows: Any) -> None:
    X, y = rows(160)
    X[100, 3] = math.nan
    module = net(6, 12, 3)
    optimizer = SGD(module.parameters(), lr=0.1)
    with watch(module, optimizer, CROSS) as watching:
        for part in torch.arange(160).split(32):
            optimizer.zero_grad()
            CROSS(module(X[part]), y[part]).backward()
            optimizer.step()
    watching.tape.origin = None  # as on a device whose losses are read at the end
    told = the(not_finite, watching)
    assert (told.code, told.where.step, told.where.row) == ("non-finite-data", 3, 4)


def test_the_place_of_a_bad_number(net: Any) -> None:
    module = net(6, 12, 3)
    X = torch.ones(3, 2, 3)
    X[2, 1, 0] = -math.inf
    assert trace(module, (X,), torch.ones(3), 4) == Origin(4, "X", None, 2, 3, -math.inf)
    good = torch.ones(3, 6)
    assert trace(module, (good,), torch.tensor(math.nan), 4).place == "y"
    assert trace(module, (good,), torch.ones(3), 4) == Origin(4, "loss")
    with torch.no_grad():
        module[2].bias[0] = math.nan
    assert trace(module, (good,), torch.ones(3), 4) == Origin(4, "weights", "2.bias")
    assert trace(nn.LSTM(2, 3), (torch.ones(2, 3, 99),), (), 1) == Origin(1, "loss")  # it cannot be called


def test_the_first_bad_layer_may_be_the_module_itself(formula: Any) -> None:
    module = formula(lambda m, x: m.first(x) / 0.0, first=nn.Linear(2, 2))
    assert first_bad_layer(module, (torch.ones(1, 2),)) == "Formula"
    assert first_bad_layer(nn.Linear(2, 2), (torch.ones(1, 2),)) is None
