"""What the functions of boxes take and give back: tensors for tensors, NumPy arrays for all else.

=================== =====================================================================================
what comes          what is done
=================== =====================================================================================
tensors             tensors go back, on the device of the first one; gradients pass where there are some
arrays, lists       NumPy arrays go back
float32, float64    is kept; of several types the widest
float16, bfloat16   is computed in float32, and goes back as it came
integers            are computed in float64, as 70000 * 70000 is beyond int32, and go back as float64
lists of floats     take the type of the tensors and arrays beside them; float64 where there are none
=================== =====================================================================================

A box is four numbers, by default x1, y1, x2, y2 in pixels: the left, top, right and bottom edge. A box that is
reversed (x2 < x1 or y2 < y1) is empty: its area is 0, and it shares nothing with any other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.core.errors import InvalidData, problem, shown

NARROW = 4  # bytes of a number below which float32 computes


class Form(NamedTuple):
    """The form of what came, and so of what goes back.

    Attributes
    ----------
    device : of the tensors; None: NumPy arrays go back.
    dtype : the type of floats that go back.
    """

    device: torch.device | None
    dtype: torch.dtype

    def give(self, found: Tensor) -> Any:
        """A result as the caller wants it: floats in their type; a tensor, or an array, of one number a float."""
        if found.is_floating_point():
            found = found.to(self.dtype)
        if self.device is not None:
            return found
        return found.detach().numpy() if found.ndim else found.item()

    def give_array(self, found: NDArray[Any]) -> Any:
        """A result that was computed on the CPU in NumPy."""
        whole = torch.from_numpy(np.ascontiguousarray(found))
        return self.give(whole if self.device is None else whole.to(self.device))


def read_numbers(owner: str, **values: Any) -> tuple[list[Tensor], Form]:
    """Arguments as tensors of one type on one device, and the form of what goes back.

    Parameters
    ----------
    owner : the function that reads. values : its arguments by name.

    Raises
    ------
    InvalidData : an argument that holds no numbers.

    Examples
    --------
    >>> tensors, form = read_numbers("area", boxes=np.array([[0, 0, 70000, 70000]]))
    >>> tensors[0].dtype, form.device
    (torch.float64, None)
    """
    device = next((value.device for value in values.values() if isinstance(value, Tensor)), None)
    tensors = [_tensor(f"{owner}({name})", value) for name, value in values.items()]
    typed = [
        tensor.dtype if tensor.is_floating_point() else torch.float64
        for tensor, value in zip(tensors, values.values(), strict=True)
        if isinstance(value, (Tensor, np.ndarray))
    ]
    dtype = typed[0] if typed else torch.float64
    for other in typed[1:]:
        dtype = torch.promote_types(dtype, other)
    working = torch.float32 if dtype.itemsize < NARROW else dtype
    return [tensor.to(device or "cpu", working) for tensor in tensors], Form(device, dtype)


def read_integers(where: str, value: Any, count: int | None = None) -> NDArray[np.int64]:
    """Integers, one for each box, as a NumPy array on the CPU.

    Parameters
    ----------
    where : the argument, as in "nms(idxs)". value : a tensor, an array or a list. count : how many there must be.

    Raises
    ------
    InvalidData : anything but integers, or another number of them.
    """
    given = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if given.size and given.dtype.kind not in "iu":
        raise InvalidData(problem(where, "integers", f"{given.dtype}: {shown(given)}", "Give whole numbers."))
    if given.ndim != 1 or count not in (None, len(given)):
        expected = "one axis" if count is None else f"shape ({count},), one a box"
        raise InvalidData(problem(where, expected, f"shape {given.shape}"))
    return given.astype(np.int64)


def read_labels(where: str, value: Any, count: int, table: dict[Any, int]) -> NDArray[np.int64]:
    """Labels of any kind as their numbers in a table, to which new ones are added.

    Parameters
    ----------
    where : the argument, as in "nms(idxs)". value : a tensor, an array or a list. count : how many there must be.
    table : the number of each label.

    Raises
    ------
    InvalidData : a label that does not hash, with its row, or another number of labels.
    """
    plain = value.tolist() if isinstance(value, (Tensor, np.ndarray)) else list(value)
    if len(plain) != count or getattr(value, "ndim", 1) != 1:
        got = f"shape {tuple(value.shape)}" if hasattr(value, "shape") else str(len(plain))
        raise InvalidData(problem(where, f"{count} labels, one a box", got))
    found = np.empty(count, np.int64)
    for row, label in enumerate(plain):
        try:
            found[row] = table.setdefault(label, len(table))
        except TypeError as error:
            raise InvalidData(problem(f"{where}, row {row}", "a label that hashes", shown(label))) from error
    return found


def require_boxes(where: str, boxes: Tensor, *, flat: bool = True, finite: bool = True) -> Tensor:
    """The boxes, after a look at their shape and values; an empty list becomes (0, 4).

    Parameters
    ----------
    where : the argument, as in "box_iou(boxes1)".
    boxes : (n, 4), or with `flat` off (..., 4).
    finite : whether NaN and infinity are refused.

    Raises
    ------
    InvalidData : another shape, or a value that is not finite or whose square is not, with its row.
    """
    if boxes.shape == (0,):
        boxes = boxes.reshape(0, 4)
    if boxes.ndim == 0 or boxes.shape[-1] != 4 or (flat and boxes.ndim != 2):
        expected = "shape (n, 4), four numbers a box" if flat else "shape (..., 4), four numbers a box"
        got = f"shape {tuple(boxes.shape)}"
        remedy = "Give one box as [[x1, y1, x2, y2]]." if flat and boxes.shape == (4,) else ""
        raise InvalidData(problem(where, expected, got, remedy))
    if finite:
        require_finite(where, boxes)
        limit = float(torch.finfo(boxes.dtype).max) ** 0.5 / 4  # areas of hulls, and squares of diagonals, are finite
        expected = f"numbers up to {limit:.2g} in size, whose areas {boxes.dtype} can hold"
        require_rows(where, (boxes.detach().abs() <= limit).all(-1), expected, boxes, "Leave the row out.")
    return boxes


def require_finite(where: str, values: Tensor) -> None:
    """Raise unless all values are finite, with the first row that is not.

    Raises
    ------
    InvalidData : NaN or infinity.
    """
    bad = ~torch.isfinite(values.detach())
    if bad.any():
        place = [int(index) for index in bad.nonzero()[0]]
        row = values.detach()[tuple(place[:-1])] if values.ndim > 1 else values.detach()[place[0]]
        at = place[: max(len(place) - 1, 1)]
        named = f"row {at[0]}" if len(at) == 1 else f"row {tuple(at)}"
        raise InvalidData(problem(f"{where}, {named}", "finite numbers", shown(row.tolist()), "Leave the row out."))


def require_scores(where: str, scores: Tensor, count: int) -> Tensor:
    """The scores, one for each of `count` boxes, all finite.

    Raises
    ------
    InvalidData : another shape, NaN or infinity.
    """
    if scores.shape != (count,):
        raise InvalidData(problem(where, f"shape ({count},), one score a box", f"shape {tuple(scores.shape)}"))
    require_finite(where, scores)
    return scores


def require_rows(where: str, good: Tensor, expected: str, values: Tensor, remedy: str) -> None:
    """Raise unless `good` holds for every row, with the first row for which it does not.

    Parameters
    ----------
    where, expected, remedy : for the message. good : (...,), whether a row is as it must be. values : (..., k).

    Raises
    ------
    InvalidData : a row that is not good.
    """
    if not bool(good.all()):
        place = tuple(int(index) for index in (~good).nonzero()[0])
        got = shown(values.detach().broadcast_to((*good.shape, values.shape[-1]))[place].tolist())
        named = f"row {place[0]}" if len(place) == 1 else f"row {place}"
        raise InvalidData(problem(f"{where}, {named}" if place else where, expected, got, remedy))


def on_host(values: Tensor) -> NDArray[np.float64]:
    """The values in float64 in the memory of the CPU, as compiled loops want them."""
    return np.ascontiguousarray(values.detach().cpu().double().numpy())


def _tensor(where: str, value: Any) -> Tensor:
    """One argument as a tensor of floats, integers as float64."""
    if isinstance(value, Tensor):
        if value.dtype == torch.bool or value.is_complex():
            raise InvalidData(problem(where, "real numbers", str(value.dtype)))
        return value if value.is_floating_point() else value.double()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidData(problem(where, "rows of one length", shown(value))) from error
    if array.dtype.kind not in "iuf":
        raise InvalidData(problem(where, "numbers", f"{array.dtype}: {shown(value)}"))
    if array.dtype not in (np.float16, np.float32, np.float64) or not array.dtype.isnative:
        array = array.astype(np.float64)
    return torch.from_numpy(array if array.flags.writeable and array.flags.c_contiguous else array.copy())
