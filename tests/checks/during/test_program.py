"""The program of a run for trials: rows of several batches, or whole batches where they cannot be taken apart."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks import watch
from netwright.checks.context import Intent
from netwright.checks.during import curves
from netwright.checks.during.curves import failed
from netwright.checks.during.program import Whole, program
from netwright.checks.during.watching import diagnose_run
from netwright.checks.reading import Batch, Keywords

CROSS, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()
Pair = namedtuple("Pair", "a b")


class Graph(nn.Module):
    """A network over one graph, whose neighbours are those of all nodes."""

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.neighbours = torch.eye(nodes).roll(1, 0)
        self.first, self.last = nn.Linear(6, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last((self.neighbours @ self.first(x)).relu())


class Handed(nn.Module):
    """A recurrent network that is given its state, or none, and gives it back."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.LSTM(1, 8, batch_first=True), nn.Linear(8, 1)

    def forward(self, x: Tensor, state: Any = None) -> Any:
        out, state = self.body(x, state)
        return self.head(out), state


@pytest.mark.parametrize("rate", [0.0, 1e-2], ids=["stuck", "learns"])
def test_a_graph_is_called_as_a_whole(rate: float, rows: Any) -> None:
    X, y = rows(120)
    module = Graph(120)
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    with watch(module, optimizer, CROSS) as watching:
        for _ in range(80):
            optimizer.zero_grad()
            CROSS(module(X), y).backward()
            optimizer.step()
            with torch.no_grad():
                watching.validation(loss=CROSS(module(X), y))
    assert failed(watching._watched)  # so that much is asked of it
    assert set(watching.diagnosis.codes) <= {"too-few-epochs"}
    context = watching._watched.context()
    assert isinstance(context, Whole)
    assert len(context.probe) == len(context.many) == len(context.rows) == 120
    assert context.trial(steps=3).finite


@pytest.mark.parametrize("begins", [None, "zeros"])
def test_a_state_that_is_handed_on(begins: str | None, draw: Any) -> None:
    series = draw(8, 120, 1)
    module = Handed()
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
    with watch(module, optimizer, SQUARES) as watching:
        for _ in range(4):
            state: Any = None if begins is None else (torch.zeros(1, 8, 8), torch.zeros(1, 8, 8))
            for k in range(0, 96, 12):
                output, state = module(series[:, k : k + 12], state)
                state = tuple(part.detach() for part in state)
                optimizer.zero_grad()
                SQUARES(output, series[:, k + 1 : k + 13]).backward()
                optimizer.step()
    assert watching.diagnosis is not None
    context = watching._watched.context()
    assert context is not None
    assert isinstance(context, Whole) == (begins is not None)
    assert context.trial(steps=3).finite


def test_inputs_are_put_together_leaf_by_leaf() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(2, 1)

        def forward(self, x: Any, none: Any, named: Any, scale: float) -> Tensor:
            return self.last(x[0] + x.b + named["c"]) * scale

    part = torch.ones(4, 2)
    batches = [Batch((Pair(k * part, part), None, {"c": part}, 2.0), torch.zeros(4, 1)) for k in (1, 2)]
    module = Sum()
    context = program(module, [torch.optim.SGD(module.parameters(), lr=0.1)], SQUARES, batches, Intent())
    assert context is not None
    assert not isinstance(context, Whole)
    x, none, named, scale = context.data.whole.inputs
    assert isinstance(x, Pair)
    assert [float(v) for v in x.a[:, 0]] == [1.0] * 4 + [2.0] * 4
    assert (none, scale, len(named["c"])) == (None, 2.0, 8)
    other = [Batch((Keywords(x=part),), torch.zeros(4, 1)), Batch((Keywords(x=part), None), torch.zeros(4, 1))]
    assert program(nn.Linear(2, 1), [], SQUARES, other, Intent()) is None
    assert program(nn.Linear(2, 1), [], SQUARES, [Batch((part,), (part,))], Intent()) is None


def test_what_fails_outside_of_a_question_is_no_error(
    monkeypatch: pytest.MonkeyPatch, train: Any, net: Any, rows: Any
) -> None:
    module = net(6, 12, 3)
    watching = train(module, torch.optim.SGD(module.parameters(), lr=0.1), rows())

    def raises(*arguments: Any) -> Any:
        raise RuntimeError("not like that")

    monkeypatch.setattr(curves, "failed", raises)
    told = [part.code for each in watching.diagnosis.findings for part in (each, *each.consequences)]
    assert told.count("not-examined") == 1
    monkeypatch.setattr("netwright.checks.during.watching.program", raises)
    assert diagnose_run(watching._watched).ok
    assert watching._watched.context() is None


def of(batches: list[Batch]) -> Any:
    module = nn.Linear(6, 3)
    return program(module, [torch.optim.SGD(module.parameters(), lr=0.1)], CROSS, batches, Intent())


def test_rows_of_later_epochs_are_taken_once(rows: Any) -> None:
    X, y = rows(120)
    batches = [
        Batch((X[some],), y[some])
        for epoch in range(3)
        for some in torch.randperm(120, generator=torch.Generator().manual_seed(epoch)).split(40)
    ]
    found = of(batches)
    assert len(found.rows) == 120
    assert len(found.data.batches) == 9  # trials take them as they came
    assert torch.equal(found.rows.target, torch.cat([batch.target for batch in batches[:3]]))


def test_rows_of_few_values_are_all_taken() -> None:
    X = torch.eye(6)[torch.arange(120) % 6]
    batches = [Batch((part,), torch.arange(len(part)) % 3) for part in X.split(40)]
    assert len(of(batches).rows) == 120
