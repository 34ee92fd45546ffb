"""Autoencoders against principal components; the bound of a VAE against closed forms, sampling, and exact densities."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.decomposition import PCA

import netwright as nw
from netwright.core.errors import InvalidData, InvalidParameter
from netwright.vision.generative.autoencoder import Autoencoder, spoiled
from netwright.vision.generative.reading import Form
from netwright.vision.generative.variational import VariationalAutoencoder, VariationalNetwork, normal_divergence

KINDS = (Autoencoder, VariationalAutoencoder)
ROWS = np.random.default_rng(0).normal(size=(120, 5)) @ np.random.default_rng(1).normal(size=(5, 5)) + 3
TINY: dict[str, Any] = {"encoder": "Tanh(6)", "decoder": "Tanh(6)", "latent": 2, "epochs": 2, "random_state": 0}


def images(n: int = 24, height: int = 9, width: int = 8) -> Any:
    return np.random.default_rng(0).integers(0, 256, (n, height, width), dtype=np.uint8)


def test_a_linear_autoencoder_spans_the_principal_components() -> None:
    X = (ROWS - ROWS.mean(0)) / ROWS.std(0)
    model = Autoencoder(
        "Linear(2)", "Linear(5)", latent=2, optimizer="Adam(0.01)", epochs=800, batch_size=120, random_state=0
    )
    model.fit(ROWS)
    pca = PCA(2).fit(X)
    weights = model.module_.decoder[0].weight.detach().numpy()
    assert np.degrees(subspace_angles(weights, pca.components_.T)).max() < 1
    assert model.score(ROWS) == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-3)
    again = model.inverse_transform(model.transform(ROWS))
    np.testing.assert_allclose(again, model.reconstruct(ROWS), rtol=1e-5)


def test_the_divergence_is_that_of_sampling_and_of_torch() -> None:
    draw = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(3, 4, generator=draw), torch.randn(3, 4, generator=draw)
    found = normal_divergence(mean, log_variance)
    own = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros(()), torch.ones(()))
    expected = torch.distributions.kl_divergence(own, prior.expand(mean.shape)).sum(1)
    torch.testing.assert_close(found, expected)
    z = mean + (log_variance / 2).exp() * torch.randn(200_000, 3, 4, generator=draw)
    drawn = (own.log_prob(z) - prior.log_prob(z)).sum(2)
    error = drawn.std(0) / math.sqrt(200_000)
    assert ((drawn.mean(0) - found).abs() < 4 * error).all()
    doubles = mean.double().requires_grad_(), log_variance.double().requires_grad_()
    assert torch.autograd.gradcheck(normal_divergence, doubles)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_likelihoods_are_those_of_torch(likelihood: str) -> None:
    net = VariationalNetwork(torch.nn.Identity(), torch.nn.Identity(), likelihood)
    draw = torch.Generator().manual_seed(0)
    x, given = torch.rand(4, 6, generator=draw).round(), torch.randn(4, 6, generator=draw)
    if likelihood == "gaussian":
        net.log_deviation.data.fill_(0.3)
        expected = torch.distributions.Normal(given, math.exp(0.3)).log_prob(x).sum(1)
    else:
        expected = torch.distributions.Bernoulli(logits=given).log_prob(x).sum(1)
    torch.testing.assert_close(net.log_likelihood(x, given), expected)


@pytest.mark.slow
def test_the_bound_of_a_linear_gaussian_model_is_its_log_density_where_the_posterior_is_exact() -> None:
    """x = W z + t e: the posterior of z is normal, and with it the bound is log p(x) (probabilistic PCA)."""
    draw = np.random.default_rng(0)
    w, t = draw.normal(size=(3, 1)), 0.5
    model = VariationalAutoencoder("Identity()", "Linear(3)", latent=1, epochs=1, random_state=0).fit(ROWS[:, :3])
    model.form_ = Form((3,), "rows", mean=(0.0,) * 3, spread=(1.0,) * 3)
    variance = 1 / (1 + (w.T @ w).item() / t**2)  # of the posterior
    with torch.no_grad():
        for part in model.module_.encoder.modules():
            if isinstance(part, torch.nn.Linear):
                part.weight.zero_()
                part.bias.zero_()
                part.weight[0] = torch.from_numpy(variance / t**2 * w[:, 0])
                part.bias[1] = math.log(variance)
        model.module_.decoder[0].weight.copy_(torch.from_numpy(w))
        model.module_.decoder[0].bias.zero_()
        model.module_.log_deviation.fill_(math.log(t))
    X = draw.normal(size=(5, 3)).astype(np.float32)
    exact = multivariate_normal(np.zeros(3), w @ w.T + t**2 * np.eye(3)).logpdf(X)
    found = model.elbo(X, draws=20_000)
    assert found == pytest.approx(exact, abs=0.02)


def test_the_bound_is_in_the_units_of_the_data() -> None:
    one = VariationalAutoencoder(**TINY).fit(ROWS)
    other = VariationalAutoencoder(**TINY).fit(ROWS * 10)
    assert other.score(ROWS * 10) == pytest.approx(one.score(ROWS) - 5 * math.log(10), abs=1e-3)


def test_the_bound_rises_as_it_learns_and_beta_presses_the_divergence() -> None:
    options = {**TINY, "epochs": 60, "optimizer": "Adam(0.01)"}
    model = VariationalAutoencoder(**options).fit(ROWS)
    normal = multivariate_normal(ROWS.mean(0), np.cov(ROWS, rowvar=False)).logpdf(ROWS).mean()
    assert VariationalAutoencoder(**TINY).fit(ROWS).score(ROWS) < model.score(ROWS) < normal + 1
    free = normal_divergence(*parts(model)).mean()
    pressed = normal_divergence(*parts(VariationalAutoencoder(**options, beta=20.0).fit(ROWS))).mean()
    assert pressed < free / 2
    made = model.sample(2000, random_state=0)
    assert made.mean(0) == pytest.approx(ROWS.mean(0), abs=0.35 * ROWS.std())


def parts(model: Any) -> Any:
    with torch.no_grad():
        return model.module_.posterior(model.form_.scaled(torch.from_numpy(ROWS.astype(np.float32))))


def test_noise_is_what_it_says() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.ones(1000, 20)
        masked, moved = spoiled(x, 0.3, "mask"), spoiled(x, 0.3, "gaussian")
    assert set(masked.unique().tolist()) == {0.0, 1.0}
    assert masked.mean().item() == pytest.approx(0.7, abs=0.015)
    assert (moved - 1).std().item() == pytest.approx(0.3, abs=0.01)


def test_a_denoising_autoencoder_takes_noise_away() -> None:
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, (400, 1))
    X = np.hstack([np.cos(3 * t), np.sin(3 * t), t])
    model = Autoencoder("Tanh(24)", "Tanh(24)", latent=1, noise=0.3, optimizer="Adam(0.01)", epochs=80, random_state=0)
    noisy = X + 0.3 * X.std(0) * rng.normal(size=X.shape)
    cleaned = model.fit(X).reconstruct(noisy)
    assert ((cleaned - X) ** 2).mean() < 0.6 * ((noisy - X) ** 2).mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", ["gray", "last", "first"])
def test_images_by_default_and_back_in_their_form(kind: Any, shape: str) -> None:
    gray = images()
    X = {"gray": gray, "last": np.stack([gray] * 3, -1) / 255, "first": np.stack([gray] * 3, 1)}[shape]
    model = kind(epochs=1, latent=4, random_state=0).fit(X)
    assert model.transform(X).shape == (24, 4)
    again = model.reconstruct(X[:3])
    assert again.shape == X[:3].shape
    assert (again.dtype == np.uint8) == (X.dtype == np.uint8)
    assert np.isfinite(model.score(X))
    assert any(isinstance(part, torch.nn.ConvTranspose2d) for part in model.module_.decoder.modules())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_saved_copied_repeated_and_taken_up_again(kind: Any, tmp_path: Path) -> None:
    model = kind(**TINY, validation=0.2, average=0.9).fit(ROWS)
    model.save(tmp_path / "a.nw")
    for other in (pickle.loads(pickle.dumps(model)), nw.load(tmp_path / "a.nw"), clone(model).fit(ROWS)):
        np.testing.assert_array_equal(other.transform(ROWS), model.transform(ROWS))
        assert other.score(ROWS) == model.score(ROWS)
        assert other.history_["validation_loss"] == model.history_["validation_loss"]
    kind(**{**TINY, "epochs": 1}, checkpoint=tmp_path).fit(ROWS)
    whole, halves = kind(**TINY).fit(ROWS), kind(**TINY, checkpoint=tmp_path).fit(ROWS)
    np.testing.assert_array_equal(halves.transform(ROWS), whole.transform(ROWS))
    assert not model.diagnosis_.faults
    assert not kind(**TINY).check(ROWS).faults


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_is_refused(kind: Any) -> None:
    with pytest.raises(InvalidData, match=r"Input .* contains NaN"):
        kind(**TINY).fit(np.full((5, 3), np.nan))
    with pytest.raises(InvalidData, match="samples that differ"):
        kind(**TINY).fit(np.ones((5, 3)))
    with pytest.raises(InvalidData, match="Divide by 255"):
        kind(epochs=1).fit(images().astype(float))
    with pytest.raises(InvalidParameter, match=r"encoder\): expected a network for samples of shape \(5,\)"):
        kind(**{**TINY, "encoder": "Input(3) >> ReLU(2)"}).fit(ROWS)
    with pytest.raises(InvalidData, match="two rows to train on"):
        kind(**TINY, validation=0.9).fit(ROWS[:4])
    model = kind(**TINY).fit(ROWS)
    with pytest.raises(InvalidData, match=r"X has 3 features, but .* is expecting 5 features"):
        model.transform(ROWS[:, :3])
    with pytest.raises(InvalidData, match=r"finite numbers \(n, 2\), got shape"):
        model.inverse_transform(np.ones((2, 3)))


def test_options_of_their_own() -> None:
    with pytest.raises(InvalidParameter, match=r"noise\): expected a number in \[0, 1\) of a mask, got 1"):
        Autoencoder(**TINY, noise=1.0, corruption="mask").fit(ROWS)
    with pytest.raises(InvalidData, match='take likelihood="gaussian"'):
        VariationalAutoencoder(**TINY, likelihood="bernoulli").fit(ROWS)
    model = VariationalAutoencoder(epochs=1, latent=2, likelihood="gaussian", random_state=0).fit(images())
    assert model.likelihood_ == "gaussian"
    assert np.isfinite(model.score(images()))
