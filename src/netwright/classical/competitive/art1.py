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

from netwright.classical.competitive.resonance import CHOICE, EPOCHS, MAX_UNITS, RANDOM_STATE, VIGILANCE, Resonance
from netwright.classical.rows import read_binary
from netwright.core.errors import InvalidData, problem
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
    epochs : times that fit shows all rows, >= 1; once is usual.
    shuffle : show the rows of each epoch in a random order; False: as they come.
    complement : code a row as (I, not I), so that lacking a feature counts as much as having it; rows without any
        feature are then as good as others, and templates have 2 n_features columns.
    binarize : numbers above it are 1; None where X is 0/1 already.
    random_state : seed of the orders; None, an integer >= 0, a RandomState or a Generator.

    Attributes
    ----------
    templates_ : the templates as 0/1, (n_units, n_features); twice as wide with `complement`.
    labels_ : the unit that took each row in the last epoch, (n,); what `predict` says can differ, as templates shrank
        after the row was shown.
    n_iter_ : epochs done.
    seed_ : the seed that random_state gave.
    n_features_in_ : width of X.

    Shapes
    ------
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
    ) -> None:
        self.vigilance = vigilance
        self.choice = choice
        self.max_units = max_units
        self.epochs = epochs
        self.shuffle = shuffle
        self.complement = complement
        self.binarize = binarize
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.binarize is not None and self.complement  # rows of zeros are refused else
        tags.input_tags.categorical = self.binarize is None
        return tags

    def _coded(self, X: Any, begin: bool) -> Words:
        rows = read_binary(self, X, reset=begin, threshold=self.binarize)
        if self.complement:
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

    def _is_at_rest(self) -> bool:
        return True

    def _resonate(
        self, codes: Words, order: NDArray[np.intp]
    ) -> tuple[NDArray[np.uint8], NDArray[np.intp], bool]:
        limit = np.iinfo(np.int64).max if self.max_units is None else self.max_units
        words, labels, changed = _learned(
            packed(self.templates_), codes, order, float(self.vigilance), float(self.choice), limit
        )
        return unpacked(words, self.templates_.shape[1]), labels, changed

    def _recall(self, codes: Words) -> NDArray[np.intp]:
        return _recalled(packed(self.templates_), codes, float(self.vigilance), float(self.choice))


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
    least = max(1, np.int64(vigilance * size))
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
def _learned(words: Any, rows: Any, order: Any, vigilance: Any, choice: Any, limit: Any) -> Any:
    """One epoch on packed templates: the templates after it, the labels, and whether anything changed."""
    units, changed = len(words), False
    grown = np.zeros((max(64, 2 * units), rows.shape[1]), dtype=np.uint64)
    sizes = np.zeros(len(grown), dtype=np.int64)
    grown[:units] = words
    for unit in range(units):
        sizes[unit] = _shared(words[unit], words[unit])
    labels = np.full(len(rows), -1, dtype=np.intp)
    for i in order:
        row = rows[i]
        unit = _resonating(grown, sizes, units, row, vigilance, choice)
        if unit < 0:
            if units >= limit:
                continue
            if units == len(grown):
                more, counts = np.zeros((2 * units, rows.shape[1]), dtype=np.uint64), np.zeros(2 * units, np.int64)
                more[:units], counts[:units] = grown, sizes
                grown, sizes = more, counts
            unit, units, changed = units, units + 1, True
            grown[unit] = row
            sizes[unit] = _shared(row, row)
        else:
            overlap = _shared(grown[unit], row)
            if overlap < sizes[unit]:
                changed, sizes[unit] = True, overlap
                for word in range(len(row)):
                    grown[unit, word] &= row[word]
        labels[i] = unit
    return grown[:units].copy(), labels, changed


@numba.njit(cache=True, nogil=True)
def _recalled(words: Any, rows: Any, vigilance: Any, choice: Any) -> Any:
    """The resonating unit of each row, or -1; nothing changes."""
    sizes = np.zeros(len(words), dtype=np.int64)
    for unit in range(len(words)):
        sizes[unit] = _shared(words[unit], words[unit])
    labels = np.empty(len(rows), dtype=np.intp)
    for i in range(len(rows)):
        labels[i] = _resonating(words, sizes, len(words), rows[i], vigilance, choice)
    return labels
