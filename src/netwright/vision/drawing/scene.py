"""What is to be drawn, in numbers, before anything is drawn: lines, tabs and texts, for pixels and SVG alike.

Sizes follow the image: with s = sqrt(height width) lines are 0.0035 s wide and letters 0.024 s high, at least 1 and 11
pixels; smaller images get smaller letters, down to 7 pixels, before a text is cut.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.vision.drawing.colours import Colour, ink_on, rim_of
from netwright.vision.drawing.tabs import place_tabs

FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial.ttf", "NotoSansCJK-Regular.ttc", "msyh.ttc", "PingFang.ttc")
LETTERS, LEAST, SMALLEST = 0.024, 11, 7  # size of letters: of the image's, where it is small, where it is tiny
ROOM = 0.6  # the share of the image's width that a text may take before letters become smaller
CUT = "…"


class Mark(NamedTuple):
    """One box as it is drawn.

    Attributes
    ----------
    box : the middle of its line, so that all of the line is inside of the image.
    given : as it came. colour : of line and tab. rim : along the line. ink : of the text.
    text : on the tab, "" for no tab. full : the text before it was cut.
    tab : (x, y, width, height).
    """

    box: tuple[float, float, float, float]
    given: tuple[float, float, float, float]
    colour: Colour
    rim: Colour
    ink: Colour
    text: str
    full: str
    tab: tuple[float, float, float, float]


class Scene(NamedTuple):
    """All boxes of an image.

    Attributes
    ----------
    size : (height, width). line : the width of lines in pixels. font : of Pillow. letters : their size.
    marks : the boxes, large ones first, so that small ones lie above them.
    """

    size: tuple[int, int]
    line: int
    font: Any
    letters: int
    marks: list[Mark]


def scene_of(
    size: tuple[int, int],
    boxes: NDArray[np.float64],
    texts: Sequence[str],
    colours: Sequence[Colour],
    width: int | None,
) -> Scene:
    """Lines, tabs and texts for an image.

    Parameters
    ----------
    size : (height, width).
    boxes : (n, 4) as they came; reversed ones are turned, what is outside is moved to the border.
    texts : of each, "" for none. colours : of each.
    width : of lines in pixels, None for one that suits the image.
    """
    scale = math.sqrt(size[0] * size[1])
    line = width or max(1, round(0.0035 * scale))
    texts = [" ".join(text.split()) for text in texts]
    letters = max(LEAST, round(LETTERS * scale))
    font, texts = font_for(texts, letters)
    longest = max((font.getlength(text) for text in texts), default=0)
    if longest > ROOM * size[1]:
        letters = max(SMALLEST, min(letters, int(letters * ROOM * size[1] / longest)))
        font, texts = font_for(texts, letters)
    pad = max(2, round(letters / 4))
    ascent, descent = font.getmetrics()
    cut = [_fitting(text, font, size[1] - 2 * pad) if ascent + descent <= size[0] else "" for text in texts]
    tabs = [(math.ceil(font.getlength(text)) + 2 * pad, ascent + descent) if text else (0, 0) for text in cut]
    frames = _inside(boxes, size, line)
    drawn = [i for i, text in enumerate(cut) if text]
    places = np.zeros((len(boxes), 2))
    places[drawn] = place_tabs(frames[drawn], [tabs[i] for i in drawn], size, line)
    places = np.floor(places)
    order = np.argsort(-(frames[:, 2:] - frames[:, :2]).prod(axis=1), kind="stable").tolist()
    marks = []
    for i in order:
        tab = (*_two(places[i]), *tabs[i])
        shades = (colours[i], rim_of(colours[i]), ink_on(colours[i]))
        marks.append(Mark(_four(frames[i]), _four(boxes[i]), *shades, cut[i], texts[i], tab))
    return Scene(size, line, font, letters, marks)


def font_for(texts: Sequence[str], letters: int) -> tuple[Any, list[str]]:
    """A font that has all characters of some texts, and the texts as they can be written with it.

    Pillow's own font has the letters of English. For others a font of the system is taken, that of a few which lacks
    the fewest of them; letters that it lacks lose their accents, and what is still unknown becomes a question mark.

    Parameters
    ----------
    texts : to be written.
    letters : their size in pixels.
    """
    from PIL import ImageFont

    best = ImageFont.load_default(letters)
    lacking = {character for character in set("".join(texts)) if not _has(best, character)}
    for name in FONTS:
        if not lacking:
            break
        try:
            other = ImageFont.truetype(name, letters)
        except OSError:
            continue
        still = {character for character in lacking if not _has(other, character)}
        if len(still) < len(lacking):
            best, lacking = other, still
    return best, [_plainly(text, best) if lacking & set(text) else text for text in texts]


def _plainly(text: str, font: Any) -> str:
    """A text without accents, and with question marks for what a font lacks."""
    parts = unicodedata.normalize("NFD", text)
    return "".join(c if _has(font, c) else "?" for c in parts if not unicodedata.combining(c))


def _has(font: Any, character: str) -> bool:
    """Whether a font has a character: what it lacks looks as what no font has."""
    if character.isascii() or character == CUT:
        return True
    return bytes(font.getmask(character)) != bytes(font.getmask("\uffff"))


def _fitting(text: str, font: Any, room: float) -> str:
    """A text, cut at its end where it is wider than there is room; "" where not even one letter fits."""
    if font.getlength(text) <= room:
        return text
    for end in range(len(text) - 1, 0, -1):
        cut = text[:end].rstrip() + CUT
        if font.getlength(cut) <= room:
            return cut
    return ""


def _inside(boxes: NDArray[np.float64], size: tuple[int, int], line: int) -> NDArray[np.float64]:
    """Boxes with x1 <= x2 and y1 <= y2, moved so far into the image that all of their lines is seen."""
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    half, sides = line / 2, np.array([size[1], size[0]])
    least, most = np.minimum(half, sides / 2), np.maximum(sides - half, sides / 2)
    return np.hstack([np.clip(low, least, most), np.clip(high, least, most)])


def _four(row: NDArray[np.float64]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = row.tolist()
    return x1, y1, x2, y2


def _two(row: NDArray[np.float64]) -> tuple[float, float]:
    x, y = row.tolist()
    return x, y
