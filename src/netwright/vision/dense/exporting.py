"""`Segmenter` as one graph: canvases of pixels go in, the probabilities and the class of each pixel come out.

Both sides of a canvas are multiples of 32. Scaling an image, laying it on its canvas, cutting the answer and bringing
it back to the image's size depend on that size and stay outside; so do tiles. The file's metadata have the figures.
"""

from __future__ import annotations

from typing import Any

from netwright.estimators.exporting.answers import PROBABILITIES
from netwright.estimators.exporting.estimator import plain_copy
from netwright.estimators.exporting.graph import Graph
from netwright.vision.single.exporting import PLACE, Pixels, ScoresAnswer, canvases, content_of

STRIDE = 32  # of which the sides of canvases are multiples; the levels of a network may halve five times


def graph_of_pixels(self: Any, steps: None = None) -> Graph:
    """The graph of a fitted segmenter, which has no steps."""
    axes = {0: "batch", 2: f"{STRIDE}*height", 3: f"{STRIDE}*width"}
    content = {**content_of(self, multiple=STRIDE), "classes": self.classes_.tolist()}
    answers = {"probabilities": f"of each pixel {PROBABILITIES}", "index": f"of each pixel {PLACE}"}
    module = Pixels(plain_copy(self.module_), ScoresAnswer())
    return Graph(module, [canvases(2 * STRIDE, 3 * STRIDE, axes)], answers, content)
