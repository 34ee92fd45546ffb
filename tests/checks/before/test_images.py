"""Whether the axes of images and sequences are in the order that their layer reads."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks.before.images import better_axes

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
