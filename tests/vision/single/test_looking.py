"""The head that looks: its answers are those of the header's equations, and places keep to their cells."""

from __future__ import annotations

import numpy as np
import torch

from netwright.vision.single.looking import LookingHead, canvas_side


def test_the_answers_are_those_of_the_header() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = LookingHead(5, 2, 4).double()
    x = torch.randn(3, 5, 3, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, c = (part.detach().numpy() for part in (head.where.weight[:, :, 0, 0], head.where.bias))
    v, w = (part.detach().numpy() for part in (head.what.weight[:, :, 0, 0], head.what.bias))
    wanted = np.zeros((3, 2, 4))
    for i in range(3):
        for k in range(2):
            cells = [(row, column) for row in range(3) for column in range(6)]
            scores = np.array([u[k] @ x[i, :, row, column].numpy() + c[k] for row, column in cells])
            a = np.exp(scores) / np.exp(scores).sum()
            for share, (row, column) in zip(a, cells, strict=True):
                seen = v[4 * k : 4 * k + 4] @ x[i, :, row, column].numpy() + w[4 * k : 4 * k + 4]
                middle = np.array([(column + 0.5) / 6, (row + 0.5) / 3, 0, 0])
                wanted[i, k] += share * (middle + seen / [6, 3, 1, 1])
    np.testing.assert_allclose(head(x).detach().numpy(), wanted, rtol=1e-10)


def test_a_single_look_tells_its_own_cell() -> None:
    with torch.random.fork_rng(devices=[]):
        head = LookingHead(1, 1, 2)
    with torch.no_grad():
        for part in head.parameters():
            part.zero_()
        head.where.weight.fill_(100)
    x = torch.zeros(1, 1, 4, 8)
    x[0, 0, 1, 5] = 1
    torch.testing.assert_close(head(x), torch.tensor([[[5.5 / 8, 1.5 / 4]]]))


def test_canvases_hold_the_image() -> None:
    assert [canvas_side(size, 32) for size in (32, 33, 64)] == [32, 64, 64]
