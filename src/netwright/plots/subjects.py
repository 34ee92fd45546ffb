"""What a plot may be given: the history of a run, or something that has one; a module, or something that has one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import NotFittedError

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.train import History


def history_of(where: str, thing: Any) -> History:
    """The history of a fitted estimator, a history itself, or one made of a list of records.

    Raises
    ------
    NotFittedError : an estimator that was not fitted.
    InvalidParameter : anything else.
    InvalidData : a history without epochs.
    """
    if hasattr(thing, "fit") and not isinstance(thing, History):
        _expect_fitted(where, thing, "history_")
        thing = thing.history_
    if isinstance(thing, (list, tuple)) and all(isinstance(record, dict) for record in thing):
        thing = History(list(thing))
    if not isinstance(thing, History):
        remedy = "Give clf.history_ or the fitted estimator itself."
        raise InvalidParameter(problem(f"{where}(history)", "a History or a fitted estimator", shown(thing), remedy))
    if not len(thing):
        raise InvalidData(problem(f"{where}(history)", "at least one epoch", "none", "Train for one epoch or more."))
    return thing


def epochs(history: History) -> np.ndarray:
    """The numbers of the epochs, counted from 1 where records do not say."""
    return np.array([record.get("epoch", i) for i, record in enumerate(history, start=1)], dtype=np.int64)


def column(history: History, name: str) -> np.ndarray:
    """A number an epoch, NaN where it was not measured."""
    numbers = [record.get(name) for record in history]
    return np.array([math.nan if number is None else number for number in numbers], dtype=np.float64)


def columns_by_layer(where: str, history: History, name: str) -> dict[str, np.ndarray]:
    """By layer, a number an epoch, NaN where it was not measured.

    Raises
    ------
    InvalidData : no epoch has a layer with such a number.
    """
    tables = [record.get(name) or {} for record in history]
    layers = list(dict.fromkeys(layer for table in tables for layer in table))
    if not layers:
        what = {"dead_units": "a network with rectifiers (ReLU), whose dead units were counted"}.get(
            name, f"{name} by layer"
        )
        raise InvalidData(problem(f"{where}(history)", what, f"records with {sorted(history[-1])} and no such layer"))
    return {layer: np.array([t.get(layer, math.nan) for t in tables], dtype=np.float64) for layer in layers}


def module_of(where: str, thing: Any) -> torch.nn.Module:
    """A torch module, or the one of a fitted estimator.

    Raises
    ------
    NotFittedError : an estimator that was not fitted.
    InvalidParameter : anything else.
    """
    if isinstance(thing, torch.nn.Module):
        return thing
    if hasattr(thing, "fit"):
        _expect_fitted(where, thing, "module_")
        module = thing.module_
        if isinstance(module, torch.nn.Module):
            return module
    remedy = "Build a network first: net.build(seed=0)." if hasattr(thing, "build") else ""
    raise InvalidParameter(problem(f"{where}(module)", "a torch module or a fitted estimator", shown(thing), remedy))


def layer_named(where: str, module: torch.nn.Module, name: Any) -> torch.nn.Module:
    """The layer of a module at a path such as ``"conv1"`` or ``"relu2.linear"``.

    Raises
    ------
    InvalidParameter : there is none of that name.
    """
    parts = {path: layer for path, layer in module.named_modules() if path}
    if name not in parts:
        remedy = did_you_mean(str(name), parts)
        raise InvalidParameter(problem(f"{where}(layer)", "the name of a layer of the module", repr(name), remedy))
    return parts[name]


def tensors_for(where: str, thing: Any, module: torch.nn.Module, x: Any) -> tuple[torch.Tensor, ...]:
    """One sample as a batch of one, one tensor an input, in the module's number format and on its device.

    An estimator prepares it (scales, categories) as it does for `predict`.
    """
    several = isinstance(x, (tuple, list)) and len(x) > 0 and all(hasattr(part, "shape") for part in x)
    samples = [_batch_of_one(part) for part in (x if several else [x])]
    if hasattr(thing, "_inputs"):
        rows = thing._inputs.again(thing, tuple(samples) if several else samples[0])
        samples = list(thing._inputs.transform(rows))
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    symbols = any(isinstance(layer, torch.nn.Embedding) for layer in module.modules())
    return tuple(_tensor(where, sample, like, symbols) for sample in samples)


def leaves(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Modules without children, by path; a module that is a leaf itself has its class's name."""
    for path, layer in module.named_modules():
        if not list(layer.children()):
            yield path or type(layer).__name__.lower(), layer


def classes_of(thing: Any) -> Sequence[Any] | None:
    """The labels of a fitted classifier of one question, None for everything else."""
    known = getattr(thing, "classes_", None)
    return list(known) if isinstance(known, np.ndarray) and known.ndim == 1 else None


def _batch_of_one(sample: Any) -> Any:
    if hasattr(sample, "columns"):  # a frame of one row
        return sample
    sample = sample.detach().cpu().numpy() if hasattr(sample, "detach") else sample
    return np.asarray(sample)[None]


def _tensor(where: str, sample: Any, like: torch.Tensor, symbols: bool) -> torch.Tensor:
    sample = np.asarray(sample)
    if sample.dtype.kind not in "fiub":
        raise InvalidData(problem(f"{where}(x)", "one sample of numbers", f"elements of type {sample.dtype}"))
    whole = symbols and sample.dtype.kind in "iu"
    return torch.tensor(sample, device=like.device, dtype=torch.int64 if whole else like.dtype)


def _expect_fitted(where: str, thing: Any, attribute: str) -> None:
    if not hasattr(thing, attribute):
        remedy = "Call fit(X, y) first."
        got = f"{type(thing).__name__} without {attribute}"
        raise NotFittedError(problem(where, "a fitted estimator", got, remedy))
