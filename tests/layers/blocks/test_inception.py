"""Inception against the same by torch's functions, its branches in order."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from netwright.core.errors import InvalidParameter, JoinError
from netwright.layers import Inception, Input


def sample(*shape: int) -> torch.Tensor:
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("kernel", [5, 3])
def test_the_paper(kernel: int) -> None:
    module = (Input(3, 7, 6) >> Inception(4, (2, 5), (3, 6), 7, kernel)).build(seed=1).double()
    x, state = sample(3, 7, 6), list(module.state_dict().values())
    weights = iter(zip(state[::2], state[1::2], strict=True))

    def unit(x: torch.Tensor) -> torch.Tensor:
        weight, bias = next(weights)
        return F.relu(F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2))

    branches = [unit(x), unit(unit(x)), unit(unit(x)), unit(F.max_pool2d(x, 3, 1, 1))]
    assert [branch.shape[1] for branch in branches] == [4, 5, 6, 7]
    torch.testing.assert_close(module(x), torch.cat(branches, 1), rtol=0, atol=0)
    assert state[8].shape[-1] == kernel


def test_normalized() -> None:
    module = (Input(3, 6, 6) >> Inception(4, (2, 5), (3, 6), 7, 3, normalize=True)).build(seed=1).double().train()
    branches, x = module.inception1.parallel1, sample(3, 6, 6)

    def unit(x: torch.Tensor, conv: Any, norm: Any) -> torch.Tensor:
        assert conv.bias is None
        z = F.conv2d(x, conv.weight, padding=conv.weight.shape[-1] // 2)
        mean, var = z.mean((0, 2, 3), keepdim=True), z.var((0, 2, 3), unbiased=False, keepdim=True)
        assert norm.weight.unique().tolist() == [1.0]
        return F.relu((z - mean) / (var + 1e-3).sqrt())

    one, two, three, four = (getattr(branches, f"branch{i}") for i in range(1, 5))
    expected = [
        unit(x, one.conv1, one.batchnorm1),
        unit(unit(x, two.conv1, two.batchnorm1), two.conv2, two.batchnorm2),
        unit(unit(x, three.conv1, three.batchnorm1), three.conv2, three.batchnorm2),
        unit(F.max_pool2d(x, 3, 1, 1), four.conv1, four.batchnorm1),
    ]
    torch.testing.assert_close(module(x), torch.cat(expected, 1))


@pytest.mark.parametrize("space", [(9,), (5, 4), (3, 4, 5), (1, 1)])
@pytest.mark.parametrize("kernel", [5, 4])
def test_the_size_stays_in_any_rank(space: tuple[int, ...], kernel: int) -> None:
    assert (Input(2, *space) >> Inception(1, (2, 3), (1, 4), 5, kernel)).output_shape == (13, *space)


def test_inside() -> None:
    summary = (Input(192, 28, 28) >> Inception(64, (96, 128), (16, 32), 32)).summary()
    assert summary.parameters == 163_696
    rows = {row.path.removeprefix("inception1."): row for row in summary.rows}
    fields = {path: row.receptive_field for path, row in rows.items() if "relu" in path}
    assert fields == {
        "parallel1.branch1.relu1": (1, 1),
        "parallel1.branch2.relu1": (1, 1),
        "parallel1.branch2.relu2": (3, 3),
        "parallel1.branch3.relu1": (1, 1),
        "parallel1.branch3.relu2": (5, 5),
        "parallel1.branch4.relu1": (3, 3),
    }
    assert rows["concat1"].output_shape == (256, 28, 28)
    assert summary.receptive_field == (5, 5)


def test_joins_that_cannot_work() -> None:
    with pytest.raises(
        JoinError, match=r"^inception1\.parallel1\.branch1\.conv1: Conv\(1, 1\): expected an input \(ch"
    ):
        Input(4) >> Inception(1, (1, 1), (1, 1), 1)


@pytest.mark.parametrize("pair", [3, (1, 2, 3), (0, 1), (1.0, 2)])
def test_refusals(pair: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"Inception\(threes\): expected \(reduce, filters\), two integers >= 1"):
        Inception(1, pair, (1, 1), 1)
