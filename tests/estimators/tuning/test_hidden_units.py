"""The three rules of thumb, against their equations."""

from __future__ import annotations

import math

import pytest

import netwright as nw
from netwright.core.errors import InvalidParameter


@pytest.mark.parametrize(("n_in", "n_out"), [(1, 1), (4, 3), (13, 1), (64, 10), (784, 10), (100, 1)])
def test_the_equations(n_in: int, n_out: int) -> None:
    made = nw.suggest_hidden_units(n_in, n_out)
    assert made.mean == math.ceil((n_in + n_out) / 2)
    assert made.geometric_mean == math.ceil(math.sqrt(n_in * n_out))
    assert made.two_thirds == math.ceil(2 * n_in / 3 + n_out - 1e-9)


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (1.5, 2), ("a", 1)])
def test_sizes_that_cannot_be(sizes: tuple[int, int]) -> None:
    with pytest.raises(InvalidParameter, match="suggest_hidden_units"):
        nw.suggest_hidden_units(*sizes)
