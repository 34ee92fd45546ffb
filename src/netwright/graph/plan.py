"""The plan of a network: its nodes in order, with the shapes observed on torch's meta device.

Nothing is derived by formula: each layer's module is made on the meta device (no memory, no arithmetic) and run once,
and the shape that comes out is the shape. Two samples are run, so that a module that drops a batch of one is seen as
it is. The plan of ``a >> b`` extends the plan of ``a``, so a join costs only what is new.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch

from netwright.core.errors import LONG, CorruptFile, InvalidParameter, JoinError, problem, shown
from netwright.core.limits import limited
from netwright.core.seeds import alone, forked_random
from netwright.graph.expression import (
    Block,
    Chain,
    Expression,
    Input,
    Layer,
    Node,
    Parallel,
    Plan,
    ability,
    begins_with_input,
    close,
    refuse,
)
from netwright.graph.observer import observing
from netwright.graph.shortcuts import Recurrences, Shortcuts
from netwright.graph.table import Shape

SAMPLES = 2  # in the meta batch
_REAL = 2**20  # elements of a sample that a file can make a layer run on
_MERGE = "It gets {}: merge them first with Concat() or Add()."


@ability
def plan_of(expression: Expression) -> Plan:
    """The plan of a closed expression; it is kept on the expression.

    Parameters
    ----------
    expression : a network that begins with `Input`.

    Raises
    ------
    JoinError : an open network, or layers that do not fit.
    """
    known: Plan | None = vars(expression).get("_plan")
    if known is not None:
        return known
    if not begins_with_input(expression):
        return _keep(expression, plan_of(close(expression)))
    plan, outputs = _walk(expression, (), "", Plan((), (), ()))
    return _keep(expression, replace(plan, outputs=outputs))


@ability
def plan_join(made: Chain, left: Expression) -> Plan:
    """The plan of ``made``, a chain that begins with all parts of ``left``, from the plan that ``left`` has."""
    known = plan_of(left if isinstance(left, Chain) else Chain((left,)))  # so that branches have their paths in a chain
    have = len(left.parts) if isinstance(left, Chain) else 1
    plan, outputs = known, known.outputs
    for name, part in list(named(made.parts))[have:]:
        plan, outputs = _walk(part, outputs, name, plan)
    return _keep(made, replace(plan, outputs=outputs))


def opened(part: Expression, plan: Plan, path: str = "") -> Expression:
    """A part of a planned network with all its blocks opened: chains, branches and layers only.

    Parameters
    ----------
    part : the network, or the part of it that stands at `path`.
    plan : the plan of the network.
    path : where the part stands.
    """
    if isinstance(part, Block):
        path = path or next(named((part,)))[0]
        return opened(plan.blocks[path], plan, path)
    if isinstance(part, Chain):
        return Chain(tuple(opened(piece, plan, below(path, name)) for name, piece in named(part.parts)))
    if isinstance(part, Parallel):
        branches = enumerate(part.branches, start=1)
        return Parallel(tuple(opened(branch, plan, below(path, f"branch{number}")) for number, branch in branches))
    return part


def named(parts: tuple[Expression, ...]) -> Iterator[tuple[str, Expression]]:
    """Names of the parts of a chain: the kind in lower case and its count, ``conv1, relu1, conv2``."""
    counts: dict[str, int] = {}
    for part in parts:
        kind = type(part).__name__.lower()
        counts[kind] = counts.get(kind, 0) + 1
        yield f"{kind}{counts[kind]}", part


def below(prefix: str, name: str) -> str:
    """The path of a child."""
    return f"{prefix}.{name}" if prefix else name


def _keep(expression: Expression, plan: Plan) -> Plan:
    object.__setattr__(expression, "_plan", plan)
    return plan


def _walk(part: Expression, incoming: tuple[int, ...], path: str, plan: Plan) -> tuple[Plan, tuple[int, ...]]:
    """Add a part's nodes to the plan; `incoming` are the nodes that it reads. Gives the nodes that it ends in."""
    if isinstance(part, Chain):
        for name, piece in named(part.parts):
            plan, incoming = _walk(piece, incoming, below(path, name), plan)
        return plan, incoming
    if isinstance(part, Parallel):
        ends: tuple[int, ...] = ()
        for number, branch in enumerate(part.branches, start=1):
            plan, end = _walk(branch, incoming, below(path, f"branch{number}"), plan)
            ends += end
        return plan, ends
    path = path or next(named((part,)))[0]
    if isinstance(part, Block):
        with _opening(part, path, tuple(plan.nodes[i].shape for i in incoming)):
            body = _expand_at(path, part, plan, incoming)
            return _walk(body, incoming, path, replace(plan, blocks={**plan.blocks, path: body}))
    assert isinstance(part, Layer)
    here = len(plan.nodes)
    shape = part.shape if isinstance(part, Input) else _observe_at(path, part, plan, incoming)
    inputs = (*plan.inputs, here) if isinstance(part, Input) else plan.inputs
    return replace(plan, nodes=(*plan.nodes, Node(path, part, incoming, shape)), inputs=inputs), (here,)


def _observe_at(path: str, layer: Layer, plan: Plan, incoming: tuple[int, ...]) -> Shape:
    """The layer's output shape, with its place added to the message if it refuses."""
    with _located(path, plan, incoming):
        return observe(layer, tuple(plan.nodes[i].shape for i in incoming))


def _expand_at(path: str, block: Block, plan: Plan, incoming: tuple[int, ...]) -> Expression:
    """What the block is there, with its place added to the message if it refuses."""
    shapes = tuple(plan.nodes[i].shape for i in incoming)
    with _located(path, plan, incoming):
        if len(shapes) > 1:
            raise refuse(block, "one input", shapes, _MERGE.format(len(shapes)))
        body = block.expand(*shapes)
        if not isinstance(body, Expression) or begins_with_input(body):
            got = f"{shown(body)} from its expand"
            remedy = "Return layers joined by >> and |, without Input."
            raise InvalidParameter(
                problem(f"{path}: {shown(block, LONG)}", "a block that is an open network", got, remedy)
            )
        return body if isinstance(body, Chain) else Chain((body,))


_OPEN: ContextVar[tuple[tuple[Block, tuple[Shape, ...]], ...]] = ContextVar("_OPEN", default=())
_DEEPEST = 64  # blocks in blocks; each is a few calls of Python


@contextmanager
def _opening(block: Block, path: str, shapes: tuple[Shape, ...]) -> Iterator[None]:
    """While a block is opened it may hold others, but not itself on an input of the same shape, and not without end."""
    around = _OPEN.get()
    if (block, shapes) in around or len(around) >= _DEEPEST:
        inside = "itself" if (block, shapes) in around else f"more than {_DEEPEST} blocks in each other"
        got = f"one that holds {inside} on an input of shape {shown(shapes[0] if shapes else shapes)}"
        remedy = "Let expand return other layers, or the same block with an argument that comes to an end."
        raise InvalidParameter(
            problem(f"{path}: {shown(block, LONG)}", "a block whose expand comes to an end", got, remedy)
        )
    token = _OPEN.set((*around, (block, shapes)))
    try:
        yield
    finally:
        _OPEN.reset(token)


@contextmanager
def _located(path: str, plan: Plan, incoming: tuple[int, ...]) -> Iterator[None]:
    try:
        yield
    except JoinError as error:
        before = ", ".join(f"{shown(plan.nodes[i].layer)} at {plan.nodes[i].path}" for i in incoming)
        raise JoinError(f"{path}: {error} It stands behind {before}.") from error.__cause__


@lru_cache(maxsize=4096)
def observe(layer: Layer, shapes: tuple[Shape, ...]) -> Shape:
    """The output shape of a layer for inputs of these shapes, seen by running its module on the meta device.

    A module that needs real numbers (its control flow depends on data) is run on the CPU instead, on zeros.
    """
    if len(shapes) > 1 and not layer.merges:
        raise refuse(layer, "one input", shapes, _MERGE.format(len(shapes)))
    try:
        output = _run(layer, shapes, "meta")
    except Exception as error:  # whatever a module of a third party raises
        if isinstance(error, (JoinError, InvalidParameter, CorruptFile)):
            raise
        if limited() and sum(map(math.prod, shapes)) > _REAL:  # a file may not ask for numbers of any size
            raise refuse(layer, "a shape that its module runs on", shapes) from error
        try:
            output = _run(layer, shapes, "cpu")
        except Exception as second:
            reason = f"{type(second).__name__}: {' '.join(str(second).split())}"
            raise refuse(layer, "a shape that its module runs on", shapes, f"torch says: {reason}") from second
    return _shape_of(output, layer, shapes)


def _run(layer: Layer, shapes: tuple[Shape, ...], device: str) -> Any:
    """What the layer's module gives; a module that the layer shares with others stays as it was."""
    with alone(), torch.random.fork_rng(devices=[]), forked_random(0), torch.device(device):
        module = layer.make(*shapes)
        if not isinstance(module, torch.nn.Module):
            got = f"{shown(module)} from its make"
            raise InvalidParameter(problem(shown(layer, LONG), "a layer that makes a torch.nn.Module", got))
        batches = tuple(torch.zeros(SAMPLES, *shape) for shape in shapes)
        with observing(module, device) as tensors, Shortcuts(), Recurrences():
            return torch.func.functional_call(
                module, tensors, (batches if layer.merges else batches[0],), tie_weights=False
            )


def _shape_of(output: Any, layer: Layer, shapes: tuple[Shape, ...]) -> Shape:
    if not isinstance(output, torch.Tensor):
        raise refuse(layer, "a module that returns one tensor", shapes, f"It returned a {type(output).__name__}.")
    if output.ndim < 1 or output.shape[0] != SAMPLES:
        raise refuse(
            layer,
            "a module that keeps the batch axis in front",
            shapes,
            f"For a batch of {SAMPLES} its output has the shape {tuple(output.shape)}.",
        )
    shape = tuple(int(axis) for axis in output.shape[1:])
    if 0 in shape:
        raise refuse(layer, "an input large enough to leave an output", shapes, f"The output would be {shape}.")
    return shape
