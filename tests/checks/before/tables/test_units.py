"""Tables with two units: found by a power of ten that is the same in all columns, and nothing else is taken for one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.checks.before.tables.units import mixed_units, two_units

CROSS = nn.CrossEntropyLoss()


def sizes(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Lengths of four parts, and a class that they tell."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.tensor([5.0, 3.0, 4.0, 1.2]) + torch.tensor([0.8, 0.4, 0.9, 0.2]) * torch.randn(n, 4, generator=generator)
    return X, (X[:, 0] + X[:, 1] > 8).long() + (X[:, 2] > 4).long()


def every(n: int, share: float, seed: int = 3) -> Tensor:
    return torch.rand(n, generator=torch.Generator().manual_seed(seed)) < share


def standard(X: Tensor) -> Tensor:
    return (X - X.mean(0)) / X.std(0)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("factor", [100.0, 1000.0])
def test_rows_in_another_unit(share: float, factor: float, one: Any, net: Any, adam: Any) -> None:
    X, y = sizes(500)
    mixed = every(500, share)
    module = net(4, 24, 3)
    X = standard(torch.where(mixed[:, None], factor * X, X))
    found = one(mixed_units, module, CROSS, (X, y), adam(module))
    assert (found.code, found.level) == ("unscaled-input", "fault")
    assert found.evidence["rows"] == int(mixed.sum())
    assert 10 ** found.evidence["power_of_ten"] == factor
    assert found.where.row == int(mixed.nonzero()[0, 0])


def test_the_numbers_are_brought_back() -> None:
    X, _ = sizes(400)
    X = X.double()
    mixed = every(400, 0.3)
    both = torch.where(mixed[:, None], 1000 * X, X)
    at, by = both.mean(0), both.std(0)
    found = two_units((both - at) / by)
    assert found is not None
    assert torch.equal(found.large((both - at) / by), mixed)
    again = found.mended((both - at) / by) * by + at
    assert float((again - X).abs().max()) < 0.5  # as far as 120 rows tell where 0 is
    assert torch.allclose(again[~mixed], X[~mixed])


def healthy() -> dict[str, Tensor]:
    """Tables of one unit, of all kinds."""
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    group = every(600, 0.3)[:, None]
    sign = torch.where(group, 1.0, -1.0)
    return {
        "normal": normal(600, 6),
        "amounts": normal(600, 6).mul(2).exp(),
        "waiting times": torch.rand(600, 6, generator=generator).log().neg(),
        "many zeros": normal(600, 6).exp() * (torch.rand(600, 6, generator=generator) < 0.3),
        "rows of zeros": normal(600, 6).exp() * group,
        "counts": torch.poisson(normal(600, 6).exp() * 5, generator=generator),
        "two kinds": 4 * sign + normal(600, 6),
        "two kinds, one of them wide": 4 * sign + torch.where(group, 5.0, 1.0) * normal(600, 6),
        "small and large firms": torch.where(group, torch.tensor([10.0, 3e2, 1e3, 5e3, 1e4, 30.0]), 1.0)
        * (3 + normal(600, 6)),
        "one column of two kinds": torch.cat([normal(600, 5), 1000 * group + normal(600, 1)], 1),
        "heavy tails": normal(600, 6) / normal(600, 6),
        "outliers": normal(600, 6) * (1 + 999 * (torch.arange(600) % 100 == 0))[:, None],
    }


@pytest.mark.parametrize("kind", healthy())
def test_tables_of_one_unit(kind: str, ask: Any, net: Any, adam: Any) -> None:
    X = standard(healthy()[kind])
    assert two_units(X.double()) is None
    module = net(6, 24, 2)
    assert not ask(mixed_units, module, CROSS, (X, (X[:, 0] > X[:, 1]).long()), adam(module))


def test_two_columns_say_too_little_and_a_network_that_does_not_mind_gets_a_note(one: Any, ask: Any, net: Any) -> None:
    X, y = sizes(500)
    X = torch.where(every(500, 0.3)[:, None], 1000 * X, X)
    module = net(2, 24, 3)
    assert not ask(mixed_units, module, CROSS, (standard(X[:, :2]), y), torch.optim.Adam(module.parameters()))
    still = net(4, 24, 3)  # which learns nothing either way
    assert one(mixed_units, still, CROSS, (standard(X), y), torch.optim.SGD(still.parameters(), 1e-9)).level == "note"
