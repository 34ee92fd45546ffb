"""Ensembles and calibrated classifiers as one graph: all members see the same rows, and what they say is averaged.

A temperature works on log probabilities in double precision, which come from logits where the network gives some, as
in `netwright.estimators.ensemble.logits`: one of 100 makes a probability count that float32 rounds to 0.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import check, integer, nothing
from netwright.estimators.base import NetworkEstimator
from netwright.estimators.ensemble.logits import has_logits
from netwright.estimators.exporting.estimator import graph_of
from netwright.estimators.exporting.graph import Graph, Pipeline, write_graph

_AVERAGED = ("probabilities", "prediction", "quantiles")


class Averaged(torch.nn.Module):
    """The means of what members give.

    Parameters
    ----------
    members : graphs of the same inputs. kept : which of their outputs are averaged.
    """

    def __init__(self, members: list[torch.nn.Module], kept: list[int]) -> None:
        super().__init__()
        self.members, self.kept = torch.nn.ModuleList(members), kept

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The inputs of each -> averages"""
        found = [member(*inputs) for member in self.members]
        return tuple(torch.stack([each[place] for each in found]).mean(0) for place in self.kept)


class Chosen(torch.nn.Module):
    """Averages of classifiers and the labels that they choose.

    Parameters
    ----------
    averaged : the averages. independent : whether classes are labels that may go together.
    """

    def __init__(self, averaged: Averaged, independent: bool) -> None:
        super().__init__()
        self.averaged, self.independent = averaged, independent

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The inputs -> probabilities, places of labels"""
        (p,) = self.averaged(*inputs)
        return p, (p > 0.5).long() if self.independent else p.argmax(1)


class LogProbabilities(torch.nn.Module):
    """log p of the classes of one question, in double precision.

    Parameters
    ----------
    classifier : a fitted one of this library.
    """

    def __init__(self, classifier: Any) -> None:
        super().__init__()
        self.classes, self.link, self.logits = classifier._target, classifier._link, has_logits(classifier)

    def forward(self, outputs: Tensor) -> Tensor:
        """Outputs of the network -> (batch, k)"""
        if self.logits:
            return outputs.double().log_softmax(1)
        p: Tensor = self.classes.shares(outputs, self.link)
        return p.double().clamp_min(np.finfo(np.float64).tiny).log()


class LogsOf(torch.nn.Module):
    """log p of what says p, in double precision.

    Parameters
    ----------
    classifier : a graph of a classifier. place : of the probabilities among its answers.
    """

    def __init__(self, classifier: torch.nn.Module, place: int) -> None:
        super().__init__()
        self.classifier, self.place = classifier, place

    def forward(self, *inputs: Tensor) -> Tensor:
        """The inputs -> (batch, k)"""
        p: Tensor = self.classifier(*inputs)[self.place]
        return p.double().clamp_min(np.finfo(np.float64).tiny).log()


class MeanLogs(torch.nn.Module):
    """log of the mean of probabilities whose logs members give, over a temperature.

    Parameters
    ----------
    members : graphs of the same inputs. temperature : of the mean, 1 for none.
    """

    def __init__(self, members: list[torch.nn.Module], temperature: float) -> None:
        super().__init__()
        self.members, self.temperature = torch.nn.ModuleList(members), temperature

    def forward(self, *inputs: Tensor) -> Tensor:
        """The inputs of each -> (batch, k)"""
        logs = torch.stack([member(*inputs) for member in self.members])
        return ((logs.logsumexp(0) - math.log(len(logs))) / self.temperature).log_softmax(1)


class Tempered(torch.nn.Module):
    """Probabilities p_j ~ exp(log p_j / T), and the places of the most probable labels.

    Parameters
    ----------
    logs : a graph that gives log p. temperature : T.
    """

    def __init__(self, logs: torch.nn.Module, temperature: float) -> None:
        super().__init__()
        self.logs, self.temperature = logs, temperature

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The inputs -> probabilities, places of labels"""
        z = self.logs(*inputs)
        return (z / self.temperature).softmax(1).float(), z.argmax(1)


def export_ensemble(self: Any, path: str | os.PathLike[str]) -> None:
    """Write all members and their average to one ONNX file, which runs without netwright and torch.

    Inputs and outputs are those of a member; see `export` of `netwright.Classifier`.

    Parameters
    ----------
    path : of the file, such as ``"model.onnx"``; an existing one is replaced only when the new one is complete.

    Raises
    ------
    InvalidParameter : members that are no networks of this library or take other inputs, packages that are not
        installed, a network that ONNX has no operations for; nothing is written.
    """
    check_is_fitted(self, "estimators_")
    where, temperature = "Ensemble.export", getattr(self, "temperature_", None)
    graph = _averaged(self, where) if temperature is None else _tempered(_mean_logs(self, where, 1.0), temperature)
    content = {**graph.content, "kind": "Ensemble", **_members(self, graph)}
    write_graph(replace(graph, content=content), path, where)


def export_calibrated(self: Any, path: str | os.PathLike[str], steps: int | None = None) -> None:
    """Write the classifier and its temperature to one ONNX file, which runs without netwright and torch.

    Inputs and outputs are those of the classifier; see `export` of `netwright.Classifier`.

    Parameters
    ----------
    path : of the file, such as ``"model.onnx"``; an existing one is replaced only when the new one is complete.
    steps : of a classifier of sequences, to how many steps they are filled up, >= 1; None: any number.

    Raises
    ------
    InvalidParameter : a classifier that is no network of this library, packages that are not installed, a network that
        ONNX has no operations for; nothing is written.
    """
    check_is_fitted(self, "temperature_")
    check("Calibrated.export(steps)", steps, integer(1) | nothing)
    graph = _tempered(_logs(self.estimator_, "Calibrated.export", steps), self.temperature_)
    if steps is not None and "steps" not in graph.content:
        expected = "None, for there are no sequences"
        raise InvalidParameter(problem("Calibrated.export(steps)", expected, f"{steps}", "Leave it out."))
    known = {"kind": "Calibrated", "temperature": self.temperature_, "calibrated": type(self.estimator_).__name__}
    write_graph(replace(graph, content={**graph.content, **known}), path, "Calibrated.export")


def _averaged(ensemble: Any, where: str) -> Graph:
    """What members answer, averaged."""
    graphs = _alike(ensemble.estimators_, where, graph_of)
    first, wanted = graphs[0], list(graphs[0].answers)
    names = [name.removesuffix("_") for name in wanted]  # which one has that a column is called so too
    if "probabilities1" in names:
        raise InvalidParameter(problem(where, "one question", f"{len(names) - 1} questions", "Export the members."))
    labels = [names.index("index")] if "index" in names else []
    kept = [place for place, name in enumerate(names) if name in _AVERAGED][: 1 if labels else None]
    averaged = Averaged([graph.module for graph in graphs], kept)
    module = Chosen(averaged, ensemble._independent) if labels else averaged
    return replace(
        first, module=module, answers={wanted[place]: first.answers[wanted[place]] for place in kept + labels}
    )


def _tempered(logs: Graph, temperature: float) -> Graph:
    """Probabilities and places of labels, of log p and a temperature."""
    return replace(logs, module=Tempered(logs.module, temperature))


def _logs(classifier: Any, where: str, steps: int | None = None) -> Graph:
    """The graph of a classifier of one question that ends in log p."""
    if getattr(classifier, "_graph", None) is not None:
        graph = classifier._graph(steps)
        return replace(graph, module=LogsOf(graph.module, list(graph.answers).index("probabilities")))
    if hasattr(classifier, "estimators_"):
        graph = _mean_logs(classifier, where, getattr(classifier, "temperature_", None) or 1.0)
        return replace(graph, content={**graph.content, **_members(classifier, graph)})
    graph = _alike([classifier], where, graph_of)[0]
    assert isinstance(graph.module, Pipeline)
    module = Pipeline(graph.module.entrance, graph.module.body, LogProbabilities(classifier))
    return replace(graph, module=module)


def _mean_logs(ensemble: Any, where: str, temperature: float) -> Graph:
    """The graph of an ensemble of classifiers that ends in log p."""
    graphs = _alike(ensemble.estimators_, where, lambda member: _logs(member, where))
    return replace(graphs[0], module=MeanLogs([graph.module for graph in graphs], temperature))


def _members(ensemble: Any, graph: Graph) -> dict[str, Any]:
    return {"member": graph.content["kind"], "members": len(ensemble.estimators_)}


def _alike(members: Sequence[Any], where: str, graph: Callable[[Any], Graph]) -> list[Graph]:
    """The graphs of members that are networks and take the same inputs."""
    strange = next((member for member in members if not isinstance(member, NetworkEstimator)), None)
    if strange is not None:
        expected, remedy = "members that are networks", "Export the members one by one."
        if len(members) == 1:
            expected, remedy = "a Classifier or an Ensemble of such", "Where it can be exported, export it alone."
        raise InvalidParameter(problem(where, expected, type(strange).__name__, remedy))
    graphs = [graph(member) for member in members]
    inputs = [[(each.name, each.batch.dtype, each.batch.shape, each.codes) for each in g.entrances] for g in graphs]
    if any(each != inputs[0] for each in inputs):
        got = "members that learned other categories"
        raise InvalidParameter(problem(where, "members with the same inputs", got, "Export the members one by one."))
    return graphs
