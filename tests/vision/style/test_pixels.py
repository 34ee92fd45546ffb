"""What becomes of images of all kinds, of masks and of colours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from netwright.core.errors import InvalidData
from netwright.vision.style.colours import luminance, match_colors, match_luminance, with_luminance
from netwright.vision.style.pixels import as_bytes, fitted, read_mask, read_picture, resized

DRAW = np.random.default_rng(0)
IMAGE = DRAW.integers(0, 256, (7, 9, 3), dtype=np.uint8)


def photograph(seed: int, size: tuple[int, int] = (30, 40)) -> torch.Tensor:
    """Correlated colours well inside of [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.rand(3, 3, generator=generator) @ torch.randn(3, size[0] * size[1], generator=generator)
    return (0.5 + 0.04 * mixed).reshape(1, 3, *size)


def test_bytes_come_back_as_they_were() -> None:
    assert (as_bytes(read_picture(IMAGE, "image")) == IMAGE).all()


def test_forms_of_one_image_are_the_same() -> None:
    pillow = pytest.importorskip("PIL.Image")
    wanted = read_picture(IMAGE, "image")
    for given in (IMAGE / 255, torch.from_numpy(IMAGE), pillow.fromarray(IMAGE), np.asfortranarray(IMAGE)):
        torch.testing.assert_close(read_picture(given, "image"), wanted)


def test_gray_alpha_and_palette() -> None:
    pillow = pytest.importorskip("PIL.Image")
    gray = IMAGE[:, :, 0]
    for given in (gray, gray[:, :, None], np.repeat(gray[:, :, None], 3, 2)):
        assert (as_bytes(read_picture(given, "image")) == gray[:, :, None]).all()
    clear = np.dstack([IMAGE, np.zeros((7, 9), np.uint8)])
    assert (as_bytes(read_picture(clear, "image")) == 255).all()
    palette = pillow.fromarray(np.zeros((2, 3), np.uint8)).convert("P")
    palette.putpalette([255, 0, 10] * 256)
    assert as_bytes(read_picture(palette, "image"))[0, 0].tolist() == [255, 0, 10]


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (np.full((4, 4, 3), np.nan), r"finite numbers, got nan at \(0, 0, 0\)"),
        (np.full((4, 4, 3), 7.0), r"numbers in \[0, 1\], got 7 to 7\. Divide"),
        (np.zeros((3, 8, 9), np.uint8), r"uint8 of shape \(3, 8, 9\).*np\.moveaxis"),
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\)"),
        (np.zeros((4, 4, 3), np.int64), r"array of int64\. Use image\.astype\(np\.uint8\)"),
        ("nowhere.png", r"nowhere\.png"),
        ({"a": 1}, "an image: an array"),
    ],
)
def test_what_is_no_image_is_named(image: Any, text: str) -> None:
    with pytest.raises(InvalidData, match=text):
        read_picture(image, "image")


def test_masks() -> None:
    flags = DRAW.random((7, 9)) > 0.5
    wanted = flags.astype(np.float32)
    for given in (flags, flags.astype(np.uint8) * 255, wanted, np.repeat(flags[:, :, None], 3, 2).astype(np.float64)):
        np.testing.assert_array_equal(read_mask(given, (7, 9), "mask")[0, 0], wanted)
    for given in (flags.astype(np.uint8), flags.astype(np.int64), flags.astype(np.int64) * 255):
        np.testing.assert_array_equal(read_mask(given, (7, 9), "mask")[0, 0], wanted)
    with pytest.raises(InvalidData, match=r"integers 0 to 255, or 0 and 1, got 0 to 300\. Use mask > 0"):
        read_mask(flags * 300, (7, 9), "mask")
    with pytest.raises(InvalidData, match=r"size 7 x 9, \(height, width\), got shape \(9, 7\)\. Resize"):
        read_mask(flags.T, (7, 9), "mask")
    with pytest.raises(InvalidData, match="0 everywhere"):
        read_mask(np.zeros((7, 9)), (7, 9), "mask")


def test_resizing_keeps_the_mean_and_the_shape() -> None:
    picture = photograph(0, (40, 60))
    assert resized(picture, 30).shape == (1, 3, 20, 30)
    assert resized(picture, None) is picture
    torch.testing.assert_close(fitted(picture, (20, 30)).mean((2, 3)), picture.mean((2, 3)), atol=2e-3, rtol=0)


def test_matched_colours_have_the_moments_of_the_other_image() -> None:
    image, other = photograph(1), photograph(2, (50, 20))
    matched = match_colors(image, other)[0].flatten(1).double()
    wanted = other[0].flatten(1).double()
    torch.testing.assert_close(matched.mean(1), wanted.mean(1), atol=1e-4, rtol=0)
    torch.testing.assert_close(matched.cov(), wanted.cov(), atol=1e-4, rtol=0)
    torch.testing.assert_close(match_colors(image, image), image, atol=1e-5, rtol=0)
    flat = torch.full((1, 3, 4, 4), 0.2)
    torch.testing.assert_close(match_colors(flat, other).mean((2, 3)), other.mean((2, 3)), atol=1e-4, rtol=0)


def test_brightness_is_replaced_and_colours_stay() -> None:
    image, other = photograph(3), photograph(4)
    made = with_luminance(image, other)
    torch.testing.assert_close(luminance(made), luminance(other))
    yiq = np.linalg.inv([[1, 0.956, 0.621], [1, -0.272, -0.647], [1, -1.106, 1.703]])[1:]
    before, after = (np.tensordot(yiq, x[0].numpy(), 1) for x in (image, made))
    np.testing.assert_allclose(after, before, atol=1e-3)
    gray = match_luminance(image, other)
    assert gray.std().item() == pytest.approx(luminance(other).std().item(), rel=1e-3)
    assert gray.mean().item() == pytest.approx(luminance(other).mean().item(), rel=1e-4)
