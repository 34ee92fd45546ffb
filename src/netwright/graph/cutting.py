"""Cutting: a part of a network by the names of its layers.

Names are those of the plan: the kind in lower case and its count within its chain, ``conv1, relu1, conv2``; a dot
goes into branches and blocks, ``parallel1.branch2.conv1``. As with labels elsewhere (pandas), both ends of a slice
belong to it.
"""

from __future__ import annotations

import copy
from collections import OrderedDict

import torch

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.graph.expression import Block, Chain, Expression, Parallel, ability, begins_with_input
from netwright.graph.plan import below, named


@ability
def cut(expression: Expression, place: str | slice) -> Expression:
    """The part of a network at a name, or from one name to another.

    Parameters
    ----------
    expression : a network. To go into a `Block`, whose inside depends on its input, it has to be closed.
    place : a name such as ``"conv1"``, or a slice of two names of one chain; an open end is that of the chain.

    Raises
    ------
    InvalidParameter : a name that is not there (the nearest is named), ends in another order or in different chains.

    Examples
    --------
    >>> from netwright.layers import Conv, Flatten, Input, MaxPool, ReLU, Softmax
    >>> net = Input(1, 28, 28) >> Conv(8, 3) >> ReLU() >> Conv(16, 3) >> ReLU() >> Flatten() >> Softmax(10)
    >>> net["conv1":"conv2"]
    Conv(8, 3) >> ReLU() >> Conv(16, 3)
    >>> net["conv2"], net["flatten1":]
    (Conv(16, 3), Flatten() >> Softmax(10))
    """
    if isinstance(place, str):
        return _part(expression, place, "")
    if not isinstance(place, slice) or place.step is not None:
        remedy = 'Write net["conv1"] or net["conv1":"conv3"].'
        raise InvalidParameter(problem("net[...]", "a name, or two names as a slice", shown(place), remedy))
    for end in (place.start, place.stop):
        if not (end is None or isinstance(end, str)):
            raise InvalidParameter(problem("net[first:last]", "names of layers", shown(end)))
    chain, first, last = _one_chain(expression, place.start, place.stop)
    names = [name for name, _ in named(chain.parts)]
    start = 0 if first is None else _index(names, first, "net[first:last]")
    stop = len(names) if last is None else _index(names, last, "net[first:last]") + 1
    if start >= stop:
        got = f"{first!r} behind {last!r}"
        raise InvalidParameter(problem("net[first:last]", "two layers in the order of the network", got))
    return Chain(chain.parts[start:stop], chain.card if start == 0 else None)


def cut_module(module: torch.nn.Module, first: str | None = None, last: str | None = None) -> torch.nn.Sequential:
    """The layers of a built chain from one name to another, both included, with the weights that they have.

    Parameters
    ----------
    module : what a network built; its layers are shared with the result, not copied.
    first, last : names of its children; None is the end of the chain.

    Raises
    ------
    InvalidParameter : a name that is not there, a module that is no chain.

    Examples
    --------
    >>> from netwright.layers import Input, ReLU, Softmax
    >>> module = (Input(4) >> ReLU(8) >> ReLU(6) >> Softmax(3)).build()
    >>> list(dict(cut_module(module, "relu1", "relu2").named_children()))
    ['relu1', 'relu2']
    """
    if not isinstance(module, torch.nn.Sequential):
        raise InvalidParameter(problem("cut_module(module)", "a chain of layers", type(module).__name__))
    children = list(module._modules.items())
    names = [name for name, _ in children]
    start = 0 if first is None else _index(names, first, "cut_module(first)")
    stop = len(names) if last is None else _index(names, last, "cut_module(last)") + 1
    if start >= stop:
        got = f"{first!r} behind {last!r}"
        raise InvalidParameter(problem("cut_module(first, last)", "two layers in the order of the network", got))
    made = OrderedDict((name, part) for name, part in children[start:stop] if part is not None)
    head = next(iter(made))
    if getattr(made[head], "inplace", False):  # it would write into what it is given
        made[head] = copy.copy(made[head])
        setattr(made[head], "inplace", False)  # noqa: B010 (torch types attributes of modules as tensors)
    return torch.nn.Sequential(made)


def _one_chain(expression: Expression, first: str | None, last: str | None) -> tuple[Chain, str | None, str | None]:
    """The chain that both ends stand in, and their names in it."""
    homes = {end.rpartition(".")[0] for end in (first, last) if end is not None}
    if len(homes) > 1:
        got = f"{first!r} and {last!r}"
        raise InvalidParameter(problem("net[first:last]", "two layers of one chain", got, "Cut inside one branch."))
    home = homes.pop() if homes else ""
    part = _part(expression, home, "") if home else expression
    if isinstance(part, Block) and home:
        part = _opened(expression, part, home)
    chain = part if isinstance(part, Chain) else Chain((part,))
    inner = [None if end is None else end.rpartition(".")[2] for end in (first, last)]
    return chain, inner[0], inner[1]


def _part(expression: Expression, place: str, path: str, root: Expression | None = None) -> Expression:
    """The part at a path within an expression that stands at `path` of `root`."""
    root = root or expression
    head, _, rest = place.partition(".")
    if isinstance(expression, Block) and path:
        expression = _opened(root, expression, path)
    if isinstance(expression, Parallel) and path:
        children = {f"branch{number}": branch for number, branch in enumerate(expression.branches, start=1)}
    else:
        parts = expression.parts if isinstance(expression, Chain) else (expression,)
        children = dict(named(parts))
    name = list(children)[_index(list(children), head, f"net[{below(path, place)!r}]")]
    found = children[name]
    return _part(found, rest, below(path, name), root) if rest else found


def _opened(root: Expression, block: Block, path: str) -> Expression:
    if not begins_with_input(root) and not (isinstance(root, Chain) and root.card and root.card.input_shape):
        remedy = "Put Input(...) before the network."
        raise InvalidParameter(problem(f"net[{path!r}]", "a closed network, to look into a block", shown(root), remedy))
    return root.plan().blocks[path]


def _index(names: list[str], name: str, where: str) -> int:
    if name not in names:
        raise InvalidParameter(problem(where, "the name of a layer there", repr(name), did_you_mean(name, names)))
    return names.index(name)
