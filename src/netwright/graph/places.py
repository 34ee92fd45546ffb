"""Places: on which axes of a tensor the axes of the input lie, and what each of its places sees.

The index along an axis of the input is written in *digits*, as a number is: place = sum_k weight_k digit_k. Each digit
lies along one axis of the tensor, where its steps are `stride` apart; what no digit covers there (channels, say) does
not tell places apart. Transposing moves digits to other axes, a view splits and joins them, a reduction unites what its
digits tell apart. So windows stay exact through channels-last blocks, patches, window partitions and pixel shuffles:
cutting rows of 12 into 4 patches of 3 gives place = 3 digit_1 + digit_2.

An axis that no digit is left of is seen alike by the whole tensor: `Track.axis` has the jump 0 then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from math import gcd, prod

from netwright.graph.window import Axis, Window

Sizes = tuple[int, ...]


@dataclass(frozen=True, order=True)
class Digit:
    """One digit of the place on an axis of the input.

    Parameters
    ----------
    dim : the axis of the tensor that it lies along.
    stride : how many indices there are one step of it.
    size : its number of steps.
    weight : how many places one step is.
    """

    dim: int
    stride: int
    size: int
    weight: int

    @property
    def where(self) -> tuple[int, int, int]:
        """Where it lies on the tensor."""
        return self.dim, self.stride, self.size


@dataclass(frozen=True)
class Track:
    """One axis of the input, as a tensor sees it.

    Parameters
    ----------
    axis : what each place sees.
    digits : where the place is on the tensor; none where all of it sees the same. With the weight 0: the places are
        somewhere along there, in an order that is not followed.
    size : the length of the input.
    bound : whether it sees at most that.
    """

    axis: Axis
    digits: tuple[Digit, ...]
    size: int
    bound: bool = False

    @property
    def whole(self) -> bool:
        """Whether each place sees all of the input."""
        return self.axis == Axis(0, ((0, self.size - 1),))

    @property
    def scattered(self) -> bool:
        """Whether the order of the places is not followed."""
        return any(digit.weight == 0 for digit in self.digits)

    def lost(self) -> Track:
        """Seeing all of the input at most."""
        return self.scatter(())

    def scatter(self, digits: Iterable[Digit] | None = None) -> Track:
        """Seeing all of the input at most, and exactly that where the digits are united again."""
        digits = {replace(digit, weight=0) for digit in (self.digits if digits is None else digits)}
        return Track(Axis(0, ((0, self.size - 1),)), tuple(sorted(digits)), self.size, bound=True)

    def on(self, axis: Axis | None, digits: Sequence[Digit]) -> Track:
        """With other places, their digits in the lowest terms."""
        if axis is None:
            return self.scatter(digits)
        if not digits:
            first, last = axis.at(0)
            seen = (max(first, 0), min(last, self.size - 1)) if first <= last else (0, -1)
            return Track(Axis(0, (seen,)), (), self.size, self.bound and not self.scattered)
        step = gcd(*(digit.weight for digit in digits))
        if step > 1:
            digits = [replace(digit, weight=digit.weight // step) for digit in digits]
            axis = axis.through(Axis(step, ((0, 0),))) or axis  # a period can but shrink
        return Track(axis, _joined(digits), self.size, self.bound)

    def united(self, gone: Callable[[Digit], bool]) -> Track:
        """All that some digits tell apart, seen together."""
        left = [digit for digit in self.digits if not gone(digit)]
        if len(left) == len(self.digits):
            return self
        reach = sum((digit.size - 1) * digit.weight for digit in self.digits if gone(digit))
        return self.on(self.axis.through(Axis(1, ((0, reach),))), left)

    def union(self, other: Track) -> Track:
        """The least that holds both; what lies along different axes of the tensors is united first."""
        if self == other:
            return self
        if self.digits != other.digits:
            cut = _cut(self, other), _cut(other, self)
            if cut != (self, other):
                return cut[0]._union(cut[1])
        return self._union(other)

    def _union(self, other: Track) -> Track:
        common = {digit.where for digit in self.digits} & {digit.where for digit in other.digits}
        mine, its = (t.united(lambda digit: digit.size == 1 and digit.where not in common) for t in (self, other))
        one, two = (t.united(lambda digit: digit.where not in common) for t in (mine, its))
        axis = one.axis.union(two.axis) if one.digits == two.digits else None
        if axis is None:
            return self.scatter((*self.digits, *other.digits))
        exact = any(now is was and not now.bound and now.axis == axis for now, was in ((one, mine), (two, its)))
        changed = one is not mine or two is not its
        return Track(axis, _joined(one.digits), self.size, not exact and (changed or one.bound or two.bound))


def _cut(track: Track, other: Track) -> Track:
    """With its digits divided where those of the other begin and end."""
    ends = {(digit.dim, end) for digit in other.digits for end in (digit.stride, digit.stride * digit.size)}
    digits = list[Digit]()
    for digit in track.digits:
        left = digit
        for dim, end in sorted(ends):
            if dim == left.dim and left.stride < end < left.stride * left.size and end % left.stride == 0:
                low = end // left.stride
                if left.size % low == 0:
                    digits.append(replace(left, size=low))
                    left = Digit(dim, end, left.size // low, left.weight * low)
        digits.append(left)
    return track if len(digits) == len(track.digits) else replace(track, digits=tuple(digits))


def _joined(digits: Sequence[Digit]) -> tuple[Digit, ...]:
    """Neighbouring digits that count on from each other are one."""
    made: list[Digit] = []
    for digit in sorted(digits):
        last = made[-1] if made else None
        if (
            last is not None
            and (digit.dim, digit.stride) == (last.dim, last.stride * last.size)
            and digit.weight == last.weight * last.size
        ):
            made[-1] = replace(last, size=last.size * digit.size)
        else:
            made.append(digit)
    return tuple(made)


@dataclass(frozen=True)
class Places:
    """What the places of a tensor see.

    Parameters
    ----------
    tracks : the batch axis, and each axis of a sample; the batch axis alone where inputs of several shapes met.
    source : the shape of a sample of the input; None where inputs of several shapes met.
    """

    tracks: tuple[Track, ...]
    source: Sizes | None

    def _each(self, change: Callable[[Track], Track]) -> Places:
        """With each axis changed."""
        return Places(tuple(map(change, self.tracks)), self.source)

    def lost(self, dims: Collection[int] | None = None) -> Places:
        """Seeing all of the input, at most; what lies along some axes of the tensor, or all."""

        def change(track: Track) -> Track:
            return track.lost() if dims is None or any(digit.dim in dims for digit in track.digits) else track

        return self._each(change)

    def union(self, other: Places) -> Places:
        """The least that holds both."""
        same = self.source == other.source
        pairs = zip(self.tracks, other.tracks, strict=True) if same else [(self.tracks[0], other.tracks[0])]
        return Places(tuple(one.union(two) for one, two in pairs), self.source if same else None)

    def united(self, dims: Collection[int]) -> Places:
        """Seen together along some axes of the tensor."""
        return self._each(lambda track: track.united(lambda digit: digit.dim in dims))

    def renumbered(self, new: Callable[[int], int]) -> Places:
        """With the axes of the tensor in another order."""

        def change(track: Track) -> Track:
            if not track.digits:
                return track
            return replace(track, digits=_joined([replace(digit, dim=new(digit.dim)) for digit in track.digits]))

        return self._each(change)

    def inserted(self, dim: int) -> Places:
        """With a new axis there."""
        return self.renumbered(lambda old: old + (old >= dim))

    def reduced(self, dims: Collection[int], keep: bool) -> Places:
        """Seen together along some axes, which stay with the length 1 or go."""
        made = self.united(dims)
        return made if keep else made.renumbered(lambda dim: dim - sum(gone < dim for gone in dims))

    def viewed(self, before: Sizes, after: Sizes) -> Places:
        """Of the same elements in another shape; both shapes are row by row."""
        front = next(
            (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
        )
        both = list(zip(reversed(before), reversed(after), strict=False))
        back = next((i for i, (a, b) in enumerate(both) if a != b), len(both))

        def change(track: Track) -> Track:
            digits: list[Digit] = []
            for digit in track.digits:
                if digit.dim < front:
                    digits.append(digit)
                elif digit.dim >= len(before) - back:
                    digits.append(replace(digit, dim=digit.dim + len(after) - len(before)))
                elif digit.size > 1:
                    moved = _rewritten(digit, digit.stride * prod(before[digit.dim + 1 :]), after)
                    if moved is None:
                        changed = range(front, len(after) - back)
                        return track.scatter(Digit(dim, 1, after[dim], 0) for dim in changed if after[dim] > 1)
                    digits += moved
            return track.on(track.axis, digits) if track.digits else track

        return self._each(change)

    def _settled(self, dim: int, length: int) -> Places:
        """Each index along an axis of that length is one place there, if it has to do with places at all."""
        here = [track for track in self.tracks if any(digit.dim == dim for digit in track.digits)]

        def change(track: Track) -> Track:
            if track not in here or track.scattered:
                return track
            digit = track.digits[0]
            if len(here) > 1 or len(track.digits) > 1 or digit.stride * digit.size != length:
                return track.scatter()
            repeated = track.axis.through(Axis(1, ((0, 0),) * digit.stride)) if digit.stride > 1 else track.axis
            return track.on(repeated, [Digit(dim, 1, length, 1)])

        return self._each(change) if here else self

    def through(self, dim: int, inner: Axis | None, before: int, after: int) -> Places:
        """Of an operation that slides along an axis of the tensor, from so many indices to so many."""

        def change(track: Track) -> Track:
            left = [digit for digit in track.digits if digit.dim != dim]
            if len(left) == len(track.digits):
                return track
            if track.scattered:
                return track.scatter([*left, Digit(dim, 1, after, 0)])
            return track.on(track.axis.through(inner) if inner else None, [Digit(dim, 1, after, 1)])

        return self._settled(dim, before)._each(change)

    def selected(self, dim: int, index: int) -> Places:
        """At one index of an axis, which goes."""

        def change(track: Track) -> Track:
            here = [digit for digit in track.digits if digit.dim == dim]
            if not here:
                return track
            if track.scattered:
                return track.lost()
            place = sum(index // digit.stride % digit.size * digit.weight for digit in here)
            left = [digit for digit in track.digits if digit.dim != dim]
            return track.on(track.axis.through(Axis(1, ((place, place),))), left)

        return self._each(change).renumbered(lambda d: d - (d > dim))

    def part(self, dim: int, inner: Axis, before: int, after: int) -> Places:
        """Some of the indices along an axis.

        What lies there beside channels is seen together; places of several axes are not followed.
        """
        if before == after:
            return self

        def change(track: Track) -> Track:
            here = [digit for digit in track.digits if digit.dim == dim]
            if not here or all(digit.where == (dim, 1, before) and digit.weight for digit in here):
                return track
            if track.scattered or filled:
                return track.lost()
            return track.united(lambda digit: digit.dim == dim)

        filled = prod(digit.size for track in self.tracks for digit in track.digits if digit.dim == dim) >= before
        return self._each(change).through(dim, inner, before, after)

    def disordered(self, dims: Collection[int]) -> Places:
        """In an order along some axes that is not followed."""
        return self._each(lambda t: t.scatter() if any(digit.dim in dims for digit in t.digits) else t)

    def reported(self, shape: Sizes, channels: Collection[int]) -> Window:
        """As a window on the axes of a sample that are not channels.

        What lies along the tensor's own channels (its axis 1, or its features in a flat row) is seen together.
        """
        if self.source is None:
            return Window(whole=True)
        space = tuple(size for i, size in enumerate(self.source) if i not in channels)
        tracks = [track for i, track in enumerate(self.tracks[1:]) if i not in channels]
        if not tracks:  # a row of features
            return Window(whole=not self.tracks[1].digits, space=self.source, bound=self.tracks[1].bound)
        lying = [[digit.size for digit in track.digits if digit.dim == 1] for track in tracks]
        alone = len(shape) > 1 and prod(map(prod, lying)) == shape[1] and (len(shape) > 2 or sum(map(bool, lying)) == 1)

        def change(track: Track) -> Track:
            if alone and all(digit.dim < 2 for digit in track.digits):
                return track
            return track.united(lambda digit: digit.dim == 1)

        tracks = [_spread(change(track), shape) for track in tracks]
        bound = any(track.bound for track in tracks)
        if all(track.whole for track in tracks):
            return Window(whole=True, space=space, bound=bound)
        return Window(tuple(track.axis for track in tracks), space=space, bound=bound)


def _spread(track: Track, shape: Sizes) -> Track:
    """With an index for each place where one axis of the tensor holds several of the same (as behind a shuffle)."""
    [*digits] = track.digits
    if len(digits) != 1 or track.scattered or digits[0].stride * digits[0].size != shape[digits[0].dim]:
        return track
    repeated = track.axis.through(Axis(1, ((0, 0),) * digits[0].stride))
    return track if repeated is None else replace(track, axis=repeated)


def _rewritten(digit: Digit, step: int, shape: Sizes) -> list[Digit] | None:
    """A digit whose steps are so many elements apart, on the axes of another shape; None if they do not divide."""
    made: list[Digit] = []
    size, weight, below = digit.size, digit.weight, 1
    for dim in reversed(range(len(shape))):
        above = below * shape[dim]
        if size > 1 and step < above and shape[dim] > 1:
            here = min(size, above // step)
            if step % below or above % (step * here) or size % here:
                return None
            made.append(Digit(dim, step // below, here, weight))
            size, weight, step = size // here, weight * here, step * here
        below = above
    return made if size == 1 else None


def entered(shape: Sizes) -> Places:
    """The places of an input (batch, *sample): each sees itself."""
    tracks = (Track(Axis(1, ((0, 0),)), (Digit(dim, 1, size, 1),), size) for dim, size in enumerate(shape))
    return Places(tuple(tracks), tuple(shape[1:]))
