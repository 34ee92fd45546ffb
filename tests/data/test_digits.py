"""The bundled digits against scikit-learn's own arrays."""

from __future__ import annotations

import numpy as np
from sklearn import datasets

from netwright.data import load_digits


def test_same_images_as_scikit_learn():
    X, y = load_digits()
    bunch = datasets.load_digits()
    assert X.shape == (1797, 1, 8, 8)
    assert (X.dtype, y.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(X.reshape(1797, 64) * 16, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)
    assert (X.min(), X.max()) == (0, 1)
