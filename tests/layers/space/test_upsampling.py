"""Upsample against NumPy transcriptions of the kernels in its header, as one matrix for each axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Input, Upsample


def hat(t: float) -> float:
    return max(1.0 - abs(t), 0.0)


def cubic(t: float, a: float = -0.75) -> float:
    t = abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def matrix(size: int, factor: int, mode: str, align: bool) -> np.ndarray:
    """(places, size): row j holds the weights of the inputs that place j sums up; the border is repeated."""
    rows = np.zeros((size * factor, size))
    for j in range(size * factor):
        if mode == "nearest":
            rows[j, j // factor] = 1.0
            continue
        p = (j + 0.5) / factor - 0.5
        if align:
            p = j * (size - 1) / (size * factor - 1) if size * factor > 1 else 0.0
        for i in range(-3, size + 4):
            rows[j, min(max(i, 0), size - 1)] += (cubic if mode == "bicubic" else hat)(p - i)
    return rows


CASES = [
    ((2, 5), Upsample(3)),
    ((2, 4, 3), Upsample((2, 5))),
    ((2, 3, 2, 4), Upsample((1, 2, 3))),
    ((2, 5), Upsample(3, "linear")),
    ((2, 4, 3), Upsample((2, 3), "linear")),
    ((2, 4, 3), Upsample(2, "bilinear")),
    ((2, 4, 3), Upsample((3, 2), "bicubic")),
    ((2, 3, 2, 4), Upsample(2, "linear")),
    ((2, 3, 2, 4), Upsample((3, 1, 2), "trilinear")),
    ((2, 5), Upsample(2, "linear", align_corners=True)),
    ((2, 4, 3), Upsample(3, "bilinear", align_corners=True)),
    ((2, 4, 3), Upsample(2, "bicubic", align_corners=True)),
    ((2, 3, 2, 4), Upsample((2, 3, 1), "trilinear", align_corners=True)),
    ((1, 1, 1), Upsample(4, "bilinear")),
]


@pytest.mark.parametrize(("shape", "layer"), CASES, ids=repr)
def test_against_matrices(shape: Any, layer: Upsample) -> None:
    x = np.random.default_rng(0).normal(size=(2, *shape))
    wanted = x
    for axis, size in enumerate(shape[1:]):
        factor = layer.factor if isinstance(layer.factor, int) else layer.factor[axis]
        rows = matrix(size, factor, layer.mode, layer.align_corners)
        wanted = np.moveaxis(np.tensordot(rows, wanted, (1, axis + 2)), 0, axis + 2)
    network = Input(shape) >> layer
    got = network.build()(torch.from_numpy(x)).numpy()
    assert got.shape[1:] == network.output_shape
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


def test_nearest_repeats() -> None:
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    wanted = [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0], [3.0, 3.0, 4.0, 4.0]]
    assert (Input(1, 2, 2) >> Upsample()).build()(x)[0, 0].tolist() == wanted
    for factor in range(1, 60):  # also where 1 / factor is not exact
        line = torch.arange(7.0)
        assert torch.equal(
            (Input(1, 7) >> Upsample(factor)).build()(line[None, None])[0, 0], line.repeat_interleave(factor)
        )


def test_interpolation_keeps_what_it_should() -> None:
    """Constants always; straight lines inside; with aligned corners the corners."""
    line = torch.arange(6.0, dtype=torch.float64)[None, None]
    for layer in (Upsample(3, "linear"), Upsample(3, "linear", True)):
        module = (Input(1, 6) >> layer).build()
        assert torch.allclose(module(torch.full_like(line, 2.5)), torch.tensor(2.5, dtype=torch.float64))
        steps = module(line)[0, 0].diff()[3:-3]
        assert torch.allclose(steps, steps[:1])
    assert module(line)[0, 0, [0, -1]].tolist() == [0.0, 5.0]


def test_the_module_is_torchs_and_costs_no_weights() -> None:
    module = (Input(3, 4, 4) >> Upsample(2, "linear")).build().upsample1
    assert type(module) is torch.nn.Upsample
    assert module.mode == "bilinear"
    summary = (Input(3, 4, 4) >> Upsample(2, "linear")).summary()
    assert (summary.parameters, summary.macs) == (0, 0)


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            Upsample(2, "bilinear"),
            (3, 8),
            r"Upsample\(mode='bilinear'\): expected an input with 2 space axes, as 'bilinear' says, got shape "
            r"\(3, 8\)\. Use 'nearest' or 'linear'\.",
        ),
        (
            Upsample(2, "bicubic"),
            (1, 2, 3, 4),
            r"2 space axes, as 'bicubic' says.*Use 'nearest' or 'linear' or 'trilinear'",
        ),
        (
            Upsample(2, "trilinear"),
            (3, 8, 8),
            r"3 space axes, as 'tri.*'nearest' or 'linear' or 'bilinear' or 'bicubic'\.",
        ),
        (
            Upsample((2, 2)),
            (3, 8),
            r"2 space axes, as its factor \(2, 2\) says, got shape \(3, 8\)\. Give factor as one",
        ),
        (Upsample(), (3,), r"Upsample\(\): expected an input \(channels, \*space\) of rank 2 to 4, got shape \(3,\)"),
    ],
)
def test_joins(layer: Upsample, shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(JoinError, match=text):
        Input(shape) >> layer


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Upsample(0), r"Upsample\(factor\): expected an integer >= 1 or .*, got 0"),
        (lambda: Upsample(1.5), r"Upsample\(factor\): expected .*, got 1\.5"),
        (lambda: Upsample(2, "bilinaer"), r"Upsample\(mode\): .*, got 'bilinaer'\. Did you mean 'bilinear'"),
        (
            lambda: Upsample(2, align_corners=True),
            r"Upsample\(align_corners\): expected False with mode=\"nearest\", got True\. Leave it out, or",
        ),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()
