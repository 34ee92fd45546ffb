"""Right programs of many kinds after their training: no fault, whatever else is said."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import netwright as nw

CROSS, LOGITS, SQUARES = nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss(), nn.MSELoss()


def sequences(n: int = 400) -> Any:
    """Waves of two lengths under noise."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 2
    start = 6 * torch.rand(n, 1, generator=generator)
    steps = torch.arange(20.0) * (0.3 + 0.3 * y[:, None]) + start
    return (steps.sin() + 0.1 * torch.randn(n, 20, generator=generator))[..., None], y


class Reader(nn.Module):
    """A GRU that is read at its last step."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(1, 16, batch_first=True), nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.gru(x)[1][-1])


def of_digits(train: Any, net: Any, halves: Any) -> Any:
    return train(net(64, 64, 10), CROSS, *halves("load_digits"), epochs=15)


def of_images(train: Any, net: Any, halves: Any) -> Any:
    parts = [nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    data = ((X.reshape(-1, 1, 8, 8), y) for X, y in halves("load_digits"))
    return train(nn.Sequential(*parts, nn.Linear(256, 10)), CROSS, *data, epochs=6)


def of_a_few_rows(train: Any, net: Any, halves: Any) -> Any:
    return train(net(13, 16, 3), CROSS, *halves("load_wine"), epochs=30)


def of_numbers(train: Any, net: Any, halves: Any) -> Any:
    return train(net(10, 16, 1), SQUARES, *halves("load_diabetes"), epochs=20)


def of_moons(train: Any, net: Any, halves: Any) -> Any:
    return train(net(2, 32, 32, 2), CROSS, *halves("make_moons", n_samples=600, noise=0.2), epochs=40)


def of_a_wave(train: Any, net: Any, halves: Any) -> Any:
    X = torch.linspace(-3, 3, 600)[:, None]
    y = (2 * X).sin() + 0.1 * torch.randn(600, 1, generator=torch.Generator().manual_seed(1))
    return train(net(1, 64, 1), SQUARES, (X[::2], y[::2]), (X[1::2], y[1::2]), epochs=150)


def of_one_logit(train: Any, net: Any, halves: Any) -> Any:
    data = ((X, y[:, None].float()) for X, y in halves("load_breast_cancer"))
    return train(net(30, 16, 1), LOGITS, *data, epochs=20)


def of_sequences(train: Any, net: Any, halves: Any) -> Any:
    X, y = sequences()
    return train(Reader(), CROSS, (X[:240], y[:240]), (X[240:], y[240:]), epochs=25)


def of_a_straight_task(train: Any, net: Any, halves: Any) -> Any:
    return train(nn.Linear(10, 1), SQUARES, *halves("make_regression", n_features=10, noise=30.0), epochs=100)


def of_noise(train: Any, net: Any, halves: Any) -> Any:
    """Of ten labels three are wrong, and no network can know which."""
    X = torch.randn(800, 4, generator=torch.Generator().manual_seed(2))
    y = (X[:, 0] > 0).long()
    wrong = torch.rand(800, generator=torch.Generator().manual_seed(3)) < 0.3
    y = torch.where(wrong, 1 - y, y)
    return train(net(4, 8, 2), CROSS, (X[:500], y[:500]), (X[500:], y[500:]), epochs=5)


def of_few_hits(train: Any, net: Any, halves: Any) -> Any:
    task = {"n_samples": 1500, "weights": [0.93], "n_informative": 6, "class_sep": 1.5}
    return train(net(20, 16, 2), CROSS, *halves("make_classification", **task), epochs=15)


MAKERS = [
    of_digits,
    of_images,
    of_a_few_rows,
    of_numbers,
    of_moons,
    of_a_wave,
    of_one_logit,
    of_sequences,
    of_a_straight_task,
    of_noise,
    of_few_hits,
]


@pytest.mark.slow
@pytest.mark.parametrize("held", [True, False], ids=["held-out rows", "training rows"])
@pytest.mark.parametrize("make", MAKERS, ids=[make.__name__ for make in MAKERS])
def test_a_right_program_has_no_fault(make: Any, held: bool, train: Any, net: Any, halves: Any) -> None:
    program = make(train, net, halves)
    rows = program.held if held else None
    found = nw.check(program.module, program.loss, program.optimizer, program.data, validation=rows, trained=True)
    assert found.ok, str(found)
    assert "not-examined" not in [each.code for each in found.findings]


def test_loaders(train: Any, net: Any, halves: Any) -> None:
    program = of_digits(train, net, halves)
    data, held = (
        DataLoader(TensorDataset(*pair), batch_size=64, shuffle=True) for pair in (program.data, program.held)
    )
    found = nw.check(program.module, CROSS, program.optimizer, data, validation=held, trained=True)
    assert found.ok, str(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", [each.name for each in nw.load_faults("healthy") if not each.untouched])
def test_healthy_programs_of_the_benchmark(name: str) -> None:
    (fault,) = [each for each in nw.load_faults("healthy") if each.name == name]
    for seed in (1, 2):
        program = fault.make(seed, True)
        program.run()
        for held in (program.validation, None):
            found = nw.check(
                program.module,
                program.loss,
                program.optimizer,
                program.data,
                validation=held,
                batch_size=program.batch_size,
                epochs=program.epochs,
                trained=True,
                **program.declared,
            )
            assert found.ok, str(found)
