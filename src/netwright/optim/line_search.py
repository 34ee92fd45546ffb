"""Line searches: how far to go along a direction d from w, as functions of one number.

With phi(a) = L(w + a d) and its slope phi'(a) = g(w + a d)^T d, which must be negative at 0::

    Armijo          phi(a) <= phi(0) + c1 a phi'(0)                       the loss falls enough
    strong Wolfe    Armijo, and |phi'(a)| <= c2 |phi'(0)|                 and the slope is nearly level
    approximate     (2 c1 - 1) phi'(0) >= phi'(a) >= c2 phi'(0)           Armijo from slopes alone

================== ================== ======================================================================
search             looks at           gives
================== ================== ======================================================================
`backtracking`     losses             Armijo, from the first step downwards
`strong_wolfe`     losses, gradients  strong Wolfe, by a bracket and a zoom into it
`exact_quadratic`  a product H d      the minimum along d of a quadratic, a = -g^T d / d^T H d
`golden_section`   losses             a minimum along d to a tolerance, by a bracket and golden section
================== ================== ======================================================================

None of them ever gives a loss above the start: where nothing better is found they give the start itself, with step 0
(an equal loss is better with a shorter gradient). From an infinite or NaN loss, beyond the domain, they turn back.
Where losses differ from the start's by no more than their rounding, the difference says nothing, and the approximate
condition (with equal losses, that on the slope alone) takes the place of Armijo's; a bracket within which the loss
cannot change by more than rounding is left.

References: Nocedal, Wright: Numerical Optimization, 2006, chapter 3, algorithms 3.5 and 3.6; Hager, Zhang: A new
conjugate gradient method with guaranteed descent and an efficient line search, 2005 (the approximate condition);
Kiefer: Sequential minimax search for a maximum, 1953 (golden section).

Algorithms 3.5 and 3.6 leave some choices open: here steps that look for a bracket go to the minimum of the cubic, but
1.1 to 4 strides on; trials inside keep off the ends, and a bracket that two trials have not brought to 2/3 is halved
(More, Thuente: Line search algorithms with guaranteed sufficient decrease, 1994).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, final

import torch
from torch import Tensor

from netwright.core.errors import InvalidParameter, problem
from netwright.optim.curvature.interpolation import cubic, cubic_of_values, parabola
from netwright.optim.objective import Objective, Point

NOISE = 4  # units of the last place that a loss may be off by rounding
MARGIN = 0.1  # share of a bracket at its ends that trials keep off
RETREAT = 0.25  # of a step that left the domain
STRETCH = (1.1, 4.0)  # how far beyond the last trial the next one may be, in strides
GOLDEN = (math.sqrt(5) - 1) / 2


class Trial(NamedTuple):
    """A place on the line: step, loss, slope (NaN where it was not evaluated), and the point there."""

    step: float
    loss: float
    slope: float
    point: Point


class Found(NamedTuple):
    """What a search found: step 0 and the start where no step is better; `satisfied`: the search's conditions hold."""

    step: float
    point: Point
    evaluations: int
    satisfied: bool


@final
class Line:
    """A loss along a direction: phi(a) = L(w + a d).

    Parameters
    ----------
    objective : the loss.
    start : where a = 0, with its gradient.
    direction : d, (P,).
    slope : g^T d at the start, where it is known.

    Attributes
    ----------
    origin : the trial with a = 0. evaluations : how often the loss was asked for.

    Raises
    ------
    InvalidParameter : a direction that does not lead downhill, g^T d >= 0.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([1.0, 1.0], requires_grad=True)
    >>> objective = Objective([w], lambda: (w * w).sum())
    >>> start = objective.point(objective.theta())
    >>> line = Line(objective, start, -start.gradient)
    >>> strong_wolfe(line, 1.0, c2=0.1).step
    0.5
    """

    def __init__(self, objective: Objective, start: Point, direction: Tensor, slope: float | None = None) -> None:
        if start.gradient is None:
            remedy = "Take it from objective.point()."
            raise InvalidParameter(problem("Line(start)", "a point with its gradient", "one without", remedy))
        slope = float(start.gradient @ direction) if slope is None else slope
        if not -math.inf < slope < 0:
            expected, remedy = "a direction that leads downhill, g^T d < 0", "Take -g, the negative gradient."
            raise InvalidParameter(problem("Line(direction)", expected, f"g^T d = {slope:.6g}", remedy))
        self._objective, self.direction = objective, direction
        self.origin = Trial(0.0, start.loss, slope, start)
        self.precision = torch.finfo(objective.layout.parameters[0].dtype).eps
        self.evaluations = 0

    def point(self, step: float) -> Trial:
        """The trial at a step, with its gradient and slope."""
        self.evaluations += 1
        point = self._objective.point(torch.add(self.origin.point.theta, self.direction, alpha=step))
        assert point.gradient is not None
        slope = float(point.gradient @ self.direction) if math.isfinite(point.loss) else math.nan
        return Trial(step, point.loss if math.isfinite(slope) else math.inf, slope, point)

    def loss(self, step: float) -> Trial:
        """The trial at a step by its loss alone, which is cheaper."""
        self.evaluations += 1
        theta = torch.add(self.origin.point.theta, self.direction, alpha=step)
        loss = self._objective.loss(theta)
        return Trial(step, loss if math.isfinite(loss) else math.inf, math.nan, Point(theta, loss, None))

    def noise(self, trial: Trial) -> float:
        """What the losses of a trial and of the start may be off by rounding."""
        return NOISE * self.precision * max(abs(self.origin.loss), abs(trial.loss))

    def found(self, trial: Trial, satisfied: bool = False) -> Found:
        """The result for a trial, if its loss is lower or, with an equal one, its gradient shorter; else the start."""
        origin, better = self.origin, trial.loss < self.origin.loss
        if trial.loss == origin.loss and trial.point.gradient is not None and origin.point.gradient is not None:
            better = bool(trial.point.gradient.norm() < origin.point.gradient.norm())
        if better:
            return Found(trial.step, trial.point, self.evaluations, satisfied)
        return Found(0.0, origin.point, self.evaluations, False)


def backtracking(line: Line, first: float = 1.0, *, c1: float = 1e-4, most: int = 25) -> Found:
    """A step that lowers the loss enough, phi(a) <= phi(0) + c1 a phi'(0), from the first one downwards.

    The next trial is the minimum of the parabola through phi(0), phi'(0) and the last loss, later of the cubic through
    the last two, kept between 1/10 and 1/2 of the last step. The point found has no gradient.

    Parameters
    ----------
    line : the loss along the direction.
    first : the longest step, > 0.
    c1 : share of the fall foretold by the slope, in (0, 1).
    most : evaluations after which the search ends, >= 1.

    Raises
    ------
    InvalidParameter : numbers outside their range.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([3.0], requires_grad=True)
    >>> objective = Objective([w], lambda: w.square().sum())
    >>> start = objective.point(objective.theta())
    >>> backtracking(Line(objective, start, -start.gradient), 4.0).step
    0.5

    References
    ----------
    Nocedal, Wright: Numerical Optimization, 2006, section 3.5.
    """
    _require("backtracking", first, most, c1)
    origin = line.origin
    before, trial = None, line.loss(first)
    while trial.loss > origin.loss + c1 * trial.step * origin.slope:
        if line.evaluations >= most or -trial.step * origin.slope <= line.noise(origin) / NOISE:
            return line.found(origin)
        step = trial.step * RETREAT
        if math.isfinite(trial.loss):
            step = min(max(_lowest(origin, before, trial), 0.1 * trial.step), 0.5 * trial.step)
            before = trial
        trial = line.loss(step)
    return line.found(trial, True)


def strong_wolfe(line: Line, first: float = 1.0, *, c1: float = 1e-4, c2: float = 0.9, most: int = 20) -> Found:
    """A step with the strong Wolfe conditions: Armijo's, and |phi'(a)| <= c2 |phi'(0)|.

    Steps grow until two of them bracket such a place, and a zoom by cubic interpolation ends in it. Where the
    evaluations run out, or the loss cannot change any more in its number format, the best trial with Armijo's
    condition is given, and `satisfied` is False.

    Parameters
    ----------
    line : the loss along the direction.
    first : the first trial, > 0.
    c1 : share of the fall foretold by the slope, in (0, c2).
    c2 : greatest slope against that at the start, in (c1, 1): 0.9 for quasi-Newton, 0.1 for conjugate gradients.
    most : evaluations after which the search ends, >= 1.

    Raises
    ------
    InvalidParameter : numbers outside their range.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([3.0], requires_grad=True)
    >>> objective = Objective([w], lambda: w.square().sum())
    >>> start = objective.point(objective.theta())
    >>> strong_wolfe(Line(objective, start, -start.gradient), 0.1, c2=0.1)[0]
    0.5

    References
    ----------
    Nocedal, Wright: Numerical Optimization, 2006, algorithms 3.5 and 3.6.
    Hager, Zhang: A new conjugate gradient method with guaranteed descent and an efficient line search, 2005.
    """
    _require("strong_wolfe", first, most, c1, c2)
    before, trial = line.origin, line.point(first)
    while not _is_wolfe(line, trial, c1, c2):
        if trial.loss > _armijo(line, trial.step, c1) or (trial.loss >= before.loss and before.step > 0):
            return _zoom(line, before, trial, c1, c2, most)
        if trial.slope >= 0:
            return _zoom(line, trial, before, c1, c2, most)
        if line.evaluations >= most:
            return line.found(trial)
        before, trial = trial, line.point(_beyond(before, trial))
    return line.found(trial, True)


def exact_quadratic(line: Line, product: Callable[[Tensor], Tensor]) -> Found:
    """The step to the minimum of a quadratic along the line, a = -g^T d / d^T H d.

    Parameters
    ----------
    line : the loss along the direction.
    product : v -> Hv, such as ``objective.hessian_product(theta)``.

    Raises
    ------
    InvalidParameter : a direction along which the curvature is not positive, so that there is no minimum.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([3.0, 1.0], requires_grad=True)
    >>> objective = Objective([w], lambda: w.square().sum())
    >>> start = objective.point(objective.theta())
    >>> exact_quadratic(Line(objective, start, -start.gradient), objective.hessian_product(start.theta))[0]
    0.5

    References
    ----------
    Nocedal, Wright: Numerical Optimization, 2006, equation 3.55.
    """
    curvature = float(line.direction @ product(line.direction))
    if not 0 < curvature < math.inf:
        remedy = "Along this direction there is no minimum; take strong_wolfe."
        raise InvalidParameter(problem("exact_quadratic(product)", "a curvature d^T H d > 0", f"{curvature:g}", remedy))
    trial = line.point(-line.origin.slope / curvature)
    return line.found(trial, True)


def golden_section(line: Line, first: float = 1.0, *, tolerance: float = 1e-3, most: int = 60) -> Found:
    """A step to a minimum along the line, by losses alone.

    Steps grow by the golden ratio until three of them bracket a minimum, or shrink until one is below the start; then
    the bracket is cut in the golden ratio until its width is `tolerance` of the step. The point found has no gradient.

    Parameters
    ----------
    line : the loss along the direction.
    first : the first trial, > 0.
    tolerance : width of the last bracket against the step, in (0, 1).
    most : evaluations after which the search ends, >= 1.

    Raises
    ------
    InvalidParameter : numbers outside their range.

    Examples
    --------
    >>> import torch
    >>> w = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    >>> objective = Objective([w], lambda: w.square().sum())
    >>> start = objective.point(objective.theta())
    >>> round(golden_section(Line(objective, start, -start.gradient)).step, 3)
    0.5

    References
    ----------
    Kiefer: Sequential minimax search for a maximum, 1953.
    """
    _require("golden_section", first, most, tolerance)
    low, middle, high = _three(line, first, most)
    while high.step - low.step > tolerance * middle.step and line.evaluations < most:
        if high.step - middle.step > middle.step - low.step:
            probe = line.loss(middle.step + (1 - GOLDEN) * (high.step - middle.step))
        else:
            probe = line.loss(middle.step - (1 - GOLDEN) * (middle.step - low.step))
        left, right = (middle, probe) if probe.step > middle.step else (probe, middle)
        if left.loss <= right.loss:
            middle, high = left, right
        else:
            low, middle = left, right
    return line.found(middle, high.step - low.step <= tolerance * middle.step)


def _three(line: Line, first: float, most: int) -> tuple[Trial, Trial, Trial]:
    """Three trials in the golden ratio with the lowest loss in the middle; the origin thrice where there are none."""
    low, middle = line.origin, line.loss(first)
    if middle.loss < low.loss:
        high = line.loss(middle.step + (middle.step - low.step) / GOLDEN)
        while high.loss < middle.loss and line.evaluations < most:
            low, middle = middle, high
            high = line.loss(middle.step + (middle.step - low.step) / GOLDEN)
        return (low, middle, high) if high.loss >= middle.loss else (middle, high, high)
    while middle.loss >= low.loss:
        if line.evaluations >= most or -middle.step * low.slope <= line.noise(low) / NOISE:
            return low, low, low
        high, middle = middle, line.loss((1 - GOLDEN) * middle.step)
    return low, middle, high


def _lowest(origin: Trial, before: Trial | None, trial: Trial) -> float:
    """The minimum of the polynomial through the losses of one trial or two, and the loss and slope at the origin."""
    rise = trial.loss - origin.loss
    if before is None:
        return parabola(origin.slope, trial.step, rise)
    return cubic_of_values(origin.slope, before.step, before.loss - origin.loss, trial.step, rise)


def _zoom(line: Line, low: Trial, high: Trial, c1: float, c2: float, most: int) -> Found:
    """Into a bracket: `low` has Armijo's condition and the lowest loss, and its slope leads towards `high`."""
    widths = (math.inf, math.inf)
    while line.evaluations < most:
        width, noise = abs(high.step - low.step), line.noise(low)
        if abs(low.slope) * width <= noise:
            break
        trial = line.point(_inside(low, high, noise, halve=width > 2 / 3 * widths[0]))
        widths = (widths[1], width)
        if _is_wolfe(line, trial, c1, c2):
            return line.found(trial, True)
        if trial.loss > _armijo(line, trial.step, c1) or trial.loss >= low.loss + noise:
            high = trial
        else:
            if trial.slope * (high.step - low.step) >= 0:
                high = low
            low = trial
    return line.found(low)


def _armijo(line: Line, step: float, c1: float) -> float:
    """The loss that Armijo's condition asks for at a step."""
    return line.origin.loss + c1 * step * line.origin.slope


def _is_wolfe(line: Line, trial: Trial, c1: float, c2: float) -> bool:
    """Whether a trial has the strong Wolfe conditions; where losses are within rounding, the approximate ones."""
    origin = line.origin
    if not trial.loss <= origin.loss or not trial.slope >= c2 * origin.slope:
        return False
    fall = origin.loss - trial.loss
    if trial.slope <= -c2 * origin.slope and (fall >= -c1 * trial.step * origin.slope or fall <= line.noise(origin)):
        return True
    return 0 < fall <= line.noise(origin) and trial.slope <= (2 * c1 - 1) * origin.slope


def _beyond(before: Trial, last: Trial) -> float:
    """A step beyond two trials that still lead downhill: to the minimum of their cubic, within bounds."""
    low, high = (last.step + times * (last.step - before.step) for times in STRETCH)
    step = cubic(*before[:3], *last[:3])
    return min(max(step, low), high) if step > last.step else high


def _inside(low: Trial, high: Trial, noise: float, halve: bool) -> float:
    """A step between two trials that keeps off both."""
    width = high.step - low.step
    if halve or not math.isfinite(high.loss):
        return low.step + (0.5 if math.isfinite(high.loss) else RETREAT) * width
    if abs(high.loss - low.loss) <= noise and low.slope * high.slope < 0:
        share = low.slope / (low.slope - high.slope)  # losses say nothing: where the slopes' chord crosses zero
    else:
        share = (cubic(*low[:3], *high[:3]) - low.step) / width
    return low.step + min(max(share, MARGIN), 1 - MARGIN) * width


def _require(name: str, first: float, most: int, *shares: float) -> None:
    """Numbers of a search within their ranges: shares grow from 0 to 1."""
    if not 0 < first < math.inf:
        raise InvalidParameter(problem(f"{name}(first)", "a number in (0, inf)", f"{first!r}", "Take 1.0."))
    if most < 1:
        raise InvalidParameter(problem(f"{name}(most)", "an integer >= 1", f"{most!r}", "Take 20."))
    if not all(one < other for one, other in pairwise((0.0, *shares, 1.0))):
        names = "a number in (0, 1)" if len(shares) == 1 else "0 < c1 < c2 < 1"
        got = " and ".join(map(repr, shares))
        raise InvalidParameter(problem(f"{name}(...)", names, got, "See its docstring for usual values."))
