"""WordFeatures: what a tagger sees of a token: the word, its characters, its beginning and its end.

A token comes as a row of integers: the number of its word, a number that only tells equal tokens apart from others,
those of its affixes, and those of its characters, zeros behind the last one. The same token is spelled once a batch,
however often it comes.

    x_t = (W[word], max_t' relu(conv_h(C[characters]))_h for each window h, A[affix_1], ..., A[affix_m])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from netwright.core.validation import Constraint, integer, number, tuple_of
from netwright.core.value import value
from netwright.graph import Layer, Shape, refuse
from netwright.layers.dense import fresh, start
from netwright.layers.init import HeUniform, Normal

UNKNOWN = 1  # the number of an unknown word


@value("layer")
class WordFeatures(Layer):
    """Vectors of tokens from their words, characters and affixes: x_t = (W[w_t], chars(t), A[a_t1], ..., A[a_tm]).

    The features of the characters are those of a convolution: for each window the largest response over the word. While
    training a share of the words is taken for unknown, so that their characters learn to speak for them.

    Parameters
    ----------
    words : how many numbers of words there are, with padding 0 and unknown 1; >= 2.
    characters : how many numbers of characters there are, 0 for none.
    affixes : how many numbers of affixes there are, 0 for none; with them, columns 2 ... 7 of the input hold six.
    width : length of a word's vector, >= 1.
    character_width : length of a character's vector, >= 1.
    maps : responses for each window, >= 1.
    windows : how many characters each convolution sees.
    affix_width : length of an affix's vector, >= 1.
    unknown : share of words that are taken for unknown while training, in [0, 1).

    Shapes
    ------
    (steps, 2 + affixes + longest word) integers -> (steps, features)

    Raises
    ------
    JoinError : an input that is not (steps, at least 2 columns).
    InvalidParameter : options out of range.

    Examples
    --------
    >>> from netwright.layers import Input, WordFeatures
    >>> (Input(20, 2 + 6 + 15) >> WordFeatures(1000, 60, 300)).output_shape  # 100 + 3 x 50 + 6 x 20
    (20, 370)

    References
    ----------
    Ma, Hovy, *End-to-end sequence labeling via bi-directional LSTM-CNNs-CRF*, 2016.
    """

    words: int
    characters: int = 0
    affixes: int = 0
    width: int = 100
    character_width: int = 32
    maps: int = 50
    windows: tuple[int, ...] = (2, 3, 4)
    affix_width: int = 20
    unknown: float = 0.05

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "words": integer(2),
        "characters": integer(0),
        "affixes": integer(0),
        "width": integer(1),
        "character_width": integer(1),
        "maps": integer(1),
        "windows": tuple_of(integer(1), least=1),
        "affix_width": integer(1),
        "unknown": number(0, 1, closed="left"),
    }

    def make(self, *shapes: Shape) -> torch.nn.Module:
        columns = 2 + (SIX if self.affixes else 0)
        if len(shapes[0]) != 2 or shapes[0][1] < columns + (self.characters > 0):
            raise refuse(self, f"integers (steps, at least {columns + (self.characters > 0)} columns)", shapes)
        return TokenVectors(self)


SIX = 6  # affixes of a token: two beginnings and four ends


class TokenVectors(torch.nn.Module):
    """The vectors of tokens.

    Parameters
    ----------
    layer : with the sizes.
    """

    def __init__(self, layer: WordFeatures) -> None:
        super().__init__()
        self.unknown = layer.unknown
        self.words = _table(layer.words, layer.width)
        self.affixes = _table(layer.affixes, layer.affix_width) if layer.affixes else None
        self.first = 2 + (SIX if layer.affixes else 0)  # column of the characters
        self.characters, self.windows = None, torch.nn.ModuleList()
        if layer.characters:
            self.characters = _table(layer.characters, layer.character_width, 1.0)
            for window in layer.windows:
                convolution = fresh(torch.nn.Conv1d, layer.character_width, layer.maps, window)
                start(convolution, HeUniform(), True)
                self.windows.append(convolution)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, steps, columns) -> (batch, steps, features)"""
        x = x.long()
        words, same = x[..., 0], x[..., 1]
        if self.training and self.unknown > 0:
            words = words.masked_fill(torch.rand(words.shape, device=x.device) < self.unknown, UNKNOWN)
        parts = [self.words(words)]
        if self.affixes is not None:
            parts.append(self.affixes(x[..., 2 : self.first]).flatten(2))
        if self.characters is not None:
            parts.append(self._spelled(x, same))
        return torch.cat(parts, dim=-1)

    def _spelled(self, x: Tensor, same: Tensor) -> Tensor:
        """The features of the characters: each token that there is once, then put where it stands."""
        assert self.characters is not None
        if x.is_meta or torch.compiler.is_compiling():
            tokens, place = x.flatten(0, 1), None
        else:
            kinds, inverse = same.flatten().unique(return_inverse=True)
            one = torch.empty_like(kinds).scatter_(0, inverse, torch.arange(len(inverse), device=x.device))
            tokens, place = x.flatten(0, 1)[one], inverse
        letters = tokens[:, self.first :]
        count = (letters != 0).sum(1)
        if place is not None:
            letters = letters[:, : max(int(count.max()) if len(count) else 0, 1)]
        vectors = (self.characters(letters) * (letters != 0)[:, :, None]).transpose(1, 2)  # (tokens, width, letters)
        features = torch.cat([_largest(convolution, vectors, count) for convolution in self.windows], dim=1)
        return (features if place is None else features[place]).view(*same.shape, features.shape[-1])


def _largest(convolution: torch.nn.Module, vectors: Tensor, count: Tensor) -> Tensor:
    """The largest response over the windows that see a letter, at least 0: (tokens, maps)

    Zeros on both sides let a window see where a word begins and ends.
    """
    beside = int(convolution.kernel_size[0]) - 1  # type: ignore[index,arg-type]
    found = convolution(torch.nn.functional.pad(vectors, (beside, beside)))  # (tokens, maps, letters + beside)
    behind = torch.arange(found.shape[2], device=count.device) >= (count + beside)[:, None]
    behind = behind | (count == 0)[:, None]
    return torch.relu(found.masked_fill(behind[:, None], -torch.inf).amax(-1))


def _table(entries: int, width: int, std: float = 0.1) -> torch.nn.Embedding:
    table: torch.nn.Embedding = fresh(torch.nn.Embedding, entries, width)
    start(table, Normal(std=std), False)
    return table
