"""Image folders, with images that the tests make."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.data import images as module
from netwright.data import load_image_folder, load_images

Image = pytest.importorskip("PIL.Image")
rng = np.random.default_rng(0)


def picture(height: int = 6, width: int = 8, channels: int = 3) -> np.ndarray:
    pixels = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
    return pixels if channels > 1 else pixels[..., 0]


def saved(path: Path, pixels: np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def test_classes_files_and_values(tmp_path):
    pixels = {name: picture() for name in ("cat/b.png", "cat/a.bmp", "dog/deep/c.PNG", "über 🐈/d.png")}
    for name, array in pixels.items():
        saved(tmp_path / name, array)
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    saved(tmp_path / "dog" / ".hidden.png", picture())
    saved(tmp_path / ".cache" / "e.png", picture())
    X, y, files = load_image_folder(tmp_path)
    assert y.tolist() == ["cat", "cat", "dog", "über 🐈"]
    assert files == [str(tmp_path / name) for name in ("cat/a.bmp", "cat/b.png", "dog/deep/c.PNG", "über 🐈/d.png")]
    assert X.dtype == np.float32
    for image, file in zip(X, files, strict=True):
        expected = pixels[str(Path(file).relative_to(tmp_path))]
        np.testing.assert_array_equal(image, expected.transpose(2, 0, 1).astype(np.float32) / 255)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"])
def test_every_format(tmp_path, suffix):
    pixels = np.full((6, 8, 3), (200, 100, 50), np.uint8)
    X = load_images([saved(tmp_path / f"a{suffix}", pixels)])
    assert X.shape == (1, 3, 6, 8)
    np.testing.assert_allclose(X.mean(axis=(0, 2, 3)) * 255, [200, 100, 50], atol=4)


def test_the_most_common_size_is_taken(tmp_path):
    files = [saved(tmp_path / f"{i}.png", picture(*size)) for i, size in enumerate([(6, 8), (4, 4), (6, 8), (9, 2)])]
    assert load_images(files).shape == (4, 3, 6, 8)
    assert load_images(files, size=5).shape == (4, 3, 5, 5)
    assert load_images(files, size=(3, 7)).shape == (4, 3, 3, 7)


def test_shrinking_is_antialiased(tmp_path):
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    X = load_images([saved(tmp_path / "a.png", board.astype(np.uint8))], size=8)
    np.testing.assert_allclose(X, 0.5, atol=0.02)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_orientation(tmp_path, orientation, suffix):
    stored = np.zeros((16, 32), np.uint8)
    stored[:8, :16] = 255  # the bright corner, top left as stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = saved(tmp_path / f"a{suffix}", stored, exif=exif)
    upright = [stored, stored[:, ::-1], stored[::-1, ::-1], stored[::-1], stored.T]
    upright += [np.rot90(stored, -1), stored[::-1, ::-1].T, np.rot90(stored)]
    X = load_images([file], gray=True)
    np.testing.assert_allclose(X[0, 0], upright[orientation - 1] / 255, atol=0.15)


def test_gray_images_have_one_channel(tmp_path):
    gray = picture(channels=1)
    files = [
        saved(tmp_path / "a.png", gray),
        saved(tmp_path / "b.png", np.repeat(gray[..., None], 3, axis=2)),
        saved(tmp_path / "c.png", gray > 127),
    ]
    assert load_images(files[:1]).shape == (1, 1, 6, 8)
    X = load_images(files)
    assert X.shape == (3, 1, 6, 8)
    np.testing.assert_array_equal(X[1, 0] * 255, gray)
    np.testing.assert_array_equal(X[2, 0], gray > 127)
    assert load_images(files, gray=False).shape == (3, 3, 6, 8)
    colour = saved(tmp_path / "d.png", picture())
    assert load_images([*files, colour]).shape == (4, 3, 6, 8)
    assert load_images([colour], gray=True).shape == (1, 1, 6, 8)


def test_transparent_parts_are_laid_on_white(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[0, 0, 3] = 255
    expected = np.ones((4, 4))
    expected[0, 0] = 0
    palette = Image.fromarray(np.eye(4, dtype=np.uint8)).convert("P")
    palette.putpalette([0, 0, 0, 0, 0, 0])
    palette.save(tmp_path / "p.png", transparency=0)
    X = load_images([saved(tmp_path / "a.png", pixels)])
    np.testing.assert_array_equal(X[0, 0], expected)
    np.testing.assert_array_equal(load_images([tmp_path / "p.png"])[0, 0], 1 - np.eye(4))


def test_sixteen_bits(tmp_path):
    pixels = np.array([[0, 257, 32768, 65535]], np.uint16)
    X = load_images([saved(tmp_path / "a.png", pixels)])
    np.testing.assert_array_equal(X[0, 0] * 255, [[0, 1, 128, 255]])


def test_unreadable_files_are_named(tmp_path):
    whole = saved(tmp_path / "a.png", picture(40, 40)).read_bytes()
    for content in (b"", b"no image", whole[:-60], whole[:200] + b"\0" * 8 + whole[208:]):
        (tmp_path / "b.png").write_bytes(content)
        with pytest.raises(InvalidData, match=r"image '.*b.png': expected an image that can be read, got \w+: "):
            load_images([tmp_path / "a.png", tmp_path / "b.png"])
    saved(tmp_path / "c.tiff", picture()).rename(tmp_path / "c.png")
    with pytest.raises(InvalidData, match=r"c.png': expected an image that can be read"):
        load_images([tmp_path / "c.png"])
    with pytest.raises(InvalidData, match=r"none.png': expected an image that can be read, got FileNotFoundError"):
        load_images([tmp_path / "none.png"])


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9000, 12000, 60000])
def test_bombs_are_refused(tmp_path, side):
    (tmp_path / "a.png").write_bytes(bomb(side, side))
    with pytest.raises(InvalidData, match=r"a.png': expected an image that can be read, got .*pixels"):
        load_images([tmp_path / "a.png"])


def test_the_cap_counts_pixels(tmp_path, monkeypatch):
    file = saved(tmp_path / "a.png", picture(6, 8))
    monkeypatch.setattr(module, "PIXELS", 48)
    load_images([file])
    monkeypatch.setattr(module, "PIXELS", 47)
    with pytest.raises(InvalidData, match="8 x 6 pixels, more than 47"):
        load_images([file])


def test_folders_that_cannot_be(tmp_path):
    with pytest.raises(InvalidData, match="expected a folder, got nothing of that name"):
        load_image_folder(tmp_path / "none")
    with pytest.raises(InvalidData, match="one sub-folder for each class, got no sub-folders"):
        load_image_folder(tmp_path)
    with pytest.raises(InvalidData, match="expected a folder, got a file"):
        load_image_folder(saved(tmp_path / "a.png", picture()))
    saved(tmp_path / "cat" / "a.png", picture())
    (tmp_path / "dog").mkdir()
    with pytest.raises(InvalidData, match=r"images \(.png .*\) of each class, got none in the sub-folder 'dog'"):
        load_image_folder(tmp_path)
    with pytest.raises(InvalidData, match="at least one file, got 0 files"):
        load_images([])


def test_options_that_cannot_be(tmp_path):
    for size in (0, (3,), "big", 2.5):
        with pytest.raises(InvalidParameter, match=r"load_images\(size\): expected an integer >= 1 or a tuple"):
            load_images(["a.png"], size=size)
    with pytest.raises(InvalidParameter, match=r"load_images\(size\): expected \(height, width\), got \(1, 2, 3\)"):
        load_images(["a.png"], size=(1, 2, 3))
    with pytest.raises(InvalidParameter, match=r"load_images\(gray\): expected True or False or None"):
        load_images(["a.png"], gray="yes")


def test_without_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(InvalidParameter, match=r"Pillow.*pip install netwright\[images\]"):
        load_images(["a.png"])


@pytest.mark.data
def test_real_pictures():
    if not os.environ.get("NETWRIGHT_DATA"):
        pytest.skip("NETWRIGHT_DATA is not set")
    folder = Path(os.environ["NETWRIGHT_DATA"]) / "images"
    X = load_images(sorted(folder.glob("*.jpg")), size=(48, 64))
    assert X.shape == (4, 3, 48, 64)
    assert (X.min(), X.max()) >= (0, 0)
    assert X.max() <= 1
    assert X.std() > 0.1
