"""``netwright export MODEL``: one ONNX file with all that the model does, or its network as Python."""

from __future__ import annotations

import inspect
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from netwright.commands.printing import say
from netwright.commands.run_folder import model_path, write_text
from netwright.commands.summary import network_in
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.storage import read_manifest
from netwright.files import load
from netwright.graph import Expression
from netwright.graph.export.written import known_of

MOST = 20  # inputs, outputs or labels that are printed


def run(options: Namespace) -> int:
    """Run the command."""
    path = model_path(options.model)
    out = None if options.source else path.with_suffix(".onnx")
    out = out if options.out is None else Path(options.out)
    if out is not None and out.resolve() == path.resolve():
        raise InvalidParameter(problem("--out", "another file than the model", repr(str(out)), "Give another name."))
    if options.source:
        _write_source(network_in(read_manifest(path), path), out, options.steps)
    else:
        assert out is not None
        _write_onnx(path, out, options.steps)
        _tell(out, known_of(out))
    return 0


def _write_source(network: Expression, out: Path | None, steps: int | None) -> None:
    """The network as Python, into a file or on standard output."""
    if steps is not None:
        raise InvalidParameter(problem("--steps", "none with --source, which takes any number", f"{steps}"))
    text = network.to_torch_source()
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(out, text)
        say("file", f"{out}: Python, {len(text.encode()):,} bytes")


def _write_onnx(path: Path, out: Path, steps: int | None) -> None:
    """The model as an ONNX file.

    Raises
    ------
    InvalidData : a model that is no graph. InvalidParameter : steps of one that has none; see `export` of estimators.
    """
    model = load(path)
    if isinstance(model, Expression):
        remedy = "Write it as Python: --source."
        raise InvalidData(problem(f"model {str(path)!r}", "a model with weights", "a network without any", remedy))
    given = {} if steps is None else {"steps": steps}
    alone = isinstance(model, torch.nn.Module)
    if not alone and not hasattr(model, "export"):
        remedy = "In Python, netwright.load gives it with its own methods."
        expected, got = "a model that is one graph of networks", type(model).__name__
        raise InvalidData(problem(f"model {str(path)!r}", expected, got, remedy))
    if given and (alone or "steps" not in inspect.signature(model.export).parameters):
        raise InvalidParameter(problem("--steps", "a model of sequences", type(model).__name__, "Leave it out."))
    if alone:
        network_in(read_manifest(path), path).export(out, model)
    else:
        model.export(out, **given)


def _tell(path: Path, known: dict[str, Any]) -> None:
    """What was written: the file, what goes in, what comes out, and the labels."""
    say("file", f"{path}: {known['kind']}, {path.stat().st_size:,} bytes, opset {known['opset']}")
    for side in ("inputs", "outputs"):
        say(side, _some([f"{_end(each)}: {each['meaning']}" for each in known[side]]))
    for name in ("classes", "names"):
        found = known.get(name) or []
        questions = found if found and isinstance(found[0], list) else [found] if found else []
        if questions:
            say("labels", [", ".join(_some([shown(label) for label in labels])) for labels in questions])


def _end(each: dict[str, Any]) -> str:
    """The name, shape and type of an input or output."""
    shape = ", ".join(map(str, each["shape"]))
    return f"{shown(each['name'])[1:-1]} ({shape}{',' * (len(each['shape']) == 1)}) {each['type']}"


def _some(texts: Sequence[str]) -> list[str]:
    """The first of many texts, and how many there are."""
    return [*texts[:MOST], f"... {len(texts)} in all"] if len(texts) > MOST else list(texts)
