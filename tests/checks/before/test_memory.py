"""A question to the answers of eval mode: whether the same input gets the same one, or something is kept or drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.before.memory import repeatable

CROSS = nn.CrossEntropyLoss()


@pytest.fixture
def data(draw: Any) -> Any:
    return draw(40, 4), torch.arange(40) % 3


def test_a_state_that_is_carried_over(one: Any, formula: Any, data: Any) -> None:
    def run(m: Any, x: Tensor) -> Any:
        m.kept = m.first(x).detach() + getattr(m, "kept", 0.0)
        return m.last(m.kept)

    module = formula(run, first=nn.Linear(4, 6), last=nn.Linear(6, 3))
    found = one(repeatable, module, CROSS, data)
    assert (found.code, found.level) == ("stateful-eval", "fault")
    assert found.evidence["difference"] > 0.1
    assert (found.remedy.object, found.remedy.argument) == ("module", "reset_state")
    assert not hasattr(module, "kept")


def test_dropout_that_does_not_end(one: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.o(functional.dropout(m.i(x), 0.7)), i=nn.Linear(4, 32), o=nn.Linear(32, 3))
    found = one(repeatable, module, CROSS, data)
    assert (found.code, found.level) == ("stateful-eval", "fault")
    assert (found.remedy.object, found.remedy.argument) == ("module", "dropout_in_eval")


def test_a_little_noise_in_eval_mode_is_a_note(one: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.o(x) + 0.02 * torch.randn(len(x), 3), o=nn.Linear(4, 3))
    found = one(repeatable, module, CROSS, data)
    assert (found.code, found.level) == ("stateful-eval", "note")
    rows = module.o(data[0]).detach().double()
    assert found.evidence["noise"] == pytest.approx(0.02 / float(rows.std(0).mean()), rel=0.2)


def test_what_ends_in_eval_mode_is_right(ask: Any, net: Any, formula: Any, data: Any) -> None:
    assert not ask(repeatable, net(4, 6, 3), CROSS, data)
    assert not ask(
        repeatable, nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 3)), CROSS, data
    )
    own = formula(lambda m, x: m.o(functional.dropout(m.i(x), 0.5, m.training)), i=nn.Linear(4, 6), o=nn.Linear(6, 3))
    assert not ask(repeatable, own, CROSS, data)
    counted = formula(lambda m, x: (setattr(m, "calls", getattr(m, "calls", 0) + 1), m.o(x))[1], o=nn.Linear(4, 3))
    assert not ask(repeatable, counted, CROSS, data)  # what is remembered is not in the answer


def test_the_functions_that_draw_are_named(one: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.o(functional.dropout(m.i(x), 0.7)), i=nn.Linear(4, 32), o=nn.Linear(32, 3))
    assert one(repeatable, module, CROSS, data).evidence["drawn"] == ["dropout"]


def test_a_sample_on_purpose_is_a_note(one: Any, formula: Any, data: Any) -> None:
    """The code of a variational autoencoder is drawn in eval mode too."""

    def sampled(m: Any, x: Tensor) -> Any:
        mean, log = m.code(functional.dropout(x, 0.5, m.training)).chunk(2, 1)
        return m.o(mean + torch.randn_like(mean) * log.exp())

    module = formula(sampled, code=nn.Linear(4, 8), o=nn.Linear(4, 3))
    found = one(repeatable, module, CROSS, data)
    assert (found.level, found.evidence["drawn"]) == ("note", ["randn_like"])
    assert found.evidence["noise"] > 0.35


def test_random_numbers_of_numpy_have_no_name(one: Any, formula: Any, data: Any) -> None:
    module = formula(lambda m, x: m.o(x) + torch.tensor(np.random.normal(size=3)).float(), o=nn.Linear(4, 3))  # noqa: NPY002
    found = one(repeatable, module, CROSS, data)
    assert (found.level, found.evidence["drawn"]) == ("fault", [])
