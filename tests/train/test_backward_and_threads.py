"""The direct backward pass equals torch's; threads follow the work and are put back."""

import pytest
import torch

from netwright.optim import SGD
from netwright.train import Batches, Run, train
from netwright.train.backward import backward
from netwright.train.threads import limited_threads

pytestmark = pytest.mark.touches_rng


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_backward_is_torchs(dtype):
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).to(dtype)
    x = torch.rand(5, 4, dtype=dtype)
    module(x).square().mean().backward()
    expected = [p.grad.clone() for p in module.parameters()]
    module.zero_grad()
    for times in (1, 2):  # it adds up
        backward(module(x).square().mean())
        for p, grad in zip(module.parameters(), expected, strict=True):
            torch.testing.assert_close(p.grad, times * grad)


def test_backward_of_no_scalar_and_of_no_leaf_fail_as_in_torch():
    with pytest.raises(RuntimeError, match="scalar"):
        backward(torch.ones(2, requires_grad=True) * 2)
    with pytest.raises(RuntimeError, match="does not require grad"):
        backward(torch.ones(()))


def test_without_the_engine_it_is_the_method(monkeypatch):
    monkeypatch.setattr("netwright.train.backward._engine", None)
    w = torch.tensor(3.0, requires_grad=True)
    backward(w * w)
    assert w.grad == 6


def test_threads_are_limited_and_put_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen = []
    try:
        with limited_threads(1_000_000):
            seen.append(torch.get_num_threads())
        with pytest.raises(KeyError), limited_threads(1):
            raise KeyError
        seen.append(torch.get_num_threads())
        x = torch.linspace(-1, 1, 32)[:, None]
        run = Run(torch.nn.Linear(1, 1), lambda z, t, w: (z - t).square().mean(), SGD(0.1), macs=1)
        run.load(Batches((x,), x, size=8))
        train(run, 1, [lambda run: seen.append(torch.get_num_threads())])
        assert run.work == 8
        seen.append(torch.get_num_threads())
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 2, 1, 2]
