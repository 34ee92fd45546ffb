"""Windows compose exactly: against sets of places, for any period."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.graph.window import Axis, Window, nearest, resampled, shared_out, sliding, transposed

# operations on one axis: (name, numbers); each as an Axis, and as the set of places that one place reads
sizes = st.integers(1, 4)
operations = st.one_of(
    st.tuples(st.just("conv"), sizes, st.integers(1, 3), st.integers(-2, 3)),
    st.tuples(st.just("transposed"), sizes, st.integers(1, 4), st.integers(0, 2)),
    st.tuples(st.just("nearest"), st.integers(1, 4), st.integers(1, 4), st.just(0)),
    st.tuples(st.just("linear"), st.integers(1, 4), st.integers(1, 4), st.just(0)),
)


def axis_of(operation: tuple[str, int, int, int]) -> Axis:
    kind, a, b, c = operation
    if kind == "conv":
        return sliding((a,), (b,), (c,)).axes[0]
    if kind == "transposed":
        return transposed(a, b, c, 1)
    made = nearest(a, b) if kind == "nearest" else resampled(a, b, 0, 1)
    assert made is not None
    return made


def reads(operation: tuple[str, int, int, int], place: int) -> set[int]:
    kind, a, b, c = operation
    if kind == "conv":
        return {place * b + c + k for k in range(a)}
    if kind == "transposed":
        return {(place + c - k) // b for k in range(a) if (place + c - k) % b == 0}
    if kind == "nearest":
        return {place * a // b}
    x = (Fraction(place) + Fraction(1, 2)) * Fraction(a, b) - Fraction(1, 2)
    low = x.numerator // x.denominator
    return {low} if x.denominator == 1 else {low, low + 1}


@settings(max_examples=150)
@given(st.lists(operations, min_size=1, max_size=4), st.integers(-20, 20))
def test_chains_against_sets_of_places(chain: list[tuple[str, int, int, int]], place: int) -> None:
    axis = axis_of(chain[0])
    for operation in chain[1:]:
        composed = axis.through(axis_of(operation))
        assert composed is not None
        axis = composed
    places = {place}
    for operation in reversed(chain):
        interval = [reads(operation, p) for p in places]
        places = set().union(*interval)
        if places:  # hulls, as the windows of the operations in between are
            places = set(range(min(places), max(places) + 1))
    first, last = axis.at(place)
    assert (first, last) == ((min(places), max(places)) if places else (first, first - 1))


@settings(max_examples=60)
@given(operations, operations, st.integers(-9, 9))
def test_unions(one: tuple[str, int, int, int], two: tuple[str, int, int, int], place: int) -> None:
    union = axis_of(one).union(axis_of(two))
    if axis_of(one).rate != axis_of(two).rate:
        assert union is None
        return
    assert union is not None
    places = reads(one, place) | reads(two, place)
    first, last = union.at(place)
    assert (first, last) == ((min(places), max(places)) if places else (first, first - 1))


def test_down_and_up_again() -> None:
    """A 2x2 pool, a 3x3 convolution and an upsampling by 2: pixels of a pair see the same six inputs."""
    up = nearest(4, 8)
    assert up is not None
    axis = sliding((2,), (2,), (0,)).axes[0].through(sliding((3,), (1,), (-1,)).axes[0])
    assert axis is not None
    axis = axis.through(up)
    assert axis is not None
    assert (axis.rate, axis.size) == (1, 6)
    assert [axis.at(place) for place in range(4)] == [(-2, 3), (-2, 3), (0, 5), (0, 5)]


def test_stride_below_one() -> None:
    up = nearest(4, 12)
    assert up is not None
    window = Window((up,))
    assert window.stride == (Fraction(1, 3),)
    assert window.size == (1,)
    assert str(window.stride[0]) == "1/3"


def test_adaptive_pooling_shares_out() -> None:
    axis = shared_out(10, 4)
    assert axis is not None
    assert [axis.at(place) for place in range(4)] == [(0, 2), (2, 4), (5, 7), (7, 9)]


def test_a_period_that_is_too_long_sees_everything() -> None:
    assert nearest(4999, 5003) is None
    assert nearest(7, 4001) is not None
    long = nearest(7, 4001)
    other = nearest(7, 4093)
    assert long is not None
    assert other is not None
    assert long.through(other) is None
    assert Window((long,)).through(Window((other,))).whole
