"""What every loss is: a value that turns outputs and targets into one number, and into one number a sample.

For outputs z before the link f, targets t, samples i and weights w::

    l_i = mean over the other axes of l(f(z_i), t_i)        terms
    L   = 1/n sum_i w_i l_i                                 the loss; w_i = 1 without weights

Weights are not divided by their sum: who gives them scales them to mean 1 over all rows, so that mini-batches keep
their share. A new loss is one file: a final class under ``@value("loss")`` with its options and the three hooks below.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.losses.link import LINKS

_LAYERS = {  # what a link is called when it is a layer
    "identity": "Linear",
    "softmax": "Softmax",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "hard_sigmoid": "HardSigmoid",
    "log_softmax": "LogSoftmax",
    "log_sigmoid": "LogSigmoid",
}
_HALF = (torch.bfloat16, torch.float16)


class Loss(ABC):
    """A loss as a value; subclasses declare their options and write `_check`, `_check_values` and `_values`.

    Class-level facts:

    ``link``      the link that belongs to the loss: a network that ends in it is trained on what comes before it
    ``links``     all links that the loss takes
    ``pairing``   what to do about another one, in words
    ``targets``   the targets that it takes: "number", "binary", "class" (indices), "distribution" (rows)
    ``scalable``  whether targets may be shifted and scaled for training without changing what the loss means
    ``root``      whether the loss is the square root of the mean of its terms
    ``squares``   whether the loss is the mean of the squares of f(z) - t, so that rules of least squares apply
    """

    link: ClassVar[str] = "identity"
    links: ClassVar[tuple[str, ...]] = tuple(LINKS)
    pairing: ClassVar[str] = ""
    targets: ClassVar[tuple[str, ...]] = ("number",)
    scalable: ClassVar[bool] = False
    root: ClassVar[bool] = False
    squares: ClassVar[bool] = False

    @final
    def __call__(self, output: Tensor, target: Tensor, weight: Tensor | None = None, link: str = "identity") -> Tensor:
        """The loss of a batch, a scalar.

        Parameters
        ----------
        output : what the network gives before its link.
        target : what it should have given.
        weight : a number >= 0 for each sample, with mean 1 over all rows; None for ones.
        link : name of the link that was split off the network, "identity" if none.

        Shapes
        ------
        output (n, ...), target (n, ...) as the loss says, weight (n,) -> scalar

        Raises
        ------
        InvalidData : shapes that do not match (nothing is broadcast), or no samples.
        InvalidParameter : a link that the loss does not take.
        """
        output = self._accept(output, target, link)
        if weight is not None:
            return self.reduce(_by_sample(self._values(output, target, link, "none")), weight)
        mean = self._values(output, target, link, "mean")
        return _root(mean) if self.root else mean

    @final
    def terms(self, output: Tensor, target: Tensor, link: str = "identity") -> Tensor:
        """One number a sample; `reduce` makes the loss of them.

        Shapes
        ------
        output (n, ...), target (n, ...) as the loss says -> (n,)

        Raises
        ------
        InvalidData, InvalidParameter : as the loss itself.
        """
        output = self._accept(output, target, link)
        return _by_sample(self._values(output, target, link, "none"))

    @final
    def reduce(self, terms: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss from its terms: the mean of w_i l_i, and its square root where the loss is one.

        Shapes
        ------
        terms (n,), weight (n,) -> scalar

        Raises
        ------
        InvalidData : a weight of another shape.
        """
        if weight is None:
            mean = terms.mean()
        elif weight.shape == terms.shape:
            mean = (terms * weight).mean()
        else:
            raise InvalidData(
                problem(
                    f"{type(self).__name__}(weight)",
                    f"one number a sample, shape {tuple(terms.shape)}",
                    f"shape {tuple(weight.shape)}",
                    "Use weight.reshape(-1)." if weight.numel() == terms.numel() else "",
                )
            )
        return _root(mean) if self.root else mean

    @final
    def residuals(self, output: Tensor, target: Tensor, weight: Tensor | None = None, link: str = "identity") -> Tensor:
        """What the loss is the mean square of, sqrt(w) (f(z) - t); only where `squares` says that there is such.

        Shapes
        ------
        output (n, ...), target (n, ...), weight (n,) -> (n, ...)

        Raises
        ------
        InvalidParameter : a loss that is no mean of squares.
        InvalidData : shapes that do not match.
        """
        if not self.squares:
            raise InvalidParameter(
                problem(
                    f"{type(self).__name__}.residuals",
                    "a loss that is a mean of squares",
                    repr(self),
                    "Use MSE() for least squares.",
                )
            )
        difference = LINKS[link](self._accept(output, target, link)) - like(output, target)
        return difference if weight is None else difference * weight.sqrt().reshape(-1, *[1] * (difference.ndim - 1))

    @final
    def check_target(self, output_shape: tuple[int, ...], target: Tensor) -> None:
        """Accept all targets of a training run, once before it: their shape, their type and their values.

        Parameters
        ----------
        output_shape : shape of the network's output for one sample, without the batch axis.
        target : the targets of all samples.

        Raises
        ------
        InvalidData : a shape that does not match, or a value that cannot be: the first row and its value are named.
        """
        n = target.shape[0] if target.ndim else 0
        shape = torch.Size((n, *output_shape))
        self._check(shape, target)
        self._check_values(shape, target)

    @final
    def _accept(self, output: Tensor, target: Tensor, link: str) -> Tensor:
        """The output, at least in single precision, if it goes with the target and the link."""
        if link not in self.links:
            name = type(self).__name__
            takes = " or ".join(_LAYERS.get(known, known) for known in self.links)
            raise InvalidParameter(
                problem(f"{name}(link)", f"a network that ends in {takes}", shown(link), self.pairing)
            )
        self._check(output.shape, target)
        if not output.numel():
            raise InvalidData(
                problem(f"{type(self).__name__}(output)", "at least one sample", f"shape {tuple(output.shape)}")
            )
        return output.float() if output.dtype in _HALF else output

    @abstractmethod
    def _check(self, shape: torch.Size, target: Tensor) -> None:
        """Raise `InvalidData` unless the target goes with outputs of this shape, (n, ...); reads no values."""

    @abstractmethod
    def _check_values(self, shape: torch.Size, target: Tensor) -> None:
        """Raise `InvalidData` unless all values of the target can be; its shape has been checked."""

    @abstractmethod
    def _values(self, output: Tensor, target: Tensor, link: str, reduction: str) -> Tensor:
        """The mean over everything ("mean"), or the losses with the sample axis first and no class axis ("none")."""


def like(output: Tensor, target: Tensor) -> Tensor:
    """The target in the output's number format."""
    return target if target.dtype is output.dtype else target.to(output.dtype)


def _by_sample(values: Tensor) -> Tensor:
    return values if values.ndim == 1 else values.flatten(1).mean(1)


def _root(mean: Tensor) -> Tensor:
    """The square root, whose gradient at 0 is 0 and not infinite: the loss is at its minimum there."""
    positive = mean > 0
    return torch.where(positive, torch.where(positive, mean, 1.0).sqrt(), mean)
