"""Seeds: every random number is a function of a seed and of what it is for.

`derive(seed, "weights", 3)` gives an independent 63-bit seed for each purpose, so that adding a layer, an epoch or a
callback never shifts the random numbers of another. Global random states are never drawn from; code of others
that does so runs in `forked_random`.

>>> derive(0, "weights", 1) == derive(0, "weights", 1), derive(0, "weights", 1) == derive(0, "weights", 2)
(True, False)
"""

from __future__ import annotations

import hashlib
import numbers
import operator
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.random import mtrand

from netwright.core.errors import InvalidParameter, problem, shown
from netwright.core.validation import Constraint, satisfies


def derive(seed: int, *purpose: str | int) -> int:
    """An independent seed in [0, 2**63) for a purpose: SHA-256 of the seed and the purpose.

    Parameters
    ----------
    seed : any integer.
    purpose : words and integers; ``1`` and ``"1"`` are two purposes, and so are ``("a", "b")`` and ``("a b",)``.
    """
    parts = [str(part) if isinstance(part, str) else operator.index(part) for part in purpose]
    text = repr((operator.index(seed), *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def to_seed(random_state: Any) -> int:
    """One integer seed from what scikit-learn's users pass as ``random_state``.

    Parameters
    ----------
    random_state : None (fresh entropy), an integer >= 0, a ``numpy.random.RandomState`` or ``Generator`` (drawn from).

    Raises
    ------
    InvalidParameter : anything else.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0]) >> 1
    if isinstance(random_state, numbers.Integral) and not isinstance(random_state, bool) and int(random_state) >= 0:
        return int(random_state)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, 2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(0, 2**63 - 1))
    raise InvalidParameter(
        problem("random_state", "None, an integer >= 0, a RandomState or a Generator", shown(random_state))
    )


def is_random_state(value: Any) -> bool:
    """Whether `to_seed` takes it; nothing is drawn.

    >>> is_random_state(None), is_random_state(3), is_random_state(-1), is_random_state("3")
    (True, True, False, False)
    """
    if value is None or isinstance(value, (np.random.RandomState, np.random.Generator)):
        return True
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= 0


RANDOM_STATE: Constraint = satisfies("None, an integer >= 0, a RandomState or a Generator", is_random_state)


class _Turn:
    """Whose turn it is: a lock that a thread may take twice, and that a forked process has anew."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.begin_anew)

    def begin_anew(self) -> None:
        self.lock = threading.RLock()


_TURN = _Turn()


@contextmanager
def alone() -> Iterator[None]:
    """Be the only thread that seeds or draws from a global generator; others wait.

    Examples
    --------
    >>> with alone(), alone():  # a thread that has its turn has it
    ...     "its turn"
    'its turn'
    """
    with _TURN.lock:
        yield


@contextmanager
def forked_random(seed: int) -> Iterator[None]:
    """Seed the global generators of Python and NumPy inside, and put them back as they were; other threads wait.

    Parameters
    ----------
    seed : an integer >= 0.

    Examples
    --------
    >>> draws = []
    >>> for _ in range(2):
    ...     with forked_random(3):
    ...         draws.append((random.random(), np.random.rand()))
    >>> draws[0] == draws[1]
    True
    """
    with alone():
        yield from _forked(seed)


def _forked(seed: int) -> Iterator[None]:
    python, generator = random.getstate(), mtrand.get_bit_generator()
    state = np.random.get_state(legacy=False)  # noqa: NPY002 - the normal that it keeps for the next draw is part of it
    try:
        random.seed(seed)
        mtrand.set_bit_generator(np.random.MT19937(seed))  # as a whole: the user's need not be one with a seed
        yield
    finally:
        random.setstate(python)
        mtrand.set_bit_generator(generator)
        np.random.set_state(state)  # noqa: NPY002
