"""The shell of rules that look at the whole loss, by a rule of a few lines."""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.optim.full_batch import FullBatch
from netwright.optim.objective import Model, Objective, Point


class Halve:
    """A rule that goes half of the way against the gradient, and counts."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Halve)

    __hash__: ClassVar[Any] = None


class Rated(Halve):
    """The same with a learning rate."""

    learning_rate = 0.5


def halve(rule: Any, objective: Objective, start: Point, memory: dict[str, Any]) -> tuple[Point, dict[str, Any]]:
    assert start.gradient is not None
    count = memory.get("count", 0) + 1
    trace = memory.get("trace", torch.zeros_like(start.theta)) + start.gradient
    return objective.point(start.theta - 0.5 * start.gradient), {"count": count, "trace": trace}


def blind(rule: Any, objective: Objective, start: Point, memory: dict[str, Any]) -> tuple[Point, dict[str, Any]]:
    """As `halve`, without the gradient at the end."""
    point, memory = halve(rule, objective, start, memory)
    return point._replace(gradient=None), memory


def weight(*numbers: float, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(numbers, dtype=dtype, requires_grad=True)


def counted(w: Tensor) -> tuple[Callable[[], Tensor], list[int]]:
    calls = [0]

    def closure() -> Tensor:
        calls[0] += 1
        return 0.5 * (w**2).sum()

    return closure, calls


def test_a_step_returns_the_loss_before_it_and_keeps_what_the_rule_remembers() -> None:
    w = weight(4.0, 8.0)
    optimizer = FullBatch([w], Halve(), halve)
    closure, _ = counted(w)
    first = optimizer.step(closure)
    assert first.item() == 40
    assert first.ndim == 0
    assert w.tolist() == [2, 4]
    state = optimizer.state[w]
    assert (state["step"], state["loss"], state["count"]) == (1, 10.0, 1)
    assert optimizer.step(closure).item() == 10
    assert state["trace"].tolist() == [6, 12]
    assert isinstance(optimizer, torch.optim.Optimizer)
    assert not optimizer.stuck


def test_what_is_known_is_not_evaluated_again_but_now_and_then() -> None:
    w = weight(4.0)
    closure, calls = counted(w)
    optimizer = FullBatch([w], Halve(), halve)
    spent = []
    for _ in range(9):
        before = calls[0]
        optimizer.step(closure)
        spent.append(calls[0] - before)
    assert spent == [2, 2, 2, 1, 2, 1, 1, 1, 2]  # the start too: first, and after the 1st, 2nd, 4th and 8th step
    w.data.mul_(2)  # somebody else moved the weights
    before = calls[0]
    optimizer.step(closure)
    assert calls[0] - before == 2
    optimizer.restart()
    before = calls[0]
    optimizer.step(closure)
    assert calls[0] - before == 2


def test_a_point_without_gradient_is_evaluated_at_the_next_step() -> None:
    w = weight(4.0)
    closure, calls = counted(w)
    optimizer = FullBatch([w], Halve(), blind)
    for _ in range(5):
        optimizer.step(closure)
    assert calls[0] == 10
    assert w.item() == 4 / 32


def test_begins_with_what_the_rule_asks_for() -> None:
    w, seen = weight(1.0, 2.0), []

    def look(rule: Any, objective: Objective, start: Model, memory: dict[str, Any]) -> Any:
        seen.append(start.matrix)
        return Point(start.theta / 2, objective.loss(start.theta / 2), None), {}

    FullBatch([w], Halve(), look, Objective.quadratic).step(lambda: 2 * w)
    assert seen[0].tolist() == [[4, 0], [0, 4]]
    assert w.tolist() == [0.5, 1]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_rule_that_goes_astray_leaves_the_weights(bad: float) -> None:
    w = weight(1.0, 2.0)

    def astray(rule: Any, objective: Objective, start: Point, memory: Any) -> Any:
        return Point(start.theta * bad, 0.0, None), {}

    def lost(rule: Any, objective: Objective, start: Point, memory: Any) -> Any:
        return Point(start.theta * 2, bad, None), {}

    for advance in (astray, lost):
        optimizer = FullBatch([w], Halve(), advance)
        optimizer.step(lambda: w)
        assert w.tolist() == [1, 2]
        assert optimizer.stuck


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_inside_a_step_leaves_the_weights(error: type[BaseException]) -> None:
    w = weight(1.0, 2.0)

    def fails(rule: Any, objective: Objective, start: Point, memory: Any) -> Any:
        objective.loss(start.theta * 3)
        raise error

    optimizer = FullBatch([w], Halve(), fails)
    with pytest.raises(error):
        optimizer.step(lambda: w)
    assert w.tolist() == [1, 2]


@pytest.mark.parametrize("closure", [None, 3, [], [3], "loss", [lambda: 1, None]])
def test_a_step_without_a_closure(closure: Any) -> None:
    optimizer = FullBatch([weight(1.0)], Halve(), halve)
    message = (
        r"Halve.step\(closure\): expected a function that computes the loss, or a list of them, got .*Call optimizer"
    )
    with pytest.raises(InvalidParameter, match=message):
        optimizer.step(closure)


def test_a_loss_that_is_not_finite() -> None:
    w = weight(1.0)
    with pytest.raises(InvalidData, match=r"Halve.step\(closure\): expected a finite loss and gradient"):
        FullBatch([w], Halve(), halve).step(lambda: w * math.nan)
    assert w.item() == 1


def test_mini_batches_are_noticed_at_the_second_step() -> None:
    w, data = weight(1.0), torch.tensor([1.0, 5.0], dtype=torch.float64)
    optimizer = FullBatch([w], Halve(), halve)
    optimizer.step(lambda: (w - data[0]) ** 2)
    with pytest.raises(
        InvalidData,
        match=r"expected the same loss at the same weights, of all rows and .* got .* after .*no mini-batches",
    ):
        optimizer.step(lambda: (w - data[1]) ** 2)
    optimizer.restart()
    optimizer.step(lambda: (w - data[1]) ** 2)


def test_dropout_is_noticed() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(4, 30), nn.Dropout(0.5), nn.Linear(30, 1)).double()
        inputs = torch.randn(20, 4, dtype=torch.float64)
        optimizer = FullBatch(module.parameters(), Halve(), blind)

        def closure() -> Tensor:
            return module(inputs).square().mean()

        optimizer.step(closure)
        with pytest.raises(InvalidData, match="take dropout out"):
            optimizer.step(closure)


def test_a_list_of_closures_and_an_objective() -> None:
    ends = []
    for make in (lambda w: [lambda: w[:1], lambda: w[1:]], lambda w: Objective([w], lambda: w), lambda w: lambda: w):
        w = weight(4.0, 8.0)
        optimizer, closure = FullBatch([w], Halve(), halve), make(w)
        for _ in range(4):
            optimizer.step(closure)
        ends.append(w.tolist())
    assert ends[0] == ends[1] == ends[2] == [0.25, 0.5]


def test_parameters_in_single_precision_are_what_the_rule_is_told() -> None:
    w = weight(1.0, 0.1, dtype=torch.float32)

    def third(rule: Any, objective: Objective, start: Point, memory: Any) -> Any:
        assert torch.equal(start.theta, w.detach().double())
        return Point(start.theta / 3, objective.loss(start.theta / 3), None), {}

    optimizer = FullBatch([w], Halve(), third)
    for _ in range(6):
        optimizer.step(lambda: w)
    assert w.dtype == torch.float32


def test_frozen_parameters_have_no_place_in_the_vector() -> None:
    frozen, free = torch.ones(3), weight(4.0)
    optimizer = FullBatch([frozen, free], Halve(), halve)
    optimizer.step(lambda: frozen.sum() * free)
    assert frozen.tolist() == [1, 1, 1]
    assert optimizer.state_dict()["state"][0]["trace"].shape == (1,)


@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy"])
def test_taken_up_again_bit_by_bit(way: str) -> None:
    w = weight(0.7, 0.3, dtype=torch.float32)

    def closure_of(w: Tensor) -> Callable[[], Tensor]:
        return lambda: (torch.sin(w) ** 2).sum()

    optimizer = FullBatch([w], Halve(), halve)
    for _ in range(3):
        optimizer.step(closure_of(w))
    if way == "state_dict":
        file = io.BytesIO()
        torch.save(optimizer.state_dict(), file)
        file.seek(0)
        other = weight(*w.tolist(), dtype=torch.float32)
        again = FullBatch([other], Halve(), halve)
        again.load_state_dict(torch.load(file, weights_only=True))
        assert again.state[other]["trace"].dtype == torch.float64
        assert again.state[other]["trace"].data_ptr() != optimizer.state[w]["trace"].data_ptr()
    else:
        again = pickle.loads(pickle.dumps(optimizer)) if way == "pickle" else copy.deepcopy(optimizer)
        (other,) = again.param_groups[0]["params"]
    for _ in range(4):
        optimizer.step(closure_of(w))
        again.step(closure_of(other))
    assert torch.equal(w, other)
    assert torch.equal(optimizer.state[w]["trace"], again.state[other]["trace"])
    assert optimizer.state[w]["step"] == again.state[other]["step"] == 7


def test_loading_the_state_of_an_optimizer_that_has_made_no_step() -> None:
    w = weight(1.0)
    optimizer = FullBatch([w], Halve(), halve)
    optimizer.load_state_dict(FullBatch([weight(1.0)], Halve(), halve).state_dict())
    optimizer.step(lambda: w)
    assert optimizer.state[w]["count"] == 1


def test_the_rate_of_the_groups_is_told_to_rules_that_have_one() -> None:
    one, two, told = weight(1.0), weight(1.0, 1.0), []

    def note(rule: Any, objective: Objective, start: Point, memory: dict[str, Any]) -> Any:
        told.append(memory.get("lr"))
        return start, {}

    groups = [{"params": [one]}, {"params": [two], "lr": 0.125}]
    for rule in (Halve(), Rated()):
        optimizer = FullBatch([one, two], rule, note, lr=0.25)
        optimizer.step(lambda: torch.cat([one, two]))
        assert "lr" not in optimizer.state[one]
    FullBatch(groups, Rated(), note, lr=0.25).step(lambda: torch.cat([one, two]))
    assert told[:2] == [None, 0.25]
    assert told[2].tolist() == [0.25, 0.125, 0.125]


def test_a_scheduler_of_torch_moves_the_rate() -> None:
    w = weight(1.0)
    optimizer = FullBatch([w], Rated(), halve, lr=0.5)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step(lambda: w)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.25
