"""A mode in which a program computes in float64, whatever its functions refer to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks.before.backward.double import double_precision

WIDE, NARROW = torch.float64, torch.float32


@pytest.fixture
def x(draw: Any) -> Tensor:
    return draw(5, 4).double()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "operation",
    [
        lambda x, w: x @ w,
        lambda x, w: torch.matmul(x, w),
        lambda x, w: functional.linear(x, w),
        lambda x, w: torch.einsum("ij,jk->ik", x, w),
        lambda x, w: torch.cat([x, w]),
        lambda x, w: x.index_add(0, torch.arange(4), w),
        lambda x, w: functional.cross_entropy(x, torch.arange(5) % 4, w[0]),
        lambda x, w: functional.binary_cross_entropy(x.sigmoid()[:4], w.sigmoid()),
    ],
)
def test_an_operand_of_single_precision_is_widened(operation: Any, x: Tensor, draw: Any) -> None:
    w = draw(4, 4)
    with double_precision():
        found = operation(x, w)
    assert found.dtype == WIDE
    assert torch.allclose(found, operation(x, w.double()), rtol=1e-12)
    assert w.dtype == NARROW


@pytest.mark.parametrize(
    "cast",
    [
        Tensor.float,
        Tensor.half,
        lambda x: x.to(NARROW),
        lambda x: x.to("cpu", NARROW),
        lambda x: x.to(torch.ones(1, dtype=NARROW)),
        lambda x: x.type(torch.float32),
        lambda x: x.type_as(torch.ones(1, dtype=NARROW)),
    ],
)
def test_a_cast_keeps_the_digits(cast: Any, x: Tensor) -> None:
    assert cast(x).dtype != WIDE
    with double_precision():
        assert torch.equal(cast(x), x)


def test_whole_numbers_become_wide(x: Tensor) -> None:
    with double_precision():
        assert torch.arange(3).float().dtype == WIDE
        assert functional.one_hot(torch.arange(3)).to(NARROW).dtype == WIDE
        assert x.long().dtype == torch.int64
        assert x.bool().dtype == torch.bool


def test_what_is_made_anew_is_wide(x: Tensor) -> None:
    with double_precision():
        for made in (torch.zeros(3), torch.ones(3, dtype=NARROW), torch.tensor(1.5), torch.randn(2), x.new_zeros(2)):
            assert made.dtype == WIDE
        assert torch.zeros(3, dtype=torch.int64).dtype == torch.int64
        states = torch.zeros(5, 4)
        states[:, 0] = x[:, 0]
    assert torch.equal(states[:, 0], x[:, 0])


def test_a_function_that_writes_writes_into_what_it_is_given(x: Tensor, draw: Any) -> None:
    w, own = draw(5, 4), x.clone()
    with double_precision():
        own.add_(w)
        own += w
        own[0] = w[0]
    assert torch.allclose(own[1:], (x + 2 * w.double())[1:], rtol=1e-12)
    assert torch.equal(own[0], w[0].double())


def test_layers_with_a_state_of_single_precision(x: Tensor) -> None:
    layer = nn.GRU(4, 3, batch_first=True).double()
    with double_precision():
        found = layer(x[None], torch.zeros(1, 1, 3, dtype=NARROW))[0]
    assert torch.allclose(found, layer(x[None])[0])


def test_all_is_as_before_afterwards() -> None:
    with pytest.raises(RuntimeError), double_precision():
        raise RuntimeError
    assert torch.get_default_dtype() == NARROW
    assert torch.zeros(2).dtype == NARROW
    assert torch.ones(2, dtype=WIDE).float().dtype == NARROW
