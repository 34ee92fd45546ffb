"""Reber's artificial grammar: words that a small automaton writes, and words that it could not have written.

From state 0 on, one of the two letters that leave a state is taken with probability 1/2, until state 5 ends the word::

    state    "reber"         "cleeremans"
    0        T 1   V 2       T 1   P 2
    1        P 1   T 3       S 1   X 3
    2        X 2   V 4       T 2   V 4
    3        X 2   S 5       X 2   S 5
    4        P 3   S 5       P 3   V 5

Both are the same diagram with other letters. "reber" has the letters of Reber 1967, whose words begin at once: TTS,
VVS, TPTS. "cleeremans" has those of Cleeremans, Servan-Schreiber and McClelland 1989, which most papers on recurrent
networks use, and there a word stands between B and E (``ends=True``): BTXSE, BPVVE. There are 43 words of 3 to 8
letters.

References
----------
Reber, *Implicit learning of artificial grammars*, 1967. Cleeremans, Servan-Schreiber, McClelland, *Finite state
automata and simple recurrent networks*, 1989.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.seeds import derive, to_seed
from netwright.core.validation import boolean, check, integer, number, one_of

GRAMMARS: dict[str, tuple[dict[str, int], ...]] = {
    "reber": ({"T": 1, "V": 2}, {"P": 1, "T": 3}, {"X": 2, "V": 4}, {"X": 2, "S": 5}, {"P": 3, "S": 5}),
    "cleeremans": ({"T": 1, "P": 2}, {"S": 1, "X": 3}, {"T": 2, "V": 4}, {"X": 2, "S": 5}, {"P": 3, "V": 5}),
}
LETTERS = "PSTVX"
ENDS = "BE"
END = 5  # the state
SHORTEST = 3  # letters
TAIL = 200  # letters beyond which a word has a chance of 1e-18

GRAMMAR, ENCODE, INVALID = one_of(*GRAMMARS), one_of("text", "indices", "one_hot"), one_of("random", "altered")


def is_reber(word: Any, *, grammar: str = "reber", ends: bool = False) -> bool:
    """Whether a word is one of the grammar's.

    Parameters
    ----------
    word : any text; what is no text is no word.
    grammar : "reber" or "cleeremans".
    ends : whether a word has B before it and E after it.

    Raises
    ------
    InvalidParameter : no such grammar.

    Examples
    --------
    >>> is_reber("TPTXVS"), is_reber("TTSS"), is_reber(""), is_reber("BTXSE", grammar="cleeremans", ends=True)
    (True, False, False, True)
    """
    check("is_reber(grammar)", grammar, GRAMMAR)
    check("is_reber(ends)", ends, boolean)
    if not isinstance(word, str):
        return False
    if ends:
        if len(word) < 2 or word[0] + word[-1] != ENDS:
            return False
        word = word[1:-1]
    states, state = GRAMMARS[grammar], 0
    for letter in word:
        if state == END or letter not in states[state]:
            return False
        state = states[state][letter]
    return state == END


def make_reber(
    n_words: int = 100,
    *,
    length_range: tuple[int, int] | None = None,
    grammar: str = "reber",
    ends: bool = False,
    encode: str = "text",
    random_state: Any = None,
) -> NDArray[Any]:
    """Words of Reber's grammar, each as likely as the automaton writes it.

    Parameters
    ----------
    n_words : number of words, >= 1.
    length_range : least and greatest number of letters (B and E not counted), from 3; None for any.
    grammar : letters of "reber" (1967) or "cleeremans" (1989).
    ends : whether B is written before each word and E after it.
    encode : "text"; "indices": 1, 2... for the letters in the order of the alphabet, and 0 after the end; "one_hot": a
        column a letter, and rows of 0 after the end.
    random_state : None, an integer >= 0, a ``RandomState`` or a ``Generator``.

    Shapes
    ------
    (n_words,) texts, (n_words, longest) int64 or (n_words, longest, n_letters) float32; n_letters is 5, or 7 with ends.

    Raises
    ------
    InvalidParameter : an argument out of its range.

    Examples
    --------
    >>> words = make_reber(200, random_state=0)
    >>> all(is_reber(word) for word in words)
    True
    """
    check("make_reber(n_words)", n_words, integer(1))
    _check_shared("make_reber", grammar, ends, encode)
    low, high = (SHORTEST, TAIL) if length_range is None else _checked_range("make_reber", length_range)
    draw = np.random.default_rng(derive(to_seed(random_state), "reber"))
    words = _written(n_words, low, high, grammar, draw)
    return _encoded(words, ends, encode)


def make_reber_classification(
    n_samples: int = 100,
    *,
    invalid_size: float = 0.5,
    length_range: tuple[int, int] = (3, 14),
    invalid: str = "random",
    grammar: str = "reber",
    ends: bool = False,
    encode: str = "text",
    random_state: Any = None,
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Words of Reber's grammar and words that are not, with the labels 1 and 0, shuffled.

    Words of both kinds have the same distribution of lengths, so that the length says nothing.

    Parameters
    ----------
    n_samples : number of words, >= 1.
    invalid_size : share of words that are not of the grammar, in [0, 1], rounded to whole words.
    length_range : least and greatest number of letters (B and E not counted), from 3.
    invalid : how those are made: "random" letters, or "altered": a word of the grammar with one other letter.
    grammar : letters of "reber" (1967) or "cleeremans" (1989).
    ends : whether B is written before each word and E after it.
    encode : "text", "indices" or "one_hot", as in `make_reber`.
    random_state : None, an integer >= 0, a ``RandomState`` or a ``Generator``.

    Shapes
    ------
    X (n_samples,) texts, (n_samples, longest) int64 or (n_samples, longest, n_letters) float32; y (n_samples,) int64.

    Raises
    ------
    InvalidParameter : an argument out of its range.

    Examples
    --------
    >>> X, y = make_reber_classification(200, invalid_size=0.3, random_state=0)
    >>> int((y == 0).sum()), all(is_reber(word) == label for word, label in zip(X, y))
    (60, True)
    """
    owner = "make_reber_classification"
    check(f"{owner}(n_samples)", n_samples, integer(1))
    check(f"{owner}(invalid_size)", invalid_size, number(0, 1))
    check(f"{owner}(invalid)", invalid, INVALID)
    _check_shared(owner, grammar, ends, encode)
    low, high = _checked_range(owner, length_range)
    draw = np.random.default_rng(derive(to_seed(random_state), "reber"))
    words = _written(n_samples, low, high, grammar, draw)
    y = np.ones(n_samples, dtype=np.int64)
    y[: round(n_samples * invalid_size)] = 0
    change = _random_word if invalid == "random" else _altered_word
    words[y == 0] = [_invalid(word, change, grammar, draw) for word in words[y == 0]]
    order = draw.permutation(n_samples)
    return _encoded(words[order], ends, encode), y[order]


def _check_shared(owner: str, grammar: Any, ends: Any, encode: Any) -> None:
    check(f"{owner}(grammar)", grammar, GRAMMAR)
    check(f"{owner}(ends)", ends, boolean)
    check(f"{owner}(encode)", encode, ENCODE)


def _checked_range(owner: str, length_range: Any) -> tuple[int, int]:
    pair = isinstance(length_range, (tuple, list)) and len(length_range) == 2
    if not (
        pair and all(integer(SHORTEST).accepts(end) for end in length_range) and length_range[0] <= length_range[1]
    ):
        expected = f"(least, greatest) number of letters, both >= {SHORTEST}"
        remedy = "The shortest words have three letters."
        raise InvalidParameter(problem(f"{owner}(length_range)", expected, shown(length_range), remedy))
    return int(length_range[0]), int(length_range[1])


def _written(count: int, low: int, high: int, grammar: str, draw: np.random.Generator) -> NDArray[Any]:
    """Words of the automaton under the condition that they have `low` to `high` letters, (count,) objects.

    chances[n, s] is the probability to end after exactly n letters from state s on; a letter is then taken with the
    probability of its state given what is left, so that no word is thrown away.
    """
    states = GRAMMARS[grammar]
    chances = np.zeros((high + 1, END + 1))
    chances[0, END] = 1.0
    for n in range(1, high + 1):
        for s, leaving in enumerate(states):
            chances[n, s] = sum(chances[n - 1, place] for place in leaving.values()) / len(leaving)
    lengths = chances[low:, 0] / chances[low:, 0].sum()
    words = []
    for length in low + draw.choice(len(lengths), size=count, p=lengths):
        word, state = "", 0
        for left in range(int(length) - 1, -1, -1):
            letters = list(states[state])
            ways = np.array([chances[left, states[state][letter]] for letter in letters])
            word += letters[int(draw.random() * ways.sum() >= ways[0])]
            state = states[state][word[-1]]
        words.append(word)
    return np.array(words, dtype=object)


def _invalid(word: str, change: Any, grammar: str, draw: np.random.Generator) -> str:
    """A word as long as another that is not of the grammar."""
    while True:
        other: str = change(word, draw)
        if not is_reber(other, grammar=grammar):
            return other


def _random_word(word: str, draw: np.random.Generator) -> str:
    return "".join(LETTERS[place] for place in draw.integers(len(LETTERS), size=len(word)))


def _altered_word(word: str, draw: np.random.Generator) -> str:
    place = int(draw.integers(len(word)))
    others = LETTERS.replace(word[place], "")
    return word[:place] + others[int(draw.integers(len(others)))] + word[place + 1 :]


def _encoded(words: NDArray[Any], ends: bool, encode: str) -> NDArray[Any]:
    """Words as texts, places of letters, or columns."""
    alphabet = "".join(sorted(LETTERS + ENDS)) if ends else LETTERS
    texts = [ENDS[0] + word + ENDS[1] for word in words] if ends else list(words)
    if encode == "text":
        return np.array(texts, dtype=str)
    indices = np.zeros((len(texts), max(map(len, texts))), dtype=np.int64)
    for row, text in zip(indices, texts, strict=True):
        row[: len(text)] = [alphabet.index(letter) + 1 for letter in text]
    if encode == "indices":
        return indices
    return np.eye(len(alphabet) + 1, dtype=np.float32)[indices][..., 1:]
