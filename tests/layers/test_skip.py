"""CropConcat and Pick: which places are kept, which input goes on, what they refuse."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import CropConcat, Flatten, Identity, Input, MaxPool, Pick, ReLU, Softmax


@given(sizes=st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)), min_size=2, max_size=3))
def test_the_middles_are_joined(sizes: list[tuple[int, int]]) -> None:
    xs = [torch.arange(2.0 * h * w).view(1, 2, h, w) + 1000 * i for i, (h, w) in enumerate(sizes)]
    inputs = Input(2, *sizes[0]) | Input(2, *sizes[1])
    for size in sizes[2:]:
        inputs = inputs | Input(2, *size)
    y = (inputs >> CropConcat()).build()(*xs)
    height, width = min(h for h, _ in sizes), min(w for _, w in sizes)
    expected = []
    for x, (h, w) in zip(xs, sizes, strict=True):
        top, left = (h - height) // 2, (w - width) // 2
        expected.append(x[:, :, top : top + height, left : left + width])
    assert torch.equal(y, torch.cat(expected, 1))


def test_the_window_of_cropped_maps_is_known() -> None:
    rows = (Input(1, 9, 9) >> (MaxPool(3, 1) | Identity()) >> CropConcat()).summary().rows
    window = rows[-1].window
    assert window is not None
    assert (window.size, window.stride, window.start) == ((3, 3), (1, 1), (0, 0))


def test_pick_gives_one_output_to_a_branch() -> None:
    net = Input(4) >> (ReLU() | Identity()) >> (Pick(1) | Pick(0) >> Softmax(3))
    x = torch.tensor([[-1.0, 2.0, -3.0, 4.0]])
    first, second = net.build()(x)
    assert torch.equal(first, x)
    assert second.shape == (1, 3)


@pytest.mark.parametrize("layer", [CropConcat(), Pick(0)])
def test_they_stand_behind_branches(layer: CropConcat | Pick) -> None:
    with pytest.raises(
        JoinError, match=r"expected at least two inputs, got shape \(1, 4, 4\)\. Put it behind branches"
    ):
        Input(1, 4, 4) >> layer


def test_features_and_maps_are_not_joined() -> None:
    with pytest.raises(
        JoinError, match=r"CropConcat\(\): expected inputs \(channels, \*space\) of one rank, got shape"
    ):
        Input(1, 4, 4) >> (Identity() | Flatten()) >> CropConcat()
    with pytest.raises(JoinError, match="Let every branch end in maps"):
        Input(4) >> (Identity() | Identity()) >> CropConcat()


def test_an_output_that_is_not_there() -> None:
    with pytest.raises(JoinError, match=r"Pick\(2\): expected at least 3 inputs, .* the last one is Pick\(1\)"):
        Input(4) >> (Identity() | Identity()) >> Pick(2)
    with pytest.raises(InvalidParameter, match=r"Pick\(index\): expected an integer >= 0, got -1"):
        Pick(-1)
