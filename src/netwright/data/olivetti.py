"""The Olivetti faces (AT&T): 40 people, 10 photographs each, 64x64 pixels, gray.

The file is ``olivetti/olivetti_uint8.npz`` with ``faces`` (400, 64, 64) uint8 and ``target`` (400,), the person.

References
----------
F. Samaria, A. Harter, "Parameterisation of a stochastic model for human face identification", Workshop on
Applications of Computer Vision, 1994.
"""

from __future__ import annotations

import zipfile

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import CorruptFile, problem
from netwright.data.locate import find_data

FILE = "olivetti/olivetti_uint8.npz"


def load_olivetti() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """400 photographs of the faces of 40 people.

    The file is looked for in ``$NETWRIGHT_DATA`` and in the user's cache.

    Shapes
    ------
    X (400, 64, 64) uint8, y (400,) int64, the number of the person.

    Raises
    ------
    InvalidData : there is no such file.
    CorruptFile : it is cut, or holds something else.

    Examples
    --------
    >>> X, y = load_olivetti()  # doctest: +SKIP
    """
    path = find_data(FILE, "scikit-learn's fetch_olivetti_faces downloads the same photographs.")
    where, remedy = f"file {str(path)!r}", "Fetch the file again."
    try:
        with np.load(path, allow_pickle=False) as stored:
            faces, people = stored["faces"], stored["target"]
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        text = problem(where, "arrays faces and target", f"{type(error).__name__}: {error}", remedy)
        raise CorruptFile(text) from error
    if faces.dtype != np.uint8 or faces.ndim != 3 or people.shape != faces.shape[:1]:
        got = f"{faces.dtype} of shape {faces.shape} and {people.shape}"
        raise CorruptFile(problem(where, "uint8 images (n, height, width) and n numbers", got, remedy))
    return faces, people.astype(np.int64)
