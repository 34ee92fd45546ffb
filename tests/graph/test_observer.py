"""Receptive fields: published ones, and those of random graphs against the support of the gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from netwright.graph import Expression, Input, Observer, Window, join, sliding
from netwright.layers import (
    ELU,
    Add,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    HardSigmoid,
    Identity,
    LeakyReLU,
    Linear,
    MaxPool,
    Module,
    PReLU,
    ReLU,
    Reshape,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)

VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


def vgg(plan: tuple[Any, ...]) -> Expression:
    return join(*(MaxPool(2) if item == "M" else Conv(item, 3, padding=1) >> ReLU() for item in plan))


def alexnet() -> Expression:
    return (
        Conv(64, 11, 4, 2) >> ReLU() >> MaxPool(3, 2) >> Conv(192, 5, padding=2) >> ReLU() >> MaxPool(3, 2)
        >> Conv(384, 3, padding=1) >> ReLU() >> Conv(256, 3, padding=1) >> ReLU() >> Conv(256, 3, padding=1) >> ReLU()
        >> MaxPool(3, 2)
    )  # fmt: skip


def basic_block(channels: int, stride: int = 1) -> Expression:
    main = Conv(channels, 3, stride, 1, bias=False) >> BatchNorm() >> ReLU()
    main = main >> Conv(channels, 3, padding=1, bias=False) >> BatchNorm()
    short = Conv(channels, 1, stride, bias=False) >> BatchNorm() if stride > 1 else Identity()
    return (main | short) >> Add() >> ReLU()


def resnet18() -> Expression:
    stem = Conv(64, 7, 2, 3, bias=False) >> BatchNorm() >> ReLU() >> MaxPool(3, 2, 1)
    blocks = [basic_block(64), basic_block(64)]
    for channels in (128, 256, 512):
        blocks += [basic_block(channels, 2), basic_block(channels)]
    return join(stem, *blocks)


def last(network: Expression) -> Window:
    window = network.summary().rows[-1].window
    assert window is not None
    return window


@pytest.mark.parametrize(
    ("network", "size", "stride", "start"),
    [
        (Input(1, 28, 28) >> Conv(6, 5) >> MaxPool(2) >> Conv(16, 5) >> MaxPool(2), 16, 4, 0),
        (Input(3, 224, 224) >> vgg(VGG16), 212, 32, -90),
        (Input(3, 224, 224) >> vgg((64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")), 150, 32, -59),
        (Input(3, 224, 224) >> alexnet(), 195, 32, -66),
        (Input(3, 224, 224) >> resnet18(), 435, 32, -217),
        (Input(1, 20, 20) >> Conv(1, 5) >> Conv(1, 3), 7, 1, 0),
        (Input(1, 20, 20) >> join(*(Conv(1, 3, padding="same", dilation=d) for d in (1, 2, 4))), 15, 1, -7),
    ],
    ids=["lenet5", "vgg16", "vgg11", "alexnet", "resnet18", "conv5 conv3", "dilated 1 2 4"],
)
def test_published_fields(network: Expression, size: int, stride: int, start: int) -> None:
    assert last(network) == sliding((size, size), (stride, stride), (start, start))
    assert network.summary().receptive_field == (size, size)


# --- random graphs: the window is what the gradient of an output reaches ---


def random_step(rng: np.random.Generator) -> Expression:
    """One layer with positive weights: then no path cancels another."""
    kernel, dilation = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    padding = ["valid", "same", "full", 1, ((0, 2),), ((1, 0),)][rng.integers(6)]
    return [
        Conv(2, kernel, int(rng.integers(1, 4)), padding, dilation, weight=1.0),
        Conv(2, kernel, 1, "same", dilation, weight=1.0),
        AvgPool(kernel, int(rng.integers(1, 4))),
        AvgPool(kernel, 1, "same"),
        AvgPool(kernel, int(rng.integers(2, 4)), "same"),
        AvgPool(3, 1, "same", count_padding=True),
        BatchNorm() >> ReLU(),
        Conv(2, 1, weight=1.0) >> [Tanh(), Sigmoid(), Softplus(), ELU(), PReLU(), LeakyReLU()][rng.integers(6)],
        Dropout(),
    ][rng.integers(9)]


def random_branch(rng: np.random.Generator) -> Expression:
    """A chain that keeps the size."""
    kernels = [(int(rng.integers(1, 6)), int(rng.integers(1, 3))) for _ in range(rng.integers(0, 3))]
    return join(Identity(), *(Conv(2, k, 1, "same", d, weight=1.0) for k, d in kernels))


def random_network(rng: np.random.Generator, size: int) -> Expression:
    steps: list[Expression] = []
    for _ in range(rng.integers(1, 5)):
        steps.append(random_step(rng))
        if rng.random() < 0.5:
            branches = random_branch(rng) | random_branch(rng)
            if rng.random() < 0.3:
                branches = branches | ((random_branch(rng) | Identity()) >> Add())
            steps.append(branches >> (Add() if rng.random() < 0.5 else Concat()) >> Conv(2, 1, weight=1.0))
    return Input(2, size) >> join(*steps)


def support(network: Expression, size: int, place: int) -> tuple[int, int]:
    """First and last input that the output at a place depends on, by its gradient in float64."""
    module = network.build().double().eval()
    x = torch.full((1, 2, size), 1e-3, dtype=torch.float64, requires_grad=True)
    module(x)[0, :, place].sum().backward()
    assert x.grad is not None
    reached = x.grad[0].abs().sum(0).nonzero().flatten().tolist()
    return reached[0], reached[-1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed: int) -> None:
    size = 200
    network = random_network(np.random.default_rng(seed), size)
    window = last(network)
    assert not window.whole
    [extent], [stride], [start] = window.size, window.stride, window.start
    compared = 0
    for place in range(0, network.output_shape[1], max(1, network.output_shape[1] // 5)):
        first, end = place * stride + start, place * stride + start + extent - 1
        if first >= 0 and end < size:  # at the border padding takes the place of inputs
            assert support(network, size, place) == (first, end)
            compared += 1
    assert compared


def test_two_axes() -> None:
    network = Input(1, 40, 30) >> Conv(1, (5, 3), (2, 1), ((2, 1), (0, 0)), (1, 3), weight=1.0) >> MaxPool((1, 2))
    assert last(network) == sliding((5, 8), (2, 2), (-2, 0))


@pytest.mark.parametrize(
    ("layer", "known"),
    [
        *(
            (layer, True)
            for layer in (ReLU(), Tanh(), Sigmoid(), HardSigmoid(), Softplus(), ELU(), LeakyReLU(), PReLU())
        ),
        *((layer, True) for layer in (Softmax(), Dropout(), BatchNorm(), Identity(), Linear())),
        *(
            (layer, False)
            for layer in (Flatten(), GlobalPool(), GlobalPool("max"), GlobalPool("sum"), Reshape(8, 3, 3))
        ),
        (Module(lambda: torch.nn.GroupNorm(1, 2)), False),
    ],
    ids=repr,
)
def test_what_keeps_places_apart(layer: Any, known: bool) -> None:
    """Pointwise layers keep the window, layers that mix places see everything."""
    network = Input(1, 8, 8) >> Conv(2, 3) >> layer
    window = last(network)
    assert window == (sliding((3, 3), (1, 1), (0, 0)) if known else Window(whole=True))
    assert network.summary().receptive_field == ((3, 3) if known else (8, 8))


def test_one_axis_may_be_seen_as_a_whole() -> None:
    row = (Input(1, 8, 8) >> Conv(2, 3) >> Module(lambda: torch.nn.Softmax(2))).summary().rows[-1]
    assert (row.receptive_field, row.stride, row.padding) == ((8, 3), (0, 1), (0, 0))


@pytest.mark.parametrize("pool", [MaxPool, AvgPool])
@pytest.mark.parametrize("space", [(30,), (30, 30), (30, 30, 30)])
def test_pools_of_every_rank(pool: Any, space: tuple[int, ...]) -> None:
    n = len(space)
    network = Input(1, *space) >> Conv(1, 3, padding=1) >> pool(3, 2) >> pool(4, 1, "same") >> pool(2)
    assert last(network) == sliding((5 + 3 * 2 + 2,) * n, (4,) * n, (-1 - 2,) * n)


def test_branches_of_another_stride_see_everything() -> None:
    """A union of windows with different strides is no window of one stride."""
    one, two = sliding((3,), (1,), (0,)), sliding((3,), (2,), (0,))
    assert one.union(two) == Window(whole=True)
    assert one.union(sliding((5,), (1,), (-2,))) == sliding((5,), (1,), (-2,))
    assert one.union(sliding((2,), (1,), (4,))) == sliding((6,), (1,), (0,))
    assert one.through(Window(whole=True)).whole
    assert sliding((3,), (2,), (-1,)).through(sliding((3,), (2,), (1,))) == sliding((7,), (4,), (1,))


def test_tensors_that_depend_on_no_input() -> None:
    with torch.no_grad(), Observer() as seen:
        x, y = torch.ones(1, 1, 4), torch.ones(1, 1, 4)
        seen.enter_input(x)
        z = x + 1
        w = y + 1
    assert seen.window(z) == sliding((1,), (1,), (0,))
    assert seen.window(w) is None
    assert seen.macs == 0


def test_windows_keep_the_space_of_their_input() -> None:
    small, same, other = (replace(sliding((3,), (1,), (0,)), space=space) for space in ((9,), (9,), (5, 5)))
    inner = sliding((2,), (2,), (0,))
    assert small.extent == (3,)
    assert small.through(inner).extent == (4,)
    assert small.through(Window(whole=True)).extent == (9,)
    assert small.union(same).extent == (3,)
    assert small.union(Window(whole=True, space=(9,))).extent == (9,)
    assert small.union(other).extent is None
    assert small.union(Window(whole=True, space=(5, 5))).extent is None
