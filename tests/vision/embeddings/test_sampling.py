"""What batches hold: classes, samples, pairs; the same for the same seed and epoch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from netwright.vision.embeddings.batches import EmbeddingBatches
from netwright.vision.embeddings.sampling import ClassSampler, GivenPairs, PairSampler

CODES = np.random.default_rng(0).permutation(np.repeat(np.arange(7), [12, 10, 9, 8, 8, 3, 2]))


@pytest.mark.parametrize(("classes", "samples"), [(3, 4), (7, 2), (50, 3)])
def test_batches_hold_samples_of_classes(classes: int, samples: int) -> None:
    sampler = ClassSampler(CODES, classes, samples)
    ways = min(classes, 7)
    counts = np.bincount(CODES)
    batches = sampler.draw(3, 2)
    assert len(batches) == max(1, round(len(CODES) / (ways * samples)))
    for rows, target in batches:
        assert rows.shape == (len(target), 1)
        np.testing.assert_array_equal(CODES[rows[:, 0]], target)
        assert len(set(rows.ravel().tolist())) == len(rows)
        for label, count in Counter(target.tolist()).items():
            assert count == min(samples, counts[label])
        assert len(set(target.tolist())) == ways


def test_every_class_comes_as_often() -> None:
    sampler = ClassSampler(CODES, 3, 2)
    seen = Counter(
        label for epoch in range(300) for _, target in sampler.draw(0, epoch) for label in set(target.tolist())
    )
    assert max(seen.values()) < 1.15 * min(seen.values())


@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_of_one_class_and_of_two_in_turn(seed: int) -> None:
    sampler = PairSampler(CODES, 8)
    batches = sampler.draw(seed, 1)
    rows, same = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
    assert [len(target) for _, target in batches] == [8] * (len(CODES) // 8) + [len(CODES) % 8]
    assert (rows[:, 0] != rows[:, 1]).all()
    np.testing.assert_array_equal(CODES[rows[:, 0]] == CODES[rows[:, 1]], same == 1)
    assert same.tolist() == [1, 0] * (len(CODES) // 2)
    assert sorted(rows[:, 0].tolist()) == list(range(len(CODES)))


def test_partners_are_drawn_from_all() -> None:
    sampler = PairSampler(CODES, 64)
    same, other = set(), set()
    for epoch in range(400):
        for rows, target in sampler.draw(0, epoch):
            same |= {tuple(pair) for pair in rows[target == 1].tolist()}
            other |= {tuple(pair) for pair in rows[target == 0].tolist()}
    counts = np.bincount(CODES)
    assert len(same) == (counts * (counts - 1)).sum()
    assert len(other) > 0.98 * (len(CODES) ** 2 - (counts**2).sum())


def test_a_single_sample_is_the_second_of_a_pair_only_of_two() -> None:
    codes = np.array([0, 0, 0, 1, 2])
    for epoch in range(50):
        for rows, target in PairSampler(codes, 5).draw(0, epoch):
            assert all(codes[a] == codes[b] for a, b in rows[target == 1].tolist())
            assert (rows[:, 0] != rows[:, 1]).all()


def test_what_is_drawn_depends_on_seed_and_epoch_alone() -> None:
    for sampler in (ClassSampler(CODES, 3, 2), PairSampler(CODES, 8), GivenPairs(np.arange(20) % 2, 6)):
        first, again, later, other = (sampler.draw(*of) for of in ((1, 4), (1, 4), (1, 5), (2, 4)))
        assert all(a.equal(c) and b.equal(d) for (a, b), (c, d) in zip(first, again, strict=True))
        assert not first[0][0].equal(later[0][0])
        assert not first[0][0].equal(other[0][0])


def test_given_pairs_come_once_each() -> None:
    rows, same = (torch.cat(parts) for parts in zip(*GivenPairs(np.arange(20) % 2, 6).draw(0, 0), strict=True))
    assert sorted(rows[:, 0].tolist()) == list(range(20))
    assert (rows[:, 1] - rows[:, 0]).eq(20).all()
    assert same.equal(rows[:, 0] % 2)


def test_batches_of_a_run() -> None:
    x = torch.arange(len(CODES) * 4, dtype=torch.uint8).reshape(-1, 1, 2, 2)
    batches = EmbeddingBatches(x, ClassSampler(CODES, 3, 2), seed=1, augment=lambda images, draw: images + 1)
    for epoch in range(2):
        drawn = batches.sampler.draw(1, epoch)
        given = list(batches(epoch))
        assert [stop - start for start, stop in batches.bounds] == [len(target) for _, target, _ in given]
        for (rows, codes), ((images,), target, weight) in zip(drawn, given, strict=True):
            assert weight is None
            assert target.equal(codes)
            torch.testing.assert_close(images, x[rows[:, 0]].float() / 255 + 1)
    assert batches.n == batches.bounds[-1][1]
    whole = batches.some(10**6)
    assert whole.n == len(batches.target)
    assert whole.target.equal(batches.target)
    assert batches.some(5).n == 5
    assert len(batches.head(3)[0]) == 3
    assert sum(len(inputs[0]) for inputs in batches.in_order(4)) == len(batches.target)
