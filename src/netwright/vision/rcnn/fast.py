"""`FastRCNN`: regions that a search proposes, all looked at on the same maps of the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from netwright.core.seeds import alone
from netwright.core.validation import Constraint, checks_options, integer, one_of
from netwright.graph import Expression
from netwright.optim import AdamW, cosine, warmup
from netwright.vision.detection import saving
from netwright.vision.detection.detector import MEANT, SHARED, Detector
from netwright.vision.detection.features import Pyramid
from netwright.vision.detection.found import Found, Limits
from netwright.vision.detection.pictures import Frame
from netwright.vision.detection.targets import Objects
from netwright.vision.moving.changing import USUAL
from netwright.vision.rcnn.head import RegionHead, region_detections, region_loss
from netwright.vision.rcnn.outside import PROPOSALS, SELECTIVE, lists_of, regions_by

RATE, WARM, DECAY = 1e-3, 2, 0.02  # of the rule that is chosen: rate, epochs of its rise, decay of weights


class FastNetwork(torch.nn.Module):
    """A map of the image; the head is called on regions.

    Parameters
    ----------
    backbone : layers joined by >> that take images (3, height, width). scales : strides that the finest map knows of.
    classes : how many there are. pooling : "align" or "pool". seed : of the weights.
    """

    def __init__(self, backbone: Expression, scales: int, classes: int, pooling: str, seed: int) -> None:
        super().__init__()
        self.pyramid = Pyramid(backbone, scales, seed)
        self.stride, width = self.pyramid.strides[0], self.pyramid.widths[0]
        with alone(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            self.head = RegionHead(width, self.stride, classes, pooling=pooling)

    def forward(self, images: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, h, w) in [0, 1], (n, r, 4) -> the finest map, and the regions as they came."""
        return self.pyramid(images)[0], regions


class FastRCNN(Detector):
    """Objects in images: a search proposes regions, and a network says of each what it is and where it stands.

    The backbone goes once over the image, and each region is looked at on its maps; see `netwright.vision.rcnn.head`
    for the equations, and `selective_search` for the search. The regions of an image are found when it is first wanted,
    and remembered for the rest of a fit, so its first epoch takes longer. Augmentation moves them with the image.

    Parameters
    ----------
    backbone : layers joined by >> (or their text) that take images (3, height, width) of any size, such as
        ``nw.models.resnet18(headless=True)``; None for a small Darknet that trains on a CPU.
    proposals : "selective_search", or a function that gives the boxes (n, 4) of an image, the best first: x1, y1, x2,
        y2 in pixels of the image that it gets, uint8 (height, width, 3), which is scaled to `size`.
    max_proposals : the most regions of an image, the first ones, an integer >= 1.
    pooling : "align" (bilinear, exact) or "pool" (whole pixels of the map, as in the paper; slower here).
    size : pixels of the long side to which images are scaled, an integer >= 32.
    scales : how many of the coarsest strides of the backbone are used; regions are looked at on the finest of them.
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
    classes_ : labels, sorted. module_ : the network.
    history_, dropped_, n_iter_, best_epoch_, loss_curve_, diagnosis_, seed_ : as of `YOLO`.

    Notes
    -----
    fit(images, targets), as of `YOLO`.

    Raises
    ------
    InvalidParameter : an option that cannot be. InvalidData : images, targets or proposals that cannot be, with the
        number of the image.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> draw = np.random.default_rng(0)
    >>> images = [np.full((64, 64, 3), 30, np.uint8) for _ in range(8)]
    >>> corners = draw.integers(0, 40, size=(8, 2))
    >>> for image, (x, y) in zip(images, corners):
    ...     image[y : y + 20, x : x + 20] = (250, 80, 40)
    >>> targets = [{"boxes": [[x, y, x + 20, y + 20]], "labels": ["square"]} for x, y in corners]
    >>> fast = nw.vision.FastRCNN(size=64, max_proposals=50, epochs=2, batch_size=4, random_state=0)
    >>> sorted(fast.fit(images, targets).predict(images)[0])
    ['boxes', 'labels', 'scores']

    References
    ----------
    Girshick, *Fast R-CNN*, 2015.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **SHARED,
        "proposals": PROPOSALS,
        "max_proposals": integer(1),
        "pooling": one_of("align", "pool"),
        "scales": integer(1, 3),
    }

    @checks_options
    def __init__(
        self,
        backbone: Any = None,
        *,
        proposals: Any = SELECTIVE,
        max_proposals: int = 1000,
        pooling: str = "align",
        size: int = 320,
        scales: int = 2,
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
        self.proposals, self.max_proposals, self.pooling = proposals, max_proposals, pooling
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
        pass

    def _to_state(self) -> dict[str, Any]:
        return {}

    def _from_state(self, state: dict[str, Any]) -> None:
        pass

    def _network(self, seed: int) -> torch.nn.Module:
        made = FastNetwork(self.backbone_, self.scales, len(self.classes_), self.pooling, seed)
        self._stride = made.pyramid.strides[-1]
        self._regions = regions_by(self.proposals, self.max_proposals)
        return made

    def _meant(self) -> frozenset[str]:
        return MEANT | {"wrong-gradient"}

    def _objective(self) -> Any:
        network: Any = self.module_

        def loss(outputs: Any, target: Any, weight: Any = None) -> Tensor:
            maps, regions = outputs
            return region_loss(network.head, maps, lists_of(regions), target)

        return loss

    def _found(self, outputs: Any, limits: Limits) -> list[Found]:
        network: Any = self.module_
        maps, regions = outputs
        canvas = maps.shape[2] * network.stride, maps.shape[3] * network.stride
        return region_detections(network.head, maps, lists_of(regions), canvas, limits)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> FastRCNN:
    """The detector that a model file holds."""
    restored: FastRCNN = saving.restore(FastRCNN, content, tensors)
    return restored
