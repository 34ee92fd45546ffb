"""Adaptive softmax: frequent classes in a head of full width, rare ones in clusters of lower and lower width.

With the classes sorted by falling frequency and cut at c_1 < ... < c_m, the head h has c_1 classes and m clusters:

    p(c | x) = softmax(H x)_c                                              for the c_1 most frequent classes
    p(c | x) = softmax(H x)_{cluster i} softmax(U_i V_i x)_c               for the classes of cluster i

V_i has floor(n / d^i) rows for n features and the factor d, so that rare classes cost little. The module is torch's
``AdaptiveLogSoftmaxWithLoss``, which takes ranks; the order of the classes is taken care of here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, integer, nothing, number, tuple_of
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.dense import WEIGHTS, Start, fresh, settle, start
from netwright.layers.init import XavierUniform
from netwright.layers.logits import GivesLogits
from netwright.layers.text.targets import counted, expect_reduction, full, reduced


@value("layer")
class AdaptiveSoftmax(Layer):
    """Probabilities of many classes of unequal frequency: p(c) = p_head(c), or p_head(cluster) p_cluster(c).

    The built module has ``nll(x, target)``, which computes the clusters of the targets only, ``log_prob``, ``predict``
    and ``sample``. In a network it stands last and gives the probabilities. `LanguageModel` trains it on ``nll``, the
    fast way, other estimators on ``log_prob``. Classes keep their numbers everywhere.

    Parameters
    ----------
    classes : V, how many there are, >= 2.
    cutoffs : how many of the most frequent classes are before the end of the head and of each cluster but the last,
        rising integers in 1 ... V - 1.
    div_value : d, by which the width of each cluster is smaller than that of the one before, >= 1.
    counts : how often each class comes, numbers >= 0; of equal ones the lower class is taken as more frequent.
    order : the classes from the most to the least frequent. Neither of both: class 0 is the most frequent, and so on.
    weight : how the weights start, an initialisation rule or a number.
    bias : of the head: False (none), True (starts at zero), or how it starts. Clusters have none.

    Shapes
    ------
    (features,) -> (classes,); (steps, features) -> (steps, classes)

    Raises
    ------
    JoinError : an input of rank 3 or more, or with so few features that a cluster has none.
    InvalidParameter : options out of range, cutoffs that do not rise, counts or an order of other classes, or both.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import AdaptiveSoftmax, Input
    >>> network = Input(64) >> AdaptiveSoftmax(1000, (100, 400))
    >>> network.summary().parameters  # a softmax has 65,000
    15008
    >>> module = network.build().adaptivesoftmax1
    >>> module.nll(torch.ones(3, 64), torch.tensor([7, 999, -100]), reduction="none").shape
    torch.Size([3])

    References
    ----------
    Grave, Joulin, Cisse, Grangier, Jegou, *Efficient softmax approximation for GPUs*, 2017.
    """

    classes: int
    cutoffs: tuple[int, ...]
    div_value: float = 4.0
    counts: tuple[float, ...] | None = None
    order: tuple[int, ...] | None = None
    _: KW_ONLY
    weight: Start = XavierUniform()
    bias: Start = False

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "classes": integer(2),
        "cutoffs": tuple_of(integer(1), least=1),
        "div_value": number(1),
        "counts": nothing | tuple_of(number(0)),
        "order": nothing | tuple_of(integer(0)),
        **WEIGHTS,
    }

    def __post_init__(self) -> None:
        settle(self)
        if self.cutoffs[-1] >= self.classes or any(one >= two for one, two in pairwise(self.cutoffs)):
            expected = f"rising integers in [1, {self.classes - 1}]"
            raise InvalidParameter(problem("AdaptiveSoftmax(cutoffs)", expected, shown(self.cutoffs)))
        if self.counts is not None and self.order is not None:
            got, remedy = f"both, of {len(self.counts)} and {len(self.order)} classes", "The order follows from counts."
            raise InvalidParameter(problem("AdaptiveSoftmax(order)", "counts or an order", got, remedy))
        if self.counts is not None and len(self.counts) != self.classes:
            expected, got = f"one count for each of the {self.classes} classes", f"{len(self.counts)} counts"
            raise InvalidParameter(problem("AdaptiveSoftmax(counts)", expected, got))
        if self.order is not None and sorted(self.order) != list(range(self.classes)):
            expected = f"every class from 0 to {self.classes - 1} once"
            raise InvalidParameter(problem("AdaptiveSoftmax(order)", expected, shown(self.order)))

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if len(shapes[0]) > 2:
            raise refuse(self, "an input (features,) or (steps, features)", shapes, "Put Flatten() before it.")
        features, clusters = shapes[0][-1], len(self.cutoffs)
        if features // self.div_value**clusters < 1:
            remedy = "Use fewer cutoffs or a smaller div_value."
            raise refuse(self, f"features for {clusters} divisions by {self.div_value:g}", shapes, remedy)
        softmax = fresh(
            torch.nn.AdaptiveLogSoftmaxWithLoss,
            features,
            self.classes,
            list(self.cutoffs),
            self.div_value,
            head_bias=self.bias is not False,
        )
        start(softmax.head, self.weight, self.bias)
        for cluster in softmax.tail:
            for linear in cluster:
                start(linear, self.weight, False)
        return RankedSoftmax(softmax, self._order(), type(self).__name__)

    def _order(self) -> list[int] | None:
        """The classes from the most frequent on; None where they stand in that order."""
        if self.counts is not None:
            return by_frequency(self.counts)
        return None if self.order is None else list(self.order)


def by_frequency(counts: tuple[float, ...]) -> list[int]:
    """The classes from the most to the least frequent, the lower first where counts are equal.

    Examples
    --------
    >>> by_frequency((1, 5, 2, 5))
    [1, 3, 2, 0]
    """
    return sorted(range(len(counts)), key=lambda c: -counts[c])


class RankedSoftmax(GivesLogits, torch.nn.Module):
    """An adaptive softmax over classes in any order.

    Parameters
    ----------
    softmax : over ranks, 0 the most frequent.
    order : the class of each rank; None where they are the same.
    layer : how an error names the layer.
    """

    order: Tensor | None
    ranks: Tensor | None

    def __init__(self, softmax: torch.nn.AdaptiveLogSoftmaxWithLoss, order: list[int] | None, layer: str) -> None:
        super().__init__()
        self.softmax, self.layer = softmax, layer
        table = None if order is None else torch.tensor(order)
        self.register_buffer("order", table, persistent=False)  # the layer says it
        self.register_buffer("ranks", None if table is None else table.argsort(), persistent=False)

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
        found = full(self.softmax.log_prob(x.reshape(-1, x.shape[-1])))
        found = found if self.ranks is None else found.index_select(-1, self.ranks)
        return found.reshape(*x.shape[:-1], found.shape[-1])

    def nll(self, x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        """-log p(target | x); of the clusters those that have targets are computed.

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
        features, classes = self.softmax.in_features, self.softmax.n_classes
        rows, target, keep = counted(self.layer, x, target, features, classes)
        ranks = target if self.ranks is None else self.ranks[target]
        return reduced(-full(self.softmax(rows, ranks).output), keep, reduction)

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """The most probable class; clusters are looked into where the head does not decide: (..., features) -> (...).

        Parameters
        ----------
        x : features.
        """
        found = self.softmax.predict(x.reshape(-1, x.shape[-1]))
        return (found if self.order is None else self.order[found]).reshape(x.shape[:-1])

    @torch.no_grad()
    def sample(self, x: Tensor, samples: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Classes drawn from p(c | x): from the head, and from the cluster where it says one.

        Parameters
        ----------
        x : features.
        samples : how many of each place, >= 1.
        generator : of random numbers; None for torch's own.

        Shapes
        ------
        (*places, features) -> (samples, *places)
        """
        rows, first = x.reshape(-1, x.shape[-1]), self.softmax.shortlist_size
        drawn = _drawn(self.softmax.head(rows), samples, generator).T  # (samples, rows)
        found = drawn.clone()
        for place, cluster in enumerate(self.softmax.tail):
            one, row = torch.nonzero(drawn == first + place, as_tuple=True)
            if len(row):
                within = _drawn(cluster(rows[row]), 1, generator)[:, 0]
                found[one, row] = within + self.softmax.cutoffs[place]
        return (found if self.order is None else self.order[found]).reshape(samples, *x.shape[:-1])

    def extra_repr(self) -> str:
        """How many classes, and where they are cut."""
        return f"classes={self.softmax.n_classes}, cutoffs={self.softmax.cutoffs[:-1]}"


def _drawn(scores: Tensor, samples: int, generator: torch.Generator | None) -> Tensor:
    """Draws from a softmax: (rows, classes) -> (rows, samples)."""
    return torch.multinomial(full(scores).softmax(-1), samples, replacement=True, generator=generator)
