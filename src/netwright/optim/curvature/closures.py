"""Closures: what they return says what they are, and modes under which they are called again.

=========================== =============================================================================
a scalar                    a loss; the closure may have gone backward, or leaves that to the rule
a tensor r with axes        residuals: the loss is half the sum of their squares, and J = dr / dtheta
a pair (outputs, loss)      a loss of outputs: the generalised Gauss-Newton matrix J^T L'' J can be had
=========================== =============================================================================
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from netwright.core.errors import InvalidParameter, problem

Closure = Callable[[], Any]
_BACKWARD = (torch.Tensor.backward, torch.autograd.backward)


class Answer(NamedTuple):
    """What a closure returned: a loss, and what it is a loss of.

    `outputs` is None for a bare loss; `squares` says that they are residuals, the loss half the sum of their squares.
    """

    loss: Tensor
    outputs: Tensor | None
    squares: bool


def ask(closure: Closure, where: str) -> Answer:
    """Call a closure and read its answer by the table above.

    Raises
    ------
    InvalidParameter : something else than the table says.
    """
    given = closure()
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return Answer(torch.tensor(float(given), dtype=torch.float64), None, False)
    if isinstance(given, tuple) and len(given) == 2 and all(isinstance(part, Tensor) for part in given):
        outputs, loss = given
        if loss.ndim == 0 and outputs.ndim and outputs.is_floating_point():
            return Answer(loss, outputs, False)
    if isinstance(given, Tensor) and given.is_floating_point():
        if given.ndim == 0:
            return Answer(given, None, False)
        if given.numel():
            return Answer(0.5 * given.square().sum(), given, True)
    shape = f"a tensor {tuple(given.shape)} of {given.dtype}" if isinstance(given, Tensor) else None
    raise InvalidParameter(
        problem(
            where,
            "a closure that returns a scalar loss, residuals with an axis of rows, or a pair (outputs, loss)",
            shape or f"a {type(given).__name__}",
            "End it with `return loss`.",
        )
    )


class WithGraph(TorchFunctionMode):
    """While it is on, backward passes keep a graph, so that gradients can be differentiated again."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = dict(kwargs or {})
        if func not in _BACKWARD:
            return func(*args, **options)
        options.pop("retain_graph", None)
        with warnings.catch_warnings():  # the cycle that torch warns of is cut by who reads the gradients
            warnings.filterwarnings("ignore", message="Using backward")
            return func(*args[:2], **{**options, "create_graph": True})


class LossOnly(TorchFunctionMode):
    """While it is on, backward passes do nothing: only the loss is wanted."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return None if func in _BACKWARD else func(*args, **(kwargs or {}))
