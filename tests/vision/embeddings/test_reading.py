"""Reading samples: shapes, files, sizes, channels, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData
from netwright.vision.embeddings.networks import EmbeddingNetwork, closed_network, default_network
from netwright.vision.embeddings.reading import Form, read_samples

DRAW = np.random.default_rng(0)
COLOUR = DRAW.integers(0, 255, (3, 12, 10, 3), dtype=np.uint8)


def test_images_come_in_several_shapes() -> None:
    wanted = torch.from_numpy(COLOUR).permute(0, 3, 1, 2)
    for given in (COLOUR, list(COLOUR), COLOUR.transpose(0, 3, 1, 2), torch.from_numpy(COLOUR)):
        assert read_samples(given, None, "X").equal(wanted)
    gray = COLOUR[..., 0]
    for given in (gray, list(gray), gray[..., None], gray[:, None]):
        assert read_samples(given, None, "X").equal(torch.from_numpy(gray)[:, None])


def test_numbers_stay_numbers() -> None:
    x = DRAW.normal(size=(4, 6))
    assert read_samples(x, None, "X").equal(torch.from_numpy(x.astype(np.float32)))
    images = DRAW.random((2, 5, 4))
    assert read_samples(images, None, "X").dtype == torch.float32


def test_files_are_as_good_as_arrays(tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image")
    for array, name in ((COLOUR, "colour"), (COLOUR[..., 0], "gray")):
        files = [tmp_path / f"{name}{i}.png" for i in range(3)]
        for image, file in zip(array, files, strict=True):
            image_module.fromarray(image).save(file)
        assert read_samples(files, None, "X").equal(read_samples(array, None, "X"))
        assert read_samples(np.array([str(file) for file in files]), (6, 5), "X").shape[2:] == (6, 5)


def test_several_sizes_are_brought_to_one() -> None:
    images = [np.full((side, side), 9 * side, np.uint8) for side in (8, 12)]
    found = read_samples(images, (4, 4), "X")
    assert found.dtype == torch.uint8
    assert found.shape == (2, 1, 4, 4)
    assert found.flatten(1).float().mean(1).tolist() == [72, 108]
    with pytest.raises(InvalidData, match=r"X: expected images of one size, got \[\(8, 8\), \(12, 12\)\]. Give size"):
        read_samples(images, None, "X")


def test_gray_images_are_shown_in_colour_where_colour_was_fitted() -> None:
    form = Form((3, 12, 10))
    gray = form.again(COLOUR[..., 0], "X")
    assert gray.shape == (3, 3, 12, 10)
    assert gray[:, 0].equal(gray[:, 2])
    with pytest.raises(InvalidData, match=r"expected images with 1 channel, as in fit, got 3 channels"):
        Form((1, 12, 10)).again(COLOUR, "X")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([], "expected at least one sample, got none"),
        ("photo.png", "Put a single one in a list"),
        (3, "got int"),
        (np.zeros((2, 4, 4, 4)), r"got shape \(2, 4, 4, 4\). Lay transparent images on a colour first"),
        (np.zeros((2, 3, 4, 5, 3)), r"got shape \(2, 3, 4, 5, 3\)"),
        (np.array([[1.0, np.nan]]), "NaN"),
        ([np.zeros((4, 4)), np.zeros(4)], r"X, image 1: expected an image"),
        (np.array([["a", "b"]]), r"Row 0, column 0: expected a number, got 'a'"),
        (["no/such/file.png"], "no/such/file.png"),
    ],
)
def test_bad_samples_are_named(given: Any, text: str) -> None:
    with pytest.raises(InvalidData, match=text):
        read_samples(given, None, "X")


def test_samples_after_the_fit_have_its_shape() -> None:
    with pytest.raises(InvalidData, match=r"expected 6 features, as in fit, got 5 features"):
        Form((6,)).again(np.zeros((2, 5)), "X")
    with pytest.raises(
        InvalidData, match=r"expected images of 12 x 10 pixels with 1 channel, as in fit, got images of 8"
    ):
        Form((1, 12, 10)).again(np.zeros((2, 8, 8)), "X")
    assert Form((1, 6, 5), (6, 5)).again(COLOUR[..., 0], "X").shape == (3, 1, 6, 5)


# networks


@pytest.mark.parametrize("shape", [(4,), (1, 3, 3), (1, 8, 8), (3, 28, 28), (1, 64, 48), (1, 105, 105), (3, 300, 300)])
def test_there_is_a_network_for_every_shape(shape: tuple[int, ...]) -> None:
    network = closed_network(None, shape, 8)
    assert network.output_shape == (8,)
    assert EmbeddingNetwork(network, True, 0).eval()(torch.zeros(2, *shape)).shape == (2, 8)
    if len(shape) == 3 and min(shape[1:]) > 10:
        maps = closed_network(default_network(shape), shape, None).output_shape[0] // 64
        assert 9 <= maps <= 64


def test_the_network_standardises_what_it_gets() -> None:
    x = torch.from_numpy(DRAW.normal(3, 5, (50, 4)).astype(np.float32))
    x[:, 2] = 7
    net = EmbeddingNetwork(closed_network("Identity()", (4,), None), False, 0)
    net.learn(x)
    found = net(x)
    torch.testing.assert_close(found.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(0, unbiased=False), torch.tensor([1.0, 1.0, 0.0, 1.0]))
    assert EmbeddingNetwork(closed_network("Identity()", (4,), None), True, 0)(x).norm(dim=1).allclose(torch.ones(50))
