"""What is compared with what: only where that is proved a batch is kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks import watch
from netwright.checks.during.passes import Given, TargetSeen, Way, scale, way_of

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


# the way from the output to what the loss is given


def test_the_output_itself() -> None:
    output = torch.randn(4, 3)
    assert way_of(output, output, 4) == Way()
    pair = (output, torch.ones(4))
    assert way_of(pair, pair, 4) == Way()
    assert way_of(pair, (pair[0], pair[1]), 4) == Way()
    assert way_of(pair, (pair[1], pair[0]), 4) is None


def test_a_part_of_the_output() -> None:
    output = {"logits": torch.randn(4, 3), "hidden": [torch.randn(4, 2), torch.randn(4, 5)]}
    way = way_of(output, output["hidden"][1], 4)
    assert way == Way(("hidden", 1))
    assert way.compared(output) is output["hidden"][1]


@pytest.mark.parametrize("rows", [4, 6])
def test_the_output_in_another_shape(rows: int) -> None:
    column, steps = torch.randn(4, 1), torch.randn(4, 5, 3)
    way = way_of(column, column.squeeze(1), 4)
    assert way is not None
    assert torch.equal(way.compared(torch.arange(rows).reshape(rows, 1)), torch.arange(rows))
    joined = way_of(steps, steps.reshape(-1, 3), 4)
    assert joined is not None
    assert joined.joined
    other = torch.randn(rows, 7, 3)
    assert torch.equal(joined.compared(other), other.reshape(-1, 3))


def test_what_is_computed_from_the_output_has_no_way() -> None:
    output = torch.randn(4, 5, 3)
    assert way_of(output, output.softmax(1), 4) is None
    assert way_of(output, output.transpose(1, 2), 4) is None
    assert way_of(output, output.reshape(4, 15).roll(1, 1), 4) is None
    assert way_of(torch.randn(4, 3), [output], 4) is None


def test_a_loss_by_a_way() -> None:
    output, target = torch.randn(4, 5, 3), torch.randint(0, 3, (4, 5))
    way = Way((), (3,), joined=True)
    assert torch.equal(way.loss(CROSS)(output, target), CROSS(output.reshape(-1, 3), target.reshape(-1)))
    assert isinstance(way.loss(CROSS), Given)
    assert Way().loss(CROSS) is CROSS


# the target of a loss that is a function


def seen(loss: Any, output: Tensor) -> TargetSeen:
    """What is seen of a loss of an output."""
    mode = TargetSeen(output)
    with mode:
        loss(output)
    return mode


def test_the_tensor_that_the_output_is_compared_with() -> None:
    output, target = torch.randn(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 0])
    mode = seen(lambda z: functional.cross_entropy(z, target), output)
    assert mode.found[0][0] is output
    assert mode.found[0][1] is target
    assert mode.used
    column, numbers = torch.randn(4, 1, requires_grad=True), torch.randn(4)
    assert seen(lambda z: (z.squeeze(1) - numbers).square().mean(), column).found[0][1] is numbers
    assert seen(lambda z: ((numbers - z[:, 0]) ** 2).mean(), column).found[0][1] is numbers


def test_an_output_that_nobody_uses() -> None:
    mode = seen(lambda z: torch.ones(3).sum(), torch.randn(4, 3))
    assert not mode.used
    assert not mode.found
    assert not seen(lambda z: (z.shape, z.device), torch.randn(4, 3)).used


@pytest.mark.parametrize(
    ("factor", "power"), [(65536.0, 65536.0), (32.0, 32.0), (8.0, 1.0), (1.0, 1.0), (20.0, 1.0), (-64.0, 1.0)]
)
def test_the_scale_of_mixed_precision(factor: float, power: float) -> None:
    assert scale(factor) == power
    assert scale(float("inf")) == scale(float("nan")) == 1.0


# which loops are plain


def loop(module: nn.Module, loss: Any, X: Any, value: Any, steps: int = 6, given: Any = "same") -> Any:
    """A watch over a loop whose loss is ``value(module, X)``."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    with watch(module, optimizer, loss if given == "same" else given) as watching:
        for _ in range(steps):
            optimizer.zero_grad()
            value(module, X).backward()
            optimizer.step()
    return watching


@pytest.fixture
def data(rows: Any) -> tuple[Tensor, Tensor]:
    X, y = rows(24)
    return X, y


@pytest.mark.parametrize("loss", [CROSS, functional.cross_entropy, lambda z, t: functional.cross_entropy(z, t)])
def test_the_loss_of_output_and_target_is_plain(loss: Any, data: Any, net: Any) -> None:
    X, y = data
    watching = loop(net(6, 8, 3), loss, X, lambda m, x: loss(m(x), y))
    assert watching._watched.plain
    assert watching.tape.batch_steps == list(range(6))
    assert all(torch.equal(batch.target, y) for batch in watching.tape.batches)
    assert watching.tape.factors == [pytest.approx(1.0)] * (6 if loss is CROSS else 5)


def test_a_module_that_is_not_the_one_that_is_called(data: Any, net: Any) -> None:
    X, y = data
    watching = loop(net(6, 8, 3), None, X, lambda m, x: functional.cross_entropy(m(x), y), given=nn.CrossEntropyLoss())
    assert watching._watched.plain
    assert len(watching.tape.batches) == 6


@pytest.mark.parametrize("times", [0.25, 1 / 3, -1.0, 1024.0])
@pytest.mark.parametrize("loss", [CROSS, functional.cross_entropy])
def test_a_multiple_of_it_is_plain(times: float, loss: Any, data: Any, net: Any) -> None:
    X, y = data
    watching = loop(net(6, 8, 3), loss, X, lambda m, x: times * loss(m(x), y))
    assert watching._watched.plain
    assert watching.tape.factors[:3] == [pytest.approx(times, rel=1e-4)] * 3


def test_the_loss_is_read_without_the_scale_of_mixed_precision(data: Any, net: Any) -> None:
    X, y = data
    for loss in (CROSS, functional.cross_entropy):
        module = net(6, 8, 3)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
        with watch(module, optimizer, loss) as watching:
            for step in range(40):
                power = torch.tensor(2.0**16 if step < 20 else 2.0**15)
                optimizer.zero_grad()
                (loss(module(X), y) * power).backward()
                for parameter in module.parameters():
                    parameter.grad /= power
                optimizer.step()
        assert watching._watched.plain
        assert all(0.9 < value < 1.3 for value in watching.tape.values())
        assert all(sample.made == pytest.approx(sample.used, rel=1e-4) for sample in watching.tape.samples)


def test_a_shape_of_the_loop_goes_into_its_program(draw: Any, net: Any) -> None:
    X = draw(24, 6)
    y = X[:, 0] * X[:, 1]
    for loss in (SQUARES, functional.mse_loss):
        watching = loop(net(6, 8, 1), loss, X, lambda m, x, loss=loss: loss(m(x).squeeze(1), y))
        watched = watching._watched
        watching.diagnosis  # noqa: B018
        assert watched.way == Way((), ())
        context = watched.context()
        assert context is not None
        assert context.kind == "squares"
        assert "broadcast" not in watching.diagnosis.codes


def test_steps_of_sequences_are_joined(draw: Any, formula: Any) -> None:
    X = draw(8, 5, 2)
    y = (X.sum(-1) > 0).long()
    module = formula(
        lambda m, x: (m.head(m.body(x)[0]), None), body=nn.GRU(2, 6, batch_first=True), head=nn.Linear(6, 2)
    )
    value = lambda m, x: CROSS(m(x)[0].reshape(-1, 2), y.reshape(-1))  # noqa: E731
    watching = loop(module, CROSS, X, value)
    assert watching.tape.batches[0].target.shape == (8, 5)
    assert watching._hooks.training.way == Way((0,), (2,), joined=True)
    watching.diagnosis  # noqa: B018
    context = watching._watched.context()
    assert context is not None
    assert context.start == pytest.approx(watching.tape.values()[0], rel=0.5)


@pytest.mark.parametrize(
    "value",
    [
        lambda m, x, y: CROSS(m(x), y) + CROSS(m(x.flip(1)), y),
        lambda m, x, y: CROSS(m(x).softmax(1), y),
        lambda m, x, y: CROSS(m(x), y) + CROSS(m[0](x)[:, :3], y),
        lambda m, x, y: CROSS(functional.normalize(m(x)) @ functional.normalize(m(x + 0.1)).T, torch.arange(len(x))),
        lambda m, x, y: m(x).square().mean(),
        lambda m, x, y: CROSS(m(x)[:12], y[:12]),
    ],
    ids=["two passes", "softmax between", "two losses", "contrast", "no target", "half of the rows"],
)
@pytest.mark.parametrize("given", [CROSS, functional.cross_entropy])
def test_what_is_more_than_that_is_not_plain(value: Any, given: Any, data: Any, net: Any) -> None:
    X, y = data
    watching = loop(net(6, 8, 3), None, X, lambda m, x: value(m, x, y), given=given, steps=20)
    assert not watching._watched.plain
    assert watching._watched.context() is None
    assert len(watching.tape.values()) == 20


def test_a_penalty_of_the_loop_is_seen_in_what_goes_backward(data: Any, net: Any) -> None:
    X, y = data
    value = lambda m, x: CROSS(m(x), y) + sum(p.square().sum() for p in m.parameters())  # noqa: E731
    watching = loop(net(6, 8, 3), CROSS, X, value)
    assert min(watching.tape.factors) > 2


def test_the_loss_of_another_network_is_not_its_own(data: Any, net: Any, adam: Any) -> None:
    X, y = data
    module, critic = net(6, 8, 3), net(6, 8, 3)
    ours, theirs = adam(module), adam(critic)
    with watch(module, ours, CROSS) as watching:
        for _ in range(12):
            theirs.zero_grad()
            CROSS(critic(X), y).backward()
            theirs.step()
            ours.zero_grad()
            value = CROSS(module(X), y)
            value.backward()
            ours.step()
    assert watching.tape.steps == 12
    assert watching.tape.values()[-1] == value.item()


def test_held_out_batches(data: Any, net: Any, adam: Any) -> None:
    X, y = data
    module = net(6, 8, 3)
    optimizer = adam(module)
    for loss in (CROSS, functional.cross_entropy):
        with watch(module, optimizer, loss) as watching:
            for _ in range(3):
                optimizer.zero_grad()
                loss(module(X), y).backward()
                optimizer.step()
                with torch.no_grad():
                    output = module(X[:10])
                    loss(output, y[:10])
        tape = watching.tape
        assert tape.held_steps == [1, 2, 3]
        assert torch.equal(tape.held_outputs[2], output)
        assert all(torch.equal(batch.target, y[:10]) for batch in tape.held_batches)
