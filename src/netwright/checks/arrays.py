"""Arrays, frames and lists as tensors: what a user calls X and y, before anything is asked of it."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Number
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.core.errors import InvalidData, problem, shown

WIDE = (np.uint16, np.uint32, np.uint64)  # whole numbers that torch hardly computes with
ENCODE = "Turn text into numbers: one-hot columns, or whole numbers for an nn.Embedding."


def to_tensors(item: Any, like: torch.dtype, where: str = "data", names: bool = True) -> Any:
    """Tensors as they are; arrays, lists and frames as tensors, real numbers in the module's own dtype.

    Parameters
    ----------
    item : of any such kind, or a tuple or dict of them.
    like : the floating dtype of the module.
    where : the name of the data in errors.
    names : whether text is taken for names of classes, which are numbered in their order.

    Raises
    ------
    InvalidData : rows of different length, dates, objects, text where there are to be numbers, a single number.
    """
    if isinstance(item, Tensor):
        return _dense(item, where)
    if isinstance(item, dict):
        return {name: to_tensors(part, like, where, names) for name, part in item.items()}
    if isinstance(item, tuple) and not all(map(_single, item)):
        return tuple(to_tensors(part, like, where, names) for part in item)
    columns = None if names else list(map(str, getattr(item, "columns", ())))
    tensor = _from_array(_array(item, where), where, columns)
    return tensor.to(like) if tensor.is_floating_point() else tensor


def parts_of(parts: Iterable[Any], target: Any) -> list[Any]:
    """The inputs, one an argument of the module: what stands before the target, or a list of such.

    A list of rows is one input; a list or tuple is several where each of its parts has as many rows as the target.

    Parameters
    ----------
    parts : what stands before the target. target : the rows of which are counted.
    """
    found = list(parts)
    if len(found) != 1 or not isinstance(found[0], (tuple, list)):
        return found
    inside, n = list(found[0]), _rows(target)
    rows = [_rows(part) for part in inside]
    if not inside or any(row is None for row in rows):
        return found
    if len(inside) == n:  # as many parts as rows: they are the rows, but for a few inputs of a few rows
        tables = all(getattr(part, "ndim", 1) > 1 for part in inside)
        return inside if tables and all(row == n for row in rows) else found
    arrays = isinstance(found[0], tuple) or all(hasattr(part, "ndim") for part in inside)
    return inside if arrays or all(row == n for row in rows) else found


def _rows(item: Any) -> int | None:
    """The number of rows; None of what has none."""
    if isinstance(item, dict):
        return _rows(next(iter(item.values()), None))
    if isinstance(item, tuple) and not all(map(_single, item)):
        return _rows(item[0])
    if _single(item) or getattr(item, "ndim", 1) == 0:
        return None
    try:
        return len(item)
    except TypeError:
        return None


def _single(item: Any) -> bool:
    return item is None or isinstance(item, (str, bytes, Number)) or getattr(item, "ndim", 1) == 0


def _dense(tensor: Tensor, where: str) -> Tensor:
    if tensor.layout is not torch.strided or tensor.is_nested:
        remedy = "Give X.to_dense(), or a DataLoader that gives dense batches."
        raise InvalidData(problem(f"nw.check({where})", "dense tensors", f"a {tensor.layout} tensor", remedy))
    if not tensor.ndim:
        raise _no_rows(where, shown(tensor))
    if tensor.device.type == "meta":
        raise InvalidData(problem(f"nw.check({where})", "tensors with numbers", "one on the meta device"))
    return tensor.clone() if tensor.is_inference() else tensor


def _no_rows(where: str, got: str) -> InvalidData:
    return InvalidData(
        problem(f"nw.check({where})", "arrays with rows", got, "Give X (n, ...) and y (n,) or (n, ...).")
    )


def _array(item: Any, where: str) -> Any:
    """An array of NumPy with an axis of rows."""
    if hasattr(item, "toarray"):
        kind = type(item).__name__
        raise InvalidData(problem(f"nw.check({where})", "dense arrays", f"a {kind}", "Give X.toarray()."))
    if isinstance(item, (list, tuple)) and any(isinstance(part, Tensor) for part in item):
        item = [part.detach().cpu().numpy() if isinstance(part, Tensor) else part for part in item]
    try:
        array = np.asarray(item.to_numpy() if hasattr(item, "to_numpy") else item)
    except ValueError:
        raise InvalidData(_ragged(item, where)) from None
    if not array.ndim:
        raise _no_rows(where, shown(item))
    return array


def _ragged(item: Any, where: str) -> str:
    lengths = (
        sorted({len(part) for part in item if hasattr(part, "__len__")}) if isinstance(item, (list, tuple)) else []
    )
    got = f"rows of {lengths[0]} to {lengths[-1]} numbers" if len(lengths) > 1 else "rows of different shapes"
    remedy = "Pad them to one length, or give a DataLoader whose collate_fn does."
    return problem(f"nw.check({where})", "rows of one length", got, remedy)


def _from_array(array: Any, where: str, columns: list[str] | None) -> Tensor:
    """An array as a tensor; text is refused where it stands in columns, and else numbered."""
    kind = array.dtype.kind
    if kind in "OUS":
        words = kind != "O" or any(isinstance(each, (str, bytes)) for each in array.flat)
        array = _numbered(array, where, columns) if words else _numbers(array, where)
    elif kind not in "biufc":
        remedy = "Turn dates into numbers, such as days since the first."
        raise InvalidData(problem(f"nw.check({where})", "numbers", f"an array of {array.dtype}", remedy))
    elif array.dtype.type in WIDE:
        array = array.astype(np.int64)
    elif array.dtype.type is np.longdouble or not array.dtype.isnative:
        array = array.astype(np.float64 if kind == "f" else array.dtype.newbyteorder("="))
    return torch.from_numpy(np.array(array))


def _numbered(array: Any, where: str, columns: list[str] | None) -> Any:
    """Names of classes as numbers in their order."""
    if columns is not None:
        at, word = next((at, each) for at, each in np.ndenumerate(array) if isinstance(each, (str, bytes)))
        column = columns[at[-1]] if array.ndim == 2 and at[-1] < len(columns) else None
        got = f"text such as {shown(str(word), 60)}" + (f" in column {column!r}" if column is not None else "")
        raise InvalidData(problem(f"nw.check({where})", "numbers in X", got, ENCODE))
    missing = [row for row, each in enumerate(array.flat) if not isinstance(each, (str, bytes)) and each != each]
    missing += [row for row, each in enumerate(array.flat) if each is None]
    if missing:
        got = f"none for {len(missing)} rows (the first is {min(missing)})"
        raise InvalidData(problem(f"nw.check({where})", "a name of a class for each row", got, "Leave them out."))
    return np.unique(array.astype(str), return_inverse=True)[1].reshape(array.shape)


def _numbers(array: Any, where: str) -> Any:
    """Objects as numbers; what is missing is NaN."""
    missing = np.array([each is None or type(each).__name__ in ("NAType", "NaTType") for each in array.flat], bool)
    filled = np.where(missing.reshape(array.shape), np.nan, array)
    try:
        return filled.astype(np.float64)
    except (TypeError, ValueError):
        if array.ndim == 1 and all(hasattr(each, "__len__") for each in array):
            raise InvalidData(_ragged(list(array), where)) from None
        other = next((each for each in filled.flat if not isinstance(each, Number)), filled.flat[0])
        got = f"a {type(other).__name__} ({shown(other, 60)})"
        remedy = "Turn every column into numbers; dates into days, say."
        raise InvalidData(problem(f"nw.check({where})", "numbers", got, remedy)) from None
