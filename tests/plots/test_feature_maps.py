"""Activations: the pixels are what the layers give in evaluation mode."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.layers import BatchNorm, Concat, Conv, Dropout, Flatten, Identity, Input, ReLU, Softmax
from netwright.plots import activations

NET = Input(1, 6, 6) >> Conv(4, 3) >> BatchNorm() >> ReLU() >> Flatten() >> Dropout(0.5) >> ReLU(200) >> Softmax(3)
X = np.random.default_rng(2).random((1, 6, 6)).astype(np.float32)


def titles(axes: np.ndarray) -> list[str]:
    return [ax.get_title(loc="left").split(":")[0] for ax in axes]


def test_every_layer_that_changes_numbers_has_a_panel() -> None:
    axes = activations(NET.build(0), X)
    assert titles(axes) == [
        "input",
        "conv1 Conv2d",
        "batchnorm1 BatchNorm2d",
        "relu1",
        "relu2.linear",
        "relu2.activation",
        "softmax1.linear",
        "softmax1.activation",
    ]


def test_the_pixels_are_the_outputs() -> None:
    module = NET.build(0)
    module.train()
    axes = activations(module, X)
    assert all(part.training for part in module.modules())
    module.eval()
    with torch.no_grad():
        maps = module[0](torch.tensor(X)[None])[0]
        out = module(torch.tensor(X)[None])[0]
    pixels = axes[1].images[0].get_array().filled(np.nan)
    assert np.allclose(pixels[:4, 5:9], maps[1].numpy())
    assert np.allclose(axes[-1].images[0].get_array()[0], out.numpy())
    assert [label.get_text() for label in axes[-1].get_xticklabels()] == ["0", "1", "2"]
    assert axes[-1].get_xlabel() == "unit"


def test_the_title_says_shape_and_range() -> None:
    axes = activations(torch.nn.Sequential(torch.nn.Identity(), torch.nn.ReLU()), np.array([-2.0, 0.0, 3.0]))
    assert [ax.get_title(loc="left") for ax in axes] == ["input: 3, -2 to 3", "1 ReLU: 3, 0 to 3"]


def test_long_layers_are_strips_of_several_rows() -> None:
    axes = activations(NET.build(0), X, "relu2.linear")
    image = axes[0].images[0].get_array().filled(np.nan)
    assert image.shape == (2, 100)
    assert np.isfinite(image).all()
    assert not axes[0].get_xticklabels()


def test_an_input_image_is_shown_as_it_is() -> None:
    gray = activations(NET.build(0), X)[0].images[0].get_array()
    assert np.allclose(gray, np.repeat(X[0][..., None], 3, axis=2))
    rgb = np.random.default_rng(0).random((3, 5, 5))
    colours = activations(torch.nn.Conv2d(3, 2, 3), rgb)[0].images[0].get_array()
    assert np.allclose(colours, np.moveaxis(rgb, 0, -1), atol=1e-6)


def test_sequences_run_to_the_right() -> None:
    steps = np.arange(30.0).reshape(10, 3)  # (steps, features)
    (_, ax) = activations(torch.nn.Linear(3, 2), steps)
    assert ax.images[0].get_array().shape == (2, 10)
    (first, _) = activations(torch.nn.Conv1d(3, 2, 2), steps.T)
    assert np.array_equal(first.images[0].get_array(), steps.T)


def test_layers_can_be_chosen() -> None:
    module = NET.build(0)
    assert titles(activations(module, X, "relu2")) == ["relu2 Sequential"]
    assert titles(activations(module, X, ["softmax1", "conv1"])) == ["conv1 Conv2d", "softmax1 Sequential"]
    with pytest.raises(InvalidParameter, match=r"activations\(layer\): .* got 'conv7'\. Did you mean 'conv1'"):
        activations(module, X, "conv7")


def test_a_dozen_of_many_layers() -> None:
    deep = torch.nn.Sequential(*[torch.nn.Tanh() for _ in range(40)])
    shown = titles(activations(deep, np.ones(3)))
    assert len(shown) == 13
    assert shown[:2] == ["input", "0 Tanh"]
    assert shown[-1] == "39 Tanh"


def test_several_inputs() -> None:
    net = ((Input(3) >> ReLU(2)) | Identity_of(4)) >> Concat() >> Softmax(2)
    axes = activations(net.build(0), (np.ones(3), np.ones(4)))
    assert titles(axes)[:2] == ["input 1", "input 2"]
    assert axes[1].images[0].get_array().shape == (1, 4)


def Identity_of(width: int) -> object:
    return Input(width) >> Identity()


def test_a_layer_called_twice_is_shown_once() -> None:
    tanh = torch.nn.Tanh()
    assert len(activations(torch.nn.Sequential(tanh, tanh), np.ones(2))) == 2


def test_a_fitted_classifier_prepares_the_sample_and_names_its_classes() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(5.0, 2.0, (40, 3))
    y = np.where(rows[:, 0] > 5, "high", "low")
    clf = nw.Classifier(epochs=1, random_state=0).fit(rows, y)
    axes = activations(clf, rows[0])
    scaled = (rows[0] - rows.mean(0)) / rows.std(0)
    assert np.allclose(axes[0].images[0].get_array()[0], scaled, atol=1e-5)
    assert np.allclose(axes[-1].images[0].get_array()[0], clf.predict_proba(rows[:1])[0], atol=1e-6)
    assert [label.get_text() for label in axes[-1].get_xticklabels()] == ["high", "low"]
    assert axes[-1].get_xlabel() == "class"


@pytest.mark.parametrize("x", [np.zeros((2, 6, 6)), np.zeros((5, 1, 6, 6)), np.zeros(3)])
def test_a_sample_that_does_not_fit(x: np.ndarray) -> None:
    module = NET.build(0)
    with pytest.raises(InvalidData, match=r"activations\(x\): expected one sample \(no batch axis\).*torch says"):
        activations(module, x)
    assert not any(part._forward_hooks for part in module.modules())
