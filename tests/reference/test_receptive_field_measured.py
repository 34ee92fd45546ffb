"""Windows of random networks beside the support of the gradients of their outputs, measured in float64.

Positive weights and inputs, so that no two paths cancel; the mean stands for the maximum, which has one gradient only;
summed over channels. Each output is looked at, those at the borders for seeing no more than their window.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.graph import Expression, Window
from netwright.layers import Add, AvgPool, Concat, Conv, ConvTranspose, Identity, Input, ReLU, Upsample

LENGTH, MARGIN = 72, 8  # of lines; a place nearer to an end may miss what a padded or cropped map between lost there
HEIGHT, WIDTH, NARROW = 21, 19, 3  # of images, and their margin

small = st.integers(1, 4)


@st.composite
def convolutions(draw: st.DrawFn) -> Expression:
    return Conv(2, draw(small), draw(st.integers(1, 3)), draw(st.sampled_from(["valid", "same", 1])), draw(small))


@st.composite
def pools(draw: st.DrawFn) -> Expression:
    size = draw(st.integers(2, 4))
    return AvgPool(size, draw(st.integers(1, 3)), draw(st.integers(0, size // 2)), ceil=draw(st.booleans()))


@st.composite
def transposed(draw: st.DrawFn) -> Expression:
    stride = draw(st.integers(1, 3))
    kernel = draw(st.integers(stride, stride + 3))  # each place is reached
    return ConvTranspose(2, kernel, stride, draw(st.sampled_from(["valid", "same", min(1, (kernel - 1) // 2)])))


@st.composite
def upsamplings(draw: st.DrawFn) -> Expression:
    return Upsample(draw(st.integers(2, 3)), draw(st.sampled_from(["nearest", "linear"])))


def keeping(dilation: int = 1) -> st.SearchStrategy[Expression]:
    """Layers that keep the length."""
    return st.one_of(
        st.builds(lambda kernel: Conv(2, kernel, padding="same", dilation=dilation), st.integers(1, 5)),
        st.just(AvgPool(3, 1, 1)),
        st.just(ConvTranspose(2, 3, 1, 1)),
        st.just(Conv(2, 3, padding="same") >> Conv(2, 2, padding="same", dilation=3)),
    )


@st.composite
def branches(draw: st.DrawFn) -> Expression:
    """Branches that advance at one rate: beside each other at one length, or down, across and up again."""
    if draw(st.booleans()):
        return (draw(keeping()) | draw(keeping(2)) | Identity()) >> Concat()
    one, two = (Conv(2, draw(small), 2, "same") for _ in range(2))
    return (one | two) >> Add()


BRICKS = st.one_of(convolutions(), pools(), transposed(), upsamplings(), branches(), st.just(ReLU()))


def measured(network: Expression) -> torch.Tensor:
    """Whether an output depends on an input: (places of the output, places of the input), space axes flattened."""
    module = network.build().double().eval()
    with torch.no_grad():
        for number, parameter in enumerate(module.parameters(), start=1):
            generator = torch.Generator().manual_seed(number)
            parameter.copy_(torch.rand(parameter.shape, generator=generator, dtype=torch.float64) + 0.1)
    places = torch.Size(network.output_shape[1:]).numel()
    x = torch.ones(places, *network.input_shape, dtype=torch.float64, requires_grad=True)  # a copy for each output
    module(x).sum(1).flatten(1).diagonal().sum().backward()
    assert x.grad is not None
    return x.grad.sum(1).flatten(1) != 0


def window_of(network: Expression) -> Window:
    row = network.summary().rows[-1]
    assert row.window is not None
    assert not row.window.whole
    assert row.receptive_field == row.window.size
    return row.window


def compare(support: torch.Tensor, window: Window, axis: int = 0, margin: int = MARGIN) -> int:
    """Assert that the window of every output is the hull of what it depends on; gives the number of inner outputs."""
    last_place, inner, longest = support.shape[1] - 1, 0, 0
    for place, seen in enumerate(support):
        first, last = window.axes[axis].at(place)
        reached = seen.nonzero().flatten().tolist()
        if margin <= first and last <= last_place - margin:
            assert reached, place
            assert (reached[0], reached[-1]) == (first, last), place
            inner, longest = inner + 1, max(longest, last - first + 1)
        elif reached:
            assert first <= reached[0], place
            assert reached[-1] <= last, place
    if inner >= len(window.axes[axis].intervals):  # every phase is among them
        assert longest == window.size[axis]
    return inner


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(BRICKS, min_size=2, max_size=4))
def test_random_lines(bricks: list[Expression]) -> None:
    network: Expression = Input(2, LENGTH)
    for brick in bricks:
        if network.output_shape[1] in range(12, 200):  # room for a window, and no more gradients than need be
            network = network >> brick
    compare(measured(network), window_of(network))


# each has inner outputs of every phase
LINES = [
    Conv(2, 3, 2) >> ConvTranspose(2, 4, 2, 1),
    ConvTranspose(2, 3, 2) >> Conv(2, 3),
    ConvTranspose(2, 5, 3) >> Conv(2, 4, 2) >> Upsample(2, "linear"),
    Upsample(3, "nearest") >> Conv(2, 3, 2),
    Upsample(2, "linear") >> Conv(2, 3, padding="same") >> Upsample(2, "linear"),
    ConvTranspose(2, 2, 4) >> Conv(2, 3),  # places that no input reaches
    ConvTranspose(2, 3, 2, 1, dilation=2) >> Conv(2, 3),
    Conv(2, 3, 2, "same") >> Upsample(2) >> Conv(2, 3, padding="same"),
    (Conv(2, 5, padding="same") | Conv(2, 3, 2, "same") >> Upsample(2)) >> Add() >> Conv(2, 3, 2),
    (Identity() | Conv(2, 3, 2, "same") >> ConvTranspose(2, 4, 2, "same")) >> Concat() >> AvgPool(3, 3),
    (Conv(2, 1) | Conv(2, 3, padding="same", dilation=4)) >> Concat() >> (Conv(4, 3, 2) | AvgPool(3, 2)) >> Add(),
]


@pytest.mark.parametrize("body", LINES, ids=repr)
def test_lines(body: Expression) -> None:
    network = Input(2, LENGTH) >> body
    window = window_of(network)
    assert compare(measured(network), window) >= 3 * len(window.axes[0].intervals)


IMAGES = [
    Conv(2, (3, 5), (2, 1), (1, 0)) >> AvgPool((1, 2)),
    ConvTranspose(2, (3, 4), (1, 2)) >> Conv(2, (2, 3)),
    Upsample(2, "bilinear") >> Conv(2, 3, (2, 3)),
    Upsample((1, 3), "nearest") >> Conv(2, 2, padding="same"),
    Upsample(2, "bicubic") >> Conv(2, 2),
    (Conv(2, (1, 5), padding=(0, 2)) | Conv(2, (5, 1), padding=(2, 0)) | AvgPool(3, 1, 1)) >> Concat() >> Conv(2, 1, 2),
]


@pytest.mark.parametrize("body", IMAGES, ids=repr)
def test_images(body: Expression) -> None:
    """The support of an image is looked at along each axis, whatever the other one is."""
    network = Input(2, HEIGHT, WIDTH) >> body
    support, window = measured(network), window_of(network)
    rows, columns = network.output_shape[1:]
    support = support.reshape(rows, columns, HEIGHT, WIDTH)
    assert compare(support.any(3).any(1), window, 0, NARROW) > 0
    assert compare(support.any(2).any(0), window, 1, NARROW) > 0


@pytest.mark.parametrize(
    ("branch", "other"), [(Conv(2, 2, 2), Conv(2, 37)), (Upsample(2), ConvTranspose(2, 73))], ids=["down", "up"]
)
def test_branches_that_advance_at_different_rates_see_everything(branch: Expression, other: Expression) -> None:
    network = Input(2, LENGTH) >> (branch | other) >> Add()
    row = network.summary().rows[-1]
    assert row.window is not None
    assert row.window.whole
    assert (row.receptive_field, row.stride, row.padding) == ((LENGTH,), None, None)


def test_the_gradient_of_one_channel_would_show_too_little() -> None:
    """Channels of a joint see different places: the window is that of all of them."""
    network = Input(1, 40) >> (Conv(1, 1) | Conv(1, 5, padding=2)) >> Concat()
    module = network.build().double()
    x = torch.ones(1, 1, 40, dtype=torch.float64, requires_grad=True)
    [gradient] = torch.autograd.grad(module(x)[0, 0, 20], x)
    assert int((gradient != 0).sum()) == 1
    assert window_of(network).size == (5,)
