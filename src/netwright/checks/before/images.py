"""Whether the axes of images and sequences are in the order that their layer reads them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from netwright.checks.context import Context

CLEARLY = 0.25  # how much more neighbours must correlate in another order
LEAST = 0.3  # and by how much at least
ROWS = 256

Reading = tuple[str, Callable[[Tensor], Tensor]]


def better_axes(context: Context) -> tuple[str, float, float, str] | None:
    """The layer that reads mixed axes, the correlation of neighbours now and in a better order, and that order."""
    for path, layer, inputs in context.seen[0].calls:
        tensor = inputs[0] if inputs and isinstance(inputs[0], Tensor) else None
        if tensor is None or not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            continue
        if isinstance(layer, (nn.Conv2d, nn.Conv1d, nn.RNNBase)):
            if not _is_input(context, tensor):
                return None
            return _best(path, tensor[:ROWS].double(), layer)
    return None


def _is_input(context: Context, tensor: Tensor) -> bool:
    """Whether a tensor holds the numbers of the input itself, in whatever order, and nothing learned."""
    own = next((each for each in context.floats if each.numel() // len(each) == tensor.numel() // len(tensor)), None)
    if own is None:
        return False
    many = next(each for each in context.many.inputs if isinstance(each, Tensor) and each.is_floating_point())
    a, b = (each.double().flatten().sort().values for each in (many, tensor))
    if a.shape != b.shape:
        return False
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum()) > 0.98 * float(a.norm() * b.norm())


def _best(path: str, tensor: Tensor, layer: nn.Module) -> tuple[str, float, float, str] | None:
    images = tensor.ndim == 4
    steps = 1 if isinstance(layer, nn.RNNBase) and layer.batch_first else 0 if isinstance(layer, nn.RNNBase) else 2
    if isinstance(layer, nn.RNNBase) and steps == 0:
        return None  # time and rows are told apart by the question whether rows influence each other
    if tensor.ndim not in (3, 4) or min(tensor.shape[1:]) < 1:
        return None
    measure = _in_images if images else lambda t: _along(t, steps)
    now = measure(tensor)
    readings = _of_images(tensor) if images else _of_sequences(tensor)
    rated = [(measure(change(tensor)), how) for how, change in readings]
    if not rated:
        return None
    then, how = max(rated)
    return (path, now, then, how) if then > LEAST and then - now > CLEARLY and now < 0.5 * then else None


def _of_images(tensor: Tensor) -> Iterator[Reading]:
    """Other ways to read (n, channels, height, width): what view in place of permute would have done."""
    n, c, h, w = tensor.shape
    if c > 1:
        yield "(rows, height, width, channels)", lambda t: t.reshape(n, h, w, c).permute(0, 3, 1, 2)
    if w <= 4 and c > w:
        yield "channels last", lambda t: t.permute(0, 3, 1, 2)
    if c == 1 and h * w >= 16:
        yield "pixels in columns", lambda t: t.reshape(n, w, h).transpose(1, 2).reshape(n, 1, h, w)


def _of_sequences(tensor: Tensor) -> Iterator[Reading]:
    n, a, b = tensor.shape
    if a > 1 and b > 1:
        yield "its last two axes exchanged", lambda t: t.transpose(1, 2)
        yield "its last two axes regrouped", lambda t: t.reshape(n, b, a).transpose(1, 2)


def _in_images(tensor: Tensor) -> float:
    return min(_correlation(tensor[..., 1:], tensor[..., :-1]), _correlation(tensor[..., 1:, :], tensor[..., :-1, :]))


def _along(tensor: Tensor, axis: int) -> float:
    n = tensor.shape[axis]
    return _correlation(tensor.narrow(axis, 1, n - 1), tensor.narrow(axis, 0, n - 1)) if n > 2 else 0.0


def _correlation(a: Tensor, b: Tensor) -> float:
    """The correlation of neighbours after the mean over rows is taken out of every place."""
    a, b = (each - each.mean(0) for each in (a, b))
    scale = float(a.norm() * b.norm())
    return float((a * b).sum()) / scale if scale > 1e-12 else 1.0
