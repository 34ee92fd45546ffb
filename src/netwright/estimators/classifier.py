"""`Classifier`: any network as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, check, checks_options, instance, nothing, number, one_of
from netwright.estimators.base import NetworkEstimator
from netwright.estimators.classes import Classes
from netwright.estimators.parameters import CONSTRAINTS
from netwright.estimators.preparing import from_dataset, read_target
from netwright.estimators.saving import params_of, restore
from netwright.losses import Hinge


def _has_probabilities(estimator: Any) -> bool:
    loss = getattr(estimator, "loss_function_", estimator.loss)
    return not (isinstance(loss, Hinge) or (isinstance(loss, str) and loss.startswith("Hinge")))


class Classifier(ClassifierMixin, NetworkEstimator):
    """A classifier that trains a network: several classes, two classes, several labels, or several questions.

    Parameters
    ----------
    network : layers joined by ``>>`` (with or without `Input`), their text, what `netwright.models.load_weights` gives,
        or a torch module. It ends in ``Softmax(k)`` for k classes, ``Sigmoid(1)`` for two, ``Sigmoid(k)`` for k labels
        that may hold together, ``Softmax(a) | Softmax(b)`` for two questions. A text with arrows is a layer pattern
        (`netwright.pattern`), ``"INPUT -> FC128 -> RELU -> FC"``, that gets its shape and its last size from the data.
        None chooses a network for the data and standardises the columns.
    loss : a loss of `netwright.losses`; None for cross-entropy, or binary cross-entropy of sigmoids.
    optimizer : an update rule of `netwright.optim`; None for ``Adam(0.001)``.
    regularizer : ``nw.l1(a)``, ``nw.l2(b)``, ``nw.maxnorm(c)`` or a sum of them; None for none.
    augment : how training images are changed at random, anew in every batch: an augmentation such as ``Rotate(10)`` of
        `netwright.data.augment`, a tuple of them, or their text; None for not at all. Several images of one sample are
        changed alike.
    epochs : passes over the training rows, >= 1.
    batch_size : rows in an update, >= 1; all rows at once, in their order, when there are no more than that.
    validation : share of the rows in (0, 1) to hold out (stratified), or (X, y), or None.
    patience : epochs without a better validation loss (training loss without validation) after which training stops
        and the best weights are put back; None trains all epochs and keeps the last weights.
    average : decay in (0, 1) of a running average of the weights, which is what is then kept; None for none.
    class_weight : "balanced" (each class counts alike), a dict {label: weight}, or None.
    categories : how texts in a frame are encoded: "one_hot", or "embedding" (each text column becomes a vector that
        is learned; the network begins with a `netwright.layers.ColumnEmbedding`).
    precision : "auto" (tables of float64 in float64, all else in float32), "float32", "float64", "bf16".
    device : "auto", "cpu", "cuda", ...
    devices : how many processes train it together, each on a device of its own, or `netwright.train.Devices`; "auto"
        for those that ``torchrun`` has started, or one.
    checkpoint : a folder in which the run is written down after every epoch; the same fit, begun again after it was
        killed, goes on from there and ends with the same bits. None for nowhere.
    resume : whether it goes on from what the folder has; else it begins anew.
    random_state : None, an integer, a RandomState or a Generator.
    callbacks : objects with methods named after events, or functions of the run called after each epoch.
    verbose : 0 is silent, 1 shows progress.
    warm_start : whether `fit` goes on from the weights that are there.

    Attributes
    ----------
    classes_ : labels, sorted, of shape (k,).
    network_ : the closed network. module_ : its torch module. loss_function_ : the loss.
    history_ : a record an epoch (see `netwright.train.History`). loss_curve_ : its training losses.
    n_iter_ : epochs trained. best_epoch_ : the epoch with the lowest monitored loss.
    notes_ : what was done to which column of a table, in sentences.
    n_features_in_, feature_names_in_ : as in scikit-learn. seed_ : the seed that random_state gave.

    Examples
    --------
    >>> import netwright as nw
    >>> from netwright.layers import ReLU, Softmax
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = nw.Classifier(ReLU(16) >> Softmax(3), optimizer=nw.optim.Adam(0.01), epochs=60, random_state=0)
    >>> clf.fit(X, y).score(X, y) > 0.9
    True

    References
    ----------
    Goodfellow, Bengio, Courville, *Deep Learning*, 2016, chapters 6 to 8.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **CONSTRAINTS,
        "class_weight": nothing | one_of("balanced") | instance(dict, text="a dict {label: weight}"),
    }

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        loss: Any = None,
        optimizer: Any = None,
        regularizer: Any = None,
        augment: Any = None,
        epochs: int = 100,
        batch_size: int = 64,
        validation: Any = None,
        patience: int | None = None,
        average: float | None = None,
        categories: str = "one_hot",
        class_weight: Any = None,
        precision: str = "auto",
        device: str = "auto",
        devices: Any = "auto",
        checkpoint: Any = None,
        resume: bool = True,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
        warm_start: bool = False,
    ) -> None:
        self.network, self.loss = network, loss
        self.optimizer = optimizer
        self.regularizer = regularizer
        self.augment = augment
        self.epochs, self.batch_size = epochs, batch_size
        self.validation, self.patience = validation, patience
        self.average = average
        self.categories = categories
        self.class_weight = class_weight
        self.precision = precision
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state = random_state
        self.callbacks, self.verbose = callbacks, verbose
        self.warm_start = warm_start

    def predict(self, X: Any) -> np.ndarray:
        """The most probable label of each row of X, (n,); (n, m) for several labels or questions.

        Parameters
        ----------
        X : rows as in `fit`.
        """
        outputs = self._outputs(X)
        return self._target.decode(outputs, self._link)

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Any:
        """Probabilities of the classes, (n, k), in the order of ``classes_``; a list of them for several questions.

        Parameters
        ----------
        X : rows as in `fit`.
        """
        outputs = self._outputs(X)
        return self._target.probabilities(outputs, self._link)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Share of rows that are right (in all their labels or questions).

        Parameters
        ----------
        X : rows as in `fit`.
        y : their labels; None when X is a Dataset that has them.
        sample_weight : (n,) numbers >= 0, or None.
        """
        X, y = from_dataset(X, y)
        y, chosen = read_target(y, type(self).__name__), self.predict(X)
        right = (y == chosen).all(1) if chosen.ndim == 2 else np.ravel(y) == chosen
        return float(np.average(right, weights=sample_weight))

    def _read_target(self, y: np.ndarray, classes: Any) -> Classes:
        target = Classes.read(y, type(self).__name__, classes)
        self.classes_ = target.public
        return target

    def _score(self, outputs: Any, target: Any, weight: torch.Tensor | None) -> float:
        return self._target.accuracy(outputs, target, weight, self._link)

    def _stratifies(self) -> bool:
        return self._target.kind == "multiclass"

    def _row_weight(self, y: np.ndarray) -> np.ndarray | None:
        if self.class_weight is None:
            return None
        if self._target.kind != "multiclass":
            raise InvalidParameter(
                problem("class_weight", f"None for a {self._target.kind} target", repr(self.class_weight))
            )
        labels, y = self._target.labels[0], np.ravel(y)
        if isinstance(self.class_weight, dict):
            strange = [label for label in self.class_weight if label not in labels]
            if strange:
                raise InvalidParameter(problem("class_weight", f"labels among {labels.tolist()}", repr(strange[0])))
            for label, weight in self.class_weight.items():
                check(f"class_weight[{label!r}]", weight, number(0, closed="neither"))
            weights = np.array([float(self.class_weight.get(label, 1.0)) for label in labels.tolist()])
        else:
            present = np.unique(y)
            balanced = dict(zip(present.tolist(), compute_class_weight("balanced", classes=present, y=y), strict=True))
            weights = np.array([balanced.get(label, 1.0) for label in labels.tolist()])
        return weights[np.searchsorted(labels, y)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> Classifier:
    """The classifier that a model file holds."""
    target = Classes.from_state(content["target"])
    made: Classifier = restore(Classifier(**params_of(content)), content, tensors, target)
    made.classes_ = target.public
    return made
