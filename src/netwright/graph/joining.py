"""Joining: layers and networks one after the other, side by side, repeated.

The operators ``>>`` and ``|`` of an expression are `join` and `parallel`.
"""

from __future__ import annotations

from typing import Any

from netwright.core.errors import LONG, InvalidParameter, JoinError, problem, shown
from netwright.core.validation import integer
from netwright.graph.expression import Chain, Expression, Parallel, ability, begins_with_input
from netwright.graph.plan import plan_join

LAYERS = 100_000  # parts of the longest chain that `repeat` makes


@ability
def join(*parts: Expression) -> Chain:
    """Join expressions one after the other: ``join(a, b)`` is ``a >> b``.

    Parameters
    ----------
    parts : layers and networks, at least one.

    Raises
    ------
    JoinError : a shape that the next layer cannot take (layer, path and both shapes are named).
    InvalidParameter : something that is no layer.

    Examples
    --------
    >>> from netwright.layers import Input, ReLU, Softmax
    >>> join(Input(4), ReLU(8), Softmax(3))
    Input(4) >> ReLU(8) >> Softmax(3)
    """
    flat: list[Expression] = []
    for part in parts:
        _expect_expression(">>", part)
        if flat and begins_with_input(part):
            raise JoinError(
                problem(
                    "a >> b",
                    "Input only at the beginning",
                    f"{shown(part, LONG)} on the right of {shown(flat[-1], LONG)}",
                    "Leave its Input out, or put the two side by side with |.",
                )
            )
        flat.extend(part.parts if isinstance(part, Chain) else (part,))
    if not flat:
        raise InvalidParameter(problem("join()", "at least one layer", "none"))
    cards = [part.card for part in parts if isinstance(part, Chain) and part.card is not None]
    made = Chain(tuple(flat), cards[0] if cards else None)
    if begins_with_input(made):
        plan_join(made, parts[0])
    return made


@ability
def parallel(*branches: Expression) -> Parallel:
    """Put expressions side by side: ``parallel(a, b)`` is ``a | b``.

    Every branch gets the same input; or, when every branch begins with its own `Input`, one input each.

    Parameters
    ----------
    branches : layers and networks, at least two.

    Raises
    ------
    JoinError : some branches begin with `Input` and some do not.

    Examples
    --------
    >>> from netwright.layers import Input, Identity, Tanh, Concat
    >>> (Input(4) >> parallel(Identity(), Tanh(3)) >> Concat()).output_shape
    (7,)
    """
    flat: list[Expression] = []
    for branch in branches:
        _expect_expression("|", branch)
        flat.extend(branch.branches if isinstance(branch, Parallel) else (branch,))
    if len(flat) < 2:
        raise InvalidParameter(problem("parallel()", "at least two branches", str(len(flat))))
    closed = [begins_with_input(branch) for branch in flat]
    if any(closed) and not all(closed):
        raise JoinError(
            problem(
                "a | b",
                "every branch to begin with Input, or none",
                f"{shown(flat[closed.index(True)], LONG)} with and {shown(flat[closed.index(False)], LONG)} without",
                "Give each branch its Input, or put one Input before all: Input(...) >> (a | b).",
            )
        )
    return Parallel(tuple(flat))


def repeat(block: Expression, times: int) -> Chain:
    """Chain independent copies of a block: ``repeat(a, 3)`` is ``a >> a >> a``, each with weights of its own.

    Parameters
    ----------
    block : a layer or an open network.
    times : number of copies, an integer >= 1.

    Raises
    ------
    InvalidParameter : a number of copies below 1, or a chain of more than 100,000 parts.

    Examples
    --------
    >>> from netwright.layers import ReLU
    >>> repeat(ReLU(8), 2)
    ReLU(8) >> ReLU(8)
    """
    if not integer(1).accepts(times):
        raise InvalidParameter(problem("repeat(times)", "an integer >= 1", repr(times)))
    _expect_expression(">>", block)
    layers = times * (len(block.parts) if isinstance(block, Chain) else 1)
    if layers > LAYERS:
        raise InvalidParameter(problem("repeat(times)", f"a chain of at most {LAYERS} parts", str(layers)))
    return join(*[block] * times)


def _expect_expression(operator: str, thing: Any) -> None:
    if isinstance(thing, Expression):
        return
    if isinstance(thing, type) and issubclass(thing, Expression):
        remedy = f"Write {thing.__name__}(...): the class itself is not a layer yet."
    else:
        remedy = "Wrap a torch module as Module(lambda: ...) to use it as a layer."
    raise InvalidParameter(problem(f"a {operator} b", "layers and networks", shown(thing), remedy))
