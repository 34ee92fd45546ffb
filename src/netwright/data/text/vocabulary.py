"""`Vocabulary`: symbols (words, characters, tags) and their numbers.

The numbers of a vocabulary, in this order::

    0        padding, which fills rows up to the longest          (where padding=True)
    0 or 1   unknown, for all symbols that have no number          (where unknown=True)
    from there on, the symbols: of `Vocabulary.count` by falling frequency, ties by the order of their code points

A sequence is a list of texts, or one text, whose symbols are its characters. With ``lower`` a symbol is read in
small letters, with ``digits`` each decimal digit of it is read as 0 (Collobert et al. 2011).
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.core.errors import MANY, CorruptFile, InvalidData, did_you_mean, problem, shown
from netwright.core.validation import Constraint, boolean, check, check_all, integer, nothing

PADDING, UNKNOWN = "<pad>", "<unk>"  # what the two numbers without a symbol are shown as
LEFT_OUT = -100  # the label that losses and the CRF leave out
_DIGIT = re.compile(r"\d")


class Vocabulary:
    """A map between symbols and integers: 0 is padding, 1 is unknown, then the symbols.

    Parameters
    ----------
    symbols : the symbols in the order of their numbers, each once, as they are after ``lower`` and ``digits``.
    unknown : whether there is a number for symbols that are not among these; without it such a symbol is an error.
    padding : whether there is a number that fills rows up.
    lower : whether symbols are read in small letters.
    digits : whether each decimal digit is read as 0, so that 1984 and 2001 are one symbol, 0000.

    Attributes
    ----------
    symbols : all symbols in their order, without padding and unknown.
    padding_index, unknown_index : their numbers, None where there is none.

    Raises
    ------
    InvalidData : a symbol that is no text, or one that comes twice.
    InvalidParameter : an option that is not True or False.

    Examples
    --------
    >>> words = Vocabulary.count([["the", "cat", "saw", "the", "dog"], ["the", "dog"]])
    >>> words, words.symbols
    (Vocabulary of 6: 4 symbols, padding, unknown, ('the', 'dog', 'cat', 'saw'))
    >>> ids = words.encode(["the", "mouse", "saw"])
    >>> ids, words.decode(ids)
    (array([2, 1, 5]), ['the', '<unk>', 'saw'])

    References
    ----------
    Collobert et al., *Natural language processing (almost) from scratch*, 2011.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = dict.fromkeys(("unknown", "padding", "lower", "digits"), boolean)

    def __init__(
        self,
        symbols: Iterable[str],
        *,
        unknown: bool = True,
        padding: bool = True,
        lower: bool = False,
        digits: bool = False,
    ) -> None:
        options = {"unknown": unknown, "padding": padding, "lower": lower, "digits": digits}
        check_all("Vocabulary", options, self.constraints)
        self._options = options
        self.symbols = tuple(map(str, _texts(symbols, "symbols")))
        self.padding_index = 0 if padding else None
        self.unknown_index = int(padding) if unknown else None
        self._offset = int(padding) + int(unknown)
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols, start=self._offset)}
        _require_each_once(self)

    @classmethod
    def count(
        cls,
        sequences: Iterable[Iterable[str]],
        *,
        least: int = 1,
        most: int | None = None,
        lower: bool = False,
        unknown: bool = True,
        padding: bool = True,
        digits: bool = False,
    ) -> Vocabulary:
        """The vocabulary of sequences, the most frequent symbol first, ties by the order of code points.

        Parameters
        ----------
        sequences : lists of texts, or texts, whose symbols are their characters; it is gone through once.
        least : how often a symbol has to come to be in it, >= 1.
        most : the most symbols, >= 1, padding and unknown not counted; None for all.
        lower, unknown, padding, digits : as in `Vocabulary`.

        Raises
        ------
        InvalidData : a sequence that is none, a symbol that is no text (with their indices), or no symbols at all.
        InvalidParameter : an option out of its range.

        Examples
        --------
        >>> Vocabulary.count(["abracadabra"], least=2, padding=False).symbols
        ('a', 'b', 'r')
        """
        check("Vocabulary.count(least)", least, integer(1))
        check("Vocabulary.count(most)", most, integer(1) | nothing)
        empty = cls((), unknown=unknown, padding=padding, lower=lower, digits=digits)
        raw: Counter[str] = Counter()
        for index, sequence in enumerate(_sequences(sequences)):
            raw.update(_texts(sequence, f"sequence {index}"))
        counted: Counter[str] = Counter()
        for symbol, times in raw.items():
            counted[empty._read(str(symbol))] += times
        if not counted:
            raise InvalidData(problem("Vocabulary.count(sequences)", "at least one symbol", "none"))
        ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:most]
        if ordered[0][1] < least:
            got = f"{ordered[0][0]!r} as the most frequent, {ordered[0][1]} times"
            raise InvalidData(problem(f"Vocabulary.count(least={least})", "a symbol that comes so often", got))
        return cls([symbol for symbol, times in ordered if times >= least], **empty._options)

    def __len__(self) -> int:
        """How many numbers there are, padding and unknown among them."""
        return self._offset + len(self.symbols)

    def __contains__(self, symbol: object) -> bool:
        return isinstance(symbol, str) and self._read(symbol) in self._numbers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self.symbols, self._options) == (other.symbols, other._options)

    def __hash__(self) -> int:
        return hash((self.symbols, *self._options.values()))

    def __repr__(self) -> str:
        extra = "".join(f", {name}" for name in ("padding", "unknown", "lower", "digits") if self._options[name])
        return f"Vocabulary of {len(self)}: {len(self.symbols)} symbols{extra}"

    def index(self, symbol: str) -> int:
        """The number of a symbol, that of unknown where it has none.

        Raises
        ------
        InvalidData : no text, or a symbol without a number where there is none for unknown.
        """
        return int(self.encode([symbol], where="symbol")[0])

    def encode(self, sequence: Iterable[str], *, where: str = "sequence") -> NDArray[np.int64]:
        """The numbers of a sequence's symbols.

        Parameters
        ----------
        sequence : a list of texts, or one text, whose symbols are its characters.
        where : what an error calls it.

        Shapes
        ------
        n symbols -> (n,) int64

        Raises
        ------
        InvalidData : a symbol that is no text, or one without a number where there is none for unknown.
        """
        symbols = _texts(sequence, where)
        read: Iterable[str] = symbols
        if self._options["lower"] or self._options["digits"]:
            read = map(self._read, symbols)
        default = -1 if self.unknown_index is None else self.unknown_index
        numbers = map(self._numbers.get, read, itertools.repeat(default))
        ids = np.fromiter(numbers, dtype=np.int64, count=len(symbols))  # type: ignore[arg-type]
        if default == -1 and ids.size and ids.min() < 0:
            position = int(ids.argmin())
            remedy = self._hint(self._read(symbols[position]))
            expected = f"a symbol of the vocabulary of {len(self)}"
            raise InvalidData(problem(f"{where}, position {position}", expected, shown(symbols[position]), remedy))
        return ids

    def encode_all(self, sequences: Iterable[Iterable[str]], *, where: str = "sequence") -> list[NDArray[np.int64]]:
        """The numbers of each of several sequences; an error names the sequence by its index.

        Parameters
        ----------
        sequences : lists of texts, or texts.
        where : what an error calls one of them.

        Shapes
        ------
        sequences of n_i symbols -> arrays (n_i,) int64

        Raises
        ------
        InvalidData : as `encode`.

        Examples
        --------
        >>> tags = Vocabulary(["NOUN", "VERB"], unknown=False, padding=False)
        >>> tags.encode_all([["NOUN"], ["VERB", "NOUM"]])
        Traceback (most recent call last):
            ...
        netwright.core.errors.InvalidData: sequence 1, position 1: expected a symbol of the vocabulary of 2, got
        'NOUM'. Did you mean 'NOUN'?
        """
        return [self.encode(each, where=f"{where} {index}") for index, each in enumerate(_sequences(sequences))]

    def decode(self, ids: ArrayLike) -> list[str]:
        """The symbols of numbers; padding is left out, and unknown is written ``<unk>``.

        Shapes
        ------
        (n,) -> n symbols or fewer

        Raises
        ------
        InvalidData : no row of integers, or a number that the vocabulary does not have (with its position).
        """
        numbers = _row_of_integers(ids, "ids")
        wrong = np.flatnonzero((numbers < 0) | (numbers >= len(self)))
        if wrong.size:
            where, got = f"ids, position {wrong[0]}", str(numbers[wrong[0]])
            raise InvalidData(problem(where, f"a number in [0, {len(self) - 1}]", got))
        names = [*[PADDING, UNKNOWN][int(self.padding_index is None) :][: self._offset], *self.symbols]
        return [names[number] for number in numbers.tolist() if number != self.padding_index]

    def pad(self, sequences: Iterable[ArrayLike], value: int | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows of one length: numbers of sequences, filled up behind, and how long each is.

        Parameters
        ----------
        sequences : arrays of numbers, of any lengths.
        value : what rows are filled with; None: the padding's number, or -100, which losses leave out, where there is
            no padding.

        Shapes
        ------
        n arrays (n_i,) -> (n, longest) int64, (n,) int64

        Raises
        ------
        InvalidData : an element that is no row of integers (with its index).
        InvalidParameter : a value that is no integer.

        Examples
        --------
        >>> words = Vocabulary(["a", "b"])
        >>> ids, lengths = words.pad(words.encode_all(["ab", "b"]))
        >>> ids.tolist(), lengths.tolist()
        ([[2, 3], [3, 0]], [2, 1])
        """
        check("Vocabulary.pad(value)", value, integer() | nothing)
        if value is None:
            value = LEFT_OUT if self.padding_index is None else self.padding_index
        rows = [_row_of_integers(row, f"sequence {index}") for index, row in enumerate(_sequences(sequences))]
        lengths = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        ids = np.full((len(rows), lengths.max(initial=0)), value, dtype=np.int64)
        if rows:
            ids[np.arange(ids.shape[1]) < lengths[:, None]] = np.concatenate(rows)
        return ids, lengths

    def to_state(self) -> dict[str, Any]:
        """All that `from_state` needs, for ``json.dumps``."""
        return {"symbols": list(self.symbols), **self._options}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Vocabulary:
        """The vocabulary that `to_state` described.

        Raises
        ------
        CorruptFile : something is missing, unknown or of another kind.

        Examples
        --------
        >>> words = Vocabulary(["a", "b"])
        >>> Vocabulary.from_state(words.to_state()) == words
        True
        """
        try:
            if set(state) != {"symbols", *cls.constraints} or not isinstance(state["symbols"], (list, tuple)):
                raise ValueError(f"entries {shown(dict(state))}")
            return cls(state["symbols"], **{name: state[name] for name in cls.constraints})
        except (TypeError, ValueError) as error:
            got = f"{type(error).__name__}: {error}"
            raise CorruptFile(problem("vocabulary state", "the state of a Vocabulary", got)) from error

    def _read(self, symbol: str) -> str:
        """A symbol as the vocabulary reads it."""
        if self._options["lower"]:
            symbol = symbol.lower()
        return _DIGIT.sub("0", symbol) if self._options["digits"] else symbol

    def _hint(self, symbol: str) -> str:
        """What to do about a symbol without a number."""
        advice = "Count it too, or make the vocabulary with unknown=True."
        if len(self.symbols) > MANY:
            close = difflib.get_close_matches(symbol, self.symbols, n=1)
            return f"Did you mean {close[0]!r}?" if close else advice
        return did_you_mean(symbol, self.symbols) if self.symbols else advice


def _require_each_once(vocabulary: Vocabulary) -> None:
    """Raise for a symbol that comes twice, or that the vocabulary would read as another."""
    symbols, numbers = vocabulary.symbols, vocabulary._numbers
    if len(numbers) < len(symbols):
        symbol = next(symbol for symbol, times in Counter(symbols).items() if times > 1)
        raise InvalidData(problem("Vocabulary(symbols)", "each symbol once", f"{shown(symbol)} more often"))
    for position, symbol in enumerate(symbols):
        if vocabulary._read(symbol) != symbol:
            where, expected = f"Vocabulary(symbols), position {position}", repr(vocabulary._read(symbol))
            raise InvalidData(problem(where, expected, repr(symbol), "Symbols are those after lower and digits."))


def _sequences(sequences: Any) -> Iterable[Any]:
    """What holds sequences; a single text does not."""
    if isinstance(sequences, (str, bytes)) or not isinstance(sequences, Iterable):
        raise InvalidData(problem("sequences", "a list of sequences", shown(sequences), "Put a single one in a list."))
    return sequences


def _texts(sequence: Any, where: str) -> Sequence[str]:
    """The symbols of a sequence, all of which are texts."""
    if isinstance(sequence, str):
        return sequence
    if (
        isinstance(sequence, (bytes, Mapping))
        or not isinstance(sequence, Iterable)
        or getattr(sequence, "ndim", 1) != 1
    ):
        raise InvalidData(problem(where, "a list of texts, or one text", shown(sequence)))
    if isinstance(sequence, np.ndarray):
        sequence = sequence.tolist()
    symbols = sequence if isinstance(sequence, (list, tuple)) else list(sequence)
    if set(map(type, symbols)) <= {str}:
        return symbols
    for position, symbol in enumerate(symbols):
        if not isinstance(symbol, str):
            raise InvalidData(problem(f"{where}, position {position}", "a text", shown(symbol)))
    return symbols


def _row_of_integers(ids: Any, where: str) -> NDArray[np.int64]:
    try:
        row = np.asarray(ids)
    except (TypeError, ValueError) as error:  # ragged, or not in this machine's memory
        raise InvalidData(problem(where, "a row of integers", str(error))) from error
    if row.ndim != 1 or (row.size and row.dtype.kind not in "iu"):
        got = f"shape {row.shape} of {row.dtype}"
        raise InvalidData(problem(where, "a row of integers", got))
    return row.astype(np.int64)
