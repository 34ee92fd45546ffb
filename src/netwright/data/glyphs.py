"""Digits of 24 bits: ten glyphs of 6x4 black and white pixels, and noisy copies of them.

They are small enough to be read in a printout and to be stored in a Hopfield network of 24 units. The shapes are drawn
below; any two of them differ in 4 pixels or more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.seeds import derive, to_seed
from netwright.core.validation import check, integer, number, one_of

HEIGHT, WIDTH = 6, 4
DRAWN = """
.##.  ..#.  ###.  ###.  #..#  ####  .##.  ####  ####  .##.
#..#  .##.  ...#  ...#  #..#  #...  #...  ...#  #..#  #..#
#..#  ..#.  ..#.  .###  ####  ###.  ###.  ..#.  ####  #..#
#..#  ..#.  .#..  ...#  ...#  ...#  #..#  ..#.  #..#  .###
#..#  ..#.  #...  ...#  ...#  ...#  #..#  .#..  #..#  ...#
.##.  .###  ####  ###.  ...#  ###.  .##.  .#..  ####  .##.
"""


def load_glyphs() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The ten digits as rows of 24 bits, 1 for black, and their labels.

    Shapes
    ------
    X (10, 24) float32 of 0 and 1, a picture is X[i].reshape(6, 4); y (10,) int64, the digits 0 to 9.

    Examples
    --------
    >>> X, y = load_glyphs()
    >>> for row in X[2].reshape(6, 4):
    ...     print("".join(".#"[int(bit)] for bit in row))
    ###.
    ...#
    ..#.
    .#..
    #...
    ####
    """
    lines = [line.split() for line in DRAWN.split("\n") if line]
    glyphs = ["".join(line[digit] for line in lines) for digit in range(10)]
    X = np.array([[bit == "#" for bit in glyph] for glyph in glyphs], dtype=np.float32)
    return X, np.arange(10, dtype=np.int64)


def make_digits(
    n_samples: int = 100, *, noise: float = 0.1, mode: str = "flip", random_state: Any = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Digits drawn at random from the ten glyphs, with noise on their pixels.

    Parameters
    ----------
    n_samples : rows, >= 1.
    noise : share of pixels that the noise falls on, in [0, 1]; each pixel by itself.
    mode : what noise does: "flip" turns black to white and white to black, "remove" turns black to white.
    random_state : None, an integer >= 0, a ``RandomState`` or a ``Generator``.

    Shapes
    ------
    X (n_samples, 24) float32 of 0 and 1, y (n_samples,) int64, the digit that each row was.

    Raises
    ------
    InvalidParameter : an argument out of its range.

    Examples
    --------
    >>> X, y = make_digits(3, noise=0.0, random_state=0)
    >>> X.shape, bool((X == load_glyphs()[0][y]).all())
    ((3, 24), True)
    """
    check("make_digits(n_samples)", n_samples, integer(1))
    check("make_digits(noise)", noise, number(0, 1))
    check("make_digits(mode)", mode, one_of("flip", "remove"))
    draw = np.random.default_rng(derive(to_seed(random_state), "digits"))
    glyphs, _ = load_glyphs()
    y = draw.integers(10, size=n_samples)
    X = glyphs[y]
    hit = draw.random(X.shape) < noise
    X[hit] = 1 - X[hit] if mode == "flip" else 0
    return X, y
