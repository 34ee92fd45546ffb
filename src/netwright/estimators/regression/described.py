"""A target that a network describes by several numbers a row: standardised for training, and given back on its scale.

What the numbers mean is the loss's own business: it reads densities, quantiles or bins from the outputs. An author of
such a target writes the hooks: what of the loss is learned from the training rows, how a target is told to it, what the
outputs are in words, and which answers R^2 judges.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import torch

from netwright.core.errors import InvalidData, problem
from netwright.estimators.exporting.distributions import Answer
from netwright.estimators.networks import advice
from netwright.estimators.numbers import Numbers
from netwright.estimators.regression.heads import with_head
from netwright.estimators.scaling import Scaler, target_scaler
from netwright.graph import Expression, Shape
from netwright.layers import Linear
from netwright.layers.init import Normal

START = 0.01  # deviation of the head's weights: the outputs begin near 0, and what that means the loss says


class Described(ABC):
    """The shape and the scale of a target, and the loss that knows what the outputs mean.

    Parameters
    ----------
    shape : of one target, () or (m,). loss : with `width`, the number of outputs that it reads.

    Attributes
    ----------
    numbers : the target as numbers, with its scaler. notes : what a user should know, in sentences.
    """

    def __init__(self, shape: Shape, loss: Any) -> None:
        if len(shape) > 1:
            remedy = "Give y.reshape(len(y), -1)."
            raise InvalidData(problem("y", "shape (n,) or (n, m)", f"samples of shape {shape}", remedy))
        self.numbers = Numbers(shape)
        self.loss = loss
        self.notes: tuple[str, ...] = ()

    @abstractmethod
    def _learned(self, y: np.ndarray, z: np.ndarray, weight: np.ndarray | None) -> Any:
        """The loss for training targets y, (n, m), that are z when they are standardised."""

    @abstractmethod
    def encode(self, y: np.ndarray) -> np.ndarray:
        """y as (n, m), as the loss takes it."""

    @abstractmethod
    def _meaning(self) -> str:
        """What the outputs are."""

    @abstractmethod
    def _judged(self, outputs: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Answers and encoded targets as numbers that R^2 compares, both (n, m), on any scale."""

    @abstractmethod
    def graph_answer(self, estimator: Any) -> Answer:
        """What the graph of the fitted estimator answers, see `netwright.estimators.exporting`."""

    def learn(self, y: np.ndarray, weight: np.ndarray | None) -> None:
        """Scale of the training rows, and what the loss has to know of them."""
        y = np.asarray(y, dtype=np.float64)
        self.numbers.scaler = target_scaler(y, weight)
        z = self.scaler.transform(y).reshape(len(y), -1)
        self.loss = self._learned(y.reshape(len(y), -1), z, weight)

    def head(self, loss: Any = None) -> Expression:
        """The last layer of a network for this target."""
        return Linear(self.outputs, weight=Normal(START))

    def complete(self, network: Expression) -> Expression:
        """A closed network with that layer."""
        return with_head(network, self.head())

    @property
    def outputs(self) -> int:
        """How many numbers a network gives."""
        return int(self.loss.width)

    def default_loss(self) -> Any:
        """The loss."""
        return self.loss

    def expect(self, shapes: tuple[Shape, ...], link: str, network: Any = None) -> None:
        """Accept a network that gives as many numbers a row as the loss reads, or say what it is to end in.

        Raises
        ------
        InvalidData : other outputs, or an activation that was split off.
        """
        wanted = ((self.outputs,),)
        got = shapes[0] if len(shapes) == 1 else shapes
        remedy = advice(network, shapes, wanted, Linear(self.outputs), link)
        if isinstance(network, Expression):
            remedy += " Or leave the last layer out: a network that ends in an activation gets this one."
        if shapes != wanted:
            raise InvalidData(problem("network", f"outputs of shape {wanted[0]}: {self._meaning()}", f"{got}", remedy))
        if link != "identity":
            expected = f"an end without an activation: {self._meaning()}"
            raise InvalidData(problem("network", expected, f"a {link}", remedy))

    def fit(self, y: np.ndarray, weight: np.ndarray | None, loss: Any, free: bool) -> None:
        """Refuse an activation behind the head; all else is learned.

        Raises
        ------
        InvalidData : the last layer bounds the outputs.
        """
        if not free:
            remedy = f"End it with Linear({self.outputs})."
            raise InvalidData(problem("network", "outputs that can be any number", "an activation at its end", remedy))

    @abstractmethod
    def _more(self) -> dict[str, Any]:
        """What a file needs beside scale and loss."""

    @abstractmethod
    def _take(self, state: dict[str, Any]) -> None:
        """The inverse of `_more`."""

    def to_state(self) -> dict[str, Any]:
        """What a file needs beside the loss."""
        return {**self.numbers.to_state(), "notes": list(self.notes), **self._more()}

    @classmethod
    def from_state(cls, state: dict[str, Any], loss: Any) -> Self:
        """The inverse of `to_state`."""
        made = cls(tuple(state["shape"]), loss)
        made.numbers, made.notes = Numbers.from_state(state), tuple(state["notes"])
        made._take(state)
        return made

    @property
    def scaler(self) -> Scaler:
        """The scale of the target."""
        assert self.numbers.scaler is not None
        return self.numbers.scaler

    def r2(self, outputs: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None) -> float:
        """The coefficient of determination of the answers."""
        answers, truths = self._judged(outputs, target)
        return self.numbers.r2(answers, truths, weight, "identity")
