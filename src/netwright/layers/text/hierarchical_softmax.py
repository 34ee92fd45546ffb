"""Hierarchical softmax: the probability of a class is that of a path through a binary tree.

At inner place k of the tree the path goes left with probability sigmoid(z_k), and right with sigmoid(-z_k):

    z_k = w_k . x + b_k        log p(c | x) = sum over the path of c of log sigmoid(s_k z_k),    s_k = +1 left, -1 right

The loss of one class costs as many products as its path has steps: log2 V for V classes in a balanced tree, about the
entropy of the classes (in bits) in Huffman's. All V probabilities cost V - 1 products, as those of a softmax do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, integer, nothing, number, one_of, satisfies, tuple_of
from netwright.core.value import value
from netwright.graph import Layer, Shape
from netwright.layers.dense import WEIGHTS, Start, fully_connected, settle
from netwright.layers.init import XavierUniform
from netwright.layers.logits import GivesLogits
from netwright.layers.text.targets import counted, expect_reduction, full, reduced
from netwright.layers.text.tree import Tables, Tree, balanced, huffman, leaves, tables

_LEAF = integer(0)


def _is_tree(item: Any) -> bool:
    found = leaves(item) if isinstance(item, tuple) else None
    return found is not None and all(map(_LEAF.accepts, found))


@value("layer")
class HierarchicalSoftmax(Layer):
    """Probabilities of many classes as paths in a tree: log p(c | x) = sum_k log sigmoid(s_k (w_k . x + b_k)).

    The built module has ``nll(x, target)``, whose cost grows with the length of the path and not with the number of
    classes, ``log_prob``, ``predict`` and ``sample``. In a network it stands last and gives the probabilities.
    `LanguageModel` trains it on ``nll``, the fast way, other estimators on ``log_prob``.

    Parameters
    ----------
    classes : V, how many there are, >= 2.
    tree : "balanced", "huffman" (of `counts`), or nested pairs of all classes, ``((0, 1), 2)``. None: Huffman's where
        there are counts, else balanced.
    counts : how often each class comes, numbers >= 0; frequent classes get short paths.
    weight : how the weights start, an initialisation rule or a number.
    bias : True (starts at zero), False (none), or how it starts.

    Shapes
    ------
    (features,) -> (classes,); (steps, features) -> (steps, classes)

    Raises
    ------
    JoinError : an input of rank 3 or more.
    InvalidParameter : options out of range, a tree that has not each class once, counts of another number of classes,
        counts without Huffman's tree, or that tree without counts.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import HierarchicalSoftmax, Input
    >>> head = HierarchicalSoftmax(8, weight=0.0)
    >>> module = (Input(5) >> head).build().hierarchicalsoftmax1
    >>> x, target = torch.ones(2, 5), torch.tensor([3, 6])
    >>> round(module.nll(x, target).item(), 6)  # three steps of probability 1/2: 3 ln 2
    2.079442
    >>> module(x).sum(1).tolist()
    [1.0, 1.0]

    References
    ----------
    Morin, Bengio, *Hierarchical probabilistic neural network language model*, 2005.
    Mikolov, Sutskever, Chen, Corrado, Dean, *Distributed representations of words and phrases*, 2013.
    """

    classes: int
    tree: str | tuple[Any, ...] | None = None
    counts: tuple[float, ...] | None = None
    _: KW_ONLY
    weight: Start = XavierUniform()
    bias: Start = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "classes": integer(2),
        "tree": nothing | one_of("balanced", "huffman") | satisfies("nested pairs of classes", _is_tree),
        "counts": nothing | tuple_of(number(0)),
        **WEIGHTS,
    }

    def __post_init__(self) -> None:
        settle(self)
        if isinstance(self.tree, tuple):
            self._expect_every_class(leaves(self.tree) or [])
        if self.counts is not None and len(self.counts) != self.classes:
            expected, got = f"one count for each of the {self.classes} classes", f"{len(self.counts)} counts"
            raise InvalidParameter(problem("HierarchicalSoftmax(counts)", expected, got))
        if self.tree not in (None, "huffman") if self.counts is not None else self.tree == "huffman":
            got = f"tree={shown(self.tree)} and counts={shown(self.counts)}"
            remedy = "Huffman's tree is made from counts; any other is the same whatever they are."
            raise InvalidParameter(problem("HierarchicalSoftmax(counts)", 'counts and tree="huffman"', got, remedy))

    def make(self, *shapes: Shape) -> torch.nn.Module:
        nodes = fully_connected(self, shapes, self.classes - 1, self.weight, self.bias)
        return TreeSoftmax(nodes, tables(self._tree()), type(self).__name__)

    def _tree(self) -> Tree:
        if isinstance(self.tree, tuple):
            return self.tree
        return balanced(self.classes) if self.counts is None else huffman(self.counts)

    def _expect_every_class(self, found: list[int]) -> None:
        """Refuse a tree whose leaves are not all classes, each once."""
        seen: set[int] = set()
        for leaf in found:
            if leaf in seen or leaf >= self.classes:
                got = f"{leaf} twice" if leaf in seen else f"the class {leaf}"
                raise InvalidParameter(self._not_this_tree(got))
            seen.add(leaf)
        missing = next((leaf for leaf in range(self.classes) if leaf not in seen), None)
        if missing is not None:
            raise InvalidParameter(self._not_this_tree(f"a tree without {missing}"))

    def _not_this_tree(self, got: str) -> str:
        remedy = "A tree is a pair of trees or classes, such as ((0, 1), 2)."
        expected = f"every class from 0 to {self.classes - 1} once"
        return problem("HierarchicalSoftmax(tree)", expected, got, remedy)


class TreeSoftmax(GivesLogits, torch.nn.Module):
    """The probabilities of classes that are the leaves of a binary tree.

    Parameters
    ----------
    nodes : the scores z of all inner places, in the order of the levels.
    tree : the tree.
    layer : how an error names the layer.
    """

    parents: Tensor
    sides: Tensor
    ranks: Tensor
    leaves: Tensor
    path: Tensor
    path_sides: Tensor
    below: Tensor

    def __init__(self, nodes: torch.nn.Linear, tree: Tables, layer: str) -> None:
        super().__init__()
        self.nodes, self.layer = nodes, layer
        self.classes, self.levels = len(tree.leaf), list(pairwise(tree.starts))[1:]  # the root is no choice
        ranks = tree.above.copy()  # of the place above within its level
        for (first, last), (start, _) in zip(self.levels, pairwise(tree.starts), strict=False):
            ranks[first - 1 : last - 1] -= start
        made = {
            "parents": tree.inner[tree.above],
            "sides": tree.sides,
            "ranks": ranks,
            "leaves": tree.leaf - 1,  # among the places below the root
            "path": tree.path,
            "path_sides": tree.path_sides,
            "below": tree.children,
        }
        for name, table in made.items():
            self.register_buffer(name, torch.tensor(table), persistent=False)  # the layer says them

    def forward(self, x: Tensor) -> Tensor:
        """The probabilities of all classes: (..., features) -> (..., classes)."""
        found = self.log_prob(x)
        return found if self.logits else found.exp().to(x.dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(c | x) of all classes.

        Parameters
        ----------
        x : features.

        Shapes
        ------
        (..., features) -> (..., classes)
        """
        scores = full(self.nodes(x))
        steps = F.logsigmoid(scores.index_select(-1, self.parents) * self.sides)  # (..., places below the root)
        level = torch.zeros_like(scores[..., :1])
        kept = []
        for first, last in self.levels:
            part = slice(first - 1, last - 1)
            level = level.index_select(-1, self.ranks[part]) + steps[..., part]
            kept.append(level)
        return torch.cat(kept, -1).index_select(-1, self.leaves)

    def nll(self, x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        """-log p(target | x), from the places of its path alone.

        Parameters
        ----------
        x : features.
        target : a class for each place, -100 where there is none.
        reduction : "mean" over the places that have a target (0 without any), "sum", or "none", with 0 at the others.

        Shapes
        ------
        (*places, features), (*places) -> (), with "none" (*places)

        Raises
        ------
        InvalidData : shapes that do not go together, a target that is no class.
        InvalidParameter : a reduction that is none of these.
        """
        expect_reduction(self.layer, reduction)
        rows, target, keep = counted(self.layer, x, target, self.nodes.in_features, self.classes)
        path, sides = self.path[target], self.path_sides[target]  # (m, steps)
        scores = full(self._scores(rows, path))
        each = -torch.where(sides != 0, F.logsigmoid(scores * sides), 0.0).sum(-1)
        return reduced(each, keep, reduction)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """The most probable class, the first of equal ones: (..., features) -> (...).

        It is looked for among all: going the more probable way at each step may end at another one.

        Parameters
        ----------
        x : features.
        """
        return self.log_prob(x).argmax(-1)

    @torch.no_grad()
    def sample(self, x: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Classes drawn from p(c | x), each by one way through the tree.

        Parameters
        ----------
        x : features.
        samples : how many of each place, >= 1.
        generator : of random numbers; None for torch's own.

        Shapes
        ------
        (*places, features) -> (samples, *places)
        """
        rows = x.reshape(-1, x.shape[-1])
        at = torch.zeros(samples, len(rows), dtype=torch.long, device=x.device)
        for _ in self.levels:
            node = at.clamp_min(0)
            left = full(self._scores(rows.expand(samples, -1, -1), node[:, :, None]))[..., 0].sigmoid()
            right = torch.rand(left.shape, generator=generator, device=x.device, dtype=left.dtype) >= left
            at = torch.where(at >= 0, self.below[node, right.long()], at)  # below 0 it is a class
        return (-1 - at).reshape(samples, *x.shape[:-1])

    def _scores(self, rows: Tensor, places: Tensor) -> Tensor:
        """z at some inner places: (..., features), (..., steps) -> (..., steps)."""
        scores = torch.einsum("...sf,...f->...s", self.nodes.weight[places], rows)
        return scores if self.nodes.bias is None else scores + self.nodes.bias[places]

    def extra_repr(self) -> str:
        """How many classes, and the longest path."""
        return f"classes={self.classes}, steps={len(self.levels)}"
