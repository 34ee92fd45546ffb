"""`TripletNetwork`: one network that brings samples of one class near each other and keeps others away.

The loss is one of

=============== =================================================== ============================== ================
``loss``        what it asks                                        ``distance``, where not given  ``margin``
=============== =================================================== ============================== ================
"triplet"       nearer to one's own than to others, by a margin     "euclidean"                    0.2
"contrastive"   one's own at distance 0, others beyond the margin   "euclidean"                    1
"prototypical"  the right one of the means of a few examples        "sqeuclidean"                  none
"arcface"       the right one of learned directions, by an angle    "cosine"                       0.5 (radians)
"cosface"       the right one of learned directions, by a cosine    "cosine"                       0.35
=============== =================================================== ============================== ================

Each stands in a file of its own, with its equations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from netwright.core.seeds import derive
from netwright.core.validation import Constraint, checks_options, integer, nothing, number, one_of
from netwright.vision.detection.saving import labels_array
from netwright.vision.embeddings import saving
from netwright.vision.embeddings.base import MEANT, OPTIONS, Embedder, Part, similarity_by
from netwright.vision.embeddings.labelling import classes_among, coded, split_classes, split_samples
from netwright.vision.embeddings.losses.arcface import arcface_logits
from netwright.vision.embeddings.losses.contrastive import contrastive_loss
from netwright.vision.embeddings.losses.cosface import cosface_logits
from netwright.vision.embeddings.losses.prototypical import prototypical_loss
from netwright.vision.embeddings.losses.triplet import MINING, triplet_loss
from netwright.vision.embeddings.networks import WithCentres
from netwright.vision.embeddings.sampling import ClassSampler
from netwright.vision.embeddings.scoring import PairArea, require_area
from netwright.vision.single.image_classifier import Right
from netwright.vision.single.labels import read_labels

LOSSES: Mapping[str, tuple[str, float | None]] = {
    "triplet": ("euclidean", 0.2),
    "contrastive": ("euclidean", 1.0),
    "prototypical": ("sqeuclidean", None),
    "arcface": ("cosine", 0.5),
    "cosface": ("cosine", 0.35),
}
CENTRED = ("arcface", "cosface")  # losses with a centre for each class
SCALE = 30.0  # of the losses with centres; the papers' 64 is for more people
UNIT_SCALE = 10.0  # of the prototypical loss on embeddings of length 1


class TripletNetwork(Embedder):
    """A network that gives each sample an embedding, near those of its own class; trained by comparing samples.

    It is a transformer of scikit-learn: `transform` gives embeddings of new samples, of classes too that it never saw.
    `Verifier` and `Recognizer` are built on it.

    Parameters
    ----------
    network : layers joined by >>, or their text, that take a sample and give numbers; None for a small one chosen by
        the shape of the samples.
    loss : "triplet", "contrastive", "prototypical", "arcface" or "cosface".
    mining : which triplets of a batch count: "all" (the active ones), "semihard", "hard"; of the triplet loss.
    margin : of the loss; None for the usual one.
    distance : "euclidean", "sqeuclidean" or "cosine"; None for the usual one. That of "arcface" and "cosface" is the
        cosine.
    scale : of the logits of "prototypical", "arcface" and "cosface"; None for 30 of the latter two, and for the former
        10 where embeddings have length 1, else 1.
    shots : samples that a prototype is made of.
    embedding_dim : D, the width of a last linear layer; None for none, what the network gives is the embedding.
    normalize : whether embeddings have length 1.
    mirror : whether `transform` gives the mean over an image and its mirror image; for faces, not for letters.
    size : pixels of the side, or (height, width), to which images are stretched; None for as they are.
    classes_per_batch, samples_per_class : what a batch holds; the ways, and shots + queries, of an episode.
    optimizer : an update rule of `nw.optim`, or its text; None for AdamW with a cosine decay.
    regularizer : a penalty of `nw.losses`, or its text.
    augment : what changes images at random while training: an augmentation of `nw.data.augment`, several, or their
        text.
    epochs : how often as many samples are drawn as there are.
    validation : a share in (0, 1) that is held out (of the classes; of "arcface" and "cosface" of each class's
        samples), or a pair (X, y), or None.
    patience : epochs without a better loss of the held-out samples after which the fit ends; None: never.
    average : decay of a running average of the weights, in (0, 1), that is used and kept; None for none.
    device, checkpoint, resume, random_state, callbacks, verbose : as of `nw.Classifier`.

    Attributes
    ----------
    classes_ : labels trained on, sorted. network_ : the closed network. module_ : its torch module.
    distance_, margin_, scale_ : those in use. spread_ : of training embeddings, 0 where they have become one point.
    history_ : a record an epoch; its ``validation_score`` is the area under the ROC of held-out pairs (of "arcface" and
    "cosface" the share of samples whose class is right). n_iter_, best_epoch_, loss_curve_, diagnosis_, seed_ : as of
    `nw.Classifier`.

    Notes
    -----
    fit(X, y): X (n, height, width), (n, height, width, 1 or 3), (n, 1 or 3, height, width), (n, features), or a list of
    image files or of images; y (n,) of any hashable type. transform(X): (n, D).

    Raises
    ------
    InvalidParameter : an option that cannot be. InvalidData : samples or labels that cannot be, with the sample.

    Examples
    --------
    >>> import netwright as nw
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> net = nw.vision.TripletNetwork(embedding_dim=8, epochs=2, random_state=0).fit(X[y < 5], y[y < 5])
    >>> net.transform(X[y >= 5]).shape, net.history_[-1]["train_loss"] < net.history_[0]["train_loss"]
    ((896, 8), True)

    References
    ----------
    Schroff, Kalenichenko, Philbin, *FaceNet: a unified embedding for face recognition and clustering*, 2015.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **OPTIONS,
        "loss": one_of(*LOSSES),
        "mining": one_of(*MINING),
        "scale": nothing | number(0, closed="neither"),
        "shots": integer(1),
        "classes_per_batch": integer(2),
        "samples_per_class": integer(2),
    }

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        loss: str = "triplet",
        mining: str = "all",
        margin: float | None = None,
        distance: str | None = None,
        scale: float | None = None,
        shots: int = 1,
        embedding_dim: int | None = 64,
        normalize: bool = True,
        mirror: bool = False,
        size: Any = None,
        classes_per_batch: int = 16,
        samples_per_class: int = 4,
        optimizer: Any = None,
        regularizer: Any = None,
        augment: Any = None,
        epochs: int = 50,
        validation: Any = None,
        patience: int | None = None,
        average: float | None = None,
        device: str = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
    ) -> None:
        self.network, self.loss, self.mining, self.margin = network, loss, mining, margin
        self.distance, self.scale, self.shots = distance, scale, shots
        self.embedding_dim, self.normalize, self.mirror, self.size = embedding_dim, normalize, mirror, size
        self.classes_per_batch, self.samples_per_class = classes_per_batch, samples_per_class
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.validation, self.patience, self.average = epochs, validation, patience, average
        self.device, self.checkpoint, self.resume = device, checkpoint, resume
        self.random_state, self.callbacks, self.verbose = random_state, callbacks, verbose

    def score(self, X: Any, y: Any) -> float:
        """The area under the ROC of all pairs of samples, by their similarity.

        Parameters
        ----------
        X, y : as in `fit`; of other classes, if need be.
        """
        found = torch.from_numpy(self.transform(X))
        labels = read_labels(y, len(found), f"{self._name}.score(y)")
        codes = torch.from_numpy(coded(labels, classes_among(labels, f"{self._name}.score(y)"), "y"))
        area = PairArea(self.distance_)
        return require_area(area.over([area.seen(found, codes)]), f"{self._name}.score(y)")

    def _parts(self, X: Any, y: Any) -> tuple[Part, Part | None]:
        self._settle()
        split = split_samples if self._centred else split_classes
        (x, labels), held = self._labelled(X, y, self._least, split)
        classes = classes_among(labels, f"{self._name}.fit(y)")
        self.classes_ = labels_array(classes)
        return self._part(x, labels, classes), None if held is None else self._held(*held, classes)

    def _held(self, x: Tensor, labels: list[Any], classes: list[Any]) -> Part:
        """Held-out samples: of classes with centres, or of any."""
        where = f"{self._name}(validation), y"
        return self._part(x, labels, classes if self._centred else classes_among(labels, where))

    def _part(self, x: Tensor, labels: list[Any], classes: list[Any]) -> Part:
        codes = coded(labels, classes, f"{self._name}(y)")
        return x, ClassSampler(codes, self.classes_per_batch, self.samples_per_class)

    @property
    def _centred(self) -> bool:
        return self.loss in CENTRED

    @property
    def _least(self) -> int:
        """The samples that a class needs."""
        return 1 if self._centred else self.shots + 1 if self.loss == "prototypical" else 2

    def _settle(self) -> None:
        """The options that the user left open."""
        distance, margin = LOSSES[self.loss]
        self.distance_ = distance if self.distance is None or self._centred else self.distance
        self.margin_ = margin if self.margin is None or margin is None else float(self.margin)
        usual = SCALE if self._centred else UNIT_SCALE if self.normalize else 1.0
        self.scale_ = usual if self.scale is None else float(self.scale)

    def _trained(self) -> torch.nn.Module:
        if not self._centred:
            return self.module_
        dimension = self.network_.output_shape[0]
        return WithCentres(self.module_, len(self.classes_), dimension, derive(getattr(self, "seed_", 0), "centres"))

    def _objective(self) -> Any:
        margin = float(self.margin_ or 0)
        losses: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
            "triplet": partial(triplet_loss, margin=margin, mining=self.mining, distance=self.distance_),
            "contrastive": partial(contrastive_loss, margin=margin, distance=self.distance_),
            "prototypical": partial(prototypical_loss, shots=self.shots, scale=self.scale_, distance=self.distance_),
            "arcface": partial(centred_loss, arcface_logits, margin, self.scale_),
            "cosface": partial(centred_loss, cosface_logits, margin, self.scale_),
        }
        return partial(without_weight, losses[self.loss])

    def _score(self) -> Any:
        return Right() if self._centred else PairArea(self.distance_)

    def _meant(self) -> frozenset[str]:
        return MEANT

    def _compared(self, a: Tensor, b: Tensor) -> Tensor:
        return similarity_by(self.distance_, a, b)

    def _to_state(self) -> dict[str, Any]:
        return {}

    def _from_state(self, state: dict[str, Any]) -> None:
        self._settle()


def centred_loss(logits: Any, margin: float, scale: float, cosines: Tensor, target: Tensor) -> Tensor:
    """The cross-entropy of cosines with a margin.

    Parameters
    ----------
    logits : makes them of cosines.
    margin, scale : of the loss.
    cosines : (n, k).
    target : (n,).
    """
    return cross_entropy(logits(cosines, target, margin, scale), target)


def without_weight(loss: Any, output: Tensor, target: Tensor, weight: Any = None) -> Tensor:
    """A loss as the loop calls it.

    Parameters
    ----------
    loss : of (output, target).
    output, target, weight : of a batch; there are no weights.
    """
    found: Tensor = loss(output, target)
    return found


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> TripletNetwork:
    """The network that a model file holds."""
    restored: TripletNetwork = saving.restore(TripletNetwork, content, tensors)
    return restored
