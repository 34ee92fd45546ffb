"""Plots as inline SVG that takes the page's own font and colours, so that one file serves light, dark and paper.

The plot is drawn with two colours that nothing else has, one for ink and one for faint lines; in the SVG they become
``currentColor`` and a variable of the page's style sheet. Namespaces, metadata, fonts and identifiers that nothing
refers to are dropped, numbers are rounded: a curve takes about 10 kB, and equal data give equal bytes.
"""

from __future__ import annotations

import base64
import html
import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

INK = "#010203"
WIDEST, CAPTION = 1600, 24  # pixels: of a diagram, of the line below it
_SETTINGS = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "font.family": ["sans-serif"],
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.edgecolor": "none",
    "legend.facecolor": "none",
    "legend.edgecolor": "none",
    "image.cmap": "viridis",
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color", "xtick.labelcolor", "ytick.labelcolor"), INK),
}
_DROPPED = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style.*?</style>| xmlns(:\w+)?=\"[^\"]*\""
    r"| version=\"[^\"]*\"|\s*font-family: [^;\"]*;?",
    flags=re.DOTALL,
)
_TAG, _SPACE = re.compile(r"<[^>]*>"), re.compile(r"\s*\n\s*")
_LONG = re.compile(r"(?<=\d\.\d\d)\d+(?=[\s,;)\"])")


def inline(name: str, label: str, draw: Callable[[], Any], tight: bool = False) -> str:
    """What a function draws, as an ``<svg>`` element for a page.

    Parameters
    ----------
    name : a word that no other figure of the page has; identifiers inside the SVG are made from it.
    label : what is to be seen, for readers that see nothing.
    draw : draws a plot and returns its Axes, an array of Axes, or the figure.
    tight : whether room that the plot leaves empty at its sides is cut off.

    Raises
    ------
    InvalidParameter : matplotlib is not installed.
    """
    matplotlib = import_module("matplotlib")
    settings = {**_SETTINGS, "font.sans-serif": _fonts(), "svg.hashsalt": f"netwright {name}"}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)  # the browser has it
        drawn = draw()
        first = drawn.flat[0] if isinstance(drawn, np.ndarray) else drawn
        figure = first.get_figure(root=True) if hasattr(first, "get_figure") else first
        stream = io.BytesIO()
        box = "tight" if tight else None
        figure.savefig(stream, format="svg", dpi=144, bbox_inches=box, metadata={"Date": None, "Creator": None})
    return adapt(stream.getvalue().decode(), name, label)


def _fonts() -> list[str]:
    """Installed fonts as wide as those that a browser takes for the page, so that texts are centred where they are."""
    installed = {font.name for font in import_module("matplotlib.font_manager").fontManager.ttflist}
    return [*(name for name in ("Arial", "Helvetica", "Liberation Sans") if name in installed), "DejaVu Sans"]


def sized(width: float, height: float, layout: str = "constrained") -> Any:
    """An empty figure of a size in inches; 96 pixels of the page are one, so that letters have the page's size."""
    return import_module("matplotlib.figure").Figure(figsize=(width, height), layout=layout)


def adapt(svg: str, name: str, label: str) -> str:
    """An SVG document as an element of a page: no namespaces, no fixed size, no black ink, no identifiers to clash."""
    width = re.search(r"<svg[^>]* width=\"([\d.]+)(pt)?", svg)
    svg = _DROPPED.sub("", svg).strip()
    head, _, body = svg.partition(">")
    head = re.sub(r" (width|height|role|aria-label|style|class)=\"[^\"]*\"", "", head)
    limit = f"max-width:{float(width[1]) * (4 / 3 if width[2] else 1):.0f}px" if width else ""
    head += f' role="img" aria-label="{html.escape(label)}" style="{limit}"'
    return f"{head}>{_named(_shortened(body.replace(INK, 'currentColor')), name)}"


def trimmed(svg: str) -> str:
    """A network's diagram without its caption and without the room that the caption takes; the page has these figures.

    The sides are those of the boxes and lines, 12 pixels further out.
    """
    svg, captions = re.subn(r"<text [^>]*>[^<]*multiply-accumulates a sample</text>", "", svg)
    head, _, body = svg.partition(">")
    spans = [
        (float(x), float(x) + float(wide))
        for x, wide in re.findall(r"<rect x=\"([\d.]+)\"[^>]* width=\"([\d.]+)\"", body)
    ]
    points = [float(x) for d in re.findall(r" d=\"([^\"]*)\"", body) for x in re.findall(r"[MLQ ]([\d.]+) [\d.]+", d)]
    size = re.search(r"viewBox=\"0 0 [\d.]+ ([\d.]+)\" width=\"[\d.]+\" height=\"[\d.]+\"", head)
    if not spans or size is None:
        return svg
    left = min(*points, *(x for x, _ in spans), spans[0][0]) - 12
    wide = max(*points, *(x for _, x in spans), spans[0][1]) + 12 - left
    natural = min(wide, WIDEST)
    box = f'viewBox="{left:.1f} 0 {wide:.1f} {float(size[1]) - CAPTION * captions:.1f}" width="{natural:.1f}"'
    return f"{head.replace(size[0], box)}>{body}"


def width_of(svg: str) -> float:
    """The natural width of what `adapt` gave, in pixels."""
    found = re.search(r"max-width:(\d+)px", svg)
    return float(found[1]) if found else 0.0


def _shortened(body: str) -> str:
    """Numbers with two decimals, and no line breaks inside of paths; embedded images stay as they are."""
    parts = re.split(r"(data:image/png;base64,[^\"]*)", body)
    for place, part in enumerate(parts):
        if place % 2:
            parts[place] = re.sub(r"\s", "", part)
        else:
            parts[place] = _SPACE.sub("\n", _TAG.sub(_rounded, part)).replace(' style=""', "")
    return "".join(parts)


def _rounded(tag: re.Match[str]) -> str:
    """A tag whose numbers have two decimals; texts between tags are left alone."""
    return _LONG.sub("", tag[0])


def _named(body: str, name: str) -> str:
    """Identifiers that something refers to, with the figure's name before them; the others are dropped."""
    used = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", body))

    def rename(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    body = re.sub(r" id=\"([^\"]*)\"", rename, body)
    return re.sub(r"(href=\"#|url\(#)", rf"\g<1>{name}-", body)


def png_uri(image: np.ndarray) -> str:
    """An image as a data address.

    Shapes
    ------
    (1, height, width) or (3, height, width) uint8
    """
    channels, height, width = image.shape
    raw = b"".join(b"\0" + np.ascontiguousarray(line).tobytes() for line in np.moveaxis(image, 0, -1))
    kind = 0 if channels == 1 else 2
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    pieces = [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", header),
        _chunk(b"IDAT", zlib.compress(raw, 9)),
        _chunk(b"IEND", b""),
    ]
    return f"data:image/png;base64,{base64.b64encode(b''.join(pieces)).decode()}"


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
