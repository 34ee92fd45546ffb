"""`Detector`: what the estimators of objects in images share: reading, training, predicting, scoring, saving.

An author of a detector writes the hooks `_plan` (what is found out about the data before there is a network, with
`_to_state` and `_from_state`), `_network`, `_objective` and `_found` (the detections of a batch).
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, check, instance, integer, nothing, number, one_of, satisfies
from netwright.estimators.parameters import CONSTRAINTS
from netwright.estimators.together import seed_of
from netwright.estimators.trained import RunEstimator
from netwright.graph import Expression
from netwright.train import Batches, Run
from netwright.vision.detection import saving
from netwright.vision.detection.batches import DetectionBatches, tables
from netwright.vision.detection.found import Found, Limits
from netwright.vision.detection.given import Regions
from netwright.vision.detection.pictures import Canvases, Frame, Pictures, canvas_for, frame_of
from netwright.vision.detection.running import Part, alike, backbone_of, looked_at, parted, run_of
from netwright.vision.detection.scoring import PieceScore
from netwright.vision.detection.targets import Objects, classes_of, read_targets
from netwright.vision.metrics.average_precision import mean_average_precision
from netwright.vision.moving.changing import change_for

_TRAINED = ("optimizer", "regularizer", "augment", "epochs", "batch_size", "patience", "average")
_SHARED = (*_TRAINED, "device", "devices", "checkpoint", "resume", "callbacks", "verbose")
SHARED: Mapping[str, Constraint] = {
    **{name: CONSTRAINTS[name] for name in _SHARED},
    "backbone": nothing | instance(Expression, text="layers joined by >>") | instance(str, text="their text"),
    "size": integer(32),
    "validation": nothing
    | number(0, 1, closed="neither")
    | satisfies("a pair (images, targets)", lambda item: isinstance(item, (tuple, list)) and len(item) == 2),
    "score_threshold": number(0, 1),
    "iou_threshold": number(0, 1),
    "max_detections": integer(1),
    "bad_boxes": one_of("drop", "error"),
}
MEANT = frozenset({"small-validation"})  # of detectors: it speaks of rows, and an image has many objects
LEAST = 0.01  # score from which detections count in `score`: average precision looks at all that are ranked


class Detector(RunEstimator):
    """The abstract base of estimators that find objects in images."""

    _constraints: ClassVar[Mapping[str, Constraint]] = SHARED

    backbone: Any
    size: int
    optimizer: Any
    regularizer: Any
    augment: Any
    batch_size: int
    validation: Any
    average: float | None
    score_threshold: float
    iou_threshold: float
    max_detections: int
    bad_boxes: str
    device: Any
    backbone_: Expression
    dropped_: dict[str, int]
    classes_: Any
    _stride: int  # of which the sides of a canvas are multiples
    _most: ClassVar[int | None] = None  # objects that an image may have
    _regions: Callable[[Any, Sequence[Frame]], Regions] | None = None  # of networks that propose none themselves

    @abstractmethod
    def _plan(self, objects: Sequence[Objects], frames: Sequence[Frame]) -> None:
        """Find out what the network depends on; ``classes_`` is there."""

    @abstractmethod
    def _to_state(self) -> dict[str, Any]:
        """What `_plan` found out, as JSON."""

    @abstractmethod
    def _from_state(self, state: dict[str, Any]) -> None:
        """The inverse of `_to_state`."""

    @abstractmethod
    def _network(self, seed: int) -> torch.nn.Module:
        """The network, with fresh weights."""

    @abstractmethod
    def _objective(self) -> Any:
        """The loss of a batch: (output, (boxes, classes), weight) -> scalar."""

    @abstractmethod
    def _found(self, outputs: Any, limits: Limits) -> list[Found]:
        """What is found in each image of a batch, in pixels of the canvas."""

    def predict(
        self, images: Any, *, score_threshold: float | None = None, max_detections: int | None = None
    ) -> list[dict[str, Any]]:
        """What is in each image: dicts with ``boxes`` (n, 4), ``labels`` (n,) and ``scores`` (n,), the best first.

        Parameters
        ----------
        images : as in `fit`, of any size.
        score_threshold, max_detections : instead of those of the estimator.

        Shapes
        ------
        n images -> n dicts, of none an empty list; boxes are (x1, y1, x2, y2) in pixels of the image as it came

        Raises
        ------
        InvalidData : images that cannot be, with the number or the name.
        InvalidParameter : a threshold or a number out of its range.
        """
        check_is_fitted(self, "module_")
        limits = self._limits(score_threshold, max_detections)
        if isinstance(images, (list, tuple)) and not len(images):
            return []
        pictures = Pictures(images, f"{self._name}.predict(images)")
        frames = [frame_of(size, self.size) for size in pictures.sizes]
        found: list[Any] = [None] * len(frames)
        self.module_.eval()
        with torch.inference_mode():
            for rows, canvas in alike(frames, self._stride):
                some, own = Part(pictures, rows), [frames[row] for row in rows]
                given, device = self._given(some, own), self._precision.device
                shown_ = Canvases(some, own, canvas)
                rows_ = DetectionBatches(shown_, *_nothing(len(rows)), device=device, regions=given)
                (inputs, _, _) = rows_.batch(torch.arange(len(rows)))
                for row, one in zip(rows, self._found(self.module_(*inputs), limits), strict=True):
                    found[row] = self._told(one, frames[row])
        return found

    def score(self, images: Any, targets: Any) -> float:
        """Mean average precision at an IoU of 1/2.

        Parameters
        ----------
        images, targets : as in `fit`; boxes that `fit` leaves out are left out.
        """
        where = f"{self._name}.score(targets)"
        pictures = Pictures(images, f"{self._name}.score(images)")
        objects, dropped = read_targets(targets, pictures.sizes, where, self.bad_boxes, None, pictures.called)
        dropped.warn(where)
        found = self.predict(images, score_threshold=LEAST)
        return float(mean_average_precision(found, [each.target for each in objects], iou_thresholds=[0.5]).map)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted detector to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        saving.save(self, path)

    def _limits(self, score: float | None, most: int | None) -> Limits:
        """The options of a prediction: those that are asked for, or else the estimator's own."""
        score, most = self.score_threshold if score is None else score, self.max_detections if most is None else most
        values = {"score_threshold": score, "iou_threshold": self.iou_threshold, "max_detections": most}
        for name, value in values.items():
            check(f"{self._name}.predict({name})", value, SHARED[name])
        return Limits(float(score), float(self.iou_threshold), int(most))

    # the steps of a fit

    def _start(self, X: Any, y: Any) -> Run:
        name = self._name
        self.seed_ = self._group.same(seed_of(self))
        pictures = Pictures(X, f"{name}.fit(images)")
        self.dropped_ = {}
        objects = self._read(y, pictures, f"{name}.fit(targets)")
        labels = classes_of(objects, f"{name}.fit(targets)")
        own, held = parted(self, pictures, objects, self._read)
        self.classes_ = saving.labels_array(labels)
        frames = [frame_of(size, self.size) for size in own[0].sizes]
        self.backbone_ = backbone_of(self.backbone)
        self._plan(own[1], frames)
        self.module_ = self._network(derive(self.seed_, "network"))
        run = run_of(self, PieceScore(self))
        batches: Any = self._batches(*own, change_for(self.augment))
        others: Any = None if held is None else self._batches(*held, None)
        run.load(batches, others)
        return run

    def _read(self, targets: Any, pictures: Pictures, where: str) -> list[Objects]:
        """The objects of images; what is left out is told and counted."""
        found, dropped = read_targets(targets, pictures.sizes, where, self.bad_boxes, self._most, pictures.called)
        dropped.warn(where)
        self.dropped_ = dict(Counter(self.dropped_) + dropped.counts)
        return found

    def _batches(self, pictures: Any, objects: list[Objects], change: Any) -> DetectionBatches:
        frames = [frame_of(size, self.size) for size in pictures.sizes]
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        for image, each in enumerate(objects):
            for row, label in enumerate(each.labels):
                if label not in places:
                    where = f"{self._name}(validation), targets, {pictures.called(image)}, row {row}"
                    remedy = "Give it to images that are trained on too, or leave it out."
                    raise InvalidData(problem(where, "a label of the images that are trained on", shown(label), remedy))
        canvases = Canvases(pictures, frames, canvas_for(frames, self._stride))
        boxes, classes = tables(objects, frames, places)
        seed, given = derive(self.seed_, "training"), self._given(pictures, frames)
        return DetectionBatches(canvases, boxes, classes, self.batch_size, seed, self._precision.device, change, given)

    def _given(self, pictures: Any, frames: Sequence[Frame]) -> Regions | None:
        """The regions of images that are not the network's own."""
        return None if self._regions is None else self._regions(pictures, frames)

    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        return looked_at(parts)

    def _told(self, found: Found, frame: Frame) -> dict[str, Any]:
        """What was found in one image, in its own pixels and labels."""
        edges = torch.tensor([frame.width, frame.height] * 2, dtype=torch.float32)
        boxes = torch.minimum((found.boxes.float().cpu() / frame.scale).clamp_min_(0), edges)
        labels = self.classes_[found.classes.cpu().numpy()]
        return {"boxes": boxes.numpy(), "labels": labels, "scores": found.scores.float().cpu().numpy()}


def _nothing(n: int) -> tuple[Tensor, Tensor]:
    """Tables without an object."""
    return torch.zeros(n, 1, 4), torch.full((n, 1), -1)
