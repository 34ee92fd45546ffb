"""What a loss is, told by how it behaves and not by its name: a module, a function and a lambda are treated alike.

=============== =====================================================================================
"cross-entropy"  applies softmax itself: adding a number to all outputs of a row changes nothing
"nll"            takes logarithms of probabilities: -z[class], linear in the output
"logits"         applies a sigmoid itself to each output: a straight line where wrong, flat where right
"probabilities"  takes the logarithm of the probability of each output, in [0, 1]
"squares"        grows as the square of output - target
"absolute"       grows faster than a straight line and slower than squares, such as L1, Huber and quantiles
"unknown"        none of these
=============== =====================================================================================

A factor, a constant that is added, weights of classes or rows, smooth labels and a turned sign change nothing of this:
only differences of losses are compared, and they are compared with each other.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from netwright.checks.copies import quiet

LOGITS = ("cross-entropy", "logits")
NUMBERS = ("squares", "absolute")
ROWS = 16
MOST_OUTPUTS = 200_000  # of the rows that are probed
SINGLE_ROWS = 8  # that are moved one at a time
SMOOTH = 0.35  # the slope on the right side over the slope on the wrong one that smooth labels may give

Loss = Callable[..., Any]
Curve = Callable[[float], float]  # the loss by the one value of all outputs


def kind_of(loss: Loss, output: Any, target: Any) -> str:
    """The kind of a loss, probed with outputs of the network's shape and the data's own targets.

    Parameters
    ----------
    loss : ``loss(output, target) -> scalar``.
    output : of the network, for its shape. target : that belongs to it.
    """
    if not isinstance(output, Tensor) or not isinstance(target, Tensor) or not output.is_floating_point():
        return "unknown"
    with torch.no_grad(), quiet(), contextlib.suppress(Exception):
        output, target = output.detach(), target.detach()
        if not bool(torch.isfinite(target).all()):
            return "unknown"
        if len(output) == len(target):
            rows = max(2, min(ROWS, MOST_OUTPUTS // max(output[0].numel(), 1)))
            output, target = output[:rows], target[:rows]
        if output.numel() == target.numel():
            for shape in dict.fromkeys((output.shape, target.shape)):
                found = _elementwise(loss, output.new_zeros(shape), target)
                if found != "unknown":
                    return found
        return _of_classes(loss, output, target)
    return "unknown"


def class_axis(output: Tensor, target: Tensor) -> int:
    """The axis of the output along which the classes lie: the one that the target has not, else the last or second.

    Parameters
    ----------
    output : of the network. target : class numbers or distributions.
    """
    if output.ndim == target.ndim + 1 and output.shape[:-1] != target.shape:
        return 1
    return output.ndim - 1 if output.ndim == target.ndim + 1 or output.ndim == 2 else min(1, output.ndim - 1)


def distributions(target: Tensor, axis: int) -> bool:
    """Whether each row of a target is one distribution over several classes.

    Parameters
    ----------
    target : of real numbers. axis : of the classes.
    """
    if not target.is_floating_point() or target.ndim <= axis or target.shape[axis] < 2:
        return False
    return bool((target >= 0).all()) and bool(((target.sum(axis) - 1).abs() < 1e-3).all())


def _value(loss: Loss, output: Tensor, target: Tensor) -> float:
    try:
        return float(loss(output.clone(), target.clone()))
    except Exception:  # a loss that refuses an output says as much about itself as one that takes it
        return math.nan


# a target for each output


def _elementwise(loss: Loss, like: Tensor, target: Tensor) -> str:
    """Losses that compare each output with a target of its own."""
    numbers = _of_numbers(loss, target.to(like.dtype).reshape(like.shape), target)
    if numbers != "unknown":
        return numbers

    ones, zeros = torch.ones_like(target), torch.zeros_like(target)

    def curves(turn: Callable[[float], float]) -> tuple[Curve, Curve]:
        """The loss of all outputs alike: for the label 1, and for the label 0 with the output turned round."""
        return (
            lambda z: _value(loss, torch.full_like(like, z), ones),
            lambda z: _value(loss, torch.full_like(like, turn(z)), zeros),
        )

    if all(map(_is_softplus, curves(lambda z: -z))):
        return "logits"
    if all(_is_logarithm(f, (0.01, 0.02, 0.04, 0.08)) for f in curves(lambda p: 1 - p)):
        return "probabilities"
    return "unknown"


def _of_numbers(loss: Loss, at: Tensor, target: Tensor) -> str:
    """Losses that are least where output and target are equal and grow with their difference, either way."""
    unit = 2.0 ** max(0.0, math.ceil(math.log2(max(float(target.abs().max()), 1.0) / 1e4)))
    least = _value(loss, at, target)
    rises = [_value(loss, at + step * unit, target) - least for step in (8, 16, -8, -16)]
    sign = math.copysign(1.0, rises[0])
    if not all(math.isfinite(rise) and sign * rise > 0 for rise in rises) or not _either_way(
        loss, at, target, unit, least, sign
    ):
        return "unknown"
    ratios = (rises[1] / rises[0], rises[3] / rises[2])
    if all(_near(ratio, 4.0, 0.01) for ratio in ratios):
        return "squares"
    return "absolute" if all(1.85 < ratio < 3.96 for ratio in ratios) else "unknown"


def _either_way(loss: Loss, at: Tensor, target: Tensor, unit: float, least: float, sign: float) -> bool:
    """Whether each row by itself makes the loss grow when it is moved up and when it is moved down, or neither.

    A margin grows only one way, and a loss of labels is not least at the label.
    """
    order = at.reshape(len(at), -1).double().mean(1).argsort()
    for row in order[torch.linspace(0, len(at) - 1, min(SINGLE_ROWS, len(at))).round().long()].tolist():
        moved = []
        for step in (8.0, -8.0, 0.125, -0.125):
            z = at.clone()
            z[row] += step * unit
            moved.append(sign * (_value(loss, z, target) - least))
        far, near = moved[:2], moved[2:]
        tiny = 1e-5 * max(map(abs, far))
        if (min(far) <= tiny and max(map(abs, far)) > 0) or min(near) < -tiny or not all(map(math.isfinite, moved)):
            return False
    return True


def _is_softplus(f: Curve) -> bool:
    """Whether a loss is a straight line where outputs are wrong, flat where they are right, and smooth between."""
    wrong, worse, right, best = (f(z) for z in (-50.0, -100.0, 50.0, 100.0))
    slope, rest = (worse - wrong) / 50, (best - right) / 50
    if not math.isfinite(slope) or not math.isfinite(rest) or abs(worse - wrong) <= 1e-5 * abs(worse):
        return False
    if not -1e-3 < rest / slope < SMOOTH:
        return False
    # smooth labels add a straight line, which is taken off again; a margin is a bend with nothing behind it
    bend = ((f(1.0) - rest) - (f(3.0) - 3 * rest)) / (slope + rest)
    return 0.003 < bend < 0.9


def _is_logarithm(f: Curve, points: tuple[float, ...]) -> bool:
    """Whether a loss grows by the same amount whenever a probability is halved."""
    values = [f(p) for p in points]
    steps = [a - b for a, b in pairwise(values)]
    if not all(map(math.isfinite, steps)) or abs(steps[0]) <= 1e-6 * abs(values[0]):
        return False
    return all(_near(step, steps[0], 0.15) for step in steps)


# a target for each row of outputs


def _of_classes(loss: Loss, output: Tensor, target: Tensor) -> str:
    """Losses over a whole row of outputs, with class numbers or distributions as targets."""
    axis = class_axis(output, target)
    width = output.shape[axis]
    if not target.is_floating_point():
        target = target.clamp(0, width - 1)  # what the labels are to the loss is asked elsewhere
    z = torch.randn_like(output)
    values = [_value(loss, each, target) for each in (z, 2 * z, -z)]
    spread = max(values) - min(values)
    if not all(map(math.isfinite, values)):
        return _of_probabilities(loss, z.softmax(axis), axis, target)
    if spread <= 1e-6 * max(map(abs, values)):
        return "cross-entropy" if width == 1 and abs(values[0]) < 1e-6 else "unknown"
    by_row = 3.0 * torch.randn_like(z.select(axis, 0)).unsqueeze(axis)
    if all(abs(_value(loss, each, target) - values[0]) <= 1e-3 * spread for each in (z + 3.0, z + by_row)):
        sure = _linear_in_target(loss, z, target) and _without_end(loss, z, axis, target)
        return "cross-entropy" if sure else "unknown"
    if target.is_floating_point() or width < 2:
        return _of_probabilities(loss, z.softmax(axis), axis, target)
    flat = _value(loss, 0 * z, target)
    if abs((values[1] - flat) - 2 * (values[0] - flat)) <= 1e-3 * spread and _of_own_class(
        lambda change: _value(loss, z + change, target), z, axis, target
    ):
        return "nll"
    one = torch.zeros_like(z).scatter_(axis, target.long().unsqueeze(axis), 1.0)
    if all(map(_is_softplus, (lambda s: _value(loss, s * one, target), lambda s: _value(loss, s * (one - 1), target)))):
        return "logits"  # of each class against the rest
    return _of_probabilities(loss, z.softmax(axis), axis, target)


def _linear_in_target(loss: Loss, z: Tensor, target: Tensor) -> bool:
    """Whether a loss of distributions is the mean of its losses of classes: -sum t log softmax z."""
    if not target.is_floating_point():
        return True
    once, twice = (_value(loss, z, t) - _value(loss, -z, t) for t in (target, 2 * target))
    return abs(twice - 2 * once) <= 1e-3 * max(abs(twice), abs(once), 1e-12)


def _without_end(loss: Loss, z: Tensor, axis: int, target: Tensor) -> bool:
    """Whether a loss grows in a straight line with how sure the outputs are, as no mean under a softmax does."""
    even = _value(loss, 0 * z, target)
    one = torch.zeros_like(z).scatter_(axis, z.argmax(axis, keepdim=True), 1.0)
    for way in (one, -one):  # the answers of one of them may all be right, and their loss 0
        for sizes in ((5.0, 8.0, 11.0), (50.0, 80.0, 110.0)):  # a temperature makes small ones smaller
            sure = [_value(loss, size * way, target) for size in sizes]
            rises = sure[1] - sure[0], sure[2] - sure[1]
            if abs(rises[0]) > 0.3 * abs(sure[0] - even) > 0 and _near(*rises, 0.02):
                return True
    return False


def _of_own_class(f: Callable[[Tensor], float], z: Tensor, axis: int, target: Tensor) -> bool:
    """Whether the loss falls with the output of the row's own class and hardly knows of the others."""
    own = torch.zeros_like(z).scatter_(axis, target.long().unsqueeze(axis), 1.0)
    least = f(torch.zeros_like(z))
    row = torch.arange(len(z), device=z.device).reshape(-1, *[1] * (z.ndim - 1))
    others = [1 - own, *(own.roll(shift, axis) for shift in range(1, min(z.shape[axis], 4)))]
    signs = set()
    for part in (row >= 0, row % 2 == 0, row % 2 == 1):
        mine, *rest = (f(change * part) - least for change in (own, *others))
        if not math.isfinite(mine) or not all(abs(each) <= SMOOTH * abs(mine) + 1e-9 for each in rest):
            return False
        signs |= {math.copysign(1.0, mine)} if mine else set()
    return len(signs) == 1


def _of_probabilities(loss: Loss, p: Tensor, axis: int, target: Tensor) -> str:
    """Losses that take the logarithm of the probability of the row's own class."""
    if p.shape[axis] < 2 or (target.is_floating_point() and not distributions(target, axis)):
        return "unknown"
    if not _is_logarithm(lambda share: _value(loss, share * p, target), (1 / 32, 1 / 16, 1 / 8)):
        return "unknown"
    if target.is_floating_point():
        return "probabilities"
    # halved, so that a change by 1 in the logarithm is the same for every class
    alone = _of_own_class(lambda change: _value(loss, p / 8 * 2.0**-change, target), p, axis, target)
    return "probabilities" if alone else "unknown"


def _near(a: float, b: float, tolerance: float = 1e-3) -> bool:
    return abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-6)
