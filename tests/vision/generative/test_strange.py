"""What strangers give: samples of many shapes and scales, labels of many kinds, few rows; scikit-learn's contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.generative.autoencoder import Autoencoder
from netwright.vision.generative.collapse import Ending
from netwright.vision.generative.distances import frechet_distance
from netwright.vision.generative.gan import GAN
from netwright.vision.generative.modes import mode_coverage
from netwright.vision.generative.reading import Form
from netwright.vision.generative.variational import VariationalAutoencoder

ROWS = np.random.default_rng(0).normal(size=(60, 2))
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 9, 7), dtype=np.uint8)
KINDS = (Autoencoder, VariationalAutoencoder)
quiet = pytest.mark.filterwarnings("ignore:GAN.fit. expected:UserWarning")


def game(X: Any, y: Any = None, **options: Any) -> GAN:
    return GAN(**{"steps": 2, "batch_size": 8, "random_state": 0, **options}).fit(X, y)


@quiet
@pytest.mark.parametrize(
    "X",
    [ROWS.tolist(), pd.DataFrame(ROWS), torch.from_numpy(ROWS).requires_grad_(), torch.from_numpy(ROWS).bfloat16()],
    ids=["list", "frame", "tensor", "bfloat16"],
)
def test_rows_of_any_kind(X: Any) -> None:
    made = game(X).sample(3, random_state=0)
    assert made.shape == (3, 2)
    assert made.dtype == np.float32
    assert made == pytest.approx(game(ROWS).sample(3, random_state=0), abs=0.05)


@quiet
def test_constant_columns_come_back_as_they_were_and_small_ones_in_their_scale() -> None:
    X = np.c_[ROWS[:, 0], np.full(60, 3.0), np.full(60, 1e12), np.zeros(60), ROWS[:, 1] * 1e-9, 1e5 + ROWS[:, 1]]
    constant = np.array([3.0, 1e12, 0.0], dtype=np.float32)
    for made in (
        game(X).sample(50, random_state=0),
        Autoencoder(epochs=1, random_state=0).fit(X).reconstruct(X),
        VariationalAutoencoder(epochs=1, random_state=0).fit(X).sample(50, random_state=0),
    ):
        np.testing.assert_array_equal(made[:, 1:4], np.tile(constant, (len(made), 1)))
        assert 0 < np.abs(made[:, 4]).max() < 1e-8
        assert 0 < np.abs(made[:, 5] - 1e5).max() < 10
    form, x = Form.first(X, "X")
    scaled = form.scaled(x)
    assert not scaled[:, 1:4].any()
    assert scaled[:, 4].std().item() == pytest.approx(1, abs=0.02)
    model = VariationalAutoencoder(epochs=1, random_state=0).fit(X)
    assert np.isfinite(model.score(X))
    assert Form.from_state(form.to_state()) == form


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([IMAGES[0], IMAGES[1][:5]], "samples of several shapes. Bring images to one size"),
        (np.c_[ROWS, ROWS[:, 0] * 1e39], "too large for dtype.'float32'. Row 1, column 2|float32"),
        ([[1.0, 2.0], [3.0]], "rows to one length"),
    ],
)
def test_samples_that_no_array_holds(X: Any, message: str) -> None:
    for kind in (GAN, *KINDS):
        with pytest.raises(InvalidData, match=message):
            kind().fit(X)


@quiet
@pytest.mark.parametrize("rows", [2, 3, 5])
def test_few_rows_have_an_ending(rows: int) -> None:
    gan = game(ROWS[:rows])
    assert isinstance(gan.ending_, Ending)
    assert np.isfinite(gan.ending_).all()


@quiet
def test_labels_of_many_kinds_and_as_many_samples_as_are_asked_for() -> None:
    y = np.array(["a", "b", "c"])[np.arange(60) % 3]
    gan = game(ROWS, y)
    expected = gan.sample(4, ["a", "b", "a", "b"], random_state=0)
    for labels in (("a", "b", "a", "b"), np.array(["a", "b"] * 2), pd.Series(["a", "b"] * 2)):
        np.testing.assert_array_equal(gan.sample(4, labels, random_state=0), expected)
    one = gan.sample(3, "b", random_state=0)
    for same in (np.str_("b"), np.array("b")):
        np.testing.assert_array_equal(gan.sample(3, same, random_state=0), one)
    numbered = game(ROWS, np.arange(60) % 3)
    np.testing.assert_array_equal(
        numbered.sample(2, np.int64(1), random_state=0), numbered.sample(2, torch.tensor(1), random_state=0)
    )
    assert gan.sample(100_000).shape == (100_000, 2)
    for n in (0, -1, 1.5, "3", None, True):
        with pytest.raises(InvalidParameter, match=r"GAN\.sample\(n\): expected an integer >= 1, got"):
            gan.sample(n)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discriminator": "Conv(4, 3)"}, r"got \(4, 7, 5\) of .*End it with Flatten\(\) >> Linear\(1\)\."),
        ({"generator": "ReLU(8) >> Linear(60)"}, r"End it with Linear\(63\) >> Reshape\(1, 9, 7\)\."),
    ],
)
def test_remedies_make_networks_of_images_that_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message):
        game(IMAGES, **options)


@quiet
def test_the_remedy_for_the_noise_of_a_game_with_labels() -> None:
    y = np.arange(60) % 3
    expected = r"a vector of noise and 3 classes, got one for \(2,\)\. Begin it with Input\(103\)"
    with pytest.raises(InvalidParameter, match=expected):
        game(ROWS, y, generator="Input(2) >> Linear(2)")
    assert game(ROWS, y, generator="Input(103) >> Linear(2)").latent_ == 100


@quiet
def test_global_random_states_are_left_alone() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        before = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
        for loss in ("original", "wasserstein", "hinge"):
            game(ROWS, loss=loss, average=0.9).sample(3)
        Autoencoder(epochs=1, noise=0.1).fit(ROWS).transform(ROWS)
        model = VariationalAutoencoder(epochs=1).fit(ROWS)
        model.sample(3)
        model.elbo(ROWS, draws=3)
        assert torch.equal(before[0], torch.get_rng_state())
        assert before[1] == str(np.random.get_state())  # noqa: NPY002


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 5), (9, 7), (31, 17), (11, 13, 3), (1, 8, 9)])
def test_coders_take_images_of_any_size(kind: Any, shape: tuple[int, ...]) -> None:
    X = np.random.default_rng(0).random((12, *shape))
    model = kind(epochs=1, latent=3, random_state=0).fit(X)
    assert model.inverse_transform(model.transform(X)).shape == X.shape
    assert np.isfinite(model.score(X))


@pytest.mark.parametrize("kind", KINDS)
def test_coders_in_pipelines_searches_and_frames(kind: Any) -> None:
    labels = ROWS[:, 0] > 0
    line = make_pipeline(StandardScaler(), kind(epochs=1, random_state=0), LogisticRegression()).fit(ROWS, labels)
    assert 0 <= line.score(ROWS, labels) <= 1
    found = GridSearchCV(kind(epochs=1, random_state=0), {"latent": [1, 2]}, cv=2).fit(ROWS)
    assert found.best_params_["latent"] in (1, 2)
    framed = kind(epochs=1, random_state=0).set_output(transform="pandas").fit(ROWS).transform(pd.DataFrame(ROWS))
    assert framed.columns.tolist() == [f"{kind.__name__.lower()}{i}" for i in range(2)]
    assert line[:-1].get_feature_names_out().tolist() == framed.columns.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_codes_and_held_out_rows_that_cannot_be(kind: Any) -> None:
    model = kind(epochs=1, random_state=0).fit(ROWS)
    for codes in ([["a", "b"]], [[1.0], [1.0, 2.0]]):
        with pytest.raises(InvalidData, match=r"inverse_transform\(codes\): expected numbers \(n, 2\), got"):
            model.inverse_transform(codes)
    with pytest.raises(InvalidData, match=r"\(validation\): expected two rows to train on, got 0 of 60"):
        kind(epochs=1, validation=0.999).fit(ROWS)


def test_one_sample_has_no_variance_to_explain() -> None:
    model = Autoencoder(epochs=1, random_state=0).fit(ROWS)
    with pytest.warns(UserWarning, match=r"Autoencoder\.score\(X\): expected samples that vary, got 1 without"):
        assert np.isnan(model.score(ROWS[:1]))


def test_features_and_samples_that_do_not_fit() -> None:
    module = (nw.layers.Input(1, 9, 7) >> nw.layers.Conv(1, (9, 4))).build(seed=0)
    assert frechet_distance(IMAGES[:, None] / 255, IMAGES[:, None] / 255, module) == pytest.approx(0, abs=1e-6)
    with pytest.raises(InvalidData, match=r"shape \(20, 9, 7\).*Images are \(n, channels, height, width\)"):
        frechet_distance(IMAGES / 255, IMAGES / 255, module)
    judge = nw.Classifier("ReLU(4) >> Softmax(2)", epochs=1, random_state=0).fit(ROWS, ROWS[:, 0] > 0)
    with pytest.raises(InvalidParameter, match=r"features=clf\.module_\[:-1\]"):
        frechet_distance(ROWS, ROWS, judge)
    assert frechet_distance(ROWS, ROWS, judge.module_[:-1]) < 1e-6  # type: ignore[index]
    for samples, centres in ((ROWS * np.nan, ROWS[:3]), (ROWS, ROWS[:3] * np.inf), (ROWS, np.zeros((0, 2)))):
        with pytest.raises(InvalidData, match=r"mode_coverage\("):
            mode_coverage(samples, centres, 1.0)
