"""Batches of streams: every row once an epoch, in an order of (seed, epoch) that no worker changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import netwright as nw
from netwright.core.errors import InvalidData
from netwright.data import stream
from netwright.data.streams.arrays import ArraySource
from netwright.estimators.preparing import sample_of
from netwright.layers import BatchNorm, ReLU, Softmax
from netwright.train import Group
from netwright.train.batches import bounds
from netwright.train.streamed import StreamBatches

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(700, 3)) * [1, 10, 100] + [0, 5, 1000]
Y = np.where(X[:, 1] > 5, "high", "low")


def plain(values):
    return (values,)


def source_of(n, part):
    """n rows that have their number in them, read in parts."""
    source = ArraySource(np.arange(n, dtype=np.float32)[:, None])
    source.edges = None if part is None else np.append(np.arange(0, n, part), n)
    return source


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 60), size=st.integers(1, 20), part=st.none() | st.integers(1, 9), seed=st.integers(0, 99))
def test_every_row_comes_once_and_batches_have_their_size(n, size, part, seed):
    rows = np.arange(0, 2 * n, 2)
    batches = StreamBatches(source_of(2 * n, part), plain, rows, torch.arange(n), torch.arange(n) * 1.0, size, seed)
    for epoch in (0, 1):
        found = list(batches(epoch))
        assert [len(target) for _, target, _ in found] == [stop - start for start, stop in bounds(n, size)]
        targets = torch.cat([target for _, target, _ in found])
        assert sorted(targets.tolist()) == list(range(n))
        assert torch.equal(torch.cat([x[:, 0] for (x,), _, _ in found]), targets * 2.0)
        assert torch.equal(torch.cat([w for _, _, w in found]), targets * 1.0)
        again = [target for _, target, _ in batches(epoch)]
        assert torch.equal(torch.cat(again), targets)
    assert torch.equal(torch.cat([x for (x,) in batches.in_order(7)])[:, 0], torch.arange(n) * 2.0)


def test_rows_of_many_parts_are_mixed(monkeypatch):
    monkeypatch.setattr("netwright.train.streamed.POOL", 400)
    batches = StreamBatches(source_of(1000, 10), plain, np.arange(1000), torch.arange(1000), size=20)
    first, second = (torch.cat([t for _, t, _ in batches(epoch)]) for epoch in (0, 1))
    assert not torch.equal(first, second)
    for order in (first, second):
        parts_of_batches = [len(set((order[i : i + 20] // 10).tolist())) for i in range(0, 1000, 20)]
        assert np.mean(parts_of_batches) > 5  # of a pool of ten


FIT = nw.Classifier(
    BatchNorm() >> ReLU(16) >> Softmax(2), optimizer="Adam(0.01)", epochs=9, validation=0.3, random_state=0
)


def weights(fitted):
    return torch.cat([p.detach().flatten() for p in fitted.module_.state_dict().values()])


@pytest.mark.slow
@pytest.mark.parametrize("network", [None, FIT.network])
def test_workers_do_not_change_a_fit(network, tmp_path):
    np.save(tmp_path / "rows.npy", X)
    before = torch.get_rng_state()
    fit, weight = clone(FIT).set_params(network=network), np.arange(700) + 1
    fits = [
        clone(fit).fit(stream(data, Y, workers=workers), sample_weight=weight)
        for data, workers in ((tmp_path / "rows.npy", 0), (tmp_path / "rows.npy", 2), (X, 0))
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(weights(fits[0]), weights(fit)) for fit in fits[1:])
    assert fits[0].score(stream(X, Y)) == fits[0].score(X, Y) > 0.9
    np.testing.assert_array_equal(fits[0].predict(stream(X)), fits[0].predict(X))
    assert [finding.code for finding in fits[0].diagnosis_.findings if finding.level == "fault"] == []


def test_scales_are_those_of_the_array():
    memory, streamed = (nw.Classifier(epochs=1, random_state=0) for _ in "ab")
    weight = DRAW.uniform(0.5, 2, 700)
    memory.fit(X, Y, sample_weight=weight)
    streamed.fit(stream(X, Y), sample_weight=weight)
    assert repr(memory.network_) == repr(streamed.network_)
    np.testing.assert_allclose(streamed._inputs.scaler.mean, memory._inputs.scaler.mean, rtol=1e-12)
    np.testing.assert_allclose(streamed._inputs.scaler.scale, memory._inputs.scaler.scale, rtol=1e-12)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_row_that_is_not_finite_is_named(workers):
    bad = X.copy()
    bad[123, 1] = np.nan
    with pytest.raises(InvalidData, match="finite numbers, got nan in row 123"):
        nw.Classifier(FIT.network, epochs=1).fit(stream(bad, Y, workers=workers))


def test_a_stream_is_checked_by_a_sample():
    shuffled = DRAW.permutation(Y)
    codes = [finding.code for finding in nw.Classifier(validation=0.3).check(stream(X, shuffled)).findings]
    assert "labels-unrelated" in codes


def test_rows_that_are_looked_at_keep_their_numbers(monkeypatch):
    monkeypatch.setattr("netwright.estimators.preparing.LOOKED_AT", 100)
    own = np.arange(3, 700, 2)
    (rows, target, weight), numbers = sample_of((stream(X)[own], Y[own], own * 1.0), own)
    assert 100 <= len(rows) < 200
    np.testing.assert_array_equal(rows, X[numbers])
    np.testing.assert_array_equal(target, Y[numbers])
    np.testing.assert_array_equal(weight, numbers)


def test_processes_share_the_batches_of_a_stream():
    batches = StreamBatches(source_of(50, 10), plain, np.arange(50), torch.arange(50), size=16)
    whole = [target for _, target, _ in batches(0)]
    parts = [[target for _, target, _ in Group(rank, 2).parts(batches(0))] for rank in (0, 1)]
    assert all(torch.equal(torch.cat(pair), target) for *pair, target in zip(*parts, whole, strict=True))
    assert torch.equal(torch.cat([x for (x,) in batches.between(10, 33).in_order(5)])[:, 0], torch.arange(10.0, 33))
