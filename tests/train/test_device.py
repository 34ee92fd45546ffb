"""Parts of batches for several processes, and what an option `devices` may be."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter
from netwright.optim import SGD
from netwright.train import Batches, Devices, Group, Precision, Run


@given(n=st.integers(1, 40), size=st.integers(1, 7), batch=st.integers(1, 12), weighted=st.booleans())
def test_parts_of_a_batch_are_the_batch(n, size, batch, weighted):
    weight = torch.arange(n) + 1.0 if weighted else None
    batches = Batches((torch.arange(n)[:, None], torch.arange(n) + 100), torch.arange(n), weight, batch, seed=3)
    whole = list(batches(2))
    groups = [Group(rank, size) for rank in range(size)]
    streams = [group.parts(batches(2)) for group in groups]
    for (one, other), target, weights in whole:
        got = [next(stream) for stream in streams]
        shares = [group.share for group in groups]
        assert sum(shares) == pytest.approx(1)
        mine = [part for part, share in zip(got, shares, strict=True) if share]
        assert torch.equal(torch.cat([part[0][0] for part in mine]), one)
        assert torch.equal(torch.cat([part[0][1] for part in mine]), other)
        assert torch.equal(torch.cat([part[1] for part in mine]), target)
        assert weighted == (weights is not None)
        if weighted:
            assert torch.equal(torch.cat([part[2] for part in mine]), weights)
        assert all(len(part[1]) for part in got)  # nobody stands aside
        assert shares == [len(part[1]) / len(target) if share else 0 for part, share in zip(got, shares, strict=True)]


def test_shares_count_what_counts():
    targets = torch.tensor([[1, 2, -100], [3, -100, -100], [4, 5, 6], [7, -100, -100]])
    group = Group(1, 2)
    parts = group.parts([((targets,), targets, None)], lambda target: int((target != -100).sum()))
    ((_, target, _),) = parts
    assert torch.equal(target, targets[2:])
    assert group.share == 4 / 7


def test_several_targets_are_cut_alike():
    group = Group(0, 2)
    batch = (torch.arange(5),), (torch.arange(5), torch.arange(10).view(5, 2)), None
    ((inputs, target, _),) = group.parts([batch])
    assert [len(part) for part in (*inputs, *target)] == [2, 2, 2]


def test_one_process_pays_nothing():
    alone, tensor = Group.alone, torch.ones(3)
    assert (alone.leads, alone.several) == (True, False)
    assert (alone.collected(4), alone.same("a")) == ([4], "a")
    assert alone.add_up(tensor) is tensor
    assert alone.gathered(tensor) is tensor
    assert alone.agree(True)
    assert not alone.agree(False)
    assert alone.place(torch.device("cuda")) == torch.device("cuda")
    assert alone.range_of(10**6) is None


def test_held_out_rows_are_shared_where_there_are_enough():
    ranges = [Group(rank, 3).range_of(1000) for rank in range(3)]
    assert ranges == [(0, 333), (333, 666), (666, 1000)]
    assert Group(0, 3).range_of(20) is None
    assert Group(0, 3, sharded=True).range_of(1000) is None  # all processes have to make the same passes


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": "all"}, {"timeout": 0}, {"sharded": 1}])
def test_devices_that_cannot_be(wrong):
    with pytest.raises(InvalidParameter, match=f"Devices.*{next(iter(wrong))}"):
        Devices(**wrong)


def test_a_part_without_a_target_adds_nothing():
    with torch.random.fork_rng():
        network = torch.nn.Linear(2, 3)
        run = Run(network, lambda z, t, w: torch.nn.functional.cross_entropy(z, t), SGD(0.1))
    group = Group(0, 2)
    group.add_up = lambda tensor: tensor  # as if the other process had nothing
    group.share = 0.0
    run.precision = Precision(group=group)
    loss = run.backward(run.objective(network(torch.ones(1, 2)), torch.tensor([-100]), None))
    assert loss == 0
    assert torch.equal(run.flat.gradient, torch.zeros_like(run.flat.gradient))
    group.share = 0.25
    loss = run.backward(run.objective(network(torch.ones(1, 2)), torch.tensor([1]), None))
    assert loss > 0
    assert run.flat.gradient.norm() > 0
