"""What is written down of a run."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from netwright.checks.during.tape import (
    KEPT_BATCHES,
    KEPT_BYTES,
    UNREAD,
    Checked,
    Tape,
    is_event,
    looked_at,
    looked_inside,
    next_event,
)
from netwright.checks.reading import Batch


def test_ever_fewer_steps_are_looked_at() -> None:
    looked = [step for step in range(100_000) if looked_at(step)]
    assert looked[:5] == [0, 1, 2, 3, 4]
    assert all(after <= 2.5 * before for before, after in pairwise(looked[5:]))
    assert len(looked) < 35
    inside = [step for step in looked if looked_inside(step)]
    assert inside == looked[::3]


def test_the_next_event() -> None:
    events = [step for step in range(2000) if is_event(step)]
    assert set(range(12)) <= set(events)
    assert all(looked_at(step) for step in events if step >= 12)
    assert [next_event(step) for step in events[:-1]] == events[1:]


def test_losses_are_numbers_and_tensors() -> None:
    tape = Tape()
    tape.losses += [1.0, torch.tensor(2.0, requires_grad=True), torch.tensor([3.0, 1.0])]
    assert tape.values() == [1.0, 2.0, 4.0]
    tape.losses.append(torch.tensor(math.nan))
    assert tape.values()[:3] == [1.0, 2.0, 4.0]
    assert math.isnan(tape.values()[3])
    assert all(isinstance(each, float) for each in tape.losses)


def test_losses_that_were_not_all_seen_are_none() -> None:
    tape = Tape()
    tape.losses += [1.0, math.nan]
    tape.unseen = 1
    assert tape.values() == []


def test_many_tensors_are_read_before_the_end() -> None:
    tape = Tape()
    for step in range(UNREAD + 5):
        tape.losses.append(torch.tensor(float(step)))
        tape.read()
    assert sum(isinstance(each, torch.Tensor) for each in tape.losses) == 5
    assert tape.values() == [float(step) for step in range(UNREAD + 5)]


def test_batches_are_kept_while_there_is_room() -> None:
    tape = Tape()
    small = Batch((torch.ones(2, 3),), torch.zeros(2))
    assert all(tape.keep(small) for _ in range(KEPT_BATCHES))
    assert not tape.room
    assert not tape.keep(small)
    other = Tape()
    large = Batch((torch.ones(1, KEPT_BYTES // 8 + 1),), torch.zeros(1))
    assert other.keep(large)
    assert not other.keep(large)
    assert not other.room
    assert (len(other.batches), other.batch_steps) == (1, [0])


def test_rates_are_kept_at_changes() -> None:
    tape = Tape()
    assert math.isnan(tape.rate)
    for step, rate in enumerate([0.1, 0.1, 0.05, torch.tensor(0.05), 0.1]):
        tape.steps = step
        tape.add_rate(rate)
    assert tape.rates == [(0, 0.1), (2, 0.05), (3, pytest.approx(0.05)), (4, 0.1)]
    assert tape.rate == 0.1


def test_the_mean_loss_of_each_epoch() -> None:
    tape = Tape()
    tape.losses += [4.0, 2.0, 1.0, 0.0]
    tape.checked += [Checked(2, 0.5, 0.9, False), Checked(4, 0.4, 0.95, False), Checked(4, 0.4, 0.95, False)]
    assert [train for _, train in tape.epochs()][:2] == [3.0, 0.5]
    assert math.isnan(tape.epochs()[2][1])
