"""Which options of an ensemble go together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import RANDOM_STATE
from netwright.core.validation import (
    Constraint,
    boolean,
    check_all,
    instance,
    integer,
    nothing,
    number,
    one_of,
    satisfies,
)
from netwright.estimators.ensemble.members import has_run, network_of
from netwright.train import Group
from netwright.train.device import devices_of

POSITIVE = number(0, closed="neither")
CONSTRAINTS: Mapping[str, Constraint] = {
    "n_estimators": integer(1),
    "how": one_of("seeds", "top", "snapshots", "average"),
    "bootstrap": boolean,
    "keep": nothing | one_of("cycles", "epochs"),
    "rate": nothing | POSITIVE,
    "adversarial": nothing | POSITIVE,
    "calibrated": nothing
    | number(0, 1, closed="neither")
    | satisfies("a pair (X, y)", lambda item: isinstance(item, (tuple, list)) and len(item) == 2),
    "vectorised": boolean | one_of("auto"),
    "n_jobs": nothing | instance(int, text="an integer"),
    "random_state": RANDOM_STATE,
}
ONE_RUN = ("snapshots", "average")
KEPT = {"snapshots": "cycles", "average": "epochs"}  # by default
# option -> how it goes with, and what it is when it is not used
ONLY: Mapping[str, tuple[tuple[str, ...], Any]] = {
    "search": (("top",), None),
    "bootstrap": (("seeds", "top"), False),
    "keep": (ONE_RUN, None),
    "rate": (ONE_RUN, None),
}


def check_options(ensemble: Any, kind: str, members: list[Any]) -> None:
    """Accept the options of an ensemble, or say which does not go with which.

    Parameters
    ----------
    ensemble : with its options. kind : "classifier" or "regressor". members : the estimators that it is made of.

    Raises
    ------
    InvalidParameter : an option that cannot be here.
    """
    for name, (ways, unused) in ONLY.items():
        given = getattr(ensemble, name)
        if ensemble.how not in ways and given is not unused and given != unused:
            expected = f"{unused!r} with how={ensemble.how!r}"
            remedy = f"It goes with how={' or '.join(map(repr, ways))}."
            raise InvalidParameter(problem(f"Ensemble({name})", expected, shown(given), remedy))
    if ensemble.calibrated is not None and kind != "classifier":
        raise InvalidParameter(problem("Ensemble(calibrated)", "None for regressors", shown(ensemble.calibrated)))
    if ensemble.how in ONE_RUN:
        _check_one_run(ensemble, members[0])
    alone = ensemble.how in ONE_RUN or ensemble.adversarial is not None
    for each in map(network_of, members) if alone else ():  # processes have copies of what follows a run
        devices = getattr(each, "devices", "auto")
        if devices_of(devices).count not in ("auto", 1) or Group.started():
            name, given = ("how", ensemble.how) if ensemble.how in ONE_RUN else ("adversarial", ensemble.adversarial)
            expected, got = 'members of one process each, devices="auto"', f"devices={devices!r}"
            raise InvalidParameter(
                problem(f"Ensemble({name}={given!r})", expected, "torchrun" if Group.started() else got)
            )
    if ensemble.adversarial is not None and not all(map(has_run, members)):
        expected = "estimators of netwright, which train by gradients"
        raise InvalidParameter(problem("Ensemble(adversarial)", expected, shown(members[0])))


def _check_one_run(ensemble: Any, estimator: Any) -> None:
    where = f"Ensemble(how={ensemble.how!r})"
    if not has_run(estimator):
        remedy = 'Take how="seeds".'
        raise InvalidParameter(
            problem(where, "an estimator of netwright, whose fit is one run", shown(estimator), remedy)
        )
    network = network_of(estimator)
    if ensemble.vectorised is True:
        raise InvalidParameter(problem("Ensemble(vectorised)", '"auto" or False for a single run', "True"))
    if getattr(network, "patience", None) is not None:
        remedy = "The run is to be trained to its end: give the estimator patience=None."
        raise InvalidParameter(problem(where, "an estimator without patience", f"patience={network.patience}", remedy))
    if ensemble.how == "average" and getattr(network, "average", None) is not None:
        remedy = "One average is enough: give the estimator average=None."
        raise InvalidParameter(problem(where, "an estimator without average", f"average={network.average}", remedy))


def require_weights(estimator: Any) -> None:
    """An estimator whose `fit` takes weights of rows.

    Parameters
    ----------
    estimator : or a pipeline that ends in one.

    Raises
    ------
    InvalidParameter : another one.
    """
    taken = inspect.signature(network_of(estimator).fit).parameters
    if "sample_weight" not in taken and not any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        expected = f"None for members whose fit takes no weights, {shown(estimator)}"
        raise InvalidParameter(problem("Ensemble.fit(sample_weight)", expected, "weights"))


def check_values(ensemble: Any) -> None:
    """Accept each option by itself.

    Parameters
    ----------
    ensemble : with its options.
    """
    check_all("Ensemble", ensemble.get_params(deep=False), CONSTRAINTS)
