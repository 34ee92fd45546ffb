"""`Embedder`: what the estimators of embeddings share: reading, training, embedding, comparing, saving.

An author writes the hooks `_parts` (what is trained on and what is held out, each with its sampler), `_trained` (the
module that is trained, round the embedding network), `_objective`, `_score` and `_compared`.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.seeds import derive
from netwright.core.validation import (
    Constraint,
    boolean,
    check,
    instance,
    integer,
    nothing,
    number,
    one_of,
    satisfies,
    tuple_of,
)
from netwright.estimators.augmenting import augmentation_of
from netwright.estimators.networks import macs_of
from netwright.estimators.parameters import CONSTRAINTS, parts_of, value_of
from netwright.estimators.preparing import require_finite_outputs
from netwright.estimators.together import seed_of
from netwright.estimators.trained import LOOKED_AT, RunEstimator
from netwright.graph import Expression
from netwright.optim import AdamW, cosine
from netwright.train import Batches, Precision, Run, choose_device
from netwright.vision.columns import feature_names_in, n_features_in, names_of, without_dtype
from netwright.vision.embeddings import saving
from netwright.vision.embeddings.batches import EmbeddingBatches, Sampler, as_floats
from netwright.vision.embeddings.collapse import warn_of_collapse
from netwright.vision.embeddings.distances import DISTANCES, directions, paired_distances
from netwright.vision.embeddings.exporting import graph_of_embeddings
from netwright.vision.embeddings.labelling import classes_among, frequent
from netwright.vision.embeddings.networks import EmbeddingNetwork, closed_network
from netwright.vision.embeddings.reading import Form, read_samples
from netwright.vision.single.labels import read_labels

RATE, DECAY = 2e-3, 1e-4  # of the rule that is chosen
PIECE = 256  # samples that are embedded together
Part = tuple[Tensor, Sampler]
Labelled = tuple[Tensor, list[Any]]  # samples with a label each
Split = Callable[[list[Any], float, int, str], tuple[list[int], list[int]]]
_SHARED = ("optimizer", "regularizer", "augment", "epochs", "patience", "average", "device", "checkpoint", "resume")
OPTIONS: Mapping[str, Constraint] = {
    **{name: CONSTRAINTS[name] for name in (*_SHARED, "callbacks", "verbose")},
    "network": nothing | instance(Expression, text="layers joined by >>") | instance(str, text="their text"),
    "embedding_dim": nothing | integer(1),
    "normalize": boolean,
    "mirror": boolean,
    "size": nothing | integer(1) | tuple_of(integer(1), least=2),
    "margin": nothing | number(0, closed="neither"),
    "distance": nothing | one_of(*DISTANCES),
    "validation": nothing
    | number(0, 1, closed="neither")
    | satisfies("a pair (X, y)", lambda item: isinstance(item, (tuple, list)) and len(item) == 2),
}


class Embedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, RunEstimator):
    """The abstract base of estimators that learn embeddings."""

    n_features_in_, feature_names_in_ = n_features_in, feature_names_in
    _constraints: ClassVar[Mapping[str, Constraint]] = OPTIONS

    network: Any
    embedding_dim: int | None
    normalize: bool
    mirror: bool
    size: Any
    distance: str | None
    margin: float | None
    optimizer: Any
    regularizer: Any
    augment: Any
    validation: Any
    average: float | None
    device: Any
    network_: Expression
    module_: EmbeddingNetwork
    form_: Form
    distance_: str
    margin_: float | None
    _net: torch.nn.Module

    @property
    @abstractmethod
    def _centred(self) -> bool:
        """Whether embeddings have to lie all round 0, so that batch normalisation ends the network."""

    @abstractmethod
    def _parts(self, X: Any, y: Any) -> tuple[Part, Part | None]:
        """Samples to train on and those held out, each with its sampler; ``form_`` and what else there is is set."""

    @abstractmethod
    def _trained(self) -> torch.nn.Module:
        """The module that is trained, with the embedding network ``module_`` in it."""

    @abstractmethod
    def _objective(self) -> Any:
        """The loss of a batch: (output, target, weight) -> scalar."""

    @abstractmethod
    def _score(self) -> Any:
        """The score of held-out samples, see `netwright.train.evaluation`."""

    @abstractmethod
    def _compared(self, a: Tensor, b: Tensor) -> Tensor:
        """The similarity of embeddings side by side, (n,)."""

    @abstractmethod
    def _to_state(self) -> dict[str, Any]:
        """What was found out about the data, as JSON."""

    @abstractmethod
    def _from_state(self, state: dict[str, Any]) -> None:
        """The inverse of `_to_state`."""

    def transform(self, X: Any, *, views: int = 1) -> NDArray[np.float32]:
        """The embedding of each sample.

        Parameters
        ----------
        X : as in `fit`.
        views : of each sample, of which the embeddings are averaged: itself, and others changed by
            ``augment``; the same ones in each call.

        Shapes
        ------
        n samples -> (n, D) float32, of length 1 unless ``normalize=False``

        Raises
        ------
        InvalidData : samples that cannot be, or of another shape than in `fit`.
        """
        check_is_fitted(self, "module_")
        check(f"{self._name}.transform(views)", views, integer(1))
        change = augmentation_of(self.augment, f"{self._name}(augment)")
        if views > 1 and change is None:
            got = f"{views} with augment=None"
            remedy = "Say how views differ: set_params(augment=...)."
            raise InvalidParameter(problem(f"{self._name}.transform(views)", "1 without augmentation", got, remedy))
        x = self.form_.again(X, f"{self._name}.transform(X)")
        found = self._embedded(x)
        if change is not None:
            for view in range(1, views):
                found = found + self._embedded(x, change, derive(self.seed_, "view", view))
        found = found / views
        require_finite_outputs(found, f"{self._name}.transform(X)")
        made: NDArray[np.float32] = (directions(found) if self.normalize else found).numpy()
        return made

    def similarity(self, a: Any, b: Any) -> NDArray[np.float64]:
        """How alike samples are that stand side by side, greater for those that are more alike.

        Parameters
        ----------
        a, b : samples as in `fit`, as many of each.

        Shapes
        ------
        n samples, n samples -> (n,): the cosine, or the distance with a minus, or what the head of the network gives

        Raises
        ------
        InvalidData : another number of the one than of the other; samples that cannot be.
        """
        first, second = self.transform(a), self.transform(b)
        if len(first) != len(second):
            raise InvalidData(
                problem(f"{self._name}.similarity(a, b)", "as many of each", f"{len(first)}, {len(second)}")
            )
        return self.compare(first, second)

    def compare(self, a: Any, b: Any) -> NDArray[np.float64]:
        """How alike embeddings are that stand side by side.

        Parameters
        ----------
        a, b : embeddings as `transform` gives them.

        Shapes
        ------
        (n, D), (n, D) -> (n,)
        """
        check_is_fitted(self, "module_")
        first, second = (torch.as_tensor(np.asarray(item, dtype=np.float32)) for item in (a, b))
        with torch.inference_mode():
            found: NDArray[np.float64] = self._compared(first, second).double().numpy()
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        saving.save(self, path)

    _graph = graph_of_embeddings

    # the steps of a fit

    def _start(self, X: Any, y: Any) -> Run:
        self.seed_ = self._group.same(seed_of(self))
        if self._group.several:
            remedy = "The loss of a batch compares all its samples: train in one process."
            raise InvalidParameter(problem(f"{self._name}.fit", "one process", "several", remedy))
        own, held = self._parts(X, y)
        change = augmentation_of(self.augment, f"{self._name}(augment)")
        for name, used in (("augment", change is not None), ("mirror", self.mirror)):
            if used and own[0].ndim != 4:
                remedy, got = f"Leave {name} out.", f"rows of {own[0].shape[1]} features"
                raise InvalidParameter(problem(f"{self._name}({name})", "images", got, remedy))
        self.network_ = closed_network(self.network, self.form_.shape, self.embedding_dim, self._centred)
        self._build(derive(self.seed_, "network"))
        self.module_.learn(as_floats(own[0][torch.linspace(0, len(own[0]) - 1, min(len(own[0]), 2000)).long()]))
        self._precision = Precision(device=choose_device(str(self.device)), channels_last=own[0].ndim == 4)
        self._precision.place(self._net)
        run = self._run()
        seed, device = derive(self.seed_, "training"), self._precision.device
        batches: Any = EmbeddingBatches(*own, seed, device, change)
        others: Any = None if held is None else EmbeddingBatches(*held, seed, device)
        run.load(batches, others)
        return run

    def _build(self, seed: int) -> None:
        """The embedding network, and the module that is trained, with fresh weights."""
        self.module_ = EmbeddingNetwork(self.network_, self.normalize, seed)
        self._net = self._trained()

    def _run(self) -> Run:
        rule = value_of(self.optimizer, "optimizer") or self._rule()
        if rule.full_batch:
            expected = "a rule that updates batch by batch"
            raise InvalidParameter(problem(f"{self._name}(optimizer)", expected, shown(self.optimizer)))
        return Run(
            self._net,
            self._objective(),
            rule,
            self._precision,
            self._score(),
            parts_of(value_of(self.regularizer, "regularizer")),
            self.average,
            derive(self.seed_, "training"),
            macs=macs_of(self.module_.body, (self.form_.shape,)),
        )

    def _first(self, X: Any, where: str) -> Tensor:
        """The samples of a fit, whose form is that of all that come later."""
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        x = read_samples(X, None if size is None else (int(size[0]), int(size[1])), where)
        shape = tuple(x.shape[1:])
        stretched = (shape[1], shape[2]) if size is not None and len(shape) == 3 else None
        if not x.numel():
            raise InvalidData(problem(where, "samples with numbers", f"an empty array of shape {tuple(x.shape)}"))
        if len(x) < 2:
            raise InvalidData(problem(where, "at least two samples", f"{len(x)} sample", "Give more rows."))
        self.form_ = Form(shape, stretched, 1.0 if x.dtype == torch.uint8 else float(x.max()), names_of(X))
        if bool((x == x[:1]).all()):
            remedy = "Look at how they were read: nothing can be learned from them."
            raise InvalidData(problem(where, "samples that differ", f"{len(x)} identical ones", remedy))
        return x

    def _labelled(self, X: Any, y: Any, least: int, split: Split) -> tuple[Labelled, Labelled | None]:
        """Samples with a label each to train on, and those that are held out.

        Parameters
        ----------
        X, y : of a fit.
        least : samples that a class needs.
        split : what divides them where a share is held out.
        """
        where, held_where = f"{self._name}.fit", f"{self._name}(validation)"
        x = self._first(X, f"{where}(X)")
        labels = read_labels(y, len(x), f"{where}(y)")
        kept = frequent(labels, least, f"{where}(y)")
        x, labels = x[kept], [labels[row] for row in kept]
        classes_among(labels, f"{where}(y)")
        if self.validation is None:
            return (x, labels), None
        if isinstance(self.validation, (tuple, list)):
            others = self.form_.again(self.validation[0], f"{held_where}, X")
            return (x, labels), (others, read_labels(self.validation[1], len(others), f"{held_where}, y"))
        rows, out = split(labels, float(self.validation), self.seed_, held_where)
        return (x[rows], [labels[row] for row in rows]), (x[out], [labels[row] for row in out])

    def _embedded(self, x: Tensor, change: Any = None, seed: int = 0) -> Tensor:
        """Embeddings of samples, changed by an augmentation where there is one; with ``mirror`` means over both."""
        self.module_.eval()
        device = self._precision.device
        generator = torch.Generator(device).manual_seed(seed)
        found = []
        with torch.inference_mode():
            for some in x.split(PIECE):
                shown_ = as_floats(some.to(device))
                shown_ = shown_ if change is None else change(shown_, generator)
                made = self.module_(shown_)
                made = (made + self.module_(shown_.flip(-1))) / 2 if self.mirror else made
                found.append(made.float().cpu())
        return torch.cat(found)

    def _finish(self, run: Run) -> None:
        """Look whether the embeddings of training samples have become one point."""
        inputs = run.batches.head(256)
        self.module_.eval()
        with torch.inference_mode():
            embeddings = torch.cat([self.module_(x) for x in inputs])
        if run.diverged is None:
            hard = getattr(self, "mining", "") == "hard"
            self.spread_ = warn_of_collapse(self._name, embeddings, run.history[-1]["train_loss"], self.margin_, hard)

    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        return [part.some(LOOKED_AT) for part in parts]

    @property
    def _n_features_out(self) -> int:
        """The columns of `transform`, which scikit-learn gives names."""
        return int(self.network_.output_shape[0])

    def __sklearn_tags__(self) -> Any:
        tags = without_dtype(super().__sklearn_tags__())
        tags.target_tags.required = True
        return tags

    def _rule(self) -> Any:
        return AdamW(cosine(RATE), weight_decay=DECAY)


# Questions of the checks that suppose one target a row, which may be wrong; here it says which rows are alike.
MEANT = frozenset({"small-validation", "noisy-labels", "labels-unrelated", "duplicate-rows", "output-width"})


def similarity_by(distance: str, a: Tensor, b: Tensor) -> Tensor:
    """The similarity of embeddings side by side that goes with a distance.

    Parameters
    ----------
    distance : its name.
    a, b : (n, D).

    Examples
    --------
    >>> similarity_by("cosine", torch.eye(2), torch.ones(2, 2)).tolist()
    [0.7071067690849304, 0.7071067690849304]
    """
    found = paired_distances(a, b, distance)
    return 1 - found if distance == "cosine" else -found
