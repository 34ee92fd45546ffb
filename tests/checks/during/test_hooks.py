"""What a watch hangs on the user's objects: all of it comes off, none of it goes along, nothing of it stops a loop."""

from __future__ import annotations

import copy
import gc
import io
import weakref
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks import watch
from netwright.checks.during.tape import looked_at

CROSS = nn.CrossEntropyLoss()


def hooks_of(module: nn.Module) -> list[Any]:
    """All hooks of a module and its parts."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    hooks = [hook for part in module.modules() for kind in kinds for hook in getattr(part, kind).values()]
    return [*hooks, *(vars(part)["_compiled_call_impl"] for part in module.modules() if _is_heard(part))]


def _is_heard(module: nn.Module) -> bool:
    return "_compiled_call_impl" in vars(module)


def hooks_of_updates(optimizer: torch.optim.Optimizer) -> list[Any]:
    """All hooks of an optimizer."""
    return [*optimizer._optimizer_step_pre_hooks.values(), *optimizer._optimizer_step_post_hooks.values()]


@pytest.fixture
def program(net: Any, adam: Any, rows: Any) -> Any:
    """A module, its optimizer, rows, and a function that makes some steps."""
    module = net(6, 12, 3)
    optimizer, loss, (X, y) = adam(module), nn.CrossEntropyLoss(), rows(40)

    def steps(n: int) -> None:
        for _ in range(n):
            optimizer.zero_grad()
            loss(module(X), y).backward()
            optimizer.step()

    return module, optimizer, loss, steps


@pytest.mark.parametrize("steps", [0, 1, 4, 12, 15, 21])
def test_nothing_stays_after_it(steps: int, program: Any) -> None:
    module, optimizer, loss, run = program
    with watch(module, optimizer, loss):
        run(steps)
        assert hooks_of(module)
        assert hooks_of_updates(optimizer)
    assert not hooks_of(module)
    assert not hooks_of(loss)
    assert not hooks_of_updates(optimizer)
    assert all(not p._backward_hooks for p in module.parameters())


def test_a_step_that_is_not_looked_at_has_few_hooks(program: Any) -> None:
    module, optimizer, loss, run = program
    with watch(module, optimizer, loss) as watching:
        run(400)
        assert not looked_at(watching.tape.steps)
        run(1)
        assert len(hooks_of(module)) == 1
        assert not hooks_of(loss)
        assert len(hooks_of_updates(optimizer)) == 1


@pytest.mark.parametrize("after", [0, 2, 20])
@pytest.mark.parametrize("where", ["pass", "loss", "update"])
def test_an_exception_of_the_loop_comes_through(after: int, where: str, program: Any) -> None:
    module, optimizer, loss, run = program

    def fail(*_: Any) -> None:
        raise KeyError("mine")

    def loop(watching: Any) -> Any:
        with watching:
            run(after)
            place = {"pass": module[1].register_forward_hook, "loss": loss.register_forward_hook}
            handles.append(place.get(where, optimizer.register_step_pre_hook)(fail))
            run(1)

    watching, handles = watch(module, optimizer, loss), []
    with pytest.raises(KeyError, match="mine"):
        loop(watching)
    handles[0].remove()
    assert not hooks_of(module)
    assert not hooks_of_updates(optimizer)
    assert not hooks_of(loss)
    assert watching.tape.steps == after
    assert not watching.tape.trouble


def test_a_loop_goes_on_after_an_exception_in_a_pass(program: Any, rows: Any) -> None:
    module, optimizer, loss, run = program
    with watch(module, optimizer, loss) as watching:
        for _ in range(3):
            with pytest.raises(RuntimeError, match="shapes"):
                module(torch.ones(2, 9))
            run(2)
    assert watching.tape.steps == 6
    assert not watching.tape.trouble


def test_what_fails_in_a_look_does_not_stop_the_loop(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module, optimizer, loss, run = program
    with watch(module, optimizer, loss) as watching:
        run(1)
        monkeypatch.setattr(watching._hooks.closer, "before_update", lambda optimizer: 1 / 0)
        run(30)
    assert watching.tape.steps == 31
    assert len(watching.tape.values()) == 31
    assert watching.tape.trouble == "ZeroDivisionError: division by zero"
    (note,) = [each for each in watching.diagnosis.notes if each.code == "not-examined"]
    assert "ZeroDivisionError" in note.seen


def test_a_copy_of_a_watched_module_hears_nothing(program: Any) -> None:
    module, optimizer, loss, run = program
    with watch(module, optimizer, loss) as watching:
        run(2)
        best = copy.deepcopy(module)
        stream = io.BytesIO()
        torch.save(module, stream)
        stream.seek(0)
        loaded = torch.load(stream, weights_only=False)
        before = watching.tape.steps, watching.tape.held, len(watching.tape.batches)
        for other in (best, loaded):
            with torch.no_grad():
                other(torch.ones(2, 6))
            other(torch.ones(2, 6))
            assert all("netwright.checks.during.hooks" not in str(type(hook)) for hook in hooks_of(other))
        run(1)
        assert watching.tape.steps == before[0] + 1
        assert watching.tape.held == before[1]
        assert len(watching.tape.batches) == before[2] + 1
    assert best[0].weight.shape == loaded[0].weight.shape


def test_no_graph_and_no_activation_is_kept_alive(net: Any, adam: Any, rows: Any) -> None:
    X, y = rows(40)
    module, kept = net(6, 12, 3), []
    module[1].register_forward_hook(lambda layer, inputs, output: kept.append(weakref.ref(output)))
    for loss in (CROSS, functional.cross_entropy, None):
        optimizer = adam(module)
        with watch(module, optimizer, loss):
            for _ in range(30):
                optimizer.zero_grad()
                value = (loss or functional.cross_entropy)(module(X), y)
                value.backward()
                optimizer.step()
                graph = weakref.ref(value)
                del value
                gc.collect(0)
                assert graph() is None
                assert kept[-1]() is None


def test_the_users_objects_are_let_go(net: Any, adam: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    optimizer = adam(module)
    with watch(module, optimizer, CROSS) as watching:
        for part in X.split(10):
            optimizer.zero_grad()
            CROSS(module(part), y[:10]).backward()
            optimizer.step()
    losses = watching.tape.losses
    assert all(isinstance(each, float) for each in losses)
    assert all(not part.requires_grad for batch in watching.tape.batches for part in batch.inputs)
    assert watching._hooks.entrance.inputs == ()


def test_a_buffer_that_is_filled_anew_each_step(net: Any, adam: Any, rows: Any) -> None:
    X, y = rows(40)
    module, buffer = net(6, 12, 3), torch.empty(10, 6)
    optimizer = adam(module)
    with watch(module, optimizer, CROSS) as watching:
        for part, labels in zip(X.split(10), y.split(10), strict=True):
            buffer.copy_(part)
            optimizer.zero_grad()
            CROSS(module(buffer), labels).backward()
            optimizer.step()
    assert torch.equal(torch.cat([batch.inputs[0] for batch in watching.tape.batches]), X)
    assert torch.equal(torch.cat([batch.target for batch in watching.tape.batches]), y)


def test_a_diagnosis_in_the_middle_of_a_run(program: Any) -> None:
    module, optimizer, loss, run = program
    with watch(module, optimizer, loss) as watching:
        run(12)
        assert watching.diagnosis is watching.diagnosis
        seen = watching.tape.steps, watching.tape.backwards, len(watching.tape.batches)
        assert seen == (12, 12, 12)
        run(3)
        assert watching.tape.steps == 15
    assert not hooks_of(module)


@pytest.mark.parametrize(("around", "kept"), [(False, 5), (True, 0)])
def test_a_mode_that_the_user_enters(around: bool, kept: int, net: Any, adam: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    optimizer = adam(module)
    with watch(module, optimizer, functional.cross_entropy) as watching:
        for _ in range(5):
            optimizer.zero_grad()
            with torch.device("cpu") if around else nullcontext():
                output = module(X)
                with torch.device("meta"):
                    assert torch.ones(1).is_meta
                    value = functional.cross_entropy(output, y)
            with torch.device("meta"):
                value.backward()
                assert torch.ones(1).is_meta
            optimizer.step()
            assert torch.ones(1).device.type == "cpu"
    assert len(watching.tape.batches) == kept


def test_a_device_that_is_set_for_all(net: Any, adam: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    optimizer = adam(module)
    torch.set_default_device("cpu")
    try:
        with watch(module, optimizer, functional.cross_entropy) as watching:
            functional.cross_entropy(module(X), y).backward()
            optimizer.step()
    finally:
        torch.set_default_device(None)
    assert len(watching.tape.batches) == 1


def test_rates_are_written_down_when_they_change(net: Any, rows: Any, train: Any) -> None:
    module = net(6, 12, 3)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5)
    watching = train(module, optimizer, rows(32 * 10), epochs=1, each_batch=schedule.step)
    assert watching.tape.rates == [(0, 0.1), (4, 0.05), (8, 0.025)]
    tensor = torch.optim.Adam(module.parameters(), lr=torch.tensor(0.5), capturable=False)
    watching = train(module, tensor, rows(64), epochs=1, each_batch=lambda: tensor.param_groups[0]["lr"].mul_(0.5))
    assert watching.tape.rates == [(0, 0.5), (1, 0.25)]


def test_several_optimizers_make_one_step(net: Any, adam: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    first, second = adam(module[0]), adam(module[2])
    with watch(module, [first, second], CROSS) as watching:
        for _ in range(12):
            first.zero_grad()
            second.zero_grad()
            CROSS(module(X), y).backward()
            first.step()
            second.step()
    assert watching.tape.steps == 12
    assert all(set(sample.ratios) == {"0.weight", "2.weight"} for sample in watching.tape.samples)


def test_the_line_of_the_loop(train: Any, net: Any, adam: Any, rows: Any) -> None:
    module = net(6, 12, 3)
    watching = train(module, adam(module), rows(40), epochs=1)
    assert watching.tape.line is not None
    assert "conftest.py:" in watching.tape.line


class Tagged(nn.Module):
    """A module with an output that is no tensor alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x: Tensor, *, scale: float = 1.0) -> dict[str, Tensor]:
        return {"logits": self.layer(x) * scale}


def test_a_module_that_is_called_by_name(rows: Any, adam: Any) -> None:
    X, y = rows(40)
    module = Tagged()
    optimizer = adam(module)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(12):
            optimizer.zero_grad()
            CROSS(module(X, scale=2.0)["logits"], y).backward()
            optimizer.step()
    assert watching.tape.steps == 12
    assert not watching.tape.batches
    assert watching.diagnosis.ok


class Stateful(nn.Linear):
    """A layer that gives its attributes as they are to copies and files."""

    def __getstate__(self) -> dict[str, object]:
        return dict(vars(self))


def test_a_copy_that_takes_all_attributes_is_its_own(rows: Any, adam: Any) -> None:
    X, y = rows(40)
    module = Stateful(6, 3)
    optimizer = adam(module)
    with watch(module, optimizer, CROSS) as watching:
        copied = copy.deepcopy(module)
        loaded = io.BytesIO()
        torch.save(module, loaded)
        loaded.seek(0)
        others = [copied, torch.load(loaded, weights_only=False)]
        for other in others:
            nn.init.zeros_(other.weight)
            nn.init.zeros_(other.bias)
            assert not other(X).any()
        assert module(X).any()
        CROSS(module(X), y).backward()
        optimizer.step()
    assert watching.tape.steps == 1
    assert "_compiled_call_impl" not in vars(module)


def test_a_place_that_is_taken(program: Any) -> None:
    module, optimizer, loss, run = program
    own = module._call_impl
    module._compiled_call_impl = lambda *inputs: own(*inputs)
    taken = module._compiled_call_impl
    with watch(module, optimizer, loss) as watching:
        run(20)
    assert module._compiled_call_impl is taken
    assert (watching.tape.steps, len(watching.tape.batches)) == (20, 20)
    assert len(hooks_of(module)) == 1


def test_a_place_that_the_user_takes_meanwhile(program: Any) -> None:
    module, optimizer, loss, run = program
    with watch(module, optimizer, loss) as watching:
        run(3)
        module._compiled_call_impl = taken = module._call_impl
        run(3)
    assert module._compiled_call_impl is taken
    assert watching.tape.steps == 6
    assert not watching.tape.trouble


def test_two_watches_of_one_module(program: Any) -> None:
    module, optimizer, loss, run = program
    with watch(module, optimizer, loss) as outer:
        with watch(module, optimizer, loss) as inner:
            run(6)
        run(6)
    assert (inner.tape.steps, outer.tape.steps) == (6, 12)
    assert (len(inner.tape.batches), len(outer.tape.batches)) == (6, 12)
    assert not hooks_of(module)
    assert not hooks_of(loss)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.parametrize("shell", [False, True])
def test_a_module_that_is_called_compiled(shell: bool, net: Any, adam: Any, rows: Any) -> None:
    X, y = rows(40)
    module = net(6, 12, 3)
    compiled, optimizer = torch.compile(module, backend="eager"), adam(module)
    with watch(compiled if shell else module, optimizer, CROSS) as watching:
        for _ in range(6):
            optimizer.zero_grad()
            CROSS(compiled(X), y).backward()
            optimizer.step()
    assert (watching.tape.steps, len(watching.tape.batches)) == (6, 6)
    assert not watching.tape.trouble
    assert not hooks_of(module)
