"""What the estimators that make samples share: the options, one process, a rule, the place of a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, instance, nothing
from netwright.estimators.parameters import CONSTRAINTS, value_of
from netwright.graph import Expression
from netwright.train import Precision, choose_device

NETWORK: Constraint = nothing | instance(Expression, text="layers joined by >>") | instance(str, text="their text")
_SHARED = ("batch_size", "average", "device", "checkpoint", "resume", "callbacks", "verbose")
OPTIONS: Mapping[str, Constraint] = {name: CONSTRAINTS[name] for name in _SHARED}
PIECE = 256  # samples that pass through a network together


def placed(estimator: Any, module: torch.nn.Module) -> Precision:
    """Bring a module to the device and layout of a fit.

    Parameters
    ----------
    estimator : that is fitted.
    module : that it trains.
    """
    images = len(estimator.form_.shape) == 3
    found = Precision(device=choose_device(str(estimator.device)), channels_last=images)
    found.place(module)
    return found


def require_alone(estimator: Any) -> None:
    """Refuse a fit by several processes.

    Parameters
    ----------
    estimator : that is fitted.

    Raises
    ------
    InvalidParameter : it is one of several.
    """
    if estimator._group.several:
        got, remedy = f"{estimator._group!r}", "Fit it in one process."
        raise InvalidParameter(problem(f"{estimator._name}.fit", "one process", got, remedy))


def batchwise(estimator: Any, rule: Any) -> Any:
    """An update rule or its text as a rule, which updates batch by batch.

    Parameters
    ----------
    estimator : that is fitted.
    rule : of `netwright.optim`, or its text.

    Raises
    ------
    InvalidParameter : one that looks at all rows at once.
    """
    found = value_of(rule, "optimizer")
    if found.full_batch:
        expected = "a rule that updates batch by batch"
        raise InvalidParameter(
            problem(f"{estimator._name}(optimizer)", expected, shown(rule), "Use one such as Adam().")
        )
    return found
