"""Targets of which quantiles are predicted."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import torch

from netwright.estimators.regression.described import Described


@final
class Levels(Described):
    """A target whose quantiles `netwright.losses.Quantiles` reads from the outputs."""

    def _learned(self, y: np.ndarray, z: np.ndarray, weight: np.ndarray | None) -> Any:
        return self.loss

    def encode(self, y: np.ndarray) -> np.ndarray:
        """y as (n, m), standardised."""
        return self.numbers.encode(y)

    def _more(self) -> dict[str, Any]:
        return {}

    def _take(self, state: dict[str, Any]) -> None:
        pass

    def _meaning(self) -> str:
        levels, m = len(self.loss.levels), self.loss.outputs
        return f"{levels} quantile{'s' * (levels > 1)}" + f" of {m} numbers" * (m > 1)

    def _judged(self, outputs: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.loss.read(outputs)[:, self.loss.middle], target

    def decode(self, outputs: torch.Tensor) -> np.ndarray:
        """Outputs as quantiles in the scale of y, (n, Q) or (n, Q, m), in double precision."""
        z = self.loss.read(outputs.double()).cpu().numpy()
        return self.scaler.inverse(z if self.numbers.shape else z[:, :, 0])
