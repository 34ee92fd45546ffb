"""Which network an estimator trains: the one that was given, closed from the data, or one chosen for the data.

The choice for tables is two hidden layers of rectifiers whose width is the rule of thumb 2/3 (inputs) + outputs, but
at least 64 and at most 512; for images it is LeNet-5 with rectifiers where the image is large enough, else a small
convolutional network.
"""

from __future__ import annotations

import copy
import inspect
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from netwright import models
from netwright.core.errors import LONG, InvalidData, InvalidParameter, problem, shown
from netwright.estimators.memory import require_memory
from netwright.graph import (
    Branches,
    Chain,
    Expression,
    Input,
    ManyInputs,
    Parallel,
    Shape,
    analyze,
    begins_with_input,
    join,
    parse,
)
from netwright.layers import ColumnEmbedding, Linear, Sigmoid, Softmax
from netwright.losses import split_link
from netwright.models import LoadedWeights, choose_body, pattern
from netwright.models.pattern_text import is_pattern, read_pattern


@dataclass(frozen=True)
class Pattern:
    """A layer pattern, which becomes a network when the data are known."""

    text: str


Given = Expression | Pattern | LoadedWeights | torch.nn.Module | None


def resolve(network: Any) -> Given:
    """What an estimator was given as its network: an expression, its text, a pattern, a network with weights, a torch
    module, or nothing.

    A text with an arrow is a layer pattern, any other is code. Weights that were loaded into a module whose expression
    is not known are that module.

    Raises
    ------
    InvalidParameter : anything else; a text that is neither.

    Examples
    --------
    >>> resolve("ReLU(8) >> Softmax(3)"), resolve("INPUT -> FC8 -> RELU -> FC")
    (ReLU(8) >> Softmax(3), Pattern(text='INPUT -> FC8 -> RELU -> FC'))
    """
    if isinstance(network, str):
        if not is_pattern(network):
            return parse(network)
        read_pattern(network)
        return Pattern(network)
    if isinstance(network, LoadedWeights) and network.network is None:
        return network.module
    if network is None or isinstance(network, (Expression, LoadedWeights, torch.nn.Module)):
        return network
    expected = "layers joined by >>, their text, a layer pattern, what load_weights gives, a torch module, or None"
    raise InvalidParameter(problem("network", expected, shown(network)))


def network_for(
    given: Given,
    shapes: tuple[Shape, ...],
    target: Any,
    loss: Any = None,
    cardinalities: tuple[int, ...] = (),
    few: bool = False,
) -> Expression | torch.nn.Module:
    """The closed network that an estimator trains, or the torch module that it was given.

    Parameters
    ----------
    given : what `resolve` gives.
    shapes : of one sample of each input.
    target : the read target, which says how a network ends.
    loss : the loss, None for the default one.
    cardinalities : how many codes each of the trailing columns of codes has.
    few : whether a network that is chosen here should have few weights.

    Raises
    ------
    InvalidData, InvalidParameter : the network is closed for other shapes, or a pattern that cannot be.
    JoinError : a pattern whose layers do not fit the shapes.
    """
    if given is None:
        return choose(shapes[0], target.head(loss), target.outputs, cardinalities, few)
    if isinstance(given, torch.nn.Module):
        return given
    if isinstance(given, Pattern):
        return _from_pattern(given.text, shapes, target.head(loss), cardinalities)
    network = close(_expression(given), shapes, cardinalities)
    return network if isinstance(given, LoadedWeights) else target.complete(network)


def _from_pattern(text: str, shapes: tuple[Shape, ...], head: Expression, cardinalities: tuple[int, ...]) -> Expression:
    """The network of a pattern; columns of codes are embedded before its first layer."""
    if len(shapes) > 1:
        remedy = "Write it as code: (Input(...) | Input(...)) >> Concat() >> ..."
        raise InvalidParameter(problem("network", "layers for several inputs", f"the pattern {shown(text)}", remedy))
    if isinstance(head, Parallel):
        remedy = f"Write it as code that ends in {head!r}."
        raise InvalidParameter(problem("network", "layers for several targets", f"the pattern {shown(text)}", remedy))
    entrance = join(Input(*shapes[0]), *_embedding(cardinalities))
    width = head.units  # type: ignore[attr-defined]
    ends: dict[str, int] = {"classes" if isinstance(head, Softmax) else "outputs": width}
    made = pattern(text, entrance.output_shape, **ends)  # type: ignore[arg-type]
    return join(entrance, *made.parts[1:])  # type: ignore[union-attr]


def _expression(given: Expression | LoadedWeights) -> Expression:
    if isinstance(given, Expression):
        return given
    assert given.network is not None  # else `resolve` gives the module
    return given.network


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
                problem("network", f"one Input for each of the {len(shapes)} arrays of X", shown(network, LONG))
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


def choose(
    shape: Shape, head: Expression, outputs: int, cardinalities: tuple[int, ...] = (), few: bool = False
) -> Expression:
    """A network for samples of a shape and a head such as ``Softmax(3)``."""
    body = choose_body(shape, outputs, few)
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


def build_module(network: Expression | torch.nn.Module, seed: int, given: Given = None) -> torch.nn.Module:
    """A fresh module: built from an expression, or a copy of the user's own.

    Parameters
    ----------
    network : what `network_for` gives.
    seed : of fresh weights.
    given : what `resolve` gives; loaded weights are put into the module.

    Raises
    ------
    InvalidParameter : more parameters than there is memory for.
    InvalidData : loaded weights that do not fit a network for these data.
    """
    if isinstance(network, torch.nn.Module):
        return copy.deepcopy(network)
    require_memory(network)
    module = network.build(seed)
    if isinstance(given, LoadedWeights):
        _fill(module, given, network.input_shape)
    return module


def _fill(module: torch.nn.Module, given: LoadedWeights, shape: Shape) -> None:
    """Loaded weights into a module that was built for the data; those of some layers depend on the size of images."""
    loaded, fresh = given.module.state_dict(), module.state_dict()
    for name in [*fresh, *loaded]:
        got, wanted = (tuple(some[name].shape) if name in some else "none" for some in (loaded, fresh))
        if got != wanted:
            expected = f"samples for which the loaded weights are made: {name} of shape {got}"
            remedy = "Give images of the size that the weights were loaded for, or load them for these."
            raise InvalidData(problem("X", expected, f"samples of shape {shape}, which need {wanted}", remedy))
    module.load_state_dict(loaded)


def is_free(body: torch.nn.Module, link: str) -> bool:
    """Whether outputs can be any number: no link was split off, and the last layer is no activation."""
    leaves = [part for part in body.modules() if not list(part.children())]
    return link == "identity" and not (leaves and type(leaves[-1]).__module__ == "torch.nn.modules.activation")


def macs_of(module: torch.nn.Module, shapes: tuple[Shape, ...]) -> int:
    """Multiply-accumulates of one sample; 0 for a module that cannot be observed. Kept for modules that print alike."""
    form = repr(module), shapes
    if form not in _MACS:
        if len(_MACS) >= FORMS:
            _MACS.clear()
        try:
            _MACS[form] = analyze(module, shapes).macs
        except InvalidParameter:
            _MACS[form] = 0
    return _MACS[form]


FORMS = 256  # of networks whose cost is kept
_MACS: dict[tuple[str, tuple[Shape, ...]], int] = {}


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


def advice(network: Any, shapes: tuple[Shape, ...], wanted: tuple[Shape, ...], head: Expression, link: str) -> str:
    """What to do about a network that gives other outputs than a target needs.

    Parameters
    ----------
    network : that gives them; None where it is not known.
    shapes : of its outputs for one sample.
    wanted : the shapes that the target needs.
    head : the last layer that would fit.
    link : of the network.

    Examples
    --------
    >>> advice(models.resnet20(), ((10,),), ((4,),), Softmax(4), "softmax")
    'Call resnet20(num_classes=4), or end it with Softmax(4).'
    """
    name, options = _named(network)
    one = len(wanted) == 1
    if one and len(shapes) == 1 and len(shapes[0]) > 2:
        return _for_places(shapes[0], wanted[0], head, link)
    units = getattr(head, "units", None)
    if one and len(shapes) > 1 and "aux" in options and isinstance(head, Softmax):
        columns = f"np.stack([y] * {len(shapes)}, axis=1)"
        call = f"Call {name}(num_classes={units}), without aux"
        return f"{call}; or with it, and fit(X, {columns}), where the first column of predict is the network's."
    if one and "num_classes" in options and isinstance(head, Softmax):
        return f"Call {name}(num_classes={units}), or end it with {head!r}."
    if one and "headless" in options:
        return f"Write {name}(headless=True) >> {head!r}."
    if one and len(wanted[0]) > 1:
        return f"Give y the shape (n, {', '.join(map(str, shapes[0]))}), or end the network in that of y."
    return f"End it with {head!r}."


def _named(network: Any) -> tuple[str, Mapping[str, Any]]:
    """The function that makes the architecture whose card a network carries, and its options; else none."""
    card = network.card if isinstance(network, Chain) else None
    name = "" if card is None else str(card.name)
    function = getattr(models, name, None) if name in models.__all__ else None
    return (name, inspect.signature(function).parameters) if inspect.isfunction(function) else ("", {})


def _for_places(shape: Shape, wanted: Shape, head: Expression, link: str) -> str:
    """What to do about a network that answers for every place of an image, as a U-Net does."""
    target = f"(n, {', '.join(map(str, shape))})"
    if link == "sigmoid":
        loss, values = "BinaryCrossEntropy", "of 0 and 1"
    else:
        loss, values = "CrossEntropy", f"of 0 and 1, a 1 for the class of a place along the axis of {shape[0]}"
    whole = "" if len(wanted) > 1 else f" For one answer a sample put GlobalPool() >> {head!r} behind it."
    regressor = f"Regressor(network, loss=nw.losses.{loss}())"
    return f"It answers for every place of an image: {regressor} learns that from y of shape {target} {values}.{whole}"


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
