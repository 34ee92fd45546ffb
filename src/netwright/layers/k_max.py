"""k-max pooling: the k largest values of each feature over time, in the order in which they came.

Of (3, 1, 4, 1.5, 9, 2, 6) the three largest are 9, 6 and 4, and 3-max pooling gives (4, 9, 6). Where several steps hold
the same value the earliest are taken. In the dynamic form layer l of L takes

    k_l = max(k, ceil((L - l) / L * s))

of a sequence of s steps, so that the number shrinks evenly to k in the last one: for L = 3, s = 18 and k = 3 that is
12, 6, 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, integer, nothing
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.lengths import ToLengths, sequence, valid


@value("layer")
class KMaxPool(Layer):
    """The k largest values of each feature over the steps, in their order: y_f = (x_t,f : t in T_f), |T_f| = k.

    T_f are the steps of the k largest x_t,f, the earliest where values are equal. With `level` l and `levels` L the
    number is k_l = max(k, ceil((L - l) / L * s)). Behind Conv, whose output is (channels, length), Transpose() makes it
    (steps, features) first. With `lengths` only the valid steps of each sequence enter, and s is the length of each:
    where fewer than k_l are valid zeros follow at the end, and a sequence longer than the network was built for keeps
    as many as the longest of these. Several levels with lengths all get the lengths of the sentences, and `steps`, the
    longest that there is.

    Parameters
    ----------
    k : how many values are kept, in the dynamic form at least, >= 1.
    level : l, which of the pooling layers this is, 1 ... levels; None: k values are kept whatever comes.
    levels : L, how many pooling layers there are; goes with `level`.
    lengths : whether the number of valid steps of each sample comes as a second input (1,).
    steps : s of the dynamic form, the steps at the entrance of the network; None: the steps that come. With `lengths`
        the largest of them, which then are those at the entrance.

    Shapes
    ------
    (steps, features) -> (k_l, features); with `lengths` (steps, features), (1,) -> (k_l, features)

    Raises
    ------
    JoinError : an input that is not (steps, features) or has fewer steps than k_l, with `lengths` a second one that is
        not (1,).
    InvalidData : without `lengths`, when it runs on fewer steps than are kept or, in the dynamic form without `steps`,
        on another number than it was built for; with them, on the CPU, a length that is no integer in 0 ... steps.
    InvalidParameter : options out of range, `level` without `levels` or above it, `steps` without `level`.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Conv, Input, KMaxPool, Transpose
    >>> x = torch.tensor([[3.0, 1.0, 4.0, 1.5, 9.0, 2.0, 6.0]])
    >>> (Input(7, 1) >> KMaxPool(3)).build()(x[:, :, None]).flatten()
    tensor([4., 9., 6.])
    >>> (Input(8, 50) >> Conv(16, 5) >> Transpose() >> KMaxPool(3)).output_shape
    (3, 16)

    References
    ----------
    Kalchbrenner, Grefenstette, Blunsom, *A convolutional neural network for modelling sentences*, 2014.
    """

    k: int
    level: int | None = None
    levels: int | None = None
    lengths: bool = False
    steps: int | None = None

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "k": integer(1),
        "level": integer(1) | nothing,
        "levels": integer(1) | nothing,
        "lengths": boolean,
        "steps": integer(1) | nothing,
    }

    @property
    def merges(self) -> bool:  # type: ignore[override]
        """Whether it takes the lengths as a second input."""
        return self.lengths

    def __post_init__(self) -> None:
        got = f"level={self.level}, levels={self.levels}"
        if (self.level is None) != (self.levels is None):
            raise InvalidParameter(problem("KMaxPool(level)", "level and levels together", got, "Give both, or none."))
        if self.level is not None and self.levels is not None and self.level > self.levels:
            raise InvalidParameter(problem("KMaxPool(level)", f"an integer in [1, {self.levels}]", got))
        if self.steps is not None and self.level is None:
            got, remedy = f"steps={self.steps} alone", "Without level and levels k values are kept, whatever comes."
            raise InvalidParameter(problem("KMaxPool(steps)", "level and levels to go with it", got, remedy))

    def make(self, *shapes: Shape) -> torch.nn.Module:
        steps, _ = sequence(self, shapes, self.lengths)
        s = steps if self.steps is None else self.steps
        count = self.k if self.level is None else kept(self.k, self._rest, s, self.levels or 1)
        if count > steps:
            remedy = f"Keep at most {steps}, or pad the sequences to {count} steps before it."
            raise refuse(self, f"at least {count} steps, as many as are kept", shapes, remedy)
        if not self.lengths:
            built = None if self.level is None or self.steps is not None else steps
            return LargestSteps(repr(self), count, built)
        each = None if self.level is None else (self.k, self._rest, self.levels or 1)
        return LargestValidSteps(count, each, self.steps, ToLengths(repr(self)))

    @property
    def _rest(self) -> int:
        return (self.levels or 0) - (self.level or 0)


def kept(k: int, rest: int, steps: int, levels: int) -> int:
    """k_l = max(k, ceil(rest / levels * steps)), `rest` being L - l, without a rounding error.

    Examples
    --------
    >>> [kept(3, 3 - level, 18, 3) for level in (1, 2, 3)]
    [12, 6, 3]
    """
    return max(k, -(-rest * steps // levels))


def places_of_largest(x: torch.Tensor, count: int) -> torch.Tensor:
    """Where the largest values of the last axis are, from the largest down, the earliest first where they are equal."""
    return x.sort(dim=-1, descending=True, stable=True).indices[..., :count]


def _expect_steps(layer: str, x: torch.Tensor, least: int, most: int | None) -> None:
    """Refuse (batch, steps, features) with fewer steps, or more, than a built module is right for."""
    steps = x.shape[1]
    if torch.jit.is_tracing() or (steps >= least and (most is None or steps <= most)):  # type: ignore[attr-defined]
        return
    takes = (
        f"at least {least} steps" if most is None else f"{least} steps" if least == most else f"{least} to {most} steps"
    )
    remedy = "How many values it keeps was settled when it was built: build the network for this number of steps."
    raise InvalidData(problem(layer, f"sequences of {takes}", f"{steps} steps", remedy))


class LargestSteps(torch.nn.Module):
    """The `count` largest values of each feature over the steps, in their order.

    Parameters
    ----------
    layer : how an error names the layer.
    count : how many.
    built : the number of steps that `count` belongs to; None: any.
    """

    def __init__(self, layer: str, count: int, built: int | None) -> None:
        super().__init__()
        self.layer = layer
        self.count = count
        self.built = built

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, steps, features) -> (batch, count, features)"""
        _expect_steps(self.layer, x, self.built or self.count, self.built)
        series = x.transpose(1, 2).contiguous()  # (batch, features, steps): sorting runs along the last axis
        places = places_of_largest(series, self.count).sort(dim=-1).values
        return series.gather(-1, places).transpose(1, 2)

    def extra_repr(self) -> str:
        """The number."""
        return f"count={self.count}"


class LargestValidSteps(torch.nn.Module):
    """The largest values of each feature over the valid steps, in their order, and zeros up to `count`.

    A sequence longer than those that it is built for has no more than `count` of them.

    Parameters
    ----------
    count : how many values there are with the zeros.
    each : (k, L - l, L), from which a sequence of n valid steps has its own number; None: it is `count`.
    sentence : the longest length before the first level, which lengths are of; None: they are of this layer's input.
    to_lengths : checks the lengths and makes integers of them.
    """

    def __init__(
        self, count: int, each: tuple[int, int, int] | None, sentence: int | None, to_lengths: ToLengths
    ) -> None:
        super().__init__()
        self.count = count
        self.each = each
        self.sentence = sentence
        self.to_lengths = to_lengths

    def forward(self, inputs: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """(batch, steps, features), (batch, 1) -> (batch, count, features)"""
        x, given = inputs
        x = torch.nn.functional.pad(x, (0, 0, 0, max(0, self.count - x.shape[1])))
        steps = x.shape[1]
        lengths = self.to_lengths(given, steps if self.sentence is None else self.sentence)
        numbers = self._numbers(lengths, 0)
        if self.sentence is not None:  # the level before has kept so many
            lengths = torch.minimum(lengths, self._numbers(lengths, 1)).clamp(max=steps)
        numbers = torch.minimum(numbers, lengths).clamp(max=self.count)  # of values, for each sequence
        filled = x.masked_fill(~valid(lengths, steps)[:, :, None], -torch.inf)
        series = filled.transpose(1, 2).contiguous()  # (batch, features, steps)
        wanted = valid(numbers, self.count)[:, None, :]  # (batch, 1, count)
        # places that are not wanted become the place behind the last, and so stand at the end when sorted
        places = places_of_largest(series, self.count).masked_fill(~wanted, steps).sort(dim=-1).values
        values = series.gather(-1, places.clamp(max=steps - 1))
        return values.masked_fill(~wanted, 0.0).transpose(1, 2)

    @property
    def depends(self) -> bool:
        """Whether how many there are depends on the longest sequence."""
        return self.each is not None

    def _numbers(self, lengths: torch.Tensor, before: int) -> torch.Tensor:
        """k_l of each sequence, at this level or so many before it."""
        if self.each is None:
            return torch.full_like(lengths, self.count)
        k, rest, levels = self.each
        return (((rest + before) * lengths + levels - 1) // levels).clamp(min=k)

    def extra_repr(self) -> str:
        """The number."""
        return f"count={self.count}"
