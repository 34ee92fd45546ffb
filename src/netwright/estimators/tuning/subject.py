"""The subject of a search: an estimator that is given drawn parameters, seeds and epochs.

Epochs and callbacks are found by name where the estimator stands inside another: ``clf__epochs`` of a pipeline. An
estimator has epochs if it has both; others, such as support vectors, are trained to their end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from netwright.core.errors import InvalidParameter, problem, shown


def require_estimator(estimator: Any) -> None:
    """Refuse what cannot be searched.

    Raises
    ------
    InvalidParameter : no instance with `get_params`, `set_params` and `fit`.
    """
    lacks = [name for name in ("get_params", "set_params", "fit") if not hasattr(estimator, name)]
    if lacks or isinstance(estimator, type):
        remedy = "Call it first." if isinstance(estimator, type) else "Such as nw.Classifier(), or a Pipeline."
        raise InvalidParameter(problem("search(estimator)", "an estimator", shown(estimator), remedy))


def epochs_name(estimator: Any) -> str | None:
    """The parameter that says how long networks are trained, None where there is none or several."""
    names = estimator.get_params(deep=True)
    found = [name for name in names if _leaf(name) == "epochs" and f"{_stem(name)}callbacks" in names]
    shortest = sorted(found, key=lambda name: name.count("__"))
    return shortest[0] if len(shortest) == 1 or (shortest and shortest[0].count("__") == 0) else None


def prunable(estimator: Any) -> bool:
    """Whether its history can be followed: a network's estimator, or a pipeline that ends in one."""
    network = last_step(estimator)
    return hasattr(network, "callbacks") and hasattr(network, "epochs") and epochs_name(network) == "epochs"


def last_step(estimator: Any) -> Any:
    """The last step of a pipeline, or the estimator itself."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def unfitted(estimator: Any, params: Mapping[str, Any], seed: int | None, epochs: int | None = None) -> Any:
    """A copy of the estimator with drawn parameters.

    Parameters
    ----------
    estimator : to be copied. params : names and values.
    seed : for each random state that is None; None leaves them.
    epochs : at most so many, None for as many as it has.
    """
    made = clone(estimator).set_params(**params)
    if seed is not None:
        states = {
            name: seed % 2**32
            for name, item in made.get_params(deep=True).items()
            if _leaf(name) == "random_state" and item is None
        }
        made.set_params(**states)
    name = epochs_name(made)
    if epochs is not None and name is not None:
        made.set_params(**{name: min(epochs, made.get_params(deep=True)[name])})
    return made


def epochs_of(fitted: Any) -> int | None:
    """The epochs that an estimator was trained, None where it does not count them."""
    number = getattr(last_step(fitted), "n_iter_", None)
    return int(number) if isinstance(number, int) and hasattr(last_step(fitted), "history_") else None


def _leaf(name: str) -> str:
    return name.rpartition("__")[2]


def _stem(name: str) -> str:
    return name[: len(name) - len(_leaf(name))]
