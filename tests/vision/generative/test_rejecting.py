"""Rejection by the discriminator: the chance of its equation, and the density that is left where its logit is the true
ratio.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from netwright.core.errors import InvalidParameter
from netwright.vision.generative.gan import GAN
from netwright.vision.generative.gaussians import ring_of_gaussians
from netwright.vision.generative.players import Game, Players
from netwright.vision.generative.rejecting import believed, excess

RING, CENTRES = ring_of_gaussians(400, std=0.1, random_state=0)
quiet = pytest.mark.filterwarnings("ignore:GAN.fit. expected:UserWarning")


class Ratio(torch.nn.Module):
    """log p_data - log p_made, of N(1, 0.5^2) and N(0, 1)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.square() / 2 - (x - 1).square() / (2 * 0.25) + np.log(2.0)


class Same(torch.nn.Linear):
    """The noise itself; a module with a parameter, which tells its device."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z


def players(judge: torch.nn.Module) -> Players:
    with torch.random.fork_rng(devices=[]):
        return Players(Same(1, 1), judge, Game("original", 0.0, "none", 1.0, 1))


def test_the_chance_is_the_papers() -> None:
    d = np.linspace(-30, 2, 50)
    m, gamma = 2.5, 0.7
    expected = d - m - np.log(1 - np.exp(d - m - 1e-6)) - gamma
    np.testing.assert_allclose(excess(torch.from_numpy(d), m, gamma).numpy(), expected, rtol=1e-9)
    exact = excess(torch.from_numpy(d), m, 0.0).sigmoid().numpy()
    np.testing.assert_allclose(exact, np.exp(d - m), rtol=1e-5)
    assert excess(torch.tensor([m], dtype=torch.float64), m, 0.0).isfinite().all()


def test_a_true_ratio_leaves_the_density_of_the_data_as_it_gets_stricter() -> None:
    net, codes = players(Ratio()), torch.zeros(4000, dtype=torch.long)
    far = []
    for quantile in (0.05, 0.8, 0.99):
        made = believed(net, codes, quantile, torch.Generator().manual_seed(0))[:, 0].numpy()
        far.append(kstest(made, "norm", (1, 0.5)).statistic)
    assert far[0] > far[1] >= far[2]
    assert far[2] < 0.03


def test_a_discriminator_that_cannot_tell_rejects_by_chance_alone() -> None:
    class Nothing(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(x), 1)

    made = believed(players(Nothing()), torch.zeros(2000, dtype=torch.long), 0.5, torch.Generator().manual_seed(0))
    assert kstest(made[:, 0].numpy(), "norm").pvalue > 1e-3


@pytest.mark.slow
@quiet
def test_samples_of_a_game_by_rejection() -> None:
    labels = np.where(RING[:, 0] > 0, "right", "left")
    gan = GAN(steps=200, random_state=0).fit(RING, labels)
    made = gan.sample(50, "left", random_state=0, rejection=0.8)
    assert made.shape == (50, 2)
    np.testing.assert_array_equal(made, gan.sample(50, "left", random_state=0, rejection=0.8))
    codes = torch.zeros(500, dtype=torch.long)

    def believed_by_it(samples: object) -> float:
        x = gan.form_.scaled(torch.as_tensor(np.asarray(samples)))
        with torch.no_grad():
            return float(gan.module_.judge(x, codes).mean())

    plain = gan.sample(500, "left", random_state=0)
    assert believed_by_it(gan.sample(500, "left", random_state=0, rejection=0.8)) > believed_by_it(plain)
    for wrong in (0, 1, -0.1, "much"):
        with pytest.raises(InvalidParameter, match=r"GAN\.sample\(rejection\): expected a number in \(0, 1\)"):
            gan.sample(2, rejection=wrong)  # type: ignore[arg-type]


@quiet
@pytest.mark.parametrize("options", [{"loss": "hinge"}, {"loss": "wasserstein"}, {"label_smoothing": 0.1}])
def test_logits_that_are_no_ratio_are_refused(options: dict[str, object]) -> None:
    gan = GAN(steps=1, random_state=0, **options).fit(RING)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match="whose logits tell a ratio of densities, got loss="):
        gan.sample(2, rejection=0.5)


def test_what_is_never_believed_is_told() -> None:
    class Never(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 1e4 * x

    with pytest.warns(UserWarning, match=r"believes after 1000 draws, got \d+ without.*a smaller rejection"):
        believed(players(Never()), torch.zeros(50, dtype=torch.long), 0.999, torch.Generator().manual_seed(0))
