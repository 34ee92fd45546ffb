"""What is known of a program's data: the rows that statistics are made of, and what kind of target they have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from netwright.checks.diagnosis import Signal
from netwright.checks.loss_kind import NUMBERS, class_axis
from netwright.checks.reading import Batch, Material, each, leaves
from netwright.checks.symbols import Masks, kept, symbols_of

MOST_ROWS = 4096  # of the data that statistics are made of
PROBE = 64  # rows of a probe of the network
MANY = 512  # rows on which units must be dead to be called so


class Facts(ABC):
    """The data of a program; the kind of its loss tells what the target is.

    Attributes
    ----------
    data, validation : for training, and held out or None.
    signals : the figures that were looked at.
    """

    data: Material
    validation: Material | None
    signals: dict[str, Signal]

    @property
    @abstractmethod
    def kind(self) -> str:
        """What the loss is by its behaviour, see `netwright.checks.loss_kind`."""

    @property
    @abstractmethod
    def output(self) -> Any:
        """The output of the probe in eval mode."""

    @abstractmethod
    def fresh(self) -> nn.Module:
        """A copy of the module as it begins."""

    @abstractmethod
    def value(self, output: Any, target: Any) -> float:
        """The loss as a number, NaN where it refuses."""

    @property
    def class_axis(self) -> int:
        """The axis of the output along which the classes lie."""
        return class_axis(self.output, self.probe.target) if isinstance(self.output, Tensor) else 1

    @cached_property
    def labelled(self) -> bool:
        """Whether whole targets are class numbers, as far as the loss tells: neither counts nor left unused."""
        output, target = self.output, self.probe.target
        if self.kind != "unknown" or not isinstance(output, Tensor) or not isinstance(target, Tensor):
            return self.kind not in NUMBERS
        if output.numel() == target.numel() and len(torch.unique(self.rows.target)) > 2:
            return False
        values = [self.value(output, each) for each in (target, (target == 0).to(target.dtype))]
        return not abs(values[0] - values[1]) <= 1e-9 * abs(values[0])

    def signal(self, name: str, value: float, limit: float, code: str) -> float:
        """Note a figure that a check looks at, and give it back."""
        self.signals[name] = Signal(float(value), float(limit), code)
        return float(value)

    @cached_property
    def batch(self) -> Batch:
        """The first batch as training has it."""
        return next(self.data.stream(1))

    @cached_property
    def rows(self) -> Batch:
        """The training rows that statistics are made of, at most 4,096, evenly spaced."""
        return thinned(self.data.whole, MOST_ROWS)

    @cached_property
    def held(self) -> Batch | None:
        """The held-out rows that statistics are made of."""
        return None if self.validation is None else thinned(self.validation.whole, MOST_ROWS)

    @cached_property
    def probe(self) -> Batch:
        """A batch of at most 64 rows for questions to the network."""
        return thinned(self.data.whole, PROBE)

    @property
    def target(self) -> Tensor | None:
        """The target of the rows where it is one tensor."""
        return self.rows.target if isinstance(self.rows.target, Tensor) else None

    @cached_property
    def classes(self) -> Tensor | None:
        """Class numbers of the rows, where there is one class a row: integers, or 0 and 1 for one output."""
        target = self.target
        if target is None or target.numel() != len(target):
            return None
        flat = target.reshape(-1)
        if not flat.is_floating_point():
            return flat.long() if self.labelled else None
        if self.kind in ("logits", "probabilities") and bool(((flat == 0) | (flat == 1)).all()):
            return flat.long()
        return None

    @cached_property
    def twice_over(self) -> float:
        """The loss of a batch twice over, of that of it once: 1 for a mean over the rows, 2 for a sum."""
        if any(not tensor.ndim for tensor in leaves(self.output)):
            return 1.0  # the module gives the loss itself
        once = self.value(self.output, self.probe.target)
        again = self.value(each(self.output, _twice), each(self.probe.target, _twice))
        return again / once if abs(once) > 1e-12 else 1.0

    @property
    def summed(self) -> bool:
        """Whether the loss is the sum over the rows."""
        return abs(self.twice_over - 2) <= 1e-3

    @property
    def numeric(self) -> bool:
        """Whether the target is a number (or several) to be met, and no class."""
        target = self.target
        return target is not None and target.is_floating_point() and self.kind in NUMBERS

    @cached_property
    def symbols(self) -> Masks:
        """The places of the inputs that hold codes, which no probe may invent."""
        return symbols_of(self.fresh(), self.rows, self.probe)

    @cached_property
    def floats(self) -> list[Tensor]:
        """The inputs that are real numbers, of the rows."""
        return [tensor for tensor in leaves(self.rows.inputs) if tensor.is_floating_point()]


def thinned(batch: Batch, most: int) -> Batch:
    """At most so many rows of a batch, evenly spaced.

    Parameters
    ----------
    batch : of rows. most : how many to keep.
    """
    n = len(batch)
    return batch if n <= most else batch.rows(torch.linspace(0, n - 1, most).round().long())


def _twice(tensor: Tensor) -> Tensor:
    return torch.cat([tensor, tensor])


def scaled(batch: Batch, change: Callable[[Tensor], Tensor], symbols: Masks = ()) -> Batch:
    """A batch whose real inputs are changed, but for the symbols among them."""

    def real(tensor: Tensor) -> Tensor:
        return change(tensor) if tensor.is_floating_point() else tensor

    return kept(batch, Batch(each(batch.inputs, real), batch.target), symbols)
