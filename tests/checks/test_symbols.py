"""Codes among the real numbers of a table: no probe asks a module for one that was never seen."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.data import entering, scale_of_inputs
from netwright.checks.before.graph import rows_apart
from netwright.checks.before.output import applied_twice, reaches
from netwright.checks.before.structure import bends
from netwright.checks.reading import Batch, Keywords, leaves
from netwright.checks.symbols import kept, symbols_of

SQUARES = nn.MSELoss()


class Beside(nn.Module):
    """A code in the first column, counts in the second, real numbers in the rest."""

    def __init__(self, codes: int, last: nn.Module) -> None:
        super().__init__()
        self.table, self.body, self.last = nn.Embedding(codes, 3), nn.Linear(6, 4), last
        self.head = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.head(self.body(torch.cat([self.table(x[:, 0].long()), x[:, 1:]], 1)).relu()))  # type: ignore[no-any-return]


@pytest.fixture
def X(draw: Any) -> Tensor:
    codes, counts = torch.arange(90) % 9, torch.arange(90) % 4
    return torch.cat([torch.stack([codes, counts], 1).float(), draw(90, 2)], 1)


def test_only_whole_numbers_without_a_slope_are_symbols(X: Tensor) -> None:
    (mask,) = symbols_of(Beside(9, nn.Identity()), Batch((X,), X), Batch((X[:20],), X[:20]))
    assert mask is not None
    assert mask.tolist() == [True, False, False, False]
    assert symbols_of(nn.Linear(4, 1), Batch((X,), X), Batch((X[:20],), X[:20])) == [None]


def test_a_module_without_a_backward_pass_may_look_up_all_whole_numbers(X: Tensor, formula: Any) -> None:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

    module = formula(lambda m, x: Once.apply(x))
    (mask,) = symbols_of(module, Batch((X,), X), Batch((X[:20],), X[:20]))
    assert mask is not None
    assert mask.tolist() == [True, True, False, False]


def test_symbols_are_put_back_by_place_and_by_name(X: Tensor) -> None:
    mask, words = torch.tensor([True, False, False, False]), torch.arange(90)
    batch = Batch((Keywords({"words": words, "table": X}),), words)
    changed = Batch((Keywords({"words": words, "table": X * 50}),), words)
    (found,) = kept(batch, changed, [None, mask]).inputs
    assert isinstance(found, Keywords)
    assert torch.equal(found["table"], torch.cat([X[:, :1], 50 * X[:, 1:]], 1))
    shorter = Batch((X[:, :3],), words)
    assert torch.equal(next(leaves(kept(shorter, Batch((X[:, :3] * 50,), words), [mask]).inputs)), X[:, :3])


@pytest.mark.parametrize("question", [rows_apart, applied_twice, bends, reaches])
def test_no_probe_invents_a_code(question: Any, ask: Any, X: Tensor, draw: Any) -> None:
    assert not ask(question, Beside(9, nn.Identity()), SQUARES, (X, draw(90, 1)))


def test_an_end_of_the_output_is_seen_beside_codes(one: Any, X: Tensor, draw: Any) -> None:
    found = one(reaches, Beside(9, nn.Softplus()), SQUARES, (X, draw(90, 1)))
    assert (found.code, found.level) == ("output-range", "fault")


def test_codes_have_no_scale(ask: Any, context: Any, adam: Any, X: Tensor, draw: Any) -> None:
    X[:, 0] = torch.arange(90) * 10  # up to 890
    net = Beside(900, nn.Identity())
    columns = entering(context(net, SQUARES, (X, draw(90, 1)), adam(net)))
    assert columns is not None
    assert float(columns[:, 0].abs().max()) == 0.0
    assert not ask(scale_of_inputs, net, SQUARES, (X, draw(90, 1)), adam(net))
