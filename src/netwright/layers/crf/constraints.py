"""Which tags may follow each other under a scheme of spans: BIO, IOB1, BIOES, BILOU, BMES.

A tag is a letter and a kind, ``B-LOC``, or ``O`` outside of all spans:

    B begins a span, I goes on, E (L) ends one of several words, S (U) is one of a single word; M is I in BMES

    BIO     I goes on only behind a B or I of its kind
    IOB1    spans begin with I, and with B only behind a span of the same kind
    BIOES   between B and E of one kind stand only its I; whatever begins is ended

Ramshaw, Marcus, *Text chunking using transformation-based learning*, 1995. Ratinov, Roth, *Design challenges and
misconceptions in named entity recognition*, 2009.
"""

from __future__ import annotations

from collections.abc import Sequence

from netwright.core.errors import InvalidData, InvalidParameter, problem, shown

LETTERS = {
    "BIO": {"B": "B", "I": "I", "O": "O"},
    "IOB1": {"B": "B", "I": "I", "O": "O"},
    "BIOES": {"B": "B", "I": "I", "O": "O", "E": "E", "S": "S"},
    "BILOU": {"B": "B", "I": "I", "L": "E", "O": "O", "U": "S"},
    "BMES": {"B": "B", "M": "I", "E": "E", "S": "S", "O": "O"},
}
START, END = ("start", ""), ("end", "")
Tag = tuple[str, str]


def forbidden_transitions(labels: Sequence[str], scheme: str = "BIO") -> tuple[tuple[int, int], ...]:
    """The pairs of tags that a scheme of spans does not allow to follow each other, for `CRF(..., forbidden=)`.

    Parameters
    ----------
    labels : the name of each tag in the order of their numbers, as "B-LOC" and "O".
    scheme : "BIO", "IOB1", "BIOES", "BILOU" or "BMES".

    Shapes
    ------
    n labels -> pairs (i, j), sorted; i = n is the start of a sequence, j = n + 1 the end

    Raises
    ------
    InvalidParameter : a scheme that is none of these.
    InvalidData : a label that the scheme does not have.

    Examples
    --------
    >>> forbidden_transitions(["O", "B-LOC", "I-LOC"])  # I-LOC neither behind O nor at the start
    ((0, 2), (3, 2))

    References
    ----------
    Ratinov, Roth, *Design challenges and misconceptions in named entity recognition*, 2009.
    """
    if scheme not in LETTERS:
        raise InvalidParameter(problem("forbidden_transitions(scheme)", f"one of {', '.join(LETTERS)}", shown(scheme)))
    tags = [_read(label, scheme) for label in labels]
    follows = {"BIO": _follows_bio, "IOB1": _follows_iob1}.get(scheme, _follows_closed)
    befores, behinds = [*tags, START], [*tags, None, END]
    return tuple(
        (i, j)
        for i, before in enumerate(befores)
        for j, behind in enumerate(behinds)
        if behind is not None and not follows(before, behind)
    )


def _read(label: str, scheme: str) -> Tag:
    letter, dash, kind = str(label).partition("-")
    known = LETTERS[scheme]
    if letter not in known or (known[letter] == "O" and dash):
        expected = f"labels of {scheme}, " + ", ".join(
            each if each == "O" else f"{each}-KIND or {each}" for each in known
        )
        raise InvalidData(problem("forbidden_transitions(labels)", expected, shown(label)))
    return known[letter], kind


def _follows_bio(before: Tag, behind: Tag) -> bool:
    return behind[0] != "I" or (before[0] in "BI" and before[1] == behind[1])


def _follows_iob1(before: Tag, behind: Tag) -> bool:
    return behind[0] != "B" or (before[0] in "BI" and before[1] == behind[1])


def _follows_closed(before: Tag, behind: Tag) -> bool:
    if before[0] in ("B", "I"):  # a span is open
        return behind[0] in ("I", "E") and before[1] == behind[1]
    return behind[0] in ("B", "S", "O") or behind == END
