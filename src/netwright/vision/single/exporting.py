"""Estimators with one answer an image as one graph: canvases of pixels go in, answers on the canvas come out.

================== ==========================================================================
estimator          outputs
================== ==========================================================================
`ImageClassifier`  ``probabilities`` (batch, k), ``index`` (batch,)
`Localizer`        ``box`` (batch, 4), ``score`` (batch,), ``probabilities``, ``index``
`LandmarkDetector` ``points`` (batch, K, 2), ``visibility`` (batch, K)
================== ==========================================================================

Bringing an image on its canvas depends on its size and stays outside: the long side is scaled to ``size`` pixels, the
image stands in the upper left corner, the rest is gray. Places are in pixels of the canvas; divided by the scale, and
kept within the image, they are those of `predict`. The file's metadata have the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from netwright.estimators.exporting.answers import PROBABILITIES
from netwright.estimators.exporting.estimator import plain_copy
from netwright.estimators.exporting.graph import Entrance, Graph
from netwright.graph.export.exporter import SAMPLES, Axes
from netwright.vision.detection.pictures import GRAY
from netwright.vision.single.localizing import boxes_of

PLACE = "the place of the most probable class among classes"
IMAGES = "red, green, blue from 0 to 255; the image scaled to the size, in the upper left corner of the canvas"


class Pixels(torch.nn.Module):
    """What a network gives for pixels 0 to 255.

    Parameters
    ----------
    network : takes images in [0, 1]. answer : makes answers of its outputs.
    """

    def __init__(self, network: torch.nn.Module, answer: torch.nn.Module) -> None:
        super().__init__()
        self.network, self.answer = network, answer

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(batch, 3, height, width) uint8 -> answers"""
        answers: tuple[Tensor, ...] = self.answer(self.network(images.float() / 255))
        return answers


class ScoresAnswer(torch.nn.Module):
    """Probabilities and places of labels, of images or of their pixels."""

    def forward(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, k, ...) -> the same, (batch, ...)"""
        return scores.softmax(1), scores.argmax(1)


class BoxAnswer(torch.nn.Module):
    """The box of an image's one object, how sure it is, and what it is.

    Parameters
    ----------
    side : of the canvas in pixels.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, outputs: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        """(batch, 5), (batch, k) -> (batch, 4), (batch,), (batch, k), (batch,)"""
        answers, logits = outputs
        p = logits.softmax(1)
        score = answers[:, 0].sigmoid() * p.amax(1)
        return boxes_of(answers, self.side).clamp(0, self.side), score, p, logits.argmax(1)


class PointsAnswer(torch.nn.Module):
    """The places of points and whether they are to be seen.

    Parameters
    ----------
    side : of the canvas in pixels.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, outputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(batch, K, 2), (batch, K) -> the same"""
        places, logits = outputs
        return (places * self.side).clamp_min(0), logits.sigmoid()


def graph_of_images(self: Any, steps: None = None) -> Graph:
    """The graph of a fitted classifier of images, which have no steps."""
    answers = {"probabilities": PROBABILITIES, "index": PLACE}
    return _graph(self, self._canvas()[0], ScoresAnswer(), answers, {"classes": self.classes_.tolist()})


def graph_of_boxes(self: Any, steps: None = None) -> Graph:
    """The graph of a fitted localizer."""
    answers = {
        "box": "x1, y1, x2, y2 in pixels of the canvas",
        "score": "the probability of an object times that of its class; predict tells none below score_threshold",
        "probabilities": PROBABILITIES,
        "index": PLACE,
    }
    known = {"classes": self.classes_.tolist(), "score_threshold": self.score_threshold}
    return _graph(self, self._stride, BoxAnswer(self._stride), answers, known)


def graph_of_points(self: Any, steps: None = None) -> Graph:
    """The graph of a fitted detector of landmarks."""
    side = self._canvas()[0]
    answers = {"points": "x, y in pixels of the canvas", "visibility": "the probability of each point being seen"}
    return _graph(self, side, PointsAnswer(side), answers, {})


def canvases(height: int, width: int, axes: Axes | None = None) -> Entrance:
    """The input of images.

    Parameters
    ----------
    height, width : of the canvas. axes : which may have any size, see `Entrance`; None: the number of images.
    """
    batch = torch.zeros(SAMPLES, 3, height, width, dtype=torch.uint8)
    return Entrance("images", batch, IMAGES, axes=axes or {0: "batch"})


def content_of(estimator: Any, **canvas: Any) -> dict[str, Any]:
    """What a reader needs: the kind, the network, and how an image is brought on its canvas.

    Parameters
    ----------
    estimator : fitted. canvas : what else there is to say of it.
    """
    sizes = {**canvas, "size": estimator.size, "gray": GRAY}
    return {"kind": type(estimator).__name__, "network": repr(estimator.backbone_), "canvas": sizes}


def _graph(
    estimator: Any, side: int, answer: torch.nn.Module, answers: Mapping[str, str], known: Mapping[str, Any]
) -> Graph:
    module = Pixels(plain_copy(estimator.module_), answer)
    return Graph(module, [canvases(side, side)], answers, {**content_of(estimator, side=side), **known})
