"""Columns that enter a layer whose answer is not used."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.columns import used

SQUARES = nn.MSELoss()


@pytest.fixture
def data(draw: Any) -> Any:
    X = draw(60, 5)
    return X, X[:, 3:].sum(1, keepdim=True)


def joined(m: Any, x: Tensor) -> Any:
    a, b = m.a(x[:, :2]).relu(), m.b(x[:, 2:]).relu()
    return m.o(torch.cat([a, b], 1))


def joined_with_itself(m: Any, x: Tensor) -> Any:
    a, _ = m.a(x[:, :2]).relu(), m.b(x[:, 2:]).relu()
    return m.o(torch.cat([a, a], 1))


def parts() -> dict[str, nn.Module]:
    return {"a": nn.Linear(2, 4), "b": nn.Linear(3, 4), "o": nn.Linear(8, 1)}


def test_a_branch_that_is_never_joined(one: Any, formula: Any, data: Any) -> None:
    found = one(used, formula(joined_with_itself, **parts()), SQUARES, data)
    assert (found.code, found.level) == ("input-ignored", "fault")
    assert found.evidence == {"columns": [2, 3, 4], "layers": ["b"]}
    assert found.where.layer == "b"


def test_columns_that_are_used_or_that_no_layer_is_given_are_right(ask: Any, formula: Any, data: Any) -> None:
    assert not ask(used, formula(joined, **parts()), SQUARES, data)
    fewer = formula(lambda m, x: m.o(m.a(x[:, :2]).relu()), a=nn.Linear(2, 4), b=nn.Linear(3, 4), o=nn.Linear(4, 1))
    assert not ask(used, fewer, SQUARES, data)  # columns left out on purpose, and a layer that is never called
    twice = formula(
        lambda m, x: (m.b(x[:, 2:]), m.o(m.a(x).relu()))[1], a=nn.Linear(5, 4), b=nn.Linear(3, 4), o=nn.Linear(4, 1)
    )
    assert not ask(used, twice, SQUARES, data)  # an idle layer, whose columns another one reads
