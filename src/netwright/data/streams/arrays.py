"""Rows of an array that is too large for memory: a memory-mapped file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import InvalidData, problem, shown
from netwright.data.streams.source import Numbers, Source

BLOCK = 2**20  # bytes that are read as one


class ArraySource(Source):
    """An array in a file, or in memory.

    Parameters
    ----------
    array : (n, ...) of numbers; a `numpy.memmap` is opened anew in every process.

    Raises
    ------
    InvalidData : no numbers, or no rows.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        if not array.ndim or not len(array) or array.dtype.kind not in "fiub":
            got = f"{array.dtype} of shape {array.shape}"
            raise InvalidData(problem("stream(data)", "an array of numbers with rows", got))
        self.array = array
        self.n, self.shape, self.dtype = len(array), array.shape[1:], array.dtype
        each = max(1, BLOCK // max(1, array[:1].nbytes))
        self.edges = np.append(np.arange(0, self.n, each), self.n)

    def read(self, rows: Numbers) -> NDArray[Any]:
        return np.asarray(self.array[rows])

    def __getstate__(self) -> dict[str, Any]:
        """For other processes: where in a file the numbers stand rather than the numbers."""
        state, array = dict(vars(self)), self.array
        root = _root(array)
        if isinstance(array, np.memmap) and root.filename is not None and array.flags.c_contiguous:
            offset = root.offset + array.ctypes.data - root.ctypes.data
            state["array"] = str(root.filename), array.dtype, array.shape, offset
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if isinstance(self.array, tuple):
            name, dtype, shape, offset = self.array
            self.array = np.memmap(name, dtype, "r", offset, shape)


def _root(array: Any) -> Any:
    """The memory map that a view is of."""
    while isinstance(array.base, np.memmap):
        array = array.base
    return array


def opened(path: str) -> NDArray[Any]:
    """A ``.npy`` file, mapped.

    Raises
    ------
    InvalidData : a file that is none.
    """
    try:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InvalidData(problem(f"stream({path!r})", "a .npy file", shown(str(error)))) from error
    return found
