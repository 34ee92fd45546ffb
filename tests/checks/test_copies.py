"""Copies to probe on, and random states to probe in."""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset, WeightedRandomSampler

from netwright.checks.copies import plainly, program_copy, quiet, replica, same_generators, unchanged


def states() -> tuple[Any, ...]:
    return random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().tolist()  # type: ignore[index]  # noqa: NPY002


# copies


def test_a_copy_has_the_same_numbers_and_none_of_the_tensors(net: Any) -> None:
    module = net(4, 8, 3)
    (copy,) = replica(module)
    for own, other in zip(module.parameters(), copy.parameters(), strict=True):
        assert torch.equal(own, other)
        assert own.data_ptr() != other.data_ptr()
        assert own.requires_grad == other.requires_grad


def test_optimizers_hold_the_copy(net: Any, adam: Any, draw: Any) -> None:
    module = net(4, 8, 3)
    optimizer = adam(module)
    module(draw(5, 4)).sum().backward()
    optimizer.step()
    copy, (other,) = replica(module, [optimizer])
    held = [p for group in other.param_groups for p in group["params"]]
    assert [id(p) for p in held] == [id(p) for p in copy.parameters()]
    assert [float(other.state[p]["step"]) for p in held] == [1.0] * 4
    assert all(p.grad is None for p in copy.parameters())
    assert all(p.grad is not None for p in module.parameters())


def test_a_step_of_the_copy_moves_nothing_of_the_original(net: Any, adam: Any, draw: Any) -> None:
    module = net(4, 8, 3)
    optimizer = adam(module)
    before = [p.detach().clone() for p in module.parameters()]
    copy, (other,) = replica(module, [optimizer])
    copy(draw(5, 4)).square().sum().backward()
    other.step()
    assert all(torch.equal(p, kept) for p, kept in zip(module.parameters(), before, strict=True))
    assert not optimizer.state
    assert all(p.grad is None for p in module.parameters())


def test_tied_weights_stay_tied() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    module[1].weight = module[0].weight
    (copy,) = replica(module)
    assert copy[0].weight is copy[1].weight
    assert copy[0].weight is not module[0].weight


class Keeps(nn.Module):
    """A module that keeps what it computed, with its graph."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.state: Any = None
        self.all: dict[str, list[Tensor]] = {"kept": []}

    def forward(self, x: Tensor) -> Tensor:
        self.state = self.layer(x)
        self.all["kept"].append(self.state)
        return self.state


def test_tensors_with_a_graph_are_copied_without_it(draw: Any) -> None:
    module = Keeps()
    module(draw(4, 3))
    assert module.state.grad_fn is not None
    (copy,) = replica(module)
    assert copy.state.grad_fn is None
    assert torch.equal(copy.state, module.state)
    assert copy.all["kept"][0] is copy.state
    assert module.state.grad_fn is not None


@pytest.mark.parametrize("last", [nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm])
def test_parametrised_weights_can_be_copied(last: Any, draw: Any) -> None:
    module = last(nn.Linear(3, 2)).eval()
    (copy,) = replica(module)
    x = draw(4, 3)
    assert torch.equal(copy(x), module(x))


def test_modes_hooks_and_buffers_are_copied() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval()
    module[0].train()
    (copy,) = replica(module)
    assert [each.training for each in copy.modules()] == [False, True, False]
    assert copy[1].running_mean.data_ptr() != module[1].running_mean.data_ptr()


@pytest.mark.parametrize("kind", ["LBFGS", "own"])
def test_attributes_of_an_optimizer_are_copied(kind: str, net: Any) -> None:
    module = net(3, 2)
    optimizer = torch.optim.LBFGS(module.parameters()) if kind == "LBFGS" else torch.optim.SGD(module.parameters())
    optimizer.own = 3  # type: ignore[attr-defined]
    _, (other,) = replica(module, [optimizer])
    assert other.own == 3
    other.step(lambda: torch.zeros((), requires_grad=True))


def test_a_rule_round_another_is_copied_with_it(net: Any) -> None:
    module = net(3, 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    optimizer.inner = torch.optim.LBFGS(module.parameters())  # type: ignore[attr-defined]
    optimizer.inner.param_groups = optimizer.param_groups  # type: ignore[attr-defined]
    copy, (other,) = replica(module, [optimizer])
    assert other.inner.param_groups is other.param_groups
    assert other.param_groups[0]["params"][0] is copy[0].weight
    assert other.inner._numel_cache is None


def test_tensors_of_inference_mode_are_copied_as_plain_ones(adam: Any) -> None:
    with torch.inference_mode():
        module = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
        optimizer = adam(module)
    copy, (other,) = replica(module, [optimizer])
    assert not any(tensor.is_inference() for tensor in (*copy.parameters(), *copy.buffers()))
    assert all(p.requires_grad for p in copy.parameters())
    assert other.param_groups[0]["params"][0] is copy[0].weight


def test_modules_without_shapes_are_copied() -> None:
    module = nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d())
    (copy,) = replica(module)
    copy(torch.ones(5, 3))
    assert copy[0].weight.shape == (4, 3)
    assert copy[1].running_mean.shape == (4,)
    assert module[0].has_uninitialized_params()


# losses


class Penalised(nn.Module):
    """A loss with a weight, a buffer and a module that it looks at."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.weight, self.module = nn.Parameter(torch.ones(())), module
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        self.calls += 1
        return self.weight * (z - t).square().mean() + sum(p.square().sum() for p in self.module.parameters())


def test_a_loss_is_copied_with_the_module_that_it_looks_at(net: Any) -> None:
    module = net(3, 2)
    loss = Penalised(module)
    copy, (other,), copied = program_copy(module, [torch.optim.SGD(loss.parameters(), lr=0.1)], loss)
    assert copied.module is copy
    assert {id(p) for p in other.param_groups[0]["params"]} == {id(p) for p in copied.parameters()}
    copied(torch.ones(1, 2), torch.zeros(1, 2)).backward()
    assert float(loss.calls) == 0
    assert all(p.grad is None for p in (*module.parameters(), *loss.parameters()))
    assert all(p.grad is not None for p in copy.parameters())


class Own(nn.Module):
    """A module with a loss of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def loss(self, z: Tensor, t: Tensor) -> Tensor:
        return (z - t).square().mean() + self.layer.weight.square().sum()


class Caller:
    """An object that is called as a loss, and holds more than that."""

    def __init__(self, module: nn.Module, data: Any) -> None:
        self.inner, self.module, self.data = Penalised(module), module, data
        self.calls, self.history, self.scale = 0, [0.0], torch.ones(1)
        self.generator = torch.Generator().manual_seed(1)

    def __call__(self, z: Tensor, t: Tensor) -> Tensor:
        self.calls += 1
        self.history.append(1.0)
        self.scale *= 2
        torch.rand(1, generator=self.generator)
        return self.inner(z, t)  # type: ignore[no-any-return]

    def loss(self, z: Tensor, t: Tensor) -> Tensor:
        return self(z, t)


def test_the_method_of_a_module_is_that_of_its_copy() -> None:
    module = Own()
    copy, _, loss = program_copy(module, [], module.loss)
    assert loss.__self__ is copy
    loss(torch.ones(1, 2), torch.zeros(1, 2)).backward()
    assert module.layer.weight.grad is None


@pytest.mark.parametrize("kind", ["object", "method", "partial"])
def test_objects_that_are_called_are_copied_with_what_they_hold(kind: str, net: Any) -> None:
    module, data = net(3, 2), TensorDataset(torch.ones(2, 3))
    caller = Caller(module, data)
    given = {"object": caller, "method": caller.loss, "partial": partial(Caller.loss, caller)}[kind]
    state = caller.generator.get_state()
    copy, _, loss = program_copy(module, [], given)
    holder = {"object": loss, "method": getattr(loss, "__self__", None), "partial": getattr(loss, "args", [None])[0]}
    assert holder[kind].module is copy
    assert holder[kind].inner.module is copy
    assert holder[kind].data is data
    loss(torch.ones(1, 2), torch.zeros(1, 2))
    assert (caller.calls, caller.history, caller.scale.tolist(), float(caller.inner.calls)) == (0, [0.0], [1.0], 0.0)
    assert torch.equal(caller.generator.get_state(), state)


def test_what_cannot_be_copied_is_the_users_own(net: Any) -> None:
    class Locked(nn.MSELoss):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

    function = lambda z, t: z - t  # noqa: E731
    for loss in (function, torch.nn.functional.mse_loss, torch.dist, Locked()):
        assert program_copy(net(3, 2), [], loss)[2] is loss


INSIDE = nn.BatchNorm1d(2)  # a module that functions refer to by its name


def test_buffers_of_modules_that_a_function_refers_to_are_put_back(net: Any) -> None:
    inside, holder = nn.BatchNorm1d(2), Caller(nn.BatchNorm1d(2), None)
    further = lambda z: inside(z)  # noqa: E731
    losses = {
        "closure": (lambda z, t: inside(z).sum(), inside),
        "default": (lambda z, t, norm=inside: norm(z).sum(), inside),
        "global": (lambda z, t: INSIDE(z).sum(), INSIDE),
        "inner function": (lambda z, t: next(INSIDE(x) for x in [z]).sum(), INSIDE),
        "another function": (lambda z, t: further(z).sum(), inside),
        "holder": (lambda z, t: holder.module(z).sum(), holder.module),
        "partial": (partial(lambda norm, z, t: norm(z).sum(), inside), inside),
    }
    for name, (loss, module) in losses.items():
        before = {key: item.clone() for key, item in module.state_dict().items()}
        with unchanged(loss):
            loss(torch.randn(9, 2), None)
            assert int(module.num_batches_tracked) == 1, name
        for key, item in module.state_dict().items():
            assert torch.equal(item, before[key]), name


# random states


def test_gradients_are_on_inside() -> None:
    weight = torch.ones(1, requires_grad=True)
    with torch.inference_mode(), plainly():
        assert (2 * weight).requires_grad
    with torch.no_grad(), plainly():
        assert (2 * weight).requires_grad
    assert torch.is_grad_enabled()


def test_random_states_are_the_same_inside_and_untouched_outside() -> None:
    before = states()
    with quiet():
        first = (random.random(), float(np.random.rand()), float(torch.rand(())))  # noqa: NPY002
    with quiet():
        second = (random.random(), float(np.random.rand()), float(torch.rand(())))  # noqa: NPY002
    with quiet(1):
        third = (random.random(), float(np.random.rand()), float(torch.rand(())))  # noqa: NPY002
    assert first == second
    assert all(a != b for a, b in zip(first, third, strict=True))
    assert states() == before


def test_random_states_are_put_back_after_an_error() -> None:
    before = states()
    with pytest.raises(RuntimeError), quiet():
        torch.zeros(torch.randint(2, 9, ())) @ torch.zeros(10)
    assert states() == before


def test_one_quiet_place_inside_another() -> None:
    with quiet():
        plain = [float(torch.rand(())), float(torch.rand(()))]
    with quiet():
        nested = [float(torch.rand(()))]
        with quiet(5):
            torch.rand(10)
        nested.append(float(torch.rand(())))
    assert nested == plain


@pytest.mark.parametrize("kind", ["loader", "sampler", "batches", "weights"])
def test_generators_of_loaders_are_put_back(kind: str, draw: Any) -> None:
    rows, generator = TensorDataset(draw(20, 2)), torch.Generator().manual_seed(3)
    random_order = RandomSampler(rows, generator=generator)
    loader: Any = {
        "loader": lambda: DataLoader(rows, batch_size=4, shuffle=True, generator=generator),
        "sampler": lambda: DataLoader(rows, batch_size=4, sampler=random_order),
        "batches": lambda: DataLoader(rows, batch_sampler=BatchSampler(random_order, 4, False)),
        "weights": lambda: DataLoader(
            rows, batch_size=4, sampler=WeightedRandomSampler([1] * 20, 20, generator=generator)
        ),
    }[kind]()
    before = generator.get_state()
    with quiet(), same_generators([loader, loader.sampler, getattr(loader.batch_sampler, "sampler", None), None]):
        list(loader)
        assert not torch.equal(generator.get_state(), before)
    assert torch.equal(generator.get_state(), before)


class Noisy(TensorDataset):
    """Rows with noise of generators that belong to the data set and to a transform of it."""

    def __init__(self, X: Tensor) -> None:
        super().__init__(X)
        self.numpy, self.old, self.python = np.random.default_rng(1), np.random.RandomState(1), random.Random(1)
        self.transforms = [partial(torch.rand, 1), {"noise": Caller(nn.Identity(), None)}]

    def __getitem__(self, row: int) -> Any:
        noise = self.numpy.random() + self.old.rand() + self.python.random()
        noise += float(torch.rand(1, generator=self.transforms[1]["noise"].generator))  # type: ignore[index]
        return self.tensors[0][row] + noise


def test_generators_of_data_sets_and_transforms_are_put_back(draw: Any) -> None:
    loader = DataLoader(Noisy(draw(8, 2)), batch_size=4)
    first = [batch.clone() for batch in loader]
    with same_generators([loader]):
        second = [batch.clone() for batch in loader]
    third = [batch.clone() for batch in loader]
    assert not torch.equal(first[0], second[0])
    assert all(torch.equal(a, b) for a, b in zip(second, third, strict=True))


def test_long_lists_are_not_gone_through(draw: Any) -> None:
    many = [[object() for _ in range(50)] for _ in range(900)]
    begin = time.process_time()
    with same_generators([many]):
        pass
    assert time.process_time() - begin < 1
