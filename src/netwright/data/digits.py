"""Handwritten digits, 8x8 pixels: the images that scikit-learn brings along, so that nothing is downloaded.

References
----------
E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

import importlib

import numpy as np
from numpy.typing import NDArray

FULL = 16.0  # a pixel counts the dark points of a 4x4 block


def load_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """1,797 gray images of the digits 0 to 9, 8x8 pixels.

    Shapes
    ------
    X (1797, 1, 8, 8) float32 in [0, 1], y (1797,) int64.

    Examples
    --------
    >>> X, y = load_digits()
    >>> X.shape, X.dtype, float(X.min()), float(X.max())
    ((1797, 1, 8, 8), dtype('float32'), 0.0, 1.0)
    >>> y[:4]
    array([0, 1, 2, 3])
    """
    datasets = importlib.import_module("sklearn.datasets")  # takes seconds, and nothing else in this folder needs it
    bunch = datasets.load_digits()
    images = (bunch.images / FULL).astype(np.float32)[:, None]  # (1797, 1, 8, 8)
    return images, bunch.target.astype(np.int64)
