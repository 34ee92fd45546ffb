"""What every augmentation is: a value that makes new images of a batch by numbers that it draws from a generator.

An author writes `apply`; the calls check what comes. Numbers are drawn in float32 on the generator's device and then
taken to the images' device, so that one seed gives the same pictures in each format. Places are found in float32 at
least, whatever the format of the images: in bfloat16 the pixels beyond 256 have no numbers of their own.

Points that lie in images go with them. They are (x, y) in pixels from the upper left corner of the image, x to the
right and y down: the first pixel lies between 0 and 1, and an image of w columns between 0 and w.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

import torch

from netwright.core.errors import InvalidData, InvalidParameter, problem

Move = Callable[[torch.Tensor], torch.Tensor]  # points (n, k, 2) of the old images -> where they are in the new ones

IN_CACHE = 2**18  # numbers of a piece


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
        _require_images(self, x)
        return parted(self.apply(x, generator))[0]

    @final
    def together(
        self, x: torch.Tensor, points: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """New images, those that the call makes with this generator, and where the points of the old ones are in them.

        Points may lie outside of their image, before and after.

        Parameters
        ----------
        x : (n, channels, height, width), floating.
        points : (n, k, 2), floating, on the images' device: (x, y) in pixels from the upper left corner of the image.
        generator : the source of all random numbers.

        Raises
        ------
        InvalidData : images or points of another shape or type.
        InvalidParameter : an augmentation that does not say where points go.

        Examples
        --------
        >>> from netwright.data.augment import Flip
        >>> images, points = torch.zeros(1, 3, 80, 100), torch.tensor([[[10.0, 20.0], [40.0, 60.0]]])
        >>> Flip(1.0).together(images, points, torch.Generator())[1].tolist()
        [[[90.0, 20.0], [60.0, 60.0]]]
        """
        _require_images(self, x)
        if not isinstance(points, torch.Tensor) or not points.is_floating_point() or points.ndim != 3:
            _refuse_points(self, x, points)
        if points.shape[0] != len(x) or points.shape[2] != 2 or points.device != x.device:
            _refuse_points(self, x, points)
        images, move = parted(self.apply(x, generator))
        if move is None:
            expected = "an augmentation that moves points, whose `apply` returns (images, move)"
            remedy = "Let `apply` return (images, still) where points stay; else a function on points in still's place."
            raise InvalidParameter(problem(f"{self!r}.together", expected, "one that returns images alone", remedy))
        return images, move(points)

    @abstractmethod
    def apply(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor | tuple[torch.Tensor, Move]:
        """New images of images that have been checked, and a function that says where points go, if there is one."""


def still(points: torch.Tensor) -> torch.Tensor:
    """Points that stay where they are: what `Augmentation.apply` returns beside images that change colours only.

    Parameters
    ----------
    points : (n, k, 2).

    Examples
    --------
    >>> still(torch.ones(1, 1, 2)).tolist()
    [[[1.0, 1.0]]]
    """
    return points


def parted(made: torch.Tensor | tuple[torch.Tensor, Move]) -> tuple[torch.Tensor, Move | None]:
    """What `Augmentation.apply` returned, as images and a function on points or None."""
    return (made, None) if isinstance(made, torch.Tensor) else made


def uniform(
    x: torch.Tensor, generator: torch.Generator, *shape: int, low: float = -1.0, high: float = 1.0
) -> torch.Tensor:
    """Numbers from low to high for each image of x, of shape (n, *shape), on its device, of `exact_dtype`."""
    drawn = torch.empty((len(x), *shape), dtype=torch.float32, device=generator.device)
    return drawn.uniform_(low, high, generator=generator).to(x.device, exact_dtype(x))


def pieces(x: torch.Tensor) -> list[slice]:
    """Images that are changed together: on a processor as many as stay in its cache from one step to the next."""
    size = max(1, IN_CACHE // max(1, x[:1].numel()) if x.device.type == "cpu" else len(x))
    return [slice(start, start + size) for start in range(0, len(x), size)]


def each(x: torch.Tensor, number: float | torch.Tensor) -> torch.Tensor:
    """A number for each image of x: (n,) of `exact_dtype`, from one number for all or a tensor (n,)."""
    return torch.as_tensor(number, dtype=exact_dtype(x), device=x.device).expand(len(x))


def exact_dtype(x: torch.Tensor) -> torch.dtype:
    """The format of numbers that belong to the images x: theirs, but float32 where theirs is shorter."""
    return torch.promote_types(x.dtype, torch.float32)


def _told(thing: object) -> str:
    return f"{thing.dtype} of shape {tuple(thing.shape)}" if isinstance(thing, torch.Tensor) else type(thing).__name__


def _require_images(augmentation: Augmentation, x: torch.Tensor) -> None:
    if not isinstance(x, torch.Tensor) or x.ndim != 4 or not x.is_floating_point():
        expected = "a tensor of floating images (n, channels, height, width)"
        remedy = "Make it one: torch.as_tensor(x).float()."
        raise InvalidData(problem(f"{augmentation!r}(x)", expected, _told(x), remedy))


def _refuse_points(augmentation: Augmentation, x: torch.Tensor, points: torch.Tensor) -> None:
    expected = f"a tensor of floating points ({len(x)}, k, 2) on {x.device}"
    got = _told(points) + (f" on {points.device}" if isinstance(points, torch.Tensor) else "")
    remedy = "Points are (x, y) in pixels, one row of them for each image."
    raise InvalidData(problem(f"{augmentation!r}.together(points)", expected, got, remedy))
