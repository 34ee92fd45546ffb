"""`MixtureDensityRegressor`: a whole distribution for each row, as a mixture of Gaussians.

A network gives weights w_k(x), means mu_k(x) and deviations sigma_k(x) of K components, and learns them by the negative
log-likelihood of the targets, whose sum over components is a log-sum-exp (see `netwright.losses.MixtureDensity`)::

    l = -log sum_k w_k(x) N(y; mu_k(x), sigma_k(x)^2)

All that is told of the distribution follows from the mixture in closed form, but for quantiles, which are found by
bisection on its distribution function. With one component it is the mean-variance network of deep ensembles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import RegressorMixin

from netwright.core.seeds import to_seed
from netwright.core.validation import Constraint, check, checks_options, integer, nothing, number
from netwright.core.value import from_json
from netwright.estimators.base import FIXED, NetworkEstimator
from netwright.estimators.numbers import read_numbers
from netwright.estimators.preparing import from_dataset
from netwright.estimators.regression import mixtures
from netwright.estimators.regression.densities import Densities
from netwright.estimators.regression.mixtures import Mixture
from netwright.estimators.regression.reading import SHARED, at_levels, r2_of, target_of
from netwright.estimators.saving import params_of, restore
from netwright.losses import MixtureDensity


class MixtureDensityRegressor(RegressorMixin, NetworkEstimator):
    """A regressor whose network gives a mixture of Gaussians for each row, over one number or several.

    It is for targets whose noise depends on the inputs, has several modes or is far from normal. The target is scaled
    to mean 0 and deviation 1 by the training rows; losses in the history are negative log-likelihoods on that scale,
    and all that is predicted is on the scale of the target. Scores are R^2 of the means.

    Parameters
    ----------
    network : layers joined by ``>>`` (with or without `Input`), their text, a layer pattern, or a torch module. One
        that ends in an activation, ``ReLU(50)``, gets the head ``Linear(K + 2 K m)`` for K components of m numbers
        (``Linear(2 m)`` for K = 1); one that ends in a `Linear` is taken to have it. None chooses a network for the
        data and standardises the columns.
    components : how many Gaussians K, >= 1. They begin with means at quantiles of the target and deviations of 1.
    floor : least deviation of a component, in (0, 1), in deviations of the target. It keeps components that sit on
        single rows from a likelihood without bound.
    beta : in [0, 1]. The gradient of a component is multiplied by its deviation to the power 2 beta, so that rows that
        are predicted surely do not drown the others; 0 is plain maximum likelihood, which rules with a line search
        need. None is 0.5 for one component, and 0 for several. Losses are likelihoods in any case.
    optimizer : an update rule of `netwright.optim`; None for ``Adam(0.001)``.
    regularizer : ``nw.l1(a)``, ``nw.l2(b)``, ``nw.maxnorm(c)`` or a sum of them; None for none.
    augment : how training images are changed at random, as in `netwright.Regressor`.
    epochs : passes over the training rows, >= 1.
    batch_size : rows in an update, >= 1.
    validation : share of the rows in (0, 1) to hold out, or (X, y), or None.
    patience : epochs without a better validation loss (training loss without validation) after which training stops
        and the best weights are put back; None trains all epochs. Likelihoods overfit sooner than means do.
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
    network_ : the closed network. module_ : its torch module. loss_function_ : the likelihood.
    history_ : a record an epoch. loss_curve_ : its training losses.
    n_iter_ : epochs trained. best_epoch_ : the epoch with the lowest monitored loss. notes_ : what was done to columns.
    n_features_in_, feature_names_in_ : as in scikit-learn. seed_ : the seed that random_state gave.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> x = np.linspace(-1, 1, 400)[:, None]
    >>> y = np.where(np.arange(400) % 2, 1.0, -1.0) * (1 + x[:, 0])  # two values for each x, and both are right
    >>> mdn = nw.MixtureDensityRegressor("Tanh(16)", components=2, optimizer="Adam(0.02)", random_state=0).fit(x, y)
    >>> bool(abs(mdn.predict([[0.0]])[0]) < 0.3), mdn.predict_quantile([[0.0]], [0.25, 0.75]).round(0)
    (True, array([[-1.,  1.]]))

    References
    ----------
    Bishop: Mixture density networks, 1994.
    Seitzer, Tavakoli, Antic, Martius: On the pitfalls of heteroscedastic uncertainty estimation with probabilistic
    neural networks, 2022.
    Nix, Weigend: Estimating the mean and variance of the target probability distribution, 1994.
    Lakshminarayanan, Pritzel, Blundell: Simple and scalable predictive uncertainty estimation using deep ensembles,
    2017.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **SHARED,
        "components": integer(1),
        "floor": number(0, 1, closed="neither"),
        "beta": nothing | number(0, 1),
    }
    _fixed: ClassVar[tuple[str, ...]] = (*FIXED, "components", "floor", "beta")
    loss: ClassVar[None] = None  # the likelihood, always

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        components: int = 5,
        floor: float = 1e-3,
        beta: float | None = None,
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
        self.network, self.components, self.floor, self.beta = network, components, floor, beta
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.batch_size, self.validation, self.patience = epochs, batch_size, validation, patience
        self.average, self.categories, self.precision = average, categories, precision
        self.device, self.devices, self.checkpoint, self.resume = device, devices, checkpoint, resume
        self.random_state, self.callbacks = random_state, callbacks
        self.verbose, self.warm_start = verbose, warm_start

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The mean of each row's mixture, (n,) or (n, m); with `return_std` also its standard deviation.

        Parameters
        ----------
        X : rows as in `fit`.
        return_std : whether to give a pair (means, deviations).
        """
        mean, deviation = mixtures.moments(self.predict_dist(X))
        return (mean, deviation) if return_std else mean

    def predict_dist(self, X: Any) -> Mixture:
        """The mixtures themselves: weights (n, K), means and deviations (n, K), or (n, K, m) for m numbers.

        Parameters
        ----------
        X : rows as in `fit`.
        """
        outputs = self._outputs(X)
        mixture: Mixture = self._target.decode(outputs)
        return mixture

    def predict_quantile(self, X: Any, q: float | Sequence[float]) -> np.ndarray:
        """Quantiles of each row's mixture; of several numbers, of each by itself.

        Parameters
        ----------
        X : rows as in `fit`.
        q : a level in (0, 1), or a list of them.

        Shapes
        ------
        one level: (n,) or (n, m); several: (n, levels) or (n, levels, m)
        """
        mixture = self.predict_dist(X)
        return at_levels(q, lambda level: mixtures.quantile(mixture, level))

    def log_prob(self, X: Any, y: Any = None) -> np.ndarray:
        """The logarithm of the density at the target of each row, (n,), in nats on the scale of y.

        Parameters
        ----------
        X : rows as in `fit`.
        y : their targets; None when X is a Dataset that has them.
        """
        X, y = from_dataset(X, y)
        return mixtures.log_density(self.predict_dist(X), target_of(self, y))

    def cdf(self, X: Any, y: Any = None) -> np.ndarray:
        """P(Y <= y) for the target of each row, of the shape of y; uniform on [0, 1] where the densities are right.

        Parameters
        ----------
        X : rows as in `fit`.
        y : their targets; None when X is a Dataset that has them.
        """
        X, y = from_dataset(X, y)
        return mixtures.cdf(self.predict_dist(X), target_of(self, y))

    def nll(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The mean negative log-likelihood of targets, in nats on their scale; lower is better.

        Parameters
        ----------
        X : rows as in `fit`.
        y : their targets; None when X is a Dataset that has them.
        sample_weight : (n,) numbers >= 0, or None.
        """
        return float(-np.average(self.log_prob(X, y), weights=sample_weight))

    def sample(self, X: Any, n: int = 1, random_state: Any = None) -> np.ndarray:
        """Targets drawn from each row's mixture, (rows, n) or (rows, n, m).

        Parameters
        ----------
        X : rows as in `fit`.
        n : how many for each row, >= 1.
        random_state : None, an integer, a RandomState or a Generator.
        """
        check(f"{type(self).__name__}.sample(n)", n, integer(1))
        return mixtures.sample(self.predict_dist(X), n, np.random.default_rng(to_seed(random_state)))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The coefficient of determination R^2 of the means, averaged over outputs.

        Parameters
        ----------
        X : rows as in `fit`.
        y : their targets; None when X is a Dataset that has them.
        sample_weight : (n,) numbers >= 0, or None.
        """
        return r2_of(self, X, y, sample_weight)

    def _read_target(self, y: np.ndarray, classes: Any) -> Densities:
        shape = read_numbers(y, type(self).__name__, classes).shape[1:]
        beta = self.beta if self.beta is not None else 0.5 if self.components == 1 else 0.0
        outputs = int(np.prod(shape, dtype=int))
        return Densities(shape, MixtureDensity(int(self.components), outputs, float(self.floor), beta=float(beta)))

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


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> MixtureDensityRegressor:
    """The regressor that a model file holds."""
    target = Densities.from_state(content["target"], from_json(content["loss"]))
    made: MixtureDensityRegressor = restore(MixtureDensityRegressor(**params_of(content)), content, tensors, target)
    return made
