"""Preparing a fit: the rows that count, the held-out rows, and both as tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import _check_sample_weight, check_array, check_consistent_length

from netwright.core.errors import InvalidData, InvalidParameter, problem
from netwright.data import Stream, as_arrays, holdout, require_finite
from netwright.estimators.augmenting import require_images
from netwright.estimators.inputs import Rows, count, take
from netwright.train import Batches, Precision
from netwright.train.streamed import StreamBatches

LOOKED_AT = 5000  # rows of a stream that `check` looks at
Part = tuple[Rows, np.ndarray, np.ndarray | None]  # rows, y, weight


def read_target(y: Any, name: str) -> np.ndarray:
    """y as an array without gaps.

    Raises
    ------
    InvalidData : y is None. ValueError : scikit-learn's messages for NaN, infinity, complex numbers, sparse matrices.
    """
    if y is None:
        remedy = f"This {name} estimator requires y to be passed, but the target y is None."
        raise InvalidData(problem(f"{name}.fit", "a target y", "None", remedy))
    y = _plain(y)
    if isinstance(y, np.ndarray) and y.dtype.kind == "f":
        require_finite(y, "y")
    with np.errstate(over="ignore", invalid="ignore"):  # it sums huge numbers
        return check_array(y, ensure_2d=False, allow_nd=True, dtype=None, input_name="y")


def from_dataset(X: Any, y: Any) -> tuple[Any, Any]:
    """The samples of a torch Dataset as arrays, a stream without its targets and these; everything else as it is.

    Raises
    ------
    InvalidData : a DataLoader. InvalidParameter : targets both in a stream and in y.
    """
    if isinstance(X, torch.utils.data.DataLoader):
        remedy = "Pass its .dataset; the estimator makes its own batches (batch_size=...)."
        raise InvalidData(problem("X", "arrays, a frame or a Dataset", "a DataLoader", remedy))
    if isinstance(X, Stream):
        if y is not None and X.target is not None:
            raise InvalidParameter(problem("y", "None, as the stream has targets", f"a {type(y).__name__}"))
        return replace(X, target=None), X.target if y is None else y
    return as_arrays(X, y) if isinstance(X, torch.utils.data.Dataset) else (X, y)


def _plain(y: Any) -> Any:
    """Tensors and columns of frames as arrays; nullable booleans and integers keep their type."""
    if isinstance(y, torch.Tensor):
        y = y.detach().cpu()
        return (y.float() if y.dtype is torch.bfloat16 else y).numpy()
    if hasattr(y, "to_numpy"):
        y = y.to_numpy()
    if isinstance(y, np.ndarray) and y.dtype == object and y.ndim == 1:
        kinds = set(map(type, y.tolist()))
        if len(kinds) == 1 and kinds <= {bool, int, float}:
            return np.array(y.tolist())
    return y


def weigh(rows: Rows, y: np.ndarray, weight: Any) -> Part:
    """The rows that count, with their weights: those of weight 0 are left out before anything is learned.

    Raises
    ------
    InvalidData : no row is left. ValueError : negative weights or a wrong number of them (scikit-learn's messages).
    """
    n = count(rows)
    check_consistent_length(np.empty(n), y)
    if weight is None:
        return rows, y, None
    weight = _check_sample_weight(weight, np.empty((n, 1)), dtype=np.float64, ensure_non_negative=True)
    kept = np.flatnonzero(weight > 0)
    if len(kept) == 0:
        raise InvalidData(problem("sample_weight", "at least one row with a weight above 0", f"{n} rows of weight 0"))
    if len(kept) == n:
        return rows, y, weight
    return take(rows, kept), y[kept], weight[kept]


def counted(weight: Any, n: int) -> np.ndarray:
    """The numbers of the rows that `weigh` keeps, as the user counts them."""
    return np.arange(n) if weight is None else np.flatnonzero(np.broadcast_to(np.asarray(weight) > 0, n))


Chosen = tuple[np.ndarray, np.ndarray]  # numbers of rows


def split(part: Part, share: float, seed: int, stratify: bool) -> tuple[Part, Part, Chosen]:
    """Training rows, held-out rows and the numbers of both; a function of (n, share, y, seed)."""
    rows, y, weight = part
    chosen = holdout(count(rows), share, y if stratify else None, seed=seed, stratify=stratify)
    first, second = ((take(rows, i), y[i], None if weight is None else weight[i]) for i in chosen)
    return first, second, chosen


def require_finite_outputs(outputs: Any, where: str) -> None:
    """Refuse to answer with NaN or infinity, which a network gives of numbers far beyond those that it learned from.

    Parameters
    ----------
    outputs : of a network, a tensor or a tuple of them. where : how an error names the rows.

    Raises
    ------
    InvalidData : an output that is not finite; with its row.
    """
    for output in outputs if isinstance(outputs, (tuple, list)) else (outputs,):
        if not bool(torch.isfinite(output).all()):
            row = int((~torch.isfinite(output)).reshape(len(output), -1).any(1).int().argmax())
            remedy = "Look at the size of its numbers beside those of fit; or the training diverged: see history_."
            raise InvalidData(
                problem(
                    f"{where}. Row {row}",
                    "a row of which the network's outputs are finite",
                    f"{output[row].flatten()[:3].tolist()}",
                    remedy,
                )
            )


def sample_of(part: Part, numbers: np.ndarray | None) -> tuple[Part, np.ndarray | None]:
    """Of a stream, rows in memory that are spread evenly, and their numbers of all; else both as they are."""
    rows, y, weight = part
    if not isinstance(rows, Stream):
        return part, numbers
    which = np.arange(0, len(rows), max(1, len(rows) // LOOKED_AT))
    sample = rows[which].read(), y[which], None if weight is None else weight[which]
    return sample, None if numbers is None else numbers[which]


def first_of(rows: Rows, n: int = 2) -> Rows:
    """The first rows."""
    return take(rows, np.arange(min(n, count(rows))))


def batches_of(
    inputs: Any,
    rows: Rows,
    target: Any,
    weight: np.ndarray | None,
    precision: Precision,
    size: int,
    seed: int = 0,
    augment: Any = None,
) -> Batches:
    """Rows as batches: in memory, or read while a run goes where they are a stream."""
    looked_at = inputs.transform(rows[:2] if isinstance(rows, Stream) else rows)
    if augment is not None:
        require_images(augment, looked_at)
    if not isinstance(rows, Stream):
        return to_batches(looked_at, target, weight, precision, size, seed, augment)
    several = isinstance(target, tuple)
    targets = tuple(to_tensor(t, precision) for t in target) if several else to_tensor(target, precision)
    weights = None if weight is None else to_tensor(weight / weight.mean(), precision)
    options = (size, seed, precision, rows.workers, augment)
    made: Any = StreamBatches(rows.source, inputs.transform, rows.rows, targets, weights, *options)
    return made  # type: ignore[no-any-return]  # by its protocol


def to_batches(
    inputs: tuple[np.ndarray, ...],
    target: Any,
    weight: np.ndarray | None,
    precision: Precision,
    size: int,
    seed: int = 0,
    augment: Any = None,
) -> Batches:
    """Arrays as tensors on the device, weights scaled to mean 1."""
    tensors = tuple(to_tensor(array, precision) for array in inputs)
    several = isinstance(target, tuple)
    targets = tuple(to_tensor(t, precision) for t in target) if several else to_tensor(target, precision)
    weights = None if weight is None else to_tensor(weight / weight.mean(), precision)
    return Batches(tensors, targets, weights, size, seed, precision.channels_last, augment)


def to_tensor(array: np.ndarray, precision: Precision) -> torch.Tensor:
    """An array on the device; floating numbers in the run's format, integers as they are. The array is not shared."""
    array = np.ascontiguousarray(array)
    if not array.flags.writeable:
        array = array.copy()
    tensor = torch.from_numpy(array)
    return tensor.to(device=precision.device, dtype=precision.dtype if tensor.is_floating_point() else None)
