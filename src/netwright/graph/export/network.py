"""Networks and built modules as ONNX files."""

from __future__ import annotations

import os

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.graph.building import build
from netwright.graph.export.exporter import SAMPLES, as_onnx, record, require_onnx
from netwright.graph.export.written import name_axes, name_ends, write_model
from netwright.graph.expression import Expression, ability, close


@ability
def export_network(expression: Expression, path: str | os.PathLike[str], module: torch.nn.Module) -> None:
    """Write a network with its weights to one ONNX file, for batches of any size.

    Inputs are called ``input`` (``input1``, ``input2`` ... of several), outputs ``output``, all of float32; the last
    activation is part of the graph. ``metadata_props["netwright"]`` says what they are, as JSON. Dropout and noise are
    off, and averages of normalisations are those that were learned.

    Parameters
    ----------
    expression : a network.
    path : of the file, such as ``"net.onnx"``; an existing one is replaced only when the new one is complete.
    module : what the network built, with weights worth keeping; it stays as it is.

    Raises
    ------
    InvalidParameter : a module of another network, packages that are not installed, or a layer that ONNX has no
        operations for; nothing is written.
    """
    where = "export"
    require_onnx(where)
    made = _copy(expression, module)
    shapes = close(expression).plan().input_shapes
    batches = tuple(torch.zeros(SAMPLES, *shape) for shape in shapes)
    model = as_onnx(record(made, batches, where), where)
    name_axes(model, [{0: "batch"}] * len(shapes))
    inputs, outputs = names("input", len(shapes)), names("output", len(model.graph.output))
    name_ends(model, inputs, outputs)
    content = {"kind": "module", "network": repr(expression)}
    meanings = dict.fromkeys(inputs, "a batch of samples") | dict.fromkeys(outputs, "what the network gives")
    write_model(model, path, content, meanings)


def names(word: str, count: int) -> list[str]:
    """One name, or as many numbered ones.

    Examples
    --------
    >>> names("input", 1), names("input", 2)
    (['input'], ['input1', 'input2'])
    """
    return [word] if count == 1 else [f"{word}{number}" for number in range(1, count + 1)]


def _copy(expression: Expression, module: torch.nn.Module) -> torch.nn.Module:
    """A fresh module of the network in evaluation mode and float32, on the CPU, with the weights of another."""
    made = build(expression, inplace=False).float()
    state = module.state_dict()
    wanted, got = ({name: tuple(t.shape) for name, t in some.items()} for some in (made.state_dict(), state))
    if wanted != got:
        strange = sorted(set(wanted.items()) ^ set(got.items()))[0]
        raise InvalidParameter(problem("export(module)", "a module that this network built", f"{strange[0]} differs"))
    made.load_state_dict(state)
    return made.eval()
