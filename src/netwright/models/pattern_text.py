"""The text of a layer pattern, read by recursive descent over its tokens into a tree of words and groups::

    pattern  = [ "INPUT" arrow ] sequence ;
    sequence = element { arrow element } ;
    element  = ( word | "[" sequence "]" ) [ "*" count ] [ "?" ] ;
    arrow    = "->" | "→" ;

A rule is a function that takes the tokens and the number of the first, and gives what it read and the number of the
token behind it. Nothing is evaluated, and nothing is repeated here: `Element.layers` counts what will be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.models.pattern_words import DIGITS, ENTRANCE, EXAMPLES, Place, Word, read_word, refusal

LONGEST = 100_000  # characters
DEEPEST = 64  # brackets within brackets
MOST = 10_000  # layers
SHORT = 40  # characters of a group that a remedy repeats
BEGIN = "layers joined by ->, such as 'INPUT -> CONV -> RELU -> FC'"
_SIGNS = "[]*?→"
_IN_WORDS = "._/×"


@dataclass(frozen=True)
class Token:
    """A piece of the text: a "word", "->", one of "[", "]", "*", "?", another character, or the "end"."""

    kind: str
    place: Place


@dataclass(frozen=True)
class Element:
    """A word or a group in brackets, how often it stands there, and whether it may be left out.

    Attributes
    ----------
    what : the word, or the elements of the group.
    times : the number behind the asterisk; 0 leaves a group out.
    optional : whether a question mark stands behind it.
    place : all of it, with brackets, asterisk and question mark.
    layers : how many words it is when every repetition is written out.
    """

    what: Word | tuple[Element, ...]
    times: int
    optional: bool
    place: Place
    layers: int


def is_pattern(text: str) -> bool:
    """Whether a text is a layer pattern: it has an arrow, which no code has.

    Parameters
    ----------
    text : any.

    Examples
    --------
    >>> is_pattern("INPUT -> FC"), is_pattern("ReLU(8) >> Softmax(3)")
    (True, False)
    """
    return "->" in text or "→" in text


def tokenize(text: str) -> tuple[Token, ...]:
    """The tokens of a text, the last of which is its end.

    Examples
    --------
    >>> [token.kind for token in tokenize("[FC]*2 -> FC")]
    ['[', 'word', ']', '*', 'word', '->', 'word', 'end']
    """
    found: list[Token] = []
    at = 0
    while at < len(text):
        begin, kind = at, text[at]
        at += 1
        if kind.isspace():
            continue
        if kind.isalnum() or kind in _IN_WORDS:
            kind = "word"
            while at < len(text) and (text[at].isalnum() or text[at] in _IN_WORDS):
                at += 1
        elif text.startswith("->", begin):
            kind, at = "->", begin + 2
        found.append(Token("->" if kind == "→" else kind, Place(begin, at)))
    return (*found, Token("end", Place(len(text), len(text) + 1)))


def read_pattern(text: str) -> tuple[Element, ...]:
    """The elements of a pattern in order, without INPUT.

    Parameters
    ----------
    text : the pattern.

    Raises
    ------
    InvalidParameter : a text that the grammar does not have, with carets under the place.

    Examples
    --------
    >>> [(element.times, element.layers) for element in read_pattern("INPUT -> [FC -> RELU]*2 -> FC")]
    [(2, 4), (1, 1)]
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        got = f"{len(text)} characters" if isinstance(text, str) else shown(text)
        raise InvalidParameter(problem("pattern", f"a text of at most {LONGEST} characters", got))
    tokens = tokenize(text)
    if len(tokens) == 1:
        raise InvalidParameter(problem("pattern", BEGIN, repr(text)))
    elements, at = _sequence(text, tokens, _entrance(text, tokens), 0)
    if tokens[at].kind != "end":
        _refuse_rest(text, tokens, at)
    _limit(text, Place(0, len(text.rstrip())), sum(element.layers for element in elements))
    return elements


def _entrance(text: str, tokens: tuple[Token, ...]) -> int:
    """The number of the first token behind ``INPUT ->``."""
    place = tokens[0].place
    if tokens[0].kind != "word" or text[place.start : place.stop].upper() != ENTRANCE:
        return 0
    if tokens[1].kind == "end":
        raise refusal(text, place, "a layer behind INPUT", "the end", "Write INPUT -> FC, for example.")
    if tokens[1].kind != "->":
        _refuse_rest(text, tokens, 1)
    return 2


def _sequence(text: str, tokens: tuple[Token, ...], at: int, depth: int) -> tuple[tuple[Element, ...], int]:
    """sequence = element { arrow element }"""
    elements: list[Element] = []
    while True:
        element, at = _element(text, tokens, at, depth)
        elements.append(element)
        if tokens[at].kind != "->":
            return tuple(elements), at
        at += 1


def _element(text: str, tokens: tuple[Token, ...], at: int, depth: int) -> tuple[Element, int]:
    """element = ( word | "[" sequence "]" ) [ "*" count ] [ "?" ]"""
    what: Word | tuple[Element, ...]
    begin = tokens[at].place.start
    if tokens[at].kind == "word":
        what, least, each, at = read_word(text, tokens[at].place), 1, 1, at + 1
    elif tokens[at].kind == "[":
        what, at = _group(text, tokens, at, depth)
        least, each = 0, sum(element.layers for element in what)
    else:
        _refuse_no_layer(text, tokens, at)
    times, at = _count(text, tokens, at + 1, least) if tokens[at].kind == "*" else (1, at)
    optional = tokens[at].kind == "?"
    at += optional
    place = Place(begin, tokens[at - 1].place.stop)
    _limit(text, place, times * each)
    return Element(what, times, optional, place, times * each), at


def _group(text: str, tokens: tuple[Token, ...], at: int, depth: int) -> tuple[tuple[Element, ...], int]:
    """ "[" sequence "]" """
    opening = tokens[at].place
    if tokens[at + 1].kind == "]":
        place = Place(opening.start, tokens[at + 1].place.stop)
        raise refusal(text, place, "a layer between the brackets", repr(text[place.start : place.stop]))
    if depth == DEEPEST:
        raise refusal(text, opening, f"at most {DEEPEST} brackets within each other", "one more")
    elements, at = _sequence(text, tokens, at + 1, depth + 1)
    if tokens[at].kind == "end":
        raise refusal(text, opening, "']' for every '['", "the end", "Close this one.")
    if tokens[at].kind != "]":
        _refuse_rest(text, tokens, at)
    return elements, at + 1


def _count(text: str, tokens: tuple[Token, ...], at: int, least: int) -> tuple[int, int]:
    """The number behind an asterisk."""
    place = tokens[at].place
    written = text[place.start : place.stop]
    number = int(written) if written.isascii() and written.isdecimal() and len(written) <= DIGITS else None
    if number is None or number < least:
        expected = f"a count >= {least} of at most {DIGITS} digits behind '*', such as [CONV -> RELU]*2"
        where = place if written else tokens[at - 1].place
        remedy = "Leave the layer out, or put it into brackets: those may stand 0 times." if number == 0 else ""
        raise refusal(text, where, expected, shown(written) if written else "the end", remedy)
    return number, at + 1


def _limit(text: str, place: Place, layers: int) -> None:
    if layers > MOST:
        raise refusal(text, place, f"at most {MOST:,} layers", f"{layers:,}", "Repeat it less often.")


def _refuse_no_layer(text: str, tokens: tuple[Token, ...], at: int) -> NoReturn:
    """Where a layer or a bracket should begin, something else stands."""
    token = tokens[at]
    if token.kind == "end":
        raise refusal(text, tokens[at - 1].place, f"{EXAMPLES} behind {_said(text, tokens[at - 1])}", "the end")
    raise refusal(text, token.place, EXAMPLES, _said(text, token))


def _refuse_rest(text: str, tokens: tuple[Token, ...], at: int) -> NoReturn:
    """Behind a whole element stands neither an arrow nor the end."""
    token, expected, remedy = tokens[at], "'->' between two layers", ""
    if token.kind == "]":
        expected, remedy = "'[' before every ']'", "Open it, or leave this one out."
    elif token.kind in "*?":
        expected = "at most one '*' and one '?' behind a layer, in this order"
        remedy = "Use brackets for more: [[FC -> RELU]?]*2."
    elif token.kind == "(":
        remedy = "A pattern has sizes behind names, CONV3x64; layers as code are joined by >>, Conv(64, 3) >> ReLU()."
    elif token.kind == "word" and tokens[at - 1].kind == "]" and _said(text, token)[1:-1].isdecimal():
        remedy = f"Write {_group_before(text, tokens, at)}*{_said(text, token)[1:-1]}."
    elif token.kind == "word" and not text[token.place.start].isalpha():
        remedy = "Sizes stand right behind the name: CONV3x64."
    raise refusal(text, token.place, expected, _said(text, token), remedy)


def _group_before(text: str, tokens: tuple[Token, ...], at: int) -> str:
    """The group that ends before a token, as it is written; a long one is shortened."""
    depth, first = 1, at - 1
    while depth:
        first -= 1
        depth += {"]": 1, "[": -1}.get(tokens[first].kind, 0)
    written = text[tokens[first].place.start : tokens[at - 1].place.stop]
    return written if len(written) <= SHORT and written.isprintable() else "[...]"


def _said(text: str, token: Token) -> str:
    return shown(text[token.place.start : token.place.stop])
