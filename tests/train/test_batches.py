"""Batches: the order is a function of (seed, epoch), every row comes once, a last row alone is merged."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.train import Batches, bounds, order


@settings(derandomize=True, max_examples=60)
@given(st.integers(1, 300), st.integers(1, 70))
def test_bounds_cover_every_row_once_and_leave_no_row_alone(n, size):
    cut = bounds(n, size)
    rows = [row for start, stop in cut for row in range(start, stop)]
    assert rows == list(range(n))
    if size > 1 and n > 1:
        assert all(stop - start > 1 for start, stop in cut)
    assert all(stop - start <= size + 1 for start, stop in cut)


def test_order_is_a_permutation_by_seed_and_epoch():
    assert torch.equal(order(3, 5, 100), order(3, 5, 100))
    assert not torch.equal(order(3, 5, 100), order(3, 6, 100))
    assert not torch.equal(order(3, 5, 100), order(4, 5, 100))
    assert sorted(order(0, 0, 50).tolist()) == list(range(50))


@pytest.mark.parametrize("once", [0, 2**30])
def test_batches_follow_the_order_with_targets_and_weights(once, monkeypatch):
    monkeypatch.setattr("netwright.train.batches.ONCE", once)
    x = torch.arange(11.0)[:, None]
    batches = Batches((x, x * 10), torch.arange(11), torch.arange(11.0) + 0.5, size=4, seed=9)
    seen = []
    for (a, b), target, weight in batches(epoch=2):
        assert torch.equal(a * 10, b)
        assert torch.equal(a[:, 0] + 0.5, weight)
        assert torch.equal(a[:, 0].long(), target)
        seen += target.tolist()
    assert seen == order(9, 2, 11).tolist()
    assert len(batches) == 3


def test_all_rows_in_one_batch_stay_in_their_order():
    x = torch.arange(5.0)[:, None]
    ((inputs, target, weight),) = list(Batches((x,), torch.arange(5), size=8)(3))
    assert torch.equal(inputs[0], x)
    assert target.tolist() == [0, 1, 2, 3, 4]
    assert weight is None


def test_tuple_targets_are_cut_alike():
    x = torch.arange(6.0)[:, None]
    for (a,), (t, u), _ in Batches((x,), (torch.arange(6), torch.arange(6) + 1), size=2)(0):
        assert torch.equal(t + 1, u)
        assert torch.equal(a[:, 0].long(), t)


def test_images_come_in_channels_last():
    images = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    batches = Batches((images,), torch.arange(5), size=2, channels_last=True)
    for (x,), target, _ in batches(0):
        assert x.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(x, images[target])
    assert torch.equal(batches.head(3)[0], images[:3])
    assert torch.equal(torch.cat([x for (x,) in batches.in_order(2)]), images)
