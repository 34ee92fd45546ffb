"""`Segmenter`: a class for every pixel of images of any size.

    s    = network(x)                                     (k, height, width), a score for each class and pixel
    L    = - mean over pixels that count of log softmax(s)[class of the pixel]

Images are padded to a multiple of the network's stride and cut again. Pixels that are to be ignored, and those beside
an image, count nowhere.

Ronneberger, Fischer, Brox, *U-Net: convolutional networks for biomedical image segmentation*, 2015; Long, Shelhamer,
Darrell, *Fully convolutional networks for semantic segmentation*, 2015.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import cross_entropy, interpolate

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, checks_options, instance, integer, nothing, one_of
from netwright.data.augment import Augmentation
from netwright.estimators.augmenting import augmentations_of
from netwright.estimators.together import seed_of
from netwright.estimators.trained import RunEstimator
from netwright.graph import Expression, Input, begins_with_input, join, parse
from netwright.layers import Conv
from netwright.losses import split_link
from netwright.optim import AdamW, cosine, warmup
from netwright.train import Batches, Run
from netwright.vision.dense.exporting import STRIDE, graph_of_pixels
from netwright.vision.dense.masks import MaskBatches, on_canvas, read_masks
from netwright.vision.dense.networks import UPSAMPLINGS, fully_convolutional, segmentation_unet
from netwright.vision.dense.scores import SegmentationScores, overlaps, segmentation_scores
from netwright.vision.dense.tiles import blended
from netwright.vision.detection import saving
from netwright.vision.detection.detector import SHARED
from netwright.vision.detection.features import MEAN, SPREAD
from netwright.vision.detection.pictures import Canvases, Frame, Pictures, canvas_for, frame_of
from netwright.vision.detection.running import Part, looked_at, parted, run_of

RATE, WARM, DECAY = 3e-3, 2, 0.01  # of the rule that is chosen: rate, epochs of its rise, decay of weights
MEANT = frozenset({"small-validation"})  # it speaks of rows, and an image has many pixels
_OF_BOXES = ("backbone", "score_threshold", "iou_threshold", "max_detections", "bad_boxes")


class PixelNetwork(torch.nn.Module):
    """Scores of classes for each pixel.

    Parameters
    ----------
    network : layers that take (3, height, width) and give maps of that size. classes : how many. seed : of the weights.
    """

    def __init__(self, network: Expression, classes: int, seed: int) -> None:
        super().__init__()
        closed = network if begins_with_input(network) else join(Input(3, 2 * STRIDE, 3 * STRIDE), network)
        self.body, link = split_link(closed.build(seed))
        shape = closed.output_shape
        if len(shape) != 3 or tuple(shape[1:]) != tuple(closed.input_shape[1:]) or shape[0] != classes:
            expected = f"maps of {classes} classes in the size of the image, {(classes, *closed.input_shape[1:])}"
            remedy = f"End it with Conv({classes}, 1) or Softmax()."
            raise InvalidParameter(problem("Segmenter(network)", expected, f"{tuple(shape)}", remedy))
        if link not in ("identity", "softmax"):
            raise InvalidParameter(problem("Segmenter(network)", "scores or a softmax at its end", link))

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, classes, h, w)."""
        scores: Tensor = self.body((images - MEAN) / SPREAD)
        return scores


class MeanOverlap:
    """The mean intersection over union of held-out images, gathered over batches."""

    def seen(self, output: Tensor, target: Tensor) -> Tensor:
        """How many pixels of class i are told to be of class j, (k, k)."""
        k, on = output.shape[1], target >= 0
        codes = target[on] * k + output.argmax(1)[on]
        return torch.bincount(codes, minlength=k * k).view(k, k)

    def over(self, pieces: list[Tensor]) -> float:
        """The mean over classes that are there or told."""
        iou, _ = overlaps(torch.stack(pieces).sum(0).cpu().numpy())
        return float(np.nanmean(iou)) if not np.isnan(iou).all() else 0.0


class Segmenter(RunEstimator):
    """A class for every pixel of an image.

    Parameters
    ----------
    network : "unet", "fcn", or layers joined by >> (or their text) that take (3, height, width) and give (classes,
        height, width), such as ``nw.models.unet(4)``; None for "unet". Four levels of 16 to 128 channels, unless you
        give the layers.
    upsampling : of "unet" and "fcn": "learned" by transposed convolutions, or "bilinear".
    ignore : label of pixels that count nowhere; None for none.
    size : pixels of the long side to which images are scaled; None leaves them as they are, where all were taken at one
        scale. Answers have the size of the image as it came.
    tile, overlap : side of tiles in which larger (scaled) images are answered, and by how much they overlap; a tile of
        None for one piece.
    optimizer : an update rule of `nw.optim`, or its text; None for AdamW with a warm-up and cosine decay.
    regularizer : a penalty of `nw.losses`, or its text.
    augment : augmentations of `nw.data.augment`, or their text; masks go with their images.
    epochs, batch_size : integers >= 1.
    validation : a share of the images in (0, 1), or a pair (images, masks), that is held out; None for none.
    patience : epochs without a better loss of the held-out images after which the fit ends; None: never.
    average : decay of a running average of the weights, in (0, 1), that is used and kept; None for none.
    device, devices, checkpoint, resume, random_state, callbacks, verbose : as of `YOLO`.

    Attributes
    ----------
    classes_ : labels, sorted. module_ : the network. history_ : a record an epoch; its ``validation_score`` is the mean
    intersection over union of the held-out images. n_iter_, best_epoch_, loss_curve_, diagnosis_, seed_ : as of `YOLO`.

    Notes
    -----
    fit(images, masks): images as of `YOLO`; masks (height, width) of integers each, or files of such. predict(images):
    a list of arrays (height, width) of labels.

    Raises
    ------
    InvalidParameter : an option that cannot be. InvalidData : images or masks that cannot be, with the image.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> images = np.random.default_rng(0).integers(0, 90, (4, 40, 50, 3), dtype=np.uint8)
    >>> images[:, 10:30, 20:40] += 150
    >>> masks = (images.mean(3) > 110).astype(int)
    >>> seg = nw.vision.Segmenter("fcn", size=50, epochs=2, batch_size=2, random_state=0).fit(list(images), list(masks))
    >>> seg.predict(list(images))[0].shape, seg.classes_.tolist()
    ((40, 50), [0, 1])

    References
    ----------
    Ronneberger, Fischer, Brox, *U-Net: convolutional networks for biomedical image segmentation*, 2015.
    Long, Shelhamer, Darrell, *Fully convolutional networks for semantic segmentation*, 2015.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **{name: item for name, item in SHARED.items() if name not in _OF_BOXES},
        "network": nothing | instance(Expression, text="layers joined by >>") | instance(str, text="their text"),
        "upsampling": one_of(*UPSAMPLINGS),
        "ignore": integer() | nothing,
        "size": integer(16) | nothing,
        "tile": integer(STRIDE) | nothing,
        "overlap": integer(0),
    }

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        upsampling: str = "learned",
        ignore: int | None = 255,
        size: int | None = 256,
        tile: int | None = None,
        overlap: int = 32,
        optimizer: Any = None,
        regularizer: Any = None,
        augment: Any = None,
        epochs: int = 60,
        batch_size: int = 8,
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
        self.network, self.upsampling, self.ignore = network, upsampling, ignore
        self.size, self.tile, self.overlap = size, tile, overlap
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.batch_size, self.validation = epochs, batch_size, validation
        self.patience, self.average = patience, average
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state, self.callbacks, self.verbose = random_state, callbacks, verbose

    def predict(self, images: Any) -> list[NDArray[Any]]:
        """The class of each pixel: for each image an array (height, width) of labels.

        Parameters
        ----------
        images : as in `fit`, of any size.

        Raises
        ------
        InvalidData : images that cannot be, with the number or the name.
        """
        return [self.classes_[scores.argmax(0).numpy()] for scores in self._probabilities(images, "predict")]

    def predict_proba(self, images: Any) -> list[NDArray[np.float32]]:
        """The probability of each class for each pixel: for each image an array (height, width, classes).

        Parameters
        ----------
        images : as in `fit`, of any size.
        """
        return [scores.movedim(0, -1).numpy() for scores in self._probabilities(images, "predict_proba")]

    def scores(self, images: Any, masks: Any, tolerance: float = 2.0) -> SegmentationScores:
        """Intersection over union, Dice and the F of boundaries, for each class.

        Parameters
        ----------
        images, masks : as in `fit`. tolerance : pixels by which a boundary may be wrong.
        """
        told = self.predict(images)
        true = read_masks(masks, [each.shape for each in told], f"{self._name}.scores(masks)")  # type: ignore[misc]
        return segmentation_scores(true, told, ignore=self.ignore, tolerance=tolerance)

    def score(self, images: Any, masks: Any) -> float:
        """The mean intersection over union.

        Parameters
        ----------
        images, masks : as in `fit`.
        """
        return self.scores(images, masks).mean_iou

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        saving.save(self, path)

    _graph = graph_of_pixels

    def _rule(self) -> Any:
        return AdamW(warmup(cosine(RATE), epochs=WARM), weight_decay=DECAY)

    def _meant(self) -> frozenset[str]:
        return MEANT

    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        return looked_at(parts)

    def _objective(self) -> Any:
        return pixel_loss

    def _start(self, X: Any, y: Any) -> Run:
        name = self._name
        if self.tile is not None and self.overlap >= self.tile:
            raise InvalidParameter(problem(f"{name}(overlap)", f"less than the tile, {self.tile}", f"{self.overlap}"))
        self.seed_ = self._group.same(seed_of(self))
        self.dropped_: dict[str, int] = {}  # of the file's form: no target is left out
        pictures = Pictures(X, f"{name}.fit(images)")
        masks = read_masks(y, pictures.sizes, f"{name}.fit(masks)")
        self.classes_ = self._classes(masks)
        own, held = parted(self, pictures, masks, self._held)
        self.backbone_ = self._expression()
        self.module_ = self._network(derive(self.seed_, "network"))
        run = run_of(self, MeanOverlap())
        steps = () if self.augment is None else augmentations_of(self.augment, f"{name}(augment)")
        wrong = next((step for step in steps if not isinstance(step, Augmentation)), None)
        if wrong is not None:
            raise InvalidParameter(problem(f"{name}(augment)", "augmentations of images", shown(wrong)))
        batches: Any = self._batches(*own, steps)
        others: Any = None if held is None else self._batches(*held, ())
        run.load(batches, others)
        return run

    def _classes(self, masks: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        found = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
        classes = found if self.ignore is None else found[found != self.ignore]
        if len(classes) < 2:
            where, hidden = f"{self._name}.fit(masks)", len(found) > 1 and len(found) > len(classes)
            remedy = f"{self.ignore} counts as no class: set ignore=None." if hidden else ""
            raise InvalidData(problem(where, "at least two classes", f"{classes.tolist()}", remedy))
        return classes

    def _held(self, masks: Any, others: Any, where: str) -> list[NDArray[np.int64]]:
        """The masks of held-out images; labels that no image of the training has are told."""
        read = read_masks(masks, others.sizes, where)
        labels = np.unique(np.concatenate([np.unique(mask) for mask in read]))
        new = [label for label in labels.tolist() if label not in self.classes_ and label != self.ignore]
        if new:
            text = problem(where, f"labels of {self.classes_.tolist()}", f"{new}", "Their pixels count nowhere.")
            warnings.warn(text, UserWarning, stacklevel=2)
        return read

    def _frame(self, size: tuple[int, int]) -> Frame:
        """How an image of a size (height, width) is brought on its canvas."""
        return frame_of(size, max(size) if self.size is None else self.size)

    def _expression(self) -> Expression:
        """The layers, whose last ones give the scores."""
        count = len(self.classes_)
        if self.network == "fcn":
            return fully_convolutional(count, upsampling=self.upsampling)
        if self.network is None or self.network == "unet":
            return segmentation_unet(upsampling=self.upsampling) >> Conv(count, 1)
        return parse(self.network) if isinstance(self.network, str) else self.network

    def _network(self, seed: int) -> torch.nn.Module:
        return PixelNetwork(self.backbone_, len(self.classes_), seed)

    def _to_state(self) -> dict[str, Any]:
        return {}

    def _from_state(self, state: dict[str, Any]) -> None:
        """There is nothing to it."""

    def _batches(self, pictures: Any, masks: list[Any], change: Sequence[Augmentation]) -> MaskBatches:
        frames = [self._frame(size) for size in pictures.sizes]
        canvas = canvas_for(frames, STRIDE)
        tables = on_canvas(masks, frames, canvas, self.classes_)
        seed, device = derive(self.seed_, "training"), self._precision.device
        return MaskBatches(Canvases(pictures, frames, canvas), tables, self.batch_size, seed, device, change)

    def _probabilities(self, images: Any, method: str) -> Iterator[Tensor]:
        """The probabilities of each image, (k, height, width) in its own size, one after the other."""
        check_is_fitted(self, "module_")
        pictures = Pictures(images, f"{self._name}.{method}(images)")
        self.module_.eval()
        for row, size in enumerate(pictures.sizes):
            with torch.inference_mode():
                told = self._answered(pictures, row, self._frame(size))
            yield told

    def _answered(self, pictures: Pictures, row: int, frame: Frame) -> Tensor:
        """The probabilities of one image."""
        canvas = canvas_for([frame], STRIDE)
        whole = Canvases(Part(pictures, [row]), [frame], canvas).take(torch.zeros(1, dtype=torch.int64))
        x = whole.to(self._precision.device, torch.float32).div_(255)
        if self.tile is not None and max(canvas) > self.tile:
            side = -(-self.tile // STRIDE) * STRIDE
            told = blended(x, lambda part: self.module_(part).softmax(1), side, self.overlap)
        else:
            told = self.module_(x).softmax(1)
        height, width = frame.shape
        told = told[:, :, :height, :width].float().cpu()
        if (height, width) != (frame.height, frame.width):
            told = interpolate(told, (frame.height, frame.width), mode="bilinear")
        return told[0]


def pixel_loss(output: Tensor, target: Tensor, weight: Any = None) -> Tensor:
    """The mean cross-entropy of pixels that count: scores (n, k, h, w) and classes (n, h, w), -1 for those that do not.

    Parameters
    ----------
    output, target : of a batch. weight : None.
    """
    total = cross_entropy(output, target, ignore_index=-1, reduction="sum")
    return total / (target >= 0).sum().clamp_min(1)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> Segmenter:
    """The segmenter that a model file holds."""
    restored: Segmenter = saving.restore(Segmenter, content, tensors)
    return restored
