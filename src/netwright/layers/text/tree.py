"""Binary trees whose leaves are classes: balanced, Huffman's, and the tables by which a module goes through them.

A tree is a class, or a pair of trees, ``((0, 1), 2)``. Its places are numbered level by level from the root, 0, and in
a level from the left; its V - 1 inner places among themselves in the same order. Left is the side +1, right is -1.

Huffman, *A method for the construction of minimum-redundancy codes*, 1952.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Tree = Any  # int | tuple[Tree, Tree]


def balanced(classes: int, first: int = 0) -> Tree:
    """The tree in which the classes stand in their order, floor(log2 V) or ceil(log2 V) steps below the root.

    Parameters
    ----------
    classes : how many, >= 1.
    first : the first of them.

    Examples
    --------
    >>> balanced(5)
    (((0, 1), 2), (3, 4))
    """
    if classes == 1:
        return first
    left = (classes + 1) // 2
    return balanced(left, first), balanced(classes - left, first + left)


def huffman(counts: Sequence[float]) -> Tree:
    """The tree with the shortest mean path, sum_c counts_c length_c: the two rarest trees are joined until one is left.

    Of equal counts single classes come before joined trees, the lower class and the tree that was joined earlier first;
    so the tree is a function of the counts, and its longest path is as short as it can be.

    Parameters
    ----------
    counts : how often each class comes, >= 0.

    Examples
    --------
    >>> huffman([5, 1, 1, 2])
    ((3, (1, 2)), 0)
    """
    heap: list[tuple[float, int, Tree]] = [(count, place, place) for place, count in enumerate(counts)]
    heapq.heapify(heap)
    for number in range(len(counts), 2 * len(counts) - 1):
        one, _, rarest = heapq.heappop(heap)
        two, _, next_rarest = heapq.heappop(heap)
        heapq.heappush(heap, (one + two, number, (rarest, next_rarest)))
    return heap[0][2]


def leaves(tree: Tree) -> list[Any] | None:
    """All leaves of a nesting of pairs; None where something in it is not a pair.

    Examples
    --------
    >>> leaves(((0, 1), 2)), leaves(((0, 1, 2), 3)) is None
    ([2, 0, 1], True)
    """
    found, waiting = [], [tree]
    for part in waiting:
        if not isinstance(part, tuple):
            found.append(part)
        elif len(part) == 2:
            waiting.extend(part)
        else:
            return None
    return found


@dataclass(frozen=True)
class Tables:
    """A tree as arrays, for V classes, 2 V - 1 places and paths of at most L steps.

    Attributes
    ----------
    above : the place above each place but the root, (2 V - 2,).
    sides : the side on which it lies there, +1 or -1, (2 V - 2,).
    inner : the number of each inner place, -1 of a leaf, (2 V - 1,).
    leaf : the place of each class, (V,).
    starts : the first place of each level, and behind them 2 V - 1, (L + 2,).
    path : the inner places above each class from below, 0 behind the root, (V, L).
    path_sides : the sides on which the path lies there, 0 behind the root, (V, L).
    children : where left and right lead from each inner place, to inner places or to class c as -1 - c, (V - 1, 2).
    """

    above: np.ndarray
    sides: np.ndarray
    inner: np.ndarray
    leaf: np.ndarray
    starts: list[int]
    path: np.ndarray
    path_sides: np.ndarray
    children: np.ndarray


def tables(tree: Tree) -> Tables:
    """The arrays of a tree of at least two classes.

    Parameters
    ----------
    tree : pairs of pairs of classes, each class once.
    """
    places, above, starts = [tree], [0], [0, 1]
    while starts[-1] > starts[-2]:
        pairs = [place for place in range(*starts[-2:]) if isinstance(places[place], tuple)]
        places += [child for place in pairs for child in places[place]]
        above += [place for place in pairs for _ in range(2)]
        starts.append(len(places))
    starts.pop()  # an empty level
    up, is_inner = np.array(above), np.array([isinstance(place, tuple) for place in places])
    inner = np.where(is_inner, np.cumsum(is_inner) - 1, -1)
    labels = np.array([-1 if isinstance(place, tuple) else place for place in places])
    leaf = np.zeros(len(places) // 2 + 1, dtype=np.int64)
    leaf[labels[~is_inner]] = np.flatnonzero(~is_inner)
    side = np.where(np.arange(len(places)) % 2 == 1, 1, -1)  # behind the root the places come in pairs
    path, path_sides = _paths(leaf, up, side, inner, len(starts) - 2)
    children = np.where(is_inner, inner, -1 - labels)[1:].reshape(-1, 2)
    return Tables(up[1:], side[1:], inner, leaf, starts, path, path_sides, children)


def _paths(
    leaf: np.ndarray, above: np.ndarray, side: np.ndarray, inner: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """The inner places from each leaf up to the root, and the sides: twice (V, L)."""
    path, sides = (np.zeros((len(leaf), steps), dtype=np.int64) for _ in range(2))
    place = leaf
    for step in range(steps):
        below_root = place > 0
        path[:, step] = inner[above[place]]
        sides[:, step] = np.where(below_root, side[place], 0)
        place = above[place]
    return path, sides
