"""Filters: the pixels are the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

import netwright as nw
from netwright.core.errors import InvalidParameter
from netwright.layers import Conv, Flatten, Input, MaxPool, ReLU, Softmax
from netwright.plots import canvas, filters

NET = Input(1, 8, 8) >> Conv(6, 3) >> MaxPool(2) >> Conv(4, 2) >> Flatten() >> ReLU(5) >> Softmax(3)
MODULE = NET.build(0)


def weight_of(path: str) -> np.ndarray:
    return MODULE.get_submodule(path).weight.detach().double().numpy()


def tile(image: np.ndarray, height: int, width: int, columns: int, i: int) -> np.ndarray:
    y, x = i // columns * (height + 1), i % columns * (width + 1)
    return image[y : y + height, x : x + width]


def test_the_first_convolution_by_itself() -> None:
    ax = filters(MODULE, columns=3)
    image = ax.images[0]
    pixels, w = image.get_array().filled(np.nan), weight_of("conv1")
    assert pixels.shape == (7, 11)
    for i in range(6):
        assert np.array_equal(tile(pixels, 3, 3, 3, i), w[i, 0])
    assert image.get_clim() == (-np.abs(w).max(), np.abs(w).max())
    assert ax.get_title(loc="left") == "6 filters of 3 x 3"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "3"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["+0", "+1", "+2"]


def test_zero_is_white_and_signs_are_blue_and_vermillion() -> None:
    scale = filters(MODULE).images[0].cmap
    assert np.allclose(scale(0.5)[:3], 1.0, atol=0.01)
    assert np.allclose(scale(0.0)[:3], to_rgb(canvas.BLUE))
    assert np.allclose(scale(1.0)[:3], to_rgb(canvas.VERMILLION))


def test_deeper_layers_have_a_row_a_filter_and_a_column_a_channel() -> None:
    ax = filters(MODULE, "conv2")
    pixels, w = ax.images[0].get_array().filled(np.nan), weight_of("conv2")
    assert w.shape == (4, 6, 2, 2)
    for i in range(4):
        for j in range(6):
            assert np.array_equal(tile(pixels, 2, 2, 6, 6 * i + j), w[i, j])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1", "2", "3"]
    assert ax.get_xlabel() == "input channel"


def test_three_channels_are_colours_round_gray() -> None:
    layer = torch.nn.Conv2d(3, 2, 2, bias=False)
    w = torch.linspace(-1.0, 0.5, 24).reshape(2, 3, 2, 2)
    with torch.no_grad():
        layer.weight.copy_(w)
    pixels = filters(layer, columns=2).images[0].get_array()
    assert np.allclose(pixels[:, :2, :3], 0.5 + np.moveaxis(w[0].numpy(), 0, -1) / 2.0)
    assert pixels[0, 2].tolist() == [0.0, 0.0, 0.0, 0.0]


def test_filters_over_sequences_are_strips() -> None:
    layer = torch.nn.Conv1d(4, 2, 3)
    pixels = filters(layer, columns=1).images[0].get_array().filled(np.nan)
    assert np.array_equal(pixels[:4], layer.weight[0].detach().double().numpy())


def test_filters_over_volumes_have_their_slices() -> None:
    layer = torch.nn.Conv3d(1, 2, (3, 2, 2))
    pixels = filters(layer).images[0].get_array().filled(np.nan)
    assert np.array_equal(tile(pixels, 2, 2, 3, 4), layer.weight[1, 0, 1].detach().double().numpy())


def test_dense_layers_need_the_shape_of_their_input() -> None:
    module = (Input(2, 3, 4) >> Flatten() >> ReLU(5)).build(0)
    w = module.get_submodule("relu1.linear").weight.detach().double().numpy()
    for layer in (None, "relu1", "relu1.linear"):
        pixels = filters(module, layer, shape=(4, 6), columns=5).images[0].get_array().filled(np.nan)
        assert np.array_equal(tile(pixels, 4, 6, 5, 3), w[3].reshape(4, 6))
    with pytest.raises(InvalidParameter, match=r"filters\(shape\): expected the shape of an image with 24 numbers"):
        filters(module)
    with pytest.raises(InvalidParameter, match=r"got \(5, 5\)"):
        filters(module, shape=(5, 5))


def test_an_estimator_knows_the_shape() -> None:
    clf = nw.Classifier()
    clf.network_ = Input(3, 4) >> Flatten() >> ReLU(5) >> Softmax(2)
    clf.module_ = clf.network_.build(0)
    assert filters(clf).get_title(loc="left") == "Weights of 5 units on 3 x 4 inputs"


def test_zero_weights_can_be_drawn() -> None:
    layer = torch.nn.Conv2d(1, 1, 2)
    torch.nn.init.zeros_(layer.weight)
    ax = filters(layer)
    assert ax.images[0].get_clim() == (-1.0, 1.0)
    ax.figure.canvas.draw()


def test_lost_weights_do_not_hide_the_others() -> None:
    layer = torch.nn.Conv2d(1, 2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([float("nan"), -2.0]).reshape(2, 1, 1, 1))
    assert filters(layer).images[0].get_clim() == (-2.0, 2.0)


def test_very_many_filters_are_cut_and_that_is_said() -> None:
    ax = filters(torch.nn.Conv2d(1, 1100, 1))
    assert ax.get_title(loc="left") == "1100 filters of 1 x 1, the first 1024"
    assert np.isfinite(ax.images[0].get_array().filled(np.nan)).sum() == 1024
    deep = filters(torch.nn.Conv2d(40, 50, 1))
    assert deep.get_title(loc="left").endswith("on 40 channels, the first 32 and 32 of them")


@pytest.mark.parametrize(
    ("thing", "options", "match"),
    [
        (MODULE, {"layer": "conv9"}, r"filters\(layer\): .* got 'conv9'\. Did you mean 'conv"),
        (MODULE, {"layer": "maxpool1"}, r"expected a convolution or a fully connected layer, got 'maxpool1', a Max"),
        (
            torch.nn.ReLU(),
            {},
            r"filters\(module\): expected a convolution or a fully connected layer in it, got a ReLU",
        ),
        (MODULE, {"columns": 0}, r"filters\(columns\): expected an integer >= 1 or None, got 0"),
        (MODULE, {"shape": (3,)}, r"filters\(shape\): expected a tuple of 2 or more elements"),
        (NET, {}, r"filters\(module\): expected a torch module or a fitted estimator"),
    ],
)
def test_what_has_no_filters(thing: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidParameter, match=match):
        filters(thing, **options)
