"""An image with what is right and wrong in it: true boxes and detections as lines over a JPEG, and sentences below.

A true box is a thin dashed line, a missed one a thick one; a detection is a line in the colour of its verdict, which is
that of the bars (`netwright.plots.detection_faults`). What is wrong has a tab with its class and score. All is drawn in
units of the page, 640 for the long side, so that lines and letters are the same on small and on large images.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from netwright.plots.detection import PREDICTED
from netwright.report.detection.evaluation import SIDE, WRONG, DetectionEvaluation
from netwright.report.page import text
from netwright.report.words import counted, percent
from netwright.vision.drawing.colours import ink_on
from netwright.vision.drawing.tabs import place_tabs

LETTERS, TALL, PAD = 13, 17, 4  # units of letters and of tabs
NARROW, BROAD = "iljtfrI.,:;|!()[] -", "mwMW@%"
TABS = 24  # on an image, those of the surest errors
NAMED = 4  # errors of one kind that a caption names
HALO = "#ffffff"
LOST = "#000000"
TRUTH = "#1c2127"
WORDS = {
    "missed": "missed",
    "localisation": "badly placed",
    "class": "of the wrong class",
    "both": "of the wrong class and badly placed",
    "duplicate": "found twice",
    "background": "where there is nothing",
}
LEGEND = {
    "correct": "right",
    "localisation": "badly placed",
    "class": "wrong class",
    "both": "wrong class, badly placed",
    "duplicate": "found twice",
    "background": "nothing is there",
}


def picture(evaluation: DetectionEvaluation, place: int) -> str:
    """One of the kept images with all boxes, as an SVG element.

    Parameters
    ----------
    evaluation : with the picture. place : its place among those kept.
    """
    image = int(evaluation.shown[place])
    height, width = evaluation.sizes[image].tolist()
    scale = SIDE / max(height, width)
    high, wide = round(height * scale, 1), round(width * scale, 1)
    label = f"{evaluation.files[image]} with true boxes and detections"
    content = base64.b64encode(evaluation.pictures[place]).decode("ascii")
    smooth = "auto" if max(height, width) >= SIDE / 4 else "pixelated"
    return "\n".join(
        [
            f'<svg viewBox="0 0 {wide:g} {high:g}" role="img" aria-label="{text(label)}" font-size="{LETTERS}">',
            f'<image width="{wide:g}" height="{high:g}" preserveAspectRatio="none" '
            f'style="image-rendering:{smooth}" href="data:image/jpeg;base64,{content}"/>',
            *_drawn(evaluation, image, scale, (high, wide)),
            "</svg>",
        ]
    )


def caption(evaluation: DetectionEvaluation, image: int) -> str:
    """The name of an image and what is wrong in it, as HTML.

    Parameters
    ----------
    evaluation : of all. image : its number.
    """
    there, found, missed = _of(evaluation, image)
    parts = []
    if missed:
        kinds = Counter(str(each.label) for each in missed).most_common()
        parts.append((len(missed), "missed", ", ".join(name if n == 1 else f"{n} {name}" for name, n in kinds)))
    for verdict in WRONG:
        wrong = sorted((each for each in found if each.verdict == verdict), key=lambda each: -each.score)
        if wrong:
            parts.append((len(wrong), verdict, _named(wrong, there)))
    parts.sort(key=lambda part: -part[0])
    said = "; ".join(f"{n} {WORDS[verdict]} ({text(names)})" for n, verdict, names in parts)
    asked = sum(each.verdict != "ignored" for each in there)
    right = sum(each.verdict == "found" for each in there)
    return f"<b>{text(evaluation.files[image])}</b>: {right} of {counted(asked, 'object')} found. {_sentence(said)}"


def legend() -> str:
    """What the lines mean, as HTML."""
    items = [
        _key(f'<path d="M1 6H23" stroke="{HALO}" stroke-width="3"/><path d="M1 6H23" {_dashes(TRUTH, 1.3)}/>', "true"),
        _key(f'<path d="M1 6H23" stroke="{HALO}" stroke-width="6"/><path d="M1 6H23" {_dashes(LOST, 3)}/>', "missed"),
    ]
    for verdict, word in LEGEND.items():
        items.append(_key(f'<path d="M1 6H23" stroke="{PREDICTED[verdict]}" stroke-width="4"/>', word))
    return f'<p class="soft">{" &ensp; ".join(items)}</p>'


def _key(line: str, word: str) -> str:
    svg = f'<svg viewBox="0 0 24 12" width="24" height="12" aria-hidden="true" fill="none">{line}</svg>'
    return f'<span style="white-space:nowrap">{svg} {text(word)}</span>'


def _named(wrong: list[Any], there: list[Any]) -> str:
    """The classes and scores of errors of one kind; of confused classes also the true one."""
    labels = {each.row: each.label for each in there}
    names = []
    for each in wrong[:NAMED]:
        of = f" for {labels[each.target]}" if each.verdict in ("class", "both") and each.target in labels else ""
        names.append(f"{each.label} {each.score:.2f}{of}")
    return ", ".join(names) + (", …" if len(wrong) > NAMED else "")


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}." if said else "Nothing is wrong."


def _of(evaluation: DetectionEvaluation, image: int) -> tuple[list[Any], list[Any], list[Any]]:
    """The true boxes of an image, the detections in it, and the true boxes that are missed."""
    there = [each for each in evaluation.account.targets if each.image == image]
    found = [each for each in evaluation.account.predictions if each.image == image]
    return there, found, [each for each in there if each.verdict == "missed"]


def _drawn(evaluation: DetectionEvaluation, image: int, scale: float, size: tuple[float, float]) -> list[str]:
    """All boxes of an image: true ones, right ones, wrong ones, and the tabs of what is wrong."""
    frames = evaluation.targets[image]["boxes"] * scale
    boxes = evaluation.predictions[image]["boxes"] * scale
    there, found, missed = _of(evaluation, image)
    wrong = sorted((each for each in found if each.verdict in WRONG), key=lambda each: each.score)
    out = ['<g fill="none">']
    for each in found:
        if each.verdict == "correct":
            tip = f"{each.label} {each.score:.2f}, right: overlap {percent(each.iou, 0)}"
            out += _rectangle(boxes[each.row], PREDICTED["correct"], 2, tip)
    for each in there:
        if each.verdict != "missed":
            out += _rectangle(frames[each.row], TRUTH, 1.1, f"{each.label}, true", dashed=True)
    for each in wrong:
        near = "" if each.target is None else f", overlap {percent(each.iou, 0)}"
        tip = f"{each.label} {each.score:.2f}, {WORDS[each.verdict]}{near}"
        out += _rectangle(boxes[each.row], PREDICTED[each.verdict], 3, tip)
    for each in missed:
        out += _rectangle(frames[each.row], LOST, 2.6, f"{each.label}, missed", dashed=True)
    lines = [(boxes[each.row], f"{each.label} {each.score:.2f}", PREDICTED[each.verdict]) for each in reversed(wrong)]
    lines += [(frames[each.row], str(each.label), LOST) for each in missed]
    return [*out, "</g>", *_tabs(lines[:TABS], size)]


def _rectangle(box: np.ndarray, colour: str, width: float, tip: str, dashed: bool = False) -> list[str]:
    """A box with a rim of white, and what viewers show when the mouse rests on it."""
    x1, y1, x2, y2 = box.tolist()
    place = f'x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}"'
    line = _dashes(colour, width) if dashed else f'stroke="{colour}" stroke-width="{width}"'
    return [
        f'<rect {place} stroke="{HALO}" stroke-opacity="0.75" stroke-width="{width + 1.8:g}"/>',
        f'<rect {place} {line} pointer-events="all"><title>{text(tip)}</title></rect>',
    ]


def _dashes(colour: str, width: float) -> str:
    return f'stroke="{colour}" stroke-width="{width}" stroke-dasharray="{2.4 * width + 2:g} {1.2 * width + 1.6:g}"'


def _length(name: str) -> float:
    """About how wide a text is in the letters of the page; the tab's letters are brought to it.

    Examples
    --------
    >>> _length("cat 0.93") < _length("WBC 0.93") < _length("Platelets 0.93")
    True
    """
    wide = [0.32 if c in NARROW else 0.86 if c in BROAD else 0.7 if c.isupper() else 0.56 for c in name]
    return LETTERS * sum(wide)


def _tabs(lines: Iterable[tuple[np.ndarray, str, str]], size: tuple[float, float]) -> list[str]:
    """Classes and scores at their boxes, off each other where there is room."""
    made = [(box, " ".join(name.split())[:24], colour) for box, name, colour in lines]
    if not made:
        return []
    tabs = [(_length(name) + 2 * PAD, float(TALL)) for _, name, _ in made]
    whole = (round(size[0]), round(size[1]))
    places = place_tabs(np.stack([box for box, *_ in made]), tabs, whole, 2.0)
    out = []
    for (x, y), (_, name, colour), (wide, high) in zip(places.tolist(), made, tabs, strict=True):
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        ink = "#{:02x}{:02x}{:02x}".format(*ink_on((red, green, blue)))
        out.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:g}" fill="{colour}" rx="2"/>')
        fit = f'textLength="{wide - 2 * PAD:.1f}" lengthAdjust="spacingAndGlyphs"'
        out.append(f'<text x="{x + PAD:.1f}" y="{y + TALL - PAD:.1f}" {fit} fill="{ink}">{text(name)}</text>')
    return out
