"""k-max pooling against sorting in Python."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import InvalidData, InvalidParameter, JoinError
from netwright.layers import Input, KMaxPool, Pick
from netwright.layers.k_max import kept


def by_sorting(values: list[float], k: int) -> list[float]:
    """The k largest in their order; sorted is stable, so that of equal ones the first come first."""
    steps = sorted(range(len(values)), key=lambda t: -values[t])[:k]
    return [values[t] for t in sorted(steps)]


def with_lengths(layer: KMaxPool, x: torch.Tensor, lengths: list[Any]) -> torch.Tensor:
    network = (Input(x.shape[1:]) | Input(1)) >> layer
    return network.build()(x, torch.tensor(lengths).reshape(-1, 1))


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=9),
    k=st.integers(1, 9),
    more=st.integers(-2, 2).map(float),
)
def test_the_largest_in_their_order(values: list[float], k: int, more: float) -> None:
    k = min(k, len(values))
    other = [more * value for value in reversed(values)]
    x = torch.tensor([[values, other]]).transpose(1, 2)
    y = (Input(len(values), 2) >> KMaxPool(k)).build()(x.double())
    assert y[0].T.tolist() == [by_sorting(values, k), by_sorting(other, k)]


def test_of_equal_values_the_earliest() -> None:
    """It can be seen in the gradient, and in which neighbours are kept."""
    x = torch.tensor([[2.0, 3.0, 2.0, 2.0]])[:, :, None].requires_grad_()
    y = (Input(4, 1) >> KMaxPool(2)).build()(x)
    assert y.flatten().tolist() == [2, 3]
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [1, 1, 0, 0]


def test_of_many_equal_values_the_earliest() -> None:
    x = torch.zeros(2, 500, 3, requires_grad=True)
    (Input(500, 3) >> KMaxPool(100)).build()(x).sum().backward()
    assert x.grad is not None
    assert (x.grad[:, :100] == 1).all()
    assert (x.grad[:, 100:] == 0).all()


def test_no_number_is_among_the_largest() -> None:
    x = torch.tensor([[1.0, torch.nan, 3.0]])[:, :, None]
    assert (Input(3, 1) >> KMaxPool(2)).build()(x).isnan().flatten().tolist() == [True, False]


@given(k=st.integers(1, 8), level=st.integers(1, 9), more=st.integers(0, 5), s=st.integers(1, 200))
def test_the_dynamic_number(k: int, level: int, more: int, s: int) -> None:
    levels = level + more
    assert kept(k, more, s, levels) == max(k, math.ceil(more * s / levels - 1e-9))


def test_levels_of_a_network() -> None:
    network = Input(18, 2) >> KMaxPool(3, 1, 3, steps=18) >> KMaxPool(3, 2, 3, steps=18) >> KMaxPool(3, 3, 3, steps=18)
    assert [node.shape for node in network.plan().nodes] == [(18, 2), (12, 2), (6, 2), (3, 2)]
    assert (Input(18, 2) >> KMaxPool(3, 1, 3)).output_shape == (12, 2)  # the steps that come are those of the sentence


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 7), min_size=1, max_size=4),
    k=st.integers(1, 4),
    level=st.sampled_from([None, 1, 2, 3]),
    padding=st.sampled_from([0.0, 9.0, float("nan"), float("inf"), -float("inf")]),
    seed=st.integers(0, 1000),
)
def test_valid_steps(lengths: list[int], k: int, level: int | None, padding: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [rng.integers(-3, 3, size=(n, 2)).astype(float) for n in lengths]
    x = torch.full((len(rows), 7, 2), padding, dtype=torch.float64)
    for row, values in zip(x, rows, strict=True):
        row[: len(values)] = torch.from_numpy(values)
    x.requires_grad_()
    layer = KMaxPool(k, level, level and 3, lengths=True)
    y = with_lengths(layer, x, lengths)
    count = k if level is None else kept(k, 3 - level, 7, 3)
    assert y.shape == (len(rows), count, 2)
    for got, values in zip(y.detach().numpy(), rows, strict=True):
        own = k if level is None else kept(k, 3 - level, len(values), 3)
        for feature in range(2):
            wanted = by_sorting(values[:, feature].tolist(), own)
            assert got[:, feature].tolist() == wanted + [0.0] * (count - len(wanted))
    y.sum().backward()
    assert x.grad is not None
    assert all((grad[n:] == 0).all() and grad.isfinite().all() for grad, n in zip(x.grad, lengths, strict=True))


def test_values_of_minus_infinity_are_values() -> None:
    x = torch.tensor([[-torch.inf, 1.0, -torch.inf, 5.0]])[:, :, None]
    assert with_lengths(KMaxPool(3, lengths=True), x, [3]).flatten().tolist() == [-torch.inf, 1.0, -torch.inf]


def test_the_first_level_is_the_same_with_steps() -> None:
    x = torch.arange(1.0, 10.0)[None, :, None]
    layer = KMaxPool(1, 1, 3, lengths=True, steps=9)
    assert with_lengths(layer, x, [4]).flatten().tolist() == [2, 3, 4, 0, 0, 0]
    assert with_lengths(KMaxPool(1, 1, 3, lengths=True), x, [4]).flatten().tolist() == [2, 3, 4, 0, 0, 0]


def test_a_bad_length_is_named() -> None:
    text = r"KMaxPool\(2, lengths=True\), length: expected an integer from 0 to 4, got 5 in sample 1 of the batch"
    with pytest.raises(InvalidData, match=text):
        with_lengths(KMaxPool(2, lengths=True), torch.zeros(2, 4, 1), [0, 5])


@pytest.mark.parametrize(
    ("layer", "right", "wrong", "text"),
    [
        (KMaxPool(3), (3, 12), (2,), r"KMaxPool\(3\): expected sequences of at least 3 steps, got 2 steps\. How many"),
        (KMaxPool(3, 1, 2), (9,), (8, 10), r"KMaxPool\(3, 1, 2\): expected sequences of 9 steps, got (8|10) steps\."),
        (KMaxPool(3, 1, 2, steps=10), (5, 20), (4,), r"expected sequences of at least 5 steps, got 4 steps"),
    ],
)
def test_other_numbers_of_steps(layer: KMaxPool, right: Any, wrong: Any, text: str) -> None:
    """What is kept belongs to nine steps; with others it runs where that is right, and refuses where it is not."""
    module = (Input(9, 2) >> layer).build()

    def run(steps: int) -> torch.Tensor:
        found: torch.Tensor = module(torch.randn(1, steps, 2, generator=torch.Generator().manual_seed(0)))
        return found

    for steps in right:
        number = 3 if layer.level is None else 5 if layer.steps else math.ceil(steps / 2)
        values = torch.randn(1, steps, 2, generator=torch.Generator().manual_seed(0))[0].T.tolist()
        assert run(steps)[0, :number].T.tolist() == [pytest.approx(by_sorting(series, number)) for series in values]
    for steps in wrong:
        with pytest.raises(InvalidData, match=text):
            run(steps)


@pytest.mark.parametrize("layer", [KMaxPool(3, lengths=True), KMaxPool(3, 1, 2, lengths=True)])
@pytest.mark.parametrize("steps", [1, 2, 4, 9, 10, 30])
def test_any_number_of_steps_with_lengths(layer: KMaxPool, steps: int) -> None:
    """Zeros follow where there are fewer; where there are more, as many are kept as of the nine it is built for."""
    module = ((Input(9, 2) | Input(1)) >> layer).build()
    x = torch.randn(1, steps, 2, generator=torch.Generator().manual_seed(0))
    most = 3 if layer.level is None else 5
    number = min(steps, 3 if layer.level is None else min(5, max(3, math.ceil(steps / 2))))
    found = module(x, torch.tensor([[float(steps)]]))[0]
    assert found.shape == (most, 2)
    assert found[number:].abs().sum() == 0
    assert found[:number].T.tolist() == [pytest.approx(by_sorting(each, number)) for each in x[0].T.tolist()]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Input(3, 8) >> KMaxPool(5),
            r"kmaxpool1: KMaxPool\(5\): expected at least 5 steps, as many as are kept, got shape \(3, 8\)\. "
            r"Keep at most 3, or pad the sequences to 5 steps",
        ),
        (lambda: Input(5, 8) >> KMaxPool(2, 1, 2, steps=12), r"expected at least 6 steps, .*Keep at most 5"),
        (lambda: (Input(3, 8) | Input(1)) >> KMaxPool(5, lengths=True), r"expected at least 5 steps"),
        (lambda: Input(8) >> KMaxPool(1), r"KMaxPool\(1\): expected an input \(steps, features\), got shape \(8,\)"),
        (lambda: Input(8, 2) >> KMaxPool(1, lengths=True), r"expected two inputs, a sequence"),
    ],
)
def test_joins_that_cannot_work(make: Any, text: str) -> None:
    with pytest.raises(JoinError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: KMaxPool(0), r"KMaxPool\(k\): expected an integer >= 1, got 0"),
        (lambda: KMaxPool(3, 1), r"KMaxPool\(level\): expected level and levels together, got level=1, levels=None"),
        (lambda: KMaxPool(3, levels=2), r"KMaxPool\(level\): expected level and levels together, got level=None"),
        (lambda: KMaxPool(3, 4, 3), r"KMaxPool\(level\): expected an integer in \[1, 3\], got level=4, levels=3"),
        (
            lambda: KMaxPool(3, steps=9),
            r"KMaxPool\(steps\): expected level and levels to go with it, got steps=9 alone",
        ),
        (lambda: KMaxPool(3, 0, 3), r"KMaxPool\(level\): expected an integer >= 1 or None, got 0"),
    ],
)
def test_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def test_levels_with_lengths_are_what_each_sequence_gives_alone() -> None:
    """Two levels behind one another, all lengths in one batch, against each sequence without padding."""
    levels, longest = 3, 18
    first, second = (KMaxPool(3, level, levels, lengths=True, steps=longest) for level in (1, 2))
    network = (Input(longest, 2) | Input(1)) >> (first | Pick(1)) >> second
    module = network.build().eval()
    x = torch.randn(5, longest, 2, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([[18.0], [9.0], [4.0], [2.0], [13.0]])
    together = module(x, lengths)
    assert together.shape == (5, 6, 2)
    for row, (sequence, length) in enumerate(zip(x, lengths[:, 0].int().tolist(), strict=True)):
        alone = sequence[:length]
        for level in (1, 2):
            number = min(max(3, math.ceil((levels - level) / levels * length)), len(alone))
            places = alone.sort(dim=0, descending=True, stable=True).indices[:number].sort(dim=0).values
            alone = alone.gather(0, places)
        assert torch.equal(together[row, : len(alone)], alone)
        assert not together[row, len(alone) :].any()
