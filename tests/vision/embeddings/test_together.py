"""Several networks side by side, similarities against a cohort, mirror images: against their equations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.embeddings.comparing import compared, compared_pairs
from netwright.vision.embeddings.ensemble import EmbeddingEnsemble
from netwright.vision.embeddings.normalizer import ScoreNormalizer
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


def rows(people: int = 8, samples: int = 6, seed: int = 0) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    y = np.repeat(np.arange(people), samples)
    return (draw.normal(size=(people, 6))[y] + 0.5 * draw.normal(size=(len(y), 6))).astype(np.float32), y


def faces(seed: int = 0) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    y = np.repeat(np.arange(5), 4)
    return (draw.integers(0, 200, (5, 10, 8))[y] + draw.integers(0, 50, (20, 10, 8))).astype(np.uint8), y


def members(**options: Any) -> list[Any]:
    return [
        TripletNetwork(embedding_dim=width, epochs=2, **{"random_state": seed, **options})
        for width, seed in ((4, 0), (7, 1))
    ]


# several networks


def test_similarity_is_the_mean_of_the_cosines() -> None:
    X, y = rows()
    both = EmbeddingEnsemble(members()).fit(X, y)
    alone = [net.fit(X, y) for net in members()]
    found = both.transform(X)
    assert found.shape == (len(X), 11)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    cosines = [net.transform(X) @ net.transform(X).T for net in alone]
    np.testing.assert_allclose(compared(both, found, found), np.mean(cosines, 0), atol=1e-5)
    np.testing.assert_allclose(both.similarity(X[:5], X[5:10]), np.mean(cosines, 0)[:5, 5:10].diagonal(), atol=1e-5)


def test_members_of_other_lengths_count_alike() -> None:
    X, y = rows()
    long = EmbeddingEnsemble(members(normalize=False)).fit(X, y)
    parts = [net.transform(X) for net in long.estimators_]
    cosines = [compared(None, part.astype(float), part.astype(float)) for part in parts]
    found = long.transform(X).astype(float)
    np.testing.assert_allclose(compared(long, found, found), np.mean(cosines, 0), atol=1e-5)


def test_members_without_a_seed_get_one_each() -> None:
    X, y = rows()
    fits = [EmbeddingEnsemble(members(random_state=None), random_state=seed).fit(X, y) for seed in (3, 3, 4)]
    first, again, other = (fit.transform(X) for fit in fits)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({member.seed_ for member in fits[0].estimators_}) == 2
    assert all(member.random_state is None for member in fits[0].estimators)
    kept = EmbeddingEnsemble(members(random_state=5), random_state=3).fit(X, y)
    assert {member.seed_ for member in kept.estimators_} == {5}
    assert clone(kept).random_state == 3


def test_ensembles_name_what_cannot_be() -> None:
    X, y = rows()
    for wrong in (None, TripletNetwork(), [TripletNetwork()]):
        with pytest.raises(InvalidParameter, match=r"EmbeddingEnsemble\(estimators\): expected a list of two or more"):
            EmbeddingEnsemble(wrong).fit(X, y)
    with pytest.raises(InvalidParameter, match="member 1: expected an embedder such as TripletNetwork, got 3"):
        EmbeddingEnsemble([TripletNetwork(), 3]).fit(X, y)
    with pytest.raises(InvalidParameter, match="similarity is a distance, got a head"):
        EmbeddingEnsemble([TripletNetwork(), SiameseNetwork(head="binary")]).fit(X, y)
    with pytest.raises(NotFittedError):
        EmbeddingEnsemble(members()).transform(X)
    with pytest.raises(InvalidData, match="as many of each, got 2, 3"):
        EmbeddingEnsemble(members()).fit(X, y).similarity(X[:2], X[:3])


# a cohort


def by_hand(s: Any, to_cohort_a: Any, to_cohort_b: Any, top: int | None) -> Any:
    """The equation, pair by pair."""
    found = np.empty(s.shape)
    for i in range(len(s)):
        for j in range(s.shape[1]):
            parts = []
            for scores in (to_cohort_a[i], to_cohort_b[j]):
                scores = sorted(scores)[::-1][:top]
                parts.append((s[i, j] - np.mean(scores)) / np.std(scores))
            found[i, j] = np.mean(parts)
    return found


@pytest.mark.parametrize("top", [None, 10, 48])
@pytest.mark.parametrize("distance", ["cosine", "euclidean", "sqeuclidean"])
def test_scores_are_measured_against_the_cohort(distance: str, top: int | None) -> None:
    embedder = Plain(distance)
    a, b, c = rows(2)[0].astype(float), rows(3, seed=1)[0].astype(float), rows(seed=2)[0].astype(float)
    scores = ScoreNormalizer(embedder, top=top).fit(c)
    wanted = by_hand(*(compared(embedder, *pair) for pair in ((a, b), (a, c), (b, c))), top)
    np.testing.assert_allclose(compared(scores, a, b), wanted, rtol=1e-6)
    np.testing.assert_allclose(compared_pairs(scores, a, b[: len(a)]), wanted.diagonal(), rtol=1e-6)
    np.testing.assert_allclose(scores.similarity(b[: len(a)], a), wanted.diagonal(), rtol=1e-6)
    assert scores.distance_ == distance


def test_a_head_is_measured_too() -> None:
    X, y = rows()
    net = SiameseNetwork(head="binary", embedding_dim=4, epochs=2, random_state=0).fit(X, y)
    scores = ScoreNormalizer(net).fit(X)
    a = net.transform(X[:4]).astype(float)
    wanted = by_hand(compared(net, a, a), *[compared(net, a, scores.cohort_)] * 2, None)
    np.testing.assert_allclose(compared(scores, a, a), wanted, rtol=1e-4)
    with pytest.raises(InvalidParameter, match="'exact' for a head"):
        Recognizer(scores, index="hnsw").enrol(X[:4], y[:4]).predict(X)


def test_one_threshold_fits_people_who_resemble_many() -> None:
    """Half of the people lie near a point that all resemble: their cosines are higher, of one person and of two."""
    draw = np.random.default_rng(0)

    def people(n: int) -> tuple[Any, Any]:
        centres = draw.normal(size=(n, 20))
        centres[: n // 2] = 0.5 * centres[: n // 2] + 1.5 * np.ones(20) / np.sqrt(2)
        y = np.repeat(np.arange(n), 4)
        noise = np.where(y < n // 2, 0.3, 0.6)[:, None]
        return centres[y] + noise * draw.normal(size=(len(y), 20)), y

    (cohort, _), (X, y) = people(60), people(40)
    plain, normal = (
        Verifier(far=0.01).fit(embedder, X, y) for embedder in (Plain(), ScoreNormalizer(Plain()).fit(cohort))
    )
    assert normal.roc_.eer < 0.8 * plain.roc_.eer
    assert normal.far_ <= 0.01
    told = Recognizer(ScoreNormalizer(Plain()).fit(cohort)).enrol(X[::4], y[::4])
    assert told.score(X[1::4], y[1::4]) > 0.9


def test_cohorts_that_cannot_be() -> None:
    X, _ = rows()
    with pytest.raises(InvalidData, match="a cohort of at least 2 samples, got 1"):
        ScoreNormalizer(Plain()).fit(X[:1])
    with pytest.raises(InvalidData, match="a cohort of at least 20 samples, got 5"):
        ScoreNormalizer(Plain(), top=20).fit(X[:5])
    with pytest.raises(InvalidData, match="a cohort that differs, got one point"):
        ScoreNormalizer(Plain()).fit(np.ones((5, 6)))
    with pytest.raises(InvalidParameter, match=r"ScoreNormalizer\(top\): expected None or an integer"):
        ScoreNormalizer(Plain(), top=1).fit(X)
    with pytest.raises(InvalidParameter, match="a fitted embedder"):
        ScoreNormalizer(TripletNetwork()).fit(X)
    with pytest.raises(NotFittedError):
        ScoreNormalizer(Plain()).transform(X)
    fitted = ScoreNormalizer(Plain()).fit(X)
    with pytest.raises(InvalidData, match=r"compare\(a, b\): expected as many of each, got 2, 3"):
        fitted.compare(X[:2], X[:3])
    with pytest.raises(InvalidData, match=r"compare_all\(a\): expected embeddings \(n, 6\), got \(2, 5\)"):
        fitted.compare_all(X[:2, :5], X[:2])


# mirror images


@pytest.mark.parametrize("size", [None, 6])
@pytest.mark.parametrize("normalize", [True, False])
def test_a_mirrored_image_is_the_same_image(size: Any, normalize: bool) -> None:
    X, y = faces()
    options: dict[str, Any] = {"embedding_dim": 4, "epochs": 2, "size": size, "normalize": normalize, "random_state": 0}
    net, plain = (TripletNetwork(mirror=mirror, **options).fit(X, y) for mirror in (True, False))
    found = net.transform(X)
    np.testing.assert_allclose(net.transform(X[:, :, ::-1]), found, rtol=1e-4, atol=1e-5)
    wanted = (plain.transform(X) + plain.transform(X[:, :, ::-1])) / 2
    wanted = wanted / np.linalg.norm(wanted, axis=1, keepdims=True) if normalize else wanted
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)


# files


@pytest.mark.parametrize("kind", ["triplet", "binary", "ensemble", "normalized"])
def test_what_is_built_on_embeddings_is_saved(kind: str, tmp_path: Path) -> None:
    X, y = faces()
    embedder: Any = {
        "triplet": TripletNetwork(embedding_dim=4, epochs=2, size=8, mirror=True, random_state=0),
        "binary": SiameseNetwork(head="binary", embedding_dim=4, epochs=2, random_state=0),
    }.get(kind) or EmbeddingEnsemble(members())
    embedder.fit(X, y)
    if kind == "normalized":
        embedder = ScoreNormalizer(embedder, top=9).fit(X)
    embedder.save(tmp_path / "net.nw")
    np.testing.assert_array_equal(nw.load(tmp_path / "net.nw").transform(X), embedder.transform(X))

    verifier = Verifier(far=0.05, random_state=np.random.default_rng(0)).fit(embedder, X, y)
    verifier.save(tmp_path / "verifier.nw")
    again = nw.load(tmp_path / "verifier.nw")
    assert isinstance(again, Verifier)
    np.testing.assert_array_equal(again.score_pairs(X[:8], X[8:16]), verifier.score_pairs(X[:8], X[8:16]))
    for name in ("threshold_", "far_", "frr_", "far_interval_", "frr_interval_", "far", "confidence", "interval"):
        assert getattr(again, name) == getattr(verifier, name), name
    assert again.roc_.eer == verifier.roc_.eer
    assert again.roc_.tar_at(0.1) == verifier.roc_.tar_at(0.1)
    again.save(tmp_path / "twice.nw")
    assert (tmp_path / "twice.nw").read_bytes() == (tmp_path / "verifier.nw").read_bytes()

    names = [("anna", 1), "bob", 7]
    people = Recognizer(embedder, unknown="nobody").enrol(X[[0, 4, 8, 1]], [*names, names[0]])
    people.calibrate(X[12:], ["bob", *["others"] * 7], far=0.2)
    people.save(tmp_path / "people.nw")
    other = nw.load(tmp_path / "people.nw")
    assert isinstance(other, Recognizer)
    assert other.names_ == names
    assert other.counts_ == people.counts_
    assert (other.threshold_, other.rates_, other.unknown) == (people.threshold_, people.rates_, "nobody")
    assert other.predict(X).tolist() == people.predict(X).tolist()
    assert other.top_k(X, 3) == people.top_k(X, 3)
    other.enrol(X[12:13], ["dora"]).forget(("anna", 1))
    assert other.names_ == ["bob", 7, "dora"]
    other.save(tmp_path / "changed.nw")
    assert nw.load(tmp_path / "changed.nw").predict(X).tolist() == other.predict(X).tolist()


def test_what_has_no_rates_or_no_embedder_is_saved_too(tmp_path: Path) -> None:
    X, y = rows()
    scores, same = np.array([0.9, 0.8, 0.4, 0.7, 0.2, 0.1]), np.array([1, 1, 1, 0, 0, 0])
    verifier = Verifier(far=0.34).fit_scores(scores, same)
    verifier.save(tmp_path / "scores.nw")
    again = nw.load(tmp_path / "scores.nw")
    assert again.embedder_ is None
    assert again.accepts(scores).tolist() == verifier.accepts(scores).tolist()
    people = Recognizer(TripletNetwork(epochs=1, random_state=0).fit(X, y), threshold=0.5).enrol(X[:3], y[:3])
    people.save(tmp_path / "people.nw")
    assert nw.load(tmp_path / "people.nw").threshold_ == 0.5
    assert nw.load(tmp_path / "people.nw").names_ == [0]


def test_what_cannot_be_saved_is_named(tmp_path: Path) -> None:
    X, y = rows()
    for built in (Verifier(far=0.1).fit(Plain(), X, y), Recognizer(Plain()).enrol(X, y)):
        with pytest.raises(InvalidParameter, match=r"save: expected an embedder that can be saved"):
            built.save(tmp_path / "no.nw")
    with pytest.raises(NotFittedError):
        Verifier().save(tmp_path / "no.nw")
    with pytest.raises(InvalidData, match="somebody who is enrolled"):
        Recognizer(Plain()).save(tmp_path / "no.nw")
    assert not list(tmp_path.iterdir())
