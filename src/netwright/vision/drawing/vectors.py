"""Boxes drawn as SVG over the image, which is in the text itself: sharp at every size.

A PNG or JPEG file is taken as it is, byte by byte; an array becomes a PNG. Letters are squeezed to the width that they
have in Pillow's font, so that each text fits its tab in any viewer. Each box has a title, which viewers show when the
mouse rests on it.
"""

from __future__ import annotations

import base64
import io
import os
import re
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.atomic import replacing, write_all
from netwright.vision.drawing.colours import hexadecimal
from netwright.vision.drawing.scene import Mark, Scene

RIM = 0.5  # how much of the rim along a line is black or white
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png"}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SvgPicture(str):
    """The text of an SVG picture; notebooks show the picture, and `save` writes it.

    Parameters
    ----------
    text : the whole document.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> SvgPicture:
        return super().__new__(cls, text)

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return str(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file (UTF-8); an existing one is replaced only when the new one is complete."""
        with replacing(path) as file:
            write_all(file, self.encode("utf-8"))


def svg_of(image: NDArray[np.uint8], source: Any, scene: Scene) -> SvgPicture:
    """The picture of a scene.

    Parameters
    ----------
    image : (height, width, 3).
    source : what the image came from: the path of a file, or anything else.
    scene : what is drawn.
    """
    height, width = scene.size
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" font-family="Helvetica, Arial, \'DejaVu Sans\', sans-serif" font-size="{scene.letters}">',
        f'<image width="{width}" height="{height}" href="{_data_uri(image, source)}"/>',
        f'<g fill="none" stroke-linejoin="miter" stroke-width="{scene.line}">',
        *(_frame(mark, scene.line) for mark in scene.marks),
        "</g>",
        *(_tab(mark, scene) for mark in scene.marks if mark.text),
        "</svg>",
    ]
    return SvgPicture("\n".join(out) + "\n")


def _frame(mark: Mark, line: int) -> str:
    x1, y1, x2, y2 = mark.box
    place = f'x="{_number(x1)}" y="{_number(y1)}" width="{_number(x2 - x1)}" height="{_number(y2 - y1)}"'
    given = ", ".join(_number(value) for value in mark.given)
    title = f"<title>{_escaped(f'{mark.full} ({given})'.strip())}</title>"
    wide = f'stroke="{hexadecimal(mark.rim)}" stroke-opacity="{RIM}" stroke-width="{_number(line * 1.7 + 0.6)}"'
    return (
        f'<rect {place} {wide}/><rect {place} stroke="{hexadecimal(mark.colour)}" pointer-events="all">{title}</rect>'
    )


def _tab(mark: Mark, scene: Scene) -> str:
    x, y, width, height = mark.tab
    ascent, _ = scene.font.getmetrics()
    length = scene.font.getlength(mark.text)
    place = f'x="{_number(x + (width - length) / 2)}" y="{_number(y + ascent)}"'
    fit = f'textLength="{_number(length)}" lengthAdjust="spacingAndGlyphs"'
    return (
        f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" '
        f'fill="{hexadecimal(mark.colour)}"/>'
        f'<text {place} {fit} fill="{hexadecimal(mark.ink)}">{_escaped(mark.text)}</text>'
    )


def _data_uri(image: NDArray[np.uint8], source: Any) -> str:
    """An image as an address that holds all of it."""
    kind, content = _file_as_it_is(source) if isinstance(source, (str, os.PathLike)) else ("", b"")
    if not kind:
        kind, content = TYPES["PNG"], _png(image)
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _file_as_it_is(path: str | os.PathLike[str]) -> tuple[str, bytes]:
    """The type and the bytes of a file that every viewer shows alike; of another "" and nothing."""
    from PIL import Image

    with Image.open(path) as opened:
        turned = "exif" in opened.info  # viewers differ in whether they turn it
        plain = opened.format in TYPES and opened.mode in ("RGB", "L") and "transparency" not in opened.info
        kind = TYPES[str(opened.format)] if plain and not turned else ""
    return (kind, Path(path).read_bytes()) if kind else ("", b"")


def _png(image: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _escaped(text: str) -> str:
    """Text for an element; characters that XML cannot hold become a question mark."""
    return escape(_NOT_XML.sub("?", text))


def _number(value: float) -> str:
    """A coordinate with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
