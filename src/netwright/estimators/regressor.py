"""`Regressor`: any network as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from netwright.core.validation import checks_options
from netwright.estimators.base import NetworkEstimator
from netwright.estimators.numbers import Numbers, read_numbers
from netwright.estimators.preparing import from_dataset
from netwright.estimators.saving import params_of, restore


class Regressor(RegressorMixin, NetworkEstimator):
    """A regressor that trains a network: one number a sample, or several.

    The target is scaled to mean 0 and deviation 1 by the training rows, and `predict` undoes it; losses in the
    history are on that scale. A network that ends in an activation (``Sigmoid(1)``, ``Softplus(1)``) gets the target as
    it is, because the activation says which numbers it can give. Scores are R^2, which no scale changes.

    Parameters
    ----------
    network : layers joined by ``>>`` (with or without `Input`), their text, what `netwright.models.load_weights` gives,
        or a torch module, that ends in ``Linear(m)`` for m numbers. A text with arrows is a layer pattern
        (`netwright.pattern`), ``"INPUT -> FC128 -> RELU -> FC"``, that gets its shape and its last size from the data.
        None chooses a network for the data and standardises the columns.
    loss : a loss of `netwright.losses`; None for mean squared error. MSLE and KL get the target unscaled.
    optimizer : an update rule of `netwright.optim`; None for ``Adam(0.001)``.
    regularizer : ``nw.l1(a)``, ``nw.l2(b)``, ``nw.maxnorm(c)`` or a sum of them; None for none.
    augment : how training images are changed at random, anew in every batch: an augmentation such as ``Rotate(10)`` of
        `netwright.data.augment`, a tuple of them, or their text; None for not at all. Several images of one sample are
        changed alike.
    epochs : passes over the training rows, >= 1.
    batch_size : rows in an update, >= 1; all rows at once, in their order, when there are no more than that.
    validation : share of the rows in (0, 1) to hold out, or (X, y), or None.
    patience : epochs without a better validation loss (training loss without validation) after which training stops
        and the best weights are put back; None trains all epochs and keeps the last weights.
    average : decay in (0, 1) of a running average of the weights, which is what is then kept; None for none.
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
    network_ : the closed network. module_ : its torch module. loss_function_ : the loss.
    history_ : a record an epoch (see `netwright.train.History`). loss_curve_ : its training losses.
    n_iter_ : epochs trained. best_epoch_ : the epoch with the lowest monitored loss.
    notes_ : what was done to which column of a table, in sentences.
    n_features_in_, feature_names_in_ : as in scikit-learn. seed_ : the seed that random_state gave.

    Examples
    --------
    >>> import netwright as nw
    >>> from netwright.layers import Tanh, Linear
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = nw.Regressor(Tanh(8) >> Linear(1), optimizer=nw.optim.Adam(0.01), epochs=50, random_state=0)
    >>> reg.fit(X, y).predict(X).shape
    (442,)

    References
    ----------
    Goodfellow, Bengio, Courville, *Deep Learning*, 2016, chapters 6 to 8.
    """

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
        self.precision = precision
        self.device, self.devices = device, devices
        self.checkpoint, self.resume = checkpoint, resume
        self.random_state = random_state
        self.callbacks, self.verbose = callbacks, verbose
        self.warm_start = warm_start

    def predict(self, X: Any) -> np.ndarray:
        """The predicted number, or numbers, of each row of X; shape (n,) or (n, m).

        Parameters
        ----------
        X : rows as in `fit`.
        """
        outputs = self._outputs(X)
        return self._target.decode(outputs, self._link)

    def _read_target(self, y: np.ndarray, classes: Any) -> Numbers:
        return Numbers(read_numbers(y, type(self).__name__, classes).shape[1:])

    def _score(self, outputs: Any, target: Any, weight: torch.Tensor | None) -> float:
        return self._target.r2(outputs, target, weight, self._link)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The coefficient of determination R^2 of the predictions, averaged over outputs.

        Parameters
        ----------
        X : rows as in `fit`.
        y : their targets; None when X is a Dataset that has them.
        sample_weight : (n,) numbers >= 0, or None.
        """
        X, y = from_dataset(X, y)
        return float(r2_score(y, self.predict(X), sample_weight=sample_weight))

    def _stratifies(self) -> bool:
        return False

    def _row_weight(self, y: np.ndarray) -> np.ndarray | None:
        return None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> Regressor:
    """The regressor that a model file holds."""
    made: Regressor = restore(Regressor(**params_of(content)), content, tensors, Numbers.from_state(content["target"]))
    return made
