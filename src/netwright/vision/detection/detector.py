"""`Detector`: what the estimators of objects in images share: reading, training, predicting, scoring, saving.

An author of a detector writes the hooks `_plan` (what is found out about the data before there is a network, with
`_to_state` and `_from_state`), `_network`, `_objective` and `_found` (the detections of a batch).
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, instance, integer, nothing, number, one_of, satisfies
from netwright.estimators.parameters import CONSTRAINTS, parts_of, value_of
from netwright.estimators.together import devices_for, seed_of
from netwright.estimators.trained import RunEstimator
from netwright.graph import Expression, parse
from netwright.models import darknet
from netwright.train import Batches, Precision, Run, choose_device
from netwright.vision.detection import saving
from netwright.vision.detection.batches import DetectionBatches, tables
from netwright.vision.detection.found import Found, Limits
from netwright.vision.detection.pictures import Canvases, Frame, Pictures, canvas_for, frame_of
from netwright.vision.detection.scoring import PieceScore
from netwright.vision.detection.targets import Objects, classes_of, read_targets
from netwright.vision.metrics.average_precision import mean_average_precision

LOOKED_AT = 2**18  # pixels of the images that `check` looks at
TOGETHER = 16  # images of one shape that are answered together
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
    classes_: Any
    _stride: int  # of which the sides of a canvas are multiples

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
        n images -> n dicts; boxes are (x1, y1, x2, y2) in pixels of the image as it came

        Raises
        ------
        InvalidData : images that cannot be, with the number or the name.
        """
        check_is_fitted(self, "module_")
        score = self.score_threshold if score_threshold is None else score_threshold
        count = self.max_detections if max_detections is None else max_detections
        limits = Limits(float(score), float(self.iou_threshold), int(count))
        pictures = Pictures(images, f"{self._name}.predict(images)")
        frames = [frame_of(size, self.size) for size in pictures.sizes]
        found: list[Any] = [None] * len(frames)
        self.module_.eval()
        with torch.inference_mode():
            for rows, canvas in self._alike(frames):
                shown_ = Canvases(Part(pictures, rows), [frames[row] for row in rows], canvas)
                rows_ = DetectionBatches(shown_, *_nothing(len(rows)), device=self._precision.device)
                (inputs, _, _) = rows_.batch(torch.arange(len(rows)))
                for row, one in zip(rows, self._found(self.module_(*inputs), limits), strict=True):
                    found[row] = self._told(one, frames[row])
        return found

    def score(self, images: Any, targets: Any) -> float:
        """Mean average precision at an IoU of 1/2.

        Parameters
        ----------
        images, targets : as in `fit`.
        """
        found = self.predict(images, score_threshold=LEAST)
        return float(mean_average_precision(found, targets, iou_thresholds=[0.5]).map)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted detector to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        saving.save(self, path)

    # the steps of a fit

    def _start(self, X: Any, y: Any) -> Run:
        name = self._name
        self.seed_ = self._group.same(seed_of(self))
        pictures = Pictures(X, f"{name}.fit(images)")
        objects, dropped = read_targets(y, pictures.sizes, f"{name}.fit(targets)", self.bad_boxes)
        dropped.warn(f"{name}.fit(targets)")
        self.dropped_ = dict(dropped.counts)
        labels = classes_of(objects, f"{name}.fit(targets)")
        own, held = self._split(pictures, objects)
        self.classes_ = saving.labels_array(labels)
        frames = [frame_of(size, self.size) for size in own[0].sizes]
        self.backbone_ = self._given_backbone()
        self._plan(own[1], frames)
        self.module_ = self._network(derive(self.seed_, "network"))
        device = self._group.place(choose_device(str(self.device)))
        self._precision = Precision(
            device=device, channels_last=True, group=self._group, compile=devices_for(self).compile
        )
        self._precision.place(self.module_)
        rule = value_of(self.optimizer, "optimizer") or self._rule()
        if rule.full_batch:
            expected = "a rule that updates batch by batch"
            raise InvalidParameter(problem(f"{name}(optimizer)", expected, shown(self.optimizer)))
        score: Any = PieceScore(self)
        run = Run(
            self.module_,
            self._objective(),
            rule,
            self._precision,
            score,
            parts_of(value_of(self.regularizer, "regularizer")),
            self.average,
            derive(self.seed_, "training"),
            macs=self.size**2 * 1000,
        )
        batches: Any = self._batches(*own, self._change())
        others: Any = None if held is None else self._batches(*held, None)
        run.load(batches, others)
        return run

    def _split(
        self, pictures: Pictures, objects: list[Objects]
    ) -> tuple[tuple[Any, list[Objects]], tuple[Any, list[Objects]] | None]:
        """Images with their objects to train on, and those held out."""
        where = f"{self._name}(validation)"
        given = self.validation
        if given is None:
            return (pictures, objects), None
        if isinstance(given, (tuple, list)):
            others = Pictures(given[0], f"{where}, images")
            held, _ = read_targets(given[1], others.sizes, f"{where}, targets", self.bad_boxes)
            return (pictures, objects), (others, held)
        count = max(1, round(len(objects) * float(given)))
        if count >= len(objects):
            expected = "at least one image to train on and one to hold out"
            raise InvalidData(problem(where, expected, f"{len(objects)} in all"))
        drawn = np.random.default_rng(derive(self.seed_, "validation")).permutation(len(objects))
        rows = sorted(drawn[count:].tolist()), sorted(drawn[:count].tolist())
        own, held_ = ((Part(pictures, some), [objects[row] for row in some]) for some in rows)
        return own, held_

    def _batches(self, pictures: Any, objects: list[Objects], change: Any) -> DetectionBatches:
        frames = [frame_of(size, self.size) for size in pictures.sizes]
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        unknown = next((label for each in objects for label in each.labels if label not in places), None)
        if unknown is not None:
            where = f"{self._name}(validation), labels"
            raise InvalidData(problem(where, "labels of the images that are trained on", shown(unknown)))
        canvases = Canvases(pictures, frames, canvas_for(frames, self._stride))
        boxes, classes = tables(objects, frames, places)
        seed = derive(self.seed_, "training")
        return DetectionBatches(canvases, boxes, classes, self.batch_size, seed, self._precision.device, change)

    def _change(self) -> Any:
        """What augments images and boxes."""
        return None

    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        height, width = parts[0].canvas
        return [part.some(min(max(4, LOOKED_AT // (height * width)), part.n)) for part in parts]

    def _alike(self, frames: list[Frame]) -> Iterator[tuple[list[int], tuple[int, int]]]:
        """The numbers of images with canvases of one shape, some at a time, and the shape."""
        shapes: dict[tuple[int, int], list[int]] = {}
        for row, frame in enumerate(frames):
            shapes.setdefault(canvas_for([frame], self._stride), []).append(row)
        for canvas, rows in shapes.items():
            for start in range(0, len(rows), TOGETHER):
                yield rows[start : start + TOGETHER], canvas

    def _told(self, found: Found, frame: Frame) -> dict[str, Any]:
        """What was found in one image, in its own pixels and labels."""
        edges = torch.tensor([frame.width, frame.height] * 2, dtype=torch.float32)
        boxes = torch.minimum((found.boxes.float().cpu() / frame.scale).clamp_min_(0), edges)
        labels = self.classes_[found.classes.cpu().numpy()]
        return {"boxes": boxes.numpy(), "labels": labels, "scores": found.scores.float().cpu().numpy()}

    def _default_backbone(self) -> Expression:
        """The layers of a detector whose user names none: a small network that trains on a CPU."""
        return darknet(16, (1, 2, 2), stride=2, headless=True)

    def _given_backbone(self) -> Expression:
        """The layers that the user gave, or those chosen for the task."""
        given = self.backbone
        if given is None:
            return self._default_backbone()
        return parse(given) if isinstance(given, str) else given


class Part:
    """Some of the images.

    Parameters
    ----------
    pictures : all. rows : the numbers of these.
    """

    def __init__(self, pictures: Any, rows: Sequence[int]) -> None:
        self._pictures, self._rows = pictures, list(rows)
        self.sizes = [pictures.sizes[row] for row in self._rows]

    def scaled(self, number: int, frame: Frame) -> Tensor:
        """One image at the scale of its frame."""
        image: Tensor = self._pictures.scaled(self._rows[number], frame)
        return image


def _nothing(n: int) -> tuple[Tensor, Tensor]:
    """Tables without an object."""
    return torch.zeros(n, 1, 4), torch.full((n, 1), -1)
