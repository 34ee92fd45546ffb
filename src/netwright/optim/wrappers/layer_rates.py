"""Learning rates by layer: the rate of the rule times a factor of the layer.

With the learning rate eta of the rule, constant or by a schedule, and the factor f_l of layer l::

    eta_l = f_l eta

======= ================ =====================================================
symbol  argument         meaning
======= ================ =====================================================
f_l     ``factors``      by name or pattern; 1 for layers that none means
======= ================ =====================================================

The parameters of one factor are one group, whose key "factor" it is. It is applied during the step only: in between,
``group["lr"]`` is the rate of the rule in every group, so a loop writes one rate into all of them, and torch's
schedulers work as always.

References: Howard, Ruder: Universal language model fine-tuning for text classification, 2018 (discriminative
fine-tuning); Clark, Luong, Le, Manning: ELECTRA, 2020 (layer-wise decay).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, final

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, number, satisfies
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.wrappers.names import NAME, means, named_groups, require_all_mean_something
from netwright.optim.wrappers.wrapped import Wrapped, chain_of
from netwright.optim.wrappers.wrapper import RULE, Wrapper, require_gradients

WHERE = "LayerRates.build(params)"
FACTOR: Constraint = number(0, closed="neither")
KEY = "factor"  # in the parameter groups


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and NAME.accepts(item[0]) and FACTOR.accepts(item[1])


def _are_factors(factors: Any) -> bool:
    pairs = tuple(factors.items()) if isinstance(factors, Mapping) else factors
    if not (isinstance(pairs, tuple) and pairs and all(map(_is_pair, pairs))):
        return False
    return len({name for name, _ in pairs}) == len(pairs)


@final
@value("optimizer")
class LayerRates(Wrapper):
    """Learning rates by layer: the rate of the rule times a factor, for parameters chosen by name.

    With the learning rate eta of the rule and the factor f of a layer::

        eta_layer <- f eta

    A layer's name means all its parameters; in patterns ``*`` stands for anything. Where several names mean a
    parameter, the first counts; where none does, its factor is 1. The factor is applied inside ``step()``: schedules,
    and loops that write one rate into all ``param_groups``, go on working. Weight decay beside the update (`AdamW`) is
    a share of the rate and is scaled with it.

    Parameters
    ----------
    rule : an update rule with a learning rate.
    factors : mapping from names or patterns to factors > 0, such as ``{"conv1": 0.1, "fc*": 2.0}``; kept as a tuple of
        pairs. For a factor of 0 there is `Freeze`.

    Raises
    ------
    InvalidParameter : a rule without a learning rate; from `build`: parameters without names, a name that means none.

    Examples
    --------
    >>> import torch
    >>> from netwright.optim import SGD
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    >>> optimizer = LayerRates(SGD(0.5), {"0": 0.1}).build(module.named_parameters())
    >>> [(group["param_names"], group["lr"], group["factor"]) for group in optimizer.param_groups]
    [(['0.weight', '0.bias'], 0.5, 0.1), (['1.weight', '1.bias'], 0.5, 1.0)]

    References
    ----------
    Howard, Ruder: Universal language model fine-tuning for text classification, 2018 (section 3.2).
    """

    rule: Optimizer
    factors: tuple[tuple[str, float], ...] | Mapping[str, float]

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "rule": RULE,
        "factors": satisfies('a mapping from names or patterns to factors > 0, such as {"conv1": 0.1}', _are_factors),
    }

    def __post_init__(self) -> None:
        pairs = dict(self.factors)
        object.__setattr__(self, "factors", tuple((name, float(factor)) for name, factor in pairs.items()))
        require_gradients(self, "it has no learning rate", also=("loss",))
        if not hasattr(self.rule, "learning_rate"):
            raise InvalidParameter(
                problem(
                    "LayerRates(rule)",
                    "a rule with a learning rate, such as SGD(0.1)",
                    repr(self.rule),
                    "Leave LayerRates out: the rule finds the lengths of its steps by itself.",
                )
            )

    @classmethod
    def decaying(cls, rule: Optimizer, layers: Sequence[str], factor: float = 0.8) -> LayerRates:
        """Rates that fall from the last layer to the first: factor^0 for the last, factor^1 for the one before...

        Parameters
        ----------
        rule : an update rule with a learning rate.
        layers : names or patterns, from the input to the output.
        factor : of two neighbours, > 0.

        Examples
        --------
        >>> from netwright.optim import Adam
        >>> LayerRates.decaying(Adam(), ["conv1", "conv2", "softmax1"], 0.5)
        LayerRates(Adam(), (('conv1', 0.25), ('conv2', 0.5), ('softmax1', 1.0)))
        """
        return cls(rule, {layer: factor ** (len(layers) - 1 - place) for place, layer in enumerate(layers)})

    @property
    def by_name(self) -> bool:  # type: ignore[override]
        """True: it is built on named parameters."""
        return True

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        groups = named_groups(params, WHERE)
        factors = dict(self.factors)
        require_all_mean_something(factors, groups, WHERE)
        inner = self.rule._build([part for group in groups for part in split(group, factors)], lr)
        if any(isinstance(optimizer, Scaling) for optimizer in chain_of(inner)):
            return inner  # it has both factors already, one times the other, and applies them
        return Scaling(self, inner)


def split(group: dict[str, Any], factors: Mapping[str, float]) -> list[dict[str, Any]]:
    """A group of pairs as one group for each factor, in the order in which they come."""
    parts: dict[float, list[Any]] = {}
    for name, tensor in group["params"]:
        own = next((factor for pattern, factor in factors.items() if means(pattern, name)), 1.0)
        parts.setdefault(own, []).append((name, tensor))
    return [{**group, "params": pairs, KEY: own * group.get(KEY, 1.0)} for own, pairs in parts.items()]


@final
class Scaling(Wrapped):
    """The optimizer of `LayerRates`.

    Parameters
    ----------
    rule : the wrapper.
    inner : the optimizer of the rule inside.
    """

    def _around(self, step: Callable[[], Any]) -> None:
        groups = self.param_groups
        rates = [group["lr"] for group in groups]
        try:
            for group, rate in zip(groups, rates, strict=True):
                if group.get(KEY, 1.0) != 1.0:
                    group["lr"] = rate * group[KEY]
            step()
        finally:
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate
