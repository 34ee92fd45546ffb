"""Boxes drawn into the pixels of an image, by Pillow.

A line w pixels wide covers the w columns (or rows) that begin at round(x - w/2), so that a line of 2 pixels at x = 10
covers columns 9 and 10: it lies on the edge between the pixels 9 and 10, which is what x = 10 means. A rim of one
pixel, half black or white, sets it off from the image.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.vision.drawing.scene import Mark, Scene

RIM = 0.55  # how much of the rim is black or white


def paint(image: NDArray[np.uint8], scene: Scene) -> Any:
    """A Pillow image with the boxes of a scene.

    Parameters
    ----------
    image : (height, width, 3), which stays as it is.
    scene : what is drawn.
    """
    from PIL import Image, ImageDraw

    pixels = np.array(image)
    rim = max(1, round(scene.line / 3))
    for mark in scene.marks:
        for strip in strips(mark, scene.line, scene.line + 2 * rim):
            pixels[strip] = np.round(pixels[strip] * (1 - RIM) + RIM * np.array(mark.rim)).astype(np.uint8)
        for strip in strips(mark, scene.line, scene.line):
            pixels[strip] = mark.colour
    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    for mark in scene.marks:
        if mark.text:
            x, y, width, height = mark.tab
            pen.rectangle((x, y, x + width - 1, y + height - 1), fill=mark.colour)
            ascent, _ = scene.font.getmetrics()
            indent = (width - math.ceil(scene.font.getlength(mark.text))) / 2
            pen.text((x + indent, y + ascent), mark.text, fill=mark.ink, font=scene.font, anchor="ls")
    return picture


def strips(mark: Mark, line: int, width: int) -> list[tuple[slice, slice]]:
    """The rows and columns that the four sides of a box cover.

    Parameters
    ----------
    mark : the box. line : the width of its line. width : that of what is painted along it.
    """
    more = (width - line) // 2
    x1, y1, x2, y2 = (math.floor(value - line / 2 + 0.5) - more for value in mark.box)
    rows, columns = slice(max(y1, 0), y2 + width), slice(max(x1, 0), x2 + width)
    inner = slice(max(y1 + width, 0), max(y2, y1 + width, 0))
    return [
        (slice(max(y1, 0), y1 + width), columns),
        (slice(max(y2, y1 + width, 0), y2 + width), columns),
        (inner if y2 > y1 + width else rows, slice(max(x1, 0), x1 + width)),
        (inner if y2 > y1 + width else rows, slice(max(x2, 0), x2 + width)),
    ]
