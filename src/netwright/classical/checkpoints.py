"""Fits that go on: a network as it stands after an epoch, in a folder, from which the same fit ends with the same bits.

An epoch of a classical network is a function of what was learned, the rows, the seed and the epoch's number, so what
was learned is all that there is to write down. Two generations are kept (`netwright.core.generations`).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from importlib import metadata
from typing import Any

import numpy as np

from netwright.classical.saving import learned_of, take_up
from netwright.core.generations import Generations, Pace, checkpoints_of, tell_of_other_conditions

KIND = "ClassicalCheckpoint"
FORM = 2  # of what is written down: another one is refused
_NOT_ITS_OWN = {"checkpoint", "resume", "n_jobs", "random_state", "verbose"}  # what does not tell one fit from others


def in_epochs(network: Any, parts: Iterable[Any], learn: Callable[[int], object], epochs: int | None = None) -> None:
    """All epochs of a fit at once; or, where it has a folder, those that are still to be done, one by one.

    Parameters
    ----------
    network, parts : as of `each_epoch`. learn : learns so many more epochs. epochs : in all, None for the option.
    """
    if network.checkpoint is None:
        learn(network.epochs if epochs is None else epochs)
        return
    for _ in each_epoch(network, parts, epochs):
        learn(1)


def each_epoch(network: Any, parts: Iterable[Any], epochs: int | None = None) -> Iterator[int]:
    """The epochs of a fit that are still to be done, by their numbers from 0; after each the network is written down.

    Where the network has no folder these are all epochs. It ends early when an epoch leaves ``n_iter_`` as it was.

    Parameters
    ----------
    network : that has begun: ``seed_`` and ``n_iter_`` = 0. It has the options ``epochs``, ``checkpoint``, ``resume``.
    parts : the rows, and labels, as arrays, by which a fit is known from others; gone through only where there is a
        folder.
    epochs : in all; None for the option.

    Raises
    ------
    InvalidParameter : a folder that holds another fit. SystemExit : with 143, after SIGTERM.
    """
    epochs = network.epochs if epochs is None else epochs
    place = None if network.checkpoint is None else Place(network, parts)
    with nullcontext() if place is None else place.listening():
        while network.n_iter_ < epochs:
            before = network.n_iter_
            yield before
            stopped = network.n_iter_ == before
            if place is not None:
                place.save(network, last=stopped or network.n_iter_ >= epochs)
            if stopped:
                return


class Place:
    """Where a fit is written down; a network that has begun is brought to where the newest good generation is.

    Parameters
    ----------
    network, parts : as of `each_epoch`.
    """

    def __init__(self, network: Any, parts: Iterable[Any]) -> None:
        asked = checkpoints_of(network.checkpoint)
        self._generations, self._pace = Generations(asked, "epoch"), Pace(asked)
        self._generations.make_ready()
        self.listening = self._pace.listening
        self._identity = identity_of(network, parts)
        found = self._generations.newest(KIND) if network.resume else None
        if found is None:
            return
        _, stored = found
        wanted = dict(self._identity)
        if network.random_state is None:  # the seed of its beginning holds
            wanted["seed"] = self._identity["seed"] = stored.content["identity"].get("seed")
        self._generations.expect(wanted, stored.content["identity"])
        take_up(network, stored.content["learned"], stored.tensors)
        tell_of_other_conditions(conditions(), stored.content["conditions"])

    def save(self, network: Any, last: bool) -> None:
        """Write the network down when it is time.

        Parameters
        ----------
        network : after an epoch. last : whether the fit ends with it.
        """
        if self._pace.is_due_after(network.n_iter_, last):
            tensors: dict[str, np.ndarray] = {}
            learned = learned_of(network, tensors)
            content = {"identity": self._identity, "conditions": conditions(), "learned": learned}
            self._generations.write(f"{network.n_iter_:06d}", KIND, content, tensors)
            self._pace.end()


def identity_of(network: Any, parts: Iterable[Any]) -> dict[str, str]:
    """What tells a fit from others: its kind, options, seed and rows, by name."""
    params = network.get_params(deep=False)
    settings = {name: _said(item) for name, item in params.items() if name not in _NOT_ITS_OWN}
    rows = _digest(parts)
    return {"form": str(FORM), "network": type(network).__name__, **settings, "seed": str(network.seed_), "rows": rows}


def conditions() -> dict[str, str]:
    """What the bits depend on beside the fit itself, by name: the versions; the number of workers changes none."""
    own = sys.modules["netwright"].__version__
    return {"netwright": own, "numpy": np.__version__, "numba": metadata.version("numba")}


def _said(item: Any) -> str:
    """An option as a text: arrays by their hash, functions by their names."""
    if isinstance(item, np.ndarray):
        return f"an array {_digest([item])}"
    if callable(item) and hasattr(item, "__qualname__"):
        return f"{item.__module__}.{item.__qualname__}"
    return repr(item)


def _digest(parts: Iterable[Any]) -> str:
    """A hash of arrays: their types, shapes and contents."""
    found = hashlib.blake2b(digest_size=12)
    for part in parts:
        array = np.asarray(part)
        if array.dtype.kind in "OUS":  # texts and objects by what they print as
            found.update(repr(array.tolist()).encode("utf-8", "backslashreplace"))
            continue
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()
