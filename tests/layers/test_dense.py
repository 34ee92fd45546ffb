"""The fully connected part of the activation layers: where it may stand, how it starts."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import (
    ELU,
    Constant,
    Conv,
    HardSigmoid,
    HeNormal,
    Input,
    LeakyReLU,
    Linear,
    Maxout,
    Normal,
    Orthogonal,
    PReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
    leaky_gain,
)

WITH_UNITS = [ELU, HardSigmoid, LeakyReLU, Linear, Maxout, PReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh]
OPTIONAL_UNITS = [kind for kind in WITH_UNITS if kind is not Maxout]


def linear_of(layer: Any, features: int = 400) -> torch.nn.Linear:
    module = (Input(features) >> layer).build()
    return next(part for part in module.modules() if isinstance(part, torch.nn.Linear))


@pytest.mark.parametrize("kind", WITH_UNITS)
def test_an_image_is_refused_with_the_remedy(kind: Any) -> None:
    text = r"expected an input \(features,\) or \(steps, features\), got shape \(3, 8, 8\)\. Put Flatten\(\) before it"
    with pytest.raises(JoinError, match=rf"{kind.__name__}\(5\): {text}"):
        Input(3, 8, 8) >> kind(5)


@pytest.mark.parametrize("kind", WITH_UNITS)
def test_sequences_are_mapped_step_by_step(kind: Any) -> None:
    network = Input(6, 4) >> kind(5)
    assert network.output_shape == (6, 5)
    module = network.build().double()
    x = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    steps = torch.stack([module(x[:, t]) for t in range(6)], dim=1)
    assert torch.allclose(module(x), steps)


@pytest.mark.parametrize(
    ("layer", "std"),
    [
        (ReLU(500), math.sqrt(2 / 400)),
        (ELU(500), math.sqrt(2 / 400)),
        (Softplus(500), math.sqrt(2 / 400)),
        (LeakyReLU(500, 0.5), math.sqrt(2 / (1 + 0.25) / 400)),
        (PReLU(500), math.sqrt(2 / (1 + 0.25**2) / 400)),
        (PReLU(500, 1.0), math.sqrt(1 / 400)),
        (Maxout(250), math.sqrt(1 / 400)),
        (Linear(500), math.sqrt(2 / 900)),
        (Sigmoid(500), math.sqrt(2 / 900)),
        (HardSigmoid(500), math.sqrt(2 / 900)),
        (Tanh(500), math.sqrt(2 / 900)),
        (Softmax(500), math.sqrt(2 / 900)),
        (Tanh(500, weight=Normal(std=0.3)), 0.3),
        (LeakyReLU(500, weight=HeNormal(1.0)), math.sqrt(1 / 400)),
    ],
    ids=repr,
)
def test_how_weights_start(layer: Any, std: float) -> None:
    linear = linear_of(layer)
    assert linear.weight.std().item() == pytest.approx(std, rel=0.02)
    assert linear.bias.count_nonzero() == 0


def test_how_biases_start() -> None:
    assert linear_of(ReLU(5, bias=False)).bias is None
    assert linear_of(ReLU(5, bias=0)).bias.tolist() == [0] * 5
    assert linear_of(ReLU(5, bias=0.25)).bias.tolist() == [0.25] * 5
    assert linear_of(ReLU(500, bias=Normal(2.0, 0.1))).bias.mean().item() == pytest.approx(2, abs=0.03)
    assert linear_of(ReLU(5, weight=0.5)).weight.unique().tolist() == [0.5]


def test_numbers_are_constants_and_zero_is_not_false() -> None:
    assert ReLU(5, weight=0.5) == ReLU(5, weight=Constant(0.5))
    assert ReLU(5, bias=0) != ReLU(5, bias=False)
    assert ReLU(5, bias=1) != ReLU(5)
    assert repr(ReLU(5, bias=0.25)) == "ReLU(5, bias=Constant(0.25))"


def test_weights_of_layers_are_independent() -> None:
    """A layer's weights are a function of the seed and its path: what stands behind it does not change them."""
    short = (Input(4) >> ReLU(4) >> ReLU(4)).build(seed=1)
    long = (Input(4) >> ReLU(4) >> ReLU(4) >> Linear(3)).build(seed=1)
    assert torch.equal(short.relu1.linear.weight, long.relu1.linear.weight)
    assert torch.equal(short.relu2.linear.weight, long.relu2.linear.weight)
    assert not torch.equal(short.relu1.linear.weight, short.relu2.linear.weight)


@pytest.mark.parametrize("kind", OPTIONAL_UNITS)
@pytest.mark.parametrize("option", [{"weight": Orthogonal()}, {"bias": False}, {"bias": 0.5}])
def test_weights_need_units(kind: Any, option: dict[str, Any]) -> None:
    [name] = option
    text = rf"{kind.__name__}\({name}\): expected units to go with it, got .*Give the number of units"
    with pytest.raises(InvalidParameter, match=text):
        kind(**option)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ReLU(0), r"ReLU\(units\): expected an integer >= 1 or None, got 0"),
        (lambda: ReLU(2.5), r"ReLU\(units\): expected an integer >= 1 or None, got 2\.5"),
        (lambda: Tanh(True), r"Tanh\(units\): expected an integer >= 1 or None, got True"),
        (lambda: Linear(3, weight="he"), r"Linear\(weight\): expected an initialisation rule or a number .*, got 'he'"),
        (lambda: Linear(3, bias="no"), r"Linear\(bias\): expected True or False or an initialisation rule or a number"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def test_a_rule_for_matrices_cannot_fill_a_bias() -> None:
    with pytest.raises(InvalidParameter, match=r"HeNormal\(\): expected a weight with at least 2 axes"):
        Input(4) >> ReLU(3, bias=HeNormal())


def test_conv_takes_the_same_rules() -> None:
    conv = (Input(16, 9, 9) >> Conv(64, 3)).build().conv1
    assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / (16 * 9)), rel=0.03)
    grouped = (Input(16, 9, 9) >> Conv(64, 3, groups=4, weight=HeNormal(leaky_gain(0.2)), bias=0.5)).build().conv1
    assert grouped.weight.std().item() == pytest.approx(math.sqrt(2 / 1.04 / (4 * 9)), rel=0.05)
    assert grouped.bias.tolist() == [0.5] * 64
