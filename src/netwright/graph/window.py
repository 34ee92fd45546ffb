"""Windows: which inputs each place of an output depends on, exactly, through any graph of sliding operations.

Along one space axis an operation is *periodic*: place o = P q + r of its output (r = 0 ... P - 1) depends on the places

    J q + first_r  ...  J q + last_r

of its input. A convolution or pooling with window F, stride S and padding p has the period P = 1, J = S, first = -p and
last = F - 1 - p; a transposed convolution or an upsampling by S has the period P = S and J = 1. Windows compose: the
result of A behind B is periodic again, with the least period that holds both. At a merge, the window is the hull of
all of them; branches must advance at one rate J / P, or every place counts as seeing everything.

The receptive field is the longest of the P intervals, the effective stride is J / P and the effective padding minus the
place where the first interval begins. For P = 1 everywhere this is R_k = 1 + sum_j (F_j - 1) prod_{i < j} S_i.

References
----------
Araujo, Norris, Sim, *Computing receptive fields of convolutional neural networks*, Distill 2019 (P = 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor, gcd, lcm

LONGEST_PERIOD = 4096  # beyond it (odd ratios of sizes) a place counts as seeing everything

Interval = tuple[int, int]  # first and last; last < first where a place depends on nothing


@dataclass(frozen=True)
class Axis:
    """One space axis of a window: place P q + r sees ``jump q + intervals[r]``, P being the number of intervals."""

    jump: int
    intervals: tuple[Interval, ...]

    @property
    def size(self) -> int:
        """The longest interval."""
        return max(max(last - first + 1 for first, last in self.intervals), 0)

    @property
    def rate(self) -> Fraction:
        """How far the interval moves from one place to the next, on average."""
        return Fraction(self.jump, len(self.intervals))

    def at(self, place: int) -> Interval:
        """First and last input that the place depends on."""
        q, r = divmod(place, len(self.intervals))
        first, last = self.intervals[r]
        return first + q * self.jump, last + q * self.jump

    def through(self, inner: Axis) -> Axis | None:
        """The axis of an operation `inner` on a tensor that has this axis; None beyond the longest period."""
        period = len(self.intervals)
        turns = period // gcd(inner.jump, period)
        places = len(inner.intervals) * turns
        if places > LONGEST_PERIOD:
            return None
        intervals = tuple(self._hull(*inner.at(place)) for place in range(places))
        return Axis(self.jump * inner.jump * turns // period, intervals)

    def _hull(self, first: int, last: int) -> Interval:
        """What the places from `first` to `last` see together; those a period inside see no further."""
        period = len(self.intervals)
        low = [self.at(place) for place in range(first, min(last, first + period - 1) + 1)]
        high = [self.at(place) for place in range(max(first, last - period + 1), last + 1)]
        return _joined([*low, *high])

    def union(self, other: Axis) -> Axis | None:
        """The hull of both; None if they advance at different rates."""
        places = lcm(len(self.intervals), len(other.intervals))
        if self.rate != other.rate or places > LONGEST_PERIOD:
            return None
        intervals = tuple(_joined([self.at(place), other.at(place)]) for place in range(places))
        return Axis(self.jump * places // len(self.intervals), intervals)


def _joined(intervals: Sequence[Interval]) -> Interval:
    there = [interval for interval in intervals if interval[0] <= interval[1]]
    if not there:
        return (0, -1)
    return min(first for first, _ in there), max(last for _, last in there)


@dataclass(frozen=True)
class Window:
    """Which inputs each place of an output depends on, per space axis.

    Parameters
    ----------
    axes : one for each space axis.
    whole : it depends on all of the input; there are no axes then.
    space : the sizes of the space axes of the input that it is on; None on several inputs of different sizes.
    bound : whether it depends on that at most: the places of some operation were not followed.

    Examples
    --------
    >>> conv = sliding((5,), (1,), (0,))
    >>> pool = sliding((2,), (2,), (0,))
    >>> lenet = conv.through(pool).through(conv).through(pool)
    >>> lenet.size, lenet.stride, lenet.padding
    ((16,), (4,), (0,))
    """

    axes: tuple[Axis, ...] = ()
    whole: bool = False
    space: tuple[int, ...] | None = field(default=None, compare=False, repr=False)
    bound: bool = field(default=False, compare=False)

    @property
    def size(self) -> tuple[int, ...]:
        """The receptive field on each axis."""
        return tuple(axis.size for axis in self.axes)

    @property
    def stride(self) -> tuple[int | Fraction, ...]:
        """The effective stride on each axis: below 1 behind more upsampling than downsampling."""
        return tuple(axis.rate.numerator if axis.rate.denominator == 1 else axis.rate for axis in self.axes)

    @property
    def start(self) -> tuple[int, ...]:
        """Where the window of the first place begins, on each axis."""
        return tuple(axis.intervals[0][0] for axis in self.axes)

    @property
    def padding(self) -> tuple[int, ...]:
        """The effective padding on each axis: how far the first window begins before the input."""
        return tuple(-start for start in self.start)

    @property
    def extent(self) -> tuple[int, ...] | None:
        """How far it reaches, per space axis; None where it is on several inputs of different sizes."""
        return None if self.space is None else self.space if self.whole else self.size or (1,)

    def at(self, *place: int) -> tuple[Interval, ...]:
        """First and last input, per space axis, that the output at a place depends on."""
        return tuple(axis.at(each) for axis, each in zip(self.axes, place, strict=True))

    def through(self, inner: Window) -> Window:
        """The window of an operation with window `inner` on a tensor that has this window."""
        if self.whole or inner.whole or len(self.axes) != len(inner.axes):
            return replace(WHOLE, space=self.space)
        axes = [mine.through(theirs) for mine, theirs in zip(self.axes, inner.axes, strict=True)]
        return _made(axes, self.space)

    def union(self, other: Window) -> Window:
        """The smallest window that holds both."""
        space = shared_space((self, other))
        if self.whole or other.whole or len(self.axes) != len(other.axes):
            return replace(WHOLE, space=space)
        return _made([mine.union(theirs) for mine, theirs in zip(self.axes, other.axes, strict=True)], space)


WHOLE = Window(whole=True)


def _made(axes: Sequence[Axis | None], space: tuple[int, ...] | None) -> Window:
    there = tuple(axis for axis in axes if axis is not None)
    return Window(there, space=space) if len(there) == len(axes) else replace(WHOLE, space=space)


def shared_space(windows: Sequence[Window]) -> tuple[int, ...] | None:
    """The sizes of the input of windows, if they are all on inputs of the same size."""
    first = windows[0].space
    return first if all(window.space == first for window in windows) else None


def sliding(size: Sequence[int], stride: Sequence[int], start: Sequence[int]) -> Window:
    """A convolution or a pooling: place i sees ``i stride + start ... i stride + start + size - 1``.

    Parameters
    ----------
    size, stride, start : one number for each space axis.
    """
    axes = (Axis(s, ((p, p + f - 1),)) for f, s, p in zip(size, stride, start, strict=True))
    return Window(tuple(axes))


def transposed(kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    """A transposed convolution: place o sees the places i with o = i stride + k dilation - padding for some k."""

    def interval(place: int) -> Interval:
        reached = [place + padding - k * dilation for k in range(kernel)]
        sources = [at // stride for at in reached if at % stride == 0]
        return (min(sources), max(sources)) if sources else (0, -1)

    return Axis(1, tuple(map(interval, range(stride))))


def resampled(
    source: int, target: int, before: int, after: int, align_corners: bool = False, scale: Fraction | None = None
) -> Axis | None:
    """An interpolation from `source` to `target` places: place o lies at x = (o + 1/2) source / target - 1/2.

    It sees the places from floor(x) - before to floor(x) + after, or x alone where that is a whole number. With
    `align_corners` x = o (source - 1) / (target - 1). A `scale` takes the place of source / target.
    """
    if align_corners:
        ratio = Fraction(source - 1, target - 1) if target > 1 else Fraction(1)
    else:
        ratio = scale or Fraction(source, target)

    def interval(place: int) -> Interval:
        x = ratio * place if align_corners else (place + Fraction(1, 2)) * ratio - Fraction(1, 2)
        return (int(x), int(x)) if x.denominator == 1 else (floor(x) - before, floor(x) + after)

    return _by_ratio(ratio, interval)


def nearest(source: int, target: int, exact: bool = False, scale: Fraction | None = None) -> Axis | None:
    """Nearest neighbours from `source` to `target` places: place o sees floor(o source / target).

    With `exact` (torch's mode "nearest-exact") it sees floor((o + 1/2) source / target). A `scale` takes the place of
    source / target.
    """
    ratio = scale or Fraction(source, target)
    offset = Fraction(1, 2) if exact else Fraction(0)
    return _by_ratio(ratio, lambda place: (floor((place + offset) * ratio),) * 2)


def shared_out(source: int, target: int) -> Axis | None:
    """Adaptive pooling: place o sees floor(o source / target) ... ceil((o + 1) source / target) - 1."""
    ratio = Fraction(source, target)
    return _by_ratio(ratio, lambda place: (floor(place * ratio), ceil((place + 1) * ratio) - 1))


def _by_ratio(ratio: Fraction, interval: object) -> Axis | None:
    if ratio.denominator > LONGEST_PERIOD:
        return None
    return Axis(ratio.numerator, tuple(map(interval, range(ratio.denominator))))  # type: ignore[call-overload]
