"""Fits that several processes make together, and fits that go on where they were cut off.

A fit by several processes of this machine: each fits, as one of a group, and the first one's result is taken.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netwright.core.seeds import to_seed
from netwright.train import Run
from netwright.train.checkpoint import Checkpoint, newest
from netwright.train.device import Devices, devices_of
from netwright.train.processes.launching import launch


def devices_for(estimator: Any) -> Devices:
    """The devices that an estimator is to be fitted on."""
    return devices_of(getattr(estimator, "devices", "auto"))


def fit_together(estimator: Any, devices: Devices, *arguments: Any) -> None:
    """Fit an estimator in processes that are started for it.

    Callbacks are called in the first process, on copies of themselves; the run's own checks are asked there too.

    Parameters
    ----------
    estimator : that is fitted. devices : how many processes. arguments : of its fit.

    Raises
    ------
    ProcessLost : a process has died. Errors of the fit itself are raised as they are.
    """
    params = estimator.get_params(deep=False)
    fitted = launch(_fit, int(devices.count), estimator, *arguments, timeout=devices.timeout)
    vars(estimator).update({name: item for name, item in fitted.items() if name not in params})


_NOT_ITS_OWN = {"network", "random_state", "validation", "epochs", "callbacks", "verbose", "warm_start"}
_NOT_ITS_OWN |= {"device", "devices", "checkpoint", "resume"}  # of the options, what does not tell one fit from others


def checkpoint_of(estimator: Any, run: Run) -> Checkpoint | None:
    """Where the run of a fit is written down, with what tells it from others."""
    folder = getattr(estimator, "checkpoint", None)
    if folder is None:
        return None
    params = estimator.get_params(deep=False)
    settings = {name: repr(item) for name, item in params.items() if name not in _NOT_ITS_OWN}
    network = repr(getattr(estimator, "network_", None))  # of others the options say what it is
    own = {"estimator": type(estimator).__name__, "network": network, "seed": str(estimator.seed_)}
    return Checkpoint(folder, {**own, **settings, "rows": run.digest()}, estimator.resume)


def seed_of(estimator: Any) -> int:
    """The seed of a fit; of one that goes on without a random_state of its own, that of its beginning."""
    folder = getattr(estimator, "checkpoint", None)
    if folder is not None and estimator.resume and estimator.random_state is None:
        found = newest(Path(folder))
        if found is not None:
            return int(found[1].content["identity"]["seed"])
    return to_seed(estimator.random_state)


def _fit(estimator: Any, *arguments: Any) -> dict[str, Any]:
    """What a fit leaves in an estimator."""
    estimator._fit(*arguments)
    state: dict[str, Any] = estimator.__getstate__()
    return state
