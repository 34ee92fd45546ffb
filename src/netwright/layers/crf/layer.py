"""CRF: a linear-chain conditional random field as a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch

from netwright.core.errors import InvalidParameter, problem
from netwright.core.validation import Constraint, boolean, integer, tuple_of
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.crf.module import LinearChain


@value("layer")
class CRF(Layer):
    """The probabilities of chains of tags: p(y | e) = exp(s_y1 + sum_t e_t(y_t) + sum_t a(y_t, y_t+1) + f_yn) / Z.

    ``CRF(9).build()`` is a torch module with ``log_likelihood``, ``decode`` (one path or the n best), ``marginals``,
    ``entropy`` and ``sample``; its weights have the names and shapes of pytorch-crf. In a network it stands last,
    behind a layer that gives a score for each tag at each step, and gives the probability of each tag.

    Parameters
    ----------
    num_tags : how many tags there are, >= 1.
    forbidden : pairs (i, j) of tags that do not follow each other, which then have probability 0; i = num_tags stands
        for the start of a sequence, j = num_tags + 1 for its end. `forbidden_transitions` makes them for BIO and such.
    batch_first : whether tensors are (batch, steps, ...), else (steps, batch, ...); networks need True.

    Shapes
    ------
    (steps, tags), kept

    Raises
    ------
    JoinError : an input that is not (steps, num_tags).
    InvalidParameter : options out of range.

    Examples
    --------
    >>> import torch
    >>> from netwright.layers import CRF
    >>> crf = CRF(3).build(seed=0)
    >>> emissions = torch.tensor([[[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]]])
    >>> crf.decode(emissions)
    [[0, 1, 2]]
    >>> crf.log_likelihood(emissions, torch.tensor([[0, 1, 2]])).shape
    torch.Size([1])

    References
    ----------
    Lafferty, McCallum, Pereira, *Conditional random fields*, 2001.
    """

    num_tags: int
    forbidden: tuple[tuple[int, int], ...] = ()
    batch_first: bool = True

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "num_tags": integer(1),
        "forbidden": tuple_of(tuple_of(integer(0), least=2)),
        "batch_first": boolean,
    }

    def __post_init__(self) -> None:
        k = self.num_tags
        for pair in self.forbidden:
            if len(pair) != 2 or pair[0] > k or pair[1] > k + 1 or pair[1] == k:
                expected = f"pairs (i, j), i a tag or {k} for the start, j a tag or {k + 1} for the end"
                raise InvalidParameter(problem("CRF(forbidden)", expected, str(pair)))

    @property
    def takes(self) -> Shape:  # type: ignore[override]
        """The shape for which it is built alone; sequences may have any number of steps."""
        return (1, self.num_tags)

    def make(self, *shapes: Shape) -> torch.nn.Module:
        if len(shapes[0]) != 2 or shapes[0][1] != self.num_tags:
            remedy = f"Put a layer of {self.num_tags} units before it: Linear({self.num_tags}) >> {self!r}."
            raise refuse(self, f"an input (steps, {self.num_tags})", shapes, remedy)
        return LinearChain(self.num_tags, self.batch_first, self.forbidden)
