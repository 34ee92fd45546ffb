"""`lr_finder`: which learning rate to begin with, for an estimator or for any torch program."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, overload

import torch

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import check_all
from netwright.estimators.base import NetworkEstimator
from netwright.estimators.parameters import value_of
from netwright.train.lr_finder import at_rate, range_test, range_test_of_run
from netwright.train.ramp import Ramp, RangeTest


@overload
def lr_finder(
    subject: NetworkEstimator,
    X: Any,
    y: Any = None,
    /,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.9,
    limit: float = 4.0,
    sample_weight: Any = None,
) -> RangeTest: ...


@overload
def lr_finder(
    subject: torch.nn.Module,
    loss: Any,
    optimizer: Any,
    batches: Iterable[Any],
    /,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.9,
    limit: float = 4.0,
    seed: int | None = None,
) -> RangeTest: ...


def lr_finder(
    subject: Any,
    *data: Any,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.9,
    limit: float = 4.0,
    sample_weight: Any = None,
    seed: int | None = None,
) -> RangeTest:
    """The learning-rate range test: a mini-batch a step, at ``eta_i = low (high / low)^(i / (n - 1))``.

    ``lr_finder(estimator, X, y)`` trains a copy with the estimator's own data preparation, held-out rows, loss,
    regularizer, augmentation, batches and update rule; a schedule is replaced by the ramp, callbacks are not called.
    Weights are fresh (those of a module that was given as the network are its own), and the estimator is not changed.

    ``lr_finder(module, loss, optimizer, batches)`` trains any torch program; see `netwright.train.range_test`.

    Parameters
    ----------
    subject : a `Classifier` or `Regressor`, or a torch module.
    *data : for an estimator X and y, as in `fit`; for a module its loss, optimizer and batches.
    low : the first rate, > 0.
    high : the last rate, > low.
    steps : how many there are, >= 20.
    smoothing : share of the exponential mean that is kept at a step, in [0, 1).
    limit : times the least smoothed loss beyond which the ramp ends, > 1.
    sample_weight : as in `fit`, for an estimator.
    seed : of the random numbers that a module's program draws, 0 if it is not given; an estimator has its random_state.

    Returns
    -------
    RangeTest, with ``suggestion``, the losses that it comes from, and ``to_frame()``; `netwright.plots.lr_finder`
    draws it.

    Raises
    ------
    InvalidParameter : an update rule without a learning rate, options out of range.
    InvalidData : data that cannot be used, or a first loss that is infinite or NaN.

    Examples
    --------
    >>> import netwright as nw
    >>> from netwright.layers import ReLU, Softmax
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = nw.Classifier(ReLU(16) >> Softmax(3), optimizer=nw.optim.Adam(), random_state=0)
    >>> found = nw.lr_finder(clf, X, y, low=1e-5)
    >>> fitted = clf.set_params(optimizer__learning_rate=found.suggestion, epochs=20).fit(X, y)
    >>> fitted.score(X, y) > 0.9
    True

    References
    ----------
    Smith, *Cyclical learning rates for training neural networks*, 2017 (section 3.3).
    """
    if isinstance(subject, NetworkEstimator):
        if len(data) not in (1, 2):
            raise _wrong(f"an estimator and {len(data)} more")
        if seed is not None:
            remedy = "Set its random_state."
            raise InvalidParameter(problem("lr_finder(seed)", "None for an estimator", shown(seed), remedy))
        ramp = Ramp(low, high, steps, smoothing, limit)
        return _of_estimator(subject, *data, sample_weight=sample_weight, ramp=ramp)
    if not isinstance(subject, torch.nn.Module):
        raise _wrong(shown(subject))
    if len(data) != 3:
        raise _wrong(f"a module and {len(data)} more")
    if sample_weight is not None:
        got, remedy = shown(sample_weight), "Its loss may weigh the rows."
        raise InvalidParameter(problem("lr_finder(sample_weight)", "None for a module", got, remedy))
    options: dict[str, Any] = {"low": low, "high": high, "steps": steps, "smoothing": smoothing, "limit": limit}
    return range_test(subject, *data, **options, seed=0 if seed is None else seed)


def _of_estimator(estimator: Any, X: Any, y: Any = None, *, sample_weight: Any, ramp: Ramp) -> RangeTest:
    """The test of a copy that shares nothing with the estimator that training could change."""
    params = estimator.get_params(deep=False)
    check_all(type(estimator).__name__, params, estimator._constraints)
    rule = value_of(estimator.optimizer, "optimizer") or estimator._rule()
    params["optimizer"] = at_rate(rule, ramp.rate)
    params["random_state"] = copy.deepcopy(estimator.random_state)  # a generator is drawn from
    made = type(estimator)(**{**params, "average": None, "callbacks": None})
    training, _ = made._parts(X, y, sample_weight, None, False)
    made._start(training)
    made._load(made._run, training, None)
    return range_test_of_run(made._run, ramp)


def _wrong(got: str) -> InvalidParameter:
    expected = "an estimator, X and y, or a module, its loss, its optimizer and its batches"
    return InvalidParameter(problem("lr_finder", expected, got))
