"""Spans of a sequence of tags, read strictly.

What makes a span of one kind, and nothing else does:

    BIO     a B, and all I behind it
    IOB1    an I that does not go on with the B or I of its kind before it, or a B behind a B or I of its kind, and
            all I behind it. A B elsewhere is no part of a span; neither is a B that stands alone in its span, where
            a B of another kind follows
    BIOES   a B, all I behind it, and the E behind those; or an S
    BILOU   the same with L for E and U for S
    BMES    the same with M for I

All tags of a span are of its kind. Tags that break the scheme (an I behind O in BIO, a B without its E in BIOES) are
no span and end the one before. This is the strict mode of seqeval, case by case, of which the odd last case of IOB1
is one.

References
----------
Ramshaw, Marcus, *Text chunking using transformation-based learning*, 1995. Nakayama, *seqeval: a Python framework for
sequence labeling evaluation*, 2018.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.sequence.metrics.schemes import (
    BEGIN,
    END,
    INNER,
    SINGLE,
    flatten,
    letters_and_kinds,
    neighbours,
    require_scheme,
)


class Span(NamedTuple):
    """Tags from `start` to before `stop` that belong together.

    Attributes
    ----------
    kind : what stands behind the letter, "_" where nothing does.
    start : the position of the first tag.
    stop : the position behind the last one.
    """

    kind: str
    start: int
    stop: int


def spans(tags: Iterable[str], scheme: str = "BIO") -> list[Span]:
    """The spans of one sequence under a strict scheme.

    Parameters
    ----------
    tags : a letter and a kind each, as "B-LOC", or "O".
    scheme : "BIO" (IOB2), "IOB1", "BIOES", "BILOU" or "BMES".

    Raises
    ------
    InvalidParameter : no such scheme.
    InvalidData : no tags, or one that the scheme does not have (with its position).

    Examples
    --------
    >>> spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])  # the I-LOC behind O begins nothing
    [Span(kind='PER', start=0, stop=2), Span(kind='LOC', start=4, stop=5)]

    References
    ----------
    Ramshaw, Marcus, *Text chunking using transformation-based learning*, 1995.
    """
    require_scheme(scheme, "spans(scheme)")
    names: dict[str, int] = {}
    letters, kinds = letters_and_kinds(flatten([tags], "tags"), scheme, names, "tags")
    starts, stops = span_bounds(letters, kinds, scheme)
    known = list(names)
    return [Span(known[kinds[i]], i, j) for i, j in zip(starts.tolist(), stops.tolist(), strict=True)]


def span_bounds(
    letters: NDArray[np.int64], kinds: NDArray[np.int64], scheme: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where spans start and stop in a row of tags that ends with O.

    Parameters
    ----------
    letters, kinds : of each place, as `netwright.sequence.metrics.schemes.letters_and_kinds` gives them.
    scheme : of the tags.

    Shapes
    ------
    (n,), (n,) -> (spans,), (spans,)
    """
    before, goes_on = neighbours(letters, kinds)
    inside = goes_on & ((letters == INNER) | (letters == END))
    if scheme == "IOB1":
        begins = (letters == BEGIN) & goes_on
        lone = np.concatenate([[False], (letters[:-1] == BEGIN) & ~begins[:-1]])  # behind a B that is in no span
        begins |= (letters == INNER) & (~goes_on | lone)
    else:
        begins = (letters == BEGIN) | (letters == SINGLE)
    starts = np.flatnonzero(begins)
    outside = np.flatnonzero(~inside)
    stops = outside[np.searchsorted(outside, starts, side="right")]
    if scheme == "IOB1":
        whole = (before[stops] == INNER) | (letters[stops] != BEGIN) | goes_on[stops]
    elif scheme == "BIO":
        whole = np.ones(len(starts), dtype=bool)
    else:
        whole = (before[stops] == END) | (before[stops] == SINGLE)
    return starts[whole], stops[whole]
