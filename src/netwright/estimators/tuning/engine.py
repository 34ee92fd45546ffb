"""The door to Optuna: distributions, samplers, storages. It is loaded when the first search begins, and here only.

A sampler is made anew for each trial, with a seed that is a function of the search's seed and the trial's place in it.
So what is drawn depends on nothing but that and, for TPE, on the trials that were finished before: not on which process
draws, nor on whether the search was stopped in between.

References
----------
Akiba et al., *Optuna: a next-generation hyperparameter optimization framework*, 2019.
Bergstra, Bardenet, Bengio, Kegl, *Algorithms for hyper-parameter optimization* (TPE), 2011.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from netwright.core.errors import InvalidParameter, problem
from netwright.estimators.tuning.choices import Choices
from netwright.estimators.tuning.space import Axis, Space

METHODS = ("random", "tpe")
STARTUP = 10  # trials that TPE draws at random before it models them, at most


def optuna() -> Any:
    """The package.

    Raises
    ------
    InvalidParameter : it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        remedy = "Install it: pip install 'netwright[search]'."
        raise InvalidParameter(problem("nw.search", "the package optuna", str(error), remedy)) from error
    return optuna


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna says nothing below a warning inside this block; its level is put back afterwards."""
    logging = optuna().logging
    before = logging.get_verbosity()
    logging.set_verbosity(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(before)


def distribution(axis: Axis) -> Any:
    """Optuna's distribution of an axis."""
    kinds = optuna().distributions
    if isinstance(axis, Choices):
        return kinds.CategoricalDistribution(axis.labels)
    kind = kinds.IntDistribution if axis.whole else kinds.FloatDistribution
    return kind(axis.low, axis.high, log=axis.log)


def draw(space: Space, study: Any, method: str, seed: int, trials: int) -> dict[str, Any]:
    """A number or a label for each axis.

    Parameters
    ----------
    space : to draw from.
    study : what was finished before, for TPE; an object of its own, since Optuna's caches what it read.
    method : "random" or "tpe".
    seed : of this trial.
    trials : how many there will be in this stage.
    """
    samplers, frozen = optuna().samplers, optuna().trial.create_trial(state=optuna().trial.TrialState.RUNNING)
    state = seed % 2**32
    if method == "tpe":
        sampler = samplers.TPESampler(seed=state, n_startup_trials=max(4, min(STARTUP, trials // 4)))
    else:
        sampler = samplers.RandomSampler(seed=state)
    return {
        name: sampler.sample_independent(study, frozen, name, distribution(axis)) for name, axis in space.axes.items()
    }


def template(space: Space, drawn: Mapping[str, Any], attributes: Mapping[str, Any]) -> Any:
    """A running trial with all that is known of it, to be entered in one write."""
    return optuna().trial.create_trial(
        state=optuna().trial.TrialState.RUNNING,
        params=dict(drawn),
        distributions={name: distribution(axis) for name, axis in space.axes.items()},
        user_attrs=dict(attributes),
    )
