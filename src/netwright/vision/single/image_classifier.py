"""`ImageClassifier`: what is in an image, for images of any size in memory or in files.

With p(c) the last map of the backbone at cell c, C cells, and k classes:

    s = V (1/C sum_c p(c)) + w        (k,)
    L = 1/n sum_i -log softmax(s_i)[class of i]

Lin, Chen, Yan, *Network in network*, 2014 (the mean over cells).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.seeds import alone
from netwright.core.validation import Constraint, checks_options
from netwright.data.augment import Augmentation
from netwright.estimators.augmenting import augmentation_of
from netwright.graph import Expression
from netwright.optim import AdamW, cosine, warmup
from netwright.vision.detection import saving
from netwright.vision.detection.batches import DetectionBatches
from netwright.vision.detection.detector import MEANT
from netwright.vision.detection.features import MEAN, SPREAD, Features
from netwright.vision.detection.pictures import Frame, Pictures
from netwright.vision.metrics.reading import class_order
from netwright.vision.single.base import OPTIONS, ImageEstimator
from netwright.vision.single.exporting import graph_of_images
from netwright.vision.single.labelled import LabelledBatches
from netwright.vision.single.labels import read_labels

RATE, WARM, DECAY = 2e-3, 2, 0.02  # of the rule that is chosen: rate, epochs of its rise, decay of weights
FIRST = 0.1  # of the head's usual weights: all classes are about as probable at first


class ClassNetwork(torch.nn.Module):
    """Logits of classes from the mean of the last map of a backbone.

    Parameters
    ----------
    backbone : layers joined by >> that take images (3, height, width). classes : how many. seed : of the weights.
    """

    def __init__(self, backbone: Expression, classes: int, seed: int) -> None:
        super().__init__()
        self.features = Features(backbone, 1, seed)
        with alone(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            self.head = torch.nn.Linear(self.features.widths[0], classes)
        with torch.no_grad():
            self.head.weight.mul_(FIRST)
            self.head.bias.zero_()

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) in [0, 1] -> (n, classes)."""
        logits: Tensor = self.head(self.features((images - MEAN) / SPREAD)[0].mean((2, 3)))
        return logits


class Right:
    """The share of images whose most probable class is the true one, gathered over batches."""

    def seen(self, output: Tensor, target: Tensor) -> tuple[int, int]:
        """How many images of a batch are right, and how many there are."""
        return int((output.argmax(1) == target).sum()), len(output)

    def over(self, pieces: list[tuple[int, int]]) -> float:
        """The share of all images."""
        right, count = (sum(column) for column in zip(*pieces, strict=True))
        return right / count


class ImagesAlone:
    """An augmentation of images whose labels stay as they are.

    Parameters
    ----------
    augmentation : what changes the images.
    """

    def __init__(self, augmentation: Augmentation) -> None:
        self.augmentation = augmentation

    def __call__(
        self, images: Tensor, nothing: Tensor, classes: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """New images, and the tables as they came."""
        return self.augmentation(images, generator), nothing, classes


class ImageClassifier(ImageEstimator):
    """The class of an image.

    Others say more: `Localizer` where the one object stands, `YOLO` and `FasterRCNN` where all of them do. This one has
    their contract, with the whole image as the box. For images of one size in one array, and for weights of classes or
    several labels, take `nw.Classifier`.

    Parameters
    ----------
    backbone : layers joined by >> (or their text) that take images (3, height, width) of any size, such as
        ``nw.models.resnet18(headless=True)``; None for a small Darknet that trains on a CPU.
    size : pixels of the long side to which images are scaled, an integer >= 32; all lie on square canvases.
    optimizer : an update rule of `nw.optim`, or its text; None for AdamW with a warm-up and cosine decay.
    regularizer : a penalty of `nw.losses`, or its text.
    augment : what changes images at random while training: an augmentation of `nw.data.augment`, several, or their
        text.
    epochs, batch_size : integers >= 1.
    validation : a share of the images in (0, 1), or a pair (images, labels), that is held out; None for none.
    patience : epochs without a better loss of the held-out images after which the fit ends; None: never.
    average : decay of a running average of the weights, in (0, 1), that is used and kept; None for none.
    device, devices, checkpoint, resume, random_state, callbacks, verbose : as of `YOLO`.

    Attributes
    ----------
    classes_ : labels, sorted. module_ : the network. history_ : a record an epoch; its ``validation_score`` is the
    share of images that are right. n_iter_, best_epoch_, loss_curve_, diagnosis_, seed_ : as of `YOLO`.

    Notes
    -----
    fit(images, labels): images as of `YOLO`; labels (n,) of any hashable type, or dicts with one in ``labels``.
    predict(images): see there.

    Raises
    ------
    InvalidParameter : an option that cannot be. InvalidData : images or labels that cannot be, with the image.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> images = [np.full((48, 64, 3), shade, np.uint8) for shade in (20, 30, 220, 230)]
    >>> labels = ["dark", "dark", "light", "light"]
    >>> clf = nw.vision.ImageClassifier(size=64, epochs=2, batch_size=2, random_state=0).fit(images, labels)
    >>> clf.predict_proba(images).shape, clf.predict(images)[0]["boxes"].tolist()
    ((4, 2), [[0.0, 0.0, 64.0, 48.0]])

    References
    ----------
    Krizhevsky, Sutskever, Hinton, *ImageNet classification with deep convolutional neural networks*, 2012.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = OPTIONS

    @checks_options
    def __init__(
        self,
        backbone: Any = None,
        *,
        size: int = 224,
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
        self.backbone, self.size = backbone, size
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.batch_size, self.validation = epochs, batch_size, validation
        self.patience, self.average = patience, average
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state, self.callbacks, self.verbose = random_state, callbacks, verbose

    def predict(self, images: Any) -> list[dict[str, Any]]:
        """The class of each image: dicts with ``boxes`` (1, 4), the whole image, ``labels`` (1,) and ``scores`` (1,).

        Parameters
        ----------
        images : as in `fit`, of any size.

        Raises
        ------
        InvalidData : images that cannot be, with the number or the name.
        """
        frames, logits = self._outputs(images, "predict")
        scores, best = logits.softmax(1).max(1)
        labels = self.classes_[best.numpy()]
        return [
            {
                "boxes": np.array([[0, 0, frame.width, frame.height]], dtype=np.float32),
                "labels": labels[i : i + 1],
                "scores": scores[i : i + 1].numpy(),
            }
            for i, frame in enumerate(frames)
        ]

    def predict_proba(self, images: Any) -> Any:
        """The probabilities of the classes, (n, k), in the order of ``classes_``.

        Parameters
        ----------
        images : as in `fit`, of any size.
        """
        return self._outputs(images, "predict_proba")[1].softmax(1).numpy()

    def classify(self, images: Any) -> Any:
        """The most probable label of each image, (n,).

        Parameters
        ----------
        images : as in `fit`, of any size.
        """
        return self.classes_[self._outputs(images, "classify")[1].argmax(1).numpy()]

    def score(self, images: Any, labels: Any) -> float:
        """The share of images that are right.

        Parameters
        ----------
        images, labels : as in `fit`.
        """
        told = self.classify(images).tolist()
        true = read_labels(labels, len(told), f"{self._name}.score(labels)")
        return float(np.mean([one == other for one, other in zip(told, true, strict=True)]))

    _graph = graph_of_images

    def _rule(self) -> Any:
        return AdamW(warmup(cosine(RATE), epochs=WARM), weight_decay=DECAY)

    def _read(self, targets: Any, pictures: Pictures, where: str) -> list[Any]:
        return read_labels(targets, len(pictures), where, pictures.called)

    def _learn(self, known: list[Any], where: str) -> None:
        labels = sorted(set(known), key=class_order)
        if len(labels) < 2:
            raise InvalidData(problem(where, "at least two classes", f"only {shown(labels[0])}"))
        self.classes_ = saving.labels_array(labels)

    def _tables(self, known: list[Any], frames: list[Frame], where: str) -> tuple[Tensor, Tensor]:
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        unknown = next((image for image, label in enumerate(known) if label not in places), None)
        if unknown is not None:
            expected = "a label of the images that are trained on"
            raise InvalidData(problem(f"{where}, image {unknown}", expected, shown(known[unknown])))
        return torch.zeros(len(known), 0), torch.tensor([places[label] for label in known])

    def _told(self, batches: DetectionBatches) -> LabelledBatches:
        return LabelledBatches(batches)

    def _to_state(self) -> dict[str, Any]:
        return {}

    def _from_state(self, state: dict[str, Any]) -> None:
        """There is nothing to it."""

    def _network(self, seed: int) -> torch.nn.Module:
        made = ClassNetwork(self.backbone_, len(self.classes_), seed)
        self._stride = made.features.strides[-1]
        return made

    def _meant(self) -> frozenset[str]:
        return MEANT

    def _objective(self) -> Any:
        return class_loss

    def _score(self) -> Any:
        return Right()

    def _change(self) -> Any:
        augmentation = augmentation_of(self.augment, f"{self._name}(augment)")
        return None if augmentation is None else ImagesAlone(augmentation)


def class_loss(output: Tensor, target: Tensor, weight: Any = None) -> Tensor:
    """The loss of a batch: logits (n, k) and classes (n,)."""
    return cross_entropy(output, target)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, Any]) -> ImageClassifier:
    """The classifier that a model file holds."""
    restored: ImageClassifier = saving.restore(ImageClassifier, content, tensors)
    return restored
