"""Range tests of torch programs: rates that are known exactly, everything given back, and what is refused."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.train import range_test
from netwright.train.borrowed import borrowed
from netwright.train.lr_finder import at_rate


class Bowl(nn.Module):
    """Parameters whose loss is ``sum(curvature * w^2) / 2 + offset``."""

    def __init__(self, *curvature: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(len(curvature), dtype=torch.float64))
        self.curvature = torch.tensor(curvature, dtype=torch.float64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.curvature * self.w.square()).sum() / 2 + x.sum()


def value(output: torch.Tensor, target: Any) -> torch.Tensor:
    return output


ZERO = [(torch.zeros(1, dtype=torch.float64), torch.zeros(1))]


def noisy_network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))


def some_batches(n: int = 5) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    x = [torch.randn(16, 4, generator=generator) for _ in range(n)]
    return [(each, torch.stack([each[:, 0], each[:, 1] * each[:, 2]], dim=1)) for each in x]


# a bowl: gradient descent contracts below 2 / L and blows up above it


@pytest.mark.parametrize("curvature", [(0.5,), (40.0,), (7.0, 0.3), (100.0, 1.0, 0.01)])
def test_a_bowl_grows_beyond_two_over_its_curvature(curvature: tuple[float, ...]) -> None:
    found = range_test(Bowl(*curvature), value, nw.optim.SGD(), ZERO, low=1e-4, high=100, steps=200, limit=1e9)
    edge = int(np.searchsorted(found.rates, 2 / max(curvature)))  # the first step that grows the steepest direction
    w, losses = np.ones(len(curvature)), []
    for rate in found.rates:
        losses.append((np.array(curvature) * w**2).sum() / 2)
        w = w * (1 - rate * np.array(curvature))
    np.testing.assert_allclose(found.losses, losses, rtol=1e-9)
    assert (np.diff(found.losses[: edge + 1]) < 0).all()
    if len(curvature) == 1:
        assert found.losses.argmin() == edge
        assert found.losses[edge + 1] > found.losses[edge]


def test_the_ramp_ends_soon_after_the_edge() -> None:
    bowl = [(torch.ones(1, dtype=torch.float64), None)]  # an offset of 1: the best loss is not 0
    found = range_test(Bowl(10.0), value, nw.optim.SGD(), bowl, low=1e-4, high=100, steps=200, smoothing=0.0)
    assert found.diverged_at is not None
    assert 0.2 < found.diverged_at < 2.0
    assert len(found.rates) < 200
    assert found.losses[-1] > 4.0 * found.losses.min() >= 4.0
    assert found.losses[:-1].max() <= found.losses[0]
    assert found.suggestion is not None
    assert found.suggestion < 0.2


def test_it_ends_at_a_loss_that_is_not_finite() -> None:
    def broken(output: torch.Tensor, target: Any) -> torch.Tensor:
        return output / (output.detach() > 1e-3)

    bowl = Bowl(1.0)
    found = range_test(bowl, broken, nw.optim.SGD(), ZERO, low=1e-3, high=10)
    assert found.diverged_at is not None
    assert np.isfinite(found.losses).all()
    assert found.diverged_at > found.rates[-1]
    assert bowl.w.tolist() == [1.0]


def test_a_gradient_that_a_rule_refuses_ends_it() -> None:
    def steep(output: torch.Tensor, target: Any) -> torch.Tensor:  # its gradient is NaN below 0.1
        return output + (0.0 if output > 0.1 else (0 * output).sqrt())

    clipped = nw.optim.Clip(nw.optim.SGD(), norm=1e9)
    found = range_test(Bowl(1.0), steep, clipped, ZERO, low=1e-3, high=10)
    assert found.diverged_at == found.rates[-1] < 10
    with pytest.raises(InvalidData, match="Clip"):
        range_test(Bowl(1.0), lambda output, target: (0 * output).sqrt(), clipped, ZERO)


def test_rates_losses_and_their_mean() -> None:
    found = range_test(noisy_network(), mse_loss, nw.optim.Adam(), some_batches(), low=1e-5, high=0.1, steps=41)
    np.testing.assert_allclose(found.rates, 1e-5 * 1e4 ** (np.arange(41) / 40))
    weights = [0.9 ** np.arange(i, -1, -1) for i in range(41)]
    assert found.baseline is not None
    assert found.baseline[0] == found.losses[0]
    gained = found.losses - found.baseline
    expected = found.baseline.mean() + [(w * gained[: i + 1]).sum() / w.sum() for i, w in enumerate(weights)]
    np.testing.assert_allclose(found.smoothed, expected, rtol=1e-12)
    frame = found.to_frame()
    assert list(frame) == ["learning_rate", "loss", "baseline", "smoothed"]
    assert frame["loss"].tolist() == found.losses.tolist()


# everything is given back


def bits(thing: Any) -> Any:
    """A nesting of tensors and plain things as something that compares."""
    if isinstance(thing, torch.Tensor):
        return (thing.dtype, tuple(thing.shape), thing.detach().numpy().tobytes())
    if isinstance(thing, dict):
        return {key if not isinstance(key, torch.Tensor) else id(key): bits(item) for key, item in thing.items()}
    return [bits(item) for item in thing] if isinstance(thing, (list, tuple)) else thing


def state_of(module: nn.Module, optimizer: torch.optim.Optimizer) -> Any:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    gradients = [(id(p.grad), bits(p.grad)) for p in module.parameters()]
    modes = [part.training for part in module.modules()]
    objects = [id(t) for t in (*module.parameters(), *module.buffers())]
    random_states = (python, numpy[1].tobytes(), bits(torch.get_rng_state()))  # type: ignore[union-attr]
    optimal = bits(dict(optimizer.state)), bits(optimizer.param_groups), bits(optimizer.state_dict())
    optimal += (sorted(vars(optimizer)),)
    return bits(module.state_dict()), gradients, modes, objects, random_states, optimal


def train_a_little(module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    with torch.random.fork_rng(devices=[]):
        for x, y in some_batches(2):
            optimizer.zero_grad()
            mse_loss(module(x), y).backward()
            optimizer.step()


def of(rule: Any) -> Any:
    return lambda named, lr: rule.build(list(named))


WRAPPED = nw.optim.Lookahead(nw.optim.Accumulate(nw.optim.Averaged(nw.optim.Adam()), steps=2), every=2)
KINDS = [
    lambda named, lr: torch.optim.SGD([p for _, p in named], lr=lr, momentum=0.9),
    lambda named, lr: torch.optim.Adam([p for _, p in named], lr=lr),
    of(nw.optim.RMSprop(momentum=0.9)),
    of(WRAPPED),
    of(nw.optim.LayerRates(nw.optim.SGD(0.1), {"0": 0.1})),
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", [True, False])
def test_module_optimizer_and_random_states_are_as_before(kind: Any, mode: bool) -> None:
    module = noisy_network()
    optimizer = kind(module.named_parameters(), lr=0.01)
    train_a_little(module, optimizer)
    module.train(mode)
    module[1].eval()
    before = state_of(module, optimizer)
    found = range_test(module, mse_loss, optimizer, some_batches(), high=100)
    assert found.suggestion is not None
    assert state_of(module, optimizer) == before
    twin = copy.deepcopy((module, optimizer))  # and both go on alike
    train_a_little(module, optimizer)
    train_a_little(*twin)
    assert bits(module.state_dict()) == bits(twin[0].state_dict())


def test_a_torch_schedule_is_as_before() -> None:
    module = noisy_network()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    before = state_of(module, optimizer)
    range_test(module, mse_loss, optimizer, some_batches())
    assert state_of(module, optimizer) == before
    assert schedule.get_last_lr() == [0.1]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_they_are_as_before_after_an_error(error: type[BaseException]) -> None:
    module = noisy_network()
    optimizer = torch.optim.Adam(module.parameters())
    train_a_little(module, optimizer)
    before = state_of(module, optimizer)

    def stumbling() -> Iterator[Any]:
        yield from some_batches()
        raise error("stop")

    with pytest.raises(error, match="stop"):
        range_test(module, mse_loss, optimizer, stumbling())
    assert state_of(module, optimizer) == before


def test_a_rule_leaves_nothing_behind() -> None:
    module = noisy_network()
    before = bits(module.state_dict())
    range_test(module, mse_loss, nw.optim.Adam(), some_batches())
    assert bits(module.state_dict()) == before
    assert all(p.grad is None for p in module.parameters())


def test_buffers_that_the_module_replaces_come_back() -> None:
    class Counting(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.count = self.count + 1
            return super().forward(x)

    with torch.random.fork_rng(devices=[]):
        module = Counting(4, 2)
    module.register_buffer("count", torch.zeros(()))
    kept = module.count
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with borrowed(module, optimizer, seed=0):
        module(torch.ones(1, 4))
        assert module.count == 1
    assert module.count is kept
    assert kept == 0


# repetition and batches


@pytest.mark.slow
def test_the_same_seed_gives_the_same_losses() -> None:
    module, x, y = noisy_network(), *(torch.cat(part) for part in zip(*some_batches(), strict=True))
    generator = torch.Generator().manual_seed(3)
    for loader in (
        DataLoader(TensorDataset(x, y), 16, shuffle=True),
        DataLoader(TensorDataset(x, y), 16, shuffle=True, generator=generator),
    ):
        before = generator.get_state()
        first, second = (range_test(module, mse_loss, nw.optim.SGD(), loader) for _ in range(2))
        assert torch.equal(generator.get_state(), before)
        assert first.losses.tolist() == second.losses.tolist()
    other = range_test(module, mse_loss, nw.optim.SGD(), loader, seed=1)
    assert other.losses.tolist() != first.losses.tolist()


def test_short_data_go_round() -> None:
    module, batches = noisy_network(), some_batches(3)
    from_list = range_test(module, mse_loss, nw.optim.SGD(), batches)
    from_iterator = range_test(module, mse_loss, nw.optim.SGD(), iter(batches))
    assert from_list.losses.tolist() == from_iterator.losses.tolist()
    assert len(from_list.losses) > 3


def test_arrays_several_inputs_and_lists() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(()))

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return self.scale * (a + b)

    pair = [[(np.ones(3, np.float32), torch.ones(3)), np.ones(3, np.float32)]]
    assert range_test(Sum(), mse_loss, nw.optim.SGD(), pair).losses[0] == 1.0


@pytest.mark.slow
def test_wrappers_and_names() -> None:
    module, batches = noisy_network(), some_batches()
    plain = range_test(module, mse_loss, nw.optim.SGD(0.3), batches)
    for rule in (
        nw.optim.Clip(nw.optim.SGD(nw.optim.cosine(0.1)), norm=1e9),
        nw.optim.Averaged(nw.optim.SGD()),
        nw.optim.LayerRates(nw.optim.SGD(), {"*": 1.0}),
    ):
        np.testing.assert_allclose(range_test(module, mse_loss, rule, batches).losses, plain.losses, rtol=1e-4)
    slower = range_test(module, mse_loss, nw.optim.LayerRates(nw.optim.SGD(), {"*": 0.1}), batches, low=1e-6, high=100)
    np.testing.assert_allclose(slower.losses[:90], plain.losses[:90], rtol=1e-3)


def test_groups_keep_their_ratios() -> None:
    module = Bowl(1.0)
    other = nn.Parameter(torch.ones(1, dtype=torch.float64))
    groups = [{"params": [module.w], "lr": 0.01}, {"params": [other], "lr": 0.1}]
    optimizer, seen = torch.optim.SGD(groups), []
    optimizer.register_step_post_hook(lambda opt, *_: seen.append([group["lr"] for group in opt.param_groups]))
    found = range_test(module, value, optimizer, ZERO, low=1e-3, high=0.1, steps=20)
    np.testing.assert_allclose(seen, np.outer(found.rates, [0.1, 1.0]))
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.1]


# refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 0.0}, r"lr_finder\(low\): expected a number in \(0, inf\), got 0.0"),
        ({"high": 1e-9}, r"lr_finder\(high\): expected a rate above low, got low=1e-07, high=1e-09. Swap the two\?"),
        ({"steps": 5}, r"lr_finder\(steps\): expected an integer >= 20, got 5"),
        ({"smoothing": 1.0}, r"lr_finder\(smoothing\): expected a number in \[0, 1\), got 1.0"),
        ({"limit": 1.0}, r"lr_finder\(limit\): expected a number in \(1, inf\), got 1.0"),
        ({"seed": -1}, r"lr_finder\(seed\): expected an integer >= 0, got -1"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        range_test(Bowl(1.0), value, nw.optim.SGD(), ZERO, **options)


def test_optimizers_without_a_rate() -> None:
    module = Bowl(1.0)
    no_rate = (
        r"lr_finder\(optimizer\): expected a rule with a learning rate, got LevenbergMarquardt\(\). It finds its own"
    )
    with pytest.raises(InvalidParameter, match=no_rate):
        range_test(module, value, nw.optim.LevenbergMarquardt(), ZERO)
    with pytest.raises(InvalidParameter, match=no_rate):
        at_rate(nw.optim.LevenbergMarquardt(), 0.1)
    for rule in (nw.optim.Rprop(), nw.optim.IRpropPlus(), nw.optim.HessianDiagonal(), nw.optim.GaussNewton()):
        with pytest.raises(InvalidParameter, match=f"a rule with a learning rate, got {type(rule).__name__}"):
            range_test(module, value, rule, ZERO)
    for rule in (nw.optim.Rprop(), nw.optim.HessianDiagonal(), nw.optim.Averaged(nw.optim.IRpropPlus())):
        with pytest.raises(InvalidParameter, match=rf"with a learning rate, got that of {type(rule).__name__}\("):
            range_test(module, value, rule.build(module.parameters()), ZERO)
    with pytest.raises(InvalidParameter, match=r"with a learning rate, got Rprop\. It finds its own step lengths"):
        range_test(module, value, torch.optim.Rprop(module.parameters()), ZERO)
    with pytest.raises(InvalidParameter, match="steps along gradients, got LBFGS, which needs a closure"):
        range_test(module, value, torch.optim.LBFGS(module.parameters()), ZERO)
    with pytest.raises(InvalidParameter, match=r"expected a torch optimizer or an update rule of nw.optim, got 'SGD'"):
        range_test(module, value, "SGD", ZERO)
    bare = torch.optim.SGD(module.parameters())
    bare.param_groups[0].pop("lr")
    with pytest.raises(InvalidParameter, match='expected an optimizer whose groups have "lr", got SGD'):
        range_test(module, value, bare, ZERO)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], r"lr_finder\(batches\): expected at least one batch, got none"),
        (iter([]), r"expected at least one batch, got none"),
        ([(1, 2, 3)], r"expected pairs \(x, y\), got a tuple of 3. For several inputs, x is a tuple"),
        ([torch.ones(2)], r"expected pairs \(x, y\), got a Tensor"),
        (7, r"expected pairs \(x, y\), such as a DataLoader, got 7"),
    ],
)
def test_batches_that_are_none(batches: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        range_test(Bowl(1.0), value, nw.optim.SGD(), batches)


def test_losses_that_are_none() -> None:
    def run(loss: Any) -> None:
        range_test(Bowl(1.0), loss, nw.optim.SGD(), ZERO)

    with pytest.raises(
        InvalidData, match=r"lr_finder: expected finite losses at the weights it begins with, got nan in batch 1"
    ):
        run(lambda output, target: output * math.nan)
    with pytest.raises(
        InvalidParameter, match=r"lr_finder\(loss\): expected a scalar .*, got a tensor of shape \(2,\)"
    ):
        run(lambda output, target: torch.stack([output, output]))
    with pytest.raises(InvalidParameter, match="got one that depends on no parameter"):
        run(lambda output, target: output.detach())
    with pytest.raises(InvalidParameter, match="got 'low'"):
        run(lambda output, target: "low")
    with pytest.raises(InvalidParameter, match=r"lr_finder\(module\): expected a torch module, got 'net'"):
        range_test("net", value, nw.optim.SGD(), ZERO)  # type: ignore[arg-type]
