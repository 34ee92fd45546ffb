"""Several augmentations one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import groupby
from typing import ClassVar, final

import torch

from netwright.core.validation import Constraint, instance, tuple_of
from netwright.core.value import value
from netwright.data.augment.base import Augmentation, Move, parted
from netwright.data.augment.warp import Warp, carried, warped


@final
@value("augmentation")
class Compose(Augmentation):
    """One after the other, y = f_k(...f_2(f_1(x))); warps that stand side by side are one resampling.

    Fused warps, `Shift`, `Rotate`, `Scale`, `Shear` and `Elastic`, draw the same numbers as one by one, but the image
    is read once: it is blurred once, and what leaves it with one warp and comes back with the next is not lost. Warps
    with different `fill` are not fused. Compositions within a composition are flattened.

    Parameters
    ----------
    *augmentations : in the order in which they are applied, one or more.
    parts : the same as one tuple.

    Shapes
    ------
    (n, channels, height, width), kept

    Raises
    ------
    InvalidParameter : none, or something that is no augmentation.

    Examples
    --------
    >>> from netwright.data.augment import Compose, Flip, Rotate, Shift
    >>> both = Compose(Rotate(10), Shift(2))
    >>> both, Compose(both, Flip()).parts
    (Compose(Rotate(10), Shift(2)), (Rotate(10), Shift(2), Flip()))
    >>> x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    >>> both(x, torch.Generator().manual_seed(1)).shape
    torch.Size([8, 1, 28, 28])

    References
    ----------
    Goodfellow, Bengio, Courville, *Deep Learning*, 2016, section 7.4.
    """

    parts: tuple[Augmentation, ...]

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "parts": tuple_of(instance(Augmentation, text="an augmentation such as Rotate(10)"), least=1)
    }

    def __init__(self, *augmentations: Augmentation, parts: tuple[Augmentation, ...] | None = None) -> None:
        object.__setattr__(self, "parts", augmentations if parts is None else parts)
        self.__post_init__()

    def __post_init__(self) -> None:
        flat = [part.parts if isinstance(part, Compose) else (part,) for part in self.parts]
        object.__setattr__(self, "parts", tuple(inner for some in flat for inner in some))

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.parts))})"

    def apply(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor | tuple[torch.Tensor, Move]:
        moves: list[Move | None] = []
        for fill, group in groupby(self.parts, key=_fill):
            if fill is None:
                for part in group:
                    x, move = parted(part.apply(x, generator))
                    moves.append(move)
            else:
                maps = [part.draw(x, generator) for part in group if isinstance(part, Warp)]
                x = warped(x, maps, fill)
                moves.append(partial(carried, maps=maps, size=x.shape[2:]))
        known = [move for move in moves if move is not None]
        return (x, partial(_in_turn, moves=known)) if len(known) == len(moves) else x


def stages(augmentation: Augmentation) -> tuple[Augmentation, ...]:
    """The augmentations of which each makes images of images; warps that are one resampling are one of them.

    What leaves the image in one of these stages is lost to the next.

    Parameters
    ----------
    augmentation : any.

    Examples
    --------
    >>> from netwright.data.augment import Compose, Flip, Rotate, Shift
    >>> stages(Compose(Flip(), Rotate(10), Shift(2)))
    (Flip(), Compose(Rotate(10), Shift(2)))
    """
    if not isinstance(augmentation, Compose):
        return (augmentation,)
    found: list[Augmentation] = []
    for fill, group in groupby(augmentation.parts, key=_fill):
        parts = tuple(group)
        found += parts if fill is None else (Compose(*parts),)
    return tuple(found)


def _fill(part: Augmentation) -> str | None:
    """What warps are fused by."""
    return part.fill if isinstance(part, Warp) else None


def _in_turn(points: torch.Tensor, moves: list[Move]) -> torch.Tensor:
    for move in moves:
        points = move(points)
    return points
