"""Copies to probe on, and random states to probe in."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset, WeightedRandomSampler

from netwright.checks.copies import quiet, replica, same_generators


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


# random states


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
