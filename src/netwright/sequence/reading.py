"""What users call sequences, as lists of arrays or of tokens; what is wrong is named with the index of the sequence.

=============================================== ==================================================
given                                           read as
=============================================== ==================================================
list of arrays or frames (steps_i, features)    numbers
list of arrays or lists of numbers (steps_i,)   numbers of one feature
array (n, steps, features) or (n, steps)        numbers, all of one length
list of lists of texts                          tokens
list, series or array of texts                  texts, which are cut into tokens
=============================================== ==================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem, shown
from netwright.core.readable import from_tensor

Numbers = NDArray[np.float64]


def items_of(X: Any, where: str) -> list[Any]:
    """The sequences as a list, whatever holds them.

    Parameters
    ----------
    X : a list, tuple, array, tensor, series or other iterable. where : how an error names it.

    Raises
    ------
    InvalidData : a single text, a frame, a dict, no sequences, or what cannot be gone through.
    """
    if isinstance(X, (str, bytes, dict)) or hasattr(X, "columns"):
        remedy = "Give a list with one item a sequence; a single one as [sequence]."
        if not isinstance(X, (str, bytes)):
            remedy += " A table of many with a row a step is cut by nw.data.sequences_of(table, by=...)."
        raise InvalidData(problem(where, "a list of sequences", f"a {type(X).__name__}", remedy))
    X = from_tensor(X)
    if (isinstance(X, np.ndarray) and X.ndim == 0) or not isinstance(X, Iterable):
        raise InvalidData(problem(where, "a list of sequences", shown(X)))
    items = list(X)
    if not items:
        raise InvalidData(problem(where, "at least one sequence", "none"))
    return items


def kind_of(items: list[Any]) -> str:
    """What sequences are made of: "texts", "tokens" or "numbers".

    Examples
    --------
    >>> kind_of(["a text"]), kind_of([[], ["a", "b"]]), kind_of([[1.0, 2.0]])
    ('texts', 'tokens', 'numbers')
    """
    for item in items:
        if isinstance(item, str):
            return "texts"
        first = next(iter(item), None) if isinstance(item, Iterable) and not hasattr(item, "columns") else None
        if first is not None or hasattr(item, "columns"):
            return "tokens" if isinstance(first, str) else "numbers"
    return "numbers"


def read_sequences(X: Any, where: str) -> list[Any]:
    """Sequences of numbers or of tokens, whatever the first of them that has a step is made of.

    Parameters
    ----------
    X : see the table of this module. where : how an error names it.

    Raises
    ------
    InvalidData : as `read_numbers` and `read_tokens`.

    Examples
    --------
    >>> read_sequences([[], ["a", "b"]], "X")
    [[], ['a', 'b']]
    """
    items = items_of(X, where)
    return read_numbers(items, where) if kind_of(items) == "numbers" else read_tokens(items, where)


def read_numbers(X: Any, where: str, features: int | None = None) -> list[Numbers]:
    """Sequences of numbers, each (steps_i, features).

    Parameters
    ----------
    X : see the table of this module. where : how an error names it. features : how many there have to be; None: any.

    Raises
    ------
    InvalidData : no numbers, NaN or infinity (with the sequence and the step), unequal numbers of features.

    Examples
    --------
    >>> [item.shape for item in read_numbers([[1.0, 2.0, 3.0], [4.0]], "X")]
    [(3, 1), (1, 1)]
    """
    arrays = [_array(item, f"{where}, sequence {index}") for index, item in enumerate(items_of(X, where))]
    first = next((index for index, array in enumerate(arrays) if array.size), 0)
    wanted = features or (arrays[first].shape[1] if arrays[first].ndim == 2 else 1)
    whom = f"as in sequence {first}" if features is None else "as in fit"
    made: list[Numbers] = []
    for index, array in enumerate(arrays):
        if array.ndim == 1:
            array = array[:, None] if len(array) else np.empty((0, wanted))
        if array.shape[1] != wanted:
            got = f"{array.shape[1]}"
            raise InvalidData(problem(f"{where}, sequence {index}", f"{wanted} features, {whom}", got))
        if not np.isfinite(array).all():
            step, column = np.argwhere(~np.isfinite(array))[0]
            got = f"{array[step, column]} at step {step}, feature {column}"
            remedy = "Fill gaps first (interpolate), or cut the sequence there."
            raise InvalidData(problem(f"{where}, sequence {index}", "finite numbers", got, remedy))
        made.append(array)
    return made


def read_tokens(X: Any, where: str, tokenize: Callable[[str], list[str]] | None = None) -> list[list[str]]:
    """Sequences of tokens; texts are cut into tokens where `tokenize` says how.

    Parameters
    ----------
    X : see the table of this module. where : how an error names it. tokenize : text -> tokens, or None.

    Raises
    ------
    InvalidData : a sequence that is no list of texts, with its index.

    Examples
    --------
    >>> read_tokens(["a b"], "X", str.split), read_tokens([("c", "d")], "X")
    ([['a', 'b']], [['c', 'd']])
    """
    made = []
    for index, item in enumerate(items_of(X, where)):
        if isinstance(item, str):
            if tokenize is None:
                remedy = "Give the tokens of each sequence as a list: text.split(), or nw.data.tokenize(text)."
                raise InvalidData(problem(f"{where}, sequence {index}", "a list of tokens", shown(item), remedy))
            made.append(tokenize(item))
            continue
        if not isinstance(item, Iterable):
            remedy = "A missing text is an empty one: fillna('')." if item is None or item != item else ""
            expected = "a list of tokens" if tokenize is None else "a text or a list of tokens"
            raise InvalidData(problem(f"{where}, sequence {index}", expected, shown(item), remedy))
        tokens = list(item)
        wrong = next((place for place, token in enumerate(tokens) if not isinstance(token, str)), None)
        if wrong is not None:
            raise InvalidData(problem(f"{where}, sequence {index}, token {wrong}", "a text", shown(tokens[wrong])))
        made.append(list(map(str, tokens)))
    return made


def expect_as_many(y: Any, sequences: list[Any], where: str) -> None:
    """Refuse targets that are not one for each sequence.

    Parameters
    ----------
    y : what has a length. sequences : the sequences. where : how an error names the targets.
    """
    if len(y) != len(sequences):
        raise InvalidData(problem(where, f"{len(sequences)} items, one a sequence", f"{len(y)}"))


def _array(item: Any, where: str) -> Numbers:
    """One sequence as an array of its own in double precision, (steps,) or (steps, features)."""
    item = from_tensor(item)
    remedy = "Each sequence is an array (steps, features) or (steps,); tokens are texts throughout."
    try:
        given = np.asarray(item)
        array = np.array(given.real if given.dtype.kind == "c" else given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidData(problem(where, "numbers", shown(item), remedy)) from error
    if given.dtype.kind not in "biufO":
        raise InvalidData(problem(where, "numbers", shown(item), remedy))
    if array.ndim not in (1, 2) or array.shape[1:] == (0,):
        remedy = "Give a list with one item a sequence; a single one as [sequence]."
        remedy = remedy if array.ndim == 0 else "Flatten what stands behind the steps."
        got = shown(item) if array.ndim == 0 else f"shape {array.shape}"
        raise InvalidData(problem(where, "an array (steps, features) or (steps,)", got, remedy))
    return array
