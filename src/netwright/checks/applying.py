"""A remedy carried out on an estimator: a clone with the argument changed, or in a pipeline that scales its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from netwright.checks.finding import Finding, Remedy
from netwright.core.errors import InvalidParameter, problem
from netwright.losses import l2
from netwright.optim import Adam, Clip

Apply = Callable[[Any, Any], Any]


def applied(estimator: Any, findings: tuple[Finding, ...]) -> Any:
    """A clone of an estimator with the remedy of the first finding that has one carried out.

    Parameters
    ----------
    estimator : of netwright, fitted or not; it is not changed. findings : faults, root cause first.

    Raises
    ------
    InvalidParameter : no finding, or one whose remedy is not an argument of the estimator.
    """
    where = "diagnosis.apply(estimator)"
    if not findings:
        raise InvalidParameter(problem(where, "a diagnosis with a fault", "none", "There is nothing to mend."))
    first = findings[0]
    remedy = first.remedy
    how = None if remedy is None else _way(remedy)
    if how is None or remedy is None:
        expected = "a remedy that is an argument of an estimator"
        got = f"{first.code}: {remedy}" if remedy is not None else f"{first.code}, which has none"
        raise InvalidParameter(problem(where, expected, got, first.do))
    return how(clone(estimator), remedy.value)


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
