"""Goals that are unusual and right: none of the runs towards them is called a fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.checks import Watch, watch

CROSS = nn.CrossEntropyLoss()
SGD, Adam = torch.optim.SGD, torch.optim.Adam
LOOPS: dict[str, Callable[..., Watch]] = {}
Data = tuple[Tensor, Tensor]


def loop(run: Callable[..., Watch]) -> Callable[..., Watch]:
    """Enter a loop."""
    LOOPS[run.__name__.replace("_", " ")] = run
    return run


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    parts: list[nn.Module] = []
    for inside, outside in zip(widths, widths[1:], strict=False):  # noqa: RUF007
        parts += [nn.Linear(inside, outside), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def parts(data: Data, epochs: int, size: int = 32) -> Any:
    """Batches, each epoch in another order."""
    for _ in range(epochs):
        for rows in torch.randperm(len(data[0])).split(size):
            yield data[0][rows], data[1][rows]


@loop
def a_penalty_that_comes_in_slowly(data: Data) -> Watch:
    encoder, mean, spread, decoder = nn.Linear(6, 16), nn.Linear(16, 2), nn.Linear(16, 2), mlp(2, 16, 6)
    module = nn.ModuleList([encoder, mean, spread, decoder])
    optimizer = Adam(module.parameters(), 5e-3)
    with watch(module, optimizer) as watching:
        for step, (X, _) in enumerate(parts(data, 15)):
            h = encoder(X).relu()
            m, s = mean(h), spread(h)
            z = m + torch.randn_like(m) * (0.5 * s).exp()
            distance = -0.5 * (1 + s - m.square() - s.exp()).sum(1).mean()
            optimizer.zero_grad()
            (0.05 * (decoder(z) - X).square().sum(1).mean() + min(5.0, step / 20) * distance).backward()
            optimizer.step()
    return watching


@loop
def values_that_are_foretold_by_itself(data: Data) -> Watch:
    module = nn.Sequential(nn.Linear(6, 32), nn.Dropout(0.1), nn.ReLU(), nn.Linear(32, 2))
    optimizer = Adam(module.parameters(), 1e-3)
    with watch(module, optimizer) as watching:
        for X, _ in parts(data, 10):
            with torch.no_grad():
                target = 0.5 * module(X.flip(0)).amax(1) + X[:, 0]
            optimizer.zero_grad()
            functional.smooth_l1_loss(module(X)[:, 0], target).backward()
            optimizer.step()
    return watching


@loop
def a_similarity_that_is_to_grow(data: Data) -> Watch:
    module = mlp(6, 32, 4)
    optimizer = Adam(module.parameters(), 1e-2)
    similarity = lambda output, target: functional.cosine_similarity(output, target).mean()  # noqa: E731
    with watch(module, optimizer, similarity) as watching:
        for X, _ in parts(data, 15):
            optimizer.zero_grad()
            (-similarity(module(X), X[:, :4])).backward()
            optimizer.step()
    return watching


@loop
def noise_of_which_little_can_be_learned(data: Data) -> Watch:
    X, module = data[0], mlp(6, 32, 2)
    nn.init.normal_(module[-1].weight, std=1e-4)
    optimizer = Adam(module.parameters(), 1e-3)
    with watch(module, optimizer, CROSS) as watching:
        for rows, y in parts((X, (X[:, 0] + 2 * torch.randn(len(X)) > 0).long()), 10):
            optimizer.zero_grad()
            CROSS(module(rows), y).backward()
            optimizer.step()
    return watching


@loop
def an_equation_of_slopes(data: Data) -> Watch:
    module = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 1))
    optimizer, x = Adam(module.parameters(), 1e-2), torch.linspace(0, 1, 40)[:, None].requires_grad_()
    with watch(module, optimizer) as watching:
        for _ in range(150):
            u = module(x)
            (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
            optimizer.zero_grad()
            ((slope + u).square().mean() + (u[0] - 1).square().sum()).backward()
            optimizer.step()
    return watching


@loop
def two_losses_of_one_pass(data: Data) -> Watch:
    module = mlp(6, 32, 4)
    optimizer = Adam(module.parameters(), 1e-2)
    with watch(module, optimizer, CROSS) as watching:
        for X, y in parts(data, 12):
            optimizer.zero_grad()
            output = module(X)
            (0.1 * functional.mse_loss(output[:, 3], X[:, 0])).backward(retain_graph=True)
            CROSS(output[:, :3], y).backward()
            optimizer.step()
    return watching


@loop
def two_views_of_the_same_rows(data: Data) -> Watch:
    module = mlp(6, 32, 16)
    optimizer = Adam(module.parameters(), 1e-3)
    with watch(module, optimizer, CROSS) as watching:
        for X, _ in parts(data, 8):
            views = [functional.normalize(module(X + 0.1 * torch.randn_like(X)), dim=1) for _ in range(2)]
            optimizer.zero_grad()
            CROSS(views[0] @ views[1].T / 0.1, torch.arange(len(X))).backward()
            optimizer.step()
    return watching


@loop
def choices_that_are_drawn_and_rewarded(data: Data) -> Watch:
    module = mlp(6, 32, 2)
    optimizer = Adam(module.parameters(), 1e-2)
    with watch(module, optimizer) as watching:
        for X, _ in parts(data, 12):
            choice = torch.distributions.Categorical(logits=module(X))
            drawn = choice.sample()
            reward = (drawn == (X[:, 0] > 0)).float() - 0.5
            optimizer.zero_grad()
            (-(choice.log_prob(drawn) * reward).mean()).backward()
            optimizer.step()
    return watching


@loop
def clipping_of_a_sum_under_adam(data: Data) -> Watch:
    X, module = data[0], mlp(6, 32, 2)
    loss = nn.CrossEntropyLoss(reduction="sum")
    optimizer = Adam(module.parameters(), 1e-3)
    with watch(module, optimizer, loss) as watching:
        for rows, y in parts((X, (X[:, 0] + 2 * torch.randn(len(X)) > 0).long()), 10):
            optimizer.zero_grad()
            loss(module(rows), y).backward()
            nn.utils.clip_grad_norm_(module.parameters(), 0.01)
            optimizer.step()
    return watching


@pytest.mark.slow
@pytest.mark.parametrize("run", LOOPS.values(), ids=LOOPS.keys())
def test_no_fault(run: Callable[..., Watch], rows: Any) -> None:
    diagnosis = run(rows(320)).diagnosis
    assert diagnosis.ok, str(diagnosis)
    assert "not-examined" not in [each.code for each in diagnosis.notes]


def test_there_are_many() -> None:
    assert len(LOOPS) > 8
