"""Preprocessing of images: against Pillow's resizing, on worked numbers, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.core.value import from_json, to_json
from netwright.models import Preprocessing, googlenet, inception_v3, resnet18, vgg16

PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def images(*shape: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 9, 11, generator=g)
    return (torch.nn.functional.interpolate(coarse, shape, mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)


@pytest.mark.parametrize(("height", "width"), [(100, 140), (140, 100), (64, 64), (40, 50), (333, 65)])
def test_resizing_and_cropping_are_pillows(height: int, width: int) -> None:
    image_module = pytest.importorskip("PIL.Image")
    given = images(height, width)
    made = Preprocessing(**PLAIN, size=56, resize=64).prepare(given)
    short = min(height, width)
    new = (64 * width // short, 64 * height // short)
    top, left = round((new[1] - 56) / 2), round((new[0] - 56) / 2)
    for x, y in zip(given, made, strict=True):
        picture = image_module.fromarray(np.ascontiguousarray(x.permute(1, 2, 0).numpy()))
        resized = np.asarray(picture.resize(new, image_module.Resampling.BILINEAR))[top : top + 56, left : left + 56]
        assert np.abs(resized / 255 - y.permute(1, 2, 0).numpy()).max() < 1.6 / 255  # Pillow rounds to whole numbers


def test_normalisation_of_a_worked_number() -> None:
    gray = torch.full((1, 3, 2, 2), 0.6)
    made = Preprocessing(size=2, resize=None).prepare(gray)
    expected = torch.tensor([(0.6 - 0.485) / 0.229, (0.6 - 0.456) / 0.224, (0.6 - 0.406) / 0.225])
    assert torch.allclose(made[0, :, 0, 0], expected)
    centred = Preprocessing((0.5,), (0.5,), size=2, resize=None).prepare(torch.tensor([[[[0.0, 1.0], [0.5, 0.25]]]]))
    assert torch.equal(centred, torch.tensor([[[[-1.0, 1.0], [0.0, -0.5]]]]))


def test_whole_numbers_and_shares_are_the_same_image() -> None:
    given = images(70, 90)
    prepare = Preprocessing(size=56, resize=64).prepare
    assert prepare(given).dtype == torch.float32
    assert torch.allclose(prepare(given), prepare(given.float() / 255))
    assert prepare(given.double() / 255).dtype == torch.float64


def test_the_input_is_not_written() -> None:
    given = images(56, 56).float() / 255
    kept = given.clone()
    Preprocessing(size=56, resize=None).prepare(given)
    assert torch.equal(given, kept)


def test_what_the_cards_say() -> None:
    cards = {net.card.name: net.card for net in (vgg16(), resnet18(), googlenet(), inception_v3())}  # type: ignore
    assert cards["vgg16"].preprocessing == cards["resnet18"].preprocessing == Preprocessing()
    half = (0.5, 0.5, 0.5)
    assert cards["googlenet"].preprocessing == Preprocessing(half, half)
    assert cards["inception_v3"].preprocessing == Preprocessing(half, half, 299, 342)


def test_it_goes_to_json_and_back() -> None:
    made = Preprocessing((0.5,), (0.25,), 28, None)
    assert from_json(json.loads(json.dumps(to_json(made)))) == made
    assert repr(made) == "Preprocessing((0.5,), (0.25,), 28, None)"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (torch.zeros(3, 8, 8), r"expected a tensor \(n, 3, height, width\), got shape \(3, 8, 8\)\. One image is"),
        (torch.zeros(1, 8, 8, 3), r"got shape \(1, 8, 8, 3\)\. .*permute\(0, 3, 1, 2\)"),
        (torch.zeros(0, 3, 8, 8), r"got shape \(0, 3, 8, 8\)"),
        (np.zeros((1, 3, 8, 8)), "got ndarray"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.int64), r"uint8 or floating-point numbers, got torch.int64"),
        (torch.full((1, 3, 8, 8), 255.0), r"values in \[0, 1\], got 255 to 255\. Divide"),
        (torch.full((1, 3, 8, 8), -0.5), r"values in \[0, 1\], got -0\.5 to -0\.5"),
        (torch.full((1, 3, 8, 8), torch.nan), r"values in \[0, 1\], got nan"),
        (torch.zeros(1, 3, 8, 3), r"images of at least 4 x 4, got 8 x 3"),
    ],
)
def test_what_it_cannot_prepare(given: torch.Tensor, message: str) -> None:
    with pytest.raises(InvalidData, match=r"prepare\(images\): " + ".*" + message):
        Preprocessing(size=4, resize=None).prepare(given)


def test_options_that_cannot_be() -> None:
    with pytest.raises(InvalidParameter, match=r"Preprocessing\(resize\): expected at least .* 224, got 200"):
        Preprocessing(resize=200)
    with pytest.raises(InvalidParameter, match=r"Preprocessing\(mean, std\): .*, got 1 and 3 of them"):
        Preprocessing(mean=(0.5,))
    with pytest.raises(InvalidParameter, match=r"Preprocessing\(std\): expected a tuple .*, got \(0\.0,\)"):
        Preprocessing((0.5,), (0.0,))
