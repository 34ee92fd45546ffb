"""Places beside the support of the gradient of each element, for random sequences of operations on a small tensor."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.graph import Observer
from netwright.graph.places import Places, Track

SHAPE = (1, 4, 6, 8)
Operation = Callable[[torch.Tensor], torch.Tensor]


def place(track: Track, index: tuple[int, ...]) -> int:
    return sum(index[d.dim] // d.stride % d.size * d.weight for d in track.digits)


def support(operation: Operation, shape: tuple[int, ...]) -> torch.Tensor:
    """Whether an element depends on an input: (*elements, *inputs); all weights are positive."""
    x = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, that unfold is slow here
        jacobian: torch.Tensor = torch.func.jacrev(operation)(x)
    return jacobian != 0


def observed(operation: Operation, shape: tuple[int, ...]) -> Places:
    with torch.no_grad(), Observer() as seen:
        x = torch.ones(shape, dtype=torch.float64)
        seen.enter_input(x)
        places = seen.places(operation(x))
    assert places is not None
    return places


def compare(operation: Operation, shape: tuple[int, ...] = SHAPE) -> int:
    """Assert that no element sees more than its places, and all elements of a place together just that.

    Gives the number of axes that are known exactly.
    """
    truth, places = support(operation, shape), observed(operation, shape)
    elements, exact = truth.shape[: truth.ndim - len(shape)], 0
    for axis, track in enumerate(places.tracks):
        others = tuple(len(elements) + i for i in range(len(shape)) if i != axis)
        seen = truth.any(dim=others) if others else truth
        together = dict[int, set[int]]()
        for index in torch.cartesian_prod(*map(torch.arange, elements)).reshape(-1, len(elements)).tolist():
            reached = set(seen[tuple(index)].nonzero().flatten().tolist())
            first, last = track.axis.at(place(track, tuple(index)))
            assert all(first <= each <= last for each in reached), (axis, index)
            together.setdefault(place(track, tuple(index)), set()).update(reached)
        if not track.bound:
            for number, reached in together.items():
                first, last = track.axis.at(number)
                if first >= 0 and last < shape[axis]:
                    assert (min(reached), max(reached)) == (first, last), (axis, number)
            exact += 1
    return exact


def linear(dim: int) -> Operation:
    """All along an axis are mixed."""
    return lambda x: (x.movedim(dim, -1) @ torch.ones(x.shape[dim], 3, dtype=x.dtype)).movedim(-1, dim)


def pool(dim: int, size: int, stride: int) -> Operation:
    def operation(x: torch.Tensor) -> torch.Tensor:
        rows = x.movedim(dim, -1)
        flat = torch.nn.functional.avg_pool1d(rows.reshape(1, -1, rows.shape[-1]), size, stride)
        return flat.reshape(*rows.shape[:-1], -1).movedim(-1, dim)

    return operation


def divided(size: int) -> list[int]:
    return [n for n in range(2, size) if size % n == 0]


@st.composite
def steps(draw: st.DrawFn, shape: list[int]) -> tuple[str, Operation, list[int]]:
    """One operation and the shape that it leaves."""
    rank = len(shape)
    dim = draw(st.integers(0, rank - 1))
    size = shape[dim]
    kinds = ["permute", "linear", "flip"] + ["select"] * (rank > 2) + ["slice", "pool", "pair"] * (size > 2)
    kinds += ["split"] * bool(divided(size)) * (rank < 6) + ["merge"] * (rank > 2) + ["mean"] * (rank > 2)
    kind = draw(st.sampled_from(kinds))
    if kind == "permute":
        order = draw(st.permutations(range(rank)))
        return kind, lambda x: x.permute(order), [shape[i] for i in order]
    if kind == "linear":
        return kind, linear(dim), [*shape[:dim], 3, *shape[dim + 1 :]]
    if kind == "flip":
        return kind, lambda x: x.flip(dim), shape
    if kind == "select":
        index = draw(st.integers(0, size - 1))
        return kind, lambda x: x.select(dim, index), [*shape[:dim], *shape[dim + 1 :]]
    if kind == "mean":
        return kind, lambda x: x.mean(dim), [*shape[:dim], *shape[dim + 1 :]]
    if kind == "slice":
        start, step = draw(st.integers(0, 1)), draw(st.integers(1, 2))
        cut = (*[slice(None)] * dim, slice(start, None, step))
        return kind, lambda x: x[cut], [*shape[:dim], len(range(start, size, step)), *shape[dim + 1 :]]
    if kind == "pool":
        window, stride = draw(st.integers(1, 2)), draw(st.integers(1, 2))
        return kind, pool(dim, window, stride), [*shape[:dim], (size - window) // stride + 1, *shape[dim + 1 :]]
    if kind == "pair":
        return kind, lambda x: x + x.mean(dim, keepdim=True), shape
    if kind == "split":
        outer = draw(st.sampled_from(divided(size)))
        return kind, lambda x: x.unflatten(dim, (outer, -1)), [*shape[:dim], outer, size // outer, *shape[dim + 1 :]]
    first = min(dim, rank - 2)
    merged = [*shape[:first], shape[first] * shape[first + 1], *shape[first + 2 :]]
    return kind, lambda x: x.flatten(first, first + 1), merged


@st.composite
def sequences(draw: st.DrawFn) -> Operation:
    shape, made = list(SHAPE), list[Operation]()
    for _ in range(draw(st.integers(1, 6))):
        _, operation, shape = draw(steps(shape))
        made.append(operation)

    def operation(x: torch.Tensor) -> torch.Tensor:
        for each in made:
            x = each(x)
        return x

    return operation


@settings(max_examples=40)
@given(sequences())
def test_random_sequences(operation: Operation) -> None:
    compare(operation)


def windows_of(x: torch.Tensor, size: int) -> torch.Tensor:
    b, c, h, w = x.shape
    return x.view(b, c, h // size, size, w // size, size).permute(0, 2, 4, 3, 5, 1).reshape(-1, size * size, c)


def attention(x: torch.Tensor) -> torch.Tensor:
    """(batch, steps, channels), by hand"""
    return (x @ x.transpose(1, 2)).softmax(-1) @ x


def shifted(x: torch.Tensor) -> torch.Tensor:
    y = torch.zeros_like(x)
    y[:, :2, 1:] = x[:, :2, :-1]
    y[:, 2:] = x[:, 2:]
    return y


EXACT: list[tuple[str, Any]] = [
    ("channels last", lambda x: linear(3)(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
    ("pixel shuffle", lambda x: torch.nn.functional.pixel_shuffle(x, 2)),
    ("pixel unshuffle", lambda x: torch.nn.functional.pixel_unshuffle(x, 2)),
    ("pixel unshuffle and back", lambda x: torch.nn.functional.pixel_shuffle(torch.pixel_unshuffle(x, 2), 2)),
    ("space to depth", lambda x: torch.cat([x[..., i::2, j::2] for i in (0, 1) for j in (0, 1)], 1)),
    ("patches", lambda x: linear(2)(windows_of(x, 2))),
    ("attention in windows", lambda x: attention(windows_of(x, 2))),
    ("tokens", lambda x: attention(x.flatten(2).transpose(1, 2))),
    ("a token in front", lambda x: torch.cat([torch.zeros(1, 1, 4), x.mean(2).transpose(1, 2)], 1)),
    ("every other row", lambda x: x[:, :, ::2, 1::3]),
    ("one row", lambda x: x[:, :, 1]),
    ("a gate", lambda x: x * x.mean((2, 3), keepdim=True).sigmoid()),
    ("a shift in time", lambda x: shifted(x[..., 0])),
    ("unfold", lambda x: torch.nn.functional.unfold(x, 3, stride=2)),
    ("windows of a row", lambda x: x.unfold(3, 3, 2)),
    ("split", lambda x: torch.cat(x.split([1, 3], 1)[::-1], 1)),
    ("unbind", lambda x: torch.stack(x.unbind(3), 2)),
    ("einsum", lambda x: torch.einsum("bchw,oc->bohw", x, torch.ones(2, 4, dtype=x.dtype))),
    ("repeat", lambda x: x.repeat_interleave(2, dim=2)),
    ("layer norm", lambda x: torch.nn.functional.layer_norm(x.permute(0, 2, 3, 1), (4,)) + 1),
]


@pytest.mark.parametrize("operation", [item[1] for item in EXACT], ids=[item[0] for item in EXACT])
def test_what_is_followed(operation: Operation) -> None:
    places = observed(operation, SHAPE)
    assert not any(track.bound for track in places.tracks[2:])
    assert compare(operation) >= 3


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x.roll(1, 2),
        lambda x: x.flip(3),
        lambda x: torch.cat([x, x], 3),
        lambda x: x.cumsum(2),
        lambda x: x[:, :, [3, 0, 1]],
        lambda x: x.index_select(3, torch.tensor([1, 0])),
        lambda x: x[..., :6] + x[..., :6].transpose(2, 3),
        lambda x: x.view(1, 4, 48)[:, :, :47],
        lambda x: x.view(1, 4, 4, 12),
    ],
)
def test_what_is_not_followed_is_a_bound(operation: Operation) -> None:
    places = observed(operation, SHAPE)
    assert any(track.bound for track in places.tracks[2:])
    compare(operation)


def test_disordered_places_are_exact_again_when_united() -> None:
    """A vision transformer: tokens of an image behind one more token, all of which attention sees."""

    def tokens(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.zeros(1, 1, 4, dtype=x.dtype), x.flatten(2).transpose(1, 2)], 1)

    assert all(track.bound for track in observed(tokens, SHAPE).tracks[2:])
    after = observed(lambda x: attention(tokens(x)), SHAPE).tracks[2:]
    assert all(track.whole and not track.bound for track in after)
