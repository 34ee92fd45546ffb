"""`BinnedRegressor`: a number as a class: which of many bins it lies in, and the answer that follows.

The target is cut into bins, the network learns their probabilities p_k(x) by cross-entropy, and answers with their
mean, a quantile or the mode. Errors count by bins and not by their squares, so that a wild target spoils one bin and
not the scale of all others; and a distribution of any form, with two peaks too, costs nothing more. In the ordinal form
the network says for each edge how likely the target is above it, which keeps the order of bins::

    softmax    l = -log p_k(x)                        of the bin k of the target
    ordinal    l = -sum_j log P(the side of edge j on which the target is)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted, column_or_1d

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import Constraint, check, checks_options, integer, number, one_of, satisfies
from netwright.core.value import from_json
from netwright.estimators.base import FIXED, NetworkEstimator
from netwright.estimators.numbers import read_numbers
from netwright.estimators.regression.binned_target import Binned
from netwright.estimators.regression.reading import SHARED, at_levels, r2_of
from netwright.estimators.saving import params_of, restore
from netwright.losses import Bins

_answer: Constraint = one_of("mean", "median", "mode") | number(0, 1, closed="neither")


class BinnedRegressor(RegressorMixin, NetworkEstimator):
    """A regressor that cuts the target into bins, learns their probabilities, and answers with what follows.

    It is for targets with heavy tails, several peaks, or a few values, and where a distribution is wanted. Losses in
    the history are cross-entropies of bins. Scores are R^2 of the answers.

    Parameters
    ----------
    network : layers joined by ``>>`` (with or without `Input`), their text, a layer pattern, or a torch module. One
        that ends in an activation, ``ReLU(50)``, gets the head ``Linear(B)`` for B bins (``Linear(B - 1)`` in the
        ordinal form); one that ends in a `Linear` is taken to have it. None chooses a network for the data and
        standardises the columns.
    bins : how many bins, >= 2. A target with fewer values gets one bin for each, one with a value that fills several
        quantiles gets fewer, and ``notes_`` says so. A constant target has one bin, and is the answer. Those of the
        first `partial_fit` stay.
    edges : "quantile" (as many training rows in each bin), "uniform" (bins of one width), or rising numbers, at least
        three, between which all training targets lie; then `bins` counts for nothing. Targets of other rows may lie
        anywhere: the first and the last bin have no end.
    answer : what `predict` gives: the "mean" of the bins' centres, which are the means of their training targets, the
        "median", the "mode", or the quantile of a level in (0, 1). It may be changed after the fit.
    form : "softmax", or "ordinal": for each edge the probability that the target is above it, falling by construction.
    smooth : deviation, in bins, of the normal distribution that a target is spread by over the bins next to it, >= 0.
        0 learns from the bin alone; about 0.75 is good for many bins and few rows.
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
    edges_ : (B + 1,) edges of the bins. centres_ : (B,) means of the training targets in each.
    network_ : the closed network. module_ : its torch module. loss_function_ : the cross-entropy.
    history_ : a record an epoch. loss_curve_ : its training losses.
    n_iter_ : epochs trained. best_epoch_ : the epoch with the lowest monitored loss.
    notes_ : what was done to columns and bins, in sentences.
    n_features_in_, feature_names_in_ : as in scikit-learn. seed_ : the seed that random_state gave.

    Examples
    --------
    >>> import numpy as np, netwright as nw
    >>> x = np.linspace(-1, 1, 400)[:, None]
    >>> y = np.where(np.arange(400) % 4, x[:, 0], 1000.0)  # one row in four is wild
    >>> model = nw.BinnedRegressor("Tanh(16)", answer="median", optimizer="Adam(0.01)", random_state=0).fit(x, y)
    >>> bool(np.abs(model.predict(x) - x[:, 0]).mean() < 0.2), model.predict_bins(x).shape
    (True, (400, 16))

    References
    ----------
    Frank, Hall: A simple approach to ordinal classification, 2001.
    Imani, White: Improving regression performance with distributional losses, 2018.
    Cao, Mirjalili, Raschka: Rank consistent ordinal regression for neural networks with application to age estimation,
    2020.
    """

    _constraints: ClassVar[Mapping[str, Constraint]] = {
        **SHARED,
        "bins": integer(2),
        "edges": one_of("quantile", "uniform")
        | satisfies("an array of edges", lambda item: not isinstance(item, str) and np.ndim(item) == 1),
        "answer": _answer,
        "form": one_of("softmax", "ordinal"),
        "smooth": number(0),
    }
    _fixed: ClassVar[tuple[str, ...]] = (*FIXED, "bins", "edges", "form", "smooth")
    loss: ClassVar[None] = None  # the cross-entropy, always

    @checks_options
    def __init__(
        self,
        network: Any = None,
        *,
        bins: int = 20,
        edges: Any = "quantile",
        answer: Any = "mean",
        form: str = "softmax",
        smooth: float = 0.0,
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
        self.network, self.bins, self.edges, self.answer = network, bins, edges, answer
        self.form, self.smooth = form, smooth
        self.optimizer, self.regularizer, self.augment = optimizer, regularizer, augment
        self.epochs, self.batch_size, self.validation, self.patience = epochs, batch_size, validation, patience
        self.average, self.categories, self.precision = average, categories, precision
        self.device, self.devices, self.checkpoint, self.resume = device, devices, checkpoint, resume
        self.random_state, self.callbacks = random_state, callbacks
        self.verbose, self.warm_start = verbose, warm_start

    @property
    def edges_(self) -> np.ndarray:
        """The edges of the bins, (B + 1,)."""
        check_is_fitted(self, "module_")
        edges: np.ndarray = self._target.edges
        return edges

    @property
    def centres_(self) -> np.ndarray:
        """The means of the training targets in the bins, (B,)."""
        check_is_fitted(self, "module_")
        centres: np.ndarray = self._target.centres
        return centres

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The answer for each row, (n,): mean, median, mode or quantile, as `answer` says.

        Parameters
        ----------
        X : rows as in `fit`.
        return_std : whether to give a pair (answers, standard deviations round the mean), of which the variance is
            ``sum_k p_k (s_k^2 + (c_k - mean)^2)`` with means c_k and deviations s_k of the training targets in a bin.
        """
        check(f"{type(self).__name__}(answer)", self.answer, _answer)
        p = self.predict_bins(X)
        answers = self._shaped(self._target.answer(p, self.answer))
        return (answers, self._shaped(self._target.deviation(p))) if return_std else answers

    def predict_bins(self, X: Any) -> np.ndarray:
        """The probabilities of the bins, (n, B), in the order of ``edges_``.

        Parameters
        ----------
        X : rows as in `fit`.
        """
        outputs = self._outputs(X)
        p: np.ndarray = self._target.probabilities(outputs)
        return p

    def predict_quantile(self, X: Any, q: float | Sequence[float]) -> np.ndarray:
        """Quantiles of each row, interpolated in the bin in which they lie: (n,) of one level, (n, levels) of several.

        Parameters
        ----------
        X : rows as in `fit`.
        q : a level in (0, 1), or a list of them.
        """
        p = self.predict_bins(X)
        return at_levels(q, lambda level: self._target.quantile(p, level))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The coefficient of determination R^2 of the answers.

        Parameters
        ----------
        X : rows as in `fit`.
        y : their targets; None when X is a Dataset that has them.
        sample_weight : (n,) numbers >= 0, or None.
        """
        return r2_of(self, X, y, sample_weight)

    def _shaped(self, answers: np.ndarray) -> np.ndarray:
        return answers.reshape(-1, *self._target.numbers.shape)

    def _read_target(self, y: np.ndarray, classes: Any) -> Binned:
        shape = read_numbers(y, type(self).__name__, classes).shape[1:]
        if shape not in ((), (1,)):
            remedy = "MultiOutputRegressor(BinnedRegressor(...)) of scikit-learn fits one for each column."
            raise InvalidData(problem("y", "one number a row, (n,)", f"samples of shape {shape}", remedy))
        column_or_1d(y, warn=True)
        bins = int(self.bins)
        if not isinstance(self.edges, str):
            bins = _require_rising(f"{type(self).__name__}(edges)", self.edges)
        target = Binned(shape, Bins(bins, None, self.form, float(self.smooth)))
        target.how, target.judge = self.edges, self.answer
        return target

    def _score(self, outputs: Any, target: Any, weight: torch.Tensor | None) -> float:
        return self._target.r2(outputs, target, weight)

    def _stratifies(self) -> bool:
        return False

    def _row_weight(self, y: np.ndarray) -> np.ndarray | None:
        return None


def _require_rising(where: str, edges: Any) -> int:
    """How many bins there are between given edges.

    Raises
    ------
    InvalidParameter : edges that do not rise, or fewer than three.
    """
    try:
        numbers = np.asarray(edges, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidParameter(problem(where, "numbers that rise", shown(edges))) from error
    if len(numbers) < 3:
        raise InvalidParameter(problem(where, "at least 3 edges, for 2 bins", shown(edges)))
    if not np.isfinite(numbers).all() or (np.diff(numbers) <= 0).any():
        remedy = "Sort them, and give each once; the first and the last bin have no end in any case."
        raise InvalidParameter(problem(where, "finite numbers that rise", shown(edges), remedy))
    return len(numbers) - 1


def from_content(kind: str, content: dict[str, Any], tensors: dict[str, np.ndarray]) -> BinnedRegressor:
    """The regressor that a model file holds."""
    target = Binned.from_state(content["target"], from_json(content["loss"]))
    made: BinnedRegressor = restore(BinnedRegressor(**params_of(content)), content, tensors, target)
    return made
