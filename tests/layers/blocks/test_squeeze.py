"""Fire against the same by torch's functions."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from netwright.core.errors import JoinError
from netwright.layers import Fire, Input


def test_the_paper() -> None:
    module = (Input(5, 6, 4) >> Fire(3, 2, 4)).build(seed=1).double()
    x = torch.randn(2, 5, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    w1, b1, w2, b2, w3, b3 = module.state_dict().values()
    z = F.relu(F.conv2d(x, w1, b1))
    y = torch.cat([F.relu(F.conv2d(z, w2, b2)), F.relu(F.conv2d(z, w3, b3, padding=1))], 1)
    torch.testing.assert_close(module(x), y, rtol=0, atol=0)


@pytest.mark.parametrize("space", [(9,), (5, 4), (3, 4, 5)])
def test_the_size_stays_in_any_rank(space: tuple[int, ...]) -> None:
    assert (Input(2, *space) >> Fire(1, 2, 3)).output_shape == (5, *space)


def test_inside() -> None:
    c, s, o, t = 7, 3, 4, 5
    rows = (Input(c, 6, 6) >> Fire(s, o, t)).summary().rows
    assert [(row.path.removeprefix("fire1."), row.parameters, row.receptive_field) for row in rows] == [
        ("input1", 0, (1, 1)),
        ("conv1", s * (c + 1), (1, 1)),
        ("relu1", 0, (1, 1)),
        ("parallel1.branch1.conv1", o * (s + 1), (1, 1)),
        ("parallel1.branch1.relu1", 0, (1, 1)),
        ("parallel1.branch2.conv1", t * (9 * s + 1), (3, 3)),
        ("parallel1.branch2.relu1", 0, (3, 3)),
        ("concat1", 0, (3, 3)),
    ]


def test_joins_that_cannot_work() -> None:
    with pytest.raises(JoinError, match=r"^fire1\.conv1: Conv\(1, 1\): expected an input \(channels, \*space\)"):
        Input(4) >> Fire(1, 1, 1)
