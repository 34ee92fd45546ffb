"""Cut: a part of a network as a block of another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, instance, nothing
from netwright.core.value import value
from netwright.graph import Block, Chain, Expression, Input, Layer, Parallel, Shape, begins_with_input

_name = instance(str, text="the name of a layer") | nothing


@value("layer")
class Cut(Block):
    """The layers of a network from one name to another, both included: y = f_last(... f_first(x)).

    It is ``network[first:last]`` as one layer, with fresh weights: to keep those that a module has, see `cut_module`.
    Names are those of the network's plan: the kind in lower case and its count within its chain, ``"conv2"``.

    Parameters
    ----------
    network : the network. To go into a block of it, it has to begin with `Input`, which is left out of the part.
    first, last : names of layers of one chain; None is the end of the chain.

    Shapes
    ------
    what the part takes -> what it gives

    Raises
    ------
    JoinError : a shape that the part does not take.
    InvalidParameter : a name that is not there (the nearest is named), names in another order or of two chains, a part
        with several inputs.

    Examples
    --------
    >>> from netwright.layers import Conv, Cut, Flatten, Input, MaxPool, ReLU, Softmax
    >>> net = Input(1, 28, 28) >> Conv(8, 3) >> ReLU() >> MaxPool(2) >> Flatten() >> Softmax(10)
    >>> (Input(1, 20, 20) >> Cut(net, last="maxpool1") >> Flatten() >> Softmax(3)).output_shape
    (3,)

    References
    ----------
    Yosinski, Clune, Bengio, Lipson, *How transferable are features in deep neural networks?*, 2014.
    """

    network: Expression
    first: str | None = None
    last: str | None = None

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "network": instance(Expression, text="a layer or a network"),
        "first": _name,
        "last": _name,
    }

    def __post_init__(self) -> None:
        self._part()

    def expand(self, shape: Shape) -> Expression:
        return self._part()

    def _part(self) -> Expression:
        part = self.network[self.first : self.last]
        parts = part.parts if isinstance(part, Chain) else (part,)
        if isinstance(parts[0], Input):
            parts = parts[1:]
        expected = "a part with one input and at least one layer"
        if not parts or begins_with_input(parts[0]):
            raise InvalidParameter(problem("Cut(network)", expected, shown(part), "Cut behind them."))
        if (merging := _merging(parts[0])) is not None:
            got, remedy = (
                f"one that begins with {merging!r}, which takes several",
                "Cut from the branches before it on.",
            )
            raise InvalidParameter(problem("Cut(network)", expected, got, remedy))
        return Chain(parts)


def _merging(part: Expression) -> Layer | None:
    """The layer that takes several inputs at the entrance of a part, if there is one."""
    if isinstance(part, Chain):
        return _merging(part.parts[0])
    if isinstance(part, Parallel):
        return next((found for branch in part.branches if (found := _merging(branch)) is not None), None)
    return part if isinstance(part, Layer) and part.merges else None
