"""`RCNN`: regions that a search proposes, each cut out of the image and looked at by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from netwright.core.seeds import derive
from netwright.core.validation import Constraint, checks_options, integer, nothing, number, one_of
from netwright.optim import AdamW, cosine, warmup
from netwright.train import Run
from netwright.vision.detection import saving
from netwright.vision.detection.detector import MEANT, SHARED, Detector
from netwright.vision.detection.found import Found, Limits
from netwright.vision.detection.pictures import Frame
from netwright.vision.detection.targets import Objects
from netwright.vision.moving.changing import USUAL
from netwright.vision.rcnn.crops import CropNetwork, crop_detections, crop_loss
from netwright.vision.rcnn.outside import PROPOSALS, SELECTIVE, regions_by
from netwright.vision.rcnn.settling import settle

RATE, WARM, DECAY = 1e-3, 2, 0.02  # of the rule that is chosen: rate, epochs of its rise, decay of weights
UNITS = 256  # of the description of a region


class RCNN(Detector):
    """Objects in images: a search proposes regions, and each is cut out, described by a network, and told its class.

    Training goes in three steps. The network learns to classify crops of regions, the background a class of its own.
    Then a linear support vector machine for each class is fitted to its descriptions of all regions, and a ridge
    regression that moves boxes to where the objects stand. `netwright.vision.rcnn.crops` and
    `netwright.vision.rcnn.settling` have the equations, `selective_search` the search. Every region costs a pass of the
    network, which `FastRCNN` saves. The last two steps hold the descriptions of all regions of all images in memory,
    1 KiB each.

    Parameters
    ----------
    backbone : layers joined by >> (or their text) that take images (3, height, width) of any size, such as
        ``nw.models.resnet18(headless=True)``; None for a small Darknet that trains on a CPU.
    proposals : "selective_search", or a function that gives the boxes (n, 4) of an image, the best first: x1, y1, x2,
        y2 in pixels of the image that it gets, uint8 (height, width, 3), which is scaled to `size`.
    max_proposals : the most regions of an image, the first ones, an integer >= 1.
    crop : pixels of the sides to which regions are warped, a multiple of the stride of the backbone.
    context : pixels of the crop on each side that show what is around the region; 4 of 64 is about the paper's share.
    classifier : "svm", the machines, or "softmax", the network's own answer.
    svm_cost : C of the machines, > 0.
    ridge : lambda of the regression that corrects boxes, > 0; None for boxes that stay as proposed.
    size : pixels of the long side to which images are scaled, an integer >= 32.
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
    history_, dropped_, n_iter_, best_epoch_, loss_curve_, diagnosis_, seed_ : as of `YOLO`; the
    scores of ``history_`` are those of the first step, before machines and corrections are there.

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
    >>> rcnn = nw.vision.RCNN(size=64, crop=32, context=2, max_proposals=50, epochs=2, random_state=0)
    >>> sorted(rcnn.fit(images, targets).predict(images)[0])
    ['boxes', 'labels', 'scores']

    References
    ----------
    Girshick, Donahue, Darrell, Malik, *Rich feature hierarchies for accurate object detection*, 2014.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **SHARED,
        "proposals": PROPOSALS,
        "max_proposals": integer(1),
        "crop": integer(8),
        "context": integer(0),
        "classifier": one_of("svm", "softmax"),
        "svm_cost": number(0, closed="neither"),
        "ridge": number(0, closed="neither") | nothing,
    }

    @checks_options
    def __init__(
        self,
        backbone: Any = None,
        *,
        proposals: Any = SELECTIVE,
        max_proposals: int = 500,
        crop: int = 64,
        context: int = 4,
        classifier: str = "svm",
        svm_cost: float = 1e-3,
        ridge: float | None = 1000.0,
        size: int = 320,
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
        self.backbone, self.size, self.bad_boxes = backbone, size, bad_boxes
        self.proposals, self.max_proposals, self.crop, self.context = proposals, max_proposals, crop, context
        self.classifier, self.svm_cost, self.ridge = classifier, svm_cost, ridge
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.batch_size, self.validation, self.verbose = epochs, batch_size, validation, verbose
        self.patience, self.average, self.device, self.devices = patience, average, device, devices
        self.score_threshold, self.iou_threshold, self.max_detections = score_threshold, iou_threshold, max_detections
        self.checkpoint, self.resume, self.callbacks, self.random_state = checkpoint, resume, callbacks, random_state

    def _rule(self) -> Any:
        return AdamW(warmup(cosine(RATE), epochs=WARM), weight_decay=DECAY)

    def _plan(self, objects: Sequence[Objects], frames: Sequence[Frame]) -> None:
        pass

    def _to_state(self) -> dict[str, Any]:
        return {}

    def _from_state(self, state: dict[str, Any]) -> None:
        pass

    def _network(self, seed: int) -> torch.nn.Module:
        made = CropNetwork(self.backbone_, len(self.classes_), self.crop, self.context, UNITS, seed)
        self._stride = 1
        self._regions = regions_by(self.proposals, self.max_proposals)
        self._finish = self._settled
        return made

    def _settled(self, run: Run) -> None:
        """Fit what comes after the network."""
        cost = float(self.svm_cost) if self.classifier == "svm" else None
        if run.diverged is None and (cost is not None or self.ridge is not None):
            seed = derive(self.seed_, "machines")
            settle(cast(CropNetwork, run.module), cast(Any, run.batches), cost, self.ridge, seed)

    def _meant(self) -> frozenset[str]:
        return MEANT | {"wrong-gradient", "tiny-batch-norm"}  # an image is many crops

    def _objective(self) -> Any:
        network: Any = self.module_

        def loss(outputs: Any, target: Any, weight: Any = None) -> Tensor:
            return crop_loss(network, outputs, target)

        return loss

    def _found(self, outputs: Any, limits: Limits) -> list[Found]:
        network: Any = self.module_
        return crop_detections(network, outputs, self.classifier == "svm", limits)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> RCNN:
    """The detector that a model file holds."""
    restored: RCNN = saving.restore(RCNN, content, tensors)
    return restored
