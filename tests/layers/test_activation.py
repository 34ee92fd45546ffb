"""The saturating activations against NumPy, and what the modules look like."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.layers import Conv, HardSigmoid, Input, Linear, Sigmoid, Softmax, Tanh

X = np.random.default_rng(0).normal(size=(5, 4), scale=4)


def run(layer: Any, x: np.ndarray = X) -> np.ndarray:
    module = (Input(*x.shape[1:]) >> layer).build().double()
    return module(torch.from_numpy(x)).detach().numpy()


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


FORMULAS: list[tuple[Any, Any]] = [
    (Linear, lambda x: x),
    (Sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    (HardSigmoid, lambda x: np.clip(x + 3, 0, 6) / 6),
    (Tanh, lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)),
    (Softmax, lambda x: softmax(x, -1)),
]


@pytest.mark.parametrize(("kind", "formula"), FORMULAS)
def test_alone(kind: Any, formula: Any) -> None:
    np.testing.assert_allclose(run(kind()), formula(X), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("kind", "formula"), FORMULAS)
def test_with_units(kind: Any, formula: Any) -> None:
    module = (Input(4) >> kind(3, bias=0.5)).build().double()
    weight = next(p for name, p in module.named_parameters() if name.endswith("weight")).detach().numpy()
    np.testing.assert_allclose(module(torch.from_numpy(X)).detach().numpy(), formula(X @ weight.T + 0.5), rtol=1e-12)


def test_softmax_sums_over_the_classes() -> None:
    image = np.random.default_rng(1).normal(size=(2, 3, 4, 5))
    np.testing.assert_allclose(run(Softmax(), image), softmax(image, 1), rtol=1e-12)
    volume = np.random.default_rng(1).normal(size=(2, 3, 2, 2, 2))
    np.testing.assert_allclose(run(Softmax(), volume), softmax(volume, 1), rtol=1e-12)
    sequence = np.random.default_rng(1).normal(size=(2, 6, 4))
    np.testing.assert_allclose(run(Softmax(), sequence), softmax(sequence, 2), rtol=1e-12)
    assert run(Softmax(3), sequence).sum(-1) == pytest.approx(np.ones((2, 6)))


@pytest.mark.parametrize("network", [Input(4) >> Softmax(3), Input(4, 5, 5) >> Conv(3, 1) >> Softmax()], ids=repr)
def test_softmax_is_the_last_leaf(network: Any) -> None:
    """The loss splits it off, to work on logits."""
    leaves = [part for part in network.build().modules() if not list(part.children())]
    assert isinstance(leaves[-1], torch.nn.Softmax)
    assert sum(isinstance(part, torch.nn.Softmax) for part in leaves) == 1


def test_modules_are_torchs_own() -> None:
    assert type((Input(4) >> Linear(3)).build().linear1) is torch.nn.Linear
    assert type((Input(4) >> Linear()).build().linear1) is torch.nn.Identity
    assert type((Input(4) >> Tanh()).build().tanh1) is torch.nn.Tanh
    module = (Input(4) >> Sigmoid(3)).build().sigmoid1
    assert [(name, type(part)) for name, part in module.named_children()] == [
        ("linear", torch.nn.Linear),
        ("activation", torch.nn.Sigmoid),
    ]
