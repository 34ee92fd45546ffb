"""Schemes of spans: which of BIO, IOB1, BIOES, BILOU and BMES a corpus is tagged in, and where tags break it.

A tag is a letter and a kind, ``B-LOC``, or ``O`` outside of all spans; ``B`` alone is of the kind ``_``. All letters
are read as those of BIOES: L as E, U as S, and M of BMES as I. Where a tag may stand is what
`netwright.layers.forbidden_transitions` says of the scheme. A tag that must not follow the one before it is a break;
so is the end of a sequence behind an open span of BIOES, BILOU or BMES.

The scheme of a corpus is the one that has all of its letters and that its tags break least. BIO (IOB2) and IOB1 have
the same letters, but the first tag of a span that stands alone is B in the one and I in the other, so that tags with
any span in them break at least one of the two.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, InvalidParameter, did_you_mean, problem, shown
from netwright.layers.crf.constraints import LETTERS

SCHEMES = tuple(LETTERS)
NO_KIND = "_"  # the kind of B and I without one
OUTSIDE, BEGIN, INNER, END, SINGLE = range(5)
_CODES = {"O": OUTSIDE, "B": BEGIN, "I": INNER, "E": END, "S": SINGLE}
_ANY_LETTER = "".join(dict.fromkeys(itertools.chain.from_iterable(LETTERS.values())))


class Detected(NamedTuple):
    """A scheme that was told from tags.

    Attributes
    ----------
    scheme : its name.
    notice : a sentence that says how sure this is.
    sure : whether it is the only scheme that the tags keep.
    """

    scheme: str
    notice: str
    sure: bool


@dataclass(frozen=True)
class Tagged:
    """Tags of several sequences in one row, with an O behind each sequence.

    Attributes
    ----------
    names : the different tags, in the order in which they come.
    codes : the place in `names` of each tag, (tokens,).
    places : where in the row each tag stands, (tokens,).
    starts : where in the row each sequence begins, (sequences,).
    """

    names: tuple[Any, ...]
    codes: NDArray[np.int64]
    places: NDArray[np.int64]
    starts: NDArray[np.int64]

    def where(self, code: int) -> str:
        """The first place of a tag in words."""
        return self.place_in_words(int(self.places[int((self.codes == code).argmax())]))

    def place_in_words(self, place: int) -> str:
        """A place of the row in words."""
        sequence = int(np.searchsorted(self.starts, place, side="right")) - 1
        return f"sequence {sequence}, position {place - int(self.starts[sequence])}"


def detect_scheme(tags: Iterable[Iterable[str]]) -> Detected:
    """The scheme of spans in which sequences are tagged.

    Parameters
    ----------
    tags : a list of tags for each sequence.

    Raises
    ------
    InvalidData : a sequence without tags, or a tag that no scheme has beside the others (with its place).

    Examples
    --------
    >>> detect_scheme([["B-LOC", "I-LOC", "O", "B-PER"]]).scheme
    'BIO'
    >>> detect_scheme([["I-LOC", "I-LOC", "O", "I-PER"]]).scheme
    'IOB1'
    >>> print(detect_scheme([["S-LOC", "O"]]).notice)
    Scheme BIOES, told from the true tags, which keep BMES as well: name the scheme.
    """
    return detected(flatten(tags, "tags"), "tags")


def flatten(tags: Iterable[Iterable[Any]], where: str, table: dict[Any, int] | None = None) -> Tagged:
    """Sequences of tags in one row; tags that `table` knows have its codes, and others are added to it."""
    kept = _checked_sequences(tags, where)
    table = _Codes() if table is None else table
    lengths = np.fromiter(map(len, kept), dtype=np.int64, count=len(kept))
    total = int(lengths.sum())
    try:
        found = map(table.__getitem__, itertools.chain.from_iterable(kept))
        codes = np.fromiter(found, dtype=np.int64, count=total)
    except TypeError as error:
        raise InvalidData(_not_hashable(kept, where)) from error
    starts = np.concatenate([[0], np.cumsum(lengths + 1)[:-1]])
    places = np.arange(total) + np.repeat(np.arange(len(kept)), lengths)
    return Tagged(tuple(table), codes, places, starts)


def letters_and_kinds(
    tags: Tagged, scheme: str | None, kinds: dict[str, int], where: str, remedy: str = ""
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The letter and the kind of each place of the row, under one scheme or (None) under any; kinds are added."""
    allowed = _CODES if scheme is None else LETTERS[scheme]
    read = {"M": "I", "L": "E", "U": "S"} if scheme is None else LETTERS[scheme]
    used = np.zeros(len(tags.names), dtype=bool)
    used[tags.codes] = True
    table = np.zeros((len(tags.names), 2), dtype=np.int64)
    for code in np.flatnonzero(used).tolist():
        letter, dash, kind = str(tags.names[code]).partition("-")
        known = letter in allowed or letter in read
        if not isinstance(tags.names[code], str) or not known or (letter == "O" and dash):
            letters = _ANY_LETTER if scheme is None else "".join(LETTERS[scheme])
            expected = f"a tag of {scheme or 'a scheme'}: O, or one of {' '.join(letters.replace('O', ''))} and -KIND"
            got = shown(tags.names[code])
            raise InvalidData(problem(f"{where}, {tags.where(code)}", expected, got, remedy))
        role = read.get(letter, letter)
        table[code] = _CODES[role], -1 if role == "O" else kinds.setdefault(kind or NO_KIND, len(kinds))
    row = np.full((int(tags.places[-1]) + 2, 2), (OUTSIDE, -1), dtype=np.int64)
    row[tags.places] = table[tags.codes]
    return row[:, 0], row[:, 1]


def breaks(letters: NDArray[np.int64], kinds: NDArray[np.int64], scheme: str) -> NDArray[np.intp]:
    """The places at which tags break a scheme."""
    before, goes_on = neighbours(letters, kinds)
    if scheme == "BIO":
        return np.flatnonzero((letters == INNER) & ~goes_on)
    if scheme == "IOB1":
        return np.flatnonzero((letters == BEGIN) & ~goes_on)
    is_open = (before == BEGIN) | (before == INNER)
    inner = (letters == INNER) | (letters == END)
    return np.flatnonzero((is_open | inner) & ~(inner & goes_on))


def neighbours(letters: NDArray[np.int64], kinds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The letter before each place, and whether that is a B or I of the same kind."""
    before = np.concatenate([[OUTSIDE], letters[:-1]])
    same = kinds == np.concatenate([[-1], kinds[:-1]])
    return before, ((before == BEGIN) | (before == INNER)) & same


def detected(tags: Tagged, where: str) -> Detected:
    """The scheme of tags that are in one row."""
    letters, kinds = letters_and_kinds(tags, None, {}, where)
    present = {str(tags.names[code])[0] for code in np.unique(tags.codes)} - {"O"}
    counts = {name: len(breaks(letters, kinds, name)) for name in SCHEMES if present <= set(LETTERS[name])}
    if not counts:
        expected = f"the letters of one scheme among {', '.join(SCHEMES)}"
        raise InvalidData(problem(where, expected, " ".join(sorted(present)), "Name the letters of one scheme."))
    least = min(counts.values())
    best = [name for name, count in counts.items() if count == least]
    told = f"Scheme {best[0]}, told from the true tags"
    if not present:
        return Detected(best[0], f"{told}, which have no spans: any scheme could be theirs, name it.", False)
    if least:
        got = ", ".join(f"{name} {count} times" for name, count in counts.items())
        return Detected(best[0], f"{told}, which break every scheme ({got}): name the scheme.", False)
    if len(best) > 1:
        return Detected(best[0], f"{told}, which keep {' and '.join(best[1:])} as well: name the scheme.", False)
    return Detected(best[0], f"{told}.", True)


def require_scheme(scheme: Any, where: str) -> None:
    """Raise unless a scheme is one of those known."""
    if scheme not in SCHEMES:
        remedy = did_you_mean(str(scheme), SCHEMES) if isinstance(scheme, str) else ""
        raise InvalidParameter(problem(where, f"one of {', '.join(SCHEMES)}", shown(scheme), remedy))


class _Codes(dict):  # type: ignore[type-arg]
    """A table that numbers what it is asked for."""

    def __missing__(self, key: Any) -> int:
        self[key] = code = len(self)
        return code


def new_codes() -> dict[Any, int]:
    """A table for `flatten`, to be shared by rows whose codes are compared."""
    return _Codes()


def _checked_sequences(tags: Any, where: str) -> list[Any]:
    if isinstance(tags, (str, bytes)) or not isinstance(tags, Iterable):
        raise InvalidData(problem(where, "a list of sequences of tags", shown(tags), "Put a single one in a list."))
    kept = [_checked_sequence(each, f"{where}, sequence {index}") for index, each in enumerate(tags)]
    if not kept:
        raise InvalidData(problem(where, "at least one sequence of tags", "none"))
    return kept


def _checked_sequence(tags: Any, where: str) -> Any:
    """A list or tuple with at least one tag."""
    if isinstance(tags, (str, bytes)) or not isinstance(tags, Iterable):
        raise InvalidData(problem(where, "a list of tags", shown(tags), "Put a single sequence in a list."))
    if not isinstance(tags, (list, tuple)):
        tags = tags.tolist() if hasattr(tags, "tolist") else list(tags)
    if not tags:
        raise InvalidData(problem(where, "at least one tag", "none", "Leave the sequence out."))
    return tags


def _not_hashable(kept: list[Any], where: str) -> str:
    for index, each in enumerate(kept):
        for position, tag in enumerate(each):
            if getattr(tag, "__hash__", None) is None:
                return problem(f"{where}, sequence {index}, position {position}", "a tag", shown(tag))
    return problem(where, "tags", shown(kept))
