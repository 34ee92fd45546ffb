"""Module: any torch module as a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch

from netwright.core import registry
from netwright.core.errors import LONG, InvalidParameter, problem, shown
from netwright.core.validation import Constraint, integer, satisfies
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse


@value("layer")
class Module(Layer):
    """Whatever torch module a factory makes, as a layer: y = module(x), or module(x_1, ..., x_n).

    Two layers are equal when their factories are the same object. To save a network that has one, give the factory a
    name with ``nw.register``.

    Parameters
    ----------
    factory : called without arguments each time the network is planned or built. It should make a new
        ``torch.nn.Module`` each time, from the random state of torch, NumPy or Python (which are forked and seeded);
        one that it gives twice is shared by all builds. The module takes and gives one tensor, batch axis in front.
    inputs : how many tensors the module takes. More than one makes the layer a merging one, behind branches.

    Shapes
    ------
    what the module makes of it

    Raises
    ------
    JoinError : the module does not run on the shape that comes (torch's reason is given), or gives no single tensor.
    InvalidParameter : a factory that is no function, that fails, or that makes no module.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import Input, Module
    >>> (Input(4, 8) >> Module(lambda: torch.nn.LayerNorm(8))).output_shape
    (4, 8)

    References
    ----------
    PyTorch, *torch.nn.Module*.
    """

    factory: Callable[[], torch.nn.Module]
    inputs: int = 1

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "factory": satisfies(
            "a function that takes nothing and makes a torch.nn.Module",
            lambda thing: callable(thing) and not isinstance(thing, (torch.nn.Module, Layer)),
        ),
        "inputs": integer(1),
    }

    @property
    def merges(self) -> bool:  # type: ignore[override]
        """Whether it takes several inputs."""
        return self.inputs > 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Module) and self.factory is other.factory and self.inputs == other.inputs

    def __hash__(self) -> int:
        return hash((id(self.factory), self.inputs))

    def __repr__(self) -> str:
        name = registry.registered_name(self.factory) or getattr(self.factory, "__name__", None) or shown(self.factory)
        return f"Module({name}, inputs={self.inputs})" if self.inputs > 1 else f"Module({name})"

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if len(shapes) != self.inputs:
            remedy = f"Say how many it takes: Module(..., inputs={len(shapes)})."
            raise refuse(self, f"{self.inputs} inputs", shapes, remedy)
        expected = "a factory that makes a torch.nn.Module"
        try:
            made: Any = self.factory()
        except Exception as error:  # whatever it is, it is the factory's
            raise InvalidParameter(problem(shown(self, LONG), expected, f"{type(error).__name__}: {error}")) from error
        if not isinstance(made, torch.nn.Module):
            raise InvalidParameter(problem(shown(self, LONG), expected, shown(made)))
        return Spread(made) if self.merges else made


class Spread(torch.nn.Module):
    """A module called with each tensor of a tuple as an argument of its own."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """n x (batch, *shape) -> what the module gives"""
        return self.module(*inputs)  # type: ignore[no-any-return]
