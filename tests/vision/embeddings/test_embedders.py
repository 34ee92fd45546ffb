"""What both estimators of embeddings do: they learn, come again the same, are saved, and name bad input."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

import netwright as nw
from netwright.core.errors import CorruptFile, InvalidData, InvalidParameter
from netwright.vision.embeddings.siamese_network import SiameseNetwork
from netwright.vision.embeddings.triplet_network import LOSSES, TripletNetwork

KINDS: dict[str, Any] = {
    **{loss: lambda loss=loss, **o: TripletNetwork(loss=loss, **o) for loss in LOSSES},
    "pairs": lambda **o: SiameseNetwork(**o),
    "binary": lambda **o: SiameseNetwork(head="binary", **o),
}
each = pytest.mark.parametrize("kind", list(KINDS))
SMALL = "Conv(8, 3, padding='same') >> ReLU() >> MaxPool(2) >> Flatten()"


def blobs(people: int = 40, samples: int = 8, seed: int = 0, noise: float = 0.35) -> tuple[Any, Any]:
    """Rows of features: people in 3 dimensions, hidden among 9 others that tell nothing."""
    draw = np.random.default_rng(seed)
    y = np.repeat(np.arange(people), samples)
    told = 1.5 * draw.normal(size=(people, 3))[y] + noise * draw.normal(size=(len(y), 3))
    return np.hstack([told, 1.5 * draw.normal(size=(len(y), 9))]).astype(np.float32), y + 100


def drawings(people: int = 6, samples: int = 6, seed: int = 0) -> tuple[Any, Any]:
    """Images of 12x12 pixels, one pattern a person."""
    draw = np.random.default_rng(seed)
    patterns = draw.integers(0, 200, (people, 12, 12))
    y = np.repeat(np.arange(people), samples)
    return (patterns[y] + draw.integers(0, 55, (len(y), 12, 12))).astype(np.uint8), np.array([f"p{i}" for i in y])


def made(kind: str, **options: Any) -> Any:
    usual = {"scale": 10.0, "margin": 0.1} if kind in ("arcface", "cosface") else {}
    usual |= {"embedding_dim": 8, "epochs": 12, "random_state": 0, "optimizer": "AdamW(cosine(0.01))"}
    return KINDS[kind](**{**usual, **options})


def areas(net: Any, X: Any, y: Any) -> float:
    """The area under the ROC of pairs, of either estimator."""
    if isinstance(net, TripletNetwork):
        return net.score(X, y)
    i, j = np.triu_indices(len(y), 1)
    return net.score(X[i], X[j], y[i] == y[j])


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    return {kind: made(kind).fit(*blobs()) for kind in KINDS}


@pytest.mark.slow
@each
def test_it_learns_what_new_people_differ_in(kind: str, fitted: dict[str, Any]) -> None:
    X, y = blobs(seed=1)
    untrained = areas(made(kind, epochs=1, optimizer="SGD(1e-9)").fit(*blobs()), X, y)
    assert areas(fitted[kind], X, y) > max(0.7 if kind in ("arcface", "cosface") else 0.85, untrained + 0.1)
    losses = fitted[kind].loss_curve_
    assert losses[-1] < 0.7 * losses[0]
    assert fitted[kind].spread_ > 0.3


@each
def test_what_it_gives(kind: str, fitted: dict[str, Any]) -> None:
    X, _ = blobs(seed=1)
    found = fitted[kind].transform(X)
    assert found.shape == (len(X), 8)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(fitted[kind].transform(X[5:6])[0], found[5], rtol=1e-4, atol=1e-5)
    alike = fitted[kind].similarity(X[:4], X[4:8])
    np.testing.assert_allclose(alike, fitted[kind].compare(found[:4], found[4:8]))
    np.testing.assert_allclose(alike, fitted[kind].similarity(X[4:8], X[:4]), rtol=1e-5)
    own = fitted[kind].similarity(X[:4], X[:4])
    assert (own >= alike).all()


@pytest.mark.slow
@each
def test_the_same_seed_gives_the_same_network(kind: str, fitted: dict[str, Any]) -> None:
    X, y = blobs()
    state = torch.random.get_rng_state()
    again = clone(fitted[kind]).fit(X, y)
    assert torch.random.get_rng_state().equal(state)
    np.testing.assert_array_equal(again.transform(X), fitted[kind].transform(X))
    other = clone(fitted[kind]).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(other.transform(X), fitted[kind].transform(X))


@each
def test_it_is_saved_and_pickled(kind: str, fitted: dict[str, Any], tmp_path: Path) -> None:
    X, _ = blobs(seed=1)
    fitted[kind].save(tmp_path / "net.nw")
    for other in (nw.load(tmp_path / "net.nw"), pickle.loads(pickle.dumps(fitted[kind]))):
        np.testing.assert_array_equal(other.transform(X), fitted[kind].transform(X))
        np.testing.assert_array_equal(other.similarity(X[:3], X[3:6]), fitted[kind].similarity(X[:3], X[3:6]))
        assert other.classes_.tolist() == fitted[kind].classes_.tolist()
        assert other.loss_curve_ == fitted[kind].loss_curve_
        assert other.n_iter_ == 12
        assert other.spread_ == fitted[kind].spread_
    other.save(tmp_path / "again.nw")
    assert (tmp_path / "again.nw").read_bytes() == (tmp_path / "net.nw").read_bytes()


@pytest.mark.slow
@each
def test_it_goes_on_where_it_was_cut_off(kind: str, fitted: dict[str, Any], tmp_path: Path) -> None:
    X, y = blobs()
    cut = made(kind, checkpoint=tmp_path, callbacks=[lambda run: setattr(run, "stop", run.epoch >= 5)])
    cut.fit(X, y)
    assert cut.n_iter_ == 5
    for newest in tmp_path.glob("epoch-000005.nw"):
        newest.unlink()  # its run was stopped on purpose
    resumed = made(kind, checkpoint=tmp_path).fit(X, y)
    assert resumed.n_iter_ == 12
    np.testing.assert_array_equal(resumed.transform(X), fitted[kind].transform(X))


@pytest.mark.slow
@each
def test_held_out_samples_are_scored(kind: str) -> None:
    X, y = blobs()
    net = made(kind, validation=0.25).fit(X, y)
    record = net.history_[-1]
    assert (0.05 if kind in ("arcface", "cosface") else 0.6) < record["validation_score"] <= 1
    assert np.isfinite(record["validation_loss"])
    assert len(net.classes_) == (40 if kind in ("arcface", "cosface") else 30)
    pair = (X[::3], y[::3]) if kind in ("arcface", "cosface") else blobs(seed=4)
    assert np.isfinite(made(kind, validation=pair, patience=2, epochs=3).fit(X, y).history_[-1]["validation_score"])


@pytest.mark.slow
@each
def test_the_checks_find_nothing_wrong(kind: str, fitted: dict[str, Any]) -> None:
    told = fitted[kind].diagnosis_.findings + made(kind).check(*blobs()).findings
    assert {one.code for one in told if one.level == "fault"} <= {"too-few-epochs"}


@each
def test_images_are_learned_from(kind: str) -> None:
    X, y = drawings()
    options: dict[str, Any] = {"network": SMALL, "epochs": 6, "augment": "Shift(1)", "optimizer": "Adam(0.003)"}
    net = made(kind, **options).fit(X, y)
    assert areas(net, X, y) > 0.95
    np.testing.assert_array_equal(net.transform(X, views=3), net.transform(X, views=3))
    assert not np.array_equal(net.transform(X, views=3), net.transform(X))
    np.testing.assert_allclose(np.linalg.norm(net.transform(X, views=3), axis=1), 1, rtol=1e-5)


def test_pairs_that_are_given(tmp_path: Path) -> None:
    X, y = blobs()
    draw = np.random.default_rng(0)
    n = 1200
    first = draw.integers(0, len(X), n)
    second = np.where(draw.random(n) < 0.5, first // 8 * 8 + draw.integers(0, 8, n), draw.integers(0, len(X), n))
    same = y[first] == y[second]
    net = SiameseNetwork(embedding_dim=8, optimizer="AdamW(cosine(0.01))", epochs=12, validation=0.2, random_state=0)
    net.fit((X[first], X[second]), same)
    assert net.history_[-1]["validation_score"] > 0.8
    Z, z = blobs(seed=1)
    assert areas(net, Z, z) > 0.85
    net.save(tmp_path / "net.nw")
    np.testing.assert_array_equal(nw.load(tmp_path / "net.nw").transform(Z), net.transform(Z))
    other = (X[first[:50]], X[second[:50]]), same[:50]
    net.set_params(validation=other, epochs=1).fit((X[first], X[second]), same)
    assert np.isfinite(net.history_[-1]["validation_score"])


def test_it_stands_in_a_pipeline() -> None:
    X, y = blobs()
    pipe = make_pipeline(TripletNetwork(embedding_dim=4, epochs=10, random_state=0), nw.Classifier(epochs=5))
    assert pipe.fit(X, y).predict(X).shape == y.shape


def test_options_that_are_left_open() -> None:
    X, y = blobs(6)
    for loss, (distance, margin) in LOSSES.items():
        net = TripletNetwork(loss=loss, epochs=1, random_state=0).fit(X, y)
        assert (net.distance_, net.margin_) == (distance, margin)
    net = TripletNetwork(distance="cosine", margin=0.4, normalize=False, embedding_dim=None, epochs=1).fit(X, y)
    assert (net.distance_, net.margin_) == ("cosine", 0.4)
    assert net.transform(X).shape == (len(X), 72)
    assert not np.allclose(np.linalg.norm(net.transform(X), axis=1), 1)


# collapse


def test_collapse_is_told() -> None:
    X, y = blobs()
    net = TripletNetwork(
        "ReLU(8)",
        mining="hard",
        regularizer=nw.l2(10.0),
        optimizer="SGD(0.05)",
        epochs=30,
        embedding_dim=4,
        normalize=False,
        random_state=0,
    )
    with pytest.warns(UserWarning, match=r'stands at the margin 0.2\). Take mining="semihard"'):
        net.fit(X, y)
    assert net.spread_ < 1e-3


def test_nothing_is_told_of_embeddings_that_differ() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TripletNetwork(mining="hard", epochs=3, random_state=0).fit(*blobs())


# what cannot be


@each
def test_bad_data_are_named(kind: str) -> None:
    X, y = blobs()
    net = made(kind, epochs=1)
    with pytest.raises(InvalidData, match="at least two classes, got only 1"):
        net.fit(X, np.ones(len(X), int))
    with pytest.raises(InvalidData, match=rf"fit\(y\): expected {len(X)}, one an image, got 3"):
        net.fit(X, y[:3])
    with pytest.raises(InvalidData, match=f"samples that differ, got {len(X)} identical ones"):
        net.fit(np.ones_like(X), y)
    with pytest.raises(InvalidData, match=r"samples with numbers, got an empty array of shape \(2, 1, 0, 2\)"):
        net.fit(np.zeros((2, 0, 2)), [0, 1])
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(InvalidData, match=r"fit\(X\).*NaN"):
        net.fit(broken, y)
    with pytest.raises(InvalidParameter, match=r"\(augment\): expected images, got rows of 12 features"):
        made(kind, augment="Flip(0.5)").fit(X, y)
    with pytest.raises(InvalidParameter, match=r"\(mirror\): expected images, got rows.*Leave mirror out"):
        made(kind, mirror=True).fit(X, y)
    with pytest.raises(NotFittedError):
        net.transform(X)
    net.fit(X, y)
    with pytest.raises(InvalidData, match="expected 12 features, as in fit, got 11 features"):
        net.transform(X[:, 1:])
    with pytest.raises(InvalidParameter, match="Say how views differ"):
        net.transform(X, views=2)
    with pytest.raises(InvalidData, match="as many of each, got 2, 3"):
        net.similarity(X[:2], X[:3])
    with pytest.raises(InvalidParameter, match=r"did you mean|Did you mean 'embedding_dim'"):
        KINDS[kind](embeding_dim=3)
    with pytest.raises(InvalidParameter, match="a rule that updates batch by batch"):
        made(kind, optimizer="LevenbergMarquardt()").fit(X, y)


def test_people_with_one_photograph_are_told_of() -> None:
    X, y = blobs(6)
    y = y.copy()
    y[0] = 999
    for kind in ("triplet", "prototypical", "pairs"):
        with pytest.warns(
            UserWarning, match=r"at least 2 samples of each class, got 1 with fewer: 999. They are left out"
        ):
            net = made(kind, epochs=1).fit(X, y)
        assert 999 not in net.classes_
        with pytest.raises(InvalidData, match="classes with at least 2 samples, got at most 1"):
            made(kind).fit(X, np.arange(len(X)))
    assert 999 in made("arcface", epochs=1).fit(X, y).classes_


def test_bad_pairs_are_named() -> None:
    X, y = blobs()
    same = y[:50] == y[50:100]
    net = SiameseNetwork(epochs=1)
    with pytest.raises(InvalidData, match=r"expected as many second samples as first, got 50, 49"):
        net.fit((X[:50], X[50:99]), same)
    with pytest.raises(InvalidData, match=r"pairs of one class and of two, got 100% same"):
        net.fit((X[:50], X[50:100]), np.ones(50))
    with pytest.raises(InvalidData, match=r"50 truths, one a pair, got shape \(3,\)"):
        net.fit((X[:50], X[50:100]), [1, 0, 1])
    with pytest.raises(InvalidData, match=r"a tuple \(first, second\) of samples"):
        net.fit((X, X, X), same)
    with pytest.raises(InvalidData, match=r"True or False, 1 or 0, got 2"):
        net.fit((X[:50], X[50:100]), np.full(50, 2))


def test_a_network_for_other_samples_is_named() -> None:
    X, y = blobs(6)
    with pytest.raises(
        InvalidParameter, match=r"network: expected one for samples of shape \(12,\), got one for \(5,\)"
    ):
        TripletNetwork("Input(5) >> ReLU(4)").fit(X, y)
    with pytest.raises(InvalidData, match=r"TripletNetwork\(y\), sample 0: expected a class of the samples"):
        TripletNetwork(loss="arcface", validation=(*blobs(25)[0:1], blobs(25)[1] + 1000), epochs=1).fit(X, y)


def test_a_damaged_file_is_named(tmp_path: Path, fitted: dict[str, Any]) -> None:
    fitted["triplet"].save(tmp_path / "net.nw")
    content = bytearray((tmp_path / "net.nw").read_bytes())
    content[-3] ^= 1
    (tmp_path / "net.nw").write_bytes(bytes(content))
    with pytest.raises(CorruptFile):
        nw.load(tmp_path / "net.nw")


@pytest.mark.parametrize("size", [None, 6])
def test_bytes_and_numbers_are_not_taken_for_each_other(size: Any, tmp_path: Path) -> None:
    X, y = drawings()
    net = TripletNetwork(SMALL, epochs=1, size=size, random_state=0).fit(X, y)
    net.save(tmp_path / "net.nw")
    for one in (net, nw.load(tmp_path / "net.nw")):
        if size is None:  # stretched bytes are rounded
            np.testing.assert_allclose(one.transform(X / 255.0), one.transform(X), atol=1e-5)
        for wrong in (X.astype(float), X.astype(int)):
            with pytest.raises(InvalidData, match=r"bytes, or numbers to 1, as in fit, got.*Divide by 255"):
                one.transform(wrong)
    other = TripletNetwork(SMALL, epochs=1, size=size, random_state=0).fit(X.astype(float), y)
    with pytest.raises(InvalidData, match=r"numbers to .*, as in fit, got bytes, which are brought to"):
        other.transform(X)
    centred = (X - X.mean()) / X.std()
    assert TripletNetwork(SMALL, epochs=1, random_state=0).fit(centred, y).transform(3 * centred).shape == (36, 64)


def test_areas_of_one_kind_of_pairs_are_refused() -> None:
    X, y = blobs(6)
    net = made("triplet", epochs=1).fit(X, y)
    with pytest.raises(InvalidData, match=r"score\(y\): expected pairs of one class and of two"):
        net.score(X[::8], y[::8])
    pairs = made("pairs", epochs=1).fit(X, y)
    with pytest.raises(InvalidData, match=r"score\(same\): expected pairs of one class and of two"):
        pairs.score(X[:4], X[4:8], [True] * 4)
    with pytest.raises(InvalidData, match=r"SiameseNetwork\(validation\), y: expected at least two classes"):
        made("pairs", validation=(X[:8], y[:8])).fit(X, y)
