"""A remedy carried out on an estimator: a clone with the argument changed, or in a pipeline that scales its data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from netwright.checks.finding import Finding, Remedy
from netwright.core.errors import InvalidParameter, problem, shown
from netwright.losses import l2
from netwright.optim import Adam, Clip

Apply = Callable[[Any, Any], Any]
ARGUMENTS = frozenset(("optimizer", "epochs", "batch_size", "regularizer"))  # of every estimator of netwright


def applied(estimator: Any, findings: tuple[Finding, ...]) -> Any:
    """A clone of an estimator with the remedy of the first finding that has one carried out.

    Parameters
    ----------
    estimator : of netwright, or a pipeline that ends with one, fitted or not; it is not changed.
    findings : faults, root cause first.

    Raises
    ------
    InvalidParameter : no finding, one whose remedy is not an argument of the estimator, or another estimator.
    """
    where = "diagnosis.apply(estimator)"
    if not findings:
        raise InvalidParameter(problem(where, "a diagnosis with a fault", "none", "There is nothing to mend."))
    first = findings[0]
    remedy = min((first, *(each for each in first.consequences if each.code == first.code)), key=_left).remedy
    own = _own(estimator, where)
    how = None if remedy is None else _way(remedy)
    if how is None or remedy is None:
        expected = "a remedy that is an argument of an estimator"
        got = f"{first.code}: {remedy}" if remedy is not None else f"{first.code}, which has none"
        raise InvalidParameter(problem(where, expected, got, first.do))
    mended = clone(own)
    changed = how(mended, remedy.value)
    if own is estimator:
        return changed
    pipeline = clone(estimator)
    pipeline.steps[-1] = (pipeline.steps[-1][0], changed)
    return pipeline


def _own(estimator: Any, where: str) -> Any:
    """The estimator of netwright: itself, or the last step of a pipeline."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    known = last.get_params(deep=False) if isinstance(last, BaseEstimator) else {}
    if not set(known) >= ARGUMENTS:
        expected = "a Classifier or Regressor of netwright, or a pipeline that ends with one"
        raise InvalidParameter(problem(where, expected, shown(estimator)))
    return last


def _left(finding: Finding) -> float:
    """The share of the loss that a trial with the remedy left; infinite where none was made."""
    told = [finding.evidence.get(name) for name in ("left", "left_smaller")]
    return min((float(share) for share in told if share is not None and share == share), default=math.inf)


def _way(remedy: Remedy) -> Apply | None:
    return WAYS.get((remedy.object, remedy.argument))


def _rate(estimator: Any, value: Any) -> Any:
    rule = estimator.optimizer
    if rule is None or isinstance(rule, str):
        return estimator.set_params(optimizer=Adam(value))
    return estimator.set_params(optimizer__learning_rate=value)


def _decay(estimator: Any, value: Any) -> Any:
    if estimator.regularizer is not None:
        return estimator.set_params(regularizer=l2(value))
    return estimator.set_params(optimizer__weight_decay=value)


def _clip(estimator: Any, value: Any) -> Any:
    rule = estimator.optimizer
    return estimator.set_params(optimizer=Clip(Adam() if rule is None else rule, norm=value))


def _scaled(estimator: Any, value: Any) -> Any:
    return make_pipeline(StandardScaler(), estimator)


def _target_scaled(estimator: Any, value: Any) -> Any:
    return TransformedTargetRegressor(estimator, transformer=StandardScaler())


def _argument(name: str) -> Apply:
    def change(estimator: Any, value: Any) -> Any:
        return estimator.set_params(**{name: value})

    return change


def _balanced(estimator: Any, value: Any) -> Any:
    return estimator.set_params(class_weight="balanced")


WAYS: dict[tuple[str, str], Apply] = {
    ("optimizer", "lr"): _rate,
    ("optimizer", "weight_decay"): _decay,
    ("loop", "clip"): _clip,
    ("loop", "epochs"): _argument("epochs"),
    ("loader", "batch_size"): _argument("batch_size"),
    ("data", "standardize"): _scaled,
    ("target", "standardize"): _target_scaled,
    ("loss", "class_weights"): _balanced,
}
