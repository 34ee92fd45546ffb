"""What a suspect costs on rows that were not trained on."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netwright.checks.before.unseen import worse_on_unseen
from netwright.checks.trial import default_start

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()


@pytest.fixture
def drawn(net: Any) -> Any:
    def make(size: float, *widths: int) -> nn.Sequential:
        module = net(*widths)
        for part in module[::2]:
            nn.init.normal_(part.weight, 0.0, size)
        return module  # type: ignore[no-any-return]

    return make


@pytest.fixture
def data(draw: Any, classes: Any) -> Any:
    X = draw(400, 12)
    return X, classes(X)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["arrays", "loader", "held out"])
def test_weights_far_too_large_cost_rows(form: str, context: Any, drawn: Any, data: Any, draw: Any, adam: Any) -> None:
    module = drawn(2.0, 12, 64, 64, 3)
    given = data if form != "loader" else DataLoader(TensorDataset(*data), batch_size=32)
    held = None if form != "held out" else (data[0][:100], data[1][:100])
    given = (data[0][100:], data[1][100:]) if form == "held out" else given
    assert worse_on_unseen(context(module, CROSS, given, adam(module, 1e-3), validation=held), default_start)


def test_a_start_like_the_default_costs_nothing(context: Any, drawn: Any, data: Any, adam: Any) -> None:
    module = drawn(0.3, 12, 32, 3)
    program = context(module, CROSS, data, adam(module))
    assert not worse_on_unseen(program, default_start)
    as_is, changed = (
        program.signals[f"errors on other rows, {which}"].value
        for which in ("as it is", "drawn by the layers' default")
    )
    assert 0 <= as_is < 0.35
    assert 0 <= changed < 0.35


@pytest.mark.slow
def test_numbers_are_judged_by_what_is_left_of_the_loss(context: Any, drawn: Any, draw: Any, adam: Any) -> None:
    X = draw(400, 6)
    for size, worse in ((3.0, True), (0.4, False)):
        module = drawn(size, 6, 64, 1)
        program = context(module, SQUARES, (X, X[:, :1] + X[:, 1:2].tanh()), adam(module))
        assert worse_on_unseen(program, default_start) == worse


def test_few_rows_are_all_of_them(context: Any, drawn: Any, draw: Any, adam: Any) -> None:
    module = drawn(0.3, 4, 16, 3)
    assert not worse_on_unseen(context(module, CROSS, (draw(20, 4), torch.arange(20) % 3), adam(module)), default_start)
