"""Batches of sequences: everything once an epoch, an order of (seed, epoch) alone, little padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.sequence.batches import LEFT_OUT, STEPS, Ragged, SequenceBatches
from netwright.sequence.splitting import cut, split_ends, split_off


def made(lengths, size=4, seed=0, bucketed=True, by_step=True):
    """Sequence i holds the number i at each step."""
    rows = [np.full((n, 2), i, np.float32) for i, n in enumerate(lengths)]
    tags = [np.full(n, i, np.int64) for i, n in enumerate(lengths)]
    target = Ragged(tags, LEFT_OUT) if by_step else torch.arange(len(lengths))
    return SequenceBatches((Ragged(rows),), target, None, size, seed, bucketed)


LENGTHS = st.lists(st.integers(0, 12), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(0, 3), st.booleans())
def test_each_sequence_comes_once_an_epoch_whole_and_with_its_target(lengths, size, epoch, bucketed):
    batches = made(lengths, size, bucketed=bucketed, by_step=False)
    seen = []
    for (x, n), target, weight in batches(epoch):
        assert weight is None
        assert x.shape == (len(target), max(int(n.max()), 1), 2)
        for row, steps, number in zip(x, n[:, 0].int().tolist(), target.tolist(), strict=True):
            assert steps == lengths[number]
            assert (row[:steps] == number).all()
            assert (row[steps:] == 0).all()
        seen += target.tolist()
    assert sorted(seen) == list(range(len(lengths)))
    assert len(list(batches(epoch))) == len(batches) == len(batches.bounds)
    assert [len(t) for _, t, _ in batches(epoch)] == [b - a for a, b in batches.bounds]  # as a run weighs losses


@settings(max_examples=30, deadline=None)
@given(LENGTHS, st.integers(1, 9))
def test_the_order_is_a_function_of_seed_and_epoch(lengths, size):
    def order(seed, epoch):
        return [target.tolist() for _, target, _ in made(lengths, size, seed, by_step=False)(epoch)]

    batches = made(lengths, size, by_step=False)
    list(batches(0))
    assert [target.tolist() for _, target, _ in batches(3)] == order(0, 3)


def test_other_seeds_and_epochs_have_other_orders():
    lengths = [3] * 40
    orders = {
        tuple(t for _, target, _ in made(lengths, 4, seed, by_step=False)(epoch) for t in target.tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


def test_targets_by_step_are_filled_with_what_losses_leave_out():
    batches = made([3, 0, 1])
    _, target, _ = batches.batch(torch.tensor([0, 1, 2]))
    assert target.tolist() == [[0, 0, 0], [LEFT_OUT] * 3, [2, LEFT_OUT, LEFT_OUT]]
    assert batches.counted(target) == 4
    assert not batches.whole
    numbers = Ragged([np.ones((2, 1), np.float32), np.ones((1, 1), np.float32)], float("nan")).take(torch.arange(2))
    assert SequenceBatches.counted(numbers) == 3
    assert Ragged([np.empty((0, 3))] * 2, 7).take(torch.arange(2)).tolist() == [[[7.0] * 3]] * 2


def test_little_is_padded_where_lengths_are_those_of_sentences():
    draw = np.random.default_rng(0)
    lengths = np.clip(draw.lognormal(2.5, 0.8, 3000).astype(int), 1, 160)

    def shares(bucketed):
        batches = made(lengths, 32, bucketed=bucketed)
        padded = [int(x.shape[0] * x.shape[1]) for (x, _), _, _ in batches(0)]
        return sum(padded) / lengths.sum() - 1

    assert shares(True) < 0.12 < 1 < shares(False)  # of the steps


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3 * STEPS), min_size=1, max_size=6), st.integers(1, 5))
def test_pieces_of_an_evaluation_are_bounded(lengths, copies):
    batches = made(lengths * copies, by_step=False)
    seen = []
    for which in batches.pieces():
        assert len(which) == 1 or len(which) * int(batches.lengths[which].max()) <= STEPS
        seen += which.tolist()
    assert sorted(seen) == list(range(len(lengths) * copies))
    rows = torch.cat([n[:, 0] for _, n in batches.in_order(3)])
    assert rows.tolist() == lengths * copies


def test_some_are_spread_evenly():
    some = made(range(1, 41), size=8).some(10, steps=50)
    assert some.inputs[0].shape == (10, 50, 2)
    assert some.inputs[1][:, 0].tolist() == list(range(1, 41, 4))
    assert some.target.shape == (10, 50)
    assert [tuple(x.shape) for x in made([2, 5, 1]).head(2)] == [(2, 5, 2), (2, 1)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(2, 9))
def test_pieces_have_all_steps_in_their_order(lengths, window):
    sequences = [list(range(100 * i, 100 * i + n)) for i, n in enumerate(lengths)]
    pieces, targets = cut((sequences, [[-x for x in s] for s in sequences]), window)
    assert [[-x for x in s] for s in pieces] == targets
    assert {x for piece in pieces for x in piece} == {x for s in sequences for x in s}
    assert all(len(piece) <= window and piece == list(range(piece[0], piece[-1] + 1)) for piece in pieces if piece)
    assert sum(map(len, pieces)) <= 6 * sum(lengths)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.floats(0.01, 0.99))
def test_ends_are_behind_what_is_trained_on(lengths, share):
    sequences = [list(range(n)) for n in lengths]
    if max(lengths) < 2:
        with pytest.raises(ValueError, match="a sequence of at least 2 steps to hold the end of, got none"):
            split_ends((sequences, sequences), share, "validation")
        return
    (own, own_y), (ends, ends_y) = split_ends((sequences, sequences), share, "validation")
    assert (own, ends) == (own_y, ends_y)
    assert [len(s) for s in own if s] == [s for s in map(len, own) if s]
    left = iter(ends)
    for sequence, first in zip(sequences, own, strict=True):
        assert first + (next(left) if len(first) < len(sequence) else []) == sequence
        assert first or not sequence
    assert next(left, None) is None


def test_a_share_is_drawn_at_random_and_keeps_pairs_together():
    part = list(range(50)), [-x for x in range(50)]
    (own, own_y), (held, held_y) = split_off(part, 0.3, 1, "validation")
    assert (len(held), sorted(own + held)) == (15, part[0])
    assert (own_y, held_y) == ([-x for x in own], [-x for x in held])
    assert held != split_off(part, 0.3, 2, "validation")[1][0]
    assert held == split_off(part, 0.3, 1, "validation")[1][0]
