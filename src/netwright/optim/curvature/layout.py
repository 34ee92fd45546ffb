"""Several parameters as one vector: where each stands, and reading and writing without copies where memory allows.

The vector of rules of curvature is in double precision whatever the parameters are in: sums over thousands of rows and
factorisations of ill-conditioned matrices need the digits, and a vector of parameters is small beside the data. A
parameter in channels-last memory is taken in the order of its memory, like the flat vector of a training run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import final

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem


@final
class Layout:
    """The places of parameters in one vector.

    Parameters
    ----------
    parameters : floating-point tensors on one device, in the order of the vector.

    Attributes
    ----------
    size : length P of the vector. bounds : (start, stop) of each parameter.

    Shapes
    ------
    parameters of any shapes -> vector (P,)

    Examples
    --------
    >>> import torch
    >>> weight, bias = torch.ones(2, 3), torch.zeros(2)
    >>> layout = Layout([weight, bias])
    >>> layout.size, layout.bounds
    (8, [(0, 6), (6, 8)])
    >>> _ = layout.write(torch.arange(8.0))
    >>> bias
    tensor([6., 7.])
    """

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.parameters = list(parameters)
        self.bounds: list[tuple[int, int]] = []
        start = 0
        for parameter in self.parameters:
            self.bounds.append((start, start + parameter.numel()))
            start += parameter.numel()
        self.size = start
        self.device = self.parameters[0].device
        self._scratch: Tensor | None = None
        self._look()

    def read(self) -> Tensor:
        """The values of the parameters, a new vector (P,) in double precision."""
        self._find()
        if self._block is None:
            return self.join(self._values)
        if self._staged:
            torch._foreach_copy_(self._staged, self._values)
        return self._block.to(torch.float64, copy=True)

    def write(self, vector: Tensor) -> Tensor:
        """Give the parameters the values of a vector (P,); returns it as it is in their number format."""
        self._find()
        if self._block is None:
            for value, part in zip(self._values, self.split(vector), strict=True):
                value.copy_(part)
            return self.read()
        self._block.copy_(vector)
        if self._staged:
            torch._foreach_copy_(self._values, self._staged)
        return vector if self._block.dtype == vector.dtype else self._block.to(torch.float64)

    def join(self, tensors: Sequence[Tensor | None]) -> Tensor:
        """Tensors of the parameters' shapes, such as gradients, as one vector (P,); None counts as zero."""
        parts = [
            torch.zeros(p.numel(), dtype=p.dtype, device=p.device) if t is None else _in_order(t.detach(), p)
            for t, p in zip(tensors, self.parameters, strict=True)
        ]
        joined = parts[0] if len(parts) == 1 else torch.cat(parts)
        return joined.to(torch.float64, copy=len(parts) == 1)

    def join_batched(self, tensors: Sequence[Tensor | None], count: int) -> Tensor:
        """Several such sets at once, each tensor with a leading axis of that length, as rows (count, P)."""
        rows = torch.zeros(count, self.size, dtype=torch.float64, device=self.device)
        for tensor, parameter, (start, stop) in zip(tensors, self.parameters, self.bounds, strict=True):
            if tensor is not None:
                inner = tensor.detach()
                inner = inner.permute(0, 1, 3, 4, 2) if _channels_last(parameter) else inner
                rows[:, start:stop] = inner.reshape(count, -1)
        return rows

    def split(self, vector: Tensor) -> list[Tensor]:
        """A vector (P,) as tensors of the parameters' shapes and number format."""
        return [
            _shaped(vector[start:stop].to(p.dtype), p)
            for p, (start, stop) in zip(self.parameters, self.bounds, strict=True)
        ]

    def split_batched(self, rows: Tensor) -> list[Tensor]:
        """Rows (count, P) as tensors of the parameters' shapes with a leading axis."""
        parts = [rows[:, start:stop].to(p.dtype) for p, (start, stop) in zip(self.parameters, self.bounds, strict=True)]
        return [
            part.reshape(len(rows), p.shape[0], *p.shape[2:], p.shape[1]).permute(0, 1, 4, 2, 3)
            if _channels_last(p)
            else part.reshape(len(rows), *p.shape)
            for part, p in zip(parts, self.parameters, strict=True)
        ]

    def scratch(self, *shape: int) -> Tensor:
        """Memory of this shape in double precision to write into; the next call gives the same memory again."""
        count = math.prod(shape)
        if self._scratch is None or self._scratch.numel() < count:
            self._scratch = torch.empty(count, dtype=torch.float64, device=self.device)
        return self._scratch[:count].view(shape)

    def _find(self) -> None:
        """Look again where the parameters are, if they have moved: ``module.to(...)`` gives them other memory."""
        if self._places != [parameter.data_ptr() for parameter in self.parameters]:
            self._look()

    def _look(self) -> None:
        """Find the parameters' memory, as one block or through one.

        `_block` is a vector of all values in the parameters' number format, or None where they have several. It is
        their own memory, or one that `_staged`, its pieces in their shapes, are copied to and from.
        """
        self._places = [parameter.data_ptr() for parameter in self.parameters]
        self._values = [parameter.detach() for parameter in self.parameters]
        self._staged: list[Tensor] = []
        self._block: Tensor | None = None
        first = self._values[0]
        if any(value.dtype != first.dtype or value.device != first.device for value in self._values):
            return
        if self._is_one_block():
            self._block = first.as_strided((self.size,), (1,))
            return
        self._block = torch.empty(self.size, dtype=first.dtype, device=first.device)
        self._staged = [_shaped(self._block[a:b], p) for p, (a, b) in zip(self._values, self.bounds, strict=True)]

    def _is_one_block(self) -> bool:
        """Whether the parameters lie one behind the other in one storage."""
        first = self._values[0]
        place, storage = first.data_ptr(), first.untyped_storage().data_ptr()
        for value in self._values:
            dense = value.is_contiguous() or _channels_last(value)
            if not dense or value.data_ptr() != place or value.untyped_storage().data_ptr() != storage:
                return False
            place += value.numel() * value.element_size()
        return True


def real(parameters: Iterable[Tensor], where: str) -> list[Tensor]:
    """The parameters as a list.

    Parameters
    ----------
    parameters : tensors.
    where : how the message calls the place.

    Raises
    ------
    InvalidParameter : there are none, or some are not real floating-point numbers.
    """
    found = list(parameters)
    if not found:
        remedy = "Give parameters with requires_grad=True."
        raise InvalidParameter(problem(where, "parameters that can be trained", "none", remedy))
    kinds = sorted({str(item.dtype) for item in found if not item.is_floating_point()})
    if kinds:
        remedy = "Keep the real and the imaginary part as two parameters, or use a rule such as Adam."
        raise InvalidParameter(problem(where, "real floating-point parameters", ", ".join(kinds), remedy))
    return found


def _channels_last(parameter: Tensor) -> bool:
    if parameter.ndim != 4 or parameter.is_contiguous():
        return False
    return parameter.is_contiguous(memory_format=torch.channels_last)


def _in_order(tensor: Tensor, parameter: Tensor) -> Tensor:
    return (tensor.permute(0, 2, 3, 1) if _channels_last(parameter) else tensor).reshape(-1)


def _shaped(part: Tensor, parameter: Tensor) -> Tensor:
    if not _channels_last(parameter):
        return part.view(parameter.shape)
    n, c, h, w = parameter.shape
    return part.view(n, h, w, c).permute(0, 3, 1, 2)
