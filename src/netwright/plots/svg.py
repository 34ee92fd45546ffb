"""Pictures as SVG text: a string that a notebook shows and that writes itself to a file."""

from __future__ import annotations

import os
import re
from html import escape

from netwright.core.atomic import replacing, write_all

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
