"""Whether the axes of images and sequences are in the order that their layer reads them in.

A layer that slides over an axis, in space or in time, needs one with an order, where neighbours are more alike than any
two places. How much so is told by von Neumann's ratio, the roughness of an axis::

    R = mean (x[i + 1] - x[i])^2 / mean over pairs (x[i] - x[j])^2        about 1 without any order, 0 where smooth

What all places share cancels: sensors that move together have no order because of that. Before, the mean over rows is
taken out of every place.

Reference: von Neumann, The Annals of Mathematical Statistics 12 (1941), 367.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.checks.context import Context

ROUGH, SMOOTH = 0.8, 0.35  # roughness without and with a clear order
SHARE = 0.6  # of the roughness that pictures have in the right order
LEAST = 0.7  # roughness at most of pictures in the right order
ALIKE = 0.3  # correlation of neighbours at least, where pictures are noisy
FAINT = 0.12  # the same, where they lie as far apart as there are channels
JUMP, ON = 2.0, 1.25  # the square of a jump over that of a step at least, and at most where a series goes on
LONGER = 1.5  # steps than features, at least
FEW, MANY = 4, 8  # channels of pictures, and pixels along an edge
ROWS = 256
TURNED, REGROUPED = "its last two axes exchanged", "its last two axes regrouped"
LAST = "channels last"


@dataclass(frozen=True)
class Reading:
    """Another way to read a tensor: what it is called, the tensor so read, and how rough the axes are then."""

    how: str
    tensor: Tensor
    rough: float


def better_axes(context: Context) -> tuple[str, float, float, str] | None:
    """The layer that reads mixed axes, the correlation of neighbours now and in a better order, and that order."""
    for path, layer, inputs in context.seen[0].calls:
        tensor = inputs[0] if inputs and isinstance(inputs[0], Tensor) else None
        if tensor is None or not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            continue
        if isinstance(layer, (nn.Conv2d, nn.Conv1d, nn.RNNBase)):
            if not _is_input(context, tensor) or set(getattr(layer, "kernel_size", (2,))) == {1}:
                return None  # a convolution of one place looks at no neighbours
            return _best(context, path, tensor, layer)
    return None


def _is_input(context: Context, tensor: Tensor) -> bool:
    """Whether a tensor holds the numbers of the input itself, in whatever order, and nothing learned."""
    own = next((each for each in context.floats if each.numel() // len(each) == tensor.numel() // len(tensor)), None)
    many = [each for each in context.many.inputs if isinstance(each, Tensor) and each.is_floating_point()]
    if not many or (own is None and many[0].numel() != tensor.numel()):
        return False
    a, b = (each.double().flatten().sort().values for each in (many[0], tensor))
    if a.shape != b.shape:
        return False
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum()) > 0.98 * float(a.norm() * b.norm())


def _best(context: Context, path: str, tensor: Tensor, layer: nn.Module) -> tuple[str, float, float, str] | None:
    n = len(context.many)
    if isinstance(layer, nn.RNNBase) and not layer.batch_first and tensor.ndim == 3:
        if tensor.shape[0] == n or tensor.shape[1] != n:
            return None  # time and rows are told apart by the question whether rows influence each other
        tensor = tensor.transpose(0, 1)
    if len(tensor) != n or tensor.ndim not in (3, 4) or min(tensor.shape[1:]) < 1 or n < 8:
        return None
    tensor = tensor[:ROWS].double()
    images = tensor.ndim == 4
    axis = 1 if isinstance(layer, nn.RNNBase) else 2
    tensor = tensor - tensor.mean(0) if images else _standard(tensor)
    now = _of_picture(tensor) if images else roughness(tensor, axis)
    context.signal("roughness along the axes that a layer slides over", now, ROUGH, "wrong-axes")
    readings = list(_of_images(tensor, now, layer) if images else _of_sequences(tensor, now, axis))
    if not readings:
        return None
    best = min(readings, key=lambda reading: reading.rough)
    measure = _in_images if images else lambda t: _along(t, axis)
    return path, measure(tensor), measure(best.tensor), best.how


def _of_images(tensor: Tensor, now: float, layer: nn.Module) -> Iterator[Reading]:
    """Better ways to read (n, channels, height, width): what view in place of permute has done, or nothing."""
    n, c, h, w = tensor.shape
    found = []
    if c > 1 and min(h, w) >= FEW:
        found.append(("(rows, height, width, channels)", tensor.reshape(n, h, w, c).permute(0, 3, 1, 2)))
    if c == 1 and min(h, w) >= FEW:
        found.append(("pixels in columns", tensor.reshape(n, w, h).transpose(1, 2).reshape(n, 1, h, w)))
    for how, other in found:
        then, before, after = _of_picture(other), _in_images(tensor), _in_images(other)
        if c > 1 and (before < -FAINT or not _ends_later(tensor)):
            continue  # a pattern that comes back after as many places as there are channels
        clear = now > ROUGH and then < min(LEAST, SHARE * now)
        alike = after > max(ALIKE, 2 * before) and after - before > 0.25
        if clear or (now > 0.95 and then < 0.85 * now and (alike or (c > 1 and _lies_apart(tensor, other)))):
            yield Reading(how, other, then)
    kernel = layer.kernel_size[1] if isinstance(layer, nn.Conv2d) else 1
    if w <= FEW and min(c, h) >= MANY and (c == h or kernel > 1):
        down, across = roughness(tensor, 1), roughness(tensor, 2)
        if max(down, across) < LEAST and max(down, across) < 3 * min(down, across) + 0.05:
            yield Reading(LAST, tensor.permute(0, 3, 1, 2), max(down, across))


def _lies_apart(tensor: Tensor, other: Tensor) -> bool:
    """Whether neighbours lie as many places apart as there are channels, however noisy pictures are."""
    inside, own, ended = _row_ends(tensor)
    return (
        _in_images(other) > max(FAINT, 1.5 * _in_images(tensor))
        and inside > FAINT
        and own > 0.8 * inside
        and ended < 0.6 * inside
    )


def _ends_later(tensor: Tensor) -> bool:
    """Whether rows of pixels end later than the width says, as far as numbers that far apart are alike at all."""
    inside, own, ended = _row_ends(tensor)
    return own > 0.6 * inside and ended < 0.95 * inside


def _row_ends(tensor: Tensor) -> tuple[float, float, float]:
    """How numbers correlate that lie as many places apart as there are channels: inside of rows, and over their ends.

    Where pixels lie with their channels together, a row of them ends after channels times the width, which is the last
    figure, and goes on where the width says that it ends, which is the second. Stripes that come back have no such end.
    """
    c, _, w = tensor.shape[1:]
    row = tensor.flatten(1)
    at = torch.arange(row.shape[1] - c)
    other_end = at // (w * c) != (at + c) // (w * c)
    own_end = (at // w != (at + c) // w) & ~other_end
    parts = (~own_end & ~other_end, own_end, other_end)
    inside, own, ended = (_correlation(row[:, c:][:, part], row[:, :-c][:, part]) for part in parts)
    return inside, own, ended


def _of_sequences(tensor: Tensor, now: float, axis: int) -> Iterator[Reading]:
    """Better ways to read sequences that have no order along the axis that is taken for time."""
    n, a, b = tensor.shape
    if min(a, b) < 2 or not now > ROUGH:
        return
    steps, features = (tensor.shape[axis], tensor.shape[3 - axis])
    folded = tensor.reshape(n, -1)
    regrouped = tensor.reshape(n, b, a).transpose(1, 2)
    then = roughness(regrouped, axis)
    if axis == 1:
        other, own = _ends(folded, a, b)
        if steps > FEW and then < SHARE * now and other > JUMP and own < ON:
            yield Reading(REGROUPED, regrouped, then)
            return
    jump = float((folded[:, b::b] - folded[:, b - 1 : -1 : b]).square().mean() / (2 * tensor.var((1, 2)).mean()))
    if not jump > 2 * SMOOTH:
        return  # a long series in pieces, which goes on from the end of one to the next
    turned = roughness(tensor, 3 - axis)
    if features >= LONGER * steps and features > FEW and turned < SMOOTH:
        yield Reading(TURNED, tensor.transpose(1, 2), turned)
    if steps > FEW and turned > SMOOTH > then and (axis == 2 or own < ON) and _worst(regrouped, axis) < ROUGH:
        yield Reading(REGROUPED, regrouped, then)


def _ends(folded: Tensor, a: int, b: int) -> tuple[float, float]:
    """How far the numbers of a row, one after the other, jump after every a and after every b, of how far elsewhere.

    Where they jump after every a and not after every b they are b series of a steps, and were never laid out as what
    they are read as, a steps of b features. A long series jumps nowhere, and features that are alike jump after a step.
    """
    differ = folded.diff(dim=1).square().mean(0)
    at = torch.arange(1, folded.shape[1])
    parts = [(at % a == 0) & (at % b != 0), (at % b == 0) & (at % a != 0), (at % a != 0) & (at % b != 0)]
    if not all(bool(part.any()) for part in parts):
        return 1.0, 1.0
    other, own, elsewhere = (float(differ[part].mean()) for part in parts)
    return other / max(elsewhere, 1e-12), own / max(elsewhere, 1e-12)


def roughness(tensor: Tensor, axis: int) -> float:
    """Von Neumann's ratio along an axis, 1 for fewer than two places.

    Parameters
    ----------
    tensor : rows first. axis : that is asked about.
    """
    n = tensor.shape[axis]
    if n < 2:
        return 1.0
    differ = (tensor.narrow(axis, 1, n - 1) - tensor.narrow(axis, 0, n - 1)).square().mean()
    return float(differ / (2 * tensor.var(axis).mean()).clamp_min(1e-12))


def _worst(tensor: Tensor, axis: int) -> float:
    """Von Neumann's ratio of the neighbours that differ most, but the first two: jumps between blocks are no order."""
    moved = tensor.movedim(axis, 1)
    differ = (moved[:, 2:] - moved[:, 1:-1]).square().transpose(0, 1).flatten(1).mean(1)
    return float(differ.max() / (2 * moved.var(1).mean()).clamp_min(1e-12))


def _of_picture(tensor: Tensor) -> float:
    return max(roughness(tensor, -1), roughness(tensor, -2))


def _standard(tensor: Tensor) -> Tensor:
    """Every place with mean 0 and standard deviation 1 over the rows."""
    deviation = tensor.std(0)
    return (tensor - tensor.mean(0)) / torch.where(deviation > 1e-9, deviation, 1.0)


def _in_images(tensor: Tensor) -> float:
    return min(_correlation(tensor[..., 1:], tensor[..., :-1]), _correlation(tensor[..., 1:, :], tensor[..., :-1, :]))


def _along(tensor: Tensor, axis: int) -> float:
    n = tensor.shape[axis]
    return _correlation(tensor.narrow(axis, 1, n - 1), tensor.narrow(axis, 0, n - 1)) if n > 2 else 0.0


def _correlation(a: Tensor, b: Tensor) -> float:
    """The correlation of neighbours, whose mean over rows has been taken out of every place."""
    a, b = (each - each.mean(0) for each in (a, b))
    scale = float(a.norm() * b.norm())
    return float((a * b).sum()) / scale if scale > 1e-12 else 1.0
