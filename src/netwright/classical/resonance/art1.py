"""ART1, adaptive resonance for binary rows: a new unit where no template matches well enough.

With I the set of features that a row has, T_j the template of unit j, also a set, and |.| the number of elements::

    |I and T_j| / |I| >= rho                           unit j matches
    J = argmax |I and T_j| / (beta + |T_j|)            of the units that match; the older one of equals
    T_J <- I and T_J                                   fast learning: a template can only shrink
    none matches:  T_new <- I                          a new unit, while there are fewer than max_units

A unit that shares no feature with the row does not match, whatever rho is. All units with a template are asked before
a new one is taken.

======== ============== ==================================== ==========
symbol   option         meaning                              unit
======== ============== ==================================== ==========
rho      ``vigilance``  share of the row's features          0 to 1
                        that a template must have
beta     ``choice``     how much a short template that is    features
                        wholly in the row loses against a
                        longer one; L - 1 in the paper
I        ``binarize``   what counts as having a feature      as X
======== ============== ==================================== ==========

The paper's bottom-up weights are b_j = L / (L - 1 + |T_j|) on the features of T_j, with L > 1, so that b_j . I =
L |I and T_j| / (L - 1 + |T_j|): with beta = L - 1 it ranks the units as above. Its uncommitted units (b below L / (L -
1 + n_features)) are those of this network that do not exist yet, in the limit b -> 0.

References: Carpenter, Grossberg: A massively parallel architecture for a self-organizing neural pattern recognition
machine, 1987; Lippmann: An introduction to computing with neural nets, 1987 (L = 2, the default here).

It differs from NeuPy's ART1 in units that are made as they are needed, in beta (NeuPy divides by the number of units,
not of features), in refusing rows without features, which wiped a template there, and in a `predict` that never learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from netwright.classical.resonance.network import CHOICE, EPOCHS, MAX_UNITS, VIGILANCE, Resonance
from netwright.classical.rows import read_binary
from netwright.core.errors import InvalidData, problem
from netwright.core.seeds import RANDOM_STATE
from netwright.core.validation import Constraint, boolean, checks_options, nothing, number

Words = NDArray[np.uint64]


class ART1(Resonance):
    """Clusters of binary rows: of the templates T with |I and T| / |I| >= vigilance the best one becomes I and T.

    The number of clusters follows from the vigilance. An epoch costs n n_units n_features / 64 operations on words.

    Parameters
    ----------
    vigilance : share of a row's features that a template must have to take the row, in [0, 1]; more makes more units.
    choice : beta in |I and T| / (beta + |T|), > 0, in features; 1 is the usual L = 2 of the paper.
    max_units : units at most; None for as many as are needed. When all are taken, rows that match none are not
        learned and get the label -1, with a warning.
    epochs : times that fit shows all rows, >= 1; once is usual, and further ones add units for rows that the shrunken
        templates do not match any more.
    shuffle : show the rows of each epoch in a random order; False: as they come.
    complement : code a row as (I, not I), so that lacking a feature counts as much as having it; rows without any
        feature are then as good as others, and templates have 2 n_features columns.
    binarize : numbers above it are 1; None where X is 0/1 already.
    random_state : seed of the orders; None, an integer >= 0, a RandomState or a Generator.
    checkpoint, resume : a folder, or `netwright.train.Checkpoints`, in which `fit` is written down after epochs, and
        whether a fit that was killed goes on from what is there, to the same bits.

    Attributes
    ----------
    templates_ : the templates as 0/1, (n_units, n_features); twice as wide with `complement`.
    labels_ : the unit that took each row in the last epoch, (n,); what `predict` says can differ, as templates shrank
        after the row was shown.
    n_iter_ : epochs done.
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Notes
    -----
    X (n, n_features) -> labels (n,)

    Raises
    ------
    InvalidData : a number that is neither 0 nor 1 where `binarize` is None; a row without any feature where
        `complement` is False: each named with its place.

    Examples
    --------
    >>> from netwright.classical import ART1
    >>> X = [[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1]]
    >>> art = ART1(vigilance=0.6).fit(X)
    >>> art.labels_
    array([0, 0, 1, 1])
    >>> art.templates_.tolist()
    [[1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1]]
    >>> art.predict([[0, 1, 1, 0, 1, 0]])
    array([-1])

    References
    ----------
    Carpenter, Grossberg: A massively parallel architecture for a self-organizing neural pattern recognition machine,
    1987.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "vigilance": VIGILANCE,
        "choice": CHOICE,
        "max_units": MAX_UNITS,
        "epochs": EPOCHS,
        "shuffle": boolean,
        "complement": boolean,
        "binarize": number() | nothing,
        "random_state": RANDOM_STATE,
    }

    @checks_options
    def __init__(
        self,
        vigilance: float = 0.7,
        *,
        choice: float = 1.0,
        max_units: int | None = None,
        epochs: int = 1,
        shuffle: bool = False,
        complement: bool = False,
        binarize: float | None = None,
        random_state: Any = None,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> None:
        self.vigilance = vigilance
        self.choice = choice
        self.max_units = max_units
        self.epochs = epochs
        self.shuffle = shuffle
        self.complement = complement
        self.binarize = binarize
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.resume = resume

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.binarize is not None and self.complement  # rows of zeros are refused else
        tags.input_tags.categorical = self.binarize is None
        return tags

    def _coded(self, X: Any, begin: bool) -> Words:
        rows = read_binary(self, X, reset=begin, threshold=self.binarize)
        doubled = self.complement if begin else self.templates_.shape[1] > self.n_features_in_  # as it was begun
        if doubled:
            return packed(np.hstack([rows, 1 - rows]))
        words = packed(rows)
        empty = ~words.any(axis=1)
        if empty.any():
            remedy = "Leave the row out, or set complement=True so that lacking a feature counts too."
            where = f"X. Row {int(empty.argmax())}"
            raise InvalidData(problem(where, "at least one feature that is 1", "a row of zeros", remedy))
        return words

    def _no_templates(self) -> NDArray[np.uint8]:
        return np.zeros((0, (1 + self.complement) * self.n_features_in_), dtype=np.uint8)

    def _resonate(self, codes: Words, order: NDArray[np.intp]) -> tuple[NDArray[np.uint8], NDArray[np.intp], bool]:
        limit = self._most_units()
        options = (float(self.vigilance), float(self.choice), limit)
        words, labels, changed = epoch(packed(self.templates_), codes, order, options)
        return unpacked(words, self.templates_.shape[1]), labels, changed

    def _recall(self, X: Any) -> NDArray[np.intp]:
        codes = self._coded(X, begin=False)
        words, sizes = packed(self.templates_), self.templates_.sum(axis=1, dtype=np.int64)
        return _recalled(words, sizes, codes, float(self.vigilance), float(self.choice))


def epoch(
    words: Words, codes: Words, order: NDArray[np.intp], options: tuple[float, float, int]
) -> tuple[Words, NDArray[np.intp], bool]:
    """One epoch of fast learning on packed templates, which stay as they are.

    Parameters
    ----------
    words : packed templates, (n_units, n_words).
    codes : packed rows, (n, n_words).
    order : numbers of the rows, in the order in which they are shown.
    options : vigilance, choice, units at most.

    Returns
    -------
    the packed templates after it, the label of each row, and whether a template changed.
    """
    labels = np.full(len(codes), -1, dtype=np.intp)
    units, done, changed = len(words), 0, False
    grown = np.concatenate([words, np.zeros((max(64, units), words.shape[1]), np.uint64)])
    sizes = np.unpackbits(grown.view(np.uint8), axis=1).sum(axis=1, dtype=np.int64)
    while True:
        units, more, moved = _learn(grown, sizes, units, codes, order[done:], labels, options)
        done, changed = done + more, changed or moved
        if done == len(order):
            return grown[:units].copy(), labels, changed
        grown, sizes = np.concatenate([grown, np.zeros_like(grown)]), np.concatenate([sizes, np.zeros_like(sizes)])


def packed(rows: NDArray[np.uint8]) -> Words:
    """Rows of 0/1 as words of 64 bits, the last one filled with zeros: (n, width) -> (n, ceil(width / 64))."""
    octets = np.packbits(rows, axis=1)
    missing = -octets.shape[1] % 8
    return np.ascontiguousarray(np.pad(octets, ((0, 0), (0, missing)))).view(np.uint64)


def unpacked(words: Words, width: int) -> NDArray[np.uint8]:
    """Words of 64 bits as rows of 0/1: the inverse of `packed`."""
    return np.unpackbits(words.view(np.uint8), axis=1, count=width)


@numba.njit(cache=True, nogil=True)
def _ones(word: Any) -> Any:
    """The number of bits that are 1, which the compiler makes one instruction where the processor has it."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@numba.njit(cache=True, nogil=True)
def _shared(first: Any, second: Any) -> Any:
    """The number of features in both, of two rows of words."""
    count = 0
    for word in range(len(first)):
        count += _ones(first[word] & second[word])
    return count


@numba.njit(cache=True, nogil=True)
def _least_overlap(size: Any, vigilance: Any) -> Any:
    """The least whole number m >= 1 with m / size >= vigilance, in the arithmetic of that division."""
    least = np.int64(vigilance * size) + 1
    while least > 1 and (least - 1) / size >= vigilance:
        least -= 1
    while least / size < vigilance:
        least += 1
    return least


@numba.njit(cache=True, nogil=True)
def _resonating(words: Any, sizes: Any, units: Any, row: Any, vigilance: Any, choice: Any) -> Any:
    """The unit of greatest choice among those that match, or -1."""
    least = _least_overlap(_shared(row, row), vigilance)
    best, greatest = -1, -1.0
    for unit in range(units):
        overlap = _shared(words[unit], row)
        if overlap >= least:
            strength = overlap / (choice + sizes[unit])
            if strength > greatest:
                best, greatest = unit, strength
    return best


@numba.njit(cache=True, nogil=True)
def _learn(words: Any, sizes: Any, units: Any, rows: Any, order: Any, labels: Any, options: Any) -> Any:
    """Show rows in the order given, until one needs a place for a new unit and there is none.

    Returns the units, how many rows of the order are done, and whether anything changed; templates, their sizes and
    the labels are written where they are.
    """
    vigilance, choice, limit = options
    changed = False
    for place in range(len(order)):
        row = rows[order[place]]
        unit = _resonating(words, sizes, units, row, vigilance, choice)
        if unit < 0:
            if units >= limit:
                continue  # the label stays -1
            if units == len(words):
                return units, place, changed
            unit, units, changed = units, units + 1, True
            sizes[unit] = _shared(row, row)
            for word in range(len(row)):
                words[unit, word] = row[word]
        else:
            overlap = _shared(words[unit], row)
            if overlap < sizes[unit]:
                sizes[unit], changed = overlap, True
                for word in range(len(row)):
                    words[unit, word] &= row[word]
        labels[order[place]] = unit
    return units, len(order), changed


@numba.njit(cache=True, nogil=True)
def _recalled(words: Any, sizes: Any, rows: Any, vigilance: Any, choice: Any) -> Any:
    """The resonating unit of each row, or -1; nothing changes."""
    labels = np.empty(len(rows), dtype=np.intp)
    for i in range(len(rows)):
        labels[i] = _resonating(words, sizes, len(words), rows[i], vigilance, choice)
    return labels
