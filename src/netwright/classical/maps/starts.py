"""Where the units of a map begin: on the plane of the principal components, on rows, or anywhere in the data's box.

With the mean m, the principal components e_1, e_2... of unit length, of the standard deviations s_1 >= s_2...::

    "pca"      w_u = m + sum_k t_uk s_k e_k      t_uk in [-1, 1] along the longest axis for k = 1, and so on
    a torus    each axis is a circle, so that its ends meet: cos and sin of the angle in place of t
    "sample"   rows, drawn without replacement where there are enough
    "random"   uniform between the least and the greatest value of each feature

Components and boxes are those of at most `ROWS` rows, drawn evenly. Axes of a single unit, and axes for which the data
have no component left, add nothing.

References: Kohonen: Self-organizing maps, 3rd edition, 2001 (section 3.7); Vesanto, Himberg, Alhoniemi, Parhankangas:
SOM Toolbox for Matlab 5, 2000 (the linear start).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from netwright.classical.chunks import Chunks
from netwright.classical.maps.grid import Grid

STARTS = ("pca", "sample", "random")
ROWS = 2000  # of which components and boxes are taken: their error is a fiftieth of a standard deviation
NO_SPREAD = 1e-12  # variance of a component, as a share of the first one's, below which it is rounding


def drawn_rows(chunks: Chunks, count: int, rng: np.random.Generator) -> NDArray[Any]:
    """At most `count` rows, each with the same chance, in their order; all rows where there are no more.

    Parameters
    ----------
    chunks : the rows; an iterable is gone through once.
    rng : decides which.
    """
    if chunks.rows_can_be_chosen:
        n = int(chunks.n or 0)
        if n <= count and chunks.whole is not None:
            return chunks.whole
        return chunks.take(np.sort(rng.choice(n, min(n, count), replace=False)))
    kept: list[tuple[int, NDArray[Any]]] = []
    seen = 0
    for chunk in chunks:  # algorithm R: row t replaces one of the kept with the chance count / t
        for row in chunk:
            place = seen if seen < count else int(rng.integers(seen + 1))
            if place < count:
                kept[place : place + 1] = [(seen, row)]
            seen += 1
    return np.stack([row for _, row in sorted(kept, key=lambda item: item[0])])


def pca_start(rows: NDArray[Any], grid: Grid) -> NDArray[np.float64]:
    """Units on the plane of the principal components, (n_units, n_features).

    Parameters
    ----------
    rows : of which components are taken.

    Shapes
    ------
    rows (n, n_features) -> (n_units, n_features)
    """
    mean = rows.mean(axis=0, dtype=np.float64)
    along = _coordinates(grid)
    spreads = _components(rows - mean, along.shape[1])
    return mean + along[:, : len(spreads)] @ spreads


def sample_start(rows: NDArray[Any], n_units: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Units on rows in random order; rows are repeated where there are fewer than units, (n_units, n_features).

    Parameters
    ----------
    rows : at most n_units.
    """
    repeats = -(-n_units // len(rows))
    order = np.concatenate([rng.permutation(len(rows)) for _ in range(repeats)])
    return rows[order[:n_units]].astype(np.float64)


def random_start(rows: NDArray[Any], n_units: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Units anywhere in the box of the rows, (n_units, n_features).

    Parameters
    ----------
    rows : whose box is meant.
    """
    return rng.uniform(rows.min(axis=0), rows.max(axis=0), size=(n_units, rows.shape[1]))


def _coordinates(grid: Grid) -> NDArray[np.float64]:
    """Coordinates of the units for each component, (n_units, n_components), those of the longest axis first."""
    longest = np.argsort(-np.array(grid.shape), kind="stable")
    axes = [int(axis) for axis in longest if grid.shape[axis] > 1]
    if grid.toroidal:
        angles = 2 * np.pi * (grid.places / grid.periods)[:, axes]
        return np.hstack([np.cos(angles), np.sin(angles)])
    places = grid.places[:, axes]
    low, high = places.min(axis=0, initial=0), places.max(axis=0, initial=0)
    coordinates: NDArray[np.float64] = (2 * places - low - high) / np.maximum(high - low, 1)
    return coordinates


def _components(centred: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """At most `count` principal components, each as long as its standard deviation, (count, n_features)."""
    n, width = centred.shape
    count = min(count, n, width)
    if not count:
        return np.zeros((0, width))
    wide = width > n  # then the products of rows are fewer than those of columns
    products = centred @ centred.T if wide else centred.T @ centred
    last = len(products) - 1
    squares, vectors = eigh(products, subset_by_index=[last + 1 - count, last])
    squares, vectors = squares[::-1], vectors[:, ::-1]
    kept = squares > NO_SPREAD * max(float(squares[0]), np.finfo(np.float64).tiny)
    found = vectors.T[kept] @ centred if wide else np.sqrt(squares[kept, None]) * vectors.T[kept]
    signs = np.sign(found[np.arange(len(found)), np.abs(found).argmax(axis=1)])
    components: NDArray[np.float64] = signs[:, None] * found / np.sqrt(n)
    return components
