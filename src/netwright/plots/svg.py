"""Pictures as SVG text: a string that a notebook shows and that writes itself to a file.

`to_svg` makes one of a plot. Matplotlib gives its elements random names, which differ from run to run and can meet when
two pictures stand on one page; here they are numbered, behind a prefix that follows from the picture itself.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from html import escape
from typing import Any

import numpy as np

from netwright.core.atomic import replacing, write_all
from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import check, instance

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Svg(str):
    """The text of an SVG picture; notebooks show the picture, and `save` writes it.

    Parameters
    ----------
    text : the whole document, which begins with ``<svg``.

    Examples
    --------
    >>> from netwright.plots import Svg
    >>> Svg("<svg xmlns='http://www.w3.org/2000/svg'/>")._repr_svg_()[:4]
    '<svg'
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Svg:
        return super().__new__(cls, text)

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return str(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file (UTF-8); an existing one is replaced only when the new one is complete."""
        with replacing(path) as file:
            write_all(file, self.encode("utf-8"))


def to_svg(plot: Any, title: str = "") -> Svg:
    """A plot as SVG text that can stand in a page of HTML: equal plots give equal texts, with names of their own.

    Parameters
    ----------
    plot : what a plot returned (Axes or an array of them), or a Figure.
    title : what the picture shows, for readers who cannot see it.

    Returns
    -------
    the text, a `Svg`, without the XML prolog.

    Raises
    ------
    InvalidParameter : something else.

    Examples
    --------
    >>> from netwright.plots import confusion_matrix, to_svg
    >>> text = to_svg(confusion_matrix([0, 1], [0, 1]), title="Confusion matrix")
    >>> text[:4], "<title>Confusion matrix</title>" in text
    ('<svg', True)
    """
    check("to_svg(title)", title, instance(str, text="a text"))
    first = plot.flat[0] if isinstance(plot, np.ndarray) and plot.size else plot
    figure = first.get_figure(root=True) if hasattr(first, "get_figure") else first
    if not hasattr(figure, "savefig"):
        raise InvalidParameter(problem("to_svg(plot)", "Axes, an array of Axes, or a Figure", shown(plot)))
    file = io.StringIO()
    figure.savefig(file, format="svg")
    text = file.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], count=1, flags=re.DOTALL)
    label = f'role="img">\n <title>{escaped(title)}</title>' if title else 'role="img">'
    return Svg(_renamed(re.sub(">", lambda _: label, text, count=1)))


def _renamed(text: str) -> str:
    """The names of elements numbered in their order, behind a prefix made of the text so far."""
    numbers = {name: i for i, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', text)))}

    def rename(prefix: str) -> str:
        def new(found: re.Match[str]) -> str:
            before, name, after = found.groups()
            return f"{before}{prefix}{numbers[name]}{after}" if name in numbers else found[0]

        return re.sub(r'(\bid="|url\(#|href="#)([^")]+)(["\)])', new, text)

    digest = hashlib.sha256(rename("").encode()).hexdigest()[:8]
    return rename(f"p{digest}-")


def escaped(text: str) -> str:
    """Text for an element or an attribute; characters that XML cannot hold become a question mark.

    Examples
    --------
    >>> escaped("a < b & 'c'\\x00")
    'a &lt; b &amp; &#x27;c&#x27;?'
    """
    return escape(_NOT_XML.sub("?", text))


def number(value: float) -> str:
    """A coordinate with at most one decimal.

    Examples
    --------
    >>> number(3.0), number(2.25), number(-0.01)
    ('3', '2.2', '0')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text
