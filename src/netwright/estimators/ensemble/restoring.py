"""An ensemble from the parts that a model file holds."""

from __future__ import annotations

from typing import Any

from sklearn.base import clone

from netwright.estimators.ensemble.ensemble import Ensemble
from netwright.estimators.ensemble.members import kind_of


def from_parts(kind: str, own: dict[str, Any], parts: list[Any]) -> Ensemble:
    """The ensemble that a model file holds."""
    params = dict(own["params"])
    templates = [clone(part) for part in parts]
    source: dict[str, Any] = {"search": templates} if params["how"] == "top" else {"estimator": templates[0]}
    made = Ensemble(**source, **params, random_state=own["seed"])
    made.seed_, made.vectorised_, made._independent = own["seed"], own["vectorised"], own["independent"]
    made.estimators_ = parts
    made._describe(kind_of(parts[0]))
    if own["temperature"] is not None:
        made.temperature_ = own["temperature"]
    return made
