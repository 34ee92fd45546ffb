"""What a generative network learns from: rows of features or images, and the way back to the form that came.

==================================== ===================== ====================================================
what comes                           what a network sees   its range
==================================== ===================== ====================================================
(n, features)                        (n, features)         standardised: mean 0 and deviation 1 of each column; a
                                                           constant one is 0
(n, height, width)                   (n, 1, h, w)          low to high, from bytes or numbers in [0, 1]
(n, height, width, 1 or 3)           (n, 1 or 3, h, w)     the same
(n, 1 or 3, height, width)           (n, 1 or 3, h, w)     the same
==================================== ===================== ====================================================

Samples go back in the same layout: bytes where bytes came, else numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, problem
from netwright.core.readable import as_numbers
from netwright.vision.columns import names_of, require_filled, require_names, require_width

CHANNELS = (1, 3)
KINDS = "rows (n, features) or images (n, height, width), (n, height, width, 3) or (n, 3, height, width)"
CONSTANT = 1e-7  # deviation, as a share of the mean, up to which a column counts as constant, as rounding makes it
LEAST = 1e-30  # and in any case, as numbers of 32 bits have no room below it
SLACK = 1e-4  # by which a number may lie outside [0, 1], from rounding


@dataclass(frozen=True)
class Form:
    """The form of samples, and how it is changed into what a network sees.

    Parameters
    ----------
    shape : of one sample as the network sees it, (features,) or (channels, height, width).
    layout : "rows", "gray", "last" or "first", the place of the channels.
    bytes : whether images came as bytes.
    low, high : the range of images.
    mean, spread : of each feature, the spread 0 of a constant one, which comes back as it was; () for images.
    names : of the columns of a frame; () for others.
    """

    shape: tuple[int, ...]
    layout: str
    bytes: bool = False
    low: float = 0.0
    high: float = 1.0
    mean: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    names: tuple[str, ...] = ()

    @classmethod
    def first(cls, X: Any, where: str) -> tuple[Form, Tensor]:
        """The form of the samples of a fit, with the samples as `again` gives them.

        Parameters
        ----------
        X : see this module.
        where : how an error names it.

        Raises
        ------
        InvalidData : other shapes, fewer than two samples, numbers that are not finite, images outside [0, 1], samples
            that are all the same.

        Examples
        --------
        >>> form, x = Form.first(np.eye(4, dtype=np.uint8).reshape(2, 2, 4) * 255, "X")
        >>> form.shape, form.layout, form.bytes, x.shape
        ((1, 2, 4), 'gray', True, torch.Size([2, 1, 2, 4]))
        """
        array = _array(X, where)
        layout = _layout(array, where)
        x = _checked(array, layout, where)
        if len(x) < 2:
            got = f"{len(x)} sample"
            raise InvalidData(problem(where, "at least two samples, better hundreds", got, "Give more rows."))
        if bool((x == x[:1]).all()):
            remedy = "Look at how they were read: there is nothing to learn from them."
            raise InvalidData(problem(where, "samples that differ", f"{len(x)} identical ones", remedy))
        shape = tuple(x.shape[1:])
        if layout != "rows":
            return cls(shape, layout, x.dtype == torch.uint8), x
        mean, spread = x.double().mean(0), x.double().std(0, unbiased=False)
        spread = torch.where(spread > CONSTANT * mean.abs() + LEAST, spread, torch.zeros_like(spread))
        return cls(shape, layout, mean=tuple(mean.tolist()), spread=tuple(spread.tolist()), names=names_of(X)), x

    def again(self, X: Any, where: str) -> Tensor:
        """Samples that come after a fit, (n, features) or (n, channels, height, width), numbers or bytes.

        Parameters
        ----------
        X : in the form of the fit.
        where : how an error names it.

        Raises
        ------
        InvalidData : samples of another form.
        """
        require_names(X, self.names, where)
        array = _array(X, where)
        if self.layout == "rows":
            require_width(array.shape, self.shape[0], where)
        x = _checked(array, _layout(array, where), where)
        if tuple(x.shape[1:]) != self.shape:
            got = f"shape {tuple(array.shape)}"
            raise InvalidData(problem(where, f"samples of the shape {self.shape}, as in fit", got))
        return x

    def within(self, low: float, high: float) -> Form:
        """The form with another range of images.

        Parameters
        ----------
        low, high : of the range.
        """
        return replace(self, low=low, high=high)

    def scaled(self, x: Tensor) -> Tensor:
        """Samples as the network sees them.

        Parameters
        ----------
        x : as `again` gives them.
        """
        if self.layout == "rows":
            return (x - x.new_tensor(self.mean)) / x.new_tensor([spread or 1.0 for spread in self.spread])
        unit = x.float() / 255 if x.dtype == torch.uint8 else x
        return unit * (self.high - self.low) + self.low

    def restored(self, x: Tensor) -> NDArray[Any]:
        """Samples of a network in the form that came.

        Parameters
        ----------
        x : (n, *shape).

        Examples
        --------
        >>> form, x = Form.first(np.array([[0.0, 1.0], [2.0, 5.0]]), "X")
        >>> form.restored(form.scaled(x)).tolist()
        [[0.0, 1.0], [2.0, 5.0]]
        """
        found: NDArray[Any] = self.given(x.detach().cpu().float()).contiguous().numpy()
        return found

    def given(self, x: Tensor) -> Tensor:
        """The same as a tensor.

        Parameters
        ----------
        x : (n, *shape).
        """
        if self.layout == "rows":
            return x * x.new_tensor(self.spread) + x.new_tensor(self.mean)
        unit = ((x - self.low) / (self.high - self.low)).clamp(0, 1)
        images = (unit * 255).round().to(torch.uint8) if self.bytes else unit
        if self.layout == "gray":
            return images[:, 0]
        return images.permute(0, 2, 3, 1) if self.layout == "last" else images

    def seen(self, x: Tensor) -> Tensor:
        """Samples in the form that came, with the channels where `again` puts them.

        Parameters
        ----------
        x : (n, ...) in the layout of the fit.
        """
        if self.layout == "gray":
            return x[:, None]
        return x.permute(0, 3, 1, 2) if self.layout == "last" else x

    def empty(self, n: int) -> Tensor:
        """Samples of zeros in the form that came.

        Parameters
        ----------
        n : how many.

        Examples
        --------
        >>> Form((1, 2, 4), "gray", bytes=True).empty(3).shape
        torch.Size([3, 2, 4])
        """
        return torch.zeros_like(self.given(torch.zeros(n, *self.shape)))

    def to_state(self) -> dict[str, Any]:
        """The form as JSON."""
        own = {name: list(item) if isinstance(item, tuple) else item for name, item in vars(self).items()}
        return own if self.names else {name: item for name, item in own.items() if name != "names"}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Form:
        """The inverse of `to_state`.

        Parameters
        ----------
        state : that it gave.
        """
        named: dict[str, Any] = {name: tuple(item) if isinstance(item, list) else item for name, item in state.items()}
        return cls(**named)


def _array(X: Any, where: str) -> NDArray[Any]:
    try:
        return as_numbers(X, where, KINDS)
    except InvalidData as error:
        if "inhomogeneous" not in str(error):
            raise
        remedy = "Bring images to one size, and rows to one length."
        raise InvalidData(problem(where, KINDS, "samples of several shapes", remedy)) from error


def _layout(array: NDArray[Any], where: str) -> str:
    require_filled(array, KINDS, where)
    if not array.size:
        raise InvalidData(problem(where, KINDS, f"an empty array of shape {array.shape}"))
    if array.ndim == 2:
        return "rows"
    if array.ndim == 3:
        return "gray"
    if array.ndim == 4 and array.shape[3] in CHANNELS:
        return "last"
    if array.ndim == 4 and array.shape[1] in CHANNELS:
        return "first"
    remedy = "Lay transparent images on a colour first." if array.ndim == 4 and 4 in array.shape[1:] else ""
    raise InvalidData(problem(where, KINDS, f"shape {array.shape}", remedy))


def _checked(array: NDArray[Any], layout: str, where: str) -> Tensor:
    """The samples as a tensor, channels first; images are bytes or in [0, 1]."""
    require_finite(array, where)
    if array.dtype != np.uint8 or layout == "rows":
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    if layout == "rows":
        require_finite(array, where)  # as numbers of 32 bits
        return torch.from_numpy(np.ascontiguousarray(array))
    if array.dtype != np.uint8:
        least, most = float(array.min()), float(array.max())
        if least < -SLACK or most > 1 + SLACK:
            worst = int(np.abs(array.reshape(len(array), -1) - 0.5).max(1).argmax())
            remedy = "Divide by 255." if least >= 0 and most <= 255 else "Scale them to [0, 1]."
            got = f"numbers from {least:g} to {most:g}, as in image {worst}"
            raise InvalidData(problem(where, "images of bytes (uint8), or of numbers in [0, 1]", got, remedy))
    images = array[:, None] if layout == "gray" else array.transpose(0, 3, 1, 2) if layout == "last" else array
    return torch.from_numpy(np.ascontiguousarray(images))
