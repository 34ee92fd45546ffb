"""Targets that are predicted as mixtures of Gaussians.

The centres at which the means of K components begin are the quantiles (k + 1/2) / K of the training targets, of several
numbers those along their first principal axis.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

import numpy as np
import torch

from netwright.estimators.exporting.distributions import PREDICTION, Answer, MixtureAnswer
from netwright.estimators.regression.described import Described
from netwright.estimators.regression.mixtures import Mixture

Centres = tuple[tuple[float, ...], ...]


@final
class Densities(Described):
    """A target whose distribution a `netwright.losses.MixtureDensity` reads from the outputs."""

    def _learned(self, y: np.ndarray, z: np.ndarray, weight: np.ndarray | None) -> Any:
        k = self.loss.components
        return replace(self.loss, centres=centres_of(z, weight, k) if k > 1 else None)

    def graph_answer(self, estimator: Any) -> Answer:
        """The mixtures."""
        names = ("weights", "means", "deviations")
        meanings = {"deviation": "the standard deviation", **dict.fromkeys(names, "of each component")}
        return MixtureAnswer(self.loss, not self.numbers.shape, self.scaler), {**PREDICTION, **meanings}, {}

    def encode(self, y: np.ndarray) -> np.ndarray:
        """y as (n, m), standardised."""
        return self.numbers.encode(y)

    def _more(self) -> dict[str, Any]:
        return {}

    def _take(self, state: dict[str, Any]) -> None:
        pass

    def _meaning(self) -> str:
        k, m = self.loss.components, self.loss.outputs
        meaning = f"{'weights, ' * (k > 1)}means and deviations of {k} component{'s' * (k > 1)}"
        return meaning + f" over {m} numbers" * (m > 1)

    def _judged(self, outputs: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        log_weights, means, _ = self.loss.read(outputs)
        return (log_weights.exp()[:, :, None] * means).sum(1), target

    def decode(self, outputs: torch.Tensor) -> Mixture:
        """Outputs as mixtures in the scale of y, in double precision."""
        parts = self.loss.read(outputs.double())
        log_weights, means, deviations = (part.cpu().numpy() for part in parts)
        if not self.numbers.shape:
            means, deviations = means[:, :, 0], deviations[:, :, 0]
        weights = np.exp(log_weights)
        means, deviations = self.scaler.inverse(means), deviations * self.scaler.scale
        return Mixture(weights / weights.sum(1, keepdims=True), means, deviations)


def centres_of(z: np.ndarray, weight: np.ndarray | None, k: int) -> Centres:
    """K points (k + 1/2) / K along the first principal axis of the targets, by their weights.

    Shapes
    ------
    z (n, m), weight (n,) -> K tuples of m

    Examples
    --------
    >>> centres_of(np.array([[0.0], [4.0], [1.0], [3.0], [2.0]]), None, 2)
    ((1.0,), (3.0,))
    """
    weight = np.ones(len(z)) if weight is None else weight
    axis = np.ones(1)
    if z.shape[1] > 1:
        axis = np.linalg.eigh((z * weight[:, None]).T @ z)[1][:, -1]
        axis = axis * np.sign(axis[np.abs(axis).argmax()])
    along = z @ axis
    order = along.argsort(kind="stable")
    shares = weight[order].cumsum() / weight.sum()
    rows = np.searchsorted(shares, (np.arange(k) + 0.5) / k).clip(0, len(z) - 1)
    points = along[order[rows]][:, None] * axis
    return tuple(tuple(point) for point in points.tolist())
