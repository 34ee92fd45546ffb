"""Chains of chains are spread out, and compute the same."""

import pytest
import torch

from netwright.layers import Concat, Identity, Input, ReLU, Softmax
from netwright.train.straight import straight

pytestmark = pytest.mark.touches_rng


def test_leaves_are_shared_and_the_output_is_the_same():
    module = (Input(5) >> ReLU(4) >> (Identity() | ReLU(3)) >> Concat() >> Softmax(2)).build()
    flat = straight(module)
    x = torch.rand(3, 5)
    assert torch.equal(flat(x), module(x))
    assert [p.data_ptr() for p in flat.parameters()] == [p.data_ptr() for p in module.parameters()]
    assert all(type(child) is not torch.nn.Sequential for child in flat.children())


def test_containers_with_hooks_and_other_modules_stay():
    called = []
    inner = torch.nn.Sequential(torch.nn.Tanh())
    inner.register_forward_hook(lambda *args: called.append(1))
    straight(torch.nn.Sequential(inner))(torch.zeros(1))
    assert called == [1]
    linear = torch.nn.Linear(2, 2)
    assert straight(linear) is linear


def test_a_module_used_twice_runs_twice():
    twice = torch.nn.Linear(2, 2)
    module = torch.nn.Sequential(torch.nn.Sequential(twice, torch.nn.ReLU()), twice)
    x = torch.rand(3, 2)
    assert torch.equal(straight(module)(x), module(x))
