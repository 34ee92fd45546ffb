"""Closures: what they return says what they are, and modes under which they are called again.

=========================== =============================================================================
a scalar                    a loss; the closure may have gone backward, or leaves that to the rule
a tensor r with axes        residuals: the loss is half the sum of their squares, and J = dr / dtheta
a pair (outputs, loss)      a loss of outputs: the generalised Gauss-Newton matrix J^T L'' J can be had
=========================== =============================================================================

A tensor (1,) is the residual of one row for rules that take residuals, and a scalar for all others.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
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


def ask(closure: Closure, where: str, single: bool = False) -> Answer:
    """Call a closure and read its answer by the table above; `single` says that a tensor (1,) is a loss.

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
        if given.ndim == 0 or (single and given.shape == (1,)):
            return Answer(given.reshape(()), None, False)
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


@final
class Asked:
    """A closure that is asked again and again; how it is to be called shows when it is asked for the first time.

    Parameters
    ----------
    closure : of any kind in the table above.
    where : how messages call the place.
    goes_backward : whether it goes backward itself; None: that is looked at. With False, ``.grad`` is left alone.
    single : whether a tensor (1,) is a loss.
    """

    def __init__(self, closure: Closure, where: str, goes_backward: bool | None = None, single: bool = False) -> None:
        self._closure, self._where, self._single = closure, where, single
        self._goes_backward, self._watched = goes_backward, goes_backward is not False
        self._differentiates = False
        self._attends: bool | None = None  # whether it calls attention, whose fused kernels have one derivative only

    def value(self) -> Answer:
        """The answer, without a graph where the closure can do without."""
        if self._differentiates:
            return _detached(self._quietly(True))
        try:
            return self._quietly(False)
        except RuntimeError:  # it calls torch.autograd.grad, as the loss of a differential equation does
            answer = self._quietly(True)
            self._differentiates = True
            return _detached(answer)

    def graph(self) -> Answer:
        """The answer with its graph, which can be differentiated twice."""
        with self._plainly():
            return self._quietly(True)

    def gradients(self, parameters: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor | None]]:
        """The loss and its gradients, which the closure has left in ``.grad`` or leaves to us."""
        self._forget(parameters)
        with torch.enable_grad():
            answer = ask(self._closure, self._where, self._single)
        found = self._left_behind(parameters)
        return answer.loss.detach(), self._derived(answer.loss, parameters, False) if found is None else found

    def slopes(self, parameters: Sequence[Tensor]) -> Sequence[Tensor | None]:
        """The gradients with their graph.

        Raises
        ------
        InvalidParameter : the closure goes backward in a way that leaves none.
        """
        self._forget(parameters)
        with torch.enable_grad(), self._plainly(), WithGraph() as mode:
            answer = ask(self._closure, self._where, self._single)
        found = self._left_behind(parameters)
        self._forget(parameters)
        if found is None:
            return self._derived(answer.loss, parameters, True)
        if not mode.met:
            raise InvalidParameter(
                problem(
                    self._where,
                    "a closure that goes backward by loss.backward(), or leaves that to the rule",
                    "gradients of another origin, without second derivatives",
                    "End it with `return loss`.",
                )
            )
        return found

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Calls of attention by the kernel that can be differentiated twice; nothing where there are none."""
        if self._attends is False:
            yield
            return
        with sdpa_kernel(SDPBackend.MATH), Attention() as mode:
            yield
        self._attends = mode.met

    def _quietly(self, graph: bool) -> Answer:
        """The answer of a call in which backward passes do nothing."""
        with torch.set_grad_enabled(graph):
            if self._goes_backward is False:
                return ask(self._closure, self._where, self._single)
            with LossOnly() as mode:
                answer = ask(self._closure, self._where, self._single)
        self._goes_backward = mode.met
        return answer

    def _forget(self, parameters: Sequence[Tensor]) -> None:
        if self._watched:
            for parameter in parameters:
                parameter.grad = None

    def _left_behind(self, parameters: Sequence[Tensor]) -> Sequence[Tensor | None] | None:
        """The gradients of the closure's own backward pass, or None where it made none."""
        if not self._watched:
            return None
        found = [parameter.grad for parameter in parameters]
        self._goes_backward = any(part is not None for part in found)
        return found if self._goes_backward else None

    def _derived(self, loss: Tensor, parameters: Sequence[Tensor], graph: bool) -> Sequence[Tensor | None]:
        if not loss.requires_grad:
            raise InvalidParameter(
                problem(
                    self._where,
                    "a loss that depends on the parameters",
                    "one without a graph",
                    "Compute it from the parameters, without detach() or item(), or go backward in the closure.",
                )
            )
        with torch.set_grad_enabled(graph):
            return torch.autograd.grad(loss, parameters, create_graph=graph, allow_unused=True)


def _detached(answer: Answer) -> Answer:
    outputs = None if answer.outputs is None else answer.outputs.detach()
    return Answer(answer.loss.detach(), outputs, answer.squares)


class Attention(TorchFunctionMode):
    """While it is on, calls of attention are noticed; `met` says whether there was one."""

    met = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.met = self.met or "attention" in getattr(func, "__name__", "")
        return func(*args, **(kwargs or {}))


class WithGraph(TorchFunctionMode):
    """While it is on, backward passes keep a graph, so that gradients can be differentiated again.

    `met` says whether there was one.
    """

    met = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = dict(kwargs or {})
        if func not in _BACKWARD:
            return func(*args, **options)
        self.met = True
        options.pop("retain_graph", None)
        with warnings.catch_warnings():  # the cycle that torch warns of is cut by who reads the gradients
            warnings.filterwarnings("ignore", message="Using backward")
            return func(*args[:2], **{**options, "create_graph": True})


class LossOnly(TorchFunctionMode):
    """While it is on, backward passes do nothing: only the loss is wanted. `met` says whether there was one."""

    met = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in _BACKWARD:
            return func(*args, **(kwargs or {}))
        self.met = True
        return None
