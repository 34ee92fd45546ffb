"""SqueezeExcite and ScaleChannels against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import JoinError
from netwright.layers import Input, ScaleChannels, SqueezeExcite


@pytest.mark.parametrize("space", [(7,), (5, 4), (3, 4, 2)])
@pytest.mark.parametrize(("ratio", "units"), [(1, 6), (2, 3), (4, 1), (16, 1)])
def test_the_paper(space: tuple[int, ...], ratio: int, units: int) -> None:
    module = (Input(6, *space) >> SqueezeExcite(ratio)).build(seed=1).double()
    x = np.random.default_rng(0).normal(size=(2, 6, *space))
    w1, b1, w2, b2 = (tensor.numpy() for tensor in module.state_dict().values())
    assert w1.shape == (units, 6)
    z = x.reshape(2, 6, -1).mean(-1)
    s = 1 / (1 + np.exp(-(np.maximum(z @ w1.T + b1, 0) @ w2.T + b2)))
    expected = x * s.reshape(2, 6, *[1] * len(space))
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), expected, rtol=1e-12)


def test_inside() -> None:
    rows = {row.path: row for row in (Input(32, 6, 6) >> SqueezeExcite(8)).summary().rows}
    assert list(rows) == [
        "input1",
        "squeezeexcite1.parallel1.branch1",
        "squeezeexcite1.parallel1.branch2.globalpool1",
        "squeezeexcite1.parallel1.branch2.relu1",
        "squeezeexcite1.parallel1.branch2.sigmoid1",
        "squeezeexcite1.scalechannels1",
    ]
    assert [row.parameters for row in rows.values()] == [0, 0, 0, 4 * 33, 32 * 5, 0]
    assert rows["squeezeexcite1.scalechannels1"].receptive_field == (6, 6)  # each place hears of the whole image


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Input(4) >> SqueezeExcite(), r"^squeezeexcite1\.parallel1\.branch2\.globalpool1: GlobalPool\(\): exp"),
        (lambda: Input(4) >> ScaleChannels(), r"expected two inputs, got shape \(4,\)\. Put it behind branches"),
        (
            lambda: (Input(4, 3) | Input(3)) >> ScaleChannels(),
            r"inputs \(channels, \*space\) and \(channels,\), got shape \(\(4, 3\), \(3,\)\)\. Let the second input be "
            r"\(4,\), one value for each channel of the first",
        ),
    ],
)
def test_joins_that_cannot_work(make: Any, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        make()
