"""Finding and naming what is not finite, against a search cell by cell and against scikit-learn's words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netwright.core import arrays as module
from netwright.core.arrays import first_nonfinite, require_finite
from netwright.core.errors import InvalidData

values = st.one_of(st.floats(width=32), st.sampled_from([np.nan, np.inf, -np.inf]))


@settings(derandomize=True, max_examples=150, deadline=None)
@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4), elements=values))
def test_first_nonfinite_is_the_first(array):
    found = first_nonfinite(array)
    places = [place for place in np.ndindex(array.shape) if not np.isfinite(array[place])]
    if not places:
        assert found is None
    else:
        row, column, value = found
        assert (row, *column) == places[0]
        assert value == array[places[0]] or np.isnan(value)


def test_first_nonfinite_by_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 10)
    array = np.zeros((20, 3))
    array[13, 2] = array[17, 0] = np.inf
    assert first_nonfinite(array) == (13, (2,), np.inf)
    assert first_nonfinite(np.array(np.nan))[:2] == (0, ())
    assert first_nonfinite(np.arange(5)) is None


def test_require_finite_speaks_scikit_learns_words():
    X = np.array([[1.0, 2.0], [3.0, np.nan]])
    with pytest.raises(ValueError, match=r"Input X contains NaN\. Row 1, column 1 \('fare'\): .*SimpleImputer"):
        require_finite(X, columns=["age", "fare"])
    with pytest.raises(
        InvalidData, match=r"Input y contains infinity or a value too large for dtype\('float32'\)\. Row 2:"
    ):
        require_finite(np.array([0, 1, -np.inf], np.float32), "y")
    with pytest.raises(InvalidData, match=r"Input X contains NaN. Row 0, place \(0, 1\) within it"):
        require_finite(np.array([[[0, np.nan]]]))
    require_finite(np.eye(3))
    require_finite(np.arange(3))


def test_scikit_learn_says_the_same():
    validation = pytest.importorskip("sklearn.utils.validation")
    for value in (np.nan, np.inf):
        X = np.array([[1.0, value]])
        with pytest.raises(ValueError) as theirs:
            validation.check_array(X, input_name="X")
        with pytest.raises(InvalidData) as ours:
            require_finite(X)
        assert str(ours.value).startswith(str(theirs.value).split("\n")[0].rstrip("."))
