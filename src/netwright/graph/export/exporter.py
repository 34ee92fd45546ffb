"""From a torch module to one ONNX model, by torch's own exporter; nothing is translated here.

``torch.export`` records what the module does with a batch of any size, ``torch.onnx`` writes that down in the operators
of ONNX. What it cannot record or write is said with the place in the network, before there is a file. Global random
states, and the module, are as they were afterwards.

Reference: ONNX, *Open neural network exchange: operators*, 2019 on; PyTorch, *torch.export* and *torch.onnx*, 2.6 on.
"""

from __future__ import annotations

import importlib.util
import inspect
import io
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.seeds import alone, forked_random
from netwright.graph.export.operations import rewritten, translations

OPSET = 20  # of ai.onnx, in every file
SAMPLES = 3  # in the batch that is shown to the exporter; any other size works in the file
LARGEST = 2**31 - 2**20  # bytes of a file in the format of protocol buffers
NOISY = ("torch.onnx", "torch.export", "torch.fx", "torch._dynamo", "torch", "onnxscript", "onnx_ir", "onnx")
Axes = dict[int, str]


def require_onnx(where: str) -> None:
    """Say how to install what writes ONNX, where it is not there.

    Raises
    ------
    InvalidParameter : a package is not installed.
    """
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        remedy = "Install it: pip install 'netwright[onnx]'."
        got = f"an environment without {missing[0]}"
        raise InvalidParameter(problem(where, "the packages onnx and onnxscript", got, remedy))


def record(
    module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], where: str, axes: Sequence[Axes] | None = None
) -> torch.export.ExportedProgram:
    """What a module does with batches of any size, as ``torch.export`` records it.

    Parameters
    ----------
    module : in evaluation mode.
    inputs : a batch of each input, of `SAMPLES` samples.
    where : how an error names what is exported.
    axes : of each input, which axes may have any size, by name; ``"32*height"`` has multiples of 32. None: the first
        one, "batch".

    Raises
    ------
    InvalidParameter : a module whose control flow depends on the data; its place is named.

    Examples
    --------
    >>> program = record(torch.nn.Linear(4, 2).eval(), (torch.zeros(3, 4),), "export")
    >>> program.module()(torch.ones(7, 4)).shape
    torch.Size([7, 2])
    """
    for path, part in module.named_modules():
        if reason := getattr(type(part), "not_exported", ""):
            got = f"{type(part).__name__}: {reason}"
            raise InvalidParameter(problem(f"{where}, at {path}", "layers that are made of operations of torch", got))
    axes = axes or [{0: "batch"}] * len(inputs)
    dims = {name: _dim(name) for each in axes for name in each.values()}
    free = tuple({axis: dims[name] for axis, name in each.items()} for each in axes)
    several = any(p.kind is p.VAR_POSITIONAL for p in _parameters(module))
    shapes: Any = (free,) if several else free
    with _quiet(), _following(module) as at:
        try:
            return torch.export.export(module, inputs, dynamic_shapes=shapes, strict=False)
        except Exception as error:  # whatever torch raises
            raise _refused(where, at[-1], error) from error


def as_onnx(program: torch.export.ExportedProgram, where: str) -> Any:
    """The ONNX model of a recorded program, with inputs and outputs as the exporter calls them.

    Parameters
    ----------
    program : as `record` gives it.
    where : how an error names what is exported.

    Raises
    ------
    InvalidParameter : the packages are not installed, or an operation that the exporter does not know; its layer is
        named.
    """
    require_onnx(where)
    size = sum(tensor.numel() * tensor.element_size() for tensor in program.state_dict.values())
    if size > LARGEST:
        remedy = "Export a smaller network, or use torch.export, which has no such limit."
        raise InvalidParameter(problem(where, "weights of less than 2 GiB, which one file holds", f"{size}", remedy))
    with _quiet():
        try:
            made = torch.onnx.export(
                rewritten(program),
                (),
                dynamo=True,
                external_data=False,
                opset_version=OPSET,
                verbose=False,
                custom_translation_table=translations(),
            )
        except Exception as error:  # whatever torch raises
            raise _refused(where, _place(program, _root(error)), error) from error
    assert made is not None
    return made.model_proto


def _dim(name: str) -> Any:
    """The size of an axis, or a multiple of one."""
    factor, times, own = name.rpartition("*")
    return int(factor) * torch.export.Dim(own) if times else torch.export.Dim(own)


def _parameters(module: torch.nn.Module) -> list[Any]:
    return list(inspect.signature(module.forward).parameters.values())


@contextmanager
def _quiet() -> Iterator[None]:
    """Within the block torch's exporter says nothing, and draws from no random state but its own."""
    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            with alone(), torch.random.fork_rng(devices=[]), forked_random(0), torch.no_grad():
                yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _following(module: torch.nn.Module) -> Iterator[list[str]]:
    """A list whose last item is the path of the module that runs, or that ran when an error came."""
    at, paths = [""], {part: path for path, part in module.named_modules()}
    handles = []

    def enter(part: torch.nn.Module, inputs: Any) -> None:
        at.append(paths.get(part, at[-1]))

    def leave(part: torch.nn.Module, inputs: Any, output: Any) -> None:
        at.pop()

    for part in paths:
        handles += [part.register_forward_pre_hook(enter), part.register_forward_hook(leave)]
    try:
        yield at
    finally:
        for handle in handles:
            handle.remove()


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _place(program: torch.export.ExportedProgram, error: BaseException) -> str:
    """The path of the module that has the operation of which an error speaks."""
    for node in program.graph.nodes:
        target = node.target
        if isinstance(target, torch._ops.OpOverload) and f"op='{target.name().replace('::', '.')}'" in str(error):
            stack = node.meta.get("nn_module_stack") or {}
            paths = [path for path, _ in stack.values()]
            return str(paths[-1]) if paths else ""
    return ""


def _refused(where: str, path: str, error: BaseException) -> InvalidParameter:
    reason = " ".join(str(_root(error)).split())
    fixed = re.search(r"Constraints violated \((\w+)\)", reason)
    if fixed:
        got = f"one for which torch settles the number of {fixed[1]}, as it does for recurrent layers"
        remedy = f"Give {fixed[1]}=n: sequences are then filled up to n." if fixed[1] == "steps" else ""
        return InvalidParameter(problem(where, f"a network for any number of {fixed[1]}", got, remedy))
    reason = reason.split("Failure message")[0].split("For more information")[0].split("(Size-like")[0]
    reason = reason if len(reason) < 240 else f"{reason[:237]}..."
    at = f"{where}, at {path}" if path else where
    remedy = "Leave that layer out, or save it with save(path)."
    return InvalidParameter(problem(at, "operations that torch can export", f"the answer: {reason}", remedy))
