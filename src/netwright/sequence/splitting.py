"""What a fit holds out of its sequences, and the pieces that it cuts long ones into."""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright.core.errors import InvalidData, problem

Part = tuple[list[Any], list[Any]]  # sequences and their targets


def split_off(part: Part, share: float, seed: int, where: str) -> tuple[Part, Part]:
    """Training sequences and held-out ones, drawn at random, both in the order in which they came.

    Parameters
    ----------
    part : sequences and targets. share : to hold out, in (0, 1). seed : of the draw. where : how an error names it.

    Raises
    ------
    InvalidData : too few sequences.

    Examples
    --------
    >>> own, held = split_off((list("abcd"), [0, 1, 2, 3]), 0.25, 0, "validation")
    >>> len(own[0]), len(held[1])
    (3, 1)
    """
    n = len(part[0])
    count = max(1, round(n * share))
    if count >= n:
        expected = "at least one sequence to train on and one to hold out"
        raise InvalidData(problem(where, expected, f"{n} in all"))
    away = set(np.random.default_rng(seed).permutation(n)[:count].tolist())
    return _chosen(part, [i for i in range(n) if i not in away]), _chosen(part, sorted(away))


def split_ends(part: Part, share: float, where: str) -> tuple[Part, Part]:
    """The first steps of each sequence to train on, and its last ones; those of one step are trained on.

    Parameters
    ----------
    part : sequences, and targets by step. share : of the steps to hold out, in (0, 1). where : how an error names it.

    Raises
    ------
    InvalidData : no sequence of two steps or more.

    Examples
    --------
    >>> split_ends(([[1, 2, 3, 4]], [[2, 3, 4, 5]]), 0.25, "validation")
    (([[1, 2, 3]], [[2, 3, 4]]), ([[4]], [[5]]))
    """
    cuts = [len(s) - min(max(1, round(len(s) * share)), max(len(s) - 1, 0)) for s in part[0]]
    own = tuple([item[:cut] for item, cut in zip(items, cuts, strict=True)] for items in part)
    ends = [[item[cut:] for item, cut in zip(items, cuts, strict=True) if len(item) > cut] for items in part]
    if not ends[0]:
        raise InvalidData(problem(where, "a sequence of at least 2 steps to hold the end of", "none"))
    return (own[0], own[1]), (ends[0], ends[1])


def cut(part: Part, window: int) -> Part:
    """Pieces of at most `window` steps, each of which begins a quarter of it after the one before.

    Parameters
    ----------
    part : sequences, and targets by step. window : steps of a piece, >= 2.

    Examples
    --------
    >>> cut(([[1, 2, 3, 4, 5]], [[2, 3, 4, 5, 6]]), 4)
    ([[1, 2, 3, 4], [2, 3, 4, 5]], [[2, 3, 4, 5], [3, 4, 5, 6]])
    """
    pieces = [
        (sequence[start : start + window], target[start : start + window])
        for sequence, target in zip(*part, strict=True)
        for start in _starts(len(sequence), window)
    ]
    return [sequence for sequence, _ in pieces], [target for _, target in pieces]


def _starts(steps: int, window: int) -> list[int]:
    """Where the pieces of a sequence begin; the last one ends with it."""
    if steps <= window:
        return [0]
    return sorted({*range(0, steps - window, max(1, window // 4)), steps - window})


def _chosen(part: Part, which: list[int]) -> Part:
    return [part[0][i] for i in which], [part[1][i] for i in which]
