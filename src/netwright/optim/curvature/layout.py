"""Several parameters as one vector: where each stands, and reading and writing without copies where memory allows.

The vector of rules of curvature is in double precision whatever the parameters are in: sums over thousands of rows and
factorisations of ill-conditioned matrices need the digits, and a vector of parameters is small beside the data. A
parameter in channels-last memory is taken in the order of its memory, like the flat vector of a training run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

import torch
from torch import Tensor


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
    >>> layout.write(torch.arange(8.0))
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
        self._whole = self._one_block()
        self._scratch: Tensor | None = None

    def read(self) -> Tensor:
        """The values of the parameters, a new vector (P,) in double precision."""
        return self.join([parameter.detach() for parameter in self.parameters])

    def write(self, vector: Tensor) -> None:
        """Give the parameters the values of a vector (P,)."""
        if self._whole is not None:
            self._whole.copy_(vector)
            return
        for parameter, part in zip(self.parameters, self.split(vector), strict=True):
            parameter.detach().copy_(part)

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
        """Memory (*shape, P) in double precision to write into, the same at every call for the same shape."""
        if self._scratch is None or self._scratch.shape[:-1] != shape:
            self._scratch = torch.empty(*shape, self.size, dtype=torch.float64, device=self.device)
        return self._scratch

    def _one_block(self) -> Tensor | None:
        """The memory of all parameters as one vector, where they lie one behind the other in one storage."""
        first = self.parameters[0].detach()
        place = first.data_ptr()
        for parameter in self.parameters:
            dense = parameter.is_contiguous() or _channels_last(parameter)
            same = parameter.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
            if not (dense and same and parameter.data_ptr() == place and parameter.dtype == first.dtype):
                return None
            place += parameter.numel() * parameter.element_size()
        return first.as_strided((self.size,), (1,))


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
