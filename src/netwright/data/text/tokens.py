"""The words of an English text, as networks that classify sentences take them.

The rules are those with which Kim prepared his data sets (2014):

1. What is no letter, no digit, and none of ``( ) , ! ? ' ` `` is a blank: full stops, hyphens, quotation marks go.
2. A contraction is a word of its own: ``'s 've n't 're 'd 'll``.
3. So is each of ``, ! ( ) ?``.
4. Words stand between blanks.

Kim's letters are A to Z; here those of all alphabets are letters, so that "cliché" stays one word. On texts in ASCII
the words are his. Small letters are a choice; his were small except for questions (TREC).

References
----------
Kim, *Convolutional neural networks for sentence classification*, 2014.
"""

from __future__ import annotations

import re

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.validation import boolean, check

_BLANK = re.compile(r"[^\w(),!?'`]|_")  # \w: letters and digits of all alphabets, and the underscore
_CONTRACTION = re.compile(r"'s|'ve|n't|'re|'d|'ll")
_MARK = re.compile(r"[,!()?]")


def tokenize(text: str, lower: bool = False) -> list[str]:
    """The words of an English text; contractions and the marks ``, ! ? ( )`` are words of their own.

    Parameters
    ----------
    text : any text.
    lower : whether words are written in small letters.

    Raises
    ------
    InvalidData : no text.
    InvalidParameter : `lower` is not True or False.

    Examples
    --------
    >>> tokenize("It isn't (quite) a well-made film.")
    ['It', 'is', "n't", '(', 'quite', ')', 'a', 'well', 'made', 'film']

    References
    ----------
    Kim, *Convolutional neural networks for sentence classification*, 2014.
    """
    if not isinstance(text, str):
        raise InvalidData(problem("tokenize(text)", "a text", shown(text)))
    check("tokenize(lower)", lower, boolean)
    text = _CONTRACTION.sub(r" \g<0>", _BLANK.sub(" ", text))
    words = _MARK.sub(r" \g<0> ", text).split()
    return [word.lower() for word in words] if lower else words
