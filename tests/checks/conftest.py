"""What the tests of checks share: numbers, small networks, and one question asked of one program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.codes import CODES
from netwright.checks.context import Context, Intent
from netwright.checks.diagnosis import plain
from netwright.checks.finding import Finding
from netwright.checks.options import optimizers_of
from netwright.checks.reading import read

OBJECTS = {"data", "target", "loader", "module", "loss", "optimizer", "scheduler", "loop"}  # of remedies


@pytest.fixture(autouse=True)
def _random_states_of_its_own(_global_random_states_stay: None) -> Iterator[None]:
    """Modules of torch draw from the global random state: in each test from the same one, put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(autouse=True)
def _every_warning_of_torch() -> Iterator[None]:
    """Torch tells some warnings once in a process; in each test they are told anew, whatever ran before."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


@pytest.fixture
def draw() -> Callable[..., Tensor]:
    """Normal numbers, the same in every run."""
    generator = torch.Generator().manual_seed(7)
    return lambda *shape: torch.randn(shape, generator=generator)


@pytest.fixture
def classes() -> Callable[[Tensor], Tensor]:
    """Three classes of rows by a rule of their first three columns, of which none alone gives the class."""
    return lambda X: (X[:, 0] + X[:, 1] > 0).long() + (X[:, 1] + X[:, 2] > 0.5).long()


@pytest.fixture
def net() -> Callable[..., nn.Sequential]:
    """Linear layers of some widths with ReLU between them, and what stands at their end."""

    def make(*widths: int, last: nn.Module | None = None) -> nn.Sequential:
        parts: list[nn.Module] = []
        for inside, outside in pairwise(widths):
            parts += [nn.Linear(inside, outside), nn.ReLU()]
        return nn.Sequential(*parts[:-1], *([last] if last is not None else []))

    return make


@pytest.fixture
def adam() -> Callable[..., torch.optim.Optimizer]:
    """Adam for all parameters of a module."""
    return lambda module, lr=1e-2: torch.optim.Adam(module.parameters(), lr=lr)


class Formula(nn.Module):
    """Parts and a formula that puts them together."""

    def __init__(self, formula: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.formula = formula
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, *inputs: Any) -> Any:
        return self.formula(self, *inputs)


@pytest.fixture
def formula() -> type[Formula]:
    """A module of parts and a formula: ``formula(lambda m, x: m.last(m.first(x)), first=..., last=...)``."""
    return Formula


@pytest.fixture
def context() -> Callable[..., Context]:
    """The context of a program, made as `check` makes it."""

    def make(
        module: nn.Module,
        loss: Any,
        data: Any,
        optimizer: Any = None,
        validation: Any = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        **intent: Any,
    ) -> Context:
        like = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
        held = None if validation is None else read(validation, batch_size, like, "validation")
        material = read(data, batch_size, like)
        return Context(module, optimizers_of(optimizer), loss, material, held, Intent(**intent), epochs)

    return make


@pytest.fixture
def ask(context: Callable[..., Context]) -> Callable[..., list[Finding]]:
    """All findings of one check of one program: ``ask(check, module, loss, data, optimizer, **options)``."""

    def findings(question: Callable[[Context], Any], *program: Any, **options: Any) -> list[Finding]:
        found = list(question(context(*program, **options)))
        for each in found:
            assert_well_formed(each)
        return found

    return findings


@pytest.fixture
def one(ask: Callable[..., list[Finding]]) -> Callable[..., Finding]:
    """The one finding of a check that makes exactly one."""

    def finding(*question: Any, **options: Any) -> Finding:
        found = ask(*question, **options)
        assert len(found) == 1, [str(each) for each in found]
        return found[0]

    return finding


def assert_well_formed(finding: Finding) -> None:
    """The form that all findings have, whatever they say."""
    assert finding.code in CODES
    assert finding.level in ("fault", "note")
    assert finding.seen
    assert finding.expected
    assert finding.do.endswith((".", "?"))
    assert finding.do[0].isupper()
    assert finding.message.endswith(finding.do)
    assert "\n" not in finding.message
    assert finding.remedy is None or finding.remedy.object in OBJECTS
    assert json.loads(json.dumps(plain(finding.to_dict()), allow_nan=False))["code"] == finding.code
