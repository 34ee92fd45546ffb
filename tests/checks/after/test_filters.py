"""First-layer filters on images: noise, smooth ones, and what cannot be judged."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netwright.checks.after.filters import first_filters, like_noise, neighbours_alike

CROSS = nn.CrossEntropyLoss()
SIGNAL = "noise in the first filters"


def images(pair: Any) -> Any:
    return pair[0].reshape(-1, 1, 8, 8), pair[1]


def dense() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def convolution(side: int, filters: int = 64) -> nn.Sequential:
    parts = [nn.Conv2d(1, filters, side, padding=side // 2), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten()]
    return nn.Sequential(*parts, nn.Linear(4 * filters, 10))


def signal(program: Any) -> float | None:
    context = program.context()
    list(like_noise(context))
    return context.signals[SIGNAL].value if SIGNAL in context.signals else None


# the figure


def test_the_figure_of_noise_and_of_waves() -> None:
    everywhere = torch.ones(9, 9, dtype=torch.bool)
    noise = torch.randn(50, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    assert abs(neighbours_alike(noise, everywhere)) < 0.03
    wave = torch.linspace(0, 6, 9).sin().expand(50, 3, 9, 9)
    assert neighbours_alike(wave, everywhere) > 0.8
    board = (torch.arange(9)[:, None] + torch.arange(9)).remainder(2).double().expand(1, 1, 9, 9)
    assert neighbours_alike(board, everywhere) < -0.9


def test_only_the_pixels_that_are_judged_count() -> None:
    weights = torch.zeros(1, 1, 6, 6)
    weights[..., :, 3:] = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)) * 100
    weights[..., :, :3] = torch.linspace(-1, 1, 6)[:, None]
    judged = torch.zeros(6, 6, dtype=torch.bool)
    judged[:, :3] = True
    assert neighbours_alike(weights, judged) > 0.8 > neighbours_alike(weights, ~judged)


# the finding


def test_weights_as_they_were_drawn(train: Any, halves: Any) -> None:
    program = train(dense(), CROSS, *map(images, halves("load_digits")), epochs=0)
    (found,) = program.asked(like_noise)
    assert (found.code, found.level) == ("filters-noise", "note")
    assert found.where.layer == "1"
    assert abs(found.evidence["correlation"]) < 0.1


def test_rows_of_pixels_are_images_too(train: Any, net: Any, halves: Any) -> None:
    program = train(net(64, 32, 10), CROSS, *halves("load_digits"), epochs=0)
    assert [each.code for each in program.asked(like_noise)] == ["filters-noise"]


def test_large_filters_of_a_convolution(train: Any, halves: Any) -> None:
    program = train(convolution(7), CROSS, *map(images, halves("load_digits")), epochs=0)
    assert [each.code for each in program.asked(like_noise)] == ["filters-noise"]


# silence


@pytest.mark.slow
@pytest.mark.parametrize("make", [dense, lambda: convolution(7)], ids=["dense", "convolution"])
def test_filters_that_have_learned(make: Any, train: Any, halves: Any) -> None:
    program = train(make(), CROSS, *map(images, halves("load_digits")), epochs=12)
    assert program.asked(like_noise) == []
    assert (signal(program) or 0.0) < 0.85


def test_small_filters_are_not_judged(train: Any, halves: Any) -> None:
    program = train(convolution(3), CROSS, *map(images, halves("load_digits")), epochs=0)
    assert first_filters(program.context()) is None
    assert program.asked(like_noise) == []


def test_few_filters_tell_too_little(train: Any, halves: Any) -> None:
    program = train(convolution(5, filters=4), CROSS, *map(images, halves("load_digits")), epochs=0)
    assert first_filters(program.context()) is not None
    assert program.asked(like_noise) == []
    assert signal(program) is None


def test_columns_of_a_table_are_no_pixels(train: Any, net: Any, draw: Any) -> None:
    mixed = draw(400, 6) @ draw(6, 36)  # 36 columns that are related, in no order
    y = (mixed[:, 0] > 0).long()
    program = train(net(36, 32, 2), CROSS, (mixed, y), epochs=0)
    assert first_filters(program.context()) is None
    assert program.asked(like_noise) == []


def test_pixels_of_noise_have_no_smooth_filters(train: Any, draw: Any) -> None:
    X = draw(400, 1, 8, 8)
    program = train(dense(), CROSS, (X, torch.arange(400) % 10), epochs=0)
    assert program.asked(like_noise) == []


def test_fixed_filters_are_meant(train: Any, halves: Any) -> None:
    module = dense()
    module[1].requires_grad_(False)
    optimizer = torch.optim.Adam(module[3].parameters(), 1e-2)
    program = train(module, CROSS, *map(images, halves("load_digits")), epochs=2, optimizer=optimizer)
    assert program.asked(like_noise) == []


def test_a_layer_before_the_filters(train: Any, halves: Any) -> None:
    module = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    program = train(module, CROSS, *map(images, halves("load_digits")), epochs=0)
    assert first_filters(program.context()) is None


def test_a_table(train: Any, net: Any, halves: Any) -> None:
    program = train(net(30, 8, 2), CROSS, *halves("load_breast_cancer"), epochs=0)
    assert first_filters(program.context()) is None
