"""Drawings that explain a layer, made while the site is built, where their code on a page would be noise.

A page shows one by its place: ``/_executed/drawings/convolution-padding.svg`` is what the function ``padding`` of
``drawings/convolution.py`` draws. The numbers in it are what the layers give. A text that lies on another one, or is
cut, stops the build.
"""

from __future__ import annotations

import importlib
import itertools
import re
import sys
from pathlib import Path
from typing import Any
from unittest import mock

SHOWN = re.compile(r"/_executed/drawings/([a-z_]+)-([a-z0-9_]+)\.svg")
TOUCHING = 1.0  # pixels that two texts may share


def draw(module: str, name: str, folder: Path) -> Path:
    """Draw a picture and write it; gives its place."""
    import matplotlib as mpl

    figure = getattr(importlib.import_module(f"drawings.{module}"), name)()
    _expect_legible(f"{module}-{name}", figure)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{name}.svg"
    with mpl.rc_context({"svg.hashsalt": "netwright", "svg.fonttype": "path"}):
        figure.savefig(path, metadata={"Date": None})
    return path


def _expect_legible(name: str, figure: Any) -> None:
    """Refuse texts that lie on each other or reach beyond the picture."""
    texts = _drawn_texts(figure)
    width, height = figure.bbox.x1 + TOUCHING, figure.bbox.y1 + TOUCHING
    for text, box in texts:
        if min(box.x0, box.y0) < -TOUCHING or box.x1 > width or box.y1 > height:
            raise ValueError(f"{name}: the text {text!r} reaches beyond the picture")
    for (text, box), (other, its) in itertools.combinations(texts, 2):
        across = min(box.x1, its.x1) - max(box.x0, its.x0)
        down = min(box.y1, its.y1) - max(box.y0, its.y0)
        if across > TOUCHING and down > TOUCHING:
            raise ValueError(f"{name}: the texts {text!r} and {other!r} lie on each other")


def _drawn_texts(figure: Any) -> list[tuple[str, Any]]:
    """All texts that are drawn, with the boxes around them; ticks beyond the limits of an Axes are not."""
    from matplotlib.text import Text

    figure.draw_without_rendering()  # places what is laid out
    seen: list[Any] = []
    draw = Text.draw

    def note(self: Any, renderer: Any) -> None:
        seen.append(self)
        draw(self, renderer)

    with mock.patch.object(Text, "draw", note):
        figure.draw_without_rendering()
    there = [text for text in seen if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent()) for text in there]


def _on_source_read(app: Any, docname: str, content: list[str]) -> None:
    """Draw what a page shows, before its pictures are looked for."""
    for module, name in dict.fromkeys(SHOWN.findall(content[0])):
        draw(module, name, Path(app.srcdir) / "_executed" / "drawings")
        app.env.note_dependency(f"_ext/drawings/{module}.py", docname=docname)


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("source-read", _on_source_read)
    return {"parallel_read_safe": False}


if (
    __name__ == "__main__"
):  # python docs/_ext/drawings convolution-padding: one drawing, to look at
    for shown in sys.argv[1:]:
        print(draw(*shown.split("-"), Path("/tmp/drawings")))
