"""`QuantileRegressor`: several quantiles of the target for each row, learned at once, that never cross.

A network gives one number a level, of which `netwright.losses.Quantiles` makes quantiles that rise: the one nearest to
the median, and positive steps away from it. They are learned by the mean pinball loss::

    l = mean over levels q of max(q e, (q - 1) e),  e = y - quantile_q(x)

Nothing is assumed about the distribution. Intervals between two quantiles hold as many of the training rows as their
levels say, and about as many new ones: count them on held-out rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import RegressorMixin

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, checks_options, satisfies
from netwright.core.value import from_json
from netwright.estimators.base import FIXED, NetworkEstimator
from netwright.estimators.numbers import read_numbers
from netwright.estimators.preparing import from_dataset
from netwright.estimators.regression.levels import Levels, deviation_of
from netwright.estimators.regression.reading import SHARED, r2_of, target_of, within
from netwright.estimators.saving import params_of, restore
from netwright.losses import Quantiles


class QuantileRegressor(RegressorMixin, NetworkEstimator):
    """A regressor whose network gives several quantiles of each row's target, which never cross.

    It is for intervals, and for answers where too much and too little cost differently, without an assumption about the
    noise. The target is scaled to mean 0 and deviation 1 by the training rows; losses in the history are mean pinball
    losses on that scale, and quantiles are on the scale of the target. Scores are R^2 of what `predict` gives.

    Parameters
    ----------
    network : layers joined by ``>>`` (with or without `Input`), their text, a layer pattern, or a torch module. One
        that ends in an activation, ``ReLU(50)``, gets the head ``Linear(Q m)`` for Q quantiles of m numbers; one that
        ends in a `Linear` is taken to have it. None chooses a network for the data and standardises the columns.
    quantiles : levels that rise, each in (0, 1).
    optimizer : an update rule of `netwright.optim`; None for ``Adam(0.001)``.
    regularizer : ``nw.l1(a)``, ``nw.l2(b)``, ``nw.maxnorm(c)`` or a sum of them; None for none.
    augment : how training images are changed at random, as in `netwright.Regressor`.
    epochs : passes over the training rows, >= 1.
    batch_size : rows in an update, >= 1.
    validation : share of the rows in (0, 1) to hold out, or (X, y), or None.
    patience : epochs without a better validation loss (training loss without validation) after which training stops
        and the best weights are put back; None trains all epochs.
    average : decay in (0, 1) of a running average of the weights, which is what is then kept; None for none.
    categories : how texts in a frame are encoded: "one_hot", or "embedding".
    precision : "auto" (tables of float64 in float64, all else in float32), "float32", "float64", "bf16".
    device : "auto", "cpu", "cuda", ...
    devices : how many processes train it together, as in `netwright.Regressor`.
    checkpoint, resume : a folder in which the run is written down, and whether it goes on from there.
    random_state : None, an integer, a RandomState or a Generator.
    callbacks : objects with methods named after events, or functions of the run called after each epoch.
    verbose : 0 is silent, 1 shows progress.
    warm_start : whether `fit` goes on from the weights that are there.

    Attributes
    ----------
    network_ : the closed network. module_ : its torch module. loss_function_ : the pinball loss.
    history_ : a record an epoch. loss_curve_ : its training losses.
    n_iter_ : epochs trained. best_epoch_ : the epoch with the lowest monitored loss. notes_ : what was done to columns.
    n_features_in_, feature_names_in_ : as in scikit-learn. seed_ : the seed that random_state gave.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(0, 1, (1000, 1))
    >>> y = rng.normal(0, 1 + x[:, 0])  # the noise grows with x
    >>> model = nw.QuantileRegressor("ReLU(16)", optimizer="Adam(0.01)", random_state=0).fit(x, y)
    >>> low, median, high = model.predict_quantiles([[1.0]])[0]
    >>> bool(low < -2.5 and high > 2.5), bool(model.predict([[1.0]])[0] == median)
    (True, True)

    References
    ----------
    Koenker, Bassett: Regression quantiles, 1978.
    Taylor: A quantile regression neural network approach to estimating the conditional density of multiperiod returns,
    2000.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **SHARED,
        "quantiles": satisfies("levels in (0, 1)", lambda item: np.ndim(item) == 1 and len(item) > 0),
    }
    _fixed: ClassVar[tuple[str, ...]] = (*FIXED, "quantiles")
    loss: ClassVar[None] = None  # the pinball loss, always

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        quantiles: Any = (0.05, 0.5, 0.95),
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
        self.network, self.quantiles = network, quantiles
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.batch_size, self.validation, self.patience = epochs, batch_size, validation, patience
        self.average, self.categories, self.precision = average, categories, precision
        self.device, self.devices, self.checkpoint, self.resume = device, devices, checkpoint, resume
        self.random_state, self.callbacks = random_state, callbacks
        self.verbose, self.warm_start = verbose, warm_start

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The median of each row, or else the quantile of the level nearest to 1/2 (of two the lower); (n,) or (n, m).

        Parameters
        ----------
        X : rows as in `fit`.
        return_std : whether to give a pair (answers, standard deviations), the latter of the distribution whose
            quantiles go straight from level to level, and on to 0 and 1 as in the first and the last piece.

        Raises
        ------
        InvalidParameter : a deviation of a single level.
        """
        quantiles, levels = self.predict_quantiles(X), self._target.loss.levels
        answers = quantiles[:, self._target.loss.middle]
        if not return_std:
            return answers
        if len(levels) < 2:
            expected, remedy = "False for a single quantile", "Give several, such as quantiles=(0.05, 0.5, 0.95)."
            raise InvalidParameter(problem("predict(return_std)", expected, "True", remedy))
        return answers, deviation_of(quantiles, np.array(levels))

    def predict_quantiles(self, X: Any) -> np.ndarray:
        """The quantiles of each row in the order of their levels, (n, Q) or (n, Q, m).

        Parameters
        ----------
        X : rows as in `fit`.
        """
        outputs = self._outputs(X)
        quantiles: np.ndarray = self._target.decode(outputs)
        return quantiles

    def coverage(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """The share of targets that are not above each quantile, (Q,) or (Q, m); where it is right, the levels.

        Parameters
        ----------
        X : rows as in `fit`.
        y : their targets; None when X is a Dataset that has them.
        sample_weight : (n,) numbers >= 0, or None.
        """
        X, y = from_dataset(X, y)
        below = target_of(self, y)[:, None] <= self.predict_quantiles(X)
        return np.asarray(np.average(below, axis=0, weights=sample_weight))

    def pinball(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The mean pinball loss over levels, in the unit of the target; lower is better.

        Parameters
        ----------
        X : rows as in `fit`.
        y : their targets; None when X is a Dataset that has them.
        sample_weight : (n,) numbers >= 0, or None.
        """
        X, y = from_dataset(X, y)
        error = target_of(self, y)[:, None] - self.predict_quantiles(X)
        levels = np.array(self._target.loss.levels).reshape(-1, *[1] * (error.ndim - 2))
        losses = np.maximum(levels * error, (levels - 1) * error)
        return float(np.average(losses.reshape(len(losses), -1).mean(1), weights=sample_weight))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The coefficient of determination R^2 of what `predict` gives, averaged over outputs.

        Parameters
        ----------
        X : rows as in `fit`.
        y : their targets; None when X is a Dataset that has them.
        sample_weight : (n,) numbers >= 0, or None.
        """
        return r2_of(self, X, y, sample_weight)

    def _read_target(self, y: np.ndarray, classes: Any) -> Levels:
        shape = read_numbers(y, type(self).__name__, classes).shape[1:]
        levels = np.asarray(self.quantiles).tolist()
        for place, level in enumerate(levels):
            within(f"{type(self).__name__}(quantiles[{place}])", level)
        if sorted(set(levels)) != levels:
            remedy = f"Give quantiles={tuple(sorted(set(levels)))}."
            where = f"{type(self).__name__}(quantiles)"
            raise InvalidParameter(problem(where, "levels that rise, each once", shown(self.quantiles), remedy))
        return Levels(shape, Quantiles(tuple(map(float, levels)), int(np.prod(shape, dtype=int))))

    def _score(self, outputs: Any, target: Any, weight: torch.Tensor | None) -> float:
        return self._target.r2(outputs, target, weight)

    def _stratifies(self) -> bool:
        return False

    def _row_weight(self, y: np.ndarray) -> np.ndarray | None:
        return None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> QuantileRegressor:
    """The regressor that a model file holds."""
    target = Levels.from_state(content["target"], from_json(content["loss"]))
    made: QuantileRegressor = restore(QuantileRegressor(**params_of(content)), content, tensors, target)
    return made
