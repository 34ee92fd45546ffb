"""What every augmentation is: a value that makes new images of a batch by numbers that it draws from a generator.

An author writes `apply`; the call checks what comes. Numbers are drawn in float32 on the generator's device and then
taken to the images' device, so that one seed gives the same pictures in each format. Places are found in float32 at
least, whatever the format of the images: in bfloat16 the pixels beyond 256 have no numbers of their own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import torch

from netwright.core.errors import InvalidData, problem


class Augmentation(ABC):
    """A random change of images, as a value: y_i = f(x_i; u_i), with numbers u_i drawn anew for each image of a batch.

    Shapes
    ------
    x (n, channels, height, width) floating -> the same shape, dtype and device; x is not written.
    """

    @final
    def __call__(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """New images; the generator moves on, and no other random state does.

        Parameters
        ----------
        x : (n, channels, height, width), floating.
        generator : the source of all random numbers; one on the images' device is the fastest.

        Raises
        ------
        InvalidData : a tensor of another rank, or of integers.
        """
        if not isinstance(x, torch.Tensor) or x.ndim != 4 or not x.is_floating_point():
            got = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, torch.Tensor) else type(x).__name__
            expected = "a tensor of floating images (n, channels, height, width)"
            raise InvalidData(problem(f"{self!r}(x)", expected, got, "Make it one: torch.as_tensor(x).float()."))
        return self.apply(x, generator)

    @abstractmethod
    def apply(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """New images of images that have been checked."""


def uniform(
    x: torch.Tensor, generator: torch.Generator, *shape: int, low: float = -1.0, high: float = 1.0
) -> torch.Tensor:
    """Numbers from low to high for each image of x, of shape (n, *shape), on its device, of `exact_dtype`."""
    drawn = torch.empty((len(x), *shape), dtype=torch.float32, device=generator.device)
    return drawn.uniform_(low, high, generator=generator).to(x.device, exact_dtype(x))


def each(x: torch.Tensor, number: float | torch.Tensor) -> torch.Tensor:
    """A number for each image of x: (n,) of `exact_dtype`, from one number for all or a tensor (n,)."""
    return torch.as_tensor(number, dtype=exact_dtype(x), device=x.device).expand(len(x))


def exact_dtype(x: torch.Tensor) -> torch.dtype:
    """The format of numbers that belong to the images x: theirs, but float32 where theirs is shorter."""
    return torch.promote_types(x.dtype, torch.float32)
