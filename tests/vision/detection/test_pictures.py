"""Images on canvases: scaled as their frames say, laid in the corner, read from where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from netwright.core.errors import InvalidData
from netwright.vision.detection import pictures
from netwright.vision.detection.pictures import GRAY, Canvases, Pictures, canvas_for, frame_of


def image(height: int, width: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(height=st.integers(1, 3000), width=st.integers(1, 3000), size=st.integers(32, 640))
def test_the_long_side_has_the_size(height: int, width: int, size: int) -> None:
    frame = frame_of((height, width), size)
    assert max(frame.shape) == size
    assert min(frame.shape) >= 1
    canvas = canvas_for([frame], 32)
    assert all(side % 32 == 0 and 0 <= side - inner < 32 for side, inner in zip(canvas, frame.shape, strict=True))


def test_images_stand_in_the_corner_of_a_gray_canvas() -> None:
    first, second = image(48, 64), image(64, 32, 1)
    images = Pictures([first, second], "fit(images)")
    frames = [frame_of(size, 64) for size in images.sizes]
    canvas = canvas_for(frames, 32)
    assert canvas == (64, 64)
    laid = Canvases(images, frames, canvas).take(torch.tensor([1, 0]))
    assert laid.dtype == torch.uint8
    assert np.array_equal(laid[1, :, :48].permute(1, 2, 0), first)
    assert (laid[1, :, 48:] == GRAY).all()
    assert np.array_equal(laid[0, :, :, :32].permute(1, 2, 0), second)
    assert (laid[0, :, :, 32:] == GRAY).all()


def test_a_smaller_image_is_the_mean_of_its_pixels() -> None:
    big = np.kron(image(8, 8), np.ones((4, 4, 1), np.uint8))
    found = Pictures([big], "x").scaled(0, frame_of((32, 32), 8))
    wanted = np.asarray(Image.fromarray(big).resize((8, 8), Image.Resampling.BILINEAR))  # another's antialiasing
    assert np.abs(found.permute(1, 2, 0).numpy().astype(int) - wanted).max() <= 1


def test_files_are_read_as_they_are_to_be_seen(tmp_path: Path) -> None:
    plain = image(20, 30)
    Image.fromarray(plain).save(tmp_path / "plain.png")
    alpha = np.dstack([plain, np.zeros((20, 30), np.uint8)])
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    Image.fromarray(plain).quantize(256).save(tmp_path / "palette.png")
    Image.fromarray(plain[..., 0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    names = ["plain.png", "alpha.png", "palette.png", "deep.png"]
    images = Pictures([tmp_path / name for name in names], "x")
    assert images.sizes == [(20, 30)] * 4
    assert np.array_equal(images[0], plain)
    assert (images[1] == 255).all()
    assert images[2].shape == (20, 30, 3)
    assert np.array_equal(images[3], np.repeat(plain[..., :1], 3, 2))


def test_gray_arrays_become_colour() -> None:
    gray = image(8, 9)[..., 0]
    images = Pictures([gray, gray[..., None], torch.from_numpy(gray)], "x")
    for each in range(3):
        assert np.array_equal(images[each], np.repeat(gray[..., None], 3, 2))


def test_those_of_more_than_the_memory_are_read_when_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    images = Pictures([image(32, 32, i) for i in range(5)], "x")
    frames = [frame_of((32, 32), 32)] * 5
    held = Canvases(images, frames, (32, 32))
    monkeypatch.setattr(pictures, "HELD", 0)
    read = Canvases(images, frames, (32, 32))
    assert read._held is None
    rows = torch.tensor([3, 1, 1])
    assert torch.equal(held.take(rows), read.take(rows))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ([], "expected at least one image, got none"),
        ("one.png", "expected a list of images or of their files"),
        ([np.zeros((4, 4, 3))], r"image 0: expected uint8 of shape \(height, width, 3\), got float64"),
        ([np.zeros((4, 4, 4), np.uint8)], "image 0.*Lay transparent images on a colour first"),
        ([np.zeros((3, 4, 5, 3), np.uint8)], r"image 0.*\(3, 4, 5, 3\)"),
        ([np.zeros((0, 4, 3), np.uint8)], "image 0"),
        (["there/is/none.png"], "none.png"),
    ],
)
def test_what_is_no_image_is_named(given: Any, text: str) -> None:
    with pytest.raises(InvalidData, match=text):
        Pictures(given, "fit(images)")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no image")
    with pytest.raises(InvalidData, match=r"broken\.jpg"):
        Pictures([tmp_path / "broken.jpg"], "fit(images)")
