"""Where data sets lie: the folder that ``NETWRIGHT_DATA`` names, then the user's cache.

Nothing here reads or downloads anything; loaders ask `find_data` for a path and read it themselves.
"""

from __future__ import annotations

import os
from pathlib import Path

from netwright.core.errors import InvalidData, problem


def cache_folder() -> Path:
    """The user's cache: ``$XDG_CACHE_HOME/netwright``, or ``~/.cache/netwright`` where that is not set.

    Examples
    --------
    >>> cache_folder().name
    'netwright'
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "netwright"


def data_folders() -> list[Path]:
    """The folders in which data sets are looked for, first to last.

    Examples
    --------
    >>> data_folders()[-1] == cache_folder()
    True
    """
    named = os.environ.get("NETWRIGHT_DATA", "")
    return [*([Path(named)] if named else []), cache_folder()]


def find_data(name: str, remedy: str = "") -> Path:
    """The path of a data file or folder: the first that exists of `data_folders`.

    Parameters
    ----------
    name : a path inside a data folder, parts joined by ``/``, such as ``"mnist/train-images-idx3-ubyte.gz"``.
    remedy : one sentence for the error, about what else can be done.

    Raises
    ------
    InvalidData : no folder has it; the message lists where it was looked for.

    Examples
    --------
    >>> find_data("no/such/file")
    Traceback (most recent call last):
        ...
    netwright.core.errors.InvalidData: data 'no/such/file': expected a file or folder in ..., got nothing there. ...
    """
    tried = [folder / name for folder in data_folders()]
    for path in tried:
        if path.exists():
            return path
    advice = "Set the environment variable NETWRIGHT_DATA to the folder that has it."
    raise InvalidData(
        problem(
            f"data {name!r}",
            f"a file or folder in {' or '.join(str(path.parent) for path in tried)}",
            "nothing there",
            f"{advice} {remedy}".rstrip(),
        )
    )
