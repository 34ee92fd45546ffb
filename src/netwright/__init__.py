"""netwright: a neural-network workbench. By convention ``import netwright as nw``.

The front door is lazy (PEP 562): ``import netwright`` loads nothing, and the first use of a name loads its room.

>>> import netwright as nw
>>> "Classifier" in dir(nw), nw.__version__ == __version__
(True, True)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netwright import checks as checks
    from netwright import classical as classical
    from netwright import data as data
    from netwright import estimators as estimators
    from netwright import graph as graph
    from netwright import layers as layers
    from netwright import losses as losses
    from netwright import models as models
    from netwright import optim as optim
    from netwright import plots as plots
    from netwright import report as report
    from netwright import sequence as sequence
    from netwright import train as train
    from netwright import vision as vision
    from netwright.checks import check as check
    from netwright.checks import load_faults as load_faults
    from netwright.checks import watch as watch
    from netwright.core.registry import register as register
    from netwright.estimators import BinnedRegressor as BinnedRegressor
    from netwright.estimators import Classifier as Classifier
    from netwright.estimators import Ensemble as Ensemble
    from netwright.estimators import MixtureDensityRegressor as MixtureDensityRegressor
    from netwright.estimators import QuantileRegressor as QuantileRegressor
    from netwright.estimators import Regressor as Regressor
    from netwright.estimators import calibrate as calibrate
    from netwright.estimators import distill as distill
    from netwright.estimators import integers as integers
    from netwright.estimators import log_uniform as log_uniform
    from netwright.estimators import lr_finder as lr_finder
    from netwright.estimators import search as search
    from netwright.estimators import suggest_hidden_units as suggest_hidden_units
    from netwright.estimators import uniform as uniform
    from netwright.estimators import varied as varied
    from netwright.files import load as load
    from netwright.graph import Input as Input
    from netwright.graph import analyze as analyze
    from netwright.graph import join as join
    from netwright.graph import parallel as parallel
    from netwright.graph import repeat as repeat
    from netwright.losses import l1 as l1
    from netwright.losses import l2 as l2
    from netwright.losses import maxnorm as maxnorm
    from netwright.models.pattern import pattern as pattern

__version__ = "0.1.0.dev0"

_ROOMS = (
    "checks",
    "classical",
    "data",
    "estimators",
    "graph",
    "layers",
    "losses",
    "models",
    "optim",
    "plots",
    "report",
    "sequence",
    "train",
    "vision",
)
_NAMES = {
    "BinnedRegressor": "netwright.estimators",
    "Classifier": "netwright.estimators",
    "Ensemble": "netwright.estimators",
    "Input": "netwright.graph",
    "MixtureDensityRegressor": "netwright.estimators",
    "QuantileRegressor": "netwright.estimators",
    "Regressor": "netwright.estimators",
    "analyze": "netwright.graph",
    "calibrate": "netwright.estimators",
    "check": "netwright.checks",
    "distill": "netwright.estimators",
    "integers": "netwright.estimators",
    "join": "netwright.graph",
    "l1": "netwright.losses",
    "l2": "netwright.losses",
    "load": "netwright.files",
    "load_faults": "netwright.checks",
    "log_uniform": "netwright.estimators",
    "lr_finder": "netwright.estimators",
    "maxnorm": "netwright.losses",
    "parallel": "netwright.graph",
    "pattern": "netwright.models.pattern",
    "register": "netwright.core.registry",
    "repeat": "netwright.graph",
    "search": "netwright.estimators",
    "suggest_hidden_units": "netwright.estimators",
    "uniform": "netwright.estimators",
    "varied": "netwright.estimators",
    "watch": "netwright.checks",
}
__all__ = [*_ROOMS, *_NAMES]


def __getattr__(name: str) -> Any:
    """A room or a name of the front door, loaded when it is first used."""
    if name in _ROOMS:
        return import_module(f"netwright.{name}")
    if name in _NAMES:
        thing = globals()[name] = getattr(import_module(_NAMES[name]), name)
        return thing
    from netwright.core.errors import did_you_mean, problem  # only an error pays for it

    text = problem("netwright", "one of its public names", repr(name), did_you_mean(name, __all__))
    raise AttributeError(text, name=name)  # without obj: the interpreter adds no second "did you mean"


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
