"""Causal convolutions: no step sees a later one, torch's convolution behind zeros, how far a stack sees."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from netwright.core.errors import InvalidParameter, JoinError
from netwright.graph import Expression
from netwright.layers import (
    CausalConv,
    CausalStack,
    Constant,
    Conv,
    Embedding,
    Input,
    Normal,
    Residual,
    Softmax,
    Uniform,
)


def sample(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_steps(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, dilation: int) -> np.ndarray:
    """y_t = b + sum_k W_k x_{t - (F - 1 - k) D}, step by step."""
    size = weight.shape[2]
    y = np.tile(bias, (len(x), 1))
    for t in range(len(x)):
        for k in range(size):
            source = t - (size - 1 - k) * dilation
            if source >= 0:
                y[t] += weight[:, :, k] @ x[source]
    return y


def sees(layer: Expression, steps: int, features: int) -> np.ndarray:
    """Whether output step t depends on input step s, by gradients through weights that cannot cancel: [t, s]."""
    module = (Input(steps, features) >> layer).build(seed=1).double().eval()
    x = sample(1, steps, features).abs().requires_grad_()
    y = module(x)
    return np.stack(
        [(torch.autograd.grad(y[0, t].sum(), x, retain_graph=True)[0][0] != 0).any(1) for t in range(steps)]
    )


@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(1, 12),
    features=st.integers(1, 3),
    channels=st.integers(1, 3),
    size=st.integers(1, 4),
    dilation=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_it_is_the_equation_and_torchs_convolution(
    steps: int, features: int, channels: int, size: int, dilation: int, seed: int
) -> None:
    network = Input(steps, features) >> CausalConv(channels, size, dilation, bias=Normal(std=1.0))
    module: Any = network.build(seed).double()
    x = sample(2, steps, features, seed=seed)
    conv = module.causalconv1.conv
    got = module(x)
    assert network.output_shape == (steps, channels) == got.shape[1:]
    weight, bias = (p.detach() for p in (conv.weight, conv.bias))
    wanted = np.stack([by_steps(row, weight.numpy(), bias.numpy(), dilation) for row in x.numpy()])
    np.testing.assert_allclose(got.detach(), wanted, rtol=1e-9, atol=1e-12)
    back = (size - 1) * dilation
    torchs = F.conv1d(F.pad(x.transpose(1, 2), (back, 0)), weight, bias, dilation=dilation).transpose(1, 2)
    torch.testing.assert_close(got, torchs)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 3), dilation=st.integers(1, 3), steps=st.integers(1, 9))
def test_a_step_sees_its_window_and_nothing_behind_it(size: int, dilation: int, steps: int) -> None:
    found = sees(CausalConv(2, size, dilation, weight=Uniform(0.5, 1.0)), steps, 2)
    window = {k * dilation for k in range(size)}
    wanted = [[t - s in window for s in range(steps)] for t in range(steps)]
    assert found.tolist() == wanted


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(("size", "levels"), [(1, 2), (2, 1), (2, 3), (3, 2), (4, 2), (3, 3)])
def test_how_far_a_stack_sees(size: int, levels: int, residual: bool) -> None:
    """1 + 2 (F - 1) (2^L - 1) steps: by the formula, by the plan, and by gradients."""
    field = 1 + 2 * (size - 1) * (2**levels - 1)
    stack = CausalStack(2, size, levels, residual, weight=Uniform(0.1, 0.5))
    assert (Input(3 * field, 2) >> stack).receptive_field() == (field,)
    steps = field + 3
    found = sees(stack, steps, 2)
    assert found.tolist() == [[0 <= t - s < field for s in range(steps)] for t in range(steps)]


def test_a_stack_is_its_levels() -> None:
    """The temporal convolutional network of the paper, from its weights."""
    module = (Input(9, 3) >> CausalStack(4, 3, 2, bias=Normal(std=0.3))).build(seed=2).double()
    x = sample(2, 9, 3)
    state = {name.removeprefix("causalstack1."): p.detach().numpy() for name, p in module.named_parameters()}

    def half(y: np.ndarray, level: int, number: int) -> np.ndarray:
        name = f"residual{level + 1}.parallel1.branch1.causalconv{number}.conv"
        return np.maximum(by_steps(y, state[f"{name}.weight"], state[f"{name}.bias"], 2**level), 0)

    wanted = []
    for row in x.numpy():
        way = row @ state["residual1.parallel1.branch2.weight"].T + state["residual1.parallel1.branch2.bias"]
        first = np.maximum(way + half(half(row, 0, 1), 0, 2), 0)
        wanted.append(np.maximum(first + half(half(first, 1, 1), 1, 2), 0))
    np.testing.assert_allclose(module(x).detach(), np.stack(wanted), rtol=1e-9, atol=1e-12)


def test_layers_of_a_stack() -> None:
    plan = (Input(9, 4) >> CausalStack(4, 3, 3, weight_norm=True)).plan()
    kinds = [type(node.layer).__name__ for node in plan.nodes]
    assert kinds.count("CausalConv") == 6
    assert kinds.count("Identity") == 3  # where the features stay there is no convolution on the way round
    assert [node.layer.dilation for node in plan.nodes if isinstance(node.layer, CausalConv)] == [1, 1, 2, 2, 4, 4]
    plain = [type(node.layer).__name__ for node in (Input(9, 4) >> CausalStack(2, 3, 2, False)).plan().nodes]
    assert plain == ["Input", *["CausalConv", "ReLU"] * 4]


def test_dropout_leaves_out_whole_features() -> None:
    network = Input(50, 1) >> CausalStack(40, 1, 1, False, 0.5, weight=Uniform(0.5, 1.0), bias=1.0)
    module = network.build(seed=0).train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        y = module(torch.rand(3, 50, 1, generator=torch.Generator().manual_seed(0)))
    gone = y == 0
    assert torch.equal(gone.any(1), gone.all(1))
    assert 0.3 < gone.float().mean() < 0.7
    assert (module.eval()(torch.ones(1, 50, 1)) > 0).all()


def test_what_pads_a_sequence_changes_no_valid_step() -> None:
    module = (Input(12, 2) >> CausalStack(3, 2, 2)).build().double()
    x = sample(1, 12, 2)
    padded = x.clone()
    padded[:, 7:] = 1e6
    torch.testing.assert_close(module(padded)[:, :7], module(x)[:, :7], rtol=0, atol=0)
    torch.testing.assert_close(module(x[:, :7]), module(x)[:, :7])  # and a shorter one has the same first steps


def test_a_normalised_weight_is_that_of_torch() -> None:
    network = Input(6, 2) >> CausalConv(3, 2, weight_norm=True)
    module = network.build(seed=0).double()
    plain = (Input(6, 2) >> CausalConv(3, 2)).build(seed=0).double()
    x = sample(2, 6, 2)
    torch.testing.assert_close(module(x), plain(x))  # it starts as it would without
    with torch.random.fork_rng(devices=[]):
        torchs = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(2, 3, 2)).double()
    state = {name.removeprefix("causalconv1.conv."): 2 * p for name, p in module.state_dict().items()}
    torchs.load_state_dict(state)  # torch's names
    module.load_state_dict({f"causalconv1.conv.{name}": p for name, p in state.items()})
    wanted = torchs(F.pad(x.transpose(1, 2), (1, 0))).transpose(1, 2)
    torch.testing.assert_close(module(x), wanted)
    assert network.summary().parameters == 3 * 2 * 2 + 3 + 3


def test_behind_an_embedding() -> None:
    network = Input(20) >> Embedding(30, 8) >> CausalStack(16, 3, 2) >> CausalConv(8, 2) >> Softmax(30)
    assert network.output_shape == (20, 30)
    assert network.build()(torch.zeros(2, 20)).shape == (2, 20, 30)


def test_a_residual_block_knows_that_it_is_given_sequences() -> None:
    network = Input(6, 2) >> Residual(CausalConv(5, 3))
    assert repr(network["residual1.parallel1.branch2"]) == "Linear(5)"
    assert network.output_shape == (6, 5)


@pytest.mark.parametrize("layer", [CausalConv(4, 2), CausalStack(4, 2, 2)])
@pytest.mark.parametrize("shape", [(5,), (3, 8, 8)])
def test_what_is_no_sequence_is_refused(layer: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(JoinError, match=r"expected an input \(steps, features\), got shape .*Put Reshape"):
        Input(shape=shape) >> layer


def test_bad_options_are_named() -> None:
    layers: list[tuple[Any, str]] = [(CausalConv, "CausalConv"), (partial(CausalStack, levels=2), "CausalStack")]
    for layer, name in layers:
        with pytest.raises(
            InvalidParameter, match=rf"{name}\(weight\): expected weights other than 0 with weight_norm"
        ):
            layer(3, 2, weight=0.0, weight_norm=True)
        with pytest.raises(InvalidParameter, match=rf"{name}\(size\): expected an integer >= 1, got 0"):
            layer(3, 0)
    assert CausalConv(3, 2, weight=0.0).weight == Constant(0.0)
    with pytest.raises(InvalidParameter, match=r"CausalStack\(dropout\): expected a number in \[0, 1\), got 1.0"):
        CausalStack(3, 2, 2, dropout=1.0)


@pytest.mark.parametrize("dilation", [1, 2, 5])
@pytest.mark.parametrize(("padding", "amounts"), [("valid", (0, 0)), ("same", None), (((4, 0),), (4, 0))])
def test_dilated_convolutions_of_one_axis_are_torchs(dilation: int, padding: Any, amounts: Any) -> None:
    """Conv on (channels, length), of which the causal one is a case."""
    module = (Input(3, 20) >> Conv(4, 3, padding=padding, dilation=dilation)).build().double()
    weight, bias = (p.detach() for p in module.parameters())
    x = sample(2, 3, 20)
    pads = (dilation, dilation) if amounts is None else amounts
    torch.testing.assert_close(module(x), F.conv1d(F.pad(x, pads), weight, bias, dilation=dilation))


def test_a_causal_convolution_is_one_that_is_padded_at_the_start() -> None:
    causal = (Input(10, 3) >> CausalConv(4, 3, 2)).build(seed=1).double()
    padded = (Input(3, 10) >> Conv(4, 3, padding=((4, 0),), dilation=2)).build().double()
    padded.load_state_dict({k.replace("causalconv1", "conv1"): v for k, v in causal.state_dict().items()})
    x = sample(2, 10, 3)
    torch.testing.assert_close(causal(x), padded(x.transpose(1, 2)).transpose(1, 2))
