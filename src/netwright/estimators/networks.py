"""Which network an estimator trains: the one that was given, closed from the data, or one chosen for the data.

The choice for tables is two hidden layers of rectifiers whose width is the rule of thumb 2/3 (inputs) + outputs, but
at least 64 and at most 512; for images it is LeNet-5 with rectifiers where the image is large enough, else a small
convolutional network.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import torch

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.graph import Branches, Expression, Input, ManyInputs, Shape, analyze, begins_with_input, join, parse
from netwright.layers import ColumnEmbedding, Linear, Sigmoid, Softmax
from netwright.losses import split_link
from netwright.models import choose_body


def resolve(network: Any) -> Expression | torch.nn.Module | None:
    """What an estimator was given as its network: an expression, its text, a torch module, or nothing.

    Raises
    ------
    InvalidParameter : anything else.
    """
    if isinstance(network, str):
        return parse(network)
    if network is None or isinstance(network, (Expression, torch.nn.Module)):
        return network
    raise InvalidParameter(
        problem("network", "layers joined by >>, their text, a torch module, or None", repr(network))
    )


def close(network: Expression, shapes: tuple[Shape, ...], cardinalities: tuple[int, ...] = ()) -> Expression:
    """The network with an `Input` for data of these shapes; one that has its own must agree.

    An open network for a table with columns of codes begins with their embedding.

    Raises
    ------
    InvalidData : the network is closed for other shapes.
    """
    if not begins_with_input(network):
        if len(shapes) > 1:
            raise InvalidParameter(
                problem("network", f"one Input for each of the {len(shapes)} arrays of X", repr(network))
            )
        return join(Input(*shapes[0]), *_embedding(cardinalities), network)
    wanted = network.plan().input_shapes
    if wanted != shapes:
        if not len(shapes) == len(wanted) == 1:
            remedy = f"Give X as a tuple of {len(wanted)} arrays of these shapes."
            raise InvalidData(problem("X", f"samples of shape {wanted}, as the network's inputs", f"{shapes}", remedy))
        got, want = shapes[0], wanted[0]
        remedy = "Give X of that shape, or change Input(...)."
        if len(got) == 1 and len(want) > 1:
            remedy = f"Use X.reshape(-1, {', '.join(map(str, want))}) if the columns are such samples."
        raise InvalidData(problem("X", f"samples of shape {want}, as {Input(*want)} says", f"{got}", remedy))
    return network


def choose(shape: Shape, head: Expression, outputs: int, cardinalities: tuple[int, ...] = ()) -> Expression:
    """A network for samples of a shape and a head such as ``Softmax(3)``."""
    body = choose_body(shape, outputs)
    return join(Input(*shape), *_embedding(cardinalities), *body, head)


def _embedding(cardinalities: tuple[int, ...]) -> tuple[Expression, ...]:
    return (ColumnEmbedding(cardinalities),) if cardinalities else ()


def heads_of(widths: tuple[int, ...], link: str) -> Expression:
    """The head of a classifier: one layer, or several side by side, that end in a link."""
    kind: Any = {"softmax": Softmax, "sigmoid": Sigmoid, "identity": Linear}[link]
    made: Expression = kind(widths[0])
    for width in widths[1:]:
        made = made | kind(width)
    return made


def build_module(network: Expression | torch.nn.Module, seed: int) -> torch.nn.Module:
    """A fresh module: built from an expression, or a copy of the user's own."""
    return copy.deepcopy(network) if isinstance(network, torch.nn.Module) else network.build(seed)


def is_free(body: torch.nn.Module, link: str) -> bool:
    """Whether outputs can be any number: no link was split off, and the last layer is no activation."""
    leaves = [part for part in body.modules() if not list(part.children())]
    return link == "identity" and not (leaves and type(leaves[-1]).__module__ == "torch.nn.modules.activation")


def macs_of(module: torch.nn.Module, shapes: tuple[Shape, ...]) -> int:
    """Multiply-accumulates of one sample; 0 for a module that cannot be observed."""
    try:
        return analyze(module, shapes).macs
    except InvalidParameter:
        return 0


def output_shapes(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[Shape, ...]:
    """The shapes of the outputs for one sample, seen by running two samples (evaluation mode).

    Raises
    ------
    InvalidData : the module does not run on such samples; torch's own reason is given.
    """
    module.eval()
    try:
        with torch.no_grad():
            output = module(*inputs)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        shapes = ", ".join(str(tuple(x.shape[1:])) for x in inputs)
        reason = " ".join(str(error).split())
        raise InvalidData(
            problem("X", f"samples that {type(module).__name__} runs on", f"shape {shapes}", f"torch says: {reason}")
        ) from error
    outputs = output if isinstance(output, tuple) else (output,)
    return tuple(tuple(part.shape[1:]) for part in outputs)


def split_heads(module: torch.nn.Module) -> tuple[torch.nn.Module, str]:
    """The module without its last link, and the name of the link; all heads of several must end in the same one.

    Raises
    ------
    InvalidParameter : heads with different links.
    """
    if isinstance(module, ManyInputs):
        body, link = split_heads(module.body)
        return ManyInputs(body), link
    if isinstance(module, Branches):
        split = {name: split_heads(branch) for name, branch in module.named_children()}
        links = {link for _, link in split.values()}
        if len(links) > 1:
            raise InvalidParameter(problem("network", "heads that end alike", f"links {sorted(links)}"))
        return Branches([(name, body) for name, (body, _) in split.items()], module.takes), links.pop()
    if isinstance(module, torch.nn.Sequential) and len(module) and isinstance(module[-1], Branches):
        last, link = split_heads(module[-1])
        children = list(module._modules.items())  # named_children() would drop a module that is used twice
        return torch.nn.Sequential(OrderedDict([*children[:-1], (children[-1][0], last)])), link
    return split_link(module)
