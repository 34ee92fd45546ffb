"""What is meant to stand still: weights that were trained elsewhere, and copies that follow others as a moving mean."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

ALIKE = 0.9  # cosine of two matrices of which one is a copy of the other, or its moving mean
DEEP = 3  # levels of lists, tuples and dicts


def looks_learned(weight: Tensor) -> bool:
    """Whether a matrix is unlike a fresh draw, which is uniform or normal with independent entries.

    A fresh draw of m x n numbers has a largest singular value near sd (sqrt m + sqrt n) (Marchenko and Pastur 1967);
    training adds directions that stand out.

    Parameters
    ----------
    weight : of a layer.
    """
    matrix = weight.detach().double().reshape(len(weight), -1)
    if min(matrix.shape) < 4:
        return False
    edge = float(matrix.std()) * (math.sqrt(matrix.shape[0]) + math.sqrt(matrix.shape[1]))
    return bool(float(torch.linalg.matrix_norm(matrix, 2)) > 1.3 * edge)


def copies_among(names: Iterable[str], named: dict[str, nn.Parameter], others: Iterable[str]) -> set[str]:
    """Those of some parameters that belong to a copy of a part of the network: a target network, or a moving mean.

    Parameters
    ----------
    names : of the parameters that are asked about. named : all parameters. others : names of those that learn.
    """
    kept = [named[name].detach() for name in others if named[name].ndim > 1]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.partition(".")[0], []).append(name)
    found: set[str] = set()
    for group in groups.values():
        matrices = [named[name].detach() for name in group if named[name].ndim > 1]
        if matrices and all(any(_like(matrix, other) for other in kept) for matrix in matrices):
            found |= set(group)
    return found


def _like(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.data_ptr() == b.data_ptr():
        return False
    x, y = a.double().flatten(), b.double().flatten()
    scale = float(x.norm() * y.norm())
    return scale > 0 and float(x.std()) > 1e-6 * float(x.abs().max()) and float((x * y).sum()) > ALIKE * scale


def put_to_eval(module: nn.Module) -> set[int]:
    """The ids of the parameters of modules in eval mode that a module keeps in plain lists, tuples or dicts.

    Nothing puts such a module into eval mode with the others: its author has done so.

    Parameters
    ----------
    module : that keeps them.
    """
    held = (found for part in module.modules() for item in vars(part).values() for found in _modules(item, DEEP))
    return {id(p) for each in held if not each.training for p in each.parameters()}


def _modules(item: Any, deep: int) -> Iterator[nn.Module]:
    if isinstance(item, nn.Module):
        yield item
    elif deep and isinstance(item, (list, tuple, dict, set)) and not isinstance(item, str):
        for part in item.values() if isinstance(item, dict) else item:
            yield from _modules(part, deep - 1)
