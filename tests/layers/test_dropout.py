"""Chance while training: the share, the mean, nothing (or a scale) in eval mode."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidParameter, JoinError
from netwright.core.value import from_json
from netwright.layers import Dropout, GaussianNoise, Input, SpatialDropout


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
def test_share_and_scale(p: float) -> None:
    module = (Input(100) >> Dropout(p)).build()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        y = module.train()(torch.ones(1000, 100))
    assert (y == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    assert y.mean().item() == pytest.approx(1, abs=0.03)
    kept = y[y != 0].unique()
    assert kept.tolist() == pytest.approx([1 / (1 - p)])


def test_nothing_in_eval_mode() -> None:
    x = torch.randn(3, 100, generator=torch.Generator().manual_seed(0))
    assert torch.equal((Input(100) >> Dropout(0.9)).build().eval()(x), x)


@pytest.mark.parametrize("p", [0.0, 0.2, 0.9])
def test_classic(p: float) -> None:
    """What is kept is kept as it is; in eval mode everything is scaled to the same mean."""
    module = (Input(100) >> Dropout(p, inverted=False)).build()
    x = torch.randn(1000, 100, generator=torch.Generator().manual_seed(0)) + 1
    with torch.random.fork_rng():
        torch.manual_seed(0)
        y = module.train()(x)
    dropped = y == 0
    assert dropped.float().mean().item() == pytest.approx(p, abs=0.01)
    assert torch.equal(y[~dropped], x[~dropped])
    wanted = module.eval()(x)
    torch.testing.assert_close(wanted, (1 - p) * x)
    assert y.mean().item() == pytest.approx(wanted.mean().item(), abs=0.02)


def test_classic_dropout_drops_what_is_no_number() -> None:
    module = (Input(1000) >> Dropout(0.5, inverted=False)).build()
    x = torch.full((1, 1000), torch.nan, requires_grad=True)
    with torch.random.fork_rng():
        y = module(x)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad == 0, y == 0)


@pytest.mark.parametrize(("space", "kind"), [((9,), "Dropout1d"), ((4, 3), "Dropout2d"), ((2, 3, 2), "Dropout3d")])
def test_whole_channels(space: tuple[int, ...], kind: str) -> None:
    module = (Input(50, *space) >> SpatialDropout(0.3)).build()
    assert type(module.spatialdropout1).__name__ == kind
    with torch.random.fork_rng():
        torch.manual_seed(0)
        y = module.train()(torch.ones(200, 50, *space)).flatten(2)
    assert torch.equal(y.amin(2), y.amax(2))
    assert (y[:, :, 0] == 0).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert sorted(y.unique().tolist()) == pytest.approx([0, 1 / 0.7])
    x = torch.randn(3, 50, *space, generator=torch.Generator().manual_seed(0))
    assert torch.equal(module.eval()(x), x)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (2.0, 0.1), (1.0, 0.0)])
def test_noise(mean: float, std: float) -> None:
    module = (Input(100) >> GaussianNoise(std, mean=mean)).build()
    x = torch.randn(1000, 100, generator=torch.Generator().manual_seed(1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        noise = module.train()(x) - x
    assert noise.mean().item() == pytest.approx(mean, abs=0.02)
    assert noise.std().item() == pytest.approx(std, abs=0.02)
    assert torch.equal(module.eval()(x), x)


def test_the_first_number_of_noise_is_its_deviation() -> None:
    assert GaussianNoise(0.1) == GaussianNoise(std=0.1, mean=0.0)
    assert repr(GaussianNoise(0.1, mean=2.0)) == "GaussianNoise(0.1, mean=2.0)"
    assert from_json({"$": "layer.GaussianNoise", "mean": 2.0, "std": 0.1}) == GaussianNoise(0.1, mean=2.0)


def test_noise_has_mean_zero_and_deviation_one_unless_told() -> None:
    assert (GaussianNoise().mean, GaussianNoise().std) == (0, 1)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Dropout(0.5, inverted=0), r"Dropout\(inverted\): expected True or False, got 0"),
        (lambda: SpatialDropout(1.0), r"SpatialDropout\(p\): expected a number in \[0, 1\), got 1\.0"),
        (lambda: GaussianNoise(std=-1), r"GaussianNoise\(std\): expected a number in \[0, inf\), got -1"),
        (lambda: GaussianNoise(mean=None), r"GaussianNoise\(mean\): expected a number in .*, got None"),
    ],
)
def test_other_refusals(make: Any, text: str) -> None:
    with pytest.raises(InvalidParameter, match=text):
        make()


def test_channels_are_needed() -> None:
    with pytest.raises(JoinError, match=r"SpatialDropout\(\): expected an input \(channels, \*space\) of rank 2 to 4"):
        Input(4) >> SpatialDropout()


@pytest.mark.parametrize("p", [1, 1.0, -0.1, "0.5", None, float("nan"), True])
def test_refusals(p: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"Dropout\(p\): expected a number in \[0, 1\), got"):
        Dropout(p)
