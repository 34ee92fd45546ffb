"""`SiameseNetwork`: the same network on two samples, and a head that says whether they are of one class.

With x, x' the embeddings of a pair and s = 1 where they are of one class, else 0

    "contrastive"   d = d(x, x')                             l = s d^2 + (1 - s) max(m - d, 0)^2
    "binary"        z = b + sum_j a_j |x_j - x'_j|           l = -s log p - (1 - s) log(1 - p), p = 1 / (1 + exp(-z))

Bromley, Guyon, LeCun, Sackinger, Shah, *Signature verification using a "Siamese" time delay neural network*, 1993;
Hadsell, Chopra, LeCun, *Dimensionality reduction by learning an invariant mapping*, 2006; Koch, Zemel, Salakhutdinov,
*Siamese neural networks for one-shot image recognition*, 2015. Where it differs from the last: embeddings have length 1
in place of a sigmoid on each number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.seeds import derive
from netwright.core.validation import Constraint, checks_options, integer, one_of
from netwright.vision.detection.saving import labels_array
from netwright.vision.embeddings import saving
from netwright.vision.embeddings.base import MEANT, OPTIONS, Embedder, Part, similarity_by
from netwright.vision.embeddings.distances import paired_distances
from netwright.vision.embeddings.labelling import classes_among, coded, split_classes
from netwright.vision.embeddings.losses.contrastive import contrastive_terms
from netwright.vision.embeddings.networks import EmbeddingNetwork
from netwright.vision.embeddings.sampling import GivenPairs, PairSampler
from netwright.vision.embeddings.scoring import PairArea, require_area
from netwright.vision.single.labels import read_labels


class PairNetwork(torch.nn.Module):
    """One network on two samples, with a head.

    Parameters
    ----------
    embedding : the network of both.
    head : "contrastive" or "binary".
    distance : of the former.
    dimension : of
        embeddings.

    Shapes
    ------
    (n, ...), (n, ...) -> (n,): distances, or logits of being of one class
    """

    def __init__(self, embedding: EmbeddingNetwork, head: str, distance: str, dimension: int) -> None:
        super().__init__()
        self.embedding, self.distance = embedding, distance
        self.weight: torch.nn.Parameter | None = None
        if head == "binary":  # embeddings of length 1 that are drawn at random lie about 1.1 sqrt(D) apart in sum
            self.weight = torch.nn.Parameter(torch.full((dimension,), -1.0))
            self.bias = torch.nn.Parameter(torch.full((), 0.8 * math.sqrt(dimension)))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The pairs side by side."""
        if self.training and len(a) > 1:  # one pass: batch normalisation sees both sides alike
            first, second = self.embedding(torch.cat([a, b])).split(len(a))
        else:
            first, second = self.embedding(a), self.embedding(b)
        return self.compared(first, second)

    def compared(self, first: Tensor, second: Tensor) -> Tensor:
        """What the head makes of embeddings side by side: (n, D), (n, D) -> (n,)."""
        if self.weight is None:
            return paired_distances(first, second, self.distance)
        return self.bias + (first - second).abs() @ self.weight


class SiameseNetwork(Embedder):
    """A network that says how alike two samples are; trained on pairs.

    From samples with labels pairs are drawn, every other one of a single class; pairs that are given are taken as they
    are. `TripletNetwork` learns more from as many samples; this one needs nothing but pairs.

    Parameters
    ----------
    network : layers joined by >>, or their text, that take a sample and give numbers; None for a small one chosen by
        the shape of the samples.
    head : "contrastive" (a distance) or "binary" (the probability of being of one class).
    margin : m of the contrastive head, beyond which others are left alone; None for 1.
    distance : of the contrastive head: "euclidean", "sqeuclidean" or "cosine"; None for "euclidean".
    embedding_dim : D, the width of a last linear layer; None for none, what the network gives is the embedding.
    normalize : whether embeddings have length 1.
    mirror : whether `transform` gives the mean over an image and its mirror image; for faces, not for letters.
    size : pixels of the side, or (height, width), to which images are stretched; None for as they are.
    batch_size : pairs in a batch.
    optimizer : an update rule of `nw.optim`, or its text; None for AdamW with a cosine decay.
    regularizer : a penalty of `nw.losses`, or its text.
    augment : what changes images at random while training: an augmentation of `nw.data.augment`, several, or their
        text; both of a pair by numbers of their own.
    epochs : how often as many pairs are drawn as there are samples.
    validation : a share in (0, 1) of the classes (of given pairs: of the pairs) that is held out, or a pair (X, y), or
        None.
    patience : epochs without a better loss of the held-out pairs after which the fit ends; None: never.
    average : decay of a running average of the weights, in (0, 1), that is used and kept; None for none.
    device, checkpoint, resume, random_state, callbacks, verbose : as of `nw.Classifier`.

    Attributes
    ----------
    classes_ : labels trained on, sorted; [0, 1] of given pairs. network_, module_, distance_, margin_, spread_ : as of
    `TripletNetwork`. history_ : a record an epoch; its ``validation_score`` is the area under the ROC of held-out
    pairs. n_iter_, best_epoch_, loss_curve_, diagnosis_, seed_ : as of `nw.Classifier`.

    Notes
    -----
    fit(X, y): as of `TripletNetwork`; or fit((A, B), same) with as many samples in A and in B, and same (n,) of True
    and False. transform(X): (n, D). similarity(A, B): (n,).

    Raises
    ------
    InvalidParameter : an option that cannot be. InvalidData : samples or labels that cannot be, with the sample.

    Examples
    --------
    >>> import netwright as nw
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> net = nw.vision.SiameseNetwork(head="binary", epochs=2, random_state=0).fit(X, y)
    >>> net.similarity(X[:3], X[:3]).shape  # of each with itself
    (3,)

    References
    ----------
    Koch, Zemel, Salakhutdinov, *Siamese neural networks for one-shot image recognition*, 2015.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **OPTIONS,
        "head": one_of("contrastive", "binary"),
        "batch_size": integer(1),
    }

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        head: str = "contrastive",
        margin: float | None = None,
        distance: str | None = None,
        embedding_dim: int | None = 64,
        normalize: bool = True,
        mirror: bool = False,
        size: Any = None,
        batch_size: int = 64,
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
        self.network, self.head, self.margin, self.distance = network, head, margin, distance
        self.embedding_dim, self.normalize, self.mirror, self.size = embedding_dim, normalize, mirror, size
        self.batch_size = batch_size
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.validation, self.patience, self.average = epochs, validation, patience, average
        self.device, self.checkpoint, self.resume = device, checkpoint, resume
        self.random_state, self.callbacks, self.verbose = random_state, callbacks, verbose

    def score(self, X: Any, y: Any, same: Any = None) -> float:
        """The area under the ROC of pairs: those that are given, or all of samples with labels.

        Parameters
        ----------
        X, y : samples and their labels, as in `fit`, of other classes, if need be; or samples side by side.
        same : whether each pair of these is of one class.
        """
        if same is None:
            return self._score_all(X, y)
        found = torch.from_numpy(self.similarity(X, y))
        area = PairArea(None)
        where = f"{self._name}.score(same)"
        truth = torch.from_numpy(read_same(same, len(found), where))
        return require_area(area.over([area.seen(found, truth)]), where)

    def _score_all(self, X: Any, y: Any) -> float:
        """The area of all pairs of samples."""
        where = f"{self._name}.score(y)"
        embeddings = self.transform(X)
        labels = read_labels(y, len(embeddings), where)
        codes = np.asarray(coded(labels, classes_among(labels, where), where))
        first, second = np.triu_indices(len(codes), 1)
        found = torch.from_numpy(self.compare(embeddings[first], embeddings[second]))
        area = PairArea(None)
        truth = torch.from_numpy((codes[first] == codes[second]).astype(np.int64))
        return require_area(area.over([area.seen(found, truth)]), where)

    @property
    def _centred(self) -> bool:
        return False

    def _parts(self, X: Any, y: Any) -> tuple[Part, Part | None]:
        self._settle()
        if isinstance(X, tuple):
            return self._given(X, y)
        (x, labels), held = self._labelled(X, y, 2, split_classes)
        where = f"{self._name}.fit"
        self.classes_ = labels_array(classes_among(labels, f"{where}(y)"))
        held_part = None if held is None else self._part(*held, f"{self._name}(validation), y")
        return self._part(x, labels, f"{where}(y)"), held_part

    def _part(self, x: Tensor, labels: list[Any], where: str) -> Part:
        return x, PairSampler(coded(labels, classes_among(labels, where), where), self.batch_size)

    def _given(self, X: Any, y: Any) -> tuple[Part, Part | None]:
        """Pairs that the user has, and some of them that are held out."""
        where = f"{self._name}.fit"
        x, same = self._pairs(X, y, where)
        self.classes_ = np.array([0, 1])
        if self.validation is None:
            return (x, GivenPairs(same, self.batch_size)), None
        if isinstance(self.validation, (tuple, list)):
            others, truth = self._pairs(self.validation[0], self.validation[1], f"{self._name}(validation)")
            return (x, GivenPairs(same, self.batch_size)), (others, GivenPairs(truth, self.batch_size))
        n = len(same)
        count = max(1, round(float(self.validation) * n))
        order = np.random.default_rng(derive(self.seed_, "validation")).permutation(n)
        parts = []
        for rows in (np.sort(order[count:]), np.sort(order[:count])):
            if not len(rows):
                raise InvalidData(problem(f"{self._name}(validation)", "pairs to train on", f"{n} pairs in all"))
            parts.append((x[np.concatenate([rows, rows + n])], GivenPairs(same[rows], self.batch_size)))
        return parts[0], parts[1]

    def _pairs(self, X: Any, y: Any, where: str) -> tuple[Tensor, Any]:
        """First and second samples behind each other, and whether they are of one class."""
        if not isinstance(X, tuple) or len(X) != 2:
            raise InvalidData(problem(f"{where}(X)", "a tuple (first, second) of samples", shown(type(X).__name__)))
        if where.endswith(".fit"):
            first = self._first(X[0], f"{where}(X), first")
        else:
            first = self.form_.again(X[0], f"{where}, first")
        second = self.form_.again(X[1], f"{where}(X), second")
        if len(first) != len(second):
            raise InvalidData(problem(f"{where}(X)", "as many second samples as first", f"{len(first)}, {len(second)}"))
        same = read_same(y, len(first), f"{where}(y)")
        if same.all() or not same.any():
            remedy = "Add pairs of the other kind."
            raise InvalidData(
                problem(f"{where}(y)", "pairs of one class and of two", f"{same.mean():.0%} same", remedy)
            )
        return torch.cat([first, second.to(first.dtype)]), same

    def _settle(self) -> None:
        """The options that the user left open."""
        self.distance_ = self.distance or "euclidean"
        self.margin_ = None if self.head == "binary" else float(self.margin or 1.0)

    def _trained(self) -> torch.nn.Module:
        return PairNetwork(self.module_, self.head, self.distance_, self.network_.output_shape[0])

    def _objective(self) -> Any:
        return binary_loss if self.head == "binary" else ContrastiveLoss(float(self.margin_ or 1.0))

    def _score(self) -> Any:
        return NearIsSame() if self.head == "contrastive" else PairArea(None)

    def _meant(self) -> frozenset[str]:
        """Distances of the contrastive head are no logits: of near embeddings all say the same."""
        return MEANT | {"collapse"} if self.head == "contrastive" else MEANT

    def _compared(self, a: Tensor, b: Tensor) -> Tensor:
        """The probability of being of one class; of the contrastive head what goes with its distance."""
        if self.head == "contrastive":
            return similarity_by(self.distance_, a, b)
        net: Any = self._net
        found: Tensor = net.compared(a.to(net.bias.device), b.to(net.bias.device)).sigmoid().cpu()
        return found

    def _to_state(self) -> dict[str, Any]:
        return {}

    def _from_state(self, state: dict[str, Any]) -> None:
        self._settle()


class ContrastiveLoss:
    """The mean contrastive loss of pairs, as the loop calls it.

    Parameters
    ----------
    margin : of the loss.
    """

    def __init__(self, margin: float) -> None:
        self.margin = margin

    def __call__(self, distances: Tensor, same: Tensor, weight: Any = None) -> Tensor:
        """Of distances (n,) and truths (n,)."""
        return contrastive_terms(distances, same, self.margin).mean()


class NearIsSame:
    """The area under the ROC of pairs whose distances are known, gathered over batches."""

    def seen(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """What is kept of a batch."""
        return -output.detach().float().cpu(), target.cpu()

    def over(self, pieces: list[tuple[Tensor, Tensor]]) -> float:
        """The area."""
        return PairArea(None).over(pieces)


def binary_loss(logits: Tensor, same: Tensor, weight: Any = None) -> Tensor:
    """The cross-entropy of being of one class: logits (n,) and truths (n,)."""
    return binary_cross_entropy_with_logits(logits, same.to(logits.dtype))


def read_same(same: Any, n: int, where: str) -> Any:
    """Truths of pairs as 0 and 1.

    Parameters
    ----------
    same : (n,).
    n : how many pairs there are.
    where : how an error names them.

    Raises
    ------
    InvalidData : another number of them, or something else than true and false.

    Examples
    --------
    >>> read_same([True, False], 2, "y").tolist()
    [1, 0]
    """
    found = np.asarray(same)
    if found.shape != (n,):
        raise InvalidData(problem(where, f"{n} truths, one a pair", f"shape {found.shape}"))
    strange = [item for item in np.unique(found).tolist() if item not in (0, 1)]
    if strange:
        raise InvalidData(problem(where, "True or False, 1 or 0", repr(strange[0])))
    return found.astype(np.int64)


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> SiameseNetwork:
    """The network that a model file holds."""
    restored: SiameseNetwork = saving.restore(SiameseNetwork, content, tensors)
    return restored
