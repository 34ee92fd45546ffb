"""`export` of estimators: what each kind has to say is put together and written by `write_graph`."""

from __future__ import annotations

import copy
import os
from typing import Any

import torch
from sklearn.utils.validation import check_is_fitted

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import check, integer, nothing
from netwright.estimators.exporting.answers import answer_of
from netwright.estimators.exporting.entrances import entrances_of
from netwright.estimators.exporting.graph import Graph, Pipeline, write_graph
from netwright.estimators.networks import split_heads
from netwright.graph import Expression


def export_estimator(self: Any, path: str | os.PathLike[str]) -> None:
    """Write the fitted estimator to one ONNX file, which runs without netwright and torch.

    Raw rows go in: scaling of inputs, encoding of columns, the network, its last link and the scale of the target are
    in the graph, for batches of any size. What the inputs and outputs are, the classes and the columns stand in the
    file's metadata as JSON, under ``netwright``. The graph computes in float32.

    Parameters
    ----------
    path : of the file, such as ``"model.onnx"``; an existing one is replaced only when the new one is complete.

    Raises
    ------
    InvalidParameter : packages that are not installed, or a network that ONNX has no operations for; nothing is
        written.
    """
    check_is_fitted(self, "module_")
    write_graph(graph_of(self), path, f"{type(self).__name__}.export")


def export_run(self: Any, path: str | os.PathLike[str], steps: int | None = None) -> None:
    """Write the fitted estimator to one ONNX file, which runs without netwright and torch.

    What its inputs and outputs are stands in the file's metadata as JSON, under ``netwright``.

    Parameters
    ----------
    path : of the file, such as ``"model.onnx"``; an existing one is replaced only when the new one is complete.
    steps : of an estimator of sequences, to how many steps they are filled up, >= 1; None: any number, which networks
        with recurrent layers do not allow.

    Raises
    ------
    InvalidParameter : packages that are not installed, an estimator whose answers are no graph, or a network that ONNX
        has no operations for; nothing is written.
    """
    name = type(self).__name__
    if self._graph is None:
        got = f"{name}, whose answers are put together in Python"
        remedy = "Export its network alone: torch.onnx.export(model.module_.eval(), (example,), 'model.onnx')."
        raise InvalidParameter(problem(f"{name}.export", "an estimator whose answers are one graph", got, remedy))
    check_is_fitted(self, "module_")
    check(f"{name}.export(steps)", steps, integer(1) | nothing)
    graph = self._graph(steps)
    if steps is not None and "steps" not in graph.content:
        raise InvalidParameter(
            problem(f"{name}.export(steps)", "None, for there are none", f"{steps}", "Leave it out.")
        )
    write_graph(graph, path, f"{name}.export")


def graph_of(estimator: Any) -> Graph:
    """The graph of a fitted estimator that trains one network on inputs and targets."""
    body, _ = split_heads(plain_copy(estimator.module_))
    entrance, entrances, known = entrances_of(estimator, estimator._inputs)
    answer, meanings, told = answer_of(estimator)
    network = estimator.network_
    content = {
        "kind": type(estimator).__name__,
        "network": repr(network) if isinstance(network, Expression) else type(network).__name__,
        **known,
        **told,
    }
    names = {each.name for each in entrances}
    answers = {f"{name}_" if name in names else name: meaning for name, meaning in meanings.items()}
    return Graph(Pipeline(entrance, body, answer), entrances, answers, content)


def plain_copy(module: torch.nn.Module) -> torch.nn.Module:
    """The same module on the CPU, in float32, in evaluation mode and in the plain layout; weights of its own."""
    made = copy.deepcopy(module).cpu().float()
    for tensor in (*made.parameters(), *made.buffers()):
        tensor.data = tensor.data.contiguous()
    return made.eval()
