"""What an ensemble says when its members have spoken, and how far they disagree.

With probabilities p_m of M members, H the entropy in nats::

    p = 1/M sum_m p_m
    H(p)           total uncertainty
    1/M sum H(p_m) aleatoric: what each member is unsure of, noise in the data
    the difference epistemic: how much the members disagree (mutual information), what more data would settle

With means mu_m and variances s_m^2 of M members of a regression::

    mu  = 1/M sum_m mu_m
    s^2 = 1/M sum_m (s_m^2 + mu_m^2) - mu^2 = (aleatoric) 1/M sum s_m^2 + (epistemic) variance of the mu_m

References: Lakshminarayanan, Pritzel, Blundell: Simple and scalable predictive uncertainty estimation using deep
ensembles, 2017; Depeweg, Hernandez-Lobato, Doshi-Velez, Udluft: Decomposition of uncertainty in Bayesian deep learning,
2018.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import numpy as np

from netwright.core.errors import InvalidParameter, problem


class Uncertainty(NamedTuple):
    """How unsure an ensemble is of each row, and of what kind that is.

    Parameters
    ----------
    total : of a classifier the entropy of the averaged probabilities, in nats; of a regressor the variance.
    aleatoric : what the members themselves are unsure of: noise in the data.
    epistemic : what the members disagree on: what more data would settle. total = aleatoric + epistemic.

    Examples
    --------
    >>> import numpy as np
    >>> sure_of_two_things = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> entropies(sure_of_two_things)
    Uncertainty(total=array([0.69314718]), aleatoric=array([0.]), epistemic=array([0.69314718]))
    """

    total: np.ndarray
    aleatoric: np.ndarray
    epistemic: np.ndarray


def entropies(p: np.ndarray, independent: bool = False) -> Uncertainty:
    """The entropy of averaged probabilities, and its two parts.

    Parameters
    ----------
    p : probabilities of the members, (M, n, k).
    independent : whether the k columns are questions of their own; their entropies are added.
    """
    p = np.asarray(p, dtype=np.float64)
    if independent:
        p = np.stack([1 - p, p], axis=-1)  # (M, n, k, 2)
    total, each = _entropy(p.mean(0)), _entropy(p).mean(0)
    if independent:
        total, each = total.sum(-1), each.sum(-1)
    return Uncertainty(total, each, np.maximum(total - each, 0.0))


def _entropy(p: np.ndarray) -> np.ndarray:
    """Over the last axis, in nats; 0 log 0 = 0."""
    found: np.ndarray = -np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=-1)
    return found + 0.0  # no minus zeros


def mixture(means: np.ndarray, variances: np.ndarray | None) -> tuple[np.ndarray, Uncertainty]:
    """The mean of a mixture of equal parts, and its variance as a sum of two.

    Parameters
    ----------
    means : of the members, (M, n) or (M, n, k). variances : the same shape, or None where members give none.

    Examples
    --------
    >>> mean, parts = mixture(np.array([[1.0], [3.0]]), np.array([[0.5], [1.5]]))
    >>> mean, parts.total
    (array([2.]), array([2.]))
    """
    means = np.asarray(means, dtype=np.float64)
    spread = means.var(axis=0)
    own = np.zeros_like(spread) if variances is None else np.asarray(variances, dtype=np.float64).mean(axis=0)
    return means.mean(axis=0), Uncertainty(own + spread, own, spread)


def mean_and_variance(member: Any, X: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """What one regressor predicts: the mean, and its variance where it gives one.

    Parameters
    ----------
    member : a fitted regressor. One whose `predict` takes ``return_std`` gives a standard deviation.
    X : rows.
    """
    if "return_std" in inspect.signature(member.predict).parameters:
        mean, deviation = member.predict(X, return_std=True)
        return np.asarray(mean), np.asarray(deviation, dtype=np.float64) ** 2
    return np.asarray(member.predict(X)), None


def mean_quantiles(members: list[Any], X: Any) -> np.ndarray:
    """The members' quantiles averaged level by level (Vincent, 1912), (n, Q) or (n, Q, m).

    Parameters
    ----------
    members : fitted, with ``quantiles`` and ``predict_quantiles``. X : rows.

    Raises
    ------
    InvalidParameter : members with other levels.
    """
    levels = [tuple(np.asarray(member.quantiles).tolist()) for member in members]
    for place, own in enumerate(levels):
        if own != levels[0]:
            raise InvalidParameter(problem(f"quantiles of member {place}", f"{levels[0]}, as of member 0", f"{own}"))
    return np.asarray(np.mean([member.predict_quantiles(X) for member in members], axis=0))


def mean_probabilities(found: list[Any]) -> Any:
    """The members' probabilities averaged; a list of them for several questions.

    Parameters
    ----------
    found : what each member's ``predict_proba`` gives.
    """
    if isinstance(found[0], list):
        return [np.mean(parts, axis=0) for parts in zip(*found, strict=True)]
    return np.mean(found, axis=0)


def votes(found: list[np.ndarray]) -> np.ndarray:
    """The label that most members give; of equally many, the one that is first in order.

    Parameters
    ----------
    found : labels (n,) or (n, m) of each member.

    Examples
    --------
    >>> votes([np.array(["b", "a"]), np.array(["b", "c"]), np.array(["a", "c"])])
    array(['b', 'c'], dtype='<U1')
    """
    stacked = np.stack(found)
    labels = np.unique(stacked)
    counts = np.stack([(stacked == label).sum(0) for label in labels])  # (labels, n) or (labels, n, m)
    return labels[counts.argmax(0)]
