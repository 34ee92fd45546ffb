"""The fully connected part that the activation layers share, and the options that say how weights and biases start.

With `units` a layer is y = f(x W^T + b) on the last axis of its input; without, it is f alone. W has the shape
(units, features).
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

import torch

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, boolean, integer, nothing
from netwright.graph import Layer, Shape, refuse
from netwright.layers.init import Constant, HeNormal, InitRule, leaky_gain, rule_or_number

Start = InitRule | float  # how a weight starts: a rule, or the number that every element is

WEIGHTS: Mapping[str, Constraint] = {"weight": rule_or_number, "bias": boolean | rule_or_number}
DENSE: Mapping[str, Constraint] = {"units": integer(1) | nothing, **WEIGHTS}
LEAKY_DENSE: Mapping[str, Constraint] = {**DENSE, "weight": rule_or_number | nothing}


class Weighted(Protocol):
    """What a layer with units has."""

    @property
    def units(self) -> int | None: ...

    @property
    def weight(self) -> Start | None: ...

    @property
    def bias(self) -> Start: ...


def settle(layer: Any) -> None:
    """Let a number given for `weight` or `bias` be a `Constant`, and refuse either where there are no units.

    Layers call it from their ``__post_init__``. So ``ReLU(8, weight=0.5) == ReLU(8, weight=Constant(0.5))``, and a bias
    of 0 (it is there, and starts at zero) is not False (there is none).
    """
    for field in dataclasses.fields(layer):
        if field.name not in WEIGHTS:
            continue
        given = getattr(layer, field.name)
        if isinstance(given, (int, float)) and not isinstance(given, bool):
            object.__setattr__(layer, field.name, Constant(float(given)))
        if getattr(layer, "units", 0) is None and getattr(layer, field.name) != field.default:
            name = type(layer).__name__
            remedy = f"Give the number of units, {name}(units, ...): without it {name} has no weights."
            raise InvalidParameter(problem(f"{name}({field.name})", "units to go with it", shown(given), remedy))


def start(module: Any, weight: Start, bias: Start) -> None:
    """Fill ``module.weight`` by its rule and ``module.bias``, if there is one, by its own or with zeros."""
    _rule(weight).fill_(module.weight)
    if getattr(module, "bias", None) is not None:
        _rule(0.0 if bias is True else bias).fill_(module.bias)


def fresh(kind: type[torch.nn.Module], *args: Any, **kwargs: Any) -> Any:
    """A torch module with weights still to be filled: torch's own initialisation is not run only to be overwritten."""
    device = torch.get_default_device()
    if device.type == "meta":  # nothing to fill there
        return kind(*args, device=device, **kwargs)
    return torch.nn.utils.skip_init(kind, *args, device=device, **kwargs)


def fully_connected(layer: Layer, shapes: tuple[Shape, ...], units: int, weight: Start, bias: Start) -> torch.nn.Linear:
    """The ``torch.nn.Linear`` of a layer, filled; it acts on the last axis of (features,) or (steps, features)."""
    shape = shapes[0]
    if len(shape) > 2:
        raise refuse(layer, "an input (features,) or (steps, features)", shapes, "Put Flatten() before it.")
    linear: torch.nn.Linear = fresh(torch.nn.Linear, shape[-1], units, bias=bias is not False)
    start(linear, weight, bias)
    return linear


def with_units(
    layer: Weighted, shapes: tuple[Shape, ...], activation: torch.nn.Module, slope: float = 0.0
) -> torch.nn.Module:
    """An activation behind the layer's fully connected part, or alone where the layer has no units.

    Parameters
    ----------
    layer : its `weight` may be None: then it is `HeNormal` with the gain of `slope`.
    shapes : the shapes that come.
    activation : what follows the linear part, named ``activation`` in the module.
    slope : of the activation for negative inputs.
    """
    if layer.units is None:
        return activation
    weight = HeNormal(leaky_gain(slope)) if layer.weight is None else layer.weight
    assert isinstance(layer, Layer)
    linear = fully_connected(layer, shapes, layer.units, weight, layer.bias)
    return torch.nn.Sequential(OrderedDict(linear=linear, activation=activation))


def _rule(given: Start) -> InitRule:
    return given if isinstance(given, InitRule) else Constant(float(given))
