"""GELU and SiLU against SciPy's error function and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import erf

from netwright.core.errors import InvalidParameter
from netwright.layers import GELU, Input, SiLU

X = np.random.default_rng(0).normal(size=(5, 4), scale=3)


def run(layer: Any, x: np.ndarray) -> np.ndarray:
    return (Input(x.shape[1:]) >> layer).build().double()(torch.from_numpy(x)).detach().numpy()


@pytest.mark.parametrize(
    ("layer", "formula"),
    [
        (GELU(), lambda x: x * (1 + erf(x / np.sqrt(2))) / 2),
        (GELU(approximate=True), lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2),
        (SiLU(), lambda x: x / (1 + np.exp(-x))),
    ],
    ids=lambda item: repr(item) if isinstance(item, (GELU, SiLU)) else "",
)
def test_formulas(layer: Any, formula: Any) -> None:
    np.testing.assert_allclose(run(layer, X), formula(X), rtol=1e-7)


def test_the_approximation_is_as_near_as_it_says() -> None:
    x = np.linspace(-8, 8, 4001)[:, None]
    assert 1e-4 < np.abs(run(GELU(), x) - run(GELU(approximate=True), x)).max() < 5e-4


@pytest.mark.parametrize(("layer", "kind"), [(GELU(3), torch.nn.GELU), (SiLU(3), torch.nn.SiLU)])
def test_with_units_it_is_a_linear_layer_and_the_activation(layer: Any, kind: type) -> None:
    [module] = (Input(4) >> layer).build().children()
    assert [(name, type(part)) for name, part in module.named_children()] == [
        ("linear", torch.nn.Linear),
        ("activation", kind),
    ]
    assert module.linear.weight.shape == (3, 4)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: GELU(approximate="tanh"), r"GELU\(approximate\): expected True or False, got 'tanh'"),
        (lambda: GELU(0), r"GELU\(units\): expected an integer >= 1 or None, got 0"),
        (lambda: GELU(bias=False), r"GELU\(bias\): expected units to go with it, got False"),
        (lambda: SiLU(weight=0.5), r"SiLU\(weight\): expected units to go with it, got 0\.5"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
