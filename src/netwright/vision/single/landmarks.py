"""`LandmarkDetector`: the places of K points in an image, and which of them are to be seen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.validation import Constraint, checks_options, integer, nothing, satisfies
from netwright.estimators.augmenting import augmentation_of
from netwright.optim import AdamW, cosine, warmup
from netwright.vision.detection import saving
from netwright.vision.detection.batches import DetectionBatches
from netwright.vision.detection.detector import MEANT
from netwright.vision.detection.pictures import Frame, Pictures
from netwright.vision.single.base import OPTIONS, ImageEstimator
from netwright.vision.single.carrying import carry_points
from netwright.vision.single.exporting import graph_of_points
from netwright.vision.single.looking import canvas_side
from netwright.vision.single.pointing import TOLERANCE, CorrectPoints, LandmarkLoss, LandmarkNetwork
from netwright.vision.single.points import Points, point_tables, read_points

RATE, WARM, DECAY = 2e-3, 2, 0.02  # of the rule that is chosen: rate, epochs of its rise, decay of weights


def _are_pairs(item: Any) -> bool:
    numbers = list(np.ravel(item)) if np.ndim(item) == 2 and np.shape(item)[1] == 2 else [-1]
    return all(float(n).is_integer() and n >= 0 for n in numbers) and len(set(numbers)) == len(numbers)


class LandmarkDetector(ImageEstimator):
    """K points of an image, such as the corners of a sheet, the eyes of a face or the joints of a body.

    For each point the network looks at some cells of its map and tells where the point is and whether it is to be seen;
    see `netwright.vision.single.looking` and `netwright.vision.single.pointing` for the equations.

    Parameters
    ----------
    backbone : layers joined by >> (or their text) that take images (3, height, width) of any size, such as
        ``nw.models.resnet18(headless=True)``; None for a small Darknet that trains on a CPU.
    size : pixels of the long side to which images are scaled, an integer >= 32; all lie on square canvases.
    scales : how many of the coarsest strides of the backbone are used, 1, 2 or 3; the network looks at the finest.
    pairs : pairs of points that change places in a mirror, such as ``[(0, 1)]`` of a left and a right eye, for
        augmentations with `Flip`; None for none.
    optimizer : an update rule of `nw.optim`, or its text; None for AdamW with a warm-up and cosine decay.
    regularizer : a penalty of `nw.losses`, or its text.
    augment : what changes images and points at random while training: an augmentation of `nw.data.augment`, several, or
        their text. Points that leave the image are not to be seen.
    epochs, batch_size : integers >= 1.
    validation : a share of the images in (0, 1), or a pair (images, targets), that is held out; None for none.
    patience : epochs without a better loss of the held-out images after which the fit ends; None: never.
    average : decay of a running average of the weights, in (0, 1), that is used and kept; None for none.
    device, devices, checkpoint, resume, random_state, callbacks, verbose : as of `YOLO`.

    Attributes
    ----------
    n_points_ : K. module_ : the network. history_ : a record an epoch; its ``validation_score`` is that of `score`.
    n_iter_, best_epoch_, loss_curve_, diagnosis_, seed_ : as of `YOLO`.

    Notes
    -----
    fit(images, targets): images as of `YOLO`; targets as dicts of ``points`` (K, 2), x, y in pixels, NaN where they are
    not to be seen, and perhaps ``visibility`` (K,), 1 or 0. predict(images): see there.

    Raises
    ------
    InvalidParameter : an option that cannot be. InvalidData : images or targets that cannot be, points outside of their
        image, or another number of points in some image; with the image.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> places = np.random.default_rng(0).integers(6, 58, size=(8, 2))
    >>> images = [np.full((64, 64, 3), 30, np.uint8) for _ in places]
    >>> for image, (x, y) in zip(images, places):
    ...     image[y - 4 : y + 4, x - 4 : x + 4] = (250, 80, 40)
    >>> landmarks = nw.vision.LandmarkDetector(size=64, epochs=2, batch_size=4, random_state=0)
    >>> found = landmarks.fit(images, [{"points": [place]} for place in places]).predict(images)
    >>> found[0]["points"].shape, found[0]["visibility"].shape
    ((1, 2), (1,))

    References
    ----------
    Toshev, Szegedy, *DeepPose: human pose estimation via deep neural networks*, 2014.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **OPTIONS,
        "scales": integer(1, 3),
        "pairs": nothing | satisfies("a list of pairs of points, each point in one of them at most", _are_pairs),
    }

    @checks_options
    def __init__(
        self,
        backbone: Any = None,
        *,
        size: int = 224,
        scales: int = 2,
        pairs: Any = None,
        optimizer: Any = None,
        regularizer: Any = None,
        augment: Any = None,
        epochs: int = 100,
        batch_size: int = 16,
        validation: Any = None,
        patience: int | None = None,
        average: float | None = None,
        device: str = "auto",
        devices: Any = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
    ) -> None:
        self.backbone, self.size, self.scales, self.pairs = backbone, size, scales, pairs
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.batch_size, self.validation = epochs, batch_size, validation
        self.patience, self.average = patience, average
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state, self.callbacks, self.verbose = random_state, callbacks, verbose

    def predict(self, images: Any) -> list[dict[str, Any]]:
        """The points of each image: dicts with ``points`` (K, 2), ``visibility`` (K,) and ``scores`` (1,).

        Points are (x, y) in pixels of the image as it came, visibility the probability of each being seen, and the
        score its mean.

        Parameters
        ----------
        images : as in `fit`, of any size.

        Raises
        ------
        InvalidData : images that cannot be, with the number or the name.
        """
        frames, (places, logits) = self._outputs(images, "predict")
        found = []
        for frame, place, seen in zip(frames, places, logits.sigmoid(), strict=True):
            edges = torch.tensor([frame.width, frame.height], dtype=torch.float32)
            points = torch.minimum((place * self._canvas()[0] / frame.scale).clamp_min(0), edges)
            found.append({"points": points.numpy(), "visibility": seen.numpy(), "scores": seen.mean()[None].numpy()})
        return found

    def score(self, images: Any, targets: Any) -> float:
        """The share of points that are right (PCK): those within 5 % of the long side of their image.

        Points that are not to be seen do not count.

        Parameters
        ----------
        images, targets : as in `fit`.
        """
        found = self.predict(images)
        sizes = Pictures(images, f"{self._name}.score(images)").sizes
        known = read_points(targets, sizes, f"{self._name}.score(targets)", self.n_points_)
        right = [
            np.linalg.norm(one["points"][true.seen] - true.places[true.seen], axis=1) <= TOLERANCE * max(size)
            for one, true, size in zip(found, known, sizes, strict=True)
        ]
        every = np.concatenate(right)
        return float(every.mean()) if len(every) else float("nan")

    _graph = graph_of_points

    def _rule(self) -> Any:
        return AdamW(warmup(cosine(RATE), epochs=WARM), weight_decay=DECAY)

    def _read(self, targets: Any, pictures: Pictures, where: str) -> list[Points]:
        return read_points(targets, pictures.sizes, where, called=pictures.called)

    def _learn(self, known: list[Points], where: str) -> None:
        self.n_points_ = len(known[0].seen)
        if not any(each.seen.any() for each in known):
            raise InvalidData(problem(where, "at least one point that is to be seen", "none"))
        most = int(np.max(self.pairs)) if self.pairs is not None and len(self.pairs) else -1
        if most >= self.n_points_:
            expected = f"numbers of points from 0 to {self.n_points_ - 1}"
            raise InvalidParameter(problem(f"{self._name}(pairs)", expected, str(most)))

    def _tables(self, known: list[Points], frames: list[Frame], where: str) -> tuple[Tensor, Tensor]:
        if len(known[0].seen) != self.n_points_:
            expected = f"{self.n_points_}, as of the images that are trained on"
            raise InvalidData(problem(f"{where}, image 0, points", expected, str(len(known[0].seen))))
        return point_tables(known, frames)

    def _told(self, batches: DetectionBatches) -> DetectionBatches:
        return batches

    def _to_state(self) -> dict[str, Any]:
        return {"points": self.n_points_}

    def _from_state(self, state: dict[str, Any]) -> None:
        self.n_points_ = int(state["points"])

    def _network(self, seed: int) -> torch.nn.Module:
        made = LandmarkNetwork(self.backbone_, self.scales, self.n_points_, seed)
        self._stride = made.looking.stride
        return made

    def _meant(self) -> frozenset[str]:
        return MEANT

    def _objective(self) -> Any:
        return LandmarkLoss(canvas_side(self.size, self._stride), self.size)

    def _score(self) -> Any:
        return CorrectPoints(canvas_side(self.size, self._stride), self.size)

    def _change(self) -> Any:
        augmentation = augmentation_of(self.augment, f"{self._name}(augment)")
        pairs = [(int(one), int(other)) for one, other in self.pairs or ()]
        return None if augmentation is None else partial(carry_points, augmentation, pairs=pairs)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> LandmarkDetector:
    """The detector that a model file holds."""
    restored: LandmarkDetector = saving.restore(LandmarkDetector, content, tensors)
    return restored
