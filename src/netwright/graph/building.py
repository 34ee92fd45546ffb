"""From an expression to a ``torch.nn.Module`` made of torch's own layers.

A chain is a ``torch.nn.Sequential`` whose children are named ``conv1, relu1, conv2...``; branches are a `Branches`
module that gives a tuple; a merging layer takes that tuple. A ReLU behind a convolution, a normalisation or a sum works
in place, and so does a sum (a module with the attribute ``overwrites``), as people write it by hand. A network with
several inputs is called with several tensors. Weights are drawn in a forked random state, each layer from its own
stream derived from (seed, path), so neither the global state nor the other layers are touched.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import torch

from netwright.core.seeds import alone, derive, forked_random
from netwright.core.validation import check, integer
from netwright.graph.expression import (
    Block,
    Chain,
    Expression,
    Input,
    Layer,
    Parallel,
    Plan,
    ability,
    begins_with_input,
    close,
    count_inputs,
)
from netwright.graph.plan import below, named, plan_of
from netwright.graph.table import Shape

_FREE = (torch.nn.modules.conv._ConvNd, torch.nn.modules.batchnorm._BatchNorm)


class Branches(torch.nn.Module):
    """Modules side by side: the same input to each, or inputs of its own to each; gives the tuple of their outputs.

    Parameters
    ----------
    branches : (name, module) pairs.
    takes : the number of inputs that each branch takes from the tuple that comes; None when all share one input.
    """

    def __init__(self, branches: Iterable[tuple[str, torch.nn.Module]], takes: tuple[int, ...] | None = None) -> None:
        super().__init__()
        for name, branch in branches:
            self.add_module(name, branch)
        self.takes = takes

    def forward(self, inputs: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """The outputs of all branches, nested tuples flattened."""
        if self.takes is None:
            outputs = [branch(inputs) for branch in self._modules.values()]  # type: ignore[misc]
        else:
            pairs = zip(self._modules.values(), self._shares(inputs), strict=True)
            outputs = [branch(given) for branch, given in pairs]  # type: ignore[misc]
        for output in outputs:
            if type(output) is tuple:
                return tuple(part for one in outputs for part in (one if isinstance(one, tuple) else (one,)))
        return tuple(outputs)

    def _shares(self, inputs: torch.Tensor | tuple[torch.Tensor, ...]) -> Iterator[Any]:
        """The inputs of each branch that takes some of its own."""
        assert self.takes is not None
        given = iter(inputs)
        for count in self.takes:
            yield next(given) if count == 1 else tuple(next(given) for _ in range(count))


class ManyInputs(torch.nn.Module):
    """The outermost module of a network with several inputs: call it with one tensor an input.

    Parameters
    ----------
    body : the module that takes the tuple of inputs.
    """

    def __init__(self, body: torch.nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Run the body on the tuple of inputs."""
        outputs: torch.Tensor | tuple[torch.Tensor, ...] = self.body(inputs)
        return outputs


@ability
def build(expression: Expression, seed: int = 0, inplace: bool = True) -> torch.nn.Module:
    """The module of a closed expression, or of a layer that knows its input, with weights drawn from the seed.

    Parameters
    ----------
    expression : a network that begins with `Input`, or one layer as `CRF`, whose size tells the shape of its input.
    seed : integer >= 0; the same seed gives the same weights.
    inplace : whether ReLUs and sums may work in place where no other layer reads.

    Raises
    ------
    JoinError : an open network.
    InvalidParameter : a seed that is no integer >= 0.

    Examples
    --------
    >>> from netwright.layers import Input, ReLU
    >>> build(Input(4) >> ReLU(3), seed=1).relu1.linear.weight.shape
    torch.Size([3, 4])
    """
    check("build(seed)", seed, integer(0))
    if isinstance(expression, Layer) and expression.takes is not None:
        return _made(expression, (expression.takes,), seed, "")
    plan = plan_of(expression)
    expression = close(expression)
    closed = expression if isinstance(expression, (Chain, Parallel)) else Chain((expression,))
    module = _module(closed, "", plan, seed, inplace)
    return ManyInputs(module) if len(plan.inputs) > 1 else module


def _is_free(module: torch.nn.Module) -> bool:
    """Whether the next layer of a chain may write into what the module gives.

    Nobody else reads it there, and the derivatives of convolutions, normalisations and sums do without it. Of branches
    it is the result of the first that counts: a sum writes into that one.
    """
    while type(module) in (torch.nn.Sequential, Branches) and len(module._modules):
        children = [child for child in module._modules.values() if child is not None]
        module = children[0] if type(module) is Branches else children[-1]
    return isinstance(module, _FREE) or hasattr(module, "overwrites")


def _module(part: Expression, path: str, plan: Plan, seed: int, inplace: bool) -> torch.nn.Module:
    if isinstance(part, Chain):
        pieces = ((name, piece) for name, piece in named(part.parts) if not isinstance(piece, Input))
        children = [(name, _module(piece, below(path, name), plan, seed, inplace)) for name, piece in pieces]
        for (_, before), (_, after) in pairwise(children) if inplace else ():
            if (type(after) is torch.nn.ReLU or hasattr(after, "overwrites")) and _is_free(before):
                setattr(after, "inplace", True)  # noqa: B010 (torch types attributes of modules as tensors)
        return torch.nn.Sequential(OrderedDict(children))
    if isinstance(part, Parallel):
        named_branches = [(f"branch{number}", branch) for number, branch in enumerate(part.branches, start=1)]
        modules = [(name, _module(branch, below(path, name), plan, seed, inplace)) for name, branch in named_branches]
        takes = tuple(map(count_inputs, part.branches)) if begins_with_input(part) else None
        return Branches(modules, takes=takes)
    if isinstance(part, Block):
        return _module(plan.blocks[path], path, plan, seed, inplace)
    assert isinstance(part, Layer)
    return _made(part, plan.shapes_into(plan.node(path)), seed, path)


def _made(layer: Layer, shapes: Iterable[Shape], seed: int, path: str) -> torch.nn.Module:
    """The module of one layer, its weights drawn from the stream of its place."""
    if torch.get_default_device().type == "meta":  # nothing is drawn there
        return layer.make(*shapes)
    own = derive(seed, "weights", path)
    with (
        alone(),
        torch.random.fork_rng(devices=[]),
        forked_random(own),
    ):  # a third party's module may draw from any generator
        torch.default_generator.manual_seed(own)
        return layer.make(*shapes)
