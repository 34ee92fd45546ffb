"""What a target must look like: its shape against the output's (at every call), its values (once, before training).

Shapes are compared on the Python side and cost nothing on a device. Values are read back from the device, so that
`netwright.losses.Loss.check_target` is called once for all rows and not for every mini-batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from netwright.core.errors import InvalidData, problem
from netwright.losses.link import class_axis

SUM_TOLERANCE = 1e-3  # of a row of probabilities: what rounding to half precision leaves of the sum 1


def without_classes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its class axis: that of class indices."""
    return (*shape[:1], *shape[2:]) if len(shape) >= 4 else tuple(shape[:-1])


def check_same_shape(loss: Any, shape: torch.Size, target: Tensor) -> None:
    """A target with one number for each output; (n, 1) does not match (n,).

    Raises
    ------
    InvalidData : another shape.
    """
    if target.shape != shape:
        raise refused_shape(loss, f"the shape {tuple(shape)} of the output", shape, target)


def check_classes(loss: Any, shape: torch.Size, target: Tensor) -> None:
    """A target of class indices, int64, for outputs with at least two classes.

    Raises
    ------
    InvalidData : another shape or type, or outputs with fewer than two classes.
    """
    check_several(loss, shape)
    if target.shape != without_classes(shape):
        raise refused_shape(loss, f"{without_classes(shape)} of class indices", shape, target)
    if target.dtype is not torch.int64:
        raise InvalidData(
            problem(f"{type(loss).__name__}(target)", "class indices of type int64", f"{target.dtype}", "Use .long().")
        )


def check_several(loss: Any, shape: torch.Size) -> None:
    """Outputs with at least two classes: one class alone has the probability 1, whatever the network says.

    Raises
    ------
    InvalidData : fewer.
    """
    if len(shape) < 2 or shape[class_axis(len(shape))] < 2:
        remedy = "For two classes in one column, use BinaryCrossEntropy() with a target of 0 and 1 in the same shape."
        raise InvalidData(
            problem(f"{type(loss).__name__}(output)", "2 classes or more", f"shape {tuple(shape)}", remedy)
        )


def refused_shape(loss: Any, expected: str, shape: torch.Size, target: Tensor) -> InvalidData:
    """The error for a target of a wrong shape; its remedy is the nearest thing that would fit."""
    got = tuple(target.shape)
    remedy = "Change the last layer of the network, or the target."
    if target.numel() == shape.numel():
        remedy = f"Use target.reshape{(-1, *shape[1:])}." if len(shape) > 1 else "Use target.reshape(-1)."
    elif len(shape) > 1 and got == (*without_classes(shape), 1):
        remedy = "Use target.squeeze(-1) for class indices."
    elif target.dtype is torch.int64 and got == without_classes(shape):
        remedy = "Class indices go with CrossEntropy(); here one number for each output is needed."
    return InvalidData(
        problem(f"{type(loss).__name__}(target)", expected, f"{got} for an output {tuple(shape)}", remedy)
    )


def check_entries(loss: Any, expected: str, target: Tensor, good: Tensor, remedy: str = "") -> None:
    """Every entry of a target is good, or an error with the row and the value of the first that is not.

    Parameters
    ----------
    loss : it is named in the error.
    expected : what an entry must be, in words.
    target, good : the entries, and whether each is good; same shape.
    remedy : what to do.

    Raises
    ------
    InvalidData : an entry that is not good.
    """
    if bool(good.all()):
        return
    first = int((~good).flatten().to(torch.uint8).argmax())
    place = [int(axis) for axis in torch.unravel_index(torch.tensor(first), good.shape)]
    where = f"row {place[0]}" + "".join(f", {axis}" for axis in place[1:])
    raise InvalidData(
        problem(f"{type(loss).__name__}(target)", expected, f"{target[tuple(place)].item()!r} in {where}", remedy)
    )


def check_finite(loss: Any, target: Tensor) -> None:
    """A target without NaN and infinities."""
    check_entries(loss, "finite numbers", target, target.isfinite(), "Leave the row out, or impute it.")


def check_range(loss: Any, target: Tensor, classes: int) -> None:
    """Class indices from 0 to `classes` - 1."""
    good = (target >= 0) & (target < classes)
    check_entries(loss, f"class indices from 0 to {classes - 1}", target, good, "The network needs an output a class.")


def check_distributions(loss: Any, target: Tensor) -> None:
    """Rows of probabilities: numbers >= 0 that sum to 1 over the class axis."""
    check_entries(loss, "probabilities >= 0", target, (target >= 0) & target.isfinite())
    sums = target.double().sum(class_axis(target.ndim))
    check_entries(loss, "rows that sum to 1", sums, (sums - 1).abs() <= SUM_TOLERANCE, "Divide each row by its sum.")
