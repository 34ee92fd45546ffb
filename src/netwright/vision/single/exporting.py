"""`ImageClassifier` as one graph: canvases of pixels go in, probabilities and the place of the label come out.

Bringing an image on its canvas depends on its size and stays outside: the long side is scaled to ``size`` pixels, the
image stands in the upper left corner, the rest is gray. The file's metadata have the figures.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.estimators.exporting.answers import PROBABILITIES
from netwright.estimators.exporting.estimator import plain_copy
from netwright.estimators.exporting.graph import Entrance, Graph
from netwright.graph.export.exporter import SAMPLES
from netwright.vision.detection.pictures import GRAY


class OfPixels(torch.nn.Module):
    """Probabilities and places of labels of pixels 0 to 255.

    Parameters
    ----------
    network : takes images in [0, 1].
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 3, height, width) uint8 -> (batch, k), (batch,)"""
        logits = self.network(images.float() / 255)
        return logits.softmax(1), logits.argmax(1)


def graph_of_images(self: Any, steps: None = None) -> Graph:
    """The graph of a fitted classifier of images, which have no steps."""
    side = self._canvas()[0]
    batch = torch.zeros(SAMPLES, 3, side, side, dtype=torch.uint8)
    meaning = "red, green, blue from 0 to 255; the image scaled to the size, in the upper left corner of the canvas"
    content = {
        "kind": type(self).__name__,
        "network": repr(self.backbone_),
        "classes": self.classes_.tolist(),
        "canvas": {"side": side, "size": self.size, "gray": GRAY},
    }
    answers = {"probabilities": PROBABILITIES, "index": "the place of the most probable class among classes"}
    return Graph(OfPixels(plain_copy(self.module_)), [Entrance("images", batch, meaning)], answers, content)
