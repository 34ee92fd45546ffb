"""Targets of which quantiles are predicted."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import torch

from netwright.estimators.exporting.distributions import PREDICTION, Answer, QuantileAnswer
from netwright.estimators.regression.described import Described


@final
class Levels(Described):
    """A target whose quantiles `netwright.losses.Quantiles` reads from the outputs."""

    def _learned(self, y: np.ndarray, z: np.ndarray, weight: np.ndarray | None) -> Any:
        return self.loss

    def graph_answer(self, estimator: Any) -> Answer:
        """The quantiles."""
        made = QuantileAnswer(self.loss, not self.numbers.shape, self.scaler)
        return made, {**PREDICTION, "quantiles": "the quantiles of the levels"}, {"levels": list(self.loss.levels)}

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


def deviation_of(quantiles: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The standard deviation of the distribution whose quantile function Q goes straight from level to level.

    The first and the last piece go on to 0 and to 1. With the ends a, b of the pieces and their widths w in level::

        E[Y] = sum w (a + b) / 2        E[Y^2] = sum w (a^2 + a b + b^2) / 3

    It is exact for uniform distributions; of a normal one of deviation 1 it is 1.06 with the levels 0.05, 0.5, 0.95 and
    0.98 with 0.25 and 0.75 between them.

    Parameters
    ----------
    quantiles : (n, Q) or (n, Q, m). levels : (Q,), at least two.

    Examples
    --------
    >>> float(deviation_of(np.array([[0.1, 0.5]]), np.array([0.1, 0.5]))[0] * 12**0.5)
    1.0
    """
    q = np.moveaxis(quantiles, 1, 0)  # (Q, n, ...)
    q = q - q[len(q) // 2]
    first = q[0] - (q[1] - q[0]) * levels[0] / (levels[1] - levels[0])
    last = q[-1] + (q[-1] - q[-2]) * (1 - levels[-1]) / (levels[-1] - levels[-2])
    ends = np.concatenate([first[None], q, last[None]])
    widths = np.diff(levels, prepend=0.0, append=1.0).reshape(-1, *[1] * (q.ndim - 1))
    a, b = ends[:-1], ends[1:]
    mean = (widths * (a + b) / 2).sum(0)
    spread: np.ndarray = np.sqrt(np.maximum((widths * (a * a + a * b + b * b) / 3).sum(0) - mean**2, 0.0))
    return spread
