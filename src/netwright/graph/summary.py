"""Summaries: what a network has in each layer and what it costs, observed on torch's meta device.

`netwright.graph.Expression.summary` and `analyze` give the same object, one for a netwright expression (a row a
layer), one for any torch module (a row a leaf module). Parameters shared by several layers are counted once, where
they come first. A MAC is one multiply-accumulate of a convolution or a matrix product for one sample; two FLOPs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import forked_random
from netwright.graph.building import build
from netwright.graph.expression import Expression, ability, close
from netwright.graph.observer import Observer, observing, point, tensors_in
from netwright.graph.plan import SAMPLES, plan_of
from netwright.graph.table import Row, Shape, Summary


@ability
def summarize(expression: Expression, input_shape: Shape | None = None, explain: bool = False) -> Summary:
    """The summary of an expression, a row a layer.

    Parameters
    ----------
    expression : a network that begins with `Input`, or an open one with a shape to close it.
    input_shape : closes an open network; None: the shape on the card of a named architecture.
    explain : whether the table says how sizes and parameters come about.

    Raises
    ------
    JoinError : an open network.
    """
    expression = close(expression, input_shape)
    plan = plan_of(expression)
    prefix = "body." if len(plan.inputs) > 1 else ""
    labels = {prefix + node.path: node for node in plan.nodes}
    inputs = tuple(torch.empty(SAMPLES, *shape, device="meta") for shape in plan.input_shapes)

    def make(device: str) -> tuple[torch.nn.Module, dict[str, torch.nn.Module]]:
        with torch.random.fork_rng(devices=[]), torch.device(device):
            module = build(expression)
        return module, {n: part for n, part in module.named_modules(remove_duplicate=False) if n in labels}

    by_name, macs, module, device = _run_anywhere(make, inputs)
    table = []
    for name, node in labels.items():
        window = point((SAMPLES, *node.shape))  # an Input has no module of its own and sees itself
        row = by_name.get(name, Row("", "", None, 0, 0, 0, window.extent, window))
        table.append(replace(row, path=node.path, layer=repr(node.layer), output_shape=node.shape))
    return _total(table, macs, module, device)


def analyze(
    module: torch.nn.Module,
    input_size: Shape | Sequence[Shape] | torch.Tensor | Sequence[torch.Tensor],
    dtype: torch.dtype | Sequence[torch.dtype] = torch.float32,
) -> Summary:
    """The same table for any torch module; it is run once without memory or arithmetic, and left as it was.

    Parameters
    ----------
    module : any ``torch.nn.Module``; functional calls, shared weights and branches are counted as they run.
    input_size : shape of one sample without the batch axis, a list of shapes for several inputs, or example tensors.
    dtype : element type of the inputs, or one for each (``torch.long`` for indices).

    Raises
    ------
    InvalidParameter : the module does not run on such an input (torch's own reason is given).

    Examples
    --------
    >>> import torch, netwright as nw
    >>> nw.analyze(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU()), (3, 32, 32)).macs
    194400
    """
    inputs = _inputs(input_size, dtype)
    leaves = {
        name: part
        for name, part in module.named_modules()
        if not list(part.children()) or list(part.parameters(recurse=False))
    }
    try:
        rows, macs, _, device = _run_anywhere(lambda device: (module, leaves), inputs)
    except Exception as error:  # whatever a module of a third party raises
        shapes = [tuple(tensor.shape) for tensor in inputs]
        got = f"{type(error).__name__}: {' '.join(str(error).split())}"
        expected = f"a size that {type(module).__name__} runs on (it got {shapes})"
        raise InvalidParameter(problem("analyze(input_size)", expected, got)) from error
    return _total(list(rows.values()), macs, module, device)


Watched = dict[str, torch.nn.Module]


def _run_anywhere(
    make: Callable[[str], tuple[torch.nn.Module, Watched]], inputs: tuple[torch.Tensor, ...]
) -> tuple[dict[str, Row], int, torch.nn.Module, str]:
    """On the meta device; a module that needs real numbers (data-dependent control flow) on the CPU, on zeros."""
    try:
        module, watched = make("meta")
        rows, macs = _observe(module, tuple(x.to("meta") for x in inputs), watched, "meta")
        return rows, macs, module, "meta"
    except Exception:  # a module of a third party; if it is wrong, it will raise again
        module, watched = make("cpu")
        real = tuple(torch.zeros_like(x, device="cpu") if x.is_meta else x.to("cpu") for x in inputs)
        rows, macs = _observe(module, real, watched, "cpu")
        return rows, macs, module, "cpu"


def _observe(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], watched: Watched, device: str
) -> tuple[dict[str, Row], int]:
    """Run once under the observer; a row for each watched module in the order of its first call."""
    samples = inputs[0].shape[0]
    seen: dict[str, dict[str, Any]] = {}
    observer = Observer()

    def before(name: str) -> None:
        seen.setdefault(name, {"macs": 0, "enter": [], "output": None})["enter"].append(observer.macs)

    def after(name: str, output: Any) -> None:
        record = seen[name]
        record["macs"] += observer.macs - record["enter"].pop()
        first = next(iter(tensors_in((output,))), None)  # a recurrent module gives its outputs and its state
        if record["output"] is None and first is not None:
            record["output"] = (tuple(first.shape[1:]), observer.window(first))

    with forked_random(0), observing(module, device) as tensors, _hooks(watched, before, after), observer:
        for tensor in inputs:
            observer.enter_input(tensor)
        torch.func.functional_call(module, tensors, inputs, tie_weights=False)
    return _rows(watched, seen, samples), observer.macs // samples


def _rows(watched: Watched, seen: dict[str, Any], samples: int) -> dict[str, Row]:
    rows, counted = {}, set[int]()
    nested = _nested_macs(seen)
    for name, record in seen.items():
        part = watched[name]
        inner = {id(p) for other, m in watched.items() if other.startswith(f"{name}.") for p in m.parameters()}
        fresh = {id(p): p for p in part.parameters() if id(p) not in inner | counted}
        counted.update(fresh)
        shape, window = record["output"] or (None, None)
        extent = None if window is None else window.extent
        parameters = sum(p.numel() for p in fresh.values())
        trainable = sum(p.numel() for p in fresh.values() if p.requires_grad)
        macs = (record["macs"] - nested.get(name, 0)) // samples
        rows[name] = Row(name, _label(part), shape, parameters, trainable, macs, extent, window)
    return rows


def _nested_macs(seen: dict[str, Any]) -> dict[str, int]:
    """MACs of watched modules inside a watched module, so that each is counted in one row only."""
    inside: dict[str, int] = {}
    for name, record in seen.items():
        parents = [other for other in seen if other != name and (other == "" or name.startswith(f"{other}."))]
        if parents:
            nearest = max(parents, key=len)
            inside[nearest] = inside.get(nearest, 0) + record["macs"]
    return inside


@contextmanager
def _hooks(watched: Watched, before: Callable[[str], None], after: Callable[[str, Any], None]) -> Iterator[None]:
    """Call `before` and `after` round each watched module, by name; one that has several names by each in turn."""
    names: dict[torch.nn.Module, list[str]] = {}
    for name, part in watched.items():
        names.setdefault(part, []).append(name)
    running: list[str] = []

    def enter(part: torch.nn.Module, args: Any) -> None:
        left = names[part]
        running.append(left[0] if len(left) == 1 else left.pop(0))
        before(running[-1])

    def leave(part: torch.nn.Module, args: Any, output: Any) -> None:
        after(running.pop(), output)

    handles = []
    try:
        for part in names:
            handles.append(part.register_forward_pre_hook(enter))
            handles.append(part.register_forward_hook(leave))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _inputs(size: Any, dtype: Any) -> tuple[torch.Tensor, ...]:
    if isinstance(size, torch.Tensor):
        return (size,)
    items = list(size)
    if items and all(isinstance(item, torch.Tensor) for item in items):
        return tuple(items)
    shapes = [tuple(items)] if all(isinstance(item, int) for item in items) else [tuple(item) for item in items]
    dtypes = list(dtype) if isinstance(dtype, (list, tuple)) else [dtype] * len(shapes)
    return tuple(torch.empty(SAMPLES, *s, dtype=d, device="meta") for s, d in zip(shapes, dtypes, strict=True))


def _label(part: torch.nn.Module) -> str:
    return f"{type(part).__name__}({part.extra_repr()})"


def _total(rows: list[Row], macs: int, module: torch.nn.Module, device: str) -> Summary:
    parameters = {id(p): p for p in module.parameters()}.values()
    total = sum(p.numel() for p in parameters)
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    return Summary(tuple(rows), total, trainable, macs, rows[-1].receptive_field if rows else None, device)
