"""Verification and identification on embeddings: thresholds are counts, galleries change, strangers are nobody."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.embeddings.comparing import compared, compared_pairs
from netwright.vision.embeddings.rates.interval import clopper_pearson
from netwright.vision.embeddings.recognizer import Recognizer
from netwright.vision.embeddings.siamese_network import SiameseNetwork
from netwright.vision.embeddings.triplet_network import TripletNetwork
from netwright.vision.embeddings.verifier import Verifier


class Plain:
    """An embedder that leaves samples as they are."""

    def __init__(self, distance: str = "cosine") -> None:
        self.distance_ = distance

    def transform(self, X: Any) -> np.ndarray:
        return np.asarray(X, dtype=float)


def people(n: int = 12, samples: int = 8, seed: int = 0, noise: float = 0.6) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    y = np.repeat([f"p{i}" for i in range(n)], samples)
    return np.repeat(draw.normal(size=(n, 5)), samples, 0) + noise * draw.normal(size=(n * samples, 5)), y


def all_pairs(X: Any, y: Any, distance: str = "cosine") -> tuple[Any, Any]:
    i, j = np.triu_indices(len(y), 1)
    return compared_pairs(Plain(distance), X[i], X[j]), y[i] == y[j]


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "sqeuclidean"])
def test_all_pairs_by_one_product(distance: str) -> None:
    a, b = people(2)[0], people(3, seed=1)[0]
    whole = compared(Plain(distance), a, b)
    each = [compared_pairs(Plain(distance), np.repeat(a[i : i + 1], len(b), 0), b) for i in range(len(a))]
    np.testing.assert_allclose(whole, each, atol=1e-7)


@pytest.mark.parametrize("far", [0.005, 0.05, 0.3])
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_the_threshold_keeps_the_rate(far: float, distance: str) -> None:
    X, y = people()
    verifier = Verifier(far=far).fit(Plain(distance), X, y)
    scores, same = all_pairs(X, y, distance)
    accepted = scores >= verifier.threshold_ - 1e-9
    assert verifier.far_ == pytest.approx(accepted[~same].mean(), abs=2e-3)
    assert verifier.far_ <= far
    assert verifier.frr_ == pytest.approx(1 - accepted[same].mean(), abs=5e-3)
    assert verifier.far_interval_[0] <= verifier.far_ <= verifier.far_interval_[1]
    assert verifier.frr_interval_[0] <= verifier.frr_ <= verifier.frr_interval_[1]
    told = verifier.predict(X[:8], X[8:16])
    np.testing.assert_array_equal(told, verifier.score_pairs(X[:8], X[8:16]) >= verifier.threshold_)


def test_scores_alone_are_enough() -> None:
    X, y = people()
    scores, same = all_pairs(X, y)
    verifier = Verifier(far=0.02).fit_scores(scores, same)
    whole = Verifier(far=0.02, interval="clopper-pearson").fit(Plain(), X, y)
    assert verifier.threshold_ == pytest.approx(whole.threshold_)
    n = int((~same).sum())
    assert verifier.far_interval_ == clopper_pearson(round(verifier.far_ * n), n) == whole.far_interval_
    np.testing.assert_array_equal(verifier.accepts(scores), scores >= verifier.threshold_)
    with pytest.raises(InvalidParameter, match=r"Use accepts\(scores\)"):
        verifier.predict(X, X)


def test_the_interval_holds_for_others() -> None:
    inside = []
    for seed in range(20):
        X, y = people(25, 4, seed=seed, noise=0.8)
        verifier = Verifier(far=0.05).fit(Plain(), X, y)
        scores, same = all_pairs(*people(200, 2, seed=1000 + seed, noise=0.8))
        rate = (scores[~same] >= verifier.threshold_).mean()
        inside.append(verifier.far_interval_[0] <= rate <= verifier.far_interval_[1])
    assert np.mean(inside) >= 0.75


def test_a_trained_head_is_asked() -> None:
    X, y = people(seed=2)
    X = X.astype(np.float32)
    net = SiameseNetwork(head="binary", embedding_dim=8, epochs=30, random_state=0).fit(X, y)
    verifier = Verifier(far=0.05).fit(net, X, y)
    np.testing.assert_allclose(verifier.score_pairs(X[:5], X[5:10]), net.similarity(X[:5], X[5:10]), rtol=1e-5)
    assert 0 < verifier.threshold_ < 1
    gallery = Recognizer(net).enrol(X[::8], y[::8])
    assert gallery.score(X, y) > 0.5
    with pytest.raises(InvalidParameter, match="'exact' for a head that is no distance"):
        Recognizer(net, index="hnsw").enrol(X[::8], y[::8]).predict(X)


def test_verifiers_name_what_cannot_be() -> None:
    X, y = people()
    with pytest.raises(
        InvalidParameter, match=r"Verifier.fit\(embedder\): expected a fitted embedder, got Triplet.*fit"
    ):
        Verifier().fit(TripletNetwork(), X, y)
    with pytest.raises(
        InvalidParameter, match="expected a fitted embedder with transform, such as TripletNetwork, got 3"
    ):
        Verifier().fit(3, X, y)
    with pytest.raises(InvalidData, match="somebody with two samples, got one of each"):
        Verifier(far=0.1).fit(Plain(), X[::8], y[::8])
    with pytest.raises(InvalidData, match="at least two classes"):
        Verifier().fit(Plain(), X[:8], y[:8])
    with pytest.raises(InvalidData, match=r"at least 10000 pairs of two people for far=0.0001, got 4224"):
        Verifier(far=1e-4).fit(Plain(), X, y)
    with pytest.raises(InvalidParameter, match=r"Verifier\(far\)"):
        Verifier(far=0.0).fit(Plain(), X, y)
    with pytest.raises(NotFittedError):
        Verifier().predict(X, X)
    with pytest.raises(InvalidData, match="as many of each, got 3, 4"):
        Verifier().fit(Plain(), X, y).predict(X[:3], X[:4])
    assert clone(Verifier(far=0.2)).far == 0.2


# recognition


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_the_best_entry_names_the_probe(distance: str) -> None:
    X, y = people()
    enrolled = np.arange(len(y)) % 8 < 2
    known = Recognizer(Plain(distance)).enrol(X[enrolled], y[enrolled])
    assert known.names_ == list(dict.fromkeys(y))
    assert set(known.counts_.values()) == {2}
    scores = compared(Plain(distance), X[~enrolled], X[enrolled])
    wanted = y[enrolled][scores.argmax(1)]
    np.testing.assert_array_equal(known.predict(X[~enrolled]), wanted)
    assert known.score(X[~enrolled], y[~enrolled]) == np.mean(wanted == y[~enrolled])
    for row, found in enumerate(known.top_k(X[~enrolled], 4)):
        best = {name: scores[row, y[enrolled] == name].max() for name in known.names_}
        order = sorted(best, key=lambda name: -best[name])[:4]
        assert [name for name, _ in found] == order
        np.testing.assert_allclose([score for _, score in found], [best[name] for name in order])
    assert len(known.top_k(X[:1], 99)[0]) == 12


def test_people_come_and_go() -> None:
    X, y = people()
    known = Recognizer(Plain()).enrol(X[:16], y[:16])
    before = known.predict(X[:16]).tolist()
    known.enrol(X[16:24], y[16:24])
    assert known.names_ == ["p0", "p1", "p2"]
    assert "p2" in known.predict(X[16:24])
    known.forget("p2")
    assert known.predict(X[:16]).tolist() == before
    assert pickle.loads(pickle.dumps(known)).predict(X[:16]).tolist() == before
    known.fit(X[:8], y[:8])
    assert known.names_ == ["p0"]


def test_strangers_are_nobody() -> None:
    X, y = people(20, noise=0.25)
    first = np.arange(len(y)) % 8 == 0
    half = np.isin(y, [f"p{i}" for i in range(10)])
    known = Recognizer(Plain(), unknown="unknown").enrol(X[first & half], y[first & half])
    assert known.threshold_ is None
    assert "unknown" not in known.predict(X)
    rates = known.calibrate(X[~first], y[~first], far=0.05)
    assert known.threshold_ == rates.threshold
    assert rates.far <= 0.05
    told = known.predict(X[~first])
    assert np.mean(told[~half[~first]] != "unknown") == rates.far
    assert np.mean(told[half[~first]] == y[~first][half[~first]]) == pytest.approx(rates.dir)
    assert known.score(X[~first], y[~first]) > 0.7
    strict = Recognizer(Plain(), threshold=2.0).enrol(X[:1], y[:1])
    assert strict.predict(X[:3]).tolist() == [None] * 3


def test_a_graph_finds_nearly_the_same() -> None:
    pytest.importorskip("hnswlib")
    X, y = people(50, 4)
    exact, graph = (Recognizer(Plain(), index=index).enrol(X[::2], y[::2]) for index in ("exact", "hnsw"))
    assert np.mean(exact.predict(X[1::2]) == graph.predict(X[1::2])) > 0.95


def test_recognizers_name_what_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = people()
    known = Recognizer(Plain(), unknown="unknown")
    with pytest.raises(InvalidData, match=r"somebody who is enrolled, got nobody. Call enrol\(X, names\) first"):
        known.predict(X)
    known.enrol(X, y)
    with pytest.raises(InvalidParameter, match=r"a name that is enrolled, got 'p99'. Did you mean 'p9'"):
        known.forget("p99")
    with pytest.raises(InvalidData, match=r"enrol\(names\): expected 96, one an image, got 3"):
        known.enrol(X, y[:3])
    with pytest.raises(InvalidData, match="names of people, got 'unknown'"):
        known.enrol(X[:1], ["unknown"])
    with pytest.raises(InvalidParameter, match="a fitted embedder"):
        Recognizer(TripletNetwork()).enrol(X, y)
    with pytest.raises(InvalidData, match="people of the gallery and others"):
        known.calibrate(X, y)
    with pytest.raises(InvalidData, match="NaN"):
        known.predict(np.full((1, 5), np.nan))
    monkeypatch.setitem(__import__("sys").modules, "hnswlib", None)
    with pytest.raises(InvalidParameter, match=r"pip install .netwright\[hnsw\]"):
        Recognizer(Plain(), index="hnsw").enrol(X, y).predict(X)
    assert known.forget("p0").forget("p1").names_ == [f"p{i}" for i in range(2, 12)]


@pytest.mark.parametrize("distance", ["cosine", "euclidean", "sqeuclidean"])
def test_a_graph_compares_what_it_finds_exactly(distance: str) -> None:
    pytest.importorskip("hnswlib")
    X, y = people(20, 4)
    exact, graph = (
        Recognizer(Plain(distance), index=index, unknown="?").enrol(X[::2], y[::2]) for index in ("exact", "hnsw")
    )
    for known in (exact, graph):
        known.forget("p3").enrol(X[-3:], ["p19", "p19", "new"])
    for one, other in zip(exact.top_k(X[1::2], 5), graph.top_k(X[1::2], 5), strict=True):
        assert [name for name, _ in one] == [name for name, _ in other]
        np.testing.assert_allclose([score for _, score in one], [score for _, score in other], atol=1e-6)
    strangers = np.where(y[1::2] == "p3", "stranger", y[1::2])
    rates = [known.calibrate(X[1::2], strangers, far=0.3) for known in (exact, graph)]
    assert rates[0].threshold == pytest.approx(rates[1].threshold)
    assert (rates[0].dir, rates[0].far) == (rates[1].dir, rates[1].far)
    few = Recognizer(Plain(distance), index="hnsw").enrol(X[:1], y[:1])
    assert [name for name, _ in few.top_k(X[:2], 9)[0]] == ["p0"]


# what is calibrated, and on whom


def test_intervals_of_few_people_are_no_points() -> None:
    X, y = people(6, 5, noise=0.1)
    verifier = Verifier(far=0.02).fit(Plain(), X, y)
    assert verifier.frr_ == 0
    errors, trials = round(verifier.far_ * 375), 375
    for found, wanted in (
        (verifier.far_interval_, clopper_pearson(errors, trials)),
        (verifier.frr_interval_, clopper_pearson(0, 60)),
    ):
        assert found[0] <= wanted[0]
        assert found[1] >= wanted[1] > 0
    with pytest.warns(UserWarning, match="at least 3 people for intervals, got 2"):
        two = Verifier(far=0.1).fit(Plain(), X[:10], y[:10])
    assert two.far_interval_[0] < two.far_ < two.far_interval_[1]


def test_a_threshold_that_accepts_nobody_is_told() -> None:
    _, y = people(6, 5)
    with pytest.warns(UserWarning, match="one that accepts nobody.*collapsed"):
        verifier = Verifier(far=0.1).fit(Plain(), np.ones((30, 5)), y)
    assert verifier.threshold_ == np.inf
    assert verifier.frr_ == 1


def test_a_threshold_that_is_given_later_counts() -> None:
    X, y = people(8)
    known = Recognizer(Plain(), threshold=0.5).enrol(X[:16], y[:16])
    found = known.calibrate(X, y, far=0.1).threshold
    assert known.threshold_ == found != 0.5
    assert known.set_params(threshold=0.123).threshold_ == 0.123
    known.calibrate(X, y, far=0.1)
    assert known.threshold_ == found
    assert known.fit(X[:8], y[:8]).threshold_ == 0.123


def test_embeddings_of_another_width_are_refused() -> None:
    X, y = people()
    known = Recognizer(Plain()).enrol(X, y)
    for call in (lambda: known.predict(X[:2, :3]), lambda: known.enrol(X[:1, :3], ["new"])):
        with pytest.raises(InvalidData, match="embeddings of 5 numbers, as those enrolled, got 3"):
            call()
    assert "new" not in known.names_
