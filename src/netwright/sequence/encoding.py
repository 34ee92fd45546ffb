"""From sequences to what a network reads: numbers scaled by the training steps, tokens as integers.

========= ============================================================= ==========================================
encoder   a step is                                                     the network begins with
========= ============================================================= ==========================================
Scaled    (features,), mean 0 and deviation 1 over all training steps   itself
Words     (), the number of the word in a vocabulary                    ``Embedding``
Spelled   (2 + affixes + letters,), word, token, affixes, characters    ``WordFeatures``
========= ============================================================= ==========================================
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem
from netwright.data.text.vocabulary import Vocabulary
from netwright.estimators.scaling import Scaler, fit_scaler
from netwright.graph import Expression
from netwright.layers import Embedding, Normal, WordFeatures
from netwright.sequence.batches import Ragged
from netwright.sequence.reading import read_numbers, read_tokens

FARTHEST = 1e15  # deviations from the mean: what single precision can square and sum
LETTERS = 24  # of a token that are read: the first and the last halves of a longer one
SMALL = 0.01  # deviation of the vectors of words at the start: a word that never came says next to nothing


class Scaled:
    """Sequences of numbers, scaled by their training steps.

    Attributes
    ----------
    scaler : the means and deviations of the features.
    """

    kind = "numbers"
    entrance: Expression | None = None

    def __init__(self, scaler: Scaler) -> None:
        self.scaler = scaler
        self.shape: tuple[int, ...] = (len(scaler.mean),)

    @classmethod
    def fit(cls, sequences: list[NDArray[np.float64]]) -> Scaled:
        """Learn the scale of each feature from all steps, of which there is at least one."""
        return cls(fit_scaler(np.concatenate(sequences)))

    def read(self, X: Any, where: str) -> list[NDArray[np.float64]]:
        """New sequences, checked against those of the fit."""
        return read_numbers(X, where, self.shape[0])

    def encode(self, sequences: list[NDArray[np.float64]], device: torch.device | None = None) -> Ragged:
        """(steps_i, features) each -> float32"""
        rows = [self.scaler.transform(item) for item in sequences]
        for index, row in enumerate(rows):
            if row.size and not np.abs(row).max() < FARTHEST:
                step, column = np.argwhere(~(np.abs(row) < FARTHEST))[0]
                got = f"{sequences[index][step, column]:g} at step {step}, feature {column}"
                expected = f"numbers within {FARTHEST:g} deviations of those of the fit"
                raise InvalidData(problem(f"X, sequence {index}", expected, got))
        return Ragged([row.astype(np.float32) for row in rows], 0, device)

    def to_state(self) -> dict[str, Any]:
        """What a file needs."""
        return {"mean": self.scaler.mean.tolist(), "scale": self.scaler.scale.tolist()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Scaled:
        """The inverse of `to_state`."""
        return cls(Scaler(np.array(state["mean"]), np.array(state["scale"])))


class Words:
    """Sequences of tokens, each the number of its word.

    Parameters
    ----------
    vocabulary : of the words. width : of the words' vectors.
    """

    kind = "tokens"
    shape: tuple[int, ...] = ()

    def __init__(self, vocabulary: Vocabulary, width: int = 100) -> None:
        self.vocabulary, self.width = vocabulary, width

    @property
    def entrance(self) -> Expression:
        """The layer that a network begins with."""
        return Embedding(len(self.vocabulary), self.width, weight=Normal(std=SMALL))

    def read(self, X: Any, where: str) -> list[list[str]]:
        """New sequences."""
        return read_tokens(X, where)

    def encode(self, sequences: Sequence[Sequence[str]], device: torch.device | None = None) -> Ragged:
        """Tokens -> their numbers"""
        return Ragged(self.vocabulary.encode_all(sequences), 0, device)

    def to_state(self) -> dict[str, Any]:
        """What a file needs."""
        return {"vocabulary": self.vocabulary.to_state(), "width": self.width}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Words:
        """The inverse of `to_state`."""
        return cls(Vocabulary.from_state(state["vocabulary"]), state["width"])


class Spelled:
    """Sequences of tokens, each its word, its characters and its affixes.

    Parameters
    ----------
    words, characters, affixes : vocabularies.
    """

    kind = "tokens"

    def __init__(self, words: Vocabulary, characters: Vocabulary, affixes: Vocabulary) -> None:
        self.words, self.characters, self.affixes = words, characters, affixes
        self.shape: tuple[int, ...] = (2 + 6 + LETTERS,)

    @classmethod
    def fit(cls, sentences: Sequence[Sequence[str]], least: int) -> Spelled:
        """Count words (in small letters), characters and affixes.

        Parameters
        ----------
        sentences : of tokens. least : how often a word has to come to have a vector of its own.
        """
        words = counted(sentences, least, lower=True)
        tokens = list(chain.from_iterable(sentences))
        return cls(words, counted(tokens, 3), counted(map(affixes_of, tokens), 5))

    @property
    def entrance(self) -> Expression:
        """The layer that a network begins with."""
        return WordFeatures(len(self.words), len(self.characters), len(self.affixes))

    def read(self, X: Any, where: str) -> list[list[str]]:
        """New sequences."""
        return read_tokens(X, where)

    def encode(self, sentences: Sequence[Sequence[str]], device: torch.device | None = None) -> Ragged:
        """Tokens -> (steps, 2 + 6 + letters) integers; equal tokens have one number >= 1 in column 1"""
        kinds: dict[str, int] = {}
        places = [np.array([kinds.setdefault(t, len(kinds)) for t in tokens], dtype=np.int64) for tokens in sentences]
        tokens = list(kinds)
        table = np.zeros((len(tokens), *self.shape), dtype=np.int32)
        table[:, 1] = np.arange(1, len(tokens) + 1)  # 0 is behind the end
        if tokens:
            table[:, 0] = self.words.encode(tokens)
            table[:, 2:8] = self.affixes.encode(chain.from_iterable(map(affixes_of, tokens))).reshape(-1, 6)
        for row, letters in zip(table, self.characters.encode_all(map(_shortened, tokens)), strict=True):
            row[8 : 8 + len(letters)] = letters
        return Ragged([table[place] for place in places], 0, device)

    def to_state(self) -> dict[str, Any]:
        """What a file needs."""
        return {name: getattr(self, name).to_state() for name in ("words", "characters", "affixes")}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Spelled:
        """The inverse of `to_state`."""
        return cls(*(Vocabulary.from_state(state[name]) for name in ("words", "characters", "affixes")))


ENCODERS: dict[str, Any] = {"Scaled": Scaled, "Words": Words, "Spelled": Spelled}


def affixes_of(token: str) -> list[str]:
    """Two beginnings and four ends, in small letters.

    Examples
    --------
    >>> affixes_of("Walked")
    ['wa-', 'wal-', '-d', '-ed', '-ked', '-lked']
    """
    token = token.lower()
    return [token[:2] + "-", token[:3] + "-", *("-" + token[-k:] for k in (1, 2, 3, 4))]


def _shortened(token: str) -> str:
    return token if len(token) <= LETTERS else token[: LETTERS // 2] + token[-LETTERS // 2 :]


def counted(sequences: Any, least: int, lower: bool = False) -> Vocabulary:
    """A vocabulary of what comes at least so often; in a small corpus of all that there is."""
    sequences = list(sequences)
    while least > 1:
        try:
            return Vocabulary.count(sequences, least=least, lower=lower)
        except InvalidData:  # nothing comes so often
            least -= 1
    return Vocabulary.count(sequences, lower=lower)
