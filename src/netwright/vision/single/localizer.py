"""`Localizer`: the class of an image's one object, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from netwright.core.validation import Constraint, checks_options, integer
from netwright.estimators.augmenting import augmentation_of
from netwright.graph import Expression
from netwright.optim import AdamW, cosine, warmup
from netwright.vision.detection import saving
from netwright.vision.detection.detector import MEANT, SHARED, Detector
from netwright.vision.detection.found import Found, Limits
from netwright.vision.detection.pictures import Frame
from netwright.vision.detection.targets import Objects
from netwright.vision.single.exporting import graph_of_boxes
from netwright.vision.single.localizing import LocalizerLoss, located
from netwright.vision.single.looking import LookingNetwork, canvas_side

RATE, WARM, DECAY = 2e-3, 2, 0.02  # of the rule that is chosen: rate, epochs of its rise, decay of weights
_SEVERAL = ("iou_threshold", "max_detections")  # options of detectors that find several


class LocalizerNetwork(torch.nn.Module):
    """Whether there is an object, its box and its class.

    Parameters
    ----------
    backbone : layers joined by >> that take images (3, height, width). scales : strides that the finest map knows of.
    classes : how many there are. seed : of the weights.
    """

    def __init__(self, backbone: Expression, scales: int, classes: int, seed: int) -> None:
        super().__init__()
        self.looking = LookingNetwork(backbone, scales, 1, 5 + classes, seed)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, h, w) in [0, 1] -> (o, z_x, z_y, t_h, t_w) of each image (n, 5), logits of the classes (n, k)."""
        seen = self.looking(images)[:, 0]  # z_x, z_y, o, t_h, t_w, s
        return torch.cat([seen[:, 2:3], seen[:, :2], seen[:, 3:5]], 1), seen[:, 5:]


class Localizer(Detector):
    """The one object of an image: its class and its box, or that there is none.

    The network says whether there is an object, where, and what it is, from the cells at which it looks; see
    `netwright.vision.single.looking` and `netwright.vision.single.localizing` for the equations. Of images with several
    objects take `YOLO` or `FasterRCNN`.

    Parameters
    ----------
    backbone : layers joined by >> (or their text) that take images (3, height, width) of any size, such as
        ``nw.models.resnet18(headless=True)``; None for a small Darknet that trains on a CPU.
    size : pixels of the long side to which images are scaled, an integer >= 32; all lie on square canvases.
    scales : how many of the coarsest strides of the backbone are used, 1, 2 or 3; the network looks at the finest.
    optimizer : an update rule of `nw.optim`, or its text; None for AdamW with a warm-up and cosine decay.
    regularizer : a penalty of `nw.losses`, or its text.
    augment : what changes images and boxes at random while training: an augmentation of `nw.data.augment`, several, or
        their text. An image whose object leaves it becomes one without. `Mosaic` is for several objects.
    epochs, batch_size : integers >= 1.
    validation : a share of the images in (0, 1), or a pair (images, targets), that is held out; None for none.
    patience : epochs without a better loss of the held-out images after which the fit ends; None: never.
    average : decay of a running average of the weights, in (0, 1), that is used and kept; None for none.
    score_threshold : the least score, p times the probability of the class, of an object that is told, in [0, 1].
    bad_boxes : "drop" leaves true boxes out that have no area or lie outside of their image, and says how many; "error"
        refuses them.
    device, devices, checkpoint, resume, random_state, callbacks, verbose : as of `YOLO`.

    Attributes
    ----------
    classes_ : labels, sorted. module_ : the network.
    history_, dropped_, n_iter_, best_epoch_, loss_curve_, diagnosis_, seed_ : as of `YOLO`.

    Notes
    -----
    fit(images, targets), as of `YOLO`, with at most one object in each image, those marked as ``difficult`` left aside;
    an image with empty lists is one without an object. predict(images): dicts of ``boxes`` (n, 4), ``labels`` (n,) and
    ``scores`` (n,), n 0 or 1.

    Raises
    ------
    InvalidParameter : an option that cannot be. InvalidData : images or targets that cannot be, or an image with
        several objects; with the image.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> draw = np.random.default_rng(0)
    >>> images = [np.full((64, 64, 3), 30, np.uint8) for _ in range(8)]
    >>> corners = draw.integers(0, 40, size=(8, 2))
    >>> for image, (x, y) in zip(images, corners):
    ...     image[y : y + 20, x : x + 20] = (250, 80, 40)
    >>> targets = [{"boxes": [[x, y, x + 20, y + 20]], "labels": ["square"]} for x, y in corners]
    >>> found = nw.vision.Localizer(size=64, epochs=2, batch_size=4, random_state=0).fit(images, targets)
    >>> found.predict(images, score_threshold=0)[0]["boxes"].shape
    (1, 4)

    References
    ----------
    Sermanet, Eigen, Zhang, Mathieu, Fergus, LeCun, *OverFeat: integrated recognition, localization and detection using
    convolutional networks*, 2014.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **{name: constraint for name, constraint in SHARED.items() if name not in _SEVERAL},
        "scales": integer(1, 3),
    }
    _most: ClassVar[int | None] = 1

    iou_threshold = 1.0  # of one box there is no worse one
    max_detections = 1

    @checks_options
    def __init__(
        self,
        backbone: Any = None,
        *,
        size: int = 224,
        scales: int = 2,
        optimizer: Any = None,
        regularizer: Any = None,
        augment: Any = None,
        epochs: int = 100,
        batch_size: int = 16,
        validation: Any = None,
        patience: int | None = None,
        average: float | None = None,
        score_threshold: float = 0.25,
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
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.batch_size, self.validation = epochs, batch_size, validation
        self.patience, self.average = patience, average
        self.score_threshold, self.bad_boxes = score_threshold, bad_boxes
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state, self.callbacks, self.verbose = random_state, callbacks, verbose

    _graph = graph_of_boxes

    def _rule(self) -> Any:
        return AdamW(warmup(cosine(RATE), epochs=WARM), weight_decay=DECAY)

    def _plan(self, objects: Sequence[Objects], frames: Sequence[Frame]) -> None:
        augmentation_of(self.augment, f"{self._name}(augment)")  # refuses what puts several objects into an image

    def _to_state(self) -> dict[str, Any]:
        return {}

    def _from_state(self, state: dict[str, Any]) -> None:
        """There is nothing to it."""

    def _network(self, seed: int) -> torch.nn.Module:
        made = LocalizerNetwork(self.backbone_, self.scales, len(self.classes_), seed)
        self._stride = canvas_side(self.size, made.looking.stride)  # one canvas for all
        return made

    def _meant(self) -> frozenset[str]:
        return MEANT

    def _objective(self) -> Any:
        return LocalizerLoss(self._stride)

    def _found(self, outputs: Any, limits: Limits) -> list[Found]:
        answers, logits = outputs
        return located(answers, logits, self._stride, limits)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> Localizer:
    """The localizer that a model file holds."""
    restored: Localizer = saving.restore(Localizer, content, tensors)
    return restored
