"""Rates of identification, intervals and episodes: counting by hand, SciPy, binomial coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.embeddings.episodes import episodes, score_episodes
from netwright.vision.embeddings.rates.identification import detection_identification, rank_k
from netwright.vision.embeddings.rates.interval import bootstrap_people, clopper_pearson


class Plain:
    """An embedder that leaves samples as they are."""

    def transform(self, X: Any) -> np.ndarray:
        return np.asarray(X, dtype=float)


def case(seed: int) -> tuple[np.ndarray, list[str], list[str]]:
    """Scores of probes, some of strangers, in a gallery with two entries a name."""
    draw = np.random.default_rng(seed)
    gallery = [f"p{number % 6}" for number in range(12)]
    probes = [f"p{number}" for number in draw.integers(0, 9, 60)]
    scores = draw.normal(size=(60, 12)) + 1.5 * (np.array(probes)[:, None] == np.array(gallery))
    return scores, gallery, probes


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 2, 6])
def test_rank_k_by_hand(seed: int, k: int) -> None:
    scores, gallery, probes = case(seed)
    known = [row for row, name in enumerate(probes) if name in gallery]
    hits = []
    for row in known:
        best = {name: max(scores[row, np.array(gallery) == name]) for name in set(gallery)}
        order = sorted(best, key=lambda name: -best[name])
        hits.append(probes[row] in order[:k])
    assert rank_k(scores[known], gallery, [probes[row] for row in known], k) == pytest.approx(np.mean(hits))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("far", [0.0, 0.05, 0.3, 1.0])
def test_open_set_rates_by_hand(seed: int, far: float) -> None:
    scores, gallery, probes = case(seed)
    strangers = np.array([name not in gallery for name in probes])
    found = detection_identification(scores, gallery, probes, far)
    accepted = scores[strangers].max(1) >= found.threshold
    assert found.far == accepted.mean() <= far
    right = [scores[row].argmax() for row in np.flatnonzero(~strangers)]
    told = [
        gallery[best] == probes[row] and scores[row, best] >= found.threshold
        for row, best in zip(np.flatnonzero(~strangers), right, strict=True)
    ]
    assert found.dir == pytest.approx(np.mean(told))
    for threshold in np.unique(scores):  # no milder threshold finds more
        if (scores[strangers].max(1) >= threshold).mean() <= far:
            others = [scores[r, b] >= threshold and gallery[b] == probes[r] for r, b in
                      zip(np.flatnonzero(~strangers), right, strict=True)]  # fmt: skip
            assert np.mean(others) <= found.dir + 1e-12


def test_bad_galleries_are_named() -> None:
    scores, gallery, probes = case(0)
    with pytest.raises(InvalidData, match=r"rank_k\(probes\), probe \d+: expected a name of the gallery"):
        rank_k(scores, gallery, probes)
    with pytest.raises(InvalidData, match=r"expected scores of shape \(60, 11\)"):
        rank_k(scores, gallery[1:], probes)
    with pytest.raises(InvalidData, match="people of the gallery and others, got 60 and 0"):
        detection_identification(scores, gallery, ["p0"] * 60)
    with pytest.raises(InvalidParameter, match=r"rank_k\(k\)"):
        rank_k(scores, gallery, probes, 0)


@pytest.mark.parametrize(("errors", "trials"), [(0, 20), (3, 50), (20, 20), (1, 1000)])
def test_clopper_and_pearson_as_scipy_has_it(errors: int, trials: int) -> None:
    peer = binomtest(errors, trials).proportion_ci(0.9, "exact")
    np.testing.assert_allclose(clopper_pearson(errors, trials, 0.9), (peer.low, peer.high), rtol=1e-9)


def test_the_exact_interval_covers() -> None:
    rate, trials = 0.07, 60
    inside = [low <= rate <= high for low, high in (clopper_pearson(k, trials) for k in range(trials + 1))]
    assert binom.pmf(np.arange(trials + 1), trials, rate) @ np.array(inside) >= 0.95


def test_people_who_err_much_widen_the_interval() -> None:
    first, second = np.triu_indices(40, 1)
    draw = np.random.default_rng(0)
    alone = draw.random(len(first)) < 0.05
    lookalike = (first == 3) | (second == 3) | (first == 17) | (second == 17)
    widths = []
    for wrong in (alone, lookalike):
        low, high = bootstrap_people(wrong, first, second, random_state=0)
        assert low <= wrong.mean() <= high
        widths.append(high - low)
    exact = clopper_pearson(int(lookalike.sum()), len(first))
    assert widths[1] > 2 * widths[0]
    assert widths[1] > 2 * (exact[1] - exact[0])


def test_the_bootstrap_of_pairs_of_one_person_is_that_of_people() -> None:
    people = np.arange(30)
    wrong = people < 6  # one pair each: an ordinary bootstrap of thirty trials
    low, high = bootstrap_people(wrong, people, people, draws=4000)
    wanted = binom.ppf([0.025, 0.975], 30, 0.2) / 30
    np.testing.assert_allclose((low, high), wanted, atol=0.034)
    with pytest.raises(InvalidData, match="at most 3, got 4"):
        clopper_pearson(4, 3)


# episodes


def test_episodes_are_what_was_asked_for() -> None:
    X, y = np.arange(60)[:, None], np.repeat(list("abcdefghij"), 6)
    some = episodes(X, y, 4, 2, 3, count=25, random_state=1)
    for one in some:
        assert one.support.shape == (8, 1)
        assert one.queries.shape == (12, 1)
        assert len(set(one.support_labels)) == 4
        assert not set(one.support.ravel()) & set(one.queries.ravel())
        assert y[one.support.ravel()].tolist() == one.support_labels
        assert y[one.queries.ravel()].tolist() == one.query_labels
    again = episodes(X.tolist(), y, 4, 2, 3, count=25, random_state=1)
    assert all(np.array_equal(a.support.ravel(), np.ravel(b.support)) for a, b in zip(some, again, strict=True))


def test_queries_go_to_the_nearest_prototype() -> None:
    draw = np.random.default_rng(0)
    y = np.repeat(np.arange(10), 8)
    X = draw.normal(size=(10, 5))[y] + 0.6 * draw.normal(size=(80, 5))
    some = episodes(X, y, 5, 3, 2, count=30, random_state=0)
    found = score_episodes(Plain(), some)
    for one, accuracy in zip(some, found.accuracies, strict=True):
        names = list(dict.fromkeys(one.support_labels))
        means = [one.support[[label == name for label in one.support_labels]].mean(0) for name in names]
        cosines = [[q @ m / np.linalg.norm(q) / np.linalg.norm(m) for m in means] for q in one.queries]
        told = [names[int(np.argmax(row))] for row in cosines]
        assert accuracy == np.mean([a == b for a, b in zip(told, one.query_labels, strict=True)])
    assert found.interval == pytest.approx(1.96 * np.std(found.accuracies, ddof=1) / np.sqrt(30))
    assert 0.5 < found.mean < 1


def test_too_few_samples_are_named() -> None:
    with pytest.raises(InvalidData, match=r"expected 3 classes with 1 \+ 2 samples or more, got 2"):
        episodes(np.zeros((7, 1)), [0, 0, 0, 1, 1, 1, 2], 3, 1, 2)
    with pytest.raises(InvalidData, match="at least two classes, got only 0"):
        episodes(np.zeros((3, 1)), [0, 0, 0], 2)
    with pytest.raises(InvalidParameter, match=r"episodes\(ways\)"):
        episodes(np.zeros((3, 1)), [0, 0, 1], 1)
