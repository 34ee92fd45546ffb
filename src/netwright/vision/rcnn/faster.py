"""`FasterRCNN`: regions proposed by the network itself, then what each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from netwright.core.seeds import alone, derive
from netwright.core.validation import Constraint, checks_options, integer
from netwright.graph import Expression
from netwright.optim import AdamW, cosine, warmup
from netwright.vision.detection import saving
from netwright.vision.detection.detector import MEANT, SHARED, Detector
from netwright.vision.detection.features import Pyramid
from netwright.vision.detection.found import Found, Limits
from netwright.vision.detection.pictures import Frame
from netwright.vision.detection.shapes import SHAPES, anchor_shapes
from netwright.vision.detection.targets import Objects
from netwright.vision.moving.changing import USUAL
from netwright.vision.rcnn.head import RegionHead, region_detections, region_loss
from netwright.vision.rcnn.proposals import Counts, ProposalNetwork, anchors_of, proposal_loss, proposals

RATE, WARM, DECAY = 1e-3, 2, 0.02  # of the rule that is chosen: rate, epochs of its rise, decay of weights
TRAINING, ASKING = Counts(600, 200), Counts(300, 100)  # proposals of an image


class FasterNetwork(torch.nn.Module):
    """A map of the image, and the region proposal network on it; the head is called on regions.

    Parameters
    ----------
    backbone : layers joined by >> that take images (3, height, width). scales : strides that the finest map knows of.
    shapes : (A, 2) of the anchors, in pixels. classes : how many there are. seed : of the weights.
    """

    def __init__(self, backbone: Expression, scales: int, shapes: Tensor, classes: int, seed: int) -> None:
        super().__init__()
        self.pyramid = Pyramid(backbone, scales, seed)
        self.stride, width = self.pyramid.strides[0], self.pyramid.widths[0]
        self.shapes = shapes
        with alone(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            self.proposing = ProposalNetwork(width, len(shapes))
            self.head = RegionHead(width, self.stride, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, 3, h, w) in [0, 1] -> the finest map, objectness and corrections of all anchors."""
        finest = self.pyramid(images)[0]
        return finest, *self.proposing(finest)

    def anchors(self, maps: Tensor) -> Tensor:
        """The anchors of all places of a map."""
        return anchors_of(maps.shape[2], maps.shape[3], self.stride, self.shapes.to(maps))

    def proposed(self, outputs: tuple[Tensor, Tensor, Tensor], counts: Counts) -> list[Tensor]:
        """The proposals of each image."""
        maps, objectness, corrections = outputs
        return proposals(objectness, corrections, self.anchors(maps), self.canvas(maps), counts)

    def canvas(self, maps: Tensor) -> tuple[int, int]:
        """(height, width) of the images of a map."""
        return maps.shape[2] * self.stride, maps.shape[3] * self.stride


class FasterRCNN(Detector):
    """Objects in images: a network proposes regions, and a second part says of each what it is and where it stands.

    Both parts share the maps of the backbone and are trained together; see `netwright.vision.rcnn.proposals` and
    `netwright.vision.rcnn.head` for the equations.

    Parameters
    ----------
    backbone : layers joined by >> (or their text) that take images (3, height, width) of any size, such as
        ``nw.models.resnet18(headless=True)``; None for a small Darknet that trains on a CPU.
    size : pixels of the long side to which images are scaled, an integer >= 32.
    scales : how many of the coarsest strides of the backbone are used; regions are looked at on the finest of them.
    anchors : (width, height) of the anchors in pixels of the scaled images; or how many each place has, which are then
        found by clustering the boxes that are trained on.
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
    device, devices, checkpoint, resume, random_state, callbacks, verbose : as of `YOLO`.

    Attributes
    ----------
    classes_ : labels, sorted. anchors_ : (anchors, 2) in pixels of the scaled image. module_ : the network.
    history_, dropped_, n_iter_, best_epoch_, loss_curve_, diagnosis_, seed_ : as of `YOLO`.

    Notes
    -----
    fit(images, targets), as of `YOLO`.

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
    >>> found = nw.vision.FasterRCNN(size=64, anchors=1, epochs=2, batch_size=4, random_state=0).fit(images, targets)
    >>> sorted(found.predict(images)[0])
    ['boxes', 'labels', 'scores']

    References
    ----------
    Ren, He, Girshick, Sun, *Faster R-CNN: towards real-time object detection with region proposal networks*, 2015.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {**SHARED, "scales": integer(1, 3), "anchors": SHAPES}

    @checks_options
    def __init__(
        self,
        backbone: Any = None,
        *,
        size: int = 320,
        scales: int = 2,
        anchors: Any = 6,
        optimizer: Any = None,
        regularizer: Any = None,
        augment: Any = USUAL,
        epochs: int = 100,
        batch_size: int = 4,
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
        self.backbone, self.size, self.scales, self.anchors = backbone, size, scales, anchors
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
        self.anchors_ = anchor_shapes(where, self.anchors, 1, objects, frames, seed)[0]

    def _to_state(self) -> dict[str, Any]:
        return {"anchors": self.anchors_.tolist()}

    def _from_state(self, state: dict[str, Any]) -> None:
        self.anchors_ = np.array(state["anchors"])

    def _network(self, seed: int) -> torch.nn.Module:
        shapes = torch.from_numpy(self.anchors_).float()
        made = FasterNetwork(self.backbone_, self.scales, shapes, len(self.classes_), seed)
        self._stride = made.pyramid.strides[-1]
        return made

    def _meant(self) -> frozenset[str]:
        return MEANT | {"wrong-gradient"}

    def _objective(self) -> Any:
        network: Any = self.module_

        def loss(outputs: Any, target: Any, weight: Any = None) -> Tensor:
            maps, objectness, corrections = outputs
            first = proposal_loss(objectness, corrections, network.anchors(maps).float(), target)
            return first + region_loss(network.head, maps, network.proposed(outputs, TRAINING), target)

        return loss

    def _found(self, outputs: Any, limits: Limits) -> list[Found]:
        network: Any = self.module_
        regions = network.proposed(outputs, ASKING)
        return region_detections(network.head, outputs[0], regions, network.canvas(outputs[0]), limits)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> FasterRCNN:
    """The detector that a model file holds."""
    restored: FasterRCNN = saving.restore(FasterRCNN, content, tensors)
    return restored
