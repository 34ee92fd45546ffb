"""`YOLO`: objects in images by one look at a grid of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from netwright.core.seeds import derive
from netwright.core.validation import Constraint, checks_options, integer, one_of
from netwright.optim import AdamW, cosine, warmup
from netwright.vision.detection import saving
from netwright.vision.detection.detector import MEANT, SHARED, Detector
from netwright.vision.detection.found import Found, Limits
from netwright.vision.detection.pictures import Frame
from netwright.vision.detection.shapes import SHAPES, anchor_shapes
from netwright.vision.detection.targets import Objects
from netwright.vision.moving.changing import USUAL
from netwright.vision.yolo.answers import Scale, detections
from netwright.vision.yolo.exporting import graph_of_cells
from netwright.vision.yolo.loss import FORMS, YoloLoss
from netwright.vision.yolo.network import YoloNetwork

RATE, WARM, DECAY = 2e-3, 2, 0.02  # of the rule that is chosen: rate, epochs of its rise, decay of weights


class YOLO(Detector):
    """Objects in images: each cell of a grid answers for the objects whose middle it holds.

    The network gives for each cell and each of its anchors a box, whether there is an object, and its class; see
    `netwright.vision.yolo.network` and `netwright.vision.yolo.loss` for the equations. Of detections of one class that
    overlap by more than `iou_threshold` the best one is given.

    Parameters
    ----------
    backbone : layers joined by >> (or their text) that take images (3, height, width) of any size, such as
        ``nw.models.resnet18(headless=True)``; None for a small Darknet that trains on a CPU.
    size : pixels of the long side to which images are scaled, an integer >= 32.
    scales : grids of how many strides of the backbone, the coarsest ones: 1, 2 or 3.
    anchors : (width, height) of the anchors in pixels of the scaled images, an equal number for each scale; or how many
        each scale has, which are then found by clustering the boxes that are trained on.
    assignment : "neighbours" (cells beside the middle answer too, as in version 5) or "best" (one cell and anchor for
        each object, as in version 3).
    optimizer : an update rule of `nw.optim`, or its text; None for AdamW with a warm-up and cosine decay.
    regularizer : a penalty of `nw.losses`, or its text.
    augment : what changes images and boxes at random while training: an augmentation of `nw.data.augment`, several, or
        their text; None for nothing. Leave ``Flip`` out where left and right make a class.
    epochs, batch_size : integers >= 1.
    validation : a share of the images in (0, 1), or a pair (images, targets), that is held out; None for none.
    patience : epochs without a better loss of the held-out images after which the fit ends; None: never.
    average : decay of a running average of the weights, in (0, 1), that is used and kept; None for none.
    score_threshold : the least score of a detection, in [0, 1]; 0.05 keeps what average precision looks at, pictures
        want about 0.3.
    iou_threshold : overlap above which the worse of two detections of a class goes, in [0, 1].
    max_detections : the most in an image.
    bad_boxes : "drop" leaves true boxes out that have no area or lie outside of their image, and says how many; "error"
        refuses them.
    device, devices : "auto", or the name of a device; processes that train together.
    checkpoint, resume : a folder in which the run is written down, and whether it goes on from there.
    random_state : None, an integer, a RandomState or a Generator.
    callbacks : objects with methods named after events, or functions of the run called after each epoch.
    verbose : 0 is silent, 1 shows progress.

    Attributes
    ----------
    classes_ : labels, sorted. anchors_ : (scales, anchors, 2) in pixels of the scaled image, those of the finest first.
    strides_ : pixels of the scaled image for a cell. module_ : the network. history_ : a record an epoch; its
    ``validation_score`` is the mean average precision at an IoU of 1/2. dropped_ : boxes left out, by kind.
    n_iter_, best_epoch_, loss_curve_, diagnosis_, seed_ : as of `nw.Classifier`.

    Notes
    -----
    fit(images, targets): images as uint8 arrays (height, width, 3) of any size, or paths of files; targets as dicts of
    ``boxes`` (n, 4), x1, y1, x2, y2 in pixels, and ``labels`` (n,) of any hashable type, perhaps with a flag
    ``difficult`` (n,).

    Raises
    ------
    InvalidParameter : an option that cannot be. InvalidData : images or targets that cannot be, with the image.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> draw = np.random.default_rng(0)
    >>> images = [np.full((64, 64, 3), 30, np.uint8) for _ in range(8)]
    >>> corners = draw.integers(0, 40, size=(8, 2))
    >>> for image, (x, y) in zip(images, corners):
    ...     image[y : y + 20, x : x + 20] = (250, 80, 40)
    >>> targets = [{"boxes": [[x, y, x + 20, y + 20]], "labels": ["square"]} for x, y in corners]
    >>> yolo = nw.vision.YOLO(size=64, scales=1, anchors=1, epochs=2, batch_size=4, random_state=0)
    >>> sorted(yolo.fit(images, targets).predict(images)[0])
    ['boxes', 'labels', 'scores']

    References
    ----------
    Redmon, Divvala, Girshick, Farhadi, *You only look once: unified, real-time object detection*, 2016.
    Redmon, Farhadi, *YOLOv3: an incremental improvement*, 2018.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **SHARED,
        "scales": integer(1, 3),
        "anchors": SHAPES,
        "assignment": one_of("neighbours", "best"),
    }

    _graph = graph_of_cells

    @checks_options
    def __init__(
        self,
        backbone: Any = None,
        *,
        size: int = 320,
        scales: int = 2,
        anchors: Any = 3,
        assignment: str = "neighbours",
        optimizer: Any = None,
        regularizer: Any = None,
        augment: Any = USUAL,
        epochs: int = 100,
        batch_size: int = 8,
        validation: Any = None,
        patience: int | None = None,
        average: float | None = None,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
        max_detections: int = 100,
        bad_boxes: str = "drop",
        device: str = "auto",
        devices: Any = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
    ) -> None:
        self.backbone, self.size, self.scales = backbone, size, scales
        self.anchors, self.assignment = anchors, assignment
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.batch_size, self.validation = epochs, batch_size, validation
        self.patience, self.average = patience, average
        self.score_threshold, self.iou_threshold, self.max_detections = score_threshold, iou_threshold, max_detections
        self.bad_boxes = bad_boxes
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state, self.callbacks, self.verbose = random_state, callbacks, verbose

    def _rule(self) -> Any:
        return AdamW(warmup(cosine(RATE), epochs=WARM), weight_decay=DECAY)

    def _plan(self, objects: Sequence[Objects], frames: Sequence[Frame]) -> None:
        seed, where = derive(self.seed_, "anchors"), f"{self._name}(anchors)"
        self.anchors_ = anchor_shapes(where, self.anchors, self.scales, objects, frames, seed)

    def _to_state(self) -> dict[str, Any]:
        return {"anchors": self.anchors_.tolist()}

    def _from_state(self, state: dict[str, Any]) -> None:
        self.anchors_ = np.array(state["anchors"])

    def _network(self, seed: int) -> torch.nn.Module:
        made = YoloNetwork(self.backbone_, self.scales, self.anchors_.shape[1], len(self.classes_), seed)
        self.strides_ = made.pyramid.strides
        self._stride = self.strides_[-1]
        self._scales = [
            Scale(stride, torch.from_numpy(anchors).float())
            for stride, anchors in zip(self.strides_, self.anchors_, strict=True)
        ]
        return made

    def _meant(self) -> frozenset[str]:
        return MEANT | {"wrong-gradient"}  # none passes what objectness is asked to be

    def _objective(self) -> Any:
        return YoloLoss(self._scales, self.assignment)

    def _found(self, outputs: Any, limits: Limits) -> list[Found]:
        return detections(outputs, self._scales, FORMS[self.assignment], limits)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> YOLO:
    """The detector that a model file holds."""
    restored: YOLO = saving.restore(YOLO, content, tensors)
    return restored
