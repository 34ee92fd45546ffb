"""Spaces: what each parameter of an estimator may be, read from a dict and checked against the estimator.

Inside, a space is flat: a name an axis, and an axis is a `Range` or `Choices`. A parameter that is `varied` has an axis
for each of its parts, named ``parameter.part``. What a trial *draws* (numbers and labels, which a storage can keep)
is told from what the estimator is *given* (`Space.params`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.core.validation import check
from netwright.estimators.ensemble.choices import CONSTRAINTS as OF_ENSEMBLES
from netwright.estimators.ensemble.ensemble import Ensemble
from netwright.estimators.tuning.choices import Choices, Varied, axis_of
from netwright.estimators.tuning.fingerprint import text_of
from netwright.estimators.tuning.ranges import Range

Axis = Range | Choices
Drawn = Mapping[str, Any]  # a number or a label for each axis


class Space:
    """A search space.

    Parameters
    ----------
    axes : what may be drawn, by name.
    made : the parameters that are made of several axes.

    Examples
    --------
    >>> from netwright.estimators.tuning.ranges import log_uniform
    >>> space = Space.read({"optimizer__lr": log_uniform(1e-5, 0.1), "batch_size": [32, 128]})
    >>> space.params({"optimizer__lr": 0.01, "batch_size": 32})
    {'optimizer__lr': 0.01, 'batch_size': 32}
    """

    def __init__(self, axes: Mapping[str, Axis], made: Mapping[str, Varied]) -> None:
        self.axes = dict(axes)
        self.made = dict(made)

    @classmethod
    def read(cls, given: Any) -> Space:
        """The space of a dict {name of a parameter: range or list of choices}.

        Raises
        ------
        InvalidParameter : something else, an empty space, an empty list.
        """
        if isinstance(given, Space):
            return given
        if not isinstance(given, Mapping) or not given:
            got = "an empty one" if isinstance(given, Mapping) else shown(given)
            remedy = "Such as {'optimizer__lr': nw.log_uniform(1e-5, 0.1), 'batch_size': [32, 128]}."
            raise InvalidParameter(problem("space", "a dict {parameter: range or list of choices}", got, remedy))
        axes: dict[str, Axis] = {}
        made: dict[str, Varied] = {}
        for name, item in given.items():
            if not isinstance(name, str) or not name:
                raise InvalidParameter(problem("space", "names of parameters", shown(name)))
            if isinstance(item, Varied):
                made[name] = item
                axes.update({f"{name}.{part}": axis for part, axis in item.parts.items()})
            else:
                axes[name] = axis_of(f"space[{name!r}]", item)
        return cls(axes, made)

    @property
    def names(self) -> list[str]:
        """The parameters of the estimator that the space sets."""
        return list(dict.fromkeys(name.partition(".")[0] if self._owner(name) else name for name in self.axes))

    def params(self, drawn: Drawn) -> dict[str, Any]:
        """What the estimator is given for what was drawn."""
        values = self.values(drawn)
        given: dict[str, Any] = {}
        for name in self.names:
            if name in self.made:
                inner = {part: values[f"{name}.{part}"] for part in self.made[name].parts}
                given[name] = self.made[name].made(inner)
            else:
                given[name] = values[name]
        return given

    def values(self, drawn: Drawn) -> dict[str, Any]:
        """The value on each axis: the number or the thing, where `drawn` has an exponent or a label."""
        return {name: axis.value(drawn[name]) for name, axis in self.axes.items()}

    def narrowed(self, best: Sequence[Drawn]) -> Space:
        """The space round the best draws, axis by axis; itself where there are none."""
        if not best:
            return self
        axes = {name: axis.narrowed([drawn[name] for drawn in best]) for name, axis in self.axes.items()}
        return Space(axes, self.made)

    def check_against(self, estimator: Any) -> None:
        """Set drawn values on copies of the estimator: every choice of every list, and the ends of every range.

        They are compared with the estimators' own tables of what their parameters may be; nothing is fitted.

        Raises
        ------
        InvalidParameter : a name that the estimator does not have, or a value that it cannot take.
        """
        known = sorted(estimator.get_params(deep=True))
        first = {name: _first(axis) for name, axis in self.axes.items()}
        for name in self.names:
            _try(estimator, {name: self.params(first)[name]}, self, name, known)
        for name, axis in self.axes.items():
            for drawn in axis.labels if isinstance(axis, Choices) else _ends(axis):
                _try(estimator, self.params({**first, name: drawn}), self, name, known)

    def describe(self) -> dict[str, str]:
        """The axes as texts, which tell one space from another."""
        texts = {name: _described(axis) for name, axis in self.axes.items()}
        for name, varied in self.made.items():
            texts[name] = varied.make if isinstance(varied.make, str) else text_of(varied.make)
        return texts

    def _owner(self, name: str) -> bool:
        return name.partition(".")[0] in self.made

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name!r}: {axis!r}" for name, axis in self.axes.items()) + "}"


def _described(axis: Axis) -> str:
    if isinstance(axis, Choices):
        return f"[{', '.join(text_of(option) for option in axis.options)}]"
    return repr(axis)


def _first(axis: Axis) -> Any:
    """A value of the inside of an axis."""
    if isinstance(axis, Choices):
        return axis.labels[0]
    if axis.whole:
        return int(axis.low)
    return float(np.sqrt(axis.low * axis.high)) if axis.log else (axis.low + axis.high) / 2


def _ends(axis: Range) -> tuple[float, float]:
    """The least and the largest number that is drawn; the bounds of a range of real numbers themselves never are."""
    if axis.whole:
        return int(axis.low), int(axis.high)
    return math.nextafter(axis.low, axis.high), math.nextafter(axis.high, axis.low)


def _try(estimator: Any, params: dict[str, Any], space: Space, name: str, known: list[str]) -> None:
    """Set parameters on a copy; an error names the entry of the space."""
    owner = name.partition(".")[0] if name.partition(".")[0] in space.made else name
    try:
        _check_values(clone(estimator).set_params(**params), params)
    except (ValueError, TypeError, AttributeError) as error:
        if isinstance(error, InvalidParameter):
            raise InvalidParameter(f"space[{name!r}]: {error}") from error
        expected = f"a parameter of {type(estimator).__name__}"
        if owner not in known and len(params) == 1:
            hint = did_you_mean(owner, known)
            raise InvalidParameter(problem("space", expected, repr(owner), hint)) from error
        got = shown(params.get(owner, params))
        reason = " ".join(str(error).split())
        raise InvalidParameter(problem(f"space[{name!r}]", f"values that {expected} takes", got, reason)) from error


def _check_values(made: Any, params: dict[str, Any]) -> None:
    """Compare parameters with the tables of the estimators that have them, at any depth."""
    parts = {"": made, **made.get_params(deep=True)}
    for name, item in params.items():
        outer, _, own = name.rpartition("__")
        owner = parts.get(outer)
        table = OF_ENSEMBLES if isinstance(owner, Ensemble) else getattr(owner, "_constraints", {})
        constraint = table.get(own)
        if constraint is not None:
            check(f"{type(owner).__name__}({own})", item, constraint)
