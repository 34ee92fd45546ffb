"""A fitted estimator as one graph: entrances that scale and encode, the network, answers in the user's terms."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from netwright.graph.export.exporter import Axes, as_onnx, record, require_onnx
from netwright.graph.export.written import label_texts, name_axes, name_ends, write_model


@dataclass(frozen=True)
class Entrance:
    """One input of a graph.

    Parameters
    ----------
    name : of the input.
    batch : some rows of it, as the graph takes them.
    meaning : what it is, for a reader.
    codes : of texts: the number of each known one; texts come in and the graph makes numbers of them.
    axes : which axes may have any size, by name.
    unknown : the number of texts that are not known.
    """

    name: str
    batch: Tensor
    meaning: str
    codes: Mapping[str, int] | None = None
    axes: Axes = field(default_factory=lambda: {0: "batch"})
    unknown: int = 0


@dataclass(frozen=True)
class Graph:
    """All that is written of an estimator.

    Parameters
    ----------
    module : takes one tensor an entrance and gives the answers, one tensor or several.
    entrances : the inputs.
    answers : the meaning of each output, by its name, in order.
    content : what else a reader needs, as JSON.
    """

    module: torch.nn.Module
    entrances: Sequence[Entrance]
    answers: Mapping[str, str]
    content: Mapping[str, Any]


class Pipeline(torch.nn.Module):
    """What comes in, the network, and the answers, one after the other.

    Parameters
    ----------
    entrance : takes the inputs and gives those of the network. body : the network, before its last link.
    answer : makes answers of the outputs.
    """

    def __init__(self, entrance: torch.nn.Module, body: torch.nn.Module, answer: torch.nn.Module) -> None:
        super().__init__()
        self.entrance, self.body, self.answer = entrance, body, answer

    def forward(self, *inputs: Tensor) -> Any:
        """The answers."""
        return self.answer(self.body(*self.entrance(*inputs)))


def write_graph(graph: Graph, path: str | os.PathLike[str], where: str) -> None:
    """Write a graph to one ONNX file.

    Parameters
    ----------
    graph : what is written. path : of the file. where : how an error names what is exported.

    Raises
    ------
    InvalidParameter : packages that are not installed, or a layer that cannot be exported; nothing is written.
    """
    require_onnx(where)
    axes = [each.axes for each in graph.entrances]
    batches = tuple(each.batch for each in graph.entrances)
    model = as_onnx(record(graph.module.eval(), batches, where, axes), where)
    name_axes(model, axes)
    name_ends(model, [each.name for each in graph.entrances], list(graph.answers))
    for each in graph.entrances:
        if each.codes is not None:
            label_texts(model, each.name, each.codes, each.unknown)
    meanings = {**{each.name: each.meaning for each in graph.entrances}, **graph.answers}
    write_model(model, path, graph.content, meanings)
