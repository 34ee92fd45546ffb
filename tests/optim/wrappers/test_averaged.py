"""Averages against torch's AveragedModel, the training run's own average, and sums by hand."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.optim import SGD, Adam, Averaged, Clip, LevenbergMarquardt
from netwright.train import Batches, Run, train

RULE = SGD(0.1, momentum=0.9)


def joined(tensors: Any) -> torch.Tensor:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


@pytest.mark.parametrize("decay", [0.3, 0.9, 0.999])
def test_the_bits_of_averaged_model(problem: Any, decay: float) -> None:
    ours, torchs = problem(), problem()
    optimizer, plain = Averaged(RULE, decay).build(ours.parameters), RULE.build(torchs.parameters)
    model = AveragedModel(torchs.module)
    model.update_parameters(torchs.module)  # the first call copies
    for n, batch in enumerate(torchs.batches, start=1):
        ours.train(optimizer, [batch])
        torchs.train(plain, [batch])
        model.multi_avg_fn = get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))
        model.update_parameters(torchs.module)
        assert torch.equal(joined(optimizer.averages), joined(model.parameters()))
        assert torch.equal(ours.vector(), torchs.vector())


def test_the_bits_of_the_average_of_a_run() -> None:
    x = torch.linspace(-1, 1, 64)[:, None]
    runs = []
    for rule, average in ((Adam(0.05), 0.98), (Averaged(Adam(0.05), 0.98), None)):
        layer = torch.nn.utils.skip_init(torch.nn.Linear, 1, 1)
        layer.weight.data, layer.bias.data = torch.tensor([[0.5]]), torch.tensor([-1.0])
        run = Run(layer, lambda z, t, w: (z - t).square().mean(), rule, average=average)
        run.load(Batches((x,), 2 * x + 1, size=16))
        runs.append(train(run, epochs=15))
    ours = runs[1].update
    assert torch.equal(ours.averages[0], runs[0].averaged)
    assert torch.equal(runs[1].raw, runs[0].raw)
    assert torch.equal(runs[1].flat.theta, runs[0].flat.theta)
    ours.swap_averages()
    assert torch.equal(runs[1].module.weight, runs[0].module.weight)


@pytest.mark.parametrize(("begin", "every"), [(1, 1), (4, 1), (3, 3), (12, 1)])
def test_equal_weights_are_a_mean(problem: Any, begin: int, every: int) -> None:
    one = problem(torch.float64)
    optimizer = Averaged(RULE, kind="swa", begin=begin, every=every).build(one.parameters)
    seen = one.train(optimizer)
    mean = torch.stack(seen[begin - 1 :: every]).mean(0)
    torch.testing.assert_close(joined(optimizer.averages), mean, rtol=1e-13, atol=1e-15)


def test_equal_weights_are_those_of_torch(problem: Any) -> None:
    one = problem()
    optimizer = Averaged(RULE, kind="swa").build(one.parameters)
    model = AveragedModel(one.module)
    one.train(optimizer, after=lambda: model.update_parameters(one.module))
    torch.testing.assert_close(joined(optimizer.averages), joined(model.parameters()))


def test_an_exponential_average_that_begins_later_and_is_fed_less_often(problem: Any) -> None:
    one = problem(torch.float64)
    optimizer = Averaged(RULE, 0.9, begin=5, every=2).build(one.parameters)
    seen = one.train(optimizer)
    expected = seen[3]  # the weights before step 5
    for n, weights in enumerate(seen[4::2], start=1):
        keep = min(0.9, (1 + n) / (10 + n))
        expected = keep * expected + (1 - keep) * weights
    torch.testing.assert_close(joined(optimizer.averages), expected, rtol=1e-13, atol=1e-15)


def test_before_it_begins_the_average_is_the_weights(problem: Any) -> None:
    one = problem()
    optimizer = Averaged(RULE, kind="swa", begin=100).build(one.parameters)
    one.train(optimizer)
    assert torch.equal(joined(optimizer.averages), one.vector())
    optimizer.averages[0].zero_()  # a copy
    with optimizer.averaged():
        assert torch.equal(joined(optimizer.averages), one.vector())


def test_swapping_in_and_out(problem: Any) -> None:
    one, undisturbed = problem(), problem()
    optimizer = Averaged(RULE, 0.9).build(one.parameters)
    one.train(optimizer, one.batches[:6])
    raw, average = one.vector(), joined(optimizer.averages)
    assert not torch.equal(raw, average)
    with optimizer.averaged():
        assert optimizer.swapped
        assert torch.equal(one.vector(), average)
        with optimizer.averaged():
            assert torch.equal(one.vector(), average)
        assert torch.equal(one.vector(), average)
        assert torch.equal(joined(optimizer.averages), average)
    assert torch.equal(one.vector(), raw)
    optimizer.swap_averages()
    assert torch.equal(one.vector(), average)
    message = r"Averaged.step: expected the weights in their place, got their averages, swapped in after step 6\. Call "
    with pytest.raises(InvalidParameter, match=message):
        optimizer.step()
    optimizer.swap_averages()
    assert torch.equal(one.vector(), raw)
    one.train(optimizer, one.batches[6:])
    undisturbed.train(Averaged(RULE, 0.9).build(undisturbed.parameters))
    assert torch.equal(one.vector(), undisturbed.vector())


def test_an_error_in_the_block_puts_the_weights_back(problem: Any) -> None:
    one = problem()
    optimizer = Averaged(RULE).build(one.parameters)
    one.train(optimizer)
    raw = one.vector()
    with pytest.raises(KeyError), optimizer.averaged():
        raise KeyError(str(raw.sum()))
    assert torch.equal(one.vector(), raw)


def test_a_run_saved_while_the_averages_are_swapped_in(problem: Any) -> None:
    one, other = problem(), problem()
    optimizer, resumed = (Averaged(RULE).build(each.parameters) for each in (one, other))
    one.train(optimizer, one.batches[:5])
    optimizer.swap_averages()
    other.module.load_state_dict(one.module.state_dict())
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for each, built in ((one, optimizer), (other, resumed)):
        assert built.swapped
        built.swap_averages()
        each.train(built, each.batches[5:])
    assert torch.equal(one.vector(), other.vector())


def test_half_precision_is_averaged_in_single() -> None:
    weight = torch.zeros(1, dtype=torch.bfloat16, requires_grad=True)
    optimizer = Averaged(SGD(1.0), 0.999, begin=1).build([weight])
    expected = 0.0
    for n in range(1, 200):
        weight.grad = torch.full((1,), -1.0 if n == 1 else 0.0, dtype=torch.bfloat16)
        optimizer.step()
        expected += (1 - min(0.999, (1 + n) / (10 + n))) * (1 - expected)
    assert optimizer.averages[0].dtype is torch.float32
    assert optimizer.averages[0].item() == pytest.approx(expected, rel=1e-5)
    with optimizer.averaged():
        assert weight.dtype is torch.bfloat16
        assert weight.item() == pytest.approx(1.0, rel=1e-2)


def test_statistics_of_batch_normalisation_are_taken_anew_as_the_text_says() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
        batches = [torch.randn(16, 3) for _ in range(6)]
    optimizer = Averaged(SGD(0.5), kind="swa").build(module.parameters())
    for batch in batches:
        optimizer.zero_grad()
        (module(batch) - batch.sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()
    with optimizer.averaged():
        torch.optim.swa_utils.update_bn(batches, module)
        expected = torch.stack([module[0](batch).mean(0) for batch in batches]).mean(0)
    torch.testing.assert_close(module[1].running_mean, expected.detach())


def test_round_a_rule_of_curvature(problem: Any) -> None:
    one, plain = problem(torch.float64), problem(torch.float64)
    built = (
        Averaged(LevenbergMarquardt(), kind="swa").build(one.parameters),
        LevenbergMarquardt().build(plain.parameters),
    )
    seen = []
    for each, optimizer in zip((one, plain), built, strict=True):
        x, y = each.batches[0]
        for _ in range(6):
            loss = optimizer.step(lambda: each.loss((x, y)).sqrt()[None])  # noqa: B023
            seen.append(float(loss))
    assert seen[:6] == seen[6:]
    assert torch.equal(one.vector(), plain.vector())
    assert not torch.equal(joined(built[0].averages), one.vector())
    assert built[0].stuck is False  # an attribute of the inner optimizer


def test_the_averages_are_reached_through_other_wrappers(problem: Any) -> None:
    one = problem()
    optimizer = Clip(Averaged(RULE), norm=1.0).build(one.parameters)
    one.train(optimizer)
    assert torch.equal(joined(optimizer.averages), joined(optimizer.inner.averages))
    with optimizer.averaged():
        assert torch.equal(one.vector(), joined(optimizer.averages))
    with pytest.raises(AttributeError, match="avarages"):
        optimizer.avarages  # noqa: B018


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decay": 1}, r"Averaged\(decay\): expected a number in \(0, 1\), got 1"),
        ({"decay": math.nan}, r"Averaged\(decay\): expected a number in \(0, 1\), got nan"),
        ({"kind": "mean"}, r"Averaged\(kind\): expected 'ema' or 'swa', got 'mean'"),
        ({"begin": 0}, r"Averaged\(begin\): expected an integer >= 1, got 0"),
        ({"every": 0.5}, r"Averaged\(every\): expected an integer >= 1, got 0.5"),
        (
            {"kind": "swa", "decay": 0.9},
            r'Averaged\(decay\): expected no decay with kind="swa", .* got 0.9. Leave it out',
        ),
    ],
)
def test_options_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        Averaged(Adam(), **options)


def test_in_a_text() -> None:
    assert nw.optim.Averaged(Adam(0.01)) == eval("Averaged(Adam(0.01))", vars(nw.optim))
