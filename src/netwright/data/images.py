"""Images from files: a folder with one sub-folder a class becomes one float32 array.

An image is turned as its EXIF orientation says, laid on white where it is transparent, stretched to the common size
(bilinear, antialiased), and scaled from 0-255 to [0, 1]. Of a moving picture the first frame is taken.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.validation import boolean, check, integer, nothing, tuple_of

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")  # no decoder beyond these is tried, whatever a file claims to be
PIXELS = 1 << 26  # the most pixels of one image; more is taken for a decompression bomb
GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L"})
ORIENTATION = 0x0112


def load_image_folder(
    path: str | os.PathLike[str], size: int | tuple[int, int] | None = None, gray: bool | None = None
) -> tuple[NDArray[np.float32], NDArray[np.str_], list[str]]:
    """All images of a folder that has one sub-folder for each class.

    Parameters
    ----------
    path : the folder; images lie at any depth below a class's sub-folder, hidden files are passed over.
    size : (height, width) in pixels, or one number for both; None takes the most common size.
    gray : whether images have one channel or three; None takes one where every image is gray.

    Shapes
    ------
    X (n, channels, height, width) float32 in [0, 1], y (n,) str, and the n files, sorted by class and name.

    Raises
    ------
    InvalidData : no folder, no sub-folders, one without images, a file that is no image or too large.
    InvalidParameter : a size or flag that cannot be, or Pillow is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in ("cat", "dog"):
    ...     (folder / name).mkdir()
    ...     Image.new("RGB", (8, 6), "red").save(folder / name / "1.png")
    >>> X, y, files = load_image_folder(folder)
    >>> X.shape, y
    ((2, 3, 6, 8), array(['cat', 'dog'], dtype='<U3'))
    """
    files, labels = image_files(path)
    return load_images(files, size, gray), labels, [str(file) for file in files]


def image_files(path: str | os.PathLike[str]) -> tuple[list[Path], NDArray[np.str_]]:
    """The image files of a folder that has one sub-folder for each class, with the names of these.

    Parameters
    ----------
    path : the folder.

    Raises
    ------
    InvalidData : no folder, no sub-folders, one without images.
    """
    where = f"load_image_folder({os.fspath(path)!r})"
    root = Path(path)
    if not root.is_dir():
        raise InvalidData(problem(where, "a folder", "a file" if root.exists() else "nothing of that name"))
    classes = sorted(child for child in root.iterdir() if child.is_dir() and not child.name.startswith("."))
    if not classes:
        raise InvalidData(problem(where, "one sub-folder for each class", "no sub-folders"))
    files: list[Path] = []
    labels: list[str] = []
    for folder in classes:
        found = _images_in(folder)
        if not found:
            got = f"none in the sub-folder {folder.name!r}"
            raise InvalidData(problem(where, f"images ({' '.join(SUFFIXES)}) of each class", got))
        files += found
        labels += [folder.name] * len(found)
    return files, np.array(labels)


def load_images(
    files: Sequence[str | os.PathLike[str]], size: int | tuple[int, int] | None = None, gray: bool | None = None
) -> NDArray[np.float32]:
    """Image files as one array.

    Parameters
    ----------
    files : paths of images (png, jpg, bmp, gif, webp).
    size : (height, width) in pixels, or one number for both; None takes the most common size.
    gray : whether images have one channel or three; None takes one where every image is gray.

    Shapes
    ------
    n files -> (n, channels, height, width) float32 in [0, 1]

    Raises
    ------
    InvalidData : no files, a file that is no image or too large.
    InvalidParameter : a size or flag that cannot be, or Pillow is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "1.png"
    >>> Image.new("L", (8, 6), 51).save(file)
    >>> float(load_images([file], size=(2, 3)).mean())
    0.20000000298023224
    """
    check("load_images(size)", size, integer(1) | tuple_of(integer(1), least=2) | nothing)
    check("load_images(gray)", gray, boolean | nothing)
    if isinstance(size, (tuple, list)) and len(size) != 2:
        raise InvalidParameter(problem("load_images(size)", "(height, width)", repr(size)))
    if not files:
        raise InvalidData(problem("load_images(files)", "at least one file", "0 files"))
    _pillow()
    paths = [Path(file) for file in files]
    headers = [_header(file) for file in paths]
    if size is None:
        height, width = Counter(shape for shape, _ in headers).most_common(1)[0][0]
    else:
        height, width = (size, size) if isinstance(size, int) else size
    single = gray if gray is not None else all(mode in GRAY_MODES for _, mode in headers)
    out = np.empty((len(paths), 1 if single else 3, height, width), dtype=np.float32)
    for row, file in enumerate(paths):
        out[row] = _pixels(file, "L" if single else "RGB", (width, height))
    if gray is None and not single and all((image[0] == image[1:]).all() for image in out):
        out = np.ascontiguousarray(out[:, :1])  # colour files with gray pictures
    out /= 255
    return out


def read_image(file: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """One image as it is to be seen, in colour.

    Parameters
    ----------
    file : path of an image (png, jpg, bmp, gif, webp).

    Shapes
    ------
    (height, width, 3) uint8, red, green, blue

    Raises
    ------
    InvalidData : no such file, no image, or too large a one; with its name.
    InvalidParameter : Pillow is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "1.png"
    >>> Image.new("RGBA", (8, 6), (255, 0, 0, 0)).save(file)
    >>> read_image(file).shape, read_image(file)[0, 0].tolist()  # what is transparent shows the white below
    ((6, 8, 3), [255, 255, 255])
    """
    _, ops = _pillow()
    with _opened(Path(file)) as opened:
        return np.array(_plain(ops.exif_transpose(opened), "RGB"))


def decode_image(content: bytes) -> NDArray[np.uint8]:
    """One image from the bytes of its file, as `read_image` gives it.

    Parameters
    ----------
    content : of an image file (png, jpg, bmp, gif, webp).

    Shapes
    ------
    (height, width, 3) uint8, red, green, blue

    Raises
    ------
    InvalidData : no image, or too large a one. InvalidParameter : Pillow is not installed.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (8, 6), (255, 0, 0)).save(file, "PNG")
    >>> decode_image(file.getvalue()).shape
    (6, 8, 3)
    """
    _, ops = _pillow()
    with _opened(io.BytesIO(content)) as opened:
        return np.array(_plain(ops.exif_transpose(opened), "RGB"))


def fitted_to(image: NDArray[np.uint8], shape: Sequence[int]) -> NDArray[np.float32]:
    """An image as a network takes it: resized, of one channel or three, in [0, 1], as `load_images` gives them.

    Parameters
    ----------
    image : (height, width, 3) uint8. shape : (channels, height, width), channels 1 or 3.

    Shapes
    ------
    (height, width, 3) -> shape

    Examples
    --------
    >>> fitted_to(np.full((8, 6, 3), 51, np.uint8), (1, 4, 4)).mean()
    np.float32(0.2)
    """
    image_module, _ = _pillow()
    channels, height, width = shape
    picture = _plain(image_module.fromarray(image), "L" if channels == 1 else "RGB")
    if picture.size != (width, height):
        picture = picture.resize((width, height), image_module.Resampling.BILINEAR)
    pixels = np.asarray(picture, dtype=np.float32) / 255
    return np.ascontiguousarray(pixels[None] if channels == 1 else pixels.transpose(2, 0, 1))


def image_size(file: str | os.PathLike[str]) -> tuple[int, int]:
    """(height, width) of an image as it is to be seen, from its header alone.

    Parameters
    ----------
    file : path of an image.

    Raises
    ------
    InvalidData : no such file, no image, or too large a one; with its name.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "1.png"
    >>> Image.new("L", (8, 6)).save(file)
    >>> image_size(file)
    (6, 8)
    """
    return _header(Path(file))[0]


def _images_in(folder: Path) -> list[Path]:
    """The image files at any depth below a folder, sorted; hidden ones and hidden folders are passed over."""
    found = []
    for file in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if not hidden and file.suffix.lower() in SUFFIXES and file.is_file():
            found.append(file)
    return found


def _pillow() -> Any:
    """Pillow's ``Image`` and ``ImageOps``."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        text = problem("reading images", "Pillow", "an environment without it", "pip install netwright[images]")
        raise InvalidParameter(text) from error
    return Image, ImageOps


@contextlib.contextmanager
def _opened(file: Path | io.BytesIO) -> Iterator[Any]:
    """An open image whose pixels are not decoded yet; whatever goes wrong with it becomes one kind of error."""
    image_module, _ = _pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", image_module.DecompressionBombWarning)
            image = image_module.open(file, formats=FORMATS)
        with image:
            if image.width * image.height > PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels, more than {PIXELS}")
            yield image
    except Exception as error:  # each decoder has errors of its own
        got = f"{type(error).__name__}: {error}"
        if isinstance(file, io.BytesIO):
            raise InvalidData(problem("image", "a png, jpg, bmp, gif or webp that can be read", got)) from error
        remedy = "Mend the file, or leave it out." if file.is_file() else "Look at the path."
        raise InvalidData(problem(f"image {str(file)!r}", "an image that can be read", got, remedy)) from error


def _header(file: Path) -> tuple[tuple[int, int], str]:
    """An image's (height, width) as it is to be seen, and its mode, without decoding it."""
    with _opened(file) as image:
        # a PNG's getexif decodes the whole image where the header has no EXIF block
        turned = "exif" in image.info and image.getexif().get(ORIENTATION, 1) >= 5
        return ((image.width, image.height) if turned else (image.height, image.width)), image.mode


def _pixels(file: Path, mode: str, size: tuple[int, int]) -> NDArray[np.float32]:
    """One image as (channels, height, width), 0 to 255; `mode` is "L" or "RGB", `size` (width, height)."""
    image_module, ops = _pillow()
    with _opened(file) as opened:
        image = _plain(ops.exif_transpose(opened), mode)
    if image.size != size:
        image = image.resize(size, image_module.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.float32)
    return pixels[None] if mode == "L" else pixels.transpose(2, 0, 1)


def _plain(image: Any, mode: str) -> Any:
    """An image in mode "L" or "RGB": 16-bit grays brought to 8 bits, transparent parts laid on white."""
    image_module, _ = _pillow()
    if image.mode.startswith("I"):  # Pillow's own conversion cuts these at 255
        wide = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        image = image_module.fromarray(((wide + 128) // 257).astype(np.uint8))
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        image = image.convert("RGBA")
        ground = image_module.new("RGBA", image.size, "white")
        image = image_module.alpha_composite(ground, image)
    return image.convert(mode)
