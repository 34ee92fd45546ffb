"""Texts as language models take them: one text or several, of characters or of words.

============================= ==========================================================
given                         read as
============================= ==========================================================
text                          one text, its characters or its words (`netwright.data.tokenize`)
list of texts                 several, each so
list of lists of texts        several, each a list of symbols that are taken as they are
============================= ==========================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem
from netwright.core.validation import instance, nothing, number
from netwright.data.text.tokens import tokenize
from netwright.data.text.vocabulary import Vocabulary
from netwright.sequence.reading import items_of, read_tokens

VALIDATION = nothing | number(0, 1, closed="neither") | instance(str, list, tuple, text="a text or a list of texts")

Symbols = Sequence[str]
Ids = NDArray[np.int64]


def read_texts(given: Any, level: str, where: str) -> list[Symbols]:
    """The symbols of each text.

    Parameters
    ----------
    given : see the table of this module. level : "characters" or "words". where : how an error names it.

    Raises
    ------
    InvalidData : no text, no list of texts, a symbol that is no text; with the number of the text.

    Examples
    --------
    >>> read_texts("to be", "words", "X"), read_texts(["ab", "c"], "characters", "X")
    ([['to', 'be']], ['ab', 'c'])
    """
    if isinstance(given, str):
        return [_cut(given, level)]
    if isinstance(given, (bytes, dict)) or not hasattr(given, "__iter__"):
        got, remedy = f"a {type(given).__name__}", "Decode bytes first: data.decode()." * isinstance(given, bytes)
        raise InvalidData(problem(where, "a text or a list of texts", got, remedy))
    items = items_of(given, where)
    if all(isinstance(item, str) for item in items):
        return [_cut(item, level) for item in items]
    return list(read_tokens(items, where, lambda text: list(_cut(text, level))))


def read_prompt(given: Any, level: str, where: str) -> Symbols:
    """The symbols of one text, which may be empty; a list is one of symbols.

    Raises
    ------
    InvalidData : neither a text nor a list of texts.
    """
    if isinstance(given, str):
        return _cut(given, level)
    if isinstance(given, (list, tuple)) and all(isinstance(symbol, str) for symbol in given):
        return list(given)
    raise InvalidData(problem(where, "a text or a list of symbols", f"a {type(given).__name__}"))


def numbered(texts: list[Symbols], vocabulary: Vocabulary, where: str) -> list[Ids]:
    """The numbers of the symbols of each text.

    Raises
    ------
    InvalidData : a symbol that the vocabulary does not have and that it has no number for, with its place.
    """
    names = [where if len(texts) == 1 else f"{where}, text {index}" for index in range(len(texts))]
    return [vocabulary.encode(text, where=name) for text, name in zip(texts, names, strict=True)]


def split_end(texts: list[Symbols], share: float, where: str) -> tuple[list[Symbols], list[Symbols]]:
    """The texts without their end, and the end: of one text the last symbols, of several the last texts.

    Parameters
    ----------
    texts : to be divided. share : of the symbols or texts that the end has, in (0, 1). where : how an error names it.

    Raises
    ------
    InvalidData : fewer than two symbols or texts.

    Examples
    --------
    >>> split_end(["abcdefgh"], 0.25, "X"), split_end(["ab", "cd", "ef"], 0.1, "X")
    ((['abcdef'], ['gh']), (['ab', 'cd'], ['ef']))
    """
    texts = [text for text in texts if len(text)] or texts  # an empty one has nothing to be told by
    whole: Any = texts[0] if len(texts) == 1 else texts
    count = max(1, round(len(whole) * share))
    if count >= len(whole):
        kind = "symbol" if len(texts) == 1 else "text"
        expected = f"at least one {kind} to train on and one to hold out"
        raise InvalidData(problem(f"{where}(validation={share:g})", expected, f"{len(whole)} in all"))
    front, end = whole[:-count], whole[-count:]
    return ([front], [end]) if len(texts) == 1 else (front, end)


def _cut(text: str, level: str) -> Symbols:
    return str(text) if level == "characters" else tokenize(text)
