"""Published and worked numbers of blocks: highway, balance losses, and networks that are made of blocks."""

from __future__ import annotations

import pytest
import torch

from netwright.graph import Expression, join
from netwright.layers import (
    BatchNorm,
    Conv,
    Fire,
    Flatten,
    GlobalPool,
    Highway,
    Inception,
    Input,
    Linear,
    MaxPool,
    ReLU,
    Residual,
    Tanh,
    importance_variation,
    load_balance,
)


def test_highway() -> None:
    module = (Input(1) >> Highway(Tanh(1))).build().double()
    block, gate = module.highway1.parallel1.branch1.linear, module.highway1.parallel1.branch3.linear
    assert torch.sigmoid(gate.bias).item() == pytest.approx(0.1192029220, abs=1e-10)
    with torch.no_grad():
        for linear, weight, bias in ((block, 0.5, 0.1), (gate, 0.3, -2.0)):
            linear.weight.fill_(weight)
            linear.bias.fill_(bias)
    assert module(torch.tensor([[0.7]], dtype=torch.float64)).item() == pytest.approx(0.6602113333, abs=1e-10)


@pytest.mark.parametrize(("n", "parameters"), [(50, 5100), (7, 2 * 7 * 8)])
def test_highway_parameters(n: int, parameters: int) -> None:
    assert (Input(n) >> Highway(Tanh(n))).summary().parameters == parameters


def test_balance_losses() -> None:
    assert load_balance(torch.full((12, 4), 0.25)).item() == 1.0
    assert load_balance(torch.eye(4)).item() == 1.0
    assert load_balance(torch.eye(4)[[2]].expand(12, 4)).item() == 4.0
    assert importance_variation(torch.tensor([[4.0, 2.0, 1.0, 1.0]])).item() == pytest.approx(0.5)
    assert importance_variation(torch.tensor([[3.0, 0.0, 1.0, 1.0], [1.0, 2.0, 0.0, 0.0]])).item() == pytest.approx(0.5)


def cifar_resnet(depth: int) -> Expression:
    """He's networks for 32x32 images, with parameter-free shortcuts."""
    blocks = [
        Residual(
            Conv(filters, 3, 2 if first and filters > 16 else 1, 1, bias=False)
            >> BatchNorm()
            >> ReLU()
            >> Conv(filters, 3, padding=1, bias=False)
            >> BatchNorm(),
            "pad",
        )
        >> ReLU()
        for filters in (16, 32, 64)
        for first in [True] + [False] * ((depth - 2) // 6 - 1)
    ]
    stem = Conv(16, 3, padding=1, bias=False) >> BatchNorm() >> ReLU()
    return join(Input(3, 32, 32), stem, *blocks, GlobalPool(), Linear(10))


@pytest.mark.parametrize(("depth", "parameters"), [(20, 269_722), (32, 464_154), (44, 658_586)])
def test_residual_networks_of_option_a(depth: int, parameters: int) -> None:
    assert cifar_resnet(depth).summary().parameters == parameters


def resnet18() -> Expression:
    """With projections of option B."""
    blocks = [
        Residual(
            Conv(filters, 3, 2 if first and filters > 64 else 1, 1, bias=False)
            >> BatchNorm()
            >> ReLU()
            >> Conv(filters, 3, padding=1, bias=False)
            >> BatchNorm(),
            normalize=True,
        )
        >> ReLU()
        for filters in (64, 128, 256, 512)
        for first in (True, False)
    ]
    stem = Conv(64, 7, 2, 3, bias=False) >> BatchNorm() >> ReLU() >> MaxPool(3, 2, 1)
    return join(Input(3, 224, 224), stem, *blocks)


def test_residual_network_of_option_b() -> None:
    summary = (resnet18() >> GlobalPool() >> Linear(1000)).summary()
    assert (summary.parameters, summary.macs) == (11_689_512, 1_814_073_344)
    window = resnet18().summary().rows[-1].window
    assert (window.size, window.stride, window.start) == ((435, 435), (32, 32), (-217, -217))


INCEPTIONS = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}


def googlenet(kernel: int, normalize: bool) -> Expression:
    """Up to its last block."""

    def unit(filters: int, size: int, stride: int = 1) -> Expression:
        conv = Conv(filters, size, stride, size // 2, bias=not normalize)
        return conv >> BatchNorm(epsilon=1e-3) >> ReLU() if normalize else conv >> ReLU()

    pool = MaxPool(3, 2, ceil=True)
    blocks = {name: Inception(*filters, kernel, normalize) for name, filters in INCEPTIONS.items()}  # type: ignore[misc]
    stem = unit(64, 7, 2) >> pool >> unit(64, 1) >> unit(192, 3) >> pool
    third = blocks["3a"] >> blocks["3b"] >> pool
    fourth = join(*(blocks[f"4{letter}"] for letter in "abcde")) >> (MaxPool(2, ceil=True) if kernel == 3 else pool)
    return Input(3, 224, 224) >> stem >> third >> fourth >> blocks["5a"] >> blocks["5b"]


def test_googlenet_of_the_paper() -> None:
    assert (googlenet(5, False) >> GlobalPool() >> Linear(1000)).summary().parameters == 6_998_552


def test_googlenet_of_published_weights() -> None:
    net = googlenet(3, True)
    summary = (net >> GlobalPool() >> Linear(1000)).summary()
    assert (summary.parameters, summary.macs) == (6_624_904, 1_498_376_192)
    shapes = [row.output_shape for row in summary.rows if row.path.endswith(".concat1")]
    assert shapes[:3] == [(256, 28, 28), (480, 28, 28), (512, 14, 14)]
    assert shapes[6:] == [(832, 14, 14), (832, 7, 7), (1024, 7, 7)]
    window = net.summary().rows[-1].window
    assert (window.size, window.stride, window.start) == ((379, 379), (32, 32), (-167, -167))


def squeezenet(version: str) -> Expression:
    pool, stem = MaxPool(3, 2, ceil=True), Conv(96, 7, 2) if version == "1.0" else Conv(64, 3, 2)
    pairs = [Fire(16, 64, 64)] * 2, [Fire(32, 128, 128)] * 2, [Fire(48, 192, 192)] * 2, [Fire(64, 256, 256)] * 2
    fires = [fire for pair in pairs for fire in pair]
    first, second = (3, 7) if version == "1.0" else (2, 4)
    return join(
        *(Input(3, 224, 224), stem, ReLU(), pool, *fires[:first], pool, *fires[first:second], pool, *fires[second:])
    )


@pytest.mark.parametrize(
    ("version", "parameters", "macs", "field", "pad"),
    [("1.0", 1_248_424, 818_924_576, 155, 60), ("1.1", 1_235_496, 349_151_936, 207, 88)],
)
def test_squeezenet(version: str, parameters: int, macs: int, field: int, pad: int) -> None:
    features = squeezenet(version)
    summary = (features >> Conv(1000, 1) >> ReLU() >> GlobalPool() >> Flatten()).summary()
    assert (summary.parameters, summary.macs) == (parameters, macs)
    assert features.output_shape == (512, 13, 13)
    window = features.summary().rows[-1].window
    assert (window.size, window.stride, window.start) == ((field, field), (16, 16), (-pad, -pad))
