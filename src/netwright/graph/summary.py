"""Summaries: what a network has in each layer and what it costs, observed on torch's meta device.

`netwright.graph.Expression.summary` and `analyze` give the same object, one for a netwright expression (a row a
layer), one for any torch module (a row a leaf module). Parameters shared by several layers are counted once, where
they come first. A MAC is one multiply-accumulate of a convolution or a matrix product for one sample; two FLOPs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from netwright.core.errors import InvalidParameter, did_you_mean, problem, shown
from netwright.core.seeds import alone, forked_random
from netwright.core.validation import check, integer
from netwright.graph.building import build
from netwright.graph.calls import Observed, Watched, hooks, observe_call
from netwright.graph.expression import Expression, ability, close
from netwright.graph.memory import saved_for_backward
from netwright.graph.plan import SAMPLES, plan_of
from netwright.graph.table import Row, Shape, Summary
from netwright.graph.window import Window


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
    names = tuple(plan.nodes[i].path for i in plan.inputs)

    def make(device: str) -> tuple[torch.nn.Module, Watched]:
        with alone(), torch.random.fork_rng(devices=[]), forked_random(0), torch.device(device):
            module = build(expression)
        return module, {n: part for n, part in module.named_modules(remove_duplicate=False) if n in labels}

    seen = _run_anywhere(make, _batches(plan.input_shapes, torch.float32), names)
    table = []
    inputs = dict(zip(names, seen.inputs, strict=True))  # an Input has no module of its own
    for name, node in labels.items():
        row = seen.rows.get(name, Row("", "", None, 0, 0, 0, inputs.get(node.path)))
        sources = tuple(source.removeprefix(prefix) for source in row.sources)
        table.append(replace(row, path=node.path, layer=repr(node.layer), output_shape=node.shape, sources=sources))
    return _total(table, seen, explained=explain)


@ability
def receptive_field(expression: Expression, layer: str | int | None = None) -> Shape | None:
    """The receptive field of a layer, R_k = 1 + sum_j (F_j - 1) prod_{i < j} S_i along a chain.

    Parameters
    ----------
    expression : a network that begins with `Input`, or a named architecture.
    layer : its path, or its number k in the summary, 0 being the input; None: the last layer.

    Raises
    ------
    InvalidParameter : a layer that is not there.

    Examples
    --------
    >>> from netwright.layers import Conv, Input, MaxPool
    >>> net = Input(1, 28, 28) >> Conv(6, 5) >> MaxPool(2) >> Conv(16, 5)
    >>> net.receptive_field(), [net.receptive_field(k)[0] for k in range(4)]
    ((14, 14), [1, 5, 6, 14])
    """
    rows = summarize(expression).rows
    paths = [row.path for row in rows]
    if layer is None:
        return rows[-1].receptive_field
    if isinstance(layer, str):
        if layer not in paths:
            remedy = did_you_mean(layer, paths)
            raise InvalidParameter(problem("receptive_field(layer)", "the path of a layer", shown(layer), remedy))
        return rows[paths.index(layer)].receptive_field
    check("receptive_field(layer)", layer, integer(0, len(rows) - 1))
    return rows[layer].receptive_field


def analyze(
    module: torch.nn.Module,
    input_size: int | Shape | Sequence[Shape] | torch.Tensor | Sequence[torch.Tensor],
    dtype: torch.dtype | Sequence[torch.dtype] | None = None,
    explain: bool = False,
) -> Summary:
    """The same table for any torch module; it is run without memory or arithmetic, and left as it was.

    It is run to predict (``eval()``), on a batch of two samples, or of one if it refuses two; where work may not grow
    with the batch (weights merged at each call, all samples compared with all), on more batches, so that the figures
    are those of one sample. Layers that do not run have a row without an output.

    Parameters
    ----------
    module : any ``torch.nn.Module``; functional calls, shared weights and branches are counted as they run.
    input_size : shape of one sample without the batch axis, or a list of shapes for several inputs: figures are for one
        sample. Or example tensors, one or a list: figures are for that call as it is, batch axis included.
    dtype : element type of the inputs, or one for each (``torch.long`` for indices); None: that of the module's
        parameters. Example tensors have their own.
    explain : whether printing shows how sizes and parameters come about.

    Raises
    ------
    InvalidParameter : the module does not run on such an input (torch's own reason is given).

    Examples
    --------
    >>> import torch, netwright as nw
    >>> conv = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
    >>> nw.analyze(conv, (3, 32, 32)).macs, nw.analyze(conv, torch.zeros(10, 3, 32, 32)).macs
    (194400, 1944000)
    """
    if not isinstance(module, torch.nn.Module):
        remedy = "A network of layers has it as net.summary()."
        raise InvalidParameter(problem("analyze(module)", "a torch.nn.Module", shown(module), remedy))
    own = next((t.dtype for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()), torch.float32)
    batches, call = _inputs(input_size, own if dtype is None else dtype)
    leaves = {name: part for name, part in module.named_modules() if _is_layer(part)}
    names = ("input",) if len(batches[0]) == 1 else tuple(f"input{n}" for n in range(1, len(batches[0]) + 1))
    try:
        seen = _run_anywhere(lambda device: (module, leaves), batches, names, call)
    except Exception as error:  # whatever a module of a third party raises
        shapes = [tuple(tensor.shape) for tensor in batches[0]]
        got = f"{type(error).__name__}: {' '.join(str(error).split())}"
        expected = f"a size that {type(module).__name__} runs on (it got {shapes})"
        raise InvalidParameter(problem("analyze(input_size)", expected, got, _remedy(batches[0], own, call))) from error
    return _total(list(seen.rows.values()), seen, explained=explain)


def _remedy(batch: Batch, own: torch.dtype, call: bool) -> str:
    other = [tensor.dtype for tensor in batch if tensor.is_floating_point() and tensor.dtype != own]
    if other:
        return f"Its parameters are of {own}, the input of {other[0]}: give dtype={own}, or change the module by .to()."
    if call:
        return "It was run to predict, as after .eval()."
    return (
        "Give the shape of one sample, without the batch axis, or example tensors. "
        f"It was run to predict, as after .eval(), on batches of {SAMPLES} and of 1."
    )


Batch = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Seen:
    """What a run showed."""

    observed: Observed
    rows: dict[str, Row]
    module: torch.nn.Module
    device: str
    saved: tuple[int, int]
    call: bool
    notes: tuple[str, ...]

    @property
    def inputs(self) -> tuple[Window | None, ...]:
        """The windows of the inputs."""
        return self.observed.inputs


def _run_anywhere(
    make: Callable[[str], tuple[torch.nn.Module, Watched]],
    batches: Sequence[Batch],
    names: tuple[str, ...],
    call: bool = False,
) -> Seen:
    """On the meta device; a module that needs real numbers (data-dependent control flow) on the CPU, on zeros.

    One that refuses a batch of several gets one sample.
    """
    try:
        return _on_some_device(make, batches, names, call)
    except Exception as error:
        if call:
            raise
        try:
            return _on_some_device(make, [tuple(x[:1] for x in batches[0])], names, call)
        except Exception:
            raise error from None  # of two samples it tells more


def _on_some_device(
    make: Callable[[str], tuple[torch.nn.Module, Watched]],
    batches: Sequence[Batch],
    names: tuple[str, ...],
    call: bool,
) -> Seen:
    try:
        return _run(make, [tuple(x.to("meta") for x in batch) for batch in batches], names, call, "meta")
    except Exception:  # a module of a third party; if it is wrong, it will raise again
        real = [tuple(torch.zeros_like(x, device="cpu") if x.is_meta else x.to("cpu") for x in b) for b in batches]
        with _plain_kernels():
            return _run(make, real, names, call, "cpu")


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """Without the CPU's fused kernels for attention and recurrence: what they do inside could not be counted."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns when oneDNN is switched on again
        try:
            with torch.backends.mkldnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
                yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)


def _run(
    make: Callable[[str], tuple[torch.nn.Module, Watched]],
    batches: Sequence[Batch],
    names: tuple[str, ...],
    call: bool,
    device: str,
) -> Seen:
    module, watched = make(device)
    seen = observe_call(module, batches[0], names, watched, device, call)
    with alone(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # what chance decides is the same in every table
        saved = [_saved(module, watched, batch, device) for batch in batches]
    if len(saved) > 1 and saved[0] and not saved[1]:  # it takes no odd batch
        double = tuple(torch.cat([x, x]) for x in batches[0])
        more = _saved(module, watched, double, device)
        saved[1] = {name: count + (more.get(name, 2 * count) - count) // SAMPLES for name, count in saved[0].items()}
    each = _apart(saved)
    notes = [_AUTOCAST] if seen.autocast else []
    if any(isinstance(part, torch.nn.LSTM) for part in watched.values()):
        notes.append(_LSTM)
    if any(count < 0 for part in each for count in part.values()):  # another way through at each run
        each = {}, {name: count // SAMPLES for name, count in saved[0].items()}
        notes.append(_RANDOM)
    if len(batches) == 1 and not call:
        notes.append(_ALONE)
    rows = {name: replace(row, saved_bytes=each[1].get(name, 0)) for name, row in seen.rows.items()}
    fixed, growing = (sum(part.values()) for part in each)
    totals = (sum(saved[0].values()), 0) if call else (fixed, growing)
    return Seen(seen, rows, module, device, totals, call, tuple(notes))


_AUTOCAST = "saved: as without autocast, whose element types are not followed"
_LSTM = "saved: without the workspace that a fused LSTM (oneDNN, cuDNN) keeps besides"
_RANDOM = "saved: of one run, another run may take another way"
_ALONE = "observed on a batch of one sample: it does not run on two"


def _saved(module: torch.nn.Module, watched: Watched, batch: Batch, device: str) -> dict[str, int]:
    """What each watched module saves for backward; nothing for a module that does not train on such a batch."""

    def hooked(enter: Callable[[str], None], leave: Callable[[str], None]) -> Any:
        return hooks(watched, lambda name, args: enter(name), lambda name, args, output: leave(name))

    try:
        return saved_for_backward(module, batch, device, hooked)
    except Exception:  # a module of a third party that only predicts
        return {}


def _apart(saved: Sequence[dict[str, int]]) -> tuple[dict[str, int], dict[str, int]]:
    """What is saved for any batch, and for each sample of it, from batches of SAMPLES and of one more."""
    if len(saved) == 1:
        return {}, saved[0]
    first, second = saved
    each = {name: second.get(name, 0) - count for name, count in first.items()}
    return {name: count - SAMPLES * each[name] for name, count in first.items()}, each


_LISTS = (torch.nn.ParameterList, torch.nn.ParameterDict)  # hold weights of the module that they stand in


def _is_layer(part: torch.nn.Module) -> bool:
    """Whether a module has a row: it has no parts, or weights of its own."""
    if isinstance(part, _LISTS):
        return False
    parts = [child for child in part.children() if not isinstance(child, _LISTS)]
    own = any(True for _ in part.parameters(recurse=False)) or len(parts) < len(list(part.children()))
    return not parts or own


def _inputs(size: Any, dtype: Any) -> tuple[list[Batch], bool]:
    """The batches to run, and whether they are a call of the user's own."""
    if isinstance(size, torch.Tensor):
        return [(size,)], True
    items: list[Any] = list(size) if isinstance(size, (tuple, list)) else [size]
    if items and all(isinstance(item, torch.Tensor) for item in items):
        return [tuple(items)], True
    nested = bool(items) and all(isinstance(item, (tuple, list)) for item in items)
    shapes: list[Shape] = [tuple(item) for item in items] if nested else [tuple(items)]
    if not all(shape and all(integer(1).accepts(axis) for axis in shape) for shape in shapes):
        expected = "axes of one sample such as (3, 224, 224), a list of such shapes, or example tensors"
        raise InvalidParameter(problem("analyze(input_size)", expected, shown(size)))
    return _batches(shapes, dtype), False


def _batches(shapes: Sequence[Shape], dtype: Any) -> list[Batch]:
    """A batch of SAMPLES and one of one sample more."""
    dtypes = list(dtype) if isinstance(dtype, (list, tuple)) else [dtype] * len(shapes)
    if len(dtypes) != len(shapes) or not all(isinstance(item, torch.dtype) for item in dtypes):
        expected = f"a torch.dtype, or {len(shapes)} of them, one for each input"
        raise InvalidParameter(problem("analyze(dtype)", expected, shown(dtype)))
    pairs = list(zip(shapes, dtypes, strict=True))
    return [tuple(torch.empty(n, *s, dtype=d, device="meta") for s, d in pairs) for n in (SAMPLES, SAMPLES + 1)]


def _total(rows: list[Row], seen: Seen, explained: bool) -> Summary:
    parameters = {id(p): p for p in seen.module.parameters()}.values()
    idle = sum(not row.ran for row in rows)
    notes = [f"observed on the {seen.device}: it does not run on torch's meta device"] if seen.device != "meta" else []
    if idle:
        notes.append(f"without an output: {idle} that did not run; their parameters are counted")
    return Summary(
        rows=tuple(rows),
        parameters=sum(p.numel() for p in parameters),
        macs=seen.observed.macs,
        window=seen.observed.window,
        device=seen.device,
        saved=seen.saved,
        call=seen.call,
        explained=explained,
        notes=(*notes, *seen.notes),
        steps=seen.observed.steps,
    )
