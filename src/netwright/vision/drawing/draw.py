"""`draw_boxes`: boxes on an image, with their labels and scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.validation import check, integer, nothing, one_of
from netwright.vision.detection.pictures import Pictures
from netwright.vision.detection.targets import as_array, boxes_of, labels_of
from netwright.vision.drawing.colours import colours_of
from netwright.vision.drawing.pixels import paint
from netwright.vision.drawing.scene import scene_of
from netwright.vision.drawing.vectors import svg_of

WHERE = "draw_boxes"


def draw_boxes(
    image: Any,
    boxes: Any,
    labels: Any = None,
    scores: Any = None,
    *,
    colors: Any = None,
    width: int | None = None,
    format: str = "pillow",
) -> Any:
    """Boxes on an image, each with its label and score on a tab, in a colour of its class.

    Tabs lie inside of the image, and off each other where there is room. Colours differ for all kinds of colour
    vision. Reversed boxes are drawn as what they span, and what lies outside of the image at its border.
    Letters beyond English need a font of the system in pixels; in SVG the viewer has them.

    Parameters
    ----------
    image : uint8 (height, width, 3), (height, width), the path of a file, or an image of Pillow.
    boxes : (n, 4) as (x1, y1, x2, y2) in pixels; or a dict with ``boxes`` and maybe ``labels`` and ``scores``, as a
        detector predicts and readers give.
    labels : (n,), None for those of the dict, or none.
    scores : (n,), which tabs show with two digits; None for those of the dict, or none.
    colors : one colour ("red", "#d55e00", (213, 94, 0)), or a dict of them by label, such as `class_colors` gives;
        None for colours that depend on the labels of this picture.
    width : of the lines in pixels, None for one that suits the image.
    format : "pillow" for an image, "svg" for the text of a picture with sharp lines, in which the image is.

    Returns
    -------
    an RGB image of Pillow of the size of `image`, or a string that notebooks show, with ``save(path)``.

    Raises
    ------
    InvalidData : no image, no boxes, other numbers of labels or scores. InvalidParameter : options that cannot be, or
        Pillow is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.zeros((60, 80, 3), dtype=np.uint8)
    >>> prediction = {"boxes": [[10, 20, 50, 50]], "labels": ["cat"], "scores": [0.934]}
    >>> picture = draw_boxes(image, prediction, colors={"cat": "red"})
    >>> picture.size, picture.getpixel((50, 35))
    ((80, 60), (255, 0, 0))
    >>> ">cat 0.93</text>" in draw_boxes(image, prediction, format="svg")
    True
    """
    check(f"{WHERE}(width)", width, integer(1) | nothing)
    check(f"{WHERE}(format)", format, one_of("pillow", "svg"))
    _require_pillow()
    if isinstance(boxes, Mapping):
        if "boxes" not in boxes:
            got = f"the keys {', '.join(map(str, boxes))}"
            raise InvalidData(problem(f"{WHERE}(boxes)", "an array (n, 4), or a dict with boxes", got))
        labels = boxes.get("labels") if labels is None else labels
        scores = boxes.get("scores") if scores is None else scores
        boxes = boxes["boxes"]
    source = image.convert("RGB") if hasattr(image, "convert") else image  # a palette's numbers are no gray values
    pixels = Pictures([source], f"{WHERE}(image)")[0]
    frames = boxes_of(boxes, WHERE)
    names = [None] * len(frames) if labels is None else labels_of(labels, WHERE)
    sure = np.full(len(frames), np.nan) if scores is None else as_array(scores, f"{WHERE}, scores").ravel()
    for name, column in (("labels", names), ("scores", sure)):
        if len(column) != len(frames):
            raise InvalidData(problem(f"{WHERE}, {name}", f"{len(frames)}, one a box", str(len(column))))
    palette = colours_of(names, colors, f"{WHERE}(colors)")
    texts = [_text(name, score) for name, score in zip(names, sure.tolist(), strict=True)]
    scene = scene_of(pixels.shape[:2], frames, texts, [palette[name] for name in names], width)
    return paint(pixels, scene) if format == "pillow" else svg_of(pixels, source, scene)


def _text(label: Any, score: float) -> str:
    """What a tab says: "cat 0.93"."""
    parts = ["" if label is None else str(label), "" if math.isnan(score) else f"{score:.2f}"]
    return " ".join(filter(None, parts))


def _require_pillow() -> None:
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        remedy = "pip install netwright[images]"
        raise InvalidParameter(problem(WHERE, "Pillow", f"an environment without it ({error})", remedy)) from error
