"""Whether the axes of images and sequences are in the order that their layer reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import nn

from netwright.checks.before.images import better_axes, roughness

SQUARES = nn.MSELoss()


def smooth(n: int, channels: int, height: int, width: int) -> Any:
    """Pictures in which neighbours are alike, and channels are not."""
    noise = torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(3))
    return noise.cumsum(2).cumsum(3) / height


def waves(n: int, steps: int, features: int) -> Any:
    """Sequences in which steps are alike, and features are not."""
    return torch.randn(n, steps, features, generator=torch.Generator().manual_seed(4)).cumsum(1)


def correlation(a: Any, b: Any) -> float:
    """Of neighbours, after the mean over rows is taken out of every place."""
    a, b = ((each - each.mean(0)).double().numpy() for each in (a, b))
    return float((a * b).sum() / ((a * a).sum() * (b * b).sum()) ** 0.5)


def found_in(context: Any, module: nn.Module, X: Any) -> Any:
    with torch.no_grad():
        shape = next(iter([module(X)])).shape
    return better_axes(context(module, SQUARES, (X, torch.zeros(shape))))


def test_the_figures_are_correlations_of_neighbours(context: Any) -> None:
    right = smooth(60, 3, 8, 8)
    wrong = right.permute(0, 2, 3, 1).reshape(60, 3, 8, 8)
    where, now, then, how = found_in(context, nn.Conv2d(3, 4, 3), wrong)
    across, down = (
        correlation(wrong[..., 1:], wrong[..., :-1]),
        correlation(wrong[..., 1:, :], wrong[..., :-1, :]),
    )
    assert now == pytest.approx(min(across, down), rel=1e-6)
    across, down = correlation(right[..., 1:], right[..., :-1]), correlation(right[..., 1:, :], right[..., :-1, :])
    assert then == pytest.approx(min(across, down), rel=1e-6)
    assert (where, how) == ("", "(rows, height, width, channels)")


def test_pictures_with_the_channels_last(context: Any) -> None:
    X = smooth(60, 3, 8, 8).permute(0, 2, 3, 1)
    where, _, _, how = found_in(context, nn.Sequential(nn.Conv2d(8, 4, 3, padding=1)), X)
    assert (where, how) == ("0", "channels last")


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_sequences_with_features_before_steps(kind: Any, context: Any, formula: Any) -> None:
    X = waves(60, 12, 5).transpose(1, 2).contiguous()
    module = formula(lambda m, x: m.cell(x)[0], cell=kind(12, 4, batch_first=True))
    where, now, then, _ = found_in(context, module, X)
    assert where == "cell"
    assert then > now + 0.25


def test_sequences_before_a_convolution(context: Any) -> None:
    found = found_in(context, nn.Conv1d(12, 4, 3), waves(60, 12, 5))  # it slides over features
    assert found is not None
    assert found_in(context, nn.Conv1d(5, 4, 3), waves(60, 12, 5).transpose(1, 2)) is None


def test_what_is_in_order_stays(context: Any, formula: Any, draw: Any) -> None:
    assert found_in(context, nn.Conv2d(3, 4, 3), smooth(60, 3, 8, 8)) is None
    assert found_in(context, nn.Conv2d(1, 4, 3), smooth(60, 1, 8, 8)) is None
    right = formula(lambda m, x: m.cell(x)[0], cell=nn.GRU(5, 4, batch_first=True))
    assert found_in(context, right, waves(60, 12, 5)) is None
    assert found_in(context, right, draw(60, 12, 5)) is None  # noise is alike in no order


def test_only_the_input_itself_is_judged(context: Any, formula: Any) -> None:
    deep = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3))
    assert found_in(context, deep, smooth(60, 3, 8, 8)) is None
    learned = formula(
        lambda m, x: m.conv(m.line(x).reshape(-1, 2, 4, 4)), line=nn.Linear(6, 32), conv=nn.Conv2d(2, 1, 3)
    )
    assert found_in(context, learned, torch.randn(40, 6)) is None
    assert found_in(context, nn.Linear(6, 2), torch.randn(40, 6)) is None


def test_a_view_inside_forward_is_found(context: Any, formula: Any) -> None:
    right = smooth(60, 3, 8, 8).permute(0, 2, 3, 1).contiguous()  # pictures as they are stored
    module = formula(lambda m, x: m.conv(x.reshape(len(x), 3, 8, 8)), conv=nn.Conv2d(3, 4, 3))
    where, _, _, how = found_in(context, module, right)
    assert (where, how) == ("conv", "(rows, height, width, channels)")
    module = formula(lambda m, x: m.conv(x.permute(0, 3, 1, 2)), conv=nn.Conv2d(3, 4, 3))
    assert found_in(context, module, right) is None


def photographs(n: int = 60, side: int = 24) -> Any:
    """Pieces of a photograph, (n, height, width, 3)."""
    picture = torch.tensor(load_sample_image("china.jpg")).double() / 255
    rows = torch.randint(0, picture.shape[0] - side, (n, 2), generator=torch.Generator().manual_seed(5)).tolist()
    return torch.stack([picture[i : i + side, j : j + side] for i, j in rows]).float()


def test_photographs_are_alike_in_every_order_and_told_all_the_same(context: Any) -> None:
    X = photographs()
    assert found_in(context, nn.Conv2d(3, 4, 3), X.permute(0, 3, 1, 2)) is None
    _, now, then, how = found_in(context, nn.Conv2d(3, 4, 3), X.reshape(60, 3, 24, 24))
    assert now > 0.8  # by the correlation alone nothing is wrong
    assert then > now
    assert how == "(rows, height, width, channels)"
    assert found_in(context, nn.Conv2d(24, 4, 3, padding=1), X)[3] == "channels last"
    grey = X.mean(3, keepdim=True)
    assert found_in(context, nn.Conv2d(24, 4, 3, padding=1), grey)[3] == "channels last"
    assert found_in(context, nn.Conv2d(1, 4, 3), grey.permute(0, 3, 1, 2)) is None


def test_roughness_is_von_neumanns_ratio(draw: Any) -> None:
    X = draw(30, 9, 4).double()
    values = X.numpy()
    pairs = [(values[:, i] - values[:, j]) ** 2 for i in range(9) for j in range(9) if i != j]
    expected = ((values[:, 1:] - values[:, :-1]) ** 2).mean() / np.mean(pairs)
    assert roughness(X, 1) == pytest.approx(expected, rel=1e-9)
    assert roughness(X[:, :1], 1) == 1.0
    assert roughness(X.cumsum(1), 1) < 0.5
    assert roughness(X + 9 * draw(30, 1, 4), 1) == pytest.approx(expected, rel=1e-6)  # what all share cancels


def test_sensors_that_move_together_are_no_time(context: Any, formula: Any, draw: Any) -> None:
    X = draw(200, 30, 1) + 0.3 * draw(200, 30, 60)  # noise from step to step, and sensors nearly the same
    module = formula(lambda m, x: m.cell(x)[0], cell=nn.GRU(60, 4, batch_first=True))
    assert found_in(context, module, X) is None
    assert found_in(context, nn.Conv1d(60, 4, 3), X.transpose(1, 2)) is None


def test_a_long_series_in_pieces_stays(context: Any, formula: Any) -> None:
    generator = torch.Generator().manual_seed(8)
    begin, rate = torch.rand(200, 1, generator=generator), 0.01 + 0.01 * torch.rand(200, 1, generator=generator)
    X = (6.28 * (begin + rate * torch.arange(320))).sin().reshape(200, 8, 40)
    module = formula(lambda m, x: m.cell(x)[0], cell=nn.GRU(40, 4, batch_first=True))
    assert found_in(context, module, X) is None


def test_sequences_that_were_viewed_and_not_turned(context: Any) -> None:
    X = waves(200, 24, 4)
    assert found_in(context, nn.Conv1d(4, 4, 3), X.transpose(1, 2)) is None
    found = found_in(context, nn.Conv1d(4, 4, 3), X.reshape(200, 4, 24))
    assert found[3] == "its last two axes regrouped"


def test_time_first_is_read_too(context: Any, formula: Any) -> None:
    module = formula(lambda m, x: m.cell(x.transpose(0, 1))[0].transpose(0, 1), cell=nn.GRU(5, 4))
    assert found_in(context, module, waves(60, 12, 5)) is None
    turned = formula(lambda m, x: m.cell(x.transpose(0, 1))[0].transpose(0, 1), cell=nn.GRU(12, 4))
    assert found_in(context, turned, waves(60, 12, 5).transpose(1, 2)) is not None


def test_the_roughness_is_a_signal_even_of_what_is_right(context: Any) -> None:
    X = smooth(60, 3, 8, 8)
    program = context(nn.Conv2d(3, 4, 3), SQUARES, (X, torch.zeros(60, 4, 6, 6)))
    assert better_axes(program) is None
    value = program.signals["roughness along the axes that a layer slides over"].value
    centred = (X - X.mean(0)).double()
    assert value == pytest.approx(max(roughness(centred, 2), roughness(centred, 3)), rel=1e-4)


# noisy pictures and series, and patterns that come back


def noisy_waves(seed: int, n: int = 300, side: int = 12) -> Any:
    """Waves in three tints, with much noise."""
    generator = torch.Generator().manual_seed(seed)
    turn = torch.rand(n, 1, 1, generator=generator) * torch.pi
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    wave = torch.sin(1.6 * (rows * turn.cos() + columns * turn.sin()) + 6 * torch.rand(n, 1, 1, generator=generator))
    tint = 0.6 + 0.4 * torch.rand(n, 3, 1, 1, generator=generator)
    return tint * wave[:, None] + 0.5 * torch.randn(n, 3, side, side, generator=generator)


@pytest.mark.parametrize("seed", range(3))
def test_noisy_pictures_that_were_viewed(seed: int, context: Any) -> None:
    X = noisy_waves(seed)
    module = nn.Conv2d(3, 4, 3)
    assert found_in(context, module, X) is None
    viewed = X.permute(0, 2, 3, 1).reshape(X.shape)
    assert found_in(context, module, viewed)[3] == "(rows, height, width, channels)"


@pytest.mark.slow
@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("period", [2, 3, 4])
@pytest.mark.parametrize("noise", [0.2, 0.6])
def test_patterns_that_come_back_stay(channels: int, period: int, noise: float, context: Any) -> None:
    generator = torch.Generator().manual_seed(period)
    rows, columns = torch.meshgrid(torch.arange(12), torch.arange(12), indexing="ij")
    for place in (rows, columns, rows + columns):
        start = torch.randint(0, period, (200, channels, 1, 1), generator=generator)
        X = ((place + start) % period == 0) + noise * torch.randn(200, channels, 12, 12, generator=generator)
        assert found_in(context, nn.Conv2d(channels, 4, 3), X) is None
        same = ((place + start[:, :1]) % period == 0) + noise * torch.randn(200, channels, 12, 12, generator=generator)
        assert found_in(context, nn.Conv2d(channels, 4, 3), same) is None


def test_noise_and_spectrograms_stay(context: Any, draw: Any) -> None:
    along = draw(200, 3, 12, 16).cumsum(3)
    for X in (draw(200, 3, 12, 12), along, along.transpose(2, 3), (draw(200, 3, 12, 12) > 1.5).float()):
        assert found_in(context, nn.Conv2d(3, 4, 3), X) is None


class Recurrent(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.inner = nn.GRU(features, 4, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.inner(x)[0][:, -1]


@pytest.mark.parametrize("noise", [0.2, 0.5])
def test_noisy_channels_reshaped_into_time(noise: float, context: Any, draw: Any) -> None:
    start = 6 * torch.rand(300, 1, 1, generator=torch.Generator().manual_seed(2))
    lag = torch.arange(6)[:, None] * 0.7
    X = torch.sin(torch.arange(20) / 2 - lag + start) + noise * draw(300, 6, 20)
    assert found_in(context, Recurrent(6), X.transpose(1, 2).contiguous()) is None
    assert found_in(context, Recurrent(6), X.reshape(300, 20, 6))[3] == "its last two axes regrouped"


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "features"), [(20, 6), (12, 4), (24, 12), (30, 2)])
def test_series_in_order_stay(steps: int, features: int, context: Any, draw: Any) -> None:
    generator = torch.Generator().manual_seed(4)
    kinds = torch.randint(0, features, (250, steps), generator=generator)
    alike = draw(250, steps, 1)
    for X in (
        draw(250, steps, features),
        draw(250, steps, features).cumsum(1),
        draw(250, steps, features).cumsum(2),  # spectra, one a step, in no order
        draw(250, steps, features).cumsum(2) + 2 * draw(250, steps, features),
        nn.functional.one_hot(kinds, features).float(),
        alike + 0.3 * draw(250, steps, features),  # sensors that move together, up and down from step to step
        draw(250, steps * features).cumsum(1).reshape(250, steps, features),  # a long series in pieces
        (torch.arange(features) < kinds[..., None]).float() + 0.2 * draw(250, steps, features),
    ):
        assert found_in(context, Recurrent(features), X) is None
