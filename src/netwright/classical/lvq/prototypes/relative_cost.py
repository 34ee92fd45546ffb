"""The cost of generalized learning vector quantization and its gradient, row by row and over chunks of rows.

With d+ the squared distance of x to the nearest prototype w+ of its own class and d- that to the nearest w- of another
class, both in a space of vectors z = Omega x (GMLVQ) or z = x (GLVQ)::

    mu = (d+ - d-) / (d+ + d-)                      < 0 where x is classified rightly; 0 where both are 0
    cost = 1/n sum f(mu)                            f(mu) = mu, or 1 / (1 + exp(-beta mu))
    dmu/dv+ = -4 d- / (d+ + d-)^2 (z - v+)          v = Omega w
    dmu/dv- = +4 d+ / (d+ + d-)^2 (z - v-)
    dmu/dz  = -dmu/dv+ - dmu/dv-
    df/dw = Omega^T df/dv,  df/dOmega = df/dz x^T + sum df/dv w^T

References: Sato, Yamada: Generalized learning vector quantization, 1996; Schneider, Biehl, Hammer: Adaptive relevance
matrices in learning vector quantization, 2009.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from netwright.classical.chunks import in_order, one_thread
from netwright.classical.lvq.prototypes.kernels import rivals, two_squared
from netwright.classical.lvq.prototypes.labelled_rows import LabelledRows

Floats = NDArray[np.float64]
Sums = tuple[float, float, Floats, Floats | None]  # of f(mu), of d+ + d-, gradients for prototypes and Omega

MEMORY = 10  # steps that L-BFGS-B remembers
STILL = 1e-9  # relative fall of the cost, and gradient in units of the data, below which it stops


def chunk_sums(
    prototypes: Floats, omega: Floats | None, labels: NDArray[np.intp], beta: float, chunk: tuple[Any, Any]
) -> Sums:
    """The sums over the rows of a chunk (rows, codes); beta 0 is f(mu) = mu.

    Shapes
    ------
    prototypes (m, n_features), omega (rank, n_features), labels (m,)
    """
    rows, codes = chunk
    gradient = np.zeros((len(prototypes), prototypes.shape[1] if omega is None else len(omega)))
    if omega is None:
        value, spread = add_costs(rows, codes, prototypes, labels, beta, gradient, np.empty((0, 0)))
        return value, spread, gradient, None
    seen, places = rows @ omega.T, prototypes @ omega.T
    pulls = np.empty_like(seen)
    value, spread = add_costs(seen, codes, places, labels, beta, gradient, pulls)
    return value, spread, gradient @ omega, pulls.T @ rows + gradient.T @ prototypes


def cost(
    data: LabelledRows,
    prototypes: Floats,
    labels: NDArray[np.intp],
    beta: float,
    omega: Floats | None = None,
    n_jobs: int | None = None,
) -> Sums:
    """Means over all rows of f(mu), of d+ + d-, and of the gradients; added up in the order of the chunks.

    With Omega, rows and prototypes are counted from the middle of the prototypes: no distance changes, and products
    lose no digits where data lie far from the origin.
    """
    center = prototypes.mean(axis=0) if omega is not None else 0.0
    function = partial(chunk_sums, prototypes - center, omega, labels, beta)
    value, spread, gradient = 0.0, 0.0, np.zeros_like(prototypes)
    matrix: Any = None if omega is None else np.zeros_like(omega)
    for part in in_order(function, _centered(data, center), n_jobs):
        value, spread = value + part[0], spread + part[1]
        gradient += part[2]
        if matrix is not None:
            matrix += part[3]
    return value / data.n, spread / data.n, gradient / data.n, None if matrix is None else matrix / data.n


def lowest(
    data: LabelledRows,
    prototypes: Floats,
    labels: NDArray[np.intp],
    beta: float,
    unit: float,
    steps: int,
    omega: Floats | None = None,
    n_jobs: int | None = None,
) -> tuple[Floats, Floats | None, int]:
    """Prototypes and Omega of a low cost by L-BFGS-B from those given, and the iterations that it made.

    Parameters
    ----------
    unit : a squared distance that is usual in the data; lengths are measured by its root.
    steps : iterations at most.
    """
    scale, m = math.sqrt(unit), prototypes.size

    def function(theta: Floats) -> tuple[float, Floats]:
        matrix = None if omega is None else theta[m:].reshape(omega.shape)
        value, _, gradient, slope = cost(data, placed(theta), labels, beta, matrix, n_jobs)
        return value, np.concatenate([scale * gradient.ravel(), [] if slope is None else slope.ravel()])

    def placed(theta: Floats) -> Floats:
        return prototypes + scale * theta[:m].reshape(prototypes.shape)

    start = np.concatenate([np.zeros(m), [] if omega is None else omega.ravel()])
    options = {"maxiter": steps, "maxfun": 20 * steps, "maxcor": MEMORY, "ftol": STILL, "gtol": STILL}
    with one_thread():
        found = minimize(function, start, jac=True, method="L-BFGS-B", options=options)
    matrix = None if omega is None else found.x[m:].reshape(omega.shape)
    return placed(found.x), matrix, int(found.nit)


def _centered(data: LabelledRows, center: Any) -> Iterator[tuple[NDArray[Any], NDArray[np.intp]]]:
    for part in data.parts():
        yield part.rows if isinstance(center, float) else part.rows - center, part.codes


@numba.njit(cache=True, nogil=True)
def pull(low: Any, high: Any, beta: Any) -> Any:
    """f(mu), and the factors 4 f' d- / (d+ + d-)^2 and 4 f' d+ / (d+ + d-)^2 of the moves towards w+ and off w-.

    Parameters
    ----------
    low, high : d+ and d-.
    """
    total = low + high
    mu = (low - high) / total if total > 0.0 else 0.0
    value, slope = mu, 1.0
    if beta > 0.0:
        value = 1.0 / (1.0 + math.exp(-beta * mu))
        slope = beta * value * (1.0 - value)
    if total == 0.0:
        return value, 0.0, 0.0
    factor = 4.0 * slope / total
    return value, factor * (high / total), factor * (low / total)


@numba.njit(cache=True, nogil=True)
def add_costs(rows: Any, codes: Any, prototypes: Any, labels: Any, beta: Any, gradient: Any, pulls: Any) -> Any:
    """The sums of f(mu) and of d+ + d- over rows; adds to the gradient in v, writes that in z if `pulls` has room."""
    value, spread = 0.0, 0.0
    for row in range(rows.shape[0]):
        own, other = rivals(prototypes, labels, rows, row, codes[row])
        low, high = two_squared(prototypes, own, other, rows, row)
        one, towards, off = pull(low, high, beta)
        value += one
        spread += low + high
        for j in range(rows.shape[1]):
            to_own, to_other = rows[row, j] - prototypes[own, j], rows[row, j] - prototypes[other, j]
            gradient[own, j] -= towards * to_own
            gradient[other, j] += off * to_other
            if pulls.shape[0] > 0:
                pulls[row, j] = towards * to_own - off * to_other
    return value, spread
