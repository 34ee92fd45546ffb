"""Options inside options: ``optimizer__learning_rate`` in scikit-learn's searches.

The optimizer, the loss and the penalty of an estimator are immutable values. To scikit-learn they look like nested
estimators: `nested` lists their fields as ``optimizer__learning_rate``, and `replaced` gives the value with such fields
changed, which then takes its place. `NestedOptions` gives an estimator both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from netwright.core.errors import InvalidParameter, did_you_mean, problem
from netwright.core.value import is_value


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
        """Change parameters; ``optimizer__learning_rate=0.1`` gives the optimizer another learning rate.

        Parameters
        ----------
        params : names and values as `get_params` gives them.
        """
        super().set_params(**replaced(self.get_params(deep=False), params))  # type: ignore[misc]
        return self


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
        target: Any = flat.get(outer, params.get(outer))
        if not is_value(target):
            remedy = f"Give the estimator a value first, such as {outer}=nw.optim.Adam()."
            raise InvalidParameter(problem(name, f"{outer} to be a value with options", repr(target), remedy))
        fields = [entry.name for entry in dataclasses.fields(target)]
        if field not in fields:
            raise InvalidParameter(
                problem(name, f"an option of {type(target).__name__}", repr(field), did_you_mean(field, fields))
            )
        inside = {entry: getattr(target, entry) for entry in fields}
        flat[outer] = dataclasses.replace(target, **{field: replaced(inside, {inner: item})[field] if deeper else item})
    return flat
