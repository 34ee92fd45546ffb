"""One flat vector: all trainable parameters of a module as views into one contiguous tensor, gradients too.

An update is then one fused kernel, zeroing one memset, an average one lerp, a penalty one call, a snapshot one copy,
and rules of curvature get the vector that they need. The module stays an ordinary torch module: its parameters are
the same objects, only their storage has moved. Weights (two axes and more) come first, then biases and gains, so
that a penalty on weights alone is a call on the front of the vector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from netwright.core.errors import InvalidParameter, problem


@dataclass(frozen=True)
class Segment:
    """The place of one parameter in the vector.

    Parameters
    ----------
    name : of the parameter in its module.
    layer : of the module that it belongs to.
    start : its first entry in the vector.
    stop : the entry behind its last.
    """

    name: str
    layer: str
    start: int
    stop: int


class Flat:
    """The trainable parameters of a module as one vector `theta` with its gradient in ``theta.grad``.

    Parameters
    ----------
    module : any torch module whose trainable parameters share one dtype and device; shared ones are taken once. Or
        such parameters with their names.

    Attributes
    ----------
    theta : parameter of shape (P,); its storage is that of all the module's parameters.
    gradient : tensor (P,), the storage of all their gradients.
    bucket : tensor (P + 1,), the gradient and behind it one place for a loss.
    add_up : of a tensor, its sum over all parts where this is one of several; as it is where it is all.
    weights : how many of the P entries, at the front, belong to parameters with two axes or more.
    segments : one `Segment` a parameter, in the order of the vector. layers : in the order of the module.
    parameters : in the order of the vector, each a view of its piece. moving : those of them that are trained.

    Raises
    ------
    InvalidParameter : no trainable parameter, or several dtypes or devices.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(3, 2)
    >>> flat = Flat(layer)
    >>> _ = flat.theta.data.fill_(1.0)
    >>> flat.theta.shape, flat.weights, layer.bias.data
    (torch.Size([8]), 6, tensor([1., 1.]))
    """

    add_up: Callable[[torch.Tensor], torch.Tensor] = staticmethod(lambda tensor: tensor)

    def __init__(self, module: torch.nn.Module | list[tuple[str, torch.nn.Parameter]]) -> None:
        given = module if isinstance(module, list) else module.named_parameters()
        named = [(name, p) for name, p in given if p.requires_grad]
        kinds = {(p.dtype, p.device) for _, p in named}
        if len(kinds) != 1:
            got = "none" if not kinds else f"{len(kinds)}: {sorted(map(str, kinds))}"
            raise InvalidParameter(
                problem(type(module).__name__, "trainable parameters of one dtype and device", got, "Use .to(...).")
            )
        self.layers = list(dict.fromkeys(layer_of(name) for name, _ in named))
        named.sort(key=lambda item: item[1].ndim < 2)
        self.parameters = [p for _, p in named]
        self.moving = self.parameters
        self.weights = sum(p.numel() for p in self.parameters if p.ndim >= 2)
        data = torch.cat([_in_memory_order(p.detach()) for p in self.parameters])
        self.theta = torch.nn.Parameter(data)
        self.bucket = data.new_zeros(len(data) + 1)
        self.gradient = self.bucket[:-1]
        self.theta.grad = self.gradient
        self.segments: list[Segment] = []
        start = 0
        for name, p in named:
            stop = start + p.numel()
            strides = _strides(p)
            p.data = data[start:stop].as_strided(p.shape, strides)
            p.grad = self.gradient[start:stop].as_strided(p.shape, strides)
            self.segments.append(Segment(name, layer_of(name), start, stop))
            start = stop

    @property
    def named(self) -> list[tuple[str, torch.Tensor]]:
        """The parameters with their names, for rules that go by them."""
        return [(segment.name, p) for segment, p in zip(self.segments, self.parameters, strict=True)]

    def move_only(self, parameters: list[torch.Tensor]) -> None:
        """Note which parameters are trained; the others are frozen."""
        chosen = set(map(id, parameters))
        self.moving = [p for p in self.parameters if id(p) in chosen]

    def places(self) -> torch.Tensor | None:
        """The entries of the vector that are trained; None for all."""
        if len(self.moving) == len(self.parameters):
            return None
        chosen = set(map(id, self.moving))
        pairs = zip(self.segments, self.parameters, strict=True)
        return torch.cat([torch.arange(s.start, s.stop, device=p.device) for s, p in pairs if id(p) in chosen])

    def front(self, biases: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Values and gradients of the weights alone, or with the biases too."""
        stop = None if biases else self.weights
        return self.theta.data[:stop], self.gradient[:stop]

    def project(self, penalty: Any) -> None:
        """Apply a penalty's projection to every weight that it is for."""
        for parameter in self.moving:
            if penalty.biases or parameter.ndim >= 2:
                penalty.project_(parameter.data)

    def layer_norms(self, vector: torch.Tensor) -> dict[str, torch.Tensor]:
        """The Euclidean norm of a vector of the same layout, by layer."""
        squares = {layer: vector.new_zeros(()) for layer in self.layers}
        for segment in self.segments:
            part = vector[segment.start : segment.stop]
            squares[segment.layer] = squares[segment.layer] + part.dot(part)
        return {layer: self.add_up(square).sqrt() for layer, square in squares.items()}


def layer_of(name: str) -> str:
    """The layer that a parameter belongs to."""
    return plain_name(name.rpartition(".")[0]) or name


def plain_name(path: str) -> str:
    """The layer that a module belongs to: ``relu1/linear`` and ``relu1/activation`` are parts of ``relu1``."""
    return path.replace("/", ".").removesuffix(".linear").removesuffix(".activation")


def _is_channels_last(p: torch.Tensor) -> bool:
    return p.ndim == 4 and not p.is_contiguous() and p.is_contiguous(memory_format=torch.channels_last)


def _in_memory_order(p: torch.Tensor) -> torch.Tensor:
    return (p.permute(0, 2, 3, 1) if _is_channels_last(p) else p).reshape(-1)


def _strides(p: torch.Tensor) -> tuple[int, ...]:
    """The strides that a parameter has, or those of a contiguous tensor of its shape."""
    return p.stride() if _is_channels_last(p) or p.is_contiguous() else p.contiguous().stride()
