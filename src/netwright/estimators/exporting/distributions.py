"""What the graph of a regressor of distributions answers: quantiles, mixtures, bins, in the unit of the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.estimators.scaling import Scaler

PREDICTION = {"prediction": "what predict gives, in the unit of y"}
Answer = tuple[torch.nn.Module, Mapping[str, str], Mapping[str, Any]]  # module, meaning of each output, what else


class Unit(torch.nn.Module):
    """Standardised numbers in the unit of the target: x scale + mean.

    Parameters
    ----------
    scaler : of the target, or None.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, scaler: Scaler | None) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(0.0 if scaler is None else scaler.mean, dtype=torch.float64))
        self.register_buffer("scale", torch.tensor(1.0 if scaler is None else scaler.scale, dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        """any shape, kept"""
        return z * self.scale + self.mean


class QuantileAnswer(torch.nn.Module):
    """Quantiles, and the middle one.

    Parameters
    ----------
    loss : that reads them from outputs. flat : whether a target is one number. scaler : of the target.
    """

    def __init__(self, loss: Any, flat: bool, scaler: Scaler) -> None:
        super().__init__()
        self.loss, self.flat, self.unit = loss, flat, Unit(scaler)

    def forward(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, width) -> (batch, ...), (batch, Q, ...)"""
        z = self.loss.read(outputs).double()
        found = self.unit(z[:, :, 0] if self.flat else z)
        return found[:, self.loss.middle], found


class MixtureAnswer(torch.nn.Module):
    """Mixtures of Gaussians, with their means and deviations.

    Parameters
    ----------
    loss : that reads them from outputs. flat : whether a target is one number. scaler : of the target.
    """

    def __init__(self, loss: Any, flat: bool, scaler: Scaler) -> None:
        super().__init__()
        self.loss, self.flat, self.unit = loss, flat, Unit(scaler)

    def forward(self, outputs: Tensor) -> tuple[Tensor, ...]:
        """(batch, width) -> (batch, ...) twice, (batch, K), (batch, K, ...) twice"""
        log_weights, means, deviations = (part.double() for part in self.loss.read(outputs))
        if self.flat:
            means, deviations = means[:, :, 0], deviations[:, :, 0]
        weights = log_weights.softmax(1)
        means, deviations = self.unit(means), deviations * self.unit.scale
        w = weights if self.flat else weights[:, :, None]
        mean = (w * means).sum(1)
        variance = (w * (deviations.square() + (means - mean[:, None]).square())).sum(1)
        return mean, variance.sqrt(), weights, means, deviations


class BinAnswer(torch.nn.Module):
    """Probabilities of bins, and the answer that follows from them.

    Parameters
    ----------
    target : the fitted one, see `netwright.estimators.regression.binned_target`.
    how : "mean", "median", "mode" or a level.
    """

    centres: Tensor
    low: Tensor
    high: Tensor
    widths: Tensor

    def __init__(self, target: Any, how: Any) -> None:
        super().__init__()
        self.loss, self.how, self.single, self.shape = target.loss, how, target.single, target.numbers.shape
        self.loss.probabilities(torch.zeros(1, self.loss.width))  # what it works out once stays out of the graph
        arrays = {"centres": target.centres, "low": target.low, "high": target.high, "widths": np.diff(target.edges)}
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(array, dtype=np.float64)))

    def forward(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, width) -> (batch, ...), (batch, B)"""
        p = self.loss.probabilities(outputs).double()
        p = p / p.sum(1, keepdim=True)  # far from 0 the mean feels that single precision misses 1
        return self._answer(p).reshape(-1, *self.shape), p

    def _answer(self, p: Tensor) -> Tensor:
        if self.how == "mean":
            return p @ self.centres
        if self.how == "mode":
            return self.centres[(p if self.single else p / self.widths).argmax(1)]
        level = 0.5 if self.how == "median" else float(self.how)
        reached = p.cumsum(1)[:, :-1]  # the last one is 1, whatever the rounding
        k = (reached < level).sum(1)
        own = p.gather(1, k[:, None])[:, 0]
        before = torch.cat([torch.zeros_like(own[:, None]), reached], dim=1).gather(1, k[:, None])[:, 0]
        share = torch.where(own > 0, (level - before) / own.clamp_min(1e-300), 0.5).clamp(0, 1)
        return self.low[k] + share * (self.high[k] - self.low[k])
