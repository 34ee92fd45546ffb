"""Colours of classes, which readers of all kinds of colour vision tell apart, and what can be read on them.

`class_colors` deals the palette out in the order of the classes, the strongest colours first. Where nobody says which
classes there are, a class has its place by its label: a whole number n the place n modulo 7, any other label by the
CRC-32 of its text; where two classes meet, the later one takes the next free place. So a class keeps its colour from
one picture to the next, unless it meets one of the same place.

Luminance, of the linear parts r, g, b:  L = 0.2126 r + 0.7152 g + 0.0722 b. Text is black where (L + 0.05) / 0.05 is
more than 1.05 / (L + 0.05), the contrasts with black and white, and white elsewhere.

References
----------
Okabe, Ito, *Color universal design: how to make figures and presentations that are friendly to colorblind people*,
2008; W3C, *Web content accessibility guidelines 2.1*, 2018.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.vision.metrics.reading import class_order

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#f0e442")
LIGHT = 0.5  # the luminance from which a line is light
Colour = tuple[int, int, int]


def class_colors(classes: Iterable[Any]) -> dict[Any, str]:
    """A colour for each class, the same in all pictures of `draw_boxes`, told apart by all kinds of colour vision.

    Parameters
    ----------
    classes : labels, such as ``detector.classes_``; of more than seven some share a colour.

    Returns
    -------
    the colours, ``"#rrggbb"``, by label: in the order of the labels, numbers by size before others by their text.

    Examples
    --------
    >>> class_colors(["dog", "cat"])
    {'cat': '#0072b2', 'dog': '#d55e00'}
    """
    labels = sorted(set(classes), key=class_order)
    return {label: PALETTE[place % len(PALETTE)] for place, label in enumerate(labels)}


def colours_by_label(labels: Iterable[Any]) -> dict[Any, str]:
    """A colour for each label by its own text, whichever others there are, as far as that goes.

    Parameters
    ----------
    labels : those that occur.

    Examples
    --------
    >>> colours_by_label(["cat"]), colours_by_label(["cat", "dog"]), colours_by_label([2])
    ({'cat': '#56b4e9'}, {'cat': '#56b4e9', 'dog': '#e69f00'}, {2: '#009e73'})
    """
    found: dict[Any, str] = {}
    free: list[int] = []
    for label in sorted(set(labels), key=class_order):
        free = free or [*range(len(PALETTE))]
        whole = isinstance(label, int) and not isinstance(label, bool)
        wanted = (label if whole else zlib.crc32(str(label).encode())) % len(PALETTE)
        place = min(free, key=lambda place: (place - wanted) % len(PALETTE))
        free.remove(place)
        found[label] = PALETTE[place]
    return found


def colours_of(labels: Iterable[Any], given: Any, where: str) -> dict[Any, Colour]:
    """The colour of each label that occurs, as red, green and blue.

    Parameters
    ----------
    labels : those that occur.
    given : None, one colour for all, or a mapping from labels to colours; labels that it lacks get one of the palette.
    where : how an error names it.

    Raises
    ------
    InvalidParameter : no colours.

    Examples
    --------
    >>> colours_of(["cat"], "#ff0000", "colors")
    {'cat': (255, 0, 0)}
    """
    there = list(dict.fromkeys(labels))
    if isinstance(given, Mapping):
        chosen = {label: given[label] for label in there if label in given}
    elif given is None:
        chosen = {}
    else:
        chosen = dict.fromkeys(there, given)
    own = colours_by_label(there)
    return {label: _parsed(chosen.get(label, own[label]), where) for label in there}


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever differs more from a colour.

    Parameters
    ----------
    colour : of the ground.

    Examples
    --------
    >>> ink_on((240, 228, 66)), ink_on((0, 114, 178))
    ((0, 0, 0), (255, 255, 255))
    """
    luminance = _luminance(colour)
    return (0, 0, 0) if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else (255, 255, 255)


def rim_of(colour: Colour) -> Colour:
    """White along dark lines, black along light ones, so that a line is seen on every ground.

    Parameters
    ----------
    colour : of the line.
    """
    return (0, 0, 0) if _luminance(colour) > LIGHT else (255, 255, 255)


def hexadecimal(colour: Colour) -> str:
    """A colour as ``#rrggbb``.

    Parameters
    ----------
    colour : red, green, blue.

    Examples
    --------
    >>> hexadecimal((0, 114, 178))
    '#0072b2'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _luminance(colour: Colour) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parsed(given: Any, where: str) -> Colour:
    """A colour from a name or code that Pillow knows, or three numbers from 0 to 255."""
    from PIL import ImageColor

    whole = isinstance(given, (tuple, list)) and len(given) == 3
    if whole and all(isinstance(part, int) and 0 <= part <= 255 for part in given):
        red, green, blue = given
        return red, green, blue
    try:
        return ImageColor.getrgb(given)[:3]
    except (ValueError, AttributeError, TypeError) as error:
        expected = "a colour such as 'red', '#d55e00' or (213, 94, 0), or one for each label"
        raise InvalidParameter(problem(where, expected, shown(given))) from error
