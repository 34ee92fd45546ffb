"""Sequences of unequal lengths in one batch: how many steps of each are valid comes as a second input, (1,) a sample.

The steps t = 0 ... n - 1 of a sequence of length n are valid. What is behind them never enters a result, whatever it
holds, NaN and infinity included: it is replaced, not multiplied by zero. So a result does not depend on the padding.
Lengths are whole numbers and may come as floats that hold them (float32 holds them exactly up to 2^24, bfloat16 only
up to 256). A layer that takes them is written ``(Input(steps, features) | Input(1)) >> layer``.
"""

from __future__ import annotations

import torch

from netwright.core.errors import InvalidData, problem
from netwright.graph import Layer, Shape, refuse


def sequence(layer: Layer, shapes: tuple[Shape, ...], lengths: bool) -> tuple[int, int]:
    """The steps and features of an input (steps, features), with `lengths` followed by one (1,), or a refusal.

    Parameters
    ----------
    layer, shapes : the layer and the shapes that come.
    lengths : whether the layer takes the lengths as its second input.
    """
    if lengths and (len(shapes) != 2 or len(shapes[0]) != 2 or shapes[1] != (1,)):
        remedy = f"Put it behind both: (Input(steps, features) | Input(1)) >> {layer!r}."
        raise refuse(layer, "two inputs, a sequence (steps, features) and its length (1,)", shapes, remedy)
    if len(shapes[0]) != 2:
        remedy = "Put Reshape(steps, features) before it; maps (channels, *space) are pooled by GlobalPool()."
        raise refuse(layer, "an input (steps, features)", shapes, remedy)
    steps, features = shapes[0]
    return steps, features


def valid(lengths: torch.Tensor, steps: int) -> torch.Tensor:
    """Which steps are valid: (batch,) -> (batch, steps)."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


class ToLengths(torch.nn.Module):
    """Lengths as 64-bit integers, checked where that costs next to nothing: on the CPU.

    Parameters
    ----------
    layer : how an error names the layer.
    """

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, given: torch.Tensor, steps: int) -> torch.Tensor:
        """(batch, 1) -> (batch,)

        Parameters
        ----------
        given : the lengths as they come.
        steps : the largest length that can be.

        Raises
        ------
        InvalidData : a length that is no integer in 0 ... steps; the first one is named.
        """
        lengths = given[:, 0].long()
        # a value of a tensor on a GPU would have to be waited for, and one in a traced graph has none
        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined]
        if given.device.type == "cpu" and not traced:
            wrong = (lengths < 0) | (lengths > steps) | (lengths != given[:, 0])
            if wrong.any():
                row = int(wrong.nonzero()[0, 0])
                got = f"{given[row, 0].item():.12g} in sample {row} of the batch"
                remedy = "A length is the number of valid steps, which stand first."
                raise InvalidData(problem(f"{self.layer}, length", f"an integer from 0 to {steps}", got, remedy))
        return lengths

    def extra_repr(self) -> str:
        """The layer."""
        return self.layer
