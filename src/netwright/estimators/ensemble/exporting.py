"""Ensembles as one graph: all members see the same rows, and what they say is averaged."""

from __future__ import annotations

import os
from typing import Any

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.estimators.base import NetworkEstimator
from netwright.estimators.exporting.estimator import graph_of
from netwright.estimators.exporting.graph import Graph, write_graph

_AVERAGED = ("probabilities", "prediction", "quantiles")


class Averaged(torch.nn.Module):
    """The means of what members give, and the places of labels that follow.

    Parameters
    ----------
    members : graphs of the same inputs. kept : which of their outputs are averaged. temperature : of probabilities.
    independent : whether classes are labels that may go together.
    """

    def __init__(
        self, members: list[torch.nn.Module], kept: list[int], temperature: float | None, independent: bool
    ) -> None:
        super().__init__()
        self.members = torch.nn.ModuleList(members)
        self.kept, self.temperature, self.independent = kept, temperature, independent

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The inputs of each -> averages[, places of labels]"""
        found = [member(*inputs) for member in self.members]
        means = tuple(torch.stack([each[place] for each in found]).mean(0) for place in self.kept)
        if self.temperature is not None:
            means = ((means[0].clamp_min(1e-38).log() / self.temperature).softmax(1),)
        return means

    def labels(self, p: Tensor) -> Tensor:
        """The places of labels."""
        return (p > 0.5).long() if self.independent else p.argmax(1)


class Chosen(torch.nn.Module):
    """Averages of classifiers and the labels that they choose.

    Parameters
    ----------
    averaged : the averages.
    """

    def __init__(self, averaged: Averaged) -> None:
        super().__init__()
        self.averaged = averaged

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The inputs -> probabilities, places of labels"""
        (p,) = self.averaged(*inputs)
        return p, self.averaged.labels(p)


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
    write_graph(_graph(self), path, "Ensemble.export")


def _graph(ensemble: Any) -> Graph:
    where = "Ensemble.export"
    members = ensemble.estimators_
    strange = next((member for member in members if not isinstance(member, NetworkEstimator)), None)
    if strange is not None:
        remedy = "Export the members one by one."
        raise InvalidParameter(problem(where, "members that are networks", type(strange).__name__, remedy))
    graphs = [graph_of(member) for member in members]
    first = graphs[0]
    inputs = [[(each.name, each.batch.dtype, each.batch.shape, each.codes) for each in g.entrances] for g in graphs]
    if any(each != inputs[0] for each in inputs):
        got = "members that learned other categories"
        raise InvalidParameter(problem(where, "members with the same inputs", got, "Export the members one by one."))
    names = list(first.answers)
    if "probabilities1" in names:
        raise InvalidParameter(problem(where, "one question", f"{len(names) - 1} questions", "Export the members."))
    kept = [place for place, name in enumerate(names) if name in _AVERAGED]
    if "index" in names:
        kept = kept[:1]
    averaged = Averaged(
        [g.module for g in graphs], kept, getattr(ensemble, "temperature_", None), ensemble._independent
    )
    module = Chosen(averaged) if "index" in names else averaged
    wanted = [names[place] for place in kept] + ["index"] * ("index" in names)
    content = {**first.content, "kind": "Ensemble", "member": first.content["kind"], "members": len(members)}
    return Graph(module, first.entrances, {name: first.answers[name] for name in wanted}, content)
