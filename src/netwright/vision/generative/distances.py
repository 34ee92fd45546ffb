"""How far samples are from the real thing: Frechet and kernel distance, precision and recall, on any features.

With features x_i of n real samples and y_j of m made ones, means mu and covariances S:

    Frechet    |mu_x - mu_y|^2 + tr S_x + tr S_y - 2 tr (S_x^1/2 S_y S_x^1/2)^1/2
    kernel     mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j),
               k(a, b) = (a b / d + 1)^3, without bias; it may be a little below 0
    precision  share of the y inside the ball of some x, of the radius of its k-th neighbour among the x
    recall     the same with x and y exchanged

The trace of the root is the sum of roots of the eigenvalues of a symmetric matrix, so nothing becomes complex. The
Frechet distance of few samples is biased upwards, and with no more samples than features S has no full rank: a warning
says so. Compare it only for equal numbers of samples. The kernel distance has no such bias.

References
----------
Heusel et al., *GANs trained by a two time-scale update rule converge to a local Nash equilibrium*, 2017 (Frechet).
Binkowski, Sutherland, Arbel, Gretton, *Demystifying MMD GANs*, 2018 (kernel).
Kynkaanniemi, Karras, Laine, Lehtinen, Aila, *Improved precision and recall metric for assessing generative models*,
2019.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from netwright.core.arrays import require_finite
from netwright.core.errors import InvalidData, InvalidParameter, problem, shown
from netwright.core.validation import check, integer

Floats = NDArray[np.float64]
Features = Callable[[Any], Any]
PIECE = 2048  # rows of a matrix of kernels at a time
MOST = 20  # features above which balls are searched without a tree


def frechet_distance(X: Any, Y: Any, features: Any = None) -> float:
    """The Frechet distance of two sets of samples, each taken as one Gaussian of its features; 0 where they are equal.

    Parameters
    ----------
    X, Y : real samples and made ones.
    features : a function from samples to (n, d), something fitted with `transform`
        or a torch module; None where X and Y are features already.

    Shapes
    ------
    (n, ...), (m, ...) -> float >= 0

    Raises
    ------
    InvalidData : fewer than two samples, features of different widths or not finite.
    InvalidParameter : features that are neither.

    Examples
    --------
    >>> a = np.array([[-1.0], [1.0]]) / np.sqrt(2)  # mean 0, variance 1
    >>> frechet_distance(a, 3 + 2 * a)
    10.0
    """
    x, y = _features(X, Y, features, "frechet_distance")
    for name, rows in (("X", x), ("Y", y)):
        if len(rows) <= rows.shape[1]:
            remedy = "It is far too great then. Give more samples, or take kernel_distance."
            expected = f"more than {rows.shape[1]} samples, as many as there are features"
            text = problem(f"frechet_distance({name})", expected, f"{len(rows)}", remedy)
            warnings.warn(text, UserWarning, stacklevel=2)
    return frechet_of_moments(x.mean(0), _covariance(x), y.mean(0), _covariance(y))


def frechet_of_moments(mean_x: Any, covariance_x: Any, mean_y: Any, covariance_y: Any) -> float:
    """The Frechet distance of two Gaussians.

    Parameters
    ----------
    mean_x, covariance_x, mean_y, covariance_y : of the Gaussians, (d,) and (d, d).

    Examples
    --------
    >>> round(frechet_of_moments((0, 0), ((2, 0.5), (0.5, 1)), (1, 2), ((1, -0.3), (-0.3, 3))), 10)
    5.929311855
    """
    mx, my = (np.asarray(item, dtype=np.float64) for item in (mean_x, mean_y))
    sx, sy = (np.atleast_2d(np.asarray(item, dtype=np.float64)) for item in (covariance_x, covariance_y))
    values, vectors = np.linalg.eigh(sx)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ sy @ root).clip(0)).sum()
    return max(float(((mx - my) ** 2).sum() + np.trace(sx) + np.trace(sy) - 2 * cross), 0.0)


def kernel_distance(X: Any, Y: Any, features: Any = None) -> float:
    """The squared maximum mean discrepancy of two sets of samples under a cubic kernel, without bias (KID).

    Parameters
    ----------
    X, Y, features : as of `frechet_distance`.

    Shapes
    ------
    (n, ...), (m, ...) -> float, about 0 where they are of one distribution

    Raises
    ------
    InvalidData, InvalidParameter : as of `frechet_distance`.

    Examples
    --------
    >>> kernel_distance([[0.0], [1.0]], [[0.0], [1.0]])
    -3.5
    """
    x, y = _features(X, Y, features, "kernel_distance")
    own = _kernels(x, x)[1] / (len(x) * (len(x) - 1)) + _kernels(y, y)[1] / (len(y) * (len(y) - 1))
    return float(own - 2 * _kernels(x, y)[0] / (len(x) * len(y)))


def precision_recall_of_samples(X: Any, Y: Any, features: Any = None, *, neighbours: int = 3) -> tuple[float, float]:
    """How many made samples are like real ones, and how many real ones are like made ones.

    Parameters
    ----------
    X, Y, features : as of `frechet_distance`.
    neighbours : k, >= 1; each has more samples than that.

    Returns
    -------
    precision, recall : shares in [0, 1]

    Raises
    ------
    InvalidData, InvalidParameter : as of `frechet_distance`; too few samples.

    Examples
    --------
    >>> real = [[0.0], [1.0], [10.0], [11.0]]
    >>> precision_recall_of_samples(real, [[0.2], [0.4], [0.6], [5.0]], neighbours=1)
    (0.75, 0.5)
    """
    check("precision_recall_of_samples(neighbours)", neighbours, integer(1))
    x, y = _features(X, Y, features, "precision_recall_of_samples")
    least = min(len(x), len(y))
    if least <= neighbours:
        got = f"{least} samples"
        raise InvalidData(problem("precision_recall_of_samples", f"more than {neighbours} of each", got))
    return _inside(y, x, neighbours), _inside(x, y, neighbours)


def _features(X: Any, Y: Any, features: Any, where: str) -> tuple[Floats, Floats]:
    """The features of both, checked."""
    function = _function(features, where)
    found = []
    for name, samples in (("X", X), ("Y", Y)):
        rows = function(samples)
        rows = rows.detach().cpu().numpy() if isinstance(rows, torch.Tensor) else np.asarray(rows)
        rows = rows.reshape(len(rows), -1).astype(np.float64) if rows.ndim else rows
        if rows.ndim != 2 or len(rows) < 2 or not rows.size:
            raise InvalidData(problem(f"{where}({name})", "two samples or more", f"shape {rows.shape}"))
        require_finite(rows, name)
        found.append(rows)
    if found[0].shape[1] != found[1].shape[1]:
        got = f"{found[0].shape[1]} and {found[1].shape[1]} features"
        raise InvalidData(problem(f"{where}(X, Y)", "samples with the same features", got))
    return found[0], found[1]


def _function(features: Any, where: str) -> Features:
    if features is None:
        return np.asarray
    if isinstance(features, torch.nn.Module):
        return lambda samples: _by_module(features, samples, where)
    if hasattr(features, "transform"):
        return features.transform  # type: ignore[no-any-return]
    if callable(features):
        return features  # type: ignore[no-any-return]
    expected = "a function, something fitted with transform, a torch module, or None"
    remedy = "Give its layers up to the last hidden one: features=clf.module_[:-1]." if hasattr(features, "fit") else ""
    raise InvalidParameter(problem(f"{where}(features)", expected, shown(features), remedy))


def _by_module(module: torch.nn.Module, samples: Any, where: str) -> Floats:
    """What a module gives for samples, in evaluation."""
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    training = module.training
    module.eval()
    try:
        with torch.inference_mode():
            kind = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
            x = torch.as_tensor(np.asarray(samples, dtype=np.float64)).to(kind)
            parts = [module(some.to(device)).flatten(1).double().cpu() for some in x.split(PIECE // 8)]
    except RuntimeError as error:
        expected, remedy = "samples that the module takes", "Images are (n, channels, height, width) for a module."
        got = f"shape {tuple(np.shape(samples))}: {' '.join(str(error).split())}"
        raise InvalidData(problem(f"{where}(features)", expected, got, remedy)) from error
    finally:
        module.train(training)
    found: Floats = torch.cat(parts).numpy()
    return found


def _covariance(x: Floats) -> Floats:
    return np.atleast_2d(np.cov(x, rowvar=False))


def _kernels(a: Floats, b: Floats) -> tuple[float, float]:
    """The sum of all kernels, and that without those of a row with itself, where both are one set."""
    total = own = 0.0
    for start in range(0, len(a), PIECE):
        some = (a[start : start + PIECE] @ b.T / a.shape[1] + 1) ** 3
        total += float(some.sum())
        own += float(np.trace(some, offset=start)) if a is b else 0.0
    return total, total - own


def _inside(points: Floats, balls: Floats, k: int) -> float:
    """The share of points in the ball of some of the others."""
    radius = _neighbours(balls, balls, k + 1)[:, k]
    inside = 0
    for start in range(0, len(points), PIECE // 4):
        some = points[start : start + PIECE // 4]
        inside += int((_distances(some, balls) <= radius).any(1).sum())
    return inside / len(points)


def _neighbours(points: Floats, others: Floats, k: int) -> Floats:
    """The distances of the k nearest others, the nearest first."""
    if points.shape[1] <= MOST:
        found: Floats = cKDTree(others).query(points, k)[0]
        return found
    rows = [np.sort(_distances(some, others), 1)[:, :k] for some in np.array_split(points, -(-len(points) // 512))]
    return np.concatenate(rows)


def _distances(a: Floats, b: Floats) -> Floats:
    found: Floats = torch.cdist(
        torch.from_numpy(a), torch.from_numpy(b), compute_mode="donot_use_mm_for_euclid_dist"
    ).numpy()
    return found
