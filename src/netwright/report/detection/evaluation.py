"""What a detector found in images that it was not trained on, and some of these images: those with the worst errors.

How bad the errors in an image are, with s the scores of its wrong detections and m its missed objects::

    badness = sum s + m / 2

Average precision looks at all detections with a score from 0.01 on; the account of errors at those that one would show
to somebody, with a score from 1/4 on, or from the detector's own threshold on where that is higher. An evaluation goes
to a file of kind "detection evaluation" in the one format of `netwright.core.storage`, so that a report can be written
again without the data.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core import storage
from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter, problem
from netwright.vision import DetectionAccount, DetectionScores, detection_account, mean_average_precision
from netwright.vision.detection.detector import LEAST, Detector
from netwright.vision.detection.pictures import Pictures
from netwright.vision.detection.targets import Objects, read_targets

KIND = "detection evaluation"
WRONG = ("localisation", "class", "both", "duplicate", "background")  # verdicts on detections that are errors
WORST, SIDE = 8, 640  # images that are kept, and pixels of their long sides
QUALITIES, HEAVY = (82, 70, 55), 150_000  # of JPEG, the next one where a picture has more bytes
SURE = 0.25  # the least score of detections that are shown
MISSED = 0.5  # what a missed object counts beside the scores of wrong detections
TRUE = {"image": (), "boxes": (4,), "codes": (), "ignored": ()}
FOUND = {"image": (), "boxes": (4,), "codes": (), "scores": ()}


@dataclass(frozen=True, eq=False)
class DetectionEvaluation:
    """What a detector found in held-out images.

    Parameters
    ----------
    classes : the labels as text, those of the detector first.
    files : names of the images.
    sizes : (height, width) of each, (n, 2) int64.
    true : columns of all objects: ``image`` (g,) int64, ``boxes`` (g, 4) float64, ``codes`` (g,) int64, the numbers of
        their classes, and ``ignored`` (g,) bool.
    found : columns of all detections: ``image`` (d,), ``boxes`` (d, 4), ``codes`` (d,), ``scores`` (d,).
    threshold : the least score of detections in the account of errors.
    dropped : boxes that were left out, by kind.
    shown : the images whose pictures are kept, the worst first, (k,) int64.
    pictures : of each the bytes of a JPEG file, its long side at most 640 pixels.
    """

    classes: tuple[str, ...]
    files: tuple[str, ...]
    sizes: np.ndarray
    true: dict[str, np.ndarray]
    found: dict[str, np.ndarray]
    threshold: float
    dropped: dict[str, int] = field(default_factory=dict)
    shown: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    pictures: tuple[bytes, ...] = ()

    @cached_property
    def targets(self) -> list[dict[str, Any]]:
        """The objects of each image, as `mean_average_precision` takes them."""
        return self._by_image(self.true, "ignored", "ignore")

    @cached_property
    def predictions(self) -> list[dict[str, Any]]:
        """The detections in each image."""
        return self._by_image(self.found, "scores", "scores")

    @cached_property
    def scores(self) -> DetectionScores:
        """Average precision and recall."""
        return mean_average_precision(self.predictions, self.targets)

    @cached_property
    def account(self) -> DetectionAccount:
        """Each detection and each object with its verdict."""
        return detection_account(self.predictions, self.targets, score_threshold=self.threshold)

    @property
    def badness(self) -> np.ndarray:
        """How bad the errors in each image are, (n,); see the head of this file."""
        found = np.zeros(len(self.files))
        for each in self.account.predictions:
            found[each.image] += each.score if each.verdict in WRONG else 0.0
        for missed in self.account.of("missed"):
            found[missed.image] += MISSED
        return found

    def _by_image(self, part: Mapping[str, np.ndarray], column: str, name: str) -> list[dict[str, Any]]:
        names = np.array(self.classes, dtype=object)
        ends = np.searchsorted(part["image"], np.arange(len(self.files) + 1))
        return [
            {
                "boxes": part["boxes"][first:last],
                "labels": names[part["codes"][first:last]].tolist(),
                name: part[column][first:last],
            }
            for first, last in pairwise(ends.tolist())
        ]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the evaluation to a file."""
        dropped = [[kind, count] for kind, count in self.dropped.items()]
        content = {"classes": list(self.classes), "files": list(self.files), "dropped": dropped}
        arrays = {"sizes": self.sizes, "shown": self.shown, "threshold": np.array([self.threshold])}
        for name, part in (("true", self.true), ("found", self.found)):
            arrays |= {f"{name}.{column}": array for column, array in part.items()}
        for place, picture in enumerate(self.pictures):
            arrays[f"picture.{place}"] = np.frombuffer(picture, dtype=np.uint8)
        storage.write(path, KIND, content, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> DetectionEvaluation:
        """The evaluation in a file.

        Raises
        ------
        CorruptFile : a file that is damaged, or of another kind.
        """
        kind, content, arrays = storage.read(path)
        where = os.fspath(path)
        if kind != KIND:
            raise CorruptFile(problem(where, "an evaluation of a detector", f"a file of kind {kind!r}"))
        try:
            made = cls(
                classes=tuple(map(str, content["classes"])),
                files=tuple(map(str, content["files"])),
                sizes=arrays["sizes"],
                true={column: arrays[f"true.{column}"] for column in TRUE},
                found={column: arrays[f"found.{column}"] for column in FOUND},
                threshold=float(arrays["threshold"][0]),
                dropped={str(name): int(count) for name, count in content["dropped"]},
                shown=arrays["shown"],
                pictures=tuple(arrays[f"picture.{place}"].tobytes() for place in range(len(arrays["shown"]))),
            )
            made._check()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CorruptFile(problem(where, "the fields of an evaluation of a detector", f"{error!r}")) from error
        return made

    def _check(self) -> None:
        """That the arrays belong together; an error tells that they do not."""
        n = len(self.files)
        for part, columns in ((self.true, TRUE), (self.found, FOUND)):
            count = len(part["image"])
            shapes = {name: part[name].shape for name, shape in columns.items() if part[name].shape != (count, *shape)}
            if shapes or (np.diff(part["image"], prepend=0, append=n - 1) < 0).any():
                raise ValueError(f"{count} boxes in {n} images, and {shapes}")
            np.array(self.classes)[part["codes"]]
        if self.sizes.shape != (n, 2) or (self.sizes < 1).any():
            raise ValueError(f"{n} images, and sizes {self.sizes.shape}")
        self.sizes[self.shown]


def evaluate_detections(
    detector: Any, images: Any, targets: Any, *, found: Any = None, files: Sequence[str] = ()
) -> DetectionEvaluation:
    """Find objects in images whose objects are known.

    Parameters
    ----------
    detector : a fitted `YOLO` or `FasterRCNN`.
    images, targets : as its `fit` takes them; boxes without an area or outside of their image are left out.
    found : what ``detector.predict(images, score_threshold=0.01)`` gave, where that is known already.
    files : names of the images; by default those of the files, or their numbers.

    Raises
    ------
    InvalidParameter : another estimator. InvalidData : images or targets that cannot be, or none with an object.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> image = np.zeros((64, 64, 3), np.uint8)
    >>> image[8:40, 8:40] = 250
    >>> target = {"boxes": [[8, 8, 40, 40]], "labels": ["square"]}
    >>> yolo = nw.vision.YOLO(size=64, scales=1, anchors=1, epochs=1, random_state=0).fit([image] * 4, [target] * 4)
    >>> found = [{"boxes": [[8, 8, 40, 38]], "labels": ["square"], "scores": [0.9]}]
    >>> evaluation = evaluate_detections(yolo, [image], [target], found=found)
    >>> evaluation.scores.map_50, evaluation.account.of("missed")
    (1.0, [])
    """
    where = "evaluate_detections"
    if not isinstance(detector, Detector):
        raise InvalidParameter(problem(where, "a fitted detector of objects", type(detector).__name__))
    pictures = Pictures(images, f"{where}(images)")
    objects, dropped = read_targets(targets, pictures.sizes, f"{where}(targets)", called=pictures.called)
    if not any((~each.ignored).any() for each in objects):
        raise InvalidData(problem(f"{where}(targets)", "at least one object in all images", "none"))
    found = detector.predict(images, score_threshold=LEAST) if found is None else found
    labels = [*detector.classes_.tolist(), *(label for each in objects for label in each.labels)]
    classes = tuple(dict.fromkeys(map(str, labels)))
    numbers = {name: number for number, name in enumerate(classes)}
    bare = DetectionEvaluation(
        classes,
        tuple(files) or tuple(_name_of(image, place) for place, image in enumerate(images)),
        np.array(pictures.sizes, dtype=np.int64).reshape(-1, 2),
        _true_columns(objects, numbers),
        _found_columns(found, numbers),
        sure(detector),
        dict(dropped.counts),
    )
    badness = bare.badness
    order = np.argsort(-badness, kind="stable")[:WORST]
    worst = order[badness[order] > 0] if find_spec("PIL") else order[:0]
    return replace(bare, shown=worst.astype(np.int64), pictures=tuple(jpeg(pictures[i]) for i in worst.tolist()))


def sure(detector: Any) -> float:
    """The least score of detections that are shown: 1/4, or what the detector asks for where that is more.

    Parameters
    ----------
    detector : a fitted one.
    """
    return max(SURE, float(detector.score_threshold))


def jpeg(image: np.ndarray) -> bytes:
    """An image as a small JPEG file, its long side at most 640 pixels.

    Shapes
    ------
    (height, width, 3) uint8
    """
    picture = import_module("PIL.Image").fromarray(image)
    picture.thumbnail((SIDE, SIDE))
    content = b""
    for quality in QUALITIES:
        stream = io.BytesIO()
        picture.save(stream, format="JPEG", quality=quality, optimize=True)
        content = stream.getvalue()
        if len(content) <= HEAVY:
            break
    return content


def _name_of(image: Any, place: int) -> str:
    return Path(image).name if isinstance(image, (str, os.PathLike)) else f"image {place}"


def _true_columns(objects: Sequence[Objects], numbers: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The objects of all images, one below the other."""
    return {
        **_columns([each.boxes for each in objects], [each.labels for each in objects], numbers),
        "ignored": np.concatenate([np.zeros(0, dtype=bool), *(each.ignored for each in objects)]),
    }


def _found_columns(found: Any, numbers: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The detections in all images, one below the other."""
    sure = [np.asarray(each["scores"], dtype=np.float64) for each in found]
    return {
        **_columns([each["boxes"] for each in found], [each["labels"] for each in found], numbers),
        "scores": np.concatenate([np.zeros(0), *sure]),
    }


def _columns(boxes: Any, labels: Any, numbers: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Boxes, the images that they are of, and the numbers of their classes."""
    corners = [np.asarray(each, dtype=np.float64).reshape(-1, 4) for each in boxes]
    codes = [numbers[str(label)] for each in labels for label in each]
    return {
        "image": np.repeat(np.arange(len(corners)), [len(each) for each in corners]).astype(np.int64),
        "boxes": np.concatenate([np.zeros((0, 4)), *corners]),
        "codes": np.array(codes, dtype=np.int64),
    }
