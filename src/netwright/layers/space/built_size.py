"""Windows that are right only on the size that they were built for, and say so when another one comes.

Most windows slide over inputs of any size. Two things are settled for one size when a network is built: weights of
their own at every place, and the padding of "same" with a stride S > 1, which is from max(E - S, 0) to E - 1 in all,
depending on the size. On a size for which they differ a module would run and give something else than the network
says; it refuses. What runs is a bare module of torch all the same: the check is a hook before it. In a graph that
``torch.jit.trace`` records nothing is checked: there a look at the size would not be repeated.
"""

from __future__ import annotations

from typing import TypeVar

import torch

from netwright.core.errors import InvalidData, problem
from netwright.graph import Layer, Shape
from netwright.layers.space.windows import Pads, same

M = TypeVar("M", bound=torch.nn.Module)


def expect_size(layer: str, x: torch.Tensor, space: Shape, what: str) -> None:
    """Refuse an input of another size.

    Parameters
    ----------
    layer : how the error names the layer.
    x : the input, space axes last.
    space : the size that the module was built for.
    what : what it has for that size only.

    Raises
    ------
    InvalidData : another size.
    """
    if not torch.jit.is_tracing() and (came := tuple(x.shape[-len(space) :])) != space:  # type: ignore[attr-defined]
        got, remedy = f"{came}", f"It has {what} of that size: build the network for this one."
        raise InvalidData(problem(layer, f"space axes {space}, which it was built for", got, remedy))


def padded_alike(module: M, layer: Layer, space: Shape, effective: Shape, stride: Shape, ends: bool = True) -> M:
    """A module that refuses inputs for which padding="same" is another one than that which it was built with.

    Parameters
    ----------
    module : the window with its padding; left alone where that is the same for all sizes.
    layer : for the message.
    space, effective, stride : the size that it is built for, E and S of each space axis.
    ends : whether the padding at the end matters too. That of a pool does not: its last window hangs over as needed.
    """
    totals = ((max(e - s, 0), e - 1) for e, s in zip(effective, stride, strict=True))  # from the least to the most
    if any(low != high if ends else low // 2 != high // 2 for low, high in totals):
        module.register_forward_pre_hook(SamePadding(repr(layer), space, effective, stride, ends))
    return module


class SamePadding:
    """Called before a module runs, with what it is called with.

    Parameters
    ----------
    layer : how an error names the layer.
    space, effective, stride : the size built for, E and S of each space axis.
    ends : whether the padding at the end matters.
    """

    def __init__(self, layer: str, space: Shape, effective: Shape, stride: Shape, ends: bool) -> None:
        self.layer, self.space, self.effective, self.stride, self.ends = layer, space, effective, stride, ends

    def __call__(self, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        """Raises InvalidData: a size for which the padding is another one."""
        if not inputs or torch.jit.is_tracing():  # type: ignore[attr-defined]
            return
        space = tuple(inputs[0].shape[-len(self.space) :])
        if space == self.space:
            return
        built, wanted = self._padding(self.space), self._padding(space)
        if built == wanted or (not self.ends and all(a[0] == b[0] for a, b in zip(built, wanted, strict=True))):
            return
        expected = f'a size for which padding="same" is {built}, as for the one that it was built for'
        remedy = "Build the network for this size, or give the padding in numbers."
        raise InvalidData(problem(self.layer, expected, f"{space}, for which it is {wanted}", remedy))

    def _padding(self, space: Shape) -> Pads:
        return tuple(same(i, e, s) for i, e, s in zip(space, self.effective, self.stride, strict=True))
