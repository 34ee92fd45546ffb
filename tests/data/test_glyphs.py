"""Digits of 24 bits: what they look like, and how much noise falls on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netwright.core.errors import InvalidParameter
from netwright.data.glyphs import load_glyphs, make_digits


def test_ten_different_glyphs_of_24_bits() -> None:
    X, y = load_glyphs()
    assert X.shape == (10, 24)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    assert y.tolist() == list(range(10))
    assert set(np.unique(X)) == {0.0, 1.0}
    distances = (X[:, None] != X[None]).sum(axis=-1)
    assert distances[~np.eye(10, dtype=bool)].min() == 4
    assert 9 <= X.sum(axis=1).min() <= X.sum(axis=1).max() <= 18


@pytest.mark.parametrize(
    ("digit", "drawn"),
    [
        (0, ".##. #..# #..# #..# #..# .##."),
        (1, "..#. .##. ..#. ..#. ..#. .###"),
        (4, "#..# #..# #### ...# ...# ...#"),
        (7, "#### ...# ..#. ..#. .#.. .#.."),
        (8, "#### #..# #### #..# #..# ####"),
    ],
)
def test_a_glyph_is_drawn_row_by_row(digit: int, drawn: str) -> None:
    rows = [[float(pixel == "#") for pixel in row] for row in drawn.split()]
    assert np.array_equal(load_glyphs()[0][digit].reshape(6, 4), rows)


def test_each_call_gives_arrays_of_its_own() -> None:
    load_glyphs()[0][:] = 7
    assert load_glyphs()[0].max() == 1


def test_digits_without_noise_are_the_glyphs() -> None:
    X, y = make_digits(500, noise=0.0, random_state=3)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    assert np.array_equal(X, load_glyphs()[0][y])
    assert set(y) == set(range(10))


def test_noise_flips_pixels_or_removes_black_ones() -> None:
    glyphs = load_glyphs()[0]
    for mode in ("flip", "remove"):
        X, y = make_digits(4000, noise=0.2, mode=mode, random_state=0)
        changed = glyphs[y] != X
        black = glyphs[y] == 1
        assert changed[black].mean() == pytest.approx(0.2, abs=0.01)
        assert changed[~black].mean() == pytest.approx(0.2 if mode == "flip" else 0.0, abs=0.01)
        assert set(np.unique(X)) == {0.0, 1.0}
    assert np.array_equal(make_digits(5, noise=1.0, random_state=0)[0], 1 - glyphs[make_digits(5, random_state=0)[1]])
    assert not make_digits(5, noise=1.0, mode="remove", random_state=0)[0].any()


def test_the_seed_decides_and_nothing_else_is_touched() -> None:
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    first, second, other = (make_digits(20, random_state=seed) for seed in (1, 1, 2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0], other[0])
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002
    made = [make_digits(20, random_state=np.random.default_rng(5))[0] for _ in range(2)]
    assert np.array_equal(*made)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_samples": 0}, r"make_digits\(n_samples\): expected an integer >= 1, got 0"),
        ({"noise": 1.5}, r"make_digits\(noise\): expected a number in \[0, 1\], got 1\.5"),
        ({"mode": "flop"}, r"make_digits\(mode\): expected 'flip' or 'remove', got 'flop'\. Did you mean 'flip'\?"),
        ({"random_state": -1}, r"random_state: expected None, an integer >= 0"),
    ],
)
def test_arguments_that_cannot_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        make_digits(**options)
