"""The matrix Omega of a distance |Omega (x - w)|^2: where it starts, and the form in which it is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.classical.chunks import one_thread
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows
from netwright.core.errors import InvalidParameter, problem, shown

Floats = NDArray[np.float64]


def first_omega(network: Any, data: LabelledRows) -> Floats:
    """Omega at the start, (rank, n_features), with trace Omega^T Omega = 1.

    Raises
    ------
    InvalidParameter : a rank or an array that does not fit the width of the data.
    """
    owner, width, rank = type(network).__name__, network.n_features_in_, network.rank
    if rank is not None and rank > width:
        remedy = "Take at most as many dimensions as X has columns."
        expected = f"an integer in [1, {width}], as X has {width} feature(s)"
        raise InvalidParameter(problem(f"{owner}(rank)", expected, f"{rank}", remedy))
    if network.omega is None:
        return principal_axes(data, rank) if rank not in (None, width) else np.eye(width) / np.sqrt(width)
    try:
        omega = np.array(network.omega, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidParameter(problem(f"{owner}(omega)", "an array of numbers", shown(network.omega))) from error
    if omega.ndim != 2 or omega.shape[1] != width or (rank is not None and len(omega) != rank):
        expected = f"shape ({'rank' if rank is None else rank}, {width}), the columns of X"
        raise InvalidParameter(problem(f"{owner}(omega)", expected, f"shape {omega.shape}", "Give a row a dimension."))
    if not np.isfinite(omega).all() or not omega.any():
        raise InvalidParameter(problem(f"{owner}(omega)", "finite numbers, not all 0", shown(omega.tolist())))
    return normalized(omega)


def principal_axes(data: LabelledRows, rank: int) -> Floats:
    """The first principal axes of all rows, each over sqrt(rank): (rank, n_features)."""
    center: Any = None
    with one_thread():
        for part in data.parts():
            if center is None:  # near enough to the mean that no digits are lost
                center = part.rows.mean(axis=0, dtype=np.float64)
                sums, products = np.zeros_like(center), np.zeros((len(center), len(center)))
            rows = part.rows - center
            sums += rows.sum(axis=0)
            products += rows.T @ rows
        axes = np.linalg.eigh(products / data.n - np.outer(sums, sums) / data.n**2)[1]
    return upright(axes.T[::-1][:rank]) / np.sqrt(rank)


def upright(axes: Floats) -> Floats:
    """The rows with such signs that the greatest number of each is positive."""
    greatest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return axes * np.where(greatest < 0, -1.0, 1.0)[:, None]


def normalized(omega: Floats) -> Floats:
    """Omega over the root of the trace of Omega^T Omega."""
    return omega / np.sqrt((omega**2).sum())


def learned_matrix(omega: Floats, spread: float, dtype: Any) -> dict[str, Any]:
    """What a network keeps of Omega, by attribute.

    Parameters
    ----------
    spread : mean of d+ + d- over the rows.
    """
    _, roots, axes = np.linalg.svd(omega, full_matrices=False)
    return {
        "omega_": np.ascontiguousarray(omega, dtype=dtype),
        "components_": np.ascontiguousarray(upright(roots[:, None] * axes), dtype=dtype),
        "unit_": float(spread / roots[0] ** 2) or 1.0,
    }
