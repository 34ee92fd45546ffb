"""iRprop-: the paper's program in plain Python, and torch's rule of the same steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from netwright.optim import IRpropMinus

START = np.linspace(2.0, -1.5, 7)
SCALE, CENTRE = np.linspace(0.2, 2.0, 7), np.linspace(-1, 1, 7)


def gradient(w: np.ndarray) -> np.ndarray:
    return SCALE * (w - CENTRE) + 0.8 * np.cos(4 * w + w[::-1])


def transcription(rule: IRpropMinus, w: np.ndarray) -> Iterator[np.ndarray]:
    w = w.copy()
    size, before = np.full(len(w), rule.step), np.zeros(len(w))
    while True:
        now = gradient(w)
        for i in range(len(w)):
            if before[i] * now[i] > 0:
                size[i] = min(size[i] * rule.eta_plus, rule.maximum)
            elif before[i] * now[i] < 0:
                size[i] = max(size[i] * rule.eta_minus, rule.minimum)
                now[i] = 0.0
            w[i] -= np.sign(now[i]) * size[i]
            before[i] = now[i]
        yield w


@pytest.mark.parametrize("split", [(7,), (3, 4)], ids=["one tensor", "two tensors"])
@pytest.mark.parametrize(
    "rule", [IRpropMinus(), IRpropMinus(0.4, eta_minus=0.7, eta_plus=1.5, minimum=0.2, maximum=0.5)], ids=repr
)
def test_the_iterates_of_the_paper_and_of_torch(rule: IRpropMinus, split: tuple[int, ...]) -> None:
    parts = np.split(START, np.cumsum(split)[:-1])
    ours, theirs = ([torch.tensor(part, requires_grad=True) for part in parts] for _ in range(2))
    optimizer = rule.build(ours)
    other = torch.optim.Rprop(
        theirs, rule.step, etas=(rule.eta_minus, rule.eta_plus), step_sizes=(rule.minimum, rule.maximum)
    )
    for _, expected in zip(range(60), transcription(rule, START), strict=False):
        for weights, made in ((ours, optimizer), (theirs, other)):
            slopes = gradient(torch.cat(weights).detach().numpy())
            for weight, part in zip(weights, np.split(slopes, np.cumsum(split)[:-1]), strict=True):
                weight.grad = torch.tensor(part)
            made.step()
            np.testing.assert_allclose(torch.cat(weights).detach().numpy(), expected, rtol=1e-12, atol=1e-14)


def test_small_gradients_in_single_precision_where_torch_stands_still() -> None:
    ours, theirs = (torch.zeros(1, requires_grad=True) for _ in range(2))
    optimizers = IRpropMinus(0.1).build([ours]), torch.optim.Rprop([theirs], 0.1)
    for _ in range(4):
        for weight, optimizer in zip((ours, theirs), optimizers, strict=True):
            weight.grad = torch.tensor([1e-25])
            optimizer.step()
    assert ours.item() == pytest.approx(-0.1 * (1 + 1.2 + 1.2**2 + 1.2**3))
    assert theirs.item() == pytest.approx(-0.4)


def test_it_remembers_no_moves() -> None:
    weight = torch.zeros(1, requires_grad=True)
    weight.grad = torch.ones(1)
    optimizer = IRpropMinus().build([weight])
    optimizer.step()
    assert set(optimizer.state[weight]) == {"sign", "size", "step", "loss"}
