"""The network of sequences as it was written: without the paths on which its layers are told the lengths."""

from __future__ import annotations

import copy
import re
from typing import Any

from netwright.core.errors import InvalidParameter, JoinError
from netwright.graph import Expression, Input
from netwright.train import History

_PLUMBING = re.compile(r"body|parallel\d+")
_BRANCH = re.compile(r"branch\d+")


def readable(estimator: Any) -> Any:
    """A copy of a fitted estimator for a page: its network as it was written, layers of its history by short names.

    Parameters
    ----------
    estimator : a fitted one of sequences.
    """
    shown = copy.copy(estimator)
    shown.network_ = _as_written(estimator)
    shown.history_ = History([_renamed(record) for record in estimator.history_])
    return shown


def _as_written(estimator: Any) -> Expression:
    """The network without lengths, for as many steps; the one with them where it cannot be without."""
    network: Expression = estimator.network_
    steps = network.plan().input_shapes[0]
    try:
        written: Expression = Input(*steps) >> estimator.layers_
        written.plan()
    except (InvalidParameter, JoinError):
        return network
    return written


def _renamed(record: dict[str, Any]) -> dict[str, Any]:
    """A record of an epoch whose layers have short names."""
    return {name: _short(item) if isinstance(item, dict) else item for name, item in record.items()}


def _short(by_layer: dict[str, Any]) -> dict[str, Any]:
    """The same by names without plumbing; of the branches on the way those stay that tell two layers apart.

    Examples
    --------
    >>> _short({"body.parallel1.branch1.lstm1": 1, "a.branch1.branch1.conv1": 2, "a.branch1.branch2.conv1": 3})
    {'lstm1': 1, 'a.branch1.conv1': 2, 'a.branch2.conv1': 3}
    """
    steps = {name: [step for step in name.split(".") if not _PLUMBING.fullmatch(step)] for name in by_layer}
    alike: dict[str, list[list[str]]] = {}
    for path in steps.values():
        alike.setdefault(_joined(path, [False] * len(path)), []).append(path)
    short = {}
    for name, path in steps.items():
        others = [other for other in alike[_joined(path, [False] * len(path))] if len(other) == len(path)]
        short[name] = _joined(path, [len(set(each)) > 1 for each in zip(*others, strict=True)])
    if len(set(short.values())) < len(short):
        return by_layer
    return {short[name]: item for name, item in by_layer.items()}


def _joined(path: list[str], kept: list[bool]) -> str:
    """A name without branches but those that are kept."""
    return ".".join(step for step, keep in zip(path, kept, strict=True) if keep or not _BRANCH.fullmatch(step))
