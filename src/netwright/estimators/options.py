"""Options inside options: ``optimizer__learning_rate`` in scikit-learn's searches.

The optimizer, the loss and the penalty of an estimator are immutable values. To scikit-learn they look like nested
estimators: `nested` lists their fields as ``optimizer__learning_rate``, and `replaced` gives the value with such fields
changed, which then takes its place. `NestedOptions` gives an estimator both.

``optimizer__lr`` is the learning rate wherever it stands: inside wrappers (``Clip(Adam(0.001), 5.0)``), and of a
schedule the first rate, so that ``Adam(cosine(0.001))`` with ``optimizer__lr=0.01`` is ``Adam(cosine(0.01))``. A text
stands for the value that it describes, and None for the rule that the estimator would take.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.core.value import is_value
from netwright.graph import parse_value

RATE = "lr"
EXAMPLES = {  # of values with options, by the parameter that takes them
    "optimizer": "nw.optim.Adam()",
    "regularizer": "nw.l2(1e-4)",
    "loss": "nw.losses.CrossEntropy()",
    "augment": "nw.data.augment.Rotate(10)",
    "devices": "nw.train.Devices(2)",
    "learning_rate": "nw.optim.cosine(0.01)",
}


class NestedOptions:
    """A mixin of estimators whose parameters may be values; it stands before ``BaseEstimator``."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; with `deep` also the options of values, as ``optimizer__learning_rate``.

        Parameters
        ----------
        deep : whether to look into values.
        """
        params: dict[str, Any] = super().get_params(deep=False)  # type: ignore[misc]
        return {**params, **nested(params)} if deep else params

    def set_params(self, **params: Any) -> Self:
        """Change parameters; ``optimizer__lr=0.1`` gives the optimizer another learning rate.

        Parameters
        ----------
        params : names and values as `get_params` gives them.

        Raises
        ------
        InvalidParameter : an option that is not there; its name is told.
        """
        super().set_params(**resolved(self, params))  # type: ignore[misc]
        return self

    @abstractmethod
    def _rule(self) -> Any:
        """The update rule, where the user gave none."""


def resolved(estimator: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of an estimator's parameters with the nested ones folded into the values that they change.

    Parameters
    ----------
    estimator : its ``_rule()`` is the update rule that it takes where none is given. changes : by name.
    """

    def stands_for(name: str, item: Any) -> Any:
        if name == "optimizer" and item is None:
            return estimator._rule()
        return parse_value(item) if isinstance(item, str) else item

    now = estimator.get_params(deep=False)
    asked = {name.partition("__")[0] for name in changes if "__" in name}
    now |= {name: stands_for(name, item) for name, item in now.items() if name in asked}
    return replaced(now, {name: stands_for(name, item) if name in asked else item for name, item in changes.items()})


def nested(params: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of all values among the parameters, as ``parameter__field``."""
    found: dict[str, Any] = {}
    for name, item in params.items():
        if is_value(item) and getattr(item, "family", "") != "network":
            inside = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
            inside |= nested(inside)
            found.update({f"{name}__{option}": part for option, part in inside.items()})
    return found


def replaced(params: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes with the nested ones folded into the values that they change.

    Raises
    ------
    InvalidParameter : a nested change of something that is no value, or of a field that it does not have.
    """
    flat = {name: item for name, item in changes.items() if "__" not in name}
    for name, item in changes.items():
        outer, mark, field = name.partition("__")
        inner = field
        field, deeper, _ = field.partition("__")
        if not mark:
            continue
        if outer not in params:
            expected = "options of one of its parameters"
            raise InvalidParameter(problem(name, expected, repr(outer), did_you_mean(outer, list(params))))
        target: Any = flat.get(outer, params[outer])
        if not is_value(target):
            example = EXAMPLES.get(outer)
            remedy = f"Give it a value first, such as {outer}={example}." if example else ""
            raise InvalidParameter(problem(name, f"{outer} to be a value with options", shown(target), remedy))
        fields = {entry.name: getattr(target, entry.name) for entry in dataclasses.fields(target)}
        if field == RATE and RATE not in fields:
            flat[outer] = _with_rate(target, item, name)
            continue
        if field not in fields:
            raise InvalidParameter(
                problem(name, f"an option of {type(target).__name__}", repr(field), did_you_mean(field, list(fields)))
            )
        flat[outer] = dataclasses.replace(target, **{field: replaced(fields, {inner: item})[field] if deeper else item})
    return flat


def _with_rate(target: Any, rate: Any, name: str) -> Any:
    """A rule with another learning rate; a schedule with another first rate."""
    fields = {entry.name: getattr(target, entry.name) for entry in dataclasses.fields(target)}
    holder = next((each for each in ("learning_rate", "rule", "initial", "schedule") if each in fields), None)
    if holder is None:
        raise InvalidParameter(problem(name, "a rule with a learning rate", repr(target)))
    inside = fields[holder]
    return dataclasses.replace(
        target, **{holder: _with_rate(inside, rate, name) if is_value(inside) and not is_value(rate) else rate}
    )
