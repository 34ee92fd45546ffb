"""`Generative`: what the estimators that make samples share: reading, placing, networks, saving.

An author writes the hooks of `RunEstimator`, and here `_network` (the module that is trained and kept, of the networks
in ``networks_``), `_to_state` and `_from_state`.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, instance, nothing
from netwright.estimators.parameters import CONSTRAINTS, value_of
from netwright.estimators.trained import LOOKED_AT, RunEstimator
from netwright.graph import Expression
from netwright.train import Batches, Precision, choose_device
from netwright.vision.generative import saving
from netwright.vision.generative.reading import Form

NETWORK: Constraint = nothing | instance(Expression, text="layers joined by >>") | instance(str, text="their text")
_SHARED = ("batch_size", "average", "device", "checkpoint", "resume", "callbacks", "verbose")
OPTIONS: Mapping[str, Constraint] = {name: CONSTRAINTS[name] for name in _SHARED}
PIECE = 256  # samples that pass through a network together


class Generative(RunEstimator):
    """The abstract base of estimators that make samples."""

    _constraints: ClassVar[Mapping[str, Constraint]] = OPTIONS

    optimizer: Any
    average: float | None
    device: Any
    form_: Form
    seed_: int
    networks_: dict[str, Expression]
    _precision: Precision

    @abstractmethod
    def _network(self, seed: int) -> torch.nn.Module:
        """The module of ``networks_``, with fresh weights, as it is kept."""

    @abstractmethod
    def _to_state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What was found out about the data, as JSON and as arrays."""

    @abstractmethod
    def _from_state(self, state: dict[str, Any], arrays: dict[str, Any]) -> None:
        """The inverse of `_to_state`."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted estimator to one file, never pickle; `netwright.load` reads it.

        Parameters
        ----------
        path : of the file; an existing one is replaced only when the new one is complete.
        """
        check_is_fitted(self, "module_")
        saving.save(self, path)

    def _place(self, module: torch.nn.Module) -> None:
        """Bring a module to the device and layout of the fit."""
        images = len(self.form_.shape) == 3
        self._precision = Precision(device=choose_device(str(self.device)), channels_last=images)
        self._precision.place(module)

    def _alone(self) -> None:
        if self._group.several:
            remedy = "Leave devices out."
            raise InvalidParameter(problem(f"{self._name}.fit", "one process", "several", remedy))

    def _batchwise(self, rule: Any) -> Any:
        """An update rule or its text as a rule, which updates batch by batch."""
        found = value_of(rule, "optimizer")
        if found.full_batch:
            expected = "a rule that updates batch by batch"
            raise InvalidParameter(
                problem(f"{self._name}(optimizer)", expected, shown(rule), "Use one such as Adam().")
            )
        return found

    def _looked_at(self, parts: list[Any]) -> list[Batches]:
        return [part.some(LOOKED_AT) for part in parts]
