"""Dropout: the share, the mean, nothing in eval mode."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netwright.core.errors import InvalidParameter
from netwright.layers import Dropout, Input


@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
def test_share_and_scale(p: float) -> None:
    module = (Input(100) >> Dropout(p)).build()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        y = module.train()(torch.ones(1000, 100))
    assert (y == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    assert y.mean().item() == pytest.approx(1, abs=0.03)
    kept = y[y != 0].unique()
    assert kept.tolist() == pytest.approx([1 / (1 - p)])


def test_nothing_in_eval_mode() -> None:
    x = torch.randn(3, 100, generator=torch.Generator().manual_seed(0))
    assert torch.equal((Input(100) >> Dropout(0.9)).build().eval()(x), x)


@pytest.mark.parametrize("p", [1, 1.0, -0.1, "0.5", None, float("nan"), True])
def test_refusals(p: Any) -> None:
    with pytest.raises(InvalidParameter, match=r"Dropout\(p\): expected a number in \[0, 1\), got"):
        Dropout(p)
