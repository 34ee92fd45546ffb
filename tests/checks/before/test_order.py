"""Questions to the loader: the order of classes, and rows enough for the statistics of a batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from netwright.checks.before.order import rows_for_statistics, shuffled, sorted_targets

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


def loader(X: Any, y: Any, **options: Any) -> Any:
    return DataLoader(TensorDataset(X, y), **{"batch_size": 20, **options})


def test_rows_sorted_by_class(one: Any, net: Any, draw: Any) -> None:
    y = torch.arange(120) // 40
    found = one(shuffled, net(4, 3), CROSS, loader(draw(120, 4), y))
    assert (found.code, found.level) == ("unshuffled", "fault")
    assert found.evidence == {"same": pytest.approx(117 / 119), "chance": pytest.approx(1 / 3)}
    assert (found.remedy.object, found.remedy.argument, found.remedy.value) == ("loader", "shuffle", True)


def test_two_classes_of_one_output(one: Any, net: Any, draw: Any) -> None:
    y = (torch.arange(120) < 60).float()[:, None]
    found = one(shuffled, net(4, 1), nn.BCEWithLogitsLoss(), loader(draw(120, 4), y))
    assert found.evidence == {"same": pytest.approx(118 / 119), "chance": pytest.approx(0.5)}


def test_a_loader_that_shuffles_is_right(ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(120, 4), torch.arange(120) // 40
    rows = TensorDataset(X, y)
    assert not ask(shuffled, net(4, 3), CROSS, loader(X, y, shuffle=True))
    mixed = DataLoader(rows, batch_sampler=BatchSampler(RandomSampler(rows), 20, False))
    assert not ask(shuffled, net(4, 3), CROSS, mixed)


def test_an_order_that_is_mixed_or_unknown_is_right(ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(120, 4), torch.arange(120) // 40
    assert not ask(shuffled, net(4, 3), CROSS, loader(X, torch.arange(120) % 3))
    assert not ask(shuffled, net(4, 3), CROSS, (X, y))  # arrays say nothing of the order of training
    assert not ask(shuffled, net(4, 3), CROSS, TensorDataset(X, y))
    assert not ask(shuffled, net(4, 3), CROSS, loader(X, y, batch_size=120))


def test_batches_of_some_rows_of_each_class_are_right(ask: Any, net: Any, draw: Any) -> None:
    y = torch.arange(120) // 40
    batches = [[40 * k + 8 * part + row for k in range(3) for row in range(8)] for part in range(5)]
    data = DataLoader(TensorDataset(draw(120, 4), y), batch_sampler=batches)
    assert not ask(shuffled, net(4, 3), CROSS, data)


def test_a_series_of_numbers_may_stand_in_order(ask: Any, net: Any, draw: Any) -> None:
    X = draw(120, 4)
    assert not ask(shuffled, net(4, 1), SQUARES, loader(X, torch.linspace(0, 3, 120).round()[:, None]))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_statistics_of_next_to_nothing(size: int, one: Any, draw: Any) -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    found = one(rows_for_statistics, module, CROSS, (draw(24, 4), torch.arange(24) % 3), batch_size=size)
    assert (found.code, found.level) == ("tiny-batch-norm", "fault")
    assert found.evidence == {"batch_size": size, "smallest": size, "layer": "1"}
    assert (found.remedy.object, found.remedy.argument) == ("loader", "batch_size")


def test_a_last_batch_of_one_row_is_a_note(one: Any, draw: Any) -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    X, y = draw(33, 4), torch.arange(33) % 3
    found = one(rows_for_statistics, module, CROSS, loader(X, y, batch_size=16))
    assert (found.code, found.level) == ("tiny-batch-norm", "note")
    assert found.evidence["smallest"] == 1
    assert (found.remedy.argument, found.remedy.value) == ("drop_last", True)


def test_batches_of_some_rows_or_other_norms_are_right(ask: Any, net: Any, draw: Any) -> None:
    X, y = draw(40, 4), torch.arange(40) % 3
    batch = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    rows = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 3))
    assert not ask(rows_for_statistics, batch, CROSS, (X, y), batch_size=10)
    assert not ask(rows_for_statistics, batch, CROSS, loader(X[:33], y[:33], batch_size=16, drop_last=True))
    assert not ask(rows_for_statistics, rows, CROSS, (X, y), batch_size=1)
    assert not ask(rows_for_statistics, net(4, 3), CROSS, (X, y), batch_size=1)


class Fixed(nn.Sequential):
    """Layers whose batch normalisation stays in eval mode, as in fine-tuning with small batches."""

    def train(self, mode: bool = True) -> Fixed:
        super().train(mode)
        self[1].eval()
        return self


def test_statistics_that_stand_still_are_right(ask: Any, draw: Any) -> None:
    module = Fixed(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)).train()
    assert not ask(rows_for_statistics, module, CROSS, (draw(24, 4), torch.arange(24) % 3), batch_size=2)


def test_statistics_that_were_put_to_eval_are_right(ask: Any, draw: Any) -> None:
    data = draw(24, 4), torch.arange(24) % 3
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)).train()
    module[1].eval()
    assert not ask(rows_for_statistics, module, CROSS, data, batch_size=2)
    assert ask(rows_for_statistics, module.eval(), CROSS, data, batch_size=2)  # all of it: says nothing of training
    module.train()[1].track_running_stats = False  # takes those of the batch in every mode
    assert ask(rows_for_statistics, module, CROSS, data, batch_size=2)


def test_pictures_of_many_pixels_are_a_note(one: Any, draw: Any) -> None:
    parts = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 1)
    module = nn.Sequential(*parts)
    X = draw(20, 3, 16, 16)
    found = one(rows_for_statistics, module, SQUARES, (X, X[:, :1]), batch_size=2)
    assert (found.code, found.level) == ("tiny-batch-norm", "note")
    small = nn.Sequential(*parts, nn.Flatten())
    found = one(rows_for_statistics, small, SQUARES, (X[..., :1, :1], X[:, 0, :1, :1].flatten(1)), batch_size=2)
    assert found.level == "fault"


def test_the_figures_of_batches_are_signals(context: Any, draw: Any) -> None:
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    program = context(module, CROSS, (draw(24, 4), torch.arange(24) % 3), batch_size=2)
    assert list(rows_for_statistics(program))
    assert program.signals["rows in a batch with batch normalisation"].value == 2
    assert program.signals["numbers behind a mean of the batch"].value == 2
    assert program.signals["change of an answer in other company"].value > 0.5


@pytest.mark.parametrize("falling", [False, True])
def test_rows_by_rising_target(falling: bool, one: Any, ask: Any, draw: Any) -> None:
    X = draw(320, 4)
    y = X[:, :1] + 0.1 * draw(320, 1)
    rows = y.flatten().argsort(descending=falling)
    plain = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    normed = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 1))
    for module, level in ((plain, "note"), (normed, "fault")):
        found = one(sorted_targets, module, nn.MSELoss(), DataLoader(TensorDataset(X[rows], y[rows]), 16))
        assert (found.code, found.level) == ("unshuffled", level)
        assert not ask(sorted_targets, module, nn.MSELoss(), DataLoader(TensorDataset(X, y), 16))
        assert not ask(sorted_targets, module, nn.MSELoss(), DataLoader(TensorDataset(X[rows], y[rows]), 16, True))
    rare = torch.where(torch.arange(320) % 100 == 5, y[:, 0].abs(), 0.0)
    many = torch.cat([rare, torch.where(torch.arange(8000) % 100 == 5, torch.arange(8000) * 7919 % 8000 / 8e3, 0.0)])
    inputs = torch.zeros(len(many), 4)
    data = DataLoader(TensorDataset(inputs, many[:, None]), 16)
    assert not ask(sorted_targets, normed, nn.MSELoss(), data), "mostly 0, in no order"
