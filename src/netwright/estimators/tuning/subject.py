"""The subject of a search: an estimator that is given drawn parameters, seeds and epochs.

Epochs and callbacks are found by name where the estimator stands inside another: ``clf__epochs`` of a pipeline. An
estimator has epochs if it has both; others, such as support vectors, are trained to their end. So are folders for
checkpoints: one is of one run, and each fit of a search gets a sub-folder of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.generations import checkpoints_of
from netwright.estimators.ensemble.choices import ONE_RUN
from netwright.estimators.ensemble.ensemble import Ensemble
from netwright.estimators.tuning.fingerprint import digest


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
    shortest = sorted(_all_epochs(estimator), key=lambda name: name.count("__"))
    return shortest[0] if len(shortest) == 1 or (shortest and shortest[0].count("__") == 0) else None


def prunable(estimator: Any) -> bool:
    """Whether its history can be followed: a network's estimator, or a pipeline that ends in one."""
    network = last_step(estimator)
    return hasattr(network, "callbacks") and hasattr(network, "epochs") and epochs_name(network) == "epochs"


def require_prunable(estimator: Any) -> None:
    """Refuse to prune networks whose runs cannot be followed; what has no epochs is trained to its end anyhow.

    Raises
    ------
    InvalidParameter : networks inside of something else, such as an ensemble.
    """
    if _all_epochs(estimator) and not prunable(estimator):
        expected = "None, or an estimator of one network, alone or at the end of a pipeline"
        got = f"{type(last_step(estimator)).__name__}, which has its networks inside"
        raise InvalidParameter(problem("search(pruning)", expected, got, "Leave pruning out."))


def last_step(estimator: Any) -> Any:
    """The last step of a pipeline, or the estimator itself."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def place_of(number: int, seed: int, drawn: Mapping[str, Any]) -> str:
    """The name of a trial's folder; a trial of another search, with another seed or draw, has another one.

    Examples
    --------
    >>> place_of(7, 255, {"epochs": 3})
    'trial7-4dfada9e'
    """
    return f"trial{number}-{digest(str(seed), repr(sorted(drawn.items())))[:8]}"


def unfitted(
    estimator: Any, params: Mapping[str, Any], seed: int | None, epochs: int | None = None, place: str = ""
) -> Any:
    """A copy of the estimator with drawn parameters.

    Parameters
    ----------
    estimator : to be copied. params : names and values.
    seed : for each random state that is None; None leaves them.
    epochs : at most so many, None for as many as it has; an ensemble from one run keeps as many as it has members.
    place : sub-folder of checkpoints, "" for none.
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
        enough = max(epochs, _fewest_epochs(made, name))
        made.set_params(**{name: min(enough, made.get_params(deep=True)[name])})
    if place:
        folders = {
            name: checkpoints_of(item).within(place)
            for name, item in made.get_params(deep=True).items()
            if _leaf(name) == "checkpoint" and item is not None
        }
        made.set_params(**folders)
    return made


def epochs_of(fitted: Any) -> int | None:
    """The epochs that an estimator was trained, None where it does not count them."""
    number = getattr(last_step(fitted), "n_iter_", None)
    return int(number) if isinstance(number, int) and hasattr(last_step(fitted), "history_") else None


def _all_epochs(estimator: Any) -> list[str]:
    """Parameters that say how long a network is trained, at any depth."""
    names = estimator.get_params(deep=True)
    return [name for name in names if _leaf(name) == "epochs" and f"{_stem(name)}callbacks" in names]


def _fewest_epochs(made: Any, name: str) -> int:
    """How many epochs the run inside has to have: an ensemble of that run keeps weights after as many."""
    params = {"": made, **made.get_params(deep=True)}
    steps = name.split("__")
    around = [params["__".join(steps[:depth])] for depth in range(len(steps))]
    return max([each.n_estimators for each in around if isinstance(each, Ensemble) and each.how in ONE_RUN], default=1)


def _leaf(name: str) -> str:
    return name.rpartition("__")[2]


def _stem(name: str) -> str:
    return name[: len(name) - len(_leaf(name))]
