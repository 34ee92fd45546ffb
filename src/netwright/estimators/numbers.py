"""Targets that are numbers: scaled to mean 0 and deviation 1 for training, and back in predict.

A network learns targets of the order of 1 easily and targets of the order of 1e5 hardly; so the regressor scales the
target by its training rows and undoes it in `predict`, in double precision. Losses that need the target itself (MSLE)
get it unscaled, and so do networks that end in an activation: a sigmoid or a rectifier says what its outputs may be.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, problem
from netwright.estimators.networks import advice
from netwright.estimators.scaling import Scaler, target_scaler
from netwright.graph import Expression, Shape
from netwright.layers import Linear
from netwright.losses import MSE, apply_link


def read_numbers(y: np.ndarray, name: str, classes: Any = None) -> np.ndarray:
    """A numeric target, (n, ...), of the type that it came in where that is one of numbers.

    Parameters
    ----------
    y : as `read_target` gives it. name : of the estimator. classes : what its `partial_fit` was given.

    Raises
    ------
    InvalidData : dates, texts, or classes.
    """
    if classes is not None:
        raise InvalidData(problem(f"{name}.partial_fit", "no classes", f"classes={classes!r}"))
    if y.dtype.kind in "mM":
        remedy = "Turn dates into numbers first, such as days since the first."
        raise InvalidData(problem("y", "numbers", f"dates ({y.dtype})", remedy))
    if y.dtype.kind in "fiub":
        return y
    if y.dtype.kind == "V":
        raise InvalidData(problem("y", "numbers", f"records ({y.dtype})", "Give one field: y[name]."))
    try:
        found = y.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidData(problem("y", "numbers", f"{y.dtype}: {error}", "Use Classifier for labels.")) from error
    require_finite(found, "y")
    return found


class Numbers:
    """The shape and the scale of a numeric target.

    Attributes
    ----------
    shape : of one sample's target: () for one number, (m,) for m numbers, and so on. scaler : the fitted `Scaler`.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, shape: Shape, scaler: Scaler | None = None) -> None:
        self.shape = shape
        self.scaler = scaler

    def head(self, loss: Any = None) -> Expression:
        """The last layer of a network for this target."""
        return Linear(self.outputs)

    def learn(self, y: np.ndarray, weight: np.ndarray | None) -> None:
        """The shape is all that is to be known before there is a network."""

    def complete(self, network: Expression) -> Expression:
        """The network itself, which has its head."""
        return network

    @property
    def outputs(self) -> int:
        """How many numbers a network gives."""
        return int(np.prod(self.shape, dtype=int))

    def default_loss(self) -> Any:
        """Mean squared error."""
        return MSE()

    def expect(self, shapes: tuple[Shape, ...], link: str, network: Any = None) -> None:
        """Accept the outputs of the network, or say which ones the target needs, and what to do about the network."""
        wanted = self.shape or (1,)
        if shapes != (wanted,):
            got = shapes[0] if len(shapes) == 1 else shapes
            remedy = advice(network, shapes, (wanted,), self.head(), link)
            raise InvalidData(problem("network", f"outputs of shape {wanted}, as y has", f"{got}", remedy))

    def fit(self, y: np.ndarray, weight: np.ndarray | None, loss: Any, free: bool) -> None:
        """Learn the scale from the training rows, unless the loss is one of ratios or the outputs are not free.

        Targets (channels, height, width) or of more axes have one scale for all places of a channel.
        """
        self.scaler = (target_scaler if y.ndim < 4 else _channel_scaler)(y, weight) if loss.scalable and free else None

    def to_state(self) -> dict[str, Any]:
        """What a file needs."""
        scaler = None if self.scaler is None else [self.scaler.mean.tolist(), self.scaler.scale.tolist()]
        return {"shape": list(self.shape), "scaler": scaler}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Numbers:
        """The inverse of `to_state`."""
        scaler = None if state["scaler"] is None else Scaler(*(np.array(part) for part in state["scaler"]))
        return cls(tuple(state["shape"]), scaler)

    def checked(self, y: np.ndarray) -> np.ndarray:
        """y in double precision, if its samples have the shape of those in fit.

        Raises
        ------
        InvalidData : another shape.
        """
        y = np.asarray(y, dtype=np.float64)
        if y.shape[1:] != self.shape:
            raise InvalidData(problem("y", f"samples of shape {self.shape}, as in fit", f"{y.shape[1:]}"))
        return y

    def encode(self, y: np.ndarray) -> np.ndarray:
        """y as (n, 1) or (n, ...) in the scale that the network learns."""
        y = self.checked(y)
        scaled = y if self.scaler is None else self.scaler.transform(y)
        return scaled.reshape(len(y), *(self.shape or (1,)))

    def decode(self, outputs: torch.Tensor, link: str) -> np.ndarray:
        """Outputs as numbers in the scale of y."""
        z = apply_link(link, outputs).cpu().numpy()
        z = z.reshape(len(z), *self.shape)
        return z if self.scaler is None else self.scaler.inverse(z.astype(np.float64))

    def r2(self, outputs: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None, link: str) -> float:
        """The coefficient of determination, averaged over outputs; scaling leaves it as it is."""
        z, t = apply_link(link, outputs).double().flatten(1), target.double().flatten(1)
        w = torch.ones(len(t), 1, dtype=torch.float64, device=t.device) if weight is None else weight.double()[:, None]
        mean = (w * t).sum(0) / w.sum()
        residual, total = (w * (t - z) ** 2).sum(0), (w * (t - mean) ** 2).sum(0)
        ratio = torch.where(total > 0, residual / total.clamp_min(1e-300), (residual > 0).double())
        return float((1 - ratio).mean())


def _channel_scaler(y: np.ndarray, weight: np.ndarray | None) -> Scaler:
    """One mean and deviation for each channel of (n, channels, *space)."""
    n, channels, places = len(y), y.shape[1], int(np.prod(y.shape[2:]))
    rows = np.moveaxis(y, 1, -1).reshape(n * places, channels)
    found = target_scaler(rows, None if weight is None else np.repeat(weight, places))
    shape = (channels, *(1 for _ in y.shape[2:]))
    return Scaler(found.mean.reshape(shape), found.scale.reshape(shape))
