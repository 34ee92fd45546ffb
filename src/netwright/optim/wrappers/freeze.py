"""Freezing: the layers of these names keep their weights, the rule moves the others.

With the set F of frozen parameters::

    w_j <- w_j                      j in F
    w_j <- step of the rule         otherwise

======= ================ =============================================
symbol  argument         meaning
======= ================ =============================================
F       ``names``        names or patterns of layers and parameters
======= ================ =============================================

The frozen parameters are not in the optimizer at all: no weight decay, momentum or rounding can move them, and the
vector and matrices of a rule of curvature have the size of what is left. Their gradients are still computed, since the
loss is the caller's; ``parameter.requires_grad_(False)`` saves that time as well.

Reference: Yosinski, Clune, Bengio, Lipson: How transferable are features in deep neural networks?, 2014.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, final

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, tuple_of
from netwright.core.value import value
from netwright.optim.base import Optimizer
from netwright.optim.wrappers.names import NAME, means, named_groups, require_all_mean_something
from netwright.optim.wrappers.wrapper import RULE, Wrapper

WHERE = "Freeze.build(params)"


@final
@value("optimizer")
class Freeze(Wrapper):
    """Freeze layers by their names: their weights stay, bit by bit, and the rule moves the others.

    ::

        w_j <- w_j                      of the frozen layers
        w_j <- step of the rule         of the others

    A layer's name means all its parameters, and those of layers inside it; in patterns ``*`` stands for anything. What
    is built is the rule's own optimizer, on the other parameters: its ``zero_grad()`` clears their gradients only
    (``module.zero_grad()`` clears all). Buffers, such as the statistics of batch normalisation, are not parameters:
    they go on following the data in training mode.

    Parameters
    ----------
    rule : the update rule, of any kind.
    layers : names of layers or parameters, or patterns: ``Freeze(rule, "conv1", "block*", "*.bias")``.
    names : the same as one tuple, ``Freeze(rule, names=("conv1",))``.

    Raises
    ------
    InvalidParameter : no names; from `build`: parameters without names, a name that means none of them, nothing left.

    Examples
    --------
    >>> import torch
    >>> from netwright.optim import Adam
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    >>> optimizer = Freeze(Adam(0.1), "0").build(module.named_parameters())
    >>> optimizer.param_groups[0]["param_names"]
    ['1.weight', '1.bias']

    References
    ----------
    Yosinski, Clune, Bengio, Lipson: How transferable are features in deep neural networks?, 2014.
    """

    rule: Optimizer
    names: tuple[str, ...]

    constraints: ClassVar[Mapping[str, Constraint]] = {"rule": RULE, "names": tuple_of(NAME, least=1)}

    def __init__(self, rule: Optimizer, *layers: str, names: tuple[str, ...] | None = None) -> None:
        if names is not None and layers:
            raise InvalidParameter(
                problem("Freeze(names)", "names in one place", f"{layers!r} and names={names!r}", "Give all in one.")
            )
        object.__setattr__(self, "rule", rule)
        object.__setattr__(self, "names", layers if names is None else names)
        self.__post_init__()  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"Freeze({', '.join(map(repr, (self.rule, *self.names)))})"

    @property
    def by_name(self) -> bool:  # type: ignore[override]
        """True: it is built on named parameters."""
        return True

    def _build(self, params: list[Any], lr: float) -> torch.optim.Optimizer:
        groups = named_groups(params, WHERE)
        require_all_mean_something(self.names, groups, WHERE)
        left = [{**group, "params": self._others(group["params"])} for group in groups]
        left = [group for group in left if group["params"]]
        if not left:
            raise InvalidParameter(
                problem(WHERE, "a parameter that is not frozen", f"all frozen by {self!r}", "Leave a layer to train.")
            )
        return self.rule._build(left, lr)

    def _others(self, pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return [(name, tensor) for name, tensor in pairs if not any(means(pattern, name) for pattern in self.names)]
